package peers

import (
	"context"
	"errors"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"zeroms/gateway/peers/bounds"
	"zeroms/gateway/peers/descriptors"
	"zeroms/gateway/peers/frames"
	"zeroms/protocol/address"
	"zeroms/protocol/key"
	"zeroms/protocol/link"
	"zeroms/protocol/wire"
)

// Pool is the links of one gateway to others. Its methods are safe for concurrent
// use.
type Pool struct {
	// static
	cfg      Config
	own      key.GatewayHash
	life     context.Context // ends with Run
	finish   context.CancelFunc
	running  sync.WaitGroup
	messages sync.Pool     // of *[]byte, empty, for messages that are written
	paces    *bounds.Paces // of those who ask
	cache    *descriptors.Cache

	counters  counters
	unsettled atomic.Int64 // bytes of requests without an answer

	mu sync.Mutex
	// guarded by mu; taken before a peer's mu, never after
	ended     bool
	dialling  [2]int // those that are being opened, by their class
	open      int    // those in up
	self      wire.Contact
	directory Directory
	peers     map[*peer]struct{}
	routes    map[route]*peer             // by the address that was asked for
	named     map[named]*peer             // by the name that was asked for
	up        map[key.GatewayHash][]*peer // the newest last
	known     bounds.Recent[key.GatewayHash, known]
	failures  bounds.Pauses[route]
	spent     bounds.Spending
	names     bounds.Recent[string, resolved]
	lookups   bounds.Tally[struct{}]
	udp       udpState
	worked    time.Time // when another gateway called or answered last
	asking    int       // look-ups of descriptors and dial-backs
	greeting  time.Time // when Gateways may greet some next
	reaches   reaches
}

// named is a gateway at a name.
type named struct {
	hash key.GatewayHash
	host string
	port uint16
}

// counters are Stats while they change.
type counters struct {
	dialled, failed, withheld, quic, wss    atomic.Int64
	asked, answered, refused, late, retried atomic.Int64
	bytesIn, bytesOut, callers, reached     atomic.Int64
	skewed                                  atomic.Int64
}

// Stats are counts since the start, and the links and what waits now.
type Stats struct {
	Links, Dialling int
	Waiting         int // bytes of requests without an answer
	Dialled, Failed int64
	Withheld        int64 // attempts that the bounds on dialling did not allow
	QUIC, WSS       int64 // links by their transport
	UDPBlocked      bool
	Asked, Answered int64
	Refused         int64 // requests for which there was no room
	Late            int64 // requests without an answer in time
	Retried         int64
	BytesIn         int64
	BytesOut        int64
	Callers         int64 // links of other gateways that were accepted
	Reached         int64 // dial-backs
	Skewed          int64 // hellos whose descriptor is of another time by the own clock
	Descriptors     int
}

// New checks the configuration and starts nothing.
func New(cfg Config) (*Pool, error) {
	if err := cfg.check(); err != nil {
		return nil, err
	}
	cfg = cfg.withDefaults()
	p := &Pool{
		cfg: cfg, own: key.GatewayHashOf(cfg.Node), self: cfg.Self, directory: cfg.Directory,
		peers:    map[*peer]struct{}{},
		routes:   map[route]*peer{},
		named:    map[named]*peer{},
		up:       map[key.GatewayHash][]*peer{},
		known:    bounds.NewRecent[key.GatewayHash, known](cfg.Capacity.Known),
		failures: bounds.NewPauses[route](cfg.Capacity.Known),
		spent:    bounds.NewSpending(cfg.Capacity.DialsIP, cfg.Capacity.DialsNear, cfg.Capacity.DialsFar, cfg.Capacity.DialsAll),
		names:    bounds.NewRecent[string, resolved](cfg.Capacity.Known / 8),
		lookups:  bounds.NewTally[struct{}](cfg.Capacity.Names),
		cache:    descriptors.New(cfg.Params, cfg.Capacity.Descriptors),
		reaches:  newReaches(&cfg.Capacity),
		paces:    bounds.NewPaces(cfg.Capacity.Known, cfg.Capacity.Frames, cfg.Capacity.Bytes),
	}
	p.messages.New = func() any { return new([]byte) }
	p.life, p.finish = context.WithCancel(context.Background())
	return p, nil
}

