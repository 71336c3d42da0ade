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
	proven := gap("lost-with-proof", 1)
	proven.Gateway = strings.Repeat("0a", 32)
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
		{proven, "(1 message from Bob: lost by a gateway, and there is proof (zms evidence export " + proven.Gateway + "))"},
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

// TestSentDirectly: that a foreign gateway saw the address is said where messages are sent and read.
func TestSentDirectly(t *testing.T) {
	m := &control.Message{Type: control.TypeMessage, Contact: 1, Name: "Bob", Outgoing: true, Kind: "text", Text: "x", State: "custody", Written: someTime, Custody: someTime, Until: someTime}
	for _, direct := range []bool{false, true} {
		m.Direct = direct
		if got := strings.Contains(Line(m), "[custody, sent directly]"); got != direct {
			t.Errorf("%v: %s", direct, Line(m))
		}
		for _, state := range []string{"custody", "delivered"} {
			m.State = state
			if got := strings.HasSuffix(Progress(m), "; sent directly: that gateway saw your network address"); got != direct {
				t.Errorf("%v: %s", direct, Progress(m))
			}
		}
		m.State = "custody"
	}
	m.Outgoing = false
	if strings.Contains(Line(m), "directly") {
		t.Error(Line(m))
	}
}

// TestOffers: what is known of a gateway that could be one's own, and what was done.
func TestOffers(t *testing.T) {
	var out bytes.Buffer
	for _, row := range []control.Row{
		&control.Offer{Host: "a:1", Address: "ZMSG:A", Takes: control.TakesAll, Forwards: true, Retention: 30 * 86400, Quota: 256 << 20, TookMS: 12.3, Points: 97},
		&control.Offer{Host: "b:1", Address: "ZMSG:B", Takes: control.TakesWork, Retention: 7200, Near: true},
		&control.Offer{Host: "c\x1b[2J:1", Address: "ZMSG:C", Takes: control.TakesInvited, Retention: 86400, Problem: "nobody\x1b there"},
		&control.Homes{Wanted: 2, Have: 2, Added: []control.Gateway{{Host: "a:1"}}, Drained: []control.Gateway{{Host: "z:1"}}, Refused: []control.Offer{{Host: "b:1", Problem: "no"}}},
		&control.Homes{Wanted: 1, Have: 1}, &control.Contact{},
	} {
		if err := Offers(&out, row); err != nil {
			t.Fatal(err)
		}
	}
	want := `a:1  takes everybody, keeps 30 days, 256 MiB, forwards, connected in 12 ms, 97 points
    ZMSG:A
b:1  takes who works for it, keeps 2 hours, 0 MiB, not measured, in the same network as another one
    ZMSG:B
c\u{1b}[2J:1  by invitation only, keeps 24 hours, 0 MiB, not reached: nobody\u{1b} there
    ZMSG:C
added a:1
not added b:1: no
drained z:1, which can't be reached: it is read again if it comes back; zms gateway add takes that back
2 of your gateways are connected
nothing was added: 1 of your gateways is connected
`
	if out.String() != want {
		t.Errorf("it says\n%s", out.String())
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
