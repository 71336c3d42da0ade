package dht

import (
	"errors"
	"slices"
	"time"

	"zeroms/gateway/dht/contact"
	"zeroms/gateway/dht/estimate"
	"zeroms/gateway/dht/lookup"
	"zeroms/gateway/dht/settings"
	"zeroms/gateway/dht/table"
	"zeroms/protocol/address"
	"zeroms/protocol/key"
	"zeroms/protocol/wire"
)

// search is a lookup that runs in a node.
type search struct {
	*lookup.Lookup
	node    *Node
	request wire.Payload // shared by all requests of one target
	until   int64
	due     int64
	learn   bool // who is named is offered to the table
	over    bool
	item    address.Item // the best record found
	ended   func(now int64, s *search)
	moved   func(now int64, s *search) // after every step; nil: nobody cares
}

// newSearch is a search that has not begun.
func (n *Node) newSearch(p lookup.Plan, ended func(now int64, s *search)) *search {
	s := &search{Lookup: lookup.New(p, n.rand), node: n, ended: ended}
	if p.Value {
		s.request = &wire.FindValue{Key: p.Target}
	} else if len(p.Cells) == 0 {
		s.request = &wire.FindNode{Target: p.Target}
	}
	s.Skip(n.self)
	return s
}

// begin runs a search, now or when others have ended.
func (n *Node) begin(now int64, s *search) {
	if len(n.running) >= n.config.Limits.Lookups {
		n.queue = append(n.queue, s)
		return
	}
	s.until = never
	if d := n.config.Timing.Lookup; d > 0 {
		s.until = now + int64(d)
	}
	n.running = append(n.running, s)
	n.step(now, s)
}

// full reports whether there is no room for another search, not even to wait.
func (n *Node) full() bool { return len(n.queue) >= n.config.Limits.Queue }

// step sends what a search asks next, or ends it.
func (n *Node) step(now int64, s *search) {
	if s.over {
		return
	}
	steps := s.Next(now, n, n.steps[:0])
	n.steps = nil // what is below may search too
	for _, p := range s.Liars {
		n.broke(p)
	}
	s.Liars = nil
	for i := range steps {
		request := s.request
		if request == nil {
			request = &wire.FindNode{Target: steps[i].Target}
		}
		n.ask(now, steps[i].Peer, request, s)
	}
	n.steps = steps[:0]
	if s.moved != nil {
		s.moved(now, s)
	}
	if s.over {
		return
	}
	if s.Done() && !s.Late() || now >= s.until {
		n.finish(now, s)
		return
	}
	s.due = min(s.Due(), s.until)
	if s.Late() {
		s.due = min(s.due, n.puzzles.Refilled(now, n.config.Limits.Checks))
	}
}

// finish ends a search; the next that waits begins.
func (n *Node) finish(now int64, s *search) {
	s.over = true
	if i := slices.Index(n.running, s); i >= 0 {
		n.running = slices.Delete(n.running, i, i+1)
	}
	s.ended(now, s)
	for len(n.queue) > 0 && len(n.running) < n.config.Limits.Lookups {
		first := n.queue[0]
		n.queue[0] = nil
		n.queue = n.queue[1:]
		n.begin(now, first)
	}
}

// take is the answer of a gateway that the search asked.
func (s *search) take(now int64, f flight, answer wire.Payload, err error) {
	n := s.node
	if err != nil {
		if s.over {
			return
		}
		s.Failed(f.Peer)
		n.step(now, s)
		return
	}
	names, found, err := s.read(now, f.Peer, answer)
	switch {
	case err != nil:
		n.broke(f.Peer)
		if s.over {
			return
		}
		s.Failed(f.Peer)
	case s.over:
		return
	default:
		s.Answered(f.Peer, names, found)
		if s.learn {
			n.learn(names)
		}
	}
	n.step(now, s)
}

// learn has those asked that would get a place in the table.
func (n *Node) learn(names []*contact.Peer) {
	for _, p := range names {
		if n.table.Wants(p) {
			n.keep.want(n, p)
		}
	}
}

var errAnswer = errors.New("the answer breaks the rules of the network")

// read takes an answer apart. The names are valid until the next answer.
func (s *search) read(now int64, from *contact.Peer, answer wire.Payload) (names []*contact.Peer, found bool, err error) {
	n := s.node
	switch a := answer.(type) {
	case *wire.Nodes:
		if s.Value {
			return nil, false, errAnswer
		}
		names, err = n.named(from, a.Contacts)
		return names, false, err
	case *wire.Value:
		if !s.Value {
			return nil, false, errAnswer
		}
		if names, err = n.named(from, a.Contacts); err != nil || len(a.Record) == 0 {
			return names, false, err
		}
		item, err := n.config.CheckValue(a.Record, s.Target, time.Unix(0, now))
		switch {
		case errors.Is(err, wire.ErrClock) || errors.Is(err, wire.ErrExpired):
			return names, false, nil // kept too long: its clock is wrong, or it replays
		case err != nil:
			return nil, false, errAnswer
		}
		if s.item.Record == nil || address.Supersedes(s.item, item) == address.Replaces {
			s.item = item
		}
		return names, true, nil
	}
	return nil, false, errAnswer
}

