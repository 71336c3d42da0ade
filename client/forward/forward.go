// Package forward brings requests to gateways that are no homes through one that
// is: sealed for the target, so that the home sees neither what is asked nor the
// target who asks (docs/protocol/forward.md, "The client"). It picks the home, finds
// the target's descriptor, keeps the channels, and takes another way when one fails.
//
// It decides and seals, and knows no links: its Carrier sends, judges what targets
// answered, and takes over what is to go directly. Everything in it is done by Run,
// to which the others post.
package forward

import (
	"context"
	"strings"
	"sync"
	"time"

	"zeroms/client/score"
	"zeroms/protocol/address"
	"zeroms/protocol/key"
	"zeroms/protocol/link"
	"zeroms/protocol/wire"
)

// Carrier is who has the links. Its methods are called by Run.
type Carrier interface {
	// ByHome sends a request over a home's link. done is told the answer once, by any
	// goroutine, perhaps before ByHome returns: ErrLinkClosed if the link ended or
	// there is none.
	ByHome(home Target, p wire.Payload, done func(wire.Payload, error))
	// Straight takes over a request that goes to its target directly.
	Straight(r Request)
	// Opened takes what a target answered to a request, through a home. An error means
	// that no honest gateway answers that; the request is still without an answer
	// then, and Failed follows.
	Opened(r Request, way Way, f wire.Frame) error
	// Failed takes why a request has no answer. Way is zero if no target is to blame.
	Failed(r Request, way Way, err error)
}

// Way is how an answer came.
type Way struct {
	// Target is the gateway that answered, Entry the home that brought it.
	Target key.NodePublic
	Entry  key.GatewayHash
}

// Target is a gateway to talk to.
type Target struct {
	Endpoint link.Endpoint
	Network  key.Network
}

// Hash is the gateway's hash, by which gateways are told apart, whether the
// endpoint pins a whole key or a hash.
func (t Target) Hash() (h key.GatewayHash) {
	if len(t.Endpoint.Node) == key.PublicSize {
		return key.GatewayHashOf(key.NodePublic(t.Endpoint.Node))
	}
	copy(h[:], t.Endpoint.Node)
	return h
}

// Same reports whether both lead to one address in one network.
func (t Target) Same(o Target) bool {
	a, b := t.Endpoint, o.Endpoint
	return t.Network == o.Network && a.Host == b.Host && a.Port == b.Port && a.Plain == b.Plain
}

// Straight reports whether a target is always spoken to directly: one on this
// computer, and one that only Tor reaches, which hides where a link comes from.
func (t Target) Straight() bool {
	return t.Endpoint.Plain || strings.HasSuffix(strings.ToLower(t.Endpoint.Host), ".onion")
}

// Request is one frame for a gateway that is no home.
type Request struct {
	To      Target
	Payload wire.Payload
	// Make builds the payload once the gateway's key is known, if Payload is nil.
	Make func(node key.NodePublic) wire.Payload
	// Own is the Carrier's.
	Own any
}

// Timing holds the intervals.
type Timing struct {
	// Second is after what time without an answer another home is asked besides.
	Second time.Duration
	// Entry is how long a request waits for a home that is about to connect.
	Entry time.Duration
}

// Config is what a Forwarder needs.
type Config struct {
	Carrier Carrier
	Timing  Timing
	Direct  Direct
	Scores  *score.Table
}

// Direct says whether requests for gateways that are no homes may go there over
// links of their own, which shows these gateways the address of this device (or of
// the Dialer's proxy, if it has one).
type Direct uint8

// The settings of Direct.
const (
	Fallback Direct = iota // if no home can bring them there
	Always                 // without asking a home
	Never
)

// Bounds of forwarding.
const (
	maxForwards = 32                     // requests through one home without answer
	maxLines    = 512                    // channels to drops that are kept for further requests
	maxKnown    = 2048                   // descriptors kept
	unknownFor  = time.Minute            // how long a descriptor that nobody had is not asked for
	lookEvery   = 250 * time.Millisecond // how often what waits is looked at
	maxRenewals = 2                      // new channels for one request
)

// ErrSilent is what a Carrier says of a request to which no answer came in its time,
// this very value.
var ErrSilent = wire.ErrUnreachable.Because("no answer came")

