package forward_test

import (
	"context"
	"net"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"time"

	"zeroms/gateway/forward"
	"zeroms/gateway/peers"
	"zeroms/protocol/address"
	"zeroms/protocol/key"
	"zeroms/protocol/link"
	quiclink "zeroms/protocol/link/quic"
	"zeroms/protocol/wire"
)

// sealedRequests are n submissions of 1 KiB over channels that are open.
func sealedRequests(b *testing.B, h *house, n int) (out []*wire.Relay) {
	for len(out) < n {
		s := h.sender(b, time.Now())
		first := seal(b, s, submit(1<<10))
		p := newPort()
		h.exit.Relay(time.Now(), forward.From{Node: h.place.Node}, 1, carried(first), p)
		opened(b, s, p.take(b, 1))
		s.Done(0)
		for range 32 {
			r := seal(b, s, submit(1<<10))
			s.Done(r.N)
			out = append(out, r)
		}
	}
	return out
}

// benchHouse is a house whose bounds are out of the way.
func benchHouse(b *testing.B) *house {
	return newHouse(b, func(c *forward.ExitConfig) {
		c.Capacity.OpensBurst, c.Capacity.AllOpensBurst = 1<<20, 1<<20
	})
}

// arrival is memory for one request as it arrives.
type arrival struct{ wire.Relay }

// of is a copy of the request, until the next call.
func (a *arrival) of(r *wire.Relay) *wire.Relay {
	encapsulation, sealed := append(a.Encapsulation[:0], r.Encapsulation...), append(a.Sealed[:0], r.Sealed...)
	a.Relay = *r
	a.Encapsulation, a.Sealed = encapsulation, sealed
	return &a.Relay
}

type nobody struct{}

func (nobody) Answer(uint64, wire.Payload) {}

// BenchmarkExit opens a submission of 1 KiB, has it answered and seals the answer.
func BenchmarkExit(b *testing.B) {
	h := benchHouse(b)
	h.guest.answer = func(_ context.Context, f wire.Frame, done func(wire.Payload)) { done(receipt(f.ID)) }
	requests := sealedRequests(b, h, 1024)
	now, from := time.Now(), newNode()
	b.ReportAllocs()
	var in arrival
	i := 0
	for b.Loop() {
		h.guest.asked = h.guest.asked[:0]
		h.exit.Relay(now, forward.From{Node: from}, 1, in.of(requests[i%len(requests)]), nobody{})
		i++
	}
}

// BenchmarkSetUp opens a submission of 1 KiB that sets its channel up.
func BenchmarkSetUp(b *testing.B) {
	h := benchHouse(b)
	var requests []*wire.Relay
	for range 256 {
		requests = append(requests, seal(b, h.sender(b, time.Now()), submit(1<<10)))
	}
	now, from := time.Now(), newNode()
	var in arrival
	i := 0
	for b.Loop() {
		if i%len(requests) == 0 {
			b.StopTimer()
			h.open(b, time.Now(), func(c *forward.ExitConfig) { c.Capacity.OpensBurst = 1 << 20 })
			b.StartTimer()
		}
		h.exit.Relay(now, forward.From{Node: from}, 1, in.of(requests[i%len(requests)]), nobody{})
		i++
	}
}

// BenchmarkEntry sends a submission of 1 KiB on and hands its answer down, without the
// link.
func BenchmarkEntry(b *testing.B) {
	h := benchHouse(b)
	requests := sealedRequests(b, h, 64)
	road := map[*wire.Relay]wire.Payload{}
	var forwards []*wire.Forward
	for _, r := range requests {
		p := newPort()
		h.exit.Relay(time.Now(), forward.From{Node: h.place.Node}, 1, carried(r), p)
		f := h.to(r)
		road[&f.Relay] = p.take(b, 1)
		forwards = append(forwards, f)
	}
	e := forward.NewEntry(forward.EntryConfig{
		Node: newNode(), Scope: address.Public, Peers: quickRoad(road),
		Capacity: forward.EntryCapacity{ClientRate: 1 << 40},
	})
	client, now := e.Client(), time.Now()
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		e.Forward(now, client, 1, forwards[i%len(forwards)], nobody{})
		i++
	}
}

type quickRoad map[*wire.Relay]wire.Payload

func (q quickRoad) Send(_ link.Endpoint, request wire.Payload, done func(wire.Payload, error)) {
	done(q[request.(*wire.Relay)], nil)
}

// BenchmarkForward is the whole way of a submission of 1 KiB between two gateways over
// a real link: entry, pool, link, exit, guest and back; the client's own link and the
// mailbox are not in it.
func BenchmarkForward(b *testing.B) {
	for name, transports := range map[string]uint8{"quic": wire.TransportQUIC, "web": wire.TransportWSS} {
		b.Run(name, func(b *testing.B) {
			h := benchHouse(b)
			h.guest.answer = func(_ context.Context, f wire.Frame, done func(wire.Payload)) {
				h.guest.asked = h.guest.asked[:0]
				done(receipt(f.ID))
			}
			contact := serveHouse(b, h, transports)
			e := benchEntry(b, contact)
			requests := sealedRequests(b, h, 4096)
			for depth, under := range map[string]int{"one": 1, "many": 512} {
				b.Run(depth, func(b *testing.B) { benchmarkForward(b, e, contact, requests, under) })
			}
		})
	}
}

