package relay

import (
	"context"
	"errors"
	"sync"
	"time"

	"zeroms/protocol/address"
	"zeroms/protocol/key"
	"zeroms/protocol/wire"
)

// Network is the DHT as a relay uses it.
type Network interface {
	// Publish stores records and says of each how many gateways took it. It returns
	// once enough did; wide asks for the whole region of each place.
	Publish(ctx context.Context, items []wire.StoreItem, wide bool) (holders []uint8, err error)
	// Find looks an address record up. Error: wire.ErrNoRecord.
	Find(ctx context.Context, q *wire.RecordGet) (record []byte, err error)
}

// What requests cost, in units.
const (
	costStore     = 3  // a record: a lookup and 20 stores
	costStoreWide = 10 // a lookup, 60 stores at two places, and a stamp for the second
	costFind      = 1  // a lookup
	costFindFresh = 2  // all of a region is asked
)

// Capacity bounds what others may have done; zero fields take their default.
type Capacity struct {
	// PeerBurst and PeerRate are the units of one gateway: so many at once, so many
	// a minute. GroupBurst and GroupRate are those of all gateways of one network
	// (address.Scope.Near), AllBurst and AllRate those of everybody.
	PeerBurst, PeerRate   int
	GroupBurst, GroupRate int
	AllBurst, AllRate     int
	// PeerAtOnce and AtOnce bound the requests that are being worked on.
	PeerAtOnce, AtOnce int
	// Remembered bounds the gateways and networks whose budgets are not whole.
	Remembered int
}

// Default fills the fields that are zero.
func (c Capacity) Default() Capacity {
	set(&c.PeerBurst, 400)
	set(&c.PeerRate, 240)
	set(&c.GroupBurst, 800)
	set(&c.GroupRate, 480)
	set(&c.AllBurst, 4000)
	set(&c.AllRate, 2400)
	set(&c.PeerAtOnce, 16)
	set(&c.AtOnce, 128)
	set(&c.Remembered, 16384)
	return c
}

func set(field *int, value int) {
	if *field == 0 {
		*field = value
	}
}

// Config is what a Relay needs.
type Config struct {
	Params  address.Parameters
	Network Network
	// Check is address.CheckItem unless it says otherwise.
	Check    func(item wire.StoreItem, now time.Time) (address.Item, error)
	Capacity Capacity
}

// Relay serves other gateways. Its methods are safe for concurrent use.
type Relay struct {
	cfg Config

	mu sync.Mutex
	// guarded by mu
	peers  budgets[key.NodePublic]
	groups budgets[address.Group]
	all    budget
	busy   map[key.NodePublic]int // requests being worked on
	atOnce int
	stats  Stats
}

// Stats count what others had done.
type Stats struct {
	Published uint64 // records, taken to be stored
	Stored    uint64 // of them, those that at least one gateway took
	Found     uint64 // lookups that found something
	Missed    uint64 // lookups that did not
	OverRate  uint64 // requests over a budget
	Busy      uint64 // requests refused as too many were being worked on
	Invalid   uint64 // requests with something that was refused unseen by the network
	AtOnce    int
}

// New makes a relay.
func New(cfg Config) *Relay {
	cfg.Capacity = cfg.Capacity.Default()
	if cfg.Check == nil {
		params := cfg.Params
		cfg.Check = func(item wire.StoreItem, now time.Time) (address.Item, error) {
			return address.CheckItem(item, params, now)
		}
	}
	c := cfg.Capacity
	return &Relay{
		cfg:    cfg,
		peers:  newBudgets[key.NodePublic](c.PeerBurst, c.PeerRate, c.Remembered),
		groups: newBudgets[address.Group](c.GroupBurst, c.GroupRate, c.Remembered),
		all:    budget{left: float64(c.AllBurst)},
		busy:   make(map[key.NodePublic]int),
	}
}

// Peer is a gateway that asks: its proved key, and the network it is in by its
// verified address.
type Peer struct {
	Node  key.NodePublic
	Group address.Group
}