// Reasons why a request did not go, for the last one who asks.
var (
	errNoEntry = wire.ErrNotServing.Because("no home forwards at the moment, and direct connections are switched off")
	errNoWay   = wire.ErrNotServing.Because("this can't be asked through a home, and direct connections are switched off")
	errNotMade = wire.ErrValue.Because("the request can't be made for this gateway")
	errGarbled = wire.ErrUnreachable.Because("the answer was damaged on the way")
)

// Forwarder brings requests to gateways that are no homes through one that is.
type Forwarder struct {
	// static
	cfg  Config
	wake chan struct{}

	mu    sync.Mutex
	inbox []func() // guarded by mu: what happened, in this order

	// owned by Run
	direct  Direct
	entries map[key.GatewayHash]*entry
	lines   map[lineKey]*line
	known   map[place]*knowledge
	trips   map[*trip]struct{} // without an answer
	stalled []*trip            // that wait for a home
}

// place is a gateway as far as a request knows it.
type place struct {
	network key.Network
	gateway key.GatewayHash
}

// New makes a Forwarder; Run starts it.
func New(cfg Config) *Forwarder {
	return &Forwarder{
		cfg: cfg, wake: make(chan struct{}, 1), direct: cfg.Direct,
		entries: map[key.GatewayHash]*entry{}, lines: map[lineKey]*line{}, known: map[place]*knowledge{}, trips: map[*trip]struct{}{},
	}
}

// Send takes a request. Like all methods but Run it never blocks.
func (f *Forwarder) Send(r Request) { f.post(func() { f.begin(r) }) }

// SetDirect changes whether foreign gateways may be connected to. It holds for what is
// decided from now on, requests under way that need another way included.
func (f *Forwarder) SetDirect(d Direct) { f.post(func() { f.direct = d }) }

// Opened notes a home that is to be connected to.
func (f *Forwarder) Opened(t Target) { f.post(func() { f.opened(t) }) }

// Closed forgets a home. What went through it ends with its link.
func (f *Forwarder) Closed(h key.GatewayHash) { f.post(func() { f.closed(h) }) }

// Up notes a home that took the login, with what it says of itself; nil: nothing.
func (f *Forwarder) Up(h key.GatewayHash, limits wire.Limits, d *address.Descriptor) {
	f.post(func() { f.up(h, limits, d) })
}

// Down notes that a home's link ended, or that an attempt to have one failed. It
// comes before what the link's end does to requests.
func (f *Forwarder) Down(h key.GatewayHash, wasUp bool) { f.post(func() { f.down(h, wasUp) }) }

// Learn keeps a descriptor that was checked.
func (f *Forwarder) Learn(d *address.Descriptor) { f.post(func() { f.learn(d) }) }

// post has something done by Run.
func (f *Forwarder) post(what func()) {
	f.mu.Lock()
	f.inbox = append(f.inbox, what)
	f.mu.Unlock()
	select {
	case f.wake <- struct{}{}:
	default:
	}
}

func (f *Forwarder) posted() (batch []func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	batch, f.inbox = f.inbox, nil
	return batch
}

// Run does what was posted, and looks after what waits, until ctx ends. What has no
// answer then gets none.
func (f *Forwarder) Run(ctx context.Context) {
	next := time.Now()
	for ctx.Err() == nil {
		for _, what := range f.posted() {
			what()
		}
		var later <-chan time.Time
		if len(f.trips) > 0 {
			if now := time.Now(); !now.Before(next) {
				next = now.Add(lookEvery)
				f.look(now)
			}
			later = time.After(time.Until(next))
		}
		select {
		case <-ctx.Done():
		case <-f.wake:
		case <-later:
		}
	}
}

// state is how far the link to a home is.
type state uint8

const (
	connecting state = iota // for the first time
	isUp
	lost   // it ended; the next attempt was not made yet
	isDown // the last attempt failed
)

// entry is a home as one that forwards.
type entry struct {
	target   Target
	hash     key.GatewayHash
	state    state
	forwards bool // its descriptor says so, or it was never heard
	most     int  // requests without answer
	under    int  // that there are
	to       map[key.GatewayHash]int
	waiting  []*trip // for room, oldest first
	late     int     // requests that it did not answer before another home was asked too
}

// room reports whether one more request for a gateway may go: no gateway takes more
// than half of it all, so that a slow one does not hold up the others.
func (e *entry) room(target key.GatewayHash) bool {
	return e.under < e.most && e.to[target] < max(e.most/2, 1)
}

