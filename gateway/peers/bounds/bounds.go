// Package bounds counts what a gateway sends to addresses and gateways that it does
// not know, and what those may ask: token buckets for many keys, pauses, and maps that
// forget.
// Nothing in it but Paces is safe for concurrent use, and nothing in it reads the clock.
package bounds

import (
	"net/netip"
	"time"

	"zeroms/protocol/address"
	"zeroms/protocol/link"
)

// Allowance is a number at once, and how many more come back in a minute.
type Allowance struct{ Burst, Minute int }

// tokens is what was used of an Allowance.
type tokens struct {
	used   float64
	filled time.Time
}

// Tally is a token bucket for each of many keys. It holds no more than those that
// are not full: an Allowance for all of them together bounds their number.
type Tally[K comparable] struct {
	allow Allowance
	of    map[K]*tokens
	sweep int // when there are so many, the full ones are thrown out
}

const leastSweep = 1024

// NewTally makes a Tally whose buckets are all full.
func NewTally[K comparable](a Allowance) Tally[K] {
	return Tally[K]{allow: a, of: map[K]*tokens{}, sweep: leastSweep}
}

// fill gives a bucket back what has come since.
func (t *Tally[K]) fill(now time.Time, b *tokens) {
	if passed := now.Sub(b.filled); passed > 0 {
		b.used = max(0, b.used-passed.Minutes()*float64(t.allow.Minute))
		b.filled = now
	}
}

// at is the bucket of a key, filled.
func (t *Tally[K]) at(now time.Time, k K) *tokens {
	b := t.of[k]
	if b == nil {
		if len(t.of) >= t.sweep {
			t.clean(now)
		}
		b = &tokens{filled: now}
		t.of[k] = b
	}
	t.fill(now, b)
	return b
}

// clean throws the full ones out.
func (t *Tally[K]) clean(now time.Time) {
	for k, b := range t.of {
		if t.fill(now, b); b.used == 0 {
			delete(t.of, k)
		}
	}
	t.sweep = max(leastSweep, 2*len(t.of))
}

// Has reports whether there is a token.
func (t *Tally[K]) Has(now time.Time, k K) bool {
	if b := t.of[k]; b != nil {
		t.fill(now, b)
		return b.used+1 <= float64(t.allow.Burst)
	}
	return t.allow.Burst > 0
}

// Use takes n tokens, or gives them back if n is below 0.
func (t *Tally[K]) Use(now time.Time, k K, n int) {
	b := t.at(now, k)
	b.used = max(0, b.used+float64(n))
}

// Take uses one token if there is one.
func (t *Tally[K]) Take(now time.Time, k K) bool {
	if !t.Has(now, k) {
		return false
	}
	t.Use(now, k, 1)
	return true
}

// Len is how many buckets are held.
func (t *Tally[K]) Len() int { return len(t.of) }

// Spending bounds what is sent to addresses that have not proved anything: to one
// (IPv6: to a /56), to its neighbourhood, to its wider one, and for every purpose to
// all, so that what is wasted for one is not missing for another.
type Spending struct {
	ip        Tally[netip.Prefix]
	near, far Tally[address.Group]
	all       Tally[int] // by purpose
}

// NewSpending makes a Spending of which nothing is used.
func NewSpending(ip, near, far, all Allowance) Spending {
	return Spending{NewTally[netip.Prefix](ip), NewTally[address.Group](near), NewTally[address.Group](far), NewTally[int](all)}
}

// May reports whether one may be spent on an address.
func (s *Spending) May(now time.Time, to netip.AddrPort, purpose int) bool {
	scope := address.ScopeOf(to.Addr())
	ip, one := link.SourceOf(to.Addr())
	return (!one || s.ip.Has(now, ip)) && s.near.Has(now, scope.Near(to)) && s.far.Has(now, scope.Far(to)) && s.all.Has(now, purpose)
}

// Take spends one on an address, if it may.
func (s *Spending) Take(now time.Time, to netip.AddrPort, purpose int) bool {
	if !s.May(now, to, purpose) {
		return false
	}
	s.spend(now, to, purpose, 1)
	return true
}

// Refund gives one back: the address proved itself.
func (s *Spending) Refund(now time.Time, to netip.AddrPort, purpose int) {
	s.spend(now, to, purpose, -1)
}

func (s *Spending) spend(now time.Time, to netip.AddrPort, purpose, n int) {
	scope := address.ScopeOf(to.Addr())
	if ip, one := link.SourceOf(to.Addr()); one {
		s.ip.Use(now, ip, n)
	}
	s.near.Use(now, scope.Near(to), n)
	s.far.Use(now, scope.Far(to), n)
	s.all.Use(now, purpose, n)
}

// Recent is a map that forgets what was not used for longest: two generations, of
// at most half of its size each.
type Recent[K comparable, V any] struct {
	half       int
	young, old map[K]V
}

// NewRecent makes an empty one for so many entries.
func NewRecent[K comparable, V any](size int) Recent[K, V] {
	return Recent[K, V]{half: max(1, size/2), young: map[K]V{}}
}

// Get returns what was put under k, and counts as a use of it.
func (r *Recent[K, V]) Get(k K) (v V, ok bool) {
	if v, ok = r.young[k]; ok {
		return v, true
	}
	if v, ok = r.old[k]; ok {
		r.Put(k, v)
	}
	return v, ok
}

// Put puts v under k.
func (r *Recent[K, V]) Put(k K, v V) {
	if _, there := r.young[k]; !there && len(r.young) >= r.half {
		r.old, r.young = r.young, map[K]V{}
	}
	delete(r.old, k)
	r.young[k] = v
}

// Drop takes out what is under k.
func (r *Recent[K, V]) Drop(k K) {
	delete(r.young, k)
	delete(r.old, k)
}

// Len is the number of entries.
func (r *Recent[K, V]) Len() int { return len(r.young) + len(r.old) }

// Each calls f for every entry; f does not change the map.
func (r *Recent[K, V]) Each(f func(K, V)) {
	for _, m := range []map[K]V{r.young, r.old} {
		for k, v := range m {
			f(k, v)
		}
	}
}

// Rate is a number a second, and that of two seconds at once.
type Rate struct {
	PerSecond float64

	used float64
	at   time.Time
}

// Take uses n, unless so much was used already that the next has to wait.
func (r *Rate) Take(now time.Time, n int) bool {
	r.fill(now)
	if r.used > 2*r.PerSecond {
		return false
	}
	r.used += float64(n)
	return true
}

// Wait uses n and returns after how long that is within the rate.
func (r *Rate) Wait(now time.Time, n int) time.Duration {
	r.fill(now)
	r.used += float64(n)
	return time.Duration(max(0, r.used/r.PerSecond-2) * float64(time.Second))
}

// fill takes off what the time that has passed allows.
func (r *Rate) fill(now time.Time) {
	if passed := now.Sub(r.at); passed > 0 {
		r.used = max(0, r.used-passed.Seconds()*r.PerSecond)
		r.at = now
	}
}
