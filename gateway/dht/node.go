// Package dht is a gateway's part in the gateway network: a Kademlia table of
// other gateways, lookups on disjoint paths, records stored with the nearest
// gateways of their place, and what keeps all of this true while gateways come,
// go and lie (docs/protocol/dht.md).
//
// Node is the whole of it as a plain state machine: it never looks at the clock,
// never blocks and starts no goroutine. Requests of others go to Serve; what
// Advance returns is sent, and what comes back goes to Answered. Service runs a
// Node for many goroutines over a Transport. The simulator runs Nodes as they are.
//
//	contact/  places and distances          table/    who is known, and for how long
//	lookup/   one search                    estimate/ how large the network is
//	holders/  who is asked to hold what     shelf/    records held for others
//	reach/    whether others reach us       limit/    rates of others
//	join/     whom to enter the network by
package dht

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"net/netip"
	"slices"
	"time"

	"zeroms/gateway/dht/contact"
	"zeroms/gateway/dht/estimate"
	"zeroms/gateway/dht/flights"
	"zeroms/gateway/dht/holders"
	"zeroms/gateway/dht/join"
	"zeroms/gateway/dht/limit"
	"zeroms/gateway/dht/lookup"
	"zeroms/gateway/dht/reach"
	"zeroms/gateway/dht/settings"
	"zeroms/gateway/dht/shelf"
	"zeroms/gateway/dht/table"
	"zeroms/protocol/address"
	"zeroms/protocol/key"
	"zeroms/protocol/wire"
)

// never is a time that does not come.
const never = int64(math.MaxInt64)

// Node is one gateway's part in the network. It is not safe for concurrent use.
type Node struct {
	// static
	config Config
	policy settings.Policy
	rand   *rand.Rand
	book   *contact.Book

	now   int64 // of the call that runs
	self  *contact.Peer
	table *table.Table
	shelf *shelf.Shelf
	size  estimate.Size
	sized sized

	flights  flights.List[*contact.Peer, taker]
	out      []Ask // requests that Advance returns next
	spare    []Ask // what it returned last
	running  []*search
	queue    []*search
	storing  []*storing
	stamping []stamping
	later    []func()

	puzzles limit.Puzzles
	memory  holders.Memory
	served  limit.Meters
	met     limit.Meters // callers who become candidates, by where they come from
	keep    keep
	join    join.State
	proof   reach.Proof
	firstRT int64 // 95 % of first requests to a gateway were answered within
	silence int   // requests without answer since the last one with
	names   []*contact.Peer
	steps   []lookup.Step

	crowded bool // the last place looked at
	stats   Stats
}

// New makes a node. Errors: wire.ErrValue for parameters that no network has.
func New(c Config) (*Node, error) {
	if c.Params.Network == (key.Network{}) || c.Params.Scope < address.Loopback || c.Params.Scope > address.Public {
		return nil, wire.ErrValue.Because("parameters of the gateway network")
	}
	if c.Timing == (Timing{}) {
		c.Timing = Timing{}.Default()
	}
	if c.Limits == (Limits{}) {
		c.Limits = Limits{}.Default()
	}
	if c.Rand == nil {
		c.Rand = contact.NewRand()
	}
	params := c.Params
	if c.Check == nil {
		c.Check = func(item wire.StoreItem, now time.Time) (address.Item, error) {
			return address.CheckItem(item, params, now)
		}
	}
	if c.CheckValue == nil {
		c.CheckValue = func(b []byte, place key.NodeID, now time.Time) (address.Item, error) {
			return address.CheckValue(b, place, params, now)
		}
	}
	if c.Solved == nil {
		c.Solved = func(id key.NodeID) bool { return address.Solved(id, params.PuzzleBits) }
	}
	if c.Book == nil {
		c.Book = contact.NewBook(c.Params, 128)
	}
	n := &Node{config: c, policy: c.Algorithm.Policy(), rand: c.Rand, book: c.Book, firstRT: int64(400 * time.Millisecond)}
	n.self = n.book.Peer(c.Self)
	n.table = table.New(n.self, n.policy.Table)
	n.table.Idle = c.Timing.Idle
	if n.shelf = c.Shelf; n.shelf == nil {
		n.shelf = shelf.New(shelf.Config{Me: n.self.ID})
	}
	n.join = join.New(n.rand)
	n.keep.plan()
	return n, nil
}

