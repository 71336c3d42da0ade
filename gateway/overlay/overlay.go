// Package overlay is a gateway's part in its network: it joins the table of gateways
// (dht), the links to them (peers), sealed requests on their way (forward), and the
// records that users leave to be published (deposit). Package gateway hands it what
// comes in on links, and answers what comes out of channels.
//
//	another gateway's request  Accept once, then Asked for each
//	a user's request           Wanted: forwards, lookups, deposits
//	out of a channel           Guest, which package gateway implements
package overlay

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"zeroms/gateway/deposit"
	"zeroms/gateway/deposit/relay"
	"zeroms/gateway/dht"
	"zeroms/gateway/forward"
	"zeroms/gateway/peers"
	"zeroms/protocol/address"
	"zeroms/protocol/key"
	"zeroms/protocol/link"
	"zeroms/protocol/wire"
)

// Config is what a gateway needs to be a part of its network.
type Config struct {
	// Node is the gateway's key; X solves the network's puzzle for it
	// (address.Solve).
	Node key.NodePrivate
	X    uint64
	// Params are the network's.
	Params address.Parameters
	// Addr is where others reach this gateway, over Transports; not valid: they don't.
	Addr       netip.AddrPort
	Transports uint8
	// Host and Port name it besides, if it has a DNS name.
	Host string
	Port uint16
	// Limits and Takes are what the descriptor says of accounts.
	Limits wire.Limits
	Takes  address.Flags
	// Seeds are gateways to join the network by, Named further ones that have to be
	// looked up, which is done while nobody is known; nil: none. Cached are those that
	// were known when it ran last.
	Seeds  []link.Endpoint
	Named  func(context.Context) []link.Endpoint
	Cached []wire.Contact
	// Save is handed the contacts to begin with next time, now and then and at the end,
	// by one goroutine at a time; nil: nobody keeps them.
	Save func([]wire.Contact) error
	// QUIC and WSS dial other gateways with the node key; nil: not spoken.
	QUIC, WSS peers.Dialer
	// Resolver finds the addresses of names; nil: the system's.
	Resolver peers.Resolver
	// Keys keeps the keys of channels, Deposits what users leave to be published.
	Keys     forward.Keys
	Deposits deposit.Store
	// Timing takes defaults where it is zero.
	Timing Timing
	Log    *slog.Logger
}

// Timing holds the intervals of the overlay's own work; zero fields take
// their default.
type Timing struct {
	// Join is the first pause between attempts to enter the network while nobody is
	// known; it doubles to JoinMost.
	Join, JoinMost time.Duration
	// Seal is how often the descriptor is signed anew and stored in the network.
	Seal time.Duration
	// Save is how often the contacts are kept at least; more often after the start, and
	// after others were found.
	Save time.Duration
	// Look is how often it is looked whether others can reach this gateway.
	Look time.Duration
	// Probe is the first pause before others are asked over which transports they
	// reach a gateway that does not serve; it doubles to ProbeMost.
	Probe, ProbeMost time.Duration
}

// Default fills the fields that are zero.
func (t Timing) Default() Timing {
	for field, value := range map[*time.Duration]time.Duration{
		&t.Join: 10 * time.Second, &t.JoinMost: 5 * time.Minute,
		&t.Seal: time.Hour, &t.Save: 10 * time.Minute, &t.Look: time.Second,
		&t.Probe: 20 * time.Second, &t.ProbeMost: 20 * time.Minute,
	} {
		if *field == 0 {
			*field = value
		}
	}
	return t
}

// descriptorLife is how long a descriptor is good for.
const descriptorLife = 3 * 24 * time.Hour

// userTime bounds what runs for a user, who waits for 30 s, and for this gateway itself.
const userTime = 20 * time.Second

// answerTime bounds what runs for other gateways, and for who asks through one: they
// wait for peers.Timing.Answer on their link, and what comes later is for nobody.
const answerTime = 13 * time.Second

