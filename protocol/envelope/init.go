package envelope

import (
	"zeroms/protocol/key"
	"zeroms/protocol/wire"
)

// Parts of an init envelope, in bytes.
const (
	HintSize   = 8
	SealedSize = 1216

	encAt      = 1 + HintSize
	sealedAt   = encAt + key.EncapsulatedSize
	initCommit = sealedAt + SealedSize
	initBodyAt = initCommit + commitSize + SlotSize

	// InitRoom is the number of bytes that records may take in an init
	// envelope: 1591.
	InitRoom = Size4 - initBodyAt - overhead
)

// Init is the handshake of an init envelope. It is sealed once and repeated
// byte for byte; all of it is public.
type Init struct {
	Hint   [HintSize]byte
	Enc    [key.EncapsulatedSize]byte
	Sealed [SealedSize]byte
}

// Hint names the prekey that enc was made to without trials:
// Hash("zms/1/hint", SPK public | enc)[:8].
func Hint(spk *key.PrekeyPublic, enc []byte) (h [HintSize]byte) {
	full := key.Hash(key.PrefixHint, spk[:], enc)
	copy(h[:], full[:])
	return h
}

// FitsInit reports whether extra may ride along with the records in an init
// envelope.
func FitsInit(records []Record, extra Record) bool {
	n, err := sizeOf(append(records[:len(records):len(records)], extra))
	return err == nil && n <= InitRoom
}

// PackInit seals the records for one device into an init envelope, always 4096
// bytes. Errors: ErrValue for records outside of their limits, ErrTooLarge if
// they don't fit 1591 bytes.
func PackInit(in *Init, records []Record, slot Slot) ([]byte, error) {
	n, err := sizeOf(records)
	if err != nil {
		return nil, err
	}
	if n > InitRoom {
		return nil, wire.ErrTooLarge
	}
	env := make([]byte, Size4)
	env[0] = kindInit
	copy(env[1:], in.Hint[:])
	copy(env[encAt:], in.Enc[:])
	copy(env[sealedAt:], in.Sealed[:])
	cek, commit := contentKey()
	copy(env[initCommit:], commit[:])
	sealSlot(env[initCommit+commitSize:initBodyAt], &slot, cek, commit)
	sealBody(env, initBodyAt, cek, records)
	return env, nil
}

// IsInit reports whether env has the size and kind of an init envelope.
func IsInit(env []byte) bool { return len(env) == Size4 && env[0] == kindInit }

// ParseInit cuts an init envelope into its handshake and the envelope with its
// one slot. Errors: ErrSizeClass, ErrUnexpected for an ordinary envelope,
// ErrVersion for an unknown kind.
func ParseInit(env []byte) (*Init, *Envelope, error) {
	switch {
	case Room(len(env), 1) == 0 || env[0] == kindInit && len(env) != Size4:
		return nil, nil, wire.ErrSizeClass
	case env[0] == kindMessage:
		return nil, nil, wire.ErrUnexpected.Because("an ordinary envelope")
	case env[0] != kindInit:
		return nil, nil, wire.ErrVersion
	}
	in := new(Init)
	copy(in.Hint[:], env[1:])
	copy(in.Enc[:], env[encAt:])
	copy(in.Sealed[:], env[sealedAt:])
	e := &Envelope{raw: env, commit: env[initCommit:][:commitSize], commitAt: initCommit, slots: 1, bodyAt: initBodyAt}
	return in, e, nil
}
