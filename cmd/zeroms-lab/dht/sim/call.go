package sim

import (
	"net/netip"
	"time"

	"zeroms/gateway/dht"
	"zeroms/protocol/wire"
)

// call is one request on its way and back.
type call struct {
	id       uint64
	from, to *Host
	at       route
	deadline int64
	request  wire.Payload
	answer   wire.Payload
	err      error
	done     func(wire.Payload, error) // nil: from.Node is told
}

// Ask sends a request from a gateway, as foes do that follow no machine; done hears
// how it ended.
func (w *World) Ask(from *Host, to wire.Contact, request wire.Payload, done func(wire.Payload, error)) {
	w.ask(from, 0, to, request, done)
}

// ask sends a request, over the connection that there is or over a new one. A
// request leaves only after the other side proved that it is whom the contact names.
func (w *World) ask(from *Host, id uint64, to wire.Contact, request wire.Payload, done func(wire.Payload, error)) {
	c := w.call()
	*c = call{id: id, from: from, to: w.at[to.Addr], at: route{to.Node, to.Addr}, request: request, done: done}
	took, err := w.connect(from, c.to, to)
	if err != nil {
		w.finish(c, took, err)
		return
	}
	size := uint64(Size(request))
	from.Sent += size
	from.Asked[request.Type()]++
	w.Tally.Sent += size
	w.Tally.Asked[request.Type()]++
	c.deadline = w.clock + int64(took+w.Model.Answer)
	w.queue.push(event{at: w.clock + int64(took+w.Model.way(w.Rand)), kind: kindArrive, call: c})
}

// arrive lets a gateway answer a request.
func (w *World) arrive(c *call) {
	to := c.to
	if !to.up {
		w.finish(c, time.Duration(c.deadline-w.clock), wire.ErrUnreachable)
		return
	}
	size := uint64(Size(c.request))
	to.Received += size
	w.Tally.Received += size
	reply := w.reply(c)
	took := reply.After + w.Model.way(w.Rand)
	if left := time.Duration(c.deadline - w.clock); reply.Payload == nil && reply.Err == nil || took > left {
		w.finish(c, left, wire.ErrUnreachable)
		return
	}
	if reply.Payload != nil {
		size = uint64(Size(reply.Payload))
		to.Sent += size
		w.Tally.Sent += size
	}
	c.answer = reply.Payload
	w.finish(c, took, reply.Err)
}

// reply is the answer of a gateway.
func (w *World) reply(c *call) (r Reply) {
	to := c.to
	honest := func() wire.Payload {
		if reach, ok := c.request.(*wire.Reach); ok {
			took, answer := w.reach(to, c.from, reach)
			r.After = took
			return answer
		}
		return w.Node(to).Serve(w.Local(to), dht.Caller{Contact: Heard(c.from.Contact), Source: c.from.Source}, c.request)
	}
	if to.Foe == nil {
		r.Payload = honest()
	} else {
		r = to.Foe.Reply(w, to, Call{From: c.from, Request: c.request, Honest: honest})
	}
	w.Wake(to)
	return r
}

// Heard is a contact as it comes out of its 59 bytes.
func Heard(c wire.Contact) wire.Contact {
	if c.Addr.Addr().Is4In6() {
		c.Addr = netip.AddrPortFrom(c.Addr.Addr().Unmap(), c.Addr.Port())
	}
	return c
}

// reach is a dial-back, which the transport does, over both transports: at the
// address that a gateway claims, which has to be the one it comes from.
func (w *World) reach(self, from *Host, r *wire.Reach) (time.Duration, wire.Payload) {
	claimed, err := wire.ParseContact(r.Contact[:])
	switch {
	case err != nil:
		return 0, wire.FailureOf(err)
	case claimed.Node != from.Contact.Node, claimed.Addr.Addr() != from.Source, !Network().Scope.Allows(claimed.Addr.Addr()):
		return 0, wire.FailureOf(wire.ErrScope)
	}
	took, err := w.handshake(self, w.at[claimed.Addr], claimed)
	if err != nil {
		return took + w.Model.Dial, wire.FailureOf(err) // over QUIC, then over TCP
	}
	return took + w.Model.greetTCP(w.Rand), &wire.OK{}
}

// finish tells the asker later how its request ended.
func (w *World) finish(c *call, took time.Duration, err error) {
	c.err = err
	w.queue.push(event{at: w.clock + int64(took), kind: kindEnd, call: c})
}

// end tells the asker.
func (w *World) end(c *call) {
	from, id, answer, err, done := c.from, c.id, c.answer, c.err, c.done
	if err != nil {
		w.Failed[err]++
		w.cut(c, err)
	} else {
		size := uint64(Size(answer))
		from.Received += size
		w.Tally.Received += size
	}
	*c = call{}
	w.free = append(w.free, c)
	switch {
	case !from.up:
	case done != nil:
		done(answer, err)
	default:
		from.Node.Answered(w.Local(from), id, answer, err)
		w.Wake(from)
	}
}

func (w *World) call() *call {
	if n := len(w.free); n > 0 {
		c := w.free[n-1]
		w.free = w.free[:n-1]
		return c
	}
	return &call{}
}
