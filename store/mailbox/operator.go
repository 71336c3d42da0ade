package mailbox

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"zeroms/protocol/key"
	"zeroms/protocol/wire"
	"zeroms/store"
)

// ErrNoAccount: there is no open account of this tag.
var ErrNoAccount = errors.New("there is no such account")

// AccountInfo is what an operator sees of an account: how much it takes, and
// nothing of who comes and goes.
type AccountInfo struct {
	Tag                   key.AccountTag
	Devices, Drops, Doors int
	// Rows and Bytes are what waits for its devices, what they signed themselves
	// included.
	Rows, Bytes uint64
	// Since is the day, UTC, from which the oldest of that is; zero if nothing waits.
	// At least one of its devices has not taken its mail since.
	Since time.Time
	// Quota is its own, in bytes; 0: what all have.
	Quota uint64
}

// AccountOrder is by what a list of accounts is sorted.
type AccountOrder string

// The orders: by the tag, else the largest number first.
const (
	ByTag     AccountOrder = "tag"
	ByBytes   AccountOrder = "bytes"
	ByRows    AccountOrder = "rows"
	ByDevices AccountOrder = "devices"
	ByDrops   AccountOrder = "drops"
	ByDoors   AccountOrder = "doors"
)

// listed is an account of a list with its number and floor.
type listed struct {
	AccountInfo
	id    int64
	floor uint64
}

// Accounts lists open accounts, of one moment: limit of them after the first
// offset, all others for a limit of 0; total is how many there are.
func (d *DB) Accounts(ctx context.Context, by AccountOrder, offset, limit int) (page []AccountInfo, total int, err error) {
	err = d.db.Read(ctx, func(v *store.View) error {
		all, err := openAccounts(v, ``)
		if err != nil {
			return err
		}
		counted := by == ByDevices || by == ByDrops || by == ByDoors || limit == 0 || limit > manyAccounts
		if counted {
			if err := countAll(v, all); err != nil {
				return err
			}
		}
		slices.SortFunc(all, by.compare)
		total = len(all)
		all = all[min(offset, total):]
		if limit > 0 {
			all = all[:min(limit, len(all))]
		}
		for i := range all {
			if !counted {
				if err := all[i].count(v); err != nil {
					return err
				}
			}
			if err := all[i].date(v); err != nil {
				return err
			}
			page = append(page, all[i].AccountInfo)
		}
		return nil
	})
	return page, total, err
}

// openAccounts reads those that are open and that a condition lets through.
func openAccounts(v *store.View, condition string, args ...any) (all []listed, err error) {
	rows, err := v.Query(`SELECT id, tag, head, floor, quota FROM accounts WHERE closed = 0`+condition, args...)
	if err != nil {
		return nil, err
	}
	for rows.Next() {
		var a listed
		var head, floor []byte
		if err := rows.Scan(&a.id, &a.Tag, &head, &floor, &a.Quota); err != nil {
			return nil, err
		}
		to, from := parseMark(head), parseMark(floor)
		a.floor = from.Index()
		a.Rows, a.Bytes = to.Index()-from.Index(), to.Total-from.Total
		all = append(all, a)
	}
	return all, rows.Err()
}

// compare orders two accounts; equal ones by their tags.
func (by AccountOrder) compare(a, b listed) int {
	order := 0
	switch by {
	case ByBytes:
		order = cmp.Compare(b.Bytes, a.Bytes)
	case ByRows:
		order = cmp.Compare(b.Rows, a.Rows)
	case ByDevices:
		order = cmp.Compare(b.Devices, a.Devices)
	case ByDrops:
		order = cmp.Compare(b.Drops, a.Drops)
	case ByDoors:
		order = cmp.Compare(b.Doors, a.Doors)
	}
	if order == 0 {
		order = bytes.Compare(a.Tag[:], b.Tag[:])
	}
	return order
}

// manyAccounts is from how many accounts on it is quicker to count those of all at once.
const manyAccounts = 1000

// countAll counts for a list that is sorted by it, or long; count does it for one.
func countAll(v *store.View, all []listed) error {
	places := make(map[int64]int, len(all))
	for i := range all {
		places[all[i].id] = i
	}
	for _, query := range []string{
		`SELECT account, count(*), 0, 0 FROM logins WHERE enrolled > 0 GROUP BY account`,
		`SELECT account, 0, sum(door = 0), sum(door = 1) FROM drops NOT INDEXED WHERE deleted = 0 GROUP BY account`,
	} {
		rows, err := v.Query(query)
		if err != nil {
			return err
		}
		for rows.Next() {
			var id int64
			var devices, drops, doors int
			if err := rows.Scan(&id, &devices, &drops, &doors); err != nil {
				return err
			}
			if i, open := places[id]; open {
				a := &all[i]
				a.Devices, a.Drops, a.Doors = a.Devices+devices, a.Drops+drops, a.Doors+doors
			}
		}
		if err := rows.Err(); err != nil {
			return err
		}
	}
	return nil
}

