package wire

import (
	"bytes"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"

	"zeroms/protocol/key"
)

// byHand makes an empty payload of each type that is coded by hand.
var byHand = map[Type]func() Payload{
	TypeSubmit: func() Payload { return new(Submit) },
	TypeCommit: func() Payload { return new(Commit) },
	TypePush:   func() Payload { return new(Push) },
	TypeAck:    func() Payload { return new(Ack) },

	TypeForward:   func() Payload { return new(Forward) },
	TypeRelay:     func() Payload { return new(Relay) },
	TypeForwarded: func() Payload { return new(Forwarded) },
}

// sameAsLibrary compares the code by hand with the library's, over any bytes.
func sameAsLibrary(t *testing.T, b []byte) {
	t.Helper()
	for kind, fresh := range byHand {
		quick, slow := fresh(), fresh()
		taken, err := parseByHand(b, quick), Unmarshal(b, slow, MaxFrame)
		if taken != (err == nil) {
			t.Fatalf("type %d, %x: by hand %v, the library says %v", kind, b, taken, err)
		}
		if !taken {
			continue
		}
		if !reflect.DeepEqual(quick, slow) {
			t.Fatalf("type %d, %x is read as %+v, not %+v", kind, b, quick, slow)
		}
		if again := quick.(handCoded).appendTo(nil); !bytes.Equal(again, b) {
			t.Fatalf("type %d, %x is written as %x", kind, b, again)
		}
	}
}

func anyBytes(r *rand.Rand, most int) []byte {
	b := make([]byte, r.IntN(most+1))
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}

// anyNumber is one of any length in CBOR.
func anyNumber(r *rand.Rand) uint64 { return r.Uint64() >> r.IntN(64) }

func anyPayload(r *rand.Rand) Payload {
	switch r.IntN(7) {
	case 0:
		h := anyHash(r)
		return &Submit{Drop: key.DropID(h[:16]), MAC: [16]byte(h[16:]), Envelope: anyBytes(r, 70000), Work: anyBytes(r, 12)}
	case 1:
		c := &Commit{Leaves: uint32(anyNumber(r)), Time: anyNumber(r), Sig: anyBytes(r, 64)}
		for range r.IntN(30) {
			c.Path = append(c.Path, anyHash(r))
		}
		for range r.IntN(300) {
			c.Items = append(c.Items, CommitItem{ID: anyNumber(r), Index: uint32(anyNumber(r)), Leaf: anyBytes(r, 200)})
		}
		return c
	case 2:
		hosts := []string{"", "gw.example", "::1", "名字.example", strings.Repeat("a", 300)}
		return &Forward{Target: key.NodePublic(anyHash(r)), Host: hosts[r.IntN(len(hosts))], Port: uint16(anyNumber(r)), Relay: anyRelay(r)}
	case 3:
		relay := anyRelay(r)
		return &relay
	case 4:
		h := anyHash(r)
		return &Forwarded{Channel: [16]byte(h[:16]), N: uint32(anyNumber(r)), Nonce: [24]byte(h[8:]), Sealed: anyBytes(r, 70000)}
	case 5:
		return &Push{
			Position: At(r.Uint32(), anyNumber(r)), Kind: uint8(anyNumber(r)), K: uint32(anyNumber(r)), Hash: anyHash(r), D: anyHash(r),
			Time: anyNumber(r), Payload: anyBytes(r, 70000),
		}
	}
	return &Ack{Upto: At(r.Uint32(), anyNumber(r)), R: anyHash(r), Sig: anyBytes(r, 300)}
}

func anyRelay(r *rand.Rand) Relay {
	h := anyHash(r)
	return Relay{Channel: [16]byte(h[:16]), N: uint32(anyNumber(r)), Encapsulation: anyBytes(r, EncapsulationSize), Sealed: anyBytes(r, 70000)}
}

func anyHash(r *rand.Rand) (h [32]byte) {
	for i := range h {
		h[i] = byte(r.Uint32())
	}
	return h
}

func TestHandCodedPayloadsAreTheLibrarys(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		p := anyPayload(r)
		raw := Marshal(p)
		if quick := p.(handCoded).appendTo([]byte{7}); !bytes.Equal(quick[1:], raw) || quick[0] != 7 {
			t.Fatalf("%+v is written as %x, not %x", p, quick[1:], raw)
		}
		sameAsLibrary(t, raw)
		// One byte of the structure changed, or some cut off.
		other := bytes.Clone(raw)
		other[r.IntN(min(len(other), 80))] ^= 1 << r.IntN(8)
		sameAsLibrary(t, other)
		sameAsLibrary(t, raw[:r.IntN(len(raw))])
		id := anyNumber(r)
		if frame := AppendFrame(nil, id, p); !bytes.Equal(frame, Marshal(Frame{Type: p.Type(), ID: id, Raw: raw})) {
			t.Fatalf("a frame of %+v: %x", p, frame)
		}
	}
}

// sameFrame compares NextFrame with its way without the short cut.
func sameFrame(t *testing.T, b []byte) {
	t.Helper()
	f, rest, err := NextFrame(b)
	f2, rest2, err2 := nextFrame(b)
	if err != err2 || f.Type != f2.Type || f.ID != f2.ID || !bytes.Equal(f.Raw, f2.Raw) || !bytes.Equal(rest, rest2) {
		t.Fatalf("%x: %+v, %x, %v; without the short cut %+v, %x, %v", b, f, rest, err, f2, rest2, err2)
	}
}

func TestHandCutFramesAreTheLibrarys(t *testing.T) {
	for _, s := range samples() {
		b := s.frame()
		quick := reader{b: b}
		if quick.frame(); quick.bad {
			t.Errorf("%s is cut off the slow way", s.name)
		}
		for n := range min(len(b), 400) {
			sameFrame(t, b[:n])
			for bit := range 8 {
				other := bytes.Clone(b)
				other[n] ^= 1 << bit
				sameFrame(t, other)
			}
		}
	}
}

// FuzzHand: code by hand and the library take the same bytes for the same values.
func FuzzHand(f *testing.F) {
	for _, s := range samples() {
		f.Add(s.frame())
		f.Add(Marshal(s.payload))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		sameAsLibrary(t, b)
		sameFrame(t, b)
	})
}
