package mailbox

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"zeroms/gateway/mailbox"
	"zeroms/protocol/key"
	"zeroms/store"
)

// furnish gives an account devices, drops and doors.
func furnish(a *log, devices, drops, doors int) {
	t, db := a.t, a.db
	t.Helper()
	capability, err := key.CapabilityFrom(make([]byte, 32))
	if err != nil {
		t.Fatal(err)
	}
	c := mailbox.AccountChange{Tag: a.tag, Key: a.key, Before: a.head, Head: a.head}
	b := &mailbox.Batch{Now: day0}
	for i := range devices {
		c.Logins = append(c.Logins, mailbox.Login{Key: key.LoginPublic(append([]byte{byte(i)}, a.tag[1:]...)), Enrolled: 1})
	}
	c.Logins = append(c.Logins, mailbox.Login{Key: key.LoginPublic(append([]byte{99}, a.tag[1:]...)), Removed: 1})
	for i := range drops + doors + 1 {
		d := mailbox.Drop{
			ID: key.DropID(append([]byte{byte(i)}, a.tag[1:16]...)), Account: a.tag, Capability: capability,
			Door: i >= drops, Start: a.rows[0].Position,
		}
		if i == drops+doors {
			d.Deleted = 1
		}
		b.Drops = append(b.Drops, d)
	}
	b.Accounts = append(b.Accounts, c)
	if err := db.Commit(t.Context(), b); err != nil {
		t.Fatal(err)
	}
}

func TestAccountsAreListed(t *testing.T) {
	db := open(t)
	a, b, c, gone := newLog(t, db), newLog(t, db), newLog(t, db), newLog(t, db)
	commit(t, db, a.change(day0, 1<<10, 16<<10), b.change(day0, 1<<10), c.change(day0, 1<<10, 1<<10, 1<<10), gone.change(day0, 1<<10))
	commit(t, db, b.change(day0.Add(3*day), 4<<10))
	furnish(a, 2, 3, 1)
	furnish(b, 1, 4, 0)
	a.raise(1)
	b.raise(1)
	c.raise(3)
	if err := db.Remove(t.Context(), gone.tag, day0); err != nil {
		t.Fatal(err)
	}
	if err := db.SetQuota(t.Context(), b.tag, 5<<20); err != nil {
		t.Fatal(err)
	}
	today := func(at time.Time) time.Time { return at.UTC().Truncate(day) }
	want := map[key.AccountTag]AccountInfo{
		a.tag: {Tag: a.tag, Devices: 2, Drops: 3, Doors: 1, Rows: 1, Bytes: 16 << 10, Since: today(day0)},
		b.tag: {Tag: b.tag, Devices: 1, Drops: 4, Rows: 1, Bytes: 4 << 10, Since: today(day0.Add(3 * day)), Quota: 5 << 20},
		c.tag: {Tag: c.tag},
	}
	tags := []key.AccountTag{a.tag, b.tag, c.tag}
	slices.SortFunc(tags, func(x, y key.AccountTag) int { return strings.Compare(string(x[:]), string(y[:])) })
	for by, order := range map[AccountOrder][]key.AccountTag{
		ByTag: tags, ByBytes: {a.tag, b.tag, c.tag}, ByDevices: {a.tag, b.tag, c.tag},
		ByDrops: {b.tag, a.tag, c.tag}, ByRows: nil, ByDoors: nil,
	} {
		list, total, err := db.Accounts(t.Context(), by, 0, 0)
		if err != nil || total != 3 || len(list) != 3 {
			t.Fatalf("by %s: %d of %d, %v", by, len(list), total, err)
		}
		for i, info := range list {
			if info != want[info.Tag] {
				t.Errorf("by %s: %+v\nwant %+v", by, info, want[info.Tag])
			}
			if order != nil && info.Tag != order[i] {
				t.Errorf("by %s: %x in place %d", by, info.Tag[:4], i)
			}
		}
	}
	for _, page := range []struct{ offset, limit, n int }{{0, 2, 2}, {2, 2, 1}, {4, 2, 0}, {1, 0, 2}} {
		list, total, err := db.Accounts(t.Context(), ByTag, page.offset, page.limit)
		if err != nil || total != 3 || len(list) != page.n || page.n > 0 && list[0].Tag != tags[page.offset] {
			t.Errorf("%+v: %d of %d, %v", page, len(list), total, err)
		}
	}
}

func TestAnAccountIsFoundByTheBeginningOfItsTag(t *testing.T) {
	db := open(t)
	a, b := newLog(t, db), newLog(t, db)
	b.tag = a.tag
	b.tag[31]++
	commit(t, db, a.change(day0, 100), b.change(day0, 100))
	for _, n := range []int{4, 31} {
		if _, err := db.FindAccount(t.Context(), a.tag[:n]); err == nil || !strings.Contains(err.Error(), "several") {
			t.Errorf("%d bytes: %v", n, err)
		}
	}
	for _, tag := range []key.AccountTag{a.tag, b.tag} {
		if found, err := db.FindAccount(t.Context(), tag[:]); err != nil || found.Tag != tag {
			t.Errorf("%+v, %v", found, err)
		}
	}
	if _, err := db.FindAccount(t.Context(), a.tag[:3]); err == nil || errors.Is(err, ErrNoAccount) {
		t.Errorf("3 bytes: %v", err)
	}
	if err := db.Remove(t.Context(), b.tag, day0); err != nil {
		t.Fatal(err)
	}
	if found, err := db.FindAccount(t.Context(), a.tag[:4]); err != nil || found.Tag != a.tag || found.Bytes != 100 {
		t.Errorf("%+v, %v", found, err)
	}
	other := a.tag
	other[0]++
	if _, err := db.FindAccount(t.Context(), other[:8]); !errors.Is(err, ErrNoAccount) {
		t.Errorf("another tag: %v", err)
	}
	for _, err := range []error{db.SetQuota(t.Context(), b.tag, 1), db.Remove(t.Context(), b.tag, day0)} {
		if !errors.Is(err, ErrNoAccount) {
			t.Errorf("of a removed account: %v", err)
		}
	}
}

