package home

import (
	"time"

	"zeroms/client/forward"
	"zeroms/protocol/key"
	"zeroms/protocol/wire"
)

// Way is how a request went.
type Way uint8

// The ways.
const (
	Unsent    Way = iota // not at all, or no link came up
	ByHome               // over a home's link: the gateway is one
	Forwarded            // sealed, through the home that Answered.Entry names
	Directly             // as a guest: the gateway saw where it came from
)

// route sends a request on the way that is right for its gateway.
func (p *Pool) route(r Request) {
	r.guest = false
	switch {
	case r.To.Straight():
		p.straight(r)
	case p.byHome(r):
	default:
		p.foreign(r)
	}
}

// byHome hands a request to the gateway's own link if that is a home.
func (p *Pool) byHome(r Request) bool {
	q := p.peer(r.To.Hash())
	return q != nil && q.enqueueHome(r)
}

// foreign sends a request as one for a gateway that is no home.
func (p *Pool) foreign(r Request) {
	p.forward.Send(forward.Request{To: r.To, Payload: r.Payload, Make: r.Make, Own: r})
}

// straight hands a request to the gateway's own link, a guest link if it is no home.
// If that is forbidden the Forwarder did not know it yet, and decides once more: it was
// told of the setting or the role before the lock was free.
func (p *Pool) straight(r Request) {
	p.turn.Lock()
	defer p.turn.Unlock()
	r.guest = false
	switch {
	case p.byHome(r):
	case p.mayVisit(r.To):
		r.guest = true
		p.with(r.To.Hash(), func(q *peer) bool { return q.enqueue(r) })
	default:
		p.foreign(r)
	}
}

// carrier is the Pool as package forward needs it.
type carrier struct{ pool *Pool }

// request is what was sent, with the payload as far as it was built.
func request(r forward.Request) Request {
	own := r.Own.(Request)
	own.Payload, own.Make = r.Payload, r.Make
	return own
}

// ByHome implements forward.Carrier.
func (c carrier) ByHome(to Target, p wire.Payload, done func(wire.Payload, error)) {
	r := Request{To: to, Payload: p, back: func(a Answered) { done(a.Payload, a.Err) }}
	if q := c.pool.peer(to.Hash()); q == nil || !q.enqueueHome(r) {
		done(nil, wire.ErrLinkClosed)
	}
}

// Straight implements forward.Carrier.
func (c carrier) Straight(r forward.Request) { c.pool.straight(request(r)) }

// Opened implements forward.Carrier: what came through a home is judged as if it had
// come over a link to the target.
func (c carrier) Opened(r forward.Request, way forward.Way, f wire.Frame) error {
	own := request(r)
	v, err := own.judge(f, way.Target)
	if err != nil {
		return err
	}
	if v.signed != 0 {
		c.pool.cfg.Events(Greeted{Gateway: way.Target, Clock: time.Until(wire.Time(v.signed))})
	}
	if v.more != nil {
		c.pool.Send(*v.more)
		return nil
	}
	c.tell(own, way, v.answer)
	return nil
}

// Failed implements forward.Carrier.
func (c carrier) Failed(r forward.Request, way forward.Way, err error) {
	c.tell(request(r), way, Answered{Err: err})
}

func (c carrier) tell(r Request, way forward.Way, a Answered) {
	a.Gateway, a.Entry = way.Target, way.Entry
	if way.Entry != (key.GatewayHash{}) {
		a.Way = Forwarded
	}
	c.pool.tell(r, a)
}
