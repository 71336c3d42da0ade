package forward

import (
	"container/list"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"zeroms/protocol/address"
	"zeroms/protocol/channel"
	"zeroms/protocol/key"
	"zeroms/protocol/wire"
)

// Guest answers what comes out of channels: requests of people who are not known
// here. Handle does not block. It calls done once, on any goroutine, perhaps before
// it returns: for a Submit with a Commit of exactly one item, whose ID is inner.ID,
// or Refused; for others with what answers them; or with a Failure. inner is lent until
// Handle returns. ctx ends with Exit.Run.
type Guest interface {
	Handle(ctx context.Context, inner wire.Frame, done func(wire.Payload))
}

// Timing holds the intervals of the keys; zero fields take their default.
type Timing struct {
	// Rotate is the age at which a key is replaced.
	Rotate time.Duration
	// Kept is how long it opens channels afterwards: as long as a descriptor that
	// names it may be good, and a day.
	Kept time.Duration
	// Sweep is how often channels that are over are thrown out.
	Sweep time.Duration
}

// Default fills the fields that are zero.
func (t Timing) Default() Timing {
	set(&t.Rotate, 7*24*time.Hour)
	set(&t.Kept, 8*24*time.Hour)
	set(&t.Sweep, 10*time.Minute)
	return t
}

// ExitCapacity bounds what an Exit does for others; zero fields take their default.
type ExitCapacity struct {
	// Channels is how many are remembered. For one more the gateway that brought most
	// of them loses the one it has not used for longest.
	Channels int
	// Gateways is how many others are remembered.
	Gateways int
	// Opens and OpensBurst bound the new channels that one gateway brings: so many a
	// second, so many at once; AllOpens and AllOpensBurst those of all.
	Opens, OpensBurst, AllOpens, AllOpensBurst int
	// Faults and FaultsBurst bound the requests of one gateway that do not open.
	Faults, FaultsBurst int
	// NearOpens, NearOpensBurst, NearFaults and NearFaultsBurst are the same for all
	// gateways of one neighbourhood: keys cost nothing.
	NearOpens, NearOpensBurst, NearFaults, NearFaultsBurst int
	// Lookups and LookupsBurst bound the records that a neighbourhood has looked up in
	// the network, AllLookups and AllLookupsBurst those of all.
	Lookups, LookupsBurst, AllLookups, AllLookupsBurst int
}

// Default fills the fields that are zero.
func (c ExitCapacity) Default() ExitCapacity {
	set(&c.Channels, 32<<10)
	set(&c.Gateways, 4096)
	set(&c.Opens, 128)
	set(&c.OpensBurst, 256)
	set(&c.AllOpens, 1024)
	set(&c.AllOpensBurst, 2048)
	set(&c.Faults, 64)
	set(&c.FaultsBurst, 256)
	set(&c.NearOpens, 256)
	set(&c.NearOpensBurst, 512)
	set(&c.NearFaults, 64)
	set(&c.NearFaultsBurst, 256)
	set(&c.Lookups, 2)
	set(&c.LookupsBurst, 32)
	set(&c.AllLookups, 8)
	set(&c.AllLookupsBurst, 64)
	return c
}

// ExitConfig is what an Exit needs.
type ExitConfig struct {
	// Place is the gateway in its network.
	Place key.Place
	// Keys keeps the keys of channels.
	Keys Keys
	// Guest answers what was sealed.
	Guest Guest
	// Capacity and Timing take defaults where they are zero.
	Capacity ExitCapacity
	Timing   Timing
	// Log gets what went wrong with the keys; nil discards it.
	Log *slog.Logger
}

// Exit opens requests that were sealed for this gateway. Its methods are safe for
// concurrent use.
type Exit struct {
	// static
	cfg    ExitConfig
	life   context.Context // ends with Run
	finish context.CancelFunc

	counters exitCounters

	mu sync.Mutex
	// guarded by mu
	keys     ring
	public   key.RelayPublic // of the first of them
	channels map[[wire.ChannelIDSize]byte]*opened
	gateways map[key.NodePublic]*gateway
	near     map[address.Group]*neighbours
	opens    bucket
	lookups  bucket
}

type exitCounters struct{ relayed, opened, unknown, faulty, busy, repeated atomic.Int64 }

// ExitStats are counts since the start, and what is remembered now.
type ExitStats struct {
	Relayed  int64 // requests that opened
	Opened   int64 // channels
	Unknown  int64 // requests of channels that are not known
	Faulty   int64 // requests that did not open
	Busy     int64 // refused by the bounds
	Repeated int64 // requests that had opened before
	Channels int
	Gateways int
}

