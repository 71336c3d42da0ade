package peer

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/gorilla/websocket"

	"zeroms/cmd/zeroms-lab/bench/socket"
)

// The relay's own protocol: a WebSocket message is one frame or several.
//
//	frame = kind 1 | peer 4 | number 4 | size 2 | payload
//
// A connection begins with a frame of kind relayHello whose peer is its own
// name. A message names the recipient, and the sender when it arrives; an
// acknowledgement goes to the sender as soon as the message was handed on. There
// is no queue for who is away, nothing is written to a disk, and nobody is
// authenticated: it is what carrying bytes costs.
const (
	relayHello   = 0
	relayMessage = 1
	relayAck     = 2

	relayHead     = 1 + 4 + 4 + 2
	relayProtocol = "relay"
	relayPath     = "/relay"
)

// Limits of the relay's server, in bytes.
const (
	relayWaiting   = 4 << 20  // for one connection
	relayCoalesced = 64 << 10 // up to which frames share a message
)

func appendRelay(dst []byte, kind byte, peer, number uint32, payload []byte) []byte {
	dst = binary.BigEndian.AppendUint32(append(dst, kind), peer)
	dst = binary.BigEndian.AppendUint32(dst, number)
	return append(binary.BigEndian.AppendUint16(dst, uint16(len(payload))), payload...)
}

// relayFrame is one frame of a message.
type relayFrame struct {
	kind         byte
	peer, number uint32
	payload      []byte
}

var errRelay = errors.New("peer: not a frame of the relay")

func nextRelay(b []byte) (f relayFrame, rest []byte, err error) {
	if len(b) < relayHead {
		return f, nil, errRelay
	}
	f = relayFrame{kind: b[0], peer: binary.BigEndian.Uint32(b[1:]), number: binary.BigEndian.Uint32(b[5:])}
	size := int(binary.BigEndian.Uint16(b[9:]))
	if len(b) < relayHead+size {
		return f, nil, errRelay
	}
	f.payload = b[relayHead : relayHead+size]
	return f, b[relayHead+size:], nil
}

// relayServer hands messages from one connection to another.
type relayServer struct {
	upgrader websocket.Upgrader

	mu    sync.RWMutex
	conns map[uint32]*relayConn // guarded by mu
}

// relayConn is one connection of the server.
type relayConn struct {
	ws   *websocket.Conn
	name uint32
	wake chan struct{}

	mu      sync.Mutex
	waiting []byte // guarded by mu
	closed  bool   // guarded by mu
}

// ServeRelay serves a relay until ctx ends.
func ServeRelay(ctx context.Context, l net.Listener) error {
	s := &relayServer{conns: make(map[uint32]*relayConn)}
	s.upgrader = websocket.Upgrader{
		Subprotocols: []string{relayProtocol}, ReadBufferSize: 4 << 10, WriteBufferSize: 4 << 10, WriteBufferPool: &sync.Pool{},
	}
	web := &http.Server{Handler: http.HandlerFunc(s.serve), ReadHeaderTimeout: 10 * time.Second}
	defer context.AfterFunc(ctx, func() { web.Close(); s.close() })()
	err := web.Serve(l)
	if ctx.Err() != nil {
		return nil
	}
	return err
}

func (s *relayServer) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.conns {
		c.ws.Close()
	}
}

// serve upgrades a connection, and leaves the handler of the HTTP server for
// goroutines of its own, so that its buffers go.
func (s *relayServer) serve(w http.ResponseWriter, r *http.Request) {
	ws, err := s.upgrader.Upgrade(w, r, nil)
	if err != nil {
		return
	}
	ws.SetReadLimit(socket.MaxMessage)
	c := &relayConn{ws: ws, wake: make(chan struct{}, 1)}
	go s.loopRead(c)
	go c.loopWrite()
}

// loopRead reads into one buffer, which all its messages share.
func (s *relayServer) loopRead(c *relayConn) {
	defer s.leave(c)
	var message []byte
	for {
		_, r, err := c.ws.NextReader()
		if err != nil {
			return
		}
		if message, err = readInto(message[:0], r); err != nil {
			return
		}
		for rest := message; len(rest) > 0; {
			var f relayFrame
			if f, rest, err = nextRelay(rest); err != nil {
				return
			}
			s.frame(c, &f)
		}
		if cap(message) > relayCoalesced {
			message = nil
		}
	}
}

