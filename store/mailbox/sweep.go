package mailbox

import (
	"context"
	"errors"
	"time"

	"zeroms/gateway/mailbox"
	"zeroms/protocol/wire"
	"zeroms/store"
)

// How much one Sweep does, so that commits wait for it only briefly.
const (
	sweepAccounts = 64
	sweepBlocks   = 256
	sweepSegments = 4
	sweepSmall    = 256
)

// grace is how long everything is kept past its time: a clock that is set back
// by less makes no promise look broken.
const grace = time.Hour

// overdue is the newest time limit that has passed for good at now; both in ms.
func overdue(now uint64) int64 { return int64(now) - grace.Milliseconds() }

// What Sweep looks for. The argument of most is the newest moment that is too old.
const (
	// uncounted are the accounts whose cursors passed what is not counted yet.
	uncounted = `FROM accounts WHERE swept < floor_index`
	// expiredSegments are those whose every row is past its time limit.
	expiredSegments = `FROM segments WHERE size > 0 AND kept <= ?`
	// thinSegments are at least half dead.
	thinSegments = `FROM segments WHERE live * 2 <= size AND size > 0`
	// emptySegments are those whose rows have had their time.
	emptySegments  = `FROM segments WHERE size = 0 AND kept <= ?`
	oldLogins      = `FROM logins WHERE enrolled = 0 AND removed < ?`
	oldDrops       = `FROM drops WHERE deleted > 0 AND deleted < ?`
	oldDoors       = `FROM registrations WHERE deleted < ?`
	oldProfiles    = `FROM profiles WHERE deleted > 0 AND deleted < ?`
	spentInvites   = `FROM invites WHERE (expires <= ? OR uses <= 0)`
	endedDeposits  = `FROM deposits WHERE first < ?`
	closedAccounts = `FROM accounts AS a WHERE closed > 0 AND closed < ?
		AND NOT EXISTS (SELECT 1 FROM blocks WHERE account = a.id)`
)

// anything is whether Sweep finds anything; its arguments are those of its parts.
const anything = `SELECT EXISTS (SELECT 1 ` + uncounted + `) OR EXISTS (SELECT 1 ` + expiredSegments +
	`) OR EXISTS (SELECT 1 ` + thinSegments + `) OR EXISTS (SELECT 1 ` + emptySegments +
	`) OR EXISTS (SELECT 1 ` + oldLogins + `) OR EXISTS (SELECT 1 ` + oldDrops + `) OR EXISTS (SELECT 1 ` + oldDoors +
	`) OR EXISTS (SELECT 1 ` + oldProfiles + `) OR EXISTS (SELECT 1 ` + closedAccounts +
	`) OR EXISTS (SELECT 1 ` + spentInvites + `) OR EXISTS (SELECT 1 ` + endedDeposits + `)`

// limits are the newest moments that are too old: deposits' in minutes, all others
// in ms.
type limits struct{ expired, rows, removed, account, invite, deposit int64 }

func limitsAt(now uint64) limits {
	expired := overdue(now)
	return limits{
		expired: expired,
		rows:    expired - mailbox.RowsKept.Milliseconds(),
		removed: int64(now) - mailbox.RemovedKept.Milliseconds(),
		account: expired - mailbox.RegistrationKept.Milliseconds(),
		invite:  int64(now),
		deposit: (expired - depositLife.Milliseconds()) / time.Minute.Milliseconds(),
	}
}

// Sweep does a bounded part of what waits: it counts what cursors passed, erases
// and squeezes segments, and deletes old rows. more: there may be more to do. A
// now that is not believed (clock.go) lets nothing expire. While nothing waits, no
// commit waits for it either.
func (d *DB) Sweep(ctx context.Context, now time.Time) (more bool, err error) {
	now, err = d.tick(ctx, now)
	if err != nil {
		return false, err
	}
	ms := wire.Millis(now)
	if found, err := d.finds(ctx, ms); err != nil || !found {
		return false, err
	}
	for _, step := range []func(*store.Tx, uint64) (bool, error){countDead, expireSegments, squeeze, deleteOld, deleteSmall} {
		err := d.db.Write(ctx, func(tx *store.Tx) error {
			again, err := step(tx, ms)
			more = more || again
			return err
		})
		if err != nil {
			return false, err
		}
	}
	return more, nil
}

// finds reports whether there is anything to sweep.
func (d *DB) finds(ctx context.Context, now uint64) (found bool, err error) {
	l := limitsAt(now)
	err = d.db.Read(ctx, func(v *store.View) error {
		return v.QueryRow(anything, l.expired, l.rows, l.removed, l.account, l.account, l.removed, l.account, l.invite, l.deposit).Scan(&found)
	})
	return found, err
}

// numbers reads the single column of a query.
func numbers(v *store.View, query string, args ...any) (all []int64, err error) {
	rows, err := v.Query(query, args...)
	if err != nil {
		return nil, err
	}
	for rows.Next() {
		var n int64
		if err := rows.Scan(&n); err != nil {
			return nil, err
		}
		all = append(all, n)
	}
	return all, rows.Err()
}

