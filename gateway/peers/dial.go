package peers

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"zeroms/protocol/address"
	"zeroms/protocol/key"
	"zeroms/protocol/link"
	"zeroms/protocol/wire"
)

// attempt is one way that may lead to a gateway.
type attempt struct {
	over  Dialer
	via   uint8 // a wire.Transport
	at    netip.AddrPort
	wait  time.Duration // for those before
	class int

	spent, proven bool // guarded by Pool.mu: why it was made
}

// udpState is what is known of UDP between this computer and the rest.
type udpState struct {
	missed int       // gateways in a row that answered over TCP only
	until  time.Time // QUIC is left aside
	worked time.Time // the last handshake over QUIC
}

// mostMissed is after how many of them UDP counts as blocked.
const mostMissed = 3

// resolved is what a name stands for.
type resolved struct {
	addrs []netip.Addr
	until time.Time
}

// mostAddrs is how many addresses of a name are tried.
const mostAddrs = 2

// runPeer opens the link and serves it until it ends.
func (p *Pool) runPeer(l *peer) { go p.loopPeer(l) }

func (p *Pool) loopPeer(l *peer) {
	defer p.running.Done()
	c, by, err := p.connect(l)
	at := by.at
	if err == nil {
		begun := time.Now()
		err = p.serve(l, c, at)
		p.lasted(l, route{l.to.hash, at}, time.Since(begun))
	}
	p.closed(l, at)
	l.end(err)
}

// serve serves an open link.
func (p *Pool) serve(l *peer, c link.Conn, at netip.AddrPort) error {
	defer c.Close()
	if !link.Pinned(c.Node(), l.to.pin) { // the Dialer has checked it
		return wire.ErrWrongNode
	}
	if err := p.opened(l, at); err != nil {
		return err
	}
	if !l.begin(c, p.ownHello(c.Node())) {
		return wire.ErrDraining
	}
	return l.serve(c)
}

// connect opens the link. An attempt that failed is made again for a while where a
// gateway was reached lately.
func (p *Pool) connect(l *peer) (c link.Conn, by attempt, err error) {
	defer func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.dialling[l.class]--
	}()
	for most := time.Now().Add(p.cfg.Timing.Bridge); ; {
		var plan []attempt
		if plan, err = p.plan(&l.to, l.class); err == nil {
			c, by, err = p.race(&l.to, plan)
		}
		if err == nil {
			l.offer(by, plan)
			return c, by, nil
		}
		if !errors.Is(err, wire.ErrUnreachable) || !p.rest(l, most) {
			return nil, by, err
		}
	}
}

