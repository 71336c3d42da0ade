package statement

import (
	"bytes"
	"crypto/sha256"
	"testing"

	"zeroms/protocol/key"
	"zeroms/protocol/wire"
)

// The largest state that a gateway signs must fit into a frame: 256 devices, the
// most that an account may have.
func TestTheLargestStateFitsIntoAFrame(t *testing.T) {
	node := key.NewPrivate[key.Node]()
	f := &Facts{Time: 1<<63 - 1, Head: wire.At(1<<32-1, 1<<63), K: 1 << 31, Low: 1 << 31, Asked: &wire.Push{Position: wire.At(1<<32-1, 1<<62)}}
	for i := range 256 {
		f.Logins = append(f.Logins, Login{
			Key: key.LoginPublic{byte(255 - i)}, From: wire.At(1<<32-1, 9), Upto: wire.At(1<<32-1, 9), Sig: bytes.Repeat([]byte{byte(i)}, 64),
		})
	}
	s := Build(f, &wire.StateGet{K: 1 << 31}, node)
	if n := len(wire.AppendFrame(nil, 1<<64-1, s)); n > wire.MaxFrame {
		t.Errorf("a frame of %d bytes", n)
	}
	var body wire.DropState
	if err := wire.Verify(s.Object, node.Public(), key.ContextDropState, &body); err != nil {
		t.Fatal(err)
	}
	for i, c := range body.Cursors {
		if c.Login[0] != byte(i) || c.Ack != sha256.Sum256(s.Acks[i]) {
			t.Fatalf("cursor %d is %x", i, c.Login[0])
		}
	}
}

func TestWhatIsNotKnownIsZero(t *testing.T) {
	node := key.NewPrivate[key.Node]()
	f := &Facts{K: 3, Low: 4, Logins: []Login{{Key: key.LoginPublic{1}, Upto: wire.At(1, 9), R: [32]byte{9}}}}
	var body wire.DropState
	s := Build(f, &wire.StateGet{Drop: key.DropID{7}, K: 4, D0: [32]byte{8}, Asked: [32]byte{9}}, node)
	if err := wire.Verify(s.Object, node.Public(), key.ContextDropState, &body); err != nil {
		t.Fatal(err)
	}
	drop := key.DropID{7}
	if body.AskedD != [32]byte{} || body.AskedRow != (wire.Position{}) || body.DropHash != sha256.Sum256(drop[:]) || body.AskedK != 4 ||
		body.D0 != [32]byte{8} || body.Asked != [32]byte{9} {
		t.Errorf("%+v", body)
	}
	// A cursor that never acknowledged stands nowhere, wherever it began.
	if c := body.Cursors[0]; c.Upto != (wire.Position{}) || c.R != [32]byte{} || c.Ack != [32]byte{} || len(s.Acks[0]) != 0 {
		t.Errorf("%+v", c)
	}
}
