package overlay_test

import (
	"context"
	"errors"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"zeroms/gateway/deposit"
	"zeroms/gateway/overlay"
	"zeroms/protocol/address"
	"zeroms/protocol/key"
	"zeroms/protocol/link"
	"zeroms/protocol/link/memlink"
	"zeroms/protocol/wire"
)

const both = wire.TransportQUIC | wire.TransportWSS

// world is a network of gateways in memory.
type world struct {
	t    *testing.T
	net  *memlink.Network
	seed link.Endpoint // the first gateway's
	all  []*node
	with func(*overlay.Config) // what the next ones are configured with beside; nil: nothing

	mu     sync.Mutex
	closed map[string]uint8 // guarded by mu: transports that get through to no host but from itself
}

// in runs a test inside a bubble.
func in(t *testing.T, test func(w *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := &world{t: t, net: memlink.New(memlink.Config{}), closed: map[string]uint8{}}
		defer func() {
			for _, n := range w.all {
				n.stop()
			}
			for _, n := range w.all {
				n.ends.Wait()
			}
		}()
		test(w)
	})
}

func (w *world) close(host string, transports uint8) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.closed[host] = transports
}

// node is one gateway.
type node struct {
	*overlay.Overlay
	w    *world
	key  key.NodePrivate
	host string

	stop context.CancelFunc
	ends sync.WaitGroup
}

// way dials over one transport, where that is open at both ends.
type way struct {
	n   *node
	via uint8
}

