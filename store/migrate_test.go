package store

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	sqlite3 "github.com/mattn/go-sqlite3"
)

const (
	toVersion2 = `ALTER TABLE item ADD COLUMN size INTEGER NOT NULL DEFAULT 0; -- of the body
UPDATE item SET size = length(body);`
	toVersion3 = `CREATE INDEX item_by_size ON item (size);
CREATE TABLE note (item INTEGER NOT NULL REFERENCES item (id), t TEXT NOT NULL) STRICT;
INSERT INTO note SELECT id, 'migrated; by 3' FROM item;`
	schema3 = `
-- Everything that was sent.
CREATE TABLE item (
	id   INTEGER PRIMARY KEY,
	body BLOB NOT NULL, /* sealed */
	size INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX item_by_size ON item (size);
CREATE TABLE note (
	item INTEGER NOT NULL REFERENCES item (id),
	t    TEXT NOT NULL
) STRICT;`
)

// version1 makes a database of version 1 with one row and closes it.
func version1(t *testing.T) Config {
	t.Helper()
	cfg := testConfig(filepath.Join(t.TempDir(), "x.db"))
	db, err := Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	insert(t, db, 1, "12345")
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	return cfg
}

func versionOf(t *testing.T, db *DB) (n int) {
	t.Helper()
	if err := db.Read(t.Context(), func(v *View) error { return v.QueryRow("PRAGMA user_version").Scan(&n) }); err != nil {
		t.Fatal(err)
	}
	return n
}

func TestMigrate(t *testing.T) {
	cfg := version1(t)
	cfg.Schema, cfg.Version, cfg.ForeignKeys = files(schema3, toVersion2, toVersion3), 3, true
	db := mustOpen(t, cfg)
	if v := versionOf(t, db); v != 3 {
		t.Fatalf("version %d, want 3", v)
	}
	var size int
	var note string
	err := db.Read(t.Context(), func(v *View) error {
		return v.QueryRow("SELECT size, t FROM item JOIN note ON item = id").Scan(&size, &note)
	})
	if err != nil || size != 5 || note != "migrated; by 3" {
		t.Fatalf("size %d, note %q, %v", size, note, err)
	}
	err = db.Write(t.Context(), func(tx *Tx) error {
		_, err := tx.Exec("INSERT INTO note (item, t) VALUES (99, 'x')")
		return err
	})
	wantErr(t, err, ErrConstraint) // foreign keys are on
}

func TestFailedMigrationLeavesTheVersionBefore(t *testing.T) {
	for name, bad := range map[string]string{
		"syntax":      toVersion3 + "nonsense;",
		"constraint":  toVersion3 + "INSERT INTO item (id, body) VALUES (1, x'00');",
		"not strict":  toVersion3 + "CREATE TABLE loose (a);",
		"foreign key": toVersion3 + "INSERT INTO note VALUES (77, 'x');",
	} {
		t.Run(name, func(t *testing.T) {
			cfg := version1(t)
			cfg.Schema, cfg.Version = files(schema3, toVersion2, bad), 3
			_, err := Open(t.Context(), cfg)
			if err == nil || !strings.Contains(err.Error(), "0003.sql") {
				t.Fatalf("error %v, want one that names the script", err)
			}
			at2 := cfg
			at2.Schema, at2.Version = files(schema3, toVersion2), 2
			db, err := Open(t.Context(), at2)
			if err != nil {
				t.Fatal(err)
			}
			var tables int
			err = db.Read(t.Context(), func(v *View) error {
				return v.QueryRow("SELECT count(*) FROM sqlite_schema WHERE type = 'table'").Scan(&tables)
			})
			if v := versionOf(t, db); err != nil || v != 2 || tables != 1 {
				t.Fatalf("version %d, %d tables, %v", v, tables, err)
			}
			if err := db.Close(); err != nil {
				t.Fatal(err)
			}
			cfg.Schema = files(schema3, toVersion2, toVersion3)
			if v := versionOf(t, mustOpen(t, cfg)); v != 3 {
				t.Fatalf("version %d after the repaired migration", v)
			}
		})
	}
}

func TestScriptMustNotCommit(t *testing.T) {
	cfg := testConfig(filepath.Join(t.TempDir(), "x.db"))
	cfg.Schema = files(schema1 + "COMMIT;")
	if _, err := Open(t.Context(), cfg); err == nil || !strings.Contains(err.Error(), "COMMIT") {
		t.Fatalf("got %v", err)
	}
}

