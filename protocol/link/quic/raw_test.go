package quiclink_test

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"errors"
	"io"
	"math/big"
	mathrand "math/rand/v2"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"github.com/quic-go/quic-go"

	"zeroms/protocol/key"
	"zeroms/protocol/link"
	quiclink "zeroms/protocol/link/quic"
	"zeroms/protocol/wire"
)

// raw opens a connection without this package, to break its rules.
func raw(t *testing.T, g *gateway, change func(*tls.Config)) (*quic.Conn, error) {
	t.Helper()
	own, err := link.Certificate(key.NewPrivate[key.Node]())
	if err != nil {
		t.Fatal(err)
	}
	config := &tls.Config{
		ServerName: link.SNI, NextProtos: []string{quiclink.ALPN(lab)}, InsecureSkipVerify: true, Certificates: []tls.Certificate{own},
	}
	if change != nil {
		change(config)
	}
	transport := &quic.Transport{Conn: noBuffers{listenUDP(t)}}
	t.Cleanup(func() { transport.Close(); transport.Conn.Close() })
	return transport.Dial(t.Context(), net.UDPAddrFromAddrPort(g.Addr()), config, nil)
}

// noBuffers keeps the library from having an opinion about sizes of buffers.
type noBuffers struct{ net.PacketConn }

func (noBuffers) SetReadBuffer(int) error  { return nil }
func (noBuffers) SetWriteBuffer(int) error { return nil }

// rawStream is a connection with its stream, and the link at the other end.
func rawStream(t *testing.T, g *gateway) (*quic.Conn, *quic.Stream, link.Conn) {
	t.Helper()
	c, err := raw(t, g, nil)
	if err != nil {
		t.Fatal(err)
	}
	s, err := c.OpenStream()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Write([]byte{1}); err != nil {
		t.Fatal(err)
	}
	return c, s, <-g.accepted
}

// endOf waits until the other side ended a connection and returns the code.
func endOf(t *testing.T, c *quic.Conn) quic.ApplicationErrorCode {
	t.Helper()
	<-c.Context().Done()
	var said *quic.ApplicationError
	if err := context.Cause(c.Context()); !errors.As(err, &said) || !said.Remote {
		t.Fatalf("it ended with %v", err)
	}
	return said.ErrorCode
}

func TestHeadersThatAreRefused(t *testing.T) {
	g := listen(t, nil)
	for _, test := range []struct {
		size uint32
		want *wire.Error
	}{{0, wire.ErrTruncated}, {wire.MaxMessage + 1, wire.ErrTooLarge}, {1<<32 - 1, wire.ErrTooLarge}} {
		c, s, far := rawStream(t, g)
		if _, err := s.Write(binary.BigEndian.AppendUint32(nil, test.size)); err != nil {
			t.Fatal(err)
		}
		if _, err := far.Recv(t.Context()); !errors.Is(err, test.want) {
			t.Errorf("%d: %v", test.size, err)
		}
		if code := endOf(t, c); code != quic.ApplicationErrorCode(test.want.Code) {
			t.Errorf("%d: the sender was told %d", test.size, code)
		}
	}
}

func TestAMessageThatStopsInTheMiddleEndsTheLink(t *testing.T) {
	g := listen(t, func(c *quiclink.Config) { c.Stall = 50 * time.Millisecond })
	for name, begins := range map[string][]byte{"header": {0, 0}, "message": {0, 0, 0, 200, 1, 2, 3}} {
		_, s, far := rawStream(t, g)
		if _, err := s.Write(begins); err != nil {
			t.Fatal(err)
		}
		if _, err := far.Recv(t.Context()); !errors.Is(err, wire.ErrLinkClosed) {
			t.Errorf("%s: %v", name, err)
		}
		_, s, far = rawStream(t, g)
		if _, err := s.Write(begins); err != nil {
			t.Fatal(err)
		}
		s.Close()
		if _, err := far.Recv(t.Context()); !errors.Is(err, wire.ErrLinkClosed) {
			t.Errorf("the stream ends in the %s: %v", name, err)
		}
	}
}

