package gateway_test

import (
	"bytes"
	"errors"
	"fmt"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"zeroms/protocol/key"
	"zeroms/protocol/wire"
)

// profile claims a profile blob of 16 KiB for a logged-in peer.
func (p *peer) profile(h *person) key.ProfilePublic {
	p.t.Helper()
	owner := key.NewPrivate[key.Profile]()
	number := wire.Millis(time.Now())
	put := &wire.ProfilePut{
		Name: owner.Public(), Number: number, Blob: make([]byte, wire.MaxProfile),
		Claim: owner.Sign(key.ContextProfileClaim, wire.ProfileClaim(h.mk.Public(), number)),
	}
	p.answered(p.ask(put), &wire.OK{})
	return owner.Public()
}

// answered skips frames up to the answer to a request.
func (p *peer) answered(id uint64, answer wire.Payload) {
	p.t.Helper()
	for {
		f, err := p.next()
		if err != nil {
			p.t.Fatal(err)
		}
		if f.ID == id {
			p.frames = append([]wire.Frame{f}, p.frames...)
			p.expect(id, answer)
			return
		}
	}
}

// exchange sends a message to a member from a guest and returns how long it took
// to arrive there.
func exchange(t testing.TB, from *peer, d dropOf, to *peer) time.Duration {
	t.Helper()
	begin := time.Now()
	from.ask(d.submit(1 << 10))
	to.pushed(1)
	return time.Since(begin)
}

// Who asks and does not read is read no further: what waits for it stays small,
// until the link is cut off.
func TestASlowReaderIsReadNoFurtherAndThenCutOff(t *testing.T) {
	in(t, func(o *options) {
		o.gateway.Capacity.MemberBurst, o.gateway.Capacity.MemberRate = 1<<30, 1<<30
	}, func(t *testing.T, w *world) {
		p, _ := w.member("phone", newPerson())
		again := wire.AppendFrame(nil, 1, &wire.Login{}) // answered with a failure
		message := bytes.Repeat(again, (128<<10)/len(again))
		go p.repeat(nil, 0, message)
		pass(20 * time.Second)
		if s := w.gw.Stats(); s.Links != 1 || s.Waiting == 0 || s.Waiting > 200<<10 {
			t.Errorf("after 20 s: %d links, %d bytes wait", s.Links, s.Waiting)
		}
		pass(30 * time.Second)
		if s := w.gw.Stats(); s.Links != 0 || s.Slow != 1 || s.Waiting != 0 {
			t.Errorf("after 50 s: %d links, %d slow, %d bytes wait", s.Links, s.Slow, s.Waiting)
		}
	})
}

// Answers that come all at once may be more than the queue holds.
func TestAQueueThatOverflowsCutsTheLink(t *testing.T) {
	in(t, func(o *options) { o.gateway.Capacity.Queue = 4 << 10 }, func(t *testing.T, w *world) {
		p, _ := w.member("phone", newPerson())
		var message []byte
		for i := range uint64(64) {
			message = wire.AppendFrame(message, 100+i, &wire.HeadGet{})
		}
		p.raw(message)
		pass(time.Second)
		if s := w.gw.Stats(); s.Links != 0 || s.Slow != 1 || s.Waiting != 0 {
			t.Errorf("%d links, %d slow, %d bytes wait", s.Links, s.Slow, s.Waiting)
		}
	})
}

