// Package home keeps a client's connections to gateways: one that lasts to
// each home gateway, where the device logs in and is pushed its mailbox, and
// guest links to foreign gateways, opened for a submission or a profile and
// closed when idle. It reconnects with backoff and jitter, proves logins,
// checks the signature of every commit, and turns all of it into events. Proofs
// of work that a public door or a registration asks for are computed here too,
// one at a time and beside everything else.
//
// It keeps nothing and decides nothing about messages: a request that cannot
// be answered comes back as an Answered event with an error, and whoever asked
// repeats it. Repeating is always safe (docs/protocol/link.md).
//
// Goroutines: Run waits for one runPeer per gateway in use and for runWorker; a
// connected peer has one more that reads.
package home

import (
	"context"
	"net/netip"
	"sync"
	"time"

	"zeroms/protocol/custody"
	"zeroms/protocol/key"
	"zeroms/protocol/link"
	"zeroms/protocol/wire"
)

// Timing holds the intervals of connections.
type Timing struct {
	// Dial bounds connecting, both hellos and the login; the link itself bounds
	// what it takes to connect.
	Dial time.Duration
	// Answer is how long a request may stay without an answer before the link
	// counts as dead.
	Answer time.Duration
	// GuestIdle is how long an unused guest link stays open.
	GuestIdle time.Duration
	// BackoffMin and BackoffMax bound the pause between attempts; it doubles,
	// and each pause is drawn from its half to its whole.
	BackoffMin, BackoffMax time.Duration
	// Stable is how long a connection must have lasted to reset the backoff.
	Stable time.Duration
}

// Default returns the product's intervals.
func (Timing) Default() Timing {
	return Timing{
		Dial: time.Minute, Answer: 30 * time.Second, GuestIdle: time.Minute,
		BackoffMin: 500 * time.Millisecond, BackoffMax: time.Minute, Stable: 30 * time.Second,
	}
}

// Dialer opens links; link.Dialer and memlink's network are ones.
type Dialer interface {
	Dial(ctx context.Context, e link.Endpoint) (link.Conn, error)
}

// Resolver finds the addresses of a host name; net.Resolver's LookupNetIP fits.
type Resolver func(ctx context.Context, host string) ([]netip.Addr, error)

// Config is what a Pool needs.
type Config struct {
	Dialer  Dialer
	Resolve Resolver // may be nil: host names stay without addresses
	Timing  Timing
	// Events receives every event in order per gateway. It may block: that
	// holds back the gateway's pushes.
	Events func(Event)
	// Sight is shown every message of every link, if it is not nil. It must not
	// block.
	Sight func(Sighting)
}

// Target is a gateway to talk to.
type Target struct {
	Endpoint link.Endpoint
	Network  key.Network
}

// Hash is the gateway's hash, by which the Pool tells gateways apart, whether
// the endpoint pins a whole key or a hash.
func (t Target) Hash() (h key.GatewayHash) {
	if len(t.Endpoint.Node) == key.PublicSize {
		return key.GatewayHashOf(key.NodePublic(t.Endpoint.Node))
	}
	copy(h[:], t.Endpoint.Node)
	return h
}

// same reports whether both lead to one address in one network.
func (t Target) same(o Target) bool {
	a, b := t.Endpoint, o.Endpoint
	return t.Network == o.Network && a.Host == b.Host && a.Port == b.Port && a.Plain == b.Plain
}

// Spec describes a home gateway.
type Spec struct {
	Target
	// Login logs this device in.
	Login key.LoginPrivate
	// Register opens the account if the gateway does not know the login key. It
	// names the account, which the welcome has to be for.
	Register *wire.Register
}

// owns reports whether a welcome's tag is the account's, as far as that is known.
func (s *Spec) owns(tag key.AccountTag) bool {
	if s.Register == nil {
		return true
	}
	var e wire.Enrolment
	return wire.Unmarshal(s.Register.Object.Body, &e, wire.MaxObject) == nil && key.AccountTagOf(e.Account) == tag
}

// Request is one frame for a gateway. Token comes back in the answer; a
// request with token 0 expects none.
type Request struct {
	To      Target
	Token   uint64
	Payload wire.Payload
	// Make builds the payload once the gateway's key is known, if Payload is
	// nil; the answer to a nil is ErrValue.
	Make func(node key.NodePublic) wire.Payload
	// Work is what a submission needs before it is sent; nil: nothing.
	Work *Work
}

// Event is what a Pool reports: Connected, Greeted, Disconnected, Pushed,
// Answered or Head.
type Event interface{ event() }

// Connected reports a home gateway that took the login. Pushes follow.
type Connected struct {
	Gateway key.NodePublic
	Welcome wire.Welcome
	Limits  wire.Limits
	// Addr is the gateway's address, if it is known.
	Addr netip.Addr
	// Took is how long connecting and login took.
	Took time.Duration
}

