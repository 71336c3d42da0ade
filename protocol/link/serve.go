package link

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/gorilla/websocket"

	"zeroms/protocol/key"
	"zeroms/protocol/link/socket"
	"zeroms/protocol/wire"
	"zeroms/protocol/wire/jsonframe"
)

// Limits of the HTTP side of Serve.
const (
	handshakeTimeout = 10 * time.Second // TLS, and then the request's header
	maxHeaderBytes   = 8 << 10
	// deadPeer is the silence after which the listening side asks the kernel of
	// the other one whether it still exists: only to free what a vanished client
	// left, so it may be late.
	deadPeer = 10 * time.Minute
)

// ServerConfig is what Serve needs to know.
type ServerConfig struct {
	// Node signs the certificate; unused if Plain.
	Node key.NodePrivate
	// Plain serves ws:// without TLS; the listener must be on loopback.
	Plain bool
	// MaxConns bounds the TCP connections, those that are not yet links included.
	// For one more the oldest gives way that is no link: of the network (NetworkOf)
	// that has most of them, and of the source (SourceOf) in it that has most. If
	// all are links, it is closed as it comes. 0: no bound.
	MaxConns int
	// MaxStarting bounds the connections of one source that are not yet links, four
	// times as many those of a network. For one more the oldest gives way, in a
	// network that of the source with most. 0: no bound.
	MaxStarting int
	// Stall replaces the constant of that name; 0 keeps it.
	Stall time.Duration
	// Log gets what went wrong with connections before they were links, with their
	// network addresses; nil discards it.
	Log *log.Logger
}

// Serve accepts links on l until ctx ends or l fails, and hands each to handle
// in a goroutine of its own, none after that; the link is closed when handle returns.
// Serve closes l and returns after every handle has: those have to see the end of ctx
// themselves. It returns nil when ctx ended, ErrPlain for a plain listener off
// loopback, else l's error.
func Serve(ctx context.Context, l net.Listener, c ServerConfig, handle func(Conn)) error {
	if c.Plain && !loopbackAddr(l.Addr()) {
		l.Close()
		return ErrPlain
	}
	limited := &listener{
		Listener: l, tally: newTally(c.MaxConns, c.MaxStarting), buffers: &socket.Buffers{}, sealed: !c.Plain,
	}
	var over net.Listener = limited
	if !c.Plain {
		own, err := Certificate(c.Node)
		if err != nil {
			l.Close()
			return fmt.Errorf("link: certificate: %w", err)
		}
		over = tls.NewListener(limited, serverTLS(own))
	}
	s := newServer(ctx, c.Stall, handle)
	web := &http.Server{
		Handler:           s,
		ReadHeaderTimeout: handshakeTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		ErrorLog:          c.Log, // its lines hold addresses
	}
	if c.Log == nil {
		web.ErrorLog = log.New(io.Discard, "", 0)
	}
	web.SetKeepAlivesEnabled(false) // whoever asks for no link does not stay
	defer context.AfterFunc(ctx, func() { web.Close() })()
	err := web.Serve(over)
	web.Close()
	s.wait()
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// server upgrades requests to links.
type server struct {
	// static
	life     context.Context // its end lets no further handler begin
	upgrader websocket.Upgrader
	stall    time.Duration
	handle   func(Conn)

	mu     sync.Mutex
	active int           // guarded by mu: handlers that run
	ending bool          // guarded by mu: no further ones
	idle   chan struct{} // closed when ending and none is active
}

func newServer(life context.Context, stall time.Duration, handle func(Conn)) *server {
	s := &server{life: life, stall: stall, handle: handle, idle: make(chan struct{})}
	s.upgrader = websocket.Upgrader{
		HandshakeTimeout: handshakeTimeout,
		Subprotocols:     []string{wire.Subprotocol, jsonframe.Subprotocol},
		// A browser names the page's origin. No page may talk to a gateway: this is
		// what keeps the web away from one on loopback.
		CheckOrigin: func(r *http.Request) bool { return len(r.Header["Origin"]) == 0 },
		// The library reads through the reader that takeover gives it.
		WriteBufferSize: 4 << 10,
		WriteBufferPool: &sync.Pool{},
	}
	return s
}

// ServeHTTP implements http.Handler.
func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path != Path {
		http.Error(w, "This is a ZeroMS gateway; it shows nothing to browsers here.", http.StatusNotFound)
		return
	}
	offered := websocket.Subprotocols(r)
	if !slices.Contains(offered, wire.Subprotocol) && !slices.Contains(offered, jsonframe.Subprotocol) {
		http.Error(w, "This gateway speaks "+wire.Subprotocol+" and "+jsonframe.Subprotocol+" over WebSocket.", http.StatusBadRequest)
		return
	}
	if !s.enter() {
		http.Error(w, "The gateway is shutting down.", http.StatusServiceUnavailable)
		return
	}
	c := s.upgrade(w, r)
	if c == nil {
		s.leave()
		return
	}
	// Not in this goroutine: what HTTP holds of a request would stay with the link.
	go s.serveLink(c)
}

