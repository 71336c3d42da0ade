package chat

import (
	"math/rand/v2"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/driver/desktop"
	"fyne.io/fyne/v2/test"

	"zeroms/ui/theme"
	w "zeroms/ui/widget"
)

// written is an editor of a width with a text.
func written(t *testing.T, width float32, text string) *editor {
	t.Helper()
	test.NewTempApp(t)
	now := time.Unix(0, 0)
	e := newEditor("e", "Write", func() time.Time {
		now = now.Add(50 * time.Millisecond)
		return now
	})
	win := test.NewTempWindow(t, e)
	win.SetPadded(false)
	win.Resize(fyne.NewSize(width, 200))
	e.grown = func() { e.Resize(fyne.NewSize(width, e.MinSize().Height)) }
	e.grown()
	win.Canvas().Focus(e)
	e.SetText(text)
	return e
}

// holds asserts the text, with | for the caret and [ ] around a selection.
func (e *editor) holds(t *testing.T, want string) {
	t.Helper()
	from, to := e.selected()
	got := e.text[:to] + "]" + e.text[to:]
	got = got[:from] + "[" + got[from:]
	if from == to {
		got = e.text[:from] + "|" + e.text[from:]
	}
	if got != want {
		t.Fatalf("it holds %q, not %q", got, want)
	}
}

func (e *editor) shortcut(name fyne.KeyName, mod fyne.KeyModifier) {
	e.TypedShortcut(&desktop.CustomShortcut{KeyName: name, Modifier: mod})
}

func TestEditorKeys(t *testing.T) {
	const ctrl, shift = fyne.KeyModifierControl, fyne.KeyModifierShift
	e := written(t, 600, "")
	test.Type(e, "Hello wörld")
	e.holds(t, "Hello wörld|")
	press(e, fyne.KeyLeft)
	press(e, fyne.KeyBackspace)
	e.holds(t, "Hello wör|d")
	press(e, fyne.KeyDelete)
	e.holds(t, "Hello wör|")
	e.shortcut(fyne.KeyLeft, ctrl)
	e.holds(t, "Hello |wör")
	e.shortcut(fyne.KeyRight, ctrl|shift)
	e.holds(t, "Hello [wör]")
	test.Type(e, "x")
	e.holds(t, "Hello x|")
	press(e, fyne.KeyReturn)
	test.Type(e, "second line")
	press(e, fyne.KeyHome)
	e.holds(t, "Hello x\n|second line")
	press(e, fyne.KeyUp)
	e.holds(t, "|Hello x\nsecond line")
	press(e, fyne.KeyEnd)
	press(e, fyne.KeyDown)
	e.shortcut(fyne.KeyBackspace, ctrl)
	if !strings.HasPrefix(e.Text(), "Hello x\n") || strings.HasPrefix(e.Text(), "Hello x\nsecond") {
		t.Fatalf("it holds %q", e.Text())
	}
	e.KeyDown(&fyne.KeyEvent{Name: desktop.KeyShiftLeft})
	e.shortcut(fyne.KeyHome, ctrl|shift)
	e.KeyUp(&fyne.KeyEvent{Name: desktop.KeyShiftLeft})
	press(e, fyne.KeyLeft)
	if from, to := e.selected(); from != 0 || to != 0 {
		t.Fatalf("Left leaves %d to %d selected", from, to)
	}
	e.SetText("👩‍👩‍👧é")
	press(e, fyne.KeyLeft)
	e.holds(t, "👩‍👩‍👧|é")
	press(e, fyne.KeyBackspace)
	e.holds(t, "|é")
}

func TestEditorUndo(t *testing.T) {
	e := written(t, 600, "")
	test.Type(e, "one two")
	e.TypedShortcut(&fyne.ShortcutSelectAll{})
	press(e, fyne.KeyDelete)
	e.holds(t, "|")
	e.TypedShortcut(&fyne.ShortcutUndo{})
	e.holds(t, "[one two]")
	e.TypedShortcut(&fyne.ShortcutUndo{})
	e.TypedShortcut(&fyne.ShortcutUndo{})
	e.TypedShortcut(&fyne.ShortcutUndo{})
	e.holds(t, "|")
	e.TypedShortcut(&fyne.ShortcutUndo{})
	for range 4 {
		e.TypedShortcut(&fyne.ShortcutRedo{})
	}
	e.holds(t, "|")
	e.shortcut(fyne.KeyZ, fyne.KeyModifierControl|fyne.KeyModifierShift)
	e.holds(t, "|")
}

