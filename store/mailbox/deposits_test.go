package mailbox

import (
	"bytes"
	"context"
	"errors"
	"path/filepath"
	"testing"
	"time"

	"zeroms/gateway/deposit"
	"zeroms/gateway/mailbox"
	"zeroms/protocol/key"
	"zeroms/protocol/wire"
	"zeroms/store"
)

var _ deposit.Store = (*DB)(nil)

// today is the day of day0, and what deposits count it by.
var today = wire.WorkDay(day0)

// bounds are those that a gateway has.
func bounds(puts ...deposit.Put) *deposit.Change {
	return &deposit.Change{Puts: puts, Max: 96, PerDay: 4, Today: today}
}

// deposited is a record of a name and day, with its moments.
func deposited(name byte, day, seq uint32) deposit.Put {
	return deposit.Put{Seq: seq, Deposit: wire.Deposit{
		Name: [32]byte{name, 7}, Day: day, First: day*1440 - 300 + uint32(name), Last: (day+1)*1440 + 200,
		Record: bytes.Repeat([]byte{name, byte(day), byte(seq), 9}, wire.RecordSize/4),
	}}
}

// put writes deposits and wants so many changed.
func (l *log) put(c *deposit.Change, want int) []deposit.Deposit {
	l.t.Helper()
	changed, _, err := l.db.DepositPut(l.t.Context(), l.tag, c)
	if err != nil || len(changed) != want {
		l.t.Fatalf("%d changed, %v; want %d", len(changed), err, want)
	}
	return changed
}

func (l *log) deposits() []deposit.Deposit {
	l.t.Helper()
	all, err := l.db.DepositsOf(l.t.Context(), l.tag)
	if err != nil {
		l.t.Fatal(err)
	}
	return all
}

