package gateway

import (
	"sync"
	"time"
)

// bucket is a token bucket: burst requests at once, rate more a second.
type bucket struct {
	// static
	burst, rate float64

	mu     sync.Mutex
	tokens float64   // guarded by mu
	filled time.Time // guarded by mu
}

func newBucket(burst, rate int) bucket {
	return bucket{burst: float64(burst), rate: float64(rate), tokens: float64(burst)}
}

// take uses a token, if there is one.
func (b *bucket) take(now time.Time) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if passed := now.Sub(b.filled); !b.filled.IsZero() && passed > 0 {
		b.tokens = min(b.burst, b.tokens+passed.Seconds()*b.rate)
	}
	b.filled = now
	if b.tokens < 1 {
		return false
	}
	b.tokens--
	return true
}
