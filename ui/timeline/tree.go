package timeline

import "math/bits"

// heights are the heights of rows, with the sum of any first ones and the row at any
// place in O(log n): a Fenwick tree. Sums are float64, as the places of far rows are
// not whole pixels any more in a float32.
type heights struct {
	each []float32
	sums []float64 // one longer than each; sums[0] is not used
}

// reset takes n heights anew.
func (h *heights) reset(n int, of func(i int) float32) {
	h.each = make([]float32, n)
	h.sums = make([]float64, n+1)
	for i := range h.each {
		h.each[i] = of(i)
		h.sums[i+1] = float64(h.each[i])
	}
	for i := 1; i <= n; i++ {
		if above := i + i&-i; above <= n {
			h.sums[above] += h.sums[i]
		}
	}
}

// set changes one height.
func (h *heights) set(i int, height float32) {
	more := float64(height) - float64(h.each[i])
	if more == 0 {
		return
	}
	h.each[i] = height
	for j := i + 1; j < len(h.sums); j += j & -j {
		h.sums[j] += more
	}
}

// before is the height of all rows before i.
func (h *heights) before(i int) float64 {
	sum := 0.0
	for ; i > 0; i -= i & -i {
		sum += h.sums[i]
	}
	return sum
}

// total is the height of all rows.
func (h *heights) total() float64 { return h.before(len(h.each)) }

// at is the row in which y lies, counted from the top of the first one, and how far
// below its top.
func (h *heights) at(y float64) (row int, below float64) {
	if len(h.each) == 0 || y <= 0 {
		return 0, max(y, 0)
	}
	for step := 1 << (bits.Len(uint(len(h.each))) - 1); step > 0; step >>= 1 {
		if next := row + step; next <= len(h.each) && h.sums[next] <= y {
			row, y = next, y-h.sums[next]
		}
	}
	if row == len(h.each) {
		row--
		y = float64(h.each[row])
	}
	return row, y
}
