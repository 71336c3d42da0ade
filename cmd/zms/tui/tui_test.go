package tui

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/colorprofile"
	"github.com/charmbracelet/x/ansi"

	"zeroms/cmd/zms/control"
)

func TestTheFirstScreen(t *testing.T) {
	p := newFake()
	p.contacts[0].Unread = 12
	r := newRig(t, p, 80, 24, "")
	r.sees("ZeroMS  Anna", "Mallory", "wants to talk", "Bob ✓", " 12 ", "陈小明", "message 3.", "Trudy", "blocked", "● connected", "Choose a conversation")
	got := r.frame()
	if strings.Index(got, "Mallory") > strings.Index(got, "Bob") || strings.Index(got, "Trudy") < strings.Index(got, "陈小明") {
		t.Errorf("who asks stands first, who is blocked last:\n%s", got)
	}
	r.whole()
	if v := r.m.View(); v.Cursor != nil || v.WindowTitle != "(13) zms chat" || !v.AltScreen || v.MouseMode != tea.MouseModeCellMotion {
		t.Errorf("caret %v, title %q", v.Cursor, v.WindowTitle)
	}
	r.send(rowsMsg{&control.Gateway{Type: control.TypeGateway, Node: "n1", Host: "gate.example:443", Problem: "no answer", Retry: morning}})
	r.sees("○ not connected", "no answer")
}

func TestWritingAndSending(t *testing.T) {
	r := newRig(t, newFake(), 80, 24, "Bob")
	r.sees("Bob ✓ verified", "message 3.", "Write a message")
	r.types("你好")
	c := r.m.View().Cursor
	if c == nil || c.Y != 22 || c.X != r.m.listWidth()+1+2+4 {
		t.Fatalf("the caret is at %+v, want behind two wide characters", c)
	}
	r.keys("alt+enter")
	r.types("zweite")
	r.keys("ctrl+j")
	r.types("third")
	if len(r.asked(control.CmdSend)) != 0 {
		t.Fatal("a new line sent something")
	}
	r.sees("› 你好", "zweite", "third")
	r.keys("enter")
	if sent := r.asked(control.CmdSend); len(sent) != 1 || sent[0].Text != "你好\nzweite\nthird" || sent[0].Contact != "1" {
		t.Fatalf("sent %+v", sent)
	}
	r.sees("09:04 ○ queued ▐", "Write a message", "You: 你好 zweite")
	m := *r.p.talks[1].message(4)
	m.Type = control.TypeChange
	for _, s := range [][2]string{{"custody", "✓ in custody"}, {"delivered", "✓✓ delivered"}} {
		changed := m
		changed.State = s[0]
		r.send(rowsMsg{&changed})
		r.sees(s[1] + " ▐")
	}
	r.send(rowsMsg{&control.Read{Type: control.TypeRead, Contact: 1, Seq: 4, At: morning}})
	r.sees("✓✓ read ▐")
	r.whole()
}

func TestPastedLinesSendNothing(t *testing.T) {
	r := newRig(t, newFake(), 80, 24, "Bob")
	r.send(tea.PasteMsg{Content: "one\r\ntwo\n\x1b[31mthree\x1b[0m\u202e\n"})
	if len(r.asked(control.CmdSend)) != 0 {
		t.Fatal("a paste sent something")
	}
	r.sees("› one", "two", `[31mthree[0m\u{202e}`)
	r.whole()
	r.send(tea.PasteMsg{Content: strings.Repeat("x", 100_000)})
	r.sees("far too long")
	r.keys("enter")
	if sent := r.asked(control.CmdSend); len(sent) != 1 || sent[0].Text != "one\ntwo\n[31mthree[0m\u202e" {
		t.Fatalf("sent %+v", sent)
	}
	r.send(tea.PasteMsg{Content: strings.Repeat("y", 14_003)})
	r.keys("enter")
	r.sees("The message is 3 bytes too long")
}

