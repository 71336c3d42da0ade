package backup

import (
	"time"

	"zeroms/client/profile"
	"zeroms/protocol/card"
	"zeroms/protocol/device"
	"zeroms/protocol/key"
	"zeroms/protocol/message"
	"zeroms/protocol/wire"
)

// ownerRecord is the first record of an archive.
type ownerRecord struct {
	User    key.IdentityPublic `cbor:"1,keyasint"`
	Made    uint64             `cbor:"2,keyasint"`
	Name    string             `cbor:"3,keyasint"`
	Created uint64             `cbor:"4,keyasint"`
	Address []byte             `cbor:"5,keyasint"`
	Device  key.DeviceID       `cbor:"6,keyasint"`
	Entries [][]byte           `cbor:"7,keyasint"`
	Former  []byte             `cbor:"8,keyasint,omitempty"` // the address secret before, while it works
	Renewed uint64             `cbor:"9,keyasint,omitempty"` // since when it is that
}

type cardRecord struct {
	Door    []byte `cbor:"1,keyasint"`
	Created uint64 `cbor:"2,keyasint"`
	Revoked bool   `cbor:"3,keyasint,omitempty"`
	Address []byte `cbor:"4,keyasint,omitempty"` // of a public card
	Bits    uint8  `cbor:"5,keyasint,omitempty"` // of its work
	Shows   []byte `cbor:"6,keyasint,omitempty"` // the address secret of a private card, if it is not the owner's
}

type homeRecord struct {
	Address string          `cbor:"1,keyasint"` // without invitation
	Added   uint64          `cbor:"2,keyasint"`
	Login   key.LoginPublic `cbor:"3,keyasint"`
	Cursor  key.CursorID    `cbor:"4,keyasint"`
}

// gatewayRecord is how a gateway is reached: Node is its key 32, or of a card
// the hash 16 of it.
type gatewayRecord struct {
	_     struct{} `cbor:",toarray"`
	Node  []byte
	Host  string
	Port  uint16
	Plain bool
	Made  uint64
}

// placeRecord is a profile.Place.
type placeRecord struct {
	_      struct{} `cbor:",toarray"`
	Height uint32
	ID     [32]byte
	Device key.DeviceID
	Seq    uint32
}

type contactRecord struct {
	ID       uint64             `cbor:"1,keyasint"`
	User     key.IdentityPublic `cbor:"2,keyasint"`
	Alias    string             `cbor:"3,keyasint,omitempty"`
	Called   string             `cbor:"4,keyasint,omitempty"`
	State    uint8              `cbor:"5,keyasint"`
	Verified bool               `cbor:"6,keyasint,omitempty"`
	Added    uint64             `cbor:"7,keyasint"`
	Network  key.Network        `cbor:"8,keyasint"`
	Secret   []byte             `cbor:"9,keyasint,omitempty"`
	Door     []byte             `cbor:"10,keyasint,omitempty"`
	Gateways []gatewayRecord    `cbor:"11,keyasint,omitempty"`
	Mine     []byte             `cbor:"12,keyasint"`
	Theirs   []byte             `cbor:"13,keyasint,omitempty"`
	Leases   []gatewayRecord    `cbor:"14,keyasint,omitempty"`
	List     []byte             `cbor:"15,keyasint,omitempty"`
	NameAt   []placeRecord      `cbor:"16,keyasint,omitempty"` // none or one, like the next
	DropsAt  []placeRecord      `cbor:"17,keyasint,omitempty"`
	Via      []byte             `cbor:"18,keyasint,omitempty"`
	Unread   uint32             `cbor:"19,keyasint,omitempty"`
	ReadAt   uint64             `cbor:"20,keyasint,omitempty"`
	Waiting  uint32             `cbor:"21,keyasint,omitempty"`
	Public   bool               `cbor:"22,keyasint,omitempty"`
	Bits     uint8              `cbor:"23,keyasint,omitempty"`
}

// targetRecord is how far an own message came towards one device.
type targetRecord struct {
	_         struct{} `cbor:",toarray"`
	Device    key.DeviceID
	State     uint8
	Holder    key.GatewayHash
	Submitted uint64
	Custody   uint64
	Until     uint64
	Delivered uint64
	Size      uint32
	Receipt   []byte
	Gone      bool
}

