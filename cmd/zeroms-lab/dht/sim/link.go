package sim

import (
	"net/netip"
	"time"

	"zeroms/protocol/address"
	"zeroms/protocol/key"
	"zeroms/protocol/wire"
)

// link is a connection that a gateway opened to another: when that was, and when it
// asked something last. Both stay after the connection was closed: the address is the
// other gateway's for a while.
type link struct{ open, used int64 }

// closed is the time of use of a connection that was cut.
const closed = -1 << 62

// route is a gateway at an address.
type route struct {
	node key.NodePublic
	at   netip.AddrPort
}

// pause is what a gateway knows about a route that did not lead to the gateway.
type pause struct {
	until int64
	long  time.Duration
}

// proves reports whether a host is the one that a contact names.
func (h *Host) proves(c wire.Contact) bool { return h != nil && h.Contact.Node == c.Node }

// connect is how long it takes until a request may leave: over the connection that
// there is, over one that is being opened, or over a new one. One to a gateway that
// left is still there until nobody used it for a while: nobody noticed yet.
func (w *World) connect(from, to *Host, expected wire.Contact) (time.Duration, error) {
	switch l, known := from.links[to]; {
	case !to.proves(expected):
	case w.Model.Idle < 0:
		if to.Foe == nil || to.Foe.Greet(w, to, from) == nil {
			return 0, nil
		}
	case known && w.clock-l.used <= int64(w.Model.Idle):
		l.used = max(l.open, w.clock)
		from.links[to] = l
		return time.Duration(l.used - w.clock), nil
	}
	return w.greet(from, to, expected)
}

// greet opens a connection: how long that takes, and why it fails.
func (w *World) greet(from, to *Host, expected wire.Contact) (time.Duration, error) {
	r := route{expected.Node, expected.Addr}
	if p := from.pause[r]; p.until > w.clock { // or the attempt that failed goes on
		return max(0, time.Duration(p.until-w.clock)-p.long), wire.ErrUnreachable
	}
	proven := w.proven(from, to, expected)
	if !proven && !w.may(from, expected.Addr) {
		return 0, wire.ErrBusy
	}
	took, err := w.handshake(from, to, expected)
	if err != nil {
		return w.failed(from, expected, took, err), err
	}
	delete(from.pause, r)
	from.Greeted++
	w.Tally.Greeted++
	w.opened(from, to, w.clock+int64(took))
	return took, nil
}

// handshake is what happens on the network when a connection is opened over QUIC.
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
	case err == nil && !to.proves(expected):
		err = wire.ErrWrongNode
	}
	return took, err
}

// failed goes on over TCP after a handshake over QUIC that failed after some time, or
// would have: how long both take. Each is one, and counts.
func (w *World) failed(from *Host, expected wire.Contact, after time.Duration, err error) time.Duration {
	proven := w.proven(from, w.at[expected.Addr], expected)
	w.inVain(from, expected.Addr, proven)
	if expected.Transports&wire.TransportWSS != 0 && (proven || w.may(from, expected.Addr)) {
		w.inVain(from, expected.Addr, proven)
		if err == wire.ErrUnreachable {
			after = w.Model.HeadStart + w.Model.Dial
		} else {
			after += min(w.Model.greetTCP(w.Rand), w.Model.Dial)
		}
	}
	w.pauseFor(from, route{expected.Node, expected.Addr}, proven, after)
	return after
}

// inVain counts a handshake that comes to nothing.
func (w *World) inVain(from *Host, at netip.AddrPort, proven bool) {
	from.Refused++
	w.Tally.Refused++
	if w.Refused != nil {
		w.Refused(from, at)
	}
	if !proven {
		w.spend(from, at)
	}
}

// proven reports whether an address proved to be the gateway's lately.
func (w *World) proven(from, to *Host, expected wire.Contact) bool {
	l, known := from.links[to]
	return known && to.proves(expected) && w.clock-l.open < int64(w.Model.Proven)
}

