package link

import (
	"context"
	"net"
	"net/netip"
	"syscall"

	"zeroms/protocol/address"
)

// nat64 is where DNS puts the IPv4 addresses of names for networks without IPv4
// (RFC 6052 section 2.1): such an address is as far inside as the one that it stands for.
var nat64 = netip.MustParsePrefix("64:ff9b::/96")

// scopeOf is the scope of an address that a name stands for; 0: it is none of a machine.
func scopeOf(ip netip.Addr) address.Scope {
	if b := ip.As16(); nat64.Contains(ip) {
		ip = netip.AddrFrom4([4]byte(b[12:]))
	}
	return address.ScopeOf(ip)
}

// dialDirect connects without a proxy. What a foreign name leads to is held against
// the gateways that the user chose, address by address before anything is sent there,
// so that a name can't say one thing when it is looked at and another when it is used.
func (d *Dialer) dialDirect(ctx context.Context, e Endpoint) (net.Conn, error) {
	dialer := tcpDialer()
	_, err := netip.ParseAddr(e.Host)
	if e.Foreign && err != nil && !loopbackHost(e.Host) {
		dialer.ControlContext = func(_ context.Context, _, at string, _ syscall.RawConn) error {
			to, err := netip.ParseAddrPort(at)
			if is := scopeOf(to.Addr()); err != nil || is == 0 || is < d.around() {
				return ErrInside
			}
			return nil
		}
	}
	return dialer.DialContext(ctx, "tcp", e.Addr())
}

// around is the narrowest scope of the gateways that the user chose.
func (d *Dialer) around() address.Scope {
	if s := address.Scope(d.inside.Load()); s != 0 {
		return s
	}
	return address.Public
}

// chosen notes where a gateway is that the user chose, and that has proved its key there.
func (d *Dialer) chosen(at net.Addr) {
	to, err := netip.ParseAddrPort(at.String())
	if err != nil {
		return
	}
	for is := scopeOf(to.Addr()); is != 0; {
		before := d.inside.Load()
		if before != 0 && before <= uint32(is) || d.inside.CompareAndSwap(before, uint32(is)) {
			return
		}
	}
}
