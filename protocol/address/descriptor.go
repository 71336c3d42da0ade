package address

import (
	"encoding/binary"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"zeroms/protocol/key"
	"zeroms/protocol/wire"
)

// Limits of a descriptor.
const (
	// MaxAddresses is how many addresses a gateway may name.
	MaxAddresses = 8
	// MaxDescriptorLife is from made to expires.
	MaxDescriptorLife = 7 * 24 * time.Hour

	descriptorVersion = 1
	endpointSize      = 18 // address 16 | port 2
)

// Flags say what a gateway does.
type Flags uint16

// The flags of a descriptor.
const (
	TakesAll     Flags = 1 << iota // opens accounts for everybody
	TakesInvited                   // opens accounts for who has an invite
	TakesWork                      // opens accounts for work (Limits.RegisterBits)
	Forwards                       // carries sealed requests to other gateways
	Serves                         // is part of the DHT

	flagsKnown = TakesAll | TakesInvited | TakesWork | Forwards | Serves
)

// Descriptor is what a gateway says of itself.
type Descriptor struct {
	// Node is its key, which signs the descriptor, and X makes its place (key.NodeIDOf).
	Node key.NodePublic
	X    uint64
	// KEM is the key that channels to it start from.
	KEM key.RelayPublic
	// Addrs are where it is reached, the best first, canonical, none twice.
	Addrs []netip.AddrPort
	// Host and Port are where it is reached by DNS name; empty and 0 without one.
	Host string
	Port uint16
	// Transports are what it speaks at all of them (wire.TransportQUIC,
	// wire.TransportWSS); 0 if nobody reaches it.
	Transports uint8
	// Network is the one network that it belongs to.
	Network key.Network
	// Made and Expires are to the ms, in UTC, at most MaxDescriptorLife apart.
	Made, Expires time.Time
	// Limits are those of its hello.
	Limits wire.Limits
	// Flags say what it does.
	Flags Flags
}

// descriptor is a Descriptor's signed body.
type descriptor struct {
	Node       key.NodePublic       `cbor:"1,keyasint"`
	X          uint64               `cbor:"2,keyasint"`
	KEM        key.RelayPublic      `cbor:"3,keyasint"`
	Addrs      [][endpointSize]byte `cbor:"4,keyasint"`
	Transports uint8                `cbor:"5,keyasint"`
	Host       string               `cbor:"6,keyasint"`
	Network    key.Network          `cbor:"7,keyasint"`
	Made       uint64               `cbor:"8,keyasint"`
	Expires    uint64               `cbor:"9,keyasint"`
	Limits     wire.Limits          `cbor:"10,keyasint"`
	Flags      Flags                `cbor:"11,keyasint"`
	Version    uint16               `cbor:"12,keyasint"`
}

// Place is where the descriptor is stored in its network.
func (d *Descriptor) Place() key.NodeID {
	return DescriptorPlace(key.Place{Network: d.Network, Node: d.Node})
}

// ID is the gateway's own place in its network. Whether it was paid for is
// Solved's question.
func (d *Descriptor) ID() key.NodeID {
	return key.NodeIDOf(key.Place{Network: d.Network, Node: d.Node}, d.X)
}

// Contact is the gateway at its first address; without one its Addr is not valid.
func (d *Descriptor) Contact() wire.Contact {
	c := wire.Contact{Node: d.Node, X: d.X}
	if len(d.Addrs) > 0 {
		c.Addr, c.Transports = d.Addrs[0], d.Transports
	}
	return c
}

// Within refuses a descriptor that names an address or host that a network of
// this scope does not use: wire.ErrScope.
func (d *Descriptor) Within(s Scope) error {
	for _, a := range d.Addrs {
		if !s.Allows(a.Addr()) {
			return wire.ErrScope.Because("gateway descriptor")
		}
	}
	if d.Host != "" && !s.AllowsHost(d.Host) {
		return wire.ErrScope.Because("gateway descriptor")
	}
	return nil
}

// SealDescriptor signs the descriptor with the gateway's key, which becomes its
// Node: at most wire.MaxDescriptor bytes. Errors: wire.ErrValue, wire.ErrPublicKey.
func SealDescriptor(d *Descriptor, node key.NodePrivate) ([]byte, error) {
	own := *d
	own.Node = node.Public()
	if err := own.check(); err != nil {
		return nil, err
	}
	if err := own.checkKeys(); err != nil {
		return nil, err
	}
	return wire.Sign(node, key.ContextDescriptor, own.body()).Encode(), nil
}

func (d *Descriptor) body() descriptor {
	w := descriptor{
		Node: d.Node, X: d.X, KEM: d.KEM, Transports: d.Transports, Network: d.Network,
		Made: wire.Millis(d.Made), Expires: wire.Millis(d.Expires), Limits: d.Limits, Flags: d.Flags, Version: descriptorVersion,
	}
	for _, a := range d.Addrs {
		ip := a.Addr().As16()
		w.Addrs = append(w.Addrs, [endpointSize]byte(binary.BigEndian.AppendUint16(ip[:], a.Port())))
	}
	if d.Host != "" {
		w.Host = d.Host + ":" + strconv.Itoa(int(d.Port))
	}
	return w
}

