package forward_test

import (
	"bytes"
	"errors"
	"fmt"
	"testing"
	"time"

	"zeroms/gateway/forward"
	"zeroms/protocol/channel"
	"zeroms/protocol/key"
	"zeroms/protocol/wire"
)

// TestThereAndBack: every request that channels carry reaches the guest as it was
// sealed, and its answer the sender; the entry sends on no more than it got.
func TestThereAndBack(t *testing.T) {
	h, e := newHouse(t, nil), newEntry(t, nil)
	e.roads.lead(h, e.node)
	client, p := e.Client(), newPort()
	s := h.sender(t, start())
	for i, ask := range []wire.Payload{submit(1 << 10), submit(4 << 10), submit(16 << 10), submit(64 << 10), submit(1 << 10)} {
		f := h.to(seal(t, s, ask))
		in := len(wire.AppendFrame(nil, 1, f))
		e.Forward(start(), client, uint64(i+1), f, p)
		got := opened(t, s, p.take(t, uint64(i+1)))
		if got.Type != wire.TypeCommit {
			t.Errorf("%d: type %d", i, got.Type)
		}
		last := e.roads.sent[len(e.roads.sent)-1]
		if out := len(wire.AppendFrame(nil, 1, last)); out > in {
			t.Errorf("%d bytes in, %d out", in, out)
		}
		if to := e.roads.at[len(e.roads.at)-1]; to.Host != "8.8.8.8" || to.Port != 443 || !bytes.Equal(to.Node, h.place.Node[:]) {
			t.Errorf("sent to %+v", to)
		}
		asked := h.guest.asked[len(h.guest.asked)-1]
		if again := wire.AppendFrame(nil, asked.ID, ask); !bytes.Equal(again, wire.Marshal(asked)) {
			t.Errorf("%d: the guest got another request", i)
		}
		s.Done(uint32(i))
	}
	if st := e.Stats(); st.Forwarded != 5 || st.Answered != 5 || st.UnderWay != 0 || st.Bytes != 0 || st.Exits != 1 {
		t.Errorf("%+v", st)
	}
	if st := h.exit.Stats(); st.Relayed != 5 || st.Opened != 1 || st.Channels != 1 {
		t.Errorf("%+v", st)
	}
}

// TestToItself: what is for the entry's own gateway is opened there and goes nowhere.
func TestToItself(t *testing.T) {
	h := newHouse(t, nil)
	e := newEntry(t, func(c *forward.EntryConfig) { c.Node, c.Local = h.place.Node, h.exit })
	s, p := h.sender(t, start()), newPort()
	f := h.to(seal(t, s, submit(1<<10)))
	f.Host = "10.0.0.1" // nothing is dialled, so it does not matter
	e.Forward(start(), e.Client(), 3, f, p)
	if got := opened(t, s, p.take(t, 3)); got.Type != wire.TypeCommit || e.roads.count() != 0 || e.Stats().Local != 1 {
		t.Errorf("type %d, %d requests sent on", got.Type, e.roads.count())
	}
	e = newEntry(t, func(c *forward.EntryConfig) { c.Node = h.place.Node })
	e.Forward(start(), e.Client(), 4, f, p)
	if err := p.err(t, 4); !errors.Is(err, wire.ErrNotServing) {
		t.Error(err)
	}
	e = newEntry(t, func(c *forward.EntryConfig) { c.Peers = nil })
	e.Forward(start(), e.Client(), 5, h.to(seal(t, s, submit(1<<10))), p)
	if err := p.err(t, 5); !errors.Is(err, wire.ErrNotServing) {
		t.Error(err)
	}
}

