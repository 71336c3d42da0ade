package gateway_test

import (
	"context"
	"encoding/hex"
	"errors"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"zeroms/gateway"
	"zeroms/gateway/mailbox"
	"zeroms/protocol/custody"
	"zeroms/protocol/key"
	"zeroms/protocol/link"
	"zeroms/protocol/wire"
)

func TestHello(t *testing.T) {
	in(t, nil, func(t *testing.T, w *world) {
		p := w.guest("phone")
		if p.server.Node != w.node.Public() || p.server.Network != network || p.server.Version != wire.Version ||
			p.server.Limits != gateway.DefaultLimits() || p.server.Time != wire.Millis(time.Now()) {
			t.Fatalf("server hello %+v", p.server)
		}
		p.alive()
		hash := key.GatewayHashOf(w.node.Public())
		p = w.connect("phone")
		p.hello(func(h *wire.ClientHello) { h.Node = hash[:] })
		p.expect(0, &wire.ServerHello{})
		p.alive()
	})
}

func TestHelloMismatchesAreAnsweredAndEndTheLink(t *testing.T) {
	other := key.NewPrivate[key.Node]().Public()
	otherHash := key.GatewayHashOf(other)
	for _, test := range []struct {
		name   string
		change func(*wire.ClientHello)
		want   error
	}{
		{"newer versions only", func(h *wire.ClientHello) { h.MinVersion, h.MaxVersion = 2, 9 }, wire.ErrVersion},
		{"older versions only", func(h *wire.ClientHello) { h.MinVersion, h.MaxVersion = 0, 0 }, wire.ErrVersion},
		{"empty range", func(h *wire.ClientHello) { h.MinVersion, h.MaxVersion = 2, 1 }, wire.ErrValue},
		{"other network", func(h *wire.ClientHello) { h.Network[0]++ }, wire.ErrNetwork},
		{"other node", func(h *wire.ClientHello) { h.Node = other[:] }, wire.ErrWrongNode},
		{"other node's hash", func(h *wire.ClientHello) { h.Node = otherHash[:] }, wire.ErrWrongNode},
		{"no node", func(h *wire.ClientHello) { h.Node = nil }, wire.ErrWrongNode},
	} {
		t.Run(test.name, func(t *testing.T) {
			in(t, nil, func(t *testing.T, w *world) {
				p := w.connect("phone")
				p.hello(test.change)
				p.ends(test.want)
			})
		})
	}
}

func TestOtherFirstFrames(t *testing.T) {
	in(t, nil, func(t *testing.T, w *world) {
		p := w.connect("phone")
		p.ask(&wire.HeadGet{})
		p.ends(wire.ErrUnexpected)
		p = w.connect("phone")
		p.raw([]byte("GET / HTTP/1.1\r\n"))
		f, err := p.next()
		if err != nil || f.Type != wire.TypeError || f.ID != 0 {
			t.Fatalf("garbage: frame %d of type %d, %v", f.ID, f.Type, err)
		}
		p.closed()
	})
}

func TestHelloIsDueInTenSeconds(t *testing.T) {
	in(t, nil, func(t *testing.T, w *world) {
		begin := time.Now()
		p := w.connect("phone")
		p.ends(wire.ErrUnexpected)
		if d := time.Since(begin); d != 10*time.Second {
			t.Fatalf("ended after %v", d)
		}
	})
}

func TestGuestIsEndedWhenIdle(t *testing.T) {
	in(t, nil, func(t *testing.T, w *world) {
		p := w.guest("phone")
		pass(50 * time.Second)
		p.alive()
		begin := time.Now()
		p.ends(wire.ErrLinkClosed)
		if d := time.Since(begin); d != time.Minute {
			t.Fatalf("ended after %v", d)
		}
		synctest.Wait()
		if s := w.gw.Stats(); s.Silent != 1 || s.Links != 0 || s.Guests != 0 {
			t.Fatalf("stats %+v", s)
		}
	})
}

func TestGuestsMayNotDoMore(t *testing.T) {
	in(t, nil, func(t *testing.T, w *world) {
		p := w.guest("phone")
		for _, request := range []wire.Payload{
			&wire.EnrolmentChange{}, &wire.DropPut{}, &wire.DoorPut{}, &wire.DropDelete{}, &wire.ProfilePut{}, &wire.HeadGet{}, &wire.StateGet{},
		} {
			p.fails(p.ask(request), wire.ErrNotLoggedIn)
		}
		p.alive()
		p.raw(wire.AppendFrame(nil, 0, &wire.Ack{}))
		p.ends(wire.ErrNotLoggedIn)
	})
}

