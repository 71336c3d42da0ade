package sim

import (
	"errors"
	"net/netip"
	"slices"
	"testing"
	"time"

	"zeroms/protocol/wire"
)

// answering is a gateway without a machine.
type answering struct {
	refuse error
	after  time.Duration
	silent bool
}

func (a answering) Greet(*World, *Host, *Host) error { return a.refuse }

func (a answering) Reply(*World, *Host, Call) Reply {
	if a.silent {
		return Reply{}
	}
	return Reply{Payload: &wire.Pong{}, After: a.after}
}

// steady is a model without chance.
func steady() Model {
	m := Default()
	m.Jitter, m.Loss = 0, 0
	return m
}

type ended struct {
	err  error
	took time.Duration
}

// pair is a world of two: one asks, the other is a foe.
func pair(m Model, f Foe) (w *World, from, to *Host) {
	w = NewWorld(m, 1, time.Unix(1_800_000_000, 0))
	from, to = w.Add(w.Draw()), w.Add(w.Draw())
	to.Foe = f
	w.Listen(to, to.Contact.Addr)
	return w, from, to
}

func (w *World) askAndWait(from *Host, to wire.Contact) (e ended) {
	start, over := w.Now(), false
	w.Ask(from, to, &wire.Ping{}, func(_ wire.Payload, err error) { e, over = ended{err, w.Now().Sub(start)}, true })
	w.RunWhile(func() bool { return !over }, time.Hour)
	return e
}

// TestTimes: what a request takes, over a new connection, over an open one, over
// one that was unused for too long, and where nobody answers.
func TestTimes(t *testing.T) {
	m := steady()
	w, from, to := pair(m, answering{})
	way := m.Latency
	for _, step := range []struct {
		name string
		idle time.Duration
		want time.Duration
	}{
		{"a new connection", 0, 4 * way},
		{"an open one", time.Second, 2 * way},
		{"one that is not quite over", m.Idle - 2*way, 2 * way},
		{"one that is", m.Idle - 2*way + 1, 4 * way},
	} {
		w.Run(step.idle)
		if got := w.askAndWait(from, to.Contact); got.err != nil || got.took != step.want {
			t.Errorf("%s: %v after %v, not after %v", step.name, got.err, got.took, step.want)
		}
	}
	if from.Greeted != 2 || from.Asked[wire.TypePing] != 4 {
		t.Errorf("%d connections and %d requests, not 2 and 4", from.Greeted, from.Asked[wire.TypePing])
	}
}

// TestOneLinkForAll: a request that comes while the connection is being opened waits
// for that one, and shares its failure.
func TestOneLinkForAll(t *testing.T) {
	m := steady()
	w, from, to := pair(m, answering{})
	var took []time.Duration
	both := func() {
		took = nil
		start := w.Now()
		note := func(wire.Payload, error) { took = append(took, w.Now().Sub(start)) }
		w.Ask(from, to.Contact, &wire.Ping{}, note)
		w.Run(m.Latency)
		w.Ask(from, to.Contact, &wire.Ping{}, note)
		w.Run(time.Minute)
	}
	if both(); !slices.Equal(took, []time.Duration{4 * m.Latency, 4 * m.Latency}) || from.Greeted != 1 {
		t.Errorf("two requests took %v and %d connections", took, from.Greeted)
	}
	w.Leave(to)
	if both(); !slices.Equal(took, []time.Duration{m.HeadStart + m.Dial, m.HeadStart + m.Dial}) || from.Refused != 2 {
		t.Errorf("where nobody is: %v and %d handshakes, not one each over QUIC and TCP", took, from.Refused)
	}
}

// TestPauses: who does not answer is left alone, one who did lately only for a moment.
func TestPauses(t *testing.T) {
	m := steady()
	w, from, to := pair(m, answering{})
	ask := func(about string, err error, took time.Duration) {
		t.Helper()
		if got := w.askAndWait(from, to.Contact); got.err != err || got.took != took {
			t.Errorf("%s: %v after %v, not %v after %v", about, got.err, got.took, err, took)
		}
	}
	ask("a new connection", nil, 4*m.Latency)
	w.Leave(to)
	ask("over a connection to one who left", wire.ErrUnreachable, m.Answer)
	ask("a moment later", wire.ErrUnreachable, 0)
	w.Run(m.PauseProven)
	ask("where nobody is", wire.ErrUnreachable, m.HeadStart+m.Dial)
	w.Run(2*m.PauseProven - 1)
	ask("in the pause, which is longer now", wire.ErrUnreachable, 0)
	w.Run(m.Proven)
	ask("long after", wire.ErrUnreachable, m.HeadStart+m.Dial)
	w.Run(m.Pause - 1)
	ask("in the pause of one that proves nothing any more", wire.ErrUnreachable, 0)
	w.Return(to)
	w.Run(1)
	ask("after it", nil, 4*m.Latency)
}