// Many slow readers share what may wait; who reads is served as ever.
func TestManySlowReadersShareWhatMayWait(t *testing.T) {
	const crowd, queues = 40, 256 << 10
	in(t, func(o *options) { o.gateway.Capacity.Queues = queues }, func(t *testing.T, w *world) {
		h := newPerson()
		p, _ := w.member("phone", h)
		name, d := p.profile(h), p.newDrop(h)
		for i := range crowd {
			g := w.guest(fmt.Sprint("slow", i))
			var message []byte
			for i := range uint64(250) {
				message = wire.AppendFrame(message, i+1, &wire.ProfileGet{Name: name})
			}
			g.raw(message)
		}
		synctest.Wait()
		// An answer and minRoom of each may be too much.
		if s := w.gw.Stats(); s.Waiting < queues/2 || s.Waiting > queues+crowd*(21<<10) {
			t.Errorf("%d bytes wait, %d may", s.Waiting, queues)
		}
		sender := w.guest("sender")
		for range 10 {
			if took := exchange(t, sender, d, p); took > 20*time.Millisecond {
				t.Errorf("a message took %v", took)
			}
		}
		pass(time.Minute)
		if s := w.gw.Stats(); s.Slow != crowd || s.Waiting != 0 {
			t.Errorf("%d were cut off, %d bytes wait", s.Slow, s.Waiting)
		}
	})
}

// Guests can't use up the memory that members' requests need, nor one of them
// what other guests need.
func TestRequestsInFlightAreShared(t *testing.T) {
	const room = 128 << 10
	in(t, func(o *options) {
		o.gateway.Capacity.GuestFlight, o.gateway.Capacity.MemberFlight = room, room
		o.mailbox.Timing.Gather = 5 * time.Second
	}, func(t *testing.T, w *world) {
		h := newPerson()
		p, _ := w.member("phone", h)
		d := p.newDrop(h)
		w.from("203.0.113.1")
		taken := func(n int) (of int) {
			g := w.guest("flood")
			before := w.gw.Stats()
			for i := range n {
				g.raw(wire.AppendFrame(nil, uint64(i+1), d.submit(16<<10)))
			}
			synctest.Wait()
			return int(w.gw.Stats().Submits - before.Submits)
		}
		if n := taken(10); n != 4 {
			t.Errorf("a guest has %d envelopes in flight, half of what there is room for is 4", n)
		}
		if n := taken(10); n != 0 {
			t.Errorf("another link of the source got %d more", n)
		}
		w.from("198.51.100.1")
		if n := taken(10); n < 1 {
			t.Error("a guest from elsewhere got nothing")
		}
		for i := range 8 { // all that there is
			w.from(fmt.Sprintf("192.0.2.%d", i+1))
			taken(10)
		}
		begin, before := time.Now(), w.gw.Stats().Submits
		var last uint64
		for range 4 {
			last = p.ask(d.submit(16 << 10))
		}
		synctest.Wait()
		if n := w.gw.Stats().Submits - before; n != 4 {
			t.Errorf("a member got %d envelopes in, want 4", n)
		}
		p.collect(last)
		if took := time.Since(begin); took > 5*time.Second {
			t.Errorf("a member's messages took %v", took)
		}
		pass(time.Minute)
		w.from("203.0.113.1")
		if n := taken(10); n != 4 {
			t.Errorf("what was answered is still counted: only %d", n)
		}
	})
}

// A member's frames are handled at a rate; nothing is refused for it.
func TestMembersAreReadAtARate(t *testing.T) {
	in(t, func(o *options) {
		o.gateway.Capacity.MemberBurst, o.gateway.Capacity.MemberRate = 10, 10
	}, func(t *testing.T, w *world) {
		p, _ := w.member("phone", newPerson())
		other, _ := w.member("other", newPerson())
		var message []byte
		const n = 40
		for i := range n {
			message = wire.AppendFrame(message, uint64(100+i), &wire.HeadGet{})
		}
		begin := time.Now()
		p.raw(message)
		other.collect(other.ask(&wire.HeadGet{}))
		if took := time.Since(begin); took > 20*time.Millisecond {
			t.Errorf("another member waited for %v", took)
		}
		p.collect(100 + n - 1)
		if took := time.Since(begin).Round(100 * time.Millisecond); took != 3*time.Second {
			t.Errorf("40 frames took %v, want 3 s", took)
		}
		if s := w.gw.Stats(); s.Busy != 0 {
			t.Errorf("%d were refused", s.Busy)
		}
	})
}

