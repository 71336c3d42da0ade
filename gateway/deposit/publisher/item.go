package publisher

import (
	"container/heap"
	"time"

	"zeroms/protocol/address"
	"zeroms/protocol/key"
	"zeroms/protocol/wire"
)

// Times within are unix ms, 0 for never.
const minute = 60_000

func unix(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

func moment(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms)
}

// phase is what happens to a record next.
type phase uint8

const (
	storing  phase = iota // it is stored at item.next
	checking              // it is looked for at item.next
	busy                  // a request about it is on its way
)

// none is the place of what stands in no heap.
const none = -1

// item is a record.
type item struct {
	id       int64
	name     [32]byte
	sum      [32]byte
	day, seq uint32

	first, last int64
	next        int64 // when phase is done
	from        int64 // from when on it may go along with others
	sent        int64 // when it went to a relay last
	pause       int64 // from then to the next time

	stored, verified int64

	group          *group
	lastRelay      *wire.Contact // who stored it last
	dueAt, stampAt int           // where it stands in the heaps
	at             int           // where it stands in its group
	stamp          [wire.WorkSize]byte
	holders        uint8
	phase          phase
	fails          uint8 // stores in a row that failed, or that nobody could confirm
	blind          uint8 // witnesses in a row that failed
	stamped, wide  bool
	checked        bool // the last look found it
	outdone        bool // the last look found a newer one
	refused        bool // the relay found nobody who took it
	again          bool // it changed while a request was on its way
	gone, dirty    bool
}

func (it *item) place() key.NodeID {
	return address.Position(key.BlindedPublic(it.name), 0, it.day)
}

func (it *item) state() State {
	s := State{Holders: it.holders, Stored: moment(it.stored), Verified: moment(it.verified)}
	if it.stamped {
		s.Stamp = append([]byte(nil), it.stamp[:]...)
	}
	if g := it.group; g != nil {
		if g.relay != nil {
			s.Relay = *g.relay
		}
		if g.witness != nil {
			s.Witness = *g.witness
		}
	}
	return s
}

// soil notes that a record's state is other than what was kept of it.
func (p *Publisher) soil(it *item) {
	if !it.dirty && !it.gone {
		it.dirty = true
		p.dirty = append(p.dirty, it)
	}
}

// region names a group: the records of one day whose places share their first bits.
type region struct {
	day  uint32
	bits uint16
}

// regionBits is how many first bits they share.
const regionBits = 10

// group is records that share relay and witness.
type group struct {
	region         region
	relay, witness *wire.Contact // nil: not drawn
	items          []*item
}

// join puts a record into its group, which takes over whom it had.
func (p *Publisher) join(it *item, s *State) {
	place := it.place()
	r := region{it.day, (uint16(place[0])<<8 | uint16(place[1])) >> (16 - regionBits)}
	g := p.groups[r]
	if g == nil {
		g = &group{region: r}
		p.groups[r] = g
	}
	if g.relay == nil && s.Relay.Node != (key.NodePublic{}) {
		g.relay = &s.Relay
	}
	if g.witness == nil && s.Witness.Node != (key.NodePublic{}) {
		g.witness = &s.Witness
	}
	it.group, it.at = g, len(g.items)
	g.items = append(g.items, it)
}

func (p *Publisher) leave(it *item) {
	g := it.group
	last := len(g.items) - 1
	g.items[last].at = it.at
	g.items[it.at] = g.items[last]
	g.items[last] = nil
	g.items = g.items[:last]
	it.group = nil
	if last == 0 {
		delete(p.groups, g.region)
	}
}

// plan says what happens to a record next, and when; it is never stored before its
// first moment.
func (p *Publisher) plan(it *item, what phase, at, from int64) {
	if what == storing {
		at, from = max(at, it.first), max(from, it.first)
	}
	it.phase, it.next, it.from = what, at, from
	switch {
	case what == storing && !it.stamped:
		p.unplan(it)
		if it.stampAt != none {
			heap.Fix(&p.stamps, it.stampAt)
		}
	case it.dueAt == none:
		heap.Push(&p.due, it)
	default:
		heap.Fix(&p.due, it.dueAt)
	}
}

func (p *Publisher) unplan(it *item) {
	if it.dueAt != none {
		heap.Remove(&p.due, it.dueAt)
	}
}

// sooner orders records by when they are due, and equal ones always alike.
func sooner(a, b *item) bool {
	if a.next != b.next {
		return a.next < b.next
	}
	return a.id < b.id
}

// dueHeap orders what is to be done (container/heap).
type dueHeap []*item

func (h dueHeap) Len() int           { return len(h) }
func (h dueHeap) Less(i, j int) bool { return sooner(h[i], h[j]) }
func (h dueHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].dueAt, h[j].dueAt = i, j
}

func (h *dueHeap) Push(x any) {
	it := x.(*item)
	it.dueAt = len(*h)
	*h = append(*h, it)
}

func (h *dueHeap) Pop() any {
	last := len(*h) - 1
	it := (*h)[last]
	(*h)[last] = nil
	*h = (*h)[:last]
	it.dueAt = none
	return it
}

// stampHeap orders what needs a stamp (container/heap).
type stampHeap []*item

func (h stampHeap) Len() int           { return len(h) }
func (h stampHeap) Less(i, j int) bool { return sooner(h[i], h[j]) }
func (h stampHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].stampAt, h[j].stampAt = i, j
}

func (h *stampHeap) Push(x any) {
	it := x.(*item)
	it.stampAt = len(*h)
	*h = append(*h, it)
}

func (h *stampHeap) Pop() any {
	last := len(*h) - 1
	it := (*h)[last]
	(*h)[last] = nil
	*h = (*h)[:last]
	it.stampAt = none
	return it
}
