package chat

import (
	"math"
	"strings"
	"testing"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/driver/desktop"
	"fyne.io/fyne/v2/test"

	"zeroms/client"
	"zeroms/ui/inspect"
	"zeroms/ui/model/modeltest"
	"zeroms/ui/page"
	"zeroms/ui/theme"
)

// mouse moves over the window as the driver of the screen has it: a button goes to what
// takes taps or buttons, dragging to what can be dragged, once it is two pixels long.
type mouse struct {
	s       *scene
	at      fyne.Position
	from    fyne.Position
	pressed fyne.CanvasObject
	drags   fyne.Draggable
}

// under is the topmost object at a place that is wanted, and the place in it.
func (m *mouse) under(at fyne.Position, wanted func(fyne.CanvasObject) bool) (found fyne.CanvasObject, in fyne.Position) {
	var walk func(o fyne.CanvasObject, pos, clip, end fyne.Position)
	walk = func(o fyne.CanvasObject, pos, clip, end fyne.Position) {
		if !o.Visible() {
			return
		}
		if widget, ok := o.(fyne.Widget); ok {
			if _, clips := test.WidgetRenderer(widget).(interface{ IsClip() }); clips {
				clip = fyne.NewPos(max(clip.X, pos.X), max(clip.Y, pos.Y))
				end = fyne.NewPos(min(end.X, pos.X+o.Size().Width), min(end.Y, pos.Y+o.Size().Height))
			}
		}
		inside := at.X >= max(pos.X, clip.X) && at.Y >= max(pos.Y, clip.Y) && at.X < min(pos.X+o.Size().Width, end.X) && at.Y < min(pos.Y+o.Size().Height, end.Y)
		if inside && wanted(o) {
			found, in = o, at.Subtract(pos)
		}
		for _, c := range inspect.Children(o) {
			walk(c, pos.Add(c.Position()), clip, end)
		}
	}
	walk(m.s.window.Content(), fyne.Position{}, fyne.Position{}, fyne.NewPos(math.MaxInt32, math.MaxInt32))
	return found, in
}

func (m *mouse) event(in fyne.Position, button desktop.MouseButton, mods fyne.KeyModifier) *desktop.MouseEvent {
	return &desktop.MouseEvent{PointEvent: fyne.PointEvent{AbsolutePosition: m.at, Position: in}, Button: button, Modifier: mods}
}

func clickable(o fyne.CanvasObject) bool {
	switch o.(type) {
	case fyne.Tappable, fyne.SecondaryTappable, fyne.Focusable, desktop.Mouseable:
		return true
	}
	return false
}

func (m *mouse) down(at fyne.Position, mods fyne.KeyModifier) {
	m.at, m.from = at, at
	o, in := m.under(at, clickable)
	m.pressed = o
	if b, ok := o.(desktop.Mouseable); ok {
		b.MouseDown(m.event(in, desktop.MouseButtonPrimary, mods))
	}
}

func (m *mouse) move(to fyne.Position) {
	if m.drags == nil {
		o, _ := m.under(m.at, func(o fyne.CanvasObject) bool { _, ok := o.(fyne.Draggable); return ok })
		if d, ok := o.(fyne.Draggable); ok && (math.Abs(float64(to.X-m.from.X)) >= 2 || math.Abs(float64(to.Y-m.from.Y)) >= 2) {
			m.drags = d
		}
	}
	if m.drags != nil {
		m.drags.Dragged(&fyne.DragEvent{PointEvent: fyne.PointEvent{AbsolutePosition: to}, Dragged: fyne.NewDelta(to.X-m.at.X, to.Y-m.at.Y)})
	}
	m.at = to
}

func (m *mouse) up() {
	o, in := m.under(m.at, clickable)
	if b, ok := o.(desktop.Mouseable); ok {
		b.MouseUp(m.event(in, desktop.MouseButtonPrimary, 0))
	}
	if m.drags != nil {
		m.drags.DragEnd()
		m.drags = nil
		return
	}
	if t, ok := o.(fyne.Tappable); ok && o == m.pressed {
		t.Tapped(&fyne.PointEvent{AbsolutePosition: m.at, Position: in})
	}
}

