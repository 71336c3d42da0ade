package peers_test

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"time"

	"zeroms/gateway/peers"
	"zeroms/protocol/key"
	"zeroms/protocol/link"
	"zeroms/protocol/wire"
)

// proved is a link whose other side proved a key and comes from an address.
type proved struct {
	link.Conn
	node   key.NodePublic
	remote netip.Addr
}

func (p proved) Node() key.NodePublic { return p.node }
func (p proved) Remote() netip.Addr   { return p.remote }

// accept shows the pool the hello of a link.
func (w *world) accept(c wire.Contact, proof key.NodePublic, from string) (*peers.Incoming, error) {
	var remote netip.Addr
	if from != "" {
		remote = netip.MustParseAddr(from)
	}
	return w.pool.Accept(&wire.ClientHello{Gateway: c.AppendTo(nil)}, proved{node: proof, remote: remote})
}

// TestAccept: a caller is who its certificate says, and what it claims of its address
// is in scope.
func TestAccept(t *testing.T) {
	in(t, nil, func(w *world) {
		c := contactAt("8.8.8.8:443", both)
		other := key.NewPrivate[key.Node]().Public()
		unreachable := c
		unreachable.Addr, unreachable.Transports = netip.AddrPort{}, 0
		inner, own := c, c
		inner.Addr = netip.MustParseAddrPort("10.0.0.1:443")
		own.Node = w.node.Public()
		for name, a := range map[string]struct {
			contact wire.Contact
			proof   key.NodePublic
			want    error
		}{
			"itself":         {c, c.Node, nil},
			"unreachable":    {unreachable, c.Node, nil},
			"no certificate": {c, key.NodePublic{}, wire.ErrWrongNode},
			"another key":    {c, other, wire.ErrWrongNode},
			"zero key":       {wire.Contact{}, key.NodePublic{}, wire.ErrWrongNode},
			"inner address":  {inner, c.Node, wire.ErrScope},
			"our own key":    {own, w.node.Public(), wire.ErrWrongNode},
		} {
			in, err := w.accept(a.contact, a.proof, "::ffff:5.5.5.5")
			if !errors.Is(err, a.want) || (err == nil) != (in != nil) {
				t.Errorf("%s: %v", name, err)
				continue
			}
			if in != nil && (in.Caller().Contact != a.contact || in.Caller().Source != netip.MustParseAddr("5.5.5.5") ||
				in.Caller().Place != key.NodeIDOf(key.Place{Network: params.Network, Node: c.Node}, c.X)) {
				t.Errorf("%s: %+v", name, in.Caller())
			}
		}
		if in, err := w.pool.Accept(&wire.ClientHello{}, proved{}); in != nil || err != nil {
			t.Errorf("a client: %v", err)
		}
		if _, err := w.pool.Accept(&wire.ClientHello{Gateway: make([]byte, 58)}, proved{node: c.Node}); err == nil {
			t.Error("a contact that is none")
		}
	})
}

// calls lets a caller ask so many times, each answered at once, and returns how long
// its link was not read.
func calls(t *testing.T, in *peers.Incoming, n, size int) time.Duration {
	t.Helper()
	began := time.Now()
	for range n {
		if err := in.Begin(time.Now(), wire.TypeRelay, size); err != nil {
			t.Fatal(err)
		}
		in.End(size)
	}
	return time.Since(began)
}

// caller is the link of a gateway with a key of its own; from "" its address is not
// known.
func (w *world) caller(from string) *peers.Incoming {
	w.t.Helper()
	c := contactAt("8.8.8.8:443", both)
	in, err := w.accept(c, c.Node, from)
	if err != nil {
		w.t.Fatal(err)
	}
	return in
}

