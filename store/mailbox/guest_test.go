package mailbox

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"testing/fstest"
	"time"

	"zeroms/gateway/mailbox"
	"zeroms/protocol/key"
	"zeroms/protocol/wire"
	"zeroms/store"
)

const backupEnv = "ZEROMS_TEST_BACKUP_DB"

// TestBackupOfAnotherProcess copies the database in a process of its own while
// this one keeps it open and writes.
func TestBackupOfAnotherProcess(t *testing.T) {
	if path := os.Getenv(backupEnv); path != "" {
		if err := BackupFile(t.Context(), path, path+".copy"); err != nil {
			t.Fatal(err)
		}
		return
	}
	path := filepath.Join(t.TempDir(), "mailbox.db")
	db, err := Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	a := newLog(t, db)
	for range 50 {
		commit(t, db, a.change(day0, 1<<10, 16<<10))
	}
	before := len(a.rows)
	cmd := exec.Command(os.Args[0], "-test.run=^TestBackupOfAnotherProcess$")
	cmd.Env = append(os.Environ(), backupEnv+"="+path)
	done := make(chan struct{})
	var out []byte
	go func() {
		defer close(done)
		out, err = cmd.CombinedOutput()
	}()
	for running := true; running; {
		commit(t, db, a.change(day0, 1<<10))
		select {
		case <-done:
			running = false
		case <-time.After(2 * time.Millisecond):
		}
	}
	if err != nil {
		t.Fatalf("the other process: %v\n%s", err, out)
	}
	t.Logf("%d rows were written meanwhile", len(a.rows)-before)
	copied, err := Open(t.Context(), path+".copy")
	if err != nil {
		t.Fatal(err)
	}
	defer copied.Close()
	acc, err := copied.Account(t.Context(), a.tag, day0)
	if err != nil {
		t.Fatal(err)
	}
	// One moment: as many rows as the head says, and all of them.
	n := int(acc.Head.Index())
	if n < before || n > len(a.rows) || acc.Head != a.rows[n-1].Mark() {
		t.Fatalf("the copy ends at %d, there were %d before it began", n, before)
	}
	a.db, a.rows = copied, a.rows[:n]
	a.check(1, 0)
}