// named reads the contacts in an answer. They are valid until the next answer.
func (n *Node) named(from *contact.Peer, b []byte) (names []*contact.Peer, err error) {
	n.names, err = n.book.Names(b, contact.Reader{
		Self: n.self, From: from, Most: n.policy.Width, Near: n.policy.Table.BucketNear,
	}, n.names[:0])
	return n.names, err
}

// Admit says whether the place of a contact is sound. Lookups ask nearest contacts
// first, so that those are checked first.
func (n *Node) Admit(p *contact.Peer) lookup.Verdict {
	if n.config.Params.PuzzleBits == 0 || n.table.Find(p) != nil { // it was checked before it got in
		return lookup.Sound
	}
	solved, known := n.puzzles.Check(n.now, &p.ID, n.config.Limits.Checks, n.config.Solved)
	switch {
	case !known:
		return lookup.Later
	case !solved:
		return lookup.Forged
	}
	return lookup.Sound
}

// seed gives a search the contacts of the table nearest to its target, or to those
// of its paths. Contacts that some earlier search asked are left out if others are
// there.
func (n *Node) seed(s *search, earlier []*contact.Peer) {
	const each = 4 // contacts a path begins with
	if len(s.Cells) > 0 {
		for i := range s.Paths {
			q := table.Query{Target: s.TargetOf(i), Count: each + i}
			s.SeedPath(i, n.table.Nearest(&q, nil))
		}
		return
	}
	count := max(each*s.Paths, s.Width)
	q := table.Query{Target: s.Target, Count: count}
	if earlier != nil {
		q.Count *= 2
	}
	peers := n.table.Nearest(&q, nil)
	if earlier != nil {
		peers = slices.DeleteFunc(peers, func(p *contact.Peer) bool { return slices.Contains(earlier, p) })
		peers = peers[:min(len(peers), count)]
		n.rand.Shuffle(len(peers), func(i, j int) { peers[i], peers[j] = peers[j], peers[i] })
	}
	s.Seed(peers)
}

// networkSize is the estimate of how many gateways the network has, this one
// included; at least 1.
func (n *Node) networkSize() estimate.Gateways {
	if n.sized.table == n.table.Changes() && n.now-n.sized.at < int64(time.Minute) && n.sized.samples == n.size.Added() {
		return n.sized.size
	}
	size := float64(n.table.Len() + 1) // the table has them all
	if n.table.Len() >= Siblings {
		var room [Siblings]*contact.Peer
		q := table.Query{Target: n.self.ID, Count: Siblings}
		own := estimate.FromNearest(&n.self.ID, n.table.Nearest(&q, room[:0]))
		size = max(n.size.Estimate(n.now, own, size), size)
	}
	n.sized = sized{n.table.Changes(), n.size.Added(), n.now, estimate.Gateways(size)}
	return n.sized.size
}

// sized is an estimate of the network's size, and what it was made of.
type sized struct {
	table, samples uint64
	at             int64
	size           estimate.Gateways
}

// arrived is within which distance of a place a path of ours is where it should be:
// that of the Siblings nearest, twice. In a small network it is everywhere.
func (n *Node) arrived() uint64 {
	if n.policy.Tries == 1 {
		return 0
	}
	return n.networkSize().Within(2 * Siblings)
}

// region is a plan for the gateways around a place: a path for each of its cells.
func (n *Node) region(place key.NodeID, bits int) lookup.Plan {
	p := n.plan(place, settings.RegionCells)
	for i := range settings.RegionCells {
		p.Cells = append(p.Cells, contact.WithBits(place, bits, 3, uint64(i)))
	}
	return p
}

// Find searches for the gateways nearest to a place. done is called once.
func (n *Node) Find(now time.Time, target key.NodeID, done func(Found)) {
	t := now.UnixNano()
	if n.full() || n.table.Len() == 0 {
		n.later = append(n.later, func() { done(Found{}) })
		return
	}
	s := n.newSearch(n.plan(target, n.policy.PutPaths), func(_ int64, s *search) {
		f := Found{Messages: s.Messages, Contacted: s.Contacted, Rounds: s.Rounds}
		for _, p := range s.Nearest(target, n.policy.Width, false, nil) {
			f.Peers = append(f.Peers, p.Contact)
		}
		done(f)
	})
	s.Thorough = true
	n.seed(s, nil)
	n.begin(t, s)
}

// plan is a search for gateways near a place on all of its paths at once.
func (n *Node) plan(target key.NodeID, paths int) lookup.Plan {
	return lookup.Plan{
		Target: target, Paths: paths, Start: paths, Parallel: n.policy.Parallel, Width: n.policy.Width, Arrived: n.arrived(),
	}
}