// plan is what to try, in this order. Errors: wire.ErrScope, ErrUnreachable, ErrBusy.
func (p *Pool) plan(to *target, class int) ([]attempt, error) {
	addrs := []netip.AddrPort{to.addr}
	if !to.addr.IsValid() {
		var err error
		if addrs, err = p.resolve(to); err != nil {
			return nil, err
		}
	}
	transports := to.transports
	if transports == 0 {
		transports = p.transportsOf(to)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	var plan []attempt
	var refused error
	for _, at := range addrs {
		if err := p.allowedAddr(now, route{to.hash, at}, class); err != nil {
			refused = err
			continue
		}
		for _, a := range p.ways(now, to.hash, transports) {
			a.at, a.class = at, class
			if len(plan) > 0 {
				a.wait = p.cfg.Timing.HeadStart
			}
			plan = append(plan, a)
		}
	}
	switch {
	case len(plan) > 0:
		return plan, nil
	case refused != nil:
		return nil, refused
	}
	return nil, wire.ErrUnreachable.Because("it speaks none of the transports that this gateway does")
}

// ways are the transports to try, the best first; mu is held.
func (p *Pool) ways(now time.Time, hash key.GatewayHash, transports uint8) []attempt {
	var quic, wss []attempt
	if transports&wire.TransportQUIC != 0 && p.cfg.QUIC != nil {
		quic = []attempt{{over: p.cfg.QUIC, via: wire.TransportQUIC}}
	}
	if transports&wire.TransportWSS != 0 && p.cfg.WSS != nil {
		wss = []attempt{{over: p.cfg.WSS, via: wire.TransportWSS}}
	}
	if k, _ := p.known.Get(hash); len(wss) > 0 && (now.Before(p.udp.until) || now.Before(k.noUDP)) {
		return wss
	}
	return append(quic, wss...)
}

// transportsOf is what a gateway speaks of which only a place is known: WebSocket,
// as every gateway, and what its descriptor adds.
func (p *Pool) transportsOf(to *target) uint8 {
	transports := wire.TransportWSS
	if _, d := p.cache.Get(time.Now(), to.hash); d != nil {
		if slices.Contains(d.Addrs, to.addr) || to.host == d.Host && to.port == d.Port {
			transports |= d.Transports
		}
	}
	return transports
}

// result is what became of an attempt.
type result struct {
	by   *attempt
	link link.Conn
	err  error
}

// race is the attempts to reach one gateway.
type race struct {
	// static
	pool *Pool
	hash key.GatewayHash
	pin  []byte
	plan []attempt

	won     atomic.Bool
	results chan result
}

// race tries the ways one after another, each a little after the one before or when
// that has failed, and takes the first that leads to the gateway.
func (p *Pool) race(to *target, plan []attempt) (link.Conn, attempt, error) {
	r := &race{pool: p, hash: to.hash, pin: to.pin, plan: plan, results: make(chan result, len(plan))}
	ctx, cancel := context.WithCancel(p.life)
	defer cancel()
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	var failed error
	started, ended := 0, 0
	next := func() {
		r.runAttempt(ctx, &plan[started])
		if started++; started < len(plan) {
			timer.Reset(plan[started].wait)
		} else {
			timer.Stop()
		}
	}
	next()
	for ended < started {
		select {
		case <-timer.C:
			next()
		case one := <-r.results:
			ended++
			if one.err == nil {
				p.won(to.hash, one.by, plan[:started])
				return one.link, *one.by, nil
			}
			if failed = worse(failed, one.err); ended == started && started < len(plan) {
				next()
			}
		}
	}
	p.lost(to.hash, plan[:started])
	return nil, attempt{}, failed
}

// runAttempt tries one way. Of two that lead to the gateway the second is closed.
func (r *race) runAttempt(ctx context.Context, a *attempt) {
	r.pool.running.Add(1)
	go func() {
		defer r.pool.running.Done()
		c, err := r.pool.try(ctx, r.hash, r.pin, a)
		if err == nil && !r.won.CompareAndSwap(false, true) {
			link.Cut(c)
			err = wire.ErrLinkClosed
		}
		r.results <- result{a, c, err}
	}()
}

// try makes one handshake with an address, if that may have one more. One that
// was the gateway's lately needs no leave.
func (p *Pool) try(ctx context.Context, hash key.GatewayHash, pin []byte, a *attempt) (link.Conn, error) {
	now := time.Now()
	p.mu.Lock()
	a.proven = p.proven(now, route{hash, a.at})
	a.spent = !a.proven && p.spent.Take(now, a.at, a.class)
	allowed := a.spent || a.proven
	p.mu.Unlock()
	if !allowed {
		p.counters.withheld.Add(1)
		return nil, errTooMany
	}
	p.counters.dialled.Add(1)
	ctx, cancel := context.WithTimeout(ctx, p.cfg.Timing.Dial)
	defer cancel()
	c, err := a.over.Dial(ctx, endpointAt(a.at, pin))
	if err != nil {
		p.counters.failed.Add(1)
		return nil, dialError(err)
	}
	return c, nil
}

// endpointAt is the endpoint of an address.
func endpointAt(at netip.AddrPort, pin []byte) link.Endpoint {
	return link.Endpoint{Host: at.Addr().String(), Port: at.Port(), Node: pin}
}

// dialError is why no link was opened, in words of the error table. A gateway that
// is busy can't be reached: wire.ErrBusy is for our own bounds.
func dialError(err error) error {
	for _, known := range []*wire.Error{wire.ErrWrongNode, wire.ErrNetwork, wire.ErrVersion} {
		if errors.Is(err, known) {
			return known
		}
	}
	return wire.ErrUnreachable
}

// worse is the error that says more.
func worse(a, b error) error {
	if a == nil || errors.Is(a, wire.ErrUnreachable) || errors.Is(a, wire.ErrLinkClosed) {
		return b
	}
	return a
}

// won notes where and how a gateway was reached. What was spent on that address
// comes back: it is the gateway's own.
func (p *Pool) won(hash key.GatewayHash, by *attempt, tried []attempt) {
	now := time.Now()
	p.mu.Lock()
	defer p.mu.Unlock()
	k, _ := p.known.Get(hash)
	k.good, k.proved = by.at, now
	missed := false
	for i := range tried {
		a := &tried[i]
		if a.at != by.at {
			continue
		}
		if a.spent {
			a.spent = false
			p.spent.Refund(now, a.at, a.class)
		}
		missed = missed || a.via == wire.TransportQUIC && by.via != a.via
	}
	switch {
	case by.via == wire.TransportQUIC:
		p.counters.quic.Add(1)
		p.udp, k.noUDP = udpState{worked: now}, time.Time{}
	case missed:
		k.noUDP = now.Add(p.cfg.Timing.Proven)
		if p.udp.missed++; p.udp.missed >= mostMissed {
			p.udp = udpState{until: now.Add(p.cfg.Timing.NoUDP), worked: p.udp.worked}
		}
		fallthrough
	default:
		p.counters.wss.Add(1)
	}
	p.worked = now
	p.known.Put(hash, k)
}

// resolve looks a name up and returns those of its addresses that are in scope.
// What is dialled later is one of these: the name is not asked again. Errors:
// wire.ErrScope, ErrUnreachable, ErrBusy.
func (p *Pool) resolve(to *target) ([]netip.AddrPort, error) {
	now := time.Now()
	p.mu.Lock()
	r, known := p.names.Get(to.host)
	known = known && now.Before(r.until)
	allowed := known || p.lookups.Take(now, struct{}{})
	p.mu.Unlock()
	if !allowed {
		return nil, wire.ErrBusy.Because("too many names are looked up")
	}
	if !known {
		ctx, cancel := context.WithTimeout(p.life, p.cfg.Timing.Resolve)
		defer cancel()
		// The dot at the end keeps the search list of this computer out of it.
		addrs, err := p.cfg.Resolver.LookupNetIP(ctx, "ip", strings.TrimSuffix(to.host, ".")+".")
		r = resolved{until: now.Add(p.cfg.Timing.Names)}
		if err == nil {
			r.addrs = addrs[:min(len(addrs), 64)]
		}
		p.mu.Lock()
		p.names.Put(to.host, r)
		p.mu.Unlock()
	}
	return p.within(r.addrs, to.port)
}

// within keeps the addresses that are in scope, the first mostAddrs of them.
func (p *Pool) within(addrs []netip.Addr, port uint16) (out []netip.AddrPort, err error) {
	for _, a := range addrs {
		if at := address.Canonical(a); p.cfg.Params.Scope.Allows(at) && len(out) < mostAddrs {
			out = append(out, netip.AddrPortFrom(at, port))
		}
	}
	switch {
	case len(out) > 0:
		return out, nil
	case len(addrs) > 0:
		return nil, wire.ErrScope
	}
	return nil, wire.ErrUnreachable.Because("the name stands for no address")
}
