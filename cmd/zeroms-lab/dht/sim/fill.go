package sim

import (
	"math/rand/v2"

	"zeroms/protocol/key"
)

// How a filled table comes about.
const (
	// neighbours is how many of the nearest gateways a table is offered, all of them.
	neighbours = 64
	// offered is how many gateways of each farther range it is offered, drawn at random.
	offered = 32
)

// Offers are the gateways that a converged network would have shown to one at a
// place: of each half, quarter, eighth ... of the network that it is not in some
// drawn at random, and all of its neighbourhood. Whom it takes is its own affair.
func (x Index[T]) Offers(at key.NodeID, r *rand.Rand, offer func(T)) {
	for depth := 0; len(x) > neighbours; depth++ {
		same, other := x.split(at, depth)
		for i, n := 0, min(offered, len(other)); i < n; i++ {
			// One of each n-th part: no gateway comes twice, and all of them may come.
			low, high := i*len(other)/n, (i+1)*len(other)/n
			offer(other[low+r.IntN(high-low)].Of)
		}
		x = same
	}
	for _, i := range r.Perm(len(x)) {
		offer(x[i].Of)
	}
}