func TestFramesThatDoNotBelong(t *testing.T) {
	in(t, nil, func(t *testing.T, w *world) {
		p := w.guest("phone")
		p.fails(p.ask(&wire.ClientHello{}), wire.ErrUnexpected)
		p.fails(p.ask(&wire.Welcome{}), wire.ErrUnexpected)
		p.raw(wire.Marshal([]any{200, 7, map[int]int{}}))
		p.fails(7, wire.ErrUnexpected)
		p.raw(wire.Marshal([]any{uint8(wire.TypeSubmit), 8, map[int]int{9: 9}}))
		p.fails(8, wire.ErrMalformed)
		p.alive()
		p.raw(wire.AppendFrame(nil, 0, &wire.ProfileGet{}))
		p.ends(wire.ErrUnexpected)

		p = w.guest("phone")
		good := wire.AppendFrame(nil, 1, &wire.ProfileGet{Name: key.NewPrivate[key.Profile]().Public()})
		p.raw(append(good, 0x83, 0x18))
		p.fails(1, wire.ErrNoProfile)
		p.ends(wire.ErrTruncated)
		synctest.Wait()
		if s := w.gw.Stats(); s.Faults != 2 {
			t.Fatalf("stats %+v", s)
		}
	})
}

func TestARequestIDInUseEndsTheLink(t *testing.T) {
	in(t, nil, func(t *testing.T, w *world) {
		h := newPerson()
		p, _ := w.member("phone", h)
		get := wire.AppendFrame(nil, 77, &wire.HeadGet{})
		p.raw(append(get, get...))
		p.endsLater(wire.ErrUnexpected)
	})
}

func TestRegisterLoginAndTheWelcomeComesFirst(t *testing.T) {
	in(t, nil, func(t *testing.T, w *world) {
		h := newPerson()
		p := w.guest("phone")
		p.fails(p.ask(p.login(h)), wire.ErrLogin)
		p.expect(p.ask(h.register()), &wire.OK{})
		welcome := p.enter(h)
		if welcome.Tag != key.AccountTagOf(h.mk.Public()) || welcome.Quota != gateway.DefaultLimits().Quota {
			t.Fatalf("welcome %+v", welcome)
		}
		_, commit := p.collect(0) // the signed head, unasked
		if len(commit.Items) != 1 {
			t.Fatalf("commit %+v", commit)
		}
		p.fails(p.ask(p.login(h)), wire.ErrUnexpected)
		p.collect(p.ask(&wire.HeadGet{}))
		if s := w.gw.Stats(); s.Logins != 1 || s.Rejected != 1 || s.Guests != 0 || s.Links != 1 {
			t.Fatalf("stats %+v", s)
		}
	})
}

func TestLoginIsBoundToItsLink(t *testing.T) {
	in(t, nil, func(t *testing.T, w *world) {
		h := newPerson()
		first, _ := w.member("phone", h)
		replayed := first.login(h)

		thief := w.guest("thief")
		thief.fails(thief.ask(replayed), wire.ErrSignature)
		// The hellos are the thief's own; only the binding is that of the other link.
		x := wire.LoginTranscript(w.node.Public(), first.conn.Binding(), thief.hellos[0], thief.hellos[1])
		thief.fails(thief.ask(&wire.Login{Key: h.lk.Public(), Sig: h.lk.Sign(key.ContextLogin, x)}), wire.ErrSignature)
		x = wire.LoginTranscript(w.node.Public(), [32]byte{}, thief.hellos[0], thief.hellos[1])
		thief.fails(thief.ask(&wire.Login{Key: h.lk.Public(), Sig: h.lk.Sign(key.ContextLogin, x)}), wire.ErrSignature)
		// The same hello twice brings another answer, so other hashes.
		thief.fails(thief.ask(&wire.Login{Key: key.LoginPublic{}, Sig: replayed.Sig}), wire.ErrPublicKey)
		thief.fails(thief.ask(&wire.HeadGet{}), wire.ErrNotLoggedIn)
		thief.enter(h) // with the right signature it works: the link stayed a guest
	})
}

func TestANewerLoginEndsTheOlderLink(t *testing.T) {
	in(t, nil, func(t *testing.T, w *world) {
		h := newPerson()
		old, _ := w.member("phone", h)
		fresh := w.guest("phone")
		fresh.enter(h)
		old.endsLater(wire.ErrLinkClosed)
		fresh.collect(fresh.ask(&wire.HeadGet{}))
	})
}

