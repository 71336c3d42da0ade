package mailbox_test

import (
	"context"
	"crypto/sha256"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"zeroms/gateway/mailbox"
	"zeroms/protocol/custody"
	"zeroms/protocol/key"
	"zeroms/protocol/wire"
	sqlite "zeroms/store/mailbox"
)

// slowReads is a Store whose answers arrive after a hook.
type slowReads struct {
	mailbox.Store
	invite, login func()
}

func (s *slowReads) InviteUses(ctx context.Context, hash [32]byte, now time.Time) (int, error) {
	n, err := s.Store.InviteUses(ctx, hash, now)
	if s.invite != nil {
		s.invite()
	}
	return n, err
}

func (s *slowReads) Login(ctx context.Context, login key.LoginPublic) (*key.AccountTag, error) {
	tag, err := s.Store.Login(ctx, login)
	if s.login != nil {
		s.login()
	}
	return tag, err
}

// The answer about an invite is old when the last use was committed meanwhile.
func TestTheLastUseOfAnInviteIsNotGivenTwice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		mem, invite := newMemory(), key.NewInvite()
		hash := sha256.Sum256(invite.Bytes())
		mem.invites[hash] = 1
		store := &slowReads{Store: mem}
		w := newWorld(t, store, func(c *mailbox.Config) { c.Registration = mailbox.InviteOnly })
		a, b := w.stranger(key.NewPrivate[key.Mailbox]()), w.stranger(key.NewPrivate[key.Mailbox]())
		w.box.Register(1, a.registration(invite.Bytes()), a.port)
		arrive := make(chan struct{})
		store.invite = func() { <-arrive }
		go w.box.Register(1, b.registration(invite.Bytes()), b.port)
		settle() // the commit of a
		close(arrive)
		settle()
		a.port.want(1, nil)
		b.port.want(1, wire.ErrInvite)
		mem.set(func() {
			if mem.invites[hash] != 0 {
				t.Errorf("%d uses left, want 0", mem.invites[hash])
			}
		})
	})
}

// A use that is on its way to the disk may stand in the Store's count already;
// nobody is turned away for good because of that.
func TestAnInviteInACommitThatRuns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		mem, invite := newMemory(), key.NewInvite()
		mem.invites[sha256.Sum256(invite.Bytes())] = 1
		w := newWorld(t, mem, func(c *mailbox.Config) { c.Registration = mailbox.InviteOnly })
		gate := make(chan struct{})
		mem.set(func() { mem.gate = gate })
		a, b := w.stranger(key.NewPrivate[key.Mailbox]()), w.stranger(key.NewPrivate[key.Mailbox]())
		w.box.Register(1, a.registration(invite.Bytes()), a.port)
		settle()
		w.box.Register(1, b.registration(invite.Bytes()), b.port)
		b.port.want(1, wire.ErrBusy)
		close(gate)
		settle()
		w.box.Register(2, b.registration(invite.Bytes()), b.port)
		b.port.want(2, wire.ErrInvite)
		a.port.want(1, nil)
	})
}

func TestALoginKeyIsNotTakenOverDuringItsCommit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &slowReads{Store: newMemory()}
		w := newWorld(t, store)
		a, b := w.stranger(key.NewPrivate[key.Mailbox]()), w.stranger(key.NewPrivate[key.Mailbox]())
		b.lk = a.lk
		w.box.Register(1, a.registration(nil), a.port)
		arrive := make(chan struct{})
		store.login = func() { <-arrive }
		go w.box.Register(1, b.registration(nil), b.port)
		settle()
		close(arrive)
		settle()
		a.port.want(1, nil)
		b.port.want(1, wire.ErrValue)
	})
}

// A key that registers again once its closed account is forgotten goes on with its
// log: a head of the old one and one of the new one must not look like a log that
// was set back.
func TestAReopenedAccountGoesOnWithItsLog(t *testing.T) {
	for name, restarts := range map[string]bool{"while the gateway runs": false, "after a restart": true} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "mailbox.db")
			synctest.Test(t, func(t *testing.T) {
				db, err := sqlite.Open(t.Context(), path)
				if err != nil {
					t.Fatal(err)
				}
				defer db.Close()
				w := newWorld(t, db, func(c *mailbox.Config) { c.Timing.Sweep, c.Timing.Idle = 24*time.Hour, time.Hour })
				defer w.stop()
				reopen(w, restarts)
			})
		})
	}
}