// Publish has records stored for another gateway. It waits for the network. Errors:
// wire.ErrLimit over a budget, wire.ErrBusy, wire.ErrValue for a wrong number of
// records, for another position than the first and for descriptors, those of
// address.CheckItem for a record, and the Network's.
func (r *Relay) Publish(ctx context.Context, now time.Time, from Peer, p *wire.Publish) (*wire.Published, error) {
	if len(p.Items) == 0 || len(p.Items) > wire.MaxStores {
		return nil, r.invalid(wire.ErrValue.Because("number of records"))
	}
	cost := costStore
	if p.Wide {
		cost = costStoreWide
	}
	if err := r.begin(now, from, cost*len(p.Items)); err != nil {
		return nil, err
	}
	defer r.end(from)
	for i := range p.Items {
		if err := r.check(&p.Items[i], now); err != nil {
			return nil, r.invalid(err)
		}
	}
	r.count(func(s *Stats) { s.Published += uint64(len(p.Items)) })
	holders, err := r.cfg.Network.Publish(ctx, p.Items, p.Wide)
	if err != nil {
		return nil, err
	}
	if len(holders) != len(p.Items) {
		return nil, errHolders
	}
	r.count(func(s *Stats) {
		for _, n := range holders {
			if n > 0 {
				s.Stored++
			}
		}
	})
	return &wire.Published{Holders: holders}, nil
}

var errHolders = errors.New("relay: the network answered for another number of records")

// check refuses what is not an address record for its first position. The second
// one is used by the network itself, where the first is under attack.
func (r *Relay) check(item *wire.StoreItem, now time.Time) error {
	if len(item.Record) != wire.RecordSize || item.Index != 0 {
		return wire.ErrValue.Because("what gateways have published for their users")
	}
	_, err := r.cfg.Check(*item, now)
	return err
}

// Record looks an address record up for another gateway. It waits for the network.
// Errors: wire.ErrNoRecord, wire.ErrLimit, wire.ErrBusy, wire.ErrClock for a day
// that nobody holds records of, and the Network's.
func (r *Relay) Record(ctx context.Context, now time.Time, from Peer, q *wire.RecordGet) (*wire.Record, error) {
	if err := (address.Header{Day: q.Day}).Current(now); err != nil {
		return nil, r.invalid(err)
	}
	cost := costFind
	if q.Fresh {
		cost = costFindFresh
	}
	if err := r.begin(now, from, cost); err != nil {
		return nil, err
	}
	defer r.end(from)
	record, err := r.cfg.Network.Find(ctx, q)
	switch {
	case errors.Is(err, wire.ErrNoRecord):
		r.count(func(s *Stats) { s.Missed++ })
		return nil, err
	case err != nil:
		return nil, err
	}
	r.count(func(s *Stats) { s.Found++ })
	return &wire.Record{Record: record}, nil
}

// begin takes a request's cost off all the budgets it counts for, or off none.
func (r *Relay) begin(now time.Time, from Peer, cost int) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	c := &r.cfg.Capacity
	if r.atOnce >= c.AtOnce || r.busy[from.Node] >= c.PeerAtOnce {
		r.stats.Busy++
		return wire.ErrBusy
	}
	r.all.fill(now, c.AllBurst, c.AllRate)
	group := r.groups.of(from.Group, now)
	var peer *budget
	if group != nil && group.left >= float64(cost) { // a network over its budget makes nobody remembered
		peer = r.peers.of(from.Node, now)
	}
	if peer == nil || peer.left < float64(cost) || r.all.left < float64(cost) {
		r.stats.OverRate++
		return wire.ErrLimit.Because("what is done for other gateways")
	}
	for _, b := range []*budget{peer, group, &r.all} {
		b.left -= float64(cost)
	}
	r.busy[from.Node]++
	r.atOnce++
	return nil
}

func (r *Relay) end(from Peer) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.atOnce--
	if r.busy[from.Node]--; r.busy[from.Node] == 0 {
		delete(r.busy, from.Node)
	}
}

func (r *Relay) count(how func(*Stats)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	how(&r.stats)
}

func (r *Relay) invalid(err error) error {
	r.count(func(s *Stats) { s.Invalid++ })
	return err
}

// Stats counts what was done.
func (r *Relay) Stats() Stats {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := r.stats
	s.AtOnce = r.atOnce
	return s
}
