package plain

import "testing"

func TestText(t *testing.T) {
	for _, c := range []struct{ in, out string }{
		{"Zoë 北京 🙂", "Zoë 北京 🙂"},
		{"a\x1b[2Jb", `a\u{1b}[2Jb`},
		{"a\u009b31mb", `a\u{9b}31mb`},
		{"bob\nAlice: hi", `bob\u{a}Alice: hi`},
		{"a\u202ecod.exe", `a\u{202e}cod.exe`},
		{"\u2066a\u2069\u200f\u061c", `\u{2066}a\u{2069}\u{200f}\u{61c}`},
		{"a\u00a0b", `a\u{a0}b`},
		{"\u200b\ufeff\U000e0041", `\u{200b}\u{feff}\u{e0041}`},
		{"👩\u200d🔬 می\u200cخواهم", "👩\u200d🔬 می\u200cخواهم"},
		{"a\xffb", "a\ufffdb"},
	} {
		if got := Text(c.in); got != c.out {
			t.Errorf("Text(%q) = %q, want %q", c.in, got, c.out)
		}
	}
}

func TestLines(t *testing.T) {
	got := Lines("one\r\ntwo\tthree\n\x1b[1mfour", "  | ")
	if want := "one\n  | two    three\n  | \\u{1b}[1mfour"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