func TestMessagesKeepTheirOrderAndAreNotLost(t *testing.T) {
	r := newRig(t, newFake(), 80, 24, "Bob")
	var held []tea.Msg
	r.held = &held
	for _, s := range []string{"first", "second", "third"} {
		r.types(s)
		r.keys("enter")
	}
	if sent := r.asked(control.CmdSend); len(sent) != 1 {
		t.Fatalf("%d messages are on their way at once", len(sent))
	}
	r.release()
	var texts []string
	for _, q := range r.asked(control.CmdSend) {
		texts = append(texts, q.Text)
	}
	if !slices.Equal(texts, []string{"first", "second", "third"}) {
		t.Fatalf("sent %q", texts)
	}
	r.p.fails[control.CmdSend] = control.Fail("disk-full", "the disk is full; make room")
	r.held = &held
	held = nil
	r.types("fourth")
	r.keys("enter")
	r.types("fifth")
	r.keys("enter")
	r.types("draft")
	r.release()
	r.sees("the disk is full; make room", "› fourth", "fifth", "draft")
	if n := len(r.asked(control.CmdSend)); n != 4 {
		t.Fatalf("%d messages were sent after one failed", n-4)
	}
	r.p.fails[control.CmdSend] = control.Fail(control.NameStopped, "ended")
	r.keys("enter")
	r.sees("Look whether the message is above")
}

func TestDraftsStayAndAreAskedAbout(t *testing.T) {
	r := newRig(t, newFake(), 80, 24, "Bob")
	r.types("half a sent")
	r.keys("ctrl+n")
	r.sees("陈小明", "Write a message", "Draft: half a sent")
	r.types("好")
	r.keys("ctrl+p")
	r.sees("› half a sent", "Draft: 好")
	r.keys("ctrl+q")
	r.sees("Leave the chat?", "unsent text to Bob, 陈小明")
	if r.quit {
		t.Fatal("left without asking")
	}
	r.keys("n")
	r.sees("› half a sent")
	r.keys("ctrl+c", "y")
	if !r.quit {
		t.Fatal("not left after yes")
	}
	r = newRig(t, newFake(), 80, 24, "Bob")
	r.keys("ctrl+c")
	if !r.quit {
		t.Fatal("there was nothing to ask about")
	}
}

func TestReadMarks(t *testing.T) {
	p := newFake()
	p.talks[1] = many(1, 60)
	p.contacts[0].Unread = 40
	r := newRig(t, p, 80, 24, "Bob")
	reads := func() int { return len(r.asked(control.CmdRead)) }
	r.sees("unread messages", "message 21.")
	if reads() != 0 {
		t.Fatal("marked as read before the end was seen")
	}
	r.keys("pgdown")
	if reads() != 0 {
		t.Fatal("marked as read before the end was seen")
	}
	r.send(tea.BlurMsg{})
	r.keys("ctrl+end")
	if reads() != 0 {
		t.Fatal("marked as read while nobody looks")
	}
	r.keys("f1")
	r.send(tea.FocusMsg{})
	if reads() != 0 {
		t.Fatal("marked as read behind the help")
	}
	r.keys("esc")
	if reads() != 1 {
		t.Fatalf("marked as read %d times", reads())
	}
	come := func(height uint32) {
		p.contacts[0].Unread++
		m := says(1, height, "news")
		p.append(m)
		r.send(rowsMsg{m})
	}
	come(61)
	if reads() != 2 {
		t.Fatalf("what comes while one looks is read: %d", reads())
	}
	r.keys("pgup")
	come(62)
	if reads() != 2 {
		t.Fatal("marked as read below what is seen")
	}
	r.sees("↓ 1 new message")
	r.keys("alt+u")
	r.sees("unread messages", "news")
	r.keys("ctrl+end")
	if reads() != 3 {
		t.Fatal("not marked as read at the end")
	}
	p.fails[control.CmdRead] = errors.New("no")
	come(63)
	if n := reads(); n != 4 {
		t.Fatalf("a failing mark was sent %d times", n-3)
	}
}

