package home

import (
	"context"

	"zeroms/protocol/wire"
)

// Whether guest links are allowed is asked where one is opened and where something is
// sent over it, whatever was decided before: this is the only gate that has to hold.

// errForbidden is why there is no guest link.
var errForbidden = wire.ErrNotServing.Because("direct connections are switched off")

// SetDirect changes whether foreign gateways may be connected to. With Never no guest
// link is opened any more from now on: what waits for one takes another way. One that is
// open is sent nothing more, and ends when what it was sent has its answer.
func (p *Pool) SetDirect(d Direct) {
	p.turn.Lock()
	defer p.turn.Unlock()
	p.forward.SetDirect(d) // first: what waited is decided by it
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.direct = d; d != Never {
		return
	}
	for v := range p.visits {
		v.cancel()
	}
	for _, q := range p.peers {
		q.poke()
	}
}

// mayVisit reports whether a guest link may lead to a target.
func (p *Pool) mayVisit(t Target) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.visitable(t)
}

// visitable is mayVisit for who holds mu.
func (p *Pool) visitable(t Target) bool { return p.direct != Never || t.Straight() }

// visit is an attempt to connect as a guest.
type visit struct{ cancel context.CancelFunc }

// visit notes an attempt to connect as a guest, which cancel ends once that is
// forbidden; it reports false if it is already. The attempt is over when left is called.
func (p *Pool) visit(t Target, cancel context.CancelFunc) (left func(), ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.visitable(t) {
		return nil, false
	}
	if t.Straight() {
		return func() {}, true
	}
	v := &visit{cancel}
	p.visits[v] = struct{}{}
	return func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		delete(p.visits, v)
	}, true
}
