package relay

import "time"

// budget is what somebody may have done now, in units.
type budget struct {
	left   float64
	filled time.Time
}

// fill adds what the time since has brought; a clock that was set back brings nothing.
func (b *budget) fill(now time.Time, burst, rate int) {
	if passed := now.Sub(b.filled); !b.filled.IsZero() && passed > 0 {
		b.left = min(float64(burst), b.left+passed.Minutes()*float64(rate))
	}
	b.filled = now
}

// budgets are those that are not whole; one that is not here is whole.
type budgets[K comparable] struct {
	burst, rate, max int
	known            map[K]*budget
}

func newBudgets[K comparable](burst, rate, max int) budgets[K] {
	return budgets[K]{burst: burst, rate: rate, max: max, known: make(map[K]*budget)}
}

// of is somebody's budget at now; nil if too many are remembered.
func (s *budgets[K]) of(who K, now time.Time) *budget {
	b := s.known[who]
	if b == nil {
		if len(s.known) >= s.max && !s.forget(now) {
			return nil
		}
		b = &budget{left: float64(s.burst)}
		s.known[who] = b
	}
	b.fill(now, s.burst, s.rate)
	return b
}

// forget drops what is whole again; false: nothing is.
func (s *budgets[K]) forget(now time.Time) bool {
	for who, b := range s.known {
		if b.fill(now, s.burst, s.rate); b.left >= float64(s.burst) {
			delete(s.known, who)
		}
	}
	return len(s.known) < s.max
}
