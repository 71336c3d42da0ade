package peers

import (
	"context"
	"net/netip"
	"time"

	"zeroms/gateway/peers/bounds"
	"zeroms/protocol/address"
	"zeroms/protocol/key"
	"zeroms/protocol/link"
	"zeroms/protocol/wire"
)

// reaches bounds dial-backs.
type reaches struct {
	nodes bounds.Tally[key.GatewayHash]
	near  bounds.Tally[address.Group]
}

func newReaches(c *Capacity) reaches {
	return reaches{bounds.NewTally[key.GatewayHash](c.Reaches), bounds.NewTally[address.Group](c.ReachesNear)}
}

// Reach connects back to a caller, over every transport that it names, at the
// address that it comes from and at the port that it names; it answers OK once the
// caller's key was proved each time. Failures: wire.ErrScope for another address
// than the caller's own, or one outside of the network's scope, wire.ErrLimit,
// ErrUnreachable, and ErrBusy if it can't be told from here: for a transport that
// this gateway does not speak, and if only QUIC fails of two while its own UDP got
// through to nobody lately. done is called once, perhaps before Reach returns.
func (p *Pool) Reach(from Caller, r *wire.Reach, done func(wire.Payload)) {
	ways, at, err := p.waysBack(from, r)
	if err == nil {
		err = p.claim(&from, at)
	}
	if err != nil {
		done(wire.FailureOf(err))
		return
	}
	p.runReach(from, at, ways, done)
}

// waysBack checks a request for a dial-back.
func (p *Pool) waysBack(from Caller, r *wire.Reach) (ways []Dialer, at netip.AddrPort, err error) {
	c, err := wire.ParseContact(r.Contact[:])
	if err != nil {
		return nil, at, err
	}
	at = c.Addr
	switch {
	case c.Node != from.Contact.Node:
		return nil, at, wire.ErrWrongNode
	case !at.IsValid() || at.Addr() != from.Source || !p.cfg.Params.Scope.Allows(at.Addr()):
		return nil, at, wire.ErrScope
	}
	for via, over := range map[uint8]Dialer{wire.TransportQUIC: p.cfg.QUIC, wire.TransportWSS: p.cfg.WSS} {
		switch {
		case c.Transports&via == 0:
		case over == nil:
			return nil, at, wire.ErrBusy.Because("it is not spoken here")
		default:
			ways = append(ways, over)
		}
	}
	return ways, at, nil
}

// claim takes a place for a dial-back; runReach gives it back.
func (p *Pool) claim(from *Caller, at netip.AddrPort) error {
	now := time.Now()
	p.mu.Lock()
	defer p.mu.Unlock()
	hash, near := key.GatewayHashOf(from.Contact.Node), address.ScopeOf(at.Addr()).Near(at)
	switch {
	case p.ended:
		return wire.ErrDraining
	case p.asking >= p.cfg.Capacity.Asking:
		return wire.ErrBusy
	case !p.reaches.nodes.Has(now, hash) || !p.reaches.near.Take(now, near):
		return wire.ErrLimit
	}
	p.reaches.nodes.Use(now, hash, 1)
	p.asking++
	p.running.Add(1)
	return nil
}

// release gives a place back that was taken for something that runs.
func (p *Pool) release() {
	p.mu.Lock()
	p.asking--
	p.mu.Unlock()
	p.running.Done()
}

// runReach dials back.
func (p *Pool) runReach(from Caller, at netip.AddrPort, ways []Dialer, done func(wire.Payload)) {
	go func() {
		defer p.release()
		var failed error
		tcpOnly := false
		for _, over := range ways {
			err := p.knock(over, at, from.Contact.Node)
			tcpOnly = tcpOnly || err == nil && over == p.cfg.WSS
			if failed == nil {
				failed = err
			}
		}
		switch {
		case failed == nil:
			p.counters.reached.Add(1)
			done(&wire.OK{})
		case tcpOnly && !p.udpWorks():
			done(wire.FailureOf(wire.ErrBusy.Because("no UDP here")))
		default:
			done(wire.FailureOf(failed))
		}
	}()
}

// udpWorks reports whether QUIC got through to somebody lately.
func (p *Pool) udpWorks() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return !p.udp.worked.IsZero() && time.Since(p.udp.worked) < p.cfg.Timing.Proven
}

// knock opens a link of its own, to see whether the gateway is there.
func (p *Pool) knock(over Dialer, at netip.AddrPort, node key.NodePublic) error {
	ctx, cancel := context.WithTimeout(p.life, p.cfg.Timing.Dial)
	defer cancel()
	p.counters.dialled.Add(1)
	c, err := over.Dial(ctx, endpointAt(at, node[:]))
	if err != nil {
		p.counters.failed.Add(1)
		return wire.ErrUnreachable
	}
	defer link.Cut(c)
	if c.Node() != node {
		return wire.ErrUnreachable
	}
	if over == p.cfg.QUIC {
		p.mu.Lock()
		p.udp.worked = time.Now()
		p.mu.Unlock()
	}
	return nil
}
