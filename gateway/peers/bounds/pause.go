package bounds

import "time"

// Pauses are the times for which something that failed is left alone, for longer each
// time that it fails again.
type Pauses[K comparable] struct{ of Recent[K, pause] }

type pause struct {
	long      time.Duration
	at, until time.Time // it began and ends
}

// NewPauses makes an empty one that remembers so many.
func NewPauses[K comparable](size int) Pauses[K] {
	return Pauses[K]{NewRecent[K, pause](size)}
}

// Fail begins a pause: the first one, or twice the one before, but at most the longest.
func (p *Pauses[K]) Fail(now time.Time, k K, first, longest time.Duration) {
	f, _ := p.of.Get(k)
	f.long = min(max(2*f.long, first), longest)
	f.at, f.until = now, now.Add(f.long)
	p.of.Put(k, f)
}

// Doubt is Fail of what worked before it failed: that is forgiven once.
func (p *Pauses[K]) Doubt(now time.Time, k K, first, longest time.Duration) {
	if _, again := p.of.Get(k); again {
		p.Fail(now, k, first, longest)
		return
	}
	p.of.Put(k, pause{at: now, until: now})
}

// Until is the end of the pause that lasts now; zero: there is none.
func (p *Pauses[K]) Until(now time.Time, k K) time.Time {
	if f, failed := p.of.Get(k); failed && now.Before(f.until) {
		return f.until
	}
	return time.Time{}
}

// Since is when something failed last; zero: it did not, since it worked.
func (p *Pauses[K]) Since(k K) time.Time {
	f, _ := p.of.Get(k)
	return f.at
}

// Drop forgets that something failed.
func (p *Pauses[K]) Drop(k K) { p.of.Drop(k) }
