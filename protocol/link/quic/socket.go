package quiclink

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/quic-go/quic-go"

	"zeroms/protocol/key"
	"zeroms/protocol/link"
	"zeroms/protocol/link/socket"
	"zeroms/protocol/wire"
)

// Times of connections.
const (
	// DialTimeout bounds a Dial. It is short: where UDP is blocked nobody answers,
	// and another way waits.
	DialTimeout = 5 * time.Second
	// IdleTimeout is how long a connection stays on which nothing comes.
	IdleTimeout = 60 * time.Second
	// acceptTimeout bounds an incoming connection until it is a link, beside its
	// handshake, which has the same.
	acceptTimeout = 10 * time.Second
)

// Receive windows in bytes: what the other side may send beyond what was read, at
// first and when a link reads as fast as it comes.
const (
	window    = 64 << 10
	maxWindow = 1 << 20
	// sharedWindows is what all links of a Socket may have above the first window.
	sharedWindows = 32 << 20
)

// Config is what a Socket needs to know.
type Config struct {
	// Node is the gateway's own key; its certificate is shown both ways.
	Node key.NodePrivate
	// Network is the one whose gateways are reached.
	Network key.Network
	// Timeout bounds a Dial; 0 is DialTimeout.
	Timeout time.Duration
	// Idle replaces IdleTimeout; 0 keeps it. The shorter one of both sides counts.
	Idle time.Duration
	// Stall replaces link.Stall; 0 keeps it.
	Stall time.Duration
	// MaxConns bounds incoming connections, those that are not yet links included;
	// more are refused. 0: no bound.
	MaxConns int
	// MaxStarting bounds the connections of one source (link.SourceOf) that are not
	// yet links, four times as many those of its network. 0: DefaultStarting.
	MaxStarting int
	// ResetKey lets a gateway that lost its connections tell their other sides, if it
	// is the same as before (RFC 9000 section 10.3). It is secret. Zero: one that is
	// drawn for this Socket.
	ResetKey [32]byte
	// Log gets why incoming connections did not become links, with their network
	// addresses; nil discards it.
	Log *log.Logger
}

// Socket is a UDP socket with links, those that it dialled and those that it
// accepted. Its methods may be called from any goroutine.
type Socket struct {
	// static
	alpn      string
	own       tls.Certificate
	timeout   time.Duration
	idle      time.Duration
	stall     time.Duration
	log       *log.Logger
	transport *quic.Transport
	udp       *quietConn
	entrance  *entrance
	buffers   socket.Buffers // lent to its links
	closing   sync.Once
	closed    chan struct{}

	mu      sync.Mutex
	conns   map[*conn]struct{}    // guarded by mu: that were not cut
	windows map[*quic.Conn]uint64 // guarded by mu: what a connection has above the first window, bytes
	shared  uint64                // guarded by mu: the sum of windows
}

// New makes a Socket of a UDP socket, which is its own from then on. It starts
// nothing; the first Dial, or Serve, does. Error: the node key can't sign.
func New(udp *net.UDPConn, c Config) (*Socket, error) {
	own, err := link.Certificate(c.Node)
	if err != nil {
		return nil, fmt.Errorf("link: certificate: %w", err)
	}
	s := &Socket{
		alpn: ALPN(c.Network), own: own, timeout: c.Timeout, idle: c.Idle, stall: c.Stall, log: c.Log,
		udp: &quietConn{UDPConn: udp}, entrance: newEntrance(c.MaxConns, c.MaxStarting), closed: make(chan struct{}),
		conns: map[*conn]struct{}{}, windows: map[*quic.Conn]uint64{},
	}
	if s.timeout <= 0 {
		s.timeout = DialTimeout
	}
	if s.idle <= 0 {
		s.idle = IdleTimeout
	}
	if s.stall <= 0 {
		s.stall = link.Stall
	}
	if s.log == nil {
		s.log = log.New(io.Discard, "", 0)
	}
	reset := quic.StatelessResetKey(c.ResetKey)
	if c.ResetKey == ([32]byte{}) {
		rand.Read(reset[:]) // never fails
	}
	s.transport = &quic.Transport{
		Conn: s.udp, StatelessResetKey: &reset, DisableVersionNegotiationPackets: true,
		VerifySourceAddress: s.entrance.crowded,
		ConnContext: func(ctx context.Context, who *quic.ClientInfo) (context.Context, error) {
			return s.entrance.admit(ctx, who.RemoteAddr, who.AddrVerified)
		},
	}
	return s, nil
}

