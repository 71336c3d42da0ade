// Package door is the front doors of one account: what waits there, who gets a
// place and for how much work (docs/protocol/mailbox.md, "Front doors"). It holds
// no lock and reads no clock.
package door

import (
	"crypto/sha256"
	"time"

	"zeroms/protocol/key"
	"zeroms/protocol/wire"
)

// envelopeInit is the first byte of an init envelope (docs/protocol/envelope.md).
const envelopeInit = 0x81

// Init reports whether a door may take an envelope, and returns the first 12
// bytes of SHA-256 of its encapsulation, which stands in its bytes 9 to 1128.
func Init(env []byte) (encapsulation [12]byte, ok bool) {
	if len(env) != 4<<10 || env[0] != envelopeInit {
		return encapsulation, false
	}
	h := sha256.Sum256(env[9:1129])
	return [12]byte(h[:12]), true
}

// Work is how many zero bits the work for an envelope has, at most
// wire.MaxWorkBits; work of another size or day has none.
func Work(door key.DropID, envelope [32]byte, work []byte, now time.Time) uint8 {
	bits, err := wire.WorkBits(wire.DoorWork(door, envelope), work, now)
	if err != nil {
		return 0
	}
	return uint8(min(bits, wire.MaxWorkBits))
}

// Entry is an envelope that some cursor has not passed.
type Entry struct {
	// Index is that of its row.
	Index uint64
	// Envelope is its hash.
	Envelope [32]byte
	// Encapsulation is Init's.
	Encapsulation [12]byte
	// Bits is the work that came with it.
	Bits uint8
}

// Waiting is what waits at the doors of an account.
type Waiting struct {
	doors map[key.DropID][]Entry
	noted int
}

// entryBytes is what an entry takes at worst, with its share of a door.
const entryBytes = 192

// NewWaiting makes empty doors.
func NewWaiting() *Waiting { return &Waiting{doors: make(map[key.DropID][]Entry)} }

// Bytes is at most how much memory it takes, as if nothing that was noted had gone.
func (w *Waiting) Bytes() int { return entryBytes * w.noted }

// Note adds an entry; they come in the order of their rows.
func (w *Waiting) Note(door key.DropID, e Entry) {
	w.doors[door] = append(w.doors[door], e)
	w.noted++
}

// Displace takes the entry with this index away.
func (w *Waiting) Displace(door key.DropID, index uint64) {
	all := w.doors[door]
	for i := range all {
		if all[i].Index == index {
			w.doors[door] = append(all[:i:i], all[i+1:]...)
			return
		}
	}
}

// Ask is an envelope in front of a door.
type Ask struct {
	Door          key.DropID
	Encapsulation [12]byte
	// Price is what the door asks for: 0 at a card's door.
	Price uint8
	// Bits is the work that came.
	Bits uint8
	// Floor is the account's: what is not above it waits no longer.
	Floor uint64
}

// Verdict is what becomes of an envelope in front of a door.
type Verdict struct {
	// Refused is 0 if there is a place, else wire.CodeWork or CodeDoorFull.
	Refused wire.Code
	// Bits is the work that is accepted now; 0: none helps.
	Bits uint8
	// Displaced has to go first; nil: nobody.
	Displaced *Entry
}

// Admit decides on an envelope; it changes nothing but what waits no longer. At a
// public door that is full, more work than the least displaces the newest one of
// the least.
func (w *Waiting) Admit(a Ask) Verdict {
	all := w.doors[a.Door]
	for len(all) > 0 && all[0].Index <= a.Floor {
		all = all[1:]
	}
	w.doors[a.Door] = all
	same, least := 0, -1
	for i := range all {
		if all[i].Encapsulation == a.Encapsulation {
			same++
		}
		if least < 0 || all[i].Bits <= all[least].Bits {
			least = i
		}
	}
	full := len(all) >= wire.DoorPending
	price := a.Price
	if full && price > 0 {
		price = min(max(price, all[least].Bits+1), wire.MaxWorkBits)
	}
	switch {
	case a.Bits < a.Price:
		return Verdict{Refused: wire.CodeWork, Bits: price}
	case same >= wire.DoorPerInit:
		return Verdict{Refused: wire.CodeDoorFull}
	case !full:
		return Verdict{}
	case a.Price == 0 || a.Bits <= all[least].Bits:
		return Verdict{Refused: wire.CodeDoorFull, Bits: price}
	}
	gone := all[least]
	return Verdict{Displaced: &gone}
}
