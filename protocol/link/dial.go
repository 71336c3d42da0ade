package link

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gorilla/websocket"

	"zeroms/protocol/key"
	"zeroms/protocol/link/socket"
	"zeroms/protocol/wire"
	"zeroms/protocol/wire/jsonframe"
)

// Errors of Dial about hosts that this computer can't connect to.
var (
	// ErrOnion: only Tor reaches the host, and its name must not be looked up.
	ErrOnion = errors.New("link: an onion address is reached through Tor only; set its proxy, for example socks5://127.0.0.1:9050")
	// ErrZone: the address means another computer on every network.
	ErrZone = errors.New("link: a link-local IPv6 address (fe80::...) needs the name of an interface, which differs from computer to computer; use another address of the gateway")
	// ErrInside: a name that somebody else gave leads where only the user's own
	// network is.
	ErrInside = errors.New("link: the name of this gateway leads inside a local network, where others must not send this computer; if it is one of yours, add it with its address")
)

// Config is what a Dialer needs to know; its zero value is a client's.
type Config struct {
	// Timeout bounds a Dial; 0 is DialTimeout, or ProxyTimeout through a proxy.
	Timeout time.Duration
	// Stall replaces the constant of that name; 0 keeps it.
	Stall time.Duration
	// Node is the caller's own key if it is a gateway itself, which makes the TLS
	// mutual.
	Node key.NodePrivate
	// JSON has gateways spoken to in JSON (docs/protocol/json.md). Here the messages
	// are CBOR all the same.
	JSON bool
	// Proxy carries every link if it is set. Without it nothing is connected then,
	// and no name is looked up but the proxy's own.
	Proxy *Proxy
}

// Dialer opens links over the network.
type Dialer struct {
	timeout time.Duration
	stall   time.Duration
	own     *tls.Certificate
	buffers socket.Buffers // lent to its links
	writing sync.Pool      // of the WebSocket library's buffers
	speaks  string         // the subprotocol

	proxy     *Proxy
	isolation isolation

	inside atomic.Uint32 // the narrowest address.Scope of the gateways that the user chose; 0: none yet
}

// NewDialer makes a Dialer; it fails if the node key can't sign, and with
// ErrProxyAddress.
func NewDialer(c Config) (*Dialer, error) {
	d := &Dialer{timeout: c.Timeout, stall: c.Stall, speaks: wire.Subprotocol, isolation: newIsolation()}
	if c.JSON {
		d.speaks = jsonframe.Subprotocol
	}
	if d.timeout <= 0 {
		d.timeout = DialTimeout
		if c.Proxy != nil {
			d.timeout = ProxyTimeout
		}
	}
	if c.Proxy != nil {
		if err := c.Proxy.check(); err != nil {
			return nil, err
		}
		proxy := *c.Proxy
		d.proxy = &proxy
	}
	if !c.Node.IsZero() {
		own, err := Certificate(c.Node)
		if err != nil {
			return nil, fmt.Errorf("link: certificate: %w", err)
		}
		d.own = &own
	}
	return d, nil
}

// Dial connects to e and proves that it is the pinned gateway. Errors: ErrPlain,
// ErrPin, ErrOnion, ErrZone, ErrInside, wire.ErrWrongNode, ctx's error, or why the gateway
// can't be reached (joined by ErrProxy or ErrProxyRefused if that is the proxy's
// doing); those named first are final for this endpoint.
func (d *Dialer) Dial(ctx context.Context, e Endpoint) (Conn, error) {
	if err := e.check(); err != nil {
		return nil, err
	}
	if err := d.check(e); err != nil {
		return nil, err
	}
	limited, cancel := context.WithTimeout(ctx, d.timeout)
	defer cancel()
	c, err := d.connect(limited, e)
	if err != nil && ctx.Err() != nil {
		return nil, ctx.Err()
	}
	return c, err
}

func (d *Dialer) connect(ctx context.Context, e Endpoint) (Conn, error) {
	tcp, err := d.dial(ctx, e)
	if err != nil {
		return nil, err
	}
	defer context.AfterFunc(ctx, func() { tcp.Close() })()
	c, err := d.upgrade(ctx, e, socket.New(tcp, &d.buffers, !e.Plain))
	if err != nil {
		tcp.Close()
		var known *wire.Error
		if errors.As(err, &known) || errors.Is(err, ErrPlain) {
			return nil, err
		}
		return nil, fmt.Errorf("link: what answers at %s is not a ZeroMS gateway; check host and port: %w", e.Addr(), err)
	}
	if d.proxy == nil && !e.Foreign {
		d.chosen(tcp.RemoteAddr())
	}
	return c, nil
}