// evidenceRecord is a proven fault of a gateway; Contact is 0 if it is about nobody.
type evidenceRecord struct {
	Contact uint64         `cbor:"1,keyasint"`
	ID      [16]byte       `cbor:"2,keyasint"`
	Node    key.NodePublic `cbor:"3,keyasint"`
	Fault   string         `cbor:"4,keyasint"`
	At      uint64         `cbor:"5,keyasint"`
	File    []byte         `cbor:"6,keyasint"`
	Device  key.DeviceID   `cbor:"7,keyasint"`
	Seq     uint32         `cbor:"8,keyasint"`
}

type messageRecord struct {
	Contact  uint64                 `cbor:"1,keyasint"`
	Height   uint32                 `cbor:"2,keyasint"`
	Outgoing bool                   `cbor:"3,keyasint,omitempty"`
	User     key.IdentityPublic     `cbor:"4,keyasint"`
	Signed   []byte                 `cbor:"5,keyasint"`
	Salt     [message.SaltSize]byte `cbor:"6,keyasint"`
	Body     []byte                 `cbor:"7,keyasint"`
	At       uint64                 `cbor:"8,keyasint"`
	Gateway  uint64                 `cbor:"9,keyasint,omitempty"`
	Late     bool                   `cbor:"10,keyasint,omitempty"`
	Targets  []targetRecord         `cbor:"11,keyasint,omitempty"`
}

// endRecord is the last record of an archive: how many there are of each kind.
type endRecord struct {
	Cards    uint64 `cbor:"1,keyasint"`
	Homes    uint64 `cbor:"2,keyasint"`
	Contacts uint64 `cbor:"3,keyasint"`
	Messages uint64 `cbor:"4,keyasint"`
	Evidence uint64 `cbor:"5,keyasint"`
	Skipped  uint64 `cbor:"6,keyasint"`
}

func millis(t time.Time) uint64 {
	if t.IsZero() {
		return 0
	}
	return wire.Millis(t)
}

func moment(ms uint64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return wire.Time(ms)
}

// optional is a secret's bytes, none if it is not set.
func optional(zero bool, b []byte) []byte {
	if zero {
		return nil
	}
	return b
}

func (c *Content) ownerRecord() ownerRecord {
	o := &c.Owner
	r := ownerRecord{
		User: o.User, Made: millis(c.Made), Name: o.Name, Created: millis(o.Created), Address: o.Address.Bytes(),
		Device: o.Device, Entries: o.Entries, Renewed: millis(o.Renewed),
	}
	if !o.Renewed.IsZero() {
		r.Former = o.Former.Bytes()
	}
	return r
}

func (r *ownerRecord) content() (*Content, error) {
	c := &Content{Made: moment(r.Made), Owner: Owner{
		User: r.User, Name: r.Name, Created: moment(r.Created), Device: r.Device, Entries: r.Entries, Renewed: moment(r.Renewed),
	}}
	if err := r.User.Check(); err != nil {
		return nil, wire.ErrPublicKey
	}
	if err := card.CheckName(r.Name); err != nil {
		return nil, err
	}
	var err error
	if c.Owner.Address, err = key.AddressSecretFrom(r.Address); err != nil {
		return nil, err
	}
	if r.Renewed != 0 {
		if c.Owner.Former, err = key.AddressSecretFrom(r.Former); err != nil {
			return nil, err
		}
	}
	_, err = c.Owner.list()
	return c, err
}

// recordOfCard is a card of a person whose private cards show an address secret now.
func recordOfCard(k *profile.Card, now key.AddressSecret) cardRecord {
	r := cardRecord{Door: k.Door.Bytes(), Created: millis(k.Created), Revoked: k.Revoked}
	switch {
	case k.Public:
		r.Address, r.Bits = k.Address.Bytes(), k.Bits
	case !k.Address.IsZero() && !k.Address.Equal(now.Bytes()):
		r.Shows = k.Address.Bytes()
	}
	return r
}