// TestRefused: what can't be sent on is not.
func TestRefused(t *testing.T) {
	h, e := newHouse(t, nil), newEntry(t, nil)
	s, p := h.sender(t, start()), newPort()
	good := h.to(seal(t, s, submit(1<<10)))
	id := uint64(0)
	for name, c := range map[string]struct {
		change func(f *wire.Forward)
		want   error
	}{
		"inner address":    {func(f *wire.Forward) { f.Host = "10.0.0.1" }, wire.ErrScope},
		"loopback":         {func(f *wire.Forward) { f.Host = "127.0.0.1" }, wire.ErrScope},
		"mapped loopback":  {func(f *wire.Forward) { f.Host = "::ffff:127.0.0.1" }, wire.ErrScope},
		"inner name":       {func(f *wire.Forward) { f.Host = "printer.local" }, wire.ErrScope},
		"no host":          {func(f *wire.Forward) { f.Host = "" }, wire.ErrValue},
		"no port":          {func(f *wire.Forward) { f.Port = 0 }, wire.ErrValue},
		"another size":     {func(f *wire.Forward) { f.Sealed = f.Sealed[1:] }, wire.ErrSizeClass},
		"no encapsulation": {func(f *wire.Forward) { f.Encapsulation = nil }, wire.ErrSizeClass},
		"half of one":      {func(f *wire.Forward) { f.Encapsulation = f.Encapsulation[1:] }, wire.ErrValue},
		"too long":         {func(f *wire.Forward) { f.Sealed = make([]byte, wire.MaxSealed+1) }, wire.ErrTooLarge},
	} {
		id++
		f := *good
		c.change(&f)
		e.Forward(start(), e.Client(), id, &f, p)
		if err := p.err(t, id); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
	if e.roads.count() != 0 {
		t.Errorf("%d were sent on", e.roads.count())
	}
}

// TestJoin: the same bytes are under way once, whoever brings them; other bytes in
// their place are another request.
func TestJoin(t *testing.T) {
	h, e := newHouse(t, nil), newEntry(t, nil)
	var done []func(wire.Payload, error)
	e.roads.to[h.place.Node] = func(_ *wire.Relay, d func(wire.Payload, error)) { done = append(done, d) }
	s, p := h.sender(t, start()), newPort()
	r := seal(t, s, submit(1<<10))
	a, b := e.Client(), e.Client()
	e.Forward(start(), a, 1, h.to(r), p)
	e.Forward(start(), a, 2, h.to(r), p)
	e.Forward(start(), b, 3, h.to(r), p)
	e.Forward(start(), b, 4, h.to(r), p)
	e.Forward(start(), b, 5, h.to(r), p)
	if err := p.err(t, 5); !errors.Is(err, wire.ErrBusy) {
		t.Errorf("a fifth one: %v", err)
	}
	other := *r
	other.Sealed = append([]byte(nil), r.Sealed...)
	other.Sealed[0] ^= 1
	e.Forward(start(), b, 6, h.to(&other), p)
	elsewhere := h.to(r)
	elsewhere.Host = "8.8.4.4"
	e.Forward(start(), b, 7, elsewhere, p)
	if len(done) != 3 || e.Stats().Joined != 3 {
		t.Fatalf("%d requests were sent on: %+v", len(done), e.Stats())
	}
	answer := h.relay(t, start(), e.node, r)
	done[0](answer, nil)
	for id := uint64(1); id <= 4; id++ {
		if got := opened(t, s, p.take(t, id)); got.Type != wire.TypeCommit {
			t.Errorf("%d: type %d", id, got.Type)
		}
	}
	done[1](nil, wire.ErrUnreachable)
	done[2](answer, nil)
	if err := p.err(t, 6); !errors.Is(err, wire.ErrUnreachable) {
		t.Error(err)
	}
	p.take(t, 7)
	e.Forward(start(), a, 8, h.to(r), p)
	if len(done) != 4 {
		t.Error("a repetition after the answer is not sent on")
	}
	done[3](nil, wire.ErrUnreachable)
	if st := e.Stats(); st.UnderWay != 0 || st.Bytes != 0 {
		t.Errorf("%+v", st)
	}
}

// TestClientBounds: a client has so many requests under way, brings so many a second
// and names so many gateways; others are not affected.
func TestClientBounds(t *testing.T) {
	e := newEntry(t, nil)
	h := newHouse(t, nil)
	var done []func(wire.Payload, error)
	e.roads.to[h.place.Node] = func(_ *wire.Relay, d func(wire.Payload, error)) { done = append(done, d) }
	p := newPort()
	client, other := e.Client(), e.Client()
	raw := &wire.Relay{Sealed: make([]byte, 1<<10+wire.ForwardPadding)}
	ask := func(c *forward.Client, id uint64, now time.Time) {
		r := *raw
		r.N = uint32(id)
		e.Forward(now, c, id, h.to(&r), p)
	}
	for id := uint64(1); id <= 100; id++ {
		ask(client, id, start())
	}
	if len(done) != 64 {
		t.Fatalf("%d under way", len(done))
	}
	if err := p.err(t, 100); !errors.Is(err, wire.ErrBusy) {
		t.Error(err)
	}
	ask(other, 101, start())
	if len(done) != 65 {
		t.Error("another client has to wait")
	}
	for _, d := range done {
		d(nil, wire.ErrUnreachable)
	}
	ask(client, 200, start())
	if len(done) != 66 {
		t.Error("there is no room after the answers")
	}
	done[65](nil, wire.ErrUnreachable)

	e.roads.to[h.place.Node] = func(_ *wire.Relay, d func(wire.Payload, error)) { d(wire.FailureOf(wire.ErrNoChannel), nil) }
	before := e.roads.count()
	for id := uint64(1000); id < 11_000; id++ {
		ask(client, id, start())
	}
	if n := e.roads.count() - before; n > 4096 || n < 3900 {
		t.Errorf("%d at once", n)
	}

	large, dones := e.Client(), len(done)
	e.roads.to[h.place.Node] = func(_ *wire.Relay, d func(wire.Payload, error)) { done = append(done, d) }
	for id := uint64(15_000); id < 15_064; id++ {
		f := h.to(&wire.Relay{N: uint32(id), Sealed: make([]byte, 4<<10+wire.ForwardPadding)})
		e.Forward(start(), large, id, f, p)
	}
	if n := len(done) - dones; n != forward.ClientBytes/channel.AnswerLarge {
		t.Errorf("%d requests with large answers", n)
	}
	e.roads.to[h.place.Node] = func(_ *wire.Relay, d func(wire.Payload, error)) { d(wire.FailureOf(wire.ErrNoChannel), nil) }

	fresh, sent := e.Client(), 0
	for id := uint64(20_000); id < 20_200; id++ {
		f := h.to(raw)
		f.Target = key.NewPrivate[key.Node]().Public()
		e.Forward(start(), fresh, id, f, p)
		if errors.Is(p.err(t, id), wire.ErrUnreachable) {
			sent++
		}
	}
	if sent != 64 {
		t.Errorf("%d new gateways at once", sent)
	}
	ask(fresh, 30_000, start())
	if err := p.err(t, 30_000); !errors.Is(err, wire.ErrNoChannel) {
		t.Errorf("one that is known: %v", err)
	}
}

// TestDeadExit: a gateway that does not answer takes a part of the memory, few
// requests once it is silent for a while, and nothing from others.
func TestDeadExit(t *testing.T) {
	const total = 4 << 20
	e := newEntry(t, func(c *forward.EntryConfig) { c.Capacity.Bytes = total })
	dead, alive := newHouse(t, nil), newHouse(t, nil)
	var done []func(wire.Payload, error)
	e.roads.to[dead.place.Node] = func(_ *wire.Relay, d func(wire.Payload, error)) { done = append(done, d) }
	e.roads.lead(alive, e.node)
	p := newPort()
	id := uint64(0)
	flood := func(now time.Time) {
		for range 40 {
			c := e.Client()
			for range 64 {
				id++
				e.Forward(now, c, id, dead.to(&wire.Relay{N: uint32(id), Sealed: make([]byte, 64<<10+wire.ForwardPadding)}), p)
			}
		}
	}
	flood(start())
	if st := e.Stats(); st.Bytes > total/2+70<<10 || len(done) < 30 {
		t.Errorf("%d requests, %d bytes", len(done), st.Bytes)
	}
	check := func(now time.Time) {
		t.Helper()
		s := alive.sender(t, start())
		id++
		e.Forward(now, e.Client(), id, alive.to(seal(t, s, submit(64<<10))), p)
		if got := opened(t, s, p.take(t, id)); got.Type != wire.TypeCommit {
			t.Errorf("another gateway: type %d", got.Type)
		}
	}
	check(start())
	for _, d := range done {
		d(nil, wire.ErrUnreachable)
	}
	if st := e.Stats(); st.UnderWay != 0 || st.Bytes != 0 {
		t.Errorf("%+v", st)
	}
	// One request waits; after some seconds few more may.
	done = nil
	id++
	e.Forward(start(), e.Client(), id, dead.to(&wire.Relay{N: uint32(id), Sealed: make([]byte, 1<<10+wire.ForwardPadding)}), p)
	flood(start().Add(4 * time.Second))
	if len(done) != 16 {
		t.Errorf("%d requests to a silent gateway", len(done))
	}
	check(start().Add(4 * time.Second))
}

// TestWhatExitsSay: an exit's failures are handed down without its words, and only
// those that are an exit's; anything else breaks the protocol.
func TestWhatExitsSay(t *testing.T) {
	h, e := newHouse(t, nil), newEntry(t, nil)
	s, p := h.sender(t, start()), newPort()
	r := seal(t, s, submit(1<<10))
	answer := h.relay(t, start(), e.node, r).(*wire.Forwarded)
	number, channel, size := *answer, *answer, *answer
	number.N++
	channel.Channel[0]++
	size.Sealed = size.Sealed[1:]
	for i, c := range []struct {
		answer wire.Payload
		err    error
		want   error
	}{
		{wire.FailureOf(wire.ErrNoChannel.Because("secrets")), nil, wire.ErrNoChannel},
		{wire.FailureOf(wire.ErrOpen), nil, wire.ErrOpen},
		{wire.FailureOf(wire.ErrBusy), nil, wire.ErrBusy},
		{wire.FailureOf(wire.ErrNotServing), nil, wire.ErrNotServing},
		{wire.FailureOf(wire.ErrUnexpected), nil, wire.ErrUnexpected},
		{wire.FailureOf(wire.ErrLogin), nil, wire.ErrUnexpected},
		{wire.FailureOf(wire.ErrSetBack), nil, wire.ErrUnexpected},
		{wire.FailureOf(wire.ErrScope), nil, wire.ErrUnexpected},
		{&number, nil, wire.ErrUnexpected},
		{&channel, nil, wire.ErrUnexpected},
		{&size, nil, wire.ErrUnexpected},
		{&wire.OK{}, nil, wire.ErrUnexpected},
		{nil, wire.ErrScope, wire.ErrScope},
		{nil, wire.ErrBusy, wire.ErrBusy},
		{nil, wire.ErrWrongNode, wire.ErrUnreachable},
		{nil, wire.ErrDraining, wire.ErrUnreachable},
		{nil, fmt.Errorf("8.8.8.8: %w", errNoRoad), wire.ErrUnreachable},
		{answer, nil, nil},
	} {
		e.roads.to[h.place.Node] = func(_ *wire.Relay, d func(wire.Payload, error)) { d(c.answer, c.err) }
		e.Forward(start(), e.Client(), uint64(i), h.to(r), p)
		got := p.take(t, uint64(i))
		if err := failureOf(got); !errors.Is(err, c.want) {
			t.Errorf("%d: %v, want %v", i, err, c.want)
		}
		if f, ok := got.(*wire.Failure); ok && f.Detail == "secrets" {
			t.Errorf("%d: the exit's words went on", i)
		}
	}
}

// TestManyExits: gateways that were named once are forgotten when there are too many.
func TestManyExits(t *testing.T) {
	e := newEntry(t, func(c *forward.EntryConfig) { c.Capacity.Exits = 100; c.Capacity.NewExits = 10_000 })
	h := newHouse(t, nil)
	c, p := e.Client(), newPort()
	for id := range uint64(1000) {
		f := h.to(&wire.Relay{Sealed: make([]byte, 1<<10+wire.ForwardPadding)})
		f.Target = key.NodePublic{byte(id), byte(id >> 8), 1}
		e.Forward(start(), c, id, f, p)
		if err := p.err(t, id); !errors.Is(err, wire.ErrUnreachable) {
			t.Fatal(err)
		}
	}
	if n := e.Stats().Exits; n > 100 {
		t.Errorf("%d gateways are remembered", n)
	}
}
