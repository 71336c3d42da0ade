package overlay

import (
	"sync"
	"time"

	"zeroms/gateway/forward"
	"zeroms/gateway/peers/bounds"
	"zeroms/protocol/key"
	"zeroms/protocol/wire"
)

// How many requests that wait for the network or the disk there may be at once: of
// users, of one of them, of other gateways, and out of channels. Each kind has places
// of its own, so that strangers keep no user waiting.
const (
	memberPlaces  = 256
	accountPlaces = 32
	peerPlaces    = 128
	guestPlaces   = 64
	ownPlaces     = 8
)

// places bounds what runs at once, in all and for one account.
type places struct {
	within time.Duration // static: how long what has one may take

	mu   sync.Mutex
	free int                    // guarded by mu
	of   map[key.AccountTag]int // guarded by mu: those taken
}

func newPlaces(n int, within time.Duration) *places {
	return &places{within: within, free: n, of: map[key.AccountTag]int{}}
}

// take takes a place, for one account if it is not nil.
func (p *places) take(who *key.AccountTag) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.free == 0 || who != nil && p.of[*who] >= accountPlaces {
		return false
	}
	p.free--
	if who != nil {
		p.of[*who]++
	}
	return true
}

// give gives it back.
func (p *places) give(who *key.AccountTag) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.free++
	if who == nil {
		return
	}
	if p.of[*who]--; p.of[*who] == 0 {
		delete(p.of, *who)
	}
}

// runner is for whom something runs.
type runner struct {
	places  *places
	account *key.AccountTag // nil: of nobody
}

// Member is a user of this gateway, on all links.
type Member struct {
	account key.AccountTag
	sender  *forward.Client
}

// mostMembers is how many users are remembered with what they have used of their share.
const mostMembers = 8192

// members are those that asked something of the network lately.
type members struct {
	mu sync.Mutex
	of bounds.Recent[key.AccountTag, *Member] // guarded by mu
}

func newMembers() *members {
	return &members{of: bounds.NewRecent[key.AccountTag, *Member](mostMembers)}
}

// Member counts what an account forwards; a new link does not begin anew.
func (o *Overlay) Member(account key.AccountTag) *Member {
	o.known.mu.Lock()
	defer o.known.mu.Unlock()
	m, there := o.known.of.Get(account)
	if !there {
		m = &Member{account: account, sender: o.entry.Client()}
		o.known.of.Put(account, m)
	}
	return m
}

// runner is what runs for a member.
func (m *Member) runner(o *Overlay) runner { return runner{o.users, &m.account} }

// describe answers a member's request for a descriptor. One that is not known is
// looked for, or its gateway is dialled: as often as the member may name new gateways.
func (o *Overlay) describe(m *Member, g *wire.DescriptorGet, done func(wire.Payload)) {
	answer := o.pool.Known(g)
	f, failed := answer.(*wire.Failure)
	switch {
	case !failed || f.Code != wire.CodeNoRecord:
		done(answer)
	case !m.sender.Looks(time.Now()):
		done(wire.FailureOf(wire.ErrBusy.Because("too many gateways")))
	default:
		o.pool.Describe(g, func(p wire.Payload) {
			m.sender.Looked()
			done(p)
		})
	}
}