// Self is the own contact.
func (n *Node) Self() wire.Contact { return n.self.Contact }

// SetAddr gives the node another address, or none: then it only asks. A new one
// has to be proved by others before the node serves there.
func (n *Node) SetAddr(now time.Time, addr netip.AddrPort, transports uint8) {
	c := n.self.Contact
	c.Addr, c.Transports = netip.AddrPortFrom(address.Canonical(addr.Addr()), addr.Port()), transports
	if !addr.IsValid() {
		c.Addr, c.Transports = netip.AddrPort{}, 0
	}
	if c == n.self.Contact {
		return
	}
	n.self = n.book.Peer(c)
	n.proof = reach.Proof{}
	n.proof.Begin(now.UnixNano())
}

// Advance does what is due at now. It returns the requests to send, valid until
// the next call, and when to call again if nothing happens before: the zero time
// means not at all. It is called after every other method as well.
func (n *Node) Advance(now time.Time) (asks []Ask, next time.Time) {
	t := now.UnixNano()
	n.now = t
	n.expire(t)
	for i := 0; i < len(n.running); i++ {
		if s := n.running[i]; s.due <= t {
			n.step(t, s)
			if i < len(n.running) && n.running[i] != s {
				i--
			}
		}
	}
	for _, s := range slices.Clone(n.storing) {
		if s.due <= t {
			s.advance(t)
		}
	}
	n.stamp(t)
	n.maintain(now, t)
	for len(n.later) > 0 {
		call := n.later
		n.later = nil
		for _, f := range call {
			f()
		}
	}
	asks = n.out
	n.out, n.spare = n.spare[:0], asks
	if at := n.next(t); at < never {
		next = time.Unix(0, at)
	}
	return asks, next
}

// next is when Advance has something to do.
func (n *Node) next(now int64) int64 {
	at := n.keep.next(n)
	if due, ok := n.flights.Due(); ok {
		at = min(at, due)
	}
	for _, s := range n.running {
		at = min(at, s.due)
	}
	for _, s := range n.storing {
		at = min(at, s.due)
	}
	if len(n.stamping) > 0 || len(n.later) > 0 || len(n.out) > 0 {
		at = now
	}
	return at
}

// taker is what waits for the answer of a request.
type taker interface {
	// take gets the answer, or why there is none; a *wire.Failure comes with its error.
	take(now int64, f flight, answer wire.Payload, err error)
}

// flight is a request without an answer.
type flight = flights.Flight[*contact.Peer, taker]

// ask sends a request; its answer goes to owner.
func (n *Node) ask(now int64, p *contact.Peer, request wire.Payload, owner taker) {
	id := n.flights.Add(flight{Sent: now, Expires: later(now, n.config.Timing.Request), Peer: p, Owner: owner})
	n.out = append(n.out, Ask{id, p.Contact, request})
	n.stats.Asked++
}

// Answered takes the answer of an Ask, or why there is none: an error, or a
// *wire.Failure, which says that the gateway is there and refuses. Answers of
// requests that were given up are ignored.
func (n *Node) Answered(now time.Time, id uint64, answer wire.Payload, err error) {
	n.now = now.UnixNano()
	if f, ok := n.flights.Land(id); ok {
		n.land(n.now, f, answer, err)
	}
}

// expire gives up requests that had no answer in time.
func (n *Node) expire(now int64) {
	for {
		f, ok := n.flights.Expired(now)
		if !ok {
			return
		}
		n.land(now, f, nil, wire.ErrUnreachable)
	}
}

// alone reports whether the node is the first of its network: there is no other gateway
// that it knows or was to begin with.
func (n *Node) alone() bool { return n.table.Len() == 0 && !n.join.Given() }

// restart is after which time a contact is asked again that takes no part: one that was
// started again does not before others have reached it.
const restart = time.Minute

// silent is how many requests in a row without an answer mean that it is our own
// line that is down: then nobody loses a place for it.
const silent = 16