func (m *mouse) click(at fyne.Position, mods fyne.KeyModifier) {
	m.down(at, mods)
	m.up()
}

// rest is long enough that the next click is no second one.
func (m *mouse) rest() { m.s.world.Pass(time.Second) }

// drag presses at one place and releases at another, with a stop on the way.
func (m *mouse) drag(from, to fyne.Position) {
	m.down(from, 0)
	m.move(fyne.NewPos((from.X+to.X)/2, (from.Y+to.Y)/2))
	m.move(to)
	m.up()
}

// spot is the place on the window just before some drawn words, in the middle of their
// line.
func (s *scene) spot(words string) fyne.Position {
	s.t.Helper()
	for _, o := range drawn(s.window.Content(), fyne.Position{}) {
		text, ok := o.object.(*canvas.Text)
		if !ok {
			continue
		}
		if before, _, found := strings.Cut(text.Text, words); found {
			x := fyne.MeasureText(before, text.TextSize, text.TextStyle).Width
			return o.at.AddXY(x, text.Size().Height/2)
		}
	}
	s.t.Fatalf("%q is not drawn; there is:\n%s", words, s.texts())
	return fyne.Position{}
}

// behind is the place right behind drawn words.
func (s *scene) behind(words string) fyne.Position {
	return s.spot(words).AddXY(fyne.MeasureText(words, theme.Size(theme.SizeBody), fyne.TextStyle{}).Width, 0)
}

type placed struct {
	object fyne.CanvasObject
	at     fyne.Position
}

// drawn is every visible object with its place on the window.
func drawn(o fyne.CanvasObject, at fyne.Position) (all []placed) {
	if !o.Visible() {
		return nil
	}
	all = append(all, placed{o, at})
	for _, c := range inspect.Children(o) {
		all = append(all, drawn(c, at.Add(c.Position()))...)
	}
	return all
}

// marks counts what is drawn as selected.
func (s *scene) marks() (n int) {
	for _, o := range drawn(s.window.Content(), fyne.Position{}) {
		if r, ok := o.object.(*canvas.Rectangle); ok && r.FillColor == theme.Color("zms-selection") {
			n++
		}
	}
	return n
}

// ctrlC copies as the keyboard does: what has the focus is asked.
func (s *scene) ctrlC() string {
	s.copied = ""
	if f, ok := s.window.Canvas().Focused().(fyne.Shortcutable); ok {
		f.TypedShortcut(&fyne.ShortcutCopy{Clipboard: s.host.App.Clipboard()})
	}
	return s.copied
}

func (s *scene) escape() { s.window.Canvas().Focused().TypedKey(&fyne.KeyEvent{Name: fyne.KeyEscape}) }

// selectScene is a conversation with somebody, and a mouse.
func selectScene(t *testing.T, lines ...modeltest.Line) (*scene, *Talk, *mouse) {
	t.Helper()
	s, talk := talkScene(t, modeltest.Options{}, "Noor")
	for _, l := range lines {
		s.world.ReceiveLine(talk.id, l)
	}
	return s, talk, &mouse{s: s}
}

func TestSelectByDragging(t *testing.T) {
	s, _, m := selectScene(t, modeltest.Line{Text: "The quick brown fox jumps over the lazy dog"})
	m.drag(s.spot("quick"), s.behind("brown"))
	if got := s.ctrlC(); got != "quick brown" || s.marks() != 1 {
		t.Errorf("copied %q; %d marks", got, s.marks())
	}
	m.rest()
	m.drag(s.behind("fox"), s.spot("brown")) // backwards
	if got := s.ctrlC(); got != "brown fox" {
		t.Errorf("backwards: %q", got)
	}
	m.rest()
	m.drag(s.spot("over"), s.spot("over").AddXY(0, 60)) // below it
	if got := s.ctrlC(); got != "over the lazy dog" {
		t.Errorf("to below: %q", got)
	}
	m.rest()
	m.drag(s.spot("over"), s.spot("over").AddXY(0, -40)) // above it is another message
	if got := s.ctrlC(); !strings.HasSuffix(got, "The quick brown fox jumps ") {
		t.Errorf("to above: %q", got)
	}
	if len(s.failed) > 0 || s.place().Kind != page.Nothing {
		t.Errorf("dragging did %v %v", s.failed, s.place())
	}
}

