package quiclink_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"log"
	"net"
	"net/netip"
	"os"
	"sync"
	"testing"
	"time"

	"zeroms/protocol/key"
	"zeroms/protocol/link"
	quiclink "zeroms/protocol/link/quic"
	"zeroms/protocol/wire"
)

var lab = key.Network{'l', 'a', 'b', '1'}

// gateway is a socket on loopback that serves; accepted hands out its links.
type gateway struct {
	*quiclink.Socket
	node     key.NodePrivate
	udp      *net.UDPConn
	accepted chan link.Conn
	stop     context.CancelFunc
	served   chan error
}

func listenUDP(t testing.TB) *net.UDPConn {
	t.Helper()
	udp, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	return udp
}

// listen serves until the test ends. Each link stays open until the test closes it
// or ends.
func listen(t testing.TB, change func(*quiclink.Config)) *gateway {
	t.Helper()
	g := &gateway{
		node: key.NewPrivate[key.Node](), udp: listenUDP(t), accepted: make(chan link.Conn, 256), served: make(chan error, 1),
	}
	config := quiclink.Config{Node: g.node, Network: lab}
	if change != nil {
		change(&config)
	}
	var err error
	if g.Socket, err = quiclink.New(g.udp, config); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	g.stop = cancel
	go func() {
		g.served <- g.Serve(ctx, func(c link.Conn) {
			g.accepted <- c
			<-ctx.Done()
			link.Cut(c)
		})
	}()
	t.Cleanup(func() {
		cancel()
		if err := <-g.served; err != nil {
			t.Errorf("Serve: %v", err)
		}
	})
	return g
}