// From is the gateway that brings requests.
type From struct {
	Node key.NodePublic
	// Near is the neighbourhood of the address that it is at (address.Scope.Near); zero: not known.
	Near address.Group
}

// neighbours are the gateways of one neighbourhood.
type neighbours struct {
	used                   time.Time
	opens, faults, lookups bucket
}

// gateway is another gateway that brings requests.
type gateway struct {
	node   key.NodePublic
	used   time.Time
	opens  bucket
	faults bucket
	lately *list.List // of its *opened, the one used last in front
}

// opened is a channel.
type opened struct {
	// static
	by *gateway

	at *list.Element // guarded by Exit.mu

	mu       sync.Mutex
	receiver *channel.Receiver // Unseal is guarded by mu
}

// NewExit takes the keys from where they are kept, or makes the first one. It starts
// nothing. Errors: ErrKeys, those of Keys.
func NewExit(c ExitConfig, now time.Time) (*Exit, error) {
	if c.Keys == nil || c.Guest == nil || c.Place.Node == (key.NodePublic{}) {
		return nil, errors.New("forward: ExitConfig needs Place, Keys and Guest")
	}
	c.Capacity, c.Timing = c.Capacity.Default(), c.Timing.Default()
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	x := &Exit{
		cfg:      c,
		channels: map[[wire.ChannelIDSize]byte]*opened{},
		gateways: map[key.NodePublic]*gateway{},
		near:     map[address.Group]*neighbours{},
		opens:    bucket{burst: float64(c.Capacity.AllOpensBurst), rate: float64(c.Capacity.AllOpens)},
		lookups:  bucket{burst: float64(c.Capacity.AllLookupsBurst), rate: float64(c.Capacity.AllLookups)},
	}
	x.life, x.finish = context.WithCancel(context.Background())
	kept, err := c.Keys.Load()
	if err != nil {
		return nil, fmt.Errorf("forward: the keys of channels can't be read: %w", err)
	}
	if len(kept) > 0 {
		if x.keys, err = parseRing(kept); err != nil {
			return nil, err
		}
		x.public = x.keys[0].private.Public()
	}
	_, _, err = x.Advance(now)
	return x, err
}

// KEM is the key that channels to this gateway start from now.
func (x *Exit) KEM() key.RelayPublic {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.public
}

// Stats returns the counts.
func (x *Exit) Stats() ExitStats {
	c := &x.counters
	x.mu.Lock()
	defer x.mu.Unlock()
	return ExitStats{
		Relayed: c.relayed.Load(), Opened: c.opened.Load(), Unknown: c.unknown.Load(),
		Faulty: c.faulty.Load(), Busy: c.busy.Load(), Repeated: c.repeated.Load(),
		Channels: len(x.channels), Gateways: len(x.gateways),
	}
}

// Advance does what is due: it replaces the key, forgets keys and channels that are
// over. changed says that KEM is another one now, next when to call it again at the
// latest. A new key is used once it is kept; the error is that of keeping it.
func (x *Exit) Advance(now time.Time) (changed bool, next time.Time, err error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.sweep(now)
	turned, other := x.keys.turned(now, &x.cfg.Timing)
	next = now.Add(x.cfg.Timing.Sweep)
	if other {
		if err := x.cfg.Keys.Save(turned.encode()); err != nil {
			return false, next, fmt.Errorf("forward: the keys of channels can't be kept: %w", err)
		}
		changed = first(turned).made != first(x.keys).made
		x.keys = turned
		if changed {
			x.public = turned[0].private.Public()
		}
	}
	if at := x.keys.next(&x.cfg.Timing); at.Before(next) {
		next = at
	}
	return changed, next, nil
}

// sweep throws out the channels that are over, and gateways of which nothing is
// left; mu is held.
func (x *Exit) sweep(now time.Time) {
	for _, c := range x.channels {
		if c.receiver.Expired(now) {
			x.drop(c)
		}
	}
	for node, g := range x.gateways {
		if g.lately.Len() == 0 && now.Sub(g.used) > x.cfg.Timing.Sweep {
			delete(x.gateways, node)
		}
	}
	for group, g := range x.near {
		if now.Sub(g.used) > x.cfg.Timing.Sweep {
			delete(x.near, group)
		}
	}
}

// drop forgets a channel; mu is held.
func (x *Exit) drop(c *opened) {
	delete(x.channels, c.receiver.ID())
	c.by.lately.Remove(c.at)
}