// Greeted reports the hello of a gateway, home or not: what its clock is less
// our own.
type Greeted struct {
	Gateway key.NodePublic
	Clock   time.Duration
}

// Disconnected reports a home gateway that can't be reached; Retry is when it
// is tried next.
type Disconnected struct {
	Gateway key.GatewayHash
	Err     error
	Retry   time.Time
}

// Pushed carries rows of the log of a home gateway.
type Pushed struct {
	Gateway key.NodePublic
	Rows    []wire.Push
}

// Answered reports the end of a request. Gateway is known if a link came up.
type Answered struct {
	Token   uint64
	Gateway key.NodePublic
	// Payload is the answer: OK, Profile, State or Refused; nil for a receipt.
	Payload wire.Payload
	// Receipt is set for a Submit in custody: its commit's signature holds.
	Receipt *custody.Receipt
	// Proof is the encoded custody.Proof of Receipt.
	Proof []byte
	// Bits is the work that the door takes now, if it refused a Submit for that.
	Bits uint8
	// Err is set if there was no answer or an error.
	Err error
}

// Head carries a signed head of the account's log at a home gateway.
type Head struct {
	Gateway key.NodePublic
	Head    custody.Head
	// Time is the gateway's clock when it signed, in ms.
	Time uint64
	// Proof is the encoded custody.Proof of the head.
	Proof []byte
}

func (Connected) event()    {}
func (Greeted) event()      {}
func (Disconnected) event() {}
func (Pushed) event()       {}
func (Answered) event()     {}
func (Head) event()         {}

// Pool owns the connections.
type Pool struct {
	// static
	cfg   Config
	jobs  chan *peer    // peers to start
	ended chan struct{} // closed when Run ends

	work *bench

	mu    sync.Mutex
	peers map[key.GatewayHash]*peer // guarded by mu
}

// New makes a Pool; Run starts it.
func New(cfg Config) *Pool {
	return &Pool{
		cfg: cfg, jobs: make(chan *peer, 64), ended: make(chan struct{}), work: newBench(),
		peers: map[key.GatewayHash]*peer{},
	}
}

// Run serves until ctx ends, then closes every link and waits for all goroutines.
func (p *Pool) Run(ctx context.Context) error {
	var wg sync.WaitGroup
	defer wg.Wait()
	wg.Add(1)
	go func() {
		defer wg.Done()
		p.work.runWorker(ctx)
	}()
	for {
		select {
		case <-ctx.Done():
			close(p.ended)
			return nil
		case q := <-p.jobs:
			wg.Add(1)
			go func() {
				defer wg.Done()
				q.runPeer(ctx)
			}()
		}
	}
}

// Open connects to a home gateway and stays with it until Close.
func (p *Pool) Open(s Spec) {
	p.with(s.Hash(), func(q *peer) bool { return q.become(&s) })
}

// Close ends the connection to a home gateway for good.
func (p *Pool) Close(t Target) {
	p.mu.Lock()
	q := p.peers[t.Hash()]
	p.mu.Unlock()
	if q != nil {
		q.become(nil)
	}
}

// Restart ends the link to a home gateway that is connected and connects anew,
// after the pause that a failure would have: for one whose mailbox is wrong.
func (p *Pool) Restart(t Target) {
	p.mu.Lock()
	q := p.peers[t.Hash()]
	p.mu.Unlock()
	if q != nil {
		q.restart()
	}
}

// Send hands a request to the gateway's link, which is opened if need be. One
// that needs work is sent once that is computed.
func (p *Pool) Send(r Request) {
	if s, ok := r.Payload.(*wire.Submit); ok && r.Work != nil && len(s.Work) == 0 {
		p.workFor(r, s)
		return
	}
	p.with(r.To.Hash(), func(q *peer) bool { return q.enqueue(r) })
}

// Cancel gives up the work for a request that nobody needs any more; its answer
// is ErrCancelled. A request that was sent already goes its way.
func (p *Pool) Cancel(token uint64) { p.work.cancel(token) }

// with hands work to the gateway's peer, or to a new one if there is none or
// it just ended.
func (p *Pool) with(h key.GatewayHash, work func(*peer) bool) {
	for {
		p.mu.Lock()
		q, ok := p.peers[h]
		if !ok {
			q = newPeer(p, h)
			p.peers[h] = q
		}
		p.mu.Unlock()
		taken := work(q)
		if !ok {
			p.start(q)
		}
		if taken {
			return
		}
	}
}

// start hands a new peer to Run; after its end nothing starts any more.
func (p *Pool) start(q *peer) {
	select {
	case p.jobs <- q:
	case <-p.ended:
	}
}

// forget removes a guest peer that ends, unless it got work meanwhile.
func (p *Pool) forget(q *peer) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !q.finish() {
		return false
	}
	delete(p.peers, q.hash)
	return true
}
