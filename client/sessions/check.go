package sessions

import (
	"zeroms/protocol/device"
	"zeroms/protocol/envelope"
	"zeroms/protocol/key"
	"zeroms/protocol/message"
	"zeroms/protocol/wire"
)

// Incoming is a message of an opened envelope whose signature, parties and body hold.
type Incoming struct {
	Message *message.Message
	// Body is nil for a chained message whose content its sender erased.
	Body   message.Body
	Record envelope.Record
}

// From is who brought a message: a device of a person, to the user.
type From struct {
	Person key.IdentityPublic
	Device key.DeviceID
	List   *device.List // the person's
	Self   key.IdentityPublic
}

// Check verifies one message that a device of a contact brought: its own, or a
// chained one that another device of the contact wrote, which is how a sibling
// repairs what that device can't. Of a message whose content its sender erased only
// the header comes. Errors: wire.ErrWrongRecipient for a side message of another
// device, wire.ErrStaleList for a device that is not listed, and what is wrong with
// the message.
func Check(from From, r envelope.Record) (*Incoming, error) {
	m, err := message.Parse(r.Message)
	if err != nil {
		return nil, err
	}
	if m.Header.Device != from.Device && m.Header.Kind.Side() {
		return nil, wire.ErrWrongRecipient.Because("a side message of another device")
	}
	d, ok := from.List.Device(m.Header.Device)
	if !ok || !from.List.Live(from.Device) {
		return nil, wire.ErrStaleList
	}
	if err := m.Verify(d.DSK, from.Person, from.Self); err != nil {
		return nil, err
	}
	if r.HeaderOnly() && !m.Header.Kind.Side() {
		return &Incoming{Message: m, Record: r}, nil
	}
	if err := m.CheckBody(r.Salt, r.Body); err != nil {
		return nil, err
	}
	body, err := message.ParseBody(m.Header.Kind, r.Body)
	if err != nil {
		return nil, err
	}
	return &Incoming{Message: m, Body: body, Record: r}, nil
}