// readInto appends all that r has.
func readInto(b []byte, r io.Reader) ([]byte, error) {
	for {
		if len(b) == cap(b) {
			b = append(b, 0)[:len(b)]
		}
		n, err := r.Read(b[len(b):cap(b)])
		b = b[:len(b)+n]
		if errors.Is(err, io.EOF) {
			return b, nil
		}
		if err != nil {
			return b, err
		}
	}
}

func (s *relayServer) frame(c *relayConn, f *relayFrame) {
	switch f.kind {
	case relayHello:
		s.mu.Lock()
		c.name = f.peer
		s.conns[f.peer] = c
		s.mu.Unlock()
		c.append(relayHello, f.peer, 0, nil)
	case relayMessage:
		s.mu.RLock()
		to := s.conns[f.peer]
		s.mu.RUnlock()
		if to != nil {
			to.append(relayMessage, c.name, f.number, f.payload)
			c.append(relayAck, f.peer, f.number, nil)
		}
	}
}

func (s *relayServer) leave(c *relayConn) {
	s.mu.Lock()
	if s.conns[c.name] == c {
		delete(s.conns, c.name)
	}
	s.mu.Unlock()
	c.mu.Lock()
	c.closed = true
	c.mu.Unlock()
	c.ws.Close()
	c.ring()
}

func (c *relayConn) ring() {
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// append queues a frame; a connection that does not read is cut.
func (c *relayConn) append(kind byte, peer, number uint32, payload []byte) {
	c.mu.Lock()
	c.waiting = appendRelay(c.waiting, kind, peer, number, payload)
	full := len(c.waiting) > relayWaiting
	c.mu.Unlock()
	if full {
		c.ws.Close()
	}
	c.ring()
}

// loopWrite writes what waits, as one message.
func (c *relayConn) loopWrite() {
	var out []byte
	for range c.wake {
		c.mu.Lock()
		out, c.waiting = c.waiting, out[:0]
		closed := c.closed
		c.mu.Unlock()
		if closed {
			return
		}
		if len(out) > 0 && c.ws.WriteMessage(websocket.BinaryMessage, out) != nil {
			c.ws.Close()
		}
		if cap(out) > relayCoalesced || len(out) == 0 {
			out = nil
		}
	}
}

// Relay is one connection to a relay. Step is called by one goroutine.
type Relay struct {
	conn    *socket.Conn
	to      uint32
	frame   []byte // guarded by the lock of writer, like out
	out     []byte
	writer  *Flow
	receive *Flow
}

// DialRelay connects under a name.
func DialRelay(ctx context.Context, addr string, name uint32) (*Relay, error) {
	conn, err := socket.Dial(ctx, socket.Config{Addr: addr, Host: addr, Path: relayPath, Protocol: relayProtocol})
	if err != nil {
		return nil, err
	}
	c := &Relay{conn: conn}
	if err := conn.Flush(appendRelay(conn.Begin(), relayHello, name, 0, nil)); err != nil {
		conn.Close()
		return nil, err
	}
	if _, err := conn.Next(); err != nil { // the hello comes back
		conn.Close()
		return nil, err
	}
	return c, nil
}

// Flow is a flow of messages from here to a name.
func (c *Relay) Flow(to uint32, room int) *Flow {
	c.to, c.writer = to, newFlow(c, room, false)
	return c.writer
}

// Receive lets what comes here be a flow's.
func (c *Relay) Receive(f *Flow) { c.receive = f }

// Close ends the connection.
func (c *Relay) Close() error { return c.conn.Close() }

// write makes a WebSocket message of its own for each message, as a client does
// that writes when it has something; the server alone coalesces.
func (c *Relay) write(number uint32, payload []byte) {
	c.frame = appendRelay(c.frame[:0], relayMessage, c.to, number, payload)
	c.out = socket.AppendMessage(c.out, c.frame)
}

func (c *Relay) flush() error {
	err := c.conn.Write(c.out)
	c.out = c.out[:0]
	return err
}

// Step reads one message and handles it.
func (c *Relay) Step() error {
	message, err := c.conn.Next()
	if err != nil {
		return err
	}
	now := time.Now()
	var acked, received bool
	for len(message) > 0 {
		var f relayFrame
		if f, message, err = nextRelay(message); err != nil {
			return err
		}
		switch {
		case f.kind == relayAck && c.writer != nil:
			acked = true
			err = c.writer.ack(now, f.number)
		case f.kind == relayMessage && c.receive != nil:
			received = true
			err = c.receive.deliver(now, f.payload)
		default:
			err = errRelay
		}
		if err != nil {
			return err
		}
	}
	if acked {
		return c.writer.refill(now)
	}
	if received {
		return c.receive.refill(now)
	}
	return nil
}
