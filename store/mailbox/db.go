// Package mailbox is the gateway's database: it keeps accounts, logs, drops and
// profiles in SQLite for package gateway/mailbox (docs/protocol/mailbox.md).
//
// A log is append-only and small rows are what costs in SQLite, so the rows are
// packed: one commit writes the envelopes of all its accounts as one blob of up
// to 256 KiB, a segment, and for each account one block with the rows. What all
// cursors passed is first counted as dead in its segment and then squeezed out
// once half of a segment is dead; the rows stay.
//
// The gateway owns the database through store.LockDir. Other processes open it
// with OpenGuest while the gateway runs: to make invites, to count, to copy it.
package mailbox

import (
	"context"
	"crypto/sha256"
	"embed"
	"errors"
	"log/slog"
	"sync"
	"time"

	"zeroms/gateway/mailbox"
	"zeroms/protocol/key"
	"zeroms/protocol/wire"
	"zeroms/store"
)

//go:embed schema.sql migrations
var schemaFiles embed.FS

// Identity of the database file.
const (
	applicationID = 0x5a4d5347 // "ZMSG"
	schemaVersion = 3
)

// DB is an open database; it implements gateway/mailbox.Store.
type DB struct {
	db *store.DB

	log    *slog.Logger
	begun  time.Time  // of this process, for its monotonic clock
	commit sync.Mutex // one Commit at a time
	// guarded by commit
	known map[key.AccountTag]knownAccount

	timing sync.Mutex
	// guarded by timing
	clock clock
}

// Open opens or makes the database file path. Errors: store.Open's.
func Open(ctx context.Context, path string) (*DB, error) {
	db, err := store.Open(ctx, config(path))
	if err != nil {
		return nil, err
	}
	return &DB{
		db: db, log: slog.New(slog.DiscardHandler), begun: time.Now(), known: make(map[key.AccountTag]knownAccount),
	}, nil
}

// LogTo makes the database report a clock that can't be right; before its first use.
func (d *DB) LogTo(log *slog.Logger) { d.log = log }

func config(path string) store.Config {
	return store.Config{
		Path: path, ApplicationID: applicationID, Schema: schemaFiles, Version: schemaVersion, CacheKiB: 8 << 10, ReaderKiB: 1 << 10,
		PageSize: 8 << 10,
	}
}

// Close closes the database.
func (d *DB) Close() error { return d.db.Close() }

// Start raises the incarnation durably.
func (d *DB) Start(ctx context.Context, now time.Time) (incarnation uint32, err error) {
	var stored uint64
	err = d.db.Write(ctx, func(tx *store.Tx) error {
		return tx.QueryRow(`UPDATE meta SET incarnation = max(incarnation + 1, ?) RETURNING incarnation, clock`,
			now.Unix()).Scan(&incarnation, &stored)
	})
	if err == nil {
		d.wind(stored, now)
	}
	return incarnation, err
}

// Account reads an account; what expired by now is below Floor, unless now is
// not believed (clock.go).
func (d *DB) Account(ctx context.Context, tag key.AccountTag, now time.Time) (a *mailbox.Account, err error) {
	now = d.believed(now)
	err = d.db.Read(ctx, func(v *store.View) error {
		a, err = account(v, tag, now)
		return err
	})
	return a, none(err)
}

// none turns "no row" into no error.
func none(err error) error {
	if errors.Is(err, store.ErrNoRows) {
		return nil
	}
	return err
}

func account(v *store.View, tag key.AccountTag, now time.Time) (*mailbox.Account, error) {
	var a mailbox.Account
	var id int64
	var head, floor []byte
	err := v.QueryRow(`SELECT id, key, head, floor, quota, closed > 0 FROM accounts WHERE tag = ?`, tag).
		Scan(&id, &a.Key, &head, &floor, &a.Quota, &a.Closed)
	if err != nil {
		return nil, err
	}
	a.Head, a.Floor = parseMark(head), parseMark(floor)
	if a.Floor, err = expired(v, id, &a, now); err != nil {
		return nil, err
	}
	var oldest []byte
	err = v.QueryRow(`SELECT before FROM blocks WHERE account = ? ORDER BY first LIMIT 1`, id).Scan(&oldest)
	switch {
	case err == nil:
		a.Oldest = parseMark(oldest)
	case errors.Is(err, store.ErrNoRows):
		a.Oldest = a.Head
	default:
		return nil, err
	}
	err = v.QueryRow(`SELECT
		ifnull(sum(door = 0 AND deleted = 0), 0), ifnull(sum(door = 1 AND deleted = 0), 0), ifnull(sum(deleted > 0), 0),
		(SELECT count(*) FROM profiles WHERE account = ?1 AND deleted = 0),
		(SELECT count(*) FROM profiles WHERE account = ?1 AND deleted > 0) FROM drops WHERE account = ?1`, id).
		Scan(&a.Drops, &a.Doors, &a.Deleted, &a.Profiles, &a.Unnamed)
	if err != nil {
		return nil, err
	}
	a.Logins, err = logins(v, id)
	return &a, err
}

// expired is the higher one of the account's floor and of what passed its time
// limit. It looks from the floor's block on, so what was acknowledged costs nothing.
func expired(v *store.View, id int64, a *mailbox.Account, now time.Time) (mailbox.Mark, error) {
	var before []byte
	err := v.QueryRow(`SELECT before FROM blocks WHERE account = ?1 AND last > ?2 AND kept > ?3
		AND first >= ifnull((SELECT max(first) FROM blocks WHERE account = ?1 AND first <= ?2 + 1), 0)
		ORDER BY first LIMIT 1`, id, a.Floor.Position.Index(), overdue(wire.Millis(now))).Scan(&before)
	if errors.Is(err, store.ErrNoRows) {
		return a.Head, nil
	}
	if err != nil {
		return a.Floor, err
	}
	if m := parseMark(before); m.Position.Index() > a.Floor.Position.Index() {
		return m, nil
	}
	return a.Floor, nil
}

