package mailbox

import (
	"bytes"
	"context"
	"errors"
	"time"

	"zeroms/gateway/deposit"
	"zeroms/protocol/key"
	"zeroms/protocol/wire"
	"zeroms/store"
)

// depositLife is the longest time from a deposit's first moment to its last one.
const depositLife = 36 * time.Hour

// DepositPut changes what an account has deposited, all of it or nothing.
func (d *DB) DepositPut(ctx context.Context, tag key.AccountTag, c *deposit.Change) (changed []deposit.Deposit, removed []int64, err error) {
	err = d.db.Write(ctx, func(tx *store.Tx) error {
		changed, removed = nil, nil
		var account int64
		err := tx.QueryRow(`SELECT id FROM accounts WHERE tag = ? AND closed = 0`, tag).Scan(&account)
		if errors.Is(err, store.ErrNoRows) {
			return wire.ErrClosed
		}
		if err != nil {
			return err
		}
		for i := range c.Removes {
			id, err := takeBack(tx, account, &c.Removes[i])
			if err != nil {
				return err
			}
			if id != 0 {
				removed = append(removed, id)
			}
		}
		for i := range c.Puts {
			id, err := putDeposit(tx, account, &c.Puts[i])
			if err != nil {
				return err
			}
			if id != 0 {
				all, err := depositsBy(&tx.View, `d.id = ?`, id)
				if err != nil {
					return err
				}
				changed = append(changed, all...)
			}
		}
		return boundDeposits(tx, account, c)
	})
	if err != nil {
		return nil, nil, err
	}
	return changed, removed, nil
}

// takeBack deletes a deposit and returns what its id was, 0 if there is none.
func takeBack(tx *store.Tx, account int64, w *wire.Deposit) (id int64, err error) {
	err = tx.QueryRow(`SELECT id FROM deposits WHERE account = ? AND day = ? AND name = ?`, account, w.Day, w.Name).Scan(&id)
	if err != nil {
		return 0, none(err)
	}
	if _, err := tx.Exec(`DELETE FROM publications WHERE deposit = ?`, id); err != nil {
		return 0, err
	}
	_, err = tx.Exec(`DELETE FROM deposits WHERE id = ?`, id)
	return id, err
}

// putDeposit writes a deposit and returns its id, 0 if it is there already. How the
// former one stood stays for its stamp, which is good for this one too.
func putDeposit(tx *store.Tx, account int64, w *deposit.Put) (id int64, err error) {
	var was struct {
		seq, first, last uint32
		record           []byte
	}
	err = tx.QueryRow(`SELECT id, seq, first, last, record FROM deposits WHERE account = ? AND day = ? AND name = ?`,
		account, w.Day, w.Name).Scan(&id, &was.seq, &was.first, &was.last, &was.record)
	switch {
	case errors.Is(err, store.ErrNoRows):
		res, err := tx.Exec(`INSERT INTO deposits (account, name, day, seq, first, last, record) VALUES (?, ?, ?, ?, ?, ?, ?)`,
			account, w.Name, w.Day, w.Seq, w.First, w.Last, w.Record)
		return res.LastInsertID, err
	case err != nil:
		return 0, err
	case w.Seq == was.seq && bytes.Equal(w.Record, was.record):
		if w.First == was.first && w.Last == was.last {
			return 0, nil
		}
	case w.Seq <= was.seq:
		return 0, wire.ErrOlder
	}
	_, err = tx.Exec(`UPDATE deposits SET seq = ?, first = ?, last = ?, record = ? WHERE id = ?`,
		w.Seq, w.First, w.Last, w.Record, id)
	return id, err
}

// boundDeposits refuses what would be too much for one account.
func boundDeposits(tx *store.Tx, account int64, c *deposit.Change) error {
	rows, err := tx.Query(`SELECT count(*) FROM deposits WHERE account = ? AND day >= ? GROUP BY day`, account, c.Today)
	if err != nil {
		return err
	}
	total := 0
	for rows.Next() {
		var n int
		if err := rows.Scan(&n); err != nil {
			return err
		}
		if total += n; n > c.PerDay {
			return wire.ErrLimit.Because("deposits of one day")
		}
	}
	if total > c.Max {
		return wire.ErrLimit.Because("deposits")
	}
	return rows.Err()
}

