package mailbox_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"testing"
	"testing/synctest"
	"time"

	"zeroms/gateway/mailbox"
	"zeroms/protocol/custody"
	"zeroms/protocol/key"
	"zeroms/protocol/wire"
)

// ask asks for the state that a receipt names.
func (d *device) ask(t testDrop, r *custody.Receipt) uint64 {
	id := d.next()
	d.sess.StateGet(id, &wire.StateGet{Drop: t.id, Asked: asked(r), K: r.K, D0: r.Start})
	return id
}

func asked(r *custody.Receipt) [32]byte { return sha256.Sum256(r.Append(nil)) }

// state is the answer to ask, checked for what holds of every state.
func (d *device) state(t testDrop, r *custody.Receipt) *wire.DropState {
	d.w.t.Helper()
	id := d.ask(t, r)
	d.port.mu.Lock()
	answer, ok := d.port.answers[id].(*wire.State)
	d.port.mu.Unlock()
	if !ok {
		d.w.t.Fatalf("no state, but %v", d.port.answers[id])
	}
	var s wire.DropState
	if err := wire.Verify(answer.Object, d.w.node.Public(), key.ContextDropState, &s); err != nil {
		d.w.t.Fatal(err)
	}
	if s.Node != d.w.node.Public() || s.Tag != d.tag() || s.DropHash != sha256.Sum256(t.id[:]) ||
		s.D0 != r.Start || s.Asked != asked(r) || s.AskedK != r.K || len(answer.Acks) != len(s.Cursors) {
		d.w.t.Fatalf("the state is about something else: %+v", s)
	}
	d.w.evidence.note((&custody.Head{Account: s.Tag, Position: s.Head, R: s.R}).Append(nil))
	for i, c := range s.Cursors {
		if i > 0 && bytes.Compare(s.Cursors[i-1].Login[:], c.Login[:]) >= 0 {
			d.w.t.Error("the cursors are not in order")
		}
		sig := answer.Acks[i]
		if len(sig) == 0 {
			if c.Upto != (wire.Position{}) || c.R != [32]byte{} || c.Ack != [32]byte{} {
				d.w.t.Errorf("a cursor without acknowledgement: %+v", c)
			}
			continue
		}
		if c.Ack != sha256.Sum256(sig) || !c.Login.Verify(key.ContextMailboxAck, wire.AckTranscript(s.Tag, c.Cursor, c.Upto, c.R), sig) {
			d.w.t.Error("an acknowledgement that its device did not make")
		}
	}
	return &s
}

func TestStateOfADrop(t *testing.T) {
	eachStore(t, func(t *testing.T, store mailbox.Store) {
		w := newWorld(t, store)
		bob := w.account()
		drop, other := bob.drop(), bob.drop()
		p := w.port()
		var receipts []*custody.Receipt
		for range 3 {
			p.send(other, message())
			receipts = append(receipts, p.send(drop, message()))
		}
		rows := bob.pull()
		enrolled, second, third := rows[1].Position, rows[7], rows[9]
		check := func(r *custody.Receipt, low uint32) *wire.DropState {
			t.Helper()
			s := bob.state(drop, r)
			if s.K != 3 || s.D != receipts[2].Head || s.Low != low || s.Start != rows[2].Position ||
				s.Head != bob.at || s.R != bob.r || len(s.Cursors) != 1 {
				t.Errorf("%+v", s)
			}
			if c := s.Cursors[0]; c.Login != bob.lk.Public() || c.Cursor != bob.cursor || c.From != enrolled {
				t.Errorf("%+v", c)
			}
			return s
		}
		if s := check(receipts[1], 1); s.AskedD != receipts[1].Head || s.AskedRow != second.Position || s.Time != wire.Millis(time.Now()) {
			t.Errorf("%+v", s)
		}
		above := *receipts[2]
		above.K++
		if s := check(&above, 1); s.AskedD != [32]byte{} || s.AskedRow != (wire.Position{}) {
			t.Errorf("%+v", s)
		}
		r := wire.NextHead(stateBefore(bob, 2), bob.got[len(bob.got)-2].Row())
		if err := bob.sess.Ack(bob.ackOf(bob.got[len(bob.got)-2].Position, r)); err != nil {
			t.Fatal(err)
		}
		wait(3 * time.Second) // the acknowledgement is durable
		s := check(receipts[0], 3)
		if c := s.Cursors[0]; c.Upto != bob.got[len(bob.got)-2].Position || c.R != r || s.AskedRow != rows[5].Position {
			t.Errorf("%+v", s)
		}
		bob.ack()
		wait(3 * time.Second)
		check(receipts[0], 4)
		w.restart()
		bob.attach()
		if s := bob.state(drop, receipts[2]); s.Low != 4 || s.AskedRow != third.Position {
			t.Errorf("after a restart: %+v", s)
		}
		id := bob.dropDelete(drop)
		settle()
		bob.port.want(id, nil)
		if s := bob.state(drop, receipts[2]); s.K != 3 || s.AskedD != receipts[2].Head {
			t.Errorf("of a deleted drop: %+v", s)
		}
	})
}

