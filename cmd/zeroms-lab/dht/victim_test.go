package dht

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"log/slog"
	"math/big"
	mathrand "math/rand/v2"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"zeroms/gateway/dht"
	"zeroms/gateway/peers"
	"zeroms/protocol/address"
	"zeroms/protocol/key"
	"zeroms/protocol/link"
	quiclink "zeroms/protocol/link/quic"
	"zeroms/protocol/wire"
)

// victim is a computer that has nothing to do with the network, which a foe names
// as a gateway: on UDP it says nothing, on TCP it is somebody's TLS server.
type victim struct {
	at       netip.AddrPort
	datagram atomic.Int64 // datagrams that came
	tries    sync.Map     // connections of QUIC that were tried, by their first ID
	strange  atomic.Int64 // datagrams that are not the beginning of a handshake
	accepted atomic.Int64 // connections over TCP
	payload  atomic.Int64 // bytes that came over them, after TLS
}

func newVictim(t *testing.T) *victim {
	t.Helper()
	for range 20 {
		udp := listenUDP(t)
		at := udp.LocalAddr().(*net.UDPAddr).AddrPort()
		tcp, err := net.Listen("tcp4", at.String())
		if err != nil {
			udp.Close()
			continue
		}
		t.Cleanup(func() { udp.Close(); tcp.Close() })
		v := &victim{at: at}
		go v.hearUDP(udp)
		go v.hearTCP(tls.NewListener(tcp, &tls.Config{Certificates: []tls.Certificate{selfSigned(t)}}))
		return v
	}
	t.Fatal("no port is free for both UDP and TCP")
	return nil
}

// hearUDP counts datagrams. Those that begin a handshake have a long header of type
// Initial (RFC 9000 section 17.2.2).
func (v *victim) hearUDP(udp *net.UDPConn) {
	b := make([]byte, 2048)
	for {
		n, _, err := udp.ReadFromUDPAddrPort(b)
		if err != nil {
			return
		}
		v.datagram.Add(1)
		if n < 6 || b[0]&0xf0 != 0xc0 || n < 6+int(b[5]) {
			v.strange.Add(1)
			continue
		}
		v.tries.Store(string(b[6:6+int(b[5])]), true)
	}
}

func (v *victim) hearTCP(l net.Listener) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		v.accepted.Add(1)
		go func() {
			defer c.Close()
			b := make([]byte, 4096)
			for {
				n, err := c.Read(b)
				v.payload.Add(int64(n))
				if err != nil {
					return
				}
			}
		}()
	}
}

func (v *victim) handshakes() (n int) {
	v.tries.Range(func(any, any) bool { n++; return true })
	return n
}

func selfSigned(t *testing.T) tls.Certificate {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: private}
}

// pointer is a gateway that answers everything and names nobody but the victim.
type pointer struct {
	node   key.NodePrivate
	params address.Parameters
	victim netip.AddrPort
	named  atomic.Int64
}

func (p *pointer) contacts() (of []byte) {
	for range dht.Width {
		c := wire.Contact{Addr: p.victim, Transports: wire.TransportQUIC | wire.TransportWSS, X: mathrand.Uint64()}
		_, _ = rand.Read(c.Node[:])
		of = c.AppendTo(of)
		p.named.Add(1)
	}
	return of
}

func (p *pointer) answer(f wire.Frame) wire.Payload {
	switch f.Type {
	case wire.TypeClientHello:
		h := &wire.ServerHello{Version: wire.Version, Network: p.params.Network, Node: p.node.Public(), Time: wire.Millis(time.Now())}
		h.Limits.Frame, h.Limits.Message = wire.MaxFrame, wire.MaxMessage
		return h
	case wire.TypePing:
		return &wire.Pong{}
	case wire.TypeFindNode:
		return &wire.Nodes{Contacts: p.contacts()}
	case wire.TypeFindValue:
		return &wire.Value{Contacts: p.contacts()}
	case wire.TypeReach:
		return &wire.OK{}
	}
	return wire.FailureOf(wire.ErrNotServing)
}

