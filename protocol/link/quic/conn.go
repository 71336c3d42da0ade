package quiclink

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/netip"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/quic-go/quic-go"

	"zeroms/protocol/key"
	"zeroms/protocol/link"
	"zeroms/protocol/wire"
)

const (
	// opening is the first byte of a stream, the version of what follows. With it the
	// listening side learns of the stream, so that it may be the first to send.
	opening = 0x01
	// linger is how long a connection stays after Close for what the other side has
	// not read yet.
	linger = 10 * time.Second
)

// conn is a link over a QUIC connection with one stream.
type conn struct {
	// static
	socket  *Socket
	quic    *quic.Conn
	stream  *quic.Stream
	remote  netip.Addr
	binding [32]byte
	node    key.NodePublic
	limit   atomic.Int64 // of the next message to read, bytes

	reading chan struct{} // a token, as Recvs wait for each other
	reader  reader        // owned by who has it
	writing chan struct{} // a token

	closing sync.Once
	closed  atomic.Bool // Close or cut has begun
	cutting sync.Once
}

func newConn(s *Socket, q *quic.Conn, stream *quic.Stream) *conn {
	c := &conn{
		socket: s, quic: q, stream: stream, remote: addrPort(q.RemoteAddr()).Addr(),
		reader: reader{buffers: &s.buffers}, reading: make(chan struct{}, 1), writing: make(chan struct{}, 1),
	}
	c.LimitRead(wire.MaxMessage)
	return c
}

// Binding is the connection's TLS exporter.
func (c *conn) Binding() [32]byte { return c.binding }

// Node is the key that the other side proved.
func (c *conn) Node() key.NodePublic { return c.node }

// Remote is the address from which the other side made its handshake.
func (c *conn) Remote() netip.Addr { return c.remote }

// LimitRead implements link.Conn.
func (c *conn) LimitRead(size int) { c.limit.Store(int64(min(size, wire.MaxMessage))) }

// allowed is how long a message of n bytes may take.
func (c *conn) allowed(n int) time.Duration {
	return c.socket.stall + time.Duration(n)*time.Second/link.SlowestRate
}

// enter takes one of the two tokens.
func (c *conn) enter(ctx context.Context, token chan struct{}) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if c.closed.Load() {
		return c.over(ctx)
	}
	select {
	case token <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-c.quic.Context().Done():
		return c.over(ctx)
	}
}

// over is why the link has ended, as far as that is known: the other side may have said
// so before anybody here asked.
func (c *conn) over(ctx context.Context) error {
	if cause := context.Cause(c.quic.Context()); cause != nil {
		return c.ended(ctx, cause)
	}
	return wire.ErrLinkClosed
}

// watch has the link cut if ctx ends before stop.
func (c *conn) watch(ctx context.Context) (stop func() bool) {
	if ctx.Done() == nil {
		return func() bool { return true }
	}
	return context.AfterFunc(ctx, c.Cut)
}

// Send implements link.Conn.
func (c *conn) Send(ctx context.Context, message []byte) error {
	if err := link.CheckMessage(message); err != nil {
		return err
	}
	if err := c.enter(ctx, c.writing); err != nil {
		return err
	}
	defer func() { <-c.writing }()
	defer c.watch(ctx)()
	err := c.write(message)
	if err == nil {
		return nil
	}
	var stopped *quic.StreamError
	if !errors.As(err, &stopped) || !stopped.Remote { // else what it said before may still be read
		c.fail(0)
	}
	return c.ended(ctx, err)
}

// write writes a message behind its size.
func (c *conn) write(message []byte) error {
	c.stream.SetWriteDeadline(time.Now().Add(c.allowed(len(message))))
	if c.closed.Load() {
		return wire.ErrLinkClosed
	}
	return writeMessage(c.stream, &c.socket.buffers, message)
}

// Recv implements link.Conn.
func (c *conn) Recv(ctx context.Context) ([]byte, error) { return c.receive(ctx, false) }

// Borrow implements link.Lender.
func (c *conn) Borrow(ctx context.Context) ([]byte, error) { return c.receive(ctx, true) }

// receive returns the next message, lent or for good.
func (c *conn) receive(ctx context.Context, lend bool) ([]byte, error) {
	if err := c.enter(ctx, c.reading); err != nil {
		if ctx.Err() != nil {
			c.fail(0)
		}
		return nil, err
	}
	defer func() { <-c.reading }()
	defer c.watch(ctx)()
	message, err := c.read()
	if err != nil {
		c.reader.giveBack()
		c.fail(codeOf(err))
		return nil, c.ended(ctx, err)
	}
	if !lend {
		message = bytes.Clone(message)
		c.reader.giveBack()
	}
	return message, nil
}

