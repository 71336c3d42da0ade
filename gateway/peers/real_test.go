package peers_test

import (
	"context"
	"net"
	"net/netip"
	"sync"
	"testing"
	"time"

	"zeroms/gateway/peers"
	"zeroms/protocol/address"
	"zeroms/protocol/key"
	"zeroms/protocol/link"
	quiclink "zeroms/protocol/link/quic"
	"zeroms/protocol/wire"
)

// overQUIC dials the addresses that endpoints hold.
type overQUIC struct{ *quiclink.Socket }

func (d overQUIC) Dial(ctx context.Context, e link.Endpoint) (link.Conn, error) {
	return d.Socket.Dial(ctx, netip.AddrPortFrom(netip.MustParseAddr(e.Host), e.Port), e.Node)
}

// real is a gateway on loopback sockets, with a pool of its own.
type real struct {
	gateway
	pool *peers.Pool

	mu      sync.Mutex
	callers []peers.Caller
}

var loopback = address.Parameters{Network: key.Network{'t', 'e', 's', 't'}, Scope: address.Loopback}

// startReal runs a gateway with these transports. silentUDP has it say that it speaks
// QUIC without listening.
func startReal(t testing.TB, transports uint8, silentUDP bool) *real {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	var all sync.WaitGroup
	t.Cleanup(func() { cancel(); all.Wait() })
	g := &real{}
	g.node = key.NewPrivate[key.Node]()
	g.answer = func(wire.Frame) wire.Payload { return &wire.Pong{} }
	tcp, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	at := tcp.Addr().(*net.TCPAddr).AddrPort()
	g.contact = wire.Contact{Node: g.node.Public(), Addr: at, Transports: transports}
	handle := func(c link.Conn) {
		g.serve(ctx, seen{c, g})
	}
	udp, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(at))
	if err != nil {
		t.Fatal(err)
	}
	socket, err := quiclink.New(udp, quiclink.Config{Node: g.node, Network: loopback.Network})
	if err != nil {
		t.Fatal(err)
	}
	if silentUDP {
		socket.Close()
		if udp, err = net.ListenUDP("udp", net.UDPAddrFromAddrPort(at)); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { udp.Close() })
		out, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
		if err != nil {
			t.Fatal(err)
		}
		if socket, err = quiclink.New(out, quiclink.Config{Node: g.node, Network: loopback.Network}); err != nil {
			t.Fatal(err)
		}
	}
	wss, err := link.NewDialer(link.Config{Node: g.node})
	if err != nil {
		t.Fatal(err)
	}
	g.pool, err = peers.New(peers.Config{Node: g.node.Public(), Params: loopback, Self: g.contact, QUIC: overQUIC{socket}, WSS: wss})
	if err != nil {
		t.Fatal(err)
	}
	all.Go(func() { link.Serve(ctx, tcp, link.ServerConfig{Node: g.node}, handle) })
	all.Go(func() { socket.Serve(ctx, handle) })
	all.Go(func() { g.pool.Run(ctx) })
	return g
}

// seen is a link whose hello its gateway checks as package gateway does.
type seen struct {
	link.Conn
	g *real
}

func (s seen) Recv(ctx context.Context) ([]byte, error) {
	m, err := s.Conn.Recv(ctx)
	if err != nil {
		return nil, err
	}
	if f, _, err := wire.NextFrame(m); err == nil && f.Type == wire.TypeClientHello {
		var h wire.ClientHello
		if err := f.Decode(&h); err != nil {
			return nil, err
		}
		in, err := s.g.pool.Accept(&h, s.Conn)
		if err != nil {
			return nil, err
		}
		s.g.mu.Lock()
		s.g.callers = append(s.g.callers, in.Caller())
		s.g.mu.Unlock()
	}
	return m, nil
}

