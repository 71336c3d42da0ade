package dht

import (
	"context"
	"slices"
	"testing"
	"time"

	"zeroms/gateway/dht/contact"
	"zeroms/gateway/dht/join"
	"zeroms/protocol/wire"
)

// small is a network of a few gateways that know each other.
func small(t *testing.T, seed uint64, count int) *world {
	w := newWorld(t, seed)
	w.timing.Reach = time.Hour
	w.join(count, time.Second)
	w.run(time.Minute)
	if count <= Siblings { // else some have no place
		w.knowAll(count - 1)
	}
	return w
}

// knowAll checks how many others each gateway knows that answer.
func (w *world) knowAll(others int) {
	w.t.Helper()
	for i, h := range w.hosts {
		if s := h.node.Stats(w.now); s.Table-s.Stale != others {
			w.t.Errorf("gateway %d knows %d others of which %d don't answer; %d are there", i, s.Table, s.Stale, others)
		}
	}
}

// TestLineDown: a gateway whose line was down for an hour loses all others and they
// it; both know each other again soon after, though nobody is named to it.
func TestLineDown(t *testing.T) {
	for _, count := range []int{2, 3, 12, 60} {
		w := small(t, 40, count)
		off := w.hosts[0] // it was never given anybody to begin with
		off.side = 1
		w.run(time.Hour)
		if s := off.node.Stats(w.now); s.Fresh != 0 || !s.Cut {
			t.Fatalf("of %d: without a line it knows %+v", count, s)
		}
		off.side = 0
		w.run(join.Last*5/4 + time.Minute)
		if s := off.node.Stats(w.now); s.Fresh == 0 || s.Cut {
			t.Errorf("of %d: it did not find its network again: %d known, %d silent", count, s.Table, s.Stale)
		}
		w.run(10 * time.Minute)
		if count <= Siblings {
			w.knowAll(count - 1)
		}
	}
}

// TestParted: two parts of a network without a way between them go on as two. Once
// there is a way they are one again.
func TestParted(t *testing.T) {
	w := small(t, 41, 12)
	for _, h := range w.hosts[:4] {
		h.side = 1
	}
	w.run(2 * time.Hour)
	for i, h := range w.hosts {
		if s := h.node.Stats(w.now); i < 4 && s.Table != 3 || i >= 4 && s.Table != 7 {
			t.Fatalf("gateway %d knows %d others of its part", i, s.Table)
		}
	}
	for _, h := range w.hosts {
		h.side = 0
	}
	w.run(join.LostMost * 3 / 2)
	w.knowAll(11)
}

// TestMet: who is to be begun with after a restart is everybody who answered, at
// first those who did so last; nobody is forgotten because it failed.
func TestMet(t *testing.T) {
	w := small(t, 42, 4)
	h := w.hosts[3]
	met := func(want ...*host) {
		t.Helper()
		got := h.node.Met()
		if len(got) != len(want) {
			t.Fatalf("%d met, want %d", len(got), len(want))
		}
		for i := range got {
			if got[i] != want[i].self {
				t.Errorf("met as number %d: %v, want %v", i, got[i].Addr, want[i].self.Addr)
			}
		}
	}
	w.hosts[0].gone = true
	w.until(func() bool { return h.node.Stats(w.now).Table == 2 })
	w.hosts[1].gone = true
	w.until(func() bool { return h.node.Stats(w.now).Table == 1 })
	w.hosts[2].gone = true
	w.until(func() bool { return h.node.Stats(w.now).Stale == 1 })
	met(w.hosts[2], w.hosts[1], w.hosts[0])
	w.until(func() bool { return h.node.Stats(w.now).Table == 0 })
	met(w.hosts[2], w.hosts[1], w.hosts[0])
	w.hosts[0].gone = false
	w.until(func() bool { return h.node.Stats(w.now).Table == 1 })
	met(w.hosts[0], w.hosts[2], w.hosts[1])
}

// TestGone: a gateway that left for good costs a small network a request now and then,
// and its key at another address is it.
func TestGone(t *testing.T) {
	w := small(t, 43, 3)
	h, leaver := w.hosts[1], w.hosts[2]
	leaver.gone = true
	w.run(time.Hour)
	before := h.node.Stats(w.now).Failed
	w.run(24 * time.Hour)
	most := uint64(24 * time.Hour * 4 / 3 / join.LostMost)
	if failed := h.node.Stats(w.now).Failed - before; failed == 0 || failed > most {
		t.Errorf("%d requests in a day, at most %d", failed, most)
	}
	moved := leaver.self
	moved.Addr = w.addr()
	w.addAt(moved)
	h.node.Adopt(w.now, moved, time.Millisecond)
	for _, c := range h.node.Met() {
		if c.Node == moved.Node && c.Addr != moved.Addr {
			t.Errorf("it is remembered at %v, and is at %v", c.Addr, moved.Addr)
		}
	}
}

