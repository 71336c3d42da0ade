package gateway_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"zeroms/protocol/key"
	"zeroms/protocol/wire"
)

// read drops what comes on a link until it ends.
func (p *peer) read() {
	for {
		if _, err := p.conn.Recv(p.t.Context()); err != nil {
			return
		}
	}
}

// repeat sends a message again and again until the link ends or stop is closed.
func (p *peer) repeat(stop <-chan struct{}, every time.Duration, message []byte) {
	for p.conn.Send(p.t.Context(), message) == nil {
		select {
		case <-stop:
			return
		case <-time.After(every):
		}
	}
}

// tries opens a link that may be refused.
func (w *world) tries(host string) (refused error) {
	w.t.Helper()
	p := w.connect(host)
	defer p.conn.Close()
	// A link that is refused may be closed before the hello is out; the reason
	// was sent ahead of that.
	h := &wire.ClientHello{MinVersion: 1, MaxVersion: 1, Network: network, Node: p.node[:]}
	_ = p.conn.Send(w.t.Context(), wire.AppendFrame(nil, 0, h))
	f, err := p.next()
	if err != nil {
		w.t.Fatal(err)
	}
	if f.Type == wire.TypeError {
		failure := decode[wire.Failure](w.t, f)
		return failure.Err()
	}
	return nil
}

func TestGuestsThatAskForNothingAreSilent(t *testing.T) {
	in(t, func(o *options) { o.gateway.Capacity.Guests = 20 }, func(t *testing.T, w *world) {
		stop := make(chan struct{})
		defer close(stop)
		for i := range 20 {
			g := w.guest(fmt.Sprint("crowd", i))
			go g.read()
			go g.repeat(stop, time.Second, wire.AppendFrame(nil, 1, &wire.HeadGet{})) // refused, needs a login
		}
		pass(5 * time.Second)
		for range 20 {
			if err := w.tries("owner"); err != nil {
				t.Fatalf("an owner is refused: %v", err)
			}
		}
		pass(time.Minute)
		if s := w.gw.Stats(); s.Guests != 0 {
			t.Errorf("%d guests stay without asking for anything", s.Guests)
		}
	})
}

// However busy the guests of one source are, others get in, and its own share is
// what it keeps.
func TestOneSourceCannotTakeAllPlaces(t *testing.T) {
	in(t, func(o *options) {
		o.gateway.Capacity.Guests, o.gateway.Capacity.SourceGuests = 20, 12
	}, func(t *testing.T, w *world) {
		stop := make(chan struct{})
		defer close(stop)
		get := wire.AppendFrame(nil, 1, &wire.ProfileGet{Name: key.NewPrivate[key.Profile]().Public()})
		crowd := func(address string, n int) {
			w.from(address)
			for i := range n {
				g := w.guest(fmt.Sprint(address, i))
				go g.read()
				go g.repeat(stop, time.Second, get)
			}
		}
		crowd("203.0.113.1", 12)
		if err := w.tries("one more"); err == nil || wire.FailureOf(err).Code != wire.CodeBusy {
			t.Fatalf("beyond the bound of its source: %v", err)
		}
		w.from("::ffff:203.0.113.1") // the same, written otherwise
		if err := w.tries("one more"); err == nil {
			t.Fatal("an address counts twice")
		}
		crowd("2001:db8:1:2300::1", 4)
		crowd("2001:db8:1:23ff::1", 4) // the same /56
		for minute := range 5 {
			pass(time.Minute)
			for i := range 3 {
				w.from(fmt.Sprintf("198.51.100.%d", 10*minute+i))
				if err := w.tries("owner"); err != nil {
					t.Errorf("minute %d: an owner is refused: %v", minute, err)
				}
			}
			pass(time.Second)
			crowd("203.0.113.1", 1) // takes the place that is free again
		}
		if strings.Contains(w.log.String(), "203.0") {
			t.Error("the log holds an address")
		}
	})
}

// Local addresses say nothing: everybody behind a proxy has one.
func TestLocalAddressesAreNoSource(t *testing.T) {
	in(t, func(o *options) { o.gateway.Capacity.SourceGuests = 1 }, func(t *testing.T, w *world) {
		for _, address := range []string{"", "127.0.0.1", "::1", "10.1.2.3", "192.168.0.9", "fd00::1", "fe80::1%eth0"} {
			w.from(address)
			for range 2 {
				w.guest("g").alive()
			}
		}
		w.from("192.0.2.1")
		w.guest("g").alive()
		if w.tries("g") == nil {
			t.Error("a second guest of one source")
		}
		w.from("192.0.2.2")
		w.guest("g").alive()
	})
}

