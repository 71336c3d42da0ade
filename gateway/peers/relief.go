package peers

import (
	"slices"
	"time"

	"zeroms/protocol/wire"
)

// heavy is how many requests without an answer make a link over QUIC one that a link
// over TCP is opened beside: packets that the system cuts and joins cost a gateway
// less than half of those that it makes itself (docs/performance.md). A request that
// comes alone has nothing of that, and QUIC is there after fewer round trips.
const heavy = 64

// reliefPause is the least time between two attempts for one link.
const reliefPause = time.Minute

// offer notes where a link over TCP could stand beside one over QUIC: at the very
// address, if the plan had that too.
func (l *peer) offer(by attempt, plan []attempt) {
	if by.via != wire.TransportQUIC {
		return
	}
	for i := range plan {
		if a := &plan[i]; a.via == wire.TransportWSS && a.at == by.at {
			to := l.to
			to.addr, to.transports = by.at, wire.TransportWSS
			l.mu.Lock()
			l.beside = &to
			l.mu.Unlock()
			return
		}
	}
}

// runRelief has a link over TCP opened beside one that carries much; mu is held.
func (l *peer) runRelief(now time.Time) {
	if l.beside == nil || len(l.calls) < heavy || now.Sub(l.relieved) < reliefPause {
		return
	}
	l.relieved = now
	to := *l.beside
	l.pool.running.Add(1)
	go func() {
		defer l.pool.running.Done()
		l.pool.relieve(&to, l.class)
	}()
}

// relieve opens a link that nobody waits for, or brings one to the front that is
// there: the newest one serves whoever does not ask for an address (existing).
func (p *Pool) relieve(to *target, class int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	up := p.up[to.hash]
	if p.ended || len(up) == 0 || up[len(up)-1].relief {
		return
	}
	if i := slices.IndexFunc(up, func(l *peer) bool { return l.relief && l.open() }); i >= 0 {
		l := up[i]
		up[len(up)-1].hand(l)
		p.up[to.hash] = append(slices.Delete(up, i, i+1), l)
		return
	}
	if p.dialling[class] >= p.cfg.Capacity.Dials || p.allowed(time.Now(), to, class) != nil {
		return
	}
	p.dialling[class]++
	l := newPeer(p, to, class)
	l.relief = true
	p.peers[l] = struct{}{}
	p.running.Add(1)
	p.runPeer(l)
}

// front puts a link behind those that are there, as the newest; but one that stands
// beside another one for its traffic stays in front. mu is held.
func (p *Pool) front(up []*peer, l *peer) []*peer {
	n := len(up)
	switch {
	case n == 0:
	case l.relief:
		up[n-1].hand(l)
	case up[n-1].relief && up[n-1].open():
		return slices.Insert(slices.Clone(up), n-1, l)
	}
	return append(up, l)
}

// reliefHold is how long requests wait at most for those before them on the other
// link.
const reliefHold = 250 * time.Millisecond

// hand has another link go on where this one is now: its requests wait until those
// here are answered, so that none overtakes one before it. The pool's mu is held.
func (l *peer) hand(to *peer) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.gone || !l.owes() {
		return
	}
	l.heir = to
	to.mu.Lock()
	defer to.mu.Unlock()
	to.held = true
	time.AfterFunc(reliefHold, to.release)
}

// pass tells the heir that nothing is under way here any more; mu is held.
func (l *peer) pass() {
	if l.heir != nil && (l.gone || !l.owes()) {
		l.heir.release()
		l.heir = nil
	}
}

// release sends what waited for another link.
func (l *peer) release() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.held {
		l.held = false
		l.pump()
	}
}