// TestWrongKey: who is not there under its key is not looked for.
func TestWrongKey(t *testing.T) {
	w := small(t, 44, 3)
	h, other := w.hosts[1], w.hosts[2]
	other.gone = true
	w.until(func() bool { return h.node.Stats(w.now).Table == 1 })
	w.addAt(w.contact(other.self.Addr)) // somebody else
	w.run(2 * join.LostMost)
	for _, c := range h.node.Met() {
		if c.Node == other.self.Node {
			t.Error("a gateway is remembered at an address where another one is")
		}
	}
}

// TestWrongAddress: whoever names another gateway at an address that is not its own
// costs it no place.
func TestWrongAddress(t *testing.T) {
	w := small(t, 47, 3)
	h, liar, other := w.hosts[1], w.hosts[0], w.hosts[2]
	named := other.self
	named.Addr = liar.self.Addr
	ask := func() {
		h.node.ask(w.now.UnixNano(), w.book.Peer(named), &wire.Ping{}, probe{})
		h.pump()
		w.run(time.Second)
	}
	if ask(); !h.node.table.Has(other.node.self) || h.node.table.Len() != 2 {
		t.Error("it lost its place")
	}
	other.gone = true
	w.until(func() bool { return h.node.table.Len() == 1 })
	if ask(); !slices.Contains(h.node.Met(), other.self) {
		t.Error("it is forgotten")
	}
}

// TestMoved: a gateway that asks from another address is known there at once, though
// somebody answers at the old one.
func TestMoved(t *testing.T) {
	w := small(t, 48, 6)
	h, mover := w.hosts[1], w.hosts[2]
	moved := mover.self
	moved.Addr = w.addr()
	there := w.addAt(moved)
	h.node.Serve(w.now, Caller{moved, w.addr().Addr()}, &wire.Ping{}) // comes from elsewhere
	h.pump()
	w.run(time.Second)
	if h.node.table.Has(there.node.self) {
		t.Fatal("a claim of another address was believed")
	}
	h.node.Serve(w.now, Caller{moved, moved.Addr.Addr()}, &wire.Ping{})
	h.pump()
	w.run(time.Second)
	if !h.node.table.Has(there.node.self) || h.node.table.Len() != 5 {
		t.Error("it is not known at the new address")
	}
}

// TestNotServing: a gateway that was started again and takes no part yet is asked again
// a minute later, and as seldom as any other that is lost as long as it does not.
func TestNotServing(t *testing.T) {
	w := small(t, 49, 2)
	h, other := w.hosts[0], w.hosts[1]
	refuse := true
	asked := 0
	other.lie = func(_ Caller, request wire.Payload) wire.Payload {
		if asked++; refuse {
			return &wire.Failure{Code: wire.CodeNotServing}
		}
		return nil
	}
	h.find(contact.Random(w.rand))
	if s := h.node.Stats(w.now); s.Table != 0 {
		t.Fatalf("%d known, which take no part", s.Table)
	}
	asked = 0
	w.run(time.Hour)
	if asked == 0 || asked > 80 {
		t.Errorf("it was asked %d times in an hour", asked)
	}
	refuse = false
	w.run(join.Last * 5 / 4)
	if s := h.node.Stats(w.now); s.Table != 1 {
		t.Error("it is not known again")
	}
}

// TestCanceled: what was given up at the own end says nothing about who was asked.
func TestCanceled(t *testing.T) {
	w := small(t, 45, 3)
	n := w.hosts[1].node
	for range 2 * silent {
		n.ask(w.now.UnixNano(), w.hosts[2].node.self, &wire.Ping{}, probe{})
		asks, _ := n.Advance(w.now)
		for _, a := range asks {
			n.Answered(w.now, a.ID, nil, context.Canceled)
		}
	}
	if s := n.Stats(w.now); s.Table != 2 || s.Stale != 0 || s.Cut {
		t.Errorf("%d known, %d silent, cut off is %v", s.Table, s.Stale, s.Cut)
	}
}

// TestManyToBeginWith: of more contacts than are remembered the first are tried, which
// were known for longest.
func TestManyToBeginWith(t *testing.T) {
	w := newWorld(t, 46)
	alive := w.add()
	contacts := []wire.Contact{alive.self}
	for range 255 {
		contacts = append(contacts, w.contact(w.addr()))
	}
	back := w.add()
	back.node.Join(w.now, contacts)
	back.pump()
	w.run(time.Minute)
	if s := back.node.Stats(w.now); s.Table != 1 {
		t.Errorf("%d known after a minute, and one was there", s.Table)
	}
}
