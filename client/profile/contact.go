package profile

import (
	"bytes"
	"time"

	"zeroms/protocol/device"
	"zeroms/protocol/key"
	"zeroms/protocol/wire"
)

// ContactState tells what a contact may do.
type ContactState uint8

// The states of a contact.
const (
	// Requested: a stranger who wrote first; nothing is answered.
	Requested ContactState = 1
	// Accepted: added or accepted by the user.
	Accepted ContactState = 2
	// Blocked: nothing of theirs is taken.
	Blocked ContactState = 3
	// Removed: a contact no more. The row stays, so that the history keeps its place and
	// no message its number twice, should they meet again: by a card, like strangers.
	Removed ContactState = 4
)

// String is the state's word in output.
func (s ContactState) String() string {
	switch s {
	case Requested:
		return "request"
	case Accepted:
		return "accepted"
	case Blocked:
		return "blocked"
	case Removed:
		return "removed"
	}
	return "unknown"
}

// Contact is one person and what is needed to reach them.
type Contact struct {
	ID       uint64 // local number
	User     key.IdentityPublic
	Alias    string // the name given here
	Called   string // what they call themselves
	State    ContactState
	Verified bool
	Added    time.Time
	Network  key.Network

	// Secret finds and opens their profile; zero if they did not tell.
	Secret key.AddressSecret
	// Door and Gateways are those of the card that we hold; Turn is which
	// gateway is tried next.
	Door     key.DoorSecret
	Gateways []Gateway
	Turn     uint32
	// Public tells that the card is a public one: Door stands in the profile, and
	// takes work of Bits zero bits.
	Public bool
	Bits   uint8
	// Mine is the drop that they write to; Registered are the homes where it
	// stands; Announced is a fingerprint of what they were told about it.
	Mine       key.DropSecret
	Registered map[key.NodePublic]bool
	Announced  [32]byte
	// Telling is the place in our chain of the message that Announced stands in;
	// Told is the newest fingerprint that all of their devices have acknowledged.
	Telling uint32
	Told    [32]byte
	// Theirs is the drop that we write to, at their Leases; zero: not known yet.
	Theirs key.DropSecret
	Leases []Gateway
	// Shut tells that a gateway of theirs says that this drop is there no more, and
	// none has taken anything since: they removed or blocked the user, or moved.
	Shut bool
	// List is their device list; nil: not known yet.
	List *device.List
	// NameAt and DropsAt are the places of the messages that Called and Theirs
	// were last taken from: older ones that come late change nothing.
	NameAt, DropsAt Place
	// Via is the card through whose door a stranger came.
	Via key.CardID

	// The conversation's row.
	Unread uint32
	ReadAt time.Time // of their newest read mark
	// Acked is when their newest acknowledgement came; zero: none did.
	Acked time.Time
	// AckOwed tells that no gateway has taken an acknowledgement of the newest
	// message yet.
	AckOwed bool
	// Waiting counts the messages of a stranger that wait for a decision.
	Waiting uint32
}

// Place is where a message stands: in the display order, and in the chain of
// its device.
type Place struct {
	_      struct{} `cbor:",toarray"`
	Height uint32
	ID     [32]byte
	Device key.DeviceID
	Seq    uint32
}

// After reports whether p stands behind q. In one chain seq decides: a height
// may still be provisional.
func (p Place) After(q Place) bool {
	if p.Device == q.Device {
		return p.Seq > q.Seq
	}
	return p.Height > q.Height || p.Height == q.Height && bytes.Compare(p.ID[:], q.ID[:]) > 0
}

type contactRecord struct {
	Version    uint8              `cbor:"1,keyasint"`
	User       key.IdentityPublic `cbor:"2,keyasint"`
	Alias      string             `cbor:"3,keyasint"`
	Called     string             `cbor:"4,keyasint"`
	State      uint8              `cbor:"5,keyasint"`
	Verified   bool               `cbor:"6,keyasint"`
	Added      uint64             `cbor:"7,keyasint"`
	Network    key.Network        `cbor:"8,keyasint"`
	Secret     []byte             `cbor:"9,keyasint"`
	Door       []byte             `cbor:"10,keyasint"`
	Gateways   []Gateway          `cbor:"11,keyasint"`
	Turn       uint32             `cbor:"12,keyasint"`
	Mine       []byte             `cbor:"13,keyasint"`
	Registered []key.NodePublic   `cbor:"14,keyasint"`
	Announced  [32]byte           `cbor:"15,keyasint"`
	Theirs     []byte             `cbor:"16,keyasint"` // empty: not known yet
	Leases     []Gateway          `cbor:"17,keyasint"`
	List       []byte             `cbor:"18,keyasint"` // empty: not known yet
	NameAt     Place              `cbor:"19,keyasint"`
	DropsAt    Place              `cbor:"20,keyasint"`
	Via        key.CardID         `cbor:"21,keyasint"`
	Public     bool               `cbor:"22,keyasint,omitempty"`
	Bits       uint8              `cbor:"23,keyasint,omitempty"`
	Telling    uint32             `cbor:"24,keyasint,omitempty"`
	Told       []byte             `cbor:"25,keyasint,omitempty"`
	Shut       bool               `cbor:"26,keyasint,omitempty"`
}

