package publisher

import (
	"container/heap"
	"math/rand/v2"
	"time"

	"zeroms/protocol/address"
	"zeroms/protocol/key"
	"zeroms/protocol/wire"
)

// Timing holds every interval; zero fields take their default.
type Timing struct {
	// Again is the time between two stores of a record, Spread how much more or less
	// it may be, in parts of a hundred of it.
	Again  time.Duration
	Spread int
	// CheckMin and CheckMax are how long after a store it is looked whether the record
	// can be found.
	CheckMin, CheckMax time.Duration
	// Retry is the pause after a failure, which doubles up to RetryMax.
	Retry, RetryMax time.Duration
	// Settle is the least time between two stores of a record that changes.
	Settle time.Duration
	// CatchUp is over how much time it is spread what should have been stored long ago.
	CatchUp time.Duration
	// Alone is how often it is looked for other gateways when there are none; it
	// doubles up to AloneMax.
	Alone, AloneMax time.Duration
	// Avoid is for how long a gateway that failed is not asked, doubling up to AvoidMax.
	Avoid, AvoidMax time.Duration
}

// Default fills the fields that are zero.
func (t Timing) Default() Timing {
	set(&t.Again, time.Hour)
	set(&t.Spread, 30)
	set(&t.CheckMin, 10*time.Second)
	set(&t.CheckMax, 30*time.Second)
	set(&t.Retry, 30*time.Second)
	set(&t.RetryMax, 30*time.Minute)
	set(&t.Settle, 30*time.Second)
	set(&t.CatchUp, 5*time.Minute)
	set(&t.Alone, 15*time.Second)
	set(&t.AloneMax, time.Minute)
	set(&t.Avoid, time.Minute)
	set(&t.AvoidMax, 30*time.Minute)
	return t
}

// Capacity bounds what goes out; zero fields take their default.
type Capacity struct {
	// AtOnce is how many requests may be without an answer.
	AtOnce int
	// Burst and Rate bound the records that are stored: so many at once, so many a second.
	Burst, Rate int
	// Unchecked is how many of Unchecked+1 stores of a record that was found when it
	// was looked for last are not looked for again: 3. Negative: none.
	Unchecked int
}

// Default fills the fields that are zero.
func (c Capacity) Default() Capacity {
	set(&c.AtOnce, 32)
	set(&c.Burst, 64)
	set(&c.Rate, 20)
	set(&c.Unchecked, 3)
	c.Unchecked = max(c.Unchecked, 0)
	return c
}

func set[T ~int | ~int64](field *T, value T) {
	if *field == 0 {
		*field = value
	}
}

// Config is what a Publisher needs.
type Config struct {
	// StampBits is the work that the network asks for with a record; 0: none.
	StampBits uint8
	// Sample draws up to n gateways of the network at random, none of those named.
	Sample func(n int, not ...key.NodePublic) []wire.Contact
	// Check checks what a witness found; nil: address.ParseRecord.
	Check func(record []byte) (address.Header, error)
	// Rand draws moments; nil: it is seeded by the system.
	Rand     *rand.Rand
	Timing   Timing
	Capacity Capacity
}

// Record is a deposited record as the Publisher knows it: all but its bytes.
type Record struct {
	// ID is what the store calls it.
	ID   int64
	Name [32]byte // A'
	// Day, Seq and Sum, the SHA-256 of the bytes, are the record's.
	Day, Seq uint32
	Sum      [32]byte
	// First and Last are the moments between which it is stored.
	First, Last time.Time
	State
}

// State is what is remembered of a record over a restart. Times are zero for never.
type State struct {
	// Holders is how many gateways took it when it was Stored last.
	Holders uint8
	Stored  time.Time
	// Verified is when a witness found it last.
	Verified time.Time
	// Stamp is the work on it, empty: it is not made yet.
	Stamp []byte
	// Relay and Witness are the gateways drawn for its day; without a key: none yet.
	Relay, Witness wire.Contact
}

// Bytes are the bytes of a record, with its number.
type Bytes struct {
	ID     int64
	Seq    uint32
	Record []byte
}