// TestCallerLimits: a caller has so many requests and bytes without an answer, and
// gets so much work done.
func TestCallerLimits(t *testing.T) {
	in(t, func(c *peers.Config) { c.Capacity.Work = 640 }, func(w *world) {
		count := func(in *peers.Incoming, typ wire.Type, size int, end bool) (n int) {
			for n < 20_000 && in.Begin(time.Now(), typ, size) == nil {
				if n++; end {
					in.End(size)
				}
			}
			return n
		}
		if n := count(w.caller(""), wire.TypePing, 10, false); n != peers.InFlight {
			t.Errorf("%d requests without an answer", n)
		}
		if n := count(w.caller(""), wire.TypeRelay, 64<<10, false); n != peers.InFlightBytes>>16 {
			t.Errorf("%d large requests without an answer", n)
		}
		in := w.caller("")
		if n := count(in, wire.TypePublish, 10, true); n != 21 { // those of two seconds, and one that makes it more
			t.Errorf("%d publications at once", n)
		}
		pass(time.Second)
		if n := count(in, wire.TypePublish, 10, true); n != 10 {
			t.Errorf("%d publications a second later", n)
		}
		if n := count(in, wire.TypeRelay, 10, true); n != 20_000 {
			t.Errorf("%d relays beside them", n)
		}
		for _, typ := range []wire.Type{wire.TypeLogin, wire.TypeSubmit, wire.TypeForward, wire.TypePong, wire.TypeAck, 0, 200} {
			if err := in.Begin(time.Now(), typ, 10); !errors.Is(err, wire.ErrUnexpected) {
				t.Errorf("type %d: %v", typ, err)
			}
			if _, err := peers.ParseRequest(wire.Frame{Type: typ, Raw: []byte{0xa0}}); !errors.Is(err, wire.ErrUnexpected) {
				t.Errorf("type %d: %v", typ, err)
			}
		}
	})
}

// slow are rates that are soon reached.
func slow(c *peers.Config) { c.Capacity.Frames, c.Capacity.Bytes = 2000, 1<<20 }

// near reports whether a time is what it should be, but for the grain of waiting.
func near(got, want time.Duration) bool {
	return got >= want-10*time.Millisecond && got <= want+10*time.Millisecond
}

// TestCallerWaits: beyond its rates a caller's link is read no faster, and nothing is
// refused.
func TestCallerWaits(t *testing.T) {
	in(t, slow, func(w *world) {
		few, large := w.caller(""), w.caller("")
		if took := calls(t, few, 4000, 10); took != 0 {
			t.Errorf("the requests of two seconds take %v", took)
		}
		if took := calls(t, few, 6000, 10); !near(took, 3*time.Second) {
			t.Errorf("those of three more take %v", took)
		}
		if took := calls(t, large, 32, 64<<10); took != 0 {
			t.Errorf("the bytes of two seconds take %v", took)
		}
		if took := calls(t, large, 48, 64<<10); !near(took, 3*time.Second) {
			t.Errorf("those of three more take %v", took)
		}
		calls(t, few, 6000, 10)
		pass(time.Second)
		if took := calls(t, few, 2000, 10); took > 10*time.Millisecond {
			t.Errorf("what a second brought is waited for %v", took)
		}
		began := time.Now()
		for range 2000 { // they cost as much
			if err := few.Begin(time.Now(), wire.TypeLogin, 10); !errors.Is(err, wire.ErrUnexpected) {
				t.Fatal(err)
			}
		}
		if took := time.Since(began); !near(took, time.Second) {
			t.Errorf("2,000 requests that gateways do not ask take %v", took)
		}
	})
}

// TestNothingIsLostByWaiting: who asks faster than the other side reads gets every
// answer, over the same link, only later.
func TestNothingIsLostByWaiting(t *testing.T) {
	in(t, slow, func(w *world) {
		g, from := w.gateway("8.8.8.8:443", both), w.caller("7.7.7.7")
		g.answer = func(f wire.Frame) wire.Payload {
			if err := from.Begin(time.Now(), f.Type, len(f.Raw)); err != nil {
				return wire.FailureOf(err)
			}
			from.End(len(f.Raw))
			return &wire.Pong{}
		}
		began := time.Now()
		var all sync.WaitGroup
		for range 50 {
			all.Go(func() {
				for range 160 {
					answer, err := w.pool.AskAt(w.t.Context(), g.endpoint(), &wire.Ping{})
					if _, ok := answer.(*wire.Pong); !ok {
						t.Errorf("%T, %v", answer, err)
					}
				}
			})
		}
		all.Wait()
		if took := time.Since(began); !near(took, 2*time.Second) {
			t.Errorf("8,000 requests take %v", took)
		}
		if s := w.pool.Stats(); s.Answered != 8000 || s.Refused != 0 || s.Late != 0 || s.Links != 1 || w.dials() > 2 {
			t.Errorf("%+v", s)
		}
	})
}