func TestRemovingTheOwnLoginKeyAnswersAndEndsTheLink(t *testing.T) {
	in(t, nil, func(t *testing.T, w *world) {
		h := newPerson()
		p, _ := w.member("phone", h)
		id := p.ask(&wire.EnrolmentChange{Object: h.enrolment(wire.OpRemove)})
		answered := false
		for {
			f, err := p.next()
			if err != nil {
				t.Fatal(err)
			}
			if f.Type == wire.TypeOK && f.ID == id {
				answered = true
			}
			if f.Type == wire.TypeError {
				failure := decode[wire.Failure](t, f)
				if f.ID != 0 || !errors.Is(failure.Err(), wire.ErrLogin) || !answered {
					t.Fatalf("frame %d: %v, answered %v", f.ID, failure.Err(), answered)
				}
				break
			}
		}
		p.closed()
	})
}

func TestRegistrationByInvitation(t *testing.T) {
	in(t, func(o *options) { o.mailbox.Registration = mailbox.InviteOnly }, func(t *testing.T, w *world) {
		p := w.guest("phone")
		p.fails(p.ask(newPerson().register()), wire.ErrInvite)
	})
}

func TestEnvelopeReachesTheConnectedDevice(t *testing.T) {
	in(t, nil, func(t *testing.T, w *world) {
		h := newPerson()
		p, _ := w.member("phone", h)
		d := p.newDrop(h)
		guest := w.guest("sender")
		s := d.submit(1 << 10)
		id := guest.ask(s)
		push := p.pushed(1)
		if push.Drop != d.id || string(push.Payload) != string(s.Envelope) {
			t.Fatalf("pushed %d bytes to drop %v", len(push.Payload), push.Drop)
		}
		_, commit := guest.collect(id)
		if len(commit.Items) != 1 || commit.Items[0].ID != id {
			t.Fatalf("receipt %+v", commit)
		}
		bad := d.submit(1 << 10)
		bad.MAC[0]++
		guest.fails(guest.ask(bad), wire.ErrUnknownDrop)
		guest.fails(guest.ask(d.submit(1000)), wire.ErrSizeClass)
	})
}

func TestADeviceGetsTheStateOfItsDrop(t *testing.T) {
	in(t, nil, func(t *testing.T, w *world) {
		h := newPerson()
		p, _ := w.member("phone", h)
		d := p.newDrop(h)
		guest := w.guest("sender")
		_, commit := guest.collect(guest.ask(d.submit(1 << 10)))
		receipt, err := custody.ParseReceipt(commit.Items[0].Leaf)
		if err != nil {
			t.Fatal(err)
		}
		get := &wire.StateGet{Drop: d.id, K: receipt.K, D0: receipt.Start, Asked: [32]byte{1}}
		p.pushed(1)
		var state wire.State
		p.answered(p.ask(get), &state)
		var body wire.DropState
		if err := wire.Verify(state.Object, w.node.Public(), key.ContextDropState, &body); err != nil {
			t.Fatal(err)
		}
		if body.Node != w.node.Public() || body.Asked != get.Asked || body.K != 1 || body.AskedD != receipt.Head {
			t.Errorf("state %+v of the receipt %+v", body, receipt)
		}
		get.Drop[0]++
		p.fails(p.ask(get), wire.ErrUnknownDrop)
	})
}

func TestReceiptsOfOneCommitShareAFrame(t *testing.T) {
	in(t, nil, func(t *testing.T, w *world) {
		h := newPerson()
		p, _ := w.member("phone", h)
		d := p.newDrop(h)
		guest := w.guest("sender")
		var message []byte
		for i := range 5 {
			message = wire.AppendFrame(message, uint64(i+1), d.submit(1<<10))
		}
		guest.raw(message)
		_, commit := guest.collect(5)
		if len(commit.Items) != 5 {
			t.Fatalf("%d receipts in the frame", len(commit.Items))
		}
	})
}

func TestSubmissionsInFlightAreBounded(t *testing.T) {
	in(t, nil, func(t *testing.T, w *world) {
		h := newPerson()
		p, _ := w.member("phone", h)
		d := p.newDrop(h)
		guest := w.guest("sender")
		window := int(guest.server.Limits.InFlight)
		var message []byte
		for i := range window + 3 {
			message = wire.AppendFrame(message, uint64(i+1), d.submit(1<<10))
		}
		guest.raw(message)
		for i := range 3 {
			guest.fails(uint64(window+1+i), wire.ErrBusy)
		}
		guest.collect(uint64(window))
		guest.collect(guest.askAs(uint64(window+1), d.submit(1<<10)))
	})
}

