package store

import (
	"errors"
	"fmt"
	"syscall"

	sqlite3 "github.com/mattn/go-sqlite3"
)

// Errors of this package. They are wrapped with what was being done and, where
// there is one, SQLite's own error; test for them with errors.Is.
var (
	// ErrFull: no space is left on the disk or in the page limit. The transaction
	// was rolled back; it can be repeated once space is free.
	ErrFull = errors.New("the disk is full; free some space and try again")
	// ErrCorrupt: the file is damaged. Nothing repairs it here.
	ErrCorrupt = errors.New("the database is damaged; restore a backup or set this device up again")
	// ErrBusy: somebody outside this DB kept the database locked too long.
	ErrBusy = errors.New("the database is in use by another program; close that program and try again")
	// ErrNewer: the file was written by a newer version of the program.
	ErrNewer = errors.New("the database belongs to a newer version of this program; update the program")
	// ErrOlder: a guest's; the file was written by an older version of the program.
	ErrOlder = errors.New("the database belongs to an older version of this program, which may be running: " +
		"use that version, or let this one open the database as its owner first")
	// ErrForeign: the file is no database, or one of another application. It was
	// left untouched.
	ErrForeign = errors.New("the file is not a database of this program; choose another path or move the file away")
	// ErrConstraint: a statement broke a constraint of the schema (UNIQUE, CHECK,
	// NOT NULL, foreign key, STRICT type). The statement had no effect, the
	// transaction goes on.
	ErrConstraint = errors.New("a constraint of the schema was violated")
	// ErrClosed: the DB was closed.
	ErrClosed = errors.New("the database was closed")
	// ErrLocked: another process, or another Lock in this one, owns the lock.
	ErrLocked = errors.New("it is in use by another process; stop that process or let it do the work")
	// ErrNoRows: Row.Scan found no row.
	ErrNoRows = errors.New("no row matches")
	// ErrEnded: a Tx, View or Rows was used after its function returned, or after
	// SQLite had rolled the transaction back.
	ErrEnded = errors.New("the transaction has ended")
)

// wrap says what was being done when err happened and adds the sentinel that
// fits SQLite's result code. Messages of SQLite name tables and columns, never
// bound values; an FTS5 query expression that does not parse is the exception,
// so callers quote the terms of a search.
func wrap(doing string, err error) error {
	if err == nil {
		return nil
	}
	if kind := classify(err); kind != nil && !errors.Is(err, kind) {
		return fmt.Errorf("%s: %w (%w)", doing, kind, err)
	}
	return fmt.Errorf("%s: %w", doing, err)
}

// classify returns the sentinel for an error of SQLite or of the file system,
// nil when none fits.
func classify(err error) error {
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		return ErrFull
	}
	var se sqlite3.Error
	if !errors.As(err, &se) {
		return nil
	}
	switch se.Code {
	case sqlite3.ErrFull:
		return ErrFull
	case sqlite3.ErrIoErr, sqlite3.ErrCantOpen:
		if se.SystemErrno == syscall.ENOSPC || se.SystemErrno == syscall.EDQUOT {
			return ErrFull
		}
	case sqlite3.ErrCorrupt, sqlite3.ErrNotADB:
		return ErrCorrupt
	case sqlite3.ErrBusy, sqlite3.ErrLocked, sqlite3.ErrProtocol:
		return ErrBusy
	case sqlite3.ErrConstraint, sqlite3.ErrMismatch:
		return ErrConstraint
	}
	return nil
}