// depositsBy reads deposits that a condition lets through. What is known of an
// earlier record of the same name and day is left out, but its stamp and gateways.
func depositsBy(v *store.View, condition string, args ...any) (all []deposit.Deposit, err error) {
	rows, err := v.Query(`SELECT d.id, d.name, d.day, d.seq, d.first, d.last, d.record,
		iif(p.seq = d.seq, p.holders, 0), iif(p.seq = d.seq, p.stored, 0), iif(p.seq = d.seq, p.verified, 0),
		p.stamp, p.relay, p.witness
		FROM deposits d LEFT JOIN publications p ON p.deposit = d.id WHERE `+condition, args...)
	if err != nil {
		return nil, err
	}
	for rows.Next() {
		var one deposit.Deposit
		var record []byte
		err := rows.Scan(&one.ID, &one.Name, &one.Day, &one.Seq, &one.First, &one.Last, &record,
			&one.Holders, &one.Stored, &one.Verified, &one.Stamp, &one.Relay, &one.Witness)
		if err != nil {
			return nil, err
		}
		one.Sum = deposit.Sum(record)
		all = append(all, one)
	}
	return all, rows.Err()
}

// DepositsOf reads all that an account has deposited, by day and name.
func (d *DB) DepositsOf(ctx context.Context, tag key.AccountTag) (all []deposit.Deposit, err error) {
	err = d.db.Read(ctx, func(v *store.View) error {
		all, err = depositsBy(v, `d.account = (SELECT id FROM accounts WHERE tag = ?) ORDER BY d.day, d.name`, tag)
		return err
	})
	return all, err
}

// DepositsFrom reads up to max deposits behind a mark whose first moment is not
// after until, in order of their marks.
func (d *DB) DepositsFrom(ctx context.Context, after deposit.Mark, until uint32, max int) (all []deposit.Deposit, err error) {
	err = d.db.Read(ctx, func(v *store.View) error {
		all, err = depositsBy(v, `(d.first, d.id) > (?, ?) AND d.first <= ? ORDER BY d.first, d.id LIMIT ?`,
			after.First, after.ID, until, max)
		return err
	})
	return all, err
}

// DepositRecords reads the records of those deposits that there are.
func (d *DB) DepositRecords(ctx context.Context, ids []int64) (all []deposit.Held, err error) {
	err = d.db.Read(ctx, func(v *store.View) error {
		for _, id := range ids {
			one := deposit.Held{ID: id}
			err := v.QueryRow(`SELECT seq, record FROM deposits WHERE id = ?`, id).Scan(&one.Seq, &one.Record)
			if none(err) != nil {
				return err
			}
			if err == nil {
				all = append(all, one)
			}
		}
		return nil
	})
	return all, err
}

// DepositStates keeps how deposits stand, of those that there are as they were.
func (d *DB) DepositStates(ctx context.Context, states []deposit.State) error {
	return d.db.Write(ctx, func(tx *store.Tx) error {
		for i := range states {
			s := &states[i]
			_, err := tx.Exec(`INSERT INTO publications (deposit, seq, holders, stored, verified, stamp, relay, witness)
				SELECT id, seq, ?3, ?4, ?5, ?6, ?7, ?8 FROM deposits WHERE id = ?1 AND seq = ?2
				ON CONFLICT (deposit) DO UPDATE SET seq = excluded.seq, holders = excluded.holders, stored = excluded.stored,
					verified = excluded.verified, stamp = excluded.stamp, relay = excluded.relay, witness = excluded.witness`,
				s.ID, s.Seq, s.Holders, s.Stored, s.Verified, s.Stamp, s.Relay, s.Witness)
			if err != nil {
				return err
			}
		}
		return nil
	})
}