// askAs is ask with an id of one's own.
func (p *peer) askAs(id uint64, request wire.Payload) uint64 {
	p.t.Helper()
	p.raw(wire.AppendFrame(nil, id, request))
	return id
}

func TestManyOtherRequestsMakeTheReaderWait(t *testing.T) {
	in(t, func(o *options) { o.gateway.Capacity.Pending = 4 }, func(t *testing.T, w *world) {
		h := newPerson()
		p, _ := w.member("phone", h)
		var message []byte
		const n = 40
		for i := range n {
			message = wire.AppendFrame(message, uint64(100+i), &wire.HeadGet{})
		}
		p.raw(message)
		p.collect(100 + n - 1) // every one is answered
	})
}

func TestGuestsAreLimitedInRate(t *testing.T) {
	small := func(o *options) { o.gateway.Capacity.GuestBurst, o.gateway.Capacity.GuestRate = 3, 1 }
	in(t, small, func(t *testing.T, w *world) {
		p := w.guest("sender")
		for range 3 {
			p.alive()
		}
		p.fails(p.ask(&wire.ProfileGet{}), wire.ErrBusy)
		pass(time.Second)
		p.alive()
		p.fails(p.ask(&wire.ProfileGet{}), wire.ErrBusy)
		w.guest("other").alive() // has an allowance of its own
		if s := w.gw.Stats(); s.Busy != 2 {
			t.Fatalf("stats %+v", s)
		}
	})
}

func TestAllGuestsTogetherAreLimitedInRate(t *testing.T) {
	small := func(o *options) {
		o.gateway.Capacity.AllBurst, o.gateway.Capacity.AllRate = 2, 1
		o.gateway.Capacity.SpareBurst = 1
	}
	in(t, small, func(t *testing.T, w *world) {
		a, b := w.guest("a"), w.guest("b")
		a.alive()
		b.alive()
		a.alive() // by its spare ones
		b.alive()
		a.fails(a.ask(&wire.ProfileGet{}), wire.ErrBusy)
		b.fails(b.ask(&wire.ProfileGet{}), wire.ErrBusy)
	})
}

func TestTheIdlestGuestMakesRoom(t *testing.T) {
	in(t, func(o *options) { o.gateway.Capacity.Guests = 2 }, func(t *testing.T, w *world) {
		a, b := w.guest("a"), w.guest("b")
		c := w.connect("c")
		c.ends(wire.ErrBusy) // both are too fresh to go
		pass(3 * time.Second)
		a.alive()
		c = w.guest("c")
		c.alive()
		b.ends(wire.ErrBusy)
		a.alive()
		a.enter(w.registered(a))
		w.guest("d").alive() // a is no guest any more
	})
}

// registered opens an account over a guest's link.
func (w *world) registered(p *peer) *person {
	h := newPerson()
	p.expect(p.ask(h.register()), &wire.OK{})
	return h
}

func TestLinksAreBounded(t *testing.T) {
	in(t, func(o *options) { o.gateway.Capacity.Conns = 1 }, func(t *testing.T, w *world) {
		h := newPerson()
		p, _ := w.member("phone", h)
		late := w.connect("late")
		late.ends(wire.ErrBusy)
		p.collect(p.ask(&wire.HeadGet{}))
		p.conn.Close()
		synctest.Wait()
		w.guest("late").alive()
	})
}

func TestSilenceEndsADeviceOnlyWhileItOwesAnAck(t *testing.T) {
	in(t, nil, func(t *testing.T, w *world) {
		h := newPerson()
		p, _ := w.member("phone", h)
		p.collect(p.ask(&wire.HeadGet{})) // behind the pushes of the rows so far
		p.ack(h)
		pass(24 * time.Hour)
		p.collect(p.ask(&wire.HeadGet{}))
		d := p.newDrop(h)
		guest := w.guest("sender")
		guest.collect(guest.ask(d.submit(1 << 10)))
		begin := time.Now()
		p.pushed(1)
		p.endsLater(wire.ErrLinkClosed)
		if d := time.Since(begin); d < 119*time.Second || d > 121*time.Second {
			t.Fatalf("ended after %v", d)
		}
	})
}

