package gateway

import (
	"time"

	"zeroms/gateway/overlay"
	"zeroms/protocol/wire"
)

// greet takes a link of another gateway, whose hello says so and whose certificate
// proves it. A hello without that is a client's.
func (c *conn) greet(h *wire.ClientHello) *wire.Error {
	if len(h.Gateway) == 0 {
		return nil
	}
	o := c.gw.cfg.Overlay
	if o == nil {
		return wire.ErrNotServing.Because("this gateway stands alone")
	}
	in, err := o.Accept(h, c.link)
	if err != nil {
		return tableError(err)
	}
	c.fellow = in
	c.link.LimitRead(int(c.gw.cfg.Limits.Message))
	return nil
}

// asked handles one frame of so many bytes of another gateway.
func (c *conn) asked(f wire.Frame, size int) *wire.Error {
	burden := overlay.Burden(size)
	if !c.waitFor(func() bool { return c.mayFly(burden) }) {
		return wire.ErrLinkClosed
	}
	if f.ID == 0 {
		return wire.ErrUnexpected.Because("a request without an id")
	}
	if c.inUse(f.ID) {
		return wire.ErrUnexpected.Because("a request id that is in use")
	}
	if err := c.fellow.Begin(time.Now(), f.Type, size); err != nil {
		return c.refuse(f.ID, err)
	}
	c.mu.Lock()
	if c.requests == nil {
		c.requests = make(map[uint64]request)
	}
	c.requests[f.ID] = request{fellow: true, size: size, bytes: burden}
	c.fly(burden)
	draining := c.draining
	c.mu.Unlock()
	p, err := overlay.Parse(f)
	switch {
	case err != nil:
		return c.refuse(f.ID, err)
	case draining:
		return c.refuse(f.ID, wire.ErrDraining)
	}
	c.gw.cfg.Overlay.Asked(c.fellow, f.ID, p, c)
	return nil
}

// mayFly reports whether another gateway's request may begin, which may bring so many
// bytes into the queue: each link may have a part of what is free for all, so that all
// together never have more than Capacity.Queues. mu is held.
func (c *conn) mayFly(burden int) bool {
	mine := c.queued + c.flying
	free := c.gw.cfg.Capacity.Queues - int(c.gw.queued.Load()+c.gw.flying.Load())
	return mine == 0 || mine+burden <= max(minRoom, min(free/4, overlay.FellowBytes))
}

// fly counts what a request may bring, or will no longer; mu is held.
func (c *conn) fly(burden int) {
	c.flying += burden
	c.gw.flying.Add(int64(burden))
}

// wanted handles what a member asks of the network.
func (c *conn) wanted(id uint64, p wire.Payload) {
	o := c.gw.cfg.Overlay
	if o == nil {
		c.Answer(id, wire.FailureOf(wire.ErrNotServing.Because("this gateway stands alone")))
		return
	}
	if c.member == nil {
		m := o.Member(c.account)
		c.mu.Lock()
		c.member = m
		c.mu.Unlock()
	}
	o.Wanted(c.member, id, p, c)
}
