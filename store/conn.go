package store

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"strings"

	sqlite3 "github.com/mattn/go-sqlite3"
)

const (
	// busyTimeoutMillis is how long SQLite waits for a lock of another process. Within
	// one DB nothing waits in SQLite: the connections are handed out by channels.
	busyTimeoutMillis = 5000
	// maxStatements bounds the prepared statements of a connection. Queries are
	// constants of the program; one past the bound is prepared for each use.
	maxStatements = 256
)

// conn is one connection of the driver with its prepared statements. One
// goroutine uses it at a time, so SQLite's own mutexes are switched off.
type conn struct {
	sq    *sqlite3.SQLiteConn
	stmts map[string]*stmt
	rows  []*Rows             // open result sets, oldest first
	args  []driver.NamedValue // reused for each statement
}

// stmt is a prepared statement; busy while a Rows steps over it.
type stmt struct {
	ds     *sqlite3.SQLiteStmt
	params int
	reads  bool // writes nothing
	cached bool
	busy   bool
	vals   []driver.Value // the current row
}

// connect opens the existing file path, mode "rw" or "ro". Temporary tables stay in memory, so that
// nothing is written beside the database and its WAL.
func connect(path, mode string, cacheKiB int) (*conn, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return nil, wrap("open", err)
	}
	query := fmt.Sprintf("mode=%s&_mutex=no&_synchronous=FULL&_busy_timeout=%d", mode, busyTimeoutMillis)
	if cacheKiB > 0 {
		query += fmt.Sprintf("&_cache_size=-%d", cacheKiB)
	}
	dsn := url.URL{Scheme: "file", Path: filepath.ToSlash(abs), RawQuery: query}
	dc, err := (&sqlite3.SQLiteDriver{}).Open(dsn.String())
	if err != nil {
		return nil, wrap("open "+path, notDatabase(err))
	}
	c := &conn{sq: dc.(*sqlite3.SQLiteConn), stmts: make(map[string]*stmt)}
	const pragmas = `PRAGMA temp_store = MEMORY; PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON;
		PRAGMA fullfsync = ON; PRAGMA checkpoint_fullfsync = ON`
	if err := c.script(pragmas); err != nil {
		return nil, errors.Join(wrap("open "+path, notDatabase(err)), c.close())
	}
	return c, nil
}

// script runs SQL text of any number of statements without arguments.
func (c *conn) script(text string) error {
	_, err := c.sq.Exec(text, nil)
	return err
}

// close finalizes all statements and the connection.
func (c *conn) close() error {
	var errs []error
	for _, s := range c.stmts {
		errs = append(errs, s.ds.Close())
	}
	return wrap("close", errors.Join(append(errs, c.sq.Close())...))
}

// prepare returns the cached statement of query, or a new one when there is none
// or an outer loop is stepping over it.
func (c *conn) prepare(query string) (*stmt, error) {
	old := c.stmts[query]
	if old != nil && !old.busy {
		return old, nil
	}
	// The driver would silently leave out whatever follows the first statement.
	if strings.Contains(strings.TrimRight(query, "; \t\r\n"), ";") {
		return nil, errors.New("a query holds one statement and no semicolon within")
	}
	ds, err := c.sq.Prepare(query)
	if err != nil {
		return nil, err
	}
	s := &stmt{ds: ds.(*sqlite3.SQLiteStmt), params: ds.NumInput()}
	s.reads = s.ds.Readonly()
	if old == nil && len(c.stmts) < maxStatements {
		s.cached = true
		c.stmts[query] = s
	}
	return s, nil
}

// free gives a statement back after its use.
func (s *stmt) free() error {
	s.busy = false
	if s.cached {
		return nil
	}
	return s.ds.Close()
}

// bind converts args into the connection's argument list, valid until the next
// call. SQLite copies what it is given.
func (c *conn) bind(s *stmt, args []any) error {
	if len(args) != s.params {
		return fmt.Errorf("the statement takes %d arguments, not %d", s.params, len(args))
	}
	c.args = c.args[:0]
	for i, arg := range args {
		v, err := bindable(arg)
		if err != nil {
			return fmt.Errorf("argument %d: %w", i+1, err)
		}
		c.args = append(c.args, driver.NamedValue{Ordinal: i + 1, Value: v})
	}
	return nil
}

