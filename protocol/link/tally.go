package link

import (
	"container/heap"
	"container/list"
	"net"
	"net/netip"
	"sync"
)

// networkShare is how many times what a source may have the network may that it
// stands in.
const networkShare = 4

// evictedSpare is how many connections, beside an eighth of the bound of all, may
// have been closed to make room while whoever serves them has not noticed yet. So
// what they hold is bounded too.
const evictedSpare = 16

// tally gives places to connections: all that are open, and those of each source
// and network that are starting, which are no links yet or no longer. When places
// are taken, a starting connection gives way to a newcomer; a link never does.
type tally struct {
	// static
	max, maxStarting int // 0: no bound

	mu sync.Mutex
	// guarded by mu
	settled  sync.Cond // evicted became less
	open     int       // without those that were evicted
	evicted  int       // closed to make room, and served still
	clock    uint64    // counts what came
	all      group     // its parts are networks, theirs are sources
	networks map[netip.Prefix]*group
	sources  map[netip.Prefix]*group
}

func newTally(max, maxStarting int) *tally {
	t := &tally{
		max: max, maxStarting: maxStarting,
		networks: map[netip.Prefix]*group{}, sources: map[netip.Prefix]*group{},
	}
	t.settled.L = &t.mu
	return t
}

// group is a source, a network or everybody, as far as connections of it are
// starting. Addresses without a source make one of their own.
type group struct {
	prefix netip.Prefix
	above  *group    // nil: it is everybody
	index  int       // in above.parts
	parts  groups    // the fullest first; none of a source
	conns  list.List // the starting *countedConn of a source, the first to go first
	count  int       // of them, here or in the parts
	newest uint64    // when the last one came
}

// oldest is the connection that gives way for a newcomer: of the fullest network
// the fullest source, of that the oldest. nil if none is starting.
func (g *group) oldest() *countedConn {
	for len(g.parts) > 0 {
		g = g.parts[0]
	}
	if first := g.conns.Front(); first != nil {
		return first.Value.(*countedConn)
	}
	return nil
}

// groups is a heap, the fullest one first, of several that one where nobody came
// for longest.
type groups []*group

// Len implements heap.Interface.
func (h groups) Len() int { return len(h) }

// Less implements heap.Interface.
func (h groups) Less(i, j int) bool {
	if h[i].count != h[j].count {
		return h[i].count > h[j].count
	}
	return h[i].newest < h[j].newest
}

// Swap implements heap.Interface.
func (h groups) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].index, h[j].index = i, j
}

// Push implements heap.Interface.
func (h *groups) Push(x any) {
	g := x.(*group)
	g.index = len(*h)
	*h = append(*h, g)
}

// Pop implements heap.Interface.
func (h *groups) Pop() any {
	last := len(*h) - 1
	g := (*h)[last]
	(*h)[last] = nil
	*h = (*h)[:last]
	return g
}

// countedConn is a connection with a place in a tally.
type countedConn struct {
	net.Conn
	// static
	tally  *tally
	source netip.Prefix // zero: none

	// guarded by tally.mu
	place   *list.Element // among those of its source that are starting; nil: it is none
	evicted bool
	gone    bool
}

// Close closes the connection and gives its place back.
func (c *countedConn) Close() error {
	defer c.tally.remove(c)
	return c.Conn.Close()
}

// add gives a place to a connection, in the worst case that of a victim, which the
// caller closes. It waits while too many victims are still served. own is nil if
// there is no place.
func (t *tally) add(c net.Conn) (own, victim *countedConn) {
	source, known := SourceOf(addrOf(c.RemoteAddr()))
	own = &countedConn{Conn: c, tally: t, source: source}
	t.mu.Lock()
	defer t.mu.Unlock()
	for t.evicted > evictedSpare+t.max/8 {
		t.settled.Wait()
	}
	if full := t.full(source, known); full != nil {
		if victim = full.oldest(); victim == nil {
			return nil, nil
		}
		t.delist(victim)
		victim.evicted = true
		t.open--
		t.evicted++
	}
	t.open++
	t.enlist(own)
	return own, victim
}

// full is the group without a place for one more of a source; nil if all have
// some. mu is held.
func (t *tally) full(source netip.Prefix, known bool) *group {
	if known && t.maxStarting > 0 {
		if s := t.sources[source]; s != nil && s.count >= t.maxStarting {
			return s
		}
		if n := t.networks[NetworkOf(source)]; n != nil && n.count >= networkShare*t.maxStarting {
			return n
		}
	}
	if t.max > 0 && t.open >= t.max {
		return &t.all
	}
	return nil
}

// linked counts a connection as starting no longer.
func (t *tally) linked(c *countedConn) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if c.place != nil {
		t.delist(c)
	}
}

// leaving counts a link as starting again, and as the first of its source to go:
// it only waits for the other side's goodbye.
func (t *tally) leaving(c *countedConn) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if c.place == nil && !c.evicted && !c.gone {
		t.enlist(c)
		t.sources[c.source].conns.MoveToFront(c.place)
	}
}

// remove takes the place of a connection that was closed.
func (t *tally) remove(c *countedConn) {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case c.gone:
		return
	case c.evicted:
		t.evicted--
		t.settled.Signal()
	default:
		t.open--
	}
	c.gone = true
	if c.place != nil {
		t.delist(c)
	}
}

// enlist counts a connection as starting; mu is held.
func (t *tally) enlist(c *countedConn) {
	s := grow(t.sources, c.source, func() *group {
		return grow(t.networks, NetworkOf(c.source), func() *group { return &t.all })
	})
	c.place = s.conns.PushBack(c)
	t.clock++
	for g := s; g != nil; g = g.above {
		g.count++
		g.newest = t.clock
		if g.above != nil {
			heap.Fix(&g.above.parts, g.index)
		}
	}
}

// grow finds the group of a prefix, or makes it a part of the one that above names.
func grow(all map[netip.Prefix]*group, prefix netip.Prefix, above func() *group) *group {
	g := all[prefix]
	if g == nil {
		g = &group{prefix: prefix, above: above()}
		all[prefix] = g
		heap.Push(&g.above.parts, g)
	}
	return g
}

// delist takes a connection out of those that are starting, and groups that are
// empty then; mu is held.
func (t *tally) delist(c *countedConn) {
	s := t.sources[c.source]
	s.conns.Remove(c.place)
	c.place = nil
	for g := s; g != nil; g = g.above {
		g.count--
		switch {
		case g.above == nil:
		case g.count > 0:
			heap.Fix(&g.above.parts, g.index)
		default:
			heap.Remove(&g.above.parts, g.index)
		}
	}
	if s.count == 0 {
		delete(t.sources, s.prefix)
	}
	if s.above.count == 0 {
		delete(t.networks, s.above.prefix)
	}
}
