package netlab

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"zeroms/client"
)

var day = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

func at(seconds float64) time.Time { return day.Add(time.Duration(seconds * float64(time.Second))) }

func TestScheduleIsDrawnFromItsSeed(t *testing.T) {
	c := Config{Gateways: 12, Users: 40, Lasts: 10 * time.Minute, Seed: 5, Isolated: true}
	one, same := schedule(c), schedule(c)
	if len(one) < 40 || !slices.EqualFunc(one, same, func(a, b fault) bool { return a.String() == b.String() && a.at == b.at && a.lasts == b.lasts }) {
		t.Fatalf("%d faults, and %d from the same seed", len(one), len(same))
	}
	c.Seed++
	if other := schedule(c); len(other) == len(one) && other[0].String() == one[0].String() && other[1].String() == one[1].String() {
		t.Error("another seed draws the same")
	}
}

func TestScheduleLeavesMostGatewaysAlone(t *testing.T) {
	for seed := range uint64(50) {
		c := Config{Gateways: 4, Users: 8, Lasts: 5 * time.Minute, Seed: seed, Isolated: seed%2 == 0}
		faults, many := schedule(c), map[kind]int{}
		movers := map[int]bool{}
		for i, f := range faults {
			many[f.kind]++
			if f.at < firstFault || f.at > c.Lasts-quietEnd {
				t.Fatalf("a fault after %v", f.at)
			}
			if f.kind == moves && (movers[f.person] || homesOf(f.person) < 2) {
				t.Fatalf("person %d moves", f.person)
			}
			movers[f.person] = movers[f.person] || f.kind == moves
			o := &outage{fault: f}
			for _, earlier := range faults[:i] {
				before := &outage{fault: earlier}
				for n := range c.Gateways {
					if earlier.at+earlier.lasts > f.at && before.out(n) && (o.out(0) || o.out(1) || o.out(2) || o.out(3)) {
						t.Fatalf("two of four gateways are out at %v", f.at)
					}
				}
			}
		}
		for _, k := range deckOf(c) {
			if many[k] == 0 {
				t.Errorf("seed %d: nothing is %s", seed, k)
			}
		}
		if many[halves] > 0 && !c.Isolated {
			t.Error("a split without namespaces")
		}
	}
}

func TestLettersAreRead(t *testing.T) {
	for _, id := range []letterID{{0, 1, 1}, {12, 3, 4567}} {
		for _, text := range []string{id.text(), id.text() + " lorem lor"} {
			if got, ok := parseLetter(text); !ok || got != id {
				t.Errorf("%q: %v, %t", text, got, ok)
			}
		}
	}
	for _, text := range []string{"", "hello", "letter 1>2", "letter 1>2 #x", "letter 1>2 #3 and more", "letter 01>2 #3"} {
		if id, ok := parseLetter(text); ok {
			t.Errorf("%q is %v", text, id)
		}
	}
}

func TestLedgerNotesWhatBecomesOfLetters(t *testing.T) {
	l := newLedger()
	first, second := l.written(1, 2), l.written(1, 2)
	shown := func(by int, id letterID) { l.received(by, &client.Message{Text: id.text()}, at(1)) }
	shown(2, first)
	shown(2, first)
	shown(3, second)
	shown(2, letterID{1, 2, 9})
	l.received(2, &client.Message{Text: "something else"}, at(1))
	if l.doubled != 1 || l.strange != 2 || l.missing != 1 {
		t.Errorf("%d doubled, %d strange, %d missing", l.doubled, l.strange, l.missing)
	}
	l.changed(&client.Message{Text: second.text(), State: client.Queued}, at(2))
	l.changed(&client.Message{Text: second.text(), State: client.InCustody}, at(3))
	l.changed(&client.Message{Text: second.text(), State: client.Delivered}, at(4))
	if got := l.letters[second].custody; !got.Equal(at(3)) {
		t.Errorf("custody at %v", got)
	}
	waits := make(chan error)
	go func() { waits <- l.await(t.Context()) }()
	shown(2, second)
	if err := <-waits; err != nil {
		t.Error(err)
	}
	l.notSent(l.written(1, 2))
	if n := l.writtenTo(1, 2); n != 2 || l.missing != 0 {
		t.Errorf("%d written, %d missing", n, l.missing)
	}
}

func TestTranscriptsAreHeldAgainstWhatWasWritten(t *testing.T) {
	id := func(n int) letterID { return letterID{1, 2, n} }
	for name, test := range map[string]struct {
		letters []letterID
		want    [4]int // lost, doubled, disordered, strange
	}{
		"all":        {[]letterID{id(1), id(2), id(3)}, [4]int{}},
		"lost":       {[]letterID{id(1), id(3)}, [4]int{1}},
		"doubled":    {[]letterID{id(1), id(2), id(2), id(3)}, [4]int{0, 1}},
		"disordered": {[]letterID{id(2), id(1), id(3)}, [4]int{0, 0, 1}},
		"strange":    {[]letterID{id(1), id(2), id(3), id(4), {9, 2, 1}}, [4]int{0, 0, 0, 2}},
	} {
		v := &verdict{}
		v.compare(test.letters, id(3))
		if got := [4]int{v.lost, v.doubled, v.disordered, v.strange}; got != test.want || v.letters != 3 {
			t.Errorf("%s: %v of %d", name, got, v.letters)
		}
		if test.want != [4]int{} && v.failure() == nil {
			t.Errorf("%s is no failure", name)
		}
	}
}

