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
	w := &writer{keys: db.keys, daily: db.daily}
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
		return fmt.Errorf("commit: %w", translate(err))
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
	return &dailyKey{day: day, key: newSecret()}
}

// writer writes within one transaction.
type writer struct {
	tx    *store.Tx
	keys  *keys
	daily *dailyKey
	// erased is set once something was erased or replaced: its old bytes are in the WAL.
	erased bool
}

// classKey is the secret from which slots make the cipher keys of a class.
func (w *writer) classKey(c class) secret {
	if c == classEphemeral {
		return w.daily.key
	}
	return w.keys.row
}

func (w *writer) put(r *profile.Row) error {
	c := classOf(r.Table)
	hash := w.keys.hashOf(r.Table, r.Key)
	aad := rowAAD(r.Table, hash, r.Conv, r.Height, r.Flags)
	payload := encodePayload(r.Key, r.Data)
	if c == classSeen {
		_, err := w.tx.Exec(`INSERT OR REPLACE INTO seen (hash, conv, height, flags, data) VALUES (?, ?, ?, ?, ?)`,
			hash, int64(r.Conv), r.Height, r.Flags, seal(w.keys.seen, payload, aad))
		return err
	}
	id, err := w.find(c, r.Table, hash)
	if errors.Is(err, store.ErrNoRows) {
		id, err = w.freeSlot()
	}
	if err != nil {
		return err
	}
	slot := newSlot()
	if id, err = w.fill(id, slot); err != nil {
		return err
	}
	if len(r.Alias) > 0 {
		if err := w.alias(r, hash); err != nil {
			return err
		}
	}
	_, err = w.tx.Exec(`INSERT INTO `+string(c)+` (id, tbl, hash, conv, height, flags, data) VALUES (?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (id) DO UPDATE SET conv = excluded.conv, height = excluded.height, flags = excluded.flags, data = excluded.data`,
		id, r.Table, hash, int64(r.Conv), r.Height, r.Flags, seal(slotCipher(w.classKey(c), slot), payload, aad))
	return err
}

// alias stores the second key of a row.
func (w *writer) alias(r *profile.Row, hash [hashSize]byte) error {
	_, err := w.tx.Exec(`INSERT OR REPLACE INTO alias (hash, target) VALUES (?, ?)`, w.keys.hashOf(r.Table, r.Alias), hash)
	return err
}

// find returns the id of a row, store.ErrNoRows if there is none.
func (w *writer) find(c class, t profile.Table, hash [hashSize]byte) (id int64, err error) {
	err = w.tx.QueryRow(`SELECT id FROM `+string(c)+` WHERE tbl = ? AND hash = ?`, t, hash).Scan(&id)
	return id, err
}

// freeSlot returns the id of an unused slot, 0 if there is none.
func (w *writer) freeSlot() (id int64, err error) {
	err = w.tx.QueryRow(`SELECT id FROM slot WHERE used = 0 LIMIT 1`).Scan(&id)
	if errors.Is(err, store.ErrNoRows) {
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
		_, err := w.tx.Exec(`DELETE FROM seen WHERE hash = ?`, hash)
		return err
	}
	id, err := w.find(c, ref.Table, hash)
	if errors.Is(err, store.ErrNoRows) {
		return nil
	}
	if err != nil {
		return err
	}
	if _, err := w.tx.Exec(`DELETE FROM `+string(c)+` WHERE id = ?`, id); err != nil {
		return err
	}
	if c == classMessage {
		if _, err := w.tx.Exec(`DELETE FROM alias WHERE target = ?`, hash); err != nil {
			return err
		}
	}
	_, err = w.tx.Exec(`UPDATE slot SET used = 0, secret = zeroblob(32) WHERE id = ?`, id)
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
		payload, err := s.open(old.key)
		if err != nil {
			return err
		}
		slot := newSlot()
		if _, err := w.fill(s.id, slot); err != nil {
			return err
		}
		sealed := seal(slotCipher(next.key, slot), payload, s.aad())
		if _, err := w.tx.Exec(`UPDATE ephemeral SET data = ? WHERE id = ?`, sealed, s.id); err != nil {
			return err
		}
	}
	_, err = w.tx.Exec(`UPDATE day SET day = ?, wrapped = ? WHERE id = 1`, dayBytes(next.day), w.keys.wrapDay(next))
	return err
}