func (d way) Dial(ctx context.Context, e link.Endpoint) (link.Conn, error) {
	d.n.w.mu.Lock()
	shut := (d.n.w.closed[e.Host] | d.n.w.closed[d.n.host]&wire.TransportQUIC) & d.via
	d.n.w.mu.Unlock()
	if shut != 0 {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	return d.n.w.net.Dialer(d.n.host).As(d.n.key.Public()).Dial(ctx, e)
}

// nothing keeps no deposits, and the keys of channels in memory.
type nothing struct{ keys []byte }

func (nothing) DepositPut(context.Context, key.AccountTag, *deposit.Change) ([]deposit.Deposit, []int64, error) {
	return nil, nil, errors.New("nothing is kept")
}
func (nothing) DepositsOf(context.Context, key.AccountTag) ([]deposit.Deposit, error) {
	return nil, nil
}
func (nothing) DepositsFrom(context.Context, deposit.Mark, uint32, int) ([]deposit.Deposit, error) {
	return nil, nil
}
func (nothing) DepositRecords(context.Context, []int64) ([]deposit.Held, error) { return nil, nil }
func (nothing) DepositStates(context.Context, []deposit.State) error            { return nil }
func (s *nothing) Load() ([]byte, error)                                        { return s.keys, nil }
func (s *nothing) Save(b []byte) error                                          { s.keys = b; return nil }

// gateway starts one at an address.
func (w *world) gateway(host string) *node {
	w.t.Helper()
	n := &node{w: w, key: key.NewPrivate[key.Node](), host: host}
	cfg := overlay.Config{
		Node: n.key, X: 1, Params: address.Parameters{Network: key.Network{'t', 'e', 's', 't'}, Scope: address.Public},
		Addr: netip.AddrPortFrom(netip.MustParseAddr(host), 443), Transports: both,
		QUIC: way{n, wire.TransportQUIC}, WSS: way{n, wire.TransportWSS}, Keys: &nothing{}, Deposits: nothing{},
		Limits: wire.Limits{Frame: wire.MaxFrame},
	}
	if w.with != nil {
		w.with(&cfg)
	}
	public := n.key.Public()
	if w.seed.Node == nil {
		w.seed = link.Endpoint{Host: host, Port: 443, Node: public[:]}
	} else {
		cfg.Seeds = []link.Endpoint{w.seed}
	}
	var err error
	if n.Overlay, err = overlay.New(cfg, time.Now()); err != nil {
		w.t.Fatal(err)
	}
	var ctx context.Context
	ctx, n.stop = context.WithCancel(context.Background())
	n.ends.Go(func() {
		if err := n.Run(ctx); err != nil {
			w.t.Errorf("Run: %v", err)
		}
	})
	n.listen(ctx, host)
	w.all = append(w.all, n)
	return n
}

// listen serves links at a host.
func (n *node) listen(ctx context.Context, host string) {
	l := n.w.net.Listen(host, n.key.Public())
	n.ends.Go(func() {
		l.Serve(ctx, func(c link.Conn) { n.serve(ctx, c) })
		l.Close()
	})
}

// port sends answers in the background.
type port struct {
	ctx  context.Context
	link link.Conn
	in   *overlay.Fellow
}

func (p port) Answer(id uint64, answer wire.Payload) {
	p.in.End(0)
	go p.link.Send(p.ctx, wire.AppendFrame(nil, id, answer))
}

func (n *node) serve(ctx context.Context, c link.Conn) {
	var fellow *overlay.Fellow
	for {
		m, err := c.Recv(ctx)
		if err != nil {
			return
		}
		frames, err := wire.Frames(m)
		if err != nil {
			return
		}
		for _, f := range frames {
			if fellow == nil {
				var h wire.ClientHello
				if f.Decode(&h) != nil {
					return
				}
				if fellow, err = n.Accept(&h, c); err != nil || fellow == nil {
					return
				}
				mine := &wire.ServerHello{Version: wire.Version, Network: h.Network, Node: n.key.Public(), Time: wire.Millis(time.Now()), Descriptor: n.Descriptor()}
				if c.Send(ctx, wire.AppendFrame(nil, f.ID, mine)) != nil {
					return
				}
				continue
			}
			p, err := overlay.Parse(f)
			if err == nil {
				err = fellow.Begin(time.Now(), f.Type, 0)
			}
			if err != nil {
				n.w.t.Errorf("a request: %v", err)
				return
			}
			n.Asked(fellow, f.ID, p, port{ctx: ctx, link: c, in: fellow})
		}
	}
}

// state is what a gateway says of itself.
func (n *node) state() overlay.Stats {
	n.w.t.Helper()
	s, err := n.Stats(context.Background())
	if err != nil {
		n.w.t.Fatal(err)
	}
	return s
}

// said is what a gateway says of itself.
func (n *node) said() *address.Descriptor {
	n.w.t.Helper()
	d, err := address.OpenDescriptor(n.Descriptor(), key.Network{'t', 'e', 's', 't'}, time.Now())
	if err != nil {
		n.w.t.Fatal(err)
	}
	return d
}

// is checks who reaches a gateway.
func (n *node) is(serving bool, tcp, udp string, transports uint8) {
	n.w.t.Helper()
	s := n.state()
	if s.DHT.Serving != serving || s.Reached != (overlay.Reached{TCP: tcp, UDP: udp}) || serving && n.Contact().Transports != transports {
		n.w.t.Errorf("%s: serving %t, reached %+v over %d, knows %d", n.host, s.DHT.Serving, s.Reached, n.Contact().Transports, s.DHT.Table)
	}
}

func pass(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

// TestTCPOnly: a gateway whose UDP is closed takes part over TCP, says which it is,
// and takes nothing away from the others; once UDP is open it takes part over both.
func TestTCPOnly(t *testing.T) {
	in(t, func(w *world) {
		var all []*node
		for _, host := range strings.Fields("20.1.0.1 20.2.0.1 20.3.0.1") {
			all = append(all, w.gateway(host))
		}
		pass(30 * time.Second)
		w.close("20.4.0.1", wire.TransportQUIC)
		shut := w.gateway("20.4.0.1")
		pass(5 * time.Minute)
		shut.is(true, "yes", "no", wire.TransportWSS)
		for range 3 {
			for _, n := range all {
				n.is(true, "yes", "yes", both)
			}
			pass(time.Hour)
		}
		w.close("20.4.0.1", 0)
		pass(2 * time.Hour)
		shut.is(true, "yes", "yes", both)
	})
}

// TestHidden: whom nobody can connect to only asks, knows that, and serves soon after
// the way is open.
func TestHidden(t *testing.T) {
	in(t, func(w *world) {
		w.gateway("20.1.0.1")
		second := w.gateway("20.2.0.1")
		w.close("20.3.0.1", both)
		w.with = func(c *overlay.Config) { c.Host, c.Port = "third.example.org", 443 }
		hidden := w.gateway("20.3.0.1")
		pass(5 * time.Minute)
		hidden.is(false, "no", "no", 0)
		if d := hidden.said(); len(d.Addrs) != 0 || d.Host != "" || d.Flags&address.Serves != 0 {
			w.t.Errorf("it says of itself %+v, where nobody can connect to it", d.Contact())
		}
		if s := hidden.state(); s.Seen != "20.3.0.1" {
			w.t.Errorf("others see it at %q", s.Seen)
		}
		if s := hidden.state(); s.DHT.Table != 2 {
			w.t.Errorf("it knows %d", s.DHT.Table)
		}
		if s := second.state(); s.DHT.Table != 1 {
			w.t.Errorf("another one knows %d", s.DHT.Table)
		}
		w.close("20.3.0.1", 0)
		pass(30 * time.Minute)
		hidden.is(true, "yes", "yes", both)
		if d := hidden.said(); d.Contact() != hidden.Contact() || d.Host != "third.example.org" || d.Flags&address.Serves == 0 {
			w.t.Errorf("it says of itself %+v, and serves", d.Contact())
		}
		if s := second.state(); s.DHT.Table != 2 {
			w.t.Errorf("another one knows %d afterwards", s.DHT.Table)
		}
	})
}

// TestJoinByWhoDoesNotServe: a gateway that nobody has reached yet names no address,
// and others join by it all the same, at the place where it was asked.
func TestJoinByWhoDoesNotServe(t *testing.T) {
	in(t, func(w *world) {
		gone := wire.Contact{Node: key.NewPrivate[key.Node]().Public(), Addr: netip.MustParseAddrPort("20.8.0.1:443"), Transports: both}
		w.with = func(c *overlay.Config) { c.Cached = []wire.Contact{gone} }
		first := w.gateway("20.1.0.1")
		pass(2 * time.Second)
		if d := first.said(); first.state().DHT.Serving || len(d.Addrs) != 0 {
			w.t.Fatalf("it serves before anybody reached it, or says so: %+v", d.Contact())
		}
		w.with = nil
		second := w.gateway("20.2.0.1")
		pass(5 * time.Minute)
		first.is(true, "yes", "yes", both)
		second.is(true, "yes", "yes", both)
		if s := second.state(); s.DHT.Table != 1 || len(s.Silent) != 0 {
			w.t.Errorf("it knows %d, silent %v", s.DHT.Table, s.Silent)
		}
	})
}

// TestMove: a gateway that gets another address is found there once others reached
// it, and nowhere before.
func TestMove(t *testing.T) {
	in(t, func(w *world) {
		w.gateway("20.1.0.1")
		second := w.gateway("20.2.0.1")
		mover := w.gateway("20.3.0.1")
		pass(time.Minute)
		mover.is(true, "yes", "yes", both)
		to := netip.MustParseAddrPort("20.9.0.1:443")
		mover.host = "20.9.0.1"
		if err := mover.Move(context.Background(), to); err != nil {
			w.t.Fatal(err)
		}
		pass(2 * time.Minute)
		mover.is(false, "no", "no", 0)
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		mover.listen(ctx, mover.host)
		pass(30 * time.Minute)
		mover.is(true, "yes", "yes", both)
		known, err := second.Neighbours(context.Background())
		if err != nil || len(known) != 2 {
			w.t.Fatalf("%v, %v", known, err)
		}
		for _, c := range known {
			if c.Node == mover.key.Public() && c.Addr != to {
				w.t.Errorf("it is still known at %v", c.Addr)
			}
		}
		if mover.At() != to {
			w.t.Errorf("it names %v", mover.At())
		}
	})
}

// TestSilentSeeds: who was named and does not answer is told, and asked until one does.
func TestSilentSeeds(t *testing.T) {
	in(t, func(w *world) {
		nobody := key.NewPrivate[key.Node]().Public()
		w.seed = link.Endpoint{Host: "20.7.0.1", Port: 443, Node: nobody[:]}
		lonely := w.gateway("20.1.0.1")
		pass(time.Minute)
		if s := lonely.state(); s.Seeds != 1 || len(s.Silent) != 1 || s.Silent[0] != "20.7.0.1:443" || s.DHT.Table != 0 {
			w.t.Errorf("%d seeds, silent %v, %d known", s.Seeds, s.Silent, s.DHT.Table)
		}
		own := lonely.key.Public()
		w.seed = link.Endpoint{Host: "20.1.0.1", Port: 443, Node: own[:]}
		w.gateway("20.2.0.1")
		pass(time.Minute)
		if s := lonely.state(); s.DHT.Table != 1 {
			w.t.Errorf("%d known, after another one joined", s.DHT.Table)
		}
	})
}
