package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	sqlite3 "github.com/mattn/go-sqlite3"
)

// schema is the text of the schema files.
type schema struct {
	newest  string
	steps   []string // steps[i] makes version i+2
	version int
}

// readSchema reads all schema files, so that a missing one shows at the first Open
// and not at somebody's migration.
func readSchema(cfg Config) (schema, error) {
	if cfg.Schema == nil || cfg.Version < 1 {
		return schema{}, errors.New("open: Config needs a Schema and a Version of 1 or more")
	}
	newest, err := fs.ReadFile(cfg.Schema, "schema.sql")
	if err != nil {
		return schema{}, wrap("read the schema", err)
	}
	s := schema{newest: string(newest), version: cfg.Version}
	for v := 2; v <= cfg.Version; v++ {
		step, err := fs.ReadFile(cfg.Schema, stepName(v))
		if err != nil {
			return schema{}, wrap("read the schema", err)
		}
		s.steps = append(s.steps, string(step))
	}
	return s, nil
}

func stepName(version int) string { return fmt.Sprintf("migrations/%04d.sql", version) }

// identify returns the version of the database, 0 when it is new and empty.
func (c *conn) identify(cfg Config, newest int) (int, error) {
	var id, version, objects int64
	err := errors.Join(
		c.one("PRAGMA application_id", &id),
		c.one("PRAGMA user_version", &version),
		c.one("SELECT count(*) FROM sqlite_schema", &objects))
	switch {
	case err != nil:
		return 0, notDatabase(err)
	case id == 0 && version == 0 && objects == 0:
		return 0, nil
	case id != int64(cfg.ApplicationID) || version < 1:
		return 0, fmt.Errorf("application ID %d, version %d: %w", id, version, ErrForeign)
	case version > int64(newest):
		return 0, fmt.Errorf("schema version %d, this program knows %d: %w", version, newest, ErrNewer)
	}
	return int(version), nil
}

// notDatabase adds ErrForeign when the file is no database at all.
func notDatabase(err error) error {
	var se sqlite3.Error
	if errors.As(err, &se) && se.Code == sqlite3.ErrNotADB {
		return ErrForeign
	}
	return err
}

// migrate creates the schema or applies what is missing, one transaction a step.
func (c *conn) migrate(ctx context.Context, cfg Config, s schema) error {
	for {
		done := false
		err := c.transact(ctx, "BEGIN IMMEDIATE", func(*Tx) error {
			version, err := c.identify(cfg, s.version)
			if err != nil {
				return err
			}
			switch version {
			case s.version:
				done = true
				return nil
			case 0:
				err := c.apply("schema.sql", s.newest, s.version)
				return errors.Join(err, c.script(fmt.Sprintf("PRAGMA application_id = %d", cfg.ApplicationID)))
			default:
				return c.apply(stepName(version+1), s.steps[version-1], version+1)
			}
		})
		if err != nil || done {
			return err
		}
	}
}

// apply runs one script within the open transaction and checks what it left.
func (c *conn) apply(name, text string, version int) error {
	if err := c.script(text); err != nil {
		return wrap(name, err)
	}
	if c.sq.AutoCommit() {
		return fmt.Errorf("%s ends its transaction; it must hold neither COMMIT nor ROLLBACK", name)
	}
	var loose, broken int
	err := errors.Join(
		c.one(`SELECT count(*) FROM pragma_table_list
			WHERE schema = 'main' AND type = 'table' AND strict = 0 AND name NOT LIKE 'sqlite\_%' ESCAPE '\'`, &loose),
		c.one("SELECT count(*) FROM pragma_foreign_key_check", &broken))
	if err != nil {
		return wrap(name, err)
	}
	if loose > 0 {
		return fmt.Errorf("%s leaves %d tables that are not STRICT", name, loose)
	}
	if broken > 0 {
		return fmt.Errorf("%s leaves %d rows with broken foreign keys", name, broken)
	}
	return wrap(name, c.script(fmt.Sprintf("PRAGMA user_version = %d", version)))
}

