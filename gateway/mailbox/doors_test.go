package mailbox_test

import (
	"bytes"
	"crypto/sha256"
	"testing"
	"time"

	"zeroms/gateway/mailbox"
	"zeroms/protocol/custody"
	"zeroms/protocol/key"
	"zeroms/protocol/wire"
)

// publicPut claims a door that asks for work.
func (d *device) publicPut(o door, number uint64, bits uint8) uint64 {
	id := d.next()
	d.sess.DoorPut(id, &wire.DoorPut{
		Object: d.dropObject(wire.OpDoorPut, o.testDrop), Capability: [32]byte(o.cap.Bytes()),
		Profile: o.profile.Public(), X: o.x, Number: number, Bits: bits,
		Claim: o.profile.Sign(key.ContextDoorClaim, wire.DoorClaim(o.id, d.mk.Public(), number)),
	})
	settle()
	return id
}

// today is the day that work of now names.
func today() uint32 { return uint32(time.Now().Unix() / 86400) }

// knock submits to a door with work and waits for the answer.
func (p *port) knock(o door, env, work []byte) uint64 {
	p.mu.Lock()
	id := uint64(5e6 + len(p.answers) + len(p.receipts))
	p.mu.Unlock()
	submit(p.w.box, id, &wire.Submit{
		Drop: o.id, MAC: o.cap.Authenticate(o.id, sha256.Sum256(env)), Envelope: env, Work: work,
	}, p)
	settle()
	return id
}

// worked does the work for an envelope.
func worked(t *testing.T, o door, env []byte, bits int, day uint32) []byte {
	t.Helper()
	work, _, ok := wire.SearchWork(wire.DoorWork(o.id, sha256.Sum256(env)), bits, day, 0, 1<<40)
	if !ok {
		t.Fatal("no work was found")
	}
	return work
}

// priced checks a refusal that names the work that is accepted now.
func (p *port) priced(id uint64, code wire.Code, bits uint8) {
	p.w.t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	r, ok := p.answers[id].(*wire.Refused)
	if !ok {
		p.w.t.Fatalf("submission %d: %v, want a refusal", id, p.answers[id])
	}
	body, err := custody.VerifyRefusal(r.Object, p.w.node.Public())
	if err != nil || body.Code != code || body.Bits != bits {
		p.w.t.Fatalf("refusal %+v, %v; want code %d, %d bits", body, err, code, bits)
	}
}

func TestAPublicDoorAsksForWork(t *testing.T) {
	eachStore(t, func(t *testing.T, store mailbox.Store) {
		w := newWorld(t, store)
		bob := w.account()
		o := w.newDoor()
		now := wire.Millis(time.Now())
		for _, bits := range []uint8{1, wire.MinDoorBits - 1, wire.MaxWorkBits + 1, 255} {
			bob.port.want(bob.publicPut(o, now, bits), wire.ErrValue)
		}
		bob.port.want(bob.publicPut(o, now, wire.MinDoorBits), nil)
		rows := len(bob.pull())
		bob.port.want(bob.publicPut(o, now, wire.MinDoorBits), nil) // repeated
		if n := len(bob.pull()); n != 0 {
			t.Errorf("%d rows for a repeated claim after %d", n, rows)
		}
		p, env, other := w.port(), envelope(4<<10, 0x81), envelope(4<<10, 0x81)
		work := worked(t, o, env, wire.MinDoorBits, today())
		p.priced(p.knock(o, env, nil), wire.CodeWork, wire.MinDoorBits)
		p.priced(p.knock(o, env, work[:11]), wire.CodeWork, wire.MinDoorBits)
		p.priced(p.knock(o, other, work), wire.CodeWork, wire.MinDoorBits) // of another envelope
		w.restart()
		bob.attach()
		if r := p.receipt(p.knock(o, env, work)); !r.IsDoor() {
			t.Errorf("%+v", r)
		}
		p.receipt(p.knock(o, env, nil)) // repeated: the same receipt for nothing
		third := envelope(4<<10, 0x81)
		work = worked(t, o, third, wire.MinDoorBits, today()-2)
		p.priced(p.knock(o, third, work), wire.CodeWork, wire.MinDoorBits) // of another day
		card := w.newDoor()
		id := bob.doorPut(card, now)
		settle()
		bob.port.want(id, nil)
		p.receipt(p.knock(card, third, nil)) // a card's door asks for none
	})
}

