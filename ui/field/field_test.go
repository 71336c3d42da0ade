package field

import (
	"slices"
	"strings"
	"testing"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/driver/desktop"
	"fyne.io/fyne/v2/test"

	"zeroms/ui/arrange"
	"zeroms/ui/inspect"
	"zeroms/ui/model"
	"zeroms/ui/theme"
)

// show puts fields below each other into a window of a width.
func show(t *testing.T, width float32, objects ...fyne.CanvasObject) fyne.Window {
	t.Helper()
	test.NewTempApp(t).Settings().SetTheme(theme.New(model.Look{Scheme: model.SchemeLight}))
	window := test.NewTempWindow(t, arrange.NewStack(0, objects...))
	window.SetPadded(false)
	window.Resize(fyne.NewSize(width, 400))
	return window
}

func TestTyping(t *testing.T) {
	var changes, submitted []string
	f := New("name", "Your name")
	f.SetOnChanged(func(text string) { changes = append(changes, text) })
	f.OnSubmitted = func(text string) { submitted = append(submitted, text) }
	window := show(t, 300, f)
	if got := inspect.Texts(window.Content()); !slices.Contains(got, "Your name") {
		t.Errorf("an empty field shows %q", got)
	}
	test.Type(f, "林 L")
	f.TypedKey(&fyne.KeyEvent{Name: fyne.KeyBackspace})
	f.TypedKey(&fyne.KeyEvent{Name: fyne.KeyReturn})
	if want := []string{"林", "林 ", "林 L", "林 "}; !slices.Equal(changes, want) || !slices.Equal(submitted, []string{"林 "}) {
		t.Errorf("%q, submitted %q", changes, submitted)
	}
	if got := inspect.Texts(window.Content()); !slices.Contains(got, "林 ") || slices.Contains(got, "Your name") {
		t.Errorf("a written field shows %q", got)
	}
	if got := inspect.Controls(window.Content()); len(got) != 1 || got[0].Text != "林 " || got[0].Focused {
		t.Errorf("a driver sees %+v", got)
	}
	f.SetText("")
	if f.Text != "" || len(changes) != 5 {
		t.Errorf("%q after %q", f.Text, changes)
	}
}

func TestSecretIsNotShown(t *testing.T) {
	f := NewSecret("pass", "Passphrase")
	window := show(t, 300, f)
	test.Type(f, "hunter2")
	for _, text := range inspect.Texts(window.Content()) {
		if strings.Contains(text, "hunter") {
			t.Errorf("%q is shown", text)
		}
	}
	window.Canvas().Focus(f)
	if got := inspect.Controls(window.Content()); len(got) != 1 || got[0].Text != "" || !got[0].Focused {
		t.Errorf("a driver sees %+v", got)
	}
	if f.Text != "hunter2" {
		t.Errorf("%q was typed", f.Text)
	}
}

func TestOnKey(t *testing.T) {
	var keys []fyne.KeyName
	a := NewArea("text", "")
	sends := true
	a.OnKey = func(k *fyne.KeyEvent) bool {
		keys = append(keys, k.Name)
		return sends && k.Name == fyne.KeyReturn
	}
	show(t, 300, a)
	test.Type(a, "one")
	a.TypedKey(&fyne.KeyEvent{Name: fyne.KeyReturn})
	if a.Text != "one" {
		t.Errorf("a key that was used changed the text: %q", a.Text)
	}
	sends = false
	a.TypedKey(&fyne.KeyEvent{Name: fyne.KeyReturn})
	test.Type(a, "two")
	if a.Text != "one\ntwo" {
		t.Errorf("%q", a.Text)
	}
	a.TypedShortcut(&desktop.CustomShortcut{KeyName: fyne.KeyReturn, Modifier: fyne.KeyModifierControl})
	if want := []fyne.KeyName{fyne.KeyReturn, fyne.KeyReturn, fyne.KeyReturn}; !slices.Equal(keys, want) {
		t.Errorf("the keys %v were heard of", keys)
	}
}

func TestAreaGrows(t *testing.T) {
	a := NewArea("text", "")
	grown := 0
	a.OnRows = func() { grown++ }
	window := show(t, 300, a)
	if a.MinSize().Height != 40 {
		t.Errorf("an empty area is %v high", a.MinSize())
	}
	last := a.MinSize().Height
	for rows := 2; rows <= 8; rows++ {
		a.SetText(strings.Repeat("line\n", rows-1) + "end")
		window.Resize(fyne.NewSize(300+float32(rows), 400))
		if height := a.MinSize().Height; height <= last || a.Rows() != rows {
			t.Errorf("%d rows are %v high, %d are shown", rows, height, a.Rows())
		}
		last = a.MinSize().Height
	}
	a.SetText(strings.Repeat("line\n", 100))
	if a.MinSize().Height != last || grown != 8 {
		t.Errorf("a hundred rows are %v high, told %d times", a.MinSize().Height, grown)
	}
	a.SetText(strings.Repeat("wrapped words ", 10))
	if rows := a.Rows(); rows < 4 || rows > 6 {
		t.Errorf("long words take %d rows", rows)
	}
	a.SetRows(3, 6)
	a.SetText("")
	if a.Rows() != 3 {
		t.Errorf("at least 3 rows: %d", a.Rows())
	}
}

type clipboard string

func (c clipboard) Content() string   { return string(c) }
func (c clipboard) SetContent(string) {}

