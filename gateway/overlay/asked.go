package overlay

import (
	"context"
	"errors"
	"net/netip"
	"time"

	"zeroms/gateway/deposit/relay"
	"zeroms/gateway/dht"
	"zeroms/gateway/forward"
	"zeroms/gateway/peers"
	"zeroms/gateway/peers/frames"
	"zeroms/protocol/address"
	"zeroms/protocol/link"
	"zeroms/protocol/wire"
)

// Port is a link's outbound side. Its method never blocks.
type Port interface {
	// Answer queues the answer to a request.
	Answer(id uint64, p wire.Payload)
}

// Guest answers requests that come out of channels.
type Guest interface {
	// Handle answers one request: done gets the answer, once, from any goroutine.
	Handle(ctx context.Context, request wire.Frame, done func(wire.Payload))
}

// Serve names who answers what comes out of channels. It is called before Run.
func (o *Overlay) Serve(g Guest) { o.answers.Store(&g) }

// guest is what Serve named, as the exit asks it.
type guest struct{ o *Overlay }

// Handle implements forward.Guest.
func (g guest) Handle(ctx context.Context, request wire.Frame, done func(wire.Payload)) {
	if by := g.o.answers.Load(); by != nil {
		(*by).Handle(ctx, request, done)
		return
	}
	done(wire.FailureOf(wire.ErrNotServing))
}

// FellowBytes and MemberBytes are how many bytes of answers may come for one link at
// once beside what else waits for it: of another gateway, of a member who forwards.
const (
	FellowBytes = peers.InFlightBytes
	MemberBytes = forward.ClientBytes
)

// Burden is how many bytes a request of another gateway, of so many bytes, may bring
// into the queue of its link.
func Burden(size int) int { return frames.Burden(size) }

// Fellow is the link of another gateway.
type Fellow = peers.Incoming

// Accept takes a link whose hello says that another gateway is at its end; nil without
// error is a client's. Errors: the link must end.
func (o *Overlay) Accept(h *wire.ClientHello, l link.Conn) (*Fellow, error) {
	return o.pool.Accept(h, l)
}

// Parse decodes a request that other gateways may send. Errors: wire.ErrUnexpected,
// and what is wrong with it.
func Parse(f wire.Frame) (wire.Payload, error) { return peers.ParseRequest(f) }

// Asked has a request of another gateway answered. It does not wait for the network.
func (o *Overlay) Asked(f *Fellow, id uint64, p wire.Payload, to Port) {
	from := f.Caller()
	done := func(answer wire.Payload) { to.Answer(id, answer) }
	switch p := p.(type) {
	case *wire.Relay:
		o.exit.Relay(time.Now(), forward.From{Node: from.Contact.Node, Near: o.near(from)}, id, p, to)
	case *wire.Reach:
		o.pool.Reach(from, p, done)
	case *wire.DescriptorGet:
		done(o.pool.Known(p)) // nobody is looked for or dialled for a stranger
	case *wire.GatewaysGet:
		done(o.pool.Gateways(p))
	case *wire.Publish:
		o.run(runner{places: o.others}, done, func(ctx context.Context) (wire.Payload, error) {
			return o.relay.Publish(ctx, time.Now(), o.peer(from), p)
		})
	case *wire.RecordGet:
		o.run(runner{places: o.others}, done, func(ctx context.Context) (wire.Payload, error) {
			return o.relay.Record(ctx, time.Now(), o.peer(from), p)
		})
	default:
		caller := dht.Caller{Contact: from.Contact, Source: from.Source}
		done(o.dht.Serve(o.lifetime(), caller, p))
	}
}

// peer is another gateway as the relay counts it.
func (o *Overlay) peer(c peers.Caller) relay.Peer {
	return relay.Peer{Node: c.Contact.Node, Group: o.near(c)}
}

// near is the neighbourhood that another gateway's link comes from.
func (o *Overlay) near(c peers.Caller) address.Group {
	return o.cfg.Params.Scope.Near(netip.AddrPortFrom(c.Source, c.Contact.Addr.Port()))
}

// Wanted has a member's request answered. It does not wait for the network.
func (o *Overlay) Wanted(m *Member, id uint64, p wire.Payload, to Port) {
	done := func(answer wire.Payload) { to.Answer(id, answer) }
	switch p := p.(type) {
	case *wire.Forward:
		o.entry.Forward(time.Now(), m.sender, id, p, to)
	case *wire.DescriptorGet:
		o.describe(m, p, done)
	case *wire.GatewaysGet:
		done(o.pool.Gateways(p))
	case *wire.RecordGet:
		o.run(m.runner(o), done, func(ctx context.Context) (wire.Payload, error) { return o.find(ctx, p) })
	case *wire.DepositPut:
		o.run(m.runner(o), done, func(ctx context.Context) (wire.Payload, error) {
			return &wire.OK{}, o.deposits.Put(ctx, m.account, p)
		})
	case *wire.DepositsGet:
		o.run(m.runner(o), done, func(ctx context.Context) (wire.Payload, error) { return o.deposits.Get(ctx, m.account) })
	default:
		done(wire.FailureOf(wire.ErrUnexpected))
	}
}

// Find looks an address record up in the network for somebody who is not known; done
// gets the answer.
func (o *Overlay) Find(q *wire.RecordGet, done func(wire.Payload)) {
	o.run(runner{places: o.strangers}, done, func(ctx context.Context) (wire.Payload, error) { return o.find(ctx, q) })
}

// Failure is err as the answer that tells of it.
func Failure(err error) wire.Payload {
	var table *wire.Error
	switch {
	case errors.Is(err, context.Canceled):
		return wire.FailureOf(wire.ErrDraining)
	case errors.Is(err, context.DeadlineExceeded):
		return wire.FailureOf(wire.ErrBusy)
	case errors.As(err, &table):
		return wire.FailureOf(table)
	}
	return wire.FailureOf(wire.ErrUnavailable)
}
