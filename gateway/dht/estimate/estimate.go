// Package estimate tells how many gateways a network has from how near the
// nearest ones of a place are, and whether a place has more of them than the
// network's size explains (docs/protocol/dht.md, "Size and suspicion").
//
// Places are hashes, so that the distances of gateways to any place are those of
// random points: of N gateways the m nearest fill about m/N of all distances.
package estimate

import (
	"math"
	"slices"
	"time"

	"zeroms/gateway/dht/contact"
	"zeroms/protocol/key"
)

// Samples is how many places the estimate looks at beside the own one, and Age for
// how long, in nanoseconds. Their median is taken: who fills one place with
// gateways moves nothing.
const (
	Samples = 5
	Age     = int64(2 * time.Hour)
)

// Size estimates the number of gateways. The zero value knows nothing. Times are
// Unix nanoseconds.
type Size struct {
	samples []sample // a ring of Samples
	next    int
	added   uint64
}

type sample struct {
	size float32
	at   int64
}

// Share is the part of all distances, 0..1, that is nearer to target than id.
func Share(target, id *key.NodeID) float64 {
	return float64(contact.Head(target)^contact.Head(id)) / (1 << 64)
}

// FromNearest estimates from the nearest gateways of a place, nearest first; 0:
// they are too few.
func FromNearest(target *key.NodeID, nearest []*contact.Peer) float64 {
	m := len(nearest)
	if m < 4 {
		return 0
	}
	share := Share(target, &nearest[m-1].ID)
	if share == 0 {
		return 0
	}
	return float64(m-1) / share // without bias: the mean of 1/share is N/(m-1)
}

// Add takes an estimate of a place that was drawn at random by ourselves.
func (s *Size) Add(now int64, estimate float64) {
	if estimate <= 0 {
		return
	}
	if len(s.samples) < Samples {
		s.samples = append(s.samples, sample{})
		s.next = len(s.samples) - 1
	}
	s.added++
	s.samples[s.next] = sample{float32(estimate), now}
	s.next = (s.next + 1) % Samples
}

// Added is how often something was added.
func (s *Size) Added() uint64 { return s.added }

// Estimate is the median of what was added and of own, the estimate of the own
// neighbourhood. What is below least, the gateways that are known, was of a time
// when the network was smaller. 0: nothing is known.
func (s *Size) Estimate(now int64, own, least float64) float64 {
	var room [Samples + 1]float64
	all := room[:0]
	for _, have := range s.samples {
		if now-have.at < Age && float64(have.size) >= least {
			all = append(all, float64(have.size))
		}
	}
	if own > 0 {
		all = append(all, max(own, least))
	}
	return Median(all)
}

// Median is the middle of the values, which it sorts; 0: there are none.
func Median(values []float64) float64 {
	if len(values) == 0 {
		return 0
	}
	slices.Sort(values)
	return (values[(len(values)-1)/2] + values[len(values)/2]) / 2
}

// Bounds of how many gateways may be expected where Place were found. With the
// size off by 20 %, chance puts Place gateways where fewer than Crowded were
// expected once in 5,000 times, and so few where more than Sparse were once in 50.
const (
	Place   = 20
	Crowded = 6.0
	Sparse  = 36.0
)

// Expected is how many gateways a network of the given size has within the
// distance of the Place-th nearest of a place; 0: fewer are given.
func Expected(size float64, target *key.NodeID, nearest []*contact.Peer) float64 {
	if len(nearest) < Place {
		return 0
	}
	return size * Share(target, &nearest[Place-1].ID)
}

// Gateways is the number of gateways of a network, as far as is known, at least 1.
// Distances are heads: their first 8 bytes.
type Gateways float64

// Within is the distance within which there are about count gateways of a place;
// MaxUint64: there are not more in all.
func (g Gateways) Within(count float64) uint64 {
	if float64(g) <= count {
		return math.MaxUint64
	}
	return uint64(count / float64(g) * (1 << 63) * 2)
}

// Bits is how many leading bits the gateways of one region share, where a region
// has at least count gateways and fewer than twice as many.
func (g Gateways) Bits(count float64) (bits int) {
	for ; float64(g) >= 2*count; g /= 2 {
		bits++
	}
	return bits
}

// Density looks at the nearest gateways of a place: too near for the network's size
// is an attack on the place, too far means that a search was led astray. A network
// of less than three times Place is neither.
func (g Gateways) Density(target *key.NodeID, nearest []*contact.Peer) (crowded, sparse bool) {
	if g < 3*Place {
		return false, false
	}
	expected := Expected(float64(g), target, nearest)
	if expected == 0 {
		return false, true
	}
	return expected < Crowded, expected > Sparse
}