// count counts the rows of a table.
func count(t *testing.T, db *DB, table string) (n int) {
	t.Helper()
	err := db.db.Read(t.Context(), func(v *store.View) error {
		return v.QueryRow(`SELECT count(*) FROM ` + table).Scan(&n)
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func openLog(t *testing.T, db *DB) *log {
	l := newLog(t, db)
	commit(t, db, l.change(day0, 1<<10))
	return l
}

func TestDepositsAreKept(t *testing.T) {
	db := open(t)
	l := openLog(t, db)
	one, two := deposited(1, today, 1), deposited(2, today+3, 8)
	changed := l.put(bounds(two, one), 2)
	for i, want := range []deposit.Put{two, one} {
		got := changed[i]
		if got.Name != want.Name || got.Day != want.Day || got.Seq != want.Seq || got.First != want.First || got.Last != want.Last ||
			got.Sum != deposit.Sum(want.Record) || got.Stored != 0 || got.Stamp != nil {
			t.Errorf("%+v", got)
		}
	}
	all := l.deposits()
	if len(all) != 2 || all[0].Day != today || all[1].Day != today+3 || all[1].Seq != 8 {
		t.Fatalf("%+v", all)
	}
	held, err := db.DepositRecords(t.Context(), []int64{changed[0].ID, 12345, changed[1].ID})
	if err != nil || len(held) != 2 || !bytes.Equal(held[0].Record, two.Record) || held[1].Seq != 1 {
		t.Fatalf("%d records, %v", len(held), err)
	}
	l.put(bounds(one, two), 0) // repeated: no change
	moved := one
	moved.Last -= 10
	if got := l.put(bounds(moved), 1); got[0].ID != changed[1].ID || got[0].Last != moved.Last {
		t.Errorf("%+v", got)
	}
	other := openLog(t, db)
	other.put(bounds(one), 1) // of another account
	if len(l.deposits()) != 2 || len(other.deposits()) != 1 {
		t.Error("accounts see each other's deposits")
	}
}

func TestANewerDepositTakesThePlace(t *testing.T) {
	db := open(t)
	l := openLog(t, db)
	id := l.put(bounds(deposited(1, today, 5)), 1)[0].ID
	state := deposit.State{
		ID: id, Seq: 5, Holders: 17, Stored: 1000, Verified: 2000, Stamp: []byte("stamp"), Relay: []byte("relay"), Witness: []byte("witness"),
	}
	if err := db.DepositStates(t.Context(), []deposit.State{state}); err != nil {
		t.Fatal(err)
	}
	if got := l.deposits()[0].State; got.Holders != 17 || got.Stored != 1000 || got.Verified != 2000 || string(got.Relay) != "relay" {
		t.Errorf("%+v", got)
	}
	changed := l.put(bounds(deposited(1, today, 6)), 1)[0]
	if changed.ID != id || changed.Seq != 6 || changed.Holders != 0 || changed.Stored != 0 || changed.Verified != 0 ||
		string(changed.Stamp) != "stamp" || string(changed.Witness) != "witness" {
		t.Errorf("%+v", changed)
	}
	// What is told of the former one comes too late.
	if err := db.DepositStates(t.Context(), []deposit.State{state, {ID: 999, Seq: 1}}); err != nil {
		t.Fatal(err)
	}
	if got := l.deposits()[0].State; got.Stored != 0 || count(t, db, "publications") != 1 {
		t.Errorf("%+v", got)
	}
	// All of a request or nothing of it.
	for _, bad := range []deposit.Put{deposited(1, today, 5), {Seq: 6, Deposit: wire.Deposit{
		Name: [32]byte{1, 7}, Day: today, First: changed.First, Last: changed.Last, Record: make([]byte, wire.RecordSize),
	}}} {
		_, _, err := db.DepositPut(t.Context(), l.tag, bounds(deposited(2, today, 1), bad))
		if !errors.Is(err, wire.ErrOlder) || len(l.deposits()) != 1 {
			t.Errorf("%v, %d deposits", err, len(l.deposits()))
		}
	}
}

func TestDepositsAreTakenBack(t *testing.T) {
	db := open(t)
	l := openLog(t, db)
	changed := l.put(bounds(deposited(1, today, 5), deposited(2, today, 5)), 2)
	states := []deposit.State{{ID: changed[0].ID, Seq: 5, Stored: 1}, {ID: changed[1].ID, Seq: 5, Stored: 1}}
	if err := db.DepositStates(t.Context(), states); err != nil {
		t.Fatal(err)
	}
	back := deposited(1, today, 0)
	got, removed, err := db.DepositPut(t.Context(), l.tag, &deposit.Change{
		Removes: []wire.Deposit{back.Deposit, deposited(9, today, 0).Deposit}, Max: 96, PerDay: 4, Today: today,
	})
	if err != nil || len(got) != 0 || len(removed) != 1 || removed[0] != changed[0].ID {
		t.Fatalf("%v, %v, %v", got, removed, err)
	}
	if len(l.deposits()) != 1 || count(t, db, "publications") != 1 {
		t.Error("it is there still")
	}
	again := l.put(bounds(deposited(1, today, 2)), 1)[0]
	if again.ID <= changed[1].ID || again.Stamp != nil {
		t.Errorf("%+v", again)
	}
}

func TestBoundsOfDeposits(t *testing.T) {
	db := open(t)
	l := openLog(t, db)
	refused := func(c *deposit.Change) {
		t.Helper()
		was := len(l.deposits())
		if _, _, err := db.DepositPut(t.Context(), l.tag, c); !errors.Is(err, wire.ErrLimit) || len(l.deposits()) != was {
			t.Fatalf("%v, %d deposits of %d", err, len(l.deposits()), was)
		}
	}
	var five []deposit.Put
	for name := range byte(5) {
		five = append(five, deposited(name, today, 1))
	}
	refused(bounds(five...))
	l.put(bounds(five[:4]...), 4)
	refused(bounds(five[4]))
	full := []deposit.Put{deposited(1, today-1, 1)} // yesterday's do not count
	for day := range uint32(31) {
		for name := range byte(3) {
			full = append(full, deposited(name, today+1+day, 1))
		}
	}
	l.put(bounds(full[:93]...), 93) // 92 of coming days, 4 of today
	refused(bounds(full[93]))
	c := bounds(full[93]) // one back, one new
	c.Removes = []wire.Deposit{five[0].Deposit}
	l.put(c, 1)
}

func TestDepositsOfAClosedAccount(t *testing.T) {
	db := open(t)
	l, other := openLog(t, db), openLog(t, db)
	for _, each := range []*log{l, other} {
		id := each.put(bounds(deposited(1, today, 1), deposited(1, today+1, 1)), 2)[0].ID
		if err := db.DepositStates(t.Context(), []deposit.State{{ID: id, Seq: 1}}); err != nil {
			t.Fatal(err)
		}
	}
	closing := l.change(day0, 100)
	closing.Closed = true
	commit(t, db, closing)
	if len(l.deposits()) != 0 || len(other.deposits()) != 2 || count(t, db, "deposits") != 2 || count(t, db, "publications") != 1 {
		t.Errorf("%d of it, %d of another, %d rows", len(l.deposits()), len(other.deposits()), count(t, db, "deposits"))
	}
	if _, _, err := db.DepositPut(t.Context(), l.tag, bounds(deposited(1, today, 9))); !errors.Is(err, wire.ErrClosed) {
		t.Errorf("a deposit of a closed account: %v", err)
	}
	if _, _, err := db.DepositPut(t.Context(), key.AccountTag{4}, bounds(deposited(1, today, 9))); !errors.Is(err, wire.ErrClosed) {
		t.Errorf("a deposit of no account: %v", err)
	}
	if err := db.Remove(t.Context(), other.tag, day0); err != nil { // by the operator
		t.Fatal(err)
	}
	if n := count(t, db, "deposits") + count(t, db, "publications"); n != 0 {
		t.Errorf("%d rows are left", n)
	}
}

func TestDepositsBecomeDueInOrder(t *testing.T) {
	db := open(t)
	var want []deposit.Deposit
	for name := range byte(10) {
		l := openLog(t, db)
		var puts []deposit.Put
		for day := range uint32(8) {
			puts = append(puts, deposited(name, today+day, 1))
		}
		want = append(want, l.put(bounds(puts...), 8)...)
	}
	after, until, seen := deposit.Mark{}, (today+5)*1440, 0
	for {
		page, err := db.DepositsFrom(t.Context(), after, until, 7)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range page {
			m := deposit.Mark{First: d.First, ID: d.ID}
			if m.First < after.First || m.First == after.First && m.ID <= after.ID || d.First > until || d.Sum == ([32]byte{}) {
				t.Fatalf("%+v after %+v", m, after)
			}
			after = m
			seen++
		}
		if len(page) < 7 {
			break
		}
	}
	due := 0
	for _, d := range want {
		if d.First <= until {
			due++
		}
	}
	if seen != due || due == 0 || due == len(want) {
		t.Errorf("%d were due of %d, read %d", due, len(want), seen)
	}
	if page, err := db.DepositsFrom(t.Context(), deposit.Mark{First: until}, until, 7); err != nil || len(page) != 0 {
		t.Errorf("%d behind the end, %v", len(page), err)
	}
}

// What had its day is deleted, an hour of grace later, and nothing else; a clock that
// can't be right deletes nothing.
func TestDepositsEnd(t *testing.T) {
	db := open(t)
	if _, err := db.Start(t.Context(), day0); err != nil {
		t.Fatal(err)
	}
	l := openLog(t, db)
	var puts []deposit.Put
	for day := range uint32(6) {
		puts = append(puts, deposited(1, today+day, 1))
	}
	for _, d := range l.put(bounds(puts...), 6) {
		if err := db.DepositStates(t.Context(), []deposit.State{{ID: d.ID, Seq: 1}}); err != nil {
			t.Fatal(err)
		}
	}
	sweep(t, db, day0.Add(400*day))
	if n := count(t, db, "deposits"); n != 6 {
		t.Fatalf("%d are left after a leap of the clock", n)
	}
	for days := range 8 {
		now := day0.Add(time.Duration(days) * day)
		sweep(t, db, now)
		for _, d := range l.deposits() {
			if gone := time.Unix(int64(d.Last)*60, 0).Add(9 * time.Hour); gone.Before(now) {
				t.Errorf("%v: a deposit until %v is there still", now, gone)
			}
		}
		left := 0
		for _, p := range puts {
			if time.Unix(int64(p.Last)*60, 0).After(now) {
				left++
			}
		}
		if n := count(t, db, "deposits"); n < left || n != count(t, db, "publications") {
			t.Errorf("%v: %d deposits and %d states, %d are due", now, n, count(t, db, "publications"), left)
		}
	}
	if n := count(t, db, "deposits"); n != 0 {
		t.Errorf("%d are left", n)
	}
}

// A gateway of the second version keeps what it has, and takes deposits then.
func TestAccountsOfTheSecondVersion(t *testing.T) {
	path := filepath.Join(t.TempDir(), "mailbox.db")
	db, err := Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	l := openLog(t, db)
	if err := db.SetQuota(t.Context(), l.tag, 1<<20); err != nil {
		t.Fatal(err)
	}
	unmake(t, db, `DROP TABLE deposits`, `DROP TABLE publications`, `PRAGMA user_version = 2`)
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if db, err = Open(t.Context(), path); err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	l.db = db
	l.check(1, 0)
	if got, err := db.Account(t.Context(), l.tag, day0); err != nil || got.Quota != 1<<20 {
		t.Errorf("%+v, %v", got, err)
	}
	l.put(bounds(deposited(1, today, 1)), 1)
}

// Deposits stand in a copy of the database, and IDs go on from where they were.
func TestDepositsInABackup(t *testing.T) {
	db := open(t)
	l := openLog(t, db)
	last := l.put(bounds(deposited(1, today, 1), deposited(2, today, 1)), 2)[1]
	if err := db.DepositStates(t.Context(), []deposit.State{{ID: last.ID, Seq: 1, Stored: 77}}); err != nil {
		t.Fatal(err)
	}
	dst := filepath.Join(t.TempDir(), "copy.db")
	if err := db.Backup(t.Context(), dst); err != nil {
		t.Fatal(err)
	}
	copied, err := Open(t.Context(), dst)
	if err != nil {
		t.Fatal(err)
	}
	defer copied.Close()
	l.db = copied
	if all := l.deposits(); len(all) != 2 || all[1].Stored != 77 {
		t.Errorf("%+v", all)
	}
	c := bounds(deposited(3, today, 1))
	c.Removes = []wire.Deposit{deposited(2, today, 1).Deposit}
	if got := l.put(c, 1)[0]; got.ID <= last.ID {
		t.Errorf("id %d after %d", got.ID, last.ID)
	}
}

// What was acknowledged is there after the power was cut: nothing is in memory only.
func TestDepositsAreDurable(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "mailbox.db")
	db, err := Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	l := openLog(t, db)
	for step := range byte(6) {
		var id int64
		if step < 4 {
			id = l.put(bounds(deposited(step, today, 1)), 1)[0].ID
		} else {
			back := &deposit.Change{Removes: []wire.Deposit{deposited(step-4, today, 1).Deposit}, Max: 96, PerDay: 4}
			if _, removed, err := db.DepositPut(t.Context(), l.tag, back); err != nil || len(removed) != 1 {
				t.Fatal(removed, err)
			}
		}
		if err := db.DepositStates(t.Context(), []deposit.State{{ID: id, Seq: 1, Holders: step}}); err != nil {
			t.Fatal(err)
		}
		base, wal := readFiles(t, path)
		image := filepath.Join(dir, "image.db")
		if err := removeDatabase(image); err != nil {
			t.Fatal(err)
		}
		writeFiles(t, image, base, wal)
		cut, err := Open(context.Background(), image)
		if err != nil {
			t.Fatal(err)
		}
		seen := *l
		seen.db = cut
		got, want := seen.deposits(), l.deposits()
		if len(got) != len(want) || len(got) == 0 {
			t.Fatalf("step %d: %d deposits, want %d", step, len(got), len(want))
		}
		for i := range got {
			if got[i].ID != want[i].ID || got[i].Sum != want[i].Sum || got[i].Holders != want[i].Holders {
				t.Errorf("step %d: %+v, want %+v", step, got[i], want[i])
			}
		}
		if err := cut.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// A disk that is full refuses deposits and keeps what it has.
func TestDepositsOnAFullDisk(t *testing.T) {
	db := open(t)
	l := openLog(t, db)
	l.put(bounds(deposited(0, today, 1)), 1)
	limit(t, db, 2)
	full := false
	for day := range uint32(31) {
		was := len(l.deposits())
		_, _, err := db.DepositPut(t.Context(), l.tag, bounds(deposited(1, today+day, 1), deposited(2, today+day, 1), deposited(3, today+day, 1)))
		if err != nil {
			if !errors.Is(err, store.ErrFull) || len(l.deposits()) != was {
				t.Fatalf("%v, %d deposits of %d", err, len(l.deposits()), was)
			}
			full = true
			break
		}
	}
	if !full {
		t.Fatal("the disk is not full")
	}
	limit(t, db, 0)
	l.put(bounds(deposited(1, today+20, 1)), 1)
	if err := db.Commit(t.Context(), &mailbox.Batch{Now: day0, Accounts: []mailbox.AccountChange{l.change(day0, 1<<10)}}); err != nil {
		t.Fatal(err)
	}
}
