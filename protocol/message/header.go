package message

import (
	"bytes"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"

	"zeroms/protocol/device"
	"zeroms/protocol/key"
	"zeroms/protocol/wire"
)

// Version is the version in headers.
const Version = 1

// Limits of a message.
const (
	MaxTips    = 8
	MaxMessage = 512      // bytes of header and signature as they travel
	MaxBody    = 60 << 10 // bytes of a body of any kind
	SaltSize   = 16
)

// ID names a message for good: Hash("zms/1/id", header | sig).
type ID [32]byte

// Short is the first half of an ID, by which tips, heads and replies name a message.
type Short [16]byte

// Short is the first 16 bytes of the ID.
func (id ID) Short() Short { return Short(id[:16]) }

// String is the id in hex.
func (id ID) String() string { return hex.EncodeToString(id[:]) }

// ConvID names a conversation.
type ConvID [16]byte

// String is the id in hex.
func (c ConvID) String() string { return hex.EncodeToString(c[:]) }

// ConvPair is the conversation of two people, the same from both ends.
func ConvPair(a, b key.IdentityPublic) ConvID {
	if bytes.Compare(a[:], b[:]) > 0 {
		a, b = b, a
	}
	return key.Hash16(key.PrefixConvPair, a[:], b[:])
}

// ConvSelf is the conversation of a person's own devices.
func ConvSelf(a key.IdentityPublic) ConvID { return key.Hash16(key.PrefixConvSelf, a[:]) }

// conv is the conversation in which sender writes to recipient.
func conv(sender, recipient key.IdentityPublic) ConvID {
	if sender == recipient {
		return ConvSelf(sender)
	}
	return ConvPair(sender, recipient)
}

// First is the prev of a device's first chained message in a conversation;
// origin is H of the device list entry that added the device.
func First(origin [32]byte, c ConvID) [32]byte { return key.Hash(key.PrefixFirst, origin[:], c[:]) }

// BodyHash is SHA-256(salt 16 | body). With the salt erased it tells nothing
// about the body.
func BodyHash(salt [SaltSize]byte, body []byte) [32]byte {
	return sha256.Sum256(key.Join(salt[:], body))
}

// Tip names the newest message of another device that the sender had.
type Tip struct {
	_      struct{} `cbor:",toarray"`
	Device key.DeviceID
	Seq    uint32
	Hash   Short
}

// Header is the signed part of a message.
type Header struct {
	Version  uint8        `cbor:"1,keyasint"`
	Conv     ConvID       `cbor:"2,keyasint"`
	Device   key.DeviceID `cbor:"3,keyasint"`
	Seq      uint32       `cbor:"4,keyasint"` // from 1; 0 in side kinds
	Prev     [32]byte     `cbor:"5,keyasint"`
	Tips     []Tip        `cbor:"6,keyasint"`
	Time     uint64       `cbor:"7,keyasint"` // ms by the sender's clock, advisory
	Kind     Kind         `cbor:"8,keyasint"`
	BodyHash [32]byte     `cbor:"9,keyasint"`
	ListN    uint32       `cbor:"10,keyasint"`
	ListHash [16]byte     `cbor:"11,keyasint"`
}

// List is the entry of the sender's device list that the header names.
func (h *Header) List() device.Ref { return device.Ref{N: h.ListN, Hash: h.ListHash} }

// check holds a header against the rules that need no state.
func (h *Header) check() error {
	switch {
	case h.Version != Version:
		return wire.ErrVersion.Because("message")
	case h.Kind == 0:
		return wire.ErrValue.Because("kind")
	case h.ListN == 0:
		return wire.ErrValue.Because("device list")
	case h.Kind.Side() && (h.Seq != 0 || h.Prev != [32]byte{} || len(h.Tips) != 0):
		return wire.ErrValue.Because("a side message in the chain")
	case !h.Kind.Side() && h.Seq == 0:
		return wire.ErrValue.Because("a message outside of the chain")
	case len(h.Tips) > MaxTips:
		return wire.ErrValue.Because("number of tips")
	}
	for i, tip := range h.Tips {
		if tip.Seq == 0 || tip.Device == h.Device {
			return wire.ErrValue.Because("tip")
		}
		for _, other := range h.Tips[:i] {
			if other.Device == tip.Device {
				return wire.ErrValue.Because("two tips of one device")
			}
		}
	}
	return nil
}