func TestStateIsOnlyOfOnesOwnDrops(t *testing.T) {
	eachStore(t, func(t *testing.T, store mailbox.Store) {
		w := newWorld(t, store)
		bob, eve := w.account(), w.account()
		drop, door := bob.drop(), w.newDoor()
		claim := bob.doorPut(door, wire.Millis(time.Now()))
		settle()
		bob.port.want(claim, nil)
		r := w.port().send(drop, message())
		eve.port.want(eve.ask(drop, r), wire.ErrUnknownDrop)
		bob.port.want(bob.ask(w.newDrop(), r), wire.ErrUnknownDrop)
		bob.port.want(bob.ask(door.testDrop, r), wire.ErrUnknownDrop)
		bob.port.want(bob.ask(drop, w.port().send(door.testDrop, envelope(4<<10, 0x81))), wire.ErrValue)
		empty := bob.drop()
		bob.pull()
		none := *r
		none.Start = custody.DropStart(empty.id, bob.tag(), bob.at)
		if s := bob.state(empty, &none); s.Start != bob.at || s.K != 0 || s.Low != 1 || s.D != none.Start {
			t.Errorf("of a drop that took nothing: %+v", s)
		}
		stranger := *r
		stranger.Start[0]++
		s := bob.state(drop, &stranger)
		if s.Start != (wire.Position{}) || s.K != 0 || s.Low != 0 || s.D != [32]byte{} || s.AskedD != [32]byte{} {
			t.Errorf("of a registration that never was: %+v", s)
		}
		bob.sess.Detach()
		bob.port.want(bob.ask(drop, r), wire.ErrLinkClosed)
	})
}

func TestStateOfAnEarlierRegistration(t *testing.T) {
	eachStore(t, func(t *testing.T, store mailbox.Store) {
		w := newWorld(t, store)
		bob, eve := w.account(), w.account()
		drop := bob.drop()
		p := w.port()
		var last []*custody.Receipt
		for n := range 3 {
			var r *custody.Receipt
			for range n + 1 {
				r = p.send(drop, message())
			}
			last = append(last, r)
			bob.dropDelete(drop)
			id := bob.dropPut(drop) // in one commit
			settle()
			bob.port.want(id, nil)
		}
		check := func(d *device, drop testDrop) {
			t.Helper()
			for n, r := range last {
				s := d.state(drop, r)
				if s.K != uint32(n+1) || s.D != r.Head || s.AskedD != r.Head || s.AskedRow == (wire.Position{}) || s.Low != 1 ||
					r.Start != custody.DropStart(drop.id, d.tag(), s.Start) {
					t.Errorf("registration %d: %+v", n+1, s)
				}
			}
		}
		check(bob, drop)
		w.restart()
		bob.attach()
		eve.attach()
		check(bob, drop)
		// A door's claim takes a drop away; what came before is still answered for.
		o := w.newDoor()
		id := eve.dropPut(o.testDrop)
		settle()
		eve.port.want(id, nil)
		last = []*custody.Receipt{p.send(o.testDrop, message())}
		id = bob.doorPut(o, wire.Millis(time.Now()))
		settle()
		bob.port.want(id, nil)
		check(eve, o.testDrop)
	})
}