// reopen closes an account, lets its key register again as soon as it may, twice,
// and follows the log over that.
func reopen(w *world, restarts bool) {
	a := w.account()
	drop := a.drop()
	var receipts []*custody.Receipt
	for round := range 3 {
		receipts = append(receipts, w.port().send(drop, message()))
		a.pull()
		id := a.next()
		a.sess.Enrol(id, &wire.EnrolmentChange{Object: a.enrolment(wire.OpClose)})
		settle()
		a.port.want(id, nil)
		for i, days := range []time.Duration{60, 5} {
			wait(days * 24 * time.Hour)
			if restarts {
				w.restart()
				wait(25 * time.Hour) // a sweep
			}
			b := w.stranger(a.mk)
			for range 48 << (2 * i) { // asking does not keep the account in memory
				w.box.Register(1, b.registration(nil), b.port)
				wait(30 * time.Minute)
				if i == 0 {
					b.port.want(1, wire.ErrClosed)
				}
			}
			if i == 0 {
				continue
			}
			b.port.want(1, nil)
			// The closing object is the only row that the old device was not shown.
			if welcome := b.attach(); welcome.Cursor.Index() != a.at.Index()+1 || welcome.Cursor.Incarnation() != a.at.Incarnation() {
				w.t.Fatalf("round %d: the log goes on after row %d, not %d", round, welcome.Cursor.Index(), a.at.Index()+1)
			}
			put := b.dropPut(drop)
			settle()
			b.port.want(put, nil)
			first := b.pull()[0]
			if starts := first.Kind == wire.RowStart; starts != restarts {
				w.t.Errorf("round %d: the first row is of kind %d", round, first.Kind)
			}
			b.sess.HeadGet(b.next())
			settle()
			if head := b.port.heads[len(b.port.heads)-1]; head.Position != b.at || head.R != b.r {
				w.t.Errorf("round %d: the head does not follow from the old one", round)
			}
			a = b
		}
	}
	for i, r := range receipts {
		for _, other := range receipts[:i] {
			if r.Start == other.Start {
				w.t.Error("two registrations with one D_0")
			}
		}
	}
}

// A removed device keeps the object that enrolled it. The time in it may be later
// than that of the removal: clocks differ by up to a day.
func TestARemovedDeviceCannotReplayItsEnrolment(t *testing.T) {
	eachStore(t, func(t *testing.T, store mailbox.Store) {
		w := newWorld(t, store)
		a := w.account()
		b := w.stranger(a.mk)
		object := func(op uint8, ahead time.Duration) wire.Object {
			return wire.Sign(a.mk, key.ContextEnrol, wire.Enrolment{
				Op: op, Account: a.mk.Public(), Login: b.lk.Public(), Cursor: b.cursor, Time: wire.Millis(time.Now().Add(ahead)),
			})
		}
		do := func(o wire.Object, want *wire.Error) {
			t.Helper()
			id := a.next()
			a.sess.Enrol(id, &wire.EnrolmentChange{Object: o})
			settle()
			a.port.want(id, want)
		}
		enrolments := []wire.Object{object(wire.OpEnrol, time.Hour), object(wire.OpEnrol, 2*time.Hour)}
		for _, o := range enrolments {
			do(o, nil)
		}
		removal := object(wire.OpRemove, 0)
		do(removal, nil)
		do(removal, nil) // again: nothing
		for range 2 {
			for _, o := range enrolments {
				do(o, wire.ErrExpired)
			}
			w.restart()
			a.attach()
		}
		wait(2 * time.Hour)
		do(object(wire.OpEnrol, time.Minute), nil)
		do(removal, wire.ErrExpired) // the old removal is no removal of the new enrolment
		w.restart()
		a.attach()
		do(removal, wire.ErrExpired)
		b.attach()
		wait(time.Minute)
		do(object(wire.OpRemove, 0), nil)
		if b.port.closed == nil {
			t.Error("the link of a removed device stays")
		}
	})
}

// Rows are kept for weeks whatever is acknowledged, so they have a limit of their own.
func TestRowsAreLimited(t *testing.T) {
	eachStore(t, func(t *testing.T, store mailbox.Store) {
		w := newWorld(t, store, func(c *mailbox.Config) { c.Rows = 20; c.Timing.Sweep = 12 * time.Hour })
		a := w.account() // two rows
		drop, other := a.drop(), w.newDrop()
		for range 8 { // 19 rows
			put := a.dropPut(other)
			settle()
			a.port.want(put, nil)
			gone := a.dropDelete(other)
			settle()
			a.port.want(gone, nil)
		}
		w.port().send(drop, message())
		a.pull()
		a.ack()
		settle()
		p, put, claim := w.port(), a.dropPut(other), a.doorPut(w.newDoor(), 1)
		full := p.submit(drop, message())
		second := w.stranger(a.mk)
		w.box.Register(1, second.registration(nil), second.port)
		settle()
		a.port.want(put, wire.ErrLimit)
		a.port.want(claim, wire.ErrLimit)
		p.refused(full, wire.CodeQuota)
		second.port.want(1, wire.ErrLimit)
		gone := a.dropDelete(drop) // ending something is always possible
		settle()
		a.port.want(gone, nil)
		if _, ok := store.(*sqlite.DB); !ok {
			return
		}
		wait(70 * 24 * time.Hour)
		a.attach()
		put = a.dropPut(other)
		settle()
		a.port.want(put, nil)
	})
}
