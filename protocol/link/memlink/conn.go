package memlink

import (
	"bytes"
	"context"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"zeroms/protocol/key"
	"zeroms/protocol/link"
	"zeroms/protocol/wire"
)

// pair is a link seen from above: both directions.
type pair struct {
	// static
	network *Network
	names   [2]string
	binding [32]byte
	pipes   [2]*pipe
}

// reset ends both directions at once.
func (p *pair) reset() {
	for _, direction := range p.pipes {
		direction.reset()
	}
	p.network.remove(p)
}

// conn is one end of a link.
type conn struct {
	// static
	pair    *pair
	node    key.NodePublic
	remote  netip.Addr
	in, out *pipe
	limit   atomic.Int64 // of a message to read, bytes

	lent    []byte        // owned by who holds reading: what Borrow returned
	reading chan struct{} // a token, as Recvs wait for each other
	writing chan struct{}
	closing sync.Once
	closed  chan struct{}
}

func newConn(p *pair, in, out *pipe) *conn {
	c := &conn{
		pair: p, in: in, out: out,
		reading: make(chan struct{}, 1),
		writing: make(chan struct{}, 1),
		closed:  make(chan struct{}),
	}
	c.LimitRead(wire.MaxMessage)
	return c
}

// Binding is the hash of both sides' random values.
func (c *conn) Binding() [32]byte { return c.pair.binding }

// Node is the listener's key at the dialling end, at the other one what the
// dialler shows.
func (c *conn) Node() key.NodePublic { return c.node }

// Remote is the other host's name if that is an IP address, else not valid.
func (c *conn) Remote() netip.Addr { return c.remote }

// LimitRead implements link.Conn.
func (c *conn) LimitRead(size int) { c.limit.Store(int64(size)) }

// Send implements link.Conn.
func (c *conn) Send(ctx context.Context, message []byte) error {
	if err := link.CheckMessage(message); err != nil {
		return err
	}
	if err := c.take(ctx, c.writing); err != nil {
		return err
	}
	defer func() { <-c.writing }()
	delay, reset := c.out.fate()
	if reset {
		c.pair.reset()
		return wire.ErrLinkClosed
	}
	err := c.out.push(ctx, c.closed, item{message: bytes.Clone(message), at: time.Now().Add(delay)})
	if err != nil {
		c.cutOff(ctx)
	}
	return err
}

// Recv implements link.Conn.
func (c *conn) Recv(ctx context.Context) ([]byte, error) { return c.receive(ctx, false) }

// Borrow implements link.Lender. What was lent is overwritten as soon as it may be,
// so that whoever keeps it notices.
func (c *conn) Borrow(ctx context.Context) ([]byte, error) { return c.receive(ctx, true) }

func (c *conn) receive(ctx context.Context, lend bool) ([]byte, error) {
	if err := c.take(ctx, c.reading); err != nil {
		c.cutOff(ctx)
		return nil, err
	}
	defer func() { <-c.reading }()
	for i := range c.lent {
		c.lent[i] = 0xa5
	}
	c.lent = nil
	message, err := c.in.pop(ctx, c.closed)
	if lend {
		c.lent = message
	}
	switch {
	case err == nil && int64(len(message)) > c.limit.Load():
		c.pair.reset()
		return nil, wire.ErrTooLarge
	case err == nil:
		return message, nil
	case err == errEnd:
		c.Close()
		return nil, wire.ErrLinkClosed
	}
	c.cutOff(ctx)
	return nil, err
}

// Close implements link.Conn: the other side reads what is under way, and then
// the end.
func (c *conn) Close() error {
	c.closing.Do(func() {
		close(c.closed)
		delay, _ := c.out.fate()
		c.in.abandon()
		c.out.finish(time.Now().Add(delay))
		c.pair.network.remove(c.pair)
	})
	return nil
}

// Cut is what link.Cut asks of a link: a reset, unless Close came before, whose
// last words still arrive.
func (c *conn) Cut() {
	select {
	case <-c.closed:
	default:
		c.pair.reset()
	}
}

// cutOff ends the link at once if ctx has ended, unless Close came before: what
// that left under way still arrives.
func (c *conn) cutOff(ctx context.Context) {
	select {
	case <-c.closed:
	default:
		if ctx.Err() != nil {
			c.pair.reset()
		}
	}
}

func (c *conn) take(ctx context.Context, token chan struct{}) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	select {
	case <-c.closed:
		return wire.ErrLinkClosed
	default:
	}
	select {
	case token <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-c.closed:
		return wire.ErrLinkClosed
	}
}
