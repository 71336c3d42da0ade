package forward_test

import (
	"errors"
	"net/netip"
	"testing"

	"zeroms/gateway/forward"
	"zeroms/protocol/address"
	"zeroms/protocol/wire"
)

func nearOf(addr string) address.Group {
	return address.Public.Near(netip.AddrPortFrom(netip.MustParseAddr(addr), 443))
}

// TestKeysOfOneNeighbourhood: whoever makes a node key for each request gets no more
// set-ups, faults and look-ups than their neighbourhood has, and keeps nobody else
// from theirs, the gateway's own users least of all.
func TestKeysOfOneNeighbourhood(t *testing.T) {
	h := newHouse(t, nil)
	ask := func(from forward.From, r *wire.Relay) wire.Payload {
		p := newPort()
		h.exit.Relay(start(), from, 1, r, p)
		return p.take(t, 1)
	}
	open := func(from forward.From) error {
		return failureOf(ask(from, seal(t, h.sender(t, start()), submit(1<<10))))
	}
	count := func(n int, try func(i int) error) (busy int) {
		for i := range n {
			if errors.Is(try(i), wire.ErrBusy) {
				busy++
			}
		}
		return busy
	}
	evil, other := nearOf("11.0.0.1"), forward.From{Node: newNode(), Near: nearOf("12.0.0.1")}
	if busy := count(600, func(int) error { return open(forward.From{Node: newNode(), Near: evil}) }); busy != 600-512 {
		t.Errorf("%d of 600 set-ups of a neighbourhood were refused", busy)
	}
	garbage := nearOf("13.0.0.1")
	busy := count(400, func(int) error {
		r := seal(t, h.sender(t, start()), submit(1<<10))
		r.Sealed[0] ^= 1
		return failureOf(ask(forward.From{Node: newNode(), Near: garbage}, r))
	})
	if busy != 400-256 {
		t.Errorf("%d of 400 faults of a neighbourhood were refused", busy)
	}
	for _, from := range []forward.From{other, {Node: h.place.Node}} {
		if err := open(from); err != nil {
			t.Errorf("another: %v", err)
		}
	}

	lookups := func(near address.Group) int {
		return count(100, func(int) error {
			s := h.sender(t, start())
			return failureIn(t, s, ask(forward.From{Node: newNode(), Near: near}, seal(t, s, &wire.RecordGet{Name: [32]byte{1}})))
		})
	}
	first := len(h.guest.asked)
	for i, want := range []int{32, 32, 0} { // of each neighbourhood, and of all
		if busy := lookups(nearOf([]string{"14.0.0.1", "15.0.0.1", "16.0.0.1"}[i])); 100-busy != want {
			t.Errorf("neighbourhood %d had %d look-ups", i, 100-busy)
		}
	}
	if n := h.guest.count() - first; n != 64 {
		t.Errorf("%d look-ups were made", n)
	}
}

// TestOneClientsShare: a client who sends what a gateway can't open, or opens channel
// after channel, uses up no more than their share of what that gateway allows this one.
func TestOneClientsShare(t *testing.T) {
	h := newHouse(t, nil)
	e := newEntry(t, nil)
	e.roads.lead(h, e.node)
	bad, good := e.Client(), e.Client()
	ask := func(c *forward.Client, broken bool) error {
		s := h.sender(t, start())
		r := seal(t, s, submit(1<<10))
		if broken {
			r.Sealed[0] ^= 1
		}
		p := newPort()
		e.Forward(start(), c, 1, h.to(r), p)
		return p.err(t, 1)
	}
	for range 1000 {
		_ = ask(bad, true)
	}
	if n := e.roads.count(); n > 40 {
		t.Errorf("%d requests that don't open went out", n)
	}
	if err := ask(good, false); err != nil {
		t.Errorf("another client: %v", err)
	}
	third, before := e.Client(), e.roads.count()
	for range 1000 {
		_ = ask(third, false)
	}
	if n := e.roads.count() - before; n > 256 {
		t.Errorf("%d set-ups of one client went out", n)
	}
}

// TestOneGatewayAtManyPlaces: a client who names one gateway at place after place has no
// more of them dialled than of as many gateways.
func TestOneGatewayAtManyPlaces(t *testing.T) {
	h := newHouse(t, nil)
	e := newEntry(t, nil)
	c := e.Client()
	for i := range 1000 {
		f := h.to(&wire.Relay{N: uint32(i), Sealed: make([]byte, 1<<10+wire.ForwardPadding)})
		f.Host, f.Port = "8.8.4.4", uint16(1+i)
		e.Forward(start(), c, 1, f, newPort())
	}
	if n := e.roads.count(); n != 64 {
		t.Errorf("a gateway was dialled at %d places", n)
	}
}
