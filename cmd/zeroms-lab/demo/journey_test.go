package demo

import (
	"strings"
	"testing"
	"time"
)

// way is a journey whose hops took so many ms; below 0: not recorded.
func way(n int, online bool, custody, received int) journey {
	j := journey{n: n, from: "Alice", to: "Bob", text: "hi", online: online, holder: "south", size: 1024, written: time.UnixMilli(1_000_000)}
	at := func(ms int) time.Time {
		if ms < 0 {
			return time.Time{}
		}
		return j.written.Add(time.Duration(ms) * time.Millisecond)
	}
	j.submitted, j.custody, j.received, j.delivered = at(0), at(custody), at(received), at(received+100)
	return j
}

func TestJourneyLine(t *testing.T) {
	const want = "#7  Alice -> Bob, 1024 bytes on the wire: written, +0 ms submitted, +9 ms in custody of south, +4 ms received by Bob, +104 ms delivered"
	if got := way(7, true, 9, 4).String(); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if got := way(7, true, -1, 4).String(); !strings.Contains(got, "delivered before the receipt of south came") {
		t.Errorf("without custody: %s", got)
	}
}

// TestTable: only ways with everybody online count in the summary, and only
// hops that were recorded.
func TestTable(t *testing.T) {
	var b strings.Builder
	table(&b, []journey{way(1, true, 9, 4), way(2, false, 2000, 3000), way(3, true, -1, 6), way(4, true, 5, 2), way(5, true, 7, 8)})
	for _, want := range []string{
		"* written to custody: p50 7 ms, max 9 ms of 3 messages\n",
		"* written to received: p50 4 ms, max 8 ms of 4 messages\n",
		" 1*  Alice  Bob       1024  south           0        9         4        104  \"hi\"\n",
		"  2  Alice  Bob       1024  south           0     2000      3000       3100  \"hi\"\n",
		" 3*  Alice  Bob       1024  south           0        -         6        106  \"hi\"\n",
	} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("%q is not in\n%s", want, b.String())
		}
	}
	b.Reset()
	table(&b, nil)
	if !strings.Contains(b.String(), "written to custody: no messages\n") {
		t.Errorf("an empty table:\n%s", b.String())
	}
}

func TestRanks(t *testing.T) {
	for _, c := range []struct {
		m                            message
		custody, delivered, received bool
	}{
		{message{ID: "a", Outgoing: true, State: "queued"}, false, false, false},
		{message{ID: "a", Outgoing: true, State: "custody"}, true, false, false},
		{message{ID: "a", Outgoing: true, State: "delivered"}, true, true, false},
		{message{ID: "a", Outgoing: true, State: "read"}, true, true, false},
		{message{ID: "a", Outgoing: true, State: "failed"}, false, false, false},
		{message{ID: "a"}, false, false, true},
	} {
		if got := [3]bool{inCustody(c.m), delivered(c.m), received(c.m)}; got != [3]bool{c.custody, c.delivered, c.received} {
			t.Errorf("%+v: %v", c.m, got)
		}
	}
}

// TestNote: what is known of a message never goes back.
func TestNote(t *testing.T) {
	p := (&stage{dir: t.TempDir()}).person("Alice", nil)
	for _, text := range []string{
		`{"type":"message","id":"aa","outgoing":true,"state":"queued"}`,
		`{"type":"change","id":"aa","outgoing":true,"state":"delivered","size":1024}`,
		`{"type":"message","id":"aa","outgoing":true,"state":"custody"}`,
		`{"type":"contact","id":3}`,
	} {
		rows, err := parseRows([]byte(text + "\n"))
		if err != nil {
			t.Fatal(err)
		}
		p.note(rows[0])
	}
	if known := p.known(); len(known) != 1 || known["aa"].State != "delivered" || known["aa"].Size != 1024 {
		t.Errorf("known: %+v", known)
	}
}

func TestParseRows(t *testing.T) {
	if _, err := parseRows([]byte(`{"error":{"name":"no-contact","message":"there is no contact"}}`)); err == nil || err.Error() != "there is no contact" {
		t.Errorf("a failure: %v", err)
	}
	if _, err := parseRows([]byte("hello\n")); err == nil {
		t.Error("no JSON was taken")
	}
	rows, err := parseRows([]byte("{\"type\":\"message\",\"id\":\"aa\"}\n{\"type\":\"page\",\"more\":true}\n"))
	if err != nil || len(rows) != 2 {
		t.Fatal(rows, err)
	}
	if m, err := first[message](rows, "message"); err != nil || m.ID != "aa" {
		t.Error(m, err)
	}
	if _, err := first[message](rows, "status"); err == nil {
		t.Error("a row that is not there was found")
	}
}
