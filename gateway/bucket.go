package gateway

import (
	"sync"
	"time"
)

// bucket is a token bucket: burst requests, or bytes, at once, rate more a second.
type bucket struct {
	// static
	burst, rate float64

	mu     sync.Mutex
	tokens float64   // guarded by mu; below 0 by what is waited for
	filled time.Time // guarded by mu
}

func newBucket(burst, rate int) bucket {
	return bucket{burst: float64(burst), rate: float64(rate), tokens: float64(burst)}
}

// take uses n tokens, if they are there.
func (b *bucket) take(now time.Time, n int) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.fill(now)
	if b.tokens < float64(n) {
		return false
	}
	b.tokens -= float64(n)
	return true
}

// ready reports whether there is a token, and uses none.
func (b *bucket) ready(now time.Time) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.fill(now)
	return b.tokens >= 1
}

// wait uses n tokens and returns after how long they are there.
func (b *bucket) wait(now time.Time, n int) time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.fill(now)
	b.tokens -= float64(n)
	if b.tokens >= 0 {
		return 0
	}
	return time.Duration(-b.tokens / b.rate * float64(time.Second))
}

// fill adds the tokens of the time that has passed; mu is held.
func (b *bucket) fill(now time.Time) {
	if passed := now.Sub(b.filled); !b.filled.IsZero() && passed > 0 {
		b.tokens = min(b.burst, b.tokens+passed.Seconds()*b.rate)
	}
	b.filled = now
}

// pot is memory that many users share, in bytes. Each may have as much as is
// free, so that one gets half of it, and n of them who want everything leave one
// part in n+1 to whoever comes next.
type pot struct {
	// static
	size int

	mu   sync.Mutex
	used int // guarded by mu
}

// share is what one user has of a pot.
type share struct{ bytes int } // guarded by pot.mu

// take gives n bytes more to a user, if there is room. Who has nothing gets what fits.
func (p *pot) take(s *share, n int) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	free := p.size - p.used
	if n > free || s.bytes > 0 && s.bytes+n > free {
		return false
	}
	s.bytes += n
	p.used += n
	return true
}

// give takes n bytes back.
func (p *pot) give(s *share, n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	s.bytes -= n
	p.used -= n
}