func TestBackup(t *testing.T) {
	db := open(t)
	a, b := newLog(t, db), newLog(t, db)
	if _, err := db.Start(t.Context(), time.Unix(5000, 0)); err != nil {
		t.Fatal(err)
	}
	capability, err := key.CapabilityFrom(bytes.Repeat([]byte{5}, 32))
	if err != nil {
		t.Fatal(err)
	}
	change := a.change(day0, 100, 1<<10, 64<<10)
	login := mailbox.Login{Key: key.LoginPublic{3}, Cursor: key.CursorID{4}, From: wire.At(7, 1), Acked: a.head, Sig: make([]byte, 64), Enrolled: 9}
	change.Logins = []mailbox.Login{login}
	drop := mailbox.Drop{ID: key.DropID{1}, Account: a.tag, Capability: capability, Start: wire.At(7, 1), K: 3, Head: [32]byte{8}}
	again := drop
	again.Start, again.K = wire.At(7, 2), 0
	door := mailbox.Drop{ID: key.DropID{2}, Account: a.tag, Capability: capability, Door: true, Number: 99, Bits: 22}
	err = db.Commit(t.Context(), &mailbox.Batch{
		Now: day0, Accounts: []mailbox.AccountChange{change, b.change(day0, 1<<10)}, Drops: []mailbox.Drop{drop, door, again},
		Profiles: []mailbox.Profile{{Name: key.ProfilePublic{4}, Account: a.tag, Number: 5, Blob: make([]byte, 4<<10)}},
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.MakeInvite(t.Context(), 3, time.Now().Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	dst := filepath.Join(t.TempDir(), "copy.db")
	if err := os.WriteFile(dst+".part", []byte("of a backup that was cut short"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := db.Backup(t.Context(), dst); err != nil {
		t.Fatal(err)
	}
	if err := db.Backup(t.Context(), dst); !errors.Is(err, fs.ErrExist) {
		t.Errorf("over another file: %v", err)
	}
	left, err := filepath.Glob(dst + "*")
	if err != nil || len(left) != 1 {
		t.Errorf("files %v", left)
	}
	copied, err := Open(t.Context(), dst)
	if err != nil {
		t.Fatal(err)
	}
	defer copied.Close()
	if got, want := dump(t, copied), dump(t, db); got != want {
		t.Errorf("the copy is\n%s\nnot\n%s", got, want)
	}
	// What a gateway does that starts with it: a later incarnation, whatever the clock.
	if n, err := copied.Start(t.Context(), time.Unix(1, 0)); err != nil || n != 5001 {
		t.Errorf("incarnation %d, %v", n, err)
	}
	c := newLog(t, copied) // account numbers go on
	commit(t, copied, c.change(day0, 1<<10))
	c.check(1, 0)

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := db.Backup(ctx, dst+"2"); err == nil {
		t.Error("a backup after the end of its context")
	}
	if left, _ := filepath.Glob(dst + "2*"); len(left) != 0 {
		t.Errorf("a failed backup leaves %v", left)
	}
}

// dump is everything that a database holds.
func dump(t *testing.T, db *DB) string {
	t.Helper()
	var out bytes.Buffer
	err := db.db.Read(t.Context(), func(v *store.View) error {
		for _, table := range []string{"meta", "accounts", "logins", "drops", "registrations", "profiles", "invites", "segments", "payloads", "blocks"} {
			columns, err := v.Query(`SELECT name FROM pragma_table_info(?)`, table)
			if err != nil {
				return err
			}
			query := `SELECT '` + table + `'`
			for columns.Next() {
				var name string
				if err := columns.Scan(&name); err != nil {
					return err
				}
				query += ` || ' ' || quote(` + name + `)`
			}
			rows, err := v.Query(query + ` FROM ` + table + ` ORDER BY 1`)
			if err != nil {
				return err
			}
			before := out.Len()
			for rows.Next() {
				var line string
				if err := rows.Scan(&line); err != nil {
					return err
				}
				out.WriteString(line[:min(len(line), 300)] + "\n")
			}
			if out.Len() == before {
				t.Errorf("the table %s is empty: nothing is tested of it", table)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func TestAGuestChangesNoSchema(t *testing.T) {
	path := filepath.Join(t.TempDir(), "mailbox.db")
	if _, err := OpenGuest(t.Context(), path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("of no file: %v", err)
	}
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenGuest(t.Context(), path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("of an empty file: %v", err)
	}
	if b, err := os.ReadFile(path); err != nil || len(b) != 0 {
		t.Errorf("the empty file has %d bytes, %v", len(b), err)
	}
	owner, err := Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer owner.Close()
	a := newLog(t, owner)
	commit(t, owner, a.change(day0, 1<<10))
	newer := config(path)
	newer.Version = schemaVersion + 1
	if _, err := openGuest(t.Context(), newer); !errors.Is(err, store.ErrOlder) {
		t.Errorf("a newer program: %v", err)
	}
	var version int
	err = owner.db.Read(t.Context(), func(v *store.View) error { return v.QueryRow(`PRAGMA user_version`).Scan(&version) })
	if err != nil || version != schemaVersion {
		t.Errorf("version %d after a newer guest, %v", version, err)
	}
	err = owner.db.Write(t.Context(), func(tx *store.Tx) error { // of a newer program
		var n int
		err := tx.QueryRow(fmt.Sprintf(`PRAGMA user_version = %d`, schemaVersion+1)).Scan(&n)
		if errors.Is(err, store.ErrNoRows) {
			return nil
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := OpenGuest(t.Context(), path); !errors.Is(err, store.ErrNewer) {
		t.Errorf("an older program: %v", err)
	}
	foreign := filepath.Join(t.TempDir(), "foreign.db")
	cfg := store.Config{Path: foreign, ApplicationID: 77, Version: 1, Schema: schemaOfOthers()}
	other, err := store.Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	if err := other.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenGuest(t.Context(), foreign); !errors.Is(err, store.ErrForeign) {
		t.Errorf("another program's: %v", err)
	}
}

func schemaOfOthers() fs.FS {
	return fstest.MapFS{"schema.sql": {Data: []byte(`CREATE TABLE other (id INTEGER PRIMARY KEY) STRICT;`)}}
}

// The end of a guest neither waits for the owner nor keeps it waiting.
func TestAGuestLeavesInPeace(t *testing.T) {
	path := filepath.Join(t.TempDir(), "mailbox.db")
	owner, err := Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer owner.Close()
	a := newLog(t, owner)
	commit(t, owner, a.change(day0, 1<<10))
	guest, err := OpenGuest(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	if s, err := guest.Stats(t.Context()); err != nil || s.Accounts != 1 {
		t.Errorf("%+v, %v", s, err)
	}
	if _, err := guest.MakeInvite(t.Context(), 2, time.Now().Add(time.Hour)); err != nil {
		t.Errorf("an invite: %v", err)
	}
	// The owner reads at its leisure: the log can't be truncated.
	reading, read := make(chan struct{}), make(chan error, 1)
	leave := make(chan struct{})
	go func() {
		read <- owner.db.Read(context.Background(), func(v *store.View) error {
			var n int
			err := v.QueryRow(`SELECT count(*) FROM invites`).Scan(&n)
			close(reading)
			<-leave
			return err
		})
	}()
	<-reading
	commit(t, owner, a.change(day0, 1<<10))
	began := time.Now()
	if err := guest.Close(); err != nil {
		t.Errorf("%v", err)
	}
	if d := time.Since(began); d > 3*time.Second { // SQLite would wait for 5
		t.Errorf("the guest took %v to leave", d)
	}
	close(leave)
	if err := <-read; err != nil {
		t.Error(err)
	}
	commit(t, owner, a.change(day0, 1<<10))
	a.check(1, 0)
}