func TestAWrongAckEndsTheLink(t *testing.T) {
	in(t, nil, func(t *testing.T, w *world) {
		h := newPerson()
		p, _ := w.member("phone", h)
		p.at, p.r = wire.At(1, 1), [32]byte{1}
		p.ack(h)
		p.endsLater(wire.ErrAckMismatch)
	})
}

func TestDrainingAnswersWhatWasAskedAndNothingMore(t *testing.T) {
	slow := func(o *options) { o.mailbox.Timing.Gather = time.Second }
	in(t, slow, func(t *testing.T, w *world) {
		h := newPerson()
		p, _ := w.member("phone", h)
		d := p.newDrop(h)
		guest := w.guest("sender")
		first := guest.ask(d.submit(1 << 10))
		synctest.Wait()
		begin := time.Now()
		w.stop()
		guest.fails(0, wire.ErrDraining)
		guest.fails(guest.ask(d.submit(1<<10)), wire.ErrDraining)
		guest.collect(first)
		guest.closed()
		if took := time.Since(begin); took > 5*time.Second {
			t.Fatalf("draining took %v", took)
		}
		err := <-w.ran
		w.ran <- err
		if took := time.Since(begin); err != nil || took > 5*time.Second {
			t.Fatalf("Run: %v after %v", err, took)
		}
	})
}

func TestDrainingDoesNotWaitForTheDead(t *testing.T) {
	in(t, nil, func(t *testing.T, w *world) {
		h := newPerson()
		w.member("phone", h)
		w.net.Partition("phone", "gw")
		begin := time.Now()
		w.stop()
		err := <-w.ran
		w.ran <- err
		if took := time.Since(begin); err != nil || took > 6*time.Second {
			t.Fatalf("Run: %v after %v", err, took)
		}
	})
}

func TestLogsNameNobody(t *testing.T) {
	var log string
	var names []string
	in(t, func(o *options) { o.gateway.Timing.Report = time.Second }, func(t *testing.T, w *world) {
		h := newPerson()
		p, _ := w.member("phone", h)
		d := p.newDrop(h)
		guest := w.guest("sender")
		guest.collect(guest.ask(d.submit(1 << 10)))
		pass(2 * time.Second)
		log = w.log.String()
		tag, mk := key.AccountTagOf(h.mk.Public()), h.mk.Public()
		names = []string{"phone", "sender", d.id.String(), h.lk.Public().String(), mk.String(), hex.EncodeToString(tag[:])}
	})
	if !strings.Contains(log, "stats.submits=1") {
		t.Fatalf("no counts in the log:\n%s", log)
	}
	for _, name := range names {
		if strings.Contains(log, name) {
			t.Errorf("the log names %s:\n%s", name, log)
		}
	}
}

func TestConfigIsChecked(t *testing.T) {
	if _, err := gateway.New(gateway.Config{}); err == nil {
		t.Error("no key, no mailbox")
	}
}

// TestOverTLS logs in over a real connection, where the binding is the TLS
// exporter.
func TestOverTLS(t *testing.T) {
	w := start(t, nil)
	defer func() {
		w.stop()
		if err := <-w.ran; err != nil {
			t.Error(err)
		}
	}()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- w.gw.Serve(ctx, l, false) }()
	dialer, err := link.NewDialer(link.Config{})
	if err != nil {
		t.Fatal(err)
	}
	node := w.node.Public()
	endpoint := link.Endpoint{Host: "127.0.0.1", Port: uint16(l.Addr().(*net.TCPAddr).Port), Node: node[:]}
	c, err := dialer.Dial(t.Context(), endpoint)
	if err != nil {
		t.Fatal(err)
	}
	p := &peer{w: w, t: t, conn: c, node: node}
	p.hello(func(*wire.ClientHello) {})
	p.expect(0, &p.server)
	h := w.registered(p)
	if c.Binding() == ([32]byte{}) {
		t.Fatal("no exporter")
	}
	p.enter(h)
	p.collect(p.ask(&wire.HeadGet{}))
	cancel()
	for {
		f, err := p.next()
		if err != nil {
			t.Fatalf("no word of the draining: %v", err)
		}
		if f.Type == wire.TypeError {
			failure := decode[wire.Failure](t, f)
			if !errors.Is(failure.Err(), wire.ErrDraining) {
				t.Fatal(failure.Err())
			}
			break
		}
	}
	p.closed()
	if err := <-served; err != nil {
		t.Fatal(err)
	}
}
