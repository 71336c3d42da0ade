package forward

import (
	"bytes"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"zeroms/protocol/address"
	"zeroms/protocol/channel"
	"zeroms/protocol/key"
	"zeroms/protocol/link"
	"zeroms/protocol/wire"
)

// Port is the outbound side of a link. Answer queues the answer to a request; it
// never blocks.
type Port interface {
	Answer(id uint64, p wire.Payload)
}

// Peers are links to other gateways. Send calls done once, on any goroutine, perhaps
// before it returns; the answer may be a *wire.Failure, and without one err says why.
// It never blocks.
type Peers interface {
	Send(to link.Endpoint, request wire.Payload, done func(answer wire.Payload, err error))
}

// EntryCapacity bounds what an Entry carries at once; zero fields take their default.
type EntryCapacity struct {
	// Client is how many requests of one client may be without an answer, and
	// ClientRate how many it may bring a second, with those of two seconds at once.
	Client, ClientRate int
	// ClientBytes bounds the answers to them, in bytes: all of them may come at once.
	ClientBytes int
	// NewExits and NewExitsMinute bound the gateways that one client may name: so many
	// at once, so many more a minute. One that somebody has used lately is not new.
	NewExits, NewExitsMinute int
	// Opens and OpensBurst bound the requests of one client with a set-up for one
	// gateway, Faults and FaultsBurst those that this gateway could not open: it bounds
	// both for everybody who comes this way.
	Opens, OpensBurst, Faults, FaultsBurst int
	// Exit is how many requests to one gateway may be without an answer, Silent how
	// many once the oldest of them waits for longer than Patience.
	Exit, Silent int
	Patience     time.Duration
	// Bytes is how much may be without an answer in all. One gateway may have as much
	// of it as is free for others.
	Bytes int
	// Exits is how many gateways are remembered as used.
	Exits int
}

// ClientBytes is how many bytes of answers one client may be about to get, unless
// EntryCapacity says otherwise: the queue of a client's link has to hold them.
const ClientBytes = 640 << 10

// Default fills the fields that are zero.
func (c EntryCapacity) Default() EntryCapacity {
	set(&c.Client, 64)
	set(&c.ClientRate, 2048)
	set(&c.ClientBytes, ClientBytes)
	set(&c.NewExits, 64)
	set(&c.NewExitsMinute, 32)
	set(&c.Opens, 32)
	set(&c.OpensBurst, 256)
	set(&c.Faults, 1)
	set(&c.FaultsBurst, 32)
	set(&c.Exit, 1024)
	set(&c.Silent, 16)
	set(&c.Patience, 3*time.Second)
	set(&c.Bytes, 32<<20)
	set(&c.Exits, 4096)
	return c
}

func set[T ~int | ~int64](field *T, value T) {
	if *field == 0 {
		*field = value
	}
}

// EntryConfig is what an Entry needs.
type EntryConfig struct {
	// Node is the own key: what is for it goes to Local.
	Node key.NodePublic
	// Scope is the network's.
	Scope address.Scope
	// Peers carries requests to other gateways; nil: this one forwards nothing.
	Peers Peers
	// Local opens what is for the gateway itself; nil: it opens nothing.
	Local *Exit
	// Capacity takes defaults where it is zero.
	Capacity EntryCapacity
}

// Entry carries the requests of clients. Its methods are safe for concurrent use.
type Entry struct {
	// static
	cfg EntryConfig

	counters entryCounters

	mu sync.Mutex
	// guarded by mu
	flights map[slot]*flight
	exits   map[key.NodePublic]*exit
	bytes   int // of all flights
}

type entryCounters struct{ forwarded, joined, answered, refused, unreachable, local atomic.Int64 }

// EntryStats are counts since the start, and what is under way now.
type EntryStats struct {
	Forwarded   int64 // requests that were sent on
	Joined      int64 // repeated ones while the same was under way
	Answered    int64 // by an exit, failures included
	Refused     int64 // by this gateway's own bounds
	Unreachable int64 // because the exit did not answer
	Local       int64 // for this gateway itself
	UnderWay    int   // requests
	Bytes       int   // theirs
	Exits       int   // gateways that are remembered as used
}

// NewEntry makes an Entry.
func NewEntry(cfg EntryConfig) *Entry {
	cfg.Capacity = cfg.Capacity.Default()
	return &Entry{cfg: cfg, flights: map[slot]*flight{}, exits: map[key.NodePublic]*exit{}}
}

// Stats returns the counts.
func (e *Entry) Stats() EntryStats {
	c := &e.counters
	e.mu.Lock()
	defer e.mu.Unlock()
	return EntryStats{
		Forwarded: c.forwarded.Load(), Joined: c.joined.Load(), Answered: c.answered.Load(),
		Refused: c.refused.Load(), Unreachable: c.unreachable.Load(), Local: c.local.Load(),
		UnderWay: len(e.flights), Bytes: e.bytes, Exits: len(e.exits),
	}
}