func logins(v *store.View, id int64) (all []mailbox.Login, err error) {
	rows, err := v.Query(`SELECT login, cursor, origin, acked, sig, enrolled, removed FROM logins WHERE account = ?`, id)
	if err != nil {
		return nil, err
	}
	for rows.Next() {
		var l mailbox.Login
		var acked []byte
		if err := rows.Scan(&l.Key, &l.Cursor, &l.From, &acked, &l.Sig, &l.Enrolled, &l.Removed); err != nil {
			return nil, err
		}
		l.Acked = parseMark(acked)
		all = append(all, l)
	}
	return all, rows.Err()
}

// Ended is where the log of a forgotten account ended.
func (d *DB) Ended(ctx context.Context, tag key.AccountTag) (mailbox.Mark, error) {
	var head []byte
	err := d.db.Read(ctx, func(v *store.View) error {
		return v.QueryRow(`SELECT head FROM tombstones WHERE tag = ?`, tag).Scan(&head)
	})
	return parseMark(head), none(err)
}

// Login finds the account of an enrolled login key.
func (d *DB) Login(ctx context.Context, login key.LoginPublic) (*key.AccountTag, error) {
	var tag key.AccountTag
	err := d.db.Read(ctx, func(v *store.View) error {
		return v.QueryRow(`SELECT tag FROM logins JOIN accounts ON accounts.id = logins.account
			WHERE login = ? AND enrolled > 0`, login).Scan(&tag)
	})
	if err != nil {
		return nil, none(err)
	}
	return &tag, nil
}

// Drop reads a drop or door, also a deleted one.
func (d *DB) Drop(ctx context.Context, id key.DropID) (*mailbox.Drop, error) {
	out := mailbox.Drop{ID: id}
	var capability []byte
	err := d.db.Read(ctx, func(v *store.View) error {
		return v.QueryRow(`SELECT tag, capability, start, k, drops.head, door, number, bits, deleted
			FROM drops JOIN accounts ON accounts.id = drops.account WHERE drops.id = ?`, id).
			Scan(&out.Account, &capability, &out.Start, &out.K, &out.Head, &out.Door, &out.Number, &out.Bits, &out.Deleted)
	})
	if err == nil {
		out.Capability, err = key.CapabilityFrom(capability)
	}
	if err != nil {
		return nil, none(err)
	}
	return &out, nil
}

// Profile reads a profile blob and its claim, also of a deleted one.
func (d *DB) Profile(ctx context.Context, name key.ProfilePublic) (*mailbox.Profile, error) {
	out := mailbox.Profile{Name: name}
	err := d.db.Read(ctx, func(v *store.View) error {
		return v.QueryRow(`SELECT tag, number, content FROM profiles JOIN accounts ON accounts.id = profiles.account
			WHERE name = ?`, name).Scan(&out.Account, &out.Number, &out.Blob)
	})
	if err != nil {
		return nil, none(err)
	}
	return &out, nil
}

// InviteUses is how often an invite may still be used at now.
func (d *DB) InviteUses(ctx context.Context, hash [32]byte, now time.Time) (uses int, err error) {
	err = d.db.Read(ctx, func(v *store.View) error {
		return v.QueryRow(`SELECT uses FROM invites WHERE hash = ? AND expires > ?`, hash, wire.Millis(now)).Scan(&uses)
	})
	return uses, none(err)
}

// MakeInvite makes an invite for that many new accounts. The database knows only
// its hash.
func (d *DB) MakeInvite(ctx context.Context, uses int, expires time.Time) (key.Invite, error) {
	if uses < 1 {
		return key.Invite{}, errors.New("mailbox: an invite needs at least one use")
	}
	invite := key.NewInvite()
	err := d.db.Write(ctx, func(tx *store.Tx) error {
		_, err := tx.Exec(`INSERT INTO invites (hash, uses, expires) VALUES (?, ?, ?)`,
			sha256.Sum256(invite.Bytes()), uses, wire.Millis(expires))
		return err
	})
	return invite, err
}

// Stats are counts for the operator; they name nobody.
type Stats struct {
	Incarnation uint32
	Accounts    int   // open ones
	Devices     int   // enrolled login keys
	Drops       int   // live ones
	Doors       int   // live ones
	Profiles    int   // live ones
	Invites     int   // uses left in all
	Envelopes   int64 // bytes of envelopes on the disk
	Waiting     int64 // bytes of them that are owed to somebody
}

// Stats counts what the database holds.
func (d *DB) Stats(ctx context.Context) (s Stats, err error) {
	err = d.db.Read(ctx, func(v *store.View) error {
		return v.QueryRow(`SELECT
			(SELECT incarnation FROM meta),
			(SELECT count(*) FROM accounts WHERE closed = 0),
			(SELECT count(*) FROM logins WHERE enrolled > 0),
			(SELECT count(*) FROM drops WHERE door = 0 AND deleted = 0),
			(SELECT count(*) FROM drops WHERE door = 1 AND deleted = 0),
			(SELECT count(*) FROM profiles WHERE deleted = 0),
			(SELECT ifnull(sum(uses), 0) FROM invites WHERE expires > ?),
			(SELECT ifnull(sum(size), 0) FROM segments),
			(SELECT ifnull(sum(live), 0) FROM segments)`, wire.Millis(time.Now())).
			Scan(&s.Incarnation, &s.Accounts, &s.Devices, &s.Drops, &s.Doors, &s.Profiles, &s.Invites, &s.Envelopes, &s.Waiting)
	})
	return s, err
}
