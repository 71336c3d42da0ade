// Package ledger is the append-only log of one account: rows, marks, and what
// of the log a gateway holds in memory (docs/protocol/mailbox.md, "The log"). It
// holds no lock and reads no clock.
package ledger

import (
	"crypto/sha256"

	"zeroms/protocol/key"
	"zeroms/protocol/wire"
)

// Mark is a place in a log together with what is summed up to it.
type Mark struct {
	// Position of the row; zeros before the first one.
	Position wire.Position
	// R is the rolling head there.
	R [32]byte
	// Total counts the payload bytes of all rows up to it.
	Total uint64
}

// Index is the index of the mark's row.
func (m Mark) Index() uint64 { return m.Position.Index() }

// Row is one row of a log.
type Row struct {
	wire.Push
	// R is the rolling head after the row (not filled for bare ranges).
	R [32]byte
	// Total counts the payload bytes up to and with the row.
	Total uint64
	// Size is the payload's length, also when it is erased.
	Size uint32
	// Kept is until when the payload is kept, in ms.
	Kept uint64
	// Origin is the position of the drop's registration row for RowEnvelope, the
	// first 12 bytes of SHA-256(encapsulation) for an init envelope of RowDoor.
	Origin [12]byte
	// Bits is the work that came with an envelope at a public door.
	Bits uint8
	// Displaced is set when another envelope took the place at the door: the
	// payload is gone and the row counts for nothing but the log.
	Displaced bool
}

// Mark is the row's place.
func (r *Row) Mark() Mark { return Mark{r.Position, r.R, r.Total} }

// Envelope reports whether rows of this kind carry an envelope.
func Envelope(kind uint8) bool { return kind == wire.RowEnvelope || kind == wire.RowDoor }

// Log is the part of a log that is in memory.
type Log struct {
	// Head is the newest row, Durable the newest one on the disk, Floor the newest
	// one whose payload is owed to nobody.
	Head, Durable, Floor Mark
	// Oldest is the index of the row before the oldest one kept.
	Oldest uint64

	// tail holds the newest rows without a gap: all that are not durable, and
	// durable ones that a link still needs.
	tail      []Row
	tailBytes int

	unsaved   []Row
	before    Mark     // Head before the first of unsaved
	displaced []uint64 // rows that are not in unsaved
	taken     bool     // what Take handed out last displaces rows
}

// rowBytes is about what a row takes in memory beside its payload, with the room
// that a growing slice leaves.
const rowBytes = 512

// Unsaved is what the next commit takes of a log.
type Unsaved struct {
	// Before is the head before the first of Rows.
	Before Mark
	// Rows are all of one incarnation, with consecutive indexes.
	Rows []Row
	// Displaced are indexes of earlier rows.
	Displaced []uint64
}

// Bytes is about how much memory the log takes.
func (l *Log) Bytes() int {
	return l.tailBytes + rowBytes*(len(l.tail)+len(l.unsaved)) + 8*len(l.displaced)
}

// Displacing reports whether rows were displaced that the disk still has as they
// were, or may have.
func (l *Log) Displacing() bool { return l.taken || len(l.displaced) > 0 }

// Settle notes that what Take handed out last is on the disk, up to a mark.
func (l *Log) Settle(durable Mark) { l.Durable, l.taken = durable, false }

// Next is where Append puts the row that it is given.
func (l *Log) Next(incarnation uint32) wire.Position {
	index := l.Head.Index() + 1
	if l.Head.Position.Incarnation() != incarnation {
		index++
	}
	return wire.At(incarnation, index)
}

// Append adds a row, after the start row of the incarnation if there is none
// yet. Position, Size, Total and R are filled in; times are the caller's.
func (l *Log) Append(incarnation uint32, row Row) *Row {
	if l.Head.Position.Incarnation() != incarnation {
		last := key.Join(wire.Uint64(l.Head.Index()), l.Head.R[:])
		l.add(incarnation, Row{Push: wire.Push{
			Kind: wire.RowStart, Hash: sha256.Sum256(last), Time: row.Time, Payload: last,
		}, Kept: row.Kept})
	}
	return l.add(incarnation, row)
}

func (l *Log) add(incarnation uint32, row Row) *Row {
	if len(l.unsaved) == 0 {
		l.before = l.Head
	}
	row.Position = wire.At(incarnation, l.Head.Index()+1)
	row.Size = uint32(len(row.Payload))
	row.Total = l.Head.Total + uint64(row.Size)
	row.R = wire.NextHead(l.Head.R, row.Row())
	l.Head = row.Mark()
	l.unsaved = append(l.unsaved, row)
	l.tail = append(l.tail, row)
	l.tailBytes += len(row.Payload)
	return &l.tail[len(l.tail)-1]
}

// Waiting is how many payload bytes are owed to somebody.
func (l *Log) Waiting() uint64 { return l.Head.Total - min(l.Floor.Total, l.Head.Total) }

// Len is how many rows are kept.
func (l *Log) Len() uint64 { return l.Head.Index() - l.Oldest }

// Raise sets the floor, which never goes back.
func (l *Log) Raise(floor Mark) {
	if floor.Index() > l.Floor.Index() {
		l.Floor = floor
	}
}

// Displace lets the payload of a row go whose place another one took.
func (l *Log) Displace(index uint64) {
	if row := l.Find(index); row != nil {
		l.tailBytes -= len(row.Payload)
		row.Payload, row.Displaced = nil, true
	}
	if len(l.unsaved) > 0 && index >= l.unsaved[0].Position.Index() {
		row := &l.unsaved[index-l.unsaved[0].Position.Index()]
		row.Payload, row.Displaced = nil, true
		return
	}
	l.displaced = append(l.displaced, index)
}

// Take hands out what the next commit takes, once. Payloads of envelopes that
// all cursors passed are left out: the acknowledgements are in this commit or an
// earlier one.
func (l *Log) Take() Unsaved {
	u := Unsaved{Before: l.before, Rows: l.unsaved, Displaced: l.displaced}
	if len(u.Rows) == 0 {
		u.Before = l.Head
	}
	for i := range u.Rows {
		row := &u.Rows[i]
		if row.Position.Index() > l.Floor.Index() {
			break
		}
		if Envelope(row.Kind) {
			row.Payload = nil
		}
	}
	l.unsaved, l.displaced, l.taken = nil, nil, len(u.Displaced) > 0
	return u
}

// Trim lets go of tail rows that are durable and at or below needed, and of more
// of them while they take more than limit bytes.
func (l *Log) Trim(needed uint64, limit int) {
	n := 0
	for n < len(l.tail) {
		row := &l.tail[n]
		index := row.Position.Index()
		if index > l.Durable.Index() || index > needed && l.tailBytes+rowBytes*(len(l.tail)-n) <= limit {
			break
		}
		l.tailBytes -= len(row.Payload)
		*row = Row{}
		n++
	}
	l.tail = l.tail[n:]
	if len(l.tail) == 0 {
		l.tail = nil
	}
}

// From returns the rows from an index on if they are in memory, else nil.
func (l *Log) From(index uint64) []Row {
	if len(l.tail) == 0 {
		return nil
	}
	first := l.tail[0].Position.Index()
	if index < first || index-first >= uint64(len(l.tail)) {
		return nil
	}
	return l.tail[index-first:]
}

// Find returns the row with this index if it is in memory, else nil.
func (l *Log) Find(index uint64) *Row {
	if rows := l.From(index); rows != nil {
		return &rows[0]
	}
	return nil
}
