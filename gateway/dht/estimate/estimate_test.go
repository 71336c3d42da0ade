package estimate

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"zeroms/gateway/dht/contact"
	"zeroms/protocol/key"
)

const hour = int64(time.Hour)

// crowd is gateways at random places.
func crowd(r *rand.Rand, count int) []*contact.Peer {
	peers := make([]*contact.Peer, count)
	for i := range peers {
		peers[i] = &contact.Peer{ID: place(r)}
	}
	return peers
}

func place(r *rand.Rand) (id key.NodeID) {
	for i := range id {
		id[i] = byte(r.Uint32())
	}
	return id
}

func nearest(target key.NodeID, all []*contact.Peer, count int) []*contact.Peer {
	sorted := append([]*contact.Peer(nil), all...)
	contact.SortNearest(&target, sorted)
	return sorted[:count]
}

// TestFromNearest: on average the estimate is right, and a single one is off by a
// fifth as a rule.
func TestFromNearest(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 0))
	const count, rounds = 1000, 150
	all := crowd(r, count)
	sum, square := 0.0, 0.0
	for range rounds {
		target := place(r)
		got := FromNearest(&target, nearest(target, all, 20))
		sum += got / count
		square += (got/count - 1) * (got/count - 1)
	}
	if mean, off := sum/rounds, math.Sqrt(square/rounds); mean < 0.95 || mean > 1.05 || off > 0.3 {
		t.Errorf("mean %.2f, deviation %.2f of the truth", mean, off)
	}
	target := place(r)
	if FromNearest(&target, all[:3]) != 0 {
		t.Error("three gateways are an estimate")
	}
	at := &contact.Peer{ID: target}
	if FromNearest(&target, []*contact.Peer{at, at, at, at}) != 0 {
		t.Error("gateways at one place are an estimate")
	}
}

// TestSize: the median withstands lies about the own place and single others, and
// forgets what is old or was smaller than what is known.
func TestSize(t *testing.T) {
	var s Size
	if s.Estimate(0, 0, 0) != 0 {
		t.Error("an estimate of nothing")
	}
	if got := s.Estimate(hour, 100, 0); got != 100 {
		t.Errorf("of the own place alone: %v", got)
	}
	for i, size := range []float64{900, 1000, 1100, 1050, 0} {
		s.Add(hour+int64(i), size)
	}
	if got := s.Estimate(hour, 1e6, 0); got < 1000 || got > 1100 {
		t.Errorf("with the own place crowded: %v", got)
	}
	if s.Add(hour, 1e7); s.Added() != 5 {
		t.Errorf("%d added", s.Added())
	}
	if got := s.Estimate(hour, 980, 0); got < 1000 || got > 1100 {
		t.Errorf("with one place crowded: %v", got)
	}
	if got := s.Estimate(hour, 980, 1080); got < 1080 {
		t.Errorf("less than what is known: %v", got)
	}
	for range Samples {
		s.Add(2*hour, 5000)
	}
	if got := s.Estimate(2*hour, 5000, 0); got != 5000 {
		t.Errorf("after the network grew: %v", got)
	}
	if got := s.Estimate(2*hour+Age, 77, 0); got != 77 {
		t.Errorf("of old samples: %v", got)
	}
}

// TestExpected: honest places are neither crowded nor sparse, mined ones are
// crowded, and where lookups saw a fifth only they are sparse.
func TestExpected(t *testing.T) {
	r := rand.New(rand.NewPCG(2, 0))
	const count, rounds = 1000, 200
	all := crowd(r, count)
	crowded, sparse := 0, 0
	for i := range rounds {
		target := place(r)
		size := count * (0.8 + 0.4*float64(i)/rounds)
		switch e := Expected(size, &target, nearest(target, all, Place)); {
		case e < Crowded:
			crowded++
		case e > Sparse:
			sparse++
		}
	}
	if crowded > 1 || sparse > rounds/20 {
		t.Errorf("of %d honest places %d are crowded, %d sparse", rounds, crowded, sparse)
	}
	target := place(r)
	mined := append([]*contact.Peer(nil), all...)
	closest := contact.CommonPrefix(&target, &nearest(target, all, 1)[0].ID)
	for i := range 45 {
		mined = append(mined, &contact.Peer{ID: contact.WithBits(target, closest+1, 30, uint64(i)<<20|uint64(r.Uint32()&0xfffff))})
	}
	if e := Expected(count, &target, nearest(target, mined, Place)); e >= Crowded {
		t.Errorf("45 gateways at one place: %v expected", e)
	}
	if e := Expected(count, &target, nearest(target, all[:count/5], Place)); e <= Sparse {
		t.Errorf("a fifth of all: %v expected", e)
	}
	if Expected(count, &target, all[:Place-1]) != 0 {
		t.Error("too few gateways are a place")
	}
}

func TestMedian(t *testing.T) {
	for want, values := range map[float64][]float64{0: nil, 3: {3}, 2.5: {4, 1}, 5: {9, 5, 1}} {
		if got := Median(values); got != want {
			t.Errorf("%v of %v", got, values)
		}
	}
}