func (r *cardRecord) card() (*profile.Card, error) {
	door, err := key.DoorSecretFrom(r.Door)
	if err != nil || door.IsZero() {
		return nil, wire.ErrValue.Because("the secret of a card")
	}
	k := &profile.Card{
		Door: door, ID: door.CardID(), Created: moment(r.Created), Revoked: r.Revoked, Doors: map[key.NodePublic]bool{},
		Public: len(r.Address) > 0, Bits: r.Bits, Blobs: map[key.NodePublic]bool{},
	}
	switch {
	case k.Public:
		k.Address, err = key.AddressSecretFrom(r.Address)
	case len(r.Shows) > 0:
		k.Address, err = key.AddressSecretFrom(r.Shows)
	}
	return k, err
}

func recordOfHome(h Home) (homeRecord, error) {
	a := h.Address
	a.Invite = key.Invite{}
	text, err := a.Text()
	return homeRecord{Address: text, Added: millis(h.Added), Login: h.Login.Key, Cursor: h.Login.Cursor}, err
}

func (r *homeRecord) home() (Home, error) {
	a, err := card.ParseAddress(r.Address)
	if err != nil {
		return Home{}, err
	}
	return Home{Home: &profile.Home{Address: a, Added: moment(r.Added)}, Login: profile.Login{Key: r.Login, Cursor: r.Cursor}}, nil
}

func recordsOfGateways(all []profile.Gateway) (out []gatewayRecord) {
	for _, g := range all {
		r := gatewayRecord{Node: g.Hash[:], Host: g.Host, Port: g.Port, Plain: g.Plain, Made: g.Made}
		if g.Known() {
			r.Node = g.Key
		}
		out = append(out, r)
	}
	return out
}

func gateways(all []gatewayRecord) (out []profile.Gateway, err error) {
	for _, r := range all {
		g := profile.Gateway{Host: r.Host, Port: r.Port, Plain: r.Plain, Made: r.Made}
		switch len(r.Node) {
		case len(g.Hash):
			g.Hash = key.GatewayHash(r.Node)
		case key.PublicSize:
			node, err := key.ParsePublic[key.Node](r.Node)
			if err != nil {
				return nil, wire.ErrPublicKey
			}
			g.Key, g.Hash = r.Node, key.GatewayHashOf(node)
		default:
			return nil, wire.ErrValue.Because("the key of a gateway")
		}
		out = append(out, g)
	}
	return out, nil
}

func recordsOfPlace(p profile.Place) []placeRecord {
	if p == (profile.Place{}) {
		return nil
	}
	return []placeRecord{{Height: p.Height, ID: p.ID, Device: p.Device, Seq: p.Seq}}
}

func place(all []placeRecord) (p profile.Place, err error) {
	if len(all) > 1 {
		return p, wire.ErrValue.Because("two places of one message")
	}
	for _, r := range all {
		p = profile.Place{Height: r.Height, ID: r.ID, Device: r.Device, Seq: r.Seq}
	}
	return p, nil
}

func recordOfContact(c *profile.Contact) contactRecord {
	r := contactRecord{
		ID: c.ID, User: c.User, Alias: c.Alias, Called: c.Called, State: uint8(c.State), Verified: c.Verified,
		Added: millis(c.Added), Network: c.Network, Secret: optional(c.Secret.IsZero(), c.Secret.Bytes()),
		Door: optional(c.Door.IsZero(), c.Door.Bytes()), Gateways: recordsOfGateways(c.Gateways), Mine: c.Mine.Bytes(),
		Theirs: optional(c.Theirs.IsZero(), c.Theirs.Bytes()), Leases: recordsOfGateways(c.Leases),
		NameAt: recordsOfPlace(c.NameAt), DropsAt: recordsOfPlace(c.DropsAt), Via: optional(c.Via == key.CardID{}, c.Via[:]),
		Unread: c.Unread, ReadAt: millis(c.ReadAt), Waiting: c.Waiting, Public: c.Public, Bits: c.Bits,
	}
	if c.List != nil {
		r.List = c.List.Encode()
	}
	return r
}