// Addr is where the Socket listens.
func (s *Socket) Addr() netip.AddrPort { return addrPort(s.udp.LocalAddr()) }

// config is that of a connection whose handshake may take so long, in which the
// other side may open so many streams.
func (s *Socket) config(handshake time.Duration, streams int64) *quic.Config {
	return &quic.Config{
		Versions:             []quic.Version{quic.Version1},
		HandshakeIdleTimeout: handshake,
		MaxIdleTimeout:       s.idle,
		MaxIncomingStreams:   streams, MaxIncomingUniStreams: -1, RequireStreamCreditRelease: true,
		InitialStreamReceiveWindow: window, MaxStreamReceiveWindow: maxWindow,
		InitialConnectionReceiveWindow: window, MaxConnectionReceiveWindow: maxWindow,
		AllowConnectionWindowIncrease: s.widen,
	}
}

// widen reports whether a connection's window may grow by so many bytes.
func (s *Socket) widen(q *quic.Conn, by uint64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.shared+by > sharedWindows {
		return false
	}
	s.shared += by
	s.windows[q] += by
	return true
}

// Dial connects to the gateway at an address and proves that it is the pinned one:
// by its 32-byte node key, or its 16-byte gateway hash. Nothing is sent before.
// Whether the other side takes our certificate shows later: if not, the link ends.
// Errors: link.ErrPin and wire.ErrWrongNode, which are final for this address and
// pin; wire.ErrNetwork if it says that it belongs to another network; wire.ErrBusy
// if its limits refuse another connection; wire.ErrUnreachable if nothing answers
// in time or there is no way to it; wire.ErrLinkClosed after the Socket's end; ctx's.
func (s *Socket) Dial(ctx context.Context, addr netip.AddrPort, pin []byte) (link.Conn, error) {
	if len(pin) != key.PublicSize && len(pin) != len(key.GatewayHash{}) {
		return nil, link.ErrPin
	}
	if ip := addr.Addr(); !ip.IsValid() || ip.IsUnspecified() || ip.IsMulticast() || addr.Port() == 0 {
		return nil, wire.ErrUnreachable.Because("no address")
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	limited, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	to := net.UDPAddrFromAddrPort(netip.AddrPortFrom(addr.Addr().Unmap(), addr.Port()))
	q, err := s.transport.Dial(limited, to, clientTLS(pin, s.own, s.alpn), s.config(s.timeout, -1))
	if err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, s.dialError(err)
	}
	stream, err := q.OpenStream()
	if err == nil {
		_, err = stream.Write([]byte{opening})
	}
	if err != nil {
		q.CloseWithError(quic.ApplicationErrorCode(wire.CodeUnexpected), "")
		return nil, wire.ErrUnreachable.Because("it takes no stream")
	}
	return s.link(q, stream)
}

// link makes a link of a connection with its stream.
func (s *Socket) link(q *quic.Conn, stream *quic.Stream) (*conn, error) {
	state := q.ConnectionState().TLS
	binding, node, err := link.Proof(&state)
	if err == nil && node.IsZero() {
		err = wire.ErrWrongNode
	}
	if err != nil {
		q.CloseWithError(quic.ApplicationErrorCode(wire.CodeWrongNode), "")
		return nil, err
	}
	c := newConn(s, q, stream)
	c.binding, c.node = binding, node
	s.mu.Lock()
	s.conns[c] = struct{}{}
	s.mu.Unlock()
	if s.isClosed() { // and Close may have looked before
		c.Cut()
		return nil, wire.ErrLinkClosed
	}
	return c, nil
}

func (s *Socket) isClosed() bool {
	select {
	case <-s.closed:
		return true
	default:
		return false
	}
}

