package chat

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"zeroms/client/profile"
	"zeroms/store"
)

// The WAL's format: a header, then frames of a header and a page each.
const (
	walHead   = 32
	frameHead = 24
)

// step is the batch of commit i: it replaces, adds and erases, in all classes.
func step(i int) profile.Batch {
	value := fmt.Appendf(nil, "state %d ", i)
	b := profile.Batch{Now: today(), Put: []profile.Row{
		{Table: profile.TableSelf, Key: []byte{1}, Data: value},
		{Table: profile.TableContact, Key: key16(i), Conv: uint64(i), Data: bytes.Repeat(value, 90)},
		{Table: profile.TableSession, Key: key16(0), Data: bytes.Repeat(value, 200)},
		{Table: profile.TableMessage, Key: key16(i), Alias: key16(i + 1000), Conv: 1, Height: uint32(i), Data: bytes.Repeat(value, 150)},
		{Table: profile.TableSeen, Key: key16(i), Flags: uint32(i)},
	}}
	if i > 0 {
		b.Erase = []profile.Ref{{Table: profile.TableContact, Key: key16(i - 1)}, {Table: profile.TableSeen, Key: key16(i - 1)}}
	}
	return b
}

// stateOf tells which commit a profile stands at, -1 before the first: every
// row that the commit left is there, and nothing else.
func stateOf(t *testing.T, db *DB) int {
	t.Helper()
	rows := load(t, db)
	if len(rows) == 0 {
		return -1
	}
	var i int
	if _, err := fmt.Sscanf(string(rows[0].Data), "state %d ", &i); err != nil {
		t.Fatal(err)
	}
	want := step(i).Put
	wantRows(t, rows, sorted([]profile.Row{want[0], want[1], want[2], want[4]}))
	page, err := db.Page(t.Context(), 1, 1<<20, 1000)
	if err != nil || len(page) != i+1 {
		t.Fatalf("%d messages after commit %d: %v", len(page), i, err)
	}
	wantRows(t, page[:1], want[3:4])
	if row, ok, err := db.Message(t.Context(), key16(i+1000)); err != nil || !ok || row.Height != uint32(i) {
		t.Fatalf("the message of commit %d is not found: %v", i, err)
	}
	return i
}

