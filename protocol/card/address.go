package card

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"log/slog"

	"zeroms/protocol/key"
	"zeroms/protocol/wire"
)

// The networks that are known by name. A card carries no network: a client
// speaks only to gateways of the network that its own home gateways belong to.
var (
	// NetworkPublic is the one network that people use.
	NetworkPublic = key.Network{'z', 'm', 's', '1'}
	// NetworkLab is for tests and networks on one machine.
	NetworkLab = key.Network{'l', 'a', 'b', '1'}
)

// maxAddress is the longest gateway address, in bytes.
const maxAddress = 2 + 32 + 2 + 1 + MaxHost + 16 + 4 + checkSize

const (
	flagInvite        = 0x01
	flagAddressPlain  = 0x02
	flagsAddressKnown = flagInvite | flagAddressPlain
)

// Address is a gateway address: all that a client needs to connect to a
// gateway and, with an invite, to register there (docs/protocol/card.md,
// "Gateway address").
type Address struct {
	// Node is the gateway's key, which the connection is pinned to.
	Node key.NodePublic
	// Host is as in Gateway.
	Host string
	// Port is the TCP port, never 0.
	Port uint16
	// Invite allows to register; all zeros: none.
	Invite key.Invite
	// Network is the gateway's network, never all zeros.
	Network key.Network
	// Plain addresses use ws:// without TLS, on loopback hosts only.
	Plain bool
}

// Endpoint is host:port, as a dialer takes it.
func (a Address) Endpoint() string { return endpoint(a.Host, a.Port) }

// Gateway is the entry by which a card names this gateway.
func (a Address) Gateway() Gateway {
	return Gateway{Hash: key.GatewayHashOf(a.Node), Host: a.Host, Port: a.Port, Plain: a.Plain}
}

// Check reports why the address can't be handed out: ErrPublicKey, ErrValue or
// ErrTooLarge with a detail. A parsed address always passes.
func (a Address) Check() error {
	if a.Node.Check() != nil {
		return wire.ErrPublicKey
	}
	if a.Network == (key.Network{}) {
		return wire.ErrValue.Because("a gateway address names a network")
	}
	return checkEndpoint(a.Host, a.Port, a.Plain)
}

// Text is the address as text, upper case, for a QR code, a file or the
// clipboard. It holds the invite. It fails as Check does.
func (a Address) Text() (string, error) {
	if err := a.Check(); err != nil {
		return "", err
	}
	return seal(addressPrefix, key.PrefixGateway, a.encode()), nil
}

// encode is the address without its check; the address was checked.
func (a Address) encode() []byte {
	var flags byte
	var invite []byte
	if !a.Invite.IsZero() {
		flags, invite = flagInvite, a.Invite.Bytes()
	}
	if a.Plain {
		flags |= flagAddressPlain
	}
	b := append([]byte{version, flags}, a.Node[:]...)
	b = binary.BigEndian.AppendUint16(b, a.Port)
	b = append(b, byte(len(a.Host)))
	b = append(b, a.Host...)
	b = append(b, invite...)
	return append(b, a.Network[:]...)
}

// ParseAddress reads a gateway address in either case; white space around and
// inside it is ignored. A contact card or device-link code is refused with
// ErrWrongKind; other errors are ErrMalformed, ErrTruncated, ErrTrailing,
// ErrTooLarge, ErrCheck, ErrVersion, ErrPublicKey, ErrValue, ErrNotCanonical.
func ParseAddress(anything string) (Address, error) {
	prefix, payload, err := scan(anything)
	if err != nil {
		return Address{}, err
	}
	if prefix != addressPrefix {
		return Address{}, wrongKind(prefix)
	}
	body, err := open(payload, key.PrefixGateway, maxAddress)
	if err != nil {
		return Address{}, err
	}
	return decodeAddress(body)
}

func decodeAddress(body []byte) (Address, error) {
	f := &fields{b: body[1:]}
	flags := f.byte()
	if flags&^byte(flagsAddressKnown) != 0 {
		return Address{}, wire.ErrVersion.Because("the address has a property that this version does not know")
	}
	a := Address{Plain: flags&flagAddressPlain != 0}
	copy(a.Node[:], f.take(key.PublicSize))
	a.Port = f.uint16()
	a.Host = f.string()
	if flags&flagInvite != 0 {
		a.Invite, _ = key.InviteFrom(f.take(16))
	}
	copy(a.Network[:], f.take(len(a.Network)))
	if err := f.end(); err != nil {
		return Address{}, err
	}
	if err := a.Check(); err != nil {
		return Address{}, err
	}
	if !bytes.Equal(a.encode(), body) {
		return Address{}, wire.ErrNotCanonical
	}
	return a, nil
}

// String names the gateway by its host and the first 8 hex digits of its key;
// the invite is not shown.
func (a Address) String() string {
	return fmt.Sprintf("gateway %s at %s", hex.EncodeToString(a.Node[:4]), a.Endpoint())
}

// Format writes String for every verb of fmt.
func (a Address) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, a.String()) }

// LogValue is String for slog.
func (a Address) LogValue() slog.Value { return slog.StringValue(a.String()) }