// TestRealLinks: real sockets, TLS and QUIC; both sides prove their keys, the caller's
// address is known, and it can be dialled back.
func TestRealLinks(t *testing.T) {
	for name, c := range map[string]struct {
		transports uint8
		silent     bool
		quic       int64
	}{
		"quic":        {both, false, 1},
		"only quic":   {wire.TransportQUIC, false, 1},
		"web":         {wire.TransportWSS, false, 0},
		"udp blocked": {both, true, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a, b := startReal(t, both, false), startReal(t, c.transports, c.silent)
			var all sync.WaitGroup
			for range 20 {
				all.Go(func() {
					if p, err := a.pool.Ask(t.Context(), b.contact, &wire.Ping{}); err != nil || p.Type() != wire.TypePong {
						t.Errorf("%T, %v", p, err)
					}
				})
			}
			all.Wait()
			if s := a.pool.Stats(); s.QUIC != c.quic || s.WSS != 1-c.quic || s.Links != 1 {
				t.Errorf("%+v", s)
			}
			b.mu.Lock()
			defer b.mu.Unlock()
			if len(b.callers) != 1 || b.callers[0].Contact != a.contact || b.callers[0].Source != a.contact.Addr.Addr() {
				t.Fatalf("%+v", b.callers)
			}
			got := make(chan wire.Payload, 1)
			r := &wire.Reach{}
			a.contact.AppendTo(r.Contact[:0])
			b.pool.Reach(b.callers[0], r, func(p wire.Payload) { got <- p })
			if p := <-got; p.Type() != wire.TypeOK {
				t.Errorf("dial-back: %v", p)
			}
		})
	}
}

// TestNothingBeforeTheKey: whoever listens at an address and has another key, or none,
// gets nothing but a handshake.
func TestNothingBeforeTheKey(t *testing.T) {
	a, other := startReal(t, both, false), startReal(t, both, false)
	for _, transports := range []uint8{wire.TransportQUIC, wire.TransportWSS, both} {
		c := wire.Contact{Node: key.NewPrivate[key.Node]().Public(), Addr: other.contact.Addr, Transports: transports}
		if _, err := a.pool.Ask(t.Context(), c, &wire.Ping{}); err == nil {
			t.Error("a gateway with another key was asked")
		}
	}
	other.gateway.mu.Lock()
	hellos := len(other.hellos)
	other.gateway.mu.Unlock()
	if hellos != 0 || other.served.Load() != 0 {
		t.Errorf("it got %d hellos and %d requests", hellos, other.served.Load())
	}
	plain, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer plain.Close()
	read := make(chan []byte, 1)
	go func() {
		c, err := plain.Accept()
		if err != nil {
			read <- nil
			return
		}
		defer c.Close()
		b := make([]byte, 64<<10)
		n, _ := c.Read(b)
		read <- b[:n]
	}()
	c := wire.Contact{Node: other.node.Public(), Addr: plain.Addr().(*net.TCPAddr).AddrPort(), Transports: wire.TransportWSS}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if _, err := a.pool.Ask(ctx, c, &wire.Ping{}); err == nil {
		t.Error("a server that is no gateway was asked")
	}
	if b := <-read; len(b) < 6 || b[0] != 22 || b[5] != 1 {
		t.Errorf("it got something else than a TLS hello: %x", b[:min(len(b), 16)])
	}
}

// BenchmarkAsk measures Pings over real links: one at a time, and many at once.
func BenchmarkAsk(b *testing.B) {
	for name, transports := range map[string]uint8{"quic": wire.TransportQUIC, "web": wire.TransportWSS} {
		b.Run(name, func(b *testing.B) {
			x, y := startReal(b, both, false), startReal(b, transports, false)
			ask := func() {
				if _, err := x.pool.Ask(context.Background(), y.contact, &wire.Ping{}); err != nil {
					b.Fatal(err)
				}
			}
			ask()
			b.Run("one", func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					ask()
				}
			})
			b.Run("many", func(b *testing.B) {
				b.ReportAllocs()
				places := make(chan struct{}, 256)
				node := y.node.Public()
				e := link.Endpoint{Host: "127.0.0.1", Port: y.contact.Addr.Port(), Node: node[:]}
				for b.Loop() {
					places <- struct{}{}
					x.pool.Send(e, &wire.Ping{}, func(_ wire.Payload, err error) {
						<-places
						if err != nil {
							b.Error(err)
						}
					})
				}
				for range cap(places) {
					places <- struct{}{}
				}
			})
		})
	}
}
