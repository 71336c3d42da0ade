package chat

import (
	"context"
	"fmt"
	"math"

	"zeroms/client/profile"
	"zeroms/store"
)

// stored is a row as it lies in the database.
type stored struct {
	table  profile.Table
	hash   [hashSize]byte
	conv   uint64
	height uint32
	flags  uint32
	id     int64  // of the row and its slot
	data   []byte // sealed
	slot   []byte // nil when the slot is missing
	broken bool   // its plain columns are impossible
}

// damage names the row.
func (s *stored) damage() *Damage { return &Damage{Table: s.table, Row: s.id, Conv: s.conv} }

func (s *stored) aad() []byte { return rowAAD(s.table, s.hash, s.conv, s.height, s.flags) }

// open returns the payload of a row with a slot. Errors: ErrDamaged.
func (s *stored) open(class *macer) ([]byte, error) {
	if s.broken || len(s.slot) != slotSize {
		return nil, s.damage()
	}
	payload, err := unseal(slotCipher(class, s.slot), s.data, s.aad())
	if err != nil {
		return nil, s.damage()
	}
	return payload, nil
}

// row is the client's row with an opened payload. Errors: ErrDamaged.
func (s *stored) row(payload []byte) (profile.Row, error) {
	key, data, ok := decodePayload(payload)
	if !ok {
		return profile.Row{}, s.damage()
	}
	return profile.Row{Table: s.table, Key: key, Conv: s.conv, Height: s.height, Flags: s.flags, Data: data}, nil
}

// place takes the plain columns over. It reports whether they are possible.
func (s *stored) place(hash []byte, conv, height, flags int64) bool {
	if len(hash) != hashSize || height < 0 || height > math.MaxUint32 || flags < 0 || flags > math.MaxUint32 {
		return false
	}
	s.hash, s.conv, s.height, s.flags = [hashSize]byte(hash), uint64(conv), uint32(height), uint32(flags)
	return true
}

// readStored reads rows of a class other than seen with their slots; rest is the
// query after FROM, with r the class.
func readStored(v *store.View, c class, rest string, args ...any) ([]stored, error) {
	rows, err := v.Query(`SELECT r.id, r.tbl, r.hash, r.conv, r.height, r.flags, r.data, s.secret
		FROM `+string(c)+` r LEFT JOIN slot s ON s.id = r.id `+rest, args...)
	if err != nil {
		return nil, err
	}
	var out []stored
	for rows.Next() {
		var s stored
		var hash []byte
		var table, conv, height, flags int64
		if err := rows.Scan(&s.id, &table, &hash, &conv, &height, &flags, &s.data, &s.slot); err != nil {
			return nil, fmt.Errorf("%w (%w)", damaged("rows of kind "+string(c)), err)
		}
		s.table = profile.Table(table)
		s.broken = !s.place(hash, conv, height, flags) || table <= 0 || table > math.MaxUint8 || classOf(s.table) != c
		out = append(out, s)
	}
	return out, rows.Err()
}

