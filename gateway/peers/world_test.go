package peers_test

import (
	"context"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"zeroms/gateway/peers"
	"zeroms/protocol/address"
	"zeroms/protocol/key"
	"zeroms/protocol/link"
	"zeroms/protocol/link/memlink"
	"zeroms/protocol/wire"
)

var params = address.Parameters{Network: key.Network{'t', 'e', 's', 't'}, Scope: address.Public}

// world is a pool on a memory network, inside a bubble.
type world struct {
	t    *testing.T
	net  *memlink.Network
	node key.NodePrivate
	self wire.Contact
	pool *peers.Pool
	wss  *dialer
	quic *dialer
	dns  *resolver

	stop context.CancelFunc
	ran  chan struct{}
}

// dialer notes who was dialled; it may have addresses at which nothing answers.
type dialer struct {
	over peers.Dialer

	mu     sync.Mutex
	dials  []link.Endpoint
	silent func(link.Endpoint) bool
}

func (d *dialer) Dial(ctx context.Context, e link.Endpoint) (link.Conn, error) {
	d.mu.Lock()
	d.dials = append(d.dials, e)
	silent := d.silent != nil && d.silent(e)
	d.mu.Unlock()
	if silent {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	return d.over.Dial(ctx, e)
}

func (d *dialer) count() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.dials)
}

// hosts are the addresses that were dialled since the last call.
func (d *dialer) hosts() (out []string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, e := range d.dials {
		out = append(out, e.Host)
	}
	d.dials = nil
	return out
}

// resolver answers from a table and notes what it was asked.
type resolver struct {
	mu    sync.Mutex
	table map[string][]netip.Addr
	asked []string
}

func (r *resolver) LookupNetIP(_ context.Context, _, host string) ([]netip.Addr, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.asked = append(r.asked, host)
	if found, ok := r.table[host]; ok {
		return found, nil
	}
	return nil, wire.ErrUnreachable
}

// questions are the names that were asked for.
func (r *resolver) questions() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]string(nil), r.asked...)
}

// name gives a name its addresses.
func (r *resolver) name(host string, addrs ...netip.Addr) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.table[host+"."] = addrs
}

// in runs a test of a pool inside a bubble.
func in(t *testing.T, change func(*peers.Config), test func(w *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := start(t, change)
		defer w.end()
		test(w)
	})
}

func start(t *testing.T, change func(*peers.Config)) *world {
	w := &world{
		t: t, net: memlink.New(memlink.Config{}), node: key.NewPrivate[key.Node](),
		dns: &resolver{table: map[string][]netip.Addr{}}, ran: make(chan struct{}),
	}
	w.wss = &dialer{over: w.net.Dialer("self")}
	w.quic = &dialer{over: w.net.Dialer("self")}
	w.self = wire.Contact{Node: w.node.Public(), X: 7, Addr: netip.MustParseAddrPort("9.9.9.9:443"), Transports: wire.TransportWSS}
	cfg := peers.Config{
		Node: w.node.Public(), Params: params, Self: w.self, QUIC: w.quic, WSS: w.wss, Resolver: w.dns,
	}
	if change != nil {
		change(&cfg)
	}
	var err error
	if w.pool, err = peers.New(cfg); err != nil {
		t.Fatal(err)
	}
	var ctx context.Context
	ctx, w.stop = context.WithCancel(context.Background())
	go func() {
		defer close(w.ran)
		if err := w.pool.Run(ctx); err != nil {
			t.Errorf("Run: %v", err)
		}
	}()
	return w
}

// end ends the pool; nothing of it may be left.
func (w *world) end() {
	w.stop()
	<-w.ran
}

// gateway is another gateway, played by the test.
type gateway struct {
	node    key.NodePrivate
	contact wire.Contact
	at      string

	answer func(f wire.Frame) wire.Payload // nil as answer: none
	twice  bool                            // everything is answered twice
	// farewell is what comes before each answer, without request.
	farewell *wire.Error
	// raw is sent in place of answers.
	raw   []byte
	hello func(*wire.ServerHello)

	links, served atomic.Int64
	mu            sync.Mutex
	hellos        []wire.ClientHello
	stop          context.CancelFunc
	done          chan struct{}
}

