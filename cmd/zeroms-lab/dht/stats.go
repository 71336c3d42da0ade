package dht

import (
	"cmp"
	"slices"
)

// mean is 0 of nothing.
func mean[T any](all []T, of func(T) float64) float64 {
	sum := 0.0
	for _, x := range all {
		sum += of(x)
	}
	if len(all) == 0 {
		return 0
	}
	return sum / float64(len(all))
}

// percentile is the smallest value that at least the share p is not above.
func percentile[T any, V cmp.Ordered](all []T, p float64, of func(T) V) (value V) {
	values := make([]V, 0, len(all))
	for _, x := range all {
		values = append(values, of(x))
	}
	if len(values) == 0 {
		return value
	}
	slices.Sort(values)
	return values[max(0, min(len(values)-1, int(p*float64(len(values))+0.999999)-1))]
}
