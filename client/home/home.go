// Package home keeps a client's connections to gateways: one that lasts to
// each home gateway, where the device logs in and is pushed its mailbox. What is
// for other gateways goes sealed through a home that forwards, or else over guest
// links, opened for a submission or a profile and closed when idle. It reconnects
// with backoff and jitter, proves logins, checks the signature of every commit,
// and turns all of it into events. Proofs of work that a public door or a
// registration asks for are computed here too, one at a time and beside everything
// else.
//
// It keeps nothing and decides nothing about messages: a request that cannot
// be answered comes back as an Answered event with an error, and whoever asked
// repeats it. Repeating is always safe (docs/protocol/link.md).
//
// Goroutines: Run waits for one runPeer per gateway in use, for runWorker and for
// that of package forward; a connected peer has one more that reads. A request for a
// foreign gateway goes Send -> forward.Forwarder (seals it) -> carrier (carrier.go)
// -> the home's peer -> session, and its answer the same way back.
package home

import (
	"context"
	"net/netip"
	"sync"
	"time"

	"zeroms/client/forward"
	"zeroms/client/score"
	"zeroms/protocol/address"
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
	// Forward is how long a request through a home may stay without an answer, and
	// Second after what time another home is asked besides.
	Forward, Second time.Duration
	// Entry is how long a request waits for a home that is about to connect.
	Entry time.Duration
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
		Forward: 8 * time.Second, Second: 1500 * time.Millisecond, Entry: 10 * time.Second,
		BackoffMin: 500 * time.Millisecond, BackoffMax: time.Minute, Stable: 30 * time.Second,
	}
}

// filled is t with the default in place of each interval that is not set.
func (t Timing) filled() Timing {
	d := Timing{}.Default()
	for _, x := range []struct{ set, or *time.Duration }{
		{&t.Dial, &d.Dial}, {&t.Answer, &d.Answer}, {&t.GuestIdle, &d.GuestIdle}, {&t.Forward, &d.Forward}, {&t.Second, &d.Second},
		{&t.Entry, &d.Entry}, {&t.BackoffMin, &d.BackoffMin}, {&t.BackoffMax, &d.BackoffMax}, {&t.Stable, &d.Stable},
	} {
		if *x.set <= 0 {
			*x.set = *x.or
		}
	}
	return t
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
	Timing  Timing   // intervals that are zero are Default's
	// Direct says whether foreign gateways may be connected to.
	Direct Direct
	// Scores is where what is measured of gateways is kept; nil: nowhere else.
	Scores *score.Table
	// Events receives every event in order per gateway. It may block: that
	// holds back the gateway's pushes.
	Events func(Event)
	// Sight is shown every message of every link, if it is not nil. It must not
	// block.
	Sight func(Sighting)
}

// Target is a gateway to talk to.
type Target = forward.Target

// Direct says whether requests for gateways that are no homes may go there over
// links of their own.
type Direct = forward.Direct

// The settings of Direct.
const (
	Fallback = forward.Fallback // if no home can bring them there
	Always   = forward.Always   // without asking a home
	Never    = forward.Never
)

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

	// back takes the answer in place of an event: the request is part of another
	// one, goes over a home's link only, and leaves the link alone if it has no
	// answer. It must not block.
	back func(Answered)
	// guest is set while the request may go over a guest link: it was to go directly
	// when it was queued.
	guest bool
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
	// Descriptor is what the gateway says of itself; nil: nothing that holds.
	Descriptor *address.Descriptor
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

// Answered reports the end of a request. Gateway is known if a link came up, or
// the answer came through a home.
type Answered struct {
	Token   uint64
	Gateway key.NodePublic
	// Way is how the request went, and Entry the home that forwarded it.
	Way   Way
	Entry key.GatewayHash
	// Payload is the answer, of the type that the request has; Refused for a
	// submission that was; nil for a receipt.
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

	work    *bench
	forward *forward.Forwarder
	scores  *score.Table

	// turn is held while the role of a gateway or the setting changes here and for
	// the Forwarder, so that what it decides is held against both at once. It comes
	// before mu.
	turn sync.Mutex

	mu     sync.Mutex
	peers  map[key.GatewayHash]*peer // guarded by mu
	direct Direct                    // guarded by mu
	visits map[*visit]struct{}       // guarded by mu: attempts to connect as a guest
}

// New makes a Pool; Run starts it.
func New(cfg Config) *Pool {
	cfg.Timing = cfg.Timing.filled()
	p := &Pool{
		cfg: cfg, jobs: make(chan *peer, 64), ended: make(chan struct{}), work: newBench(), scores: cfg.Scores,
		peers: map[key.GatewayHash]*peer{}, direct: cfg.Direct, visits: map[*visit]struct{}{},
	}
	if p.scores == nil {
		p.scores = score.New()
	}
	p.forward = forward.New(forward.Config{
		Carrier: carrier{p}, Timing: forward.Timing{Second: cfg.Timing.Second, Entry: cfg.Timing.Entry}, Direct: cfg.Direct, Scores: p.scores,
	})
	return p
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
	wg.Add(1)
	go func() {
		defer wg.Done()
		p.forward.Run(ctx)
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
	p.turn.Lock()
	defer p.turn.Unlock()
	p.forward.Opened(s.Target)
	p.with(s.Hash(), func(q *peer) bool { return q.become(&s) })
}

// Close ends the connection to a home gateway for good. What was not sent yet takes
// the way that is right for a gateway that is no home.
func (p *Pool) Close(t Target) {
	p.turn.Lock()
	defer p.turn.Unlock()
	p.forward.Closed(t.Hash()) // first: the gateway is foreign to what is sent anew
	if q := p.peer(t.Hash()); q != nil {
		q.become(nil)
	}
}

// Restart ends the link to a home gateway that is connected and connects anew,
// after the pause that a failure would have: for one whose mailbox is wrong.
func (p *Pool) Restart(t Target) {
	if q := p.peer(t.Hash()); q != nil {
		q.restart()
	}
}

// Send hands a request to the gateway's link if that is a home, else to a home that
// forwards it, or to a link of its own, which is opened if need be. One that needs
// work is sent once that is computed.
func (p *Pool) Send(r Request) {
	if s, ok := r.Payload.(*wire.Submit); ok && r.Work != nil && len(s.Work) == 0 {
		p.workFor(r, s)
		return
	}
	p.route(r)
}

// tell hands over the answer to a request.
func (p *Pool) tell(r Request, a Answered) {
	switch {
	case r.back != nil:
		r.back(a)
	case r.Token != 0:
		a.Token = r.Token
		p.cfg.Events(a)
	}
}

// peer is the gateway's, if there is one.
func (p *Pool) peer(h key.GatewayHash) *peer {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.peers[h]
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
