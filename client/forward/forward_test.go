package forward

import (
	"errors"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"zeroms/client/score"
	"zeroms/protocol/address"
	"zeroms/protocol/channel"
	"zeroms/protocol/key"
	"zeroms/protocol/link"
	"zeroms/protocol/wire"
)

// How whole ways go, with homes that lie and die, stands in client/home, whose Pool is the Carrier there. Here are the
// bounds of what is kept, and what a Carrier is told.

func network() key.Network { return key.Network{'t', 'e', 's', 't'} }

// target is a gateway with the keys that its descriptor needs.
type target struct {
	node key.NodePrivate
	kem  key.RelayPrivate
}

func newTarget() target { return target{key.NewPrivate[key.Node](), key.NewRelayPrivate()} }

func (g target) place() Target {
	node := g.node.Public()
	return Target{Endpoint: link.Endpoint{Host: "x", Port: 443, Node: node[:]}, Network: network()}
}

func (g target) descriptor(t testing.TB, made time.Time) *address.Descriptor {
	t.Helper()
	d := &address.Descriptor{
		KEM: g.kem.Public(), Addrs: []netip.AddrPort{netip.MustParseAddrPort("192.0.2.7:443")}, Transports: wire.TransportWSS, Network: network(),
		Made: made.Truncate(time.Millisecond), Expires: made.Truncate(time.Millisecond).Add(address.MaxDescriptorLife), Flags: address.Forwards,
		Limits: wire.Limits{Frame: wire.MaxFrame, Message: wire.MaxMessage, InFlight: 64},
	}
	b, err := address.SealDescriptor(d, g.node)
	if err != nil {
		t.Fatal(err)
	}
	out, err := DescriptorOf(b, g.place(), made)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// fake is a Carrier that notes what it is given.
type fake struct {
	sent     []wire.Payload
	done     []func(wire.Payload, error)
	straight []Request
	opened   []wire.Frame
	failed   []error
	refuse   error // what Opened says
	home     Target
}

func (c *fake) ByHome(h Target, p wire.Payload, done func(wire.Payload, error)) {
	c.home = h
	c.sent, c.done = append(c.sent, p), append(c.done, done)
}
func (c *fake) Straight(r Request) { c.straight = append(c.straight, r) }
func (c *fake) Opened(_ Request, _ Way, f wire.Frame) error {
	c.opened = append(c.opened, f)
	return c.refuse
}
func (c *fake) Failed(_ Request, _ Way, err error) { c.failed = append(c.failed, err) }

// step does what was posted, as Run does.
func (f *Forwarder) step() {
	for batch := f.posted(); len(batch) > 0; batch = f.posted() {
		for _, what := range batch {
			what()
		}
	}
}

// withHome is a Forwarder with one home that is up.
func withHome(direct Direct) (*Forwarder, *fake, target) {
	c, h := &fake{}, newTarget()
	f := New(Config{Carrier: c, Timing: Timing{Second: time.Second, Entry: 10 * time.Second}, Direct: direct, Scores: score.New()})
	f.Opened(h.place())
	f.Up(h.place().Hash(), wire.Limits{InFlight: 64}, &address.Descriptor{Flags: address.Forwards})
	f.step()
	return f, c, h
}

func submit(drop uint16) *wire.Submit {
	return &wire.Submit{Drop: key.DropID{byte(drop >> 8), byte(drop)}, Envelope: append([]byte{1}, make([]byte, 1023)...)}
}

// TestChannelsKept: of more channels than are kept the one that was unused for longest goes, never one in use.
func TestChannelsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, c, _ := withHome(Never)
		x := newTarget()
		f.Learn(x.descriptor(t, time.Now()))
		for i := range uint16(maxLines + 20) {
			time.Sleep(time.Second)
			f.Send(Request{To: x.place(), Payload: submit(i)})
			f.step()
			if i > 0 { // the first one stays on its way
				c.done[len(c.done)-1](nil, wire.ErrBusy)
				f.step()
			}
		}
		if len(f.lines) != maxLines {
			t.Errorf("%d channels are kept", len(f.lines))
		}
		for drop, kept := range map[uint16]bool{0: true, 1: false, 20: false, 21: true, maxLines + 19: true} {
			found := false
			for k := range f.lines {
				found = found || k.drop == submit(drop).Drop
			}
			if found != kept {
				t.Errorf("channel %d is kept: %v", drop, found)
			}
		}
		time.Sleep(channel.Life)
		f.Learn(x.descriptor(t, time.Now()))
		f.Send(Request{To: x.place(), Payload: submit(9999)})
		if f.step(); len(f.lines) != 1 {
			t.Errorf("%d channels are kept after a day", len(f.lines))
		}
	})
}

