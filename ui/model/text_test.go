package model_test

import (
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"zeroms/ui/model"
)

func TestNames(t *testing.T) {
	for _, c := range []struct{ in, out string }{
		{"Zoë 北京 🙂", "Zoë 北京 🙂"},
		{"Борис", "Борис"},
		{"محمد", "محمد"},
		{"", ""},
		{" \t\n ", ""},
		{"\u200b\u2060\ufeff", ""},
		{"\u3164\u115f\u2800", ""},
		{"bob\nAlice: hi", "bob Alice: hi"},
		{"a\u202ecod.exe", "acod.exe"},
		{"\u2066a\u2069\u200f\u061cb", "ab"},
		{"Ann\u00ad\u200b\u200d\u200ca", "Anna"},
		{"Ann\u034fa\ufe01", "Anna"},
		{"a\u00a0\u3000\u2003b", "a b"},
		{"  Lin   Wei ", "Lin Wei"},
		{"a\x1b[2Jb\x00", "a[2Jb"},
		{"a\xffb", "a\ufffdb"},
		{"\ue000x", "\ufffdx"},
		{"\U000e0041\U000e007fA", "A"},
		{"\u0301\u0302Ann", "Ann"},
		{"Z\u0300\u0301\u0302\u0303\u0304\u0305a\u0300\u0301\u0302\u0303lgo", "Z\u0300\u0301\u0302a\u0300\u0301\u0302lgo"},
		{"👩\u200d🔬", "👩\u200d🔬"},
		{"❤\ufe0f\u200d🔥", "❤\ufe0f\u200d🔥"},
		{"می\u200cخواهم", "می\u200cخواهم"},
		{"م\u200c\u200c\u200c", "م"},
		{strings.Repeat("ab", 60), strings.Repeat("ab", 24) + "…"},
		{"x" + strings.Repeat("\u200b", 10_000) + "y", "xy"},
	} {
		if got := model.Name(c.in); got != c.out {
			t.Errorf("Name(%q) = %q, want %q", c.in, got, c.out)
		}
	}
}

func TestTexts(t *testing.T) {
	for _, c := range []struct {
		in  string
		out model.Shown
	}{
		{"one\r\ntwo\rthree\u2028four\tfive", model.Shown{Text: "one\ntwo\nthree\nfour    five"}},
		{"\n\n hello \n\n\n", model.Shown{Text: "hello"}},
		{"see \u202egpj.exe\u202c and \u2067x\u2069", model.Shown{Text: "see gpj.exe and x"}},
		{"שלום abc", model.Shown{Text: "שלום abc"}},
		{"a\n\n\nb", model.Shown{Text: "a\n\n\nb"}},
		{strings.Repeat("x\n", 41) + "end", model.Shown{Text: strings.TrimSpace(strings.Repeat("x\n", 40)), Hidden: 5}},
		{strings.Repeat("x", 3000), model.Shown{Text: strings.Repeat("x", 3000)}},
		{strings.Repeat("x", 3007), model.Shown{Text: strings.Repeat("x", 3000), Hidden: 7}},
		{strings.Repeat("🙂", 1000), model.Shown{Text: strings.Repeat("🙂", 200), Hidden: 800}},
		{"\u200b\u202e", model.Shown{}},
		{"一\u3000二 \u3164 三", model.Shown{Text: "一\u3000二   三"}},
	} {
		if got := model.Text(c.in, 0); got != c.out {
			t.Errorf("Text(%.40q) = %.60q, %d hidden; want %.60q, %d", c.in, got.Text, got.Hidden, c.out.Text, c.out.Hidden)
		}
	}
}

// A long text is shown in growing parts, and in the end whole.
func TestMoreOfALongText(t *testing.T) {
	text := strings.Repeat("line\n", 2000) + "end"
	last := -1
	for size := range 16 {
		got := model.Text(text, size)
		if lines := strings.Count(got.Text, "\n") + 1; lines <= last || lines > 40<<size {
			t.Fatalf("size %d: %d lines after %d", size, lines, last)
		}
		if last = strings.Count(got.Text, "\n") + 1; got.Hidden == 0 {
			if got.Text != text {
				t.Error("the whole text is another one")
			}
			return
		}
	}
	t.Error("it never ends")
}

// What others send can't keep the screen waiting.
func TestHostileTextsAreCheap(t *testing.T) {
	for name, text := range map[string]string{
		"newlines": strings.Repeat("\n", 14_000), "marks": "a" + strings.Repeat("\u0301", 7000), "hidden": strings.Repeat("\u200b", 4600),
		"overrides": strings.Repeat("\u202e", 4600), "emoji": strings.Repeat("👩\u200d🔬", 1200), "joiners": "م" + strings.Repeat("\u200c", 4600),
		"returns": strings.Repeat("\r", 14_000), "broken": strings.Repeat("\xff", 14_000), "long line": strings.Repeat("w", 14_000),
	} {
		start := time.Now()
		model.Text(text, 0)
		model.Name(text)
		model.Preview(text)
		if took := time.Since(start); took > 250*time.Millisecond {
			t.Errorf("%s: %v", name, took)
		}
	}
}

func FuzzText(f *testing.F) {
	for _, s := range []string{"", "Lin Wei", "a\u202eb\r\nc", "Z\u0300\u0301\u0302\u0303", "👩\u200d🔬", "\xff\xfe", strings.Repeat("\n", 100), strings.Repeat("🙂", 300)} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		name := model.Name(s)
		harmless(t, name, false)
		if n := utf8.RuneCountInString(name); n > 49 {
			t.Errorf("a name of %d characters", n)
		}
		if again := model.Name(name); again != name && !strings.HasSuffix(name, "…") {
			t.Errorf("Name(%q) = %q", name, again)
		}
		shown := model.Text(s, 0)
		harmless(t, shown.Text, true)
		if lines, n := strings.Count(shown.Text, "\n")+1, utf8.RuneCountInString(shown.Text); lines > 40 || n > 3004 {
			t.Errorf("%d lines, %d characters", lines, n)
		}
	})
}

// harmless fails for a text that hides something or changes the direction.
func harmless(t *testing.T, s string, lines bool) {
	t.Helper()
	marks := 0
	for _, r := range s {
		switch {
		case r == '\n' && lines, r == '\u200c', r == '\u200d', r >= 0x600 && r <= 0x605, r == 0x6dd, r == 0x70f, r == 0x8e2:
		case !unicode.IsGraphic(r):
			t.Errorf("%q holds %U", s, r)
		}
		if marks++; !unicode.Is(unicode.M, r) {
			marks = 0
		}
		if marks > 3 {
			t.Errorf("%q has letters with %d marks", s, marks)
		}
	}
}

func TestMatches(t *testing.T) {
	for _, c := range []struct {
		name, text string
		want       bool
	}{
		{"Émile Zola", "emile", true},
		{"Émile Zola", "ZOL", true},
		{"Émile Zola", "zo em", true},
		{"Émile Zola", "ola", false},
		{"e\u0301mile", "Émile", true},
		{"Борис", "бор", true},
		{"Ёлка", "елка", true},
		{"林薇", "薇", true},
		{"王 林薇", "林薇", true},
		{"Nguyễn Hồng", "nguyen hong", true},
		{"Łukasz", "luk", true},
		{"O'Brien", "brien", true},
		{"anna banna", "anna b", true},
		{"Anna", "anna x", false},
		{"Anna", "", true},
	} {
		if got := model.Matches(model.Fold(c.name), model.Fold(c.text)); got != c.want {
			t.Errorf("%q by %q: %v", c.name, c.text, got)
		}
	}
}
