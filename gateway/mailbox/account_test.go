package mailbox_test

import (
	"crypto/sha256"
	"testing"
	"time"

	"zeroms/gateway/mailbox"
	"zeroms/protocol/key"
	"zeroms/protocol/wire"
	sqlite "zeroms/store/mailbox"
)

func TestRegister(t *testing.T) {
	eachStore(t, func(t *testing.T, store mailbox.Store) {
		w := newWorld(t, store)
		a := w.account()
		id := a.next()
		w.box.Register(id, a.registration(nil), a.port) // repeated
		settle()
		a.port.want(id, nil)
		if n := len(a.pull()); n != 2 {
			t.Errorf("%d rows after a repeated registration, want 2", n)
		}

		b := w.stranger(key.NewPrivate[key.Mailbox]())
		for name, c := range map[string]struct {
			change func(e *wire.Enrolment)
			signer key.MailboxPrivate
			want   *wire.Error
		}{
			"signature":   {func(*wire.Enrolment) {}, a.mk, wire.ErrSignature},
			"clock":       {func(e *wire.Enrolment) { e.Time -= 25 * 3600 * 1000 }, b.mk, wire.ErrClock},
			"future":      {func(e *wire.Enrolment) { e.Time += 25 * 3600 * 1000 }, b.mk, wire.ErrClock},
			"operation":   {func(e *wire.Enrolment) { e.Op = wire.OpRemove }, b.mk, wire.ErrValue},
			"unknown op":  {func(e *wire.Enrolment) { e.Op = 9 }, b.mk, wire.ErrValue},
			"login key":   {func(e *wire.Enrolment) { e.Login = key.LoginPublic{1} }, b.mk, wire.ErrPublicKey},
			"account key": {func(e *wire.Enrolment) { e.Account = key.MailboxPublic{1} }, b.mk, wire.ErrPublicKey},
			"taken login": {func(e *wire.Enrolment) { e.Login = a.lk.Public() }, b.mk, wire.ErrValue},
		} {
			e := wire.Enrolment{
				Op: wire.OpEnrol, Account: b.mk.Public(), Login: b.lk.Public(), Cursor: b.cursor, Time: wire.Millis(time.Now()),
			}
			c.change(&e)
			id := b.next()
			w.box.Register(id, &wire.Register{Object: wire.Sign(c.signer, key.ContextEnrol, e)}, b.port)
			settle()
			t.Log(name)
			b.port.want(id, c.want)
		}
		if _, _, err := w.box.Attach(b.lk.Public(), b.port); err == nil {
			t.Error("a refused device can log in")
		}
		id = b.next()
		w.box.Register(id, &wire.Register{Object: wire.Object{Body: []byte{0xa0}, Sig: make([]byte, 64)}}, b.port)
		if _, ok := b.port.answers[id].(*wire.Failure); !ok {
			t.Error("an empty object was not refused")
		}
	})
}

func TestInvites(t *testing.T) {
	eachStore(t, func(t *testing.T, store mailbox.Store) {
		w := newWorld(t, store, func(c *mailbox.Config) { c.Registration = mailbox.InviteOnly })
		invite := make([]byte, 16)
		switch s := store.(type) {
		case *memory:
			s.set(func() { s.invites[sha256.Sum256(invite)] = 2 })
		case *sqlite.DB:
			made, err := s.MakeInvite(t.Context(), 2, time.Now().Add(time.Hour))
			if err != nil {
				t.Fatal(err)
			}
			invite = made.Bytes()
		}
		try := func(d *device, invite []byte, want *wire.Error) {
			t.Helper()
			id := d.next()
			w.box.Register(id, d.registration(invite), d.port)
			settle()
			d.port.want(id, want)
		}
		var all []*device
		for range 4 {
			all = append(all, w.stranger(key.NewPrivate[key.Mailbox]()))
		}
		try(all[0], nil, wire.ErrInvite)
		try(all[0], []byte("wrong invite  16"), wire.ErrInvite)
		try(all[0], []byte("short"), wire.ErrInvite)
		try(all[0], invite, nil)
		try(all[0], invite, nil) // repeated: no use
		w.restart()
		// Two at once for the one use that is left.
		a, b := all[1].next(), all[2].next()
		w.box.Register(a, all[1].registration(invite), all[1].port)
		w.box.Register(b, all[2].registration(invite), all[2].port)
		settle()
		all[1].port.want(a, nil)
		all[2].port.want(b, wire.ErrInvite)
		try(all[3], invite, wire.ErrInvite)
		second := w.stranger(all[0].mk)
		try(second, nil, nil) // a device of an existing account needs none
	})
}

