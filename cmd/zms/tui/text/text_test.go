package text

import (
	"strings"
	"testing"
	"unicode"
)

func both(t *testing.T, f func(t *testing.T, r Ruler)) {
	t.Run("characters", func(t *testing.T) { f(t, Ruler{}) })
	t.Run("clusters", func(t *testing.T) { f(t, Ruler{Clusters: true}) })
}

// hostile are texts that try to do something to a terminal or a reader.
var hostile = []string{
	"\x1b[2J\x1b]0;title\a", "\u009b31mred", "a\rb", "\x00\x7f\b", "abc\u202edcba", "\u2066x\u2069", "\u200e\u200f\u061c",
	"a\u2028b\u2029c", "\ufeff\u00ad\u2060", "\U000e0041\U000e007f", "\xff\xfe", "\u0301start", "e" + strings.Repeat("\u0301", 500),
	"👩\u200d👩\u200d👧", "👍🏽", "❤\ufe0f", "\u200d\u200c",
}

func TestNothingThatATerminalObeysIsShown(t *testing.T) {
	both(t, func(t *testing.T, r Ruler) {
		for _, s := range hostile {
			got := r.Clean(s)
			for _, c := range got {
				if !unicode.IsPrint(c) && c != joiner && c != nonJoiner {
					t.Errorf("%q is shown as %q: %U", s, got, c)
				}
			}
			if len(got) > 100 {
				t.Errorf("%.20q... is shown with %d bytes", s, len(got))
			}
		}
	})
}

func TestWhatIsShown(t *testing.T) {
	for _, c := range []struct{ in, characters, clusters string }{
		{"plain text", "plain text", "plain text"},
		{"Grüße 北京", "Grüße 北京", "Grüße 北京"},
		{"a\tb", "a    b", "a    b"},
		{"全\u3000角", "全  角", "全  角"},
		{"a\u00a0b", "a b", "a b"},
		{"\u202e", `\u{202e}`, `\u{202e}`},
		{"e\u0301", "e\u0301", "e\u0301"},
		{"\u0301", "◌\u0301", "◌\u0301"},
		{"❤\ufe0f", "❤", "❤\ufe0f"},
		{"👩\u200d👧", "👩👧", "👩\u200d👧"},
		{"👍🏽!", "👍!", "👍🏽!"},
		{"می\u200cخواهم", "می\u200cخواهم", "می\u200cخواهم"},
	} {
		if got := (Ruler{}).Clean(c.in); got != c.characters {
			t.Errorf("%q by characters: %q", c.in, got)
		}
		if got := (Ruler{Clusters: true}).Clean(c.in); got != c.clusters {
			t.Errorf("%q by clusters: %q", c.in, got)
		}
	}
}

func TestFitNeverTakesMoreCells(t *testing.T) {
	both(t, func(t *testing.T, r Ruler) {
		texts := append([]string{"", "a", "hello world", "北京欢迎你", "a北b京c", "👩\u200d👧👍🏽 ok"}, hostile...)
		for _, s := range texts {
			for cells := range 12 {
				shown, taken := r.Fit(s, cells)
				if w := r.Width(shown); w != taken || taken > cells {
					t.Errorf("%q in %d cells: %q says %d, takes %d", s, cells, shown, taken, w)
				}
				if padded := r.Pad(s, cells); r.Width(padded) != cells {
					t.Errorf("%q padded to %d cells: %q", s, cells, padded)
				}
			}
		}
		if got, _ := r.Fit("hello world", 7); got != "hello …" {
			t.Errorf("cut to %q", got)
		}
		if got, _ := r.Fit("北京欢迎你", 6); got != "北京…" {
			t.Errorf("cut to %q", got)
		}
	})
}

func TestWrap(t *testing.T) {
	for _, c := range []struct {
		in    string
		cells int
		want  string
	}{
		{"", 5, ""},
		{"hello", 5, "hello"},
		{"hello world", 5, "hello|world"},
		{"hello   world", 6, "hello|world"},
		{"a bc def", 4, "a bc|def"},
		{"abcdefghij", 4, "abcd|efgh|ij"},
		{"see abcdefghij", 6, "see|abcdef|ghij"},
		{"one\ntwo\r\n\nthree", 10, "one|two||three"},
		{"trailing \n", 10, "trailing|"},
		{"北京欢迎你", 4, "北京|欢迎|你"},
		{"北京，欢迎", 4, "北|京，|欢迎"},
		{"去（北京）吧", 4, "去|（北|京）|吧"},
		{"go北京go", 5, "go北|京go"},
		{"a", 0, "a"},
		{"北", 1, "北"},
	} {
		both(t, func(t *testing.T, r Ruler) {
			var got []string
			for _, l := range r.Wrap(c.in, c.cells) {
				got = append(got, l.Text)
			}
			if joined := strings.Join(got, "|"); joined != c.want {
				t.Errorf("%q in %d cells: %s, want %s", c.in, c.cells, joined, c.want)
			}
		})
	}
}

func TestNoCharacterIsWiderThanARow(t *testing.T) {
	both(t, func(t *testing.T, r Ruler) {
		for _, unit := range []string{"\u1100", "\u0915\u094d", "\u0600", "👩\u200d", "\U0001f1e9", "e\u0301", "\u0e33", "\u0301"} {
			s := strings.Repeat(unit, 1000)
			for _, l := range r.Wrap(s, 20) {
				if l.Cells > 20 || r.Width(l.Text) != l.Cells {
					t.Fatalf("many of %q: a line of %d cells that says %d", unit, r.Width(l.Text), l.Cells)
				}
			}
		}
	})
}

func TestRowsHoldTheWholeText(t *testing.T) {
	both(t, func(t *testing.T, r Ruler) {
		for _, s := range append([]string{"one two  three\n\nfour \r\n北京 欢迎\tyou", "   leading", "x    "}, hostile...) {
			for cells := 2; cells < 20; cells++ {
				at := 0
				for _, row := range r.Rows(s, cells) {
					if between := strings.Trim(s[at:row.Start], "\r\n"); between != "" {
						t.Fatalf("%q in %d cells: %q is in no row", s, cells, between)
					}
					if row.Cells > cells && r.Next(s[row.Start:]).Cells <= cells {
						t.Errorf("%q in %d cells: the row %q takes %d", s, cells, s[row.Start:row.End], row.Cells)
					}
					at = row.End
				}
				if at != len(s) {
					t.Fatalf("%q in %d cells: the rows end at %d of %d", s, cells, at, len(s))
				}
			}
		}
	})
}

func FuzzWrap(f *testing.F) {
	for _, s := range hostile {
		f.Add(s, 10, true)
	}
	f.Fuzz(func(t *testing.T, s string, cells int, clusters bool) {
		cells = max(2, min(cells, 200))
		r := Ruler{Clusters: clusters}
		for _, l := range r.Wrap(s, cells) {
			if r.Width(l.Text) != l.Cells {
				t.Fatalf("%q says %d cells and takes %d", l.Text, l.Cells, r.Width(l.Text))
			}
			for _, c := range l.Text {
				if !unicode.IsPrint(c) && c != joiner && c != nonJoiner {
					t.Fatalf("%q shows %U", s, c)
				}
			}
		}
	})
}
