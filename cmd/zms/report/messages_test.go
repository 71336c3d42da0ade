package report

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"zeroms/cmd/zms/control"
)

// gapStates are the states that docs/cli.md names.
var gapStates = []string{"noticed", "asking", "later", "filled", "gone", "lost-with-proof"}

func TestGapLine(t *testing.T) {
	since := someTime
	at, until := Moment(since), Moment(since.Add(time.Hour))
	gap := func(state string, count int) *control.Gap {
		return &control.Gap{
			Type: control.TypeGap, Contact: 3, Name: "Bob", State: state, Count: count,
			Since: since, Until: since.Add(time.Hour), Filled: since.Add(1500 * time.Millisecond),
		}
	}
	nameless := gap("asking", 2)
	nameless.Name = ""
	for _, c := range []struct {
		gap  *control.Gap
		want string
	}{
		{gap("noticed", 1), "(1 message from Bob: missing)"},
		{gap("asking", 2), "(2 messages from Bob: missing, asking)"},
		{nameless, "(2 messages from #3: missing, asking)"},
		{gap("later", 2), "(2 messages from Bob: missing, promised for " + until + ")"},
		{gap("filled", 2), "(2 messages from Bob: came after all, after 1.5s)"},
		{gap("gone", 1), "(1 message from Bob: lost: the sender no longer has it)"},
		{gap("gone", 2), "(2 messages from Bob: lost: the sender no longer has them)"},
		{gap("lost-with-proof", 1), "(1 message from Bob: lost by a gateway, and there is proof (zms evidence export GATEWAY))"},
		{gap("asking", manyMissing), "(100000 messages from Bob: missing, asking)"},
		{gap("asking", manyMissing+1), "(many messages from Bob: missing, asking)"},
		{gap("asking", 1<<32), "(many messages from Bob: missing, asking)"},
	} {
		if got := GapLine(c.gap); got != at+" "+c.want {
			t.Errorf("%s of %d: %q, want %q", c.gap.State, c.gap.Count, got, at+" "+c.want)
		}
	}
}

func TestErasedMessage(t *testing.T) {
	m := &control.Message{Type: control.TypeMessage, Contact: 1, Name: "Bob", Kind: "text", Received: someTime, Erased: true}
	if got, want := Line(m), Moment(someTime)+" Bob: (erased)"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestGapsAreSaidOnce checks that listen says each state of a gap once.
func TestGapsAreSaidOnce(t *testing.T) {
	var out bytes.Buffer
	say := Live()
	for _, g := range []control.Gap{
		{Device: "a", From: 1, Count: 2, State: "noticed"},
		{Device: "a", From: 1, Count: 2, State: "noticed", Asked: 1},
		{Device: "b", From: 1, Count: 2, State: "noticed"},
		{Device: "a", From: 1, Count: 2, State: "asking"},
		{Device: "a", From: 1, Count: 2, State: "asking", Asked: 2},
		{Device: "a", From: 1, Count: 2, State: "filled"},
	} {
		g.Type, g.Contact, g.Since, g.Filled = control.TypeGap, 1, someTime, someTime
		if err := say(&out, &g); err != nil {
			t.Fatal(err)
		}
	}
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	if len(lines) != 4 || !strings.Contains(lines[0], "missing)") || !strings.Contains(lines[1], "missing)") ||
		!strings.Contains(lines[2], "asking") || !strings.Contains(lines[3], "came") {
		t.Errorf("it said\n%s", out.String())
	}
}
