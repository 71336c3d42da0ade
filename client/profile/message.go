package profile

import (
	"crypto/sha256"
	"slices"
	"time"

	"zeroms/protocol/key"
	"zeroms/protocol/message"
	"zeroms/protocol/wire"
)

// MessageState is how far an own message has come; each is true when shown.
type MessageState uint8

// The states of an own message.
const (
	Queued    MessageState = 1 // durable here
	InCustody MessageState = 2 // a gateway signed for it
	Delivered MessageState = 3 // every device of the recipient has it
	Read      MessageState = 4 // the recipient has read it
	Failed    MessageState = 5 // refused for good
	// NotDelivered: some device did not take it within the time that messages
	// are kept for repair.
	NotDelivered MessageState = 6
)

// String is the state's word in output.
func (s MessageState) String() string {
	switch s {
	case Queued:
		return "queued"
	case InCustody:
		return "custody"
	case Delivered:
		return "delivered"
	case Read:
		return "read"
	case Failed:
		return "failed"
	case NotDelivered:
		return "not-delivered"
	}
	return "unknown"
}

// Message is one chained message of a conversation.
type Message struct {
	// From the signed header.
	ID      message.ID
	Seq     uint32
	Kind    message.Kind
	Device  key.DeviceID
	Written time.Time // the sender's clock
	// From the row.
	Contact  uint64
	Height   uint32
	Outgoing bool
	Conv     message.ConvID
	User     key.IdentityPublic // the sender
	Signed   []byte
	Salt     [message.SaltSize]byte
	Body     []byte
	At       time.Time // received, or written here
	Gateway  time.Time // taken in by the own gateway (incoming)
	Late     bool
	Targets  []Target
	// Direct are the devices for which a gateway that is no home was connected to.
	Direct []key.DeviceID
}

// Target is how far a message has come towards one device.
type Target struct {
	_         struct{} `cbor:",toarray"`
	Device    key.DeviceID
	State     MessageState
	Holder    key.GatewayHash
	Submitted uint64 // ms, like the times below
	Custody   uint64
	Until     uint64
	Delivered uint64
	Size      uint32 // of the envelope in bytes
	Receipt   []byte // the newest gateway's custody.Proof; empty: none
	Gone      bool   // the device was told that the message no longer exists
}

type messageRecord struct {
	Version  uint8                  `cbor:"1,keyasint"`
	Outgoing bool                   `cbor:"2,keyasint"`
	Signed   []byte                 `cbor:"3,keyasint"`
	Salt     [message.SaltSize]byte `cbor:"4,keyasint"`
	Body     []byte                 `cbor:"5,keyasint"`
	At       uint64                 `cbor:"6,keyasint"`
	Gateway  uint64                 `cbor:"7,keyasint"`
	Late     bool                   `cbor:"8,keyasint"`
	Targets  []Target               `cbor:"9,keyasint"`
	User     key.IdentityPublic     `cbor:"10,keyasint"`
	Direct   []key.DeviceID         `cbor:"11,keyasint,omitempty"`
}

// Content is what a signed header leaves out.
type Content struct {
	User key.IdentityPublic // the sender
	Salt [message.SaltSize]byte
	Body []byte
}

// NewMessage is the message with this signed header and the content that it signed.
func NewMessage(m *message.Message, c Content) *Message {
	h := m.Header
	return &Message{
		Conv: h.Conv, User: c.User, ID: m.ID, Seq: h.Seq, Kind: h.Kind, Device: h.Device, Written: wire.Time(h.Time),
		Signed: m.Encode(), Salt: c.Salt, Body: c.Body,
	}
}

// MessageKey is the key of a message's row: the first half of its id, by which
// other messages name it.
func MessageKey(id message.ID) []byte { return id[:16] }

// ChainKey is a message's place in the chain of a device, by which its row is
// found too: 32 bytes.
func ChainKey(conv message.ConvID, p message.Party, seq uint32) []byte {
	h := sha256.Sum256(key.Join(conv[:], p.User[:], p.Device[:], wire.Uint32(seq)))
	return h[:]
}

// Row is the message's row.
func (m *Message) Row() Row {
	r := messageRecord{
		Version: version, Outgoing: m.Outgoing, Signed: m.Signed, Salt: m.Salt, Body: m.Body,
		At: wire.Millis(m.At), Late: m.Late, Targets: m.Targets, User: m.User, Direct: m.Direct,
	}
	if !m.Gateway.IsZero() {
		r.Gateway = wire.Millis(m.Gateway)
	}
	return Row{
		Table: TableMessage, Key: MessageKey(m.ID), Alias: ChainKey(m.Conv, message.Party{User: m.User, Device: m.Device}, m.Seq), Conv: m.Contact, Height: m.Height,
		Flags: uint32(m.Kind), Data: wire.Marshal(r),
	}
}

// ParseMessage reads a message's row.
func ParseMessage(row Row) (*Message, error) {
	var r messageRecord
	if err := parse(row.Data, &r, &r.Version); err != nil {
		return nil, err
	}
	signed, err := message.Parse(r.Signed)
	if err != nil {
		return nil, err
	}
	m := NewMessage(signed, Content{r.User, r.Salt, r.Body})
	m.Contact, m.Height, m.Outgoing = row.Conv, row.Height, r.Outgoing
	m.At, m.Late, m.Targets, m.Direct = wire.Time(r.At), r.Late, r.Targets, r.Direct
	if r.Gateway > 0 {
		m.Gateway = wire.Time(r.Gateway)
	}
	return m, nil
}

// Target is the message's progress towards a device.
func (m *Message) Target(id key.DeviceID) *Target {
	for n := range m.Targets {
		if m.Targets[n].Device == id {
			return &m.Targets[n]
		}
	}
	m.Targets = append(m.Targets, Target{Device: id, State: Queued})
	return &m.Targets[len(m.Targets)-1]
}

// Drop forgets a device that the message no longer goes to.
func (m *Message) Drop(id key.DeviceID) {
	m.Targets = slices.DeleteFunc(m.Targets, func(t Target) bool { return t.Device == id })
}

// Slowest is the progress of the device that is furthest behind, nil without any.
func (m *Message) Slowest() *Target {
	var slowest *Target
	for n := range m.Targets {
		t := &m.Targets[n]
		if slowest == nil || rank(t.State) < rank(slowest.State) {
			slowest = t
		}
	}
	return slowest
}

// rank orders states by how much they are a reason to worry.
func rank(s MessageState) int {
	switch s {
	case Failed:
		return -2
	case NotDelivered:
		return -1
	}
	return int(s)
}

// Erased reports whether only the signed header is left: the content was erased
// here, or by the sender before it came.
func (m *Message) Erased() bool { return len(m.Body) == 0 }

// Erase forgets the content; the chain still verifies without it.
func (m *Message) Erase() { m.Salt, m.Body = [message.SaltSize]byte{}, nil }

// Shown reports whether the message is a line of the conversation and not one
// of the kinds that only change something.
func (m *Message) Shown() bool { return Shown(m.Kind) }

// Shown reports whether messages of a kind are lines of a conversation.
func Shown(k message.Kind) bool {
	switch k {
	case message.KindRead, message.KindProfile, message.KindDrops, message.KindTimer:
		return false
	}
	return true
}
