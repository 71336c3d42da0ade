package shelf

import "zeroms/protocol/address"

// owner is a source and what it brought.
type owner struct {
	source  address.Group
	bytes   int                         // of its records
	records heap[*entry, farthestFirst] //
	rank    int32                       // where it stands in the heap of owners; none without records

	tokens float64 // records that it may store now
	filled int64   // when they were counted

	newer, older *owner // without records: in the order in which they were there last
	idle         bool   // stands in that list
}

// farthestFirst orders an owner's records.
type farthestFirst struct{}

func (farthestFirst) first(a, b *entry) bool { return a.away.farther(&b.away) }

func (farthestFirst) slot(e *entry) *int32 { return &e.owned }

// largestFirst orders owners: who has most, and of equal ones who has the farthest
// record.
type largestFirst struct{}

func (largestFirst) first(a, b *owner) bool {
	if a.bytes != b.bytes {
		return a.bytes > b.bytes
	}
	return a.records.items[0].away.farther(&b.records.items[0].away)
}

func (largestFirst) slot(o *owner) *int32 { return &o.rank }

// maxIdle bounds the sources that are remembered only for their rate. Whoever has
// more of them than that gains nothing by being forgotten: each has a rate of its own.
const maxIdle = 4096

// source finds or makes an owner.
func (s *Shelf) source(from address.Group, t int64) *owner {
	o := s.owners[from]
	if o == nil {
		if s.owners == nil {
			s.owners = make(map[address.Group]*owner)
		}
		o = &owner{source: from, rank: none, tokens: float64(s.cfg.PerMinute), filled: t}
		s.owners[from] = o
	}
	if o.rank == none {
		s.rest(o)
	}
	return o
}

// rest puts an owner without records at the end of those that are forgotten.
func (s *Shelf) rest(o *owner) {
	s.wake(o)
	o.idle, o.older = true, s.newestIdle
	if s.newestIdle != nil {
		s.newestIdle.newer = o
	} else {
		s.oldestIdle = o
	}
	s.newestIdle = o
	s.idle++
	for s.idle > maxIdle {
		s.forget(s.oldestIdle)
	}
}

// wake takes an owner out of those that are forgotten.
func (s *Shelf) wake(o *owner) {
	if !o.idle {
		return
	}
	if o.older != nil {
		o.older.newer = o.newer
	} else {
		s.oldestIdle = o.newer
	}
	if o.newer != nil {
		o.newer.older = o.older
	} else {
		s.newestIdle = o.older
	}
	o.newer, o.older, o.idle = nil, nil, false
	s.idle--
}

func (s *Shelf) forget(o *owner) {
	s.wake(o)
	delete(s.owners, o.source)
}

// give makes e a record of o.
func (s *Shelf) give(o *owner, e *entry) {
	s.wake(o)
	e.owner = o
	o.bytes += len(e.record)
	o.records.push(e)
	if o.rank == none {
		s.ranking.push(o)
	} else {
		s.ranking.fix(o)
	}
}

// takeBack ends that e is a record of its owner.
func (s *Shelf) takeBack(e *entry) {
	o := e.owner
	o.bytes -= len(e.record)
	if len(o.records.items) == 1 {
		s.ranking.remove(o)
		o.records.remove(e)
		o.records.items = nil
		s.rest(o)
		return
	}
	o.records.remove(e)
	s.ranking.fix(o)
}

// minute is how long a source's rate takes to be whole again, in ms.
const minute = 60_000

// refill gives a source what it may store now.
func (s *Shelf) refill(o *owner, t int64) {
	full := float64(s.cfg.PerMinute)
	o.tokens = min(full, o.tokens+full*float64(t-o.filled)/minute)
	o.filled = t
}
