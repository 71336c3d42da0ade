package doctor

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"slices"
	"strings"
	"syscall"

	"zeroms/protocol/link"
	"zeroms/protocol/wire"
)

// reach is from where an address can be reached.
type reach uint8

const (
	everywhere reach = iota
	locally          // within its network
	inside           // from this computer
)

// carrier is what providers give to customers behind their own NAT (RFC 6598).
var carrier = netip.MustParsePrefix("100.64.0.0/10")

func reachOf(a netip.Addr) reach {
	a = a.Unmap()
	switch {
	case a.IsLoopback() || a.IsUnspecified():
		return inside
	case a.IsPrivate() || a.IsLinkLocalUnicast() || carrier.Contains(a) || !a.IsGlobalUnicast():
		return locally
	}
	return everywhere
}

// address looks at the host in the gateway's address; own reports whether all of
// its addresses are this computer's.
func (d *doctor) address(ctx context.Context) (own bool) {
	const check = "address"
	if d.Address == nil {
		d.add(check, Warning, "the gateway has no address yet: it never ran",
			"run it once: zeroms-gateway run --data "+d.Dir+" --listen :443 --public NAME-OR-ADDRESS")
		return true
	}
	host := strings.Trim(d.Address.Host, "[]")
	mine, err := d.Addresses()
	if err != nil {
		d.add(check, Warning, "this computer's addresses can't be listed: "+err.Error(), "compare them with "+host+" by hand: ip address")
	}
	found := []netip.Addr{}
	literal, err := netip.ParseAddr(host)
	if err == nil {
		found = append(found, literal)
	} else if found, err = d.Resolve(ctx, host); err != nil || len(found) == 0 {
		d.add(check, Problem, fmt.Sprintf("the name %s has no address (%v)", host, err),
			"make a DNS record (A, AAAA) for it, or run the gateway with --public and an IP address")
		return false
	}
	own = true
	for _, a := range found {
		a = a.Unmap()
		here := slices.Contains(mine, a)
		own = own && (here || a.IsLoopback())
		d.judge(host, a, here, mine)
	}
	return own
}

// judge is about one address of the gateway's host.
func (d *doctor) judge(host string, a netip.Addr, here bool, mine []netip.Addr) {
	const check = "address"
	name := host
	if host != a.String() {
		name = fmt.Sprintf("%s (%s)", host, a)
	}
	global := slices.ContainsFunc(mine, func(m netip.Addr) bool { return reachOf(m) == everywhere && m.Is4() == a.Is4() })
	switch where := reachOf(a); {
	case where == inside:
		d.add(check, Warning, name+" is this computer itself: nobody else can reach the gateway",
			"run it with --listen :443 --public and a name or address that others can reach; for a trial on this computer it is well")
	case where == locally && here:
		d.add(check, Warning, name+" is an address of a local network: only who is in it can reach the gateway",
			"if others should, run it with --public and the network's outer address or name, and let the router forward the port")
	case where == locally:
		d.add(check, Problem, name+" is an address of a local network, and none of this computer's",
			"run it with --public and the name or address by which others reach this computer")
	case here:
		d.add(check, OK, name+" is an address of this computer", "")
	case global:
		d.add(check, Warning, name+" is none of this computer's addresses, although it has public ones",
			"if a router or proxy passes connections on to here, it is well; else correct the DNS record, or --public")
	default:
		d.add(check, OK, name+" is a public address outside of this computer: a router must forward the port to it", "")
	}
}

// port looks whether the gateway can be reached, or will be.
func (d *doctor) port(ctx context.Context, own bool) {
	const check = "port"
	switch {
	case d.Silent != nil:
		d.add(check, Problem, fmt.Sprintf("%s runs on this directory, but has not answered for %v", d.Silent.Process(), d.Silent.For), d.Silent.Do())
		return
	case d.Pid == 0:
		d.bindable(ctx)
		return
	}
	if d.Address == nil || d.KeyError != nil {
		return // said elsewhere
	}
	e := link.Endpoint{Host: strings.Trim(d.Address.Host, "[]"), Port: d.Address.Port, Plain: d.Address.Plain, Node: d.Node[:]}
	at := e.Addr()
	err := d.Dial(ctx, e)
	switch {
	case err == nil:
		d.add(check, OK, "the gateway answers at "+at+" with its own key", "")
		return
	case errors.Is(err, wire.ErrWrongNode):
		d.add(check, Problem, "a gateway with another key answers at "+at,
			"look at what listens there: another gateway, or a proxy that ends TLS itself; it must pass TCP through")
		return
	}
	local := e
	if local.Host = listenHost(d.Listen); local.Host != "" {
		_, port, _ := net.SplitHostPort(d.Listen)
		fmt.Sscan(port, &local.Port)
	}
	if local.Host == "" || d.Dial(ctx, local) != nil {
		d.add(check, Problem, "the gateway runs and does not answer, neither at "+at+" nor on this computer ("+err.Error()+")",
			"look at its log, and start it again")
		return
	}
	if own {
		d.add(check, Problem, "the gateway answers on this computer, but not at "+at+" ("+err.Error()+")",
			"open the port in this computer's firewall (nft list ruleset; ufw allow PORT/tcp) and at your provider")
		return
	}
	d.add(check, Warning, "the gateway answers on this computer, but not at "+at+" as seen from here ("+err.Error()+")",
		"many routers can't be reached from their inside: try from another network, for example with zms gateway add on a phone's hotspot. If that fails too, forward the port to this computer")
}

// listenHost is the host by which this computer reaches what listens on address.
func listenHost(address string) string {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return ""
	}
	switch ip, err := netip.ParseAddr(host); {
	case host == "" || err == nil && ip.IsUnspecified() && ip.Is4():
		return "127.0.0.1"
	case err == nil && ip.IsUnspecified():
		return "::1"
	}
	return host
}

func (d *doctor) bindable(ctx context.Context) {
	const check = "port"
	switch err := d.Bind(ctx, d.Listen); {
	case err == nil:
		d.add(check, OK, "the gateway does not run; "+d.Listen+" is free to listen on", "")
	case errors.Is(err, syscall.EADDRINUSE):
		d.add(check, Problem, "another program listens on "+d.Listen,
			"find it with ss -ltnp, stop it or choose another port with --listen")
	case errors.Is(err, fs.ErrPermission):
		d.add(check, Warning, "this user, in this shell, may not listen on "+d.Listen+": ports below 1024 are protected",
			"the service needs AmbientCapabilities=CAP_NET_BIND_SERVICE (docs/systemd/port-443.conf); or choose a port from 1024 on")
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		d.add(check, Problem, d.Listen+" is no address of this computer", "listen on an address of this computer, or on all with --listen :PORT")
	default:
		d.add(check, Problem, "it is not possible to listen on "+d.Listen+" ("+err.Error()+")", "choose another address or port with --listen")
	}
}
