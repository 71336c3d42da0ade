// Package limit bounds what others can make a gateway do: how many requests each
// of them gets answered, and how many puzzles are checked for their sake
// (docs/protocol/dht.md, "Limits"). It is plain state; times are Unix nanoseconds.
package limit

import (
	"encoding/binary"
	"math/rand/v2"
	"time"

	"zeroms/protocol/key"
)

// slots is how many callers are counted at once, in each of two tables. Two
// callers in one slot share its rate; who that is nobody can foresee.
const slots = 128

// Rates are requests a second, and at once; a rate of 0 is none.
type Rates struct{ Peer, PeerBurst, Source, SourceBurst int }

// Meters count requests by gateway and by group of addresses. The zero value is
// ready and takes no memory.
type Meters struct {
	seed           uint64
	peers, sources []meter
}

// meter is one caller's tokens.
type meter struct {
	used float32 // of the burst
	at   int64
}

// Allow counts a request of a gateway from a group of addresses; false: it is over
// the rate of one of them. r is used once.
func (m *Meters) Allow(now int64, peer, source []byte, rates Rates, r *rand.Rand) bool {
	if m.peers == nil {
		m.seed = r.Uint64()
		m.peers, m.sources = make([]meter, slots), make([]meter, slots)
	}
	return m.peers[m.slot(peer)].take(now, rates.Peer, rates.PeerBurst) &&
		m.sources[m.slot(source)].take(now, rates.Source, rates.SourceBurst)
}

// Callers of one group of addresses become candidates so many at once, and one more in
// so long: keys and places that nobody solved cost them nothing, checking them does us.
const (
	meetBurst = 4
	meetEvery = 10 * time.Second
)

// Meet counts a caller of a group of addresses that would become a candidate; false:
// its group has had as many as it gets. These Meters serve nothing else.
func (m *Meters) Meet(now int64, source []byte, r *rand.Rand) bool {
	if m.sources == nil {
		m.seed, m.sources = r.Uint64(), make([]meter, slots)
	}
	at := &m.sources[m.slot(source)]
	at.used = max(0, at.used-float32(now-at.at)/float32(meetEvery))
	at.at = now
	if at.used+1 > meetBurst {
		return false
	}
	at.used++
	return true
}

func (m *Meters) slot(b []byte) uint64 {
	h := m.seed
	for len(b) >= 8 {
		h = (h ^ binary.LittleEndian.Uint64(b)) * 0x9e3779b97f4a7c15
		h ^= h >> 29
		b = b[8:]
	}
	for _, c := range b {
		h = (h ^ uint64(c)) * 0x100000001b3
	}
	return (h ^ h>>32) % slots
}

func (m *meter) take(now int64, rate, burst int) bool {
	if rate <= 0 {
		return true
	}
	m.used = max(0, m.used-float32(now-m.at)/float32(time.Second)*float32(rate))
	m.at = now
	if m.used+1 > float32(burst) {
		return false
	}
	m.used++
	return true
}

// remembered is how many checked places are remembered, twice at most. Half of a
// place tells it from all others.
const remembered = 1024

// Puzzles checks the puzzles of places, so many a second at most, and remembers
// what came of it. The zero value is ready.
type Puzzles struct {
	// Checked counts the checks.
	Checked uint64

	recent, older map[[16]byte]bool
	tokens        float64
	filled        int64
}

// Check says whether a place is solved. It asks solved if that is not remembered
// and fewer than rate were asked about in the last second; else known is false.
func (z *Puzzles) Check(now int64, id *key.NodeID, rate int, solved func(key.NodeID) bool) (ok, known bool) {
	k := [16]byte(id[:16])
	if ok, known = z.recent[k]; known {
		return ok, true
	}
	if ok, known = z.older[k]; !known {
		if !z.take(now, rate) {
			return false, false
		}
		z.Checked++
		ok = solved(*id)
	}
	if z.recent == nil || len(z.recent) >= remembered {
		z.recent, z.older = make(map[[16]byte]bool), z.recent
	}
	z.recent[k] = ok
	return ok, true
}

// take uses one check, if there is one.
func (z *Puzzles) take(now int64, rate int) bool {
	if z.filled == 0 {
		z.tokens = float64(rate)
	} else if passed := now - z.filled; passed > 0 {
		z.tokens = min(float64(rate), z.tokens+float64(rate)*float64(passed)/float64(time.Second))
	}
	z.filled = now
	if z.tokens < 1 {
		return false
	}
	z.tokens--
	return true
}

// Refilled is when a place can be checked again.
func (z *Puzzles) Refilled(now int64, rate int) int64 {
	if z.tokens >= 1 || rate <= 0 {
		return now
	}
	return now + int64((1-z.tokens)/float64(rate)*float64(time.Second)) + 1
}
