package peers_test

import (
	"context"
	"errors"
	"net/netip"
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

// TestCallerLimits: a caller gets so many requests, bytes and so much work.
func TestCallerLimits(t *testing.T) {
	in(t, func(c *peers.Config) { c.Capacity.Frames, c.Capacity.Bytes, c.Capacity.Work = 2000, 1<<20, 640 }, func(w *world) {
		c := contactAt("8.8.8.8:443", both)
		caller := func() *peers.Incoming {
			in, err := w.accept(c, c.Node, "8.8.8.8")
			if err != nil {
				t.Fatal(err)
			}
			return in
		}
		count := func(in *peers.Incoming, typ wire.Type, size int, end bool) (n int) {
			for in.Begin(time.Now(), typ, size) == nil {
				if n++; end {
					in.End(size)
				}
				if n > 20_000 {
					break
				}
			}
			return n
		}
		if n := count(caller(), wire.TypePing, 10, false); n != peers.InFlight {
			t.Errorf("%d requests without an answer", n)
		}
		in := caller()
		if n := count(in, wire.TypeRelay, 1<<20, false); n != 3 { // those of two seconds, and one that makes it more
			t.Errorf("%d MiB at once", n)
		}
		if n := count(caller(), wire.TypePing, 10, true); n != 4001 {
			t.Errorf("%d frames at once", n)
		}
		in = caller()
		if n := count(in, wire.TypePublish, 10, true); n != 21 {
			t.Errorf("%d publications at once", n)
		}
		pass(time.Second)
		if n := count(in, wire.TypePublish, 10, true); n != 10 {
			t.Errorf("%d publications a second later", n)
		}
		if n := count(in, wire.TypeRelay, 10, true); n < 100 {
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
