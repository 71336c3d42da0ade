// Package store opens the SQLite databases of the program: the client's
// (store/chat) and the gateway's (store/mailbox).
//
// A DB has one connection that writes and a few that read. SQLite's write-ahead
// log lets the readers see the last committed state while the writer works on
// the next one. Every commit is on the disk when Write returns (synchronous =
// FULL): a value that was acted upon must not roll back with the power.
//
// # Schema files
//
// Config.Schema holds schema.sql, which is always the newest schema and creates
// new databases, and migrations/0002.sql, migrations/0003.sql, ... where NNNN.sql
// turns version NNNN-1 into NNNN. Each migration is one transaction together with
// its version number (PRAGMA user_version), so that a crash leaves the version
// before it. All tables are STRICT. Scripts contain no BEGIN and no COMMIT.
//
// The directory testdata/schemas of a package that owns a schema keeps what was
// released: when version N is released, its schema.sql is copied to
// testdata/schemas/NNNN.sql and never changed again. A test of that package calls
// CheckMigrations with it, which migrates each released schema and compares the
// outcome with schema.sql.
//
// # Files
//
// The database and its -wal and -shm have mode 0600. The file is marked with the
// application's ID, so that no other database is taken for it. LockDir gives one
// process the ownership of a directory; a DB does not lock anything by itself.
//
// # Guests
//
// Config.Guest opens a database that another process owns and may be using. A
// guest reads, and writes rows; schema, modes, checkpoints and the WAL's size are
// the owner's affair. Its reads leave the database and the WAL byte for byte as they
// are, its commits only append to the WAL, or begin it anew where the owner has
// brought all of it into the database.
package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
)

// defaultReaders is the number of readers when Config.Readers is 0.
const defaultReaders = 2

// walLimitBytes is what a checkpoint leaves of a WAL file that a long read made
// grow. 16 MiB is four times what SQLite lets it grow to by itself.
const walLimitBytes = 16 << 20

// Config says which database to open and how.
type Config struct {
	// Path of the database file in an existing directory. It is created when missing.
	Path string
	// ApplicationID marks the files of this kind of database; not 0.
	ApplicationID int32
	// Schema holds schema.sql and migrations/NNNN.sql.
	Schema fs.FS
	// Version of schema.sql, 1 or more.
	Version int
	// SecureDelete overwrites deleted content with zeros. What was deleted leaves
	// the WAL with the next TruncateWAL. An FTS5 table has its own option
	// 'secure-delete' for its index.
	SecureDelete bool
	// ForeignKeys enforces foreign keys. Migrations run without, and are checked
	// at their end.
	ForeignKeys bool
	// Readers is the number of concurrent Reads, 0 for 2.
	Readers int
	// Guest opens a database that somebody else owns: it must exist and have exactly
	// this Version, and nothing but rows changes. Schema is not needed.
	Guest bool
	// CacheKiB is the page cache of the writer in KiB, 0 for SQLite's 2000; ReaderKiB
	// is that of each reader, 0 for the same.
	CacheKiB, ReaderKiB int
	// PageSize of a new database in bytes, 0 for SQLite's 4096.
	PageSize int
}

// DB is an open database. Its methods are safe for concurrent use; the functions
// given to Write and Read must not call the DB again, or they may wait for
// themselves.
type DB struct {
	writer    chan *conn    // holds the writer while it is idle
	readers   chan *conn    // holds the idle readers
	exclusive chan struct{} // one token: who takes all the readers
	closed    chan struct{} // closed by Close
	close     sync.Once
	guest     *Config // what the database must be; nil of an owner
}

// Open opens the database, creates it or brings it to the newest version. Errors:
// ErrForeign, ErrNewer, ErrCorrupt, ErrFull, ErrBusy, and those of the file system.
// A guest creates and changes none: ErrOlder, and fs.ErrNotExist if there is no
// database or its owner is just making it.
func Open(ctx context.Context, cfg Config) (*DB, error) {
	if cfg.Guest {
		if err := cfg.check(); err != nil {
			return nil, err
		}
		return openGuest(ctx, cfg)
	}
	s, err := readSchema(cfg)
	if err != nil {
		return nil, err
	}
	return open(ctx, cfg, s)
}

