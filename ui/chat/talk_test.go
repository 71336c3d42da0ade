package chat

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/driver/desktop"
	"fyne.io/fyne/v2/test"

	"zeroms/client"
	"zeroms/ui/model"
	"zeroms/ui/model/modeltest"
	"zeroms/ui/page"
)

// talkScene is a scene with one conversation.
func talkScene(t testing.TB, o modeltest.Options, name string) (*scene, *Talk) {
	t.Helper()
	s := newScene(t, o, model.Look{})
	return s, s.talkTo(s.world.ID(name))
}

func (s *scene) talkTo(id client.ContactID) *Talk {
	s.t.Helper()
	s.chats.Select(id)
	talk := NewTalk(s.host, id)
	s.t.Cleanup(talk.Close)
	s.show(talk.Object(), 860, 740)
	talk.Focus()
	return talk
}

func press(e *editor, name fyne.KeyName) { e.TypedKey(&fyne.KeyEvent{Name: name}) }

// bubble is the row of a message on the screen.
func (s *scene) bubble(text string) fyne.CanvasObject {
	s.t.Helper()
	type message interface{ Message() string }
	for _, id := range s.controls() {
		if !strings.HasPrefix(id, "talk.row.") {
			continue
		}
		if m, ok := s.find(id).(message); ok && strings.Contains(m.Message(), text) {
			return s.find(id)
		}
	}
	s.t.Fatalf("no bubble says %q; there is:\n%s", text, s.texts())
	return nil
}

func TestTalkShows(t *testing.T) {
	s, _ := talkScene(t, modeltest.Options{}, "Lin Wei")
	for _, text := range []string{"Lin Wei", "Verified", "0.8 ms", "Today", "Hi! This is my new gateway.", "Unread messages", "2 messages missing", "好的，我这边也换好了。"} {
		s.reads(text)
	}
	if s.world.Contact(s.world.ID("Lin Wei")).Unread != 0 {
		t.Error("what is on the screen is still unread")
	}
	if !slices.Contains(s.traced, "open") {
		t.Errorf("traced: %v", s.traced)
	}
	s.tap("talk.contact")
	if s.place().Kind != page.Contact {
		t.Errorf("it opened %+v", s.place())
	}
}

func TestTalkIsReadOnlyInAnActiveWindow(t *testing.T) {
	s := newScene(t, modeltest.Options{}, model.Look{})
	s.host.Active = func() bool { return false }
	id := s.world.ID("Lin Wei")
	talk := s.talkTo(id)
	if s.world.Contact(id).Unread != 3 {
		t.Fatal("it was read in the background")
	}
	talk.SetActive(true)
	if s.world.Contact(id).Unread != 0 {
		t.Fatal("it is not read in the foreground")
	}
}

func TestTalkSends(t *testing.T) {
	s, talk := talkScene(t, modeltest.Options{}, "Noor")
	e := talk.foot.editor
	if s.window.Canvas().Focused() != e {
		t.Fatal("the composer has no focus")
	}
	if !talk.foot.send.Disabled() {
		t.Error("an empty text can be sent")
	}
	test.Type(e, "First line")
	e.KeyDown(&fyne.KeyEvent{Name: desktop.KeyShiftLeft})
	press(e, fyne.KeyReturn)
	e.KeyUp(&fyne.KeyEvent{Name: desktop.KeyShiftLeft})
	test.Type(e, "second")
	if e.Text() != "First line\nsecond" {
		t.Fatalf("the text is %q", e.Text())
	}
	press(e, fyne.KeyReturn)
	if e.Text() != "" {
		t.Errorf("%q remains in the composer", e.Text())
	}
	s.reads("First line")
	s.reads("second")
	id := s.lastOwn(s.world.ID("Noor"))
	if m, _ := s.world.Message(id); m.Text != "First line\nsecond" {
		t.Errorf("%q was sent", m.Text)
	}
	s.world.Advance(id, client.InCustody)
	for _, what := range []string{"key", "send"} {
		if !slices.Contains(s.traced, what) {
			t.Errorf("%s was not traced: %v", what, s.traced)
		}
	}
	test.Type(e, "by the button")
	s.tap("composer.send")
	s.reads("by the button")
	if s.window.Canvas().Focused() != e {
		t.Error("the composer lost the focus")
	}
}

