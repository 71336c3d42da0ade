package dht

import (
	"context"
	"net"
	"net/netip"
	"sync/atomic"
	"testing"

	"zeroms/cmd/zeroms-lab/dht/sim"
	"zeroms/protocol/key"
	"zeroms/protocol/link"
	quiclink "zeroms/protocol/link/quic"
	"zeroms/protocol/wire"
)

// counter passes datagrams on between one side and another, and counts their bytes
// with the headers of UDP and IPv4.
type counter struct {
	front, back *net.UDPConn
	bytes       atomic.Int64
}

const headers = 28

func newCounter(t *testing.T, to netip.AddrPort) *counter {
	t.Helper()
	front := listenUDP(t)
	back, err := net.DialUDP("udp4", nil, net.UDPAddrFromAddrPort(to))
	if err != nil {
		t.Fatal(err)
	}
	c := &counter{front: front, back: back}
	t.Cleanup(func() { front.Close(); back.Close() })
	var caller atomic.Pointer[netip.AddrPort]
	go func() {
		b := make([]byte, 2048)
		for {
			size, from, err := front.ReadFromUDPAddrPort(b)
			if err != nil {
				return
			}
			caller.Store(&from)
			c.bytes.Add(int64(size + headers))
			back.Write(b[:size])
		}
	}()
	go func() {
		b := make([]byte, 2048)
		for {
			size, err := back.Read(b)
			if err != nil {
				return
			}
			c.bytes.Add(int64(size + headers))
			front.WriteToUDPAddrPort(b[:size], *caller.Load())
		}
	}()
	return c
}

func listenUDP(t *testing.T) *net.UDPConn {
	t.Helper()
	udp, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	return udp
}

// echo answers every message of a link with as many bytes as its first two say.
func echo(ctx context.Context, c link.Conn) {
	for {
		m, err := c.Recv(ctx)
		if err != nil {
			return
		}
		if err := c.Send(ctx, make([]byte, int(m[0])<<8|int(m[1]))); err != nil {
			return
		}
	}
}

// TestTransportCost: what the lab says that links cost is what they cost.
func TestTransportCost(t *testing.T) {
	network := sim.Network().Network
	node := key.NewPrivate[key.Node]()
	server, err := quiclink.New(listenUDP(t), quiclink.Config{Node: node, Network: network})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- server.Serve(ctx, func(c link.Conn) { echo(ctx, c) }) }()
	t.Cleanup(func() { cancel(); <-served })
	client, err := quiclink.New(listenUDP(t), quiclink.Config{Node: key.NewPrivate[key.Node](), Network: network})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })

	count := newCounter(t, server.Addr())
	pin := node.Public()
	ask := func(c link.Conn, size, answer int) {
		t.Helper()
		m := make([]byte, size)
		m[0], m[1] = byte(answer>>8), byte(answer)
		if err := c.Send(t.Context(), m); err != nil {
			t.Fatal(err)
		}
		if got, err := c.Recv(t.Context()); err != nil || len(got) != answer {
			t.Fatalf("an answer of %d bytes: %d, %v", answer, len(got), err)
		}
	}
	at := netip.MustParseAddrPort(count.front.LocalAddr().String())
	const links, asks = 20, 50
	exchanged := int64(0)
	for range links {
		c, err := client.Dial(t.Context(), at, pin[:])
		if err != nil {
			t.Fatal(err)
		}
		ask(c, helloBytes, answerHelloBytes)
		before := count.bytes.Load()
		for range asks {
			ask(c, sim.Size(&wire.Ping{}), sim.Size(&wire.Pong{}))
		}
		exchanged += count.bytes.Load() - before
		if err := c.Close(); err != nil {
			t.Fatal(err)
		}
	}
	frames := int64(sim.Size(&wire.Ping{}) + sim.Size(&wire.Pong{}))
	exchange := exchanged/(links*asks) - frames
	greeting := (count.bytes.Load() - exchanged) / links
	t.Logf("a connection %d bytes, an exchange %d", greeting, exchange)
	within(t, "opening and closing a connection", greeting, greetingBytes)
	within(t, "a request with its answer", exchange, exchangeBytes)
}

// Sizes of the two hellos, with a descriptor in the answer.
const (
	helloBytes       = 150
	answerHelloBytes = 1700
)

func within(t *testing.T, what string, got, said int64) {
	t.Helper()
	if got < said*7/10 || got > said*13/10 {
		t.Errorf("%s takes %d bytes; the lab reckons with %d", what, got, said)
	}
}