func TestSelectLinesAsTheyAreDrawn(t *testing.T) {
	long := "我把第二个网关也接上了，今天下午五点以后大家都可以试一下。如果断线，等一分钟再看，多半会自己连回来；还不行就告诉我，我去机房看看是哪一根线松了。"
	s, _, m := selectScene(t, modeltest.Line{Text: long}, modeltest.Line{Text: "family 👩‍👩‍👧‍👦 and e\u0301t\u0301 done"}, modeltest.Line{Text: "a\u202egnp.exe b"})
	begin := s.spot("我把")
	m.drag(begin.AddXY(-3, 0), begin.AddXY(30, 25))
	if got := s.ctrlC(); !strings.HasPrefix(long, got) || len(got) < 90 || s.marks() != 2 {
		t.Errorf("two lines of Chinese: %q, %d marks", got, s.marks())
	}
	m.rest()
	// An emoji of seven runes is there as a whole or not at all, wherever it is cut.
	emoji := s.spot("👩")
	for x := float32(-1); x < 24; x += 2 {
		m.rest()
		m.drag(s.spot("family"), emoji.AddXY(x, 0))
		if got := s.ctrlC(); got != "family " && got != "family 👩‍👩‍👧‍👦" && got != "family 👩‍👩‍👧‍👦 " && got != "family 👩‍👩‍👧‍👦 a" {
			t.Fatalf("at %v: %q", x, got)
		}
	}
	m.rest()
	accent := s.spot("e\u0301t")
	for x := float32(0); x < 12; x++ {
		m.rest()
		m.drag(s.spot("and"), accent.AddXY(x, 0))
		if got := s.ctrlC(); strings.HasSuffix(got, "e") || strings.HasSuffix(got, "t") {
			t.Fatalf("an accent is left behind: %q", got)
		}
	}
	m.rest()
	m.drag(s.spot("agnp"), s.behind("agnp")) // what turns the direction is not there any more
	if got := s.ctrlC(); got != "agnp" {
		t.Errorf("an override: %q", got)
	}
}

func TestSelectOverMessages(t *testing.T) {
	s, _, m := selectScene(t,
		modeltest.Line{Text: "First of mine, with words"}, modeltest.Line{Text: "The second\nhas two lines"}, modeltest.Line{Own: true, Text: "An answer", State: client.Delivered})
	m.drag(s.spot("with words"), s.behind("An"))
	now := s.host.Words.Moment(s.world.Now())
	want := "Noor, [" + now + "]\nwith words\n\nNoor, [" + now + "]\nThe second\nhas two lines\n\nMira, [" + now + "]\nAn"
	if got := s.ctrlC(); got != want {
		t.Errorf("copied\n%s\nnot\n%s", got, want)
	}
	if s.marks() != 4 {
		t.Errorf("%d marks, not one for each of four lines", s.marks())
	}
	// Beside a bubble one can begin too.
	m.rest()
	m.drag(s.spot("The second").AddXY(500, 0), s.behind("has two"))
	if got := s.ctrlC(); got != "\nhas two" {
		t.Errorf("from beside: %q", got)
	}
}

func TestSelectByClicks(t *testing.T) {
	text := "Don't ask example.org twice, 网关很快! 3.14"
	s, talk, m := selectScene(t, modeltest.Line{Text: text})
	twice := func(words string) string {
		t.Helper()
		m.rest()
		at := s.spot(words).AddXY(4, 0)
		m.click(at, 0)
		m.click(at, 0)
		return s.ctrlC()
	}
	for words, want := range map[string]string{"n't": "Don't", "org": "example.org", "twice": "twice", "关很": "网关很快", "14": "3.14"} {
		if got := twice(words); got != want {
			t.Errorf("two clicks at %q select %q", words, got)
		}
	}
	at := s.spot("ask").AddXY(4, 0)
	m.rest()
	for range 3 {
		m.click(at, 0)
	}
	if got := s.ctrlC(); got != text {
		t.Errorf("three clicks select %q", got)
	}
	m.rest()
	m.click(at, 0)
	s.world.Pass(600 * time.Millisecond)
	m.click(at, 0)
	if got := s.ctrlC(); got != "" || s.marks() != 0 {
		t.Errorf("two slow clicks select %q", got)
	}
	// Words go on by words.
	m.rest()
	m.click(at, 0)
	m.down(at, 0)
	m.move(s.spot("ice"))
	m.up()
	if got := s.ctrlC(); got != "ask example.org twice" {
		t.Errorf("dragging on after two clicks: %q", got)
	}
	m.rest()
	m.click(s.spot("example"), 0)
	m.click(s.behind("twice"), fyne.KeyModifierShift)
	if got := s.ctrlC(); got != "example.org twice" {
		t.Errorf("Shift: %q", got)
	}
	m.click(s.spot("ask"), fyne.KeyModifierShift)
	if got := s.ctrlC(); got != "ask " {
		t.Errorf("Shift to the other side: %q", got)
	}
	s.window.Canvas().Focus(talk.list)
	talk.list.TypedShortcut(&fyne.ShortcutSelectAll{})
	if got := s.ctrlC(); got != text {
		t.Errorf("Ctrl+A: %q", got)
	}
}