// Run keeps the pool until ctx ends. Then every request fails, now and later, with
// wire.ErrDraining; Run returns when all links are closed and nothing of the pool
// runs any more. It returns nil.
func (p *Pool) Run(ctx context.Context) error {
	<-ctx.Done()
	p.mu.Lock()
	p.ended = true
	for l := range p.peers {
		l.cut(wire.ErrDraining)
	}
	p.mu.Unlock()
	p.finish()
	p.running.Wait()
	return nil
}

// SetSelf changes what stands in the hellos. Links whose hello said something else
// end once nobody waits for an answer on them: others know what it said.
func (p *Pool) SetSelf(c wire.Contact) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if c == p.self {
		return
	}
	p.self = c
	for _, up := range p.up {
		for _, l := range up {
			l.retire()
		}
	}
}

// SetDirectory brings the Directory, where that itself needs the pool.
func (p *Pool) SetDirectory(d Directory) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.directory = d
}

// Stats returns the counts.
func (p *Pool) Stats() Stats {
	c := &p.counters
	s := Stats{
		Waiting: int(p.unsettled.Load()),
		Dialled: c.dialled.Load(), Failed: c.failed.Load(), Withheld: c.withheld.Load(),
		QUIC: c.quic.Load(), WSS: c.wss.Load(),
		Asked: c.asked.Load(), Answered: c.answered.Load(), Refused: c.refused.Load(),
		Late: c.late.Load(), Retried: c.retried.Load(),
		BytesIn: c.bytesIn.Load(), BytesOut: c.bytesOut.Load(),
		Callers: c.callers.Load(), Reached: c.reached.Load(), Skewed: c.skewed.Load(),
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	s.Links, s.Dialling = p.open, p.dialling[0]+p.dialling[1]
	s.UDPBlocked = time.Now().Before(p.udp.until)
	s.Descriptors = p.cache.Len()
	return s
}

// RTT is the smoothed time that a gateway takes to answer what it need not think
// about, over links of the pool.
func (p *Pool) RTT(node key.NodePublic) (time.Duration, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	k, _ := p.known.Get(key.GatewayHashOf(node))
	return k.rtt, k.rtt > 0
}

// target is a gateway that is asked, and where.
type target struct {
	hash       key.GatewayHash
	pin        []byte         // 32 bytes, or 16
	addr       netip.AddrPort // not valid: host and port
	host       string
	port       uint16
	transports uint8 // 0: not known
	strict     bool  // only a link to addr will do, and a gateway at the place of x
	x          uint64
}

// contact makes the target of a contact.
func contactTarget(c *wire.Contact) target {
	return target{
		hash: key.GatewayHashOf(c.Node), pin: c.Node[:], transports: c.Transports, strict: true, x: c.X,
		addr: netip.AddrPortFrom(address.Canonical(c.Addr.Addr()), c.Addr.Port()),
	}
}

// endpointTarget makes the target of an endpoint. Error: wire.ErrValue.
func endpointTarget(e *link.Endpoint) (t target, err error) {
	switch len(e.Node) {
	case key.PublicSize:
		t.hash = key.GatewayHashOf(key.NodePublic(e.Node))
	case len(t.hash):
		t.hash = key.GatewayHash(e.Node)
	default:
		return t, wire.ErrValue.Because("a gateway without its key")
	}
	t.pin, t.host, t.port = e.Node, e.Host, e.Port
	if ip, err := netip.ParseAddr(e.Host); err == nil {
		t.addr = netip.AddrPortFrom(address.Canonical(ip), e.Port)
	}
	return t, nil
}

// Ask asks a gateway at the very address of its contact: a link to the same key
// somewhere else says nothing about this address. Nor does a gateway count that names
// another X itself. The answer may be a *wire.Failure.
// Without one the error says why: wire.ErrUnreachable, ErrScope, ErrBusy if one of
// the pool's own bounds is in the way, ErrWrongNode, ErrNetwork, ErrVersion,
// ErrUnexpected if the gateway broke the protocol, ErrDraining, or ctx's.
func (p *Pool) Ask(ctx context.Context, to wire.Contact, request wire.Payload) (wire.Payload, error) {
	return p.ask(ctx, contactTarget(&to), request)
}

// AskAt is Ask of the gateway that an endpoint pins, over any link to it.
func (p *Pool) AskAt(ctx context.Context, to link.Endpoint, request wire.Payload) (wire.Payload, error) {
	t, err := endpointTarget(&to)
	if err != nil {
		return nil, err
	}
	return p.ask(ctx, t, request)
}

func (p *Pool) ask(ctx context.Context, to target, request wire.Payload) (wire.Payload, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	type result struct {
		answer wire.Payload
		err    error
	}
	got := make(chan result, 1)
	p.dispatch(&call{to: to, request: request, ctx: ctx, done: func(answer wire.Payload, err error) {
		got <- result{answer, err}
	}})
	select {
	case r := <-got:
		return r.answer, r.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Send is AskAt without waiting: done is called once, on any goroutine, perhaps
// before Send returns, and must not block. The request must not be changed
// afterwards.
func (p *Pool) Send(to link.Endpoint, request wire.Payload, done func(answer wire.Payload, err error)) {
	t, err := endpointTarget(&to)
	if err != nil {
		done(nil, err)
		return
	}
	p.dispatch(&call{to: t, request: request, done: done})
}

// dispatch gives a call to the link that leads to its target, which is opened if
// there is none.
func (p *Pool) dispatch(c *call) {
	if c.request != nil {
		c.answer = frames.AnswerTo(c.request.Type())
		c.size = frames.Size(c.request)
		c.burden = frames.Burden(c.size)
	}
	p.counters.asked.Add(1)
	for {
		l, fresh, err := p.peerFor(&c.to)
		taken := false
		if err == nil {
			taken, err = l.add(c)
		}
		if fresh {
			p.runPeer(l)
		}
		switch {
		case errors.Is(err, errGreeted):
			c.done(nil, nil)
			return
		case err != nil:
			p.counters.refused.Add(1)
			c.done(nil, err)
			return
		case taken:
			return
		}
	}
}

// peerFor is the link for a target. A fresh one has to be run.
func (p *Pool) peerFor(to *target) (l *peer, fresh bool, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ended {
		return nil, false, wire.ErrDraining
	}
	if l = p.existing(to); l != nil {
		return l, false, nil
	}
	now := time.Now()
	class := p.class(now, to)
	if err := p.allowed(now, to, class); err != nil &&
		(err != error(errPaused) || p.returns(now, to, now.Add(p.cfg.Timing.Bridge)).IsZero()) {
		return nil, false, err
	}
	if p.dialling[class] >= p.cfg.Capacity.Dials {
		return nil, false, wire.ErrBusy.Because("too many gateways are dialled at once")
	}
	p.dialling[class]++
	l = newPeer(p, to, class)
	p.peers[l] = struct{}{}
	if to.addr.IsValid() {
		p.routes[route{to.hash, to.addr}] = l
	} else {
		p.named[named{to.hash, to.host, to.port}] = l
	}
	p.running.Add(1)
	return l, true, nil
}

// The classes of attempts, each with its own bound: addresses that other gateways
// named and that proved nothing must not keep anybody waiting who has a client, or
// a gateway that is known.
const (
	hearsay = iota
	wanted
)

// class is that of an attempt; mu is held.
func (p *Pool) class(now time.Time, to *target) int {
	if to.strict && !p.proven(now, route{to.hash, to.addr}) {
		return hearsay
	}
	return wanted
}

// proven reports whether an address proved to be the gateway's lately; mu is held.
func (p *Pool) proven(now time.Time, r route) bool {
	k, _ := p.known.Get(r.hash)
	return k.good == r.addr && now.Sub(k.proved) < p.cfg.Timing.Proven
}

// existing is a link that serves a target, nil if there is none; mu is held. One
// that is still being opened serves only who asked for the same address: whether
// another one is the gateway's is not known yet.
func (p *Pool) existing(to *target) *peer {
	if up := p.up[to.hash]; !to.strict && len(up) > 0 {
		if l := up[len(up)-1]; l.open() {
			return l
		}
	}
	l := p.named[named{to.hash, to.host, to.port}]
	if to.addr.IsValid() {
		l = p.routes[route{to.hash, to.addr}]
	}
	if l == nil || !l.open() {
		return nil
	}
	return l
}

// allowed says why a target is not dialled; mu is held.
func (p *Pool) allowed(now time.Time, to *target, class int) error {
	switch {
	case to.hash == p.own:
		return wire.ErrScope.Because("the gateway itself")
	case to.addr.IsValid():
		return p.allowedAddr(now, route{to.hash, to.addr}, class)
	case to.host == "" || to.port == 0:
		return wire.ErrUnreachable.Because("no address")
	case !p.cfg.Params.Scope.AllowsHost(to.host):
		return wire.ErrScope
	}
	return nil
}

// allowedAddr says why an address is not dialled; mu is held.
func (p *Pool) allowedAddr(now time.Time, r route, class int) error {
	at := r.addr
	switch {
	case at.Port() == 0:
		return wire.ErrUnreachable.Because("no port")
	case !p.cfg.Params.Scope.Allows(at.Addr()):
		return wire.ErrScope
	case p.self.Addr.IsValid() && at == netip.AddrPortFrom(address.Canonical(p.self.Addr.Addr()), p.self.Addr.Port()):
		return wire.ErrScope.Because("the gateway's own address")
	}
	if !p.failures.Until(now, r).IsZero() {
		return errPaused
	}
	if !p.proven(now, r) && !p.spent.May(now, at, class) {
		p.counters.withheld.Add(1)
		return errTooMany
	}
	return nil
}

// errTooMany: an address, or its network, has had all the handshakes that it gets.
var errTooMany = wire.ErrBusy.Because("too many attempts at that address")

// evict closes the link that was not used for longest among those that nobody waits
// for; mu is held.
func (p *Pool) evict() bool {
	var idle *peer
	var since time.Time
	for _, up := range p.up {
		for _, l := range up {
			if used, busy := l.lastUsed(); !busy && (idle == nil || used.Before(since)) {
				idle, since = l, used
			}
		}
	}
	if idle == nil {
		return false
	}
	p.remove(idle)
	idle.cut(wire.ErrLinkClosed)
	return true
}

// remove takes a link out of all indexes; mu is held.
func (p *Pool) remove(l *peer) {
	delete(p.peers, l)
	if r := (route{l.to.hash, l.to.addr}); p.routes[r] == l {
		delete(p.routes, r)
	}
	if n := (named{l.to.hash, l.to.host, l.to.port}); p.named[n] == l {
		delete(p.named, n)
	}
	up := p.up[l.to.hash]
	for i := range up {
		if up[i] == l {
			up = append(up[:i:i], up[i+1:]...)
			p.open--
			break
		}
	}
	if len(up) == 0 {
		delete(p.up, l.to.hash)
	} else {
		p.up[l.to.hash] = up
	}
}

// mostUp is how many links to one gateway there may be: to addresses that different
// contacts of it name.
const mostUp = 2

// opened counts a link as one that others may use. Errors: wire.ErrDraining, and
// wire.ErrBusy if as many as may be are in use.
func (p *Pool) opened(l *peer, at netip.AddrPort) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.ended:
		return wire.ErrDraining
	case p.open >= p.cfg.Capacity.Links && !p.evict():
		return wire.ErrBusy.Because("too many gateways are asked at once")
	}
	up := p.front(p.up[l.to.hash], l)
	p.open++
	if len(up) > mostUp {
		up[0].retire()
		up = up[1:]
		p.open--
	}
	p.up[l.to.hash] = up
	if r := (route{l.to.hash, at}); p.routes[r] == nil {
		p.routes[r] = l
	}
	return nil
}

// closed forgets a link.
func (p *Pool) closed(l *peer, at netip.AddrPort) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.remove(l)
	if r := (route{l.to.hash, at}); p.routes[r] == l {
		delete(p.routes, r)
	}
}

// measured takes the time of an answer into account.
func (p *Pool) measured(hash key.GatewayHash, took time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.worked = time.Now()
	k, _ := p.known.Get(hash)
	if k.rtt == 0 {
		k.rtt = took
	} else {
		k.rtt += (took - k.rtt) / 8
	}
	p.known.Put(hash, k)
}
