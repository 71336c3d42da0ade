package link

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gorilla/websocket"

	"zeroms/protocol/key"
	"zeroms/protocol/link/socket"
	"zeroms/protocol/wire"
)

// conn is a link over a WebSocket. gorilla's connection wants one reader and
// one writer at a time, which the two gates see to, and its read errors are for
// ever, so a Recv that fails ends the link.
type conn struct {
	// static
	ws      *websocket.Conn
	stream  *stream
	kind    int // of its messages
	binding [32]byte
	node    key.NodePublic
	stall   time.Duration
	counted *countedConn // nil at the dialling side
	limit   atomic.Int64 // of the next message to read, bytes

	reading gate           // who is in reads
	lent    *socket.Buffer // owned by the reader: holds the message that Borrow returned
	probe   [1]byte        // owned by the reader
	pings   time.Time      // owned by the reader: until then what came is spread at pingEvery
	recv    watch
	writing gate      // who is in writes
	writeBy time.Time // owned by the writer: the deadline that is set
	send    watch
	closing sync.Once
	closed  atomic.Bool // Close or cut has begun
}

func newConn(ws *websocket.Conn, s *stream, stall time.Duration) *conn {
	if stall <= 0 {
		stall = Stall
	}
	c := &conn{ws: ws, stream: s, kind: websocket.BinaryMessage, stall: stall}
	c.LimitRead(wire.MaxMessage)
	ws.SetPingHandler(c.pinged)
	ws.SetPongHandler(c.ponged)
	return c
}

// Binding is the connection's TLS exporter.
func (c *conn) Binding() [32]byte { return c.binding }

// Node is the key that the other side proved.
func (c *conn) Node() key.NodePublic { return c.node }

// Remote is the address at the other end of the TCP connection.
func (c *conn) Remote() netip.Addr { return addrOf(c.ws.RemoteAddr()) }

// LimitRead implements Conn.
func (c *conn) LimitRead(size int) { c.limit.Store(int64(min(size, wire.MaxMessage))) }

// allowed is how long a message of n bytes may take.
func (c *conn) allowed(n int) time.Duration {
	return c.stall + time.Duration(n)*time.Second/SlowestRate
}

// Send implements Conn.
func (c *conn) Send(ctx context.Context, message []byte) error {
	if err := CheckMessage(message); err != nil {
		return err
	}
	if err := c.writing.enter(ctx, &c.closed); err != nil {
		return err
	}
	defer c.writing.leave()
	if err := c.send.enter(ctx, c); err != nil {
		return err
	}
	defer c.send.leave()
	c.ws.SetWriteDeadline(c.deadline(len(message)))
	if err := c.ws.WriteMessage(c.kind, message); err != nil {
		c.cut()
		return ended(ctx, err)
	}
	return nil
}

// deadline is when a message of n bytes must be out: in the time allowed and up
// to an eighth of Stall more, so that not every message needs another one.
func (c *conn) deadline(n int) time.Time {
	now, allowed := time.Now(), c.allowed(n)
	if left := c.writeBy.Sub(now); left < allowed || left > allowed+c.stall/8 {
		c.writeBy = now.Add(allowed + c.stall/8)
	}
	return c.writeBy
}

// Recv implements Conn.
func (c *conn) Recv(ctx context.Context) ([]byte, error) {
	return c.receive(ctx, false)
}

// Borrow implements Lender.
func (c *conn) Borrow(ctx context.Context) ([]byte, error) {
	return c.receive(ctx, true)
}

// receive returns the next message, lent or for good.
func (c *conn) receive(ctx context.Context, lend bool) (message []byte, err error) {
	if err := c.reading.enter(ctx, &c.closed); err != nil {
		if ctx.Err() != nil {
			c.cut()
		}
		return nil, err
	}
	defer c.reading.leave()
	c.giveBack()
	if err = c.recv.enter(ctx, c); err == nil {
		defer c.recv.leave()
		if err = c.stream.await(); err == nil {
			message, err = c.read()
		}
	}
	if err != nil {
		c.giveBack()
		if c.isClosed() {
			err = wire.ErrLinkClosed
		}
		c.cut()
		return nil, ended(ctx, err)
	}
	if !lend {
		message = bytes.Clone(message)
		c.giveBack()
	}
	return message, nil
}

// giveBack ends what Borrow lent; the caller is the reader.
func (c *conn) giveBack() {
	if c.lent != nil {
		c.stream.socket.Buffers().Put(c.lent)
		c.lent = nil
	}
}

// read reads one message into c.lent. The wait for its beginning has no end here;
// once it has begun, it must come at SlowestRate.
func (c *conn) read() ([]byte, error) {
	limit := c.limit.Load()
	c.ws.SetReadLimit(limit)
	kind, r, err := c.ws.NextReader()
	if err != nil {
		return nil, err
	}
	if kind != c.kind {
		c.goodbye(websocket.CloseUnsupportedData)
		return nil, wire.ErrUnexpected.Because("not a message of the kind agreed on")
	}
	c.stream.socket.Expect(c.allowed(int(limit)), 2*int(limit)+framing)
	defer c.stream.socket.Received()
	message, err := c.readAll(r)
	if err != nil {
		return nil, err
	}
	// The library's limit counts bytes before decompression; extensions are
	// refused, and this bound holds anyway.
	err = CheckMessage(message)
	if err == nil && int64(len(message)) > limit {
		err = wire.ErrTooLarge
	}
	if err != nil {
		c.goodbye(websocket.CloseMessageTooBig)
		return nil, err
	}
	return message, nil
}

