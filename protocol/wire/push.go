package wire

import (
	"encoding/binary"

	"zeroms/protocol/key"
)

// PositionSize is the size of a Position.
const PositionSize = 12

// Position is a place in an account's log: incarnation 4 | index 8.
type Position [PositionSize]byte

// At makes a position.
func At(incarnation uint32, index uint64) (p Position) {
	binary.BigEndian.PutUint32(p[:4], incarnation)
	binary.BigEndian.PutUint64(p[4:], index)
	return p
}

// Incarnation is the gateway's life in which the row was written.
func (p Position) Incarnation() uint32 { return binary.BigEndian.Uint32(p[:4]) }

// Index counts the rows of the log over all incarnations, from 1.
func (p Position) Index() uint64 { return binary.BigEndian.Uint64(p[4:]) }

// Kinds of rows of the log.
const (
	RowStart    uint8 = 0 // first row of an incarnation; payload: last index 8 | its R 32
	RowEnvelope uint8 = 1 // an envelope in a drop
	RowDoor     uint8 = 2 // an envelope at a front door: k 0, D zeros
	RowObject   uint8 = 3 // a signed Enrolment or DropObject
)

// Push is one row of the account's log with its payload. Time is the gateway's
// clock in ms when the row was written. Payload is empty for an envelope that
// is no longer kept; Hash is SHA-256 of what was there.
type Push struct {
	Position Position   `cbor:"1,keyasint"`
	Kind     uint8      `cbor:"2,keyasint"`
	Drop     key.DropID `cbor:"3,keyasint"` // zeros for rows of kind 0 and Enrolments
	K        uint32     `cbor:"4,keyasint"`
	Hash     [32]byte   `cbor:"5,keyasint"`
	D        [32]byte   `cbor:"6,keyasint"`
	Time     uint64     `cbor:"7,keyasint"`
	Payload  []byte     `cbor:"8,keyasint"`
}

// Type is TypePush.
func (*Push) Type() Type { return TypePush }

// RowSize is the size of a Row.
const RowSize = 105

// Row is what the rolling head chains: position 12 | kind 1 | drop 16 | k 4 |
// SHA-256(payload) 32 | D_k 32 | time 8 = 105 bytes.
func (p *Push) Row() []byte {
	var k [4]byte
	binary.BigEndian.PutUint32(k[:], p.K)
	return key.Join(p.Position[:], []byte{p.Kind}, p.Drop[:], k[:], p.Hash[:], p.D[:], Uint64(p.Time))
}

// NextHead is R_i = Hash("zms/1/mailbox-head", R_(i-1) | row); R_0 is zeros.
func NextHead(r [32]byte, row []byte) [32]byte { return key.Hash(key.PrefixMailboxHead, r[:], row) }

// Ack acknowledges everything up to a position on behalf of the logged-in
// device: Sig is by LK under "zms/1/mailbox-ack" over AckTranscript. There is
// no answer but an Error with CodeAckMismatch if R is not the gateway's.
type Ack struct {
	Upto Position `cbor:"1,keyasint"`
	R    [32]byte `cbor:"2,keyasint"`
	Sig  []byte   `cbor:"3,keyasint"`
}

// Type is TypeAck.
func (*Ack) Type() Type { return TypeAck }

// AckTranscript is what an Ack signs: account tag 32 | cursor 8 | upto 12 | R 32.
func AckTranscript(tag key.AccountTag, cursor key.CursorID, upto Position, r [32]byte) []byte {
	return key.Join(tag[:], cursor[:], upto[:], r[:])
}

// HeadGet asks for the signed durable head of the account's log. Answer: a
// Commit item.
type HeadGet struct{}

// Type is TypeHeadGet.
func (*HeadGet) Type() Type { return TypeHeadGet }

// Uint64 is n in 8 bytes, big-endian.
func Uint64(n uint64) []byte { return binary.BigEndian.AppendUint64(nil, n) }

// Uint32 is n in 4 bytes, big-endian.
func Uint32(n uint32) []byte { return binary.BigEndian.AppendUint32(nil, n) }
