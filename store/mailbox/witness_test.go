package mailbox

import (
	"testing"
	"time"

	"zeroms/gateway/mailbox"
	"zeroms/protocol/custody"
	"zeroms/protocol/key"
	"zeroms/protocol/wire"
)

func (l *log) find(q mailbox.RowQuery) (found *mailbox.Row, calls int) {
	l.t.Helper()
	q.Account, q.To = l.tag, l.head.Index()
	for {
		row, next, err := l.db.Find(l.t.Context(), q)
		if err != nil {
			l.t.Fatal(err)
		}
		if calls++; row != nil || next == 0 {
			return row, calls
		}
		if next <= q.From {
			l.t.Fatalf("from %d on to %d", q.From, next)
		}
		q.From = next
	}
}

func TestFind(t *testing.T) {
	db := open(t)
	a, b := newLog(t, db), newLog(t, db)
	for i := range 3 {
		c := a.change(day0, 1<<10, 1<<10, 1<<10) // k 1 to 3 of one drop
		for j := range c.Rows {
			c.Rows[j].Origin = [12]byte{3, byte(i)} // of three registrations
		}
		commit(t, db, c, b.change(day0, 1<<10))
		commit(t, db, a.change(day0, 100))
	}
	drop := key.DropID{1}
	for _, c := range []struct {
		from  uint64
		start byte
		k     uint32
		want  uint64
	}{{1, 0, 1, 1}, {1, 0, 3, 3}, {1, 1, 2, 6}, {1, 2, 3, 11}, {4, 0, 1, 0}, {1, 0, 4, 0}, {1, 9, 1, 0}, {2, 0, 0, 2}, {1, 2, 0, 9}, {12, 2, 0, 0}} {
		row, _ := a.find(mailbox.RowQuery{From: c.from, Drop: drop, Start: wire.Position{3, c.start}, K: c.k})
		switch {
		case row == nil && c.want == 0:
		case row == nil, row.Position.Index() != c.want, row.Payload != nil, row.D != a.rows[c.want-1].D:
			t.Errorf("%+v: %+v", c, row)
		}
	}
	if row, _ := a.find(mailbox.RowQuery{From: 1, Drop: key.DropID{2}, Start: wire.Position{3}}); row != nil {
		t.Error("another drop's row")
	}
	late := wire.Millis(day0.Add(10 * day))
	for since, want := range map[uint64]bool{late - 1: true, late: false} {
		if row, _ := a.find(mailbox.RowQuery{From: 1, Drop: drop, Start: wire.Position{3}, Since: since}); (row != nil) != want {
			t.Errorf("kept until later than %d: %t", since, row != nil)
		}
	}
	if row, next, err := db.Find(t.Context(), mailbox.RowQuery{Account: key.AccountTag{9}, From: 1, To: 9}); row != nil || next != 0 || err != nil {
		t.Errorf("in nobody's log: %+v, %d, %v", row, next, err)
	}
}

// A long log is looked through in parts, so that others may read in between.
func TestFindInALongLog(t *testing.T) {
	db := open(t)
	a := newLog(t, db)
	for range 4 {
		b := &mailbox.Batch{Now: day0}
		for range findBlocks / 2 {
			b.Accounts = append(b.Accounts, a.change(day0, 10))
		}
		if err := db.Commit(t.Context(), b); err != nil {
			t.Fatal(err)
		}
	}
	c := a.change(day0, 1<<10)
	commit(t, db, c)
	row, calls := a.find(mailbox.RowQuery{From: 1, Drop: key.DropID{1}, Start: wire.Position{3}, K: 1})
	if row == nil || row.Position != a.head.Position || calls != 3 {
		t.Errorf("%+v after %d parts", row, calls)
	}
}

func (l *log) standing(drop key.DropID, d0 [32]byte, now time.Time) *mailbox.Standing {
	l.t.Helper()
	s, err := l.db.Standing(l.t.Context(), mailbox.StandingQuery{Account: l.tag, Drop: drop, D0: d0}, now)
	if err != nil {
		l.t.Fatal(err)
	}
	return s
}

