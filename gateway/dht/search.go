package dht

import (
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"zeroms/gateway/dht/contact"
	"zeroms/gateway/dht/estimate"
	"zeroms/gateway/dht/lookup"
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
		s.due = min(s.due, n.puzzles.refilled(now, n.config.Limits.Checks))
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
		s.Failed(f.peer)
		n.step(now, s)
		return
	}
	names, found, err := s.read(now, f.peer, answer)
	switch {
	case err != nil:
		n.broke(f.peer)
		if s.over {
			return
		}
		s.Failed(f.peer)
	case s.over:
		return
	default:
		s.Answered(f.peer, names, found)
		if s.learn {
			for _, p := range names {
				if n.table.Wants(p) {
					n.keep.want(n, p)
				}
			}
		}
	}
	n.step(now, s)
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

// named reads the contacts in an answer. Too many, or what is no contact at all,
// is an error; what an honest gateway may name without knowing better, and what
// is not for us, is left out: ourselves and itself, addresses that nobody in this
// network uses, local ones from a public gateway, too many of one owner.
func (n *Node) named(from *contact.Peer, b []byte) ([]*contact.Peer, error) {
	if len(b)%wire.ContactSize != 0 || len(b) > n.policy.width*wire.ContactSize {
		return nil, errAnswer
	}
	names := n.names[:0]
	for ; len(b) > 0; b = b[wire.ContactSize:] {
		c, err := wire.ParseContact(b[:wire.ContactSize])
		if err != nil || !c.Addr.IsValid() {
			return nil, errAnswer
		}
		if c.Node == n.self.Node || c.Node == from.Node {
			continue
		}
		p := n.book.Peer(c)
		if p.Scope == 0 || from.Scope == address.Public && p.Scope != address.Public {
			continue
		}
		if most := n.policy.table.BucketNear; most > 0 && near(names, p) >= most {
			continue
		}
		names = append(names, p)
	}
	n.names = names
	return names, nil
}

// near counts the contacts of p's group of addresses.
func near(peers []*contact.Peer, p *contact.Peer) (count int) {
	for _, q := range peers {
		if q.NearTo(p) {
			count++
		}
	}
	return count
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
func (n *Node) networkSize() float64 {
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
	n.sized = sized{n.table.Changes(), n.size.Added(), n.now, size}
	return size
}

// sized is an estimate of the network's size, and what it was made of.
type sized struct {
	table, samples uint64
	at             int64
	size           float64
}

// holderDistance is within which distance of a place a gateway probably is one of
// its holders, as a head.
func (n *Node) holderDistance() uint64 {
	size := n.networkSize()
	if size <= Width {
		return math.MaxUint64
	}
	return uint64(0.6 * Width / size * (1 << 63) * 2)
}

// arrived is within which distance of a place the gateways around it are known, as
// a head: that of the Siblings nearest, twice.
func (n *Node) arrived() uint64 {
	size := n.networkSize()
	if n.policy.tries == 1 || size <= 2*Siblings {
		return 0
	}
	return uint64(2 * Siblings / size * (1 << 63) * 2)
}

// regionBits is how many leading bits the gateways of one region share.
func (n *Node) regionBits() int {
	bits := 0
	for size := n.networkSize(); size >= 2*RegionSize; size /= 2 {
		bits++
	}
	return bits
}

// region is a plan for the gateways around a place: a path for each of its cells.
func (n *Node) region(place key.NodeID, bits int) lookup.Plan {
	cells := make([]key.NodeID, RegionCells)
	for i := range cells {
		cells[i] = contact.WithBits(place, bits, 3, uint64(i))
	}
	return lookup.Plan{
		Target: place, Cells: cells, Paths: RegionCells, Start: RegionCells, Parallel: 1, Width: Width, Arrived: n.arrived(),
	}
}

// seeds of the own table may be asked by one path only, so crowded looks at what
// a search found: too near for the network's size is an attack on this place, too
// far means that paths were led astray.
func (n *Node) density(nearest []*contact.Peer, place *key.NodeID) (crowded, sparse bool) {
	size := n.networkSize()
	if size < 3*estimate.Place {
		return false, false
	}
	expected := estimate.Expected(size, place, nearest)
	if expected == 0 {
		return false, true
	}
	return expected < estimate.Crowded, expected > estimate.Sparse
}

// Find searches for the gateways nearest to a place. done is called once.
func (n *Node) Find(now time.Time, target key.NodeID, done func(Found)) {
	t := now.UnixNano()
	if n.full() || n.table.Len() == 0 {
		n.later = append(n.later, func() { done(Found{}) })
		return
	}
	s := n.newSearch(n.plan(target, n.policy.putPaths), func(_ int64, s *search) {
		f := Found{Messages: s.Messages, Contacted: s.Contacted, Rounds: s.Rounds}
		for _, p := range s.Nearest(target, n.policy.width, false, nil) {
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
		Target: target, Paths: paths, Start: paths, Parallel: n.policy.parallel, Width: n.policy.width, Arrived: n.arrived(),
	}
}

// random is a place that is drawn.
func random(r *rand.Rand) (id key.NodeID) {
	for i := 0; i < len(id); i += 8 {
		x := r.Uint64()
		for j := range 8 {
			id[i+j] = byte(x >> (8 * j))
		}
	}
	return id
}