func TestDevicesOfAnAccount(t *testing.T) {
	eachStore(t, func(t *testing.T, store mailbox.Store) {
		w := newWorld(t, store)
		first := w.account()
		drop := first.drop()
		first.pull()
		first.ack()
		second := w.stranger(first.mk)
		enrol := func(d *device, op uint8) uint64 {
			id := first.next()
			first.sess.Enrol(id, &wire.EnrolmentChange{Object: d.enrolment(op)})
			settle()
			return id
		}
		first.port.want(enrol(second, wire.OpEnrol), nil)
		first.port.want(enrol(second, wire.OpEnrol), nil)
		second.attach()
		if got := second.pull(); len(got) != 1 || got[0].Kind != wire.RowObject {
			t.Fatalf("the second device begins with %d rows, want its enrolment", len(got))
		}
		third, fourth := w.stranger(first.mk), w.stranger(first.mk)
		first.port.want(enrol(third, wire.OpEnrol), nil)
		first.port.want(enrol(fourth, wire.OpEnrol), wire.ErrLimit)
		third.attach()

		old := wire.Sign(first.mk, key.ContextEnrol, wire.Enrolment{
			Op: wire.OpEnrol, Account: first.mk.Public(), Login: second.lk.Public(), Cursor: second.cursor, Time: wire.Millis(time.Now()),
		})
		wait(time.Second)
		first.port.want(enrol(second, wire.OpRemove), nil)
		if second.port.closed == nil || second.port.closed.Code != wire.CodeLogin {
			t.Errorf("the removed device's link ended with %v", second.port.closed)
		}
		if _, err := second.sess.Pull(1 << 20); err == nil {
			t.Error("a removed device still pulls")
		}
		if err := second.sess.Ack(second.ackOf(second.at, second.r)); err == nil {
			t.Error("a removed device still acknowledges")
		}
		if _, _, err := w.box.Attach(second.lk.Public(), second.port); err == nil {
			t.Error("a removed device can log in")
		}
		for range 2 {
			id := first.next()
			first.sess.Enrol(id, &wire.EnrolmentChange{Object: old})
			settle()
			first.port.want(id, wire.ErrExpired)
			w.restart()
			first.attach()
		}
		third.attach()
		// The third removes itself and still gets the answer.
		id := third.next()
		third.sess.Enrol(id, &wire.EnrolmentChange{Object: third.enrolment(wire.OpRemove)})
		settle()
		third.port.want(id, nil)
		if third.port.closed == nil {
			t.Error("the link of a device that removed itself stays")
		}
		if r := w.port().send(drop, message()); r.K != 1 {
			t.Errorf("%+v", r)
		}
	})
}

func TestCloseAccount(t *testing.T) {
	eachStore(t, func(t *testing.T, store mailbox.Store) {
		w := newWorld(t, store)
		bob := w.account()
		drop := bob.drop()
		id := bob.next()
		bob.sess.Enrol(id, &wire.EnrolmentChange{Object: bob.enrolment(wire.OpClose)})
		settle()
		bob.port.want(id, nil)
		if bob.port.closed == nil || bob.port.closed.Code != wire.CodeClosed {
			t.Errorf("the link ended with %v", bob.port.closed)
		}
		for range 2 {
			p := w.port()
			id = p.submit(drop, message())
			settle()
			p.want(id, wire.ErrUnknownDrop)
			if _, _, err := w.box.Attach(bob.lk.Public(), p); err == nil {
				t.Error("login at a closed account")
			}
			id = bob.next()
			w.box.Register(id, bob.registration(nil), p)
			settle()
			p.want(id, wire.ErrClosed)
			w.restart()
		}
	})
}