func TestEditorClipboard(t *testing.T) {
	e := written(t, 600, "keep this")
	c := test.NewClipboard()
	e.selectWord(0)
	e.TypedShortcut(&fyne.ShortcutCopy{Clipboard: c})
	if c.Content() != "keep" {
		t.Errorf("copied: %q", c.Content())
	}
	e.TypedShortcut(&fyne.ShortcutCut{Clipboard: c})
	e.holds(t, "| this")
	c.SetContent("a\r\nb\x00\u202ec\ufeff\xff")
	e.TypedShortcut(&fyne.ShortcutPaste{Clipboard: c})
	e.holds(t, "a\nbc| this")
	c.SetContent("")
	e.TypedShortcut(&fyne.ShortcutPaste{Clipboard: c})
	e.holds(t, "a\nbc| this")
	c.SetContent(strings.Repeat("好", bufferBytes))
	e.TypedShortcut(&fyne.ShortcutPaste{Clipboard: c})
	if len(e.Text()) > bufferBytes || !utf8.ValidString(e.Text()) || !strings.HasSuffix(e.Text(), " this") {
		t.Errorf("%d bytes", len(e.Text()))
	}
}

func TestEditorMouse(t *testing.T) {
	e := written(t, 600, "some words here\nand more")
	at := func(text string) fyne.Position {
		i := strings.Index(e.text, text)
		row := e.lineAt(i)
		return fyne.NewPos(theme.Px(editorSide)+e.x(e.lines[row], i)+1, theme.Px(editorOver)+float32(row)*e.measure.Height()+4)
	}
	click := func(p fyne.Position) {
		e.MouseDown(&desktop.MouseEvent{PointEvent: fyne.PointEvent{Position: p}, Button: desktop.MouseButtonPrimary})
		e.MouseUp(nil)
	}
	click(at("words"))
	e.holds(t, "some |words here\nand more")
	click(at("words"))
	e.holds(t, "some [words] here\nand more")
	click(at("words"))
	e.holds(t, "[some words here\nand more]")
	e.clicked = time.Time{}
	click(at("more"))
	e.holds(t, "some words here\nand |more")
	e.Dragged(&fyne.DragEvent{PointEvent: fyne.PointEvent{Position: at("here")}})
	e.DragEnd()
	e.holds(t, "some words [here\nand ]more")
}

func TestEditorGrowsAndScrolls(t *testing.T) {
	grown := 0
	e := written(t, 300, "")
	e.grown = func() {
		grown++
		e.Resize(fyne.NewSize(300, e.MinSize().Height))
	}
	low := e.MinSize().Height
	for range 30 {
		press(e, fyne.KeyReturn)
		test.Type(e, "line")
	}
	if high := e.MinSize().Height; grown < 7 || high < 4*low || high > 8*low {
		t.Errorf("it grew %d times, from %v to %v", grown, low, high)
	}
	shown := func() (n int) {
		for _, text := range w.Texts(e) {
			if text == "line" {
				n++
			}
		}
		return n
	}
	if n := shown(); n < 7 || n > 10 {
		t.Errorf("%d lines are drawn", n)
	}
	e.shortcut(fyne.KeyHome, fyne.KeyModifierControl)
	if e.scroll != 0 {
		t.Errorf("the caret at the beginning leaves it at %v", e.scroll)
	}
	e.Scrolled(&fyne.ScrollEvent{Scrolled: fyne.Delta{DY: -1e6}})
	if e.scroll <= 0 || e.scroll > 31*e.measure.Height() {
		t.Errorf("the wheel leads to %v", e.scroll)
	}
}

func TestEditorHandsOnWhatItDoesNotKnow(t *testing.T) {
	e := written(t, 300, "")
	c := fyne.CurrentApp().Driver().CanvasForObject(e)
	var key fyne.KeyName
	c.SetOnTypedKey(func(k *fyne.KeyEvent) { key = k.Name })
	press(e, fyne.KeyEscape)
	if key != fyne.KeyEscape {
		t.Error("Escape does not reach the window")
	}
}

// TestEditorAnyhow holds what is true at any time against a random course of keys.
func TestEditorAnyhow(t *testing.T) {
	e := written(t, 200, "")
	r := rand.New(rand.NewPCG(7, 8))
	keys := []fyne.KeyName{fyne.KeyLeft, fyne.KeyRight, fyne.KeyUp, fyne.KeyDown, fyne.KeyHome, fyne.KeyEnd, fyne.KeyBackspace, fyne.KeyDelete, fyne.KeyReturn}
	letters := []rune("ab c好é\u0301👍🏽🇨🇳ا\u200d")
	for range 4000 {
		e.shift = r.IntN(3) == 0
		switch r.IntN(8) {
		case 0, 1, 2:
			e.TypedRune(letters[r.IntN(len(letters))])
		case 3:
			e.TypedShortcut(&fyne.ShortcutUndo{})
		case 4:
			e.shortcut([]fyne.KeyName{fyne.KeyLeft, fyne.KeyRight, fyne.KeyBackspace}[r.IntN(3)], fyne.KeyModifierControl)
		default:
			press(e, keys[r.IntN(len(keys))])
		}
		if !utf8.ValidString(e.text) || e.caret < 0 || e.caret > len(e.text) || e.mark < 0 || e.mark > len(e.text) || !utf8.ValidString(e.text[:e.caret]) {
			t.Fatalf("%q with the caret at %d and the mark at %d", e.text, e.caret, e.mark)
		}
		if _, ok := e.inner.objects[len(e.inner.objects)-1].(*canvas.Rectangle); !ok {
			t.Fatal("no caret is drawn")
		}
	}
}