// TestDescriptorsKept: there are so many descriptors at most, the older one of a gateway never takes the newer one's
// place, and one that is asked for is not forgotten.
func TestDescriptorsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, c, _ := withHome(Never)
		asked := newTarget()
		f.Send(Request{To: asked.place(), Payload: submit(1)})
		f.step()
		if _, ok := c.sent[0].(*wire.DescriptorGet); !ok {
			t.Fatalf("%T was sent", c.sent[0])
		}
		x := newTarget()
		newer, older := x.descriptor(t, time.Now()), x.descriptor(t, time.Now().Add(-time.Hour))
		for range 2 {
			f.learn(newer)
			f.learn(older)
		}
		if k := f.known[place{network(), x.place().Hash()}]; k == nil || k.d != newer {
			t.Error("an older descriptor was taken")
		}
		for i := range maxKnown + 50 {
			d := *newer
			d.Node = key.NodePublic{byte(i), byte(i >> 8)}
			f.learn(&d)
		}
		if len(f.known) != maxKnown || f.known[place{network(), asked.place().Hash()}] == nil {
			t.Errorf("%d descriptors are kept", len(f.known))
		}
	})
}

// TestBusyHomeFindsNoDescriptor: a home that is too busy to look for a target's descriptor brings nobody to connect to
// that target, and is asked again for the next request.
func TestBusyHomeFindsNoDescriptor(t *testing.T) {
	for _, busy := range []error{wire.ErrBusy, wire.ErrLimit} {
		synctest.Test(t, func(t *testing.T) {
			f, c, _ := withHome(Fallback)
			x := newTarget()
			for n := 1; n <= 2; n++ {
				f.Send(Request{To: x.place(), Payload: submit(1)})
				f.step()
				if len(c.sent) != n {
					t.Fatalf("the home was asked %d times for request %d", len(c.sent), n)
				}
				c.done[n-1](nil, busy)
				if f.step(); len(c.straight) != 0 || len(c.failed) != n || !errors.Is(c.failed[n-1], busy) {
					t.Fatalf("%d directly, %v", len(c.straight), c.failed)
				}
				time.Sleep(time.Second)
			}
		})
	}
}

// TestNothingIsAnsweredTwice: whatever comes late or twice, a request has one end.
func TestNothingIsAnsweredTwice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, c, _ := withHome(Fallback)
		x := newTarget()
		f.Learn(x.descriptor(t, time.Now()))
		f.Send(Request{To: x.place(), Payload: submit(1)})
		f.step()
		out := c.sent[0].(*wire.Forward)
		at := key.Place{Network: network(), Node: x.node.Public()}
		exit, err := channel.Accept(at, x.kem, &out.Relay, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		q, err := exit.Unseal(&out.Relay)
		if err != nil {
			t.Fatal(err)
		}
		in, err := exit.Seal(q, wire.FailureOf(wire.ErrUnknownDrop))
		if err != nil {
			t.Fatal(err)
		}
		c.refuse = errors.New("a lie")
		c.done[0](in, nil)
		f.step()
		if len(c.opened) != 1 || len(c.failed) != 1 || !errors.Is(c.failed[0], wire.ErrLinkClosed) || len(c.straight) != 0 || len(f.trips) != 0 || len(f.lines) != 0 {
			t.Errorf("%d opened, %v, %d directly, %d requests, %d channels", len(c.opened), c.failed, len(c.straight), len(f.trips), len(f.lines))
		}
		f.Down(f.entriesOnly(), true)
		f.step()
		if len(c.failed)+len(c.straight) != 1 {
			t.Error("the request ended twice")
		}
	})
}

// TestTargetBecomesAHome: what waits for another home then goes over its own link, whatever the setting.
func TestTargetBecomesAHome(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, c, h := withHome(Never)
		x := newTarget()
		f.Learn(x.descriptor(t, time.Now()))
		f.Send(Request{To: x.place(), Payload: submit(1)})
		f.Opened(x.place())
		f.Down(h.place().Hash(), true)
		f.step()
		c.done[0](nil, wire.ErrLinkClosed)
		if f.step(); len(c.straight) != 1 || len(c.failed) != 0 {
			t.Errorf("%d directly, %v", len(c.straight), c.failed)
		}
	})
}