// pauseFor keeps a gateway from trying a route again, from when its attempt ends on.
func (w *World) pauseFor(from *Host, r route, proven bool, took time.Duration) {
	first, most := w.Model.Pause, w.Model.PauseMost
	if proven {
		first, most = w.Model.PauseProven, most/10
	}
	if first <= 0 {
		return
	}
	p := from.pause[r]
	p.long = min(max(2*p.long, first), most)
	p.until = w.clock + int64(took+p.long)
	if from.pause == nil || len(from.pause) >= w.Model.Known {
		from.pause = map[route]pause{}
	}
	from.pause[r] = p
}

// opened notes a connection. What is neither open nor proves anything any more is
// forgotten now and then.
func (w *World) opened(from, to *Host, at int64) {
	if w.Model.Idle < 0 {
		return
	}
	if from.links == nil {
		from.links = map[*Host]link{}
	}
	if _, known := from.links[to]; !known && len(from.links) >= 64 && len(from.links)&(len(from.links)-1) == 0 {
		for other, l := range from.links { // order does not matter: each is judged alone
			if w.clock-l.used > int64(w.Model.Idle) && w.clock-l.open >= int64(w.Model.Proven) {
				delete(from.links, other)
			}
		}
	}
	from.links[to] = link{at, at}
}

// cut closes the connection of a request that failed, and keeps the gateway from
// opening another one at once if that was for silence.
func (w *World) cut(c *call, err error) {
	l, known := c.from.links[c.to]
	if !known || l.used == closed || c.deadline == 0 { // it never left
		return
	}
	l.used = closed
	c.from.links[c.to] = l
	if err == wire.ErrUnreachable {
		w.pauseFor(c.from, c.at, w.clock-l.open < int64(w.Model.Proven), 0)
	}
}

// spending is the handshakes that a gateway spent in vain and that were not given
// back since: by the address, its neighbourhood, the wider one, and all.
type spending struct {
	ip        map[netip.Addr]tokens
	near, far map[address.Group]tokens
	all       map[struct{}]tokens
}

// tokens are what was used of an Allowance.
type tokens struct {
	used float64
	at   int64
}

// now is what is still used at a time.
func (t tokens) now(clock int64, a Allowance) tokens {
	return tokens{max(0, t.used-time.Duration(clock-t.at).Minutes()*float64(a.Minute)), clock}
}

func has[K comparable](of map[K]tokens, k K, clock int64, a Allowance) bool {
	return of[k].now(clock, a).used+1 <= float64(a.Burst)
}

// leastSweep is with how many entries all that were given back are thrown out.
const leastSweep = 1024

func use[K comparable](of *map[K]tokens, k K, clock int64, a Allowance) {
	if *of == nil {
		*of = map[K]tokens{}
	}
	if n := len(*of); n >= leastSweep && n&(n-1) == 0 {
		for other, t := range *of {
			if t.now(clock, a).used == 0 {
				delete(*of, other)
			}
		}
	}
	t := (*of)[k].now(clock, a)
	t.used++
	(*of)[k] = t
}

// may reports whether one more handshake may be tried with an address that proved
// nothing.
func (w *World) may(from *Host, at netip.AddrPort) bool {
	s, m, scope := &from.spent, &w.Model, Network().Scope
	return has(s.ip, at.Addr(), w.clock, m.IP) && has(s.near, scope.Near(at), w.clock, m.Near) &&
		has(s.far, scope.Far(at), w.clock, m.Far) && has(s.all, struct{}{}, w.clock, m.All)
}

// spend counts a handshake with such an address.
func (w *World) spend(from *Host, at netip.AddrPort) {
	s, m, scope := &from.spent, &w.Model, Network().Scope
	use(&s.ip, at.Addr(), w.clock, m.IP)
	use(&s.near, scope.Near(at), w.clock, m.Near)
	use(&s.far, scope.Far(at), w.clock, m.Far)
	use(&s.all, struct{}{}, w.clock, m.All)
}
