// Package intake is what a submission to an account is checked against beside
// the account's state: the sizes of envelopes, the envelopes of the last
// wire.DedupeWindow, and what waits at front doors (docs/protocol/mailbox.md,
// "Submitting"). It holds no lock and reads no clock.
package intake

import (
	"crypto/sha256"
	"hash/maphash"
	"time"

	"zeroms/protocol/key"
	"zeroms/protocol/wire"
)

// First bytes of envelopes (docs/protocol/envelope.md).
const (
	envelopeMessage = 0x01 // 1, 4, 16 or 64 KiB
	envelopeInit    = 0x81 // 4 KiB
)

// Sized reports whether an envelope has one of the sizes of its kind.
func Sized(env []byte) bool {
	switch len(env) {
	case 4 << 10:
		return env[0] == envelopeMessage || env[0] == envelopeInit
	case 1 << 10, 16 << 10, 64 << 10:
		return env[0] == envelopeMessage
	}
	return false
}

// Init reports whether a front door may take a sized envelope, and returns the
// first 12 bytes of SHA-256 of its encapsulation, which stands in its bytes 9 to
// 1129.
func Init(env []byte) (encapsulation [12]byte, ok bool) {
	if len(env) != 4<<10 || env[0] != envelopeInit {
		return encapsulation, false
	}
	h := sha256.Sum256(env[9:1129])
	return [12]byte(h[:12]), true
}

// Intake holds the recent envelopes of one account.
type Intake struct {
	// Made is when it was read from the rows.
	Made time.Time

	seed maphash.Seed
	// seen holds row indexes by a keyed hash of drop and envelope hash; the row
	// itself decides, so a collision only costs a read.
	seen  map[uint64]uint64
	doors map[key.DropID][]waiting
}

// waiting is an envelope at a front door that some cursor has not passed.
type waiting struct {
	index         uint64
	encapsulation [12]byte
}

// New makes an empty intake.
func New(now time.Time) *Intake {
	return &Intake{
		Made: now, seed: maphash.MakeSeed(),
		seen: make(map[uint64]uint64), doors: make(map[key.DropID][]waiting),
	}
}

// fingerprint names an envelope in a drop within this intake.
func (in *Intake) fingerprint(drop key.DropID, envelope [32]byte) uint64 {
	return maphash.Comparable(in.seed, struct {
		drop     key.DropID
		envelope [32]byte
	}{drop, envelope})
}

// Note adds an envelope's row; rows of other kinds and doors' rows up to floor,
// the account's, are not kept. origin is the encapsulation of a door's row.
func (in *Intake) Note(row *wire.Push, origin [12]byte, floor uint64) {
	index := row.Position.Index()
	switch row.Kind {
	case wire.RowDoor:
		if index > floor {
			in.doors[row.Drop] = append(in.doors[row.Drop], waiting{index, origin})
		}
	case wire.RowEnvelope:
	default:
		return
	}
	in.seen[in.fingerprint(row.Drop, row.Hash)] = index
}

// Seen returns the index of the row that may hold an envelope already.
func (in *Intake) Seen(drop key.DropID, envelope [32]byte) (index uint64, ok bool) {
	index, ok = in.seen[in.fingerprint(drop, envelope)]
	return index, ok
}

// Forget takes back what Seen says of an envelope.
func (in *Intake) Forget(drop key.DropID, envelope [32]byte) {
	delete(in.seen, in.fingerprint(drop, envelope))
}

// CloseDoor forgets what waits at a door.
func (in *Intake) CloseDoor(door key.DropID) { delete(in.doors, door) }

// Full reports whether a door has no room for one more envelope, or none for one
// more with this encapsulation. What is not above floor waits no longer.
func (in *Intake) Full(door key.DropID, encapsulation [12]byte, floor uint64) bool {
	all := in.doors[door]
	for len(all) > 0 && all[0].index <= floor {
		all = all[1:]
	}
	in.doors[door] = all
	same := 0
	for _, w := range all {
		if w.encapsulation == encapsulation {
			same++
		}
	}
	return len(all) >= wire.DoorPending || same >= wire.DoorPerInit
}
