package chat

import (
	"bytes"
	"context"
	"database/sql"
	"fmt"
	"path/filepath"
	"testing"

	"zeroms/client/profile"
	"zeroms/store"
)

func aliased(n int, alias int, data string) profile.Row {
	return profile.Row{
		Table: profile.TableMessage, Key: key16(n), Alias: key16(alias), Conv: 1, Height: uint32(n), Data: []byte(data),
	}
}

// found asserts what a key or alias leads to; empty: nothing.
func found(t *testing.T, db *DB, key []byte, data string) {
	t.Helper()
	r, ok, err := db.Message(t.Context(), key)
	if err != nil || ok != (data != "") || ok && string(r.Data) != data {
		t.Fatalf("found %q, %v, %v; want %q", r.Data, ok, err, data)
	}
}

func TestAliases(t *testing.T) {
	db := mustCreate(t, newDir(t), NoPassphrase())
	put := func(rows ...profile.Row) { t.Helper(); commit(t, db, profile.Batch{Put: rows}) }
	put(aliased(1, 101, "one"), aliased(2, 102, "two"))
	for range 2 {
		found(t, db, key16(1), "one")
		found(t, db, key16(101), "one")
		found(t, db, key16(102), "two")
		db = reopen(t, db)
	}
	// A changed message keeps its alias, named again or not, at its place or another.
	put(aliased(1, 101, "one, changed"))
	again := aliased(2, 0, "two, changed")
	again.Alias, again.Height = nil, 7
	put(again)
	found(t, db, key16(101), "one, changed")
	found(t, db, key16(102), "two, changed")
	// The last message with an alias has it.
	put(aliased(3, 101, "three"))
	found(t, db, key16(101), "three")
	found(t, db, key16(1), "one, changed")
	put(aliased(1, 101, "one once more"))
	found(t, db, key16(101), "one once more")
	found(t, db, key16(3), "three")
	commit(t, db, profile.Batch{Erase: []profile.Ref{{Table: profile.TableMessage, Key: key16(1)}}})
	found(t, db, key16(101), "")
	found(t, db, key16(1), "")
	put(aliased(4, 101, "four")) // in the slot of one
	found(t, db, key16(101), "four")
	db = reopen(t, db)
	found(t, db, key16(101), "four")
	if rows, err := db.Page(t.Context(), 1, 100, 10); err != nil || len(rows) != 3 || rows[0].Height != 7 {
		t.Fatalf("%d rows, %v", len(rows), err)
	}
}

// What a commit that failed had written is not taken to be there.
func TestAFailedCommitIsForgotten(t *testing.T) {
	db := mustCreate(t, newDir(t), NoPassphrase())
	commit(t, db, profile.Batch{Put: []profile.Row{aliased(1, 101, "one")}})
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	batch := profile.Batch{Now: today(), Put: []profile.Row{aliased(1, 101, "changed"), aliased(2, 102, "two")},
		Erase: []profile.Ref{{Table: profile.TableMessage, Key: key16(1)}}}
	if err := db.Commit(ended, &batch); err == nil {
		t.Fatal("it was committed")
	}
	found(t, db, key16(1), "one")
	found(t, db, key16(2), "")
	batch.Erase = nil
	commit(t, db, batch)
	found(t, db, key16(101), "changed")
	found(t, db, key16(102), "two")
}

// A profile of the first version keeps its messages and their aliases.
func TestMessagesOfTheFirstVersion(t *testing.T) {
	dir := newDir(t)
	db := mustCreate(t, dir, NoPassphrase())
	var rows []profile.Row
	for n := 1; n <= 300; n++ {
		r := aliased(n, 1000+n, fmt.Sprintf("message %d", n))
		if n%7 == 0 {
			r.Alias = nil
		}
		rows = append(rows, r)
	}
	commit(t, db, profile.Batch{Put: rows})
	mustClose(t, db)
	old, err := sql.Open("sqlite3", filepath.Join(dir, dbName))
	if err != nil {
		t.Fatal(err)
	}
	_, err = old.Exec(`
		CREATE TABLE alias (hash BLOB PRIMARY KEY CHECK (length(hash) = 16), target BLOB NOT NULL CHECK (length(target) = 16)) STRICT, WITHOUT ROWID;
		CREATE INDEX alias_target ON alias (target);
		INSERT INTO alias SELECT alias, hash FROM message WHERE alias IS NOT NULL;
		DROP INDEX message_alias;
		ALTER TABLE message DROP COLUMN alias;
		PRAGMA user_version = 1`)
	if err != nil {
		t.Fatal(err)
	}
	if err := old.Close(); err != nil {
		t.Fatal(err)
	}
	db = mustOpen(t, dir, NoPassphrase())
	for _, r := range rows {
		found(t, db, r.Key, string(r.Data))
		if r.Alias != nil {
			found(t, db, r.Alias, string(r.Data))
		}
	}
	page, err := db.Page(t.Context(), 1, 1000, 1000)
	if err != nil || len(page) != len(rows) {
		t.Fatalf("%d messages, %v", len(page), err)
	}
	if !bytes.Equal(page[0].Key, rows[len(rows)-1].Key) {
		t.Error("their order changed")
	}
	if err := db.sql.Read(t.Context(), func(v *store.View) error {
		var version int
		if err := v.QueryRow("PRAGMA user_version").Scan(&version); err != nil || version != schemaVersion {
			return fmt.Errorf("version %d: %w", version, err)
		}
		return nil
	}); err != nil {
		t.Error(err)
	}
}
