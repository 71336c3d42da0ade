package chat

import (
	"context"
	"crypto/subtle"
	"embed"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"zeroms/client"
	"zeroms/store"
)

//go:embed schema.sql migrations
var schema embed.FS

const (
	dbName   = "profile.db"
	lockName = "lock"
	// applicationID marks profile.db: "zmsc".
	applicationID = 0x7a6d7363
	schemaVersion = 2
)

// DB is an open profile, the only one of its directory. Its methods are safe for
// concurrent use; Page and Message do not wait for a Commit.
type DB struct {
	// static
	dir  string
	lock *store.Lock
	sql  *store.DB
	keys *keys

	// guarded by mu, which Load, Commit and Tidy hold
	mu    sync.Mutex
	daily *dailyKey
	dirty bool // the WAL may hold something erased
	// seats are those of rows that were written lately
	seats map[name]seat

	// guarded by keyMu
	keyMu  sync.Mutex // changes of profile.key
	closed bool
}

var _ client.Store = (*DB)(nil)

// Exists reports whether there is a profile in a directory. It is false too when
// the directory cannot be read; Open then says why.
func Exists(dir string) bool {
	_, err := os.Lstat(filepath.Join(dir, keyName))
	return err == nil
}

// Create makes a profile with a new random key in a directory, which is made
// too when it is missing, and opens it. What an interrupted Create left is taken
// over. Errors: ErrExists, ErrIncomplete (profile.db has rows and no key),
// ErrEmptyPassphrase, ErrPermissions, store.ErrLocked, and those of the file
// system.
func Create(ctx context.Context, dir string, u Unlock) (*DB, error) {
	return create(ctx, dir, u, usual())
}

func create(ctx context.Context, dir string, u Unlock, c cost) (db *DB, err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("create a profile in %s: %w", dir, err)
		}
	}()
	if err := u.checkNew(); err != nil {
		return nil, err
	}
	if err := makeDir(dir); err != nil {
		return nil, err
	}
	lock, err := store.LockDir(dir, lockName)
	if err != nil {
		return nil, err
	}
	db = &DB{dir: dir, lock: lock, seats: map[name]seat{}}
	defer func() {
		if err != nil {
			err = errors.Join(err, db.release())
			db = nil
		}
	}()
	if Exists(dir) {
		return db, ErrExists
	}
	if db.sql, err = openSQL(ctx, dir); err != nil {
		return db, err // not translated: a foreign profile.db is not ours
	}
	profile := newSecret()
	db.keys = deriveKeys(profile)
	// Day 0 ends with the first Commit.
	db.daily = newDailyKey(0, newSecret())
	if err := db.sql.Write(ctx, db.initialise); err != nil {
		return db, err
	}
	// The key file comes last: a directory without it holds nothing of value.
	return db, writeKeyFile(dir, newKeyFile(profile, u, c))
}

// initialise writes the single rows of a new database. What an interrupted Create
// left there is replaced; rows of a profile whose key is missing are not touched.
func (db *DB) initialise(tx *store.Tx) error {
	var rows int
	err := tx.QueryRow(`SELECT (SELECT count(*) FROM slot) + (SELECT count(*) FROM seen)`).Scan(&rows)
	if err != nil {
		return err
	}
	if rows != 0 {
		return fmt.Errorf("%s: %w", keyName, ErrIncomplete)
	}
	_, err = tx.Exec("INSERT OR REPLACE INTO meta (name, value) VALUES ('check', ?)", db.keys.check)
	if err != nil {
		return err
	}
	_, err = tx.Exec("INSERT OR REPLACE INTO day (id, day, wrapped) VALUES (1, ?, ?)",
		dayBytes(db.daily.day), db.keys.wrapDay(db.daily))
	return err
}

// Open opens the profile of a directory. Errors: ErrNoProfile, ErrIncomplete,
// ErrNeedsPassphrase, ErrWrongPassphrase, ErrNoPassphrase, ErrPermissions,
// ErrOtherKey, ErrDamaged, store.ErrLocked, store.ErrNewer, and those of the file
// system.
func Open(ctx context.Context, dir string, u Unlock) (db *DB, err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("open the profile in %s: %w", dir, translate(err))
		}
	}()
	if err := checkFiles(dir); err != nil {
		return nil, err
	}
	lock, err := store.LockDir(dir, lockName)
	if err != nil {
		return nil, err
	}
	db = &DB{dir: dir, lock: lock, seats: map[name]seat{}}
	defer func() {
		if err != nil {
			err = errors.Join(err, db.release())
			db = nil
		}
	}()
	if err := removeNewKeyFile(dir); err != nil {
		return db, err
	}
	f, err := readKeyFile(dir)
	if err != nil {
		return db, err
	}
	profile, err := f.unlock(u)
	if err != nil {
		return db, err
	}
	db.keys = deriveKeys(profile)
	if err := ctx.Err(); err != nil {
		return db, err
	}
	if db.sql, err = openSQL(ctx, dir); err != nil {
		return db, err
	}
	// What was erased before the last process ended may still be in the WAL.
	db.dirty = true
	return db, db.sql.Read(ctx, db.readSingles)
}

