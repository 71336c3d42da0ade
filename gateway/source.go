package gateway

import (
	"net/netip"
	"time"

	"zeroms/protocol/link"
	"zeroms/protocol/wire"
)

// Bits of the network that a source stands in: what somebody may well have
// hundreds of sources in.
const (
	networkBits4 = 24
	networkBits6 = 48
)

// source is where guests come from: a source (link.SourceOf) or the network that
// it stands in. They exist while a guest of theirs does, in memory only; nothing
// of them is ever written.
type source struct {
	// static
	prefix  netip.Prefix
	network *source // nil: it is one

	guests map[*conn]struct{} // guarded by Gateway.mu
	rate   bucket             // of all its guests together
	flight share              // of Gateway.guestFlight
}

// count is the number of guests; a source that is not known has none. The
// gateway's mu is held.
func (s *source) count() int {
	if s == nil {
		return 0
	}
	return len(s.guests)
}

// prefixes are those of an address's source and network, if it says something.
func prefixes(remote netip.Addr) (own, network netip.Prefix, ok bool) {
	own, ok = link.SourceOf(remote)
	if !ok {
		return own, network, false
	}
	bits := networkBits4
	if own.Addr().Is6() {
		bits = networkBits6
	}
	network, err := own.Addr().Prefix(bits)
	return own, network, err == nil
}

// lodge makes a link a guest of its source and network; mu is held.
func (g *Gateway) lodge(c *conn) {
	g.guests[c] = struct{}{}
	own, network, ok := prefixes(c.link.Remote())
	if !ok {
		return
	}
	limits := &g.cfg.Capacity
	if g.networks[network] == nil {
		g.networks[network] = newSource(network, limits.NetworkBurst, limits.NetworkRate)
	}
	if g.sources[own] == nil {
		g.sources[own] = newSource(own, limits.SourceBurst, limits.SourceRate)
		g.sources[own].network = g.networks[network]
	}
	c.source = g.sources[own]
	c.source.guests[c] = struct{}{}
	c.source.network.guests[c] = struct{}{}
}

func newSource(prefix netip.Prefix, burst, rate int) *source {
	return &source{prefix: prefix, guests: map[*conn]struct{}{}, rate: newBucket(burst, rate)}
}

// unlodge counts a link as a guest no longer; mu is held.
func (g *Gateway) unlodge(c *conn) {
	if _, is := g.guests[c]; !is {
		return
	}
	delete(g.guests, c)
	s := c.source
	if s == nil {
		return
	}
	delete(s.guests, c)
	delete(s.network.guests, c)
	if len(s.guests) == 0 {
		delete(g.sources, s.prefix)
	}
	if len(s.network.guests) == 0 {
		delete(g.networks, s.network.prefix)
	}
}

// roomFor reports whether there is room for one more guest from an address,
// after ending another guest if need be; mu is held. Without it whoever opens
// links would lock the gateway's own people out: they are guests until they have
// logged in.
//
// Sources and networks have bounds of their own. When the gateway is full, the
// network with most guests gives way to one with fewer, and in it the source
// with most, however busy they are; else the guest goes that was silent for
// longest, if that is long enough, else the one that has stayed for longest.
func (g *Gateway) roomFor(remote netip.Addr) bool {
	var own, network *source
	if o, n, known := prefixes(remote); known {
		own, network = g.sources[o], g.networks[n]
	}
	switch limits := &g.cfg.Capacity; {
	case own.count() >= limits.SourceGuests:
		return g.evict(own.guests, g.cfg.Timing.GuestSpare)
	case network.count() >= limits.NetworkGuests:
		return g.yield(network, own)
	case len(g.guests) < limits.Guests && len(g.links) < limits.Conns:
		return true
	}
	switch most := fullest(g.networks); {
	case most != nil && most == network:
		return g.yield(network, own)
	case most.count() > network.count()+1:
		return g.evict(g.fullestOf(most).guests, 0)
	}
	return g.evict(g.guests, g.cfg.Timing.GuestSpare)
}

// yield makes room within a network for one more guest of a source in it; mu is held.
func (g *Gateway) yield(network, own *source) bool {
	if most := g.fullestOf(network); most.count() > own.count()+1 {
		return g.evict(most.guests, 0)
	}
	return g.evict(network.guests, g.cfg.Timing.GuestSpare)
}

// fullest is the one with most guests, nil of none.
func fullest(of map[netip.Prefix]*source) (most *source) {
	for _, s := range of {
		if s.count() > most.count() {
			most = s
		}
	}
	return most
}

// fullestOf is the source with most guests in a network; mu is held.
func (g *Gateway) fullestOf(network *source) (most *source) {
	for c := range network.guests {
		if c.source.count() > most.count() {
			most = c.source
		}
	}
	return most
}

// evict ends one of these guests: the one that was silent for longest, if it was
// for that long, else the one that has been there for longest, if for that long;
// mu is held.
func (g *Gateway) evict(guests map[*conn]struct{}, patience time.Duration) bool {
	var quiet, old *conn
	var since time.Time
	for c := range guests {
		if heard := c.lastHeard(); quiet == nil || heard.Before(since) {
			quiet, since = c, heard
		}
		if old == nil || c.came.Before(old.came) {
			old = c
		}
	}
	switch {
	case quiet == nil:
		return false
	case time.Since(since) >= patience:
		old = quiet
	case time.Since(old.came) < patience:
		return false
	}
	g.unlodge(old)
	g.counters.evicted.Add(1)
	old.end(wire.ErrBusy)
	return true
}