// A full public door gives a place to whoever did more work. The door is filled
// before it asks for work, so that the test has little to do.
func TestMoreWorkDisplacesTheLeast(t *testing.T) {
	eachStore(t, func(t *testing.T, store mailbox.Store) {
		w := newWorld(t, store, func(c *mailbox.Config) { c.Limits.Quota = 1 << 20 })
		bob := w.account()
		o, card := w.newDoor(), w.newDoor()
		now := wire.Millis(time.Now())
		bob.port.want(bob.publicPut(o, now, 0), nil)
		bob.port.want(bob.publicPut(card, now, 0), nil)
		p := w.port()
		var waiting [][]byte
		for range wire.DoorPending {
			env := envelope(4<<10, 0x81)
			waiting = append(waiting, env)
			p.send(o.testDrop, env)
		}
		p.priced(p.knock(o, envelope(4<<10, 0x81), nil), wire.CodeDoorFull, 0) // a card's door knows no price
		p.send(card.testDrop, envelope(4<<10, 0x81))                           // each door has its own places
		bob.port.want(bob.publicPut(o, now, wire.MinDoorBits), nil)
		late := envelope(4<<10, 0x81)
		p.priced(p.knock(o, late, nil), wire.CodeWork, wire.MinDoorBits)
		p.receipt(p.knock(o, late, worked(t, o, late, wire.MinDoorBits, today())))
		gone := waiting[wire.DoorPending-1] // the newest of those with the least work
		check := func() {
			t.Helper()
			bob.got, waiting = nil, waiting[:wire.DoorPending]
			seen, rows := map[[32]byte]bool{}, 0
			for len(bob.pull()) > 0 {
				bob.ack()
			}
			for _, row := range bob.got {
				if row.Kind != wire.RowDoor || row.Drop != o.id {
					continue
				}
				rows++
				seen[row.Hash] = len(row.Payload) > 0
			}
			if rows != wire.DoorPending+1 || seen[sha256.Sum256(gone)] || !seen[sha256.Sum256(waiting[0])] || !seen[sha256.Sum256(late)] {
				t.Errorf("%d rows, displaced %t, first %t, late %t", rows, seen[sha256.Sum256(gone)],
					seen[sha256.Sum256(waiting[0])], seen[sha256.Sum256(late)])
			}
		}
		w.restart()
		bob.attach()
		// Whoever was displaced comes again: nothing is remembered of him but the row.
		p.priced(p.knock(o, gone, nil), wire.CodeWork, wire.MinDoorBits)
		check()
		r := p.receipt(p.knock(o, gone, worked(t, o, gone, wire.MinDoorBits, today())))
		rows := bob.pull() // after the start row
		if len(rows) != 2 || !bytes.Equal(rows[1].Payload, gone) || rows[1].Time != r.Time {
			t.Error("a displaced envelope that comes again is not delivered")
		}
	})
}

// The displaced row may be on its way to the disk, or not even that.
func TestDisplacingWhatIsNotDurableYet(t *testing.T) {
	eachStore(t, func(t *testing.T, store mailbox.Store) {
		w := newWorld(t, store, func(c *mailbox.Config) {
			c.Timing.Gather = time.Hour
			c.Limits.Quota, c.Limits.PushWindow = 1<<20, 1<<20
		})
		bob := w.stranger(key.NewPrivate[key.Mailbox]())
		commit := func() { wait(time.Hour) }
		w.box.Register(1, bob.registration(nil), bob.port)
		commit()
		bob.attach()
		o := w.newDoor()
		now := wire.Millis(time.Now())
		bob.publicPut(o, now, 0)
		p := w.port()
		var env []byte
		for i := range wire.DoorPending {
			env = envelope(4<<10, 0x81)
			p.submitAs(uint64(i+1), o.testDrop, env)
		}
		bob.publicPut(o, now, wire.MinDoorBits)
		late := envelope(4<<10, 0x81)
		id := p.knock(o, late, worked(t, o, late, wire.MinDoorBits, today()))
		before := bob.pull()
		if last := before[len(before)-1]; last.Hash != sha256.Sum256(late) {
			t.Fatal("the late one is not pushed")
		}
		commit()
		p.receipt(id)
		p.receipt(wire.DoorPending) // the displaced one is pending, which promises nothing
		w.restart()
		bob.attach()
		bob.got = nil
		for len(bob.pull()) > 0 {
			bob.ack()
		}
		for _, row := range bob.got {
			if row.Hash == sha256.Sum256(env) && len(row.Payload) > 0 {
				t.Error("a displaced envelope was delivered")
			}
			if row.Hash == sha256.Sum256(late) && len(row.Payload) == 0 {
				t.Error("what displaced it was not")
			}
		}
	})
}