// TestRefusals: what the transport reports of gateways that do not answer as whom
// the contact names.
func TestRefusals(t *testing.T) {
	for name, c := range map[string]struct {
		foe  answering
		want error
	}{
		"another network": {answering{refuse: wire.ErrNetwork}, wire.ErrNetwork},
		"no answer":       {answering{silent: true}, wire.ErrUnreachable},
		"too late":        {answering{after: time.Minute}, wire.ErrUnreachable},
		"late":            {answering{after: 10 * time.Second}, nil},
	} {
		w, from, to := pair(steady(), c.foe)
		if got := w.askAndWait(from, to.Contact); !errors.Is(got.err, c.want) || c.want == nil && got.err != nil {
			t.Errorf("%s: %v", name, got.err)
		}
	}
	w, from, to := pair(steady(), answering{})
	other := to.Contact
	other.Node[0]++
	if got := w.askAndWait(from, other); got.err != wire.ErrWrongNode {
		t.Errorf("another key: %v", got.err)
	}
	if from.Sent != 0 {
		t.Errorf("%d bytes went to a gateway that did not prove itself", from.Sent)
	}
}

// TestHandshakesAreBounded: an IP address that never answers as a gateway gets few
// handshakes, whatever ports and keys are named, and so does what is around it.
func TestHandshakesAreBounded(t *testing.T) {
	m := steady()
	for _, around := range []struct {
		about string
		at    func(i int) netip.Addr
		most  Allowance
	}{
		{"one address", func(int) netip.Addr { return netip.AddrFrom4([4]byte{44, 4, 4, 4}) }, m.IP},
		{"a neighbourhood", func(i int) netip.Addr { return netip.AddrFrom4([4]byte{44, 4, 4, byte(i)}) }, m.Near},
		{"a wider one", func(i int) netip.Addr { return netip.AddrFrom4([4]byte{44, 4, byte(i), 4}) }, m.Far},
		{"everywhere", func(i int) netip.Addr { return netip.AddrFrom4([4]byte{44, byte(i >> 2), byte(i), 4}) }, m.All},
	} {
		w, from, to := pair(m, answering{refuse: wire.ErrUnreachable})
		name := func(i int) {
			c := to.Contact
			c.Addr = netip.AddrPortFrom(around.at(i), uint16(1+i))
			c.Node[0] = byte(i)
			w.Ask(from, c, &wire.Ping{}, func(wire.Payload, error) {})
		}
		for i := range 1000 {
			name(i)
		}
		if from.Refused != uint32(around.most.Burst) {
			t.Errorf("%s: %d handshakes at once, %d are allowed", around.about, from.Refused, around.most.Burst)
		}
		w.Run(time.Minute)
		for i := range 4000 {
			name(1000 + i)
		}
		if tried := int(from.Refused) - around.most.Burst; tried != min(around.most.Burst, around.most.Minute) {
			t.Errorf("%s: %d handshakes a minute later, %d are allowed", around.about, tried, around.most.Minute)
		}
	}
}

// TestLoss: lost packets come late, not never.
func TestLoss(t *testing.T) {
	m := steady()
	m.Loss, m.Idle = 0.1, time.Hour
	w, from, to := pair(m, answering{})
	late, sum := 0, time.Duration(0)
	for range 500 {
		got := w.askAndWait(from, to.Contact)
		if got.err != nil {
			t.Fatal(got.err)
		}
		if sum += got.took; got.took > 2*m.Latency {
			late++
		}
	}
	if late < 50 || late > 150 { // 1 - 0.9^2 of 500 is 95
		t.Errorf("%d of 500 came late, mean %v", late, sum/500)
	}
}

// TestOrder: events happen in the order of their moments, and of one moment in the
// order in which they came.
func TestOrder(t *testing.T) {
	w := NewWorld(steady(), 3, time.Unix(0, 0))
	var got []int
	want := 0
	for i := range 500 {
		at := time.Duration(w.Rand.IntN(20)) * time.Second
		w.After(at, func() { got = append(got, int(at/time.Second)*1000+i) })
	}
	w.Run(time.Minute)
	if len(got) != 500 {
		t.Fatalf("%d of 500 events happened", len(got))
	}
	for _, g := range got {
		if g < want {
			t.Fatalf("%d came after %d", g, want)
		}
		want = g
	}
}