// exec prepares and runs a statement that returns no rows.
func (c *conn) exec(query string, args ...any) (Result, error) {
	s, err := c.prepare(query)
	if err != nil {
		return Result{}, err
	}
	return c.run(s, args)
}

// run runs a prepared statement that returns no rows. It is never interrupted.
func (c *conn) run(s *stmt, args []any) (res Result, err error) {
	if !s.cached {
		defer func() { err = errors.Join(err, s.free()) }()
	}
	if err := c.bind(s, args); err != nil {
		return Result{}, err
	}
	dres, err := s.ds.ExecContext(context.Background(), c.args)
	clear(c.args)
	if err != nil {
		return Result{}, err
	}
	if res.LastInsertID, err = dres.LastInsertId(); err != nil {
		return Result{}, err
	}
	res.RowsAffected, err = dres.RowsAffected()
	return res, err
}

// query starts a statement that returns rows.
func (c *conn) query(ctx context.Context, query string, args []any) (*Rows, error) {
	s, err := c.prepare(query)
	if err != nil {
		return nil, err
	}
	if err := c.bind(s, args); err != nil {
		return nil, errors.Join(err, s.free())
	}
	dr, err := s.ds.QueryContext(ctx, c.args)
	clear(c.args)
	if err != nil {
		return nil, errors.Join(err, s.free())
	}
	s.busy = true
	// The driver fills as many values as it is given: the count must be the current one.
	if n := len(dr.Columns()); n != len(s.vals) {
		s.vals = make([]driver.Value, n)
	}
	r := &Rows{c: c, s: s, dr: dr}
	c.rows = append(c.rows, r)
	return r, nil
}

// one reads the single row of a query outside of any View.
func (c *conn) one(query string, dest ...any) error {
	r, err := c.query(context.Background(), query, nil)
	return (&Row{rows: r, err: err}).Scan(dest...)
}

// closeRows ends the result sets that a function left open.
func (c *conn) closeRows() error {
	var errs []error
	for len(c.rows) > 0 {
		r := c.rows[len(c.rows)-1]
		r.err = wrap("next row", ErrEnded)
		errs = append(errs, r.Close())
	}
	return errors.Join(errs...)
}

// transact runs fn between begin and COMMIT. Without commit the transaction is
// rolled back: after an error, a panic, or a context that ended before COMMIT.
func (c *conn) transact(ctx context.Context, begin string, fn func(*Tx) error) (err error) {
	if _, err := c.exec(begin); err != nil {
		return wrap("begin", err)
	}
	tx := &Tx{View{c: c, ctx: context.Background()}}
	committed := false
	defer func() {
		tx.c = nil
		if cerr := c.closeRows(); cerr != nil {
			err = errors.Join(err, wrap("close rows", cerr))
		}
		if !committed && !c.sq.AutoCommit() {
			if _, rerr := c.exec("ROLLBACK"); rerr != nil {
				err = errors.Join(err, wrap("roll back", rerr))
			}
		}
	}()
	if err := fn(tx); err != nil {
		return err
	}
	if tx.failed != nil {
		return tx.failed
	}
	if err := c.closeRows(); err != nil {
		return wrap("close rows", err)
	}
	if err := ctx.Err(); err != nil {
		return wrap("commit", err)
	}
	if _, err := c.exec("COMMIT"); err != nil {
		return wrap("commit", err)
	}
	committed = true
	return nil
}

// view runs fn in a read transaction, which is always rolled back.
func (c *conn) view(ctx context.Context, fn func(*View) error) (err error) {
	if _, err := c.exec("BEGIN"); err != nil {
		return wrap("begin", err)
	}
	v := &View{c: c, ctx: ctx}
	defer func() {
		v.c = nil
		if cerr := c.closeRows(); cerr != nil && err == nil && ctx.Err() == nil {
			err = wrap("close rows", cerr)
		}
		if !c.sq.AutoCommit() {
			if _, rerr := c.exec("ROLLBACK"); rerr != nil {
				err = errors.Join(err, wrap("end of read", rerr))
			}
		}
	}()
	return fn(v)
}