// framing is what headers of fragments, records of TLS and the beginning of what
// follows may take beside twice a message, in bytes.
const framing = 64 << 10

// readAll reads the rest of a message into c.lent, which grows with what has
// arrived, never with what was announced.
func (c *conn) readAll(r io.Reader) ([]byte, error) {
	pool := c.stream.socket.Buffers()
	c.lent = pool.Get(1)
	for n := 0; ; {
		room := c.lent.Bytes[n:]
		if len(room) == 0 {
			room = c.probe[:]
		}
		m, err := r.Read(room)
		switch {
		case err == io.EOF:
			return c.lent.Bytes[:n], nil
		case err != nil:
			return nil, err
		case m > 0 && n == len(c.lent.Bytes):
			if n == wire.MaxMessage {
				return nil, wire.ErrTooLarge
			}
			larger := pool.Get(n + 1)
			copy(larger.Bytes, c.lent.Bytes)
			larger.Bytes[n] = c.probe[0]
			pool.Put(c.lent)
			c.lent = larger
		}
		n += m
	}
}

// Control frames that a peer may send: so many at once, and one in each interval.
const (
	pingBurst = 64
	pingEvery = time.Second
)

// countControl refuses control frames that come too fast: they pass below every
// other limit.
func (c *conn) countControl() error {
	now := time.Now()
	if c.pings.Before(now) {
		c.pings = now
	}
	if c.pings.Sub(now) > (pingBurst-1)*pingEvery {
		c.goodbye(websocket.ClosePolicyViolation)
		return wire.ErrUnexpected.Because("too many pings")
	}
	c.pings = c.pings.Add(pingEvery)
	return nil
}

// pinged answers a ping, if that can go out at once.
func (c *conn) pinged(data string) error {
	if err := c.countControl(); err != nil {
		return err
	}
	err := c.ws.WriteControl(websocket.PongMessage, []byte(data), time.Now().Add(CloseGrace))
	var late net.Error
	if err == websocket.ErrCloseSent || errors.As(err, &late) && late.Timeout() {
		return nil
	}
	return err
}

// ponged counts a pong, which nobody asked for.
func (c *conn) ponged(string) error { return c.countControl() }

// Close implements Conn: it sends a close frame and waits a moment for the
// other side's, reading what still comes, because closing a TCP connection with
// unread data would reset it and destroy what is on its way out.
func (c *conn) Close() error {
	c.closing.Do(func() {
		if !c.isClosed() {
			c.lingering()
		}
		c.cut()
	})
	return nil
}

func (c *conn) lingering() {
	c.markClosed()
	if c.counted != nil {
		c.counted.tally.leaving(c.counted)
	}
	c.goodbye(websocket.CloseNormalClosure)
	c.stream.socket.Finally(time.Now().Add(CloseGrace))
	late, cancel := context.WithTimeout(context.Background(), CloseGrace)
	defer cancel()
	if c.reading.wait(late) != nil {
		return
	}
	defer c.reading.leave()
	for {
		if _, _, err := c.ws.NextReader(); err != nil {
			return
		}
	}
}

func (c *conn) goodbye(code int) {
	c.ws.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(code, ""), time.Now().Add(CloseGrace))
}

// Cut is what the function of that name asks of a link.
func (c *conn) Cut() { c.cut() }

// cut ends the connection at once; reads and writes that wait fail.
func (c *conn) cut() {
	c.markClosed()
	// Below TLS, whose goodbye may wait for a peer that reads nothing.
	if c.counted != nil {
		c.counted.Close()
	} else {
		c.stream.socket.Close()
	}
	c.recv.end()
	c.send.end()
}

func (c *conn) markClosed() {
	c.closed.Store(true)
	c.reading.wake()
	c.writing.wake()
}

func (c *conn) isClosed() bool { return c.closed.Load() }

// ended turns what the libraries report into an error of the table. Texts of
// network errors hold addresses, so they stay behind.
func ended(ctx context.Context, err error) error {
	var known *wire.Error
	var goodbye *websocket.CloseError
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.As(err, &known):
		return known
	case errors.Is(err, websocket.ErrReadLimit):
		return wire.ErrTooLarge
	case errors.As(err, &goodbye) && goodbye.Code == websocket.CloseMessageTooBig:
		return wire.ErrLinkClosed.Because("the other side refused the size of a message")
	case errors.As(err, &goodbye) && goodbye.Code != websocket.CloseNormalClosure:
		return wire.ErrLinkClosed.Because("close code " + strconv.Itoa(goodbye.Code))
	}
	return wire.ErrLinkClosed
}