func TestNarrowWindow(t *testing.T) {
	p := newFake()
	p.contacts[0].Unread = 1
	r := newRig(t, p, 40, 20, "")
	r.sees("Mallory", "Bob ✓", "陈小明")
	r.seesNot("│")
	r.m.roster.Select(1)
	r.keys("enter")
	r.sees("‹ Bob ✓ verified", "message 3.", "Write a message")
	r.seesNot("Mallory")
	r.keys("esc")
	r.sees("Mallory")
	r.seesNot("Write a message")
	come := says(1, 4, "while in the list")
	p.contacts[0].Unread = 1
	p.append(come)
	before := len(r.asked(control.CmdRead))
	r.send(rowsMsg{come})
	if len(r.asked(control.CmdRead)) != before {
		t.Fatal("marked as read while the list is shown")
	}
	r.keys("tab")
	r.sees("while in the list")
	r.send(tea.WindowSizeMsg{Width: 200, Height: 50})
	r.sees("Mallory", "while in the list", "│")
	r.whole()
}

func TestRequestsAndBlocking(t *testing.T) {
	r := newRig(t, newFake(), 80, 24, "Mallory")
	r.sees("Mallory  wants to talk to you", "Do you want to talk to Mallory?  a accept  b block")
	r.send(tea.PasteMsg{Content: "hello"})
	r.sees("Nothing can be written here.")
	r.keys("enter", "b")
	r.sees("Block Mallory?")
	r.keys("n")
	if len(r.asked(control.CmdBlock)) != 0 {
		t.Fatal("blocked in spite of no")
	}
	r.keys("b", "y")
	r.sees("Mallory is blocked.", "a accept again", "Mallory  blocked")
	r.keys("a")
	r.sees("Mallory is one of your contacts now.", "Write a message")
	r.keys("tab")
	r.m.roster.Select(4)
	r.keys("a")
	if q := r.asked(control.CmdAccept); len(q) != 2 || q[1].Contact != "4" {
		t.Fatalf("accepted %+v", q)
	}
}

func TestBoxes(t *testing.T) {
	p := newFake()
	r := newRig(t, p, 80, 50, "Bob")
	r.keys("f1")
	r.sees("Help", "Alt+Enter, Ctrl+J", "safety number", "more: Down")
	r.keys("end")
	r.sees("in custody: a gateway signed")
	r.keys("esc", "f2")
	r.sees("Your card", "ZMS:ABCDEFGHIJ", "█▀▀▀▀▀█")
	r.keys("c")
	r.sees("in the clipboard")
	r.keys("esc", "f4")
	r.sees("Safety number with Bob", "✓ verified", "12345 12345 12345 12345", "█▀▀▀▀▀█")
	r.keys("u")
	r.sees("not verified")
	r.keys("y")
	r.sees("✓ verified")
	r.keys("esc", "f5")
	r.sees("Your gateways", "gate.example:443", "connected since")
	r.keys("esc", "f3")
	if c := r.m.View().Cursor; c == nil {
		t.Fatal("there is no caret to paste at")
	}
	r.send(tea.PasteMsg{Content: "ZMS:XYZ\n"})
	r.keys("tab")
	r.types("Karl 李")
	r.sees("ZMS:XYZ", "Karl 李")
	r.whole()
	r.keys("enter")
	r.sees("Karl 李 is one of your contacts now", "No messages yet.")
	if q := r.asked(control.CmdAdd); len(q) != 1 || q[0].Card != "ZMS:XYZ" || q[0].Name != "Karl 李" {
		t.Fatalf("added %+v", q)
	}
	p.fails[control.CmdAdd] = control.Fail("check", "A check value does not match: there is a typing or scanning error. Copy it again.")
	r.keys("f3")
	r.send(tea.PasteMsg{Content: "ZMS:BAD"})
	r.keys("enter")
	r.sees("A check value does not match", "ZMS:BAD")
	r.keys("ctrl+c")
	if !r.quit {
		t.Fatal("Ctrl+C does not leave a box")
	}
}