func TestRegistrationsAreRememberedFor67Days(t *testing.T) {
	db := open(t)
	a, b := newLog(t, db), newLog(t, db)
	capability, err := key.CapabilityFrom(make([]byte, 32))
	if err != nil {
		t.Fatal(err)
	}
	drop := mailbox.Drop{ID: key.DropID{1}, Account: a.tag, Capability: capability}
	put := func(at time.Time, change func()) [32]byte {
		change()
		err := db.Commit(t.Context(), &mailbox.Batch{
			Now: at, Accounts: []mailbox.AccountChange{a.change(at, 100), b.change(at, 100)}, Drops: []mailbox.Drop{drop},
		})
		if err != nil {
			t.Fatal(err)
		}
		return custody.DropStart(drop.ID, drop.Account, drop.Start)
	}
	first := put(day0, func() { drop.Start, drop.K, drop.Head = wire.At(7, 1), 5, [32]byte{5} })
	put(day0, func() { drop.Deleted = wire.Millis(day0) })
	second := put(day0.Add(day), func() { drop.Start, drop.K, drop.Head, drop.Deleted = wire.At(7, 3), 6, [32]byte{6}, 0 })
	check := func(l *log, d0 [32]byte, k uint32, known bool, now time.Time) {
		t.Helper()
		if s := l.standing(drop.ID, d0, now); s.K != k || s.D[0] != byte(k) || s.Known != known || (s.Start == wire.Position{}) != (k == 0) {
			t.Errorf("%+v, want k %d, known %t", s, k, known)
		}
	}
	check(a, first, 5, true, day0)
	check(a, second, 6, true, day0)
	check(a, [32]byte{1}, 0, true, day0)
	check(b, first, 0, false, day0)
	// A door of b takes it while it is live.
	put(day0.Add(2*day), func() {
		drop.Account, drop.Start, drop.K, drop.Head, drop.Door, drop.Number = b.tag, wire.Position{}, 0, [32]byte{}, true, 9
	})
	check(a, second, 6, true, day0)
	check(a, [32]byte{1}, 0, true, day0)
	check(b, second, 0, false, day0)
	sweep(t, db, day0.Add(67*day))
	check(a, first, 5, true, day0)
	sweep(t, db, day0.Add(67*day+2*time.Hour))
	check(a, first, 0, true, day0)
	check(a, second, 6, true, day0)
	sweep(t, db, day0.Add(69*day+2*time.Hour))
	check(a, second, 0, false, day0)
}

// A retention that is shortened lets later envelopes expire before earlier ones:
// what was promised longer stays, and is not counted as passed.
func TestAShorterRetentionBreaksNoPromise(t *testing.T) {
	db := open(t)
	a := newLog(t, db)
	commit(t, db, a.change(day0, 1<<10)) // kept for 10 days
	c := a.change(day0, 1<<10, 1<<10)
	for i := range c.Rows {
		c.Rows[i].Kept = wire.Millis(day0.Add(2 * day))
		a.rows[1+i].Kept = c.Rows[i].Kept
	}
	commit(t, db, c)
	floor := func(now time.Time) uint64 {
		t.Helper()
		return a.standing(key.DropID{}, [32]byte{}, now).Floor.Index()
	}
	sweep(t, db, day0.Add(3*day))
	if n := a.envelopeBytes(); n != 1<<10 {
		t.Errorf("%d bytes are left of three envelopes, two expired", n)
	}
	if rows := a.read(mailbox.RowRange{From: 1, MaxRows: 9}); len(rows) != 3 || len(rows[0].Payload) != 1<<10 || len(rows[1].Payload) != 0 {
		t.Errorf("%d rows", len(rows))
	}
	if n := floor(day0.Add(3 * day)); n != 0 {
		t.Errorf("floor %d, although the first envelope is kept", n)
	}
	for _, swept := range []bool{false, true} {
		if n := floor(day0.Add(11 * day)); n != 3 {
			t.Errorf("swept %t: floor %d after all expired", swept, n)
		}
		sweep(t, db, day0.Add(11*day))
	}
}

func TestDisplacedPayloads(t *testing.T) {
	db := open(t)
	a, b := newLog(t, db), newLog(t, db)
	commit(t, db, a.change(day0, 1<<10, 1<<10, 1<<10, 1<<10), b.change(day0, 1<<10))
	displace := func(indexes ...uint64) {
		commit(t, db, mailbox.AccountChange{Tag: a.tag, Key: a.key, Before: a.head, Head: a.head, Displaced: indexes})
		for _, index := range indexes {
			a.rows[index-1].Payload, a.rows[index-1].Displaced = nil, true
		}
	}
	displace(2, 4)
	displace(2) // again
	a.check(1, 0)
	b.check(1, 0)
	s, err := db.Stats(t.Context())
	if err != nil || s.Waiting != 3<<10 {
		t.Errorf("%d bytes are owed, want 3072: %v", s.Waiting, err)
	}
	a.raise(2) // what was displaced is not counted twice
	sweep(t, db, day0)
	if s, err = db.Stats(t.Context()); err != nil || s.Waiting != 2<<10 || s.Envelopes != 2<<10 {
		t.Errorf("%+v, %v", s, err)
	}
	displace(1) // passed and counted
	a.rows[0].Payload = nil
	a.check(1, 2)
	if s, err = db.Stats(t.Context()); err != nil || s.Waiting != 2<<10 {
		t.Errorf("%d bytes are owed, want 2048: %v", s.Waiting, err)
	}
	c := a.change(day0, 4<<10) // of a commit of its own
	c.Rows[0].Payload, c.Rows[0].Displaced, c.Rows[0].Bits = nil, true, 23
	a.rows[4] = c.Rows[0]
	commit(t, db, c)
	a.check(3, 2)
}