func TestAnotherFirstByteIsAnotherVersion(t *testing.T) {
	g := listen(t, nil)
	c, err := raw(t, g, nil)
	if err != nil {
		t.Fatal(err)
	}
	s, err := c.OpenStream()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Write([]byte{2}); err != nil {
		t.Fatal(err)
	}
	if code := endOf(t, c); code != quic.ApplicationErrorCode(wire.CodeVersion) {
		t.Errorf("code %d", code)
	}
	if len(g.accepted) != 0 {
		t.Error("it became a link")
	}
}

func TestOneStreamAndNoMore(t *testing.T) {
	c, s, far := rawStream(t, listen(t, nil))
	if _, err := c.OpenStream(); err == nil {
		t.Error("a second stream was allowed")
	}
	if _, err := c.OpenUniStream(); err == nil {
		t.Error("a stream in one direction was allowed")
	}
	s.Close()
	if _, err := far.Recv(t.Context()); !errors.Is(err, wire.ErrLinkClosed) {
		t.Errorf("after the stream: %v", err)
	}
	if _, err := c.OpenStream(); err == nil {
		t.Error("another stream was allowed after the first one")
	}
}

// selfSigned is a certificate that may be signed by somebody else.
func selfSigned(t *testing.T, public, private, signer any, parent *x509.Certificate) tls.Certificate {
	t.Helper()
	template := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{link.SNI}, NotAfter: time.Now().Add(time.Hour)}
	if parent == nil {
		parent = template
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, public, signer)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: private}
}

// badCertificates are of a node, and not.
func badCertificates(t *testing.T, node key.NodePrivate) map[string]tls.Certificate {
	t.Helper()
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	good, err := link.Certificate(node)
	if err != nil {
		t.Fatal(err)
	}
	edKey := key.Ed25519(node)
	_, stranger, _ := ed25519.GenerateKey(rand.Reader)
	double := good
	double.Certificate = [][]byte{good.Certificate[0], good.Certificate[0]}
	return map[string]tls.Certificate{
		"RSA":                   selfSigned(t, rsaKey.Public(), rsaKey, rsaKey, nil),
		"signed by another key": selfSigned(t, edKey.Public(), edKey, stranger, &x509.Certificate{SerialNumber: big.NewInt(2), PublicKey: stranger.Public()}),
		"two certificates":      double,
	}
}

func TestWhoDialsNeedsANodesCertificate(t *testing.T) {
	g := listen(t, nil)
	bad := badCertificates(t, key.NewPrivate[key.Node]())
	bad["none"] = tls.Certificate{}
	for name, shown := range bad {
		c, err := raw(t, g, func(c *tls.Config) {
			c.Certificates = []tls.Certificate{shown}
			if name == "none" {
				c.Certificates = nil
			}
		})
		if err == nil { // the dialling side is ready before the other one has looked
			<-c.Context().Done()
		}
	}
	for name, change := range map[string]func(*tls.Config){
		"another name": func(c *tls.Config) { c.ServerName = "example.org" },
		"another ALPN": func(c *tls.Config) { c.NextProtos = []string{"h3"} },
	} {
		if _, err := raw(t, g, change); err == nil {
			t.Errorf("%s was taken", name)
		}
	}
	if len(g.accepted) != 0 {
		t.Error("one of them became a link")
	}
}

// impostor listens with a certificate and counts the connections that show theirs.
func impostor(t *testing.T, shown tls.Certificate) (at *net.UDPAddr, saw *atomic.Int64) {
	t.Helper()
	saw = new(atomic.Int64)
	config := &tls.Config{
		Certificates: []tls.Certificate{shown}, NextProtos: []string{quiclink.ALPN(lab)}, ClientAuth: tls.RequestClientCert,
		VerifyConnection: func(s tls.ConnectionState) error {
			saw.Add(int64(len(s.PeerCertificates)))
			return nil
		},
	}
	udp := listenUDP(t)
	transport := &quic.Transport{Conn: noBuffers{udp}}
	listener, err := transport.Listen(config, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close(); transport.Close(); udp.Close() })
	return udp.LocalAddr().(*net.UDPAddr), saw
}

