package frames_test

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"testing"
	"time"

	"zeroms/cmd/zeroms-lab/bench/frames"
	"zeroms/protocol/custody"
	"zeroms/protocol/key"
	"zeroms/protocol/wire"
)

func random(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.Read(b)
	return b
}

// sizes of numbers: each head of CBOR once.
var numbers = []uint64{0, 1, 23, 24, 255, 256, 65535, 65536, 1<<32 - 1, 1 << 32, 1<<64 - 1}

func TestSubmitIsThatOfWire(t *testing.T) {
	for _, size := range []int{1, 23, 24, 255, 256, 1 << 10, 64 << 10} {
		for _, id := range numbers {
			s := &wire.Submit{Drop: key.DropID(random(16)), MAC: [16]byte(random(16)), Envelope: random(size)}
			got := frames.AppendSubmit([]byte("before"), id, s.Drop, s.MAC, s.Envelope)
			if want := wire.AppendFrame([]byte("before"), id, s); !bytes.Equal(got, want) {
				t.Fatalf("id %d, %d bytes: %x, want %x", id, size, got, want)
			}
		}
	}
}

func TestAckIsThatOfWire(t *testing.T) {
	a := &wire.Ack{Upto: wire.At(7, 1<<40), R: [32]byte(random(32)), Sig: random(64)}
	if got, want := frames.AppendAck(nil, a.Upto, a.R, a.Sig), wire.AppendFrame(nil, 0, a); !bytes.Equal(got, want) {
		t.Fatalf("%x, want %x", got, want)
	}
}

func push(n uint64, size int) *wire.Push {
	return &wire.Push{
		Position: wire.At(uint32(n), n), Kind: wire.RowEnvelope, Drop: key.DropID(random(16)), K: uint32(n),
		Hash: [32]byte(random(32)), D: [32]byte(random(32)), Time: n, Payload: random(size),
	}
}

func TestPushIsReadAsByWire(t *testing.T) {
	for i, n := range numbers {
		want := push(n, i*300)
		message := append(wire.AppendFrame(nil, 0, want), "rest"...)
		if kind, err := frames.Peek(message); kind != wire.TypePush || err != nil {
			t.Fatalf("Peek: %v, %v", kind, err)
		}
		var got wire.Push
		rest, err := frames.Push(message, &got)
		if err != nil || string(rest) != "rest" || !bytes.Equal(wire.Marshal(&got), wire.Marshal(want)) {
			t.Fatalf("%+v, rest %q, %v; want %+v", got, rest, err, want)
		}
	}
}

// commit is one with receipts for requests 1000 and so on, and a head.
func commit(t *testing.T, items int) (*wire.Commit, key.NodePublic) {
	t.Helper()
	node := key.NewPrivate[key.Node]()
	var leaves [][]byte
	for i := range items + 3 {
		r := custody.Receipt{Node: node.Public(), DropHash: [32]byte(random(32)), Start: [32]byte(random(32)), K: uint32(i + 1), Head: [32]byte(random(32)), Time: 1, Kept: 2}
		leaves = append(leaves, r.Append(nil))
	}
	leaves = append(leaves, (&custody.Head{Position: wire.At(1, 9)}).Append(nil))
	var own []wire.CommitItem
	for i := range items {
		own = append(own, wire.CommitItem{ID: uint64(1000 + i), Index: uint32(i + 1)})
	}
	own = append(own, wire.CommitItem{Index: uint32(len(leaves) - 1)})
	return custody.Build(leaves, time.UnixMilli(1_800_000_000_123), node).Commit(own), node.Public()
}

func TestCommitIsReadAsByWire(t *testing.T) {
	var got frames.Commit
	for _, items := range []int{1, 5, 40, 0} {
		want, node := commit(t, items)
		rest, err := frames.ReadCommit(append(wire.AppendFrame(nil, 0, want), "rest"...), &got)
		if err != nil || string(rest) != "rest" {
			t.Fatalf("rest %q, %v", rest, err)
		}
		read, err := got.Wire()
		if err != nil || !bytes.Equal(wire.Marshal(read), wire.Marshal(want)) {
			t.Fatalf("%+v, %v; want %+v", read, err, want)
		}
		if err := custody.Verify(read, node); err != nil {
			t.Errorf("what was read does not verify: %v", err)
		}
	}
}

