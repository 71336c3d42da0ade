package sim

import (
	"bytes"
	"slices"
	"sort"

	"zeroms/protocol/key"
)

// Placed is something that has a place in the network.
type Placed[T any] struct {
	ID key.NodeID
	Of T
}

// Index finds by distance, as nobody in a real network could: it knows everybody.
type Index[T any] []Placed[T]

// NewIndex sorts what is placed; it keeps the slice.
func NewIndex[T any](all []Placed[T]) Index[T] {
	slices.SortFunc(all, func(a, b Placed[T]) int { return bytes.Compare(a.ID[:], b.ID[:]) })
	return all
}

// Nearest appends to dst the n nearest to a place by XOR, nearest first.
func (x Index[T]) Nearest(dst []T, at key.NodeID, n int) []T {
	return x.nearest(dst, at, len(dst)+n, 0)
}

// few is a range that is sorted by distance instead of being split.
const few = 8

func (x Index[T]) nearest(dst []T, at key.NodeID, upTo, depth int) []T {
	if len(dst) >= upTo || len(x) == 0 {
		return dst
	}
	if len(x) <= few || depth == 256 {
		var order [few]Placed[T]
		close := append(order[:0], x...)
		slices.SortFunc(close, func(a, b Placed[T]) int { return Compare(at, a.ID, b.ID) })
		for _, p := range close {
			if len(dst) < upTo {
				dst = append(dst, p.Of)
			}
		}
		return dst
	}
	near, far := x.split(at, depth)
	return far.nearest(near.nearest(dst, at, upTo, depth+1), at, upTo, depth+1)
}

// split divides a range whose members have the first depth bits in common: those
// that have the bit at depth in common with at, and the others.
func (x Index[T]) split(at key.NodeID, depth int) (same, other Index[T]) {
	ones := sort.Search(len(x), func(i int) bool { return bit(x[i].ID, depth) })
	if bit(at, depth) {
		return x[ones:], x[:ones]
	}
	return x[:ones], x[ones:]
}

func bit(id key.NodeID, at int) bool { return id[at/8]&(0x80>>(at%8)) != 0 }

// Compare says which of two places is nearer to at by XOR: -1 if a is.
func Compare(at, a, b key.NodeID) int {
	for i := range at {
		if x, y := at[i]^a[i], at[i]^b[i]; x != y {
			if x < y {
				return -1
			}
			return 1
		}
	}
	return 0
}
