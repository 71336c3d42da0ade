package channel

import (
	"bytes"
	"testing"
	"time"

	"zeroms/protocol/wire"
)

// FuzzUnseal: whatever a sender who has the keys puts into a request, what comes out is one frame that with zeros
// behind it is what was put in.
func FuzzUnseal(f *testing.F) {
	for _, p := range []wire.Payload{submit(class1), &wire.ProfileGet{}, &wire.RecordGet{Day: 9}, &wire.Login{Sig: make([]byte, 64)}} {
		f.Add(wire.AppendFrame(nil, RequestID, p))
	}
	f.Add([]byte{0x83, 20, 1, 0xa1, 1, 0x5a, 0, 1, 0, 0})
	s, r, q := pair(f)
	hear(f, s, r, q)
	f.Fuzz(func(t *testing.T, plain []byte) {
		in := s.forged(class4, plain)
		got, err := r.Unseal(in)
		if err != nil {
			return
		}
		want := make([]byte, class4+wire.ForwardPadding-overhead)
		copy(want, plain)
		frame := wire.Marshal(got.Frame)
		if !Carries(got.Frame.Type) || got.Frame.ID != RequestID || !bytes.Equal(append(frame, make([]byte, len(want)-len(frame))...), want) {
			t.Fatalf("%x came as %+v", plain, got.Frame)
		}
	})
}

// FuzzAnswer: whatever a target puts into an answer, what comes out is one frame that answers the request.
func FuzzAnswer(f *testing.F) {
	for id, p := range []wire.Payload{commit(), wire.FailureOf(wire.ErrBusy), &wire.Profile{Blob: []byte{1}}} {
		f.Add(wire.AppendFrame(nil, uint64(min(id, 1)), p))
	}
	s, r, q := pair(f)
	f.Fuzz(func(t *testing.T, plain []byte) {
		got, err := s.Answer(r.forged(q, plain))
		if err != nil {
			return
		}
		want := make([]byte, AnswerSmall-overhead)
		copy(want, plain)
		frame := wire.Marshal(got)
		if !answers(wire.TypeSubmit, got.Type) || !bytes.Equal(append(frame, make([]byte, len(want)-len(frame))...), want) {
			t.Fatalf("%x came as %+v", plain, got)
		}
	})
}

// FuzzAccept: no bytes from outside open a channel that nobody set up.
func FuzzAccept(f *testing.F) {
	g := newGateway()
	s := g.open(f)
	out := seal(f, s, submit(class1))
	f.Add(out.Channel[:], out.Encapsulation, out.Sealed)
	f.Add([]byte{}, []byte{}, []byte{})
	f.Fuzz(func(t *testing.T, id, encapsulation, sealed []byte) {
		in := &wire.Relay{Encapsulation: encapsulation, Sealed: sealed}
		copy(in.Channel[:], id)
		class, err := Class(in)
		if err == nil && class != len(encapsulation)+len(sealed)-wire.ForwardPadding {
			t.Fatal("a class that is not its size")
		}
		r, err := Accept(g.at, g.kem, in, time.Unix(5, 0))
		if err != nil {
			return
		}
		if !bytes.Equal(encapsulation, out.Encapsulation) || in.Channel != out.Channel {
			t.Fatal("a channel of bytes that nobody made")
		}
		if _, err := r.Unseal(in); err == nil && !bytes.Equal(sealed, out.Sealed) {
			t.Fatal("a request that nobody made")
		}
	})
}

func BenchmarkOpen(b *testing.B) {
	g := newGateway()
	public := g.kem.Public()
	for b.Loop() {
		if _, err := Open(g.at, &public, start()); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkAccept(b *testing.B) {
	g := newGateway()
	out := seal(b, g.open(b), submit(class1))
	for b.Loop() {
		if _, err := Accept(g.at, g.kem, out, start()); err != nil {
			b.Fatal(err)
		}
	}
}

// classes are run for a request of each size.
func classes(b *testing.B, run func(b *testing.B, s *Sender, r *Receiver, ask wire.Payload)) {
	for name, size := range map[string]int{"1KiB": class1, "4KiB": class4, "16KiB": class16, "64KiB": class64} {
		b.Run(name, func(b *testing.B) {
			s, r, q := pair(b)
			hear(b, s, r, q)
			b.SetBytes(int64(size))
			b.ReportAllocs()
			run(b, s, r, submit(size))
		})
	}
}

func BenchmarkSealRequest(b *testing.B) {
	classes(b, func(b *testing.B, s *Sender, _ *Receiver, ask wire.Payload) {
		for b.Loop() {
			s.next = 1
			s.Done(seal(b, s, ask).N)
		}
	})
}

func BenchmarkUnsealRequest(b *testing.B) {
	classes(b, func(b *testing.B, s *Sender, r *Receiver, ask wire.Payload) {
		in := seal(b, s, ask)
		for b.Loop() {
			unseal(b, r, in)
		}
	})
}

func BenchmarkSealAnswer(b *testing.B) {
	classes(b, func(b *testing.B, s *Sender, r *Receiver, ask wire.Payload) {
		q := unseal(b, r, seal(b, s, ask))
		for b.Loop() {
			answer(b, r, q, commit())
		}
	})
}

func BenchmarkOpenAnswer(b *testing.B) {
	classes(b, func(b *testing.B, s *Sender, r *Receiver, ask wire.Payload) {
		f := answer(b, r, unseal(b, r, seal(b, s, ask)), commit())
		for b.Loop() {
			if _, err := s.Answer(f); err != nil {
				b.Fatal(err)
			}
		}
	})
}