func TestPrefixesAreRefused(t *testing.T) {
	c, _ := commit(t, 3)
	whole := wire.AppendFrame(nil, 0, c)
	for n := range whole {
		var got frames.Commit
		if _, err := frames.ReadCommit(whole[:n], &got); !errors.Is(err, frames.ErrForm) {
			t.Fatalf("the first %d bytes of a commit: %v", n, err)
		}
	}
	whole = wire.AppendFrame(nil, 0, push(1<<20, 1024))
	for n := range whole {
		var got wire.Push
		if _, err := frames.Push(whole[:n], &got); !errors.Is(err, frames.ErrForm) {
			t.Fatalf("the first %d bytes of a push: %v", n, err)
		}
	}
	if _, err := frames.Peek(nil); !errors.Is(err, frames.ErrForm) {
		t.Errorf("an empty message: %v", err)
	}
}

func TestPathOfAnotherSizeIsRefused(t *testing.T) {
	c := frames.Commit{Path: [][]byte{random(31)}}
	if _, err := c.Wire(); !errors.Is(err, frames.ErrForm) {
		t.Errorf("a hash of 31 bytes: %v", err)
	}
}

func TestMACIsThatOfTheCapability(t *testing.T) {
	drop, secret := key.NewDropSecret().Drop(key.NewPrivate[key.Node]().Public())
	m := frames.NewMAC(secret, drop)
	for range 3 {
		hash := [32]byte(random(32))
		if got, want := m.Sum(&hash), secret.Authenticate(drop, hash); got != want {
			t.Errorf("%x, want %x", got, want)
		}
	}
}

func TestHasherGoesOn(t *testing.T) {
	for _, n := range []int{0, 1, 64, 960} {
		beginning := random(n)
		h := frames.NewHasher(beginning)
		for _, rest := range [][]byte{nil, random(1), random(64), random(100)} {
			var got [32]byte
			h.Sum(&got, rest[:len(rest)/2], rest[len(rest)/2:])
			if want := sha256.Sum256(append(bytes.Clone(beginning), rest...)); got != want {
				t.Errorf("%d and %d bytes: %x, want %x", n, len(rest), got, want)
			}
		}
	}
}

func TestHeadIsThatOfWire(t *testing.T) {
	want := [32]byte(random(32))
	h := frames.NewHead(want)
	for _, n := range numbers {
		p := push(n, 10)
		h.Next(p)
		if want = wire.NextHead(want, p.Row()); h.R != want {
			t.Fatalf("%x, want %x", h.R, want)
		}
	}
}

// FuzzRead: whatever is read says the same to wire, where wire reads it too.
func FuzzRead(f *testing.F) {
	f.Add(wire.AppendFrame(nil, 0, push(5, 40)))
	f.Add(wire.AppendFrame(nil, 0, &wire.Commit{Sig: random(64), Items: []wire.CommitItem{{ID: 1, Leaf: random(5)}}}))
	f.Add([]byte{0x83, 0x18, 0x1e, 0x00, 0xa8})
	f.Fuzz(func(t *testing.T, b []byte) {
		frame, rest, strict := wire.NextFrame(b)
		var p wire.Push
		if left, err := frames.Push(b, &p); err == nil && strict == nil && frame.Decode(&wire.Push{}) == nil {
			if again := wire.AppendFrame(nil, frame.ID, &p); !bytes.Equal(again, b[:len(b)-len(rest)]) || len(left) != len(rest) {
				t.Fatalf("a push was read otherwise than by wire: %x", b)
			}
		}
		var c frames.Commit
		left, err := frames.ReadCommit(b, &c)
		if err != nil || strict != nil || frame.Decode(&wire.Commit{}) != nil {
			return
		}
		w, err := c.Wire()
		if again := wire.AppendFrame(nil, frame.ID, w); err != nil || !bytes.Equal(again, b[:len(b)-len(rest)]) || len(left) != len(rest) {
			t.Fatalf("a commit was read otherwise than by wire: %x", b)
		}
	})
}