// Ask is a request to send now.
type Ask struct {
	ID uint64
	To wire.Contact
	// Get is the request, or nil for a Publish: then Records are those whose bytes
	// Publish makes it of.
	Get     *wire.RecordGet
	Records []int64
}

// Stamp is work to do: a record's place on its day.
type Stamp struct {
	ID    int64
	Place key.NodeID
	Day   uint32
}

// Publisher is the state machine. It is not safe for concurrent use.
type Publisher struct {
	cfg Config
	rnd *rand.Rand

	items  map[int64]*item
	due    dueHeap
	stamps stampHeap
	groups map[region]*group
	asks   map[uint64]*ask
	nextID uint64
	peers  map[key.NodePublic]*peer
	dirty  []*item

	tokens float64   // records that may be stored now
	filled time.Time // when they were counted
	last   time.Time // of Advance
	wake   time.Time // what Advance said last

	lonely     bool          // the last draw found no other gateway
	alone      time.Time     // when the next one is
	aloneFor   time.Duration // the pause before it
	unobserved bool          // the last witness was the relay itself
	stats      Stats
}

// Stats say how publishing goes: how things are, then counts since the start.
type Stats struct {
	Records  int // in memory: due today, or soon
	Waiting  int // of them without a stamp
	Overdue  int // of them that should have been stored by now
	Lost     int // of them that were not stored for 3 hours though they should have been
	InFlight int
	// Alone: no other gateway is known. Unobserved: only one is, which has to vouch
	// for itself.
	Alone, Unobserved bool

	Stored     uint64 // records that at least one gateway took
	Refused    uint64 // records that none took
	Unreached  uint64 // requests to relays that failed
	Verified   uint64 // records that a witness found
	Unverified uint64 // records that a witness did not find, or older ones of
	Unwitness  uint64 // requests to witnesses that failed
	Wide       uint64 // stores in a whole region
	Outdone    uint64 // records of which somebody else stored a newer one
	Ended      uint64 // records that had their day
	Missed     uint64 // of them, those that were never stored
	Leaps      uint64 // times that the clock leapt
}

// New makes an empty Publisher.
func New(cfg Config) *Publisher {
	cfg.Timing, cfg.Capacity = cfg.Timing.Default(), cfg.Capacity.Default()
	if cfg.Check == nil {
		cfg.Check = address.ParseRecord
	}
	p := &Publisher{
		cfg: cfg, rnd: cfg.Rand, items: make(map[int64]*item), groups: make(map[region]*group),
		asks: make(map[uint64]*ask), peers: make(map[key.NodePublic]*peer), tokens: float64(cfg.Capacity.Burst),
	}
	if p.rnd == nil {
		p.rnd = rand.New(rand.NewPCG(rand.Uint64(), rand.Uint64()))
	}
	return p
}

// Add tells of a record that was deposited just now: of a new one, or of one that
// changed under the same ID. Its day may have begun; then it is stored at once. One
// whose last moment has passed is forgotten.
func (p *Publisher) Add(now time.Time, r Record) { p.add(now, r, true) }

// Load tells of a record that was deposited before, with the state that is
// remembered of it. What should have been stored meanwhile is caught up with over a
// while. One that is known here changes nothing, unless it is newer.
func (p *Publisher) Load(now time.Time, r Record) { p.add(now, r, false) }

func (p *Publisher) add(now time.Time, r Record, fresh bool) {
	if !r.Last.After(now) {
		p.Remove(r.ID)
		return
	}
	if it := p.items[r.ID]; it != nil {
		if r.Seq > it.seq || fresh && r.Seq == it.seq { // two that change at once may be told in either order
			p.change(now, it, r)
		}
		return
	}
	it := &item{
		id: r.ID, name: r.Name, day: r.Day, seq: r.Seq, sum: r.Sum, first: unix(r.First), last: unix(r.Last),
		holders: r.Holders, stored: min(unix(r.Stored), unix(now)), verified: unix(r.Verified),
		dueAt: none, stampAt: none, stamped: p.cfg.StampBits == 0,
	}
	if fresh {
		p.alone = time.Time{} // looking costs nothing
	}
	p.items[r.ID] = it
	p.join(it, &r.State)
	if len(r.Stamp) == wire.WorkSize {
		copy(it.stamp[:], r.Stamp)
		it.stamped = true
	}
	at, from := p.begin(unix(now), it, fresh)
	p.plan(it, storing, at, from)
	if !it.stamped {
		heap.Push(&p.stamps, it)
	}
}