// OpenDescriptor reads a gateway's descriptor in the network n. Its X and the
// scope of its addresses are not looked at (Solved, Within). Errors: those of
// wire.Unmarshal, wire.ErrVersion, wire.ErrSignature, wire.ErrPublicKey,
// wire.ErrNetwork, wire.ErrValue, wire.ErrClock (made more than a day after now),
// wire.ErrExpired.
func OpenDescriptor(b []byte, n key.Network, now time.Time) (*Descriptor, error) {
	d, o, err := parseDescriptor(b)
	if err != nil {
		return nil, err
	}
	if err := d.verify(o, n, now); err != nil {
		return nil, err
	}
	return d, nil
}

// parseDescriptor reads a descriptor without looking at the clock and the signature.
func parseDescriptor(b []byte) (*Descriptor, wire.Object, error) {
	o, err := wire.ParseObject(b, wire.MaxDescriptor)
	if err != nil {
		return nil, o, err
	}
	var w descriptor
	if err := wire.Unmarshal(o.Body, &w, wire.MaxDescriptor); err != nil {
		return nil, o, err
	}
	d, err := w.descriptor()
	return d, o, err
}

// verify checks network, times, keys and signature.
func (d *Descriptor) verify(o wire.Object, n key.Network, now time.Time) error {
	switch {
	case d.Network != n:
		return wire.ErrNetwork.Because("gateway descriptor")
	case d.Made.After(now.Add(wire.ClockTolerance)):
		return wire.ErrClock.Because("a gateway descriptor from the future")
	case !d.Expires.After(now):
		return wire.ErrExpired.Because("gateway descriptor")
	}
	if err := d.checkKeys(); err != nil {
		return err
	}
	if !d.Node.Verify(key.ContextDescriptor, o.Body, o.Sig) {
		return wire.ErrSignature.Because("gateway descriptor")
	}
	return nil
}

func (w *descriptor) descriptor() (*Descriptor, error) {
	if w.Version != descriptorVersion {
		return nil, wire.ErrVersion.Because("gateway descriptor")
	}
	d := &Descriptor{
		Node: w.Node, X: w.X, KEM: w.KEM, Transports: w.Transports, Network: w.Network,
		Made: wire.Time(w.Made), Expires: wire.Time(w.Expires), Limits: w.Limits, Flags: w.Flags,
	}
	if wire.Millis(d.Made) != w.Made || wire.Millis(d.Expires) != w.Expires {
		return nil, wire.ErrValue.Because("time")
	}
	if len(w.Addrs) > MaxAddresses {
		return nil, wire.ErrValue.Because("number of addresses")
	}
	for _, e := range w.Addrs {
		ip := netip.AddrFrom16([16]byte(e[:16])).Unmap()
		d.Addrs = append(d.Addrs, netip.AddrPortFrom(ip, binary.BigEndian.Uint16(e[16:])))
	}
	if w.Host != "" {
		host, port, _ := strings.Cut(w.Host, ":")
		n, err := strconv.ParseUint(port, 10, 16)
		if err != nil || strconv.FormatUint(n, 10) != port || host == "" {
			return nil, wire.ErrValue.Because("gateway host")
		}
		d.Host, d.Port = host, uint16(n)
	}
	return d, d.check()
}

func (d *Descriptor) checkKeys() error {
	if err := d.Node.Check(); err != nil {
		return wire.ErrPublicKey.Because("gateway key")
	}
	if err := d.KEM.Check(); err != nil {
		return wire.ErrPublicKey.Because("gateway KEM key")
	}
	return nil
}

// check holds all but the keys against the limits.
func (d *Descriptor) check() error {
	reached := len(d.Addrs) > 0 || d.Host != ""
	switch life := wire.Millis(d.Expires) - wire.Millis(d.Made); {
	case d.Network == key.Network{}:
		return wire.ErrValue.Because("network")
	case d.Transports&^(wire.TransportQUIC|wire.TransportWSS) != 0, reached != (d.Transports != 0):
		return wire.ErrValue.Because("transports")
	case d.Flags&^flagsKnown != 0:
		return wire.ErrValue.Because("flags")
	case d.Flags&Serves != 0 && len(d.Addrs) == 0:
		return wire.ErrValue.Because("a gateway that serves needs an address")
	case !d.Expires.After(d.Made), life > uint64(MaxDescriptorLife/time.Millisecond):
		return wire.ErrValue.Because("time")
	case d.Host == "" && d.Port != 0, d.Host != "" && (d.Port == 0 || !isName(d.Host)):
		return wire.ErrValue.Because("gateway host")
	}
	return d.checkAddrs()
}

func (d *Descriptor) checkAddrs() error {
	if len(d.Addrs) > MaxAddresses {
		return wire.ErrValue.Because("number of addresses")
	}
	seen := make(map[netip.AddrPort]bool, len(d.Addrs))
	for _, a := range d.Addrs {
		switch ip := a.Addr(); {
		case !ip.IsValid(), a.Port() == 0, ip != Canonical(ip), ScopeOf(ip) == nowhere:
			return wire.ErrValue.Because("gateway address")
		case seen[a]:
			return wire.ErrValue.Because("a gateway address stands twice")
		}
		seen[a] = true
	}
	return nil
}
