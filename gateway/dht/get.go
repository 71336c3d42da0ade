package dht

import (
	"math"
	"slices"
	"time"

	"zeroms/gateway/dht/contact"
	"zeroms/gateway/dht/lookup"
	"zeroms/gateway/dht/settings"
	"zeroms/protocol/address"
	"zeroms/protocol/key"
	"zeroms/protocol/wire"
)

// freshCopies is how many copies a fresh get compares: more than a third of the
// holders, who might keep an older record.
const freshCopies = 8

// probable is how many of the nearest gateways probably are holders, whoever came
// or went since: those are asked in any order.
const probable = 0.6 * Width

// way is one way to look for a record.
type way uint8

const (
	first  way = iota // few paths to the record's place
	wider             // all paths, starting elsewhere
	around            // every gateway of the region, cell by cell
	second            // the second position
)

// get is a Get that runs.
type get struct {
	node  *Node
	q     Get
	ways  []way // still to try
	place key.NodeID
	got   Got
	asked []*contact.Peer // they answered without a record for place
	done  func(Got)
}

// Get looks for a record. done is called once, within a later call of Advance.
func (n *Node) Get(now time.Time, q Get, done func(Got)) {
	g := &get{node: n, q: q, done: done}
	n.stats.Gets++
	n.later = append(n.later, func() { g.start(now) })
}

// record reports whether an address record is looked for.
func (g *get) record() bool { return g.q.Name != [32]byte{} }

// position is the record's place.
func (g *get) position(i uint8) key.NodeID {
	if g.record() {
		return address.Position(g.q.Name, i, g.q.Day)
	}
	return g.q.Place
}

func (g *get) start(now time.Time) {
	n := g.node
	g.place = g.position(0)
	if held, ok := n.shelf.Get(now, g.place); ok {
		if item, err := n.config.CheckValue(held.Bytes, g.place, now); err == nil {
			g.got.Item = item
			if !g.q.Fresh {
				g.end()
				return
			}
		}
	}
	switch {
	case n.full():
		g.got.Err = wire.ErrBusy
		g.end()
		return
	case n.table.Len() == 0:
		g.got.Err = wire.ErrUnreachable
		g.end()
		return
	}
	g.ways = []way{first}
	g.next(now.UnixNano())
}

// all is every way but the first.
func (g *get) all() []way {
	if g.node.policy.Tries == 1 {
		return []way{first}
	}
	if g.record() {
		return []way{wider, around, second}
	}
	return []way{wider, around}
}

// next tries the next way; after the last one the get ends.
func (g *get) next(now int64) {
	if len(g.ways) == 0 {
		if g.got.Item.Record == nil {
			g.got.Err = wire.ErrNoRecord
		}
		g.end()
		return
	}
	w := g.ways[0]
	g.ways = g.ways[1:]
	if w != second || g.got.Tries < settings.MaxTries {
		g.got.Tries++ // the region and the second position are one try, the last
	}
	n := g.node
	switch w {
	case first:
		p := n.plan(g.place, n.policy.GetPaths)
		p.Start = min(n.policy.Start, p.Paths)
		g.search(now, p, g.judge)
	case wider:
		g.search(now, n.plan(g.place, n.policy.PutPaths), g.judge)
	case around:
		g.around(now)
	case second:
		g.asked = nil
		g.place = g.position(1)
		g.search(now, n.plan(g.place, n.policy.PutPaths), g.judge)
	}
}

// search looks for the record with a plan.
func (g *get) search(now int64, p lookup.Plan, ended func(int64, *search)) {
	n := g.node
	p.Value, p.Holder = true, n.networkSize().Within(probable)
	if g.q.Fresh {
		p.Copies = freshCopies
	}
	s := n.newSearch(p, func(now int64, s *search) {
		g.count(s)
		if g.take(s) {
			g.end()
			return
		}
		ended(now, s)
	})
	for _, p := range g.asked {
		s.Skip(p)
	}
	n.seed(s, g.asked)
	n.begin(now, s)
}

func (g *get) count(s *search) {
	g.got.Messages += s.Messages
	g.got.Contacted += s.Contacted
}

// take takes what a search found.
func (g *get) take(s *search) bool {
	if s.item.Record == nil {
		return false
	}
	if g.got.Item.Record == nil || address.Supersedes(g.got.Item, s.item) == address.Replaces {
		g.got.Item = s.item
	}
	g.got.Rounds = s.Rounds
	return true
}

// judge decides what to try after a search that found nothing. A crowded place is
// searched with all around it at once. Else it is looked for on other paths first:
// whether the record is missing or whether those who were asked lie can't be told
// apart.
func (g *get) judge(now int64, s *search) {
	n := g.node
	g.asked = s.Answerers(g.asked)
	if g.got.Tries == 1 && n.policy.Tries > 1 {
		crowded, _ := n.networkSize().Density(&g.place, s.Nearest(g.place, n.policy.Width, false, nil))
		n.suspect(crowded)
		if g.ways = g.all(); crowded {
			g.ways = g.ways[1:]
		}
	}
	g.next(now)
}

// suspect notes whether the last place looked at was crowded.
func (n *Node) suspect(crowded bool) {
	if n.crowded = crowded; crowded {
		n.stats.Suspicions++
	}
}

// around finds the gateways of the whole region and asks those that were not yet.
func (g *get) around(now int64) {
	n := g.node
	g.got.Region = true
	bits := n.networkSize().Bits(RegionSize)
	s := n.newSearch(n.region(g.place, bits), func(now int64, s *search) {
		g.count(s)
		known := s.Nearest(g.place, math.MaxInt, true, nil)
		peers := contact.Cells(g.place, bits, settings.RegionCells, 2*settings.CellHolders, known)
		closed := lookup.Plan{
			Target: g.place, Paths: n.policy.PutPaths, Start: n.policy.PutPaths, Parallel: n.policy.Parallel,
			Width: len(peers), Closed: true,
		}
		g.closed(now, closed, peers)
	})
	n.seed(s, nil)
	n.begin(now, s)
}

// closed asks given gateways for the record.
func (g *get) closed(now int64, p lookup.Plan, peers []*contact.Peer) {
	n := g.node
	p.Value, p.Copies = true, 1
	s := n.newSearch(p, func(now int64, s *search) {
		g.count(s)
		if g.take(s) {
			g.end()
			return
		}
		g.next(now)
	})
	fresh := slices.DeleteFunc(peers, func(p *contact.Peer) bool { return slices.Contains(g.asked, p) })
	n.rand.Shuffle(len(fresh), func(i, j int) { fresh[i], fresh[j] = fresh[j], fresh[i] })
	s.Seed(fresh)
	n.begin(now, s)
}

func (g *get) end() {
	if g.got.Item.Record != nil {
		g.got.Err = nil
		g.node.stats.Hits++
	}
	done := g.done
	g.node.later = append(g.node.later, func() { done(g.got) })
}
