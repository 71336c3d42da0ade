package peers

import (
	"net/netip"
	"sync"
	"time"

	"zeroms/gateway/peers/bounds"
	"zeroms/gateway/peers/frames"
	"zeroms/protocol/address"
	"zeroms/protocol/key"
	"zeroms/protocol/link"
	"zeroms/protocol/wire"
)

// Caller is a gateway that asks over a link of its own.
type Caller struct {
	// Contact is its own: the key is proved by the link, the address is only claimed.
	Contact wire.Contact
	// Place is where key and X stand in the network; whether that was paid for is not
	// checked here.
	Place key.NodeID
	// Source is the address that the link comes from; not valid in memory.
	Source netip.Addr
}

// Incoming is the gateway's side of a link that another gateway opened.
type Incoming struct {
	// static
	caller Caller
	over   <-chan struct{} // the pool has ended
	pace   *bounds.Pace

	mu       sync.Mutex
	requests int         // guarded by mu: without an answer
	flying   int         // guarded by mu: their bytes
	work     bounds.Rate // guarded by mu
}

// Accept takes the hello of a link that was opened to this gateway. Both results
// are nil if no gateway opened it. Errors, after which the link has to end:
// wire.ErrValue and others for a contact that is none, wire.ErrWrongNode if it is
// not that of the key that the link proved, wire.ErrScope for an address outside
// of the network's scope.
func (p *Pool) Accept(h *wire.ClientHello, l link.Conn) (*Incoming, error) {
	if len(h.Gateway) == 0 {
		return nil, nil
	}
	contact, err := wire.ParseContact(h.Gateway)
	switch {
	case err != nil:
		return nil, err
	case contact.Node != l.Node() || contact.Node == (key.NodePublic{}):
		return nil, wire.ErrWrongNode.Because("a gateway without its key")
	case contact.Node == p.cfg.Node:
		return nil, wire.ErrWrongNode.Because("the gateway itself")
	case contact.Addr.IsValid() && !p.cfg.Params.Scope.Allows(contact.Addr.Addr()):
		return nil, wire.ErrScope
	}
	p.counters.callers.Add(1)
	caller := Caller{Contact: contact, Place: contact.Place(p.cfg.Params.Network)}
	if from := l.Remote(); from.IsValid() {
		caller.Source = address.Canonical(from)
	}
	p.mu.Lock()
	p.worked = time.Now()
	if caller.Source.IsValid() {
		p.isBack(key.GatewayHashOf(contact.Node), caller.Source, contact.Addr)
	}
	p.mu.Unlock()
	return &Incoming{
		caller: caller, over: p.life.Done(), work: bounds.Rate{PerSecond: float64(p.cfg.Capacity.Work)},
		pace: p.paces.Link(netip.AddrPortFrom(caller.Source, contact.Addr.Port())),
	}, nil
}

// Caller is who asks.
func (in *Incoming) Caller() Caller { return in.caller }

// Begin says whether a request of so many bytes may be looked at. It belongs to the
// link's reader: beyond the rates of the link and of its neighbourhood it returns only
// when the request's time has come, so that nothing is read before. Errors:
// wire.ErrBusy beyond the link's work and what it may have without an answer,
// wire.ErrUnexpected for what gateways do not ask, wire.ErrDraining when the pool ends
// meanwhile. All are answered as Failures, and the link goes on.
func (in *Incoming) Begin(now time.Time, t wire.Type, size int) error {
	if !in.pace.Await(now, size, in.over) {
		return wire.ErrDraining
	}
	work, known := frames.Work(t)
	if !known {
		return wire.ErrUnexpected
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	switch {
	case in.requests >= InFlight || in.flying > 0 && in.flying+frames.Burden(size) > InFlightBytes,
		work > 0 && !in.work.Take(now, work):
		return wire.ErrBusy
	}
	in.requests++
	in.flying += frames.Burden(size)
	return nil
}

// End says that a request that Begin let through has its answer.
func (in *Incoming) End(size int) {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.requests--
	in.flying -= frames.Burden(size)
}

// ParseRequest decodes a request that gateways send each other. Errors:
// wire.ErrUnexpected for another type, those of Decode and wire.Check.
func ParseRequest(f wire.Frame) (wire.Payload, error) { return frames.Request(f) }