// TestNeighbourhoodWaits: links from one network ask no faster than one link does,
// whatever keys they have and however often they are opened anew, and none is shut out;
// others do not notice.
func TestNeighbourhoodWaits(t *testing.T) {
	for name, at := range map[string]func(i int) string{
		"a /24": func(i int) string { return fmt.Sprintf("8.8.8.%d", i) },
		"a /48": func(i int) string { return fmt.Sprintf("2600:1:2:%x::1", i<<8) },
	} {
		in(t, slow, func(w *world) {
			const span = 3 * time.Second
			began := time.Now()
			var all sync.WaitGroup
			var got [8]int
			for i := range got {
				all.Go(func() {
					link := w.caller(at(i))
					for time.Since(began) < span {
						if got[i]++; got[i]%100 == 0 {
							link = w.caller(at(i))
						}
						calls(t, link, 1, 10)
					}
				})
			}
			all.Go(func() { // beside them
				for _, other := range []string{"8.8.9.1", "2600:1:3::1", ""} {
					if took := calls(t, w.caller(other), 4000, 10); took != 0 {
						t.Errorf("%s: %q waits %v for others", name, other, took)
					}
				}
			})
			all.Wait()
			sum := 0
			for _, n := range got {
				sum += n
			}
			if want := 4000 + 3*2000; sum < want-100 || sum > want+100 {
				t.Errorf("%s: %d requests of all links in 3 s, want %d", name, sum, want)
			}
			if slices.Min(got[:]) < 6000/len(got)/4 {
				t.Errorf("%s: %v requests of the links", name, got)
			}
			if took := calls(t, w.caller(at(200)), 2000, 10); !near(took, time.Second) {
				t.Errorf("%s: 2,000 requests over one more link take %v", name, took)
			}
		})
	}
}

// TestWaitEnds: the end of the pool ends the wait of a reader.
func TestWaitEnds(t *testing.T) {
	in(t, slow, func(w *world) {
		link := w.caller("8.8.8.8")
		ended := make(chan error)
		go func() { ended <- link.Begin(time.Now(), wire.TypePing, 64<<20) }()
		pass(time.Second)
		select {
		case err := <-ended:
			t.Fatalf("it does not wait: %v", err)
		default:
		}
		w.stop()
		if err := <-ended; !errors.Is(err, wire.ErrDraining) {
			t.Error(err)
		}
	})
}

func (w *world) reach(from peers.Caller, c wire.Contact) error {
	got := make(chan wire.Payload, 1)
	r := &wire.Reach{}
	c.AppendTo(r.Contact[:0])
	w.pool.Reach(from, r, func(p wire.Payload) { got <- p })
	switch p := (<-got).(type) {
	case *wire.OK:
		return nil
	case *wire.Failure:
		return p.Err()
	}
	return errors.New("another answer")
}

