package link_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/netip"
	"testing"

	"github.com/gorilla/websocket"

	"zeroms/protocol/key"
	"zeroms/protocol/link"
	"zeroms/protocol/wire"
)

func TestLimitReadRefusesByTheHeader(t *testing.T) {
	c, far := raw(t, listen(t, func(c *link.ServerConfig) { c.Plain = true }))
	far.LimitRead(128 << 10)
	if err := c.WriteMessage(websocket.BinaryMessage, make([]byte, 128<<10)); err != nil {
		t.Fatal(err)
	}
	if m, err := far.Recv(t.Context()); err != nil || len(m) != 128<<10 {
		t.Fatalf("%d bytes, %v", len(m), err)
	}
	// FIN, binary, masked, 127, 128 KiB and one, mask; no byte of the message.
	header := []byte{0x82, 0xff, 0, 0, 0, 0, 0, 2, 0, 1, 1, 2, 3, 4}
	if _, err := c.NetConn().Write(header); err != nil {
		t.Fatal(err)
	}
	if _, err := far.Recv(t.Context()); !errors.Is(err, wire.ErrTooLarge) {
		t.Fatalf("got %v", err)
	}
}

func TestLimitReadCanBeRaised(t *testing.T) {
	c, far := raw(t, listen(t, func(c *link.ServerConfig) { c.Plain = true }))
	for _, step := range []struct{ limit, size int }{{1 << 10, 1 << 10}, {2 << 20, wire.MaxMessage}} {
		far.LimitRead(step.limit)
		sent := make(chan error)
		go func() { sent <- c.WriteMessage(websocket.BinaryMessage, make([]byte, step.size)) }()
		if m, err := far.Recv(t.Context()); err != nil || len(m) != step.size {
			t.Fatalf("limit %d: %d bytes, %v", step.limit, len(m), err)
		}
		if err := <-sent; err != nil {
			t.Fatal(err)
		}
	}
	go c.WriteMessage(websocket.BinaryMessage, make([]byte, wire.MaxMessage+1))
	if _, err := far.Recv(t.Context()); !errors.Is(err, wire.ErrTooLarge) {
		t.Fatalf("above MaxMessage: %v", err)
	}
}

func TestRemoteIsTheOtherSidesAddress(t *testing.T) {
	near, far := listen(t, nil).dial(t, link.Config{})
	if !far.Remote().IsLoopback() || !near.Remote().IsLoopback() || far.Remote().Zone() != "" {
		t.Errorf("%v, %v", near.Remote(), far.Remote())
	}
}

// elsewhere is a listener whose connections seem to come from the addresses it is
// given, the last one for all that follow.
type elsewhere struct {
	net.Listener
	from []string
}

func (e *elsewhere) Accept() (net.Conn, error) {
	c, err := e.Listener.Accept()
	if err != nil {
		return nil, err
	}
	from := e.from[0]
	if len(e.from) > 1 {
		e.from = e.from[1:]
	}
	return seemingly{c, net.TCPAddrFromAddrPort(netip.AddrPortFrom(netip.MustParseAddr(from), 9))}, nil
}

type seemingly struct {
	net.Conn
	from net.Addr
}

func (s seemingly) RemoteAddr() net.Addr { return s.from }

// Whoever opens connections and never makes links of them must not take all.
func TestConnectionsThatAreNoLinksAreBoundedForASource(t *testing.T) {
	const one, two = "192.0.2.1", "192.0.2.2"
	tcp, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	g := &gateway{node: key.NewPrivate[key.Node](), listener: tcp, accepted: make(chan link.Conn, 16), served: make(chan error, 1)}
	go func() {
		l := &elsewhere{tcp, []string{one, one, one, two, one, "127.0.0.1"}}
		g.served <- link.Serve(ctx, l, link.ServerConfig{Node: g.node, MaxStarting: 2}, func(c link.Conn) {
			g.accepted <- c
			<-ctx.Done()
		})
	}()
	defer func() {
		cancel()
		if err := <-g.served; err != nil {
			t.Error(err)
		}
	}()
	silent := func() net.Conn {
		t.Helper()
		c, err := net.Dial("tcp", tcp.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		return c
	}
	closed := func(c net.Conn) {
		t.Helper()
		if _, err := c.Read(make([]byte, 1)); err == nil {
			t.Fatal("the connection was taken")
		}
	}
	near, far := g.dial(t, link.Config{}) // a link counts no longer
	if far.Remote() != netip.MustParseAddr(one) {
		t.Errorf("the link comes from %v", far.Remote())
	}
	oldest := silent()
	silent()
	g.dial(t, link.Config{}) // another source
	silent()                 // the third of this one
	closed(oldest)
	for range 5 {
		silent() // of no source
	}
	g.dial(t, link.Config{})
	if err := far.Send(t.Context(), []byte{1}); err != nil {
		t.Error(err)
	}
	if m, err := near.Recv(t.Context()); err != nil || len(m) != 1 {
		t.Errorf("the link: %d bytes, %v", len(m), err)
	}
}

func TestSourceOf(t *testing.T) {
	for address, want := range map[string]string{
		"192.0.2.1": "192.0.2.1/32", "::ffff:192.0.2.1": "192.0.2.1/32", "2001:db8:1:23ff::9": "2001:db8:1:2300::/56",
		"127.0.0.1": "", "::1": "", "10.0.0.1": "", "172.16.0.1": "", "192.168.1.1": "", "fd12::1": "", "fe80::1%eth0": "",
	} {
		got, ok := link.SourceOf(netip.MustParseAddr(address))
		if ok != (want != "") || ok && got.String() != want {
			t.Errorf("%s: %v, %t", address, got, ok)
		}
	}
	for source, want := range map[string]string{"192.0.2.1/32": "192.0.2.0/24", "2001:db8:1:2300::/56": "2001:db8:1::/48"} {
		if got := link.NetworkOf(netip.MustParsePrefix(source)); got.String() != want {
			t.Errorf("%s: %v", source, got)
		}
	}
	if got := link.NetworkOf(netip.Prefix{}); got.IsValid() {
		t.Errorf("no source has the network %v", got)
	}
	if _, ok := link.SourceOf(netip.Addr{}); ok {
		t.Error("no address has a source")
	}
}

// A connection that asked for something else than a link is closed after the
// answer, so that nobody stays with requests that are no links.
func TestOtherRequestsDoNotKeepTheirConnection(t *testing.T) {
	g := listen(t, func(c *link.ServerConfig) { c.Plain = true })
	c, err := net.Dial("tcp", g.listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := io.WriteString(c, "GET / HTTP/1.1\r\nHost: zms.invalid\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	r := bufio.NewReader(c)
	response, err := http.ReadResponse(r, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(io.Discard, response.Body); err != nil || response.StatusCode != http.StatusNotFound || !response.Close {
		t.Errorf("status %d, close %t, %v", response.StatusCode, response.Close, err)
	}
	if _, err := r.ReadByte(); err != io.EOF {
		t.Errorf("the connection goes on: %v", err)
	}
}
