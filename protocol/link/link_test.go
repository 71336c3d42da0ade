package link_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"math/big"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"zeroms/protocol/key"
	"zeroms/protocol/link"
	"zeroms/protocol/wire"
)

// gateway is a listening side on loopback; accepted hands out its links.
type gateway struct {
	node     key.NodePrivate
	listener net.Listener
	accepted chan link.Conn
	stop     context.CancelFunc
	served   chan error
}

// listen serves until the test ends. Each link stays open until the test closes
// it or ends.
func listen(t *testing.T, change func(*link.ServerConfig)) *gateway {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	g := &gateway{
		node: key.NewPrivate[key.Node](), listener: l,
		accepted: make(chan link.Conn, 16), stop: cancel, served: make(chan error, 1),
	}
	config := link.ServerConfig{Node: g.node}
	if change != nil {
		change(&config)
	}
	go func() {
		g.served <- link.Serve(ctx, l, config, func(c link.Conn) {
			g.accepted <- c
			<-ctx.Done()
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

func (g *gateway) endpoint() link.Endpoint {
	node := g.node.Public()
	return link.Endpoint{Host: "127.0.0.1", Port: uint16(g.listener.Addr().(*net.TCPAddr).Port), Node: node[:]}
}

func dialer(t *testing.T, c link.Config) *link.Dialer {
	t.Helper()
	d, err := link.NewDialer(c)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// dial opens a link and returns both ends.
func (g *gateway) dial(t *testing.T, c link.Config) (near, far link.Conn) {
	t.Helper()
	near, err := dialer(t, c).Dial(t.Context(), g.endpoint())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cut(near) })
	return near, <-g.accepted
}

// cut ends a link without the goodbye that Close waits for.
func cut(c link.Conn) {
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	c.Recv(ended)
}

func TestMessagesBothWays(t *testing.T) {
	near, far := listen(t, nil).dial(t, link.Config{})
	for _, size := range []int{1, 125, 126, 65535, 65536, wire.MaxMessage} {
		m := make([]byte, size)
		rand.Read(m)
		for _, way := range [][2]link.Conn{{near, far}, {far, near}} {
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

func TestBindingIsTheSameAtBothEndsAndNewPerConnection(t *testing.T) {
	g := listen(t, nil)
	near, far := g.dial(t, link.Config{})
	again, _ := g.dial(t, link.Config{})
	if near.Binding() != far.Binding() {
		t.Fatal("the ends export different values")
	}
	if near.Binding() == ([32]byte{}) || near.Binding() == again.Binding() {
		t.Fatal("the binding does not tell connections apart")
	}
	if near.Node() != g.node.Public() {
		t.Fatal("the dialling end does not know whom it reached")
	}
	if !far.Node().IsZero() {
		t.Fatal("a client without certificate has no key")
	}
}

func TestMutualTLSProvesBothNodes(t *testing.T) {
	own := key.NewPrivate[key.Node]()
	_, far := listen(t, nil).dial(t, link.Config{Node: own})
	if far.Node() != own.Public() {
		t.Fatalf("the listening end saw %v", far.Node())
	}
}

func TestPins(t *testing.T) {
	g := listen(t, nil)
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
		e := g.endpoint()
		e.Node = test.pin
		c, err := dialer(t, link.Config{}).Dial(t.Context(), e)
		if !errors.Is(err, test.want) {
			t.Errorf("%s: %v, want %v", test.name, err, test.want)
		}
		if err == nil {
			cut(c)
		}
	}
}

func TestCertificateIsStable(t *testing.T) {
	node := key.PrivateFromSeed[key.Node]([32]byte{1})
	a, err := link.Certificate(node)
	if err != nil {
		t.Fatal(err)
	}
	b, _ := link.Certificate(node)
	if !bytes.Equal(a.Certificate[0], b.Certificate[0]) {
		t.Fatal("one key has two certificates")
	}
	cert, err := x509.ParseCertificate(a.Certificate[0])
	if err != nil {
		t.Fatal(err)
	}
	if len(cert.DNSNames) != 1 || cert.DNSNames[0] != link.SNI || cert.NotAfter.Year() != 9999 {
		t.Fatalf("names %v, until %v", cert.DNSNames, cert.NotAfter)
	}
}

// impostor serves TLS with the given certificates on loopback and answers every
// connection's handshake.
func impostor(t *testing.T, c *tls.Config) link.Endpoint {
	t.Helper()
	l, err := tls.Listen("tcp", "127.0.0.1:0", c)
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	all.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			conn.(*tls.Conn).Handshake()
			conn.Close()
		}
	})
	t.Cleanup(func() { l.Close(); all.Wait() })
	return link.Endpoint{Host: "127.0.0.1", Port: uint16(l.Addr().(*net.TCPAddr).Port)}
}

func selfSigned(t *testing.T, public any, private any, signer any, parent *x509.Certificate) tls.Certificate {
	t.Helper()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), DNSNames: []string{link.SNI},
		NotAfter: time.Now().Add(time.Hour), KeyUsage: x509.KeyUsageDigitalSignature,
	}
	if parent == nil {
		parent = template
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, public, signer)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: private}
}

