package custody

import (
	"crypto/sha256"
	"encoding/binary"

	"zeroms/protocol/key"
	"zeroms/protocol/wire"
)

// The first byte of a leaf says what it is.
const (
	LeafReceipt byte = 0x01
	LeafHead    byte = 0x02
)

// Sizes of leaves in bytes.
const (
	ReceiptSize = 1 + 32 + 32 + 32 + 4 + 32 + 32 + 8 + 8
	HeadSize    = 1 + 32 + wire.PositionSize + 32
)

// Receipt is a gateway's promise: envelope number K of the drop is stored until
// Kept. A repeated submission gets the same bytes again.
type Receipt struct {
	// Node is the gateway that promises.
	Node key.NodePublic
	// DropHash is SHA-256(drop): a receipt does not show where to submit.
	DropHash [32]byte
	// Start is D_0, which names one registration of the drop; zeros at a front door.
	Start [32]byte
	// K counts the envelopes of this registration from 1; 0 at a front door.
	K uint32
	// EnvelopeHash is SHA-256(env).
	EnvelopeHash [32]byte
	// Head is D_K, which commits to all K envelopes in order; zeros at a front door.
	Head [32]byte
	// Time and Kept are when the envelope was taken and until when it is kept, in ms.
	Time, Kept uint64
}

// Append appends the leaf's ReceiptSize bytes to dst.
func (r *Receipt) Append(dst []byte) []byte {
	dst = append(dst, LeafReceipt)
	dst = append(dst, r.Node[:]...)
	dst = append(dst, r.DropHash[:]...)
	dst = append(dst, r.Start[:]...)
	dst = binary.BigEndian.AppendUint32(dst, r.K)
	dst = append(dst, r.EnvelopeHash[:]...)
	dst = append(dst, r.Head[:]...)
	dst = binary.BigEndian.AppendUint64(dst, r.Time)
	return binary.BigEndian.AppendUint64(dst, r.Kept)
}

// ParseReceipt reads a receipt leaf. It proves nothing: Verify checks the tree.
// Errors: wire.ErrTruncated, ErrTrailing, ErrWrongKind, and
// ErrValue for a k of 0 beside heads that are not zeros, a k beside heads that
// are, or an end before the beginning.
func ParseReceipt(leaf []byte) (*Receipt, error) {
	if err := checkLeaf(leaf, LeafReceipt, ReceiptSize); err != nil {
		return nil, err
	}
	var r Receipt
	b := leaf[1:]
	b = cut(r.Node[:], b)
	b = cut(r.DropHash[:], b)
	b = cut(r.Start[:], b)
	r.K, b = binary.BigEndian.Uint32(b), b[4:]
	b = cut(r.EnvelopeHash[:], b)
	b = cut(r.Head[:], b)
	r.Time, r.Kept = binary.BigEndian.Uint64(b), binary.BigEndian.Uint64(b[8:])
	zeros := [32]byte{}
	door := r.K == 0
	if door != (r.Start == zeros) || door != (r.Head == zeros) || r.Kept < r.Time {
		return nil, wire.ErrValue
	}
	return &r, nil
}

// IsDoor reports whether the receipt is a front door's: the envelope is pending
// and may be displaced.
func (r *Receipt) IsDoor() bool { return r.K == 0 }

// For reports whether the receipt is about this envelope in this drop.
func (r *Receipt) For(drop key.DropID, envelopeHash [32]byte) bool {
	return r.DropHash == sha256.Sum256(drop[:]) && r.EnvelopeHash == envelopeHash
}

// Head is a gateway's statement of an account's log: everything up to Position
// hashes to R. Two different R for one position convict the gateway.
type Head struct {
	// Account is the account's tag.
	Account key.AccountTag
	// Position is the newest durable row.
	Position wire.Position
	// R is the rolling head there (wire.NextHead).
	R [32]byte
}

// Append appends the leaf's HeadSize bytes to dst.
func (h *Head) Append(dst []byte) []byte {
	dst = append(dst, LeafHead)
	dst = append(dst, h.Account[:]...)
	dst = append(dst, h.Position[:]...)
	return append(dst, h.R[:]...)
}

// ParseHead reads a head leaf. It proves nothing: Verify checks the tree.
// Errors: wire.ErrTruncated, ErrTrailing, ErrWrongKind.
func ParseHead(leaf []byte) (*Head, error) {
	if err := checkLeaf(leaf, LeafHead, HeadSize); err != nil {
		return nil, err
	}
	var h Head
	b := cut(h.Account[:], leaf[1:])
	b = cut(h.Position[:], b)
	cut(h.R[:], b)
	return &h, nil
}

// checkLeaf checks kind and exact size.
func checkLeaf(leaf []byte, kind byte, size int) error {
	switch {
	case len(leaf) == 0:
		return wire.ErrTruncated
	case leaf[0] != kind:
		return wire.ErrWrongKind
	case len(leaf) < size:
		return wire.ErrTruncated
	case len(leaf) > size:
		return wire.ErrTrailing
	}
	return nil
}

// cut fills dst from the front of b and returns the rest.
func cut(dst, b []byte) []byte { return b[copy(dst, b):] }

// DropStart is D_0 of the registration of a drop that stands at position in the
// log of the account.
func DropStart(drop key.DropID, account key.AccountTag, position wire.Position) [32]byte {
	return DropStartOf(sha256.Sum256(drop[:]), account, position)
}

// DropStartOf is DropStart for who knows SHA-256(drop) only.
func DropStartOf(drop [32]byte, account key.AccountTag, position wire.Position) [32]byte {
	return key.Hash(key.PrefixDropStart, drop[:], account[:], position[:])
}

// NextDropHead is D_k from D_(k-1), k and SHA-256 of the k-th envelope.
func NextDropHead(previous [32]byte, k uint32, envelopeHash [32]byte) [32]byte {
	var n [4]byte
	binary.BigEndian.PutUint32(n[:], k)
	return key.Hash(key.PrefixDropHead, previous[:], n[:], envelopeHash[:])
}
