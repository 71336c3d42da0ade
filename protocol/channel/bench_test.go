package channel

import "testing"

// BenchmarkUnsealInPlace opens submissions of 1 KiB in their order, each where it stands.
func BenchmarkUnsealInPlace(b *testing.B) {
	s, r, q := pair(b)
	hear(b, s, r, q)
	sent := make([][]byte, 4*Window)
	for i := range sent {
		out := seal(b, s, submit(class1))
		s.Done(out.N)
		sent[i] = out.Sealed
	}
	in := seal(b, s, submit(class1))
	b.SetBytes(class1)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if i%len(sent) == 0 {
			r.seen, r.high = r.seen[:0], 0
		}
		in.N = uint32(i%len(sent)) + 1
		copy(in.Sealed, sent[i%len(sent)])
		if _, err := r.UnsealInPlace(in); err != nil {
			b.Fatal(err)
		}
	}
}