// What is not on the disk yet is in no state: a row and an acknowledgement may
// both be lost with the power.
func TestStateIsOfTheDisk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newMemory()
		w := newWorld(t, store)
		bob := w.account()
		drop := bob.drop()
		p := w.port()
		r := p.send(drop, message())
		bob.pull()
		durable, gate := bob.at, make(chan struct{})
		store.set(func() { store.gate = gate })
		p.submit(drop, message())
		settle() // the commit waits
		bob.pull()
		bob.ack()
		if s := bob.state(drop, r); s.K != 1 || s.Low != 1 || s.Head != durable || s.Cursors[0].Ack != [32]byte{} {
			t.Errorf("%+v", s)
		}
		store.set(func() { store.gate = nil })
		close(gate)
		wait(3 * time.Second)
		if s := bob.state(drop, r); s.K != 2 || s.Low != 3 || s.Head != bob.at || s.Cursors[0].Upto != bob.at {
			t.Errorf("%+v", s)
		}
	})
}

func TestStateNamesEveryCursor(t *testing.T) {
	eachStore(t, func(t *testing.T, store mailbox.Store) {
		w := newWorld(t, store)
		first := w.account()
		drop := first.drop()
		r := w.port().send(drop, message())
		first.pull()
		first.ack()
		devices := []*device{first, w.stranger(first.mk), w.stranger(first.mk)}
		var from []wire.Position
		for _, d := range devices[1:] {
			id := first.next()
			first.sess.Enrol(id, &wire.EnrolmentChange{Object: d.enrolment(wire.OpEnrol)})
			settle()
			first.port.want(id, nil)
			d.attach()
			from = append(from, d.pull()[0].Position)
		}
		wait(3 * time.Second)
		s := first.state(drop, r)
		if len(s.Cursors) != 3 || s.Low != 2 {
			t.Fatalf("%+v", s)
		}
		for _, c := range s.Cursors {
			for i, d := range devices[1:] {
				if c.Login == d.lk.Public() && (c.From != from[i] || c.Upto != (wire.Position{})) {
					t.Errorf("device %d: %+v", i+2, c)
				}
			}
		}
		id := first.next()
		first.sess.Enrol(id, &wire.EnrolmentChange{Object: devices[1].enrolment(wire.OpRemove)})
		settle()
		first.port.want(id, nil)
		if s := first.state(drop, r); len(s.Cursors) != 2 {
			t.Errorf("after a removal: %+v", s)
		}
		w.restart()
		devices[2].attach()
		if s := devices[2].state(drop, r); len(s.Cursors) != 2 || s.Low != 2 {
			t.Errorf("after a restart: %+v", s)
		}
	})
}

func TestStateAfterTheTimeLimit(t *testing.T) {
	eachStore(t, func(t *testing.T, store mailbox.Store) {
		w := newWorld(t, store, func(c *mailbox.Config) { c.Timing.Sweep = 6 * time.Hour })
		bob := w.account()
		drop := bob.drop()
		p := w.port()
		r := p.send(drop, message())
		bob.drop() // what is not about an envelope, in between
		wait(time.Duration(testLimits.Retention)*time.Second - time.Minute)
		if s := bob.state(drop, r); s.Low != 1 || s.Time >= r.Kept {
			t.Errorf("before the limit: %+v", s)
		}
		wait(24 * time.Hour)
		p.send(drop, message())
		if s := bob.state(drop, r); s.Low != 2 || s.Time < r.Kept || s.AskedD != r.Head {
			t.Errorf("after the limit: %+v", s)
		}
		wait(36 * 24 * time.Hour)
		if s := bob.state(drop, r); s.AskedD != r.Head {
			t.Errorf("37 days later: %+v", s)
		}
		wait(2 * 24 * time.Hour)
		if s := bob.state(drop, r); s.K != 2 || s.AskedD != [32]byte{} && s.AskedD != r.Head {
			t.Errorf("after that: %+v", s)
		}
	})
}

