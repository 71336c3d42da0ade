package tui

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"

	"zeroms/cmd/zms/control"
)

var morning = time.Date(2026, 8, 12, 9, 0, 0, 0, time.UTC)

// fake is a profile in memory.
type fake struct {
	mu       sync.Mutex
	contacts []*control.Contact
	talks    map[uint64]history // by contact
	gaps     map[uint64][]*control.Gap
	gateways []control.Gateway
	asked    []control.Request
	fails    map[string]error // by command
	unlocked string
	card     string
	digits   string
}

// history answers which message has a height, 1 to last.
type history struct {
	last    uint32
	message func(height uint32) *control.Message
}

func (f *fake) Unlock(passphrase string) { f.unlocked = passphrase }

func (f *fake) Follow(ctx context.Context, _ control.Request, emit control.Emit) error {
	if err := emit(&control.Ready{Type: control.TypeReady}); err != nil {
		return err
	}
	<-ctx.Done()
	return nil
}

func (f *fake) contact(who string) *control.Contact {
	for _, c := range f.contacts {
		if number(c.ID) == who || c.Name == who {
			return c
		}
	}
	return nil
}

func (f *fake) Ask(_ context.Context, r control.Request, emit control.Emit) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.asked = append(f.asked, r)
	if err := f.fails[r.Cmd]; err != nil {
		return err
	}
	c := f.contact(r.Contact)
	if r.Contact != "" && c == nil {
		return control.Fail(control.NameNoContact, "there is no contact %q", r.Contact)
	}
	switch r.Cmd {
	case control.CmdContacts, control.CmdRequests:
		for _, c := range f.contacts {
			if (c.State == "request") == (r.Cmd == control.CmdRequests) {
				copied := *c
				if err := emit(&copied); err != nil {
					return err
				}
			}
		}
		return nil
	case control.CmdStatus:
		return emit(&control.Status{Type: control.TypeStatus, Name: "Anna", Gateways: f.gateways})
	case control.CmdHistory:
		return f.history(c, r, emit)
	case control.CmdSend:
		return emit(f.send(c, r.Text))
	case control.CmdRead:
		c.Unread = 0
	case control.CmdAccept:
		c.State = "accepted"
	case control.CmdBlock:
		c.State = "blocked"
	case control.CmdVerify:
		if r.Yes || r.Undo {
			c.Verified = r.Yes
		}
		return emit(&control.Safety{Type: control.TypeSafety, Contact: c.ID, Digits: f.digits, Code: strings.Repeat("ab", 32), Verified: c.Verified})
	case control.CmdCardShow:
		return emit(&control.Card{Type: control.TypeCard, Text: f.card, Link: "https://zeroms/" + f.card})
	case control.CmdAdd:
		c = &control.Contact{Type: control.TypeContact, ID: 90, Name: r.Name, State: "accepted", Added: morning}
		f.contacts = append(f.contacts, c)
	case control.CmdGatewayAdd:
		return emit(&control.Gateway{Type: control.TypeGateway, Node: "n9", Host: "new.example:443"})
	}
	copied := *c
	return emit(&copied)
}

func (f *fake) history(c *control.Contact, r control.Request, emit control.Emit) error {
	h, before := f.talks[c.ID], uint32(1<<32-1)
	if r.Before != nil {
		before = *r.Before
	}
	last := min(h.last, before-1)
	first := uint32(1)
	if last > uint32(r.N) {
		first = last - uint32(r.N) + 1
	}
	for at := first; at <= last; at++ {
		for _, g := range f.gaps[c.ID] {
			if g.Height == at {
				if err := emit(g); err != nil {
					return err
				}
			}
		}
		if err := emit(h.message(at)); err != nil {
			return err
		}
	}
	return emit(&control.Page{Type: control.TypePage, Next: first, More: first > 1})
}

func (f *fake) send(c *control.Contact, text string) *control.Message {
	h := f.talks[c.ID]
	m := says(c.ID, h.last+1, text)
	m.Outgoing, m.State = true, "queued"
	f.append(m)
	return m
}