// Client is what one client may ask, and what it has under way.
type Client struct {
	mu       sync.Mutex
	underWay int    // guarded by mu
	bytes    int    // guarded by mu: of the answers to them
	rate     bucket // guarded by mu
	exits    bucket // guarded by mu
	looks    bucket // guarded by mu
	most     *EntryCapacity
	at       map[key.NodePublic]*spent // guarded by mu
	looking  int                       // guarded by mu: gateways that are looked for
}

// mostLooking is how many gateways are looked for at once for one client.
const mostLooking = 16

// Looks takes leave to have a gateway looked for that is not known: as often as a
// client may name new ones. Looked gives its place back.
func (c *Client) Looks(now time.Time) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.looking >= mostLooking || !c.looks.take(now, 1) {
		return false
	}
	c.looking++
	return true
}

// Looked says that one was found or not.
func (c *Client) Looked() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.looking--
}

// spent is what a client has used of one gateway's bounds.
type spent struct {
	opens, faults bucket
	used          time.Time
}

// mostSpent is of how many gateways a client's use is remembered.
const mostSpent = 256

// of is what was used of a gateway's bounds; mu is held.
func (c *Client) of(now time.Time, exit key.NodePublic) *spent {
	s := c.at[exit]
	if s == nil {
		if len(c.at) >= mostSpent {
			var oldest key.NodePublic
			var since time.Time
			for node, s := range c.at {
				if since.IsZero() || s.used.Before(since) {
					oldest, since = node, s.used
				}
			}
			delete(c.at, oldest)
		}
		s = &spent{
			opens:  bucket{burst: float64(c.most.OpensBurst), rate: float64(c.most.Opens)},
			faults: bucket{burst: float64(c.most.FaultsBurst), rate: float64(c.most.Faults)},
		}
		if c.at == nil {
			c.at = map[key.NodePublic]*spent{}
		}
		c.at[exit] = s
	}
	s.used = now
	return s
}

// fair reports whether a request takes no more of a gateway's bounds than a client's
// share.
func (c *Client) fair(now time.Time, f *wire.Forward) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(f.Encapsulation) == 0 && c.at[f.Target] == nil {
		return true
	}
	s := c.of(now, f.Target)
	return s.faults.has(now, 1) && (len(f.Encapsulation) == 0 || s.opens.take(now, 1))
}

// fault notes what a gateway answered: that it could not open a request.
func (c *Client) fault(exit key.NodePublic, answer wire.Payload) {
	f, failed := answer.(*wire.Failure)
	if !failed || f.Code != wire.CodeOpen && f.Code != wire.CodeUnexpected && f.Code != wire.CodeMalformed {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	c.of(now, exit).faults.take(now, 1)
}

// Client makes a Client for one link or account.
func (e *Entry) Client() *Client {
	c := &e.cfg.Capacity
	return &Client{
		most:  c,
		rate:  bucket{burst: 2 * float64(c.ClientRate), rate: float64(c.ClientRate)},
		exits: bucket{burst: float64(c.NewExits), rate: float64(c.NewExitsMinute) / 60},
		looks: bucket{burst: 2 * float64(c.NewExits), rate: 2 * float64(c.NewExitsMinute) / 60},
	}
}

// begin takes a place for one request and its answer.
func (c *Client) begin(now time.Time, answer int, most *EntryCapacity) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.underWay >= most.Client || c.underWay > 0 && c.bytes+answer > most.ClientBytes || !c.rate.take(now, 1) {
		return false
	}
	c.underWay++
	c.bytes += answer
	return true
}

// newExit takes leave for a gateway that nobody has used lately.
func (c *Client) newExit(now time.Time) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.exits.take(now, 1)
}

// end gives the place back.
func (c *Client) end(answer int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.underWay--
	c.bytes -= answer
}

// slot is the place of a request among those under way.
type slot struct {
	channel [wire.ChannelIDSize]byte
	n       uint32
	target  key.NodePublic
}

// exit is a gateway that requests go to.
type exit struct {
	underWay int
	bytes    int
	used     time.Time
	since    time.Time // the last answer, or since when there is something under way
	at       []where   // where it was said to be, the newest last
}

// where is a place at which a gateway is said to be.
type where struct {
	host string
	port uint16
}

// mostPlaces is how many places of a gateway are remembered.
const mostPlaces = 4

// waiter is who gets the answer.
type waiter struct {
	client *Client
	bytes  int // of the answer
	target key.NodePublic
	port   Port
	id     uint64
}

