package envelope

import (
	"crypto/subtle"

	"zeroms/protocol/key"
	"zeroms/protocol/wire"
)

// Envelope is an envelope whose outer form was checked. It keeps the bytes that
// it was parsed from, which must not change.
type Envelope struct {
	raw      []byte
	commit   []byte
	commitAt int
	slots    int
	bodyAt   int
}

// Parse checks the size, kind and number of slots of an ordinary envelope.
// Errors: ErrSizeClass, ErrUnexpected for an init envelope, ErrVersion for an
// unknown kind, ErrValue for a number of slots that does not belong to the size.
func Parse(env []byte) (*Envelope, error) {
	size := len(env)
	if Room(size, 1) == 0 {
		return nil, wire.ErrSizeClass
	}
	switch env[0] {
	case kindMessage:
	case kindInit:
		return nil, wire.ErrUnexpected.Because("an init envelope")
	default:
		return nil, wire.ErrVersion
	}
	n := int(env[1])
	if n != MaxSlots && size > Size1 || n != 2 && n != 4 && size == Size1 {
		return nil, wire.ErrValue.Because("number of slots")
	}
	return &Envelope{raw: env, commit: env[2:slotsAt], commitAt: 2, slots: n, bodyAt: slotsAt + n*SlotSize}, nil
}

// Size is the number of bytes of the whole envelope.
func (e *Envelope) Size() int { return len(e.raw) }

// Tags returns the tag of every slot, in their order in the envelope.
func (e *Envelope) Tags() [][TagSize]byte {
	tags := make([][TagSize]byte, e.slots)
	for i := range tags {
		copy(tags[i][:], e.slot(i))
	}
	return tags
}

// slot is the 112 bytes of one slot, nil if there is no such slot.
func (e *Envelope) slot(n int) []byte {
	if n < 0 || n >= e.slots {
		return nil
	}
	return e.raw[e.commitAt+commitSize+n*SlotSize:][:SlotSize]
}

// OpenHeader opens the header of a slot with hk of the chain in which its tag
// stands at index i. Errors: ErrOpen.
func (e *Envelope) OpenHeader(slot int, i uint32, hk [32]byte) (header [HeaderSize]byte, err error) {
	s := e.slot(slot)
	if s == nil {
		return header, wire.ErrOpen
	}
	p, ok := open(hk, i, s[TagSize:TagSize+HeaderSize+overhead], e.commit)
	if !ok {
		return header, wire.ErrOpen
	}
	copy(header[:], p)
	return header, nil
}

// OpenBody opens the records with the message key of a slot. It checks the
// commitment, so no two slots can open the same envelope to different records.
// Errors: ErrOpen; ErrMalformed, ErrTruncated or ErrNotCanonical for a body
// that its sender made wrongly.
func (e *Envelope) OpenBody(slot int, mk [32]byte) ([]Record, error) {
	s := e.slot(slot)
	if s == nil {
		return nil, wire.ErrOpen
	}
	head := s[:TagSize+HeaderSize+overhead]
	p, ok := open(key.KDF32(key.LabelWrap, mk[:]), 0, s[len(head):], key.Join(head, e.commit))
	if !ok {
		return nil, wire.ErrOpen
	}
	commit := key.KDF32(key.LabelCommit, p)
	if subtle.ConstantTimeCompare(commit[:], e.commit) != 1 {
		return nil, wire.ErrOpen.Because("key commitment")
	}
	body, ok := open(key.KDF32(key.LabelBody, p), 0, e.raw[e.bodyAt:], e.raw[:e.bodyAt])
	if !ok {
		return nil, wire.ErrOpen
	}
	return parseRecords(body)
}
