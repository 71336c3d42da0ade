package link

import (
	"context"
	"errors"
	"io"
	"net/netip"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gorilla/websocket"

	"zeroms/protocol/key"
	"zeroms/protocol/wire"
)

// conn is a link over a WebSocket. gorilla's connection wants one reader and
// one writer at a time, which the two tokens see to, and its read errors are for
// ever, so a Recv that fails ends the link.
type conn struct {
	// static
	ws      *websocket.Conn
	binding [32]byte
	node    key.NodePublic
	stall   time.Duration
	leaving func()       // says that Close has begun; may be nil
	limit   atomic.Int64 // of the next message to read, bytes

	reading chan struct{} // a token: who holds it reads
	writing chan struct{} // a token: who holds it writes
	closing sync.Once
	closed  chan struct{} // closed when Close or cut begins
	cutting sync.Once
}

func newConn(ws *websocket.Conn, stall time.Duration) *conn {
	if stall <= 0 {
		stall = Stall
	}
	c := &conn{
		ws:      ws,
		stall:   stall,
		reading: make(chan struct{}, 1),
		writing: make(chan struct{}, 1),
		closed:  make(chan struct{}),
	}
	c.LimitRead(wire.MaxMessage)
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

// allowance is how long a message of n bytes may take.
func (c *conn) allowance(n int) time.Time {
	return time.Now().Add(c.stall + time.Duration(n)*time.Second/SlowestRate)
}

// Send implements Conn.
func (c *conn) Send(ctx context.Context, message []byte) error {
	if err := CheckMessage(message); err != nil {
		return err
	}
	if err := c.take(ctx, c.writing); err != nil {
		return err
	}
	defer func() { <-c.writing }()
	defer context.AfterFunc(ctx, c.cut)()
	c.ws.SetWriteDeadline(c.allowance(len(message)))
	if err := c.ws.WriteMessage(websocket.BinaryMessage, message); err != nil {
		c.cut()
		return ended(ctx, err)
	}
	return nil
}

// Recv implements Conn.
func (c *conn) Recv(ctx context.Context) ([]byte, error) {
	if err := c.take(ctx, c.reading); err != nil {
		if ctx.Err() != nil {
			c.cut()
		}
		return nil, err
	}
	defer func() { <-c.reading }()
	defer context.AfterFunc(ctx, c.cut)()
	message, err := c.read()
	if err == nil {
		return message, nil
	}
	if c.isClosed() {
		err = wire.ErrLinkClosed
	}
	c.cut()
	return nil, ended(ctx, err)
}

// read reads one message. The wait for its beginning has no end here; once it
// has begun, it must come at SlowestRate.
func (c *conn) read() ([]byte, error) {
	limit := c.limit.Load()
	c.ws.SetReadLimit(limit)
	kind, r, err := c.ws.NextReader()
	if err != nil {
		return nil, err
	}
	if kind != websocket.BinaryMessage {
		c.goodbye(websocket.CloseUnsupportedData)
		return nil, wire.ErrUnexpected.Because("not a binary message")
	}
	if !c.isClosed() { // Close has set a deadline that must stay
		c.ws.SetReadDeadline(c.allowance(int(limit)))
		defer c.awaitNext()
	}
	// gorilla's limit counts bytes before decompression; extensions are refused,
	// and this bound holds anyway. ReadAll grows with what has arrived, never with
	// what was announced.
	message, err := io.ReadAll(io.LimitReader(r, limit+1))
	if err != nil {
		return nil, err
	}
	if err := CheckMessage(message); err != nil {
		c.goodbye(websocket.CloseMessageTooBig)
		return nil, err
	}
	return message, nil
}

// awaitNext takes the read deadline away, unless Close has begun meanwhile.
func (c *conn) awaitNext() {
	c.ws.SetReadDeadline(time.Time{})
	if c.isClosed() {
		c.ws.SetReadDeadline(time.Now().Add(CloseGrace))
	}
}

// Close implements Conn: it sends a close frame and waits a moment for the
// other side's, reading what still comes, because closing a TCP connection with
// unread data would reset it and destroy what is on its way out.
func (c *conn) Close() error {
	c.closing.Do(func() {
		select {
		case <-c.closed:
		default:
			c.lingering()
		}
		c.cut()
	})
	return nil
}

func (c *conn) lingering() {
	c.markClosed()
	if c.leaving != nil {
		c.leaving()
	}
	c.goodbye(websocket.CloseNormalClosure)
	until := time.Now().Add(CloseGrace)
	c.ws.SetReadDeadline(until)
	late := time.NewTimer(CloseGrace)
	defer late.Stop()
	select {
	case c.reading <- struct{}{}:
		defer func() { <-c.reading }()
	case <-late.C:
		return
	}
	for {
		if _, _, err := c.ws.NextReader(); err != nil {
			return
		}
	}
}

func (c *conn) goodbye(code int) {
	c.ws.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(code, ""), time.Now().Add(CloseGrace))
}

// cut ends the connection at once; reads and writes that wait fail.
func (c *conn) cut() {
	c.markClosed()
	c.ws.Close()
}

func (c *conn) markClosed() { c.cutting.Do(func() { close(c.closed) }) }

func (c *conn) isClosed() bool {
	select {
	case <-c.closed:
		return true
	default:
		return false
	}
}

// take waits for a token.
func (c *conn) take(ctx context.Context, token chan struct{}) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	select {
	case token <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	case <-c.closed:
		return wire.ErrLinkClosed
	}
	if c.isClosed() {
		<-token
		return wire.ErrLinkClosed
	}
	return nil
}

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