// Run turns the keys until ctx ends; changed is called when there is a new one. It
// returns nil.
func (x *Exit) Run(ctx context.Context, changed func()) error {
	defer x.finish()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-timer.C:
		}
		now := time.Now()
		other, next, err := x.Advance(now)
		if err != nil {
			x.cfg.Log.Warn("the key of channels stays the old one; it is tried again", "error", err)
		}
		if other {
			changed()
		}
		timer.Reset(max(time.Second, next.Sub(now)))
	}
}

// Relay opens a request that another gateway brings, has it answered and seals the
// answer. It is answered once, now or later, with Forwarded or Failure:
// wire.ErrNoChannel, ErrOpen, ErrUnexpected for other bytes under the number of a
// former request, ErrBusy, ErrSizeClass, ErrValue. What is wrong with the request
// inside is told in a sealed answer. r is lent to the exit, which opens it where it
// stands: its bytes are others when Relay returns.
func (x *Exit) Relay(now time.Time, from From, id uint64, r *wire.Relay, to Port) {
	c, q, err := x.open(now, from, r)
	if err != nil {
		to.Answer(id, wire.FailureOf(err))
		return
	}
	x.counters.relayed.Add(1)
	if q.Again {
		x.counters.repeated.Add(1)
	}
	inner := q.Frame
	q.Frame.Raw = nil // only the guest has it from here on
	a := &asked{receiver: c.receiver, request: q, id: id, to: to}
	if inner.Type == wire.TypeRecordGet && !x.looksUp(now, from) {
		x.counters.busy.Add(1)
		a.answer(wire.FailureOf(wire.ErrBusy))
		return
	}
	x.cfg.Guest.Handle(x.life, inner, a.answer)
}

// asked is a request that the Guest has.
type asked struct {
	receiver *channel.Receiver
	request  channel.Request
	id       uint64
	to       Port
}

// answer seals what the Guest says.
func (a *asked) answer(p wire.Payload) {
	sealed, err := a.receiver.Seal(a.request, p)
	if err != nil {
		sealed, err = a.receiver.Seal(a.request, wire.FailureOf(wire.ErrUnavailable))
	}
	if err != nil {
		a.to.Answer(a.id, wire.FailureOf(err))
		return
	}
	a.to.Answer(a.id, sealed)
}

// open opens a request, and before it its channel if that is new.
func (x *Exit) open(now time.Time, from From, r *wire.Relay) (*opened, channel.Request, error) {
	if err := wire.Check(r); err != nil {
		return nil, channel.Request{}, err
	}
	if _, err := channel.Class(r); err != nil {
		return nil, channel.Request{}, err
	}
	c, err := x.channel(now, from, r)
	if err != nil {
		return nil, channel.Request{}, err
	}
	c.mu.Lock()
	q, err := c.receiver.UnsealInPlace(r)
	c.mu.Unlock()
	if err != nil {
		x.fault(now, from, err)
		return nil, channel.Request{}, err
	}
	return c, q, nil
}

// fault counts a request that did not open against the gateway that brought it.
func (x *Exit) fault(now time.Time, from From, err error) {
	if errors.Is(err, wire.ErrNoChannel) {
		x.counters.unknown.Add(1)
		return
	}
	x.counters.faulty.Add(1)
	x.mu.Lock()
	defer x.mu.Unlock()
	if g := x.gateways[from.Node]; g != nil {
		g.faults.take(now, 1)
	}
	if near := x.neighbours(now, from); near != nil {
		near.faults.take(now, 1)
	}
}

// looksUp takes leave for a look-up in the network, which costs many times what the
// request does.
func (x *Exit) looksUp(now time.Time, from From) bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	near := x.neighbours(now, from)
	if near != nil && !near.lookups.has(now, 1) || !x.lookups.take(now, 1) {
		return false
	}
	if near != nil {
		near.lookups.take(now, 1)
	}
	return true
}

// channel is the channel of a request, set up if the request brings what that takes.
// Errors: wire.ErrNoChannel, ErrOpen, ErrBusy.
func (x *Exit) channel(now time.Time, from From, r *wire.Relay) (*opened, error) {
	c, keys, err := x.find(now, from, r)
	if c != nil || err != nil {
		return c, err
	}
	var receiver *channel.Receiver
	for _, k := range keys {
		if receiver, err = channel.Accept(x.cfg.Place, k.private, r, now); err == nil {
			break
		}
	}
	if err != nil {
		x.fault(now, from, err)
		return nil, err
	}
	return x.keep(now, from, receiver), nil
}

