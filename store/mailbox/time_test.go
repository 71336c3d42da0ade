package mailbox

import (
	"bytes"
	"log/slog"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"zeroms/gateway/mailbox"
	"zeroms/protocol/key"
	"zeroms/protocol/wire"
)

// What lies in front of the envelopes must not hide them from Sweep: 600 commits
// of objects are more blocks than one round counts.
func TestSweepFindsEnvelopesBehindManyObjects(t *testing.T) {
	db := open(t)
	a := newLog(t, db)
	for range 600 {
		commit(t, db, a.change(day0, 100))
	}
	for range 200 {
		commit(t, db, a.change(day0, 1<<10))
	}
	a.raise(800)
	for more := true; more; {
		var err error
		if more, err = db.Sweep(t.Context(), day0); err != nil {
			t.Fatal(err)
		}
	}
	if n := a.envelopeBytes(); n != 0 {
		t.Errorf("%d bytes of acknowledged envelopes are left although Sweep says that there is nothing more to do", n)
	}
}

// Rows may outlive their account by a sweep; the next account must not inherit them.
func TestAccountNumbersAreNotReused(t *testing.T) {
	db := open(t)
	a, b := newLog(t, db), newLog(t, db)
	for i := range 20 {
		c := a.change(day0, 1<<10)
		c.Closed = i == 19
		commit(t, db, c)
	}
	late := day0.Add(100 * day) // switched off meanwhile
	if _, err := db.Sweep(t.Context(), late); err != nil {
		t.Fatal(err)
	}
	for range 20 {
		commit(t, db, b.change(late, 1<<10))
	}
	b.check(1, 0)
	for range 100 {
		if _, err := db.Sweep(t.Context(), late); err != nil {
			t.Fatal(err)
		}
	}
	b.check(1, 0)
	if acc, err := db.Account(t.Context(), a.tag, late); err != nil || acc != nil {
		t.Errorf("a closed account without rows is left: %+v, %v", acc, err)
	}
}

func TestClockThatIsAheadForAMomentErasesNothing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "mailbox.db")
	synctest.Test(t, func(t *testing.T) {
		db, err := Open(t.Context(), path)
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		var logged bytes.Buffer
		db.LogTo(slog.New(slog.NewTextHandler(&logged, nil)))
		if _, err := db.Start(t.Context(), time.Now()); err != nil {
			t.Fatal(err)
		}
		a := newLog(t, db)
		commit(t, db, a.change(time.Now(), 1<<10, 1<<10))
		ahead := func() time.Time { return time.Now().AddDate(1, 0, 0) }
		for range 20 {
			sweep(t, db, ahead())
			<-time.After(time.Hour)
		}
		floor := func(now time.Time) uint64 {
			t.Helper()
			acc, err := db.Account(t.Context(), a.tag, now)
			if err != nil {
				t.Fatal(err)
			}
			return acc.Floor.Position.Index()
		}
		if floor(ahead()) != 0 {
			t.Error("a year ahead, envelopes are owed no longer")
		}
		a.check(1, 0)
		if n := bytes.Count(logged.Bytes(), []byte("level=ERROR")); n != 1 {
			t.Errorf("%d log lines, want 1", n)
		}
		sweep(t, db, time.Now()) // set right
		for range 20 {
			sweep(t, db, ahead()) // and wrong again: the day begins anew
			<-time.After(time.Hour)
		}
		a.check(1, 0)
		for range 5 {
			sweep(t, db, ahead())
			<-time.After(time.Hour)
		}
		if rows := a.read(mailbox.RowRange{From: 1, MaxRows: 9}); len(rows) != 0 {
			t.Error("what stays so for a day is believed, and everything expires by it")
		}
		if got := floor(ahead()); got != 2 {
			t.Errorf("floor %d, want 2", got)
		}
		sweep(t, db, time.Now()) // back by a year: nobody minds
		sweep(t, db, time.Now().Add(23*time.Hour))
	})
}

func TestClockIsRememberedOverRestarts(t *testing.T) {
	path := filepath.Join(t.TempDir(), "mailbox.db")
	synctest.Test(t, func(t *testing.T) {
		var a *log
		for i := range 2 {
			db, err := Open(t.Context(), path)
			if err != nil {
				t.Fatal(err)
			}
			now := time.Now().AddDate(i, 0, 0) // the second process wakes up in another year
			if _, err := db.Start(t.Context(), now); err != nil {
				t.Fatal(err)
			}
			if a == nil {
				a = newLog(t, db)
				commit(t, db, a.change(now, 1<<10))
			}
			a.db = db
			sweep(t, db, now)
			a.check(1, 0)
			if err := db.Close(); err != nil {
				t.Fatal(err)
			}
			<-time.After(time.Minute)
		}
	})
}