func TestDropRegistration(t *testing.T) {
	eachStore(t, func(t *testing.T, store mailbox.Store) {
		w := newWorld(t, store)
		bob, eve := w.account(), w.account()
		drop := bob.drop()
		id := bob.dropPut(drop) // repeated
		settle()
		bob.port.want(id, nil)
		if n := len(bob.pull()); n != 3 {
			t.Errorf("%d rows, want 3", n)
		}
		id = eve.dropPut(drop)
		settle()
		eve.port.want(id, wire.ErrDropTaken)
		id = eve.dropDelete(drop) // nothing of hers: nothing happens
		settle()
		eve.port.want(id, nil)
		w.port().send(drop, message())

		other := drop
		_, other.cap = key.NewDropSecret().Drop(w.node.Public())
		id = bob.dropPut(other)
		settle()
		bob.port.want(id, wire.ErrValue)
		id = bob.next()
		bob.sess.DropPut(id, &wire.DropPut{Object: bob.dropObject(wire.OpDropPut, w.newDrop()), Capability: [32]byte{1}})
		settle()
		bob.port.want(id, wire.ErrValue)
		id = bob.next() // signed by another device
		bob.sess.DropPut(id, &wire.DropPut{Object: eve.dropObject(wire.OpDropPut, drop), Capability: [32]byte(drop.cap.Bytes())})
		settle()
		bob.port.want(id, wire.ErrSignature)

		bob.drop()
		bob.drop()
		bob.drop()
		extra := w.newDrop()
		id = bob.dropPut(extra)
		settle()
		bob.port.want(id, wire.ErrLimit)
		bob.dropDelete(drop)
		settle()
		id = eve.dropPut(drop) // a deleted drop still belongs to its account
		settle()
		eve.port.want(id, wire.ErrDropTaken)
		w.restart()
		bob.attach()
		id = bob.dropPut(extra)
		settle()
		bob.port.want(id, nil)
		id = bob.dropPut(drop)
		settle()
		bob.port.want(id, wire.ErrLimit)
		bob.dropDelete(extra)
		id = bob.dropPut(other) // now with another capability
		settle()
		bob.port.want(id, nil)
		if r := w.port().send(other, message()); r.K != 1 {
			t.Errorf("%+v", r)
		}
	})
}

