package score

import (
	"bytes"
	"slices"
	"time"

	"zeroms/protocol/key"
)

// maxNear bounds how many that are near each other make a difference.
const maxNear = 5

// fullRetention is what a gateway keeps at most; less is a disadvantage.
const fullRetention = 30 * 24 * time.Hour

// Candidate is a gateway that could be a home.
type Candidate struct {
	Gateway key.GatewayHash
	// Group is where it is in the network (address.Scope.Far of its address, as
	// text); two of one group fall together more easily. Empty: not known, and alike
	// with nobody.
	Group string
	// Retention is how long it keeps an envelope.
	Retention time.Duration
}

// Rank sorts candidates, the best first: those with the least cost of connecting and
// custody, with a long retention, and spread over the network, each beside those before
// it and the homes that there are already.
func (t *Table) Rank(candidates, homes []Candidate, now time.Time) []key.GatewayHash {
	groups := map[string]int{}
	for _, c := range homes {
		if c.Group != "" {
			groups[c.Group]++
		}
	}
	return t.pick(candidates, groups, now)
}

// pick takes the best candidate until none is left; groups is how many were taken in
// each.
func (t *Table) pick(candidates []Candidate, groups map[string]int, now time.Time) (chosen []key.GatewayHash) {
	t.mu.Lock()
	defer t.mu.Unlock()
	left := slices.Clone(candidates)
	slices.SortFunc(left, func(a, b Candidate) int { return bytes.Compare(a.Gateway[:], b.Gateway[:]) })
	left = slices.CompactFunc(left, func(a, b Candidate) bool { return a.Gateway == b.Gateway })
	for len(left) > 0 {
		best, least := 0, float64(0)
		for i, c := range left {
			if w := t.weight(c, groups[c.Group], now); i == 0 || w < least {
				best, least = i, w
			}
		}
		c := left[best]
		if c.Group != "" {
			groups[c.Group]++
		}
		chosen, left = append(chosen, c.Gateway), slices.Delete(left, best, best+1)
	}
	return chosen
}

// weight is what a candidate costs beside so many that were chosen in its group.
func (t *Table) weight(c Candidate, near int, now time.Time) float64 {
	// A fiftieth of a second is as good as nothing: between two that are that fast
	// the rest decides.
	w := (20*time.Millisecond + (t.cost(c.Gateway, Connect, now)+t.cost(c.Gateway, Custody, now))/2).Seconds()
	w *= min(float64(fullRetention)/float64(max(c.Retention, time.Hour)), 8)
	for range min(near, maxNear) {
		w *= 4
	}
	return w
}