// land notes what an answer tells about the gateway, then hands it on.
func (n *Node) land(now int64, f flight, answer wire.Payload, err error) {
	failure, refused := answer.(*wire.Failure)
	switch {
	case err != nil:
		answer = nil
		n.lost(now, f, err)
	case refused:
		err = &wire.Error{Code: failure.Code}
		n.stats.Failed++
		n.silence = 0
		if _, reach := f.Owner.(*reachAnswer); failure.Code == wire.CodeNotServing && !reach {
			if n.table.Has(f.Peer) { // it is there, but takes no part at the moment
				n.join.Lose(now, f.Peer, restart)
			}
			n.drop(f.Peer)
		} else {
			n.table.Heard(now, f.Peer)
		}
	case answer == nil:
		err = wire.ErrUnexpected
		n.broke(f.Peer)
	default:
		n.stats.Answered++
		n.silence = 0
		n.measure(f.Peer, now-f.Sent)
		n.enter(now, f.Peer, now-f.Sent)
	}
	f.Owner.take(now, f, answer, err)
}

// enter notes that a gateway answered: it gets a place in the table if there is one.
func (n *Node) enter(now int64, p *contact.Peer, rtt int64) bool {
	alone := n.alone()
	in, added := n.table.Answered(now, p, rtt)
	if !added {
		return in
	}
	n.proof.Proven = n.proof.Proven || alone // until somebody says otherwise
	n.join.Forget(p.Node)
	n.keep.entered(n, now)
	if n.Serving() {
		n.shelf.Learned(time.Unix(0, now), p.ID)
	}
	return true
}

// lost notes that a request had no answer.
func (n *Node) lost(now int64, f flight, err error) {
	n.stats.Failed++
	p := f.Peer
	if errors.Is(err, context.Canceled) {
		return // nobody waited for the answer: the own side ends
	}
	var known *wire.Error
	if errors.As(err, &known) {
		switch known.Code {
		case wire.CodeWrongNode, wire.CodeNetwork, wire.CodeScope: // it is not what it was said to be
			n.join.Wrong(p)
			if e := n.table.Find(p); e == nil || e.Peer.Contact == p.Contact { // else it is elsewhere
				n.drop(p)
			}
			return
		case wire.CodeBusy, wire.CodeDraining: // it is us
			return
		}
	}
	if _, again := f.Owner.(revisit); again {
		return // as before
	}
	if n.silence++; n.silence >= silent {
		return
	}
	lost, heir := n.table.Failed(p)
	if lost {
		n.join.Lose(now, p, 2*join.First)
	}
	if heir != nil {
		n.keep.want(n, heir)
	}
	n.keep.failed(n, now)
}

// drop takes a gateway out of the table at once.
func (n *Node) drop(p *contact.Peer) {
	if heir := n.table.Remove(p); heir != nil && heir != p {
		n.keep.want(n, heir)
	}
}

// broke notes that a gateway broke the rules.
func (n *Node) broke(p *contact.Peer) {
	n.stats.BadAnswers++
	n.join.Forget(p.Node)
	n.drop(p)
}

// measure follows the time within which 95 % of first requests are answered.
func (n *Node) measure(p *contact.Peer, rtt int64) {
	if n.table.Find(p) != nil {
		return
	}
	step := max(n.firstRT/16, int64(100*time.Microsecond))
	if rtt > n.firstRT {
		n.firstRT += step * 19 / 20
	} else {
		n.firstRT = max(n.firstRT-step/20, 1)
	}
}

// Patience is after which time without an answer another gateway is asked too:
// what 95 % of a gateway's answers take, within bounds.
func (n *Node) Patience(p *contact.Peer) time.Duration {
	if !n.policy.Hedge {
		return 0
	}
	d, known := n.table.P95(n.now, p)
	if !known {
		d = time.Duration(n.firstRT)
	}
	return min(max(d, n.config.Timing.HedgeMin), n.config.Timing.HedgeMax)
}

// Serving reports whether the node answers others: enough of them reached it, or
// it is the first of its network. Its hello names its address only then.
func (n *Node) Serving() bool {
	return n.self.Scope != 0 && (n.config.Timing.Reach <= 0 || n.proof.Proven || n.alone())
}