// upgrade makes a link of a request; nil if that failed, and was answered.
func (s *server) upgrade(w http.ResponseWriter, r *http.Request) *conn {
	t := &takeover{ResponseWriter: w}
	ws, err := s.upgrader.Upgrade(t, r, nil)
	if err != nil {
		return nil
	}
	t.stream.up = true
	c := newConn(ws, t.stream, s.stall)
	c.counted = counted(t.stream.Conn)
	c.counted.tally.linked(c.counted)
	if r.TLS != nil {
		if c.binding, c.node, err = Proof(r.TLS); err != nil {
			c.Close()
			return nil
		}
	}
	return c
}

// serveLink serves a link until its handle returns.
func (s *server) serveLink(c *conn) {
	defer s.leave()
	defer c.Close()
	s.handle(spoken(c, c.ws.Subprotocol()))
}

// takeover hands the connection of a request to the WebSocket library in the way
// that links use it.
type takeover struct {
	http.ResponseWriter
	stream *stream
}

// aboveSize is the size of the library's own buffer, in bytes: the smallest that
// it takes from somebody else. It holds a control frame, which has 131 at most.
const aboveSize = 257

// Hijack implements http.Hijacker.
func (t *takeover) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	c, both, err := http.NewResponseController(t.ResponseWriter).Hijack()
	if err != nil {
		return nil, nil, err
	}
	if both.Reader.Buffered() > 0 {
		c.Close()
		return nil, nil, errors.New("link: frames before the upgrade")
	}
	t.stream = newStream(c, counted(c).socket())
	t.stream.above = bufio.NewReaderSize(t.stream, aboveSize)
	return t.stream, bufio.NewReadWriter(t.stream.above, both.Writer), nil
}

func (s *server) enter() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ending || s.life.Err() != nil { // the listener may still be open for a moment
		return false
	}
	s.active++
	return true
}

func (s *server) leave() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.active--
	if s.ending && s.active == 0 {
		close(s.idle)
	}
}

// wait lets no further handler begin and waits for those that run.
func (s *server) wait() {
	s.mu.Lock()
	s.ending = true
	if s.active == 0 {
		close(s.idle)
	}
	s.mu.Unlock()
	<-s.idle
}

// listener keeps connections within its limits.
type listener struct {
	net.Listener
	tally   *tally
	buffers *socket.Buffers
	sealed  bool // TLS is above
}

// Accept returns the next connection that has a place.
func (l *listener) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		own, victim := l.tally.add(socket.New(c, l.buffers, l.sealed))
		if own == nil {
			c.Close()
			continue
		}
		if victim != nil {
			victim.Conn.Close() // whoever serves it notices, and gives its place back
		}
		if tcp, ok := c.(*net.TCPConn); ok {
			tcp.SetKeepAliveConfig(net.KeepAliveConfig{Enable: true, Idle: deadPeer, Interval: time.Minute, Count: 4})
		}
		return own, nil
	}
}
