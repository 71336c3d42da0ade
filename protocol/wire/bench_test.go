package wire

import "testing"

func benchFrame(b *testing.B, p Payload, fresh func() Payload) {
	frame := AppendFrame(nil, 1000, p)
	b.SetBytes(int64(len(frame)))
	b.ReportAllocs()
	b.Run("decode", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			f, _, err := NextFrame(frame)
			if err != nil {
				b.Fatal(err)
			}
			if err := f.Decode(fresh()); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("append", func(b *testing.B) {
		b.ReportAllocs()
		var out []byte
		for b.Loop() {
			out = AppendFrame(out[:0], 1000, p)
		}
	})
}

func BenchmarkSubmit(b *testing.B) {
	benchFrame(b, &Submit{Envelope: make([]byte, 1024)}, func() Payload { return new(Submit) })
}

func BenchmarkPush(b *testing.B) {
	benchFrame(b, &Push{Position: At(1_790_000_000, 1<<20), Kind: RowEnvelope, K: 1000, Time: sampleTime, Payload: make([]byte, 1024)}, func() Payload { return new(Push) })
}

func BenchmarkForward(b *testing.B) {
	p := &Forward{Host: "gw.example", Port: 443, Relay: Relay{N: 1000, Sealed: make([]byte, 1024+ForwardPadding)}}
	benchFrame(b, p, func() Payload { return new(Forward) })
}