// TestPasteReplacesWhatIsSelected: also where nothing else would have room.
func TestPasteReplacesWhatIsSelected(t *testing.T) {
	f := New("field", "")
	show(t, 300, f)
	full := 0
	f.OnFull = func() { full++ }
	f.SetText(strings.Repeat("x", maxField))
	f.TypedShortcut(&fyne.ShortcutSelectAll{})
	if paste(f, "another"); f.Text != "another" || full != 0 {
		t.Errorf("%.20q of %d bytes, full %d times", f.Text, len(f.Text), full)
	}
	f.TypedShortcut(&fyne.ShortcutSelectAll{})
	if paste(f, ""); f.Text != "another" {
		t.Errorf("pasting nothing leaves %q", f.Text)
	}
	f.TypedShortcut(&fyne.ShortcutSelectAll{})
	if paste(f, strings.Repeat("y", 5000)); f.Text != strings.Repeat("y", maxField) || full != 1 {
		t.Errorf("%.20q of %d bytes, full %d times", f.Text, len(f.Text), full)
	}
}

func paste(f *Field, text string) { f.TypedShortcut(&fyne.ShortcutPaste{Clipboard: clipboard(text)}) }

func TestFull(t *testing.T) {
	a, f := NewArea("text", ""), New("line", "")
	full := 0
	a.OnFull, f.OnFull = func() { full++ }, func() { full++ }
	show(t, 300, a, f)
	paste(a, strings.Repeat("零", MaxArea))
	if len(a.Text) > MaxArea || len(a.Text) < MaxArea-3 || full != 1 || strings.ContainsRune(a.Text, '\ufffd') {
		t.Errorf("%d bytes are left of too many, told %d times", len(a.Text), full)
	}
	test.Type(a, "零")
	if len(a.Text) > MaxArea || full != 2 {
		t.Errorf("a full area takes more: %d bytes, told %d times", len(a.Text), full)
	}
	a.SetText(strings.Repeat("\n", 32<<10))
	if lines := strings.Count(a.Text, "\n") + 1; lines != MaxAreaLines || full != 3 {
		t.Errorf("%d lines, told %d times", lines, full)
	}
	a.TypedKey(&fyne.KeyEvent{Name: fyne.KeyReturn})
	if lines := strings.Count(a.Text, "\n") + 1; lines != MaxAreaLines || full != 4 {
		t.Errorf("%d lines, told %d times", lines, full)
	}
	a.SetText("some ")
	paste(a, "thing")
	a.ToEnd()
	paste(a, "!")
	if a.Text != "thingsome !" {
		t.Errorf("%q", a.Text)
	}
	paste(f, strings.Repeat("x", 1<<20))
	if len(f.Text) != maxField || full != 5 {
		t.Errorf("%d bytes in a line, told %d times", len(f.Text), full)
	}
	f.SetText("one")
	paste(f, "\ntwo\n")
	if strings.Contains(f.Text, "\n") {
		t.Errorf("%q is one line", f.Text)
	}
}

// TestKeysStayQuick types into the longest texts that an area takes.
func TestKeysStayQuick(t *testing.T) {
	for name, text := range map[string]string{
		"newlines": strings.Repeat("\n", 32<<10), "hanzi": strings.Repeat("零毫秒，", MaxArea), "words": strings.Repeat("some words ", MaxArea), "one word": strings.Repeat("x", MaxArea),
	} {
		a := NewArea("text", "")
		window := show(t, 400, a)
		a.SetText(text)
		a.ToEnd()
		a.TypedKey(&fyne.KeyEvent{Name: fyne.KeyBackspace})
		window.Canvas().Capture()
		best := time.Hour
		for range 5 {
			a.TypedKey(&fyne.KeyEvent{Name: fyne.KeyBackspace})
			began := time.Now()
			a.TypedRune('x')
			best = min(best, time.Since(began))
		}
		t.Logf("%s: %v", name, best)
		if best > 400*time.Millisecond {
			t.Errorf("%s: a key takes %v", name, best)
		}
	}
}

func TestTextIsWhereThePointerIs(t *testing.T) {
	f := New("name", "")
	window := show(t, 300, f)
	f.SetText("abcdefgh")
	window.Canvas().Focus(f)
	for _, column := range []int{0, 4, 8} {
		x := theme.Px(16) + fyne.MeasureText("abcdefgh"[:column], 14, fyne.TextStyle{}).Width
		f.MouseDown(&desktop.MouseEvent{PointEvent: fyne.PointEvent{Position: fyne.NewPos(x+1, 20)}, Button: desktop.MouseButtonPrimary})
		if f.CursorColumn != column {
			t.Errorf("a click before letter %d puts the cursor before %d", column, f.CursorColumn)
		}
	}
}

// TestPillIsBare looks for the bars and shadows of Fyne's scroller, which have no place
// in a pill.
func TestPillIsBare(t *testing.T) {
	f, a := New("line", ""), NewArea("text", "")
	window := show(t, 200, f, a)
	f.SetText(strings.Repeat("long ", 100))
	window.Canvas().Focus(f)
	f.ToEnd()
	for field, parts := range map[*Field]int{f: 1, a: 2} {
		scroller := inspect.Children(field)[2]
		if got := len(inspect.Children(scroller)); got != parts {
			t.Errorf("%s: the scroller is drawn of %d parts", field.ID(), got)
		}
	}
	if problems := inspect.Overflows(window.Content()); len(problems) != 0 {
		t.Errorf("a long text in a field is no fault: %q", problems)
	}
}
