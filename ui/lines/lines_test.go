package lines

import (
	"slices"
	"strings"
	"testing"

	"fyne.io/fyne/v2/test"

	"zeroms/ui/model"
	"zeroms/ui/theme"
)

// TestWrapChinese holds with and without the Chinese font: what stands for missing
// characters has widths of its own, alone and in a row.
func TestWrapChinese(t *testing.T) {
	test.NewTempApp(t).Settings().SetTheme(theme.New(model.Look{}))
	m := Ruler{Size: 14}
	wide := func(text string) (sum float32) {
		for _, r := range text {
			sum += m.Width(string(r))
		}
		return max(sum, m.Width(text)) + 1
	}
	for _, c := range []struct {
		text  string
		width float32
		want  []string
	}{
		{"零毫秒到", wide("零毫秒"), []string{"零毫秒", "到"}},
		{"零毫秒，到", wide("零毫秒"), []string{"零毫", "秒，到"}}, // no line begins with a comma
		{"零毫（秒）", wide("零毫（"), []string{"零毫", "（秒）"}},
	} {
		if got := m.Lines(c.text, c.width); !slices.Equal(got, c.want) {
			t.Errorf("%q at %v: %q, want %q", c.text, c.width, got, c.want)
		}
	}
}

func TestWrap(t *testing.T) {
	test.NewTempApp(t).Settings().SetTheme(theme.New(model.Look{}))
	m := Ruler{Size: 14}
	for _, c := range []struct {
		text  string
		width float32
		want  []string
	}{
		{"", 100, []string{""}},
		{"a b", 100, []string{"a b"}},
		{"one two three", m.Width("one two"), []string{"one two", "three"}},
		{"one\n\ntwo", 100, []string{"one", "", "two"}},
		{"到 gateway 网关", m.Width("到 gateway ") + 4, []string{"到 gateway", "网关"}},
	} {
		if got := m.Lines(c.text, c.width); !slices.Equal(got, c.want) {
			t.Errorf("%q at %v: %q, want %q", c.text, c.width, got, c.want)
		}
	}
	word := strings.Repeat("ZMS", 40)
	lines := m.Lines(word, 100)
	if strings.Join(lines, "") != word || len(lines) < 5 {
		t.Errorf("a long word became %q", lines)
	}
	for _, line := range lines {
		if m.Width(line) > 100 {
			t.Errorf("%q is wider than its line", line)
		}
	}
	if got := m.Lines("xxxx", 1); strings.Join(got, "") != "xxxx" {
		t.Errorf("at no width at all: %q", got)
	}
}