func TestSmallWindowsAndTheCard(t *testing.T) {
	r := newRig(t, newFake(), 80, 14, "Bob")
	r.keys("f2")
	r.sees("too small for the whole QR code", "ZMS:ABCDEFGHIJ", "more: Down")
	r.keys("esc")
	r.send(tea.WindowSizeMsg{Width: 10, Height: 3})
	r.sees("Make the window larger.")
}

func TestWithoutColoursTheCodeIsLightOnDark(t *testing.T) {
	r := newRig(t, newFake(), 80, 50, "Bob")
	r.send(tea.ColorProfileMsg{Profile: colorprofile.ASCII})
	r.keys("f2")
	r.sees("████", " ▄▄▄▄▄ ")
	r.send(tea.BackgroundColorMsg{Color: ansi.BrightWhite})
	r.sees("█▀▀▀▀▀█")
}

func TestSearch(t *testing.T) {
	r := newRig(t, newFake(), 80, 24, "")
	r.keys("/")
	if c := r.m.View().Cursor; c == nil || c.Y != 1 {
		t.Fatalf("the caret is at %+v", c)
	}
	r.types("小")
	r.sees("/ 小", "陈小明")
	r.seesNot("Mallory", "Trudy")
	r.types("x")
	r.sees("nobody is called so")
	r.keys("backspace", "enter")
	r.sees("陈小明", "Mallory", "Write a message")
	r.keys("ctrl+f")
	r.types("trud")
	r.keys("esc")
	r.sees("Mallory")
}

func TestMouse(t *testing.T) {
	p := newFake()
	p.talks[1] = many(1, 60)
	r := newRig(t, p, 80, 24, "")
	row := slices.IndexFunc(strings.Split(r.frame(), "\n"), func(l string) bool { return strings.Contains(l, "Bob") })
	r.send(tea.MouseClickMsg{X: 3, Y: row + 1, Button: tea.MouseLeft})
	r.sees("Bob ✓ verified", "message 60.")
	r.send(tea.MouseWheelMsg{X: 40, Y: 10, Button: tea.MouseWheelUp})
	r.seesNot("message 60.  10:00")
	r.send(tea.MouseWheelMsg{X: 40, Y: 10, Button: tea.MouseWheelDown})
	r.sees("message 60.  10:00")
	r.keys("f6")
	if r.m.View().MouseMode != tea.MouseModeNone {
		t.Fatal("the terminal did not get the mouse")
	}
	r.sees("F6 gives it back")
}

func TestBell(t *testing.T) {
	r := newRig(t, newFake(), 80, 24, "Bob")
	r.send(rowsMsg{says(1, 4, "seen at once")})
	if len(r.raw) != 0 {
		t.Fatal("it rings for what is seen")
	}
	r.send(rowsMsg{says(2, 4, "elsewhere"), says(2, 5, "again")})
	if !slices.Equal(r.raw, []string{"\a"}) {
		t.Fatalf("rang %q", r.raw)
	}
	r.send(tea.BlurMsg{})
	r.send(rowsMsg{says(1, 5, "not looked at")})
	if len(r.raw) != 2 {
		t.Fatal("it does not ring while nobody looks")
	}
	r.sees("unread messages")
	r.keys("f7")
	r.send(rowsMsg{says(2, 6, "silent")})
	if len(r.raw) != 2 {
		t.Fatal("it rings although it is off")
	}
}

func TestGapRows(t *testing.T) {
	p := newFake()
	g := &control.Gap{Type: control.TypeGap, Contact: 1, Device: "d", From: 2, To: 3, Count: 2, State: "asking", Height: 3, Since: morning}
	p.gaps[1] = []*control.Gap{g}
	r := newRig(t, p, 80, 24, "Bob")
	r.sees("! 2 messages from Bob are missing; asking Bob for", "them")
	gone := *g
	gone.State = "gone"
	r.send(rowsMsg{&gone})
	r.sees("are lost: the sender no")
	filled := *g
	filled.State = "filled"
	r.send(rowsMsg{&filled})
	r.seesNot("missing", "lost")
}