func TestDoorClaims(t *testing.T) {
	eachStore(t, func(t *testing.T, store mailbox.Store) {
		w := newWorld(t, store)
		bob, eve := w.account(), w.account()
		o := w.newDoor()
		now := wire.Millis(time.Now())
		// A holder of the same card registers the door's id as a plain drop.
		id := eve.dropPut(o.testDrop)
		settle()
		eve.port.want(id, nil)
		id = bob.doorPut(o, now)
		settle()
		bob.port.want(id, nil)
		if r := w.port().send(o.testDrop, envelope(4<<10, 0x81)); !r.IsDoor() {
			t.Error("the squatter kept the door")
		}
		id = eve.dropPut(o.testDrop)
		settle()
		eve.port.want(id, wire.ErrDropTaken)

		forged := o
		forged.profile = w.newDoor().profile
		id = eve.doorPut(forged, now+1)
		settle()
		eve.port.want(id, wire.ErrValue)
		id = eve.next()
		eve.sess.DoorPut(id, &wire.DoorPut{
			Object: eve.dropObject(wire.OpDoorPut, o.testDrop), Capability: [32]byte(o.cap.Bytes()), Profile: o.profile.Public(), X: o.x,
			Number: now + 1, Claim: o.profile.Sign(key.ContextDoorClaim, wire.DoorClaim(o.id, bob.mk.Public(), now+1)),
		})
		settle()
		eve.port.want(id, wire.ErrSignature)
		id = eve.doorPut(o, now)
		settle()
		eve.port.want(id, wire.ErrStaleClaim)
		id = bob.doorPut(o, now-1)
		settle()
		bob.port.want(id, wire.ErrStaleClaim)
		id = bob.doorPut(o, now+48*3600*1000)
		settle()
		bob.port.want(id, wire.ErrClock)
		for range 2 {
			id = bob.doorPut(o, now)
			settle()
			bob.port.want(id, nil)
		}
		eve.pull()
		rows := len(eve.got)
		id = eve.doorPut(o, now+1) // the owner moves it to another account
		settle()
		eve.port.want(id, nil)
		w.port().send(o.testDrop, envelope(4<<10, 0x81))
		if eve.pull(); len(eve.got) != rows+2 || eve.got[rows+1].Kind != wire.RowDoor {
			t.Error("the moved door does not deliver")
		}
		w.restart()
		bob.attach()
		eve.attach()
		id = bob.doorPut(o, now+1)
		settle()
		bob.port.want(id, wire.ErrStaleClaim)
		for i, want := range []*wire.Error{nil, nil, wire.ErrLimit} {
			id = bob.doorPut(w.newDoor(), now)
			settle()
			t.Log(i)
			bob.port.want(id, want)
		}
	})
}

// putProfile claims a name and stores a blob under it; an empty one deletes.
func (d *device) putProfile(signer key.ProfilePrivate, number uint64, blob []byte) uint64 {
	id := d.next()
	d.sess.ProfilePut(id, &wire.ProfilePut{
		Name: signer.Public(), Number: number, Blob: blob,
		Claim: signer.Sign(key.ContextProfileClaim, wire.ProfileClaim(d.mk.Public(), number)),
	})
	settle()
	return id
}

func TestProfiles(t *testing.T) {
	eachStore(t, func(t *testing.T, store mailbox.Store) {
		w := newWorld(t, store)
		bob, eve := w.account(), w.account()
		signer := w.newDoor().profile
		put := (*device).putProfile
		now := wire.Millis(time.Now())
		blob, other := envelope(4<<10, 1), envelope(16<<10, 2)
		if _, err := w.box.Profile(signer.Public()); err == nil {
			t.Error("a profile before there is one")
		}
		bob.port.want(put(bob, signer, now, blob), nil)
		eve.port.want(put(eve, signer, now, other), wire.ErrStaleClaim)
		bob.port.want(put(bob, signer, now-1, other), wire.ErrStaleClaim)
		bob.port.want(put(bob, signer, now, other), nil)
		bob.port.want(put(bob, signer, now, other[:5000]), wire.ErrValue)
		bob.port.want(put(bob, signer, now+48*3600*1000, other), wire.ErrClock)
		bob.port.want(put(bob, w.newDoor().profile, now, blob), wire.ErrLimit)
		id := bob.next()
		bob.sess.ProfilePut(id, &wire.ProfilePut{Name: signer.Public(), Number: now + 1, Blob: blob, Claim: make([]byte, 64)})
		bob.port.want(id, wire.ErrSignature)
		w.restart()
		eve.attach()
		bob.attach()
		if p, err := w.box.Profile(signer.Public()); err != nil || string(p.Blob) != string(other) {
			t.Errorf("profile: %v", err)
		}
		eve.port.want(put(eve, signer, now+1, blob), nil)
		bob.port.want(put(bob, w.newDoor().profile, now, blob), nil) // moved away: there is room
	})
}

