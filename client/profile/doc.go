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
)

// Ephemeral reports whether rows of the table are sealed under the daily key.
func (t Table) Ephemeral() bool { return t >= TablePrekey }

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
	maxRecord = 4 << 20 // bytes of one row
)

// parse reads a record and checks its version.
func parse(b []byte, into any, v *uint8) error {
	if err := wire.Unmarshal(b, into, maxRecord); err != nil {
		return err
	}
	if *v != version {
		return wire.ErrVersion.Because("this profile was written by a newer version of ZeroMS")
	}
	return nil
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
