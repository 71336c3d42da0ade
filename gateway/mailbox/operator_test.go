package mailbox_test

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"zeroms/gateway/mailbox"
	"zeroms/protocol/key"
	"zeroms/protocol/wire"
	sqlite "zeroms/store/mailbox"
)

// What the operator removes looks to its owner and to senders like what the owner
// closed, now and after a restart.
func TestTheOperatorRemovesAnAccount(t *testing.T) {
	eachStore(t, func(t *testing.T, store mailbox.Store) {
		w := newWorld(t, store)
		bob, carol := w.account(), w.account()
		drop, other := bob.drop(), carol.drop()
		w.port().send(drop, message())
		operator := w.port()
		w.box.Remove(1, bob.tag(), operator)
		settle()
		operator.want(1, nil)
		if bob.port.closed == nil || bob.port.closed.Code != wire.CodeClosed {
			t.Errorf("the link ended with %v", bob.port.closed)
		}
		w.box.Remove(2, bob.tag(), operator) // again
		w.box.Remove(3, key.AccountTag{7}, operator)
		settle()
		operator.want(2, nil)
		operator.want(3, wire.ErrValue)
		for range 2 {
			p := w.port()
			id := p.submit(drop, message())
			settle()
			p.want(id, wire.ErrUnknownDrop)
			if _, _, err := w.box.Attach(bob.lk.Public(), p); !errors.Is(err, wire.ErrLogin) {
				t.Errorf("a login: %v", err)
			}
			id = bob.next()
			w.box.Register(id, bob.registration(nil), p)
			settle()
			p.want(id, wire.ErrClosed)
			p.send(other, message()) // the others are as they were
			w.restart()
		}
		stored, err := store.Account(t.Context(), bob.tag(), time.Now())
		if err != nil || !stored.Closed || stored.Floor != stored.Head {
			t.Errorf("%+v, %v", stored, err)
		}
		if rows, err := store.Rows(t.Context(), mailbox.RowRange{Account: bob.tag(), From: 1, MaxRows: 100}); err != nil || len(rows) < 4 {
			t.Errorf("%d rows are left as the gateway's defence, %v", len(rows), err)
		}
	})
}

// An account may be removed while its links are busy, and before anything of it
// was committed.
func TestRemovedInTheMiddle(t *testing.T) {
	eachStore(t, func(t *testing.T, store mailbox.Store) {
		w := newWorld(t, store)
		bob, p, operator := w.account(), w.port(), w.port()
		drop := bob.drop()
		id := p.submit(drop, message())
		w.box.Remove(1, bob.tag(), operator)
		late := p.submit(drop, message())
		settle()
		p.receipt(id)
		p.want(late, wire.ErrUnknownDrop)
		operator.want(1, nil)
		if _, err := bob.sess.Pull(1 << 20); !errors.Is(err, wire.ErrClosed) {
			t.Errorf("pushes: %v", err)
		}
		w.stop()
		w.box.Remove(2, bob.tag(), operator)
		settle()
		operator.want(2, wire.ErrDraining)
		w.start()
	})
}

// A quota of one's own is in the welcome and binds, at once and after a restart.
func TestAQuotaOfOnesOwn(t *testing.T) {
	path := t.TempDir() + "/mailbox.db"
	synctest.Test(t, func(t *testing.T) {
		db, err := sqlite.Open(t.Context(), path)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { db.Close() })
		w := newWorld(t, db)
		bob, carol, p := w.account(), w.account(), w.port()
		drop, other := bob.drop(), carol.drop()
		set := func(quota uint64) {
			t.Helper()
			if err := db.SetQuota(t.Context(), bob.tag(), quota); err != nil {
				t.Fatal(err)
			}
			w.box.SetQuota(bob.tag(), quota)
		}
		full := func(drop testDrop) {
			t.Helper()
			id := p.submit(drop, message())
			settle()
			p.refused(id, wire.CodeQuota)
		}
		set(3 << 10) // two envelopes, and what bob signed
		p.send(drop, message())
		p.send(drop, message())
		full(drop)
		p.send(other, message())
		if welcome := bob.attach(); welcome.Quota != 3<<10 {
			t.Errorf("announced: %d", welcome.Quota)
		}
		w.restart()
		full(drop)
		if welcome := bob.attach(); welcome.Quota != 3<<10 {
			t.Errorf("announced after a restart: %d", welcome.Quota)
		}
		set(0)
		p.send(drop, message())
		if welcome := bob.attach(); welcome.Quota != testLimits.Quota {
			t.Errorf("announced: %d, want the usual one", welcome.Quota)
		}
	})
}

func TestWaiting(t *testing.T) {
	eachStore(t, func(t *testing.T, store mailbox.Store) {
		w := newWorld(t, store)
		bob := w.account()
		drop := bob.drop()
		settle()
		if answers, bytes, err := w.box.Waiting(); answers != 0 || bytes != 0 || err != nil {
			t.Errorf("%d, %d, %v", answers, bytes, err)
		}
		w.port().submit(drop, message())
		if answers, bytes, err := w.box.Waiting(); answers != 1 || bytes != 1<<10 || err != nil {
			t.Errorf("%d, %d, %v with one on its way", answers, bytes, err)
		}
		settle()
		w.stop()
		if _, _, err := w.box.Waiting(); !errors.Is(err, wire.ErrDraining) {
			t.Errorf("after the end: %v", err)
		}
		w.start()
	})
}