func TestImpostorsLearnNothing(t *testing.T) {
	node := key.NewPrivate[key.Node]()
	pin, from := node.Public(), dialler(t, nil)
	bad := badCertificates(t, node)
	var err error
	if bad["another node's"], err = link.Certificate(key.NewPrivate[key.Node]()); err != nil {
		t.Fatal(err)
	}
	for name, shown := range bad {
		at, saw := impostor(t, shown)
		if _, err := from.Dial(t.Context(), at.AddrPort(), pin[:]); !errors.Is(err, wire.ErrWrongNode) {
			t.Errorf("%s: %v", name, err)
		}
		if saw.Load() != 0 {
			t.Errorf("%s: it was shown who dials", name)
		}
	}
}

func TestNegotiatedParameters(t *testing.T) {
	g := listen(t, nil)
	cache := tls.NewLRUClientSessionCache(4)
	for range 2 {
		c, err := raw(t, g, func(c *tls.Config) { c.ClientSessionCache = cache })
		if err != nil {
			t.Fatal(err)
		}
		s, err := c.OpenStream()
		if err != nil {
			t.Fatal(err)
		}
		s.Write([]byte{1})
		far := <-g.accepted
		if err := far.Send(t.Context(), []byte("after the handshake")); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(s, make([]byte, 23)); err != nil {
			t.Fatal(err)
		}
		state := c.ConnectionState()
		if state.TLS.Version != tls.VersionTLS13 || state.TLS.CurveID != tls.X25519MLKEM768 || state.TLS.DidResume || state.Used0RTT || state.SupportsDatagrams.Remote {
			t.Fatalf("version %x, group %v, resumed %v", state.TLS.Version, state.TLS.CurveID, state.TLS.DidResume)
		}
		c.CloseWithError(0, "")
	}
}