func (r *contactRecord) contact() (*profile.Contact, error) {
	c := &profile.Contact{
		ID: r.ID, User: r.User, Alias: r.Alias, Called: r.Called, State: profile.ContactState(r.State), Verified: r.Verified,
		Added: moment(r.Added), Network: r.Network, Registered: map[key.NodePublic]bool{}, Unread: r.Unread,
		ReadAt: moment(r.ReadAt), Waiting: r.Waiting, Public: r.Public, Bits: r.Bits,
	}
	switch {
	case r.User.Check() != nil:
		return nil, wire.ErrPublicKey
	case r.ID == 0:
		return nil, wire.ErrValue.Because("the number of a contact")
	case c.State < profile.Requested || c.State > profile.Removed:
		return nil, wire.ErrValue.Because("the state of a contact")
	case len(r.Via) != 0 && len(r.Via) != len(c.Via):
		return nil, wire.ErrValue.Because("the card of a contact")
	}
	copy(c.Via[:], r.Via)
	if err := r.secrets(c); err != nil {
		return nil, err
	}
	var err error
	if c.Gateways, err = gateways(r.Gateways); err != nil {
		return nil, err
	}
	if c.Leases, err = gateways(r.Leases); err != nil {
		return nil, err
	}
	if c.NameAt, err = place(r.NameAt); err != nil {
		return nil, err
	}
	if c.DropsAt, err = place(r.DropsAt); err != nil {
		return nil, err
	}
	if len(r.List) > 0 {
		if c.List, err = device.DecodeList(r.List); err == nil && c.List.User() != c.User {
			err = wire.ErrWrongRecipient.Because("the device list of somebody else")
		}
	}
	return c, err
}

// secrets takes the secrets of a contact over.
func (r *contactRecord) secrets(c *profile.Contact) (err error) {
	if c.Mine, err = key.DropSecretFrom(r.Mine); err != nil {
		return err
	}
	if len(r.Secret) > 0 {
		if c.Secret, err = key.AddressSecretFrom(r.Secret); err != nil {
			return err
		}
	}
	if len(r.Door) > 0 {
		if c.Door, err = key.DoorSecretFrom(r.Door); err != nil {
			return err
		}
	}
	if len(r.Theirs) > 0 {
		c.Theirs, err = key.DropSecretFrom(r.Theirs)
	}
	return err
}

func recordOfMessage(m *profile.Message) messageRecord {
	r := messageRecord{
		Contact: m.Contact, Height: m.Height, Outgoing: m.Outgoing, User: m.User, Signed: m.Signed, Salt: m.Salt, Body: m.Body,
		At: millis(m.At), Gateway: millis(m.Gateway), Late: m.Late,
	}
	for _, t := range m.Targets {
		r.Targets = append(r.Targets, targetRecord{
			Device: t.Device, State: uint8(t.State), Holder: t.Holder, Submitted: t.Submitted, Custody: t.Custody,
			Until: t.Until, Delivered: t.Delivered, Size: t.Size, Receipt: t.Receipt, Gone: t.Gone,
		})
	}
	return r
}

func (r *messageRecord) message() (*profile.Message, error) {
	signed, err := message.Parse(r.Signed)
	if err != nil {
		return nil, err
	}
	m := profile.NewMessage(signed, profile.Content{User: r.User, Salt: r.Salt, Body: r.Body})
	m.Contact, m.Height, m.Outgoing, m.At, m.Gateway, m.Late = r.Contact, r.Height, r.Outgoing, moment(r.At), moment(r.Gateway), r.Late
	for _, t := range r.Targets {
		m.Targets = append(m.Targets, profile.Target{
			Device: t.Device, State: profile.MessageState(t.State), Holder: t.Holder, Submitted: t.Submitted, Custody: t.Custody,
			Until: t.Until, Delivered: t.Delivered, Size: t.Size, Receipt: t.Receipt, Gone: t.Gone,
		})
	}
	return m, nil
}

func recordOfEvidence(e *profile.Evidence) evidenceRecord {
	return evidenceRecord{Contact: e.Contact, ID: e.ID, Node: e.Node, Fault: e.Fault, At: e.At, File: e.File, Device: e.Device, Seq: e.Seq}
}

func (r *evidenceRecord) evidence() *profile.Evidence {
	return &profile.Evidence{Contact: r.Contact, ID: r.ID, Node: r.Node, Fault: r.Fault, At: r.At, File: r.File, Device: r.Device, Seq: r.Seq}
}
