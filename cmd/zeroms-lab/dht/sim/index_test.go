package sim

import (
	"math/rand/v2"
	"slices"
	"testing"

	"zeroms/protocol/key"
)

func drawID(r *rand.Rand) (id key.NodeID) {
	for i := range id {
		id[i] = byte(r.Uint32())
	}
	return id
}

// TestNearest: the index finds what sorting everything by distance finds, crowds
// around one place included.
func TestNearest(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, n := range []int{0, 1, 7, 8, 9, 100, 1000} {
		var all []Placed[key.NodeID]
		crowd := drawID(r)
		for i := range n {
			id := drawID(r)
			if i%3 == 0 {
				copy(id[:5], crowd[:5])
			}
			all = append(all, Placed[key.NodeID]{id, id})
		}
		index := NewIndex(all)
		for i := range 50 {
			at := drawID(r)
			if i%2 == 0 {
				copy(at[:4], crowd[:4])
			}
			var want []key.NodeID
			for _, p := range all {
				want = append(want, p.ID)
			}
			slices.SortFunc(want, func(a, b key.NodeID) int { return Compare(at, a, b) })
			k := r.IntN(45)
			if got := index.Nearest(nil, at, k); !slices.Equal(got, want[:min(k, n)]) {
				t.Fatalf("%d nearest of %d: got %v", k, n, got)
			}
		}
	}
}
