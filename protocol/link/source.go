package link

import (
	"crypto/tls"
	"net"
	"net/netip"

	"zeroms/protocol/link/socket"
)

// Bits of the network that a source stands in: what somebody may well have
// hundreds of sources in.
const (
	networkBits4 = 24
	networkBits6 = 48
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

// NetworkOf is the network that a source stands in: IPv4 /24, IPv6 /48. Of no
// source it is none, the zero prefix.
func NetworkOf(source netip.Prefix) netip.Prefix {
	bits := networkBits4
	if source.Addr().Is6() {
		bits = networkBits6
	}
	network, err := source.Addr().Prefix(bits)
	if err != nil {
		return netip.Prefix{}
	}
	return network
}

// addrOf is the address of a TCP endpoint; not valid for another kind.
func addrOf(a net.Addr) netip.Addr {
	tcp, ok := a.(*net.TCPAddr)
	if !ok {
		return netip.Addr{}
	}
	return tcp.AddrPort().Addr().Unmap()
}

// counted finds the counted connection under TLS.
func counted(c net.Conn) *countedConn {
	if over, ok := c.(*tls.Conn); ok {
		c = over.NetConn()
	}
	own, _ := c.(*countedConn)
	return own
}

// socket is the socket of a connection that Serve accepted.
func (c *countedConn) socket() *socket.Conn { return c.Conn.(*socket.Conn) }
