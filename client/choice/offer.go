package choice

import (
	"net/netip"
	"slices"
	"strings"
	"time"

	"zeroms/client/home"
	"zeroms/client/reach"
	"zeroms/protocol/address"
	"zeroms/protocol/card"
	"zeroms/protocol/key"
	"zeroms/protocol/link"
	"zeroms/protocol/wire"
)

// Offer is a gateway of the network that could be a home.
type Offer struct {
	// Address is how it is added; there is no invitation in it.
	Address card.Address
	// Flags say whom it takes and whether it forwards, and Bits the work that it takes
	// for an account.
	Flags address.Flags
	Bits  uint8
	// Retention is how long it keeps an envelope, Quota how many bytes of them.
	Retention time.Duration
	Quota     uint64
	// Took is how long connecting and its hello took; 0: it was not measured.
	Took time.Duration
	// Problem is why it could not be reached, if that was tried.
	Problem error
	// Points sum up what was measured of it so far, as view.Seen's do.
	Points int
	// Near tells that it is in the same network as a home, or as one before it.
	Near bool

	group string
}

// Open reports whether it takes everybody, be it for work.
func (o *Offer) Open() bool { return o.Flags&(address.TakesAll|address.TakesWork) != 0 }

// rank is 0 for offers that can be taken, more for those that can't be now.
func (o Offer) rank() (n int) {
	if o.Problem != nil {
		n += 2
	}
	if !o.Open() {
		n++
	}
	return n
}

// target is where it is dialled.
func (o *Offer) target() home.Target {
	return home.Target{
		Endpoint: link.Endpoint{Host: strings.Trim(o.Address.Host, "[]"), Port: o.Address.Port, Node: o.Address.Node[:]}, Network: o.Address.Network,
	}
}

// take replaces what others say of a gateway by what it says itself.
func (o *Offer) take(p *home.Probed) {
	o.Took = max(p.Took, time.Microsecond)
	o.limit(p.Limits)
	if d := p.Descriptor; d != nil {
		o.Flags = d.Flags
	}
}

func (o *Offer) limit(l wire.Limits) {
	o.Retention = time.Duration(min(l.Retention, uint64(wire.MaxRetention/time.Second))) * time.Second
	o.Quota, o.Bits = l.Quota, l.RegisterBits
}

// groupOf is where a gateway is in the network, empty if nothing says it.
func groupOf(host string, port uint16) string {
	ip, err := netip.ParseAddr(host)
	if err != nil {
		return ""
	}
	g := address.ScopeOf(ip).Far(netip.AddrPortFrom(ip, port))
	return string(g[:])
}

// offer is a gateway that said this of itself, for a user of this scope and network;
// ok is false if the user can't be connected to it.
func offer(d *address.Descriptor, scope reach.Scope) (o Offer, ok bool) {
	if d.Transports&wire.TransportWSS == 0 {
		return o, false
	}
	o = Offer{Address: card.Address{Node: d.Node, Network: d.Network}, Flags: d.Flags}
	o.limit(d.Limits)
	for _, a := range d.Addrs {
		if host := a.Addr().String(); reach.ScopeOf(host) <= scope {
			o.group = groupOf(host, a.Port())
			if a.Addr().Is6() {
				host = "[" + host + "]" // as addresses and cards write it
			}
			o.Address.Host, o.Address.Port = host, a.Port()
			break
		}
	}
	if d.Host != "" && reach.ScopeOf(d.Host) <= scope {
		o.Address.Host, o.Address.Port = d.Host, d.Port
	}
	return o, o.Address.Check() == nil
}

// Ask asks a home for other gateways of the network: those that are none of the homes,
// and that this user can be connected to. done is called in the loop. Errors:
// account.ErrNoHome, wire.ErrLinkClosed while it is not up, wire.ErrNotServing if it is
// no part of a network.
func (c *Choice) Ask(node key.NodePublic, done func([]Offer, error)) {
	h := c.account.Home(node)
	if h == nil || !h.Up {
		done(nil, wire.ErrLinkClosed)
		return
	}
	get := &wire.GatewaysGet{Count: wire.MaxGateways}
	c.host.Ask(home.Request{To: h.Target(), Payload: get}, func(a home.Answered) {
		answer, ok := a.Payload.(*wire.Gateways)
		switch {
		case a.Err != nil:
			done(nil, a.Err)
		case !ok:
			done(nil, wire.ErrUnexpected)
		default:
			done(c.offers(answer, h.Address.Network), nil)
		}
	})
}

// offers are the gateways of an answer as far as their descriptors hold.
func (c *Choice) offers(in *wire.Gateways, network key.Network) (out []Offer) {
	for _, b := range in.Objects {
		d, err := address.OpenDescriptor(b, network, c.host.Now())
		if err != nil || c.account.Home(d.Node) != nil {
			continue
		}
		if o, ok := offer(d, c.account.Scope()); ok && !slices.ContainsFunc(out, func(x Offer) bool { return x.Address.Node == d.Node }) {
			out = append(out, o)
		}
	}
	return out
}