type conversationRecord struct {
	Version  uint8  `cbor:"1,keyasint"`
	Snapshot []byte `cbor:"2,keyasint"`
	Unread   uint32 `cbor:"3,keyasint"`
	ReadAt   uint64 `cbor:"4,keyasint"`
	AckOwed  bool   `cbor:"5,keyasint"`
	Waiting  uint32 `cbor:"6,keyasint"`
	Acked    uint64 `cbor:"7,keyasint,omitempty"`
}

// NewContact makes a contact with a fresh drop for them to write to.
func NewContact(user key.IdentityPublic, now time.Time) Contact {
	return Contact{User: user, Added: now, Mine: key.NewDropSecret(), Registered: map[key.NodePublic]bool{}}
}

// Name is what the contact is shown as: the alias, their own name, or the
// beginning of their user ID.
func (c *Contact) Name() string {
	switch {
	case c.Alias != "":
		return c.Alias
	case c.Called != "":
		return c.Called
	}
	return key.UserIDText(c.User)[:8]
}

// Remove makes somebody a contact no more: nothing is left that finds or reaches
// them, or that they were told, but where the drop stands that they write to, until
// it is deleted there. With names what they were called goes too. Their device list
// stays: an older one must not count, should they come back.
func (c *Contact) Remove(names bool) {
	gone := Contact{
		ID: c.ID, User: c.User, Alias: c.Alias, Called: c.Called, State: Removed, Added: c.Added, Network: c.Network,
		Mine: c.Mine, Registered: c.Registered, List: c.List, NameAt: c.NameAt, DropsAt: c.DropsAt,
		ReadAt: c.ReadAt,
	}
	if names {
		gone.Alias, gone.Called = "", ""
	}
	*c = gone
}

// Row is the contact's row.
func (c *Contact) Row() Row {
	r := contactRecord{
		Version: version, User: c.User, Alias: c.Alias, Called: c.Called, State: uint8(c.State),
		Verified: c.Verified, Added: wire.Millis(c.Added), Network: c.Network, Secret: c.Secret.Bytes(),
		Door: c.Door.Bytes(), Gateways: c.Gateways, Turn: c.Turn, Mine: c.Mine.Bytes(),
		Registered: sortedNodes(c.Registered), Announced: c.Announced, Leases: c.Leases,
		NameAt: c.NameAt, DropsAt: c.DropsAt, Via: c.Via, Public: c.Public, Bits: c.Bits,
		Telling: c.Telling, Told: unlessZero(c.Told), Shut: c.Shut,
	}
	if !c.Theirs.IsZero() {
		r.Theirs = c.Theirs.Bytes()
	}
	if c.List != nil {
		r.List = c.List.Encode()
	}
	return Row{Table: TableContact, Key: Number(c.ID), Conv: c.ID, Data: wire.Marshal(r)}
}

// ParseContact reads a contact's row.
func ParseContact(row Row) (c Contact, err error) {
	var r contactRecord
	if err := parse(row.Data, &r, &r.Version); err != nil {
		return c, err
	}
	c = Contact{
		ID: row.Conv, User: r.User, Alias: r.Alias, Called: r.Called, State: ContactState(r.State),
		Verified: r.Verified, Added: wire.Time(r.Added), Network: r.Network, Gateways: r.Gateways,
		Turn: r.Turn, Registered: nodeSet(r.Registered), Announced: r.Announced, Leases: r.Leases,
		NameAt: r.NameAt, DropsAt: r.DropsAt, Via: r.Via, Public: r.Public, Bits: r.Bits,
		Telling: r.Telling, Shut: r.Shut,
	}
	copy(c.Told[:], r.Told)
	if c.Secret, err = key.AddressSecretFrom(r.Secret); err != nil {
		return c, err
	}
	if c.Door, err = key.DoorSecretFrom(r.Door); err != nil {
		return c, err
	}
	if c.Mine, err = key.DropSecretFrom(r.Mine); err != nil {
		return c, err
	}
	if len(r.Theirs) > 0 {
		if c.Theirs, err = key.DropSecretFrom(r.Theirs); err != nil {
			return c, err
		}
	}
	if len(r.List) > 0 {
		c.List, err = device.DecodeList(r.List)
	}
	return c, err
}

// ConversationRow is the row of the conversation with the contact.
func (c *Contact) ConversationRow(snapshot []byte) Row {
	r := conversationRecord{Version: version, Snapshot: snapshot, Unread: c.Unread, AckOwed: c.AckOwed, Waiting: c.Waiting}
	if !c.ReadAt.IsZero() {
		r.ReadAt = wire.Millis(c.ReadAt)
	}
	if !c.Acked.IsZero() {
		r.Acked = wire.Millis(c.Acked)
	}
	return Row{Table: TableConversation, Key: Number(c.ID), Conv: c.ID, Data: wire.Marshal(r)}
}

// ParseConversation reads a conversation's row into the contact it belongs to
// and returns the snapshot of its chains.
func (c *Contact) ParseConversation(row Row) (snapshot []byte, err error) {
	var r conversationRecord
	if err := parse(row.Data, &r, &r.Version); err != nil {
		return nil, err
	}
	c.Unread, c.AckOwed, c.Waiting = r.Unread, r.AckOwed, r.Waiting
	if r.ReadAt > 0 {
		c.ReadAt = wire.Time(r.ReadAt)
	}
	if r.Acked > 0 {
		c.Acked = wire.Time(r.Acked)
	}
	return r.Snapshot, nil
}
