package reach

import (
	"net/netip"
	"slices"

	"zeroms/client/profile"
	"zeroms/protocol/card"
)

// Scope says how far around the user gateways may be: whoever lives behind
// public gateways is not sent to addresses inside a local network by what
// somebody else wrote.
type Scope uint8

// The scopes, from the widest network to the narrowest.
const (
	Public   Scope = iota // only public addresses and names
	Local                 // private addresses too
	Loopback              // this computer too
)

// ScopeOf is the scope of a host: a name or an IP address.
func ScopeOf(host string) Scope {
	if card.Loopback(host) {
		return Loopback
	}
	ip, err := netip.ParseAddr(host)
	if err != nil {
		return Public
	}
	ip = ip.Unmap()
	switch {
	case ip.IsLoopback() || ip.IsUnspecified():
		return Loopback
	case ip.IsPrivate() || !ip.IsGlobalUnicast():
		return Local
	}
	return Public
}

// Within returns the gateways that a user of this scope may be sent to.
func Within(s Scope, gateways []profile.Gateway) []profile.Gateway {
	return slices.DeleteFunc(slices.Clone(gateways), func(g profile.Gateway) bool { return ScopeOf(g.Host) > s })
}