// answer hands the answer down.
func (w *waiter) answer(p wire.Payload) {
	w.client.fault(w.target, p)
	w.client.end(w.bytes)
	w.port.Answer(w.id, p)
}

// mostWaiters is how many may wait for one request.
const mostWaiters = 4

// flight is a request under way.
type flight struct {
	// static
	entry   *Entry
	forward *wire.Forward
	at      slot
	size    int
	indexed bool // it stands in Entry.flights

	waiters []waiter // guarded by Entry.mu
	first   [1]waiter
}

// Forward sends a client's request on. It is answered once, now or later, with
// Forwarded or Failure: wire.ErrUnreachable, ErrScope, ErrBusy beyond a bound,
// ErrNotServing, ErrSizeClass and ErrValue for what is no sealed request,
// ErrUnexpected for an exit that breaks the protocol; and the exit's own failures
// (exitCodes). f must not be changed afterwards.
func (e *Entry) Forward(now time.Time, c *Client, id uint64, f *wire.Forward, to Port) {
	size, err := e.check(f)
	if err != nil {
		e.refuse(to, id, err)
		return
	}
	if !c.begin(now, size, &e.cfg.Capacity) {
		e.refuse(to, id, wire.ErrBusy.Because("too many requests"))
		return
	}
	w := waiter{c, size, f.Target, to, id}
	if !c.fair(now, f) {
		c.end(size)
		e.refuse(to, id, wire.ErrBusy.Because("too many set-ups, or requests that gateway could not open"))
		return
	}
	if f.Target == e.cfg.Node {
		e.counters.local.Add(1)
		e.cfg.Local.Relay(now, From{Node: e.cfg.Node}, id, &f.Relay, localPort{w})
		return
	}
	l, err := e.enter(now, w, f)
	if err != nil {
		c.end(size)
		e.refuse(to, id, err)
		return
	}
	if l != nil {
		e.counters.forwarded.Add(1)
		e.cfg.Peers.Send(link.Endpoint{Host: f.Host, Port: f.Port, Node: f.Target[:]}, &f.Relay, l.answered)
	}
}

// localPort is where the answer to a request for this gateway itself goes.
type localPort struct{ waiter }

// Answer implements Port.
func (p localPort) Answer(_ uint64, answer wire.Payload) { p.answer(answer) }

// check refuses what can't be sent on; size is that of the answer.
func (e *Entry) check(f *wire.Forward) (size int, err error) {
	if err := wire.Check(f); err != nil {
		return 0, err
	}
	class, err := channel.Class(&f.Relay)
	if err != nil {
		return 0, err
	}
	if size = channel.AnswerSmall; class == largeAnswers {
		size = channel.AnswerLarge
	}
	if own := f.Target == e.cfg.Node; own && e.cfg.Local == nil || !own && e.cfg.Peers == nil {
		return 0, wire.ErrNotServing
	}
	return size, nil
}

// largeAnswers is the class of requests that have large answers
// (docs/protocol/forward.md, "Answers").
const largeAnswers = 4 << 10

// refuse answers a request with the reason why it is not sent on.
func (e *Entry) refuse(to Port, id uint64, err error) {
	e.counters.refused.Add(1)
	to.Answer(id, wire.FailureOf(err))
}

// enter takes a place for a request, or joins the same one that is under way: then
// the flight is nil. Errors: wire.ErrBusy, ErrScope.
func (e *Entry) enter(now time.Time, w waiter, f *wire.Forward) (*flight, error) {
	at := slot{f.Channel, f.N, f.Target}
	e.mu.Lock()
	defer e.mu.Unlock()
	other := e.flights[at]
	if other != nil && same(other.forward, f) {
		if len(other.waiters) >= mostWaiters {
			return nil, wire.ErrBusy.Because("the same request, again")
		}
		other.waiters = append(other.waiters, w)
		e.counters.joined.Add(1)
		return nil, nil
	}
	x, err := e.exit(now, w.client, f)
	if err != nil {
		return nil, err
	}
	size := len(f.Sealed) + len(f.Encapsulation)
	if !e.room(now, x, size) {
		return nil, wire.ErrBusy.Because("too many requests to that gateway")
	}
	if x.underWay == 0 {
		x.since = now
	}
	x.underWay++
	x.bytes += size
	x.used = now
	e.bytes += size
	l := &flight{entry: e, forward: f, at: at, size: size, indexed: other == nil}
	l.first[0] = w
	l.waiters = l.first[:]
	if l.indexed {
		e.flights[at] = l
	}
	return l, nil
}

// same reports whether two requests of one slot are the same bytes to the same place.
func same(a, b *wire.Forward) bool {
	return a.Host == b.Host && a.Port == b.Port && bytes.Equal(a.Sealed, b.Sealed) && bytes.Equal(a.Encapsulation, b.Encapsulation)
}

