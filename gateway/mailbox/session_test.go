package mailbox_test

import (
	"testing"
	"testing/synctest"
	"time"

	"zeroms/gateway/mailbox"
	"zeroms/protocol/key"
	"zeroms/protocol/wire"
)

func TestPushBeforeCommit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newMemory()
		w := newWorld(t, store)
		bob := w.account()
		drop := bob.drop()
		bob.pull()
		bob.ack()
		settle()
		gate := make(chan struct{})
		store.set(func() { store.gate = gate })
		p, wakes := w.port(), bob.port.wakes
		id := p.submit(drop, message())
		settle()
		if len(bob.pull()) != 1 || bob.port.wakes == wakes {
			t.Fatal("the row is not pushed before its commit")
		}
		bob.ack()
		if p.answered(id) {
			t.Fatal("a receipt before the commit")
		}
		second := p.submit(drop, message()) // joins the next commit
		bob.pull()
		bob.ack()
		settle()
		store.set(func() { store.gate = nil })
		close(gate)
		settle()
		p.receipt(id)
		p.receipt(second)
		last := store.batches[len(store.batches)-1].Accounts[0]
		if len(last.Rows) != 1 || len(last.Rows[0].Payload) != 0 || last.Rows[0].Size != 1<<10 {
			t.Error("the payload of what all cursors acknowledged was written")
		}
		if len(last.Logins) != 1 || last.Logins[0].Acked.Position != bob.at || len(last.Logins[0].Sig) != 64 {
			t.Error("the acknowledgement was not written with it")
		}
	})
}

func TestPushWindow(t *testing.T) {
	eachStore(t, func(t *testing.T, store mailbox.Store) {
		w := newWorld(t, store)
		bob := w.account()
		drop := bob.drop()
		bob.pull()
		bob.ack()
		p := w.port()
		for range 10 {
			p.send(drop, envelope(16<<10, 1))
		}
		if n := len(bob.pull()); n != 3 { // 64 KiB with the overhead of each row
			t.Fatalf("%d rows within the window, want 3", n)
		}
		first := bob.got[len(bob.got)-3]
		wakes := bob.port.wakes
		r := wire.NextHead(stateBefore(bob, 3), first.Row())
		if err := bob.sess.Ack(bob.ackOf(first.Position, r)); err != nil {
			t.Fatal(err)
		}
		if bob.port.wakes == wakes {
			t.Error("the acknowledgement did not wake the link")
		}
		if n := len(bob.pull()); n != 1 {
			t.Errorf("%d rows after one was acknowledged, want 1", n)
		}
		w.restart() // the rest comes from the store, from the cursor on
		if welcome := bob.attach(); welcome.Cursor != first.Position || welcome.R != r {
			t.Fatal("the cursor is not the acknowledged position")
		}
		total := 0
		for n := len(bob.pull()); n > 0; n = len(bob.pull()) {
			total += n
			bob.ack()
		}
		if total != 9 {
			t.Errorf("%d rows replayed, want 9", total)
		}
		pushes, err := bob.sess.Pull(1)
		if err != nil || pushes != nil {
			t.Errorf("%d, %v", len(pushes), err)
		}
	})
}

// stateBefore is the rolling head before the last n rows that d took.
func stateBefore(d *device, n int) (r [32]byte) {
	for _, p := range d.got[:len(d.got)-n] {
		r = wire.NextHead(r, p.Row())
	}
	return r
}

func TestAcknowledgements(t *testing.T) {
	eachStore(t, func(t *testing.T, store mailbox.Store) {
		w := newWorld(t, store)
		bob := w.account()
		drop := bob.drop()
		w.port().send(drop, message())
		bob.pull()
		wrong := bob.r
		wrong[0]++
		for name, c := range map[string]struct {
			ack  *wire.Ack
			want *wire.Error
		}{
			"R":           {bob.ackOf(bob.at, wrong), wire.ErrAckMismatch},
			"incarnation": {bob.ackOf(wire.At(bob.at.Incarnation()+1, bob.at.Index()), bob.r), wire.ErrAckMismatch},
			"ahead":       {bob.ackOf(wire.At(bob.at.Incarnation(), bob.at.Index()+1), bob.r), wire.ErrAckMismatch},
			"far":         {bob.ackOf(wire.At(1<<31, 1<<62), bob.r), wire.ErrAckMismatch},
			"signature":   {&wire.Ack{Upto: bob.at, R: bob.r, Sig: make([]byte, 64)}, wire.ErrSignature},
		} {
			err := bob.sess.Ack(c.ack)
			if !c.want.Is(err) {
				t.Errorf("%s: %v, want %v", name, err, c.want)
			}
		}
		bob.ack()
		bob.ack() // the newest again
		if err := bob.sess.Ack(bob.ackOf(bob.at, wrong)); !wire.ErrAckMismatch.Is(err) {
			t.Errorf("the newest with another R: %v", err)
		}
		if err := bob.sess.Ack(bob.ackOf(bob.got[0].Position, wrong)); err != nil {
			t.Errorf("an older one: %v", err)
		}
		wait(mailbox.Timing{}.Default().AckFlush + time.Second) // alone, they are flushed
		w.crash()
		if welcome := bob.attach(); welcome.Cursor != bob.got[3].Position {
			t.Error("the acknowledgement was not flushed")
		}
		// What a device has from before may be acknowledged without being pushed again.
		w.port().send(drop, message())
		bob.pull()
		at, r := bob.at, bob.r
		w.crash()
		bob.attach()
		if err := bob.sess.Ack(bob.ackOf(at, r)); err != nil {
			t.Errorf("an acknowledgement from before the crash: %v", err)
		}
		if n := len(bob.pull()); n != 0 {
			t.Errorf("%d rows after it", n)
		}
	})
}