// append puts a message at the end of its conversation.
func (f *fake) append(m *control.Message) {
	h := f.talks[m.Contact]
	old := h.message
	f.talks[m.Contact] = history{m.Height, func(height uint32) *control.Message {
		if height == m.Height {
			return m
		}
		return old(height)
	}}
}

// says is a message of a contact, one minute after the one before.
func says(contact uint64, height uint32, text string) *control.Message {
	at := morning.Add(time.Duration(height) * time.Minute)
	return &control.Message{
		Type: control.TypeMessage, ID: fmt.Sprintf("%016x%048x", contact, height), Contact: contact, Kind: "text", Text: text, Height: height,
		Seq: height, Written: at, Received: at,
	}
}

// many is a conversation of so many short messages.
func many(contact uint64, n uint32) history {
	return history{n, func(height uint32) *control.Message { return says(contact, height, fmt.Sprintf("message %d.", height)) }}
}

func newFake() *fake {
	f := &fake{
		contacts: []*control.Contact{
			{Type: control.TypeContact, ID: 1, Name: "Bob", State: "accepted", Verified: true, Added: morning},
			{Type: control.TypeContact, ID: 2, Name: "陈小明", State: "accepted", Added: morning.Add(-time.Hour)},
			{Type: control.TypeContact, ID: 3, Name: "Mallory", State: "request", Unread: 1, Added: morning},
			{Type: control.TypeContact, ID: 4, Name: "Trudy", State: "blocked", Added: morning},
		},
		talks: map[uint64]history{}, gaps: map[uint64][]*control.Gap{}, fails: map[string]error{},
		gateways: []control.Gateway{{Type: control.TypeGateway, Node: "n1", Host: "gate.example:443", Up: true}},
		card:     "ZMS:ABCDEFGHIJ", digits: strings.TrimSpace(strings.Repeat("12345 ", 12)),
	}
	for _, c := range f.contacts {
		f.talks[c.ID] = many(c.ID, 3)
	}
	return f
}

// rig drives a model as the library does, but at once and in order.
type rig struct {
	t    *testing.T
	m    *Model
	p    *fake
	raw  []string
	quit bool
	held *[]tea.Msg // answers that are held back; nil: none
}

func newRig(t *testing.T, p *fake, width, height int, contact string) *rig {
	t.Helper()
	cfg := Config{Profile: p, Contact: contact, Bell: true, Zone: time.UTC, Now: func() time.Time { return morning.Add(5 * time.Hour) }}
	m := newModel(t.Context(), cfg)
	m.again = make(chan struct{}, 1)
	if err := m.prepare(); err != nil {
		t.Fatal(err)
	}
	r := &rig{t: t, m: m, p: p}
	r.send(tea.WindowSizeMsg{Width: width, Height: height})
	r.run(m.Init())
	return r
}

func (r *rig) send(msg tea.Msg) {
	_, cmd := r.m.Update(msg)
	r.run(cmd)
}

func (r *rig) run(cmd tea.Cmd) {
	if cmd == nil {
		return
	}
	switch msg := cmd().(type) {
	case nil:
	case tea.BatchMsg:
		for _, c := range msg {
			r.run(c)
		}
	case tea.QuitMsg:
		r.quit = true
	case tea.RawMsg:
		r.raw = append(r.raw, fmt.Sprint(msg.Msg))
	case answerMsg, pageMsg:
		if r.held != nil {
			*r.held = append(*r.held, msg)
			return
		}
		r.send(msg)
	default:
		r.send(msg)
	}
}

// release lets go what was held back.
func (r *rig) release() {
	held := *r.held
	r.held = nil
	for _, msg := range held {
		r.send(msg)
	}
}

// keys presses keys by their names: "enter", "alt+enter", "a", "f1".
func (r *rig) keys(names ...string) {
	for _, name := range names {
		r.send(press(name))
	}
}

