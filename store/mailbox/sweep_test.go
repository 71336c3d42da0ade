package mailbox

import (
	"testing"
	"time"

	"zeroms/store"
)

// What nothing else waits with must be found alone: Sweep looks first whether it has
// anything to do.
func TestSweepFindsEachKindAlone(t *testing.T) {
	long := day0.Add(-400 * day)
	for table, insert := range map[string]string{
		"logins": `INSERT INTO logins (login, account, cursor, origin, acked, enrolled, removed)
			VALUES (zeroblob(32), 1, zeroblob(8), zeroblob(12), zeroblob(52), 0, ?)`,
		"drops": `INSERT INTO drops (id, account, capability, start, k, head, door, number, bits, deleted)
			VALUES (zeroblob(16), 1, zeroblob(32), zeroblob(12), 0, zeroblob(32), 0, 0, 0, ?)`,
		"registrations": `INSERT INTO registrations (id, d0, account, start, k, head, deleted)
			VALUES (zeroblob(16), zeroblob(32), 1, zeroblob(12), 0, zeroblob(32), ?)`,
		"profiles": `INSERT INTO profiles (name, account, number, deleted, content) VALUES (zeroblob(32), 1, 1, ?, x'')`,
		"accounts": `INSERT INTO accounts (tag, key, head, floor, floor_index, closed)
			VALUES (zeroblob(32), zeroblob(32), zeroblob(52), zeroblob(52), 0, ?)`,
		"invites":  `INSERT INTO invites (hash, uses, expires) VALUES (zeroblob(32), 1, ?)`,
		"deposits": `INSERT INTO deposits (account, name, day, seq, first, last, record) VALUES (1, zeroblob(32), 1, 1, ? / 60000, 1, x'')`,
		"segments": `INSERT INTO segments (size, live, kept) VALUES (0, 0, ?)`,
	} {
		t.Run(table, func(t *testing.T) {
			db := open(t)
			execute(t, db, insert, long.UnixMilli())
			sweep(t, db, day0)
			if n := counted(t, db, `SELECT count(*) FROM `+table); n != 0 {
				t.Errorf("%d old rows are left", n)
			}
		})
	}
	t.Run("an invite without uses", func(t *testing.T) {
		db := open(t)
		execute(t, db, `INSERT INTO invites (hash, uses, expires) VALUES (zeroblob(32), 0, ?)`, day0.Add(day).UnixMilli())
		sweep(t, db, day0)
		if n := counted(t, db, `SELECT count(*) FROM invites`); n != 0 {
			t.Error("it is left")
		}
	})
	for name, insert := range map[string]string{
		"past its time": `INSERT INTO segments (size, live, kept) VALUES (10, 10, ?)`,
		"half dead":     `INSERT INTO segments (size, live, kept) VALUES (10, 5, 1000 * ?)`,
	} {
		t.Run("a segment "+name, func(t *testing.T) {
			db := open(t)
			execute(t, db, insert, day0.Add(-2*time.Hour).UnixMilli())
			execute(t, db, `INSERT INTO payloads (segment, data) VALUES (?, zeroblob(10))`, 1)
			sweep(t, db, day0)
			if n := counted(t, db, `SELECT count(*) FROM payloads`); n != 0 {
				t.Error("its payload is left")
			}
		})
	}
	t.Run("an account that is not counted", func(t *testing.T) {
		db := open(t)
		execute(t, db, `INSERT INTO accounts (tag, key, head, floor, floor_index)
			VALUES (zeroblob(32), zeroblob(32), zeroblob(52), zeroblob(52), ?)`, 3)
		sweep(t, db, day0)
		if n := counted(t, db, `SELECT swept FROM accounts`); n != 3 {
			t.Errorf("counted up to %d, not 3", n)
		}
	})
}

// What is not old yet stays.
func TestSweepLeavesWhatIsNotOld(t *testing.T) {
	db := open(t)
	execute(t, db, `INSERT INTO invites (hash, uses, expires) VALUES (zeroblob(32), 1, ?)`, day0.Add(time.Minute).UnixMilli())
	execute(t, db, `INSERT INTO segments (size, live, kept) VALUES (0, 0, ?)`, day0.Add(-day).UnixMilli())
	sweep(t, db, day0)
	if n := counted(t, db, `SELECT (SELECT count(*) FROM invites) + (SELECT count(*) FROM segments)`); n != 2 {
		t.Errorf("%d rows are left of 2", n)
	}
}

func execute(t *testing.T, db *DB, query string, arg int64) {
	t.Helper()
	err := db.db.Write(t.Context(), func(tx *store.Tx) error {
		_, err := tx.Exec(query, arg)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func counted(t *testing.T, db *DB, query string) (n int64) {
	t.Helper()
	err := db.db.Read(t.Context(), func(v *store.View) error { return v.QueryRow(query).Scan(&n) })
	if err != nil {
		t.Fatal(err)
	}
	return n
}