func TestTalkCtrlEnter(t *testing.T) {
	s, talk := talkScene(t, modeltest.Options{}, "Noor")
	settings := s.host.Profile.Notes.Settings()
	settings.CtrlEnter = true
	if err := s.host.Profile.Notes.SetSettings(t.Context(), settings); err != nil {
		t.Fatal(err)
	}
	e := talk.foot.editor
	test.Type(e, "one")
	press(e, fyne.KeyReturn)
	test.Type(e, "two")
	if e.Text() != "one\ntwo" {
		t.Fatalf("Enter made %q of it", e.Text())
	}
	e.TypedShortcut(&desktop.CustomShortcut{KeyName: fyne.KeyReturn, Modifier: fyne.KeyModifierControl})
	if e.Text() != "" {
		t.Fatal("Ctrl+Enter does not send")
	}
}

func TestTalkKeepsDrafts(t *testing.T) {
	s, talk := talkScene(t, modeltest.Options{}, "Kaveh")
	if talk.foot.editor.Text() != "about the mesh: there is a second antenna" {
		t.Fatalf("the draft is %q", talk.foot.editor.Text())
	}
	test.Type(talk.foot.editor, "!")
	s.world.Pass(time.Second)
	s.tick()
	id := s.world.ID("Kaveh")
	if got := s.chats.Chat(id).Draft; !strings.HasSuffix(got, "antenna!") {
		t.Errorf("the draft kept is %q", got)
	}
	test.Type(talk.foot.editor, "?")
	talk.Close()
	if got := s.chats.Chat(id).Draft; !strings.HasSuffix(got, "antenna!?") {
		t.Errorf("the draft kept at the end is %q", got)
	}
}

func TestTalkFailureBringsTheTextBack(t *testing.T) {
	s, talk := talkScene(t, modeltest.Options{}, "Noor")
	s.world.Fail("Send", errors.New("the disk is full"))
	test.Type(talk.foot.editor, "Not lost")
	press(talk.foot.editor, fyne.KeyReturn)
	if talk.foot.editor.Text() != "Not lost" || len(s.failed) != 1 {
		t.Errorf("the composer has %q; failures: %v", talk.foot.editor.Text(), s.failed)
	}
}

func TestTalkTooLong(t *testing.T) {
	s, talk := talkScene(t, modeltest.Options{}, "Noor")
	e := talk.foot.editor
	e.insert(strings.Repeat("word ", 2900), false)
	e.edited()
	if !talk.foot.send.Disabled() || talk.foot.left.Text() == "" {
		t.Errorf("14,500 bytes can be sent; the counter says %q", talk.foot.left.Text())
	}
	press(e, fyne.KeyReturn)
	if e.Text() == "" {
		t.Error("the text is gone")
	}
	s.readsNot("word word\n\n")
}

func TestTalkProblems(t *testing.T) {
	s, talk := talkScene(t, modeltest.Options{}, "Spam & Sons")
	s.reads("You blocked Spam & Sons")
	if talk.foot.editor.Visible() {
		t.Error("one can write to somebody who is blocked")
	}
	s.tap("talk.unblock")
	s.readsNot("You blocked")
	if !talk.foot.editor.Visible() || s.window.Canvas().Focused() != talk.foot.editor {
		t.Error("one can't write after that")
	}
	s.world.SetContact(talk.id, func(c *client.Contact) {
		c.Problem = "The connection to the gateway was lost; it is made again. [link-closed]"
	})
	s.reads("can't be reached at the moment")
}