func TestSelectionEnds(t *testing.T) {
	s, talk, m := selectScene(t, modeltest.Line{Text: "Something to select"})
	pick := func() {
		t.Helper()
		m.rest()
		m.drag(s.spot("to select"), s.behind("select"))
		if s.ctrlC() != "to select" || s.window.Canvas().Focused() != talk.list {
			t.Fatalf("selected %q", s.copied)
		}
	}
	for what, ends := range map[string]func(){
		"Escape": s.escape, "a click": func() { m.rest(); m.click(s.spot("Something"), 0) },
		"a click beside":   func() { m.rest(); m.click(s.spot("Something").AddXY(500, 0), 0) },
		"a click on a day": func() { m.rest(); m.click(s.spot("Today"), 0) },
		"the composer":     func() { s.window.Canvas().Focus(talk.foot.editor) },
		"writing":          func() { talk.list.TypedRune('x') },
	} {
		pick()
		ends()
		s.window.Canvas().Focus(talk.list)
		if got := s.ctrlC(); got != "" || s.marks() != 0 {
			t.Errorf("after %s %q is selected", what, got)
		}
	}
	// With nothing selected Escape is the window's.
	escaped := 0
	s.window.Canvas().SetOnTypedKey(func(*fyne.KeyEvent) { escaped++ })
	if s.escape(); escaped != 1 {
		t.Error("Escape does not get to the window")
	}
	pick()
	if s.escape(); escaped != 1 {
		t.Error("Escape got to the window though something was selected")
	}
}

func TestSelectionStaysWithItsMessage(t *testing.T) {
	s, talk := talkScene(t, modeltest.Options{People: 2, Messages: 4000}, "Ada Adeyemi 0")
	m := &mouse{s: s}
	msg := s.world.Receive(talk.id, "Here are words to keep")
	m.drag(s.spot("words"), s.behind("words to keep"))
	holds := func(what string) {
		t.Helper()
		if got := s.ctrlC(); got != "words to keep" {
			t.Fatalf("after %s %q is selected", what, got)
		}
	}
	holds("dragging")
	s.world.Receive(talk.id, "A new one")
	s.world.ReceiveLine(talk.id, modeltest.Line{Own: true, Text: "and another", State: client.Queued})
	holds("new messages")
	n := talk.talk.Len()
	for range 20 {
		talk.list.Scrolled(&fyne.ScrollEvent{Scrolled: fyne.Delta{DY: 700}})
	}
	if talk.talk.Len() <= n || s.marks() != 0 {
		t.Fatalf("nothing came above, or %d marks are drawn on other rows", s.marks())
	}
	holds("scrolling and rows above")
	talk.list.Key(fyne.KeyEnd)
	if holds("coming back"); s.marks() != 1 {
		t.Errorf("%d marks", s.marks())
	}
	talk.talk.Erase(talk.talk.Key(index(talk, msg.ID)))
	if got := s.ctrlC(); got != "" || s.marks() != 0 {
		t.Errorf("of an erased message %q is selected", got)
	}
}

// index is the row of a message.
func index(t *Talk, id client.MessageID) int {
	for i := range t.talk.Len() {
		if t.talk.Row(i).ID == id {
			return i
		}
	}
	return -1
}