func TestAnotherOwnerAndLostRows(t *testing.T) {
	p := newFake()
	r := newRig(t, p, 80, 24, "Bob")
	p.append(says(1, 4, "came in between"))
	p.contacts = append(p.contacts, &control.Contact{Type: control.TypeContact, ID: 5, Name: "Newcomer", State: "accepted", Added: morning})
	p.talks[5] = many(5, 1)
	r.send(rowsMsg{&control.Lagged{Type: control.TypeLagged}})
	r.sees("came in between", "Newcomer")
	r.send(endedMsg{control.Fail(control.NameNeeds, "locked")})
	r.sees("The profile is locked")
	r.types("geheim")
	r.seesNot("geheim")
	r.sees("••••••")
	r.keys("enter")
	if p.unlocked != "geheim" {
		t.Fatalf("unlocked with %q", p.unlocked)
	}
	r.send(endedMsg{control.Fail("wrong-passphrase", "the passphrase does not open the profile")})
	r.sees("the passphrase does not open the profile")
	r.send(endedMsg{control.Fail("disk-full", "the disk is full")})
	if !r.quit || r.m.failed == nil {
		t.Fatal("a chat without a profile goes on")
	}
}

func TestWhatOthersWriteDoesNothingToTheTerminal(t *testing.T) {
	const evil = "\x1b]0;owned\a\x1b[2J\u009b31m\u202egnp.exe\u2066\r\b\x00\ufeff"
	p := newFake()
	p.contacts[0].Name = evil
	p.contacts[0].Problem = evil
	p.contacts[2].Name = strings.Repeat("W\u0301\u0301", 60) + evil
	p.gateways[0] = control.Gateway{Node: "n1", Host: evil, Problem: evil, Retry: morning}
	p.digits, p.card = evil, evil
	p.talks[1] = history{3, func(h uint32) *control.Message {
		m := says(1, h, strings.Repeat(evil+"\n", 3))
		if h == 2 {
			m.Kind, m.Unknown = evil, true
		}
		if h == 3 {
			m.Outgoing, m.State, m.ReplyTo = true, evil, "00"
		}
		return m
	}}
	p.gaps[1] = []*control.Gap{{Type: control.TypeGap, Contact: 1, Device: evil, From: 1, To: 2, Count: 2, State: "gone", Height: 2, Since: morning}}
	for _, width := range []int{30, 80, 200} {
		r := newRig(t, p, width, 40, "")
		r.m.roster.Select(1)
		r.whole()
		r.keys("enter")
		r.whole()
		r.m.complain(errors.New(evil))
		r.whole()
		for _, key := range []string{"f1", "f2", "f4", "f5", "f3", "ctrl+f"} {
			r.keys("esc", key)
			r.whole()
			r.send(tea.PasteMsg{Content: evil})
			r.whole()
		}
	}
}

func TestEverySizeAtAnyTime(t *testing.T) {
	p := newFake()
	p.talks[1] = many(1, 2000)
	p.contacts[0].Unread = 30
	r := newRig(t, p, 80, 24, "Bob")
	rnd := rand.New(rand.NewPCG(3, 4))
	names := []string{
		"f1", "f2", "f3", "f4", "f5", "esc", "esc", "tab", "pgup", "pgup", "pgdown", "ctrl+home", "ctrl+end", "alt+u", "up", "down", "a", "北", "x",
		"alt+enter", "ctrl+f", "ctrl+n", "ctrl+p", "enter", "shift+up", "backspace", "home", "end", "ctrl+w", "/", "n",
	}
	for i := range 3000 {
		r.send(tea.WindowSizeMsg{Width: 1 + rnd.IntN(220), Height: 1 + rnd.IntN(60)})
		r.keys(names[rnd.IntN(len(names))])
		if i%7 == 0 {
			r.send(rowsMsg{says(1, uint32(2001+i), strings.Repeat("neu 新 ", rnd.IntN(40)))})
		}
		r.m.ruler.Clusters = rnd.IntN(2) == 0
		r.m.resize()
		r.whole()
		r.quit = false
	}
}