func TestRegistrationByWork(t *testing.T) {
	eachStore(t, func(t *testing.T, store mailbox.Store) {
		const bits = 18 // so few that the test is quick, so many that no other work will do
		w := newWorld(t, store, func(c *mailbox.Config) {
			c.Registration, c.RegisterBits, c.Limits.RegisterBits = mailbox.ByWork, bits, bits
		})
		do := func(d *device, day uint32, account key.MailboxPublic, want *wire.Error) []byte {
			t.Helper()
			subject := wire.RegisterWork(w.node.Public(), account)
			work, _, ok := wire.SearchWork(subject, bits, day, 0, 1<<30)
			if !ok {
				t.Fatal("no work was found")
			}
			r := d.registration(nil)
			r.Work = work
			id := d.next()
			w.box.Register(id, r, d.port)
			settle()
			d.port.want(id, want)
			return work
		}
		a, b := w.stranger(key.NewPrivate[key.Mailbox]()), w.stranger(key.NewPrivate[key.Mailbox]())
		id := a.next()
		w.box.Register(id, a.registration(nil), a.port)
		a.port.want(id, wire.ErrWork)
		do(a, today()-2, a.mk.Public(), wire.ErrWork)
		do(a, today(), b.mk.Public(), wire.ErrWork) // done for another account
		work := do(a, today()+1, a.mk.Public(), nil)
		a.attach()
		second := w.stranger(a.mk) // a device of an existing account needs none
		id = second.next()
		w.box.Register(id, second.registration(nil), second.port)
		settle()
		second.port.want(id, nil)
		// The same work opens nothing else, and a closed account stays closed.
		id = a.next()
		a.sess.Enrol(id, &wire.EnrolmentChange{Object: a.enrolment(wire.OpClose)})
		settle()
		a.port.want(id, nil)
		for _, c := range []struct {
			d    *device
			want *wire.Error
		}{{a, wire.ErrClosed}, {b, wire.ErrWork}} {
			r := c.d.registration(nil)
			r.Work = work
			c.d.port = w.port()
			w.box.Register(77, r, c.d.port)
			settle()
			c.d.port.want(77, c.want)
		}
		id = b.next()
		w.box.Register(id, b.registration(make([]byte, 16)), b.port)
		settle()
		b.port.want(id, wire.ErrInvite) // an invite is judged as one
	})
	for _, change := range []func(*mailbox.Config){
		func(c *mailbox.Config) { c.RegisterBits, c.Limits.RegisterBits = 0, 0 },
		func(c *mailbox.Config) { c.RegisterBits, c.Limits.RegisterBits = 41, 41 },
		func(c *mailbox.Config) { c.RegisterBits = 9 },
	} {
		cfg := mailbox.Config{
			Node: key.NewPrivate[key.Node](), Limits: testLimits, Store: newMemory(), Registration: mailbox.ByWork, RegisterBits: 8,
		}
		cfg.Limits.RegisterBits = 8
		change(&cfg)
		if _, err := mailbox.New(cfg); err == nil {
			t.Errorf("New took %d bits, %d announced", cfg.RegisterBits, cfg.Limits.RegisterBits)
		}
	}
}

// A sender that was refused for a full quota gets through once the owner has
// taken what waits, without anybody starting anything anew.
func TestAFullQuotaOpensByItself(t *testing.T) {
	eachStore(t, func(t *testing.T, store mailbox.Store) {
		w := newWorld(t, store)
		bob := w.account()
		drop := bob.drop()
		bob.pull()
		bob.ack() // objects count too
		p := w.port()
		for i := range uint64(4) {
			p.submitAs(i+1, drop, envelope(64<<10, 1))
		}
		settle()
		env := message()
		for range 3 {
			id := p.submit(drop, env)
			settle()
			p.refused(id, wire.CodeQuota)
		}
		bob.pull()
		bob.ack() // of the first ones: the window is small
		r := p.send(drop, env)
		for len(bob.pull()) > 0 {
			bob.ack()
		}
		if last := bob.got[len(bob.got)-1]; !bytes.Equal(last.Payload, env) || last.K != r.K {
			t.Error("what was refused at first did not arrive")
		}
		if used := bob.attach().Used; used != 0 {
			t.Errorf("%d bytes are still counted", used)
		}
	})
}

// A device that was away for longer than anything is kept comes back to a log
// whose old rows are gone, and goes on.
func TestACursorReturnsAfterEverythingExpired(t *testing.T) {
	eachStore(t, func(t *testing.T, store mailbox.Store) {
		w := newWorld(t, store, func(c *mailbox.Config) { c.Timing.Sweep = 12 * time.Hour })
		bob := w.account()
		drop := bob.drop()
		p := w.port()
		p.send(drop, message())
		bob.pull()
		bob.ack()
		left := p.send(drop, message())
		bob.sess.Detach()
		wait(time.Duration(testLimits.Retention)*time.Second + 48*time.Hour)
		welcome := bob.attach()
		rows := bob.pull()
		if welcome.Used != 0 || len(welcome.Sig) != 64 || len(rows) != 1 || len(rows[0].Payload) != 0 || rows[0].Hash != left.EnvelopeHash {
			t.Errorf("after the limit: %d rows, %+v", len(rows), welcome)
		}
		if _, ok := store.(*memory); ok {
			return // it keeps rows for ever
		}
		bob.sess.Detach()
		wait(60 * 24 * time.Hour)
		env := message()
		p.send(drop, env)
		welcome = bob.attach()
		rows = bob.pull()
		if len(rows) != 1 || !bytes.Equal(rows[0].Payload, env) || welcome.Cursor.Index() != rows[0].Position.Index()-1 || len(welcome.Sig) != 0 {
			t.Fatalf("after 60 more days: %d rows, %+v", len(rows), welcome)
		}
		bob.ack()
	})
}