func (p *pointer) serve(ctx context.Context, c link.Conn) {
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
			out = wire.AppendFrame(out, f.ID, p.answer(f))
		}
		if err := c.Send(ctx, out); err != nil {
			return
		}
	}
}

// overQUIC is a peers.Dialer of a socket.
type overQUIC struct{ *quiclink.Socket }

// Dial implements peers.Dialer.
func (d overQUIC) Dial(ctx context.Context, e link.Endpoint) (link.Conn, error) {
	ip, err := netip.ParseAddr(e.Host)
	if err != nil {
		return nil, err
	}
	return d.Socket.Dial(ctx, netip.AddrPortFrom(ip, e.Port), e.Node)
}

// TestNothingGoesToWhoDidNotProveItself: a gateway that is told ten thousand times
// that somebody's computer is a gateway tries a few handshakes with it, and sends
// it nothing else. The gateway's links and its DHT are the real ones.
func TestNothingGoesToWhoDidNotProveItself(t *testing.T) {
	const times = 10_000
	params := address.Parameters{Network: key.Network{'s', 'i', 'm', '2'}, Scope: address.Loopback}
	v := newVictim(t)
	liar := &pointer{node: key.NewPrivate[key.Node](), params: params, victim: v.at}
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	t.Cleanup(func() { cancel(); running.Wait() })

	server, err := quiclink.New(listenUDP(t), quiclink.Config{Node: liar.node, Network: params.Network})
	if err != nil {
		t.Fatal(err)
	}
	running.Go(func() { _ = server.Serve(ctx, func(c link.Conn) { liar.serve(ctx, c) }) })

	node := key.NewPrivate[key.Node]()
	client, err := quiclink.New(listenUDP(t), quiclink.Config{Node: node, Network: params.Network, Timeout: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	over, err := link.NewDialer(link.Config{Node: node})
	if err != nil {
		t.Fatal(err)
	}
	self := wire.Contact{Node: node.Public()}
	pool, err := peers.New(peers.Config{
		Node: node.Public(), Params: params, Self: self, QUIC: overQUIC{client},
		WSS: over, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	running.Go(func() { _ = pool.Run(ctx) })
	machine, err := dht.New(dht.Config{Self: self, Params: params})
	if err != nil {
		t.Fatal(err)
	}
	service := dht.NewService(machine, pool, slog.New(slog.DiscardHandler))
	running.Go(func() { _ = service.Run(ctx) })

	liarContact := wire.Contact{Node: liar.node.Public(), Addr: server.Addr(), Transports: wire.TransportQUIC}
	if err := service.Join(ctx, []wire.Contact{liarContact}); err != nil {
		t.Fatal(err)
	}
	for liar.named.Load() < times {
		var target key.NodeID
		_, _ = rand.Read(target[:])
		if _, err := service.Find(ctx, target); err != nil {
			t.Fatal(err)
		}
	}
	tries := v.handshakes()
	t.Logf("named %d times: %d handshakes over QUIC in %d datagrams, %d over TCP", liar.named.Load(), tries, v.datagram.Load(), v.accepted.Load())
	allowed := peers.Capacity{}.Default().DialsNear.Burst * 2 // half a minute gives back half a minute's
	switch {
	case v.strange.Load() > 0:
		t.Errorf("%d datagrams that do not begin a handshake", v.strange.Load())
	case v.payload.Load() > 0:
		t.Errorf("%d bytes of payload over TCP", v.payload.Load())
	case tries+int(v.accepted.Load()) > allowed:
		t.Errorf("%d and %d handshakes, at most %d together are allowed", tries, v.accepted.Load(), allowed)
	case tries == 0:
		t.Error("the gateway never tried: the test shows nothing")
	}
}