// A member is no guest of its source any more.
func TestMembersLeaveTheirSource(t *testing.T) {
	in(t, func(o *options) { o.gateway.Capacity.SourceGuests = 1 }, func(t *testing.T, w *world) {
		w.from("192.0.2.1")
		for range 3 {
			w.member("phone", newPerson())
		}
		g := w.guest("g")
		g.conn.Close()
		g.read()
		pass(time.Second)
		w.guest("g").alive()
	})
}

func TestGuestsOfOneSourceShareAnAllowance(t *testing.T) {
	in(t, func(o *options) {
		o.gateway.Capacity.SourceBurst, o.gateway.Capacity.SourceRate = 2, 1
		o.gateway.Capacity.SpareBurst = 1
	}, func(t *testing.T, w *world) {
		w.from("192.0.2.1")
		a, b := w.guest("a"), w.guest("b")
		w.from("192.0.2.2")
		other := w.guest("other")
		a.alive()
		b.alive()
		a.alive() // by its spare one
		a.fails(a.ask(&wire.ProfileGet{}), wire.ErrBusy)
		b.alive()
		b.fails(b.ask(&wire.ProfileGet{}), wire.ErrBusy)
		other.alive()
		pass(time.Second)
		b.alive()
	})
}

func TestTinyFramesOfAGuestEndItsLink(t *testing.T) {
	in(t, nil, func(t *testing.T, w *world) {
		g := w.guest("g")
		get := wire.AppendFrame(nil, 1, &wire.HeadGet{})
		g.raw(bytes.Repeat(get, (128<<10)/len(get)))
		refused := 0
		for {
			f, err := g.next()
			if err != nil {
				t.Fatal(err)
			}
			failure := decode[wire.Failure](t, f)
			if f.ID == 0 {
				if failure.Code != wire.CodeBusy {
					t.Errorf("the link ends with %v", failure.Err())
				}
				break
			}
			refused++
		}
		g.closed()
		if refused != 255 {
			t.Errorf("%d frames were answered, want 255", refused)
		}
	})
}

func TestRefusalsInARowAreCountedAnew(t *testing.T) {
	in(t, func(o *options) { o.gateway.Capacity.GuestRefusals = 3 }, func(t *testing.T, w *world) {
		g := w.guest("g")
		for range 10 {
			for range 2 {
				g.fails(g.ask(&wire.HeadGet{}), wire.ErrNotLoggedIn)
			}
			g.alive()
		}
	})
}

func TestMessagesOfGuestsAreSmall(t *testing.T) {
	in(t, func(o *options) { o.gateway.Limits.Message = wire.MaxMessage }, func(t *testing.T, w *world) {
		g := w.guest("g")
		g.raw(make([]byte, 128<<10+1))
		g.closed()
		h := newPerson()
		p, _ := w.member("phone", h)
		d := p.newDrop(h)
		var message []byte
		for i := range uint64(7) {
			message = wire.AppendFrame(message, 100+i, d.submit(64<<10))
		}
		p.raw(message)
		p.collect(106)
	})
}

// A frame with the id of a request that waits is no request: were it answered, the
// answer would count for the other one.
func TestARefusalDoesNotSettleAnotherRequest(t *testing.T) {
	in(t, func(o *options) {
		o.gateway.Limits.InFlight = 2
		o.mailbox.Timing.Gather = 5 * time.Second
	}, func(t *testing.T, w *world) {
		h := newPerson()
		p, _ := w.member("phone", h)
		d := p.newDrop(h)
		message := wire.AppendFrame(nil, 101, d.submit(1<<10))
		message = wire.AppendFrame(message, 102, d.submit(1<<10))
		for range 10 {
			message = wire.AppendFrame(message, 101, d.submit(1<<10))
		}
		p.raw(message)
		p.endsLater(wire.ErrUnexpected)
		if s := w.gw.Stats(); s.Submits != 2 || s.Busy != 0 {
			t.Errorf("%d submissions taken, %d refused as busy; want 2, 0", s.Submits, s.Busy)
		}
	})
}