func press(name string) tea.KeyPressMsg {
	k := tea.Key{}
	rest := name
	for _, mod := range []struct {
		name string
		mod  tea.KeyMod
	}{{"ctrl+", tea.ModCtrl}, {"alt+", tea.ModAlt}, {"shift+", tea.ModShift}} {
		if after, ok := strings.CutPrefix(rest, mod.name); ok {
			rest, k.Mod = after, k.Mod|mod.mod
		}
	}
	codes := map[string]rune{
		"enter": tea.KeyEnter, "esc": tea.KeyEscape, "tab": tea.KeyTab, "up": tea.KeyUp, "down": tea.KeyDown, "left": tea.KeyLeft, "right": tea.KeyRight,
		"home": tea.KeyHome, "end": tea.KeyEnd, "pgup": tea.KeyPgUp, "pgdown": tea.KeyPgDown, "backspace": tea.KeyBackspace,
		"f1": tea.KeyF1, "f2": tea.KeyF2, "f3": tea.KeyF3, "f4": tea.KeyF4, "f5": tea.KeyF5, "f6": tea.KeyF6, "f7": tea.KeyF7,
	}
	if code, ok := codes[rest]; ok {
		k.Code = code
		return tea.KeyPressMsg(k)
	}
	k.Code = []rune(rest)[0]
	if k.Mod == 0 {
		k.Text = rest
	}
	return tea.KeyPressMsg(k)
}

// types writes a text as an input method does.
func (r *rig) types(text string) {
	for _, c := range text {
		r.send(tea.KeyPressMsg{Code: c, Text: string(c)})
	}
}

// frame is the screen as text.
func (r *rig) frame() string {
	lines := strings.Split(ansi.Strip(r.m.View().Content), "\n")
	for i, l := range lines {
		lines[i] = strings.TrimRight(l, " ")
	}
	return strings.Join(lines, "\n")
}

func (r *rig) sees(words ...string) {
	r.t.Helper()
	got := r.frame()
	for _, w := range words {
		if !strings.Contains(got, w) {
			r.t.Fatalf("%q is not seen:\n%s", w, got)
		}
	}
}

func (r *rig) seesNot(words ...string) {
	r.t.Helper()
	got := r.frame()
	for _, w := range words {
		if strings.Contains(got, w) {
			r.t.Fatalf("%q is seen:\n%s", w, got)
		}
	}
}

// asked are the requests of a command.
func (r *rig) asked(cmd string) (out []control.Request) {
	r.p.mu.Lock()
	defer r.p.mu.Unlock()
	for _, q := range r.p.asked {
		if q.Cmd == cmd {
			out = append(out, q)
		}
	}
	return out
}

// whole checks that a frame has the size of the window, and that nothing in it
// does more than colour text.
func (r *rig) whole() {
	r.t.Helper()
	v := r.m.View()
	lines := strings.Split(v.Content, "\n")
	if r.m.width < smallestWidth || r.m.height < smallestHeight {
		return
	}
	if len(lines) != r.m.height {
		r.t.Fatalf("%d lines in a window of %d", len(lines), r.m.height)
	}
	for _, l := range lines {
		if w := r.m.ruler.Width(l); w != r.m.width {
			r.t.Fatalf("a line of %d cells in a window of %d: %q", w, r.m.width, l)
		}
		if strings.Count(l, "\x1b") != len(colours(l)) {
			r.t.Fatalf("a line holds more than colours: %q", l)
		}
		for _, c := range ansi.Strip(l) {
			if c < ' ' || c >= 0x7f && c < 0xa0 || slices.Contains([]rune("\u202e\u202d\u2066\u2067\u2028\u200e\u200f\ufeff"), c) {
				r.t.Fatalf("a line holds %U: %q", c, l)
			}
		}
	}
	if c := v.Cursor; c != nil && (c.X < 0 || c.Y < 0 || c.X >= r.m.width || c.Y >= r.m.height) {
		r.t.Fatalf("the caret is at %d,%d in a window of %dx%d", c.X, c.Y, r.m.width, r.m.height)
	}
}

// colours are the escape sequences of a line that only set how text looks.
func colours(l string) (out []string) {
	for rest := l; ; {
		i := strings.Index(rest, "\x1b[")
		if i < 0 {
			return out
		}
		rest = rest[i+2:]
		end := strings.TrimLeft(rest, "0123456789;:")
		if !strings.HasPrefix(end, "m") {
			return nil
		}
		out = append(out, rest[:len(rest)-len(end)])
		rest = end
	}
}
