package lines

import (
	"slices"
	"strings"
	"testing"

	"fyne.io/fyne/v2/test"

	"zeroms/assets"
	"zeroms/ui/model"
	"zeroms/ui/theme"
)

// TestWrapChinese needs the Chinese font: what stands for missing characters has widths
// of its own.
func TestWrapChinese(t *testing.T) {
	if assets.CJK() == nil {
		t.Skip("built without the Chinese font (make font)")
	}
	test.NewTempApp(t).Settings().SetTheme(theme.New(model.Look{}))
	m := Ruler{Size: 14}
	for _, c := range []struct {
		text  string
		width float32
		want  []string
	}{
		{"零毫秒到", m.Width("零毫秒") + 4, []string{"零毫秒", "到"}},
		{"零毫秒，到", m.Width("零毫秒") + 4, []string{"零毫", "秒，到"}}, // no line begins with a comma
		{"零毫（秒）", m.Width("零毫（") + 4, []string{"零毫", "（秒）"}},
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