func TestOtherCertificatesAreRefused(t *testing.T) {
	node := key.NewPrivate[key.Node]()
	public := node.Public()
	good, err := link.Certificate(node)
	if err != nil {
		t.Fatal(err)
	}
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	edKey := key.Ed25519(node)
	_, stranger, _ := ed25519.GenerateKey(rand.Reader)
	issuer := &x509.Certificate{SerialNumber: big.NewInt(2), PublicKey: stranger.Public()}
	double := good
	double.Certificate = [][]byte{good.Certificate[0], good.Certificate[0]}
	for name, shown := range map[string]tls.Certificate{
		"RSA":                     selfSigned(t, rsaKey.Public(), rsaKey, rsaKey, nil),
		"signed by another key":   selfSigned(t, edKey.Public(), edKey, stranger, issuer),
		"two certificates":        double,
		"another node's, Ed25519": selfSigned(t, stranger.Public(), stranger, stranger, nil),
	} {
		e := impostor(t, &tls.Config{Certificates: []tls.Certificate{shown}, NextProtos: []string{link.ALPN}})
		e.Node = public[:]
		if _, err := dialer(t, link.Config{}).Dial(t.Context(), e); !errors.Is(err, wire.ErrWrongNode) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestOnlyTLS13(t *testing.T) {
	g := listen(t, nil)
	old := &tls.Config{MaxVersion: tls.VersionTLS12, InsecureSkipVerify: true, ServerName: link.SNI}
	if c, err := tls.Dial("tcp", g.listener.Addr().String(), old); err == nil {
		c.Close()
		t.Error("the gateway accepted TLS 1.2")
	}
	own, _ := link.Certificate(g.node)
	e := impostor(t, &tls.Config{MaxVersion: tls.VersionTLS12, Certificates: []tls.Certificate{own}})
	e.Node = g.endpoint().Node
	if _, err := dialer(t, link.Config{}).Dial(t.Context(), e); err == nil {
		t.Error("the dialler accepted TLS 1.2")
	}
}

func TestNegotiatedParameters(t *testing.T) {
	g := listen(t, nil)
	cache := tls.NewLRUClientSessionCache(4)
	for range 2 {
		c, err := tls.Dial("tcp", g.listener.Addr().String(), &tls.Config{
			ServerName: link.SNI, InsecureSkipVerify: true, ClientSessionCache: cache, NextProtos: []string{"h2", link.ALPN},
		})
		if err != nil {
			t.Fatal(err)
		}
		// A request makes the client read what follows the handshake, tickets
		// included.
		io.WriteString(c, "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
		io.Copy(io.Discard, c)
		s := c.ConnectionState()
		if s.Version != tls.VersionTLS13 || s.NegotiatedProtocol != link.ALPN || s.CurveID != tls.X25519MLKEM768 || s.DidResume {
			t.Fatalf("version %x, ALPN %q, group %v, resumed %v", s.Version, s.NegotiatedProtocol, s.CurveID, s.DidResume)
		}
		c.Close()
	}
}

func TestOnlyItsOwnServerName(t *testing.T) {
	g := listen(t, nil)
	for _, name := range []string{"", "example.org"} {
		c, err := tls.Dial("tcp", g.listener.Addr().String(), &tls.Config{ServerName: name, InsecureSkipVerify: true})
		if err == nil {
			c.Close()
			t.Errorf("the node certificate answered the name %q", name)
		} else if !strings.Contains(err.Error(), "unrecognized name") {
			t.Errorf("name %q: %v", name, err)
		}
	}
}

func TestPlainOnlyOnLoopback(t *testing.T) {
	for _, host := range []string{"192.0.2.1", "example.org", "2001:db8::1", "0.0.0.0", ""} {
		_, err := dialer(t, link.Config{}).Dial(t.Context(), link.Endpoint{Host: host, Port: 443, Plain: true})
		if !errors.Is(err, link.ErrPlain) {
			t.Errorf("dial %q: %v", host, err)
		}
	}
	l, err := net.Listen("tcp", ":0")
	if err != nil {
		t.Fatal(err)
	}
	if err := link.Serve(t.Context(), l, link.ServerConfig{Plain: true}, nil); !errors.Is(err, link.ErrPlain) {
		t.Errorf("plain listener on all interfaces: %v", err)
	}
	if _, err := l.Accept(); err == nil {
		t.Error("the refused listener stayed open")
	}
}

func TestPlainLoopbackHasNoBinding(t *testing.T) {
	g := listen(t, func(c *link.ServerConfig) { c.Plain = true })
	e := g.endpoint()
	e.Plain = true
	near, err := dialer(t, link.Config{}).Dial(t.Context(), e)
	if err != nil {
		t.Fatal(err)
	}
	defer cut(near)
	far := <-g.accepted
	if near.Binding() != ([32]byte{}) || far.Binding() != ([32]byte{}) || !near.Node().IsZero() {
		t.Fatal("a plain link claims a binding or a key")
	}
	if err := far.Send(t.Context(), []byte("hi")); err != nil {
		t.Fatal(err)
	}
	if m, err := near.Recv(t.Context()); err != nil || string(m) != "hi" {
		t.Fatalf("%q, %v", m, err)
	}
}

func TestUpgradeIsRefusedToOthers(t *testing.T) {
	g := listen(t, func(c *link.ServerConfig) { c.Plain = true })
	base := g.listener.Addr().String()
	try := func(path string, header http.Header, protocols ...string) int {
		d := websocket.Dialer{Subprotocols: protocols}
		c, response, err := d.DialContext(t.Context(), "ws://"+base+path, header)
		if err == nil {
			c.Close()
			return http.StatusSwitchingProtocols
		}
		if response == nil {
			t.Fatal(err)
		}
		return response.StatusCode
	}
	if s := try("/zms", nil, "zms.9.cbor"); s != http.StatusBadRequest {
		t.Errorf("wrong subprotocol: %d", s)
	}
	if s := try("/zms", nil); s != http.StatusBadRequest {
		t.Errorf("no subprotocol: %d", s)
	}
	if s := try("/", nil, wire.Subprotocol); s != http.StatusNotFound {
		t.Errorf("wrong path: %d", s)
	}
	if s := try("/zms", http.Header{"Origin": {"http://" + base}}, wire.Subprotocol); s != http.StatusForbidden {
		t.Errorf("a browser's page: %d", s)
	}
	response, err := http.Get("http://" + base + "/zms")
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	if response.StatusCode != http.StatusBadRequest {
		t.Errorf("no WebSocket: %d", response.StatusCode)
	}
}

func TestDialRefusesAServerOfAnotherSubprotocol(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	upgrader := websocket.Upgrader{}
	web := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if c, err := upgrader.Upgrade(w, r, nil); err == nil {
			c.Close()
		}
	})}
	go web.Serve(l)
	defer web.Close()
	e := link.Endpoint{Host: "127.0.0.1", Port: uint16(l.Addr().(*net.TCPAddr).Port), Plain: true}
	if _, err := dialer(t, link.Config{}).Dial(t.Context(), e); err == nil || !strings.Contains(err.Error(), "not a ZeroMS gateway") {
		t.Fatalf("got %v", err)
	}
}