// Overlay is a gateway's part in its network: it knows others, holds records for
// them, brings sealed requests on their way, and publishes what its users deposit.
type Overlay struct {
	// static
	cfg      Config
	log      *slog.Logger
	pool     *peers.Pool
	dht      *dht.Service
	entry    *forward.Entry
	exit     *forward.Exit
	deposits *deposit.Service
	relay    *relay.Relay

	answers    atomic.Pointer[Guest]
	addr       atomic.Pointer[netip.AddrPort] // Config.Addr, or what Move said
	descriptor atomic.Pointer[[]byte]
	reached    atomic.Pointer[Reached]  // nil: not known yet
	seeds      atomic.Int64             // that were asked last
	silent     atomic.Pointer[[]string] // seeds; nil: none were asked
	rotated    chan struct{}            // the key of channels changed
	users      *places                  // of runs
	others     *places
	strangers  *places
	own        *places
	known      *members
	met        chan []wire.Contact
	found      chan struct{}  // others were found
	saved      []wire.Contact // by loopTend, and after it by Run
	seen       sightings

	showing sync.Mutex
	shown   wire.Contact // guarded by showing: what hellos and the descriptor say

	mu sync.Mutex
	// guarded by mu
	ctx  context.Context // of Run; nil: it does not run
	work sync.WaitGroup  // runs
}

// New checks the configuration and starts nothing. It belongs to one
// gateway, whose Run runs it.
func New(cfg Config, now time.Time) (*Overlay, error) {
	cfg.Timing = cfg.Timing.Default()
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	o := &Overlay{
		cfg: cfg, log: cfg.Log, rotated: make(chan struct{}, 1), met: make(chan []wire.Contact, 4), found: make(chan struct{}, 1),
		users: newPlaces(memberPlaces, userTime), others: newPlaces(peerPlaces, answerTime),
		strangers: newPlaces(guestPlaces, answerTime), own: newPlaces(ownPlaces, userTime), known: newMembers(),
	}
	node := cfg.Node.Public()
	o.addr.Store(&cfg.Addr)
	self := wire.Contact{Node: node, X: cfg.X, Addr: cfg.Addr, Transports: cfg.Transports}
	if !cfg.Addr.IsValid() {
		self.Transports = 0
	}
	o.shown = self
	o.shown.Addr, o.shown.Transports = netip.AddrPort{}, 0
	links := peers.Timing{}.Default()
	var err error
	o.pool, err = peers.New(peers.Config{
		Node: node, Params: cfg.Params, Self: o.shown, Descriptor: o.Descriptor,
		QUIC: cfg.QUIC, WSS: cfg.WSS, Resolver: cfg.Resolver, Timing: links, Log: cfg.Log,
	})
	if err != nil {
		return nil, err
	}
	timing := dht.Timing{}.Default()
	timing.Idle = links.IdleAsk // how long the links stay open that it asks over
	kademlia, err := dht.New(dht.Config{Self: self, Params: cfg.Params, Timing: timing})
	if err != nil {
		return nil, err
	}
	o.dht = dht.NewService(kademlia, carrier{o}, cfg.Log)
	o.pool.SetDirectory(directory{o})
	place := key.Place{Network: cfg.Params.Network, Node: node}
	o.exit, err = forward.NewExit(forward.ExitConfig{Place: place, Keys: cfg.Keys, Guest: guest{o}, Log: cfg.Log}, now)
	if err != nil {
		return nil, err
	}
	o.entry = forward.NewEntry(forward.EntryConfig{Node: node, Scope: cfg.Params.Scope, Peers: o.pool, Local: o.exit})
	o.deposits, err = deposit.New(deposit.Config{Params: cfg.Params, Store: cfg.Deposits, Transport: courier{o}, Log: cfg.Log})
	if err != nil {
		return nil, err
	}
	o.relay = relay.New(relay.Config{Params: cfg.Params, Network: archive{o}})
	return o, o.seal(now)
}

// Descriptor is the gateway's signed descriptor.
func (o *Overlay) Descriptor() []byte {
	if b := o.descriptor.Load(); b != nil {
		return *b
	}
	return nil
}

