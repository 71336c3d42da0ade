package store

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// asGuest is the configuration of a guest at the same database.
func asGuest(cfg Config) Config {
	cfg.Guest, cfg.Schema = true, nil
	return cfg
}

// snapshot is what the files of a database hold; nil of one that is missing.
type snapshot struct{ main, wal []byte }

func snap(t *testing.T, path string) (s snapshot) {
	t.Helper()
	for suffix, to := range map[string]*[]byte{"": &s.main, "-wal": &s.wal} {
		b, err := os.ReadFile(path + suffix)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			t.Fatal(err)
		}
		*to = b
	}
	return s
}

func (s snapshot) same(t *testing.T, path, when string) {
	t.Helper()
	now := snap(t, path)
	if !bytes.Equal(now.main, s.main) {
		t.Errorf("%s the database differs", when)
	}
	if !bytes.Equal(now.wal, s.wal) {
		t.Errorf("%s the WAL differs: %d bytes, there were %d", when, len(now.wal), len(s.wal))
	}
}

// abandoned copies the files of a database with a WAL: what an owner leaves that
// was killed.
func abandoned(t *testing.T) Config {
	t.Helper()
	owner, path := newDB(t)
	insert(t, owner, 1, "in the database")
	if err := owner.TruncateWAL(t.Context()); err != nil {
		t.Fatal(err)
	}
	insert(t, owner, 2, "in the WAL")
	s := snap(t, path)
	if len(s.wal) == 0 {
		t.Fatal("there is no WAL")
	}
	copied := filepath.Join(t.TempDir(), "x.db")
	for name, b := range map[string][]byte{copied: s.main, copied + "-wal": s.wal} {
		if err := os.WriteFile(name, b, 0o640); err != nil {
			t.Fatal(err)
		}
	}
	return testConfig(copied)
}

