package gateway

import (
	"net/netip"
	"time"

	"zeroms/protocol/link"
	"zeroms/protocol/wire"
)

// source is where guests come from (link.SourceOf). Sources exist while a guest
// of theirs does, in memory only; nothing of them is ever written.
type source struct {
	prefix netip.Prefix
	guests map[*conn]struct{} // guarded by Gateway.mu
	rate   bucket             // of all its guests together
}

// lodge makes a link a guest of its source; mu is held.
func (g *Gateway) lodge(c *conn) {
	g.guests[c] = struct{}{}
	prefix, ok := link.SourceOf(c.link.Remote())
	if !ok {
		return
	}
	s := g.sources[prefix]
	if s == nil {
		s = &source{
			prefix: prefix, guests: map[*conn]struct{}{},
			rate: newBucket(g.cfg.Capacity.SourceBurst, g.cfg.Capacity.SourceRate),
		}
		g.sources[prefix] = s
	}
	s.guests[c] = struct{}{}
	c.source = s
}

// unlodge counts a link as a guest no longer; mu is held.
func (g *Gateway) unlodge(c *conn) {
	delete(g.guests, c)
	s := c.source
	if s == nil {
		return
	}
	delete(s.guests, c)
	if len(s.guests) == 0 && g.sources[s.prefix] == s {
		delete(g.sources, s.prefix)
	}
}

// roomFor reports whether there is room for one more guest from an address,
// after ending another guest if need be; mu is held. Without it whoever opens
// links would lock the gateway's own people out.
//
// A source has a bound of its own. When the gateway is full, the source with
// most guests gives way to one with fewer, however busy they are; else the guest
// goes that was silent for longest, if that is long enough.
func (g *Gateway) roomFor(remote netip.Addr) bool {
	prefix, known := link.SourceOf(remote)
	own := g.sources[prefix]
	mine := 0
	if known && own != nil {
		mine = len(own.guests)
	}
	if mine >= g.cfg.Capacity.SourceGuests {
		return g.evict(own.guests, g.cfg.Timing.GuestSpare)
	}
	if len(g.guests) < g.cfg.Capacity.Guests {
		return true
	}
	var most *source
	for _, s := range g.sources {
		if most == nil || len(s.guests) > len(most.guests) {
			most = s
		}
	}
	switch {
	case most != nil && len(most.guests) > mine+1:
		return g.evict(most.guests, 0)
	case most != nil && most == own && mine > 1:
		return g.evict(own.guests, g.cfg.Timing.GuestSpare)
	}
	return g.evict(g.guests, g.cfg.Timing.GuestSpare)
}

// evict ends the one of these guests that was silent for longest, if it was for
// that long; mu is held.
func (g *Gateway) evict(guests map[*conn]struct{}, silent time.Duration) bool {
	var oldest *conn
	var since time.Time
	for c := range guests {
		if heard := c.lastHeard(); oldest == nil || heard.Before(since) {
			oldest, since = c, heard
		}
	}
	if oldest == nil || time.Since(since) < silent {
		return false
	}
	g.unlodge(oldest)
	oldest.end(wire.ErrBusy)
	return true
}
