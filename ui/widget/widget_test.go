package widget

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/driver/desktop"
	"fyne.io/fyne/v2/test"

	"zeroms/ui/lines"
	"zeroms/ui/model"
	"zeroms/ui/theme"
)

// show puts objects below each other into a window of a width.
func show(t *testing.T, width float32, objects ...fyne.CanvasObject) fyne.Window {
	t.Helper()
	test.NewTempApp(t).Settings().SetTheme(theme.New(model.Look{Scheme: model.SchemeLight}))
	window := test.NewTempWindow(t, NewStack(0, objects...))
	window.SetPadded(false)
	window.Resize(fyne.NewSize(width, 400))
	return window
}

func TestPressing(t *testing.T) {
	pressed := []string{}
	press := func(name string) func() { return func() { pressed = append(pressed, name) } }
	button := NewButton("b", "Create", Primary, press("button"))
	icon := NewIconButton("i", "search", "Search", press("icon"))
	row := NewRow("r", "Lin Wei", "hello", press("row"))
	menu := NewMenuRow("m", "settings", "Settings", press("menu"))
	header := NewHeader("Lin Wei", "")
	header.OnTap, header.OnBack = press("header"), press("back")
	header.SetNarrow(true)
	window := show(t, 400, button, icon, row, menu, header)
	for _, o := range []fyne.Tappable{button, icon, row, menu, header} {
		test.Tap(o)
	}
	test.Tap(Find(window.Content(), "back").(fyne.Tappable))
	if want := []string{"button", "icon", "row", "menu", "header", "back"}; !slices.Equal(pressed, want) {
		t.Errorf("tapping pressed %v", pressed)
	}
	pressed = nil
	button.Disable()
	test.Tap(button)
	window.Canvas().Focus(button)
	button.TypedKey(&fyne.KeyEvent{Name: fyne.KeyReturn})
	if len(pressed) != 0 || !button.Disabled() {
		t.Errorf("a button that can't be used pressed %v", pressed)
	}
	button.Enable()
	for _, k := range []fyne.KeyName{fyne.KeyReturn, fyne.KeyEnter, fyne.KeySpace, fyne.KeyA} {
		button.TypedKey(&fyne.KeyEvent{Name: k})
	}
	if len(pressed) != 3 {
		t.Errorf("Enter, Enter and Space pressed %v", pressed)
	}
}

func TestTabOrder(t *testing.T) {
	field := NewField("one", "")
	area := NewArea("two", "")
	window := show(t, 400, field, area, NewButton("three", "OK", Primary, nil), NewSwitch("four", "On", "", false, nil), NewChoice("five", "", []string{"a", "b"}, 0, nil))
	var order []string
	for range 6 {
		window.Canvas().FocusNext()
		order = append(order, window.Canvas().Focused().(Named).ID())
	}
	if want := []string{"one", "two", "three", "four", "five.0", "five.1"}; !slices.Equal(order, want) {
		t.Errorf("Tab goes through %v", order)
	}
	if area.AcceptsTab() {
		t.Error("Tab does not leave an area")
	}
}

func TestLooks(t *testing.T) {
	button := NewButton("b", "Create", Primary, func() {})
	show(t, 400, button)
	calm := button.plate.FillColor
	button.MouseIn(&desktop.MouseEvent{})
	if button.plate.FillColor == calm {
		t.Error("a button under the pointer looks as before")
	}
	button.MouseOut()
	if button.plate.FillColor != calm || button.plate.StrokeWidth != 0 {
		t.Error("a button that was left does not look as before")
	}
	button.FocusGained()
	if button.plate.StrokeWidth == 0 {
		t.Error("the focus is not seen")
	}
	fyne.CurrentApp().Settings().SetTheme(theme.New(model.Look{Scheme: model.SchemeDark}))
	button.Refresh()
	if button.plate.FillColor == calm {
		t.Error("a button does not follow the theme")
	}
}