// crash leaves the running mailbox as it is and begins a new one on its store.
// What the old one still does can't reach the new one's ports.
func (w *world) crash() {
	old := w.stop
	w.start()
	stop := w.stop
	w.stop = func() { stop(); old() }
}

func TestPayloadsAreOwedUntilAllCursorsPassed(t *testing.T) {
	eachStore(t, func(t *testing.T, store mailbox.Store) {
		w := newWorld(t, store)
		first := w.account()
		second := w.stranger(first.mk)
		id := first.next()
		first.sess.Enrol(id, &wire.EnrolmentChange{Object: second.enrolment(wire.OpEnrol)})
		settle()
		second.attach()
		drop := first.drop()
		env := message()
		w.port().send(drop, env)
		first.pull()
		first.ack()
		w.restart()
		second.attach()
		rows := second.pull()
		if string(rows[len(rows)-1].Payload) != string(env) {
			t.Fatal("the second device does not get what the first one acknowledged")
		}
		second.ack()
		first.attach()
		if used := first.attach().Used; used != 0 {
			t.Errorf("%d bytes are still owed", used)
		}
	})
}

func TestHeads(t *testing.T) {
	eachStore(t, func(t *testing.T, store mailbox.Store) {
		w := newWorld(t, store)
		bob := w.account()
		settle()
		if len(bob.port.heads) != 1 || bob.port.heads[0].Position.Index() != 2 || bob.port.heads[0].Account != bob.tag() {
			t.Fatalf("heads after the login: %+v", bob.port.heads)
		}
		drop := bob.drop()
		bob.pull()
		bob.sess.HeadGet(901)
		bob.sess.HeadGet(902)
		settle()
		n := len(bob.port.heads)
		if n != 3 || bob.port.headIDs[1] != 901 || bob.port.headIDs[2] != 902 {
			t.Fatalf("heads asked for: %d", n)
		}
		if h := bob.port.heads[2]; h.Position != bob.at || h.R != bob.r {
			t.Fatal("the head is not what the device computed")
		}
		p := w.port()
		for range 130 {
			p.send(drop, message())
			bob.pull()
			bob.ack()
		}
		if got := len(bob.port.heads) - n; got != 2 {
			t.Errorf("%d heads in 130 positions, want 2", got)
		}
		if h := bob.port.heads[n]; h.Position.Index()%64 > 2 {
			t.Errorf("a head at %d", h.Position.Index())
		}
	})
}

func TestOneLinkADevice(t *testing.T) {
	eachStore(t, func(t *testing.T, store mailbox.Store) {
		w := newWorld(t, store)
		bob := w.account()
		old, sess := bob.port, bob.sess
		bob.attach()
		if old.closed == nil || old.closed.Code != wire.CodeLinkClosed {
			t.Errorf("the older link ended with %v", old.closed)
		}
		if _, err := sess.Pull(1 << 20); !wire.ErrLinkClosed.Is(err) {
			t.Errorf("%v", err)
		}
		sess.Detach()
		sess.Detach()
		if len(bob.pull()) != 2 {
			t.Error("the newer link does not pull")
		}
		bob.sess.Detach()
		id := bob.dropPut(w.newDrop())
		bob.port.want(id, wire.ErrLinkClosed)
	})
}

func TestIdleAccountsLeaveMemory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newMemory()
		w := newWorld(t, store)
		if store.reads["account"]+store.reads["rows"] != 0 {
			t.Error("the start read accounts")
		}
		bob := w.account()
		drop := bob.drop()
		p := w.port()
		first := p.send(drop, message())
		wait(time.Hour)
		if n := store.reads["account"]; true {
			p.send(drop, message())
			if store.reads["account"] != n {
				t.Error("an account with a link left memory")
			}
		}
		bob.sess.Detach()
		wait(time.Hour)
		n := store.reads["account"]
		r := p.send(drop, message())
		if store.reads["account"] == n {
			t.Error("an idle account stayed in memory")
		}
		if r.K != 3 || r.Start != first.Start {
			t.Errorf("%+v", r)
		}
		bob.attach()
		if n := len(bob.pull()); n != 6 {
			t.Errorf("%d rows", n)
		}
	})
}

func TestUnknownLogin(t *testing.T) {
	eachStore(t, func(t *testing.T, store mailbox.Store) {
		w := newWorld(t, store)
		if _, _, err := w.box.Attach(key.NewPrivate[key.Login]().Public(), w.port()); !wire.ErrLogin.Is(err) {
			t.Errorf("%v", err)
		}
	})
}