func TestTalkRequest(t *testing.T) {
	s, talk := talkScene(t, modeltest.Options{}, "Ingrid")
	s.reads("Ingrid has your card")
	s.reads("Hello, I have your card")
	if s.world.Told(talk.id) != 0 {
		t.Error("a stranger was told that the request was read")
	}
	s.tap("talk.block")
	if len(s.asked) != 1 {
		t.Fatal("blocking does not ask")
	}
	s.tap("talk.accept")
	if s.world.Contact(talk.id).State != client.Accepted || !talk.foot.editor.Visible() {
		t.Error("she was not accepted")
	}
	s.readsNot("Ingrid has your card")
}

func TestTalkHomeless(t *testing.T) {
	s := newScene(t, modeltest.Options{Empty: true}, model.Look{})
	talk := s.talkTo(s.world.Meet("Ada", nil))
	s.reads("You have no gateway")
	s.reads("You can write to Ada")
	s.tap("talk.gateways")
	if s.place().Kind != page.Gateways {
		t.Errorf("it opened %+v", s.place())
	}
	test.Type(talk.foot.editor, "Hello")
	press(talk.foot.editor, fyne.KeyReturn)
	s.reads("Hello")
	s.readsNot("You can write to Ada")
}

func TestTalkMessageMenu(t *testing.T) {
	s, _ := talkScene(t, modeltest.Options{}, "Lin Wei")
	menu := func(text, label string) {
		t.Helper()
		test.TapSecondary(s.bubble(text).(fyne.SecondaryTappable))
		s.choose(label)
	}
	menu("End to end", "Copy")
	if s.copied != "End to end in 0.8 ms. The name holds." {
		t.Errorf("copied: %q", s.copied)
	}
	menu("End to end", "Message details")
	if p := s.place(); p.Kind != page.Details || p.Message != s.lastOwn(s.world.ID("Lin Wei")) {
		t.Errorf("it opened %+v", p)
	}
	menu("End to end", "Erase here…")
	if len(s.asked) != 1 || !s.asked[0].Danger {
		t.Fatalf("it asks %+v", s.asked)
	}
	s.asked[0].Then()
	s.readsNot("End to end")
}

func TestTalkLongTextAndCard(t *testing.T) {
	s, _ := talkScene(t, modeltest.Options{}, "Noor")
	id := s.world.ID("Noor")
	s.world.Receive(id, strings.Repeat("A line of a long text\n", 300)+"the end")
	more := ""
	for _, line := range strings.Split(s.texts(), "\n") {
		if strings.HasPrefix(line, "Show") {
			more = line
		}
	}
	if more == "" {
		t.Fatalf("nothing offers more; there is:\n%s", s.texts())
	}
	body := s.bubble("A line of a long text")
	before := body.Size().Height
	test.TapAt(body.(fyne.Tappable), fyne.NewPos(40, before-30))
	if s.bubble("A line of a long text").Size().Height < 1.5*before {
		t.Error("it shows no more")
	}
	s.world.Receive(id, "Here I am: zeroms:ABCDEFGHIJKLMNOP see you")
	body = s.bubble("Here I am")
	test.TapAt(body.(fyne.Tappable), fyne.NewPos(40, body.Size().Height-30))
	if want := (page.Place{Kind: page.Add, Text: "zeroms:ABCDEFGHIJKLMNOP"}); s.place() != want {
		t.Errorf("it opened %+v", s.place())
	}
}

func TestTalkGapWithProof(t *testing.T) {
	s, talk := talkScene(t, modeltest.Options{}, "Lin Wei")
	gaps, err := s.host.Profile.Talk.Gaps(t.Context(), talk.id)
	if err != nil || len(gaps) != 1 {
		t.Fatal(gaps, err)
	}
	gaps[0].State = 6 // lost with proof
	s.world.SetGap(gaps[0])
	for i := range talk.talk.Len() {
		if talk.talk.Row(i).Kind == model.RowGap {
			s.tap(fmt.Sprintf("talk.row.%d", i))
		}
	}
	if len(s.saved) != 1 || len(s.said) != 1 {
		t.Errorf("saved: %d files; said: %v; failed: %v", len(s.saved), s.said, s.failed)
	}
}