func TestDeletedProfiles(t *testing.T) {
	eachStore(t, func(t *testing.T, store mailbox.Store) {
		w := newWorld(t, store)
		bob, eve := w.account(), w.account()
		signer, second := w.newDoor().profile, w.newDoor().profile
		put := (*device).putProfile
		there := func(signer key.ProfilePrivate, want bool) {
			t.Helper()
			if _, err := w.box.Profile(signer.Public()); (err == nil) != want || !want && !wire.ErrNoProfile.Is(err) {
				t.Errorf("profile: %v", err)
			}
		}
		now := wire.Millis(time.Now())
		blob := envelope(4<<10, 1)
		bob.port.want(put(bob, signer, now, nil), nil) // there is none
		bob.port.want(put(bob, signer, now, blob), nil)
		bob.port.want(put(bob, signer, now-1, nil), wire.ErrStaleClaim)
		eve.port.want(put(eve, signer, now+1, nil), nil) // it is not hers
		there(signer, true)
		bob.port.want(put(bob, second, now, blob), wire.ErrLimit)
		bob.port.want(put(bob, signer, now+2, nil), nil)
		there(signer, false)
		for range 2 {
			bob.port.want(put(bob, signer, now+2, nil), nil) // again
			for number := now; number <= now+2; number++ {
				bob.port.want(put(bob, signer, number, blob), wire.ErrStaleClaim)
				eve.port.want(put(eve, signer, number, blob), wire.ErrStaleClaim)
			}
			there(signer, false)
			w.restart()
			bob.attach()
			eve.attach()
		}
		bob.port.want(put(bob, second, now, blob), nil) // there is room
		there(second, true)
		bob.port.want(put(bob, signer, now+3, blob), wire.ErrLimit)
		eve.port.want(put(eve, signer, now+3, blob), nil)
		there(signer, true)
		bob.port.want(put(bob, second, now+3, nil), nil)
		bob.port.want(put(bob, second, now+4, blob), nil) // with a later claim it comes back
		there(second, true)
	})
}

// However often it is shown, an older claim never brings a profile back: the name
// is remembered until the claim is too old.
func TestOldClaimsBringNoProfileBack(t *testing.T) {
	eachStore(t, func(t *testing.T, store mailbox.Store) {
		w := newWorld(t, store, func(c *mailbox.Config) { c.Timing.Sweep = time.Hour })
		bob := w.account()
		signer := w.newDoor().profile
		ahead := wire.Millis(time.Now().Add(wire.ClockTolerance)) // the latest claim that is taken
		blob := envelope(4<<10, 1)
		bob.port.want(bob.putProfile(signer, ahead, blob), nil)
		bob.port.want(bob.putProfile(signer, ahead, nil), nil)
		stale := 0
		for range 60 {
			wait(time.Hour)
			id := bob.putProfile(signer, ahead, blob)
			switch f, _ := bob.port.answer(id).(*wire.Failure); {
			case f == nil:
				t.Fatal("the profile is back")
			case wire.ErrStaleClaim.Is(f.Err()):
				stale++
			default:
				bob.port.want(id, wire.ErrClock)
			}
		}
		if stale != 47 {
			t.Errorf("remembered for %d hours", stale)
		}
	})
}

// Names of deleted profiles are remembered for two days; there is a limit to that,
// also for one that never logs out.
func TestDeletedProfilesAreLimited(t *testing.T) {
	eachStore(t, func(t *testing.T, store mailbox.Store) {
		w := newWorld(t, store, func(c *mailbox.Config) { c.Timing.Sweep = time.Hour })
		bob := w.account()
		var signer key.ProfilePrivate
		cycle := func() uint64 {
			now := wire.Millis(time.Now())
			signer = w.newDoor().profile
			bob.port.want(bob.putProfile(signer, now, envelope(4<<10, 1)), nil)
			return bob.putProfile(signer, now, nil)
		}
		for range 64 {
			bob.port.want(cycle(), nil)
		}
		bob.port.want(cycle(), wire.ErrLimit)
		if _, ok := store.(*sqlite.DB); !ok {
			return
		}
		wait(50 * time.Hour)
		bob.port.want(bob.putProfile(signer, wire.Millis(time.Now()), nil), nil) // the one that was refused
		bob.port.want(cycle(), nil)
	})
}
