package custody

import (
	"bytes"
	"crypto/sha256"

	"zeroms/protocol/key"
	"zeroms/protocol/wire"
)

// MaxCursors bounds the login keys in the state of a drop.
const MaxCursors = 256

// SignState signs the state of a drop; Node is filled in.
func SignState(body wire.DropState, node key.NodePrivate) wire.Object {
	body.Node = node.Public()
	return wire.Sign(node, key.ContextDropState, body)
}

// VerifyState checks the state of a drop by the gateway node: its signature, its
// limits, and that it has a meaning. An acknowledgement that a cursor names by
// its hash may be missing beside it, but no other one may stand in its place;
// whether the login key signed it, and whether the state contradicts itself or
// others, is for Judge. Errors: wire.ErrSignature, Unmarshal's, wire.ErrWrongNode
// for another gateway's, wire.ErrValue.
func VerifyState(s *wire.State, node key.NodePublic) (*wire.DropState, error) {
	var b wire.DropState
	if err := wire.Verify(s.Object, node, key.ContextDropState, &b); err != nil {
		return nil, err
	}
	switch {
	case b.Node != node:
		return nil, wire.ErrWrongNode
	case len(b.Cursors) > MaxCursors || len(s.Acks) != len(b.Cursors):
		return nil, wire.ErrValue.Because("cursors of a state")
	case b.AskedK == 0 || b.Head.Index() == 0:
		return nil, wire.ErrValue.Because("a state that nobody asked for, or of no log")
	case b.Start == wire.Position{} && !unknown(&b):
		return nil, wire.ErrValue.Because("a registration that is not known")
	case b.Start != wire.Position{} && !known(&b):
		return nil, wire.ErrValue.Because("a registration that can't be so")
	}
	for i := range b.Cursors {
		c := &b.Cursors[i]
		if i > 0 && bytes.Compare(b.Cursors[i-1].Login[:], c.Login[:]) >= 0 || !standing(c, b.Head) {
			return nil, wire.ErrValue.Because("cursor of a state")
		}
		if ack := s.Acks[i]; len(ack) > 0 && (len(ack) != key.SignatureSize || sha256.Sum256(ack) != c.Ack) {
			return nil, wire.ErrValue.Because("acknowledgement beside a state")
		}
	}
	return &b, nil
}

// unknown reports whether a state says nothing of the registration.
func unknown(b *wire.DropState) bool {
	return b.Low == 0 && b.K == 0 && b.D == [32]byte{} && b.AskedD == [32]byte{} && b.AskedRow == wire.Position{}
}

// known reports whether the numbers and places of a registration go together.
func known(b *wire.DropState) bool {
	if after(b.Start, b.Head) || b.Low == 0 || uint64(b.Low) > uint64(b.K)+1 {
		return false
	}
	if b.AskedD == [32]byte{} || b.AskedRow == (wire.Position{}) {
		return b.AskedD == [32]byte{} && b.AskedRow == wire.Position{}
	}
	return after(b.AskedRow, b.Start) && !after(b.AskedRow, b.Head)
}

// standing reports whether a cursor can be where a state says.
func standing(c *wire.CursorState, head wire.Position) bool {
	none := c.Upto == wire.Position{}
	return none == (c.Ack == [32]byte{}) && (!none || c.R == [32]byte{}) && !after(c.From, head) && !after(c.Upto, head)
}

// after reports whether a stands after b in one log.
func after(a, b wire.Position) bool { return bytes.Compare(a[:], b[:]) > 0 }

// ackOf is the acknowledgement beside a state that its cursor i commits to: found
// is false if it is missing, holds is whether the login key signed it.
func ackOf(s *wire.State, b *wire.DropState, i int) (found, holds bool) {
	c := &b.Cursors[i]
	if len(s.Acks[i]) == 0 {
		return false, false
	}
	return true, c.Login.Verify(key.ContextMailboxAck, wire.AckTranscript(b.Tag, c.Cursor, c.Upto, c.R), s.Acks[i])
}