// CheckMigrations is for the tests of packages that own a schema. released holds
// NNNN.sql, the schema.sql of each released version, at least of all before
// cfg.Version. A database is made of each, migrated by Open, and its schema
// compared with that of a new database; comments, white space and quotes around
// names do not count, the order of columns does. The files lie in a temporary
// directory; cfg.Path is not used.
func CheckMigrations(ctx context.Context, cfg Config, released fs.FS) (err error) {
	dir, err := os.MkdirTemp("", "migrations")
	if err != nil {
		return wrap("check migrations", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	cfg.Path = filepath.Join(dir, "new.db")
	want, err := openAndDump(ctx, cfg)
	if err != nil {
		return err
	}
	for v := 1; v <= cfg.Version; v++ {
		name := fmt.Sprintf("%04d.sql", v)
		text, err := fs.ReadFile(released, name)
		if errors.Is(err, fs.ErrNotExist) && v == cfg.Version {
			return nil // not released yet
		}
		if err != nil {
			return wrap("check migrations", err)
		}
		cfg.Path = filepath.Join(dir, name+".db")
		db, err := open(ctx, cfg, schema{newest: string(text), version: v})
		if err != nil {
			return fmt.Errorf("released schema %s: %w", name, err)
		}
		if err := db.Close(); err != nil {
			return err
		}
		got, err := openAndDump(ctx, cfg)
		if err != nil {
			return fmt.Errorf("released schema %s: %w", name, err)
		}
		if err := sameSchema(got, want); err != nil {
			return fmt.Errorf("released schema %s, migrated, differs from schema.sql: %w", name, err)
		}
	}
	return nil
}

// openAndDump opens the database of cfg and returns the statements of its schema
// by name, in one spelling.
func openAndDump(ctx context.Context, cfg Config) (dump map[string]string, err error) {
	db, err := Open(ctx, cfg)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	dump = make(map[string]string)
	err = db.Read(ctx, func(v *View) error {
		rows, err := v.Query(`SELECT type || ' ' || name, ifnull(sql, '') FROM sqlite_schema WHERE name NOT LIKE 'sqlite\_stat%' ESCAPE '\'`)
		if err != nil {
			return err
		}
		for rows.Next() {
			var name, text string
			if err := rows.Scan(&name, &text); err != nil {
				return err
			}
			dump[name] = normalise(text)
		}
		return rows.Err()
	})
	return dump, err
}

func sameSchema(got, want map[string]string) error {
	for name, text := range want {
		if got[name] != text {
			return fmt.Errorf("%s is\n\t%s\nand not\n\t%s", name, got[name], text)
		}
	}
	for name := range got {
		if _, known := want[name]; !known {
			return fmt.Errorf("%s is left over", name)
		}
	}
	return nil
}

// normalise spells SQL text in one way: tokens with one space between, without
// comments and without the double quotes that ALTER TABLE puts around names.
func normalise(text string) string {
	var tokens []string
	for text != "" {
		n, keep := 1, true
		switch c := text[0]; {
		case strings.IndexByte(" \t\r\n", c) >= 0:
			keep = false
		case strings.HasPrefix(text, "--"):
			n, keep = span(text, "\n", 2), false
		case strings.HasPrefix(text, "/*"):
			n, keep = span(text, "*/", 2), false
		case c == '\'' || c == '"':
			n = span(text, string(c), 1)
		case isWord(c):
			for n < len(text) && isWord(text[n]) {
				n++
			}
		}
		if keep {
			tokens = append(tokens, strings.Trim(text[:n], `"`))
		}
		text = text[n:]
	}
	return strings.Join(tokens, " ")
}

// span is the length of text up to and with the first end at or after from.
func span(text, end string, from int) int {
	if i := strings.Index(text[from:], end); i >= 0 {
		return from + i + len(end)
	}
	return len(text)
}

func isWord(c byte) bool {
	return c == '_' || c >= 0x80 || '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
}