// place puts files into a new directory and opens it as a profile after a crash.
func place(t *testing.T, files map[string][]byte) int {
	t.Helper()
	dir := newDir(t)
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	for name, b := range files {
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	db, err := Open(context.Background(), dir, NoPassphrase())
	if err != nil {
		t.Fatal(err)
	}
	defer mustClose(t, db)
	i := stateOf(t, db)
	// It goes on from there.
	next := step(i + 1)
	if err := db.Commit(t.Context(), &next); err != nil || stateOf(t, db) != i+1 {
		t.Fatalf("the commit after state %d: %v", i, err)
	}
	return i
}

const commits = 7

// powered makes a profile of some commits that were never checkpointed; before
// are its files before the first of them.
func powered(t *testing.T) (db *DB, before map[string][]byte) {
	t.Helper()
	db = mustCreate(t, newDir(t), NoPassphrase())
	commit(t, db, profile.Batch{}) // the day's key
	if err := db.sql.TruncateWAL(t.Context()); err != nil {
		t.Fatal(err)
	}
	before = contents(t, db.dir)
	for i := range commits {
		commit(t, db, step(i))
	}
	return db, before
}

// files are those that survive: key and database, and a WAL.
func files(key, database, wal []byte) map[string][]byte {
	return map[string][]byte{keyName: key, dbName: database, dbName + "-wal": wal}
}

// TestPowerLossAtEveryWrite: the WAL is written frame by frame, and the power
// goes in between or within one: every commit is there whole or not at all, and
// none that came before is missing.
func TestPowerLossAtEveryWrite(t *testing.T) {
	db, before := powered(t)
	after := contents(t, db.dir)
	wal := after[dbName+"-wal"]
	page := int(binary.BigEndian.Uint32(wal[8:]))
	frames := (len(wal) - walHead) / (frameHead + page)
	if (len(wal)-walHead)%(frameHead+page) != 0 || frames < 3*commits {
		t.Fatalf("a WAL of %d bytes, pages of %d", len(wal), page)
	}
	last, seen := -1, map[int]bool{}
	note := func(where string, wal []byte) {
		i := place(t, files(before[keyName], before[dbName], wal))
		if i < last {
			t.Fatalf("%s: commit %d was there already, now it is %d", where, last, i)
		}
		last, seen[i] = i, true
	}
	for n := 0; n <= frames; n++ {
		end := walHead + n*(frameHead+page)
		note(fmt.Sprintf("%d frames", n), wal[:end])
		if n == frames {
			break
		}
		for _, within := range []int{frameHead, frameHead + page/2} {
			note(fmt.Sprintf("%d frames and %d bytes", n, within), wal[:end+within])
		}
		// The disk wrote the sectors of a frame in another order.
		torn := bytes.Clone(wal[:end+frameHead+page])
		clear(torn[end+frameHead : end+frameHead+512])
		note(fmt.Sprintf("%d frames and one that is torn", n), torn)
	}
	if last != commits-1 || len(seen) != commits+1 {
		t.Errorf("the whole WAL leads to commit %d, on the way %d states", last, len(seen))
	}
	note("garbage behind the WAL", append(bytes.Clone(wal), bytes.Repeat([]byte{0xa5}, 3*(frameHead+page))...))
}

// TestPowerLossWhileTheWALIsEmptied: a checkpoint writes page after page into the
// database; the WAL holds them all until it is done.
func TestPowerLossWhileTheWALIsEmptied(t *testing.T) {
	db, before := powered(t)
	wal := contents(t, db.dir)[dbName+"-wal"]
	if err := db.sql.TruncateWAL(t.Context()); err != nil {
		t.Fatal(err)
	}
	after := contents(t, db.dir)
	if len(after[dbName+"-wal"]) != 0 {
		t.Fatalf("the WAL still has %d bytes", len(after[dbName+"-wal"]))
	}
	page := int(binary.BigEndian.Uint32(wal[8:]))
	old, whole := before[dbName], after[dbName]
	for n := 0; n <= len(whole); n += page / 2 { // also a page that is half written
		mixed := bytes.Clone(whole[:n])
		if n < len(old) {
			mixed = append(mixed, old[n:]...)
		}
		if i := place(t, files(before[keyName], mixed, wal)); i != commits-1 {
			t.Fatalf("after %d bytes of the checkpoint: commit %d", n, i)
		}
	}
	if i := place(t, files(before[keyName], whole, nil)); i != commits-1 {
		t.Errorf("after the checkpoint: commit %d", i)
	}
}

// TestDiskFull: a batch that finds no room is refused whole, reading goes on,
// and with room it goes on by itself.
func TestDiskFull(t *testing.T) {
	db := mustCreate(t, newDir(t), NoPassphrase())
	for i := range 3 {
		commit(t, db, step(i))
	}
	limit := func(pages int) {
		t.Helper()
		err := db.sql.Write(t.Context(), func(tx *store.Tx) error {
			return tx.QueryRow(fmt.Sprintf("PRAGMA max_page_count = %d", pages)).Scan(new(int))
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	var pages int
	if err := db.sql.Read(t.Context(), func(v *store.View) error { return v.QueryRow("PRAGMA page_count").Scan(&pages) }); err != nil {
		t.Fatal(err)
	}
	limit(pages)
	large := step(3)
	large.Put[3].Data = make([]byte, 1<<20)
	for range 3 {
		wantErr(t, db.Commit(t.Context(), &large), store.ErrFull)
		if i := stateOf(t, db); i != 2 {
			t.Fatalf("half a batch is there: state %d", i)
		}
	}
	if err := db.Tidy(t.Context(), today()); err != nil {
		t.Errorf("tidy on a full disk: %v", err)
	}
	if found, err := db.Check(t.Context()); err != nil || len(found) != 0 && found[0].Reason == nil {
		t.Errorf("after a full disk: %v, %v", found, err)
	}
	limit(1 << 20)
	commit(t, db, step(3))
	if i := stateOf(t, reopen(t, db)); i != 3 {
		t.Errorf("with room again: state %d", i)
	}
}
