package forward

import (
	"errors"
	"time"

	"zeroms/client/score"
	"zeroms/protocol/address"
	"zeroms/protocol/channel"
	"zeroms/protocol/key"
	"zeroms/protocol/wire"
)

// knowledge is a gateway's descriptor, or that none could be had, or that a home is
// asked for it.
type knowledge struct {
	d       *address.Descriptor
	err     error
	until   time.Time // how long d or err holds
	asking  bool
	tried   map[key.GatewayHash]bool
	waiting []*trip
}

// DescriptorOf checks a descriptor that stands for this target: by its signature,
// the network, its time, and against the pinned key or hash.
func DescriptorOf(b []byte, to Target, now time.Time) (*address.Descriptor, error) {
	d, err := address.OpenDescriptor(b, to.Network, now)
	switch {
	case err != nil:
		return nil, err
	case key.GatewayHashOf(d.Node) != to.Hash():
		return nil, wire.ErrWrongNode
	}
	return d, nil
}

func (t *trip) place() place { return place{t.r.To.Network, t.hash} }

// knows reports whether the target's descriptor is at hand.
func (f *Forwarder) knows(t *trip, now time.Time) bool {
	k := f.known[t.place()]
	return k != nil && k.d != nil && now.Before(k.until)
}

// learn keeps a descriptor that was checked.
func (f *Forwarder) learn(d *address.Descriptor) {
	at := place{d.Network, key.GatewayHashOf(d.Node)}
	k := f.known[at]
	if k == nil {
		f.makeRoom()
		k = &knowledge{}
		f.known[at] = k
	}
	if k.d == nil || !d.Made.Before(k.d.Made) {
		k.d, k.err, k.until = d, nil, d.Expires
	}
}

// makeRoom forgets what no longer holds, and if that is nothing anything that
// nobody waits for.
func (f *Forwarder) makeRoom() {
	if len(f.known) < maxKnown {
		return
	}
	now := time.Now()
	for at, k := range f.known {
		if !k.asking && now.After(k.until) {
			delete(f.known, at)
		}
	}
	for at, k := range f.known {
		if len(f.known) < maxKnown {
			return
		}
		if !k.asking {
			delete(f.known, at)
		}
	}
}

// forget has the target's descriptor read anew. With d only that one is meant.
func (f *Forwarder) forget(t *trip, d *address.Descriptor) {
	if k := f.known[t.place()]; k != nil && !k.asking && (d == nil || k.d == d) {
		delete(f.known, t.place())
	}
}

// descriptor is the target's. If it is not at hand the request waits for it: a home
// is asked, the one that is to bring the request first. One that nobody has ends
// the search for homes.
func (f *Forwarder) descriptor(t *trip, e *entry, now time.Time) *address.Descriptor {
	at := t.place()
	k := f.known[at]
	switch {
	case k == nil:
		f.makeRoom()
		k = &knowledge{}
		f.known[at] = k
	case k.asking:
	case now.After(k.until):
		*k = knowledge{}
	case k.d != nil:
		return k.d
	default:
		t.blame(k.err)
		f.giveUp(t)
		return nil
	}
	k.waiting = append(k.waiting, t)
	if !k.asking {
		k.asking, k.tried = true, map[key.GatewayHash]bool{}
		f.ask(k, t.r.To, e)
	}
	return nil
}

// ask has a home look for a descriptor.
func (f *Forwarder) ask(k *knowledge, to Target, e *entry) {
	k.tried[e.hash] = true
	get := &wire.DescriptorGet{Node: to.Endpoint.Node, Host: to.Endpoint.Host, Port: to.Endpoint.Port}
	f.cfg.Carrier.ByHome(e.target, get, func(p wire.Payload, err error) { f.post(func() { f.described(k, to, e, p, err) }) })
}

// described takes a home's answer about a descriptor. What another home may know
// better it is asked for.
func (f *Forwarder) described(k *knowledge, to Target, e *entry, answer wire.Payload, err error) {
	now := time.Now()
	if p, ok := answer.(*wire.Descriptor); ok && err == nil {
		var d *address.Descriptor
		if d, err = DescriptorOf(p.Object, to, now); err == nil {
			k.d, k.until = d, d.Expires
		} else {
			f.cfg.Scores.Trouble(e.hash, score.Refused, now)
		}
	}
	if err != nil {
		probe := &trip{r: Request{To: to}, hash: to.Hash(), tried: k.tried}
		if next := f.choose(probe); next != nil {
			f.ask(k, to, next)
			return
		}
		k.err, k.until = err, now.Add(unknownFor)
		if unsure(err) || tooBusy(err) {
			k.until = now // nobody said that there is none
		}
	}
	waiting := k.waiting
	k.asking, k.tried, k.waiting = false, nil, nil
	for _, t := range waiting {
		if t.over {
			continue
		}
		if k.d == nil && !unsure(k.err) {
			t.blame(k.err)
			f.giveUp(t)
			continue
		}
		if k.d == nil {
			t.err = k.err
			for h, x := range f.entries {
				t.tried[h] = t.tried[h] || x.state == isUp
			}
		}
		f.advance(t)
	}
}

// blame takes note of why there is no descriptor. Who is too busy to look for it may
// find it later.
func (t *trip) blame(err error) {
	t.err = err
	if tooBusy(err) {
		t.busy = err
	}
}

func tooBusy(err error) bool { return errors.Is(err, wire.ErrBusy) || errors.Is(err, wire.ErrLimit) }

// unsure reports whether an error says nothing of the gateway that was asked for:
// the home's link ended.
func unsure(err error) bool { return wire.ErrLinkClosed.Is(err) }

// line is the channel for a request through a home: the one that serves its drop,
// or a new one.
func (f *Forwarder) line(t *trip, e *entry, d *address.Descriptor, now time.Time) (*line, error) {
	k := t.lineKey(e)
	if n := f.lines[k]; n != nil && !t.lone() && !n.sender.Expired(now) && n.sender.Room() {
		return n, nil
	}
	at := key.Place{Network: t.r.To.Network, Node: d.Node}
	s, err := channel.Open(at, &d.KEM, now)
	if err != nil {
		return nil, err
	}
	n := &line{key: k, once: t.lone(), at: at, sender: s}
	if !n.once {
		f.sweep(now)
		f.lines[k] = n
	}
	return n, nil
}

// sweep keeps the number of channels: those whose time is over go, and if that is
// nothing the one that was unused for longest.
func (f *Forwarder) sweep(now time.Time) {
	if len(f.lines) < maxLines {
		return
	}
	var oldest *line
	for _, n := range f.lines {
		if n.sender.Expired(now) {
			f.discard(n)
		} else if n.legs == 0 && (oldest == nil || n.used.Before(oldest.used)) {
			oldest = n
		}
	}
	if oldest != nil && len(f.lines) >= maxLines {
		f.discard(oldest)
	}
}

// discard gives a channel no further requests.
func (f *Forwarder) discard(n *line) {
	if f.lines[n.key] == n {
		delete(f.lines, n.key)
	}
}