func TestCut(t *testing.T) {
	long := strings.Repeat("很长的名字 and more ", 40)
	cut, plain := NewCut(long, Body), NewText("short", Body)
	fits := NewText(long, Body)
	window := show(t, 200, cut, plain, fits)
	for _, text := range []*Text{cut, fits} {
		if shown := text.Shown(); !strings.HasSuffix(shown, "…") || text.measure(shown).Width > 200 || text.measure(shown).Width < 170 {
			t.Errorf("%q is shown", shown)
		}
	}
	if plain.Shown() != "short" {
		t.Errorf("%q is cut", plain.Shown())
	}
	problems := Overflows(window.Content())
	if len(problems) != 1 || !strings.Contains(problems[0], "is cut") {
		t.Errorf("what overflows: %q", problems)
	}
	window.Resize(fyne.NewSize(100, 400))
	if cut.measure(cut.Shown()).Width > 100 {
		t.Error("a narrower window does not cut more")
	}
	cut.SetText("two\nlines\tand a tab")
	if cut.Shown() != "two lines and a…" && !strings.HasPrefix("two lines and a tab", strings.TrimSuffix(cut.Shown(), "…")) {
		t.Errorf("%q", cut.Shown())
	}
	family := strings.Repeat("👨‍👩‍👧‍👦e\u0301", 100)
	cut.SetText(family)
	if shown := strings.TrimSuffix(cut.Shown(), "…"); !strings.HasPrefix(family, shown) || strings.HasSuffix(shown, "\u200d") {
		t.Errorf("cut within a letter: %q", shown)
	}
}

// TestHugeTexts gives widgets more than anybody writes; each must take it at once.
func TestHugeTexts(t *testing.T) {
	text, paragraph, button := NewCut("", Body), NewParagraph("", Body), NewButton("b", "", Plain, nil)
	show(t, 300, text, paragraph, button)
	for name, huge := range map[string]string{
		"letters": strings.Repeat("x", 1<<20), "newlines": strings.Repeat("\n", 32<<10), "zalgo": "a" + strings.Repeat("\u0301\u0327", 1<<16), "emoji": strings.Repeat("😀", 1<<14), "hanzi": strings.Repeat("零", 1<<16),
	} {
		began := time.Now()
		text.SetText(huge)
		paragraph.SetText(huge)
		button.SetText(huge)
		t.Logf("%s: %v", name, time.Since(began))
		if took := time.Since(began); took > 3*time.Second {
			t.Errorf("%s took %v", name, took)
		}
		if n := len([]rune(text.Text())); n > lines.Most {
			t.Errorf("%s: a line has %d runes", name, n)
		}
	}
}

func TestHeightsFollowWidths(t *testing.T) {
	long := strings.Repeat("some words and ", 20)
	paragraph := NewParagraph(long, Body)
	below := NewButton("b", "Below", Plain, nil)
	panel := NewPanel(NewStack(8, paragraph, NewSwitch("s", "Title", long, true, nil), NewNotice(long, GapNotice), below))
	window := show(t, 600, panel)
	check := func(when string) {
		t.Helper()
		driver := fyne.CurrentApp().Driver()
		if at := driver.AbsolutePositionForObject(below); at.Y < driver.AbsolutePositionForObject(paragraph).Y+paragraph.step*float32(len(paragraph.lines)) {
			t.Errorf("%s: the button is at %v, over the text", when, at)
		}
		if end := below.Position().Y + below.Size().Height; end > panel.Size().Height {
			t.Errorf("%s: the button ends at %v in a panel of %v", when, end, panel.Size())
		}
		for _, problem := range Overflows(window.Content()) {
			t.Errorf("%s: %s", when, problem)
		}
	}
	wide := len(paragraph.lines)
	check("wide")
	window.Resize(fyne.NewSize(300, 400))
	check("narrow")
	if len(paragraph.lines) <= wide {
		t.Errorf("%d lines became %d", wide, len(paragraph.lines))
	}
	window.Resize(fyne.NewSize(600, 400))
	check("wide again")
	if len(paragraph.lines) != wide {
		t.Errorf("%d lines became %d", wide, len(paragraph.lines))
	}
}

func TestScroll(t *testing.T) {
	test.NewTempApp(t).Settings().SetTheme(theme.New(model.Look{}))
	last := NewButton("last", "Last", Plain, nil)
	scroll := NewScroll(NewColumn(500, NewParagraph(strings.Repeat("many words ", 200), Body), last))
	window := test.NewTempWindow(t, scroll)
	window.SetPadded(false)
	window.Resize(fyne.NewSize(300, 200))
	if scroll.Content.Size().Height < 400 {
		t.Errorf("the content is %v high", scroll.Content.Size())
	}
	if Find(scroll, "last") == nil {
		t.Fatal("there is no button")
	}
	if found := Controls(window.Content()); len(found) != 0 {
		t.Errorf("what can't be seen yet is at %v", found)
	}
	scroll.ScrollToBottom()
	if found := Controls(window.Content()); len(found) != 1 || found[0].ID != "last" || found[0].Y < 100 || found[0].Y+found[0].H > 200 {
		t.Errorf("after scrolling it is at %v", found)
	}
}

