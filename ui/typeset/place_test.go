package typeset

import (
	"slices"
	"strings"
	"testing"
	"unicode"

	"fyne.io/fyne/v2"
)

// samples are lines in all directions.
var samples = [...]string{
	"a", "The quick brown fox", "收到。我也加了两个", "mixed 中文 and 😀 signs 👩‍👩‍👧‍👦!", "e\u0301t\u0301e\u0302", "مرحبا بالعالم", "abc مرحبا بالعالم def", "שלום 123 abc", "مرحبا hello سلام",
	"🇨🇳🇧🇷", "  two  blanks  ", "(שלום)",
}

// TestSpansCoverTheLine asserts that the parts of a line, wherever it is cut, are as wide
// together as the line, and lie in it.
func TestSpansCoverTheLine(t *testing.T) {
	themed(t)
	m := NewMeasurer(14, fyne.TextStyle{})
	for _, line := range samples {
		whole := float32(0)
		for _, r := range m.Runs(line) {
			whole += r.Width
		}
		if all := m.Spans(line, 0, len(line)); len(all) != 1 || all[0].X != 0 || all[0].Width < whole-0.5 || all[0].Width > whole+0.5 {
			t.Errorf("all of %q is %v of %v", line, all, whole)
		}
		for at := 0; at < len(line); at += Cluster(line[at:]) {
			sum := float32(0)
			for _, s := range slices.Concat(m.Spans(line, 0, at), m.Spans(line, at, len(line))) {
				if sum += s.Width; s.X < -0.5 || s.X+s.Width > whole+0.5 || s.Width < 0 {
					t.Errorf("%q at %d: %v lies outside of %v", line, at, s, whole)
				}
			}
			if sum < whole-1 || sum > whole+1 {
				t.Errorf("%q cut at %d is %v wide, not %v", line, at, sum, whole)
			}
		}
		if len(m.Spans(line, 1, 1)) > 0 && m.Spans(line, 1, 1)[0].Width > 0 {
			t.Errorf("nothing of %q is drawn as %v", line, m.Spans(line, 1, 1))
		}
	}
}

// TestAtFindsWhatIsDrawn asserts that the middle of each character leads to it, and its
// halves to its sides.
func TestAtFindsWhatIsDrawn(t *testing.T) {
	themed(t)
	m := NewMeasurer(14, fyne.TextStyle{})
	for _, line := range samples {
		for at := 0; at < len(line); {
			n := Cluster(line[at:])
			spans := m.Spans(line, at, at+n)
			if len(spans) == 1 && spans[0].Width > 2 {
				s := spans[0]
				if _, under := m.At(line, s.X+s.Width/2); under != at {
					t.Errorf("%q: in the middle of %q is byte %d, not %d", line, line[at:at+n], under, at)
				}
				left, _ := m.At(line, s.X+s.Width/4)
				right, _ := m.At(line, s.X+s.Width*3/4)
				if left != min(at, at+n) && left != at+n || left == right {
					t.Errorf("%q: the sides of %q are %d and %d", line, line[at:at+n], left, right)
				}
				if r := []rune(line[at:])[0]; unicode.IsLetter(r) && (left > right) != backward(r) {
					t.Errorf("%q: %q is read from the wrong side", line, line[at:at+n])
				}
			}
			at += n
		}
		for _, x := range []float32{-50, 5000} {
			if near, under := m.At(line, x); near < 0 || near > len(line) || under < 0 || under >= len(line) {
				t.Errorf("%q at %v: %d, %d", line, x, near, under)
			}
		}
	}
	if near, under := m.At("", 5); near != 0 || under != 0 {
		t.Errorf("nothing has the place %d", near)
	}
}

func TestTurns(t *testing.T) {
	for text, want := range map[string]string{
		"abc def": "abc def", "מה זה": "<מה זה>", "abc מה זה def": "abc |<מה זה>| def", "מה abc": "<מה >|abc", "abc 12 מה": "abc 12 |<מה>",
		"מה 12 זה": "<מה >|12|< זה>", "מה!": "<מה!>", "abc (מה)": "abc (|<מה>|)", "!": "!", "": "",
	} {
		var parts []string
		from := 0
		for _, c := range turns(text, Rightward(text)) {
			part := text[from:c.end]
			if c.back {
				part = "<" + part + ">"
			}
			parts, from = append(parts, part), c.end
		}
		if got := strings.Join(parts, "|"); got != want || from != len(text) {
			t.Errorf("%q turns as %q, not %q", text, got, want)
		}
	}
}

func TestWord(t *testing.T) {
	for text, want := range map[string]string{
		"one t|wo three": "two", "one| two": " ", "|one": "one", "one|": "one", "don|'t do": "don't", "do 'i|t'": "it", "it|'": "'", "gw.exam|ple.org:443": "gw.example.org",
		"1,0|00.5": "1,000.5", "a|, b": ",", "网关|很快！": "网关很快", "的gate|way": "gateway", "カタ|カナと": "カタカナと", "한국|어 말": "한국어", "漢字|かな": "かな",
		"a 👩‍👩‍👧|‍👦 b": "👩‍👩‍👧‍👦", "😀|😀": "😀", "first\nse|cond\nthird": "second", "first|\nsecond": "first", "a\n|\nb": "", "|": "", "snake_|case": "snake_case", "e\u0301|te\u0301!": "e\u0301te\u0301",
		"end.|": ".", "...|": ".",
	} {
		before, after, _ := strings.Cut(text, "|")
		from, to := Word(before+after, len(before))
		if got := (before + after)[from:to]; got != want {
			t.Errorf("at %q the word is %q, not %q", text, got, want)
		}
	}
}

// FuzzPlaces asserts that no text leads out of itself.
func FuzzPlaces(f *testing.F) {
	for _, s := range samples {
		f.Add(s, 1, float32(10))
	}
	themed(f)
	m := NewMeasurer(14, fyne.TextStyle{})
	f.Fuzz(func(t *testing.T, text string, at int, x float32) {
		if len(text) > 2000 || strings.Contains(text, "\n") {
			return
		}
		at = max(0, min(at, len(text)))
		if from, to := Word(text, at); from < 0 || to < from || to > len(text) {
			t.Fatalf("word %d to %d of %d", from, to, len(text))
		}
		if near, under := m.At(text, x); near < 0 || near > len(text) || under < 0 || under > len(text) {
			t.Fatalf("place %d, %d of %d", near, under, len(text))
		}
		for _, s := range m.Spans(text, at, len(text)) {
			if s.Width < 0 {
				t.Fatalf("a part is %v wide", s.Width)
			}
		}
	})
}
