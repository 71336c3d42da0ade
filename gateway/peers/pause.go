package peers

import (
	"net/netip"
	"time"

	"zeroms/protocol/key"
	"zeroms/protocol/wire"
)

// errPaused: the address did not lead to the gateway a moment ago.
var errPaused = wire.ErrUnreachable.Because("it did not answer a moment ago")

// lost notes the addresses that did not lead to a gateway.
func (p *Pool) lost(hash key.GatewayHash, tried []attempt) {
	now := time.Now()
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ended {
		return
	}
	var last netip.AddrPort
	for i := range tried {
		if a := &tried[i]; a.at != last && (a.spent || a.proven) {
			last = a.at
			r := route{hash, a.at}
			first, longest := p.pauses(now, r)
			p.failures.Fail(now, r, first, longest)
		}
	}
}

// lasted notes whether a link was worth opening. One that a gateway greeted may break
// soon, once: it may just have come back, or be about to go.
func (p *Pool) lasted(l *peer, r route, open time.Duration) {
	failed, greeted := l.failed(open)
	now := time.Now()
	p.mu.Lock()
	defer p.mu.Unlock()
	first, longest := p.pauses(now, r)
	switch {
	case !failed:
		p.failures.Drop(r)
	case greeted:
		p.failures.Doubt(now, r, first, longest)
	default:
		p.failures.Fail(now, r, first, longest)
	}
}

// pauses are the first and the longest pause of a route. Where a gateway was reached once,
// they stay short as long as no other one is reached either: that the own line is down says
// nothing about an address. mu is held.
func (p *Pool) pauses(now time.Time, r route) (first, longest time.Duration) {
	t := &p.cfg.Timing
	if p.proven(now, r) {
		return t.PauseProven, t.PauseMost / 10
	}
	if k, _ := p.known.Get(r.hash); k.good == r.addr && !p.worked.After(p.failures.Since(r)) {
		return t.Pause, t.PauseMost / 10
	}
	return t.Pause, t.PauseMost
}

// returns is when a gateway may be dialled again that was reached lately, not after
// by; zero: nobody waits for that. Who asks for a very contact never does. mu is held.
func (p *Pool) returns(now time.Time, to *target, by time.Time) time.Time {
	k, _ := p.known.Get(to.hash)
	r := route{to.hash, k.good}
	if to.strict || to.addr.IsValid() && to.addr != k.good || !p.proven(now, r) {
		return time.Time{}
	}
	until := p.failures.Until(now, r)
	if until.After(by) {
		return time.Time{}
	}
	return until
}

// rest waits until a gateway may be dialled again that was there a moment ago, if that
// is not after by: it is restarted more often than it is gone, and whom it can't be
// asked for goes there without this gateway. False: nobody waits for
// it, or the pool has ended.
func (p *Pool) rest(l *peer, by time.Time) bool {
	now := time.Now()
	p.mu.Lock()
	at := p.returns(now, &l.to, by)
	p.mu.Unlock()
	if at.IsZero() || !l.awaited() {
		return false
	}
	timer := time.NewTimer(at.Sub(now))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-l.back:
	case <-p.life.Done():
		return false
	}
	return true
}

// isBack notes that a gateway is there which calls from an address: where it was
// reached last, and where it says that it is. It says so only once others have proved
// that, which takes a while after its start. mu is held.
func (p *Pool) isBack(hash key.GatewayHash, from netip.Addr, claimed netip.AddrPort) {
	k, _ := p.known.Get(hash)
	for _, at := range []netip.AddrPort{claimed, k.good} {
		if at.Addr() == from {
			p.failures.Drop(route{hash, at})
		}
	}
	for l := range p.peers {
		if l.to.hash == hash {
			select {
			case l.back <- struct{}{}:
			default:
			}
		}
	}
}
