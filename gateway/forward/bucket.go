package forward

import "time"

// bucket is a token bucket: burst at once, rate more a second.
type bucket struct {
	burst, rate float64

	used   float64
	filled time.Time
}

// has reports whether n tokens are there.
func (b *bucket) has(now time.Time, n float64) bool {
	if passed := now.Sub(b.filled); passed > 0 {
		b.used = max(0, b.used-passed.Seconds()*b.rate)
		b.filled = now
	}
	return b.used+n <= b.burst
}

// take uses n tokens, if they are there.
func (b *bucket) take(now time.Time, n float64) bool {
	if !b.has(now, n) {
		return false
	}
	b.used += n
	return true
}
