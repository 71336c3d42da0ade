package link

import (
	"crypto/tls"
	"net"
	"net/netip"
	"sync"
)

// SourceOf is the network that an address counts for where limits are concerned,
// what one customer of a provider has: an IPv4 address or an IPv6 /56. Addresses
// of this computer and of local networks count for none: a proxy may stand there,
// behind which is everybody.
func SourceOf(a netip.Addr) (prefix netip.Prefix, ok bool) {
	a = a.Unmap().WithZone("")
	if !a.IsValid() || a.IsLoopback() || a.IsPrivate() || a.IsLinkLocalUnicast() {
		return netip.Prefix{}, false
	}
	bits := 32
	if a.Is6() {
		bits = 56
	}
	prefix, err := a.Prefix(bits)
	return prefix, err == nil
}

// addrOf is the address of a TCP endpoint; not valid for another kind.
func addrOf(a net.Addr) netip.Addr {
	tcp, ok := a.(*net.TCPAddr)
	if !ok {
		return netip.Addr{}
	}
	return tcp.AddrPort().Addr().Unmap()
}

// countedConn tells its listener when it has become a link, and when it is closed.
type countedConn struct {
	net.Conn
	linked func() // may be called again
	gone   func()
}

// Close closes the connection and gives its place back.
func (c *countedConn) Close() error {
	defer c.gone()
	return c.Conn.Close()
}

// counted finds the counted connection under TLS.
func counted(c net.Conn) *countedConn {
	if over, ok := c.(*tls.Conn); ok {
		c = over.NetConn()
	}
	own, _ := c.(*countedConn)
	return own
}

// tally counts connections: all that are open, and those of each source that are
// not links yet.
type tally struct {
	max, maxStarting int // 0: no bound

	mu       sync.Mutex
	open     int                  // guarded by mu
	starting map[netip.Prefix]int // guarded by mu
}

// add counts a connection, unless there are too many.
func (t *tally) add(c net.Conn) (*countedConn, bool) {
	source, known := SourceOf(addrOf(c.RemoteAddr()))
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.max > 0 && t.open >= t.max || known && t.maxStarting > 0 && t.starting[source] >= t.maxStarting {
		return nil, false
	}
	t.open++
	own := &countedConn{Conn: c, linked: func() {}}
	if known {
		t.starting[source]++
		own.linked = sync.OnceFunc(func() { t.started(source) })
	}
	own.gone = sync.OnceFunc(func() {
		own.linked()
		t.mu.Lock()
		defer t.mu.Unlock()
		t.open--
	})
	return own, true
}

func (t *tally) started(source netip.Prefix) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.starting[source]--; t.starting[source] <= 0 {
		delete(t.starting, source)
	}
}