// readSingles checks that the database belongs to the key and unwraps its daily key.
func (db *DB) readSingles(v *store.View) error {
	var check []byte
	err := v.QueryRow("SELECT value FROM meta WHERE name = 'check'").Scan(&check)
	if errors.Is(err, store.ErrNoRows) {
		return damaged("table meta")
	}
	if err != nil {
		return err
	}
	if subtle.ConstantTimeCompare(check, db.keys.check[:]) != 1 {
		return ErrOtherKey
	}
	var day [8]byte
	var wrapped []byte
	err = v.QueryRow("SELECT day, wrapped FROM day WHERE id = 1").Scan(&day, &wrapped)
	if errors.Is(err, store.ErrNoRows) {
		return damaged("table day")
	}
	if err != nil {
		return err
	}
	db.daily, err = db.keys.unwrapDay(int64(binary.BigEndian.Uint64(day[:])), wrapped)
	if err != nil {
		return damaged("table day")
	}
	return nil
}

func dayBytes(day int64) []byte { return binary.BigEndian.AppendUint64(nil, uint64(day)) }

func openSQL(ctx context.Context, dir string) (*store.DB, error) {
	return store.Open(ctx, sqlConfig(dir))
}

func sqlConfig(dir string) store.Config {
	return store.Config{
		Path:          filepath.Join(dir, dbName),
		ApplicationID: applicationID,
		Schema:        schema,
		Version:       schemaVersion,
		SecureDelete:  true,
		CacheKiB:      8 << 10,
	}
}

// makeDir makes the directory with mode 0700. An empty one of the user's gets
// that mode; one with files in it must have it already.
func makeDir(dir string) error {
	err := os.MkdirAll(dir, 0o700)
	if err != nil {
		return err
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	if len(entries) == 0 {
		return os.Chmod(dir, 0o700)
	}
	return checkDir(dir)
}

func checkDir(dir string) error {
	st, err := os.Stat(dir)
	if err != nil {
		return err
	}
	if st.Mode().Perm()&0o077 != 0 {
		return fmt.Errorf("%s has mode %04o: %w", dir, st.Mode().Perm(), ErrPermissions)
	}
	return nil
}

// checkFiles looks for both files of a profile before anything is made or opened.
func checkFiles(dir string) error {
	_, keyErr := os.Stat(filepath.Join(dir, keyName))
	_, dbErr := os.Stat(filepath.Join(dir, dbName))
	noKey, noDB := errors.Is(keyErr, fs.ErrNotExist), errors.Is(dbErr, fs.ErrNotExist)
	switch {
	case noKey && noDB:
		return ErrNoProfile
	case noKey:
		return fmt.Errorf("%s: %w", keyName, ErrIncomplete)
	case noDB:
		return fmt.Errorf("%s: %w", dbName, ErrIncomplete)
	}
	if err := errors.Join(keyErr, dbErr); err != nil {
		return err
	}
	return checkDir(dir)
}

// release closes what Open or Create had opened.
func (db *DB) release() error {
	var err error
	if db.sql != nil {
		err = db.sql.Close()
	}
	return errors.Join(err, db.lock.Close())
}

// Tidy makes what was erased or replaced before now unreadable on the disk, by
// bringing the WAL into the database and emptying it. Without anything erased
// since the last Tidy it does nothing. It waits for running Pages. Errors:
// store.ErrBusy, ErrFull, ErrClosed.
func (db *DB) Tidy(ctx context.Context, _ time.Time) error {
	db.mu.Lock()
	defer db.mu.Unlock()
	return db.tidy(ctx)
}

func (db *DB) tidy(ctx context.Context) error {
	if !db.dirty {
		return nil
	}
	if err := db.sql.TruncateWAL(ctx); err != nil {
		return fmt.Errorf("tidy: %w", translate(err))
	}
	db.dirty = false
	return nil
}

// Close empties the WAL, closes the database and gives the directory free. An
// error says that the WAL could not be emptied: nothing committed is lost, but
// what was erased last stays readable until the next Tidy. A second call does
// nothing.
func (db *DB) Close() error {
	db.keyMu.Lock()
	defer db.keyMu.Unlock()
	if db.closed {
		return nil
	}
	db.closed = true
	if err := db.release(); err != nil {
		return fmt.Errorf("close the profile: %w", translate(err))
	}
	return nil
}