// Removing leaves what closing by the mailbox leaves.
func TestRemovingIsClosing(t *testing.T) {
	db := open(t)
	a, b := newLog(t, db), newLog(t, db)
	commit(t, db, a.change(day0, 1<<10, 16<<10), b.change(day0, 1<<10))
	furnish(a, 2, 3, 1)
	err := db.Commit(t.Context(), &mailbox.Batch{Now: day0, Profiles: []mailbox.Profile{
		{Name: key.ProfilePublic{4}, Account: a.tag, Number: 5, Blob: make([]byte, 4<<10)},
		{Name: key.ProfilePublic{5}, Account: b.tag, Number: 5, Blob: make([]byte, 4<<10)},
	}})
	if err != nil {
		t.Fatal(err)
	}
	copied := filepath.Join(t.TempDir(), "copy.db")
	if err := db.Backup(t.Context(), copied); err != nil {
		t.Fatal(err)
	}
	commit(t, db, mailbox.AccountChange{Tag: a.tag, Key: a.key, Before: a.head, Head: a.head, Floor: a.head, Closed: true})
	guest, err := OpenGuest(t.Context(), copied)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(guest.Remove(t.Context(), a.tag, day0), guest.Close()); err != nil {
		t.Fatal(err)
	}
	other, err := Open(t.Context(), copied)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	if got, want := tables(t, other), tables(t, db); got != want {
		t.Errorf("removed:\n%s\nclosed:\n%s", got, want)
	}
	for _, both := range []*DB{db, other} {
		sweep(t, both, day0.Add(90*day))
		if mark, err := both.Ended(t.Context(), a.tag); err != nil || mark != a.head {
			t.Errorf("the log ended at %d, %v", mark.Index(), err)
		}
	}
}

// tables is dump of the tables that have rows.
func tables(t *testing.T, db *DB) string {
	t.Helper()
	var out strings.Builder
	err := db.db.Read(t.Context(), func(v *store.View) error {
		for _, query := range []string{
			`SELECT quote(tag) || quote(head) || quote(floor) || floor_index || ' ' || swept || ' ' || closed FROM accounts ORDER BY 1`,
			`SELECT quote(login) || account FROM logins ORDER BY 1`,
			`SELECT quote(id) || account || ' ' || deleted FROM drops ORDER BY 1`,
			`SELECT quote(name) || account || ' ' || deleted FROM profiles ORDER BY 1`,
		} {
			rows, err := v.Query(query)
			if err != nil {
				return err
			}
			for rows.Next() {
				var line string
				if err := rows.Scan(&line); err != nil {
					return err
				}
				out.WriteString(line + "\n")
			}
			if err := rows.Err(); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func TestQuotasAreKept(t *testing.T) {
	path := filepath.Join(t.TempDir(), "mailbox.db")
	db, err := Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	a := newLog(t, db)
	commit(t, db, a.change(day0, 1<<10))
	if err := db.SetQuota(t.Context(), a.tag, 7<<20); err != nil {
		t.Fatal(err)
	}
	commit(t, db, a.change(day0, 1<<10))
	a.raise(2)
	copied := path + ".copy"
	if err := errors.Join(db.Backup(t.Context(), copied), db.Close()); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{path, copied} {
		db, err := Open(t.Context(), path)
		if err != nil {
			t.Fatal(err)
		}
		acc, err := db.Account(t.Context(), a.tag, day0)
		if err := errors.Join(err, db.Close()); err != nil || acc.Quota != 7<<20 {
			t.Errorf("%s: %+v, %v", filepath.Base(path), acc, err)
		}
	}
}

func TestProbeAndNewest(t *testing.T) {
	db := open(t)
	if newest, err := db.Newest(t.Context()); err != nil || !newest.IsZero() {
		t.Errorf("of a new database: %v, %v", newest, err)
	}
	if err := db.Probe(t.Context()); err != nil {
		t.Error(err)
	}
	if _, err := db.Start(t.Context(), day0); err != nil {
		t.Fatal(err)
	}
	sweep(t, db, day0)
	sweep(t, db, day0.Add(2*time.Minute))
	if newest, err := db.Newest(t.Context()); err != nil || !newest.Equal(day0.Add(2*time.Minute)) {
		t.Errorf("%v, %v", newest, err)
	}
	limit(t, db, 0)
	if err := db.Probe(t.Context()); err != nil { // it needs no further page
		t.Error(err)
	}
}

func TestCheckFindsDamage(t *testing.T) {
	path := filepath.Join(t.TempDir(), "mailbox.db")
	db, err := Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	a := newLog(t, db)
	for range 20 {
		commit(t, db, a.change(day0, 1<<10, 64<<10))
	}
	err = db.Check(t.Context())
	if err := errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for at := 4096 * 2; at < len(whole); at += 4096 { // the first bytes of pages
		copy(whole[at:], "\x00\xff\xff\xff")
	}
	if err := os.WriteFile(path, whole, 0o600); err != nil {
		t.Fatal(err)
	}
	guest, err := OpenGuest(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer guest.Close()
	if err := guest.Check(t.Context()); !errors.Is(err, store.ErrCorrupt) {
		t.Errorf("a damaged file: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := guest.Check(ctx); err == nil {
		t.Error("a check after the end of its context")
	}
}