// count fills in devices, drops and doors.
func (a *listed) count(v *store.View) error {
	return v.QueryRow(`SELECT
		(SELECT count(*) FROM logins WHERE account = ?1 AND enrolled > 0),
		ifnull(sum(door = 0), 0), ifnull(sum(door = 1), 0) FROM drops WHERE account = ?1 AND deleted = 0`, a.id).
		Scan(&a.Devices, &a.Drops, &a.Doors)
}

// date fills in since when something waits.
func (a *listed) date(v *store.View) error {
	if a.Rows == 0 {
		return nil
	}
	var made uint64
	err := v.QueryRow(`SELECT made FROM blocks WHERE account = ?1 AND last > ?2
		AND first >= ifnull((SELECT max(first) FROM blocks WHERE account = ?1 AND first <= ?2 + 1), 0)
		ORDER BY first LIMIT 1`, a.id, a.floor).Scan(&made)
	if err == nil {
		a.Since = wire.Time(made).UTC().Truncate(24 * time.Hour)
	}
	return none(err)
}

// FindAccount finds the open account whose tag begins so; at least 4 bytes of it,
// or more if there are several. Errors: ErrNoAccount.
func (d *DB) FindAccount(ctx context.Context, prefix []byte) (AccountInfo, error) {
	var low, high key.AccountTag
	if len(prefix) < 4 || len(prefix) > len(low) {
		return AccountInfo{}, errors.New("an account's tag is given with 8 to 64 of its hex digits")
	}
	copy(low[:], prefix)
	for i := copy(high[:], prefix); i < len(high); i++ {
		high[i] = 0xff
	}
	var found []listed
	err := d.db.Read(ctx, func(v *store.View) (err error) {
		found, err = openAccounts(v, ` AND tag BETWEEN ? AND ? LIMIT 2`, low, high)
		if err != nil || len(found) != 1 {
			return err
		}
		return errors.Join(found[0].count(v), found[0].date(v))
	})
	switch {
	case err != nil:
		return AccountInfo{}, err
	case len(found) == 0:
		return AccountInfo{}, ErrNoAccount
	case len(found) > 1:
		return AccountInfo{}, fmt.Errorf("several accounts' tags begin with %x; give more digits", prefix)
	}
	return found[0].AccountInfo, nil
}

// SetQuota gives an account a quota of its own, in bytes, or with 0 the one that
// all have. A mailbox that runs on this database has to be told. Errors: ErrNoAccount.
func (d *DB) SetQuota(ctx context.Context, tag key.AccountTag, quota uint64) error {
	return d.db.Write(ctx, func(tx *store.Tx) error {
		res, err := tx.Exec(`UPDATE accounts SET quota = ? WHERE tag = ? AND closed = 0`, quota, tag)
		if err == nil && res.RowsAffected == 0 {
			err = ErrNoAccount
		}
		return err
	})
}

// Remove closes an account while no mailbox runs on the database; a running one
// does it by itself. Rows stay for their time, and where the log ended for ever.
// Errors: ErrNoAccount.
func (d *DB) Remove(ctx context.Context, tag key.AccountTag, now time.Time) error {
	d.commit.Lock()
	defer d.commit.Unlock()
	return d.db.Write(ctx, func(tx *store.Tx) error {
		var id int64
		var head []byte
		err := tx.QueryRow(`SELECT id, head FROM accounts WHERE tag = ? AND closed = 0`, tag).Scan(&id, &head)
		if errors.Is(err, store.ErrNoRows) {
			return ErrNoAccount
		}
		if err != nil {
			return err
		}
		if _, err := tx.Exec(`UPDATE accounts SET floor = head, floor_index = ? WHERE id = ?`, parseMark(head).Index(), id); err != nil {
			return err
		}
		w := writer{tx: tx, now: wire.Millis(now)}
		return w.close(id)
	})
}

// Probe writes something that changes nothing: nil if commits work.
func (d *DB) Probe(ctx context.Context) error {
	return d.db.Write(ctx, func(tx *store.Tx) error {
		_, err := tx.Exec(`UPDATE meta SET incarnation = incarnation`)
		return err
	})
}

// Newest is the latest time that a gateway on this database ever went by; zero if
// none is known.
func (d *DB) Newest(ctx context.Context) (newest time.Time, err error) {
	var ms uint64
	err = d.db.Read(ctx, func(v *store.View) error {
		return v.QueryRow(`SELECT max(clock, newest) FROM meta`).Scan(&ms)
	})
	if err != nil || ms == 0 {
		return time.Time{}, err
	}
	return wire.Time(ms), nil
}

// Check looks for damage in the whole file, which takes as long as reading it, or
// until ctx ends. Its error is the first thing that is wrong.
func (d *DB) Check(ctx context.Context) error {
	var said string
	err := d.db.Read(ctx, func(v *store.View) error {
		return v.QueryRow(`PRAGMA quick_check(1)`).Scan(&said)
	})
	if err == nil && said != "ok" {
		err = fmt.Errorf("%w: %s", store.ErrCorrupt, said)
	}
	return err
}