func TestJunkDatagramsChangeNothing(t *testing.T) {
	g := listen(t, nil)
	near, far := g.connect(t, dialler(t, nil))
	junk := listenUDP(t)
	defer junk.Close()
	random := mathrand.New(mathrand.NewPCG(1, 2))
	for i := range 5000 {
		b := make([]byte, 1+random.IntN(1400))
		for j := range b {
			b[j] = byte(random.Uint32())
		}
		switch i % 4 {
		case 1: // like a packet of a connection
			b[0] = b[0]&0x3f | 0x40
		case 2: // like the first packet of version 1, with a connection ID of 8 bytes
			b = append(append([]byte{0xc3, 0, 0, 0, 1, 8}, b...), make([]byte, 1200)...)
		case 3: // like that of a version that nobody knows
			b = append(append([]byte{0xc3, 0xa, 0xa, 0xa, 0xa, 8}, b...), make([]byte, 1200)...)
		}
		if _, err := junk.WriteToUDPAddrPort(b, g.Addr()); err != nil {
			t.Fatal(err)
		}
	}
	for range 3 {
		if err := near.Send(t.Context(), []byte("still there?")); err != nil {
			t.Fatal(err)
		}
		if _, err := far.Recv(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	g.connect(t, dialler(t, nil))
}

// answers counts the kinds of long packets that come back to a socket, and may let
// only so many datagrams out.
type answers struct {
	net.PacketConn
	noBuffers
	out     atomic.Int64 // that may still leave
	retries atomic.Int64
}

func (a *answers) WriteTo(b []byte, to net.Addr) (int, error) {
	if a.out.Add(-1) < 0 {
		return len(b), nil
	}
	return a.PacketConn.WriteTo(b, to)
}

func (a *answers) ReadFrom(b []byte) (int, net.Addr, error) {
	n, from, err := a.PacketConn.ReadFrom(b)
	if n > 0 && b[0]&0xf0 == 0xf0 {
		a.retries.Add(1)
	}
	return n, from, err
}

func (a *answers) SetReadBuffer(int) error  { return nil }
func (a *answers) SetWriteBuffer(int) error { return nil }

// counted dials with a socket that lets so many datagrams out.
func counted(t *testing.T, g *gateway, out int64) (*answers, func() error) {
	t.Helper()
	own, err := link.Certificate(key.NewPrivate[key.Node]())
	if err != nil {
		t.Fatal(err)
	}
	a := &answers{PacketConn: listenUDP(t)}
	a.out.Store(out)
	transport := &quic.Transport{Conn: a}
	t.Cleanup(func() { transport.Close(); a.PacketConn.Close() })
	config := &tls.Config{
		ServerName: link.SNI, NextProtos: []string{quiclink.ALPN(lab)}, InsecureSkipVerify: true, Certificates: []tls.Certificate{own},
	}
	return a, func() error {
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		_, err := transport.Dial(ctx, net.UDPAddrFromAddrPort(g.Addr()), config, nil)
		return err
	}
}

// Handshakes that nobody goes on with do not keep others out: these prove their
// address first.
func TestUnfinishedHandshakesMakeOthersProveTheirAddress(t *testing.T) {
	g := listen(t, nil)
	early, dial := counted(t, g, 1<<30)
	if err := dial(); err != nil || early.retries.Load() != 0 {
		t.Fatalf("%v, %d retries while nobody is there", err, early.retries.Load())
	}
	for range 40 {
		_, dial := counted(t, g, 1)
		go dial()
	}
	for tries := 0; ; tries++ {
		late, dial := counted(t, g, 1<<30)
		err := dial()
		if err != nil {
			t.Fatal(err)
		}
		if late.retries.Load() > 0 {
			break
		}
		if tries == 100 {
			t.Fatal("nobody was asked to prove an address")
		}
	}
	for range 5 {
		g.connect(t, dialler(t, nil))
	}
}

func TestConnectionsAboveTheLimitAreRefused(t *testing.T) {
	g := listen(t, func(c *quiclink.Config) { c.MaxConns = 2 })
	from := dialler(t, nil)
	near, far := g.connect(t, from)
	g.connect(t, from)
	if _, err := from.Dial(t.Context(), g.Addr(), g.pin()); !errors.Is(err, wire.ErrBusy) {
		t.Fatalf("the third: %v", err)
	}
	link.Cut(near)
	if _, err := far.Recv(t.Context()); err == nil {
		t.Fatal("the link stayed")
	}
	for { // its place is free soon
		c, err := from.Dial(t.Context(), g.Addr(), g.pin())
		if err == nil {
			link.Cut(c)
			return
		}
		if !errors.Is(err, wire.ErrBusy) {
			t.Fatal(err)
		}
	}
}

// A gateway that was killed has no connections; who sends on one of them is told.
func TestAKilledGatewayIsNoticedAfterItsRestart(t *testing.T) {
	node, reset := key.NewPrivate[key.Node](), [32]byte{1, 2, 3}
	udp := listenUDP(t)
	start := func(udp *net.UDPConn) (*quiclink.Socket, chan link.Conn, chan error) {
		s, err := quiclink.New(udp, quiclink.Config{Node: node, Network: lab, ResetKey: reset})
		if err != nil {
			t.Fatal(err)
		}
		accepted, served := make(chan link.Conn, 1), make(chan error, 1)
		go func() {
			served <- s.Serve(context.Background(), func(c link.Conn) {
				accepted <- c
				c.Recv(context.Background())
			})
		}()
		return s, accepted, served
	}
	killed, accepted, served := start(udp)
	pin := node.Public()
	near, err := dialler(t, nil).Dial(t.Context(), killed.Addr(), pin[:])
	if err != nil {
		t.Fatal(err)
	}
	<-accepted
	udp.Close() // without a word to anybody
	<-served
	again, err := net.ListenUDP("udp4", net.UDPAddrFromAddrPort(killed.Addr()))
	if err != nil {
		t.Fatal(err)
	}
	s, _, served := start(again)
	began := time.Now()
	near.Send(t.Context(), make([]byte, 100))
	if _, err := near.Recv(t.Context()); !errors.Is(err, wire.ErrLinkClosed) {
		t.Errorf("got %v", err)
	}
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("it took %v", took)
	}
	s.Close()
	if err := <-served; err != nil {
		t.Error(err)
	}
}
