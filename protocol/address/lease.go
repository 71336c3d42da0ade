package address

import (
	"encoding/binary"
	"net/netip"
	"strings"

	"zeroms/protocol/key"
	"zeroms/protocol/wire"
)

// LeaseSize is the size of a lease's fixed form, in bytes.
const LeaseSize = 52

// MaxHost is the largest host name, in bytes (RFC 1035 section 2.3.4).
const MaxHost = 253

// maxLease bounds a lease's CBOR form: node key 34, host 256, port and flags.
const maxLease = 320

// Bits of a lease's flags. The used bit stands only in the fixed form.
const (
	flagUsed  = 1 << 0
	flagPlain = 1 << 1
)

// Errors of leases.
var (
	// ErrNotPackable is returned for a lease whose host is a name: the fixed form
	// holds an address only, so the caller resolves the name first or leaves it out.
	ErrNotPackable = wire.ErrValue.Because("the gateway's host is a name and has to be resolved first")
	errUnused      = wire.ErrValue.Because("the slot holds no lease")
)

// Lease says at which gateway a person receives.
type Lease struct {
	// Node is the gateway's key, which the connection is pinned to.
	Node key.NodePublic
	// Host is an IP address in its canonical text form or a lower-case DNS name.
	Host string
	// Port is not 0.
	Port uint16
	// Plain is ws:// without TLS, on a loopback host only.
	Plain bool
	// Lapses is the number of days after the record's day on which the lease
	// ends; it stands in the fixed form only.
	Lapses uint8
}

// lease is a Lease's CBOR form.
type lease struct {
	Node  key.NodePublic `cbor:"1,keyasint"`
	Host  string         `cbor:"2,keyasint"`
	Port  uint16         `cbor:"3,keyasint"`
	Flags uint8          `cbor:"4,keyasint"`
}

// Check refuses a lease that nobody could use: wire.ErrPublicKey for the node
// key, wire.ErrValue for host, port or a plain link that leaves the machine.
func (l Lease) Check() error {
	if err := l.Node.Check(); err != nil {
		return wire.ErrPublicKey.Because("gateway key")
	}
	return l.checkPlace()
}

func (l Lease) checkPlace() error {
	if l.Port == 0 {
		return wire.ErrValue.Because("gateway port")
	}
	if ip, err := netip.ParseAddr(l.Host); err == nil {
		return l.checkIP(ip)
	}
	if !isName(l.Host) {
		return wire.ErrValue.Because("gateway host")
	}
	if l.Plain && l.Host != "localhost" {
		return wire.ErrValue.Because("a link without TLS leaves the machine")
	}
	return nil
}

func (l Lease) checkIP(ip netip.Addr) error {
	switch {
	case ip.Zone() != "", ip.Is4In6(), ip.String() != l.Host:
		return wire.ErrValue.Because("gateway address is not in its canonical form")
	case ip.IsUnspecified(), ip.IsMulticast():
		return wire.ErrValue.Because("gateway address belongs to no machine")
	case l.Plain && !ip.IsLoopback():
		return wire.ErrValue.Because("a link without TLS leaves the machine")
	}
	return nil
}

// isName tells whether s is a lower-case DNS name without a final dot: labels
// of letters, digits and inner hyphens, of which the last is not a number.
func isName(s string) bool {
	if s == "" || len(s) > MaxHost {
		return false
	}
	labels := strings.Split(s, ".")
	for _, label := range labels {
		if !isLabel(label) {
			return false
		}
	}
	return strings.Trim(labels[len(labels)-1], "0123456789") != ""
}

func isLabel(s string) bool {
	if s == "" || len(s) > 63 || s[0] == '-' || s[len(s)-1] == '-' {
		return false
	}
	return strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789-") == ""
}

func (l Lease) wire() lease {
	w := lease{Node: l.Node, Host: l.Host, Port: l.Port}
	if l.Plain {
		w.Flags = flagPlain
	}
	return w
}

func (w lease) lease() (Lease, error) {
	if w.Flags&^flagPlain != 0 {
		return Lease{}, wire.ErrValue.Because("lease flags")
	}
	l := Lease{Node: w.Node, Host: w.Host, Port: w.Port, Plain: w.Flags&flagPlain != 0}
	return l, l.Check()
}

// Encode is the lease's CBOR form, as it stands in profiles and in the body of
// a drops message. Lapses is not part of it.
func (l Lease) Encode() []byte { return wire.Marshal(l.wire()) }

// ParseLease reads a lease's CBOR form. Errors: those of wire.Unmarshal and
// of Lease.Check.
func ParseLease(b []byte) (Lease, error) {
	var w lease
	if err := wire.Unmarshal(b, &w, maxLease); err != nil {
		return Lease{}, err
	}
	return w.lease()
}

// Encode52 is the lease's fixed form. Error: ErrNotPackable, or those of Check.
func (l Lease) Encode52() (b [LeaseSize]byte, err error) {
	if err := l.Check(); err != nil {
		return b, err
	}
	ip, err := netip.ParseAddr(l.Host)
	if err != nil {
		return b, ErrNotPackable
	}
	address := ip.As16()
	copy(b[:32], l.Node[:])
	copy(b[32:48], address[:])
	binary.BigEndian.PutUint16(b[48:50], l.Port)
	b[50], b[51] = l.Lapses, flagUsed
	if l.Plain {
		b[51] |= flagPlain
	}
	return b, nil
}

// Parse52 reads a lease's fixed form. Errors: wire.ErrTruncated and
// wire.ErrTrailing for another size, wire.ErrValue for an unused slot or
// unknown flags, and those of Check.
func Parse52(b []byte) (Lease, error) {
	switch {
	case len(b) < LeaseSize:
		return Lease{}, wire.ErrTruncated
	case len(b) > LeaseSize:
		return Lease{}, wire.ErrTrailing
	case b[51]&flagUsed == 0:
		return Lease{}, errUnused
	case b[51]&^(flagUsed|flagPlain) != 0:
		return Lease{}, wire.ErrValue.Because("lease flags")
	}
	l := Lease{
		Node:   key.NodePublic(b[:32]),
		Host:   netip.AddrFrom16([16]byte(b[32:48])).Unmap().String(),
		Port:   binary.BigEndian.Uint16(b[48:50]),
		Plain:  b[51]&flagPlain != 0,
		Lapses: b[50],
	}
	return l, l.Check()
}
