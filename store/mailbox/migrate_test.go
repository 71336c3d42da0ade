package mailbox

import (
	"path/filepath"
	"testing"

	"zeroms/store"
)

// unmake runs statements that lead back to an earlier version.
func unmake(t *testing.T, db *DB, statements ...string) {
	t.Helper()
	for _, s := range statements {
		err := db.db.Write(t.Context(), func(tx *store.Tx) error {
			_, err := tx.Exec(s)
			return err
		})
		if err != nil {
			t.Fatalf("%s: %v", s, err)
		}
	}
}

// A gateway of the first version keeps its accounts, which have no quota of their own then.
func TestAccountsOfTheFirstVersion(t *testing.T) {
	path := filepath.Join(t.TempDir(), "mailbox.db")
	db, err := Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	a := newLog(t, db)
	commit(t, db, a.change(day0, 1<<10, 4<<10))
	unmake(t, db, `ALTER TABLE accounts DROP COLUMN quota`, `DROP TABLE deposits`, `DROP TABLE publications`,
		`PRAGMA user_version = 1`)
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if db, err = Open(t.Context(), path); err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	got, err := db.Account(t.Context(), a.tag, day0)
	if err != nil || got == nil || got.Head != a.head || got.Quota != 0 {
		t.Fatalf("%+v, %v", got, err)
	}
	if err := db.SetQuota(t.Context(), a.tag, 1<<20); err != nil {
		t.Fatal(err)
	}
	if got, err := db.Account(t.Context(), a.tag, day0); err != nil || got.Quota != 1<<20 {
		t.Errorf("%+v, %v", got, err)
	}
}
