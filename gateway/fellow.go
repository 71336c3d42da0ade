package gateway

import (
	"context"
	"errors"
	"time"

	"zeroms/gateway/dht"
	"zeroms/gateway/peers"
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
	in, err := o.pool.Accept(h, c.link)
	if err != nil {
		return tableError(err)
	}
	c.fellow = in
	c.link.LimitRead(int(c.gw.cfg.Limits.Message))
	return nil
}

// asked handles one frame of so many bytes of another gateway.
func (c *conn) asked(f wire.Frame, size int) *wire.Error {
	if !c.waitFor(func() bool { return c.queued <= c.gw.room() }) {
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
	c.requests[f.ID] = request{fellow: true, bytes: size}
	draining := c.draining
	c.mu.Unlock()
	p, err := peers.ParseRequest(f)
	switch {
	case err != nil:
		return c.refuse(f.ID, err)
	case draining:
		return c.refuse(f.ID, wire.ErrDraining)
	}
	c.gw.cfg.Overlay.asked(c, f.ID, p)
	return nil
}

// asked has a request of another gateway answered. It never blocks.
func (o *Overlay) asked(c *conn, id uint64, p wire.Payload) {
	from := c.fellow.Caller()
	done := func(answer wire.Payload) { c.Answer(id, answer) }
	switch p := p.(type) {
	case *wire.Relay:
		o.exit.Relay(time.Now(), from.Contact.Node, id, p, c)
	case *wire.Reach:
		o.pool.Reach(from, p, done)
	case *wire.DescriptorGet:
		o.pool.Describe(p, done)
	case *wire.GatewaysGet:
		done(o.pool.Gateways(p))
	case *wire.Publish:
		o.run(done, func(ctx context.Context) (wire.Payload, error) {
			return o.relay.Publish(ctx, time.Now(), o.peer(from), p)
		})
	case *wire.RecordGet:
		o.run(done, func(ctx context.Context) (wire.Payload, error) {
			return o.relay.Record(ctx, time.Now(), o.peer(from), p)
		})
	default:
		caller := dht.Caller{Contact: from.Contact, Source: from.Source}
		done(o.dht.Serve(o.lifetime(), caller, p))
	}
}

// wanted handles what a member asks of the network.
func (c *conn) wanted(id uint64, p wire.Payload) {
	o := c.gw.cfg.Overlay
	done := func(answer wire.Payload) { c.Answer(id, answer) }
	if o == nil {
		done(wire.FailureOf(wire.ErrNotServing.Because("this gateway stands alone")))
		return
	}
	switch p := p.(type) {
	case *wire.Forward:
		if c.sender == nil {
			c.sender = o.entry.Client()
		}
		o.entry.Forward(time.Now(), c.sender, id, p, c)
	case *wire.DescriptorGet:
		o.pool.Describe(p, done)
	case *wire.GatewaysGet:
		done(o.pool.Gateways(p))
	case *wire.RecordGet:
		o.run(done, func(ctx context.Context) (wire.Payload, error) { return o.find(ctx, p) })
	case *wire.DepositPut:
		o.run(done, func(ctx context.Context) (wire.Payload, error) { return &wire.OK{}, o.deposits.Put(ctx, c.account, p) })
	case *wire.DepositsGet:
		o.run(done, func(ctx context.Context) (wire.Payload, error) { return o.deposits.Get(ctx, c.account) })
	}
}

// failure is err as the answer that tells of it.
func failure(err error) wire.Payload {
	switch {
	case errors.Is(err, context.Canceled):
		return wire.FailureOf(wire.ErrDraining)
	case errors.Is(err, context.DeadlineExceeded):
		return wire.FailureOf(wire.ErrBusy)
	}
	return wire.FailureOf(tableError(err))
}