// TestAHundredThousandMessages reads a long conversation from its end to its
// beginning and measures every key: what the model does, and the frame.
func TestAHundredThousandMessages(t *testing.T) {
	p := newFake()
	const all = 100_000
	p.talks[1] = history{all, func(h uint32) *control.Message {
		return says(1, h, fmt.Sprintf("message %d. %s", h, strings.Repeat("with 中文 and words ", int(h)%9)))
	}}
	r := newRig(t, p, 200, 50, "Bob")
	r.sees(fmt.Sprintf("message %d.", all))
	var took []time.Duration
	key := func(name string) {
		began := time.Now()
		_, cmd := r.m.Update(press(name))
		_ = r.m.View()
		took = append(took, time.Since(began))
		r.run(cmd)
	}
	for range 300 {
		key("pgup")
	}
	for range 300 {
		key("shift+up")
	}
	r.seesNot(fmt.Sprintf("▌ message %d.", all))
	key("ctrl+home")
	r.sees("message 1. ", "message 2. ")
	for range 300 {
		key("pgdown")
	}
	if held := r.m.open.line.Held(); held > 2000 {
		t.Errorf("%d rows are held", held)
	}
	key("ctrl+end")
	r.sees(fmt.Sprintf("▌ message %d.", all))
	for range 300 {
		key("x")
	}
	slices.Sort(took)
	half, most := took[len(took)/2], took[len(took)*99/100]
	t.Logf("%d keys: half in %v, 99 of 100 in %v, the slowest in %v", len(took), half, most, took[len(took)-1])
	if half > 16*time.Millisecond {
		t.Errorf("a key takes %v", half)
	}
}

// TestManyMessagesAtOnce: 10,000 messages of many people come in, and are shown
// in order, in far less time than they need to come.
func TestManyMessagesAtOnce(t *testing.T) {
	p := newFake()
	for i := range 500 {
		c := &control.Contact{Type: control.TypeContact, ID: uint64(100 + i), Name: fmt.Sprintf("person %d", i), State: "accepted", Added: morning}
		p.contacts = append(p.contacts, c)
		p.talks[c.ID] = many(c.ID, 1)
	}
	r := newRig(t, p, 200, 50, "Bob")
	began := time.Now()
	var batch rowsMsg
	for i := range 10_000 {
		batch = append(batch, says(1, uint32(4+i), fmt.Sprintf("flood %d.", i)))
		if i%20 == 0 {
			batch = append(batch, says(uint64(100+i%500), uint32(2+i), "elsewhere"))
		}
		if len(batch) >= 400 {
			r.send(batch)
			_ = r.m.View()
			batch = nil
		}
	}
	r.send(batch)
	r.sees("flood 9998.", "flood 9999.", "elsewhere")
	took := time.Since(began)
	t.Logf("10,000 messages in %v", took)
	if held := r.m.open.line.Held(); held > 2000 || took > 3*time.Second {
		t.Errorf("%d rows are held after %v", held, took)
	}
}

func BenchmarkKeyToFrame(b *testing.B) {
	p := newFake()
	p.talks[1] = many(1, 100_000)
	t := &testing.T{}
	m := newModel(b.Context(), Config{Profile: p, Contact: "Bob", Zone: time.UTC, Now: func() time.Time { return morning }})
	if err := m.prepare(); err != nil {
		b.Fatal(err)
	}
	r := &rig{t: t, m: m, p: p}
	r.send(tea.WindowSizeMsg{Width: 200, Height: 50})
	r.run(m.Init())
	b.ResetTimer()
	for i := range b.N {
		name := "pgup"
		if i%400 == 399 {
			name = "ctrl+end"
		}
		_, cmd := m.Update(press(name))
		_ = m.View()
		b.StopTimer()
		r.run(cmd)
		b.StartTimer()
	}
}