// seal signs a descriptor of now. It names where others proved to reach this gateway,
// and over what: it is handed on, and who gets it connects there. showing is held.
func (o *Overlay) seal(now time.Time) error {
	d := &address.Descriptor{
		Node: o.cfg.Node.Public(), X: o.cfg.X, KEM: o.exit.KEM(), Network: o.cfg.Params.Network,
		Made: now, Expires: now.Add(descriptorLife), Limits: o.cfg.Limits, Flags: o.cfg.Takes | address.Forwards,
	}
	if at := o.shown.Addr; at.IsValid() {
		d.Addrs, d.Transports, d.Host, d.Port = []netip.AddrPort{at}, o.shown.Transports, o.cfg.Host, o.cfg.Port
		d.Flags |= address.Serves
	}
	sealed, err := address.SealDescriptor(d, o.cfg.Node)
	if err == nil {
		o.descriptor.Store(&sealed)
	}
	return err
}

// at is where others reach this gateway, if they do.
func (o *Overlay) at() netip.AddrPort { return *o.addr.Load() }

// Move gives the gateway another address, or none, as when its name stands for
// another one. Others have to prove that they reach it there. Errors: ctx's, those of
// a gateway that ends.
func (o *Overlay) Move(ctx context.Context, addr netip.AddrPort) error {
	o.addr.Store(&addr)
	o.reached.Store(nil)
	return o.dht.SetAddr(ctx, addr, o.cfg.Transports)
}

// Run runs every part until ctx ends, and returns when all have ended. Error: what
// ended one of them before.
func (o *Overlay) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	o.mu.Lock()
	o.ctx = ctx
	o.mu.Unlock()
	var parts sync.WaitGroup
	for _, part := range []func(context.Context) error{
		o.pool.Run, o.dht.Run, o.deposits.Run, o.loopMeet, o.loopTend, o.loopReach,
		func(ctx context.Context) error { return o.exit.Run(ctx, o.rotate) },
	} {
		parts.Go(func() {
			if err := part(ctx); err != nil && !errors.Is(err, context.Canceled) {
				cancel(err)
			}
		})
	}
	<-ctx.Done()
	parts.Wait()
	o.save() // now, as nobody changes any more who is known
	o.mu.Lock()
	o.ctx = ctx // it has ended, and whoever held mu before has begun its run
	o.mu.Unlock()
	o.work.Wait()
	if cause := context.Cause(ctx); !errors.Is(cause, context.Canceled) {
		return cause
	}
	return nil
}

// rotate has the descriptor signed anew at once.
func (o *Overlay) rotate() { signal(o.rotated) }

