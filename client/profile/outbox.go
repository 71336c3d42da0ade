package profile

import (
	"zeroms/client/delivery"
	"zeroms/protocol/key"
	"zeroms/protocol/session"
	"zeroms/protocol/wire"
)

// Parcel is an envelope on its way to a gateway.
type Parcel struct {
	Gateway  Gateway     `cbor:"1,keyasint"`
	Network  key.Network `cbor:"2,keyasint"`
	Drop     key.DropID  `cbor:"3,keyasint"`
	MAC      [16]byte    `cbor:"4,keyasint"`
	Envelope []byte      `cbor:"5,keyasint"`
	Bits     uint8       `cbor:"6,keyasint"` // the work that a public door takes; 0: none
}

// Submit is the frame that submits the parcel.
func (p *Parcel) Submit() *wire.Submit {
	return &wire.Submit{Drop: p.Drop, MAC: p.MAC, Envelope: p.Envelope}
}

type itemRecord struct {
	Version uint8        `cbor:"1,keyasint"`
	Contact uint64       `cbor:"2,keyasint"`
	Device  key.DeviceID `cbor:"3,keyasint"`
	Message [32]byte     `cbor:"4,keyasint"`
	State   uint8        `cbor:"5,keyasint"`
	Door    bool         `cbor:"6,keyasint"`
	Until   uint64       `cbor:"7,keyasint"`
	Parcel  []Parcel     `cbor:"8,keyasint"` // none or one
}

// ItemRow is the row of an item of the outbox with its envelope, if it has one.
func ItemRow(i *delivery.Item, p *Parcel) Row {
	r := itemRecord{
		Version: version, Contact: i.Lane.Contact, Device: i.Lane.Device, Message: i.Message,
		State: uint8(i.State), Door: i.Door, Until: wire.Millis(i.Until),
	}
	if p != nil {
		r.Parcel = []Parcel{*p}
	}
	return Row{Table: TableOutbox, Key: Number(i.ID), Data: wire.Marshal(r)}
}

// ParseItem reads the row of an item.
func ParseItem(row Row) (i delivery.Item, p *Parcel, err error) {
	var r itemRecord
	if err := parse(row.Data, &r, &r.Version); err != nil {
		return i, nil, err
	}
	id, err := parseNumber(row.Key)
	if err != nil {
		return i, nil, err
	}
	if len(r.Parcel) > 0 {
		p = &r.Parcel[0]
	}
	return delivery.Item{
		ID: id, Lane: delivery.Lane{Contact: r.Contact, Device: r.Device}, Message: r.Message,
		State: delivery.State(r.State), Door: r.Door, Until: wire.Time(r.Until),
	}, p, nil
}

// Sessions is what is kept of one device of a contact: its sessions, and what
// the init of an unconfirmed one is bound to.
type Sessions struct {
	Set *session.Set
	// An init serves one drop at one gateway: this one.
	At   *Gateway
	Door bool
	// Sent tells that an envelope with the init is in custody already.
	Sent bool
}

type sessionsRecord struct {
	Version uint8     `cbor:"1,keyasint"`
	Set     []byte    `cbor:"2,keyasint"`
	At      []Gateway `cbor:"3,keyasint"` // none or one
	Door    bool      `cbor:"4,keyasint"`
	Sent    bool      `cbor:"5,keyasint"`
}

// SessionsRef names the row of the sessions with a device.
func SessionsRef(l delivery.Lane) Ref {
	return Ref{Table: TableSession, Key: key.Join(Number(l.Contact), l.Device[:])}
}

// Row is the row of the sessions with a device.
func (s *Sessions) Row(l delivery.Lane) Row {
	r := sessionsRecord{Version: version, Set: s.Set.Encode(), Door: s.Door, Sent: s.Sent}
	if s.At != nil {
		r.At = []Gateway{*s.At}
	}
	return Row{Table: TableSession, Key: key.Join(Number(l.Contact), l.Device[:]), Data: wire.Marshal(r)}
}

// ParseSessions reads the row of the sessions with a device.
func ParseSessions(row Row) (l delivery.Lane, s *Sessions, err error) {
	var r sessionsRecord
	if err := parse(row.Data, &r, &r.Version); err != nil {
		return l, nil, err
	}
	if len(row.Key) != 16 {
		return l, nil, wire.ErrValue.Because("the key of a session row")
	}
	if l.Contact, err = parseNumber(row.Key[:8]); err != nil {
		return l, nil, err
	}
	copy(l.Device[:], row.Key[8:])
	s = &Sessions{Door: r.Door, Sent: r.Sent}
	if len(r.At) > 0 {
		s.At = &r.At[0]
	}
	s.Set, err = session.DecodeSet(r.Set)
	return l, s, err
}