func TestTalkFarUp(t *testing.T) {
	s, talk := talkScene(t, modeltest.Options{People: 2, Messages: 4000}, "Ada Adeyemi 0")
	if talk.down.Visible() {
		t.Error("the way down is offered at the end")
	}
	n := talk.talk.Len()
	for range 40 {
		talk.list.Scrolled(&fyne.ScrollEvent{Scrolled: fyne.Delta{DY: 500}})
	}
	if talk.talk.Len() <= n || !talk.down.Visible() {
		t.Fatalf("%d rows, then %d; the way down is offered: %v", n, talk.talk.Len(), talk.down.Visible())
	}
	s.world.Receive(talk.id, "New one")
	s.world.Receive(talk.id, "New two")
	s.readsNot("New two")
	s.reads("2")
	s.tap("talk.down")
	s.reads("New two")
	if talk.down.Visible() {
		t.Error("the way down is offered at the end")
	}
	talk.menu(fyne.NewPos(10, 10))
	s.choose("Go to the beginning")
	if first, _, _ := talk.list.Seen(); first != 0 || talk.talk.Row(0).Kind != model.RowDay {
		t.Errorf("the beginning is row %d", first)
	}
	if talk.talk.AtEnd() {
		t.Error("thousands of messages are held at once")
	}
	talk.list.Key(fyne.KeyEnd)
	if !talk.talk.AtEnd() || !talk.list.AtEnd() {
		t.Error("End does not lead to the end")
	}
	talk.list.Key(fyne.KeyHome)
	if first, _, _ := talk.list.Seen(); first != 0 || !talk.talk.AtTop() {
		t.Error("Home does not lead to the beginning")
	}
	press(talk.foot.editor, fyne.KeyPageDown)
	test.Type(talk.foot.editor, "From far up")
	press(talk.foot.editor, fyne.KeyReturn)
	s.reads("From far up")
	for _, what := range []string{"scroll", "jump"} {
		if !slices.Contains(s.traced, what) {
			t.Errorf("%s was not traced", what)
		}
	}
}

func TestTalkLooks(t *testing.T) {
	s := newScene(t, modeltest.Options{}, model.Look{})
	s.bare()
	talk := s.talkTo(s.world.ID("Zoltán"))
	s.world.Receive(talk.id, "It is not. I moved to another one last week, and the old one will stop soon.")
	s.world.Receive(talk.id, "Here is my card.")
	talk.Narrow(true)
	s.window.Resize(fyne.NewSize(420, 400))
	s.window.Canvas().Unfocus()
	test.AssertRendersToMarkup(t, "talk.xml", s.window.Canvas())
}

func TestDetails(t *testing.T) {
	s := newScene(t, modeltest.Options{}, model.Look{})
	s.bare()
	d := NewDetails(s.host, s.lastOwn(s.world.ID("Lin Wei")))
	defer d.Close()
	s.show(d.Object(), 300, 900)
	for _, text := range []string{"Written here", "In custody", "0.8 ms", "Valid"} {
		s.reads(text)
	}
	for _, id := range s.controls() {
		if strings.HasPrefix(id, "details.copy.") {
			s.tap(id)
			break
		}
	}
	if s.copied == "" {
		t.Errorf("copied: %q", s.copied)
	}
	s.tap("details.export")
	if len(s.saved) != 1 {
		t.Errorf("saved: %v", s.saved)
	}
	s.tap("details.close")
	if s.backs != 1 {
		t.Error("close does not lead back")
	}
	test.AssertRendersToMarkup(t, "details.xml", s.window.Canvas())
}