// find is a channel that is known, or the keys with which to open a new one.
func (x *Exit) find(now time.Time, from From, r *wire.Relay) (*opened, ring, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	g, near := x.gateway(now, from.Node), x.neighbours(now, from)
	if g == nil || !g.faults.has(now, 1) || near != nil && !near.faults.has(now, 1) {
		x.counters.busy.Add(1)
		return nil, nil, wire.ErrBusy
	}
	c := x.channels[r.Channel]
	if c != nil && c.receiver.Expired(now) {
		x.drop(c)
		c = nil
	}
	switch {
	case c != nil:
		c.by.lately.MoveToFront(c.at)
		return c, nil, nil
	case len(r.Encapsulation) == 0:
		x.counters.unknown.Add(1)
		return nil, nil, wire.ErrNoChannel
	case !g.opens.has(now, 1) || near != nil && !near.opens.has(now, 1) || !x.mayOpen(now, from):
		x.counters.busy.Add(1)
		return nil, nil, wire.ErrBusy
	}
	g.opens.take(now, 1)
	if near != nil {
		near.opens.take(now, 1)
	}
	return nil, x.keys, nil
}

// mayOpen takes leave for one more channel among all; what the gateway's own users
// bring does not wait for strangers. mu is held.
func (x *Exit) mayOpen(now time.Time, from From) bool {
	return from.Node == x.cfg.Place.Node || x.opens.take(now, 1)
}

// neighbours is the record of a gateway's neighbourhood, nil if that is not known; mu
// is held.
func (x *Exit) neighbours(now time.Time, from From) *neighbours {
	if from.Near == (address.Group{}) {
		return nil
	}
	g := x.near[from.Near]
	if g == nil {
		if len(x.near) >= x.cfg.Capacity.Gateways {
			x.forgetNeighbours()
		}
		c := &x.cfg.Capacity
		g = &neighbours{
			opens:   bucket{burst: float64(c.NearOpensBurst), rate: float64(c.NearOpens)},
			faults:  bucket{burst: float64(c.NearFaultsBurst), rate: float64(c.NearFaults)},
			lookups: bucket{burst: float64(c.LookupsBurst), rate: float64(c.Lookups)},
		}
		x.near[from.Near] = g
	}
	g.used = now
	return g
}

// forgetNeighbours makes room for another neighbourhood at the cost of the one that was
// silent for longest; mu is held.
func (x *Exit) forgetNeighbours() {
	var silent address.Group
	var since time.Time
	for group, g := range x.near {
		if since.IsZero() || g.used.Before(since) {
			silent, since = group, g.used
		}
	}
	delete(x.near, silent)
}

// gateway is the record of another gateway; nil if there are too many. mu is held.
func (x *Exit) gateway(now time.Time, node key.NodePublic) *gateway {
	g := x.gateways[node]
	if g == nil {
		if len(x.gateways) >= x.cfg.Capacity.Gateways {
			x.forgetGateway()
		}
		if len(x.gateways) >= x.cfg.Capacity.Gateways {
			return nil
		}
		c := &x.cfg.Capacity
		g = &gateway{
			node: node, lately: list.New(),
			opens:  bucket{burst: float64(c.OpensBurst), rate: float64(c.Opens)},
			faults: bucket{burst: float64(c.FaultsBurst), rate: float64(c.Faults)},
		}
		x.gateways[node] = g
	}
	g.used = now
	return g
}

// forgetGateway makes room for another gateway at the cost of the one that was
// silent for longest, its channels included; mu is held.
func (x *Exit) forgetGateway() {
	var silent *gateway
	for _, g := range x.gateways {
		if silent == nil || g.used.Before(silent.used) {
			silent = g
		}
	}
	for silent.lately.Len() > 0 {
		x.drop(silent.lately.Back().Value.(*opened))
	}
	delete(x.gateways, silent.node)
}

// keep remembers a channel, unless it was set up beside this, and makes room for it.
func (x *Exit) keep(now time.Time, from From, r *channel.Receiver) *opened {
	x.mu.Lock()
	defer x.mu.Unlock()
	if c := x.channels[r.ID()]; c != nil {
		return c
	}
	x.counters.opened.Add(1)
	c := &opened{by: x.gateway(now, from.Node), receiver: r}
	if c.by == nil { // forgotten meanwhile, and no room: it serves this one request
		return c
	}
	if len(x.channels) >= x.cfg.Capacity.Channels {
		var most *gateway
		for _, g := range x.gateways {
			if most == nil || g.lately.Len() > most.lately.Len() {
				most = g
			}
		}
		x.drop(most.lately.Back().Value.(*opened))
	}
	c.at = c.by.lately.PushFront(c)
	x.channels[r.ID()] = c
	return c
}
