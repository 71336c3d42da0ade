package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
)

// errGuest is TruncateWAL's of a guest.
var errGuest = errors.New("only the owner of a database truncates its WAL")

// openGuest opens a database that somebody else owns. What it is gets read over
// the readers, which can't write: of a database that is refused nothing changes.
//
// SQLite checkpoints and removes the WAL when the last connection closes, unless
// SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE is set, which the driver does not offer. It
// needs an exclusive lock on the database file for that, and a connection that was
// opened for reading only can't get one: so a guest closes its readers last.
func openGuest(ctx context.Context, cfg Config) (db *DB, err error) {
	if cfg.Version < 1 {
		return nil, errors.New("open: Config needs a Version of 1 or more")
	}
	info, err := os.Stat(cfg.Path)
	if err == nil && info.Size() == 0 {
		err = fs.ErrNotExist // its owner has just made it
	}
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", cfg.Path, err)
	}
	if err := ctx.Err(); err != nil {
		return nil, wrap("open "+cfg.Path, err)
	}
	var w *conn
	var readers []*conn
	defer func() {
		if err != nil {
			err = errors.Join(err, leave(cfg.Path, w, readers))
		}
	}()
	for range cfg.Readers {
		r, err := connect(cfg.Path, "ro", cfg.ReaderKiB)
		if err != nil {
			return nil, err
		}
		readers = append(readers, r)
	}
	if err := readers[0].recognise(cfg); err != nil {
		return nil, wrap("open "+cfg.Path, err)
	}
	if w, err = connect(cfg.Path, "rw", cfg.CacheKiB); err != nil {
		return nil, err
	}
	pragmas := fmt.Sprintf("PRAGMA wal_autocheckpoint = 0; PRAGMA secure_delete = %t; PRAGMA foreign_keys = %t",
		cfg.SecureDelete, cfg.ForeignKeys)
	if err := w.script(pragmas); err != nil {
		return nil, wrap("open "+cfg.Path, err)
	}
	db = pool(w, readers)
	db.guest = &cfg
	return db, nil
}

// recognise checks that the database is one of exactly this version. It is asked
// in each transaction of a guest: the owner may be replaced by a newer one.
func (c *conn) recognise(cfg Config) error {
	version, err := c.identify(cfg, cfg.Version)
	switch {
	case err != nil:
		return err
	case version == 0:
		return fmt.Errorf("nothing is in it yet: %w", fs.ErrNotExist)
	case version < cfg.Version:
		return fmt.Errorf("schema version %d, this program needs %d: %w", version, cfg.Version, ErrOlder)
	}
	return nil
}

// leave closes a guest's connections so that SQLite finds the last one unable to
// checkpoint. Only where the WAL is empty the one that can write goes last: then
// SQLite removes the files that opening has made.
func leave(path string, w *conn, readers []*conn) (err error) {
	if info, serr := os.Stat(path + "-wal"); w != nil && serr == nil && info.Size() == 0 {
		var version int
		err = w.one("PRAGMA user_version", &version) // it joins the others before they go
		for _, r := range readers {
			err = errors.Join(err, r.close())
		}
		return errors.Join(err, w.close())
	}
	if w != nil {
		err = w.close()
	}
	for _, r := range readers {
		err = errors.Join(err, r.close())
	}
	return err
}