// slowStandings waits when it is asked for a standing.
type slowStandings struct {
	mailbox.Store
	gate chan struct{}
}

func (s *slowStandings) Standing(ctx context.Context, q mailbox.StandingQuery, now time.Time) (*mailbox.Standing, error) {
	<-s.gate
	return s.Store.Standing(ctx, q, now)
}

func TestOneStateALink(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &slowStandings{newMemory(), make(chan struct{})}
		w := newWorld(t, store)
		bob, eve := w.account(), w.account()
		drops := []testDrop{bob.drop(), eve.drop()}
		r := w.port().send(drops[0], message())
		get := func(t testDrop) *wire.StateGet { return &wire.StateGet{Drop: t.id, K: 1, D0: r.Start} }
		go bob.sess.StateGet(801, get(drops[0]))
		go eve.sess.StateGet(802, get(drops[1]))
		synctest.Wait()
		bob.sess.StateGet(803, get(drops[0]))
		bob.port.want(803, wire.ErrBusy)
		close(store.gate)
		synctest.Wait()
		for _, c := range []struct {
			p  *port
			id uint64
		}{{bob.port, 801}, {eve.port, 802}} {
			if _, ok := c.p.answers[c.id].(*wire.State); !ok {
				t.Errorf("request %d: %v", c.id, c.p.answers[c.id])
			}
		}
		id := bob.ask(drops[0], r)
		if _, ok := bob.port.answers[id].(*wire.State); !ok {
			t.Errorf("the next one: %v", bob.port.answers[id])
		}
	})
}

func TestWelcomeShowsTheDevicesOwnHand(t *testing.T) {
	eachStore(t, func(t *testing.T, store mailbox.Store) {
		w := newWorld(t, store)
		bob := w.account()
		if welcome := bob.attach(); len(welcome.Sig) != 0 {
			t.Error("a signature before there was an acknowledgement")
		}
		drop := bob.drop()
		w.port().send(drop, message())
		bob.pull()
		bob.ack()
		check := func() {
			t.Helper()
			at, r := bob.at, bob.r
			welcome := bob.attach()
			if welcome.Cursor != at || welcome.R != r ||
				!bob.lk.Public().Verify(key.ContextMailboxAck, wire.AckTranscript(bob.tag(), bob.cursor, at, r), welcome.Sig) {
				t.Errorf("%+v", welcome)
			}
		}
		check()
		w.restart()
		check()
	})
}

func TestRowsHaveTheTimeOfTheirReceipts(t *testing.T) {
	eachStore(t, func(t *testing.T, store mailbox.Store) {
		w := newWorld(t, store, func(c *mailbox.Config) { c.Timing.Gather = 40 * time.Millisecond })
		bob := w.stranger(key.NewPrivate[key.Mailbox]())
		w.box.Register(1, bob.registration(nil), bob.port)
		wait(time.Second)
		bob.attach()
		drop := w.newDrop()
		bob.dropPut(drop)
		wait(time.Second)
		p := w.port()
		for i := range uint64(5) { // of one commit, which is later than all of them
			p.submitAs(i+1, drop, message())
			wait(7 * time.Millisecond)
		}
		wait(time.Second)
		for range 2 {
			bob.got = nil
			rows := bob.pull()
			if len(rows) != 8 {
				t.Fatalf("%d rows", len(rows))
			}
			for i, row := range rows[3:] {
				if r := p.receipt(uint64(i + 1)); row.Time != r.Time || row.Hash != r.EnvelopeHash {
					t.Errorf("row %d at %d, its receipt at %d", i, row.Time, r.Time)
				}
			}
			if rows[3].Time == rows[4].Time {
				t.Error("the rows have one time")
			}
			w.restart()
			bob.attach()
		}
	})
}
