package address

import (
	"encoding/binary"
	"net/netip"
	"strings"

	"zeroms/protocol/wire"
)

// Scope says how far around a gateway's addresses reach, and which addresses a
// network lives at. A network of one scope uses addresses of that scope and of
// every wider one: nobody in a public network is sent to an address inside of a
// local one by what somebody else wrote.
type Scope uint8

// The scopes, from the narrowest to the widest.
const (
	Loopback Scope = iota + 1 // this computer
	LAN                       // local networks too
	Public                    // the Internet
)

// String is the word in settings: loopback, lan, public.
func (s Scope) String() string {
	switch s {
	case Loopback:
		return "loopback"
	case LAN:
		return "lan"
	case Public:
		return "public"
	}
	return "none"
}

// ParseScope reads what String writes. Error: wire.ErrValue.
func ParseScope(text string) (Scope, error) {
	for s := Loopback; s <= Public; s++ {
		if s.String() == text {
			return s, nil
		}
	}
	return 0, wire.ErrValue.Because("a scope is loopback, lan or public")
}

// special are the ranges of the IANA special-purpose registries that are not
// plain public addresses; the first that fits counts. nowhere is no machine's
// address, or another spelling of one.
var special = []struct {
	prefix netip.Prefix
	scope  Scope
}{
	{netip.MustParsePrefix("0.0.0.0/8"), nowhere},
	{netip.MustParsePrefix("10.0.0.0/8"), LAN},
	{netip.MustParsePrefix("100.64.0.0/10"), LAN}, // shared by a carrier's customers
	{netip.MustParsePrefix("127.0.0.0/8"), Loopback},
	{netip.MustParsePrefix("169.254.0.0/16"), LAN},   // link-local
	{netip.MustParsePrefix("172.16.0.0/12"), LAN},    //
	{netip.MustParsePrefix("192.0.0.0/24"), nowhere}, // protocol assignments
	{netip.MustParsePrefix("192.0.2.0/24"), LAN},     // documentation
	{netip.MustParsePrefix("192.88.99.0/24"), nowhere},
	{netip.MustParsePrefix("192.168.0.0/16"), LAN},
	{netip.MustParsePrefix("198.18.0.0/15"), LAN},   // benchmarks
	{netip.MustParsePrefix("198.51.100.0/24"), LAN}, // documentation
	{netip.MustParsePrefix("203.0.113.0/24"), LAN},  // documentation
	{netip.MustParsePrefix("224.0.0.0/3"), nowhere}, // multicast, reserved, broadcast
	{netip.MustParsePrefix("0.0.0.0/0"), Public},

	{netip.MustParsePrefix("::1/128"), Loopback},
	{netip.MustParsePrefix("2001:2::/48"), LAN},      // benchmarks
	{netip.MustParsePrefix("2001:db8::/32"), LAN},    // documentation
	{netip.MustParsePrefix("2001::/23"), nowhere},    // Teredo and other protocol assignments
	{netip.MustParsePrefix("2002::/16"), nowhere},    // 6to4
	{netip.MustParsePrefix("3fff::/20"), LAN},        // documentation
	{netip.MustParsePrefix("2000::/3"), Public},      //
	{netip.MustParsePrefix("fc00::/7"), LAN},         // unique local
	{netip.MustParsePrefix("64:ff9b::/96"), nowhere}, // NAT64, and all that follows
	{netip.MustParsePrefix("::/0"), nowhere},
}

// nowhere is the scope of what is no machine's address.
const nowhere Scope = 0

// Canonical is an address in its one form: IPv4 as IPv4, no zone.
func Canonical(a netip.Addr) netip.Addr { return a.Unmap().WithZone("") }

// ScopeOf is the scope of an address in whichever form. 0: it belongs to no
// machine (unspecified, multicast, reserved), needs a zone (IPv6 link-local), or
// is another spelling of an IPv4 address (NAT64, 6to4, Teredo).
func ScopeOf(a netip.Addr) Scope {
	a = Canonical(a)
	for _, s := range special {
		if s.prefix.Contains(a) {
			return s.scope
		}
	}
	return nowhere
}

// ScopeOfHost is the scope of an IP address or DNS name as text. A name is LAN if
// it has one label or ends in what no public name ends in, Loopback for
// localhost, else Public; its address still has to be asked about once it is
// resolved. 0: it is neither, or not in its canonical form.
func ScopeOfHost(host string) Scope {
	if ip, err := netip.ParseAddr(host); err == nil {
		if ip != Canonical(ip) || ip.String() != host {
			return nowhere
		}
		return ScopeOf(ip)
	}
	if !isName(host) {
		return nowhere
	}
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return Loopback
	}
	if !strings.Contains(host, ".") {
		return LAN
	}
	for _, end := range []string{".local", ".internal", ".home.arpa", ".lan", ".test", ".invalid"} {
		if strings.HasSuffix(host, end) {
			return LAN
		}
	}
	return Public
}

// Allows reports whether a network of this scope uses the address.
func (s Scope) Allows(a netip.Addr) bool {
	of := ScopeOf(a)
	return s != nowhere && of != nowhere && of >= s
}

// AllowsHost reports whether a network of this scope uses the host (ScopeOfHost).
func (s Scope) AllowsHost(host string) bool {
	of := ScopeOfHost(host)
	return s != nowhere && of != nowhere && of >= s
}

// Group is what addresses that probably belong to one owner have in common:
// masked address 16 | prefix length 1 | port 2 (0 where all ports count as one).
// Limits on how many contacts one owner may have count per Group.
type Group [19]byte

// Near is the group of close neighbours: a public network's /24, or /48 of IPv6.
// In a LAN it is the address, on loopback address and port.
func (s Scope) Near(a netip.AddrPort) Group { return s.group(a, 24, 48) }

// Far is the wider group: a public network's /16, or /32 of IPv6; else as Near.
func (s Scope) Far(a netip.AddrPort) Group { return s.group(a, 16, 32) }

func (s Scope) group(a netip.AddrPort, v4, v6 int) (g Group) {
	ip := Canonical(a.Addr())
	bits := ip.BitLen()
	switch {
	case s == Public && ip.Is4():
		bits = v4
	case s == Public && ip.Is6():
		bits = v6
	}
	masked, err := ip.Prefix(bits)
	if err != nil {
		return Group{} // not an address
	}
	b := masked.Addr().As16()
	copy(g[:], b[:])
	g[16] = uint8(bits)
	if ip.Is4() {
		g[16] += 96
	}
	if s == Loopback {
		binary.BigEndian.PutUint16(g[17:], a.Port())
	}
	return g
}