// Whatever others use up, everybody can log in.
func TestALoginGoesThroughWhenTheAllowancesAreUsedUp(t *testing.T) {
	in(t, func(o *options) { o.gateway.Capacity.AllBurst, o.gateway.Capacity.AllRate = 200, 100 }, func(t *testing.T, w *world) {
		h := newPerson()
		p, _ := w.member("phone", h)
		p.conn.Close()
		stop := make(chan struct{})
		defer close(stop)
		name := key.NewPrivate[key.Profile]().Public()
		for source := range 10 {
			w.from(fmt.Sprintf("203.0.%d.1", source))
			for range 2 {
				g := w.guest("flood")
				var message []byte
				for i := range uint64(20) {
					message = wire.AppendFrame(message, i+1, &wire.ProfileGet{Name: name})
				}
				go g.read()
				go g.repeat(stop, time.Second, message)
			}
		}
		pass(10 * time.Second)
		before := w.gw.Stats()
		for second := range 10 {
			w.from("203.0.7.1") // one of those that flood
			if second%2 == 0 {
				w.from("198.51.100.9")
			}
			begin := time.Now()
			own := w.guest("phone")
			own.enter(h)
			if took := time.Since(begin); took > 100*time.Millisecond {
				t.Errorf("a login took %v", took)
			}
			pass(time.Second)
		}
		if s := w.gw.Stats(); s.Busy-before.Busy < 10*200 {
			t.Errorf("only %d frames were refused: this was no flood", s.Busy-before.Busy)
		}
	})
}

// Accounts come into being at a rate; refused registrations do not count.
func TestNewAccountsAreLimitedInRate(t *testing.T) {
	in(t, func(o *options) {
		o.gateway.Capacity.AccountBurst, o.gateway.Capacity.AccountRate = 3, 1
	}, func(t *testing.T, w *world) {
		g := w.guest("many")
		for range 5 {
			bad := newPerson().register()
			bad.Object = newPerson().enrolment(wire.OpClose)
			if g.ask(bad); g.failed() == nil {
				t.Fatal("it was taken")
			}
		}
		for range 3 {
			w.registered(g)
		}
		g.fails(g.ask(newPerson().register()), wire.ErrBusy)
		g.alive()
		pass(time.Second)
		w.registered(g)
		g.fails(g.ask(newPerson().register()), wire.ErrBusy)
	})
}

// failed is the failure that the next frame is, if it is one.
func (p *peer) failed() error {
	p.t.Helper()
	f, err := p.next()
	if err != nil {
		p.t.Fatal(err)
	}
	if f.Type != wire.TypeError {
		return nil
	}
	failure := decode[wire.Failure](p.t, f)
	return failure.Err()
}

// Guests from so many networks that none has more than another, all of them busy:
// the one that has been there for longest makes room.
func TestBusyGuestsOfManyNetworksMakeRoom(t *testing.T) {
	in(t, func(o *options) { o.gateway.Capacity.Guests = 30 }, func(t *testing.T, w *world) {
		stop := make(chan struct{})
		defer close(stop)
		get := wire.AppendFrame(nil, 1, &wire.ProfileGet{Name: key.NewPrivate[key.Profile]().Public()})
		for i := range 30 {
			w.from(fmt.Sprintf("203.0.%d.1", i))
			g := w.guest("crowd")
			go g.read()
			go g.repeat(stop, 500*time.Millisecond, get)
		}
		w.from("198.51.100.1")
		if err := w.tries("owner"); !errors.Is(err, wire.ErrBusy) {
			t.Errorf("everybody is fresh: %v", err)
		}
		pass(3 * time.Second)
		h := newPerson()
		for i := range 10 {
			w.from(fmt.Sprintf("198.51.%d.1", i))
			g := w.guest("owner")
			if i == 0 {
				g.expect(g.ask(h.register()), &wire.OK{})
			}
			g.enter(h)
		}
		if s := w.gw.Stats(); s.Evicted < 1 || s.Guests > 30 {
			t.Errorf("%d made room, %d guests", s.Evicted, s.Guests)
		}
	})
}