func TestSelectBeyondTheEdge(t *testing.T) {
	s, talk := talkScene(t, modeltest.Options{People: 2, Messages: 400}, "Ada Adeyemi 0")
	m := &mouse{s: s}
	s.world.Receive(talk.id, "The end of it")
	first, _, _ := talk.list.Seen()
	m.down(s.behind("end"), 0)
	m.move(fyne.NewPos(400, 300))
	if s.tick(); first != firstSeen(talk) {
		t.Fatal("it scrolls though the pointer is over it")
	}
	m.move(fyne.NewPos(400, -40)) // above the window
	for range 60 {
		s.tick()
	}
	if now := firstSeen(talk); now > first-20 {
		t.Fatalf("the first row seen is %d, before it was %d", now, first)
	}
	m.move(fyne.NewPos(400, 300))
	stays := firstSeen(talk)
	for range 5 {
		s.tick()
	}
	if firstSeen(talk) != stays {
		t.Error("it scrolls on though the pointer is back")
	}
	talk.list.Scrolled(&fyne.ScrollEvent{Scrolled: fyne.Delta{DY: 300}}) // with the button down
	m.up()
	text := s.ctrlC()
	if !strings.HasSuffix(text, "The end") || strings.Count(text, "[") < 20 {
		t.Errorf("selected: %.200q…", text)
	}
	m.move(fyne.NewPos(400, 2000))
	for range 5 {
		s.tick()
	}
	if s.ctrlC() != text {
		t.Error("the pointer selects on without its button")
	}
}

func firstSeen(t *Talk) int {
	first, _, _ := t.list.Seen()
	return first
}

func TestSelectionMenuAndActions(t *testing.T) {
	s, talk, m := selectScene(t, modeltest.Line{Text: "One to select"}, modeltest.Line{Text: "See zeroms:ABCDEFGHIJKLMNOP here"})
	m.drag(s.spot("to select"), s.behind("select"))
	test.TapSecondary(s.bubble("One to").(fyne.SecondaryTappable))
	if s.choose("Copy"); s.copied != "to select" {
		t.Errorf("the menu copied %q", s.copied)
	}
	test.TapSecondary(s.bubble("See zeroms").(fyne.SecondaryTappable))
	if s.choose("Copy"); s.copied != "See zeroms:ABCDEFGHIJKLMNOP here" {
		t.Errorf("the menu of another message copied %q", s.copied)
	}
	m.rest()
	m.drag(s.spot("Add this"), s.spot("See zeroms").AddXY(-2, 0))
	if s.place().Kind != page.Nothing || s.ctrlC() != "See zeroms:ABCDEFGHIJKLMNOP here" {
		t.Errorf("dragging over it opened %+v; selected is %q", s.place(), s.copied)
	}
	m.rest()
	m.click(s.spot("Add this").AddXY(5, 0), 0)
	if want := (page.Place{Kind: page.Add, Text: "zeroms:ABCDEFGHIJKLMNOP"}); s.place() != want {
		t.Errorf("a click opened %+v", s.place())
	}
	long := strings.Repeat("A line of a long text\n", 300) + "the end"
	s.world.Receive(talk.id, long)
	m.rest()
	for range 3 {
		m.click(fyne.NewPos(60, 400), 0)
	}
	if got := s.ctrlC(); got != long {
		t.Errorf("of a text that is shown in part %d bytes are copied", len(got))
	}
}

func TestPointerOverABubble(t *testing.T) {
	s, _, m := selectScene(t, modeltest.Line{Text: "See zeroms:ABCDEFGHIJKLMNOP here"})
	over := func(at fyne.Position) desktop.Cursor {
		t.Helper()
		m.at = at
		o, in := m.under(at, func(o fyne.CanvasObject) bool { _, ok := o.(desktop.Hoverable); return ok })
		o.(desktop.Hoverable).MouseMoved(m.event(in, 0, 0))
		return o.(desktop.Cursorable).Cursor()
	}
	for words, want := range map[string]desktop.Cursor{"zeroms": desktop.TextCursor, "Add this": desktop.PointerCursor} {
		if got := over(s.spot(words)); got != want {
			t.Errorf("over %q the pointer is %v", words, got)
		}
	}
	if got := over(s.spot("Add this").AddXY(0, 22)); got != desktop.DefaultCursor {
		t.Errorf("below all text the pointer is %v", got)
	}
}