// TestReach: a dial-back goes to the caller's own address only, over every transport
// that it names, and proves its key.
func TestReach(t *testing.T) {
	in(t, nil, func(w *world) {
		g := w.gateway("8.8.8.8:443", both)
		from := peers.Caller{Contact: g.contact, Source: netip.MustParseAddr("8.8.8.8")}
		if err := w.reach(from, g.contact); err != nil {
			t.Error(err)
		}
		if q, s := w.quic.hosts(), w.wss.hosts(); len(q) != 1 || len(s) != 1 {
			t.Errorf("dialled %v %v", q, s)
		}
		pass(time.Second) // until the other side has seen the end
		if g.links.Load() != 0 || len(g.hellos) != 0 || w.pool.Stats().Links != 0 {
			t.Error("more than a handshake")
		}
		victim := w.gateway("7.7.7.7:443", both)
		elsewhere, thief, nowhere, mapped := g.contact, victim.contact, g.contact, g.contact
		elsewhere.Addr = victim.contact.Addr
		nowhere.Addr, nowhere.Transports = netip.AddrPort{}, 0
		mapped.Addr = netip.AddrPortFrom(netip.AddrFrom16(g.contact.Addr.Addr().As16()), 443)
		for name, c := range map[string]struct {
			from peers.Caller
			c    wire.Contact
			want error
		}{
			"another address":   {from, elsewhere, wire.ErrScope},
			"no address":        {from, nowhere, wire.ErrScope},
			"another's key":     {from, thief, wire.ErrWrongNode},
			"unverified source": {peers.Caller{Contact: g.contact}, g.contact, wire.ErrScope},
			"inner source":      {peers.Caller{Contact: wire.Contact{Node: g.contact.Node}, Source: netip.MustParseAddr("10.0.0.1")}, wire.Contact{Node: g.contact.Node, Addr: netip.MustParseAddrPort("10.0.0.1:443"), Transports: both}, wire.ErrScope},
		} {
			if err := w.reach(c.from, c.c); !errors.Is(err, c.want) {
				t.Errorf("%s: %v", name, err)
			}
		}
		if err := w.reach(from, mapped); err != nil {
			t.Errorf("the same address, spelled another way: %v", err)
		}
		w.quic.hosts()
		w.wss.hosts()
		imposter := wire.Contact{Node: key.NewPrivate[key.Node]().Public(), Addr: g.contact.Addr, Transports: both}
		if err := w.reach(peers.Caller{Contact: imposter, Source: from.Source}, imposter); !errors.Is(err, wire.ErrUnreachable) {
			t.Errorf("another key there: %v", err)
		}
		w.quic.silent = func(link.Endpoint) bool { return true }
		if err := w.reach(from, g.contact); !errors.Is(err, wire.ErrUnreachable) {
			t.Errorf("one of two transports: %v", err)
		}
	})
}

// TestReachWithoutUDP: a gateway whose own UDP gets through to nobody does not say
// that another can't be reached; nor does one that speaks no QUIC.
func TestReachWithoutUDP(t *testing.T) {
	caller := func(w *world) (peers.Caller, wire.Contact) {
		g := w.gateway("8.8.8.8:443", both)
		return peers.Caller{Contact: g.contact, Source: netip.MustParseAddr("8.8.8.8")}, g.contact
	}
	in(t, nil, func(w *world) {
		from, c := caller(w)
		w.quic.silent = func(link.Endpoint) bool { return true }
		if err := w.reach(from, c); !errors.Is(err, wire.ErrBusy) {
			t.Errorf("nothing is known of our UDP: %v", err)
		}
		w.wss.silent = func(link.Endpoint) bool { return true }
		if err := w.reach(from, c); !errors.Is(err, wire.ErrUnreachable) {
			t.Errorf("neither transport: %v", err)
		}
		w.quic.silent, w.wss.silent = nil, nil
		if err := w.reach(from, c); err != nil {
			t.Error(err)
		}
		w.quic.silent = func(link.Endpoint) bool { return true }
		if err := w.reach(from, c); !errors.Is(err, wire.ErrUnreachable) {
			t.Errorf("our UDP works: %v", err)
		}
		pass(61 * time.Minute)
		if err := w.reach(from, c); !errors.Is(err, wire.ErrBusy) {
			t.Errorf("nothing is known of our UDP any more: %v", err)
		}
	})
	in(t, func(c *peers.Config) { c.QUIC = nil }, func(w *world) {
		from, c := caller(w)
		if err := w.reach(from, c); !errors.Is(err, wire.ErrBusy) {
			t.Errorf("without QUIC: %v", err)
		}
		c.Transports = wire.TransportWSS
		if err := w.reach(from, c); err != nil {
			t.Error(err)
		}
	})
}

