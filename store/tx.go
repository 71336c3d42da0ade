package store

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
)

// Result is what a statement of Tx.Exec did.
type Result struct {
	LastInsertID int64 // rowid of the last insert of the connection
	RowsAffected int64 // rows inserted, updated or deleted by the statement
}

// View reads in one transaction: all its queries see one state of the database,
// the one at its first query. One goroutine uses it, and only until the function
// it was given to returns.
type View struct {
	c      *conn
	ctx    context.Context
	failed error // set when SQLite rolled the transaction back by itself
}

// Tx is a View that also writes. Its queries see its own writes.
type Tx struct {
	View
}

// usable is nil as long as the transaction is open.
func (v *View) usable(doing string) error {
	if v.c == nil {
		return wrap(doing, ErrEnded)
	}
	return v.failed
}

// note wraps an error, and ends the transaction if SQLite has done so (it does
// after some full-disk and I/O errors): a later statement would otherwise commit
// on its own.
func (v *View) note(doing string, err error) error {
	err = wrap(doing, err)
	if v.c.sq.AutoCommit() {
		v.failed = fmt.Errorf("%w: %w", err, ErrEnded)
		return v.failed
	}
	return err
}

// Exec runs one statement that writes and returns no rows (for RETURNING and for
// PRAGMA use Query). Arguments are integers, bool, string, []byte, arrays of
// bytes, float64, nil, and named types of those, one for each
// placeholder. The statement is prepared once for each query text.
func (t *Tx) Exec(query string, args ...any) (Result, error) {
	if err := t.usable("exec"); err != nil {
		return Result{}, err
	}
	s, err := t.c.prepare(query)
	if err != nil {
		return Result{}, t.note("prepare", err)
	}
	if s.reads {
		return Result{}, errors.Join(errors.New("exec: the statement writes nothing; use Query"), s.free())
	}
	res, err := t.c.run(s, args)
	if err != nil {
		return Result{}, t.note("exec", err)
	}
	return res, nil
}

// Query runs one statement that returns rows. Rows left open end with the
// transaction.
func (v *View) Query(query string, args ...any) (*Rows, error) {
	if err := v.usable("query"); err != nil {
		return nil, err
	}
	r, err := v.c.query(v.ctx, query, args)
	if err != nil {
		return nil, v.note("query", err)
	}
	r.v = v
	return r, nil
}

// QueryRow runs one statement of which the first row matters.
func (v *View) QueryRow(query string, args ...any) *Row {
	r, err := v.Query(query, args...)
	return &Row{rows: r, err: err}
}

// Rows steps over the rows of a query:
//
//	for rows.Next() { err := rows.Scan(&a, &b) ... }
//	if err := rows.Err(); err != nil { ... }
type Rows struct {
	c      *conn
	v      *View // nil outside of a transaction
	s      *stmt
	dr     driver.Rows
	err    error
	closed bool
}

// Next goes to the next row. It is false, and the Rows closed, after the last
// one, after an error, and once the context of the Read ended.
func (r *Rows) Next() bool {
	if r.closed {
		return false
	}
	err := r.dr.Next(r.s.vals)
	if err == nil {
		return true
	}
	if !errors.Is(err, io.EOF) {
		if r.v != nil && r.v.c != nil {
			r.err = r.v.note("next row", err)
		} else {
			r.err = wrap("next row", err)
		}
		r.finish()
		return false
	}
	r.err = wrap("close rows", r.finish())
	return false
}

// Scan copies the columns of the current row into pointers: to integers, bool,
// string, []byte, arrays of bytes, float64, any, and named types of those. A number
// that does not fit, a blob of another size than the array, and NULL into anything
// but *[]byte and *any are errors.
func (r *Rows) Scan(dest ...any) error {
	if r.closed {
		return wrap("scan", ErrEnded)
	}
	if len(dest) != len(r.s.vals) {
		return fmt.Errorf("scan: the query returns %d columns, not %d", len(r.s.vals), len(dest))
	}
	for i, d := range dest {
		if err := assign(d, r.s.vals[i]); err != nil {
			return fmt.Errorf("scan: column %d: %w", i+1, err)
		}
	}
	return nil
}

// Err is the error that ended Next, nil after the last row.
func (r *Rows) Err() error { return r.err }

// Close ends the query early. A second call does nothing.
func (r *Rows) Close() error { return wrap("close rows", r.finish()) }

func (r *Rows) finish() error {
	if r.closed {
		return nil
	}
	r.closed = true
	for i := len(r.c.rows) - 1; i >= 0; i-- {
		if r.c.rows[i] == r {
			r.c.rows = append(r.c.rows[:i], r.c.rows[i+1:]...)
			break
		}
	}
	err := r.dr.Close()
	clear(r.s.vals)
	return errors.Join(err, r.s.free())
}

// Row is the first row of a query.
type Row struct {
	rows *Rows
	err  error
}

// Scan is Rows.Scan of the first row, ErrNoRows if there is none.
func (r *Row) Scan(dest ...any) error {
	if r.err != nil {
		return r.err
	}
	if !r.rows.Next() {
		if err := r.rows.Err(); err != nil {
			return err
		}
		return wrap("query row", ErrNoRows)
	}
	return errors.Join(r.rows.Scan(dest...), r.rows.Close())
}