// Load returns every row but the messages, in no order to rely on. Errors: ErrDamaged as soon as one row
// does not verify, store.ErrClosed, and the context's.
func (db *DB) Load(ctx context.Context) ([]profile.Row, error) {
	db.mu.Lock()
	defer db.mu.Unlock()
	var out []profile.Row
	err := db.sql.Read(ctx, func(v *store.View) error {
		for _, c := range []class{classRecord, classEphemeral} {
			list, err := readStored(v, c, "ORDER BY r.tbl, r.id")
			if err != nil {
				return err
			}
			key := db.keys.slots
			if c == classEphemeral {
				key = db.daily.slots
			}
			if out, err = openAll(out, list, key); err != nil {
				return err
			}
		}
		var err error
		out, err = db.loadSeen(v, out)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("load: %w", translate(err))
	}
	return out, nil
}

// openAll appends the opened rows to out.
func openAll(out []profile.Row, list []stored, class *macer) ([]profile.Row, error) {
	for i := range list {
		payload, err := list[i].open(class)
		if err != nil {
			return nil, err
		}
		r, err := list[i].row(payload)
		if err != nil {
			return nil, err
		}
		out = append(out, r)
	}
	return out, nil
}

func (db *DB) loadSeen(v *store.View, out []profile.Row) ([]profile.Row, error) {
	rows, err := v.Query(`SELECT hash, conv, height, flags, data FROM seen`)
	if err != nil {
		return nil, err
	}
	for rows.Next() {
		s := stored{table: profile.TableSeen}
		var hash []byte
		var conv, height, flags int64
		if err := rows.Scan(&hash, &conv, &height, &flags, &s.data); err != nil {
			return nil, fmt.Errorf("%w (%w)", s.damage(), err)
		}
		if !s.place(hash, conv, height, flags) {
			return nil, s.damage()
		}
		payload, err := unseal(db.keys.seen, s.data, s.aad())
		if err != nil {
			return nil, s.damage()
		}
		r, err := s.row(payload)
		if err != nil {
			return nil, err
		}
		out = append(out, r)
	}
	return out, rows.Err()
}

// Page returns up to n messages of a conversation with a height below before,
// highest first, and all that share the last one's height. Errors: ErrDamaged,
// store.ErrClosed, and the context's.
func (db *DB) Page(ctx context.Context, conv uint64, before uint32, n int) ([]profile.Row, error) {
	if n <= 0 {
		return nil, nil
	}
	var out []profile.Row
	err := db.sql.Read(ctx, func(v *store.View) error {
		list, err := readPage(v, conv, before, n)
		if err != nil {
			return err
		}
		out, err = openAll(nil, list, db.keys.slots)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("page: %w", translate(err))
	}
	return out, nil
}

// readPage reads the rows of a page.
func readPage(v *store.View, conv uint64, before uint32, n int) ([]stored, error) {
	list, err := readStored(v, classMessage, "WHERE r.conv = ? AND r.height < ? ORDER BY r.height DESC, r.id DESC LIMIT ?",
		int64(conv), before, n)
	if err != nil || len(list) < n {
		return list, err
	}
	last := list[n-1]
	rest, err := readStored(v, classMessage, "WHERE r.conv = ? AND r.height = ? AND r.id < ? ORDER BY r.id DESC",
		int64(conv), last.height, last.id)
	return append(list, rest...), err
}

// Message returns the message with this key or alias; ok is false if there is none.
// Errors: ErrDamaged, store.ErrClosed, and the context's.
func (db *DB) Message(ctx context.Context, key []byte) (row profile.Row, ok bool, err error) {
	if len(key) > maxKeyBytes {
		return profile.Row{}, false, nil
	}
	var list []profile.Row
	err = db.sql.Read(ctx, func(v *store.View) error {
		hash := db.keys.hashOf(profile.TableMessage, key)
		found, err := readStored(v, classMessage, "WHERE r.id = COALESCE((SELECT id FROM message WHERE alias = ?), (SELECT id FROM message WHERE tbl = ? AND hash = ?))",
			hash[:], int64(profile.TableMessage), hash[:])
		if err != nil {
			return err
		}
		list, err = openAll(nil, found, db.keys.slots)
		return err
	})
	if err != nil {
		return profile.Row{}, false, fmt.Errorf("message: %w", translate(err))
	}
	if len(list) == 0 {
		return profile.Row{}, false, nil
	}
	return list[0], true, nil
}

// Count returns how many messages a conversation has with a height below before, by
// their flags. It opens none of them. Errors: ErrDamaged, store.ErrClosed, and the
// context's.
func (db *DB) Count(ctx context.Context, conv uint64, before uint32) (map[uint32]int, error) {
	counts := map[uint32]int{}
	err := db.sql.Read(ctx, func(v *store.View) error {
		rows, err := v.Query(`SELECT flags, COUNT(*) FROM message WHERE conv = ? AND height < ? GROUP BY flags`, int64(conv), before)
		if err != nil {
			return err
		}
		for rows.Next() {
			var flags int64
			var n int
			if err := rows.Scan(&flags, &n); err != nil {
				return fmt.Errorf("%w (%w)", damaged("the flags of messages"), err)
			}
			if flags < 0 || flags > math.MaxUint32 {
				return damaged("the flags of messages")
			}
			counts[uint32(flags)] = n
		}
		return rows.Err()
	})
	if err != nil {
		return nil, fmt.Errorf("count: %w", translate(err))
	}
	return counts, nil
}