func TestControls(t *testing.T) {
	hidden := NewButton("hidden", "x", Plain, nil)
	hidden.Hide()
	inner := container.NewHBox(NewButton("one", "1", Plain, nil), NewButton("two", "2", Plain, nil))
	inner.Hide()
	field := NewField("text", "Write")
	window := show(t, 300, NewButton("first", "First", Plain, nil), hidden, inner, field)
	found := Controls(window.Content())
	if len(found) != 2 || found[0] != (Control{ID: "first", W: 300, H: 40}) || found[1] != (Control{ID: "text", Y: 40, W: 300, H: 40}) {
		t.Errorf("%v", found)
	}
	if got := Texts(window.Content()); !slices.Equal(got, []string{"First", "Write"}) {
		t.Errorf("what is read: %q", got)
	}
	if Find(window.Content(), "nobody") != nil || Find(nil, "nobody") != nil {
		t.Error("something was found that is not there")
	}
}

func TestSwitchAndChoice(t *testing.T) {
	var said []string
	s := NewSwitch("s", "Title", "", false, func(on bool) { said = append(said, fmt.Sprint(on)) })
	c := NewChoice("c", "Colour", []string{"As the system", "Light", "Dark"}, 0, func(at int) { said = append(said, fmt.Sprint(at)) })
	window := show(t, 300, s, c)
	test.Tap(s)
	test.Tap(Find(window.Content(), "c.2").(fyne.Tappable))
	test.Tap(Find(window.Content(), "c.2").(fyne.Tappable))
	s.TypedKey(&fyne.KeyEvent{Name: fyne.KeySpace})
	if want := []string{"true", "2", "false"}; !slices.Equal(said, want) || s.On() || c.At() != 2 {
		t.Errorf("%v, %v, %v", said, s.On(), c.At())
	}
	s.SetOn(true)
	c.SetAt(1)
	if len(said) != 3 || !s.On() || c.At() != 1 {
		t.Errorf("setting told: %v", said)
	}
}

func TestHints(t *testing.T) {
	test.NewTempApp(t).Settings().SetTheme(theme.New(model.Look{}))
	button := NewIconButton("i", "search", "Search messages", nil)
	layer := NewLayer(container.NewBorder(container.NewHBox(button), nil, nil, nil))
	window := test.NewTempWindow(t, layer)
	window.SetPadded(false)
	window.Resize(fyne.NewSize(200, 100))
	button.MouseIn(&desktop.MouseEvent{}) // the test's driver has no time: it shows at once
	if layer.Shown() != "Search messages" {
		t.Errorf("%q is shown", layer.Shown())
	}
	if x := layer.plate.Position().X; x < 0 || x+layer.plate.Size().Width > 200 || layer.plate.Position().Y < 40 {
		t.Errorf("the hint is at %v, %v", layer.plate.Position(), layer.plate.Size())
	}
	button.MouseOut()
	if layer.Shown() != "" || layer.plate.Visible() {
		t.Error("the hint stays")
	}
}

func TestQR(t *testing.T) {
	q := NewQR(200)
	window := show(t, 300, q)
	if q.draw(100, 100).At(50, 50) != q.draw(100, 100).At(0, 0) {
		t.Error("an empty code is not empty")
	}
	q.SetText("ZMS:AEB4Q7ZK2M5T")
	picture := q.draw(192, 192)
	black := 0
	for y := range 192 {
		for x := range 192 {
			if r, _, _, _ := picture.At(x, y).RGBA(); r == 0 {
				black++
			}
		}
	}
	if black < 192*192/6 {
		t.Errorf("%d pixels are black", black)
	}
	window.Canvas().Capture()
	q.SetText(strings.Repeat("x", 5000))
	if r, _, _, _ := q.draw(192, 192).At(96, 96).RGBA(); r == 0 {
		t.Error("what fits no code is drawn")
	}
}

func TestBadge(t *testing.T) {
	b := NewBadge(0)
	show(t, 300, b)
	if b.plate.Visible() || b.MinSize().Width != 0 {
		t.Error("a badge without a number is seen")
	}
	b.Set(12, false)
	bright := b.plate.FillColor
	if !b.plate.Visible() || b.text.Text != "12" {
		t.Errorf("%q", b.text.Text)
	}
	b.Set(4812, true)
	if b.text.Text != "999+" || b.plate.FillColor == bright {
		t.Errorf("%q", b.text.Text)
	}
}