// blocksOf reads the blocks of a query with the columns id, before, packed.
func blocksOf(v *store.View, query string, args ...any) (all []storedBlock, err error) {
	rows, err := v.Query(query, args...)
	if err != nil {
		return nil, err
	}
	for rows.Next() {
		b, err := scanBlock(rows)
		if err != nil {
			return nil, err
		}
		all = append(all, b)
	}
	return all, rows.Err()
}

// countDead takes what is below the floors off the live bytes of the segments.
func countDead(tx *store.Tx, _ uint64) (more bool, err error) {
	ids, err := numbers(&tx.View, `SELECT id `+uncounted+` LIMIT ?`, sweepAccounts)
	for _, id := range ids {
		again, err := countAccount(tx, id)
		if err != nil {
			return false, err
		}
		more = more || again
	}
	return more || len(ids) == sweepAccounts, err
}

// countAccount counts up to sweepBlocks blocks of an account; more: it has others.
func countAccount(tx *store.Tx, id int64) (more bool, err error) {
	var swept, floor uint64
	if err := tx.QueryRow(`SELECT swept, floor_index FROM accounts WHERE id = ?`, id).Scan(&swept, &floor); err != nil {
		return false, err
	}
	blocks, err := blocksOf(&tx.View, `SELECT id, before, packed FROM blocks WHERE account = ?1 AND first <= ?3
		AND first >= ifnull((SELECT max(first) FROM blocks WHERE account = ?1 AND first <= ?2), 0)
		ORDER BY first LIMIT ?4`, id, swept+1, floor, sweepBlocks)
	if err != nil {
		return false, err
	}
	done := swept
	for _, b := range blocks {
		rows, err := parseBlock(b.packed, b.before, true)
		if err != nil {
			return false, err
		}
		dead := 0
		for i := range rows {
			index := rows[i].Position.Index()
			if index > swept && index <= floor {
				done = index
				if rows[i].place == inSegment {
					dead += int(rows[i].Size)
				}
			}
		}
		if dead == 0 {
			continue
		}
		if _, err := tx.Exec(`UPDATE segments SET live = max(0, live - ?) WHERE id = ?`, dead, b.id>>blockBits); err != nil {
			return false, err
		}
	}
	if more = len(blocks) == sweepBlocks; !more {
		done = floor
	}
	_, err = tx.Exec(`UPDATE accounts SET swept = ? WHERE id = ?`, done, id)
	return more, err
}

// expireSegments erases segments whose every row is past its time limit, and
// raises the floors of their accounts.
func expireSegments(tx *store.Tx, now uint64) (more bool, err error) {
	ids, err := numbers(&tx.View, `SELECT id `+expiredSegments+` ORDER BY kept LIMIT ?`, limitsAt(now).expired, sweepSegments)
	if err != nil {
		return false, err
	}
	for _, id := range ids {
		if err := erase(tx, id); err != nil {
			return false, err
		}
		if err := raiseFloors(tx, id, now); err != nil {
			return false, err
		}
	}
	return len(ids) == sweepSegments, nil
}

// raiseFloors sets the floors of the accounts of a segment to what expired, which
// ends before an earlier envelope that has a later limit: the retention may have
// been longer then.
func raiseFloors(tx *store.Tx, segment int64, now uint64) error {
	ids, err := numbers(&tx.View, `SELECT DISTINCT account FROM blocks WHERE id >= ? AND id < ?`,
		segment<<blockBits, (segment+1)<<blockBits)
	if err != nil {
		return err
	}
	for _, id := range ids {
		var head, floor []byte
		err := tx.QueryRow(`SELECT head, floor FROM accounts WHERE id = ?`, id).Scan(&head, &floor)
		if errors.Is(err, store.ErrNoRows) {
			continue // it went before its rows
		}
		if err != nil {
			return err
		}
		a := mailbox.Account{Head: parseMark(head), Floor: parseMark(floor)}
		end, err := expired(&tx.View, id, &a, wire.Time(now))
		if err != nil {
			return err
		}
		_, err = tx.Exec(`UPDATE accounts SET floor = ?1, floor_index = ?2 WHERE id = ?3 AND floor_index < ?2`,
			appendMark(nil, end), end.Index(), id)
		if err != nil {
			return err
		}
	}
	return nil
}

// erase deletes a segment's payload.
func erase(tx *store.Tx, segment int64) error {
	if _, err := tx.Exec(`DELETE FROM payloads WHERE segment = ?`, segment); err != nil {
		return err
	}
	_, err := tx.Exec(`UPDATE segments SET size = 0, live = 0 WHERE id = ?`, segment)
	return err
}

// squeeze rewrites segments of which at least half is dead.
func squeeze(tx *store.Tx, _ uint64) (more bool, err error) {
	ids, err := numbers(&tx.View, `SELECT id `+thinSegments+` LIMIT ?`, sweepSegments)
	if err != nil {
		return false, err
	}
	for _, id := range ids {
		if err := squeezeSegment(tx, id); err != nil {
			return false, err
		}
	}
	return len(ids) == sweepSegments, nil
}

