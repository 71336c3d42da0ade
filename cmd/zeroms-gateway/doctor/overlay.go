package doctor

import (
	"fmt"
	"net/netip"
	"strings"

	"zeroms/cmd/zeroms-gateway/control"
)

// network looks at the gateway's part in its network.
func (d *doctor) network() {
	const check = "network"
	if d.NetworkError != nil {
		d.add(check, Warning, "network.json is damaged ("+d.NetworkError.Error()+")",
			"delete it: the next start makes it anew; the gateway then has another place in the network, which changes nothing for its users")
	}
	if d.Pid == 0 || d.Silent != nil {
		return
	}
	o := d.Overlay
	if o == nil {
		d.add(check, OK, "the gateway is part of no network (--alone or --plain)", "")
		return
	}
	before := len(d.found)
	d.known(o)
	d.reached(o)
	if o.Links.UDPBlocked {
		d.add(check, Warning, "UDP from this computer gets through to nobody: other gateways are reached over TCP, which is slower",
			"allow outgoing UDP in the firewall and at the provider; or run the gateway with --no-udp, so that it does not try")
	}
	if n := o.Deposits.Lost; n > 0 {
		d.add(check, Warning, fmt.Sprintf("%d address records of its users are not in the network though they should be", n),
			"look whether other gateways are known (zeroms-gateway peers); until then these users are found only where they were seen last")
	}
	if greeted := o.Links.QUIC + o.Links.WSS; o.Links.Skewed > 0 && 2*o.Links.Skewed > greeted {
		d.add("clock", Problem, fmt.Sprintf("the clock is more than a day away from that of %d of %d gateways that were met", o.Links.Skewed, greeted),
			"compare date -u with another clock and set it right; until then this gateway and its users are not found")
	}
	if len(d.found) == before {
		d.add(check, OK, "gateways "+o.Known()+", and others reach this one at "+o.Address, "")
	}
}

// known is about whom the gateway knows.
func (d *doctor) known(o *control.Overlay) {
	const check = "network"
	silent := strings.Join(o.Silent, ", ")
	switch {
	case o.DHT.Table == 0 && o.Seeds == 0 && o.LAN:
		d.add(check, Warning, "no other gateway was found in the local network, and none is named to join the network by",
			"the others need --lan too, the same --network and the same --scope, and multicast DNS (UDP port 5353) has to pass between them; or name one with --join; for the first gateway of a network it is well")
	case o.DHT.Table == 0 && o.Seeds == 0:
		d.add(check, Warning, "no other gateway is known, and none is named to join the network by",
			"name one with --join (the address of a gateway, somebody's contact card, or a file with either) or --join-dns NAME; for the first gateway of a network it is well")
	case o.DHT.Table == 0 && silent != "":
		d.add(check, Problem, "no other gateway is known, and none to join the network by answers: "+silent,
			"see that they run, and that this computer may connect to them over TCP and UDP; or name others with --join")
	case o.DHT.Table == 0:
		d.add(check, Warning, "no other gateway is known yet", "ask again in a minute; the log says more")
	case silent != "":
		d.add(check, Warning, "of the gateways to join the network by these did not answer when they were asked last: "+silent,
			"if they are gone, name others with --join; until then the gateway goes on with those that it knows")
	}
}

// reached is about who can connect to the gateway.
func (d *doctor) reached(o *control.Overlay) {
	const check = "network"
	port := "of its number"
	if at, err := netip.ParseAddrPort(o.Address); err == nil {
		port = fmt.Sprint(at.Port())
	}
	if o.UDP == control.UDPInUse {
		d.add(check, Warning, "the UDP port "+port+" could not be opened, so other gateways reach this one over TCP only",
			"find what uses it with ss -lunp, stop it and start the gateway again; or run it with --no-udp")
	}
	tcp, udp := o.Reached.TCP, o.Reached.UDP
	switch {
	case o.Address == "":
		d.add(check, Warning, "the gateway's address is none of scope "+o.Scope+", which its network has: it takes part by asking others only",
			o.Advice)
	case o.DHT.Table == 0: // said elsewhere
	case tcp == "no" && udp == "yes":
		d.add(check, Problem, "other gateways reach this one over UDP, but not over TCP at "+o.Address+": no user can",
			"open TCP port "+port+" in the firewall, at the provider and in the router")
	case o.DHT.Serving && udp == "no":
		d.add(check, Warning, "other gateways reach this one over TCP only", "open UDP port "+port+" too: it is faster; or run it with --no-udp")
	case o.DHT.Serving:
	case tcp == "no":
		d.add(check, Warning, "no other gateway can connect to this one at "+o.Address+", over TCP or UDP: it takes part by asking others only",
			"open TCP and UDP port "+port+" in the firewall and at the provider, and have the router forward both to here; behind a NAT of others it stays so, and its users notice no difference")
	default:
		d.add(check, Warning, "no other gateway has connected to this one at "+o.Address+" yet: it takes part by asking others only",
			"ask again in a few minutes; open TCP and UDP port "+port+" if it stays so")
	}
}
