package wire

import (
	"encoding/binary"
	"net/netip"

	"zeroms/protocol/key"
)

// ContactSize is the size of a Contact on the wire, in bytes.
const ContactSize = 59

// Transports of a Contact, bits of its flags.
const (
	TransportQUIC uint8 = 0x01 // UDP port
	TransportWSS  uint8 = 0x02 // TCP port of the same number

	transportsKnown = TransportQUIC | TransportWSS
)

// Contact is how gateways name each other:
//
//	node key 32 | x 8 | address 16 (IPv6, or IPv4 mapped) | port 2 | transports 1
//
// A gateway that nobody can reach has address, port and transports zero in its own
// hello; it never stands in an answer.
type Contact struct {
	// Node is the gateway's key.
	Node key.NodePublic
	// X makes the gateway's place in the network together with the key (key.NodeIDOf).
	X uint64
	// Addr is where it is reached, in its canonical form: IPv4 as IPv4, no zone.
	// Not valid: it is not reachable.
	Addr netip.AddrPort
	// Transports are what it speaks there.
	Transports uint8
}

// Place is the contact's place in a network's DHT.
func (c Contact) Place(n key.Network) key.NodeID {
	return key.NodeIDOf(key.Place{Network: n, Node: c.Node}, c.X)
}

// AppendTo appends the 59 bytes to dst.
func (c Contact) AppendTo(dst []byte) []byte {
	dst = append(dst, c.Node[:]...)
	dst = binary.BigEndian.AppendUint64(dst, c.X)
	var ip [16]byte
	if c.Addr.IsValid() {
		ip = c.Addr.Addr().As16()
	}
	dst = append(dst, ip[:]...)
	dst = binary.BigEndian.AppendUint16(dst, c.Addr.Port())
	return append(dst, c.Transports)
}

// ParseContact reads the 59 bytes of a contact; its key is not checked yet.
// Errors: ErrTruncated and ErrTrailing for another size, ErrValue for unknown
// transports, for one of address, port and transports without the others, and for
// 0.0.0.0, which would be a second way to write that there is no address.
func ParseContact(b []byte) (c Contact, err error) {
	switch {
	case len(b) < ContactSize:
		return c, ErrTruncated
	case len(b) > ContactSize:
		return c, ErrTrailing
	}
	copy(c.Node[:], b)
	c.X = binary.BigEndian.Uint64(b[32:])
	ip, port := netip.AddrFrom16([16]byte(b[40:56])).Unmap(), binary.BigEndian.Uint16(b[56:])
	c.Transports = b[58]
	zero := ip == netip.IPv6Unspecified()
	switch {
	case c.Transports&^transportsKnown != 0, ip == netip.IPv4Unspecified(),
		zero != (port == 0), zero != (c.Transports == 0):
		return Contact{}, ErrValue.Because("a gateway's contact")
	case !zero:
		c.Addr = netip.AddrPortFrom(ip, port)
	}
	return c, nil
}

// ParseContacts reads contacts that stand one after another, at most max, each
// reachable. Errors: ErrTooLarge, and those of ParseContact.
func ParseContacts(b []byte, max int) ([]Contact, error) {
	if len(b) > max*ContactSize {
		return nil, ErrTooLarge
	}
	out := make([]Contact, 0, len(b)/ContactSize)
	for len(b) > 0 {
		c, err := ParseContact(b[:min(len(b), ContactSize)])
		if err != nil {
			return nil, err
		}
		if !c.Addr.IsValid() {
			return nil, ErrValue.Because("a contact without address")
		}
		out, b = append(out, c), b[ContactSize:]
	}
	return out, nil
}

// AppendContacts appends contacts one after another to dst.
func AppendContacts(dst []byte, contacts []Contact) []byte {
	for _, c := range contacts {
		dst = c.AppendTo(dst)
	}
	return dst
}