func visit(t *testing.T, cfg Config, do func(*DB)) {
	t.Helper()
	db, err := Open(t.Context(), asGuest(cfg))
	if err != nil {
		t.Fatal(err)
	}
	do(db)
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestAGuestThatReadsChangesNothing(t *testing.T) {
	read := func(rows int) func(*DB) {
		return func(db *DB) {
			if n := count(t, db); n != rows {
				t.Errorf("%d rows, want %d", n, rows)
			}
			if err := db.TruncateWAL(t.Context()); err == nil {
				t.Error("a guest truncates the WAL")
			}
		}
	}
	t.Run("owner at work", func(t *testing.T) {
		owner, path := newDB(t)
		insert(t, owner, 1, "x")
		before := snap(t, path)
		if len(before.wal) == 0 {
			t.Fatal("there is no WAL")
		}
		visit(t, testConfig(path), read(1))
		before.same(t, path, "after a guest")
		insert(t, owner, 2, "x")
	})
	t.Run("owner killed", func(t *testing.T) {
		cfg := abandoned(t)
		before := snap(t, cfg.Path)
		visit(t, cfg, read(2))
		before.same(t, cfg.Path, "after a guest")
		if st, err := os.Stat(cfg.Path); err != nil || st.Mode() != 0o640 {
			t.Errorf("the mode was changed: %v, %v", st.Mode(), err)
		}
		if n := count(t, mustOpen(t, cfg)); n != 2 {
			t.Errorf("its owner finds %d rows", n)
		}
	})
	t.Run("owner away", func(t *testing.T) {
		cfg := version1(t)
		before := snap(t, cfg.Path)
		visit(t, cfg, read(1))
		before.same(t, cfg.Path, "after a guest")
		if left, err := filepath.Glob(cfg.Path + "*"); err != nil || len(left) != 1 {
			t.Errorf("a guest leaves %v, %v", left, err)
		}
	})
}

func TestAGuestThatWritesOnlyAppendsToTheWAL(t *testing.T) {
	cfg := abandoned(t)
	before := snap(t, cfg.Path)
	const rows = 8 // of 1 MiB: twice what SQLite checkpoints at by itself
	visit(t, cfg, func(db *DB) {
		for i := range rows {
			insert(t, db, 10+i, strings.Repeat("x", 1<<20))
		}
	})
	after := snap(t, cfg.Path)
	if !bytes.Equal(after.main, before.main) {
		t.Error("a guest wrote into the database file")
	}
	if !bytes.HasPrefix(after.wal, before.wal) || len(after.wal) < len(before.wal)+rows<<20 {
		t.Errorf("the WAL has %d bytes and is not what it was and more", len(after.wal))
	}
	owner := mustOpen(t, cfg)
	if n := count(t, owner); n != 2+rows {
		t.Errorf("the owner finds %d rows", n)
	}
	visit(t, cfg, func(db *DB) { insert(t, db, 3, "beside the owner") })
	if n := count(t, owner); n != 3+rows {
		t.Errorf("beside the owner: %d rows", n)
	}
}

func TestAGuestWantsItsVersion(t *testing.T) {
	three := testConfig("")
	three.Schema, three.Version = files(schema3, toVersion2, toVersion3), 3
	t.Run("older database", func(t *testing.T) {
		for name, cfg := range map[string]Config{"killed": abandoned(t), "away": version1(t)} {
			before, modern := snap(t, cfg.Path), three
			modern.Path = cfg.Path
			_, err := Open(t.Context(), asGuest(modern))
			wantErr(t, err, ErrOlder)
			if !strings.Contains(err.Error(), "schema version 1, this program needs 3") {
				t.Errorf("%v does not say which", err)
			}
			if name == "killed" {
				before.same(t, cfg.Path, "after a newer guest")
			}
			if v := versionOf(t, mustOpen(t, cfg)); v != 1 {
				t.Errorf("version %d", v)
			}
		}
	})
	t.Run("newer database", func(t *testing.T) {
		cfg := version1(t)
		modern := three
		modern.Path = cfg.Path
		owner := mustOpen(t, modern)
		before := snap(t, cfg.Path)
		_, err := Open(t.Context(), asGuest(cfg))
		wantErr(t, err, ErrNewer)
		before.same(t, cfg.Path, "after an older guest")
		if v := versionOf(t, owner); v != 3 {
			t.Errorf("version %d", v)
		}
	})
	t.Run("while it is there", func(t *testing.T) {
		cfg := version1(t)
		guest := mustOpen(t, asGuest(cfg))
		if n := count(t, guest); n != 1 {
			t.Errorf("%d rows", n)
		}
		cfg.Schema, cfg.Version = three.Schema, 3
		mustOpen(t, cfg)
		wantErr(t, guest.Read(t.Context(), func(*View) error { t.Error("a read"); return nil }), ErrNewer)
		wantErr(t, guest.Write(t.Context(), func(*Tx) error { t.Error("a write"); return nil }), ErrNewer)
	})
}

func TestAGuestMakesNoDatabase(t *testing.T) {
	cfg := testConfig(filepath.Join(t.TempDir(), "x.db"))
	_, err := Open(t.Context(), asGuest(cfg))
	wantErr(t, err, fs.ErrNotExist)
	if _, err := os.Stat(cfg.Path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("there is a file: %v", err)
	}
	if err := os.WriteFile(cfg.Path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err = Open(t.Context(), asGuest(cfg))
	wantErr(t, err, fs.ErrNotExist)
	if s := snap(t, cfg.Path); len(s.main) != 0 || s.wal != nil {
		t.Error("the empty file is no longer empty")
	}
	// Its owner has come as far as the journal's mode.
	c, err := connect(cfg.Path, "rw", 0)
	if err != nil {
		t.Fatal(err)
	}
	defer c.close()
	var mode string
	if err := c.one("PRAGMA journal_mode = WAL", &mode); err != nil {
		t.Fatal(err)
	}
	_, err = Open(t.Context(), asGuest(cfg))
	wantErr(t, err, fs.ErrNotExist)

	other := testConfig(version1(t).Path)
	other.ApplicationID++
	_, err = Open(t.Context(), asGuest(other))
	wantErr(t, err, ErrForeign)
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = Open(ended, asGuest(version1(t)))
	wantErr(t, err, context.Canceled)
	for _, bad := range []func(*Config){func(c *Config) { c.Path = "" }, func(c *Config) { c.Version = 0 }} {
		cfg := asGuest(version1(t))
		bad(&cfg)
		if _, err := Open(t.Context(), cfg); err == nil {
			t.Errorf("%+v was accepted", cfg)
		}
	}
}

// The owner reads at its leisure, so nobody could truncate the WAL: a guest neither
// tries nor waits.
func TestAGuestLeavesAtOnce(t *testing.T) {
	owner, path := newDB(t)
	insert(t, owner, 1, "x")
	guest, err := Open(t.Context(), asGuest(testConfig(path)))
	if err != nil {
		t.Fatal(err)
	}
	insert(t, guest, 2, "x")
	err = owner.Read(t.Context(), func(v *View) error {
		var n int
		if err := v.QueryRow("SELECT count(*) FROM item").Scan(&n); err != nil {
			return err
		}
		insert(t, owner, 3, "x")
		before, began := snap(t, path), time.Now()
		if err := guest.Close(); err != nil {
			t.Error(err)
		}
		if d := time.Since(began); d > busyTimeoutMillis*time.Millisecond/2 {
			t.Errorf("it took %v", d)
		}
		before.same(t, path, "after its end")
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	wantErr(t, guest.Read(t.Context(), func(*View) error { return nil }), ErrClosed)
	if err := guest.Close(); err != nil {
		t.Errorf("a second Close: %v", err)
	}
}
