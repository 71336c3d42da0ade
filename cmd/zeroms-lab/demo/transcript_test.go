package demo

import (
	"slices"
	"strings"
	"testing"
)

// conversation is what both sides should have.
func conversation() []line {
	return []line{
		{ID: "aa", From: "Alice", Kind: "text", Text: "hello"},
		{ID: "bb", From: "Bob", Kind: "text", Text: "你好"},
		{ID: "cc", From: "Alice", Kind: "text", Text: "how are you?"},
		{ID: "dd", From: "Bob", Kind: "text", Text: "well"},
	}
}

// TestDifferences changes Bob's transcript in every way that counts.
func TestDifferences(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(lines []line) []line
		want   []string // words of each difference, in their order
	}{
		{"none", func(l []line) []line { return l }, nil},
		{"a missing one", func(l []line) []line { return slices.Delete(l, 1, 2) }, []string{"Bob lacks bb"}},
		{"the last is missing", func(l []line) []line { return l[:3] }, []string{"Bob lacks dd"}},
		{"everything is missing", func([]line) []line { return nil }, []string{"Bob lacks aa", "Bob lacks bb", "Bob lacks cc", "Bob lacks dd"}},
		{"one too many", func(l []line) []line { return slices.Insert(l, 2, line{ID: "ee", From: "Alice", Kind: "text"}) }, []string{"Alice lacks ee"}},
		{"one twice", func(l []line) []line { return append(l, l[0]) }, []string{"Bob has aa from Alice (\"hello\") more than once"}},
		{"two in another order", func(l []line) []line { l[1], l[2] = l[2], l[1]; return l }, []string{"order differs from message 2 on: Alice has bb from Bob"}},
		{"the first comes last", func(l []line) []line { return append(l[1:], l[0]) }, []string{"order differs from message 1 on"}},
		{"another text", func(l []line) []line { l[3].Text = "unwell"; return l }, []string{`dd is a text from Bob ("well") at Alice, and a text from Bob ("unwell") at Bob`}},
		{"another author", func(l []line) []line { l[0].From = "Bob"; return l }, []string{"aa is a text from Alice"}},
		{"another kind", func(l []line) []line { l[0].Kind = "file"; return l }, []string{"and a file from Alice"}},
		{
			"several things", func(l []line) []line { l[0], l[1] = l[1], l[0]; l[0].Text = "您好"; return l[:3] },
			[]string{"Bob lacks dd", "bb is a text", "order differs from message 1 on"},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			alice := transcript{"Alice", conversation()}
			bob := transcript{"Bob", c.change(conversation())}
			matches(t, differences(alice, bob), c.want)
			if found := differences(bob, alice); (len(found) == 0) != (len(c.want) == 0) {
				t.Errorf("from the other side: %q", found)
			}
		})
	}
}

func matches(t *testing.T, found, want []string) {
	t.Helper()
	ok := len(found) == len(want)
	for i := range want {
		ok = ok && strings.Contains(found[i], want[i])
	}
	if !ok {
		t.Errorf("found %q, want %q", found, want)
	}
}

// TestTranscriptOf: who wrote what depends on whose history it is.
func TestTranscriptOf(t *testing.T) {
	at := func(outgoing ...bool) (out []message) {
		for i, l := range conversation() {
			out = append(out, message{ID: l.ID, Kind: l.Kind, Text: l.Text, Outgoing: outgoing[i]})
		}
		return out
	}
	alice := transcriptOf("Alice", "Bob", at(true, false, true, false))
	bob := transcriptOf("Bob", "Alice", at(false, true, false, true))
	matches(t, differences(alice, bob), nil)
	if !slices.Equal(alice.lines, conversation()) {
		t.Errorf("Alice's transcript is %v", alice.lines)
	}
	matches(t, differences(alice, transcriptOf("Bob", "Alice", at(false, true, true, true))), []string{"cc is a text from Alice"})
	if part := alice.by("Bob"); len(part.lines) != 2 || part.lines[0].ID != "bb" || part.lines[1].ID != "dd" {
		t.Errorf("Bob's part is %v", part.lines)
	}
}