// A clock that goes ahead with what has passed is never doubted, nor one that is
// set by up to a day.
func TestClockReckons(t *testing.T) {
	begin := time.UnixMilli(1_800_000_000_000)
	c := clock{wound: true, known: begin}
	for _, step := range []struct {
		wall, up time.Duration
		doubted  bool
	}{
		{0, 0, false},
		{40 * day, 40 * day, false},
		{41 * day, 40 * day, false},
		{42*day + time.Second, 40 * day, true},
		{43*day + time.Second, 41*day - time.Second, true},
		{43*day + time.Second, 41 * day, false},
		{1 * day, 41 * day, false},
		{3 * day, 42 * day, false},
		{3*day + 25*time.Hour, 42 * day, true},
		{3 * day, 42 * day, false},
	} {
		now, _ := c.tick(begin.Add(step.wall), step.up)
		if c.doubted != step.doubted {
			t.Errorf("clock %v at uptime %v: doubted %t", step.wall, step.up, c.doubted)
		}
		if !step.doubted && !now.Equal(begin.Add(step.wall)) || step.doubted && !now.Before(begin.Add(step.wall)) {
			t.Errorf("clock %v at uptime %v: goes by %v", step.wall, step.up, now.Sub(begin))
		}
	}
	if ms := wire.Millis(c.known); ms != wire.Millis(begin.Add(3*day)) {
		t.Errorf("known %d", ms)
	}
}

// A clock that is off by up to a day is taken as it is; one that is off by more
// lets nothing expire. Behind, nothing is erased either, and a signed state is
// not earlier than what expired before.
func TestClocksOffByADayAndByAYear(t *testing.T) {
	path := filepath.Join(t.TempDir(), "mailbox.db")
	synctest.Test(t, func(t *testing.T) {
		db, err := Open(t.Context(), path)
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		begun := time.Now()
		first, err := db.Start(t.Context(), begun)
		if err != nil {
			t.Fatal(err)
		}
		a := newLog(t, db)
		commit(t, db, a.change(begun, 1<<10)) // kept for 10 days
		<-time.After(9*day + time.Hour)
		for _, off := range []time.Duration{-day, 365 * day, 25 * time.Hour} {
			sweep(t, db, time.Now()) // right
			sweep(t, db, time.Now().Add(off))
			if n := a.envelopeBytes(); n != 1<<10 {
				t.Fatalf("a clock %v off lets an envelope expire that is kept", off)
			}
		}
		sweep(t, db, time.Now())
		sweep(t, db, time.Now().Add(day)) // within what clocks may differ by
		if n := a.envelopeBytes(); n != 0 {
			t.Error("a clock a day ahead is not believed")
		}
		expired := wire.Millis(time.Now().Add(day))
		for _, off := range []time.Duration{-365 * day, -day, 0} {
			sweep(t, db, time.Now().Add(off))
			s := a.standing(key.DropID{}, [32]byte{}, time.Now().Add(off))
			if s.Time != expired || s.Floor.Index() != 1 {
				t.Errorf("a clock %v off: a state of %v after something expired, floor %d", off, wire.Time(expired).Sub(wire.Time(s.Time)), s.Floor.Index())
			}
		}
		// Set right after it was a year behind, it is doubted for a day.
		commit(t, db, a.change(begun, 1<<10))
		sweep(t, db, time.Now().Add(-365*day))
		<-time.After(20 * day)
		for _, hours := range []int{0, 23, 2} {
			if n := a.envelopeBytes(); n != 1<<10 {
				t.Error("what waits was erased although the clock was doubted")
			}
			<-time.After(time.Duration(hours) * time.Hour)
			sweep(t, db, time.Now())
		}
		if n := a.envelopeBytes(); n != 0 {
			t.Error("the clock is still doubted after a day")
		}
		// The incarnation rises with a clock that is behind, and with one ahead.
		last := first
		for _, off := range []time.Duration{-365 * day, -day, 0, 365 * day, 0} {
			n, err := db.Start(t.Context(), time.Now().Add(off))
			if err != nil || n <= last {
				t.Errorf("a clock %v off: incarnation %d after %d, %v", off, n, last, err)
			}
			last = n
		}
	})
}

// Within an hour after its time limit nothing goes: a clock that is set back a
// little makes no promise look broken.
func TestNothingGoesOnTheDot(t *testing.T) {
	db := open(t)
	a := newLog(t, db)
	commit(t, db, a.change(day0, 1<<10))
	for _, c := range []struct {
		after       time.Duration
		bytes, rows int
	}{
		{10 * day, 1 << 10, 1}, {10*day + 59*time.Minute, 1 << 10, 1}, {10*day + 61*time.Minute, 0, 1},
		{47*day + 59*time.Minute, 0, 1}, {47*day + 61*time.Minute, 0, 0},
	} {
		sweep(t, db, day0.Add(c.after))
		if bytes, rows := a.envelopeBytes(), len(a.read(mailbox.RowRange{From: 1, MaxRows: 9})); int(bytes) != c.bytes || rows != c.rows {
			t.Errorf("after %v: %d bytes, %d rows", c.after, bytes, rows)
		}
	}
}
