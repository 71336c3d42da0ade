package card

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"time"

	"zeroms/protocol/key"
	"zeroms/protocol/wire"
)

// Limits of a contact card.
const (
	MaxGateways = 4   // gateways on one card
	MaxName     = 64  // bytes of the name
	MaxHost     = 249 // bytes of a host, so that host:65535 fits its length byte
)

// maxCard is the longest card: 4 gateways with the longest hosts and a full name.
const maxCard = 2 + 32 + 16 + 16 + 1 + MaxGateways*(16+1+255) + 2 + 1 + MaxName + checkSize

const (
	flagPublic     = 0x01
	flagFoundByKey = 0x02
	flagGroup      = 0x04
	flagPlain      = 0x08
	flagsKnown     = flagPublic | flagFoundByKey | flagPlain
)

// Card is a contact card: whom to reach, and the secrets that find and open
// the way to them (docs/protocol/card.md, "Contact card").
type Card struct {
	// Public cards have no door secret: whoever holds one knocks at the public door.
	Public bool
	// FoundByKey cards have no address secret: the identity key alone finds the record.
	FoundByKey bool
	// User is the identity key, the user ID.
	User key.IdentityPublic
	// Address is the secret that finds and reads the record and profile; all
	// zeros exactly if FoundByKey.
	Address key.AddressSecret
	// Door is the secret of this card alone; all zeros exactly if Public.
	Door key.DoorSecret
	// Gateways are where the user can be reached, at most MaxGateways.
	Gateways []Gateway
	// Expires is the last day (UTC, days since 1970) on which the card works; 0: it does not expire.
	Expires uint16
	// Name is what the user calls themselves, at most MaxName bytes; it may be empty.
	Name string
}

// Gateway is one way to a user: what a client needs to dial it.
type Gateway struct {
	// Hash pins the gateway's key; the key itself comes with its hello.
	Hash key.GatewayHash
	// Host is a DNS name, an IPv4 address or an IPv6 address in brackets, in
	// its canonical form; at most MaxHost bytes.
	Host string
	// Port is the TCP port, never 0.
	Port uint16
	// Plain gateways speak ws:// without TLS. Only loopback hosts may be plain,
	// and all loopback gateways of a card are, or none.
	Plain bool
}

// Endpoint is host:port, as a dialer takes it.
func (g Gateway) Endpoint() string { return endpoint(g.Host, g.Port) }

// Check reports why the card can't be handed out: ErrValue, ErrPublicKey or
// ErrTooLarge with a detail. A parsed card always passes.
func (c Card) Check() error {
	if c.User.Check() != nil {
		return wire.ErrPublicKey
	}
	if c.Public != c.Door.IsZero() {
		return wire.ErrValue.Because("a public card has no door secret, every other card has one")
	}
	if c.FoundByKey != c.Address.IsZero() {
		return wire.ErrValue.Because("a card without an address secret must say that its user is found by key")
	}
	if err := c.checkGateways(); err != nil {
		return err
	}
	return CheckName(c.Name)
}

func (c Card) checkGateways() error {
	if len(c.Gateways) > MaxGateways {
		return wire.ErrTooLarge.Because("a card names at most 4 gateways")
	}
	plain := c.plain()
	for i, g := range c.Gateways {
		if g.Hash == (key.GatewayHash{}) {
			return wire.ErrValue.Because("a gateway of the card has no key")
		}
		if err := checkEndpoint(g.Host, g.Port, g.Plain); err != nil {
			return err
		}
		if plain && !g.Plain && Loopback(g.Host) {
			return wire.ErrValue.Because("the loopback gateways of a card all use TLS or none does")
		}
		if slices.Contains(c.Gateways[:i], g) {
			return wire.ErrValue.Because("a gateway stands on the card twice")
		}
	}
	return nil
}

func (c Card) plain() bool {
	return slices.ContainsFunc(c.Gateways, func(g Gateway) bool { return g.Plain })
}

