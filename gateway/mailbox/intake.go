package mailbox

import (
	"context"
	"crypto/sha256"
	"hash/maphash"
	"time"

	"zeroms/protocol/key"
	"zeroms/protocol/wire"
)

// intake is what submissions to an account are checked against: the envelopes of
// the last wire.DedupeWindow and what waits at its doors. It is read from the
// rows when the first submission comes. Guarded by Mailbox.mu.
type intake struct {
	made time.Time
	seed maphash.Seed
	// seen holds row indexes by a keyed hash of drop and envelope hash; the row
	// itself decides, so a collision only costs a read.
	seen  map[uint64]uint64
	doors map[key.DropID][]waiting
}

// waiting is an envelope at a front door that some cursor has not passed.
type waiting struct {
	index uint64
	init  [12]byte // of the encapsulation, see Row.Origin
}

func newIntake(now time.Time) *intake {
	return &intake{
		made: now, seed: maphash.MakeSeed(),
		seen: make(map[uint64]uint64), doors: make(map[key.DropID][]waiting),
	}
}

// fingerprint names an envelope in a drop within this intake.
func (in *intake) fingerprint(drop key.DropID, envelope [32]byte) uint64 {
	return maphash.Comparable(in.seed, struct {
		drop     key.DropID
		envelope [32]byte
	}{drop, envelope})
}

// note adds a row; floor is the index of the account's floor.
func (in *intake) note(row *Row, floor uint64) {
	if !envelope(row.Kind) {
		return
	}
	index := row.Position.Index()
	in.seen[in.fingerprint(row.Drop, row.Hash)] = index
	if row.Kind == wire.RowDoor && index > floor {
		in.doors[row.Drop] = append(in.doors[row.Drop], waiting{index, row.Origin})
	}
}

// doorFull reports whether a door has no room for one more envelope, or none for
// one more with this encapsulation.
func (in *intake) doorFull(door key.DropID, init [12]byte, floor uint64) bool {
	all := in.doors[door]
	for len(all) > 0 && all[0].index <= floor {
		all = all[1:]
	}
	in.doors[door] = all
	same := 0
	for _, w := range all {
		if w.init == init {
			same++
		}
	}
	return len(all) >= wire.DoorPending || same >= wire.DoorPerInit
}

// initOf is the first 12 bytes of SHA-256 of an init envelope's encapsulation,
// which stands in its bytes 9 to 1129.
func initOf(envelope []byte) (out [12]byte) {
	h := sha256.Sum256(envelope[9:1129])
	copy(out[:], h[:])
	return out
}

// loadIntake makes sure that a.intake is there. While it is missing nobody adds
// envelopes to the account, so the Store has them all.
func (m *Mailbox) loadIntake(a *account) error {
	m.mu.Lock()
	now := time.Now()
	if a.intake != nil && now.Sub(a.intake.made) > intakeFresh && !a.dirty && !a.inFlight {
		a.intake = nil // what left the window is dropped by reading it again
	}
	loaded := a.intake != nil
	m.mu.Unlock()
	if loaded {
		return nil
	}
	return m.exclusive(a, func() error {
		m.mu.Lock()
		loaded, floor := a.intake != nil, a.floor.Position.Index()
		m.mu.Unlock()
		if loaded {
			return nil
		}
		in := newIntake(now)
		r := RowRange{
			Account: a.tag, From: 1, MaxRows: intakePage, Bare: true,
			Since: wire.Millis(now.Add(-wire.DedupeWindow)),
		}
		for {
			rows, err := m.cfg.Store.Rows(context.Background(), r)
			if err != nil {
				return m.unavailable("read rows", err)
			}
			for i := range rows {
				in.note(&rows[i], floor)
			}
			if len(rows) == 0 {
				break
			}
			r.From = rows[len(rows)-1].Position.Index() + 1
		}
		m.mu.Lock()
		a.intake = in
		m.mu.Unlock()
		return nil
	})
}