// gateway starts one at an address, which answers Pings.
func (w *world) gateway(at string, transports uint8) *gateway {
	w.t.Helper()
	g := &gateway{node: key.NewPrivate[key.Node](), at: at}
	addr := netip.MustParseAddrPort(at)
	g.contact = wire.Contact{Node: g.node.Public(), X: 1, Addr: addr, Transports: transports}
	g.answer = func(f wire.Frame) wire.Payload {
		if f.Type == wire.TypePing {
			return &wire.Pong{}
		}
		return wire.FailureOf(wire.ErrUnexpected)
	}
	g.start(w)
	return g
}

// start has the gateway listen.
func (g *gateway) start(w *world) {
	l := w.net.Listen(g.contact.Addr.Addr().String(), g.node.Public())
	var ctx context.Context
	ctx, g.stop = context.WithCancel(context.Background())
	g.done = make(chan struct{})
	go func() {
		defer close(g.done)
		l.Serve(ctx, func(c link.Conn) { g.serve(ctx, c) })
		l.Close()
	}()
	w.t.Cleanup(func() { g.stop(); <-g.done })
}

func (g *gateway) serve(ctx context.Context, c link.Conn) {
	g.links.Add(1)
	defer g.links.Add(-1)
	greeted := false
	for {
		m, err := c.Recv(ctx)
		if err != nil {
			return
		}
		frames, err := wire.Frames(m)
		if err != nil {
			return
		}
		var out []byte
		for _, f := range frames {
			if !greeted {
				greeted = true
				out = append(out, g.greet(f)...)
				continue
			}
			g.served.Add(1)
			if g.raw != nil {
				out = append(out, g.raw...)
				continue
			}
			if g.farewell != nil {
				out = wire.AppendFrame(out, 0, wire.FailureOf(g.farewell))
			}
			if p := g.answer(f); p != nil {
				out = wire.AppendFrame(out, f.ID, p)
				if g.twice {
					out = wire.AppendFrame(out, f.ID, p)
				}
			}
		}
		if len(out) > 0 && c.Send(ctx, out) != nil {
			return
		}
	}
}

func (g *gateway) greet(f wire.Frame) []byte {
	var h wire.ClientHello
	if err := f.Decode(&h); err != nil {
		return wire.AppendFrame(nil, 0, wire.FailureOf(err))
	}
	g.mu.Lock()
	g.hellos = append(g.hellos, h)
	g.mu.Unlock()
	mine := &wire.ServerHello{Version: wire.Version, Network: h.Network, Node: g.node.Public(), Time: wire.Millis(time.Now())}
	if g.hello != nil {
		g.hello(mine)
	}
	return wire.AppendFrame(nil, f.ID, mine)
}

// endpoint is where the gateway is, as clients name it.
func (g *gateway) endpoint() link.Endpoint {
	node := g.node.Public()
	return link.Endpoint{Host: g.contact.Addr.Addr().String(), Port: g.contact.Addr.Port(), Node: node[:]}
}

// descriptor is the gateway's own.
func (g *gateway) descriptor(t *testing.T, now time.Time) []byte {
	t.Helper()
	b, err := address.SealDescriptor(&address.Descriptor{
		X: g.contact.X, KEM: key.NewRelayPrivate().Public(), Addrs: []netip.AddrPort{g.contact.Addr}, Transports: g.contact.Transports,
		Network: params.Network, Made: now, Expires: now.Add(24 * time.Hour), Limits: wire.Limits{Frame: wire.MaxFrame},
	}, g.node)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// ping asks a gateway at its contact.
func (w *world) ping(g *gateway) error {
	_, err := w.pool.Ask(context.Background(), g.contact, &wire.Ping{})
	return err
}

// pass lets a bubble's time pass.
func pass(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

func gatewayHash(n key.NodePublic) key.GatewayHash { return key.GatewayHashOf(n) }