// dialler is a socket that only dials.
func dialler(t testing.TB, change func(*quiclink.Config)) *quiclink.Socket {
	t.Helper()
	config := quiclink.Config{Node: key.NewPrivate[key.Node](), Network: lab}
	if change != nil {
		change(&config)
	}
	s, err := quiclink.New(listenUDP(t), config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func (g *gateway) pin() []byte {
	node := g.node.Public()
	return node[:]
}

// connect opens a link and returns both ends.
func (g *gateway) connect(t testing.TB, from *quiclink.Socket) (near, far link.Conn) {
	t.Helper()
	near, err := from.Dial(t.Context(), g.Addr(), g.pin())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { link.Cut(near) })
	return near, <-g.accepted
}

// pair is a link between two sockets of its own.
func pair(t testing.TB, change func(*quiclink.Config)) (near, far link.Conn) {
	t.Helper()
	return listen(t, change).connect(t, dialler(t, change))
}

func TestMessagesBothWays(t *testing.T) {
	near, far := pair(t, nil)
	for _, size := range []int{1, 1024, 1025, 4096, 65535, 65536, wire.MaxMessage} {
		m := make([]byte, size)
		rand.Read(m)
		for _, way := range [][2]link.Conn{{far, near}, {near, far}} {
			sent := make(chan error, 1)
			go func() { sent <- way[0].Send(t.Context(), m) }()
			got, err := way[1].Recv(t.Context())
			if err != nil || !bytes.Equal(got, m) {
				t.Fatalf("%d bytes: got %d, %v", size, len(got), err)
			}
			if err := <-sent; err != nil {
				t.Fatal(err)
			}
		}
	}
}

func TestManyMessagesInOrder(t *testing.T) {
	near, far := pair(t, nil)
	const n = 2000
	for _, way := range [][2]link.Conn{{far, near}, {near, far}} {
		go func() {
			for i := range n {
				m := bytes.Repeat([]byte{byte(i), byte(i >> 8)}, 1+i%3000)
				if way[0].Send(t.Context(), m) != nil {
					return
				}
			}
		}()
		for i := range n {
			m, err := link.Borrow(t.Context(), way[1])
			if err != nil || len(m) != 2+2*(i%3000) || m[0] != byte(i) || m[len(m)-1] != byte(i>>8) {
				t.Fatalf("message %d: %d bytes, %v", i, len(m), err)
			}
		}
	}
}

func TestBothEndsKnowEachOther(t *testing.T) {
	g, own := listen(t, nil), key.NewPrivate[key.Node]()
	from := dialler(t, func(c *quiclink.Config) { c.Node = own })
	near, far := g.connect(t, from)
	again, _ := g.connect(t, from)
	if near.Binding() != far.Binding() {
		t.Error("the ends export different values")
	}
	if near.Binding() == ([32]byte{}) || near.Binding() == again.Binding() {
		t.Error("the binding does not tell connections apart")
	}
	if near.Node() != g.node.Public() || far.Node() != own.Public() {
		t.Errorf("the dialling end sees %v, the listening one %v", near.Node(), far.Node())
	}
	if !near.Remote().IsLoopback() || far.Remote() != netip.AddrFrom4([4]byte{127, 0, 0, 1}) {
		t.Errorf("%v, %v", near.Remote(), far.Remote())
	}
}

func TestPins(t *testing.T) {
	g, from := listen(t, nil), dialler(t, nil)
	node, other := g.node.Public(), key.NewPrivate[key.Node]().Public()
	hash, otherHash := key.GatewayHashOf(node), key.GatewayHashOf(other)
	for _, test := range []struct {
		name string
		pin  []byte
		want error
	}{
		{"key", node[:], nil},
		{"hash", hash[:], nil},
		{"other key", other[:], wire.ErrWrongNode},
		{"other hash", otherHash[:], wire.ErrWrongNode},
		{"no pin", nil, link.ErrPin},
		{"half a key", node[:31], link.ErrPin},
	} {
		c, err := from.Dial(t.Context(), g.Addr(), test.pin)
		if !errors.Is(err, test.want) {
			t.Errorf("%s: %v, want %v", test.name, err, test.want)
		}
		if err == nil {
			link.Cut(c)
		}
	}
}

func TestAnotherNetworkIsRefusedInTheHandshake(t *testing.T) {
	g := listen(t, nil)
	from := dialler(t, func(c *quiclink.Config) { c.Network = key.Network{'e', 'l', 's', 'e'} })
	if _, err := from.Dial(t.Context(), g.Addr(), g.pin()); !errors.Is(err, wire.ErrNetwork) {
		t.Fatalf("got %v", err)
	}
	if len(g.accepted) != 0 {
		t.Error("it became a link")
	}
	if a := quiclink.ALPN(lab); a != "zms/1/6c616231" {
		t.Errorf("ALPN %q", a)
	}
}

func TestWhereNobodyAnswersADialEndsInItsTime(t *testing.T) {
	silent := listenUDP(t) // takes everything and says nothing
	defer silent.Close()
	from := dialler(t, func(c *quiclink.Config) { c.Timeout = 300 * time.Millisecond })
	node := key.NewPrivate[key.Node]().Public()
	at := silent.LocalAddr().(*net.UDPAddr).AddrPort()
	began := time.Now()
	if _, err := from.Dial(t.Context(), at, node[:]); !errors.Is(err, wire.ErrUnreachable) {
		t.Errorf("got %v", err)
	}
	if took := time.Since(began); took > 2*time.Second {
		t.Errorf("it took %v", took)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := from.Dial(ctx, at, node[:]); !errors.Is(err, context.Canceled) {
		t.Errorf("after the end of ctx: %v", err)
	}
	ctx, cancel = context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := from.Dial(ctx, at, node[:]); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a shorter ctx: %v", err)
	}
}

func TestAddressesThatAreNone(t *testing.T) {
	from, node := dialler(t, nil), key.NewPrivate[key.Node]().Public()
	for _, at := range []string{"127.0.0.1:0", "0.0.0.0:7", "224.0.0.1:7", "[::]:7", "[2001:db8::1]:7"} { // the last one: the socket is IPv4's
		if _, err := from.Dial(t.Context(), netip.MustParseAddrPort(at), node[:]); !errors.Is(err, wire.ErrUnreachable) {
			t.Errorf("%s: %v", at, err)
		}
	}
	if _, err := from.Dial(t.Context(), netip.AddrPort{}, node[:]); !errors.Is(err, wire.ErrUnreachable) {
		t.Error(err)
	}
}

func TestAnIPv4AddressInsideIPv6IsTheSame(t *testing.T) {
	g := listen(t, nil)
	at := netip.AddrPortFrom(netip.AddrFrom16(g.Addr().Addr().As16()), g.Addr().Port())
	c, err := dialler(t, nil).Dial(t.Context(), at, g.pin())
	if err != nil {
		t.Fatal(err)
	}
	link.Cut(c)
}

// The library has opinions about buffers, which it says on stderr; ours has none.
func TestNothingIsWrittenToStderr(t *testing.T) {
	var said bytes.Buffer
	log.SetOutput(&said)
	defer log.SetOutput(os.Stderr)
	pair(t, nil)
	if said.Len() > 0 {
		t.Error(said.String())
	}
}

func TestTwoSocketsDialEachOtherAtOnce(t *testing.T) {
	a, b := listen(t, nil), listen(t, nil)
	var all sync.WaitGroup
	for _, way := range [][2]*gateway{{a, b}, {b, a}} {
		for range 10 {
			all.Go(func() {
				c, err := way[0].Dial(t.Context(), way[1].Addr(), way[1].pin())
				if err != nil {
					t.Error(err)
					return
				}
				defer link.Cut(c)
				for range 20 {
					if err := c.Send(t.Context(), []byte("ping")); err != nil {
						t.Error(err)
						return
					}
					if m, err := c.Recv(t.Context()); err != nil || string(m) != "pong" {
						t.Errorf("%q, %v", m, err)
						return
					}
				}
			})
		}
	}
	done := make(chan struct{})
	for _, g := range []*gateway{a, b} {
		go func() {
			for {
				select {
				case c := <-g.accepted:
					go func() {
						for {
							if _, err := c.Recv(context.Background()); err != nil || c.Send(context.Background(), []byte("pong")) != nil {
								return
							}
						}
					}()
				case <-done:
					return
				}
			}
		}()
	}
	all.Wait()
	close(done)
}

func TestManyLinksOverOneSocket(t *testing.T) {
	const n = 200
	g, from := listen(t, nil), dialler(t, nil)
	links := make([][2]link.Conn, n)
	for i := range links {
		links[i][0], links[i][1] = g.connect(t, from)
	}
	var all sync.WaitGroup
	for i, both := range links {
		all.Go(func() {
			want := bytes.Repeat([]byte{byte(i)}, 3000)
			if err := both[0].Send(t.Context(), want); err != nil {
				t.Error(err)
			}
		})
		all.Go(func() {
			if m, err := both[1].Recv(t.Context()); err != nil || len(m) != 3000 || m[7] != byte(i) {
				t.Errorf("link %d: %d bytes, %v", i, len(m), err)
			}
		})
	}
	all.Wait()
}

func TestSizesAreCheckedBeforeSending(t *testing.T) {
	near, far := pair(t, nil)
	if err := near.Send(t.Context(), nil); !errors.Is(err, wire.ErrTruncated) {
		t.Errorf("empty: %v", err)
	}
	if err := near.Send(t.Context(), make([]byte, wire.MaxMessage+1)); !errors.Is(err, wire.ErrTooLarge) {
		t.Errorf("too large: %v", err)
	}
	if err := near.Send(t.Context(), []byte{1}); err != nil {
		t.Fatal(err)
	}
	if _, err := far.Recv(t.Context()); err != nil {
		t.Errorf("the link did not survive: %v", err)
	}
}

func TestLimitReadRefusesByTheHeader(t *testing.T) {
	near, far := pair(t, nil)
	far.LimitRead(1 << 10)
	for _, limit := range []int{1 << 10, 2 << 20} {
		far.LimitRead(limit)
		size := min(limit, wire.MaxMessage)
		go near.Send(t.Context(), make([]byte, size))
		if m, err := far.Recv(t.Context()); err != nil || len(m) != size {
			t.Fatalf("limit %d: %d bytes, %v", limit, len(m), err)
		}
	}
	far.LimitRead(1 << 10)
	go near.Send(t.Context(), make([]byte, 1<<10+1))
	if _, err := far.Recv(t.Context()); !errors.Is(err, wire.ErrTooLarge) {
		t.Fatalf("got %v", err)
	}
	_, err := near.Recv(t.Context())
	var known *wire.Error
	if !errors.As(err, &known) || known.Code != wire.CodeLinkClosed || known.Detail == "" {
		t.Errorf("the sender was told %v", err)
	}
}

func TestAPeerThatDoesNotReadEndsTheLink(t *testing.T) {
	_, far := pair(t, func(c *quiclink.Config) { c.Stall = 50 * time.Millisecond })
	message := make([]byte, 256)
	var err error
	sent := 0
	for err == nil {
		err = far.Send(t.Context(), message)
		sent += len(message)
	}
	if !errors.Is(err, wire.ErrLinkClosed) {
		t.Fatalf("got %v", err)
	}
	if sent > 256<<10 {
		t.Errorf("%d bytes went out to somebody who reads nothing", sent)
	}
}

func TestASlowReaderGetsEverything(t *testing.T) {
	near, far := pair(t, nil)
	const n, size = 100, 20_000
	go func() {
		for i := range n {
			if near.Send(t.Context(), bytes.Repeat([]byte{byte(i)}, size)) != nil {
				return
			}
		}
	}()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for i := range n {
		<-tick.C
		if m, err := far.Recv(t.Context()); err != nil || len(m) != size || m[0] != byte(i) || m[size-1] != byte(i) {
			t.Fatalf("message %d: %d bytes, %v", i, len(m), err)
		}
	}
}

func TestContextEndsRecvAndTheLink(t *testing.T) {
	near, far := pair(t, nil)
	ctx, cancel := context.WithCancel(t.Context())
	got := make(chan error, 1)
	go func() { _, err := near.Recv(ctx); got <- err }()
	cancel()
	if err := <-got; !errors.Is(err, context.Canceled) {
		t.Fatalf("got %v", err)
	}
	if _, err := far.Recv(t.Context()); !errors.Is(err, wire.ErrLinkClosed) {
		t.Fatalf("the other end: %v", err)
	}
	if err := near.Send(t.Context(), []byte{1}); !errors.Is(err, wire.ErrLinkClosed) {
		t.Fatalf("send on the ended link: %v", err)
	}
	near, far = pair(t, nil)
	if _, err := near.Recv(ctx); !errors.Is(err, context.Canceled) { // it has ended already
		t.Fatalf("got %v", err)
	}
	if _, err := far.Recv(t.Context()); !errors.Is(err, wire.ErrLinkClosed) {
		t.Fatalf("the other end: %v", err)
	}
}

func TestContextEndsASendThatWaits(t *testing.T) {
	near, _ := pair(t, nil)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	time.AfterFunc(50*time.Millisecond, cancel)
	if err := near.Send(ctx, make([]byte, wire.MaxMessage)); !errors.Is(err, context.Canceled) {
		t.Fatalf("got %v", err)
	}
	if err := near.Send(t.Context(), []byte{1}); !errors.Is(err, wire.ErrLinkClosed) {
		t.Fatalf("afterwards: %v", err)
	}
}

func TestCloseDeliversWhatWasSentAgainstUnreadData(t *testing.T) {
	near, far := pair(t, nil)
	for range 4 { // stays unread at far
		if err := near.Send(t.Context(), make([]byte, 8<<10)); err != nil {
			t.Fatal(err)
		}
	}
	for _, words := range []string{"first words", "last words"} {
		if err := far.Send(t.Context(), []byte(words)); err != nil {
			t.Fatal(err)
		}
	}
	closed := make(chan error, 1)
	go func() { closed <- far.Close() }()
	for _, words := range []string{"first words", "last words"} {
		if m, err := near.Recv(t.Context()); err != nil || string(m) != words {
			t.Fatalf("%q, %v", m, err)
		}
	}
	if _, err := near.Recv(t.Context()); !errors.Is(err, wire.ErrLinkClosed) {
		t.Fatalf("after the goodbye: %v", err)
	}
	if err := <-closed; err != nil {
		t.Fatal(err)
	}
}

// Whoever is slow to read still gets what was sent before the other side closed.
func TestAClosedLinkLingers(t *testing.T) {
	near, far := pair(t, nil)
	if err := far.Send(t.Context(), make([]byte, 30_000)); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	if err := far.Close(); err != nil { // nobody reads
		t.Fatal(err)
	}
	if took := time.Since(began); took > 3*link.CloseGrace {
		t.Errorf("Close took %v", took)
	}
	if err := far.Send(t.Context(), []byte{1}); !errors.Is(err, wire.ErrLinkClosed) {
		t.Errorf("send after Close: %v", err)
	}
	var err error
	for err == nil {
		err = near.Send(t.Context(), make([]byte, 30_000))
	}
	if !errors.Is(err, wire.ErrLinkClosed) {
		t.Errorf("send to who closed: %v", err)
	}
	if m, err := near.Recv(t.Context()); err != nil || len(m) != 30_000 {
		t.Fatalf("%d bytes, %v", len(m), err)
	}
	if _, err := near.Recv(t.Context()); !errors.Is(err, wire.ErrLinkClosed) {
		t.Errorf("after the end: %v", err)
	}
}

func TestBothCloseAtOnce(t *testing.T) {
	near, far := pair(t, nil)
	began := time.Now()
	var both sync.WaitGroup
	both.Go(func() { near.Close() })
	both.Go(func() { far.Close() })
	both.Wait()
	if took := time.Since(began); took > link.CloseGrace*3/4 {
		t.Errorf("it took %v", took)
	}
}

func TestCloseWakesRecv(t *testing.T) {
	near, _ := pair(t, nil)
	got := make(chan error, 1)
	go func() { _, err := near.Recv(t.Context()); got <- err }()
	near.Close()
	if err := <-got; !errors.Is(err, wire.ErrLinkClosed) {
		t.Fatalf("got %v", err)
	}
}

// Cut is called with locks held: it must not wait for anybody.
func TestCutWhileSending(t *testing.T) {
	near, far := pair(t, nil)
	sent := make(chan error, 1)
	go func() {
		for {
			if err := near.Send(t.Context(), make([]byte, 64<<10)); err != nil {
				sent <- err
				return
			}
		}
	}()
	if _, err := far.Recv(t.Context()); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	link.Cut(near)
	if took := time.Since(began); took > 100*time.Millisecond {
		t.Errorf("Cut took %v", took)
	}
	if err := <-sent; !errors.Is(err, wire.ErrLinkClosed) {
		t.Errorf("Send: %v", err)
	}
	var err error
	for err == nil {
		_, err = far.Recv(t.Context())
	}
	if !errors.Is(err, wire.ErrLinkClosed) {
		t.Errorf("the other side: %v", err)
	}
}

func TestALinkLendsItsMessages(t *testing.T) {
	near, far := pair(t, nil)
	lender, ok := far.(link.Lender)
	if !ok {
		t.Fatal("it lends nothing")
	}
	for i, size := range []int{10, 100_000, 5, wire.MaxMessage, 1} {
		go near.Send(t.Context(), bytes.Repeat([]byte{byte(i)}, size))
		m, err := lender.Borrow(t.Context())
		if err != nil || len(m) != size || m[0] != byte(i) || m[size-1] != byte(i) {
			t.Fatalf("%d bytes, %v", len(m), err)
		}
		clear(m) // it may be changed
	}
}

func TestIdleConnectionsEnd(t *testing.T) {
	near, far := pair(t, func(c *quiclink.Config) { c.Idle = time.Second })
	var both sync.WaitGroup
	began := time.Now()
	for _, c := range []link.Conn{near, far} {
		both.Go(func() {
			if _, err := c.Recv(t.Context()); !errors.Is(err, wire.ErrLinkClosed) {
				t.Errorf("got %v", err)
			}
		})
	}
	both.Wait()
	if took := time.Since(began); took < 900*time.Millisecond || took > 10*time.Second {
		t.Errorf("it ended after %v", took)
	}
}

func TestServeEndsWithItsContext(t *testing.T) {
	g, other, from := listen(t, nil), listen(t, nil), dialler(t, func(c *quiclink.Config) { c.Timeout = time.Second })
	near, _ := g.connect(t, from)
	dialled, err := g.Dial(t.Context(), other.Addr(), other.pin())
	if err != nil {
		t.Fatal(err)
	}
	far := <-other.accepted
	g.stop()
	for name, c := range map[string]link.Conn{"accepted": near, "dialled": far} {
		if _, err := c.Recv(t.Context()); !errors.Is(err, wire.ErrLinkClosed) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := dialled.Recv(t.Context()); !errors.Is(err, wire.ErrLinkClosed) {
		t.Errorf("dialled: %v", err)
	}
	err = <-g.served
	g.served <- err
	if _, err := g.Dial(t.Context(), other.Addr(), other.pin()); !errors.Is(err, wire.ErrLinkClosed) {
		t.Errorf("dial after the end: %v", err)
	}
	if _, err := from.Dial(t.Context(), g.Addr(), g.pin()); err == nil {
		t.Error("the socket is still open")
	}
	if _, err := net.ListenUDP("udp4", net.UDPAddrFromAddrPort(g.Addr())); err != nil {
		t.Errorf("the port is still taken: %v", err)
	}
}

func TestCloseEndsServeAndEverything(t *testing.T) {
	g := listen(t, nil)
	near, far := g.connect(t, dialler(t, nil))
	g.Close()
	for _, c := range []link.Conn{near, far} {
		if _, err := c.Recv(t.Context()); !errors.Is(err, wire.ErrLinkClosed) {
			t.Errorf("got %v", err)
		}
	}
	g.stop()
	if err := <-g.served; err != nil {
		t.Error(err)
	}
	g.served <- nil
	if err := g.Close(); err != nil {
		t.Error(err)
	}
}

// Who closes a link has a reader on it, mostly, which must not end it too early.
func TestCloseWithAReaderDelivers(t *testing.T) {
	for range 20 {
		near, far := pair(t, nil)
		read := make(chan error, 1)
		go func() { _, err := far.Recv(t.Context()); read <- err }()
		if err := far.Send(t.Context(), make([]byte, 50_000)); err != nil {
			t.Fatal(err)
		}
		closed := make(chan error, 1)
		go func() { closed <- far.Close() }()
		if err := <-read; !errors.Is(err, wire.ErrLinkClosed) {
			t.Errorf("the reader: %v", err)
		}
		if m, err := near.Recv(t.Context()); err != nil || len(m) != 50_000 {
			t.Fatalf("%d bytes, %v", len(m), err)
		}
		if _, err := near.Recv(t.Context()); !errors.Is(err, wire.ErrLinkClosed) {
			t.Errorf("at the end: %v", err)
		}
		if err := <-closed; err != nil {
			t.Error(err)
		}
	}
}

func TestASocketThatFailsEndsServe(t *testing.T) {
	udp, own := listenUDP(t), key.NewPrivate[key.Node]()
	s, err := quiclink.New(udp, quiclink.Config{Node: own, Network: lab})
	if err != nil {
		t.Fatal(err)
	}
	served, ended, accepted := make(chan error, 1), make(chan error, 1), make(chan struct{})
	go func() {
		served <- s.Serve(t.Context(), func(c link.Conn) {
			close(accepted)
			_, err := c.Recv(context.Background())
			ended <- err
		})
	}()
	pin := own.Public()
	near, err := dialler(t, func(c *quiclink.Config) { c.Idle = time.Second }).Dial(t.Context(), s.Addr(), pin[:])
	if err != nil {
		t.Fatal(err)
	}
	<-accepted
	udp.Close() // not through the Socket
	if err := <-ended; !errors.Is(err, wire.ErrLinkClosed) {
		t.Errorf("its link: %v", err)
	}
	if err := <-served; !errors.Is(err, net.ErrClosed) {
		t.Errorf("Serve: %v", err)
	}
	if _, err := near.Recv(t.Context()); !errors.Is(err, wire.ErrLinkClosed) {
		t.Errorf("the other side: %v", err)
	}
	if _, err := s.Dial(t.Context(), s.Addr(), pin[:]); !errors.Is(err, wire.ErrLinkClosed) {
		t.Errorf("dial: %v", err)
	}
}