// exit is the record of a gateway, made at the cost of who names it first, or first at
// another place: it may have to be looked up and dialled. Errors: wire.ErrBusy, and
// ErrScope for a place that the network's scope does not allow. mu is held.
func (e *Entry) exit(now time.Time, c *Client, f *wire.Forward) (*exit, error) {
	x, at := e.exits[f.Target], where{f.Host, f.Port}
	if x != nil && slices.Contains(x.at, at) {
		return x, nil
	}
	switch {
	case !e.cfg.Scope.AllowsHost(f.Host):
		return nil, wire.ErrScope
	case !c.newExit(now):
		return nil, wire.ErrBusy.Because("too many gateways")
	}
	if x == nil {
		if len(e.exits) >= e.cfg.Capacity.Exits && !e.forgetExits(now) {
			return nil, wire.ErrBusy.Because("too many gateways")
		}
		x = &exit{}
		e.exits[f.Target] = x
	}
	if len(x.at) >= mostPlaces {
		x.at = slices.Delete(x.at, 0, 1)
	}
	x.at = append(x.at, at)
	return x, nil
}

// exitMemory is how long a gateway counts as used lately.
const exitMemory = time.Hour

// forgetExits makes room among the gateways that are remembered: those not used
// lately go, else half of those without a request; mu is held.
func (e *Entry) forgetExits(now time.Time) bool {
	before, idle := len(e.exits), 0
	for node, x := range e.exits {
		switch {
		case x.underWay > 0:
		case now.Sub(x.used) >= exitMemory:
			delete(e.exits, node)
		default:
			idle++
		}
	}
	if len(e.exits) < before {
		return true
	}
	for node, x := range e.exits {
		if x.underWay == 0 && idle > 0 {
			delete(e.exits, node)
			idle -= 2
		}
	}
	return len(e.exits) < before
}

// room reports whether one more request of so many bytes may go to a gateway: one
// that does not answer gets few, and none gets more than is left for others; mu is
// held.
func (e *Entry) room(now time.Time, x *exit, size int) bool {
	c := &e.cfg.Capacity
	most := c.Exit
	if x.underWay > 0 && now.Sub(x.since) > c.Patience {
		most = c.Silent
	}
	free := c.Bytes - e.bytes
	return x.underWay < most && size <= free && (x.bytes == 0 || x.bytes+size <= free)
}

// answered is called with what came of the request.
func (l *flight) answered(answer wire.Payload, err error) {
	waiters := l.leave(err == nil)
	if err == nil {
		answer, err = l.accept(answer)
	}
	if err != nil {
		l.entry.counters.unreachable.Add(1)
		answer = wire.FailureOf(told(err))
	} else {
		l.entry.counters.answered.Add(1)
	}
	for i := range waiters {
		waiters[i].answer(answer)
	}
}

// leave gives the flight's place back.
func (l *flight) leave(alive bool) []waiter {
	e := l.entry
	e.mu.Lock()
	defer e.mu.Unlock()
	if l.indexed {
		delete(e.flights, l.at)
	}
	x := e.exits[l.at.target] // as long as it has something under way
	x.underWay--
	x.bytes -= l.size
	e.bytes -= l.size
	if alive {
		x.since = time.Now()
	}
	return l.waiters
}

// exitCodes are the failures of an exit that a client gets to see.
var exitCodes = map[wire.Code]bool{
	wire.CodeNoChannel: true, wire.CodeOpen: true, wire.CodeBusy: true, wire.CodeNotServing: true,
	wire.CodeUnexpected: true, wire.CodeSizeClass: true, wire.CodeValue: true, wire.CodeDraining: true,
	wire.CodeMalformed: true, wire.CodeTruncated: true, wire.CodeNotCanonical: true,
}

// accept holds an exit's answer against the request: an exit that answers with
// something else has not answered.
func (l *flight) accept(answer wire.Payload) (wire.Payload, error) {
	switch p := answer.(type) {
	case *wire.Forwarded:
		if channel.CheckAnswer(&l.forward.Relay, p) == nil {
			return p, nil
		}
	case *wire.Failure:
		if exitCodes[p.Code] {
			return &wire.Failure{Code: p.Code}, nil
		}
	}
	return nil, wire.ErrUnexpected.Because("the other gateway answered something else")
}

// told is why an exit could not be asked, as the client is told.
func told(err error) error {
	for _, known := range []*wire.Error{wire.ErrScope, wire.ErrBusy, wire.ErrUnexpected} {
		if errors.Is(err, known) {
			return known
		}
	}
	if errors.Is(err, wire.ErrWrongNode) {
		return wire.ErrUnreachable.Because("another key")
	}
	return wire.ErrUnreachable
}
