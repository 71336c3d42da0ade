package account_test

import (
	"crypto/sha256"
	"strings"
	"testing"
	"time"

	"zeroms/client/home"
	"zeroms/protocol/key"
	"zeroms/protocol/wire"
)

// hollow takes in an envelope that is no longer kept.
func (g *gate) hollow(at time.Time) {
	g.add(wire.Push{Kind: wire.RowEnvelope, Drop: key.DropID{1}, Hash: sha256.Sum256([]byte{9}), Time: wire.Millis(at)})
}

// wrong sets the clock of the computer wrong by d; the gateways' stay right.
func wrong(b *bench, d time.Duration, gates ...*gate) {
	b.now = b.now.Add(d)
	for _, g := range gates {
		g.off -= d
	}
}

// others are gateways that were talked to, with clocks off by these.
func others(b *bench, off ...time.Duration) {
	for _, d := range off {
		b.account.Greeted(home.Greeted{Gateway: key.NewPrivate[key.Node]().Public(), Clock: d})
	}
}

// TestExpiredRowsWithAWrongClock: the envelopes of two rows expired a day ago;
// two envelopes behind them are there.
func TestExpiredRowsWithAWrongClock(t *testing.T) {
	const year = 365 * day
	cases := []struct {
		name   string
		wrong  time.Duration
		others func(off time.Duration) []time.Duration
		acked  bool   // all is acknowledged
		told   string // what the home's problem holds
	}{
		{"right", 0, nil, true, ""},
		{"an hour behind", -time.Hour, nil, true, ""},
		{"a day behind", -day, nil, true, ""},
		{"30 hours behind", -30 * time.Hour, nil, true, "set the clock"}, // not yet a day apart from the rows' end
		{"two days behind, alone", -50 * time.Hour, nil, false, "set the clock"},
		{"a year behind, alone", -year, nil, false, "set the clock"},
		{"a year behind, others say so too", -year, func(off time.Duration) []time.Duration { return []time.Duration{off} }, true, "set the clock"},
		{"a year behind, others differ", -year, func(off time.Duration) []time.Duration { return []time.Duration{off, 0} }, false, "set the clock"},
		{"a day ahead", day, nil, true, ""},
		{"a year ahead", year, nil, true, "set the clock"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			b, g := up(t, 2)
			g.disconnect()
			old := b.now.Add(-31 * day)
			g.hollow(old)
			g.hollow(old.Add(time.Hour))
			g.take(2)
			wrong(b, c.wrong, g)
			if c.others != nil {
				others(b, c.others(g.off)...)
			}
			b.received = nil
			g.connect()
			g.push()
			h := g.home()
			if !h.Up || b.restarted != 0 || len(b.received) != 2 || h.Position.Index() != 7 {
				t.Fatalf("up %v, %d links started over, %d envelopes came: %s", h.Up, b.restarted, len(b.received), h.Problem)
			}
			if want := map[bool]int{true: 7, false: 3}[c.acked]; g.cursor != want {
				t.Errorf("acknowledged %d rows, want %d", g.cursor, want)
			}
			if c.told == "" && h.Problem != "" || !strings.Contains(h.Problem, c.told) {
				t.Errorf("told %q", h.Problem)
			}
			// Nothing starts over however often it connects.
			for range 3 {
				g.disconnect()
				g.connect()
				g.push()
			}
			if b.restarted != 0 || !h.Up {
				t.Errorf("%d links started over", b.restarted)
			}
			// Once the clock is set everything is acknowledged.
			wrong(b, -c.wrong, g)
			others(b)
			b.turn()
			g.settle()
			if g.cursor != 7 {
				t.Errorf("with the right clock %d rows are acknowledged", g.cursor)
			}
		})
	}
}

