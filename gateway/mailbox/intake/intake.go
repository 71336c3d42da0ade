// Package intake is what a submission to an account is checked against beside
// the account's state: the sizes of envelopes, and the envelopes of the last
// wire.DedupeWindow (docs/protocol/mailbox.md, "Submitting"). It holds no lock and
// reads no clock.
package intake

import (
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

// Intake holds the recent envelopes of one account.
type Intake struct {
	// Made is when it was read from the rows.
	Made time.Time

	seed maphash.Seed
	// seen holds row indexes by a keyed hash of drop and envelope hash; the row
	// itself decides, so a collision only costs a read.
	seen map[uint64]uint64
	most int // entries of seen: maps do not shrink
}

// entryBytes is what an entry takes in a map at worst.
const entryBytes = 40

// Bytes is about how much memory it takes.
func (in *Intake) Bytes() int { return entryBytes * in.most }

// New makes an empty intake.
func New(now time.Time) *Intake {
	return &Intake{Made: now, seed: maphash.MakeSeed(), seen: make(map[uint64]uint64)}
}

// fingerprint names an envelope in a drop within this intake.
func (in *Intake) fingerprint(drop key.DropID, envelope [32]byte) uint64 {
	return maphash.Comparable(in.seed, struct {
		drop     key.DropID
		envelope [32]byte
	}{drop, envelope})
}

// Note adds an envelope's row; rows of other kinds are not kept.
func (in *Intake) Note(row *wire.Push) {
	if row.Kind == wire.RowEnvelope || row.Kind == wire.RowDoor {
		in.seen[in.fingerprint(row.Drop, row.Hash)] = row.Position.Index()
		in.most = max(in.most, len(in.seen))
	}
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