// TestReachLimits: a caller, and a network of callers, gets few dial-backs a minute.
func TestReachLimits(t *testing.T) {
	in(t, nil, func(w *world) {
		g := w.gateway("8.8.8.8:443", wire.TransportWSS)
		from := peers.Caller{Contact: g.contact, Source: netip.MustParseAddr("8.8.8.8")}
		ok := 0
		for range 100 {
			if err := w.reach(from, g.contact); err == nil {
				ok++
			} else if !errors.Is(err, wire.ErrLimit) {
				t.Fatal(err)
			}
		}
		if ok != 6 {
			t.Errorf("%d dial-backs at once", ok)
		}
		for range 100 {
			c := contactAt("8.8.8.9:443", wire.TransportWSS)
			w.reach(peers.Caller{Contact: c, Source: c.Addr.Addr()}, c)
		}
		if n := w.dials(); n != 24 {
			t.Errorf("%d dial-backs into one network", n)
		}
		pass(20 * time.Second)
		if err := w.reach(from, g.contact); err != nil {
			t.Errorf("20 s later: %v", err)
		}
	})
}

// directory knows descriptors.
type directory struct {
	found  map[key.NodePublic][]byte
	sample []wire.Contact
	finds  int
}

func (d *directory) Find(_ context.Context, n key.NodePublic) ([]byte, error) {
	d.finds++
	if b := d.found[n]; b != nil {
		return b, nil
	}
	return nil, wire.ErrNoRecord
}

func (d *directory) Sample(n int) []wire.Contact { return d.sample[:min(n, len(d.sample))] }

func (w *world) describe(g *wire.DescriptorGet) ([]byte, error) {
	got := make(chan wire.Payload, 1)
	w.pool.Describe(g, func(p wire.Payload) { got <- p })
	switch p := (<-got).(type) {
	case *wire.Descriptor:
		return p.Object, nil
	case *wire.Failure:
		return nil, p.Err()
	}
	return nil, errors.New("another answer")
}

// TestDescribe: a descriptor comes from memory, from the network, or from the gateway
// itself within the scope; it is always the one of the gateway that was asked for.
func TestDescribe(t *testing.T) {
	d := &directory{found: map[key.NodePublic][]byte{}}
	mine := []byte("mine")
	in(t, func(c *peers.Config) { c.Directory = d; c.Descriptor = func() []byte { return mine } }, func(w *world) {
		own := w.node.Public()
		if got, err := w.describe(&wire.DescriptorGet{Node: own[:]}); err != nil || string(got) != "mine" {
			t.Errorf("%q, %v", got, err)
		}
		g, far := w.gateway("8.8.8.8:443", both), w.gateway("7.7.7.7:443", both)
		object := g.descriptor(w.t, time.Now())
		g.hello = func(h *wire.ServerHello) { h.Descriptor = object }
		hash := key.GatewayHashOf(g.node.Public())
		for _, node := range [][]byte{hash[:], g.contact.Node[:]} {
			got, err := w.describe(&wire.DescriptorGet{Node: node, Host: "8.8.8.8", Port: 443})
			if err != nil || string(got) != string(object) {
				t.Fatal(err)
			}
		}
		if w.dials() != 1 || d.finds != 0 {
			t.Errorf("%d dials, %d look-ups", w.dials(), d.finds)
		}
		if opened, ok := w.pool.DescriptorAt(link.Endpoint{Node: hash[:]}); !ok || opened.Node != g.contact.Node {
			t.Error("it is not known by its hash")
		}
		d.found[far.contact.Node] = far.descriptor(w.t, time.Now())
		if got, err := w.describe(&wire.DescriptorGet{Node: far.contact.Node[:]}); err != nil || len(got) == 0 || far.links.Load() != 0 {
			t.Errorf("from the network: %v", err)
		}
		liar := w.gateway("6.6.6.6:443", both)
		d.found[liar.contact.Node] = object // another gateway's
		for name, c := range map[string]struct {
			get  *wire.DescriptorGet
			want error
		}{
			"another's":    {&wire.DescriptorGet{Node: liar.contact.Node[:]}, wire.ErrNoRecord},
			"nobody's":     {&wire.DescriptorGet{Node: make([]byte, 32)}, wire.ErrNoRecord},
			"inner":        {&wire.DescriptorGet{Node: make([]byte, 16), Host: "10.0.0.1", Port: 443}, wire.ErrScope},
			"not there":    {&wire.DescriptorGet{Node: make([]byte, 16), Host: "5.5.5.5", Port: 443}, wire.ErrUnreachable},
			"no place":     {&wire.DescriptorGet{Node: make([]byte, 16)}, wire.ErrValue},
			"another key":  {&wire.DescriptorGet{Node: make([]byte, 16), Host: "8.8.8.8", Port: 443}, wire.ErrWrongNode},
			"without any":  {&wire.DescriptorGet{Node: liar.contact.Node[:], Host: "6.6.6.6", Port: 443}, wire.ErrNoRecord},
			"half a place": {&wire.DescriptorGet{Node: liar.contact.Node[:], Host: "6.6.6.6"}, wire.ErrValue},
		} {
			if _, err := w.describe(c.get); !errors.Is(err, c.want) {
				t.Errorf("%s: %v, want %v", name, err, c.want)
			}
		}
	})
}

