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
	*c = call{id: id, from: from, to: w.at[to.Addr], request: request, done: done}
	took := time.Duration(0)
	if !w.linked(from, c.to, to) {
		var err error
		if took, err = w.greet(from, c.to, to); err != nil {
			w.finish(c, took, err)
			return
		}
	}
	w.link(from, c.to)
	size := uint64(Size(request))
	from.Sent += size
	from.Asked[request.Type()]++
	w.Tally.Sent += size
	w.Tally.Asked[request.Type()]++
	c.deadline = w.clock + int64(took+w.Model.Answer)
	w.queue.push(event{at: w.clock + int64(took+w.Model.way(w.Rand)), kind: kindArrive, call: c})
}

// greet opens a connection: how long that takes, and why it fails.
func (w *World) greet(from, to *Host, expected wire.Contact) (time.Duration, error) {
	if from.pause[expected.Addr].until > w.clock {
		return 0, wire.ErrUnreachable
	}
	if w.spent(from, expected.Addr.Addr()).used+1 > float64(w.Model.Burst) {
		return 0, wire.ErrBusy
	}
	took, err := w.handshake(from, to, expected)
	if err != nil {
		from.Refused++
		w.Tally.Refused++
		if w.Refused != nil {
			w.Refused(from, expected.Addr)
		}
		w.pauseFor(from, expected.Addr, took)
		return took, err
	}
	delete(from.pause, expected.Addr)
	from.Greeted++
	w.Tally.Greeted++
	return took, nil
}

// handshake is what happens on the network when a connection is opened.
func (w *World) handshake(from, to *Host, expected wire.Contact) (took time.Duration, err error) {
	if to == nil || !to.up {
		return w.Model.Dial, wire.ErrUnreachable
	}
	took = min(w.Model.greet(w.Rand), w.Model.Dial)
	if to.Foe != nil {
		err = to.Foe.Greet(w, to, from)
	}
	switch {
	case err == wire.ErrUnreachable:
		took = w.Model.Dial
	case err == nil && to.Contact.Node != expected.Node:
		err = wire.ErrWrongNode
	}
	return took, err
}

// spent is what a gateway spent on an IP address in vain, as far as it was not given
// back since.
func (w *World) spent(from *Host, on netip.Addr) tokens {
	t := from.spent[on]
	t.used = max(0, t.used-time.Duration(w.clock-t.at).Minutes()*float64(w.Model.Minute))
	t.at = w.clock
	return t
}

// pauseFor keeps a gateway from trying an address again, from when its attempt
// ends on.
func (w *World) pauseFor(from *Host, at netip.AddrPort, took time.Duration) {
	if w.Model.Pause <= 0 {
		return
	}
	if from.pause == nil {
		from.pause = map[netip.AddrPort]pause{}
	}
	t := w.spent(from, at.Addr())
	t.used++
	if from.spent == nil {
		from.spent = map[netip.Addr]tokens{}
	}
	from.spent[at.Addr()] = t
	p := from.pause[at]
	p.long = min(max(2*p.long, w.Model.Pause), w.Model.PauseMost)
	p.until = w.clock + int64(took+p.long)
	if len(from.pause) > 4096 { // as many as gateway/peers remembers
		clear(from.pause)
		clear(from.spent)
	}
	from.pause[at] = p
}

// linked reports whether a connection is open. One to a gateway that left is, until
// it was unused for a while: nobody noticed yet.
func (w *World) linked(from, to *Host, expected wire.Contact) bool {
	if to == nil || to.Contact.Node != expected.Node {
		return false
	}
	if w.Model.Idle < 0 {
		return to.Foe == nil || to.Foe.Greet(w, to, from) == nil
	}
	last, open := from.links[to]
	return open && w.clock-last <= int64(w.Model.Idle)
}

// link notes that a connection is in use.
func (w *World) link(from, to *Host) {
	if w.Model.Idle < 0 {
		return
	}
	if from.links == nil {
		from.links = map[*Host]int64{}
	}
	if _, open := from.links[to]; !open && len(from.links) >= 64 && len(from.links)&(len(from.links)-1) == 0 {
		for other, last := range from.links { // order does not matter: each is judged alone
			if w.clock-last > int64(w.Model.Idle) {
				delete(from.links, other)
			}
		}
	}
	from.links[to] = w.clock
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

// reach is a dial-back, which the transport does: at the address that a gateway
// claims, which has to be the one it comes from.
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
		return took, wire.FailureOf(err)
	}
	return took, &wire.OK{}
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
		if c.to != nil {
			delete(from.links, c.to)
		}
	} else {
		w.link(from, c.to)
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