// encode is the card without its check; the card was checked.
func (c Card) encode() []byte {
	b := []byte{version, c.flags()}
	b = append(b, c.User[:]...)
	b = append(b, c.Address.Bytes()...)
	b = append(b, c.Door.Bytes()...)
	b = append(b, byte(len(c.Gateways)))
	for _, g := range c.Gateways {
		short := shortEndpoint(g.Host, g.Port)
		b = append(b, g.Hash[:]...)
		b = append(b, byte(len(short)))
		b = append(b, short...)
	}
	b = binary.BigEndian.AppendUint16(b, c.Expires)
	b = append(b, byte(len(c.Name)))
	return append(b, c.Name...)
}

func (c Card) flags() (flags byte) {
	if c.Public {
		flags |= flagPublic
	}
	if c.FoundByKey {
		flags |= flagFoundByKey
	}
	if c.plain() {
		flags |= flagPlain
	}
	return flags
}

// decode is the inverse of encode for bytes whose check and version are right.
func decode(body []byte) (Card, error) {
	f := &fields{b: body[1:]}
	flags := f.byte()
	if flags&flagGroup != 0 {
		return Card{}, wire.ErrVersion.Because("this is the card of a group")
	}
	if flags&^byte(flagsKnown) != 0 {
		return Card{}, wire.ErrVersion.Because("the card has a property that this version does not know")
	}
	c := Card{Public: flags&flagPublic != 0, FoundByKey: flags&flagFoundByKey != 0}
	copy(c.User[:], f.take(key.PublicSize))
	c.Address, _ = key.AddressSecretFrom(f.take(16))
	c.Door, _ = key.DoorSecretFrom(f.take(16))
	if err := c.decodeGateways(f, flags&flagPlain != 0); err != nil {
		return Card{}, err
	}
	c.Expires = f.uint16()
	c.Name = f.string()
	if err := f.end(); err != nil {
		return Card{}, err
	}
	if err := c.Check(); err != nil {
		return Card{}, err
	}
	if !bytes.Equal(c.encode(), body) {
		return Card{}, wire.ErrNotCanonical
	}
	return c, nil
}

func (c *Card) decodeGateways(f *fields, plain bool) error {
	n := int(f.byte())
	if n > MaxGateways {
		return wire.ErrTooLarge.Because("a card names at most 4 gateways")
	}
	for range n {
		var g Gateway
		copy(g.Hash[:], f.take(len(g.Hash)))
		short := f.string()
		if f.short {
			return wire.ErrTruncated
		}
		var err error
		if g.Host, g.Port, err = splitEndpoint(short); err != nil {
			return err
		}
		g.Plain = plain && Loopback(g.Host)
		c.Gateways = append(c.Gateways, g)
	}
	return nil
}

// Day is the day of t as cards count it: days since 1970, UTC. Moments before
// 1970 or after day 65,535 (in 2149) are cut to the nearest that fits.
func Day(t time.Time) uint16 { return uint16(min(max(day(t), 0), 0xFFFF)) }

func day(t time.Time) int64 {
	const seconds = 24 * 60 * 60
	d := t.Unix() / seconds
	if t.Unix()%seconds < 0 {
		d--
	}
	return d
}

// Expired reports whether the card's last day is over at now (in UTC).
func (c Card) Expired(now time.Time) bool {
	return c.Expires != 0 && day(now) > int64(c.Expires)
}

// String names the card by the first 8 hex digits of its user ID; no secret
// and no name is shown.
func (c Card) String() string {
	return fmt.Sprintf("card of %s with %d gateways", hex.EncodeToString(c.User[:4]), len(c.Gateways))
}

// Format writes String for every verb of fmt.
func (c Card) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, c.String()) }

// LogValue is String for slog.
func (c Card) LogValue() slog.Value { return slog.StringValue(c.String()) }
