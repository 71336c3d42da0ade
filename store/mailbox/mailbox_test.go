package mailbox

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"testing"
	"time"

	"zeroms/gateway/mailbox"
	"zeroms/protocol/key"
	"zeroms/protocol/wire"
	"zeroms/store"
)

var _ mailbox.Store = (*DB)(nil)

func open(t *testing.T) *DB {
	t.Helper()
	db, err := Open(t.Context(), filepath.Join(t.TempDir(), "mailbox.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}

// log writes rows of one account as the gateway would.
type log struct {
	t    *testing.T
	db   *DB
	key  key.MailboxPublic
	tag  key.AccountTag
	head mailbox.Mark
	rows []mailbox.Row
}

var day0 = time.UnixMilli(1_800_000_000_000)

const day = 24 * time.Hour

func newLog(t *testing.T, db *DB) *log {
	mk := key.NewPrivate[key.Mailbox]().Public()
	return &log{t: t, db: db, key: mk, tag: key.AccountTagOf(mk)}
}

// change makes rows with payloads of these sizes at a time.
func (l *log) change(at time.Time, sizes ...int) mailbox.AccountChange {
	c := mailbox.AccountChange{Tag: l.tag, Key: l.key, Before: l.head}
	for i, size := range sizes {
		payload := make([]byte, size)
		_, _ = rand.Read(payload)
		row := mailbox.Row{
			Push: wire.Push{
				Position: wire.At(7, l.head.Position.Index()+1), Kind: wire.RowEnvelope, Drop: key.DropID{1}, K: uint32(i + 1),
				Hash: sha256.Sum256(payload), D: [32]byte{2}, Time: wire.Millis(at), Payload: payload,
			},
			Size: uint32(size), Kept: wire.Millis(at.Add(10 * day)), Origin: [12]byte{3},
		}
		if size < 1000 {
			row.Kind = wire.RowObject
		}
		row.Total, row.R = l.head.Total+uint64(size), wire.NextHead(l.head.R, row.Row())
		l.head = row.Mark()
		c.Rows = append(c.Rows, row)
	}
	c.Head = l.head
	l.rows = append(l.rows, c.Rows...)
	return c
}

func commit(t *testing.T, db *DB, changes ...mailbox.AccountChange) {
	t.Helper()
	if err := db.Commit(t.Context(), &mailbox.Batch{Now: day0, Accounts: changes}); err != nil {
		t.Fatal(err)
	}
}

// raise commits a floor at the row with this index.
func (l *log) raise(index int) {
	l.t.Helper()
	commit(l.t, l.db, mailbox.AccountChange{Tag: l.tag, Key: l.key, Before: l.head, Head: l.head, Floor: l.rows[index-1].Mark()})
}

func (l *log) read(r mailbox.RowRange) []mailbox.Row {
	l.t.Helper()
	r.Account = l.tag
	rows, err := l.db.Rows(l.t.Context(), r)
	if err != nil {
		l.t.Fatal(err)
	}
	return rows
}

// check compares all rows from an index on with what was written; payloads of
// envelopes up to erased are gone.
func (l *log) check(from, erased int) {
	l.t.Helper()
	rows := l.read(mailbox.RowRange{From: uint64(from), MaxRows: 1 << 20})
	if len(rows) != len(l.rows)-from+1 {
		l.t.Fatalf("%d rows from %d on, want %d", len(rows), from, len(l.rows)-from+1)
	}
	for i, row := range rows {
		want := l.rows[from-1+i]
		if from+i <= erased && want.Kind == wire.RowEnvelope {
			want.Payload = nil
		}
		if !reflect.DeepEqual(row, want) {
			l.t.Fatalf("row %d: %+v\nwant %+v", from+i, row, want)
		}
	}
}

func sweep(t *testing.T, db *DB, now time.Time) {
	t.Helper()
	for more := true; more; {
		var err error
		if more, err = db.Sweep(t.Context(), now); err != nil {
			t.Fatal(err)
		}
	}
}

func (l *log) envelopeBytes() int64 {
	l.t.Helper()
	s, err := l.db.Stats(l.t.Context())
	if err != nil {
		l.t.Fatal(err)
	}
	return s.Envelopes
}

func TestSchema(t *testing.T) {
	if err := store.CheckMigrations(t.Context(), config(""), os.DirFS("testdata/schemas")); err != nil {
		t.Fatal(err)
	}
}

func TestStartRaisesTheIncarnation(t *testing.T) {
	db := open(t)
	var got []uint32
	for _, now := range []int64{1000, 500, 1001, 1002, 5000} {
		n, err := db.Start(t.Context(), time.Unix(now, 0))
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, n)
	}
	if want := "[1000 1001 1002 1003 5000]"; fmt.Sprint(got) != want {
		t.Errorf("incarnations %v, want %s", got, want)
	}
}

func TestRows(t *testing.T) {
	db := open(t)
	a, b := newLog(t, db), newLog(t, db)
	for i := range 20 {
		at := day0.Add(time.Duration(i) * day)
		commit(t, db, a.change(at, 100, 1<<10, 4<<10), b.change(at, 1<<10))
	}
	commit(t, db, a.change(day0.Add(20*day), 64<<10, 64<<10, 64<<10, 64<<10, 64<<10, 100, 64<<10)) // two segments
	for _, from := range []int{1, 2, 3, 4, 30, 61, 65, 67} {
		a.check(from, 0)
	}
	b.check(1, 0)
	if n := len(a.read(mailbox.RowRange{From: 68, MaxRows: 10})); n != 0 {
		t.Errorf("%d rows after the last", n)
	}
	if n := len(a.read(mailbox.RowRange{From: 5, MaxRows: 7})); n != 7 {
		t.Errorf("%d rows, want 7", n)
	}
	if n := len(a.read(mailbox.RowRange{From: 61, MaxRows: 99, MaxBytes: 130 << 10})); n != 2 {
		t.Errorf("%d rows of 64 KiB in 130 KiB, want 2", n)
	}
	if n := len(a.read(mailbox.RowRange{From: 61, MaxRows: 99, MaxBytes: 1})); n != 1 {
		t.Errorf("%d rows, want the first in any case", n)
	}
	bare := a.read(mailbox.RowRange{From: 1, MaxRows: 99, Bare: true, Since: wire.Millis(day0.Add(10 * day))})
	if len(bare) != 37 || bare[0].Position.Index() != 31 {
		t.Fatalf("%d rows since, from %d", len(bare), bare[0].Position.Index())
	}
	for _, row := range bare {
		if row.Payload != nil || row.R != [32]byte{} || row.Hash != a.rows[row.Position.Index()-1].Hash || row.Total == 0 {
			t.Fatal("a bare row is not bare")
		}
	}
	if rows, err := db.Rows(t.Context(), mailbox.RowRange{Account: key.AccountTag{9}, From: 1, MaxRows: 1}); err != nil || rows != nil {
		t.Errorf("rows of nobody: %d, %v", len(rows), err)
	}
}

func TestSkippedPayloads(t *testing.T) {
	db := open(t)
	a := newLog(t, db)
	c := a.change(day0, 1<<10, 1<<10, 1<<10)
	c.Rows[0].Payload, c.Rows[1].Payload = nil, nil
	a.rows = c.Rows
	commit(t, db, c)
	a.check(1, 0)
	if n := a.envelopeBytes(); n != 1<<10 {
		t.Errorf("%d bytes on the disk, want 1024", n)
	}
}

func TestSweepErasesWhatCursorsPassed(t *testing.T) {
	db := open(t)
	a, b := newLog(t, db), newLog(t, db)
	commit(t, db, a.change(day0, 1<<10, 100, 4<<10, 1<<10), b.change(day0, 1<<10, 1<<10))
	commit(t, db, a.change(day0, 4<<10))
	a.raise(2)
	sweep(t, db, day0)
	a.check(1, 0) // little is dead: nothing is rewritten yet
	a.raise(3)
	sweep(t, db, day0)
	a.check(1, 3)
	b.check(1, 0)
	if n := a.envelopeBytes(); n != 7<<10 {
		t.Errorf("%d bytes on the disk, want %d", n, 7<<10)
	}
	a.raise(1) // floors never go back
	acc, err := db.Account(t.Context(), a.tag, day0)
	if err != nil || acc.Floor != a.rows[2].Mark() {
		t.Errorf("the floor is at %d", acc.Floor.Index())
	}
	a.raise(5)
	b.raise(2)
	sweep(t, db, day0)
	a.check(1, 5)
	b.check(1, 2)
	if n := a.envelopeBytes(); n != 0 {
		t.Errorf("%d bytes are left", n)
	}
}

func TestSweepManyBlocks(t *testing.T) {
	db := open(t)
	a := newLog(t, db)
	for range 3*sweepBlocks + 1 {
		commit(t, db, a.change(day0, 1<<10))
	}
	a.raise(len(a.rows) - 1)
	sweep(t, db, day0)
	sweep(t, db, day0)
	for range 4 { // an account with many blocks takes several rounds
		sweep(t, db, day0)
	}
	if n := a.envelopeBytes(); n != 1<<10 {
		t.Errorf("%d bytes on the disk, want 1024", n)
	}
}

func TestExpiry(t *testing.T) {
	db := open(t)
	a := newLog(t, db)
	commit(t, db, a.change(day0, 1<<10, 1<<10))
	commit(t, db, a.change(day0.Add(3*day), 1<<10))
	floor := func(now time.Time) uint64 {
		t.Helper()
		acc, err := db.Account(t.Context(), a.tag, now)
		if err != nil {
			t.Fatal(err)
		}
		return acc.Floor.Index()
	}
	for _, swept := range []bool{false, true} {
		for _, c := range []struct {
			days int
			want uint64
		}{{9, 0}, {11, 2}, {14, 3}} {
			if swept {
				sweep(t, db, day0.Add(time.Duration(c.days)*day))
			}
			if got := floor(day0.Add(time.Duration(c.days) * day)); got != c.want {
				t.Errorf("day %d, swept %t: floor %d, want %d", c.days, swept, got, c.want)
			}
		}
	}
	a.check(1, 3)
	sweep(t, db, day0.Add(48*day)) // 10 + 37 days and one more
	if acc, err := db.Account(t.Context(), a.tag, day0.Add(48*day)); err != nil || acc.Oldest != a.rows[1].Mark() || acc.Head != a.head {
		t.Errorf("the oldest row is after %d", acc.Oldest.Index())
	}
	if rows := a.read(mailbox.RowRange{From: 1, MaxRows: 9}); len(rows) != 1 || rows[0].R != a.rows[2].R {
		t.Errorf("%d rows after 48 days, want the last with its R", len(rows))
	}
	sweep(t, db, day0.Add(60*day))
	if acc, err := db.Account(t.Context(), a.tag, day0.Add(60*day)); err != nil || acc.Oldest != a.head || acc.Floor != a.head {
		t.Error("an account without rows has lost its head")
	}
}

func TestAccountsLoginsDropsProfiles(t *testing.T) {
	db := open(t)
	a, b := newLog(t, db), newLog(t, db)
	capability, err := key.CapabilityFrom(bytes.Repeat([]byte{5}, 32))
	if err != nil {
		t.Fatal(err)
	}
	login, other := key.NewPrivate[key.Login]().Public(), key.NewPrivate[key.Login]().Public()
	ca, cb := a.change(day0, 100), b.change(day0, 100)
	ca.Logins = []mailbox.Login{
		{Key: login, Cursor: key.CursorID{1}, Acked: a.head, Sig: bytes.Repeat([]byte{7}, 64), Enrolled: wire.Millis(day0), Removed: 3},
		{Key: other, Removed: wire.Millis(day0)},
	}
	drop := mailbox.Drop{ID: key.DropID{1}, Account: a.tag, Capability: capability, Start: a.head.Position, K: 3, Head: [32]byte{8}}
	door := mailbox.Drop{ID: key.DropID{2}, Account: a.tag, Capability: capability, Door: true, Number: 99}
	profile := mailbox.Profile{Name: key.ProfilePublic{4}, Account: a.tag, Number: 5, Blob: make([]byte, 4<<10)}
	err = db.Commit(t.Context(), &mailbox.Batch{
		Now: day0, Accounts: []mailbox.AccountChange{ca, cb}, Drops: []mailbox.Drop{drop, door}, Profiles: []mailbox.Profile{profile},
	})
	if err != nil {
		t.Fatal(err)
	}
	acc, err := db.Account(t.Context(), a.tag, day0)
	if err != nil || acc.Key != a.key || acc.Head != a.head || acc.Drops != 1 || acc.Doors != 1 || acc.Profiles != 1 || len(acc.Logins) != 2 {
		t.Fatalf("%+v, %v", acc, err)
	}
	for _, l := range acc.Logins {
		if l.Key == login && (l.Enrolled != wire.Millis(day0) || l.Removed != 3) {
			t.Errorf("login enrolled at %d, removed up to %d", l.Enrolled, l.Removed)
		}
	}
	if tag, err := db.Login(t.Context(), login); err != nil || tag == nil || *tag != a.tag {
		t.Errorf("login: %v", err)
	}
	if tag, err := db.Login(t.Context(), other); err != nil || tag != nil {
		t.Errorf("a removed login: %v", err)
	}
	got, err := db.Drop(t.Context(), drop.ID)
	if err != nil || got.Account != a.tag || got.K != 3 || got.Head != drop.Head || got.Start != drop.Start || !got.Capability.Equal(capability.Bytes()) {
		t.Errorf("%+v, %v", got, err)
	}
	if got, err := db.Drop(t.Context(), door.ID); err != nil || !got.Door || got.Number != 99 {
		t.Errorf("%+v, %v", got, err)
	}
	t.Run("change", func(t *testing.T) { changeAll(t, pair{a, b}, drop, door, profile) })
}

type pair struct{ a, b *log }

// changeAll grows a drop, moves a door and a profile, closes an account and lets
// time pass over what is left.
func changeAll(t *testing.T, logs pair, drop, door mailbox.Drop, profile mailbox.Profile) {
	a, b, db := logs.a, logs.b, logs.a.db
	drop.K, drop.Head = 4, [32]byte{9}
	door.Account, door.Number = b.tag, 100
	profile.Account, profile.Number = b.tag, 6
	err := db.Commit(t.Context(), &mailbox.Batch{
		Now: day0, Accounts: []mailbox.AccountChange{a.change(day0, 100), b.change(day0, 100)},
		Drops: []mailbox.Drop{drop, door}, Profiles: []mailbox.Profile{profile},
	})
	if err != nil {
		t.Fatal(err)
	}
	if got, err := db.Drop(t.Context(), drop.ID); err != nil || got.K != 4 || got.Head != drop.Head {
		t.Errorf("%+v, %v", got, err)
	}
	if got, err := db.Profile(t.Context(), profile.Name); err != nil || got.Account != b.tag || got.Number != 6 || len(got.Blob) != 4<<10 {
		t.Errorf("%v", err)
	}
	closing := b.change(day0, 100)
	closing.Closed = true
	commit(t, db, closing)
	if got, err := db.Drop(t.Context(), door.ID); err != nil || got.Deleted == 0 || got.Account != b.tag {
		t.Errorf("%+v, %v", got, err)
	}
	if got, err := db.Profile(t.Context(), profile.Name); err != nil || got != nil {
		t.Errorf("a closed account's profile: %v", err)
	}
	if acc, err := db.Account(t.Context(), b.tag, day0); err != nil || !acc.Closed || acc.Deleted != 1 {
		t.Errorf("%+v, %v", acc, err)
	}
	s, err := db.Stats(t.Context())
	if err != nil || s.Accounts != 1 || s.Devices != 1 || s.Drops != 1 || s.Doors != 0 {
		t.Errorf("%+v, %v", s, err)
	}
	sweep(t, db, day0.Add(3*day)) // the removed login is forgotten
	if acc, err := db.Account(t.Context(), a.tag, day0); err != nil || len(acc.Logins) != 1 {
		t.Errorf("%+v, %v", acc, err)
	}
	sweep(t, db, day0.Add(68*day)) // and what was deleted or closed
	if got, err := db.Drop(t.Context(), door.ID); err != nil || got != nil {
		t.Errorf("%+v, %v", got, err)
	}
	if acc, err := db.Account(t.Context(), b.tag, day0); err != nil || acc != nil {
		t.Errorf("an account that ended 68 days ago: %+v, %v", acc, err)
	}
	a.check(len(a.rows)+1, 0)
}

// What stays of a forgotten account is where its log ended, each time anew.
func TestTombstones(t *testing.T) {
	path := filepath.Join(t.TempDir(), "mailbox.db")
	var a *log
	for i := range 3 { // each time in another process
		db, err := Open(t.Context(), path)
		if err != nil {
			t.Fatal(err)
		}
		if a == nil {
			a = newLog(t, db)
		}
		a.db = db
		now := day0.Add(time.Duration(i) * 100 * day)
		ended := func() mailbox.Mark {
			t.Helper()
			mark, err := db.Ended(t.Context(), a.tag)
			if err != nil {
				t.Fatal(err)
			}
			return mark
		}
		if ended() != a.head {
			t.Fatalf("%d: the log ended at %d, not %d", i, ended().Index(), a.head.Index())
		}
		before := a.head
		c := a.change(now, 1<<10, 100)
		c.Closed = true
		if err := db.Commit(t.Context(), &mailbox.Batch{Now: now, Accounts: []mailbox.AccountChange{c}}); err != nil {
			t.Fatal(err)
		}
		a.check(2*i+1, 0) // the rows follow from those that are gone
		sweep(t, db, now.Add(66*day))
		if ended() != before {
			t.Errorf("%d: too early", i)
		}
		sweep(t, db, now.Add(68*day))
		if acc, err := db.Account(t.Context(), a.tag, now); err != nil || acc != nil {
			t.Errorf("%d: %+v, %v", i, acc, err)
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// An account leaves at most its tombstone, however many end at once.
func TestManyAccountsEndAtOnce(t *testing.T) {
	db := open(t)
	var all []*log
	b := &mailbox.Batch{Now: day0}
	for range 2*sweepSmall + 1 {
		l := newLog(t, db)
		c := l.change(day0, 10)
		c.Closed = true
		all, b.Accounts = append(all, l), append(b.Accounts, c)
	}
	if err := db.Commit(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	sweep(t, db, day0.Add(68*day))
	for _, l := range all {
		acc, err := db.Account(t.Context(), l.tag, day0)
		mark, failed := db.Ended(t.Context(), l.tag)
		if acc != nil || err != nil || failed != nil || mark != l.head {
			t.Fatalf("%+v, %v; ended at %d, %v", acc, err, mark.Index(), failed)
		}
	}
}

func TestDeletedProfiles(t *testing.T) {
	db := open(t)
	a := newLog(t, db)
	profile := mailbox.Profile{Name: key.ProfilePublic{4}, Account: a.tag, Number: 5, Blob: make([]byte, 4<<10)}
	counts := func(live, deleted int) {
		t.Helper()
		acc, err := db.Account(t.Context(), a.tag, day0)
		if err != nil || acc.Profiles != live || acc.Unnamed != deleted {
			t.Fatalf("%d live, %d deleted, %v", acc.Profiles, acc.Unnamed, err)
		}
		if s, err := db.Stats(t.Context()); err != nil || s.Profiles != live {
			t.Errorf("%+v, %v", s, err)
		}
	}
	put := func(p mailbox.Profile, at time.Time) {
		t.Helper()
		err := db.Commit(t.Context(), &mailbox.Batch{
			Now: at, Accounts: []mailbox.AccountChange{a.change(day0, 100)}, Profiles: []mailbox.Profile{p},
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	put(profile, day0)
	counts(1, 0)
	gone := profile
	gone.Number, gone.Blob = 6, nil
	put(gone, day0)
	counts(0, 1)
	sweep(t, db, day0.Add(47*time.Hour))
	if got, err := db.Profile(t.Context(), profile.Name); err != nil || got == nil || got.Number != 6 || len(got.Blob) != 0 {
		t.Errorf("%+v, %v", got, err)
	}
	put(profile, day0.Add(47*time.Hour))
	sweep(t, db, day0.Add(99*time.Hour))
	counts(1, 0)
	put(gone, day0.Add(99*time.Hour))
	sweep(t, db, day0.Add(148*time.Hour))
	counts(0, 0)
	if got, err := db.Profile(t.Context(), profile.Name); err != nil || got != nil {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestFailedCommitLeavesNothing(t *testing.T) {
	db := open(t)
	a := newLog(t, db)
	commit(t, db, a.change(day0, 1<<10))
	head, rows := a.head, a.rows
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := db.Commit(ctx, &mailbox.Batch{Now: day0, Accounts: []mailbox.AccountChange{a.change(day0, 1<<10)}}); err == nil {
		t.Fatal("a commit after the end of its context")
	}
	a.head, a.rows = head, rows
	a.check(1, 0)
	again := a.change(day0, 1<<10)
	again.Before.Position = wire.At(7, 0) // overlaps the first row
	if err := db.Commit(t.Context(), &mailbox.Batch{Now: day0, Accounts: []mailbox.AccountChange{again}}); err == nil {
		t.Fatal("two rows with one index")
	}
	a.head, a.rows = head, rows
	a.check(1, 0)
	commit(t, db, a.change(day0, 1<<10))
	a.check(1, 0)
}

func TestDamagedBlocks(t *testing.T) {
	l := newLog(t, nil)
	c := l.change(day0, 100, 1<<10)
	b := newBlock(1, c.Before, c.Rows)
	var s segment
	for i := range c.Rows {
		b.add(&s, &c.Rows[i])
	}
	if rows, err := parseBlock(b.packed, b.before, false); err != nil || len(rows) != 2 || rows[1].R != l.head.R {
		t.Fatalf("%d rows, %v", len(rows), err)
	}
	whole := map[int]bool{blockHead: true, blockHead + rowSize + 100: true}
	for n := range len(b.packed) {
		if _, err := parseBlock(b.packed[:n], b.before, false); (err == nil) != whole[n] {
			t.Errorf("the first %d bytes: %v", n, err)
		}
	}
	rows, err := parseBlock(b.packed, b.before, true)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := rows[1].payload(s.data[:100]); err == nil {
		t.Error("a payload beyond its segment")
	}
}

func FuzzParseBlock(f *testing.F) {
	l := newLog(nil, nil)
	c := l.change(day0, 100, 1<<10)
	b := newBlock(1, c.Before, c.Rows)
	for i := range c.Rows {
		b.add(&segment{}, &c.Rows[i])
	}
	f.Add(b.packed)
	f.Add(b.packed[:20])
	f.Fuzz(func(t *testing.T, packed []byte) {
		rows, err := parseBlock(packed, mailbox.Mark{}, true)
		if err != nil {
			return
		}
		again := append([]byte(nil), packed[:blockHead]...)
		for i := range rows {
			again = rows[i].append(again)
		}
		if !bytes.Equal(again, packed) {
			t.Fatal("a block does not encode back to its bytes")
		}
	})
}

const childEnv = "ZEROMS_TEST_INVITE_DB"

// TestInvitesOfAnotherProcess makes an invite in a process of its own while this
// one keeps the database open and writes.
func TestInvitesOfAnotherProcess(t *testing.T) {
	if path := os.Getenv(childEnv); path != "" {
		db, err := Open(t.Context(), path)
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		invite, err := db.MakeInvite(t.Context(), 2, time.Now().Add(time.Hour))
		if err != nil {
			t.Fatal(err)
		}
		stats, err := db.Stats(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		fmt.Printf("invite %x accounts %d\n", invite.Bytes(), stats.Accounts)
		return
	}
	path := filepath.Join(t.TempDir(), "mailbox.db")
	db, err := Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	a := newLog(t, db)
	commit(t, db, a.change(day0, 1<<10))
	cmd := exec.Command(os.Args[0], "-test.run=^TestInvitesOfAnotherProcess$")
	cmd.Env = append(os.Environ(), childEnv+"="+path)
	done := make(chan struct{})
	var out []byte
	go func() {
		defer close(done)
		out, err = cmd.CombinedOutput()
	}()
	for running := true; running; {
		commit(t, db, a.change(day0, 1<<10))
		select {
		case <-done:
			running = false
		case <-time.After(2 * time.Millisecond): // the gateway gathers between two commits
		}
	}
	if err != nil {
		t.Fatalf("the other process: %v\n%s", err, out)
	}
	var invite []byte
	var accounts int
	if _, err := fmt.Sscanf(string(out), "invite %x accounts %d\n", &invite, &accounts); err != nil || accounts != 1 {
		t.Fatalf("%s: %v", out, err)
	}
	hash := sha256.Sum256(invite)
	uses := func(now time.Time) int {
		t.Helper()
		n, err := db.InviteUses(t.Context(), hash, now)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	if n := uses(time.Now()); n != 2 {
		t.Errorf("%d uses, want 2", n)
	}
	if n := uses(time.Now().Add(2 * time.Hour)); n != 0 {
		t.Errorf("%d uses after the expiry", n)
	}
	if err := db.Commit(t.Context(), &mailbox.Batch{Now: day0, Invites: []mailbox.InviteUse{{Hash: hash, Uses: 1}}}); err != nil {
		t.Fatal(err)
	}
	if n := uses(time.Now()); n != 1 {
		t.Errorf("%d uses, want 1", n)
	}
	if _, err := db.MakeInvite(t.Context(), 0, time.Now()); err == nil {
		t.Error("an invite without uses")
	}
	a.check(1, 0)
}
