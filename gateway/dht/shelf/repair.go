package shelf

import (
	"time"

	"zeroms/protocol/key"
)

// soonestFirst orders what is due to be passed on.
type soonestFirst struct{}

func (soonestFirst) first(a, b *entry) bool {
	if a.passed != b.passed {
		return a.passed < b.passed
	}
	return b.away.farther(&a.away)
}

func (soonestFirst) slot(e *entry) *int32 { return &e.due }

// settle puts an entry among those of its region: all whose places share as many
// first bits with this gateway's.
func (s *Shelf) settle(e *entry) {
	n := e.away.shares()
	for len(s.regions) <= n {
		s.regions = append(s.regions, nil)
	}
	e.region = int32(len(s.regions[n]))
	s.regions[n] = append(s.regions[n], e)
}

func (s *Shelf) unsettle(e *entry) {
	n := e.away.shares()
	region := s.regions[n]
	last := len(region) - 1
	moved := region[last]
	region[e.region], moved.region = moved, e.region
	region[last] = nil
	region = region[:last]
	if cap(region) > 32 && last < cap(region)/4 {
		region = append(make([]*entry, 0, cap(region)/2), region...)
	}
	s.regions[n] = region
}

// Learned tells that a gateway is live that was not known before. What is nearer
// to it than to this one is due to be passed on: at once, or when its hour is over.
// It returns how many records became due.
//
// It costs what is in the regions that the other one shares: with b first bits in
// common, a record that shares more than b with this gateway is nearer to this one,
// one that shares b is nearer to the other, and of those farther away the b-th bit
// tells.
func (s *Shelf) Learned(now time.Time, node key.NodeID) (due int) {
	t := s.clock(now)
	away := between(node, s.cfg.Me)
	b := away.shares()
	for n := 0; n <= b && n < len(s.regions); n++ {
		for _, e := range s.regions[n] {
			if b < 256 && e.due == none && e.away.bit(b) && s.live(e, t, now) {
				s.repairs.push(e)
				due++
			}
		}
	}
	return due
}

// Repairs hands out up to max records that are due to be passed on, those first
// that were not for the longest time. pass says whether the record is passed on,
// and must not call the shelf; its hour begins then. Either way it is due again
// only when another gateway is Learned.
func (s *Shelf) Repairs(now time.Time, max int, pass func(Record) bool) {
	t := s.clock(now)
	for ; max > 0 && len(s.repairs.items) > 0; max-- {
		e := s.repairs.items[0]
		if s.repairAt(e) > t {
			return
		}
		s.repairs.remove(e)
		if !s.live(e, t, now) || !pass(s.record(e)) {
			continue
		}
		e.passed = t
		s.stats.Repaired++
	}
}

// repairAt is when an entry may be passed on.
func (s *Shelf) repairAt(e *entry) int64 {
	if e.passed == 0 {
		return 0
	}
	return e.passed + s.cfg.Repair.Milliseconds()
}

// NextRepair is when Repairs has something to hand out, perhaps in the past; zero:
// nothing is due.
func (s *Shelf) NextRepair() time.Time {
	if len(s.repairs.items) == 0 {
		return time.Time{}
	}
	if at := s.repairAt(s.repairs.items[0]); at > s.last {
		return s.wall(at)
	}
	return s.wall(s.last)
}
