package profile

import (
	"slices"
	"strings"
	"time"

	"zeroms/protocol/address"
	"zeroms/protocol/card"
	"zeroms/protocol/key"
	"zeroms/protocol/link"
	"zeroms/protocol/wire"
)

// Gateway is how a gateway is reached: from a card, where only the hash of its
// key is known, or from a lease.
type Gateway struct {
	_     struct{} `cbor:",toarray"`
	Hash  key.GatewayHash
	Key   []byte // the node key, 32 bytes; empty while only the hash is known
	Host  string // without brackets
	Port  uint16
	Plain bool
	Made  uint64 // ms: of the newest profile that was read there
}

// FromCard is a gateway that a card names.
func FromCard(g card.Gateway) Gateway {
	return Gateway{Hash: g.Hash, Host: strings.Trim(g.Host, "[]"), Port: g.Port, Plain: g.Plain}
}

// FromLease is a gateway of a lease.
func FromLease(l address.Lease) Gateway {
	return Gateway{Hash: key.GatewayHashOf(l.Node), Key: l.Node[:], Host: l.Host, Port: l.Port, Plain: l.Plain}
}

// Known reports whether the gateway's key is known, not only its hash.
func (g Gateway) Known() bool { return len(g.Key) == key.PublicSize }

// Node is the gateway's key, zeros if only the hash is known.
func (g Gateway) Node() (n key.NodePublic) {
	copy(n[:], g.Key)
	return n
}

// Endpoint is where the gateway is dialled and what it is pinned by.
func (g Gateway) Endpoint() link.Endpoint {
	e := link.Endpoint{Host: g.Host, Port: g.Port, Plain: g.Plain, Node: g.Key}
	if !g.Known() {
		e.Node = g.Hash[:]
	}
	return e
}

// Home is one home gateway.
type Home struct {
	Address   card.Address // with the invitation it was added with
	Added     time.Time
	Position  wire.Position // newest row of the log that was processed
	R         [32]byte      // the rolling head there
	Published [32]byte      // fingerprint of the profile blob stored there
	Heard     time.Time     // when the log was last followed
}

type homeRecord struct {
	Version   uint8         `cbor:"1,keyasint"`
	Address   string        `cbor:"2,keyasint"`
	Added     uint64        `cbor:"3,keyasint"`
	Position  wire.Position `cbor:"4,keyasint"`
	R         [32]byte      `cbor:"5,keyasint"`
	Published [32]byte      `cbor:"6,keyasint"`
	Heard     uint64        `cbor:"7,keyasint"`
}

// Lease is the home as contacts are told of it.
func (h *Home) Lease() address.Lease {
	a := h.Address
	return address.Lease{Node: a.Node, Host: strings.Trim(a.Host, "[]"), Port: a.Port, Plain: a.Plain}
}

// Place is the home in its network.
func (h *Home) Place() key.Place { return key.Place{Network: h.Address.Network, Node: h.Address.Node} }

// Row is the home's row.
func (h *Home) Row() Row {
	text, err := h.Address.Text()
	if err != nil {
		panic("profile: a home's address was checked when it was added")
	}
	return Row{Table: TableHome, Key: h.Address.Node[:], Data: wire.Marshal(homeRecord{
		Version: version, Address: text, Added: wire.Millis(h.Added),
		Position: h.Position, R: h.R, Published: h.Published, Heard: wire.Millis(h.Heard),
	})}
}

// ParseHome reads a home's row.
func ParseHome(row Row) (*Home, error) {
	var r homeRecord
	if err := parse(row.Data, &r, &r.Version); err != nil {
		return nil, err
	}
	a, err := card.ParseAddress(r.Address)
	if err != nil {
		return nil, err
	}
	return &Home{Address: a, Added: wire.Time(r.Added), Position: r.Position, R: r.R, Published: r.Published, Heard: wire.Time(r.Heard)}, nil
}

// Card is one card that was given out, known by its door secret.
type Card struct {
	Door    key.DoorSecret
	ID      key.CardID
	Created time.Time
	Revoked bool
	Doors   map[key.NodePublic]bool // homes where the door is registered
}

type cardRecord struct {
	Version uint8            `cbor:"1,keyasint"`
	Door    []byte           `cbor:"2,keyasint"`
	Created uint64           `cbor:"3,keyasint"`
	Revoked bool             `cbor:"4,keyasint"`
	Doors   []key.NodePublic `cbor:"5,keyasint"`
}

// NewCard makes a card with a door of its own.
func NewCard(now time.Time) *Card {
	c := &Card{Door: key.NewDoorSecret(), Created: now, Doors: map[key.NodePublic]bool{}}
	c.ID = c.Door.CardID()
	return c
}

// Row is the card's row.
func (c *Card) Row() Row {
	return Row{Table: TableCard, Key: c.ID[:], Data: wire.Marshal(cardRecord{
		Version: version, Door: c.Door.Bytes(), Created: wire.Millis(c.Created),
		Revoked: c.Revoked, Doors: sortedNodes(c.Doors),
	})}
}

// ParseCard reads a card's row.
func ParseCard(row Row) (*Card, error) {
	var r cardRecord
	if err := parse(row.Data, &r, &r.Version); err != nil {
		return nil, err
	}
	door, err := key.DoorSecretFrom(r.Door)
	if err != nil {
		return nil, err
	}
	return &Card{Door: door, ID: door.CardID(), Created: wire.Time(r.Created), Revoked: r.Revoked, Doors: nodeSet(r.Doors)}, nil
}

func sortedNodes(set map[key.NodePublic]bool) []key.NodePublic {
	out := make([]key.NodePublic, 0, len(set))
	for n := range set {
		out = append(out, n)
	}
	slices.SortFunc(out, func(a, b key.NodePublic) int { return slices.Compare(a[:], b[:]) })
	return out
}

func nodeSet(nodes []key.NodePublic) map[key.NodePublic]bool {
	set := make(map[key.NodePublic]bool, len(nodes))
	for _, n := range nodes {
		set[n] = true
	}
	return set
}