// begin is when a record is stored first that is new here, and from when on it may
// go along with others.
func (p *Publisher) begin(t int64, it *item, fresh bool) (at, from int64) {
	switch {
	case it.stored > 0:
		at, from = it.stored+p.interval(), it.stored+p.shortest()
	case fresh && it.first <= t:
		return t, t
	default:
		at, from = it.first+p.rnd.Int64N(minute), it.first
	}
	if at < t {
		at = t + p.rnd.Int64N(p.cfg.Timing.CatchUp.Milliseconds())
	}
	return at, from
}

// change takes what is new of a known record.
func (p *Publisher) change(now time.Time, it *item, r Record) {
	it.first, it.last = unix(r.First), unix(r.Last)
	if r.Seq == it.seq && r.Sum == it.sum {
		return
	}
	it.seq, it.sum = r.Seq, r.Sum
	it.outdone, it.checked, it.wide, it.fails = false, false, false, 0
	it.holders, it.stored, it.verified = 0, 0, 0
	p.soil(it)
	if it.phase == busy {
		it.again = true // what is on its way is the former one
		return
	}
	p.resume(now, it)
}

// Remove forgets a record: it is published no more.
func (p *Publisher) Remove(id int64) {
	it := p.items[id]
	if it == nil {
		return
	}
	delete(p.items, id)
	p.unplan(it)
	if it.stampAt != none {
		heap.Remove(&p.stamps, it.stampAt)
	}
	p.leave(it)
	it.gone = true
}

// NextStamp is the work that is needed soonest; false: there is none.
func (p *Publisher) NextStamp() (Stamp, bool) {
	if len(p.stamps) == 0 {
		return Stamp{}, false
	}
	it := p.stamps[0]
	return Stamp{ID: it.id, Place: it.place(), Day: it.day}, true
}

// Stamped hands over work that was done.
func (p *Publisher) Stamped(id int64, stamp []byte) {
	it := p.items[id]
	if it == nil || it.stamped || len(stamp) != wire.WorkSize {
		return
	}
	copy(it.stamp[:], stamp)
	it.stamped = true
	heap.Remove(&p.stamps, it.stampAt)
	p.soil(it)
	if it.phase == storing {
		p.plan(it, storing, it.next, it.from)
	}
}

// State is how a record stands; false: it is not known here, as its day has not come.
func (p *Publisher) State(id int64) (State, bool) {
	it := p.items[id]
	if it == nil {
		return State{}, false
	}
	return it.state(), true
}

// Changed takes up to max records whose states changed since they were taken last.
func (p *Publisher) Changed(max int) (all []Record) {
	for len(p.dirty) > 0 && len(all) < max {
		it := p.dirty[len(p.dirty)-1]
		p.dirty = p.dirty[:len(p.dirty)-1]
		it.dirty = false
		if !it.gone {
			all = append(all, Record{ID: it.id, Day: it.day, Seq: it.seq, State: it.state()})
		}
	}
	return all
}

// Stats says how publishing goes.
func (p *Publisher) Stats(now time.Time) Stats {
	s, t := p.stats, unix(now)
	s.Records, s.Waiting, s.InFlight = len(p.items), len(p.stamps), len(p.asks)
	s.Alone, s.Unobserved = p.lonely, p.unobserved
	for _, it := range p.items {
		since := max(it.stored, it.first)
		if t > since+p.cfg.Timing.Again.Milliseconds()*int64(100+p.cfg.Timing.Spread)/100+minute && !it.outdone {
			s.Overdue++
		}
		if t > since+3*60*minute && !it.outdone {
			s.Lost++
		}
	}
	return s
}

// Unkept tells that a state that was taken with Changed could not be kept.
func (p *Publisher) Unkept(id int64) {
	if it := p.items[id]; it != nil {
		p.soil(it)
	}
}
