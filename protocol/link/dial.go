package link

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"sync/atomic"
	"time"

	"github.com/gorilla/websocket"

	"zeroms/protocol/key"
	"zeroms/protocol/wire"
)

// Config is what a Dialer needs to know; its zero value is a client's.
type Config struct {
	// Timeout bounds a Dial; 0 is DialTimeout.
	Timeout time.Duration
	// Stall replaces the constant of that name; 0 keeps it.
	Stall time.Duration
	// Node is the caller's own key if it is a gateway itself, which makes the TLS
	// mutual.
	Node key.NodePrivate
}

// Dialer opens links over the network.
type Dialer struct {
	timeout time.Duration
	stall   time.Duration
	own     *tls.Certificate
}

// NewDialer makes a Dialer; it fails only if the node key can't sign.
func NewDialer(c Config) (*Dialer, error) {
	d := &Dialer{timeout: c.Timeout, stall: c.Stall}
	if d.timeout <= 0 {
		d.timeout = DialTimeout
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
// ErrPin, wire.ErrWrongNode, ctx's error, or why the gateway can't be reached;
// all but the last are final for this endpoint.
func (d *Dialer) Dial(ctx context.Context, e Endpoint) (Conn, error) {
	if err := e.check(); err != nil {
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
	tcp, err := dialTCP(ctx, e.Addr())
	if err != nil {
		return nil, fmt.Errorf("link: no connection to the gateway at %s; check the address and this computer's network: %w", e.Addr(), err)
	}
	defer context.AfterFunc(ctx, func() { tcp.Close() })()
	c, err := d.upgrade(ctx, e, tcp)
	if err != nil {
		tcp.Close()
		var known *wire.Error
		if errors.As(err, &known) || errors.Is(err, ErrPlain) {
			return nil, err
		}
		return nil, fmt.Errorf("link: what answers at %s is not a ZeroMS gateway; check host and port: %w", e.Addr(), err)
	}
	return c, nil
}

// upgrade makes a TCP connection into a link: TLS unless the endpoint is plain,
// then WebSocket.
func (d *Dialer) upgrade(ctx context.Context, e Endpoint, tcp net.Conn) (Conn, error) {
	if e.Plain {
		if !loopbackAddr(tcp.RemoteAddr()) {
			return nil, ErrPlain
		}
		ws, err := handshake(ctx, tcp)
		if err != nil {
			return nil, err
		}
		return newConn(ws, d.stall), nil
	}
	secure := tls.Client(tcp, clientTLS(e.Node, d.own))
	if err := secure.HandshakeContext(ctx); err != nil {
		return nil, err
	}
	ws, err := handshake(ctx, secure)
	if err != nil {
		return nil, err
	}
	c := newConn(ws, d.stall)
	state := secure.ConnectionState()
	if c.binding, c.node, err = proof(&state); err != nil {
		return nil, err
	}
	return c, nil
}

// handshake asks for a WebSocket on a connection that is ready. The URL's
// scheme is ws because TLS is done already.
func handshake(ctx context.Context, over net.Conn) (*websocket.Conn, error) {
	bounded := &boundedConn{Conn: over, left: maxAnswer}
	dialer := websocket.Dialer{
		NetDialContext:  func(context.Context, string, string) (net.Conn, error) { return bounded, nil },
		Subprotocols:    []string{wire.Subprotocol},
		ReadBufferSize:  4 << 10,
		WriteBufferSize: 16 << 10,
	}
	ws, response, err := dialer.DialContext(ctx, "ws://"+SNI+Path, nil)
	if err != nil {
		return nil, err
	}
	if ws.Subprotocol() != wire.Subprotocol {
		return nil, errors.New("it does not speak " + wire.Subprotocol)
	}
	if response.Header.Get("Sec-WebSocket-Extensions") != "" {
		return nil, errors.New("it insists on a WebSocket extension")
	}
	bounded.lifted.Store(true)
	return ws, nil
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
	dialer := net.Dialer{KeepAliveConfig: net.KeepAliveConfig{
		Enable: true, Idle: NATInterval, Interval: 15 * time.Second, Count: 4,
	}}
	return dialer.DialContext(ctx, "tcp", addr)
}
