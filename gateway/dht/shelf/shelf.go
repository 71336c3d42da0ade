package shelf

import (
	"bytes"
	"crypto/sha256"
	"time"

	"zeroms/protocol/address"
	"zeroms/protocol/key"
	"zeroms/protocol/wire"
)

// Config bounds a Shelf; fields that are zero take their default.
type Config struct {
	// Me is this gateway's place: what is nearest to it is kept first.
	Me key.NodeID
	// Bytes is how much the records may take in all: 64 MiB.
	Bytes int
	// Share bounds what one source may own, to one part in Share of Bytes: 16.
	Share int
	// PerMinute is how many records a source may store in a minute, and at once: 64.
	PerMinute int
	// Hold is how long a record is held that is not stored again: 3 h.
	Hold time.Duration
	// Repair is the time between two passes of one record: 1 h.
	Repair time.Duration
}

// Default fills the fields that are zero.
func (c Config) Default() Config {
	set(&c.Bytes, 64<<20)
	set(&c.Share, 16)
	set(&c.PerMinute, 64)
	set(&c.Hold, 3*time.Hour)
	set(&c.Repair, time.Hour)
	return c
}

func set[T ~int | ~int64](field *T, value T) {
	if *field == 0 {
		*field = value
	}
}

// Shelf holds records. It is not safe for concurrent use.
type Shelf struct {
	cfg Config

	entries        map[key.NodeID]*entry
	bytes          int
	newest, oldest *entry     // by when they were stored last
	regions        [][]*entry // by how many first bits their places share with Me

	owners                 map[address.Group]*owner
	ranking                heap[*owner, largestFirst]
	newestIdle, oldestIdle *owner
	idle                   int

	repairs heap[*entry, soonestFirst]

	begun bool
	last  int64 // the newest time of the clock, ms
	ahead int64 // of the wall clock, ms

	stats Stats
}

// Stats are counts of a shelf: what there is, and what happened since the start.
type Stats struct {
	Records, Descriptors, Bytes, Sources   int
	Added, Refreshed, Replaced             uint64
	Older, OverRate, OverQuota             uint64 // refused
	Evicted, Expired, Repaired, TimeTurned uint64 // TimeTurned: the clock was set back
}

// New makes an empty shelf.
func New(cfg Config) *Shelf { return &Shelf{cfg: cfg.Default()} }

// Outcome is what became of a record that was put.
type Outcome uint8

// The outcomes.
const (
	Added     Outcome = iota + 1 // nothing was there
	Refreshed                    // the same bytes are held longer
	Replaced                     // it took the place of an older one
)

// Offer is a record to hold, checked: Item is what address.CheckItem returned for
// it, Stamp the work that came with it.
type Offer struct {
	Item  address.Item
	Stamp []byte
}

// Admit takes one record off what a source may store in a minute; it comes before
// stamp and signature are checked. Error: wire.ErrLimit.
func (s *Shelf) Admit(now time.Time, from address.Group) error {
	t := s.clock(now)
	o := s.source(from, t)
	s.refill(o, t)
	if o.tokens < 1 {
		s.stats.OverRate++
		return wire.ErrLimit.Because("records of one network in a minute")
	}
	o.tokens--
	return nil
}

// Put holds a record of a source, or says why not: wire.ErrOlder (what is held is
// newer, or as new and stays), wire.ErrQuota (there is room for nearer ones only),
// wire.ErrExpired.
func (s *Shelf) Put(now time.Time, from address.Group, o Offer) (Outcome, error) {
	t := s.clock(now)
	s.expire(t)
	if !o.Item.Until.After(now) {
		return 0, wire.ErrExpired
	}
	if e := s.entries[o.Item.Place]; e != nil {
		if s.live(e, t, now) {
			return s.again(e, &o, t)
		}
		s.remove(e)
		s.stats.Expired++
	}
	if !s.add(&o, from, t) {
		s.stats.OverQuota++
		return 0, wire.ErrQuota.Because("records nearer to this gateway")
	}
	s.stats.Added++
	return Added, nil
}

// again puts a record where one is held. Its owner stays (package comment).
func (s *Shelf) again(e *entry, o *Offer, t int64) (Outcome, error) {
	outcome := Refreshed
	if !bytes.Equal(e.record, o.Item.Record) {
		if address.Supersedes(e.item(sha256.Sum256(e.record)), o.Item) != address.Replaces {
			s.stats.Older++
			return 0, wire.ErrOlder
		}
		outcome = Replaced
	}
	s.unqueue(e)
	e.stored = t
	s.queue(e)
	if outcome == Refreshed {
		e.mark(o.Stamp)
		s.stats.Refreshed++
		return Refreshed, nil
	}
	from := e.owner
	s.takeBack(e)
	s.bytes += len(o.Item.Record) - len(e.record)
	e.take(o)
	s.give(from, e)
	s.shrink(from)
	if e.owner == nil {
		s.stats.OverQuota++
		return 0, wire.ErrQuota.Because("records nearer to this gateway")
	}
	s.stats.Replaced++
	return Replaced, nil
}

