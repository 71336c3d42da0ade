// Package profile is what a client keeps: the owner, cards, home gateways,
// contacts, conversations, sessions, the outbox and the history, each as a
// plain struct that turns into a sealed row and back. It decides nothing.
//
// A row's bytes never leave the sealed store (docs/protocol/at-rest.md), so
// they are no protocol: they only have to stay readable for later versions.
// The first field of every record is its version.
package profile

import (
	"encoding/binary"
	"time"

	"zeroms/protocol/wire"
)

// Table names a kind of row.
type Table uint8

// The tables of a profile. Rows of Prekey, Session and Outbox are the secrets
// of the moment: a Store seals them under a key that changes daily and makes
// what is erased unreadable.
const (
	TableSelf         Table = 1  // one row: identity, device, name
	TableCard         Table = 2  // cards given out
	TableHome         Table = 3  // home gateways
	TableContact      Table = 4  // people
	TableConversation Table = 5  // chains, tips, acknowledgements of one conversation
	TableSeen         Table = 6  // hashes of envelopes already processed
	TableMessage      Table = 7  // the history
	TablePrekey       Table = 8  // prekeys that others may still use
	TableSession      Table = 9  // ratchets
	TableOutbox       Table = 10 // what is not delivered yet
	TableRepair       Table = 20 // what repair has done in one conversation
	TableEvidence     Table = 21 // proven faults of gateways
	TableLog          Table = 22 // the newest rows of the homes' logs, without payloads
	TableScore        Table = 26 // what was measured of gateways
)

// Ephemeral reports whether rows of the table are sealed under the daily key.
func (t Table) Ephemeral() bool { return t >= TablePrekey && t <= TableOutbox }

// Row is one row as plain data. Data is personal and must be sealed at rest;
// Keys too may only be stored as keyed hashes. Conv, Height and Flags may stand
// in the clear.
type Row struct {
	Table  Table
	Key    []byte // unique in its table, at most 32 bytes
	Alias  []byte // messages: a second key, at most 32 bytes; not handed back
	Conv   uint64 // local number of the conversation, 0 if none
	Height uint32 // messages: place in the display order
	Flags  uint32
	Data   []byte
}

// Ref names a row to erase.
type Ref struct {
	Table Table
	Key   []byte
}

// Batch is all that one turn of the engine writes and erases: it becomes
// durable as a whole or not at all.
type Batch struct {
	// Now is the time of the turn; a Store changes its daily key by it.
	Now   time.Time
	Put   []Row
	Erase []Ref
}

// Empty reports whether there is nothing to write.
func (b *Batch) Empty() bool { return len(b.Put) == 0 && len(b.Erase) == 0 }

const (
	version   = 1
	maxRecord = 5 << 20 // bytes of one row: a conversation holds a snapshot of up to 4 MiB
)

// parse reads a record. Its version is looked at first: a later version may
// have fields that this one does not know.
func parse(b []byte, into any, v *uint8) error {
	newer := wire.ErrVersion.Because("this profile was written by a newer version of ZeroMS")
	if n, ok := VersionOf(b); ok && n > version {
		return newer
	}
	if err := wire.Unmarshal(b, into, maxRecord); err != nil {
		return err
	}
	if *v != version {
		return wire.ErrValue.Because("the version of a row")
	}
	return nil
}

// VersionOf reads the first field of a record: a CBOR map whose first key is 1. It
// needs to know nothing of what follows.
func VersionOf(b []byte) (n uint64, ok bool) {
	switch {
	case len(b) < 3 || b[0]>>5 != 5:
		return 0, false
	case b[0] == 0xb8: // a map of 24 to 255 fields has its number in another byte
		b = b[1:]
	case b[0] > 0xb7:
		return 0, false
	}
	if len(b) < 3 || b[1] != 1 {
		return 0, false
	}
	switch head := b[2]; {
	case head < 24:
		return uint64(head), true
	case head == 24 && len(b) > 3:
		return uint64(b[3]), true
	}
	return 0, false
}

// Number is a row key made of a local number, 8 bytes.
func Number(n uint64) []byte { return binary.BigEndian.AppendUint64(nil, n) }

func parseNumber(b []byte) (uint64, error) {
	if len(b) != 8 {
		return 0, wire.ErrValue.Because("the key of a row")
	}
	return binary.BigEndian.Uint64(b), nil
}

// SeenRow remembers until the given day (days since 1970) that an envelope or
// an init with this hash was processed.
func SeenRow(hash [16]byte, day uint32) Row {
	return Row{Table: TableSeen, Key: hash[:], Flags: day}
}

// Day is the number of days since 1970, UTC.
func Day(t time.Time) uint32 { return uint32(max(t.Unix(), 0) / 86400) }
