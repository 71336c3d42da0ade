package store

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/fstest"
)

const testApp = 0x7a6d7301

const schema1 = `CREATE TABLE item (id INTEGER PRIMARY KEY, body BLOB NOT NULL) STRICT;`

// TestMain runs the test binary as the second process of a test when asked to.
func TestMain(m *testing.M) {
	switch os.Getenv("STORE_TEST_CHILD") {
	case "lock":
		os.Exit(childLock())
	case "write":
		os.Exit(childWrite())
	}
	os.Exit(m.Run())
}

// files makes a schema file system: newest, then the migrations from 2 on.
func files(newest string, steps ...string) fstest.MapFS {
	m := fstest.MapFS{"schema.sql": {Data: []byte(newest)}}
	for i, s := range steps {
		m[stepName(i+2)] = &fstest.MapFile{Data: []byte(s)}
	}
	return m
}

func testConfig(path string) Config {
	return Config{Path: path, ApplicationID: testApp, Schema: files(schema1), Version: 1}
}

func mustOpen(t testing.TB, cfg Config) *DB {
	t.Helper()
	db, err := Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}

func newDB(t testing.TB) (*DB, string) {
	path := filepath.Join(t.TempDir(), "x.db")
	return mustOpen(t, testConfig(path)), path
}

func insert(t testing.TB, db *DB, id int, body string) {
	t.Helper()
	err := db.Write(t.Context(), func(tx *Tx) error {
		_, err := tx.Exec("INSERT INTO item (id, body) VALUES (?, ?)", id, []byte(body))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func count(t testing.TB, db *DB) (n int) {
	t.Helper()
	err := db.Read(t.Context(), func(v *View) error {
		return v.QueryRow("SELECT count(*) FROM item").Scan(&n)
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func wantErr(t testing.TB, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Fatalf("error %v, want %v", err, want)
	}
}

func TestCommittedIsInTheFiles(t *testing.T) {
	db, path := newDB(t)
	insert(t, db, 1, "first")
	insert(t, db, 2, "second")
	copied := filepath.Join(t.TempDir(), "copy.db")
	for _, suffix := range []string{"", "-wal"} {
		data, err := os.ReadFile(path + suffix)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(copied+suffix, data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	other := mustOpen(t, testConfig(copied))
	if n := count(t, other); n != 2 {
		t.Fatalf("the copy holds %d rows, want 2", n)
	}
	checkModes(t, copied) // the copies were 0644
}

func TestReopenKeepsRows(t *testing.T) {
	// Characters that mean something in a URI.
	path := filepath.Join(t.TempDir(), "a?b#c%20 d&mode=memory.db")
	for i := range 3 {
		db, err := Open(t.Context(), testConfig(path))
		if err != nil {
			t.Fatal(err)
		}
		if n := count(t, db); n != i {
			t.Fatalf("%d rows, want %d", n, i)
		}
		insert(t, db, i, "x")
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
		if st, err := os.Stat(path + "-wal"); err == nil && st.Size() > 0 {
			t.Fatalf("Close left %d bytes of WAL", st.Size())
		}
	}
	if _, err := os.Stat(path); err != nil {
		t.Fatal(err)
	}
}

func TestKilledWriterLosesNothingReported(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.db")
	child, out := startChild(t, "write", path)
	var reported int
	for reported < 200 {
		line, err := out.ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		if _, err := fmt.Sscan(line, &reported); err != nil {
			t.Fatal(err)
		}
	}
	kill(t, child)
	for {
		line, err := out.ReadString('\n')
		if err != nil {
			break
		}
		if _, err := fmt.Sscan(line, &reported); err != nil {
			t.Fatal(err)
		}
	}
	db := mustOpen(t, testConfig(path))
	if n := count(t, db); n < reported || n > reported+1 {
		t.Fatalf("%d rows after the kill, %d were reported committed", n, reported)
	}
}

func childWrite() int {
	db, err := Open(context.Background(), testConfig(os.Getenv("STORE_TEST_PATH")))
	if err != nil {
		fmt.Println(err)
		return 1
	}
	for i := 1; ; i++ {
		err := db.Write(context.Background(), func(tx *Tx) error {
			_, err := tx.Exec("INSERT INTO item (id, body) VALUES (?, ?)", i, []byte("x"))
			return err
		})
		if err != nil {
			fmt.Println(err)
			return 1
		}
		fmt.Println(i)
	}
}

func startChild(t *testing.T, role, path string) (*exec.Cmd, *bufio.Reader) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "STORE_TEST_CHILD="+role, "STORE_TEST_PATH="+path)
	out, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stdout = w
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	w.Close()
	t.Cleanup(func() { cmd.Process.Kill(); out.Close() })
	return cmd, bufio.NewReader(out)
}

func kill(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	cmd.Wait() // reports the signal
}

func TestRollback(t *testing.T) {
	db, _ := newDB(t)
	insert(t, db, 1, "kept")
	put := func(tx *Tx) {
		if _, err := tx.Exec("INSERT INTO item (body) VALUES (?)", []byte("gone")); err != nil {
			t.Fatal(err)
		}
	}
	t.Run("error", func(t *testing.T) {
		reason := errors.New("reason")
		err := db.Write(t.Context(), func(tx *Tx) error { put(tx); return reason })
		if err != reason {
			t.Fatalf("got %v", err)
		}
	})
	t.Run("panic", func(t *testing.T) {
		defer func() {
			if recover() != "reason" {
				t.Fatal("the panic did not come through")
			}
		}()
		db.Write(t.Context(), func(tx *Tx) error { put(tx); panic("reason") })
	})
	t.Run("context", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		err := db.Write(ctx, func(tx *Tx) error { put(tx); cancel(); put(tx); return nil })
		wantErr(t, err, context.Canceled)
		wantErr(t, db.Write(ctx, func(*Tx) error { t.Fatal("called"); return nil }), context.Canceled)
	})
	t.Run("rows left open", func(t *testing.T) {
		var rows *Rows
		err := db.Write(t.Context(), func(tx *Tx) (err error) {
			rows, err = tx.Query("SELECT id FROM item")
			return errors.Join(err, errors.New("reason"))
		})
		if err == nil || rows.Next() {
			t.Fatalf("error %v, or a row after the end", err)
		}
		wantErr(t, rows.Err(), ErrEnded)
		wantErr(t, rows.Scan(new(int)), ErrEnded)
	})
	if n := count(t, db); n != 1 {
		t.Fatalf("%d rows, want 1", n)
	}
	insert(t, db, 7, "after") // the writer is usable
}

func TestStatementErrors(t *testing.T) {
	db, _ := newDB(t)
	insert(t, db, 1, "x")
	err := db.Write(t.Context(), func(tx *Tx) error {
		_, err := tx.Exec("INSERT INTO item (id, body) VALUES (1, x'00')")
		wantErr(t, err, ErrConstraint)
		_, err = tx.Exec("INSERT INTO item (id, body) VALUES (9, 'text')")
		wantErr(t, err, ErrConstraint) // STRICT
		for _, bad := range []string{
			"COMMIT", "ROLLBACK", "SELECT 1", "INSERT INTO item (body) VALUES (x'01'); DELETE FROM item",
			"INSERT INTO item (id, body) VALUES (?, ?)", "INSERT INTO nothing VALUES (1)", "nonsense",
		} {
			if _, err := tx.Exec(bad); err == nil {
				t.Errorf("%q was accepted", bad)
			}
		}
		wantErr(t, tx.QueryRow("SELECT id FROM item WHERE id = 5").Scan(new(int)), ErrNoRows)
		_, err = tx.Exec("INSERT INTO item (id, body) VALUES (2, x'02')")
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if n := count(t, db); n != 2 {
		t.Fatalf("%d rows, want 2", n)
	}
}

// A transaction that SQLite rolled back by itself must not go on statement by
// statement, each committed alone.
func TestAutomaticRollbackEndsTransaction(t *testing.T) {
	db, _ := newDB(t)
	insert(t, db, 1, "x")
	const add = "INSERT INTO item (id, body) VALUES (?, x'00')"
	err := db.Write(t.Context(), func(tx *Tx) error {
		if _, err := tx.Exec(add, 2); err != nil {
			return err
		}
		_, err := tx.Exec("INSERT OR ROLLBACK INTO item (id, body) VALUES (1, x'00')")
		wantErr(t, err, ErrConstraint)
		_, err = tx.Exec(add, 3)
		wantErr(t, err, ErrEnded)
		_, err = tx.Query("SELECT 1")
		wantErr(t, err, ErrEnded)
		return nil
	})
	wantErr(t, err, ErrEnded)
	wantErr(t, err, ErrConstraint)
	if n := count(t, db); n != 1 {
		t.Fatalf("%d rows, want 1", n)
	}
}

func TestUseAfterEnd(t *testing.T) {
	db, _ := newDB(t)
	var tx *Tx
	if err := db.Write(t.Context(), func(x *Tx) error { tx = x; return nil }); err != nil {
		t.Fatal(err)
	}
	_, err := tx.Exec("DELETE FROM item")
	wantErr(t, err, ErrEnded)
	_, err = tx.Query("SELECT 1")
	wantErr(t, err, ErrEnded)
}

func TestClose(t *testing.T) {
	db, _ := newDB(t)
	entered, leave, closed := make(chan bool), make(chan bool), make(chan error)
	go db.Write(context.Background(), func(tx *Tx) error {
		close(entered)
		<-leave
		_, err := tx.Exec("INSERT INTO item (body) VALUES (x'00')")
		return err
	})
	<-entered
	go func() { closed <- db.Close() }()
	<-db.closed
	wantErr(t, db.Read(t.Context(), func(*View) error { return nil }), ErrClosed)
	close(leave)
	if err := <-closed; err != nil {
		t.Fatal(err)
	}
	wantErr(t, db.Write(t.Context(), func(*Tx) error { return nil }), ErrClosed)
	wantErr(t, db.TruncateWAL(t.Context()), ErrClosed)
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestReadSnapshot(t *testing.T) {
	db, _ := newDB(t)
	insert(t, db, 1, "x")
	const query = "SELECT count(*) FROM item"
	err := db.Read(t.Context(), func(v *View) error {
		for i := range 3 {
			var n int
			if err := v.QueryRow(query).Scan(&n); err != nil {
				return err
			}
			if n != 1 {
				t.Errorf("the snapshot shows %d rows, want 1", n)
			}
			insert(t, db, 10+i, "later")
		}
		if n := count(t, db); n != 4 { // another reader
			t.Errorf("a new snapshot shows %d rows, want 4", n)
		}
		_, err := v.Query("INSERT INTO item (body) VALUES (x'00') RETURNING id")
		if err == nil {
			err = v.QueryRow("INSERT INTO item (body) VALUES (x'00') RETURNING id").Scan(new(int))
		}
		if err == nil {
			t.Error("a reader wrote")
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if n := count(t, db); n != 4 {
		t.Fatalf("%d rows, want 4", n)
	}
}

func TestConcurrentReadersSeeWholeTransactions(t *testing.T) {
	db, _ := newDB(t)
	var wg sync.WaitGroup
	stop := make(chan struct{})
	for range 4 {
		wg.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				if n := count(t, db); n%10 != 0 {
					t.Errorf("%d rows: part of a transaction", n)
					return
				}
			}
		})
	}
	for range 50 {
		err := db.Write(t.Context(), func(tx *Tx) error {
			for range 10 {
				if _, err := tx.Exec("INSERT INTO item (body) VALUES (?)", make([]byte, 3000)); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
		if err := db.TruncateWAL(t.Context()); err != nil {
			t.Error(err)
		}
	}
	close(stop)
	wg.Wait()
}

func TestReadIsInterrupted(t *testing.T) {
	db, _ := newDB(t)
	ctx, cancel := context.WithCancel(t.Context())
	err := db.Read(ctx, func(v *View) error {
		rows, err := v.Query("WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n WHERE i = 1 OR i < 0")
		if err != nil {
			return err
		}
		for rows.Next() {
			go cancel() // the next row never comes
		}
		return rows.Err()
	})
	wantErr(t, err, context.Canceled)
	for range 2 * defaultReaders {
		count(t, db) // every reader is usable
	}
}

func TestNestedQueryOfSameText(t *testing.T) {
	db, _ := newDB(t)
	insert(t, db, 1, "x")
	insert(t, db, 2, "x")
	var got []int
	err := db.Read(t.Context(), func(v *View) error {
		const query = "SELECT id FROM item ORDER BY id"
		outer, err := v.Query(query)
		if err != nil {
			return err
		}
		for outer.Next() {
			inner, err := v.Query(query)
			if err != nil {
				return err
			}
			for inner.Next() {
				var a, b int
				if err := errors.Join(outer.Scan(&a), inner.Scan(&b)); err != nil {
					return err
				}
				got = append(got, 10*a+b)
			}
			if err := inner.Err(); err != nil {
				return err
			}
		}
		return outer.Err()
	})
	if err != nil || fmt.Sprint(got) != "[11 12 21 22]" {
		t.Fatalf("%v, %v", got, err)
	}
}

func TestMoreQueriesThanTheCacheHolds(t *testing.T) {
	db, _ := newDB(t)
	err := db.Read(t.Context(), func(v *View) error {
		for i := range maxStatements + 20 {
			var n int
			if err := v.QueryRow(fmt.Sprintf("SELECT %d", i)).Scan(&n); err != nil || n != i {
				return fmt.Errorf("query %d: %d, %w", i, n, err)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func checkModes(t *testing.T, path string) {
	t.Helper()
	for _, suffix := range []string{"", "-wal", "-shm"} {
		st, err := os.Stat(path + suffix)
		if err != nil {
			t.Fatal(err)
		}
		if st.Mode() != 0o600 {
			t.Errorf("%s has mode %v, want 0600", st.Name(), st.Mode())
		}
	}
}

func TestFileModes(t *testing.T) {
	defer syscall.Umask(syscall.Umask(0))
	db, path := newDB(t)
	insert(t, db, 1, "x")
	checkModes(t, path)
}

func TestCompileOptions(t *testing.T) {
	db, _ := newDB(t)
	err := db.Write(t.Context(), func(tx *Tx) error {
		_, err := tx.Exec("CREATE VIRTUAL TABLE words USING fts5 (body)")
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	c := <-db.writer
	err = c.requireOption("ENABLE_NO_SUCH_THING")
	db.writer <- c
	if err == nil || !strings.Contains(err.Error(), "ENABLE_NO_SUCH_THING") {
		t.Fatalf("got %v", err)
	}
}

// holds reports which files of the database contain text.
func holds(t *testing.T, path, text string) (names []string) {
	t.Helper()
	for _, suffix := range []string{"", "-wal", "-shm", "-journal"} {
		data, err := os.ReadFile(path + suffix)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			t.Fatal(err)
		}
		if bytes.Contains(data, []byte(text)) {
			names = append(names, filepath.Base(path)+suffix)
		}
	}
	return names
}

func TestSecureDelete(t *testing.T) {
	const marker = "the secret that must go"
	for _, secure := range []bool{true, false} {
		cfg := testConfig(filepath.Join(t.TempDir(), "x.db"))
		cfg.SecureDelete = secure
		db := mustOpen(t, cfg)
		for i := range 20 {
			insert(t, db, i, marker+strings.Repeat("x", i*1000)) // up to several overflow pages
		}
		if err := db.TruncateWAL(t.Context()); err != nil {
			t.Fatal(err)
		}
		if len(holds(t, cfg.Path, marker)) == 0 {
			t.Fatal("the marker never was in the files")
		}
		err := db.Write(t.Context(), func(tx *Tx) error {
			_, err := tx.Exec("UPDATE item SET body = x'00' WHERE id < 5")
			if err != nil {
				return err
			}
			_, err = tx.Exec("DELETE FROM item WHERE id >= 5 AND id < 19")
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		insert(t, db, 100, "y")
		if err := db.Write(t.Context(), func(tx *Tx) error { _, err := tx.Exec("DELETE FROM item WHERE id = 19"); return err }); err != nil {
			t.Fatal(err)
		}
		if err := db.TruncateWAL(t.Context()); err != nil {
			t.Fatal(err)
		}
		found := holds(t, cfg.Path, marker)
		if secure && len(found) > 0 {
			t.Errorf("the deleted marker is still in %v", found)
		}
		if !secure && len(found) == 0 {
			t.Error("the marker went without secure_delete: this test shows nothing")
		}
	}
}

func TestTruncateWAL(t *testing.T) {
	db, path := newDB(t)
	insert(t, db, 1, "x")
	if st, err := os.Stat(path + "-wal"); err != nil || st.Size() == 0 {
		t.Fatalf("no WAL to truncate: %v", err)
	}
	// A running Read is waited for.
	entered, leave, done := make(chan bool), make(chan bool), make(chan error)
	go func() {
		done <- db.Read(context.Background(), func(v *View) error {
			var n int
			err := v.QueryRow("SELECT count(*) FROM item").Scan(&n)
			close(entered)
			<-leave
			return err
		})
	}()
	<-entered
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	wantErr(t, db.TruncateWAL(ctx), context.Canceled)
	go func() { done <- db.TruncateWAL(context.Background()) }()
	insert(t, db, 2, "meanwhile") // writes go on
	close(leave)
	if err := errors.Join(<-done, <-done); err != nil {
		t.Fatal(err)
	}
	if st, err := os.Stat(path + "-wal"); err != nil || st.Size() != 0 {
		t.Fatalf("the WAL was not truncated: %v", err)
	}
}

func TestTruncateWALBusy(t *testing.T) {
	db, path := newDB(t)
	other := mustOpen(t, testConfig(path))
	insert(t, db, 1, "x")
	w := <-db.writer
	if err := w.script("PRAGMA busy_timeout = 1"); err != nil {
		t.Fatal(err)
	}
	db.writer <- w
	err := other.Read(t.Context(), func(v *View) error {
		var n int
		if err := v.QueryRow("SELECT count(*) FROM item").Scan(&n); err != nil {
			return err
		}
		insert(t, db, 2, "x")
		wantErr(t, db.TruncateWAL(t.Context()), ErrBusy)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	err = other.Write(t.Context(), func(*Tx) error {
		wantErr(t, db.Write(t.Context(), func(*Tx) error { return nil }), ErrBusy)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	insert(t, db, 3, "x")
}

func TestFull(t *testing.T) {
	db, _ := newDB(t)
	insert(t, db, 1, "x")
	limit := func(pages int) {
		t.Helper()
		err := db.Write(t.Context(), func(tx *Tx) error {
			return tx.QueryRow(fmt.Sprintf("PRAGMA max_page_count = %d", pages)).Scan(new(int))
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	limit(20)
	fill := func(tx *Tx) error {
		for range 100 {
			if _, err := tx.Exec("INSERT INTO item (body) VALUES (?)", make([]byte, 4000)); err != nil {
				return err
			}
		}
		return nil
	}
	wantErr(t, db.Write(t.Context(), fill), ErrFull)
	// The same when the function hides it.
	err := db.Write(t.Context(), func(tx *Tx) error {
		wantErr(t, fill(tx), ErrFull)
		if _, err := tx.Exec("DELETE FROM item"); err == nil {
			return errors.New("undo")
		}
		return nil
	})
	if err == nil {
		t.Fatal("no error")
	}
	if n := count(t, db); n != 1 {
		t.Fatalf("%d rows, want 1", n)
	}
	limit(1000)
	if err := db.Write(t.Context(), fill); err != nil {
		t.Fatal(err)
	}
	wantErr(t, wrap("write", fmt.Errorf("x: %w", syscall.ENOSPC)), ErrFull)
}

func TestCorrupt(t *testing.T) {
	cfg := testConfig(filepath.Join(t.TempDir(), "x.db"))
	db, err := Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 50 {
		insert(t, db, i, strings.Repeat("x", 3000))
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(cfg.Path)
	if err != nil {
		t.Fatal(err)
	}
	for i := 4096; i < len(data); i++ {
		data[i] = 0x5a
	}
	if err := os.WriteFile(cfg.Path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	db = mustOpen(t, cfg)
	err = db.Read(t.Context(), func(v *View) error {
		return v.QueryRow("SELECT sum(length(body)) FROM item").Scan(new(int))
	})
	wantErr(t, err, ErrCorrupt)
}

func TestPragmas(t *testing.T) {
	cfg := testConfig(filepath.Join(t.TempDir(), "x.db"))
	cfg.SecureDelete, cfg.ForeignKeys, cfg.CacheKiB = true, true, 512
	db := mustOpen(t, cfg)
	check := func(v *View, want map[string]any) error {
		for name, w := range want {
			var got any
			if err := v.QueryRow("PRAGMA " + name).Scan(&got); err != nil {
				return err
			}
			if got != w {
				t.Errorf("%s is %v, want %v", name, got, w)
			}
		}
		return nil
	}
	err := db.Write(t.Context(), func(tx *Tx) error {
		return check(&tx.View, map[string]any{
			"journal_mode": "wal", "synchronous": int64(2), "secure_delete": int64(1), "foreign_keys": int64(1),
			"cache_size": int64(-512), "temp_store": int64(2), "trusted_schema": int64(0), "application_id": int64(testApp),
		})
	})
	if err == nil {
		err = db.Read(t.Context(), func(v *View) error {
			return check(v, map[string]any{"query_only": int64(1), "cache_size": int64(-512), "trusted_schema": int64(0)})
		})
	}
	if err != nil {
		t.Fatal(err)
	}
}