// add puts a new record on the shelf; false: it was the first to go.
func (s *Shelf) add(o *Offer, from address.Group, t int64) bool {
	e := &entry{
		away: between(o.Item.Place, s.cfg.Me), class: o.Item.Class, index: o.Item.Index,
		stored: t, due: none, owned: none,
	}
	e.take(o)
	if s.entries == nil {
		s.entries = make(map[key.NodeID]*entry)
	}
	s.entries[o.Item.Place] = e
	s.bytes += len(e.record)
	s.count(e, 1)
	s.queue(e)
	s.settle(e)
	owner := s.source(from, t)
	s.give(owner, e)
	s.shrink(owner)
	if e.owner == nil {
		s.stats.Evicted-- // it was never really there
		return false
	}
	return true
}

// shrink lets go of what is too much: first of a source that owns more than its
// share, then of the whole shelf.
func (s *Shelf) shrink(o *owner) {
	for o.bytes > s.cfg.Bytes/s.cfg.Share {
		s.evict(o)
	}
	for s.bytes > s.cfg.Bytes {
		s.evict(s.ranking.items[0])
	}
}

func (s *Shelf) evict(o *owner) {
	s.remove(o.records.items[0])
	s.stats.Evicted++
}

// remove takes a record off the shelf; its owner is nil then.
func (s *Shelf) remove(e *entry) {
	delete(s.entries, e.away.place(s.cfg.Me))
	s.bytes -= len(e.record)
	s.count(e, -1)
	s.unqueue(e)
	s.unsettle(e)
	if e.due != none {
		s.repairs.remove(e)
	}
	s.takeBack(e)
	e.owner = nil
}

func (s *Shelf) count(e *entry, n int) {
	if e.class == address.ClassDescriptor {
		s.stats.Descriptors += n
	} else {
		s.stats.Records += n
	}
}

// queue puts an entry behind all that were stored before it.
func (s *Shelf) queue(e *entry) {
	e.newer, e.older = nil, s.newest
	if s.newest != nil {
		s.newest.newer = e
	} else {
		s.oldest = e
	}
	s.newest = e
}

func (s *Shelf) unqueue(e *entry) {
	if e.older != nil {
		e.older.newer = e.newer
	} else {
		s.oldest = e.newer
	}
	if e.newer != nil {
		e.newer.older = e.older
	} else {
		s.newest = e.older
	}
}

// live reports whether a record has not had its time.
func (s *Shelf) live(e *entry, t int64, now time.Time) bool {
	return t-e.stored < s.cfg.Hold.Milliseconds() && e.until > now.UnixMilli()
}

// Get finds the record that is held at a place.
func (s *Shelf) Get(now time.Time, place key.NodeID) (Record, bool) {
	e := s.entries[place]
	if e == nil || !s.live(e, s.clock(now), now) {
		return Record{}, false
	}
	return s.record(e), true
}

// Expire lets go of what has had its time, and says when there will be more; zero:
// nothing is held.
func (s *Shelf) Expire(now time.Time) (next time.Time) {
	t := s.clock(now)
	s.expire(t)
	for s.oldestIdle != nil && t-s.oldestIdle.filled >= minute {
		s.forget(s.oldestIdle)
	}
	if s.oldest == nil {
		return time.Time{}
	}
	return s.wall(s.oldest.stored + s.cfg.Hold.Milliseconds())
}

func (s *Shelf) expire(t int64) {
	for s.oldest != nil && t-s.oldest.stored >= s.cfg.Hold.Milliseconds() {
		s.remove(s.oldest)
		s.stats.Expired++
	}
}

// Stats counts what the shelf holds and did.
func (s *Shelf) Stats() Stats {
	stats := s.stats
	stats.Bytes, stats.Sources = s.bytes, len(s.ranking.items)
	return stats
}

// clock is the time that the shelf goes by, in ms: the wall clock's, which goes on
// from where it was when that is set back.
func (s *Shelf) clock(now time.Time) int64 {
	t := now.UnixMilli() + s.ahead
	if s.begun && t < s.last {
		s.ahead += s.last - t
		t = s.last
		s.stats.TimeTurned++
	}
	s.begun, s.last = true, t
	return t
}

// wall is a time of the clock as the wall clock says it now.
func (s *Shelf) wall(t int64) time.Time { return time.UnixMilli(t - s.ahead) }
