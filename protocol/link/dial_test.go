package link_test

import (
	"context"
	"net"
	"net/netip"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"zeroms/protocol/link"
)

// listenOn serves a gateway on an address of this computer; it skips the test if
// the computer does not have it.
func listenOn(t *testing.T, address string) *gateway {
	t.Helper()
	g := listen(t, nil)
	l, err := net.Listen("tcp", address)
	if err != nil {
		t.Skipf("this computer has no %s: %v", address, err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() {
		done <- link.Serve(ctx, l, link.ServerConfig{Node: g.node}, func(c link.Conn) {
			g.accepted <- c
			<-ctx.Done()
		})
	}()
	t.Cleanup(func() {
		cancel()
		<-done
	})
	return &gateway{node: g.node, listener: l, accepted: g.accepted}
}

func TestIPv6(t *testing.T) {
	g := listenOn(t, "[::1]:0")
	for _, host := range []string{"::1", "0:0:0:0:0:0:0:1"} {
		e := g.endpoint()
		e.Host = host
		near, err := dialer(t, link.Config{}).Dial(t.Context(), e)
		if err != nil {
			t.Fatalf("%s: %v", e, err)
		}
		cut(near)
		if far := <-g.accepted; far.Remote() != netip.IPv6Loopback() {
			t.Errorf("the other side is %s", far.Remote())
		}
	}
	e := g.endpoint()
	e.Host = "::1"
	if e.Addr() != g.listener.Addr().String() {
		t.Errorf("it is written %s, and listens on %s", e.Addr(), g.listener.Addr())
	}
}

// serveNames answers every lookup of this process: each name has both addresses.
func serveNames(t *testing.T, four, six string) {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		for b := make([]byte, 1500); ; {
			n, from, err := conn.ReadFrom(b)
			if err != nil {
				return
			}
			if answer, err := nameAnswer(b[:n], netip.MustParseAddr(four), netip.MustParseAddr(six)); err == nil {
				_, _ = conn.WriteTo(answer, from)
			}
		}
	}()
	before := net.DefaultResolver
	net.DefaultResolver = &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "udp", conn.LocalAddr().String())
	}}
	t.Cleanup(func() {
		net.DefaultResolver = before
		conn.Close()
	})
}

func nameAnswer(query []byte, four, six netip.Addr) ([]byte, error) {
	var m dnsmessage.Message
	if err := m.Unpack(query); err != nil {
		return nil, err
	}
	m.Response, m.Additionals = true, nil
	for _, q := range m.Questions {
		head := dnsmessage.ResourceHeader{Name: q.Name, Type: q.Type, Class: q.Class}
		switch q.Type {
		case dnsmessage.TypeA:
			m.Answers = append(m.Answers, dnsmessage.Resource{Header: head, Body: &dnsmessage.AResource{A: four.As4()}})
		case dnsmessage.TypeAAAA:
			m.Answers = append(m.Answers, dnsmessage.Resource{Header: head, Body: &dnsmessage.AAAAResource{AAAA: six.As16()}})
		}
	}
	return m.Pack()
}

// TestOneDeadAddressIsNoObstacle: a name with an IPv4 and an IPv6 address is
// reached though one of them leads nowhere, whichever it is.
func TestOneDeadAddressIsNoObstacle(t *testing.T) {
	for _, c := range []struct{ listens, four, six string }{
		{"127.0.0.1:0", "127.0.0.1", "2001:db8::1"},
		{"[::1]:0", "192.0.2.1", "::1"},
	} {
		t.Run(c.listens, func(t *testing.T) {
			g := listenOn(t, c.listens)
			serveNames(t, c.four, c.six)
			e := g.endpoint()
			e.Host = "gateway.test"
			began := time.Now()
			near, err := dialer(t, link.Config{}).Dial(t.Context(), e)
			if err != nil {
				t.Fatal(err)
			}
			cut(near)
			if took := time.Since(began); took > link.DialTimeout/2 {
				t.Errorf("it took %s", took)
			}
		})
	}
}