// squeezeSegment keeps the payloads above the counted floors of their accounts.
func squeezeSegment(tx *store.Tx, id int64) error {
	var data []byte
	if err := tx.QueryRow(`SELECT data FROM payloads WHERE segment = ?`, id).Scan(&data); err != nil {
		return err
	}
	blocks, err := blocksOf(&tx.View, `SELECT id, before, packed FROM blocks WHERE id >= ? AND id < ?`,
		id<<blockBits, (id+1)<<blockBits)
	if err != nil {
		return err
	}
	var kept []byte
	for _, b := range blocks {
		var swept uint64
		err := tx.QueryRow(`SELECT swept FROM accounts WHERE id = (SELECT account FROM blocks WHERE id = ?)`, b.id).Scan(&swept)
		if err != nil {
			return err
		}
		packed, changed, err := squeezeBlock(b, swept, data, &kept)
		if err != nil {
			return err
		}
		if !changed {
			continue
		}
		if _, err := tx.Exec(`UPDATE blocks SET packed = ? WHERE id = ?`, packed, b.id); err != nil {
			return err
		}
	}
	if len(kept) == 0 {
		return erase(tx, id)
	}
	if _, err := tx.Exec(`UPDATE payloads SET data = ? WHERE segment = ?`, kept, id); err != nil {
		return err
	}
	_, err = tx.Exec(`UPDATE segments SET size = ?1, live = ?1 WHERE id = ?2`, len(kept), id)
	return err
}

// squeezeBlock moves the live payloads of a block from data to kept.
func squeezeBlock(b storedBlock, swept uint64, data []byte, kept *[]byte) (packed []byte, changed bool, err error) {
	rows, err := parseBlock(b.packed, b.before, true)
	if err != nil {
		return nil, false, err
	}
	packed = append(packed, b.packed[:blockHead]...)
	for i := range rows {
		row := &rows[i]
		if row.place == inSegment {
			changed = true
			if row.Position.Index() <= swept {
				row.place, row.offset = nowhere, 0
			} else {
				payload, err := row.payload(data)
				if err != nil {
					return nil, false, err
				}
				row.offset = uint32(len(*kept))
				*kept = append(*kept, payload...)
			}
		}
		packed = row.append(packed)
	}
	return packed, changed, nil
}

// deleteOld deletes segments whose rows have had their time.
func deleteOld(tx *store.Tx, now uint64) (more bool, err error) {
	ids, err := numbers(&tx.View, `SELECT id `+emptySegments+` ORDER BY kept LIMIT ?`, limitsAt(now).rows, sweepSegments)
	if err != nil {
		return false, err
	}
	for _, id := range ids {
		if _, err := tx.Exec(`DELETE FROM blocks WHERE id >= ? AND id < ?`, id<<blockBits, (id+1)<<blockBits); err != nil {
			return false, err
		}
		if _, err := tx.Exec(`DELETE FROM segments WHERE id = ?`, id); err != nil {
			return false, err
		}
	}
	return len(ids) == sweepSegments, nil
}

// finished and ended are the first of the closed accounts without rows whose time is
// over, and of the deposits whose last moment is past.
const (
	finished = `FROM accounts WHERE id IN (SELECT id ` + closedAccounts + ` ORDER BY closed, id LIMIT ?)`
	ended    = `SELECT id ` + endedDeposits + ` ORDER BY first, id LIMIT ?`
)

// deleteSmall deletes what has expired of everything else. An account goes only
// when its rows have gone, and where its log ended stays: the same key may register
// again then, and its log goes on.
func deleteSmall(tx *store.Tx, now uint64) (more bool, err error) {
	l := limitsAt(now)
	for _, s := range []struct {
		query  string
		before int64
	}{
		{`DELETE FROM logins WHERE login IN (SELECT login ` + oldLogins + ` LIMIT ?)`, l.removed},
		{`DELETE FROM drops WHERE id IN (SELECT id ` + oldDrops + ` LIMIT ?)`, l.account},
		{`DELETE FROM registrations WHERE (id, d0) IN (SELECT id, d0 ` + oldDoors + ` LIMIT ?)`, l.account},
		{`DELETE FROM profiles WHERE id IN (SELECT id ` + oldProfiles + ` LIMIT ?)`, l.removed},
		{`INSERT OR REPLACE INTO tombstones (tag, head) SELECT tag, head ` + finished, l.account},
		{`DELETE ` + finished, l.account},
		{`DELETE FROM invites WHERE hash IN (SELECT hash ` + spentInvites + ` LIMIT ?)`, l.invite},
		{`DELETE FROM publications WHERE deposit IN (` + ended + `)`, l.deposit},
		{`DELETE FROM deposits WHERE id IN (` + ended + `)`, l.deposit},
	} {
		res, err := tx.Exec(s.query, s.before, sweepSmall)
		if err != nil {
			return false, err
		}
		more = more || res.RowsAffected == sweepSmall
	}
	return more, nil
}
