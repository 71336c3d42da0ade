package mailbox

import (
	"bytes"
	"context"
	"errors"
	"time"

	"zeroms/gateway/mailbox"
	"zeroms/protocol/custody"
	"zeroms/protocol/key"
	"zeroms/protocol/wire"
	"zeroms/store"
)

// findBlocks bounds the blocks that one Find looks at.
const findBlocks = 1024

// Standing reads what an account answers with for a registration of a drop.
func (d *DB) Standing(ctx context.Context, q mailbox.StandingQuery, now time.Time) (s *mailbox.Standing, err error) {
	err = d.db.Read(ctx, func(v *store.View) error {
		a, err := account(v, q.Account, d.believed(now))
		if err != nil {
			return err
		}
		s = &mailbox.Standing{Head: a.Head, Floor: a.Floor}
		if err := v.QueryRow(`SELECT max(newest, ?) FROM meta`, wire.Millis(now)).Scan(&s.Time); err != nil {
			return err
		}
		for _, l := range a.Logins {
			if l.Enrolled != 0 {
				s.Logins = append(s.Logins, l)
			}
		}
		return registration(v, q, s)
	})
	return s, none(err)
}

// registration looks for a registration among the drop's present one and the
// earlier ones. Of one that is or was another account's nothing is said, not even
// that there is none: so a signed "there is none" means that it never was
// anybody's.
func registration(v *store.View, q mailbox.StandingQuery, s *mailbox.Standing) error {
	var tag key.AccountTag
	var now mailbox.Standing
	var door bool
	err := v.QueryRow(`SELECT tag, start, k, drops.head, door FROM drops JOIN accounts ON accounts.id = drops.account
		WHERE drops.id = ?`, q.Drop).Scan(&tag, &now.Start, &now.K, &now.D, &door)
	if none(err) != nil {
		return err
	}
	mine := err == nil && tag == q.Account && !door
	if err == nil && custody.DropStart(q.Drop, tag, now.Start) == q.D0 {
		if s.Known = mine; mine {
			s.Start, s.K, s.D = now.Start, now.K, now.D
		}
		return nil
	}
	err = v.QueryRow(`SELECT start, k, r.head FROM registrations r JOIN accounts a ON a.id = r.account
		WHERE r.id = ? AND d0 = ? AND tag = ?`, q.Drop, q.D0, q.Account).Scan(&s.Start, &s.K, &s.D)
	if s.Known = err == nil; none(err) != nil || s.Known {
		return none(err)
	}
	return v.QueryRow(`SELECT (? OR EXISTS (SELECT 1 FROM registrations r JOIN accounts a ON a.id = r.account WHERE r.id = ? AND tag = ?))
		AND NOT EXISTS (SELECT 1 FROM registrations WHERE id = ? AND d0 = ?)`,
		mine, q.Drop, q.Account, q.Drop, q.D0).Scan(&s.Known)
}

// Find looks for an envelope's row. SQLite compares bytes and hands out only the
// blocks that hold the drop's: a long log is looked through without being parsed.
func (d *DB) Find(ctx context.Context, q mailbox.RowQuery) (row *mailbox.Row, next uint64, err error) {
	pattern := q.Drop[:]
	if q.K > 0 {
		pattern = key.Join(pattern, wire.Uint32(q.K))
	}
	err = d.db.Read(ctx, func(v *store.View) error {
		var id int64
		if err := v.QueryRow(`SELECT id FROM accounts WHERE tag = ?`, q.Account).Scan(&id); err != nil {
			return err
		}
		var first, end uint64
		err := v.QueryRow(`SELECT ifnull(max(first), 0) FROM blocks WHERE account = ? AND first <= ?`, id, q.From).Scan(&first)
		if err != nil {
			return err
		}
		err = v.QueryRow(`SELECT first FROM blocks WHERE account = ? AND first >= ? ORDER BY first LIMIT 1 OFFSET ?`,
			id, first, findBlocks).Scan(&end)
		if errors.Is(err, store.ErrNoRows) {
			end, err = q.To+1, nil
		} else {
			next = end
		}
		if err != nil {
			return err
		}
		row, err = findIn(v, q, `SELECT id, before, packed FROM blocks
			WHERE account = ? AND first >= ? AND first < ? AND instr(packed, ?) > 0 ORDER BY first`, id, first, end, pattern)
		return err
	})
	if none(err) != nil || row != nil {
		next = 0
	}
	return row, next, none(err)
}

// findIn looks for a row in the blocks of a query.
func findIn(v *store.View, q mailbox.RowQuery, query string, args ...any) (*mailbox.Row, error) {
	rows, err := v.Query(query, args...)
	if err != nil {
		return nil, err
	}
	for rows.Next() {
		b, err := scanBlock(rows)
		if err != nil {
			return nil, err
		}
		parsed, err := parseBlock(b.packed, b.before, true)
		if err != nil {
			return nil, err
		}
		for i := range parsed {
			if row := &parsed[i].Row; fits(q, row) {
				row.Payload = nil
				return row, rows.Close()
			}
		}
	}
	return nil, rows.Err()
}

// fits reports whether a row is one that q asks for.
func fits(q mailbox.RowQuery, row *mailbox.Row) bool {
	index := row.Position.Index()
	return row.Kind == wire.RowEnvelope && row.Drop == q.Drop && bytes.Equal(row.Origin[:], q.Start[:]) &&
		(q.K == 0 || row.K == q.K) && index >= q.From && index <= q.To && (q.Since == 0 || row.Kept > q.Since)
}
