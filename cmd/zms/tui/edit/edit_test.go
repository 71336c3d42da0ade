package edit

import (
	"slices"
	"strings"
	"testing"

	"zeroms/cmd/zms/tui/text"
)

func editor(cells int, s string) *Editor {
	e := &Editor{}
	e.Fit(text.Ruler{}, cells)
	e.Insert(s)
	return e
}

// shown is the text with the caret as a bar.
func shown(e *Editor) string { return e.text[:e.caret] + "|" + e.text[e.caret:] }

func TestMovingAndDeleting(t *testing.T) {
	for _, c := range []struct {
		text string
		do   []func(*Editor)
		want string
	}{
		{"ab", []func(*Editor){(*Editor).Left}, "a|b"},
		{"ab", []func(*Editor){(*Editor).Left, (*Editor).Left, (*Editor).Left}, "|ab"},
		{"ab", []func(*Editor){(*Editor).Right}, "ab|"},
		{"北京", []func(*Editor){(*Editor).Backspace}, "北|"},
		{"xe\u0301", []func(*Editor){(*Editor).Backspace}, "x|"},
		{"xe\u0301y", []func(*Editor){(*Editor).Left, (*Editor).Left}, "x|e\u0301y"},
		{"👩\u200d👧", []func(*Editor){(*Editor).LineStart, (*Editor).Delete, (*Editor).Delete}, "|"},
		{"a\nb", []func(*Editor){(*Editor).Left, (*Editor).Backspace}, "a|b"},
		{"one two", []func(*Editor){(*Editor).CutWord}, "one |"},
		{"one two", []func(*Editor){(*Editor).CutWord, func(e *Editor) { e.Yank() }, func(e *Editor) { e.Yank() }}, "one twotwo|"},
		{"one two", []func(*Editor){(*Editor).WordLeft, (*Editor).WordLeft, (*Editor).WordRight}, "one| two"},
		{"one two", []func(*Editor){(*Editor).WordLeft, (*Editor).CutWordRight}, "one |"},
		{"a\nbc", []func(*Editor){(*Editor).LineStart}, "a\n|bc"},
		{"a\nbc", []func(*Editor){(*Editor).CutToStart}, "a\n|"},
		{"a\nbc", []func(*Editor){(*Editor).CutToStart, (*Editor).CutToStart}, "a|"},
		{"ab\nc", []func(*Editor){func(e *Editor) { e.Up() }, (*Editor).CutToEnd, (*Editor).CutToEnd}, "a|c"},
		{"", []func(*Editor){(*Editor).Backspace, (*Editor).Delete, (*Editor).CutWord, (*Editor).CutToEnd, (*Editor).Left}, "|"},
		{"ab", []func(*Editor){(*Editor).Left, func(e *Editor) { e.Insert("\u0301") }}, "a\u0301|b"},
	} {
		e := editor(20, c.text)
		for _, do := range c.do {
			do(e)
		}
		if got := shown(e); got != c.want {
			t.Errorf("%q becomes %q, want %q", c.text, got, c.want)
		}
	}
}

func TestUpAndDownKeepTheColumn(t *testing.T) {
	e := editor(20, "abcdef\nx\nabcdef")
	e.Left()
	e.Left()
	for _, want := range []string{"abcdef\nx|\nabcdef", "abcd|ef\nx\nabcdef"} {
		if !e.Up() || shown(e) != want {
			t.Fatalf("up is at %q, want %q", shown(e), want)
		}
	}
	if e.Up() {
		t.Error("there is nothing above the first row")
	}
	e.Down()
	if !e.Down() || shown(e) != "abcdef\nx\nabcd|ef" {
		t.Errorf("down is at %q", shown(e))
	}
	if e.Down() {
		t.Error("there is nothing below the last row")
	}
}

func TestUpAndDownInAWrappedLine(t *testing.T) {
	e := editor(5, "aaaabbbbcc") // rows of four
	e.Up()
	if shown(e) != "aaaabb|bbcc" {
		t.Fatalf("up is at %q", shown(e))
	}
	e.Up()
	if shown(e) != "aa|aabbbbcc" {
		t.Fatalf("up is at %q", shown(e))
	}
}

func TestWhatIsSeen(t *testing.T) {
	e := editor(7, "北京 hello\nx")
	v := e.View(5)
	if want := []string{"北京 ", "hello", "x"}; !slices.Equal(v.Rows, want) || v.X != 1 || v.Y != 2 {
		t.Errorf("%q, caret at %d,%d", v.Rows, v.X, v.Y)
	}
	e.Up()
	e.Up()
	if v = e.View(1); v.Rows[0] != "北京 " || v.X != 0 || v.Y != 0 || v.Above || !v.Below {
		t.Errorf("%+v", v)
	}
	e.Right()
	if v = e.View(1); v.X != 2 {
		t.Errorf("behind a wide character the caret is at %d", v.X)
	}
	e.LineEnd()
	if v = e.View(2); v.X != 5 || v.Y != 1 {
		t.Errorf("at the end of the line the caret is at %d,%d of %q", v.X, v.Y, v.Rows)
	}
}

func TestTheCaretIsAlwaysInTheRow(t *testing.T) {
	for cells := 2; cells < 12; cells++ {
		e := editor(cells, "")
		for _, s := range []string{"a", "b", " ", " ", " ", " ", "北", "京", "\t", "👩\u200d👧", "\n", "x", " ", "\u202e"} {
			e.Insert(s)
			for h := 1; h < 4; h++ {
				if v := e.View(h); v.X < 0 || v.X >= cells || v.Y < 0 || v.Y >= len(v.Rows) || len(v.Rows) > h {
					t.Fatalf("%q in %d cells: %+v", e.Text(), cells, v)
				}
			}
		}
	}
}

func TestPastedTextIsPlain(t *testing.T) {
	e := editor(40, "one\r\ntwo\rthree\x1b[31m\x00\ttab")
	if want := "one\ntwo\nthree[31m\ttab"; e.Text() != want {
		t.Errorf("%q", e.Text())
	}
	e.Insert("\u202e")
	if rows := e.View(9).Rows; !strings.Contains(rows[2], `\u{202e}`) {
		t.Errorf("what turns the direction is hidden: %q", rows)
	}
	if e.Insert(strings.Repeat("x", MaxBytes)) || len(e.Text()) > 100 {
		t.Error("a text that is too long was taken")
	}
	e.Set("")
	if !e.Empty() || e.Height() != 1 {
		t.Error("an empty text has one row")
	}
}

func FuzzEditor(f *testing.F) {
	f.Add("hello 北京\nx", []byte{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}, 10)
	f.Fuzz(func(t *testing.T, s string, keys []byte, cells int) {
		if len(s) > 1000 || len(keys) > 100 {
			return
		}
		e := editor(max(2, cells%80), s)
		acts := []func(*Editor){
			(*Editor).Left, (*Editor).Right, (*Editor).WordLeft, (*Editor).WordRight, (*Editor).LineStart, (*Editor).LineEnd,
			(*Editor).Backspace, (*Editor).Delete, (*Editor).CutWord, (*Editor).CutWordRight, (*Editor).CutToStart, (*Editor).CutToEnd,
			func(e *Editor) { e.Yank() }, func(e *Editor) { e.Up() }, func(e *Editor) { e.Down() }, func(e *Editor) { e.Insert(s) },
		}
		for _, k := range keys {
			acts[int(k)%len(acts)](e)
			if v := e.View(3); v.X < 0 || v.X >= e.cells || v.Y < 0 || v.Y >= len(v.Rows) {
				t.Fatalf("%q: %+v", e.Text(), v)
			}
		}
	})
}
