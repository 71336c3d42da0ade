package session

import (
	"crypto/sha256"
	"encoding/binary"

	"zeroms/protocol/key"
	"zeroms/protocol/wire"
)

// Sizes and limits of the block, in bytes.
const (
	BlockSize    = 1200
	LeaseSize    = 52
	MaxLeases    = 2
	MaxListEntry = 864
)

// The flags of an init.
const (
	FlagDoor   uint8 = 1 << 0 // the door secret of the card with the card id is mixed in
	FlagResync uint8 = 1 << 1 // the sender lost its ratchet

	knownFlags = FlagDoor | FlagResync
)

// Lease is one place where the initiator receives, in the form of the address
// record: node key 32 | address 16 | port 2 | lapses 1 | flags 1. It is opaque
// to this package.
type Lease = [LeaseSize]byte

// Block is what an initiator hands over inside its init: who it is, and where
// and how it can be answered.
type Block struct {
	Identity  key.IdentityPublic // IK_a
	Device    key.DevicePublic   // DSK_a
	Ephemeral key.DHPublic       // e_a
	Gen       uint32             // at least 1
	Flags     uint8              // FlagDoor, FlagResync
	Card      key.CardID         // with FlagDoor, else zeros
	Drop      key.DropSecret     // W: where the initiator wants to be answered
	Leases    []Lease            // at most 2
	ListEntry []byte             // the newest entry of its device list, 1 to 864 bytes
}

// check applies the limits of every field but the keys. Errors: ErrValue.
func (b *Block) check() error {
	switch {
	case b.Gen == 0:
		return wire.ErrValue.Because("gen")
	case b.Flags&^knownFlags != 0:
		return wire.ErrValue.Because("flags of an init")
	case (b.Flags&FlagDoor != 0) == (b.Card == key.CardID{}):
		return wire.ErrValue.Because("card id of an init")
	case b.Drop.IsZero():
		return wire.ErrValue.Because("drop secret of an init")
	case len(b.Leases) > MaxLeases:
		return wire.ErrValue.Because("leases of an init")
	case len(b.ListEntry) == 0 || len(b.ListEntry) > MaxListEntry:
		return wire.ErrValue.Because("device list entry of an init")
	}
	return nil
}

// unsigned is the block before its signature; the block was checked.
func (b *Block) unsigned() []byte {
	out := make([]byte, 0, BlockSize)
	out = append(out, b.Identity[:]...)
	out = append(out, b.Device[:]...)
	out = append(out, b.Ephemeral[:]...)
	out = binary.BigEndian.AppendUint32(out, b.Gen)
	out = append(out, b.Flags)
	out = append(out, b.Card[:]...)
	out = append(out, b.Drop.Bytes()...)
	out = append(out, byte(len(b.Leases)))
	for _, l := range b.Leases {
		out = append(out, l[:]...)
	}
	out = binary.BigEndian.AppendUint16(out, uint16(len(b.ListEntry)))
	return append(out, b.ListEntry...)
}

// seal signs the block for the handshake th and pads it to 1200 bytes.
func (b *Block) seal(dsk key.DevicePrivate, th [32]byte) []byte {
	out := b.unsigned()
	out = append(out, dsk.Sign(key.ContextInit, signedInit(th, out))...)
	return append(out, make([]byte, BlockSize-len(out))...)
}

// signedInit is what the initiator signs: th | SHA-256(block before sig).
func signedInit(th [32]byte, unsigned []byte) []byte {
	h := sha256.Sum256(unsigned)
	return key.Join(th[:], h[:])
}

// parseBlock reads the 1200 bytes and checks every field; the signature is for
// the caller, who knows th: sig over signedInit(th, raw[:signed]). Errors:
// ErrMalformed for another size, ErrTruncated, ErrPublicKey, ErrValue,
// ErrNotCanonical for anything but zeros after the signature.
func parseBlock(raw []byte) (b *Block, signed int, err error) {
	if len(raw) != BlockSize {
		return nil, 0, wire.ErrMalformed
	}
	r := reader{rest: raw}
	b = new(Block)
	if b.Identity, err = key.ParsePublic[key.Identity](r.take(32)); err != nil {
		return nil, 0, wire.ErrPublicKey.Because("identity key")
	}
	if b.Device, err = key.ParsePublic[key.Device](r.take(32)); err != nil {
		return nil, 0, wire.ErrPublicKey.Because("device key")
	}
	copy(b.Ephemeral[:], r.take(32))
	b.Gen = binary.BigEndian.Uint32(r.take(4))
	b.Flags = r.take(1)[0]
	copy(b.Card[:], r.take(8))
	if b.Drop, err = key.DropSecretFrom(r.take(32)); err != nil {
		return nil, 0, wire.ErrValue
	}
	count := int(r.take(1)[0])
	if count > MaxLeases {
		return nil, 0, wire.ErrValue.Because("leases of an init")
	}
	for range count {
		b.Leases = append(b.Leases, Lease(r.take(LeaseSize)))
	}
	length := int(binary.BigEndian.Uint16(r.take(2)))
	if length > MaxListEntry {
		return nil, 0, wire.ErrValue.Because("device list entry of an init")
	}
	b.ListEntry = append(b.ListEntry, r.take(length)...)
	signed = BlockSize - len(r.rest)
	r.take(key.SignatureSize)
	for _, z := range r.rest {
		if z != 0 {
			return nil, 0, wire.ErrNotCanonical.Because("bytes after the block")
		}
	}
	if !usable(b.Ephemeral) {
		return nil, 0, wire.ErrPublicKey.Because("ratchet key")
	}
	if err := b.check(); err != nil {
		return nil, 0, err
	}
	return b, signed, nil
}

// reader cuts fields off a block. The block is longer than all fields at their
// limits, so take never reaches its end.
type reader struct{ rest []byte }

func (r *reader) take(n int) []byte {
	out := r.rest[:n]
	r.rest = r.rest[n:]
	return out
}
