package custody

import (
	"errors"
	"testing"

	"zeroms/protocol/key"
	"zeroms/protocol/wire"
)

// TestVerifyState spoils a good answer in every way that has no meaning.
func TestVerifyState(t *testing.T) {
	f := newFramers(1)
	a, d := f.mailbox()
	f.m.enrol(a, f.lks[1])
	p := f.m.submit(a, d.drop, f.envs[:3]...)
	f.m.ack(a, f.lks[0], 5)
	node := f.m.node.Public()
	good := f.m.about(a, d.drop, p[1])
	body, err := VerifyState(good, node)
	if err != nil || body.K != 3 || body.AskedK != 2 || body.Low != 1 || len(body.Cursors) != 2 || body.Asked != p[1].Name() {
		t.Fatalf("%+v, %v", body, err)
	}
	acked := 0
	if body.Cursors[0].Ack == [32]byte{} {
		acked = 1
	}
	later := wire.At(body.Head.Incarnation(), body.Head.Index()+1)
	for name, spoil := range map[string]func(b *wire.DropState, acks *[][]byte){
		"number 0":               func(b *wire.DropState, _ *[][]byte) { b.AskedK = 0 },
		"no log":                 func(b *wire.DropState, _ *[][]byte) { b.Head = wire.Position{} },
		"low 0":                  func(b *wire.DropState, _ *[][]byte) { b.Low = 0 },
		"low above k + 1":        func(b *wire.DropState, _ *[][]byte) { b.Low = 5 },
		"begins after the head":  func(b *wire.DropState, _ *[][]byte) { b.Start = later },
		"D without a row":        func(b *wire.DropState, _ *[][]byte) { b.AskedRow = wire.Position{} },
		"a row without D":        func(b *wire.DropState, _ *[][]byte) { b.AskedD = [32]byte{} },
		"a row after the head":   func(b *wire.DropState, _ *[][]byte) { b.AskedRow = later },
		"a row before the start": func(b *wire.DropState, _ *[][]byte) { b.AskedRow = b.Start },
		"unknown, but counted":   func(b *wire.DropState, _ *[][]byte) { b.Start = wire.Position{} },
		"cursors in another order": func(b *wire.DropState, acks *[][]byte) {
			b.Cursors[0], b.Cursors[1] = b.Cursors[1], b.Cursors[0]
			(*acks)[0], (*acks)[1] = (*acks)[1], (*acks)[0]
		},
		"a cursor twice":             func(b *wire.DropState, acks *[][]byte) { b.Cursors[1], (*acks)[1] = b.Cursors[0], (*acks)[0] },
		"enrolled after the head":    func(b *wire.DropState, _ *[][]byte) { b.Cursors[0].From = later },
		"acknowledged beyond":        func(b *wire.DropState, _ *[][]byte) { b.Cursors[acked].Upto = later },
		"acknowledged by nothing":    func(b *wire.DropState, acks *[][]byte) { b.Cursors[acked].Ack = [32]byte{} },
		"nothing acknowledged":       func(b *wire.DropState, acks *[][]byte) { b.Cursors[acked].Upto = wire.Position{} },
		"R of nothing":               func(b *wire.DropState, acks *[][]byte) { b.Cursors[1-acked].R = fill32(1) },
		"an ack too few":             func(_ *wire.DropState, acks *[][]byte) { *acks = (*acks)[:1] },
		"an ack too many":            func(_ *wire.DropState, acks *[][]byte) { *acks = append(*acks, nil) },
		"another ack":                func(_ *wire.DropState, acks *[][]byte) { (*acks)[acked] = make([]byte, key.SignatureSize) },
		"an ack where there is none": func(_ *wire.DropState, acks *[][]byte) { (*acks)[1-acked] = (*acks)[acked] },
		"too many cursors": func(b *wire.DropState, acks *[][]byte) {
			b.Cursors, *acks = make([]wire.CursorState, MaxCursors+1), make([][]byte, MaxCursors+1)
			for i := range b.Cursors {
				b.Cursors[i].Login = key.LoginPublic{byte(i >> 8), byte(i)}
			}
		},
	} {
		b := *body
		b.Cursors = append([]wire.CursorState(nil), body.Cursors...)
		acks := append([][]byte(nil), good.Acks...)
		spoil(&b, &acks)
		if _, err := VerifyState(&wire.State{Object: SignState(b, f.m.node), Acks: acks}, node); !errors.Is(err, wire.ErrValue) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := VerifyState(&wire.State{Object: good.Object, Acks: make([][]byte, 2)}, node); err != nil {
		t.Errorf("with the acknowledgements left out: %v", err)
	}
	other := key.PrivateFromSeed[key.Node](fill32(0x12))
	b := *body
	b.Node = other.Public()
	for name, c := range map[string]struct {
		object wire.Object
		want   error
	}{
		"another signer":  {SignState(*body, other), wire.ErrSignature},
		"another node":    {wire.Sign(f.m.node, key.ContextDropState, b), wire.ErrWrongNode},
		"another context": {wire.Sign(f.m.node, key.ContextRefusal, body), wire.ErrSignature},
		"not a state":     {wire.Sign(f.m.node, key.ContextDropState, wire.OK{}), wire.ErrNotCanonical},
	} {
		if _, err := VerifyState(&wire.State{Object: c.object, Acks: good.Acks}, node); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
}

// TestUnknownRegistrations: a state that knows nothing says nothing.
func TestUnknownRegistrations(t *testing.T) {
	node := testNode()
	none := wire.DropState{Tag: fill32(4), D0: fill32(5), Head: wire.At(1, 1), AskedK: 1}
	if _, err := VerifyState(&wire.State{Object: SignState(none, node)}, node.Public()); err != nil {
		t.Fatal(err)
	}
	for name, spoil := range map[string]func(b *wire.DropState){
		"low": func(b *wire.DropState) { b.Low = 1 }, "k": func(b *wire.DropState) { b.K = 1 }, "D": func(b *wire.DropState) { b.D = fill32(1) },
		"asked D": func(b *wire.DropState) { b.AskedD = fill32(1) }, "asked row": func(b *wire.DropState) { b.AskedRow = wire.At(1, 1) },
	} {
		b := none
		spoil(&b)
		if _, err := VerifyState(&wire.State{Object: SignState(b, node)}, node.Public()); !errors.Is(err, wire.ErrValue) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// FuzzVerifyState: only what the gateway signed passes.
func FuzzVerifyState(f *testing.F) {
	g := newFramers(1)
	a, d := g.mailbox()
	p := g.m.submit(a, d.drop, g.envs[0])
	s := g.m.about(a, d.drop, p[0])
	f.Add(wire.Marshal(s))
	f.Add(wire.Marshal(&wire.State{}))
	f.Fuzz(func(t *testing.T, b []byte) {
		var got wire.State
		if wire.Unmarshal(b, &got, wire.MaxFrame) != nil {
			return
		}
		if _, err := VerifyState(&got, g.m.node.Public()); err == nil && got.Object.Hash() != s.Object.Hash() {
			t.Fatal("a state passes that was never signed")
		}
	})
}
