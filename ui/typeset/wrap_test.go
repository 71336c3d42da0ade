package typeset

import (
	"strings"
	"testing"
	"unicode/utf8"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/test"

	"zeroms/ui/model"
	"zeroms/ui/theme"
)

// themed begins a test in the app's own look.
func themed(t testing.TB) {
	t.Helper()
	app := test.NewTempApp(t)
	app.Settings().SetTheme(theme.New(model.Look{Scheme: model.SchemeLight}))
}

func TestWrapKeepsTheText(t *testing.T) {
	themed(t)
	m := NewMeasurer(14, fyne.TextStyle{})
	for _, text := range []string{
		"", " ", "\n", "\n\n", "a", "one two three four five six seven eight nine ten", "Supercalifragilisticexpialidocious and more",
		"收到。我也加了两个，谁都看不出我在哪一个后面。", "mixed 中文 and English，逗号", strings.Repeat("x", 900), strings.Repeat("好", 300),
		"👩‍👩‍👧‍👦👩‍👩‍👧‍👦👩‍👩‍👧‍👦👩‍👩‍👧‍👦 family 🇨🇳🇧🇷", "مرحبا بالعالم هذا نص طويل جدا جدا", "trailing   ", "a  b\n c ", strings.Repeat("e\u0301\u0302", 200), "tab\tbed",
	} {
		for _, width := range []float32{10, 60, 200, 1000} {
			lines := m.Wrap(text, width)
			at := 0
			for i, l := range lines {
				between := text[at:l.From]
				if l.From < at || l.To < l.From || strings.Trim(between, "\n") != "" {
					t.Fatalf("%q at %v: line %d is %d to %d after %d", text, width, i, l.From, l.To, at)
				}
				if strings.Contains(text[l.From:l.To], "\n") {
					t.Fatalf("%q at %v: line %d has a break in it", text, width, i)
				}
				if l.Width > width+0.5 && Cluster(text[l.From:]) < len(strings.TrimRight(text[l.From:l.To], " ")) {
					t.Errorf("%q at %v: line %d, %q, is %v wide", text, width, i, text[l.From:l.To], l.Width)
				}
				at = l.To
			}
			if at != len(text) || len(lines) < 1+strings.Count(text, "\n") {
				t.Fatalf("%q at %v: %d lines end at %d of %d", text, width, len(lines), at, len(text))
			}
		}
	}
}

func TestWrapBreaksWhereOneMay(t *testing.T) {
	themed(t)
	m := NewMeasurer(14, fyne.TextStyle{})
	lines := func(text string, width float32) (all []string) {
		for _, l := range m.Wrap(text, width) {
			all = append(all, text[l.From:l.To])
		}
		return all
	}
	for _, line := range lines("The quick brown fox jumps over the lazy dog", 100)[1:] {
		if strings.HasPrefix(line, " ") || strings.Contains("The quick brown fox jumps over the lazy dog", line) == false {
			t.Errorf("a line is %q", line)
		}
	}
	text := strings.Repeat("好，的。（是）", 12)
	for i, line := range lines(text, 75) {
		first, _ := utf8.DecodeRuneInString(line)
		last, _ := utf8.DecodeLastRuneInString(line)
		if i > 0 && strings.ContainsRune("，。）", first) || last == '（' {
			t.Errorf("line %d is %q", i, line)
		}
	}
	wide := m.Width("The quick brown fox")
	if got := lines("The quick brown fox", wide+1); len(got) != 1 {
		t.Errorf("what fits is broken: %q", got)
	}
}

func TestCluster(t *testing.T) {
	for text, want := range map[string]int{
		"": 0, "ab": 1, "é": 2, "e\u0301x": 3, "👍🏽x": 8, "👩‍👩‍👧x": 18, "🇨🇳🇧🇷": 8, "❤️x": 6, "\xff": 1, "好的": 3,
	} {
		if got := Cluster(text); got != want {
			t.Errorf("%q begins with %d bytes, not %d", text, got, want)
		}
	}
	if n := Cluster("a" + strings.Repeat("\u0301", 5000)); n > 64 {
		t.Errorf("a character of %d bytes", n)
	}
}

// BenchmarkWrap breaks texts that were not seen before.
func BenchmarkWrap(b *testing.B) {
	themed(b)
	m := NewMeasurer(14, fyne.TextStyle{})
	for b.Loop() {
		m.Wrap(strings.Repeat("the quick brown fox jumps over the lazy dog ", 320), 494)
	}
	b.ReportMetric(float64(b.Elapsed().Microseconds())/1000/float64(b.N), "ms")
}