// Message is one signed message without its body. Parse makes it, and nothing
// in it is to be trusted before Verify succeeded.
type Message struct {
	Header Header
	ID     ID

	object            wire.Object
	sender, recipient key.IdentityPublic // set by Verify
	verified          bool
}

// Sign makes the message with header h from sender to recipient. It sets
// Version, Conv and Device. Errors: wire.ErrValue.
func Sign(h Header, dsk key.DevicePrivate, sender, recipient key.IdentityPublic) (*Message, error) {
	h.Version, h.Conv, h.Device = Version, conv(sender, recipient), key.DeviceIDOf(dsk.Public())
	if err := h.check(); err != nil {
		return nil, err
	}
	o := wire.Object{Body: wire.Marshal(h)}
	o.Sig = dsk.Sign(key.ContextMessage, transcript(o.Body, sender, recipient))
	return &Message{Header: h, ID: idOf(o), object: o, sender: sender, recipient: recipient, verified: true}, nil
}

// transcript is what a message signs: header | IK_sender | IK_recipient.
func transcript(header []byte, sender, recipient key.IdentityPublic) []byte {
	return key.Join(header, sender[:], recipient[:])
}

func idOf(o wire.Object) ID { return key.Hash(key.PrefixMessageID, o.Body, o.Sig) }

// Parse reads a message of at most MaxMessage bytes; Verify checks it. Errors:
// those of wire.Unmarshal, wire.ErrVersion (a newer version), wire.ErrValue.
func Parse(b []byte) (*Message, error) {
	o, err := wire.ParseObject(b, MaxMessage)
	if err != nil {
		return nil, err
	}
	m := &Message{ID: idOf(o), object: o}
	if err := wire.Unmarshal(o.Body, &m.Header, MaxMessage); err != nil {
		if isOtherVersion(o.Body, Version) {
			return nil, wire.ErrVersion.Because("message")
		}
		return nil, err
	}
	if err := m.Header.check(); err != nil {
		return nil, err
	}
	return m, nil
}

// isOtherVersion tells whether what this version cannot read begins like
// something that it could: a map whose first key, 1, has another version.
func isOtherVersion(b []byte, version byte) bool {
	const smallMap, mapKind = 0xa0, 0xe0
	return len(b) > 2 && b[0]&mapKind == smallMap && b[1] == 1 && b[2] != version && b[2] < 24
}

// Encode is the message as it travels.
func (m *Message) Encode() []byte { return m.object.Encode() }

// Verify checks that the device with the key dsk signed the message for a
// conversation of sender with recipient. dsk is the key of Header.Device in
// sender's verified device list. Errors: wire.ErrSignature (another device,
// sender or recipient, or changed), wire.ErrWrongRecipient (signed by sender's
// device, but for another conversation).
func (m *Message) Verify(dsk key.DevicePublic, sender, recipient key.IdentityPublic) error {
	if key.DeviceIDOf(dsk) != m.Header.Device || !dsk.Verify(key.ContextMessage, transcript(m.object.Body, sender, recipient), m.object.Sig) {
		return wire.ErrSignature.Because("message")
	}
	if m.Header.Conv != conv(sender, recipient) {
		return wire.ErrWrongRecipient.Because("message of another conversation")
	}
	m.sender, m.recipient, m.verified = sender, recipient, true
	return nil
}

// CheckBody checks that body with its salt is what the message signed. Error:
// wire.ErrSignature.
func (m *Message) CheckBody(salt [SaltSize]byte, body []byte) error {
	if h := BodyHash(salt, body); subtle.ConstantTimeCompare(h[:], m.Header.BodyHash[:]) != 1 {
		return wire.ErrSignature.Because("body")
	}
	return nil
}
