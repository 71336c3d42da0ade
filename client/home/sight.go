package home

import (
	"context"

	"zeroms/protocol/link"
)

// Sighting is a message of a link as it goes out or has come in.
type Sighting struct {
	Endpoint link.Endpoint // where the link leads
	Home     bool          // to a home gateway, else as a guest
	Out      bool
	Message  []byte // frames in CBOR; only good during the call
}

// sighted is a link whose messages are shown.
type sighted struct {
	link.Conn
	show func(Sighting)
	like Sighting
}

// sight is the link itself if nobody wants to see its messages.
func (q *peer) sight(c link.Conn, e link.Endpoint, home bool) link.Conn {
	if q.pool.cfg.Sight == nil {
		return c
	}
	return &sighted{Conn: c, show: q.pool.cfg.Sight, like: Sighting{Endpoint: e, Home: home}}
}

// Send implements link.Conn. The message is shown first, so that it stands in
// front of its answer.
func (c *sighted) Send(ctx context.Context, message []byte) error {
	s := c.like
	s.Out, s.Message = true, message
	c.show(s)
	return c.Conn.Send(ctx, message)
}

// Recv implements link.Conn.
func (c *sighted) Recv(ctx context.Context) ([]byte, error) {
	return c.came(c.Conn.Recv(ctx))
}

// Borrow implements link.Lender.
func (c *sighted) Borrow(ctx context.Context) ([]byte, error) {
	return c.came(link.Borrow(ctx, c.Conn))
}

// came shows a message that has come.
func (c *sighted) came(message []byte, err error) ([]byte, error) {
	if err == nil {
		s := c.like
		s.Message = message
		c.show(s)
	}
	return message, err
}

// Cut is what link.Cut asks of a link.
func (c *sighted) Cut() { link.Cut(c.Conn) }