// read reads one message. The wait for its beginning has no end here; once it has
// begun, it must come at the slowest rate.
func (c *conn) read() ([]byte, error) {
	if err := c.readUntil(time.Time{}); err != nil {
		return nil, err
	}
	return c.reader.read(c.stream, c.limit.Load(), c)
}

// begun sets when a message of a size has to be there.
func (c *conn) begun(size int) error { return c.readUntil(time.Now().Add(c.allowed(size))) }

// readUntil sets when a read fails at the latest. Error: the link is closed; then
// somebody else may have set that.
func (c *conn) readUntil(when time.Time) error {
	c.stream.SetReadDeadline(when)
	if c.closed.Load() {
		return wire.ErrLinkClosed
	}
	return nil
}

// Close implements link.Conn: it ends the stream behind what was sent and waits a
// moment for the other side's end, discarding what comes until then: the end of a
// connection takes with it what the other side has not read. If that takes longer,
// the connection lingers.
func (c *conn) Close() error {
	c.closing.Do(func() {
		if c.closed.Swap(true) {
			return
		}
		if c.goodbye() {
			c.cut(0)
			return
		}
		c.stream.CancelRead(0)
		late := time.AfterFunc(linger, func() { c.cut(0) })
		context.AfterFunc(c.quic.Context(), func() {
			late.Stop()
			c.cut(0)
		})
	})
	return nil
}

// goodbye reports whether nothing more is to wait for.
func (c *conn) goodbye() bool {
	ctx, cancel := context.WithTimeout(context.Background(), link.CloseGrace)
	defer cancel()
	select {
	case c.writing <- struct{}{}:
	case <-ctx.Done():
		return true // what goes out does not
	case <-c.quic.Context().Done():
		return true
	}
	c.stream.Close()
	<-c.writing
	c.stream.SetReadDeadline(time.Now()) // whoever reads stops
	select {
	case c.reading <- struct{}{}:
	case <-ctx.Done():
		return true
	}
	defer func() { <-c.reading }()
	c.reader.giveBack()
	ends, _ := ctx.Deadline()
	c.stream.SetReadDeadline(ends)
	_, err := io.Copy(io.Discard, c.stream)
	return err == nil || c.quic.Context().Err() != nil
}

// fail cuts the link, unless Close is ending it: that wakes whoever reads, and what
// was sent before must not suffer.
func (c *conn) fail(code wire.Code) {
	if !c.closed.Load() {
		c.cut(code)
	}
}

// Cut is what link.Cut asks of a link.
func (c *conn) Cut() { c.cut(0) }

// cut ends the connection at once; reads and writes that wait fail. It does not wait
// for that itself: the connection's own loop ends it.
func (c *conn) cut(code wire.Code) {
	c.closed.Store(true)
	c.cutting.Do(func() {
		time.AfterFunc(0, func() { c.end(code) })
	})
}

// end ends the connection and returns when it has.
func (c *conn) end(code wire.Code) {
	c.closed.Store(true)
	c.quic.CloseWithError(quic.ApplicationErrorCode(code), "")
	c.socket.forget(c)
}

// codeOf is what the other side is told when a read failed.
func codeOf(err error) wire.Code {
	var known *wire.Error
	if errors.As(err, &known) && known.Code != wire.CodeLinkClosed {
		return known.Code
	}
	return 0
}

// ended turns what the library reports into an error of the table. Texts of network
// errors hold addresses, so they stay behind.
func (c *conn) ended(ctx context.Context, err error) error {
	var known *wire.Error
	var said *quic.ApplicationError
	var idle *quic.IdleTimeoutError
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.As(err, &known):
		return known
	case errors.As(err, &idle):
		return wire.ErrLinkClosed.Because("nothing came for a while")
	case !errors.As(err, &said) || !said.Remote || said.ErrorCode == 0:
		return wire.ErrLinkClosed
	case said.ErrorCode == quic.ApplicationErrorCode(wire.CodeTooLarge):
		return wire.ErrLinkClosed.Because("the other side refused the size of a message")
	}
	return wire.ErrLinkClosed.Because("code " + strconv.FormatUint(uint64(said.ErrorCode), 10))
}
