package dht

import (
	"slices"
	"time"

	"zeroms/gateway/dht/contact"
	"zeroms/gateway/dht/table"
	"zeroms/protocol/wire"
)

// Numbers of the proof of being reachable.
const (
	reachAtOnce = 3
	reachAsks   = 8 // gateways that are asked in one round
	// reachMore is when more are asked where fewer than Confirmations were known.
	reachMore = time.Minute
)

// reach is whether others can connect to this gateway. Each round asks some to do
// it, at most one of each group of addresses; enough successes in one round prove
// it until the next. A gateway that was the first of its network serves until a
// round says otherwise.
type reach struct {
	next      int64 // of the next round; 0: not before a contact is known
	proven    bool
	asked     []*contact.Peer // in this round
	confirmed []*contact.Peer // in the last one that ended, or in this one
	flying    int
	running   bool
}

// proved reports whether the node may serve.
func (r *reach) proved(n *Node) bool {
	return n.config.Timing.Reach <= 0 || r.proven || n.alone()
}

// due is when the next round begins.
func (r *reach) due(n *Node) int64 {
	if r.running || r.next == 0 || n.config.Timing.Reach <= 0 || n.self.Scope == 0 {
		return never
	}
	return r.next
}

// advance begins a round that is due.
func (r *reach) advance(n *Node, now int64) {
	if r.due(n) > now {
		return
	}
	r.running, r.asked, r.confirmed = true, nil, nil
	r.ask(n, now)
}

// ask asks as many as are missing, or ends the round.
func (r *reach) ask(n *Node, now int64) {
	missing := Confirmations - len(r.confirmed)
	for r.flying < min(missing, reachAtOnce) && len(r.asked) < reachAsks {
		p := r.pick(n, now)
		if p == nil {
			break
		}
		r.asked = append(r.asked, p)
		r.flying++
		request := &wire.Reach{}
		copy(request.Contact[:], n.self.Contact.AppendTo(nil))
		n.ask(now, p, request, &reachAnswer{n, n.self})
	}
	if r.flying > 0 {
		return
	}
	r.running = false
	before := n.Serving()
	t := &n.config.Timing
	need := min(Confirmations, len(r.asked))
	switch got := len(r.confirmed); {
	case got == 0 || got < need:
		r.proven = false
		r.next = now + int64(t.ReachRetry)
		if len(r.asked) == 0 {
			r.next = now + int64(t.Young)
		}
	case got < Confirmations:
		r.proven = true
		r.next = now + int64(min(reachMore, t.Reach))
	default:
		r.proven = true
		r.next = now + int64(t.Reach)
	}
	if !before && n.Serving() {
		n.keep.announced, n.keep.announce = 0, now+int64(announceAfter)
	}
}

// pick draws a gateway that was not asked in this round, nor one of its group; of
// the contacts to begin with as long as the table is empty.
func (r *reach) pick(n *Node, now int64) (drawn *contact.Peer) {
	count := 0
	offer := func(p *contact.Peer) {
		if p.Scope != 0 && near(r.asked, p) == 0 {
			if count++; n.rand.IntN(count) == 0 {
				drawn = p
			}
		}
	}
	n.table.Each(func(e *table.Entry) bool {
		if !e.Stale() {
			offer(e.Peer)
		}
		return true
	})
	if n.table.Len() == 0 {
		for _, p := range n.keep.boot {
			offer(p)
		}
	}
	return drawn
}

// reachAnswer waits for what a gateway says that tried to connect.
type reachAnswer struct {
	node *Node
	self *contact.Peer // at the address of then
}

func (a *reachAnswer) take(now int64, f flight, answer wire.Payload, err error) {
	n, r := a.node, &a.node.reach
	if a.self != n.self || !slices.Contains(r.asked, f.peer) {
		return // of another address
	}
	r.flying--
	if _, ok := answer.(*wire.OK); ok && err == nil {
		r.confirmed = append(r.confirmed, f.peer)
	}
	r.ask(n, now)
}
