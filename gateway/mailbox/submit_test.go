package mailbox_test

import (
	"bytes"
	"crypto/sha256"
	"slices"
	"testing"
	"time"

	"zeroms/gateway/mailbox"
	"zeroms/protocol/custody"
	"zeroms/protocol/key"
	"zeroms/protocol/wire"
)

func TestSubmitIsPushedAndReceipted(t *testing.T) {
	eachStore(t, func(t *testing.T, store mailbox.Store) {
		w := newWorld(t, store)
		bob := w.account()
		drop := bob.drop()
		bob.pull()
		alice := w.port()
		head := custody.DropStart(drop.id, bob.tag(), bob.got[len(bob.got)-1].Position)
		start := head
		for k := uint32(1); k <= 3; k++ {
			env := message()
			r := alice.send(drop, env)
			head = custody.NextDropHead(head, k, sha256.Sum256(env))
			if r.K != k || r.Start != start || r.Head != head || !r.For(drop.id, sha256.Sum256(env)) {
				t.Fatalf("receipt %d: %+v", k, r)
			}
			if r.Kept-r.Time != testLimits.Retention*1000 || r.Node != w.node.Public() {
				t.Fatalf("receipt %d: times %d to %d", k, r.Time, r.Kept)
			}
			got := bob.pull()
			if len(got) != 1 || !bytes.Equal(got[0].Payload, env) || got[0].K != k || got[0].D != head {
				t.Fatalf("push %d: %d rows", k, len(got))
			}
		}
	})
}

func TestLogOfANewAccount(t *testing.T) {
	eachStore(t, func(t *testing.T, store mailbox.Store) {
		w := newWorld(t, store)
		bob := w.account()
		drop := bob.drop()
		got := bob.pull()
		if len(got) != 3 || got[0].Kind != wire.RowStart || got[1].Kind != wire.RowObject || got[2].Kind != wire.RowObject {
			t.Fatalf("%d rows", len(got))
		}
		if !bytes.Equal(got[0].Payload, make([]byte, 40)) {
			t.Fatalf("the first start row says %x", got[0].Payload)
		}
		if got[2].Drop != drop.id || got[2].D != custody.DropStart(drop.id, bob.tag(), got[2].Position) {
			t.Fatal("the registration row does not carry D_0")
		}
		o, err := wire.ParseObject(got[1].Payload, wire.MaxObject)
		var e wire.Enrolment
		if err != nil || wire.Verify(o, bob.mk.Public(), key.ContextEnrol, &e) != nil || e.Login != bob.lk.Public() {
			t.Fatal("the enrolment is not in the log")
		}
		w.restart()
		welcome := bob.attach()
		if welcome.Cursor != (wire.Position{}) {
			t.Fatalf("cursor %x", welcome.Cursor)
		}
		if id := bob.dropDelete(drop); true {
			settle()
			bob.port.want(id, nil)
		}
		bob.got = nil
		again := bob.pull()
		if len(again) != 5 || again[3].Kind != wire.RowStart || again[4].D != got[2].D {
			t.Fatalf("%d rows after the restart", len(again))
		}
		last := again[2].Position
		if again[3].Position.Incarnation() <= last.Incarnation() || !bytes.Equal(again[3].Payload[:8], wire.Uint64(3)) {
			t.Fatal("the start row does not continue the log")
		}
	})
}

func TestSizeClasses(t *testing.T) {
	eachStore(t, func(t *testing.T, store mailbox.Store) {
		w := newWorld(t, store)
		bob := w.account()
		drop := bob.drop()
		p := w.port()
		for _, c := range []struct {
			size  int
			first byte
			ok    bool
		}{
			{1 << 10, 1, true}, {4 << 10, 1, true}, {16 << 10, 1, true}, {64 << 10, 1, true}, {4 << 10, 0x81, true},
			{1 << 10, 0x81, false}, {16 << 10, 0x81, false}, {1023, 1, false}, {1025, 1, false}, {1 << 10, 2, false}, {2 << 10, 1, false},
		} {
			id := p.submit(drop, envelope(c.size, c.first))
			settle()
			if c.ok {
				p.receipt(id)
			} else {
				p.want(id, wire.ErrSizeClass)
			}
		}
		id := p.submit(drop, nil)
		p.want(id, wire.ErrSizeClass)
	})
}

func TestUnknownDropsCannotBeTold(t *testing.T) {
	eachStore(t, func(t *testing.T, store mailbox.Store) {
		w := newWorld(t, store)
		bob := w.account()
		live, deleted := bob.drop(), bob.drop()
		id := bob.dropDelete(deleted)
		settle()
		bob.port.want(id, nil)
		wrong := live
		_, wrong.cap = key.NewDropSecret().Drop(w.node.Public())
		p := w.port()
		reads := func() int { return 0 }
		if m, ok := store.(*memory); ok {
			reads = func() int { m.mu.Lock(); defer m.mu.Unlock(); return m.reads["drop"] }
		}
		var detail []string
		for name, drop := range map[string]testDrop{"unknown": w.newDrop(), "wrong": wrong, "deleted": deleted} {
			before := reads()
			id := p.submit(drop, message())
			settle()
			p.want(id, wire.ErrUnknownDrop)
			detail = append(detail, p.answers[id].(*wire.Failure).Detail)
			if n := reads() - before; n > 1 || reads() > 0 && n != 1 {
				t.Errorf("%s: %d reads of a drop, want 1", name, n)
			}
		}
		if len(slices.Compact(detail)) != 1 {
			t.Errorf("details differ: %q", detail)
		}
	})
}