// check refuses what no database can be opened with, and fills in the defaults.
func (cfg *Config) check() error {
	if cfg.Path == "" || cfg.ApplicationID == 0 || cfg.Readers < 0 || cfg.CacheKiB < 0 || cfg.ReaderKiB < 0 {
		return errors.New("open: Config needs a Path, an ApplicationID, and no negative numbers")
	}
	if cfg.ReaderKiB == 0 {
		cfg.ReaderKiB = cfg.CacheKiB
	}
	if cfg.Readers == 0 {
		cfg.Readers = defaultReaders
	}
	return nil
}

func open(ctx context.Context, cfg Config, s schema) (db *DB, err error) {
	if err := cfg.check(); err != nil {
		return nil, err
	}
	if err := createFile(cfg.Path); err != nil {
		return nil, wrap("create "+cfg.Path, err)
	}
	var conns []*conn
	defer func() {
		if err == nil {
			return
		}
		for _, c := range conns {
			err = errors.Join(err, c.close())
		}
	}()
	w, err := connect(cfg.Path, "rw", cfg.CacheKiB)
	if err != nil {
		return nil, err
	}
	conns = append(conns, w)
	if err := w.setUp(ctx, cfg, s); err != nil {
		return nil, err
	}
	for range cfg.Readers {
		r, err := connect(cfg.Path, "rw", cfg.ReaderKiB)
		if err != nil {
			return nil, err
		}
		conns = append(conns, r)
		if err := r.script("PRAGMA query_only = ON"); err != nil {
			return nil, wrap("open a reader", err)
		}
	}
	return pool(w, conns[1:]), nil
}

// pool makes a DB of its connections.
func pool(w *conn, readers []*conn) *DB {
	db := &DB{
		writer:    make(chan *conn, 1),
		readers:   make(chan *conn, len(readers)),
		exclusive: make(chan struct{}, 1),
		closed:    make(chan struct{}),
	}
	for _, r := range readers {
		db.readers <- r
	}
	db.writer <- w
	db.exclusive <- struct{}{}
	return db
}

// setUp makes the first connection the writer of a checked, current database.
// Nothing of a foreign file changes: neither its mode nor its journal.
func (c *conn) setUp(ctx context.Context, cfg Config, s schema) error {
	if err := c.requireOption("ENABLE_FTS5"); err != nil {
		return err
	}
	if _, err := c.identify(cfg, s.version); err != nil {
		return wrap("open "+cfg.Path, err)
	}
	if err := tighten(cfg.Path); err != nil {
		return wrap("set the mode of "+cfg.Path, err)
	}
	if cfg.PageSize > 0 { // without effect once there is a table
		if err := c.script(fmt.Sprintf("PRAGMA page_size = %d", cfg.PageSize)); err != nil {
			return wrap("open "+cfg.Path, err)
		}
	}
	var mode string
	if err := c.one("PRAGMA journal_mode = WAL", &mode); err != nil {
		return wrap("open "+cfg.Path, err)
	}
	if mode != "wal" {
		return fmt.Errorf("open %s: the file system supports no write-ahead log; put the file on a local disk", cfg.Path)
	}
	pragmas := fmt.Sprintf("PRAGMA foreign_keys = OFF; PRAGMA journal_size_limit = %d; PRAGMA secure_delete = %t",
		walLimitBytes, cfg.SecureDelete)
	if err := c.script(pragmas); err != nil {
		return wrap("open "+cfg.Path, err)
	}
	if err := c.migrate(ctx, cfg, s); err != nil {
		return wrap("open "+cfg.Path, err)
	}
	return wrap("open "+cfg.Path, c.script(fmt.Sprintf("PRAGMA foreign_keys = %t", cfg.ForeignKeys)))
}

// requireOption checks that SQLite was compiled with an option.
func (c *conn) requireOption(name string) error {
	var n int
	err := c.one("SELECT count(*) FROM pragma_compile_options WHERE compile_options = '"+name+"'", &n)
	if err != nil {
		return wrap("read the compile options", notDatabase(err))
	}
	if n == 0 {
		return fmt.Errorf("this program was built with an SQLite without %s; build it with -tags sqlite_fts5 (make does)", name)
	}
	return nil
}

// createFile makes the file with mode 0600 before SQLite would with the process's
// own. An existing file is not opened here: closing it would drop the locks that
// another connection of this process holds on it.
func createFile(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close()) // the name is on the disk
}

