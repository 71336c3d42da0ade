package shelf

// order says which of two elements comes first in a heap, and where an element
// keeps its place in it.
type order[T any] interface {
	first(a, b T) bool
	slot(x T) *int32
}

// none is the slot of what stands in no heap.
const none = -1

// heap is a binary heap whose elements know their places, so that any of them can
// be moved or taken out in O(log n).
type heap[T any, O order[T]] struct {
	items []T
	order O
}

func (h *heap[T, O]) put(i int, x T) {
	h.items[i] = x
	*h.order.slot(x) = int32(i)
}

func (h *heap[T, O]) push(x T) {
	h.items = append(h.items, x)
	*h.order.slot(x) = int32(len(h.items) - 1)
	h.up(len(h.items) - 1)
}

// remove takes an element out.
func (h *heap[T, O]) remove(x T) {
	i, last := int(*h.order.slot(x)), len(h.items)-1
	moved := h.items[last]
	var gone T
	h.items[last] = gone
	h.items = h.items[:last]
	*h.order.slot(x) = none
	if i < last {
		h.put(i, moved)
		h.fix(moved)
	}
	if cap(h.items) > 32 && len(h.items) < cap(h.items)/4 {
		h.items = append(make([]T, 0, cap(h.items)/2), h.items...)
	}
}

// fix moves an element whose rank has changed.
func (h *heap[T, O]) fix(x T) {
	if i := int(*h.order.slot(x)); !h.up(i) {
		h.down(i)
	}
}

func (h *heap[T, O]) up(i int) (moved bool) {
	x := h.items[i]
	for i > 0 {
		parent := (i - 1) / 2
		if !h.order.first(x, h.items[parent]) {
			break
		}
		h.put(i, h.items[parent])
		i, moved = parent, true
	}
	h.put(i, x)
	return moved
}

func (h *heap[T, O]) down(i int) {
	x := h.items[i]
	for {
		child := 2*i + 1
		if child >= len(h.items) {
			break
		}
		if child+1 < len(h.items) && h.order.first(h.items[child+1], h.items[child]) {
			child++
		}
		if !h.order.first(h.items[child], x) {
			break
		}
		h.put(i, h.items[child])
		i = child
	}
	h.put(i, x)
}