// TestWithheldWhateverTheClock: what is owed by the gateway's own clock, or by
// everybody else's, is not acknowledged.
func TestWithheldWhateverTheClock(t *testing.T) {
	cases := []struct {
		name   string
		ours   time.Duration // our clock less the right one
		lie    time.Duration // the gateway's less the right one
		others []time.Duration
	}{
		{"right", 0, 0, nil},
		{"ours a year ahead", 365 * day, 0, nil},
		{"ours a year behind", -365 * day, 0, nil},
		{"the gateway claims another time", 0, 60 * day, []time.Duration{0, time.Hour, 60 * day}},
		{"ours a day ahead", day, 0, []time.Duration{0}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			b, g := up(t, 2)
			g.disconnect()
			g.hollow(b.now.Add(-10 * day))
			g.take(1)
			b.now = b.now.Add(c.ours)
			g.off = c.lie - c.ours
			for _, o := range c.others {
				others(b, o-c.ours)
			}
			g.connect()
			g.push()
			if h := g.home(); h.Up || b.restarted != 1 || g.cursor != 3 || !strings.Contains(h.Problem, "does not hand out") {
				t.Errorf("up %v, %d links started over, acknowledged %d: %s", h.Up, b.restarted, g.cursor, h.Problem)
			}
		})
	}
}

// TestALoneGatewayWithAClockAhead gets no acknowledgement for what it keeps
// back, and what else it hands out is shown.
func TestALoneGatewayWithAClockAhead(t *testing.T) {
	b, g := up(t, 2)
	g.disconnect()
	g.hollow(b.now.Add(-10 * day))
	g.take(2)
	g.off = 60 * day
	b.received = nil
	g.connect()
	g.push()
	if !g.home().Up || g.cursor != 3 || len(b.received) != 2 {
		t.Fatalf("up %v, acknowledged %d, %d envelopes came", g.home().Up, g.cursor, len(b.received))
	}
	// Another gateway's clock settles it.
	others(b, 0)
	b.turn()
	if h := g.home(); h.Up || b.restarted != 1 || !strings.Contains(h.Problem, "does not hand out") {
		t.Errorf("up %v: %s", h.Up, h.Problem)
	}
	g.disconnect()
	g.connect()
	if h := g.home(); !strings.Contains(h.Problem, "the gateway's clock is wrong") {
		t.Errorf("told %q", h.Problem)
	}
}

func TestTheClockOfThisComputer(t *testing.T) {
	cases := []struct {
		offs  []time.Duration
		lacks time.Duration
		sure  bool
	}{
		{nil, 0, false},
		{[]time.Duration{400 * day}, 400 * day, false},
		{[]time.Duration{400 * day, 400*day + time.Minute}, 400*day + time.Minute, true},
		{[]time.Duration{400 * day, 0}, 400 * day, false},
		{[]time.Duration{400 * day, 0, time.Second}, time.Second, true},
		{[]time.Duration{-40 * day, -40 * day, 1 << 62}, -40 * day, true},
		{[]time.Duration{-1 << 63, 1<<63 - 1}, 1<<63 - 1, false},
	}
	for _, c := range cases {
		b := newBench(t)
		others(b, c.offs...)
		if lacks, sure := b.account.Clock(); lacks != c.lacks || sure != c.sure {
			t.Errorf("%v: lacks %v, sure %v", c.offs, lacks, sure)
		}
	}
	b, g := up(t, 1)
	for range 200 {
		others(b, 400*day)
	}
	if lacks, _ := b.account.Clock(); lacks != 400*day {
		t.Errorf("lacks %v", lacks)
	}
	wrong(b, -400*day, g)
	g.disconnect()
	g.connect()
	if !strings.Contains(g.home().Problem, "set the clock") {
		t.Errorf("the home is forgotten over the others: %q", g.home().Problem)
	}
}

func TestRefusalsNameTheClock(t *testing.T) {
	b, g := up(t, 1)
	wrong(b, 365*day, g)
	b.account.Greeted(home.Greeted{Gateway: g.node.Public(), Clock: g.off})
	opened := len(b.opened)
	b.account.Disconnected(home.Disconnected{Gateway: key.GatewayHashOf(g.node.Public()), Err: wire.ErrExpired})
	if h := g.home(); !strings.Contains(h.Problem, "set the clock") {
		t.Errorf("told %q", h.Problem)
	}
	// What it registers with is made anew with the clock of now.
	if len(b.opened) != opened+1 {
		t.Fatal("the registration was not renewed")
	}
	var e wire.Enrolment
	if err := wire.Unmarshal(b.opened[opened].Register.Object.Body, &e, wire.MaxObject); err != nil || e.Time != wire.Millis(b.now) {
		t.Errorf("enrolment of %v: %v", wire.Time(e.Time), err)
	}
}
