package link

import (
	"context"
	"net"
	"net/netip"
	"syscall"
)

// area says how far inside a user's own network an address is.
type area uint32

const (
	public area = iota // anybody's addresses
	local              // those of a local network
	own                // this computer
)

// areaOf is the area of an IP address.
func areaOf(ip netip.Addr) area {
	ip = ip.Unmap()
	switch {
	case ip.IsLoopback() || ip.IsUnspecified():
		return own
	case ip.IsPrivate() || !ip.IsGlobalUnicast():
		return local
	}
	return public
}

// dialDirect connects without a proxy. What a foreign name leads to is held against
// the gateways that the user chose, address by address before anything is sent there,
// so that a name can't say one thing when it is looked at and another when it is used.
func (d *Dialer) dialDirect(ctx context.Context, e Endpoint) (net.Conn, error) {
	dialer := tcpDialer()
	_, err := netip.ParseAddr(e.Host)
	if e.Foreign && err != nil && !loopbackHost(e.Host) {
		dialer.ControlContext = func(_ context.Context, _, address string, _ syscall.RawConn) error {
			to, err := netip.ParseAddrPort(address)
			if err != nil || areaOf(to.Addr()) > area(d.inside.Load()) {
				return ErrInside
			}
			return nil
		}
	}
	tcp, err := dialer.DialContext(ctx, "tcp", e.Addr())
	if err == nil && !e.Foreign {
		d.chosen(tcp.RemoteAddr())
	}
	return tcp, err
}

// chosen notes where a gateway is that the user chose.
func (d *Dialer) chosen(at net.Addr) {
	to, err := netip.ParseAddrPort(at.String())
	if err != nil {
		return
	}
	for is := uint32(areaOf(to.Addr())); ; {
		if before := d.inside.Load(); before >= is || d.inside.CompareAndSwap(before, is) {
			return
		}
	}
}
