package inside

import (
	"cmp"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"zeroms/protocol/address"
)

// loopback is this computer.
const loopback = "127.0.0.1"

// virtual are how interfaces begin that lead into this computer only: of containers and
// virtual machines.
var virtual = []string{"docker", "br-", "veth", "virbr", "cni", "vmnet", "vboxnet", "lxc"}

// places are the addresses of this computer in its networks, the one that others are
// named first: that by which it reaches others if it is a plain one, then public and
// local ones of IPv4, then of IPv6.
func places() []netip.Addr {
	interfaces, err := net.Interfaces()
	if err != nil {
		return nil
	}
	var all []netip.Addr
	for _, i := range interfaces {
		if i.Flags&net.FlagUp == 0 || i.Flags&net.FlagLoopback != 0 || slices.ContainsFunc(virtual, func(begin string) bool { return strings.HasPrefix(i.Name, begin) }) {
			continue
		}
		addrs, err := i.Addrs()
		if err != nil {
			continue
		}
		for _, a := range addrs {
			if prefix, err := netip.ParsePrefix(a.String()); err == nil {
				all = append(all, address.Canonical(prefix.Addr()))
			}
		}
	}
	return ordered(all, usual())
}

// usual is the address by which this computer reaches others; nothing is sent to find
// it. Not valid: there is none.
func usual() netip.Addr {
	conn, err := net.Dial("udp4", "192.0.2.1:9")
	if err != nil {
		return netip.Addr{}
	}
	defer conn.Close()
	at, err := netip.ParseAddrPort(conn.LocalAddr().String())
	if err != nil {
		return netip.Addr{}
	}
	return address.Canonical(at.Addr())
}

// ordered are those of addresses by which others could come, in the order of places.
func ordered(all []netip.Addr, usual netip.Addr) []netip.Addr {
	all = slices.DeleteFunc(all, func(a netip.Addr) bool {
		is := address.ScopeOf(a)
		return is != address.LAN && is != address.Public || a.IsLinkLocalUnicast()
	})
	rank := func(a netip.Addr) int {
		public := address.ScopeOf(a) == address.Public
		switch {
		case a.Is4() && public:
			return 0
		case a == usual:
			return 1
		case a.Is4():
			return 2
		case public:
			return 3
		}
		return 4
	}
	slices.SortFunc(all, func(a, b netip.Addr) int { return cmp.Or(cmp.Compare(rank(a), rank(b)), a.Compare(b)) })
	return slices.Compact(all)
}

// home is the host by which an open gateway is named: the first place, or this computer
// if it is in no network.
func home(places []netip.Addr) string {
	if len(places) == 0 {
		return loopback
	}
	if a := places[0]; a.Is6() {
		return "[" + a.String() + "]"
	}
	return places[0].String()
}

// around is the first place in a local network.
func around(places []netip.Addr) (netip.Addr, bool) {
	for _, a := range places {
		if address.ScopeOf(a) == address.LAN {
			return a, true
		}
	}
	return netip.Addr{}, false
}

// reachOf are the addresses, host:port, by which a run can be reached; public tells that
// one of them is of the internet.
func reachOf(s *serving) (reach []string, public bool) {
	port := strconv.Itoa(int(s.address.Port))
	if s.wish.Open {
		for _, a := range places() {
			reach = append(reach, net.JoinHostPort(a.String(), port))
			public = public || address.ScopeOf(a) == address.Public
		}
	}
	if len(reach) == 0 {
		reach = []string{net.JoinHostPort(loopback, port)}
	}
	return reach, public
}
