package quiclink

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"sync"

	"zeroms/protocol/link"
)

// Limits of incoming connections that are not yet links.
const (
	// DefaultStarting is how many handshakes of one source may be unfinished, four
	// times as many of its network.
	DefaultStarting = 16
	// maxStarting is how many may be in all, of proved addresses.
	maxStarting = 256
	// maxUnproved is how many may be of addresses that nobody proved: whoever comes
	// when there are so many proves theirs first (Retry, RFC 9000 section 8.1.2).
	maxUnproved = 16
	// networkShare is how many times what a source may have the network may that it
	// stands in.
	networkShare = 4
	// freeShare is the part of the free places that a source may have, one at least.
	freeShare = 4
)

var errFull = errors.New("link: too many connections")

// entrance counts incoming connections: all, and those that are not yet links. An
// address counts for a source only once it is proved, else anybody could have
// anybody else refused.
type entrance struct {
	// static
	maxConns, maxSource int

	mu       sync.Mutex
	open     int                  // guarded by mu: connections, links included
	unproved int                  // guarded by mu: starting, of addresses that are not proved
	proved   int                  // guarded by mu: starting, of others
	sources  map[netip.Prefix]int // guarded by mu: of those
	networks map[netip.Prefix]int // guarded by mu: of those
}

func newEntrance(maxConns, maxSource int) *entrance {
	if maxSource <= 0 {
		maxSource = DefaultStarting
	}
	return &entrance{maxConns: maxConns, maxSource: maxSource, sources: map[netip.Prefix]int{}, networks: map[netip.Prefix]int{}}
}

// crowded reports whether a newcomer has to prove its address first.
func (e *entrance) crowded(net.Addr) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.unproved >= maxUnproved
}

// guest is the place of one incoming connection.
type guest struct {
	// static
	entrance *entrance
	source   netip.Prefix
	counted  bool // source is one, and its address is proved
	proved   bool

	// guarded by entrance.mu
	linked, gone bool
}

type guestKey struct{}

// admit gives a place to a connection until ctx ends, which is the connection's.
// Error: errFull.
func (e *entrance) admit(ctx context.Context, from net.Addr, proved bool) (context.Context, error) {
	g := &guest{entrance: e, proved: proved}
	if proved {
		g.source, g.counted = link.SourceOf(addrPort(from).Addr())
	}
	if !e.enter(g) {
		return nil, errFull
	}
	ctx = context.WithValue(ctx, guestKey{}, g)
	context.AfterFunc(ctx, g.leave)
	return ctx, nil
}

func (e *entrance) enter(g *guest) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.maxConns > 0 && e.open >= e.maxConns {
		return false
	}
	if g.proved && !e.fits(g) {
		return false
	}
	e.open++
	e.count(g, 1)
	return true
}

// fits reports whether one more of a proved source may start; mu is held.
func (e *entrance) fits(g *guest) bool {
	free := maxStarting - e.proved
	if free <= 0 {
		return false
	}
	most := min(e.maxSource, max(free/freeShare, 1))
	return !g.counted || e.sources[g.source] < most && e.networks[link.NetworkOf(g.source)] < networkShare*most
}

// count adds n to what a starting connection is counted for; mu is held.
func (e *entrance) count(g *guest, n int) {
	if !g.proved {
		e.unproved += n
		return
	}
	e.proved += n
	if g.counted {
		add(e.sources, g.source, n)
		add(e.networks, link.NetworkOf(g.source), n)
	}
}

func add(counts map[netip.Prefix]int, of netip.Prefix, n int) {
	if counts[of] += n; counts[of] == 0 {
		delete(counts, of)
	}
}

// becomesLink counts a connection as starting no longer.
func (g *guest) becomesLink() {
	g.entrance.mu.Lock()
	defer g.entrance.mu.Unlock()
	if !g.linked && !g.gone {
		g.linked = true
		g.entrance.count(g, -1)
	}
}

// leave gives the place back.
func (g *guest) leave() {
	g.entrance.mu.Lock()
	defer g.entrance.mu.Unlock()
	if g.gone {
		return
	}
	g.gone = true
	g.entrance.open--
	if !g.linked {
		g.entrance.count(g, -1)
	}
}

// addrPort is the address of a UDP endpoint; not valid for another kind.
func addrPort(a net.Addr) netip.AddrPort {
	udp, ok := a.(*net.UDPAddr)
	if !ok {
		return netip.AddrPort{}
	}
	at := udp.AddrPort()
	return netip.AddrPortFrom(at.Addr().Unmap(), at.Port())
}
