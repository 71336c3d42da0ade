package delivery

import (
	"cmp"
	"slices"

	"zeroms/protocol/key"
	"zeroms/protocol/message"
)

// touch tells whether b begins right behind a, or within it.
func touch(a, b message.Range) bool { return uint64(b.From) <= uint64(a.To)+1 }

// join brings ranges into ascending order and joins those that touch.
func join(ranges []message.Range) (out []message.Range) {
	ranges = slices.Clone(ranges)
	slices.SortFunc(ranges, func(a, b message.Range) int { return cmp.Compare(a.From, b.From) })
	for _, r := range ranges {
		if n := len(out); n > 0 && touch(out[n-1], r) {
			out[n-1].To = max(out[n-1].To, r.To)
		} else {
			out = append(out, r)
		}
	}
	return out
}

// without is what of ranges does not lie in cut. Both ascend and stand apart.
func without(ranges, cut []message.Range) (left []message.Range) {
	if len(ranges) == 0 {
		return nil
	}
	// What ends before the first range concerns none of them.
	i, _ := slices.BinarySearchFunc(cut, ranges[0].From, func(c message.Range, from uint32) int { return cmp.Compare(c.To, from) })
	cut = cut[i:]
	for _, r := range ranges {
		for len(cut) > 0 && cut[0].To < r.From {
			cut = cut[1:]
		}
		next := uint64(r.From)
		for i := 0; i < len(cut) && cut[i].From <= r.To; i++ {
			if uint64(cut[i].From) > next {
				left = append(left, message.Range{From: uint32(next), To: cut[i].From - 1})
			}
			next = uint64(cut[i].To) + 1
		}
		if next <= uint64(r.To) {
			left = append(left, message.Range{From: uint32(next), To: r.To})
		}
	}
	return left
}

// wants are the ranges that are wanted of one device, ascending.
func wants(list []message.Want, device key.DeviceID) (out []message.Range) {
	for _, w := range list {
		if w.Device == device && w.From <= w.To {
			out = append(out, message.Range{From: w.From, To: w.To})
		}
	}
	return join(out)
}

// joinWants brings wants into the order of a body and joins those that touch.
func joinWants(list []message.Want) (out []message.Want) {
	slices.SortFunc(list, func(a, b message.Want) int {
		return cmp.Or(byDevice(a.Device, b.Device), cmp.Compare(a.From, b.From))
	})
	for _, w := range list {
		if n := len(out); n > 0 && out[n-1].Device == w.Device && uint64(w.From) <= uint64(out[n-1].To)+1 {
			out[n-1].To = max(out[n-1].To, w.To)
		} else {
			out = append(out, w)
		}
	}
	return out
}