// tighten sets mode 0600 on the files that exist. SQLite gives new ones the mode
// of the database.
func tighten(path string) error {
	for _, suffix := range []string{"", "-wal", "-shm"} {
		if err := os.Chmod(path+suffix, 0o600); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// take waits for a connection. A closed DB hands out none.
func (db *DB) take(ctx context.Context, from chan *conn) (*conn, error) {
	// Among several ready cases select takes any; these two come first.
	select {
	case <-db.closed:
		return nil, ErrClosed
	default:
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	select {
	case c := <-from:
		return c, nil
	case <-db.closed:
		return nil, ErrClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Write runs fn in one transaction that holds the write lock from its start, and
// commits. After nil the commit is on the disk; after an error, or a panic of fn,
// nothing of it is. The context counts until COMMIT begins, which is waited for;
// the statements of fn are not interrupted. An error of fn is returned as it is. To
// a guest ErrNewer may happen.
func (db *DB) Write(ctx context.Context, fn func(*Tx) error) error {
	c, err := db.take(ctx, db.writer)
	if err != nil {
		return wrap("write", err)
	}
	defer func() { db.writer <- c }()
	return c.transact(ctx, "BEGIN IMMEDIATE", func(tx *Tx) error {
		if err := db.recognise(c); err != nil {
			return wrap("write", err)
		}
		return fn(tx)
	})
}

// recognise lets a guest work only on the version that it knows.
func (db *DB) recognise(c *conn) error {
	if db.guest == nil {
		return nil
	}
	return c.recognise(*db.guest)
}

// Read runs fn in a read transaction: everything fn sees is of one moment, that of
// its first query. The end of the context interrupts its queries. To a guest ErrNewer
// may happen.
func (db *DB) Read(ctx context.Context, fn func(*View) error) error {
	c, err := db.take(ctx, db.readers)
	if err != nil {
		return wrap("read", err)
	}
	defer func() { db.readers <- c }()
	return c.view(ctx, func(v *View) error {
		if err := db.recognise(c); err != nil {
			return wrap("read", err)
		}
		return fn(v)
	})
}

// TruncateWAL brings the WAL into the database and empties its file, so that
// nothing deleted remains there. New Reads wait until the running ones and the
// truncation are done. ErrBusy: a program outside this DB is reading. A guest can't.
func (db *DB) TruncateWAL(ctx context.Context) error {
	if db.guest != nil {
		return wrap("truncate the WAL", errGuest)
	}
	select {
	case <-db.exclusive:
		defer func() { db.exclusive <- struct{}{} }()
	case <-db.closed:
		return wrap("truncate the WAL", ErrClosed)
	case <-ctx.Done():
		return wrap("truncate the WAL", ctx.Err())
	}
	for range cap(db.readers) {
		r, err := db.take(ctx, db.readers)
		if err != nil {
			return wrap("truncate the WAL", err)
		}
		defer func() { db.readers <- r }()
	}
	w, err := db.take(ctx, db.writer)
	if err != nil {
		return wrap("truncate the WAL", err)
	}
	defer func() { db.writer <- w }()
	return w.truncate()
}

func (c *conn) truncate() error {
	var busy, frames, done int
	if err := c.one("PRAGMA wal_checkpoint(TRUNCATE)", &busy, &frames, &done); err != nil {
		return wrap("truncate the WAL", err)
	}
	if busy != 0 {
		return wrap("truncate the WAL", ErrBusy)
	}
	return nil
}

// Close waits for the running transactions, truncates the WAL and closes all
// connections; later calls of any method are ErrClosed, of Close nil. Its error
// tells that the WAL could not be truncated; the next Open goes on from it. A guest
// leaves the WAL to its owner and waits for nobody.
func (db *DB) Close() (err error) {
	db.close.Do(func() {
		<-db.exclusive
		close(db.closed)
		var readers []*conn
		for range cap(db.readers) {
			readers = append(readers, <-db.readers)
		}
		w := <-db.writer
		if db.guest != nil {
			err = leave(db.guest.Path, w, readers)
			return
		}
		for _, r := range readers {
			err = errors.Join(err, r.close())
		}
		err = errors.Join(err, w.truncate(), w.close())
	})
	return err
}