func TestSizesAreCheckedBeforeSending(t *testing.T) {
	near, far := listen(t, nil).dial(t, link.Config{})
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

// raw opens a WebSocket without this package, to break its rules.
func raw(t *testing.T, g *gateway) (*websocket.Conn, link.Conn) {
	t.Helper()
	d := websocket.Dialer{Subprotocols: []string{wire.Subprotocol}, WriteBufferSize: 64 << 10}
	c, _, err := d.DialContext(t.Context(), "ws://"+g.listener.Addr().String()+"/zms", nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c, <-g.accepted
}

func TestOversizedMessageIsRefusedByItsHeader(t *testing.T) {
	c, far := raw(t, listen(t, func(c *link.ServerConfig) { c.Plain = true }))
	// A frame header that announces 2^62 bytes: FIN, binary, masked, 127.
	header := []byte{0x82, 0xff, 0x40, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4}
	if _, err := c.NetConn().Write(header); err != nil {
		t.Fatal(err)
	}
	if _, err := far.Recv(t.Context()); !errors.Is(err, wire.ErrTooLarge) {
		t.Fatalf("got %v", err)
	}
	if _, _, err := c.ReadMessage(); !websocket.IsCloseError(err, websocket.CloseMessageTooBig) {
		t.Fatalf("the sender was told %v", err)
	}
}

func TestFragmentsAreCountedTogether(t *testing.T) {
	c, far := raw(t, listen(t, func(c *link.ServerConfig) { c.Plain = true }))
	go func() {
		w, err := c.NextWriter(websocket.BinaryMessage)
		for err == nil {
			_, err = w.Write(make([]byte, 64<<10))
		}
	}()
	if _, err := far.Recv(t.Context()); !errors.Is(err, wire.ErrTooLarge) {
		t.Fatalf("got %v", err)
	}
}

func TestOnlyBinaryMessages(t *testing.T) {
	g := listen(t, func(c *link.ServerConfig) { c.Plain = true })
	c, far := raw(t, g)
	c.WriteMessage(websocket.TextMessage, []byte("hello"))
	if _, err := far.Recv(t.Context()); !errors.Is(err, wire.ErrUnexpected) {
		t.Fatalf("text: %v", err)
	}
	c, far = raw(t, g)
	c.WriteMessage(websocket.BinaryMessage, nil)
	if _, err := far.Recv(t.Context()); !errors.Is(err, wire.ErrTruncated) {
		t.Fatalf("empty: %v", err)
	}
}

func TestHalfOpenAndVanishedPeers(t *testing.T) {
	g := listen(t, func(c *link.ServerConfig) { c.Plain = true })
	c, far := raw(t, g)
	c.NetConn().Close() // without a goodbye
	if _, err := far.Recv(t.Context()); !errors.Is(err, wire.ErrLinkClosed) {
		t.Fatalf("a vanished peer: %v", err)
	}
	c, far = raw(t, g)
	c.NetConn().(*net.TCPConn).CloseWrite() // it still reads
	if _, err := far.Recv(t.Context()); !errors.Is(err, wire.ErrLinkClosed) {
		t.Fatalf("a half-open link: %v", err)
	}
	if err := far.Send(t.Context(), []byte{1}); !errors.Is(err, wire.ErrLinkClosed) {
		t.Fatalf("send after the end: %v", err)
	}
}

func TestAPeerThatDoesNotReadEndsTheLink(t *testing.T) {
	g := listen(t, func(c *link.ServerConfig) { c.Plain, c.Stall = true, 50*time.Millisecond })
	_, far := raw(t, g)
	chunk := make([]byte, 64<<10) // 8 s at the slowest rate, so one message at a time is small
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	small := chunk[:256]
	var err error
	for err == nil {
		err = far.Send(ctx, small)
	}
	if !errors.Is(err, wire.ErrLinkClosed) {
		t.Fatalf("got %v", err)
	}
}

func TestContextEndsRecvAndTheLink(t *testing.T) {
	near, far := listen(t, nil).dial(t, link.Config{})
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
}

func TestCloseDeliversWhatWasSentAgainstUnreadData(t *testing.T) {
	near, far := listen(t, nil).dial(t, link.Config{})
	// What near sends stays unread at far; a bare TCP close would reset the link
	// and take far's last words with it.
	for range 8 {
		if err := near.Send(t.Context(), make([]byte, 32<<10)); err != nil {
			t.Fatal(err)
		}
	}
	if err := far.Send(t.Context(), []byte("last words")); err != nil {
		t.Fatal(err)
	}
	closed := make(chan error, 1)
	go func() { closed <- far.Close() }()
	if m, err := near.Recv(t.Context()); err != nil || string(m) != "last words" {
		t.Fatalf("%q, %v", m, err)
	}
	if _, err := near.Recv(t.Context()); !errors.Is(err, wire.ErrLinkClosed) {
		t.Fatalf("after the goodbye: %v", err)
	}
	if err := <-closed; err != nil {
		t.Fatal(err)
	}
}

func TestCloseWakesRecv(t *testing.T) {
	near, _ := listen(t, nil).dial(t, link.Config{})
	got := make(chan error, 1)
	go func() { _, err := near.Recv(t.Context()); got <- err }()
	near.Close()
	if err := <-got; !errors.Is(err, wire.ErrLinkClosed) {
		t.Fatalf("got %v", err)
	}
}

func TestConnectionsAboveTheLimitAreClosed(t *testing.T) {
	g := listen(t, func(c *link.ServerConfig) { c.MaxConns = 1 })
	g.dial(t, link.Config{})
	if _, err := dialer(t, link.Config{}).Dial(t.Context(), g.endpoint()); err == nil {
		t.Fatal("a second connection was accepted")
	}
}

func TestDialTimesOutOnSilence(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0") // accepts in the kernel, answers nothing
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	pin := key.NewPrivate[key.Node]().Public()
	e := link.Endpoint{Host: "127.0.0.1", Port: uint16(l.Addr().(*net.TCPAddr).Port), Node: pin[:]}
	d := dialer(t, link.Config{Timeout: 50 * time.Millisecond})
	if _, err := d.Dial(t.Context(), e); err == nil || errors.Is(err, wire.ErrWrongNode) {
		t.Fatalf("got %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := d.Dial(ctx, e); !errors.Is(err, context.Canceled) {
		t.Fatalf("got %v", err)
	}
}

func TestServeEndsWithItsContext(t *testing.T) {
	g := listen(t, nil)
	near, _ := g.dial(t, link.Config{})
	g.stop()
	for range 3 { // the listener is closed soon, but no link comes of it from now on
		if _, err := dialer(t, link.Config{}).Dial(t.Context(), g.endpoint()); err == nil {
			t.Fatal("a link was made after the end")
		}
	}
	if _, err := near.Recv(t.Context()); !errors.Is(err, wire.ErrLinkClosed) {
		t.Fatalf("got %v", err)
	}
}