// portOf answers into a channel.
type portOf chan wire.Payload

func (p portOf) Answer(_ uint64, answer wire.Payload) { p <- answer }

func benchmarkForward(b *testing.B, e *forward.Entry, to wire.Contact, requests []*wire.Relay, under int) {
	b.ReportAllocs()
	client := e.Client()
	answers := make(portOf, under)
	took := make([]time.Duration, 0, b.N)
	i, waiting := 0, 0
	take := func() {
		if p := <-answers; p.Type() != wire.TypeForwarded {
			b.Fatal(failureOf(p))
		}
		waiting--
	}
	for b.Loop() {
		begun := time.Now()
		r := requests[i%len(requests)]
		f := &wire.Forward{Target: to.Node, Host: to.Addr.Addr().String(), Port: to.Addr.Port(), Relay: *r}
		e.Forward(begun, client, uint64(i), f, answers)
		i++
		if waiting++; waiting == under {
			take()
		}
		if under == 1 {
			took = append(took, time.Since(begun))
		}
	}
	for waiting > 0 {
		take()
	}
	if under == 1 {
		slices.Sort(took)
		b.ReportMetric(float64(took[len(took)/2].Microseconds()), "p50-us")
	}
}

func benchEntry(b *testing.B, contact wire.Contact) *forward.Entry {
	node := key.NewPrivate[key.Node]()
	udp, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		b.Fatal(err)
	}
	socket, err := quiclink.New(udp, quiclink.Config{Node: node, Network: network})
	if err != nil {
		b.Fatal(err)
	}
	wss, err := link.NewDialer(link.Config{Node: node})
	if err != nil {
		b.Fatal(err)
	}
	pool, err := peers.New(peers.Config{
		Node: node.Public(), Params: address.Parameters{Network: network, Scope: address.Loopback},
		Self: wire.Contact{Node: node.Public()}, QUIC: overQUIC{socket}, WSS: wss,
	})
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var all sync.WaitGroup
	all.Go(func() { pool.Run(ctx) })
	b.Cleanup(func() { cancel(); all.Wait(); socket.Close() })
	if _, err := pool.Ask(ctx, contact, &wire.Ping{}); err != nil { // the link is there, over the transport of the contact
		b.Fatal(err)
	}
	return forward.NewEntry(forward.EntryConfig{
		Node: node.Public(), Scope: address.Loopback, Peers: pool,
		Capacity: forward.EntryCapacity{ClientRate: 1 << 40, Client: 1 << 20, ClientBytes: 1 << 40},
	})
}

type overQUIC struct{ *quiclink.Socket }

func (d overQUIC) Dial(ctx context.Context, e link.Endpoint) (link.Conn, error) {
	return d.Socket.Dial(ctx, netip.AddrPortFrom(netip.MustParseAddr(e.Host), e.Port), e.Node)
}

// serveHouse has a house answer on loopback sockets, one message for one.
func serveHouse(b *testing.B, h *house, transports uint8) wire.Contact {
	node := key.NewPrivate[key.Node]()
	h.place.Node = node.Public()
	h.open(b, time.Now(), func(c *forward.ExitConfig) { c.Capacity.OpensBurst, c.Capacity.AllOpensBurst = 1<<20, 1<<20 })
	tcp, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	at := tcp.Addr().(*net.TCPAddr).AddrPort()
	udp, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(at))
	if err != nil {
		b.Fatal(err)
	}
	socket, err := quiclink.New(udp, quiclink.Config{Node: node, Network: network})
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var all sync.WaitGroup
	handle := func(c link.Conn) { h.serve(ctx, c) }
	all.Go(func() { link.Serve(ctx, tcp, link.ServerConfig{Node: node}, handle) })
	all.Go(func() { socket.Serve(ctx, handle) })
	b.Cleanup(func() { cancel(); all.Wait() })
	return wire.Contact{Node: node.Public(), Addr: at, Transports: transports}
}

func (h *house) serve(ctx context.Context, c link.Conn) {
	defer context.AfterFunc(ctx, func() { link.Cut(c) })()
	for {
		m, err := link.Borrow(ctx, c)
		if err != nil {
			return
		}
		var out []byte
		for len(m) > 0 {
			f, rest, err := wire.NextFrame(m)
			if err != nil {
				return
			}
			m = rest
			switch f.Type {
			case wire.TypeClientHello:
				out = wire.AppendFrame(out, f.ID, &wire.ServerHello{Version: wire.Version, Network: network, Node: h.place.Node})
			case wire.TypePing:
				out = wire.AppendFrame(out, f.ID, &wire.Pong{})
			default:
				p, err := peers.ParseRequest(f)
				if err != nil {
					return
				}
				h.exit.Relay(time.Now(), forward.From{Node: c.Node()}, f.ID, p.(*wire.Relay), portFunc(func(id uint64, p wire.Payload) {
					out = wire.AppendFrame(out, id, p)
				}))
			}
		}
		for len(out) > 0 { // answers are larger than requests
			n := 0
			for rest := out; len(rest) > 0 && n < 64<<10; n = len(out) - len(rest) {
				_, rest, _ = wire.NextFrame(rest)
			}
			if c.Send(ctx, out[:n]) != nil {
				return
			}
			out = out[n:]
		}
	}
}