func (f *Forwarder) opened(t Target) {
	h := t.Hash()
	if e := f.entries[h]; e != nil {
		if !e.target.Same(t) {
			e.state = connecting
		}
		e.target = t
		return
	}
	f.entries[h] = &entry{target: t, hash: h, forwards: true, to: map[key.GatewayHash]int{}}
}

func (f *Forwarder) closed(h key.GatewayHash) {
	e := f.entries[h]
	if e == nil {
		return
	}
	delete(f.entries, h)
	e.state = isDown
	for k, l := range f.lines {
		if k.entry == h {
			f.discard(l)
		}
	}
	waiting := e.waiting
	e.waiting = nil
	f.again(waiting)
	f.unstall()
}

func (f *Forwarder) up(h key.GatewayHash, limits wire.Limits, d *address.Descriptor) {
	e := f.entries[h]
	if e == nil {
		return
	}
	e.state, e.forwards = isUp, d != nil && d.Flags&address.Forwards != 0
	e.most = min(max(int(limits.InFlight/2), 1), maxForwards)
	f.unstall()
}

func (f *Forwarder) down(h key.GatewayHash, wasUp bool) {
	e := f.entries[h]
	if e == nil {
		return
	}
	e.state = isDown
	if wasUp {
		e.state = lost
	}
	waiting := e.waiting
	e.waiting = nil
	f.again(waiting)
	f.unstall()
}

// unstall looks for ways anew for what waits for a home.
func (f *Forwarder) unstall() {
	waiting := f.stalled
	f.stalled = nil
	f.again(waiting)
}

func (f *Forwarder) again(waiting []*trip) {
	for _, t := range waiting {
		if !t.over {
			f.advance(t)
		}
	}
}

// choose picks the home that brings a request to its target next; nil: there is
// none. One with a channel to the drop stays unless it has become much slower.
// One that is failing, or late with an answer just now, is the last resort.
func (f *Forwarder) choose(t *trip) (best *entry) {
	var least time.Duration
	var last bool
	now := time.Now()
	for _, e := range f.entries {
		if e.state != isUp || !e.forwards || t.tried[e.hash] || e.target.Network != t.r.To.Network {
			continue
		}
		cost := f.cfg.Scores.Cost(e.hash, score.Forward, now)
		if l := f.lines[t.lineKey(e)]; l != nil && !l.sender.Expired(now) {
			cost = cost/2 - 50*time.Millisecond
		}
		failing := e.late > 0 || f.cfg.Scores.Failing(e.hash, now)
		better := cost < least || cost == least && best != nil && string(e.hash[:]) < string(best.hash[:])
		if best == nil || last && !failing || last == failing && better {
			best, least, last = e, cost, failing
		}
	}
	return best
}

// mayWait reports whether a home could still come that takes the request.
func (f *Forwarder) mayWait(t *trip) bool {
	for _, e := range f.entries {
		if e.target.Network != t.r.To.Network || !e.forwards {
			continue
		}
		kept := t.kept != nil && t.kept.entry == e
		if e.state == connecting && !t.tried[e.hash] || e.state == lost && (kept || !t.tried[e.hash]) {
			return true
		}
	}
	return false
}

// stall has a request wait for a home, but not for ever.
func (f *Forwarder) stall(t *trip, now time.Time) {
	if t.until.IsZero() {
		t.until = now.Add(f.cfg.Timing.Entry)
	}
	f.stalled = append(f.stalled, t)
}

// look gives up what waited long enough for a home, and has a second home try what
// the first one does not answer.
func (f *Forwarder) look(now time.Time) {
	waiting := f.stalled
	f.stalled = nil
	for _, t := range waiting {
		switch {
		case t.over:
		case now.Before(t.until):
			f.stalled = append(f.stalled, t)
		default:
			f.giveUp(t)
		}
	}
	for t := range f.trips {
		if t.second && len(t.legs) > 1 && now.Sub(t.legs[len(t.legs)-1].sent) >= f.cfg.Timing.Second {
			t.legs[0].excuse() // the other home has no answer either: it is the target that is slow
		}
		if len(t.legs) != 1 || t.second || now.Sub(t.legs[0].sent) < f.cfg.Timing.Second {
			continue
		}
		if e := f.choose(t); e != nil && e.room(t.hash) && f.knows(t, now) {
			t.second = true
			t.legs[0].isLate()
			f.through(t, e)
		}
	}
}