// TestSelectionLooks draws selections in both kinds of bubbles, and asserts that what is
// selected can be read and seen.
func TestSelectionLooks(t *testing.T) {
	for name, look := range looks() {
		t.Run(name, func(t *testing.T) {
			s := newScene(t, modeltest.Options{}, look)
			noor := s.world.ID("Noor")
			s.world.ReceiveLine(noor, modeltest.Line{Text: "The second gateway is up since this morning. 😀 It keeps what comes while we sleep, and nobody can see behind which one I am."})
			s.world.ReceiveLine(noor, modeltest.Line{Own: true, Text: "收到。我也加了两个，谁都看不出我在哪一个后面；公共的那台做离线代理，家里那台放在路由器后面。\n\nمرحبا بالعالم", State: client.Read})
			talk := s.talkTo(noor)
			m := &mouse{s: s}
			m.drag(s.spot("gateway is"), s.behind("مرحبا بالعالم"))
			if s.marks() < 4 {
				t.Errorf("%d marks", s.marks())
			}
			s.shoot("select-" + name)
			for _, ground := range []theme.Name{theme.OwnBubble, theme.OtherBubble} {
				mark := over(theme.Color("zms-selection"), theme.Color(ground))
				if c := contrast(luminance(theme.Color(theme.Text)), mark); c < 4.5 {
					t.Errorf("text on what is selected of %s has a contrast of %.2f", ground, c)
				}
				if c := contrast(luminance(theme.Color(ground)), mark); c < 1.25 {
					t.Errorf("what is selected of %s differs by %.2f", ground, c)
				}
			}
			talk.pick.Clear()
		})
	}
}

// channels are red, green and blue, 0 to 1, with their opacity.
func channels(c interface{ RGBA() (r, g, b, a uint32) }) [4]float64 {
	r, g, b, a := c.RGBA()
	return [4]float64{float64(r) / 0xffff, float64(g) / 0xffff, float64(b) / 0xffff, float64(a) / 0xffff}
}

func luminance(c interface{ RGBA() (r, g, b, a uint32) }) float64 { return light(channels(c)) }

// over is the luminance of a colour laid over another one.
func over(top, ground interface{ RGBA() (r, g, b, a uint32) }) float64 {
	t, g := channels(top), channels(ground)
	for i := range 3 {
		t[i] += g[i] * (1 - t[3])
	}
	return light(t)
}

// light is the relative luminance of WCAG 2.
func light(c [4]float64) (sum float64) {
	for i, weight := range []float64{0.2126, 0.7152, 0.0722} {
		v := c[i] / 12.92
		if c[i] > 0.03928 {
			v = math.Pow((c[i]+0.055)/1.055, 2.4)
		}
		sum += weight * v
	}
	return sum
}

func contrast(a, b float64) float64 { return (max(a, b) + 0.05) / (min(a, b) + 0.05) }

// TestMidnight lets a day pass while nothing happens.
func TestMidnight(t *testing.T) {
	s, talk := talkScene(t, modeltest.Options{}, "Noor")
	s.world.Receive(talk.id, "Just now")
	l := NewList(s.host)
	defer l.Close()
	s.show(l.Object(), 320, 740)
	at := s.host.Words.Clock(s.world.Now())
	s.reads(at)
	s.show(talk.Object(), 860, 740)
	s.reads("Today")
	now := s.world.Now().Local()
	y, month, d := now.Date()
	s.world.Pass(time.Date(y, month, d+1, 0, 0, 0, 0, time.Local).Sub(now) - time.Second)
	s.tick()
	s.reads("Today")
	s.world.Pass(2 * time.Second)
	s.tick()
	s.readsNot("Today")
	s.reads("Yesterday")
	s.show(l.Object(), 320, 740)
	s.readsNot(at)
	s.world.Pass(24 * time.Hour)
	s.tick()
	s.show(talk.Object(), 860, 740)
	s.readsNot("Yesterday")
	talk.Close()
	s.world.Pass(24 * time.Hour)
	s.tick()
}