// TestForeignDescriptor: a gateway that shows another one's descriptor loses its link;
// one that shows an old one does not.
func TestForeignDescriptor(t *testing.T) {
	in(t, nil, func(w *world) {
		g, other := w.gateway("8.8.8.8:443", both), w.gateway("7.7.7.7:443", both)
		g.hello = func(h *wire.ServerHello) { h.Descriptor = other.descriptor(w.t, time.Now()) }
		if err := w.ping(g); !errors.Is(err, wire.ErrWrongNode) {
			t.Error(err)
		}
		if _, known := w.pool.Descriptor(other.contact.Node); known {
			t.Error("it is kept")
		}
		other.hello = func(h *wire.ServerHello) { h.Descriptor = other.descriptor(w.t, time.Now().Add(-48*time.Hour)) }
		if err := w.ping(other); err != nil {
			t.Error(err)
		}
		if _, known := w.pool.Descriptor(other.contact.Node); known {
			t.Error("an old one is kept")
		}
	})
}

// TestGateways: only gateways that were reached are handed out, and some more are
// greeted for the next who asks.
func TestGateways(t *testing.T) {
	d := &directory{found: map[key.NodePublic][]byte{}}
	in(t, func(c *peers.Config) { c.Directory = d }, func(w *world) {
		var all []*gateway
		for _, at := range []string{"8.8.8.8:443", "7.7.7.7:443", "6.6.6.6:443"} {
			g := w.gateway(at, both)
			g.hello = func(h *wire.ServerHello) { h.Descriptor = g.descriptor(w.t, time.Now()) }
			all = append(all, g)
		}
		d.sample = []wire.Contact{all[0].contact, all[1].contact}
		d.found[all[2].contact.Node] = all[2].descriptor(w.t, time.Now())
		if _, err := w.describe(&wire.DescriptorGet{Node: all[2].contact.Node[:]}); err != nil {
			t.Fatal(err)
		}
		gateways := func(n uint8) int {
			p, ok := w.pool.Gateways(&wire.GatewaysGet{Count: n}).(*wire.Gateways)
			if !ok {
				return -1
			}
			return len(p.Objects)
		}
		if n := gateways(5); n != 0 {
			t.Errorf("%d gateways that nobody reached", n)
		}
		pass(time.Second)
		if n := gateways(5); n != 2 {
			t.Errorf("%d gateways", n)
		}
		if n := gateways(1); n != 1 {
			t.Errorf("%d gateways", n)
		}
		if gateways(0) != -1 || gateways(wire.MaxGateways+1) != -1 {
			t.Error("a count out of range is answered")
		}
		pass(25 * time.Hour)
		if n := gateways(5); n > 2 || all[2].links.Load() != 0 {
			t.Errorf("%d gateways a day later", n)
		}
	})
}