// check refuses endpoints that this way does not lead to.
func (d *Dialer) check(e Endpoint) error {
	switch {
	case d.proxy != nil && e.Plain: // what the proxy calls loopback is the proxy's
		return fmt.Errorf("%w (a proxy is another computer)", ErrPlain)
	case d.proxy == nil && strings.HasSuffix(strings.ToLower(e.Host), ".onion"):
		return ErrOnion
	}
	if ip, err := netip.ParseAddr(e.Host); err == nil && (ip.Zone() != "" || ip.Is6() && !ip.Is4In6() && ip.IsLinkLocalUnicast()) {
		return ErrZone
	}
	return nil
}

// dial connects to e, through the proxy if there is one.
func (d *Dialer) dial(ctx context.Context, e Endpoint) (net.Conn, error) {
	if d.proxy != nil {
		return d.dialThrough(ctx, e)
	}
	tcp, err := d.dialDirect(ctx, e)
	if err != nil {
		return nil, fmt.Errorf("link: no connection to the gateway at %s; check the address and this computer's network: %w", e.Addr(), err)
	}
	return tcp, nil
}

// upgrade makes a TCP connection into a link: TLS unless the endpoint is plain,
// then WebSocket.
func (d *Dialer) upgrade(ctx context.Context, e Endpoint, tcp *socket.Conn) (Conn, error) {
	if e.Plain {
		if !loopbackAddr(tcp.RemoteAddr()) {
			return nil, ErrPlain
		}
		ws, over, err := d.handshake(ctx, tcp, tcp)
		if err != nil {
			return nil, err
		}
		return spoken(newConn(ws, over, d.stall), d.speaks), nil
	}
	secure := tls.Client(tcp, clientTLS(e.Node, d.own))
	if err := secure.HandshakeContext(ctx); err != nil {
		return nil, err
	}
	ws, over, err := d.handshake(ctx, secure, tcp)
	if err != nil {
		return nil, err
	}
	c := newConn(ws, over, d.stall)
	state := secure.ConnectionState()
	if c.binding, c.node, err = Proof(&state); err != nil {
		return nil, err
	}
	return spoken(c, d.speaks), nil
}

// handshake asks for a WebSocket on a connection that is ready. The URL's
// scheme is ws because TLS is done already.
func (d *Dialer) handshake(ctx context.Context, over net.Conn, below *socket.Conn) (*websocket.Conn, *stream, error) {
	bounded := &boundedConn{Conn: over, left: maxAnswer}
	stream := newStream(bounded, below)
	stream.record = dialledRecord
	dialer := websocket.Dialer{
		NetDialContext:  func(context.Context, string, string) (net.Conn, error) { return stream, nil },
		Subprotocols:    []string{d.speaks},
		ReadBufferSize:  512,      // below it is a larger one
		WriteBufferSize: 64 << 10, // a message, mostly: the library makes fragments of larger ones
		WriteBufferPool: &d.writing,
	}
	ws, response, err := dialer.DialContext(ctx, "ws://"+SNI+Path, nil)
	if err != nil {
		return nil, nil, err
	}
	if ws.Subprotocol() != d.speaks {
		return nil, nil, errors.New("it does not speak " + d.speaks)
	}
	if response.Header.Get("Sec-WebSocket-Extensions") != "" {
		return nil, nil, errors.New("it insists on a WebSocket extension")
	}
	bounded.lifted.Store(true)
	stream.up = true
	return ws, stream, nil
}

// maxAnswer bounds what a gateway may send before the link is up: the answer to
// the upgrade, in bytes.
const maxAnswer = 16 << 10

// boundedConn reads a bounded number of bytes until it is lifted: HTTP itself
// does not bound the headers of an answer.
type boundedConn struct {
	net.Conn
	left   int
	lifted atomic.Bool
}

// Read reads within the bound.
func (c *boundedConn) Read(b []byte) (int, error) {
	if c.lifted.Load() {
		return c.Conn.Read(b)
	}
	if c.left <= 0 {
		return 0, errors.New("its answer is too long")
	}
	n, err := c.Conn.Read(b[:min(len(b), c.left)])
	c.left -= n
	return n, err
}

// dialTCP connects with keepalive probes in the kernel: they hold the NAT's
// mapping, and no timer of this program wakes an idle link.
func dialTCP(ctx context.Context, addr string) (net.Conn, error) {
	dialer := tcpDialer()
	return dialer.DialContext(ctx, "tcp", addr)
}

func tcpDialer() net.Dialer {
	return net.Dialer{KeepAliveConfig: net.KeepAliveConfig{
		Enable: true, Idle: NATInterval, Interval: 15 * time.Second, Count: 4,
	}}
}