// signal says something once, to whoever looks next.
func signal(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// run does what may wait for the network or the disk beside the link that asked;
// done gets the answer. Too many at once of its kind are refused.
func (o *Overlay) run(by runner, done func(wire.Payload), do func(context.Context) (wire.Payload, error)) {
	ctx, err := o.begin(by)
	if err != nil {
		done(wire.FailureOf(err))
		return
	}
	go func() {
		defer o.work.Done()
		defer by.places.give(by.account)
		ctx, cancel := context.WithTimeout(ctx, by.places.within)
		defer cancel()
		answer, err := do(ctx)
		if err != nil {
			answer = Failure(err)
		}
		done(answer)
	}()
}

// begin takes a place for something that runs. Errors: wire.ErrDraining, ErrBusy.
func (o *Overlay) begin(by runner) (context.Context, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	switch {
	case o.ctx == nil || o.ctx.Err() != nil:
		return nil, wire.ErrDraining
	case !by.places.take(by.account):
		return nil, wire.ErrBusy
	}
	o.work.Add(1)
	return o.ctx, nil
}

// find looks up an address record in the network.
func (o *Overlay) find(ctx context.Context, q *wire.RecordGet) (wire.Payload, error) {
	if now := address.Day(time.Now()); q.Day+1 < now || q.Day > now+1 {
		return nil, wire.ErrClock
	}
	got, err := o.dht.Get(ctx, dht.Get{Name: q.Name, Day: q.Day, Fresh: q.Fresh})
	if err != nil {
		return nil, err
	}
	if got.Err != nil {
		return nil, got.Err
	}
	return &wire.Record{Record: got.Item.Record}, nil
}

// directory is the network as the pool asks it for gateways.
type directory struct{ o *Overlay }

// Find implements peers.Directory.
func (d directory) Find(ctx context.Context, node key.NodePublic) ([]byte, error) {
	place := address.DescriptorPlace(key.Place{Network: d.o.cfg.Params.Network, Node: node})
	got, err := d.o.dht.Get(ctx, dht.Get{Place: place})
	if err == nil {
		err = got.Err
	}
	if err == nil && !bytes.Equal(got.Item.Name[:], node[:]) {
		err = wire.ErrNoRecord
	}
	return got.Item.Record, err
}

// Sample implements peers.Directory.
func (d directory) Sample(n int) []wire.Contact {
	contacts, err := d.o.dht.Sample(d.o.lifetime(), n)
	if err != nil {
		return nil
	}
	return contacts
}

// lifetime is the context of Run, or one that has ended.
func (o *Overlay) lifetime() context.Context {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.ctx == nil {
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		return ctx
	}
	return o.ctx
}

// carrier is how the DHT asks others.
type carrier struct{ o *Overlay }

// Ask implements dht.Transport. Whether others can reach this gateway stands in its
// hello from the first request on that follows the proof.
func (c carrier) Ask(ctx context.Context, to wire.Contact, request wire.Payload) (wire.Payload, error) {
	c.o.present()
	answer, err := c.o.pool.Ask(ctx, to, request)
	if pong, ok := answer.(*wire.Pong); ok && err == nil {
		c.o.seen.note(c.o.cfg.Params.Scope.Near(to.Addr), pong)
	}
	return answer, err
}

// present shows others the address, and the transports that get through to it, once
// they have proved that it can be reached; it returns what it shows. Whoever connects
// to it as soon as they know it finds it in the descriptor.
func (o *Overlay) present() wire.Contact {
	o.showing.Lock()
	defer o.showing.Unlock()
	self := o.dht.Self()
	if !o.dht.Serving() {
		self.Addr, self.Transports = netip.AddrPort{}, 0
	}
	if self != o.shown {
		o.shown = self
		o.sign()
		o.pool.SetSelf(self)
	}
	return self
}

// sign signs the descriptor anew; showing is held.
func (o *Overlay) sign() {
	if err := o.seal(time.Now()); err != nil {
		o.log.Error("the gateway's descriptor could not be made", "error", err)
	}
}

// courier is the network as deposits leave by it.
type courier struct{ o *Overlay }

// Ask implements deposit.Transport.
func (c courier) Ask(ctx context.Context, to wire.Contact, request wire.Payload) (wire.Payload, error) {
	return c.o.pool.Ask(ctx, to, request)
}

// Sample implements deposit.Transport.
func (c courier) Sample(n int, not ...key.NodePublic) []wire.Contact {
	all, err := c.o.dht.Sample(c.o.lifetime(), n+len(not))
	if err != nil {
		return nil
	}
	out := all[:0]
	for _, each := range all {
		if !contains(not, each.Node) && len(out) < n {
			out = append(out, each)
		}
	}
	return out
}

func contains(nodes []key.NodePublic, n key.NodePublic) bool {
	for i := range nodes {
		if nodes[i] == n {
			return true
		}
	}
	return false
}

// archive is the network as other homes have records stored and found by us.
type archive struct{ o *Overlay }

// Publish implements relay.Network.
func (a archive) Publish(ctx context.Context, items []wire.StoreItem, wide bool) ([]uint8, error) {
	stored, err := a.o.dht.Put(ctx, dht.Put{Items: items, Wide: wide})
	if err != nil && stored.Refused == 0 { // else it was done as asked, and nobody took them
		return nil, err
	}
	holders := make([]uint8, len(items))
	for i, n := range stored.Holders {
		holders[i] = uint8(min(n, 255))
	}
	return holders, nil
}

// Find implements relay.Network.
func (a archive) Find(ctx context.Context, q *wire.RecordGet) ([]byte, error) {
	p, err := a.o.find(ctx, q)
	if err != nil {
		return nil, err
	}
	return p.(*wire.Record).Record, nil
}