func TestMissingMigrationShowsAtOnce(t *testing.T) {
	cfg := testConfig(filepath.Join(t.TempDir(), "x.db"))
	cfg.Schema, cfg.Version = files(schema3, toVersion2), 3
	_, err := Open(t.Context(), cfg)
	wantErr(t, err, os.ErrNotExist)
	for _, bad := range []func(*Config){
		func(c *Config) { c.Path = "" }, func(c *Config) { c.ApplicationID = 0 }, func(c *Config) { c.Schema = nil },
		func(c *Config) { c.Version = 0 }, func(c *Config) { c.Readers = -1 },
	} {
		cfg := testConfig(filepath.Join(t.TempDir(), "x.db"))
		bad(&cfg)
		if _, err := Open(t.Context(), cfg); err == nil {
			t.Errorf("%+v was accepted", cfg)
		}
	}
}

func TestNewerVersionIsRefused(t *testing.T) {
	cfg := version1(t)
	newer := cfg
	newer.Schema, newer.Version = files(schema3, toVersion2, toVersion3), 3
	db, err := Open(t.Context(), newer)
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	_, err = Open(t.Context(), cfg)
	wantErr(t, err, ErrNewer)
	if !strings.Contains(err.Error(), "update the program") {
		t.Fatalf("%v does not say what to do", err)
	}
}

func TestForeignFilesAreRefusedUntouched(t *testing.T) {
	otherApp := func(path string) {
		cfg := testConfig(path)
		cfg.ApplicationID++
		db, err := Open(t.Context(), cfg)
		if err != nil {
			t.Fatal(err)
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
	}
	plain := func(path string) {
		c, err := (&sqlite3.SQLiteDriver{}).Open(path)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if _, err := c.(*sqlite3.SQLiteConn).Exec("CREATE TABLE a (b)", nil); err != nil {
			t.Fatal(err)
		}
	}
	text := func(s string) func(string) {
		return func(path string) {
			if err := os.WriteFile(path, []byte(s), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	for name, create := range map[string]func(string){
		"other application": otherApp, "unmarked database": plain,
		"short text": text("hello"), "long text": text(strings.Repeat("hello ", 5000)),
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "x.db")
			create(path)
			if err := os.Chmod(path, 0o640); err != nil {
				t.Fatal(err)
			}
			before, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			_, err = Open(t.Context(), testConfig(path))
			wantErr(t, err, ErrForeign)
			after, err := os.ReadFile(path)
			if err != nil || !bytes.Equal(before, after) {
				t.Fatalf("the file was changed: %v", err)
			}
			if st, err := os.Stat(path); err != nil || st.Mode() != 0o640 {
				t.Fatalf("the mode was changed: %v, %v", st.Mode(), err)
			}
		})
	}
}

func TestCheckMigrations(t *testing.T) {
	const schema2 = "CREATE TABLE item (id INTEGER PRIMARY KEY, body BLOB NOT NULL, size INTEGER NOT NULL DEFAULT 0) STRICT"
	released := fstest.MapFS{"0001.sql": {Data: []byte(schema1)}, "0002.sql": {Data: []byte(schema2)}}
	cfg := Config{ApplicationID: testApp, Version: 3, Schema: files(schema3, toVersion2, toVersion3)}
	if err := CheckMigrations(t.Context(), cfg, released); err != nil {
		t.Fatal(err)
	}
	rebuilt := strings.Replace(toVersion3, "CREATE TABLE note", "CREATE TABLE note_new", 1)
	rebuilt = strings.Replace(rebuilt, "INTO note", "INTO note_new", 1) + "ALTER TABLE note_new RENAME TO note;"
	cfg.Schema = files(schema3, toVersion2, rebuilt) // RENAME quotes the name
	if err := CheckMigrations(t.Context(), cfg, released); err != nil {
		t.Fatal(err)
	}
	for name, bad := range map[string]struct {
		schema   fstest.MapFS
		released fstest.MapFS
		says     string
	}{
		"index forgotten in migration": {files(schema3+"CREATE INDEX more ON note (t);", toVersion2, toVersion3), released, "index more"},
		"left over":                    {files(schema3, toVersion2, toVersion3+"CREATE INDEX more ON note (t);"), released, "left over"},
		"default differs":              {files(strings.Replace(schema3, "DEFAULT 0", "DEFAULT 1", 1), toVersion2, toVersion3), released, "table item"},
		"release missing":              {files(schema3, toVersion2, toVersion3), fstest.MapFS{"0001.sql": {Data: []byte(schema1)}}, "0002.sql"},
		"migration fails":              {files(schema3, toVersion2, "nonsense"), released, "0001.sql"},
	} {
		cfg.Schema = bad.schema
		if err := CheckMigrations(t.Context(), cfg, bad.released); err == nil || !strings.Contains(err.Error(), bad.says) {
			t.Errorf("%s: error %v, want one with %q", name, err, bad.says)
		}
	}
}