// A network of many addresses has a bound too.
func TestOneNetworkCannotTakeAllPlaces(t *testing.T) {
	in(t, func(o *options) {
		o.gateway.Capacity.Guests, o.gateway.Capacity.NetworkGuests = 20, 10
	}, func(t *testing.T, w *world) {
		for i := range 10 {
			w.from(fmt.Sprintf("203.0.113.%d", i+1))
			w.guest("crowd")
		}
		w.from("203.0.113.99")
		if err := w.tries("one more"); !errors.Is(err, wire.ErrBusy) {
			t.Errorf("beyond the bound of its network: %v", err)
		}
		for i := range 9 {
			w.from(fmt.Sprintf("2001:db8:1:%x00::1", i))
			w.guest("crowd")
		}
		w.from("2001:db8:1:9900::1")
		w.guest("the last place").alive()
		for i := range 5 {
			w.from(fmt.Sprintf("198.51.100.%d", i+1))
			w.guest("owner").alive() // one of a fuller network gives way at once
		}
		w.from("203.0.113.1")
		pass(3 * time.Second)
		w.guest("again").alive() // in the place of its network's most silent one
	})
}

// When members hold all places, a guest gives way to who wants to log in.
func TestAGuestMakesRoomWhenAllLinksAreTaken(t *testing.T) {
	in(t, func(o *options) { o.gateway.Capacity.Conns = 4 }, func(t *testing.T, w *world) {
		h := newPerson()
		w.member("phone", h)
		w.member("tablet", newPerson())
		w.guest("a")
		b := w.guest("b")
		pass(3 * time.Second)
		b.alive()
		w.guest("phone").enter(h)
		b.alive()
	})
}

// Bytes that are made to be expensive cost no more than others.
func TestHostileBytesAreCheap(t *testing.T) {
	const size = 128 << 10
	nested := func(head []byte, open byte) []byte {
		return append(head, bytes.Repeat([]byte{open}, size-len(head))...)
	}
	frame := []byte{0x83, 0x14, 0x01} // a submission, id 1, and then
	for name, message := range map[string][]byte{
		"deep arrays":        nested(bytes.Clone(frame), 0x81),
		"deep maps":          nested(bytes.Clone(frame), 0xa1),
		"deep tags":          nested(bytes.Clone(frame), 0xc1),
		"endless arrays":     nested(bytes.Clone(frame), 0x9f),
		"a huge array":       append(bytes.Clone(frame), 0x9a, 0xff, 0xff, 0xff, 0xff),
		"a huge map":         append(bytes.Clone(frame), 0xbb, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff),
		"a huge string":      append(bytes.Clone(frame), 0x5b, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff),
		"tiny arrays":        nested(nil, 0x80),
		"deep at the top":    nested(nil, 0x81),
		"frames without end": bytes.Repeat([]byte{0x83, 0x00, 0x00, 0xa0}, size/4),
		"state requests":     bytes.Repeat([]byte{0x83, 0x18, 0x21, 0x01, 0xa0}, size/5),
	} {
		t.Run(name, func(t *testing.T) {
			in(t, nil, func(t *testing.T, w *world) {
				g := w.guest("hostile")
				var before, after runtime.MemStats
				synctest.Wait()
				runtime.ReadMemStats(&before)
				begin := time.Now()
				g.raw(message)
				g.read() // to the end
				runtime.ReadMemStats(&after)
				if n := after.TotalAlloc - before.TotalAlloc; n > 4<<20 {
					t.Errorf("%d bytes were allocated for it", n)
				}
				if took := time.Since(begin); took > time.Second {
					t.Errorf("the link stayed for %v", took)
				}
				w.guest("next").alive()
			})
		})
	}
}
