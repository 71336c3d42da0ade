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

// Same reports whether it is the same gateway at the same place.
func (g Gateway) Same(other Gateway) bool {
	return g.Hash == other.Hash && g.Host == other.Host && g.Port == other.Port
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

// Home is one home gateway, or one that was.
type Home struct {
	Address   card.Address // with the invitation it was added with
	Added     time.Time
	Removed   time.Time     // zero: it is one; else what was signed there is still known
	Position  wire.Position // newest row of the log that was processed
	R         [32]byte      // the rolling head there
	Signed    wire.Position // newest position that was ever acknowledged
	Head      Head          // newest signed head that the rows agreed with
	Fallen    Head          // a signed head that the log no longer leads to, until that is proven
	Lost      time.Time     // when the gateway's log was last found to be cut
	Published [32]byte      // fingerprint of the profile blob stored there
	Public    [32]byte      // of the public card's
	Safe      [32]byte      // of the safe
	SafeAt    time.Time     // when the safe was stored
	Heard     time.Time     // when the log was last followed
	Retention time.Duration // the least that was announced of late; 0: unknown
	Announced time.Time     // when that was
	Former    []Login       // of replaced devices, until the gateway has removed them
	// Draining is since when nobody is sent there any more, while what still comes
	// is read; zero: it receives. Ends is when it stops being a home; zero: not known
	// yet.
	Draining, Ends time.Time
	// Old are profiles that lie there under address secrets that were replaced: each
	// is renewed as long as its secret works, and then deleted.
	Old []*OldBlob
	// Packed is the lease as an init and an address record carry it, with the address
	// that was found of a name; empty: not known yet.
	Packed []byte

	written card.Address // what text is of
	text    string
}

// Login is what a device is enrolled with at a gateway.
type Login struct {
	_      struct{} `cbor:",toarray"`
	Key    key.LoginPublic
	Cursor key.CursorID
}

// OldBlob is a profile under a former address secret, with its fingerprint.
type OldBlob struct {
	Secret key.AddressSecret
	Print  [32]byte
}

// MaxOld bounds the profiles under former secrets that are known of one home.
const MaxOld = 8

type oldRecord struct {
	_      struct{} `cbor:",toarray"`
	Secret []byte
	Print  [32]byte
}

// Head is a signed head of a log, with what proves it.
type Head struct {
	_        struct{} `cbor:",toarray"`
	Position wire.Position
	R        [32]byte
	Proof    []byte // an encoded custody.Proof; empty: there is no head
}

// Known reports whether there is a head.
func (h Head) Known() bool { return len(h.Proof) > 0 }

// homeRecord grew: fields that are left out have their zero value, so that rows
// of before are read as they are.
type homeRecord struct {
	Version   uint8         `cbor:"1,keyasint"`
	Address   string        `cbor:"2,keyasint"`
	Added     uint64        `cbor:"3,keyasint"`
	Position  wire.Position `cbor:"4,keyasint"`
	R         [32]byte      `cbor:"5,keyasint"`
	Published [32]byte      `cbor:"6,keyasint"`
	Heard     uint64        `cbor:"7,keyasint"`
	Removed   uint64        `cbor:"8,keyasint,omitempty"`
	Signed    []byte        `cbor:"9,keyasint,omitempty"`
	Head      *Head         `cbor:"10,keyasint,omitempty"`
	Fallen    *Head         `cbor:"11,keyasint,omitempty"`
	Lost      uint64        `cbor:"12,keyasint,omitempty"`
	Public    []byte        `cbor:"13,keyasint,omitempty"`
	Safe      []byte        `cbor:"14,keyasint,omitempty"`
	SafeAt    uint64        `cbor:"15,keyasint,omitempty"`
	Retention uint64        `cbor:"16,keyasint,omitempty"` // seconds
	Announced uint64        `cbor:"17,keyasint,omitempty"`
	Former    []Login       `cbor:"18,keyasint,omitempty"`
	Draining  uint64        `cbor:"19,keyasint,omitempty"`
	Ends      uint64        `cbor:"20,keyasint,omitempty"`
	Old       []oldRecord   `cbor:"21,keyasint,omitempty"`
	Packed    []byte        `cbor:"22,keyasint,omitempty"`
}

// Lease is the home as contacts are told of it.
func (h *Home) Lease() address.Lease {
	a := h.Address
	return address.Lease{Node: a.Node, Host: strings.Trim(a.Host, "[]"), Port: a.Port, Plain: a.Plain}
}

// Place is the home in its network.
func (h *Home) Place() key.Place { return key.Place{Network: h.Address.Network, Node: h.Address.Node} }

// addressText is the address as text. It is kept, since making it checks the key
// once more, and a home's row is written with every message.
func (h *Home) addressText() string {
	a, w := h.Address, h.written
	if h.text != "" && a.Node == w.Node && a.Host == w.Host && a.Port == w.Port && a.Plain == w.Plain &&
		a.Network == w.Network && a.Invite.Equal(w.Invite.Bytes()) {
		return h.text
	}
	text, err := a.Text()
	if err != nil {
		panic("profile: a home's address was checked when it was added")
	}
	h.written, h.text = a, text
	return text
}

// Row is the home's row.
func (h *Home) Row() Row {
	r := homeRecord{
		Version: version, Address: h.addressText(), Added: wire.Millis(h.Added),
		Position: h.Position, R: h.R, Published: h.Published, Heard: wire.Millis(h.Heard),
		Removed: millis(h.Removed), Signed: h.Signed[:], Lost: millis(h.Lost),
		Public: unlessZero(h.Public), Safe: unlessZero(h.Safe), SafeAt: millis(h.SafeAt),
		Retention: uint64(h.Retention / time.Second), Announced: millis(h.Announced),
		Former: h.Former, Draining: millis(h.Draining), Ends: millis(h.Ends), Packed: h.Packed,
	}
	for _, o := range h.Old {
		r.Old = append(r.Old, oldRecord{Secret: o.Secret.Bytes(), Print: o.Print})
	}
	if h.Head.Known() {
		r.Head = &h.Head
	}
	if h.Fallen.Known() {
		r.Fallen = &h.Fallen
	}
	return Row{Table: TableHome, Key: h.Address.Node[:], Data: wire.Marshal(r)}
}

// ParseHome reads a home's row. What was processed before it was noted what was
// acknowledged counts as that.
func ParseHome(row Row) (*Home, error) {
	var r homeRecord
	if err := parse(row.Data, &r, &r.Version); err != nil {
		return nil, err
	}
	a, err := card.ParseAddress(r.Address)
	if err != nil {
		return nil, err
	}
	h := &Home{
		Address: a, Added: wire.Time(r.Added), Removed: moment(r.Removed), Position: r.Position, R: r.R, Signed: r.Position,
		Lost: moment(r.Lost), Published: r.Published, SafeAt: moment(r.SafeAt), Heard: wire.Time(r.Heard),
		Retention: time.Duration(min(r.Retention, uint64(wire.MaxRetention/time.Second))) * time.Second, Announced: moment(r.Announced),
		Former: r.Former, Draining: moment(r.Draining), Ends: moment(r.Ends),
	}
	for _, o := range r.Old {
		secret, err := key.AddressSecretFrom(o.Secret)
		if err != nil {
			return nil, err
		}
		h.Old = append(h.Old, &OldBlob{Secret: secret, Print: o.Print})
	}
	if len(r.Packed) == address.LeaseSize {
		h.Packed = r.Packed
	}
	h.addressText()
	copy(h.Public[:], r.Public)
	copy(h.Safe[:], r.Safe)
	if len(r.Signed) == wire.PositionSize {
		h.Signed = wire.Position(r.Signed)
	}
	if r.Head != nil {
		h.Head = *r.Head
	}
	if r.Fallen != nil {
		h.Fallen = *r.Fallen
	}
	return h, nil
}

// millis is a time that may be none: 0.
func millis(t time.Time) uint64 {
	if t.IsZero() {
		return 0
	}
	return wire.Millis(t)
}

// moment undoes millis.
func moment(ms uint64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return wire.Time(ms)
}

// unlessZero is a fingerprint that may be none: empty.
func unlessZero(b [32]byte) []byte {
	if b == ([32]byte{}) {
		return nil
	}
	return b[:]
}

// BlockRows is how many rows of a log a LogBlock holds at most.
const BlockRows = 16

// LogBlock is some rows of a home's log as they were followed: what came in is
// looked up there, and what a gateway says later is held against it.
type LogBlock struct {
	Node   key.NodePublic
	Before wire.Position // the row before the first one
	R      [32]byte      // the rolling head there
	Rows   []byte        // wire.RowSize each
}

type blockRecord struct {
	Version uint8          `cbor:"1,keyasint"`
	Node    key.NodePublic `cbor:"2,keyasint"`
	Before  wire.Position  `cbor:"3,keyasint"`
	R       [32]byte       `cbor:"4,keyasint"`
	Rows    []byte         `cbor:"5,keyasint"`
}

// Ref names the block's row: by its gateway and its first index.
func (b *LogBlock) Ref() Ref {
	hash := key.GatewayHashOf(b.Node)
	return Ref{Table: TableLog, Key: append(hash[:], Number(b.Before.Index()+1)...)}
}

// Row is the block's row.
func (b *LogBlock) Row() Row {
	return Row{Table: TableLog, Key: b.Ref().Key, Data: wire.Marshal(blockRecord{
		Version: version, Node: b.Node, Before: b.Before, R: b.R, Rows: b.Rows,
	})}
}

// ParseLogBlock reads a block's row.
func ParseLogBlock(row Row) (*LogBlock, error) {
	var r blockRecord
	if err := parse(row.Data, &r, &r.Version); err != nil {
		return nil, err
	}
	if len(r.Rows) == 0 || len(r.Rows)%wire.RowSize != 0 || len(r.Rows) > BlockRows*wire.RowSize {
		return nil, wire.ErrValue.Because("a block of a log")
	}
	return &LogBlock{Node: r.Node, Before: r.Before, R: r.R, Rows: r.Rows}, nil
}

// Card is one card that was given out, known by its door secret.
type Card struct {
	Door    key.DoorSecret
	ID      key.CardID
	Created time.Time
	Revoked bool
	Doors   map[key.NodePublic]bool // homes where the door is registered
	// Address is the address secret that the card shows, under which its door hangs:
	// that of the person's cards when it was made; a public card's own.
	Address key.AddressSecret

	// Public cards show no door secret: it stands in a profile of their own,
	// found and opened with Address, with the work that it takes, in zero bits.
	Public bool
	Bits   uint8
	Blobs  map[key.NodePublic]bool // homes where that profile lies
}

type cardRecord struct {
	Version uint8            `cbor:"1,keyasint"`
	Door    []byte           `cbor:"2,keyasint"`
	Created uint64           `cbor:"3,keyasint"`
	Revoked bool             `cbor:"4,keyasint"`
	Doors   []key.NodePublic `cbor:"5,keyasint"`
	Address []byte           `cbor:"6,keyasint,omitempty"` // of a public card
	Bits    uint8            `cbor:"7,keyasint,omitempty"`
	Blobs   []key.NodePublic `cbor:"8,keyasint,omitempty"`
	Shows   []byte           `cbor:"9,keyasint,omitempty"` // of a private card; absent: the person's, none was replaced yet
}

// NewCard makes a card with a door of its own. The address secret that it shows is
// the person's of now unless Address is set.
func NewCard(now time.Time) *Card {
	c := &Card{Door: key.NewDoorSecret(), Created: now, Doors: map[key.NodePublic]bool{}, Blobs: map[key.NodePublic]bool{}}
	c.ID = c.Door.CardID()
	return c
}

// NewPublicCard makes a card whose door takes work of so many zero bits.
func NewPublicCard(bits uint8, now time.Time) *Card {
	c := NewCard(now)
	c.Public, c.Address, c.Bits = true, key.NewAddressSecret(), bits
	return c
}

// ByKey reports whether a public card's owner is found by their user ID alone, so
// that nobody needs the card.
func (c *Card) ByKey() bool { return c.Public && c.Address.IsZero() }

// Row is the card's row.
func (c *Card) Row() Row {
	r := cardRecord{
		Version: version, Door: c.Door.Bytes(), Created: wire.Millis(c.Created),
		Revoked: c.Revoked, Doors: sortedNodes(c.Doors),
	}
	if c.Public {
		r.Address, r.Bits, r.Blobs = c.Address.Bytes(), c.Bits, sortedNodes(c.Blobs)
	} else if !c.Address.IsZero() {
		r.Shows = c.Address.Bytes()
	}
	return Row{Table: TableCard, Key: c.ID[:], Data: wire.Marshal(r)}
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
	c := &Card{
		Door: door, ID: door.CardID(), Created: wire.Time(r.Created), Revoked: r.Revoked, Doors: nodeSet(r.Doors),
		Public: len(r.Address) > 0, Bits: r.Bits, Blobs: nodeSet(r.Blobs),
	}
	switch {
	case c.Public:
		c.Address, err = key.AddressSecretFrom(r.Address)
	case len(r.Shows) > 0:
		c.Address, err = key.AddressSecretFrom(r.Shows)
	}
	return c, err
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