func TestClasses(t *testing.T) {
	out := func(k kind, from, to float64, gateways ...int) outage {
		return outage{fault: fault{kind: k, gateways: gateways}, began: at(from), ended: at(to)}
	}
	v := &verdict{outages: []outage{out(killed, 100, 110, 0), out(cutOff, 105, 120, 1), out(halves, 200, 210, 0, 1)}}
	for _, test := range []struct {
		sent, received    float64
		sender, recipient []int
		want              class
	}{
		{50, 50.1, []int{2}, []int{0}, calm},
		{99, 101, []int{2}, []int{0}, allOut},
		{101, 111, []int{2}, []int{0, 3}, oneOut},
		{106, 107, []int{2}, []int{0, 1}, allOut},
		{106, 107, []int{0}, []int{2, 3}, senderOut},
		{106, 107, []int{2}, []int{3}, calm},
		{112, 113, []int{0}, []int{3}, returning},
		{112, 113, []int{3}, []int{0}, returning},
		{130, 131, []int{3}, []int{0}, calm},
		{205, 206, []int{3}, []int{2}, splitNet},
	} {
		l := &letter{sent: at(test.sent), received: at(test.received)}
		if got := v.class(l, test.sender, test.recipient); got != test.want {
			t.Errorf("%v: %s", test, got)
		}
	}
}

func TestFailoversAndReturnsAreMeasured(t *testing.T) {
	v := &verdict{outages: []outage{{fault: fault{kind: killed, gateways: []int{0}}, began: at(10), ended: at(20)}}}
	letters := map[letterID]*letter{}
	write := func(to, n int, sent, received float64) {
		id := letterID{9, to, n}
		letters[id] = &letter{id: id, sent: at(sent), custody: at(sent + 0.5), received: at(received)}
	}
	write(1, 1, -5, -4) // before the chat
	write(1, 2, 5, 5.1) // calm
	write(1, 3, 11, 13) // the first to somebody with another home
	write(1, 4, 12, 12.1)
	write(2, 1, 15, 23) // to somebody without
	homes := make([][]int, 10)
	homes[1], homes[2], homes[9] = []int{0, 3}, []int{0}, []int{5}
	v.measure(at(0), letters, homes)
	if f := v.failovers; f.Count != 1 || f.P50 != 2*time.Second {
		t.Errorf("failovers: %+v", f)
	}
	if r := v.returns; r.Count != 1 || r.Most != 3*time.Second {
		t.Errorf("returns: %+v", r)
	}
	if v.received[calm].Count != 1 || v.received[oneOut].Count != 2 || v.received[allOut].Count != 1 || v.custody[oneOut].P50 != 500*time.Millisecond {
		t.Errorf("%+v", v.received)
	}
	v.config = Config{Gateways: 6, Users: 10}
	for name, report := range map[string]bool{"table": false, "JSON": true} {
		var b bytes.Buffer
		if err := v.report(&b, report); err != nil {
			t.Fatal(err)
		}
		if report {
			for _, line := range strings.Split(strings.TrimSpace(b.String()), "\n") {
				var r row
				if err := json.Unmarshal([]byte(line), &r); err != nil || r.Row == "" {
					t.Errorf("%s: %v", line, err)
				}
			}
		} else if !strings.Contains(b.String(), "2000.0") {
			t.Errorf("%s:\n%s", name, b.String())
		}
	}
}

func TestBoundsThatAreMissed(t *testing.T) {
	good := func() *verdict {
		return &verdict{received: map[class]spread{calm: {10, time.Millisecond, time.Second, time.Second, time.Second}}}
	}
	if err := good().failure(); err != nil {
		t.Fatal(err)
	}
	for name, spoil := range map[string]func(*verdict){
		"nothing in calm": func(v *verdict) { v.received = nil },
		"slow in calm":    func(v *verdict) { v.received[calm] = spread{10, calmMedian + 1, time.Second, time.Second, time.Second} },
		"slow failover":   func(v *verdict) { v.failovers = spread{1, failoverMedian + 1, 0, 0, 0} },
		"slow failovers":  func(v *verdict) { v.failovers = spread{Count: fewMany, P95: failoverMany + 1} },
		"one failover":    func(v *verdict) { v.failovers.Most = failoverWorst + 1 },
		"slow return":     func(v *verdict) { v.returns.Most = returnWorst + 1 },
		"unknown move":    func(v *verdict) { v.moved, v.announced = 2, 1 },
		"lost":            func(v *verdict) { v.lost = 1 },
		"failed":          func(v *verdict) { v.failed = 1 },
	} {
		v := good()
		spoil(v)
		if v.failure() == nil {
			t.Errorf("%s is no failure", name)
		}
	}
}