// forget lets go of a link that was cut.
func (s *Socket) forget(c *conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.conns, c)
	s.shared -= s.windows[c.quic]
	delete(s.windows, c.quic)
}

// dialError turns what the library reports into an error of the table. Texts of
// network errors hold addresses, so they stay behind.
func (s *Socket) dialError(err error) error {
	var known *wire.Error
	var transport *quic.TransportError
	var late net.Error
	switch {
	case errors.As(err, &known):
		return known
	case s.isClosed(), errors.Is(err, quic.ErrTransportClosed):
		return wire.ErrLinkClosed
	case errors.As(err, &transport) && transport.ErrorCode == quic.ConnectionRefused:
		return wire.ErrBusy
	case transport != nil && transport.ErrorCode == alertNoCommonALPN:
		return wire.ErrNetwork
	case transport != nil:
		return wire.ErrUnreachable.Because("it refused the handshake")
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &late) && late.Timeout():
		return wire.ErrUnreachable.Because("no answer")
	}
	return wire.ErrUnreachable.Because("no way there")
}

// Serve accepts links until ctx or the Socket ends, and hands each to handle in a
// goroutine of its own; the link is closed when handle returns. It returns after
// every handle has, those have to see the end of ctx themselves, and closes the
// Socket. It is called once. It returns nil when ctx ended or Close was called,
// else why the socket failed.
func (s *Socket) Serve(ctx context.Context, handle func(link.Conn)) error {
	defer s.Close()
	listener, err := s.transport.Listen(serverTLS(s.own, s.alpn), s.config(acceptTimeout/2, 1)) // of which a handshake may take twice as much
	if err != nil {
		return s.failure(ctx, err)
	}
	var all sync.WaitGroup
	for {
		q, failed := listener.Accept(ctx)
		if failed != nil {
			err = failed
			break
		}
		all.Go(func() { s.serveConn(ctx, q, handle) })
	}
	listener.Close()
	all.Wait()
	return s.failure(ctx, err)
}

// failure is err unless the end was wanted.
func (s *Socket) failure(ctx context.Context, err error) error {
	if s.isClosed() || ctx.Err() != nil {
		return nil
	}
	return fmt.Errorf("link: the UDP socket has failed: %w", err)
}

// serveConn serves one connection until its handle returns.
func (s *Socket) serveConn(ctx context.Context, q *quic.Conn, handle func(link.Conn)) {
	c, err := s.accept(ctx, q)
	if err != nil {
		s.log.Printf("link: %v did not become a link: %v", q.RemoteAddr(), err)
		return
	}
	defer c.Close()
	handle(c)
}

// accept waits for the stream of a connection. A connection that gets none ends.
func (s *Socket) accept(ctx context.Context, q *quic.Conn) (*conn, error) {
	limited, cancel := context.WithTimeout(ctx, acceptTimeout)
	defer cancel()
	stream, err := q.AcceptStream(limited)
	code := wire.CodeUnexpected
	if err == nil {
		var first [1]byte
		stream.SetReadDeadline(time.Now().Add(acceptTimeout))
		if _, err = io.ReadFull(stream, first[:]); err == nil && first[0] != opening {
			err, code = wire.ErrVersion, wire.CodeVersion
		}
		stream.SetReadDeadline(time.Time{})
	}
	if err != nil {
		q.CloseWithError(quic.ApplicationErrorCode(code), "")
		return nil, err
	}
	if g, ok := q.Context().Value(guestKey{}).(*guest); ok {
		g.becomesLink()
	}
	return s.link(q, stream)
}

// Close ends every link without waiting for goodbyes, and then the socket.
func (s *Socket) Close() error {
	s.closing.Do(func() {
		close(s.closed)
		s.mu.Lock()
		conns := make([]*conn, 0, len(s.conns))
		for c := range s.conns {
			conns = append(conns, c)
		}
		s.mu.Unlock()
		for _, c := range conns {
			c.end(0)
		}
		s.transport.Close()
		s.udp.Close()
	})
	return nil
}