func TestRepeatedSubmission(t *testing.T) {
	eachStore(t, func(t *testing.T, store mailbox.Store) {
		w := newWorld(t, store, func(c *mailbox.Config) {
			c.Limits.Retention = 30 * 24 * 3600
			c.Timing.Sweep = 12 * time.Hour
		})
		bob := w.account()
		drop := bob.drop()
		p := w.port()
		env := message()
		a, b := p.submit(drop, env), p.submitAs(77, drop, env) // the same commit
		settle()
		first := p.receipt(a)
		if *p.receipt(b) != *first {
			t.Fatal("two receipts differ")
		}
		p.send(drop, message())
		w.restart()
		if r := p.send(drop, env); *r != *first {
			t.Fatal("the receipt changed over a restart")
		}
		bob.attach()
		if n := len(bob.pull()); n != 5 { // start, enrolment, drop, two envelopes
			t.Fatalf("%d rows", n)
		}
		// A new registration of the drop does not make an old envelope new.
		bob.dropDelete(drop)
		bob.dropPut(drop)
		settle()
		if r := p.send(drop, env); *r != *first {
			t.Fatal("the receipt changed with the registration")
		}
		if r := p.send(drop, message()); r.K != 1 || r.Start == first.Start {
			t.Fatalf("the new registration begins with %+v", r)
		}
		bob.sess.Detach()
		wait(32*24*time.Hour + time.Hour)
		if r := p.send(drop, env); r.K != 2 || r.Start == first.Start {
			t.Fatalf("after the window: %+v", r)
		}
	})
}

func TestFrontDoor(t *testing.T) {
	eachStore(t, func(t *testing.T, store mailbox.Store) {
		w := newWorld(t, store)
		bob := w.account()
		o := w.newDoor()
		id := bob.doorPut(o, wire.Millis(time.Now()))
		settle()
		bob.port.want(id, nil)
		p := w.port()
		id = p.submit(o.testDrop, envelope(4<<10, 1))
		p.want(id, wire.ErrSizeClass)
		initial := envelope(4<<10, 0x81)
		for i := range wire.DoorPerInit + 1 {
			env := bytes.Clone(initial)
			env[4000] = byte(i)
			id := p.submit(o.testDrop, env)
			settle()
			if i == wire.DoorPerInit {
				p.refused(id, wire.CodeDoorFull)
			} else if r := p.receipt(id); !r.IsDoor() {
				t.Fatalf("%+v", r)
			}
		}
		for range wire.DoorPending - wire.DoorPerInit {
			p.send(o.testDrop, envelope(4<<10, 0x81))
		}
		full := p.submit(o.testDrop, envelope(4<<10, 0x81))
		settle()
		p.refused(full, wire.CodeDoorFull)
		w.restart()
		full = p.submit(o.testDrop, envelope(4<<10, 0x81))
		settle()
		p.refused(full, wire.CodeDoorFull)
		// What the device has taken waits no longer.
		bob.attach()
		for len(bob.pull()) > 0 {
			bob.ack()
		}
		if r := p.send(o.testDrop, envelope(4<<10, 0x81)); r.Start != [32]byte{} || r.Head != [32]byte{} {
			t.Fatal("a door's receipt has no chain")
		}
	})
}

func TestQuota(t *testing.T) {
	eachStore(t, func(t *testing.T, store mailbox.Store) {
		w := newWorld(t, store, func(c *mailbox.Config) { c.Timing.Sweep = 12 * time.Hour })
		bob := w.account()
		drop := bob.drop()
		p := w.port()
		big := func() []byte { return envelope(64<<10, 1) }
		for range 3 {
			p.send(drop, big())
		}
		full := p.submit(drop, big())
		settle()
		p.refused(full, wire.CodeQuota)
		p.send(drop, message())
		for len(bob.pull()) > 0 {
			bob.ack()
		}
		for range 4 { // all of the quota
			p.send(drop, big())
		}
		full = p.submit(drop, message())
		settle()
		p.refused(full, wire.CodeQuota)
		if welcome := bob.attach(); welcome.Used < 3*64<<10 || welcome.Quota != testLimits.Quota {
			t.Fatalf("%+v", welcome)
		}
		wait(time.Duration(testLimits.Retention)*time.Second + 24*time.Hour)
		p.send(drop, big()) // what expired makes room
		bob.got = nil
		for len(bob.pull()) > 0 {
			bob.ack()
		}
		rows := bob.got
		if last := rows[len(rows)-1]; len(last.Payload) == 0 || len(rows[len(rows)-2].Payload) != 0 {
			t.Fatal("an expired envelope was pushed, or a kept one was not")
		}
	})
}

func TestReceiptsShareCommits(t *testing.T) {
	eachStore(t, func(t *testing.T, store mailbox.Store) {
		w := newWorld(t, store, func(c *mailbox.Config) { c.Limits.Quota, c.Limits.PushWindow = 1<<30, 1<<30 })
		bob := w.account()
		drop := bob.drop()
		ports := []*port{w.port(), w.port(), w.port()}
		before := bob.port.commits
		for i := range 600 {
			ports[min(i%4, 2)].submitAs(uint64(i+1), drop, message())
		}
		settle()
		for i, p := range ports {
			if n := len(p.receipts); n != []int{150, 150, 300}[i] {
				t.Errorf("port %d: %d receipts", i, n)
			}
			if p.commits > 6 {
				t.Errorf("port %d: %d frames", i, p.commits)
			}
		}
		if n := len(bob.pull()); n != 603 {
			t.Errorf("%d rows", n)
		}
		if bob.port.commits == before {
			t.Error("no head although 600 rows came")
		}
	})
}
