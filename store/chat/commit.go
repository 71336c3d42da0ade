package chat

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"

	"zeroms/client/profile"
	"zeroms/store"
)

// class is the SQL table that holds the rows of some client tables.
type class string

const (
	classRecord    class = "record"
	classEphemeral class = "ephemeral"
	classMessage   class = "message"
	classSeen      class = "seen"
)

// queries are the statements on the table of a class. update leaves the place of
// the row as it is, move does not.
type queries struct {
	find, insert, update, move, erase string
}

// texts are the queries by class; seen has others.
var texts = map[class]*queries{
	classRecord: {
		find:   `SELECT id, conv, height, NULL FROM record WHERE tbl = ? AND hash = ?`,
		insert: `INSERT INTO record (id, tbl, hash, conv, height, flags, data) VALUES (?, ?, ?, ?, ?, ?, ?)`,
		update: `UPDATE record SET flags = ?, data = ? WHERE id = ?`,
		move:   `UPDATE record SET flags = ?, data = ?, conv = ?, height = ? WHERE id = ?`,
		erase:  `DELETE FROM record WHERE id = ?`,
	},
	classEphemeral: {
		find:   `SELECT id, conv, height, NULL FROM ephemeral WHERE tbl = ? AND hash = ?`,
		insert: `INSERT INTO ephemeral (id, tbl, hash, conv, height, flags, data) VALUES (?, ?, ?, ?, ?, ?, ?)`,
		update: `UPDATE ephemeral SET flags = ?, data = ? WHERE id = ?`,
		move:   `UPDATE ephemeral SET flags = ?, data = ?, conv = ?, height = ? WHERE id = ?`,
		erase:  `DELETE FROM ephemeral WHERE id = ?`,
	},
	classMessage: {
		find:   `SELECT id, conv, height, alias FROM message WHERE tbl = ? AND hash = ?`,
		insert: `INSERT INTO message (id, tbl, hash, conv, height, flags, data, alias) VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
		update: `UPDATE message SET flags = ?, data = ? WHERE id = ?`,
		move:   `UPDATE message SET flags = ?, data = ?, conv = ?, height = ?, alias = ? WHERE id = ?`,
		erase:  `DELETE FROM message WHERE id = ?`,
	},
}

func classOf(t profile.Table) class {
	switch {
	case t == profile.TableMessage:
		return classMessage
	case t == profile.TableSeen:
		return classSeen
	case t.Ephemeral():
		return classEphemeral
	}
	return classRecord
}

const secondsOfDay = 24 * 60 * 60

// Commit applies the batch in one transaction: a change of the daily key if
// b.Now is on another UTC day than that of the key (a zero Now is on none), then
// the puts, then the erasures. It is on the disk when Commit returns nil, and
// nothing of it is after an error. A change of the day empties the WAL as Tidy
// does. Errors: ErrRow, ErrDamaged (at a change of the day), store.ErrFull,
// ErrBusy, ErrClosed, and the context's before the commit began.
func (db *DB) Commit(ctx context.Context, b *profile.Batch) error {
	if err := check(b); err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	db.mu.Lock()
	defer db.mu.Unlock()
	next := db.nextDay(b)
	if next == nil && b.Empty() {
		return nil
	}
	w := &writer{keys: db.keys, daily: db.daily, seats: db.seats}
	err := db.sql.Write(ctx, func(tx *store.Tx) error {
		w.tx = tx
		if next != nil {
			if err := w.changeDay(next); err != nil {
				return err
			}
		}
		for i := range b.Put {
			if err := w.put(&b.Put[i]); err != nil {
				return err
			}
		}
		for _, ref := range b.Erase {
			if err := w.erase(ref); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		clear(db.seats) // some are of rows that were not written
		return fmt.Errorf("commit: %w", translate(err))
	}
	if len(db.seats) > maxSeats {
		clear(db.seats)
	}
	db.dirty = db.dirty || w.erased
	if next != nil {
		db.daily = next
		// The batch is committed whatever comes of this: if it fails, the WAL stays
		// for the next Tidy.
		_ = db.tidy(ctx)
	}
	return nil
}

func check(b *profile.Batch) error {
	for _, r := range b.Put {
		if r.Table == 0 || len(r.Key) > maxKeyBytes || len(r.Alias) > maxKeyBytes || len(r.Data) > maxDataBytes ||
			len(r.Alias) > 0 && r.Table != profile.TableMessage {
			return fmt.Errorf("put into table %d, key of %d bytes, data of %d bytes: %w", r.Table, len(r.Key), len(r.Data), ErrRow)
		}
	}
	for _, r := range b.Erase {
		if r.Table == 0 || len(r.Key) > maxKeyBytes {
			return fmt.Errorf("erase from table %d, key of %d bytes: %w", r.Table, len(r.Key), ErrRow)
		}
	}
	return nil
}

// nextDay is a new daily key if the batch is of another day than the current
// key, else nil. A clock that went back counts too: else one that once stood in
// the future would keep the key alive until then.
func (db *DB) nextDay(b *profile.Batch) *dailyKey {
	if b.Now.IsZero() {
		return nil
	}
	day := b.Now.Unix() / secondsOfDay
	if day == db.daily.day {
		return nil
	}
	return newDailyKey(day, newSecret())
}

// maxSeats bounds the rows whose seats are remembered.
const maxSeats = 8192

// name names a row: table and hash.
type name [1 + hashSize]byte

func nameOf(t profile.Table, hash [hashSize]byte) (n name) {
	n[0] = byte(t)
	copy(n[1:], hash[:])
	return n
}

// seat is where a row stands: its id and what its indexes hold.
type seat struct {
	id     int64
	conv   uint64
	height uint32
	alias  [hashSize]byte
	named  bool // it has an alias
}

// writer writes within one transaction.
type writer struct {
	tx    *store.Tx
	keys  *keys
	daily *dailyKey
	seats map[name]seat // of rows that were written lately
	full  bool          // no slot is free
	// erased is set once something was erased or replaced: its old bytes are in the WAL.
	erased bool
}

// classKey makes the cipher keys of a class from slots.
func (w *writer) classKey(c class) *macer {
	if c == classEphemeral {
		return w.daily.slots
	}
	return w.keys.slots
}

func (w *writer) put(r *profile.Row) error {
	c := classOf(r.Table)
	hash := w.keys.hashOf(r.Table, r.Key)
	aad := rowAAD(r.Table, hash, r.Conv, r.Height, r.Flags)
	payload := encodePayload(r.Key, r.Data)
	if c == classSeen {
		_, err := w.tx.Exec(`INSERT OR REPLACE INTO seen (hash, conv, height, flags, data) VALUES (?, ?, ?, ?, ?)`,
			hash[:], int64(r.Conv), int64(r.Height), int64(r.Flags), seal(w.keys.seen, payload, aad))
		return err
	}
	n := nameOf(r.Table, hash)
	was, err := w.find(c, n)
	known := err == nil
	if errors.Is(err, store.ErrNoRows) {
		was.id, err = w.freeSlot()
	}
	if err != nil {
		return err
	}
	slot := newSlot()
	now := seat{conv: r.Conv, height: r.Height, alias: was.alias, named: was.named}
	if now.id, err = w.fill(was.id, slot); err != nil {
		return err
	}
	if len(r.Alias) > 0 {
		now.alias, now.named = w.keys.hashOf(r.Table, r.Alias), true
	}
	data := seal(slotCipher(w.classKey(c), slot), payload, aad)
	switch {
	case known && now == was:
		_, err = w.tx.Exec(texts[c].update, int64(r.Flags), data, now.id)
	case known:
		err = w.move(r, now, data)
	default:
		err = w.insert(n, r, now, data)
	}
	w.seats[n] = now
	return err
}

// insert adds a row.
func (w *writer) insert(n name, r *profile.Row, at seat, data []byte) error {
	c := classOf(r.Table)
	args := []any{at.id, int64(n[0]), n[1:], int64(r.Conv), int64(r.Height), int64(r.Flags), data}
	if c == classMessage {
		alias, err := w.alias(at)
		if err != nil {
			return err
		}
		args = append(args, alias)
	}
	_, err := w.tx.Exec(texts[c].insert, args...)
	return err
}

// move changes a row with its place.
func (w *writer) move(r *profile.Row, at seat, data []byte) error {
	c := classOf(r.Table)
	args := []any{int64(r.Flags), data, int64(r.Conv), int64(r.Height)}
	if c == classMessage {
		alias, err := w.alias(at)
		if err != nil {
			return err
		}
		args = append(args, alias)
	}
	_, err := w.tx.Exec(texts[c].move, append(args, at.id)...)
	return err
}

// alias is the alias that a message gets, nil for none, after another message
// with the same one has lost it.
func (w *writer) alias(at seat) ([]byte, error) {
	if !at.named {
		return nil, nil
	}
	res, err := w.tx.Exec(`UPDATE message SET alias = NULL WHERE alias = ? AND id <> ?`, at.alias[:], at.id)
	if res.RowsAffected > 0 {
		clear(w.seats)
	}
	return at.alias[:], err
}

// find returns the place of a row, store.ErrNoRows if there is none.
func (w *writer) find(c class, n name) (at seat, err error) {
	if at, ok := w.seats[n]; ok {
		return at, nil
	}
	var conv, height int64
	var alias []byte
	if err := w.tx.QueryRow(texts[c].find, int64(n[0]), n[1:]).Scan(&at.id, &conv, &height, &alias); err != nil {
		return seat{}, err
	}
	at.conv, at.height = uint64(conv), uint32(height)
	at.named = copy(at.alias[:], alias) > 0
	return at, nil
}

// freeSlot returns the id of an unused slot, 0 if there is none.
func (w *writer) freeSlot() (id int64, err error) {
	if w.full {
		return 0, nil
	}
	err = w.tx.QueryRow(`SELECT id FROM slot WHERE used = 0 LIMIT 1`).Scan(&id)
	if errors.Is(err, store.ErrNoRows) {
		w.full = true
		return 0, nil
	}
	return id, err
}

// fill puts new bytes into a slot, which erases the old ones, and returns its id.
// Id 0 appends a slot.
func (w *writer) fill(id int64, slot []byte) (int64, error) {
	if id == 0 {
		res, err := w.tx.Exec(`INSERT INTO slot (used, secret) VALUES (1, ?)`, slot)
		return res.LastInsertID, err
	}
	w.erased = true // unless the slot was free
	_, err := w.tx.Exec(`UPDATE slot SET used = 1, secret = ? WHERE id = ?`, slot, id)
	return id, err
}

func newSlot() []byte {
	b := make([]byte, slotSize)
	_, _ = rand.Read(b) // never fails
	return b
}

// erase deletes a row, if it is there, and the slot that opened it.
func (w *writer) erase(ref profile.Ref) error {
	c := classOf(ref.Table)
	hash := w.keys.hashOf(ref.Table, ref.Key)
	w.erased = true
	if c == classSeen {
		_, err := w.tx.Exec(`DELETE FROM seen WHERE hash = ?`, hash[:])
		return err
	}
	n := nameOf(ref.Table, hash)
	at, err := w.find(c, n)
	if errors.Is(err, store.ErrNoRows) {
		return nil
	}
	if err != nil {
		return err
	}
	delete(w.seats, n)
	if _, err := w.tx.Exec(texts[c].erase, at.id); err != nil {
		return err
	}
	w.full = false
	_, err = w.tx.Exec(`UPDATE slot SET used = 0, secret = zeroblob(32) WHERE id = ?`, at.id)
	return err
}

// changeDay seals every ephemeral row under a new daily key, in a new slot
// content, and overwrites the old daily key. Errors: ErrDamaged.
func (w *writer) changeDay(next *dailyKey) error {
	stored, err := readStored(&w.tx.View, classEphemeral, "ORDER BY r.id")
	if err != nil {
		return err
	}
	old := w.daily
	w.daily, w.erased = next, true
	for _, s := range stored {
		payload, err := s.open(old.slots)
		if err != nil {
			return err
		}
		slot := newSlot()
		if _, err := w.fill(s.id, slot); err != nil {
			return err
		}
		sealed := seal(slotCipher(next.slots, slot), payload, s.aad())
		if _, err := w.tx.Exec(`UPDATE ephemeral SET data = ? WHERE id = ?`, sealed, s.id); err != nil {
			return err
		}
	}
	_, err = w.tx.Exec(`UPDATE day SET day = ?, wrapped = ? WHERE id = 1`, dayBytes(next.day), w.keys.wrapDay(next))
	return err
}