// TestBothHomesLost: a request whose link to one home ended, and then that to the other one, which stays away, goes
// through the first one when it is back, and not directly.
func TestBothHomesLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, c, a := withHome(Fallback)
		b, x := newTarget(), newTarget()
		f.Learn(x.descriptor(t, time.Now()))
		f.Send(Request{To: x.place(), Payload: submit(1)})
		f.Opened(b.place())
		f.Up(b.place().Hash(), wire.Limits{InFlight: 64}, &address.Descriptor{Flags: address.Forwards})
		f.step()
		for i, h := range []target{a, b} {
			if c.home.Hash() != h.place().Hash() {
				t.Fatalf("attempt %d goes through another home", i)
			}
			f.Down(h.place().Hash(), true)
			f.step()
			c.done[i](nil, wire.ErrLinkClosed)
			f.step()
		}
		f.Down(b.place().Hash(), false)
		if f.step(); len(c.straight) != 0 || len(c.sent) != 2 {
			t.Fatalf("%d directly, %d sent", len(c.straight), len(c.sent))
		}
		f.Up(a.place().Hash(), wire.Limits{InFlight: 64}, &address.Descriptor{Flags: address.Forwards})
		if f.step(); len(c.sent) != 3 || c.home.Hash() != a.place().Hash() {
			t.Fatalf("%d sent", len(c.sent))
		}
		first, again := c.sent[0].(*wire.Forward), c.sent[2].(*wire.Forward)
		if first.Channel != again.Channel || first.N == again.N {
			t.Error("another channel through the same home, or other bytes under a number")
		}
		time.Sleep(11 * time.Second) // links that break for ever do not keep a request for ever
		f.Down(a.place().Hash(), true)
		f.step()
		c.done[2](nil, wire.ErrLinkClosed)
		if f.step(); len(c.straight) != 1 {
			t.Errorf("%d directly", len(c.straight))
		}
	})
}

// TestChannelsStay: a drop's channel stays with its home until another one is much faster.
func TestChannelsStay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, c, a := withHome(Never)
		b, x := newTarget(), newTarget()
		f.Learn(x.descriptor(t, time.Now()))
		ask := func(drop uint16, want target) {
			t.Helper()
			c.home = Target{}
			f.Send(Request{To: x.place(), Payload: submit(drop)})
			if f.step(); c.home.Hash() != want.place().Hash() {
				t.Errorf("drop %d goes through another home", drop)
			}
		}
		took := func(h target, d time.Duration) {
			for range 30 {
				f.cfg.Scores.Took(h.place().Hash(), score.Forward, d, time.Now())
			}
		}
		took(a, 120*time.Millisecond)
		ask(1, a)
		f.Opened(b.place())
		f.Up(b.place().Hash(), wire.Limits{InFlight: 64}, &address.Descriptor{Flags: address.Forwards})
		took(b, 80*time.Millisecond)
		ask(1, a)
		ask(2, b)
		took(a, 2*time.Second)
		ask(1, b)
	})
}

// entriesOnly is the one home there is.
func (f *Forwarder) entriesOnly() (h key.GatewayHash) {
	for h = range f.entries {
	}
	return h
}

// BenchmarkSubmission is what a request through a home costs the client, without links: sealing it, and opening and
// checking the answer.
func BenchmarkSubmission(b *testing.B) {
	f, c, _ := withHome(Never)
	x := newTarget()
	f.Learn(x.descriptor(b, time.Now()))
	at := key.Place{Network: network(), Node: x.node.Public()}
	var exit *channel.Receiver
	reply := &wire.Commit{Sig: make([]byte, 64), Items: []wire.CommitItem{{ID: channel.RequestID, Leaf: make([]byte, 181)}}}
	for b.Loop() {
		f.Send(Request{To: x.place(), Payload: submit(1)})
		f.step()
		out := c.sent[len(c.sent)-1].(*wire.Forward)
		b.StopTimer()
		if exit == nil || out.Channel != exit.ID() {
			exit, _ = channel.Accept(at, x.kem, &out.Relay, time.Now())
		}
		q, err := exit.Unseal(&out.Relay)
		if err != nil {
			b.Fatal(err)
		}
		in, _ := exit.Seal(q, reply)
		b.StartTimer()
		c.done[len(c.done)-1](in, nil)
		f.step()
		c.sent, c.done, c.opened = c.sent[:0], c.done[:0], c.opened[:0]
	}
	if len(c.failed) > 0 {
		b.Fatal(c.failed[0])
	}
}
