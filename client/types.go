package client

import (
	"time"

	"zeroms/client/profile"
	"zeroms/protocol/key"
	"zeroms/protocol/message"
)

// ContactID is the local number of a contact and of the conversation with them.
type ContactID = uint64

// ContactState tells what a contact may do.
type ContactState = profile.ContactState

// The states of a contact.
const (
	Requested = profile.Requested
	Accepted  = profile.Accepted
	Blocked   = profile.Blocked
)

// Contact is a person as others see them.
type Contact struct {
	ID       ContactID
	User     key.IdentityPublic
	Name     string
	State    ContactState
	Verified bool
	// Answered tells that they have replied at least once, so that their
	// mailbox can be used instead of the door of their card.
	Answered bool
	Added    time.Time
	Unread   int
	// Problem says why nothing can be sent at the moment, if so.
	Problem string
}

// MessageID is the id of a signed message, the same at both ends.
type MessageID = message.ID

// MessageState is how far an own message has come; each is true when shown.
type MessageState = profile.MessageState

// The states of an own message.
const (
	Queued    = profile.Queued
	InCustody = profile.InCustody
	Delivered = profile.Delivered
	Read      = profile.Read
	Failed    = profile.Failed
)

// Message is one message of a conversation. Times are zero where unknown.
type Message struct {
	ID       MessageID
	Contact  ContactID
	Outgoing bool
	Kind     message.Kind
	// Text is the text of a text message.
	Text string
	// ReplyTo names the message that a text answers; zeros: none.
	ReplyTo message.Short
	// Unknown tells that a newer version is needed to show it.
	Unknown bool
	Height  uint32
	Seq     uint32
	Device  key.DeviceID
	// Written is the sender's clock; order never depends on it.
	Written time.Time
	// Received is when it came in here (incoming), or was written (outgoing).
	Received time.Time
	// Gateway is when the own gateway took it in (incoming).
	Gateway time.Time
	// Late tells that it came in after messages that follow it.
	Late bool
	// State, Submitted, Custody, Until, DeliveredAt and ReadAt belong to
	// outgoing messages; with several devices they tell of the slowest.
	State                                          MessageState
	Submitted, Custody, Until, DeliveredAt, ReadAt time.Time
	// Holder is the gateway that has custody.
	Holder key.GatewayHash
	// Size is the envelope's size on the wire in bytes.
	Size int
}

// Gateway is a home gateway and how it is doing.
type Gateway struct {
	Node    key.NodePublic
	Address string // without invitation
	Host    string // host:port
	Up      bool
	Since   time.Time     // of the present state
	Took    time.Duration // connecting and login
	Retry   time.Time
	// Problem says why it is not up, in a sentence that says what to do.
	Problem     string
	Used, Quota uint64
	Retention   time.Duration
	Position    uint64 // rows of its log processed
	Current     bool   // everything that it said to hold has come in
	Drops       int    // contacts registered there
}

// Card is a card that the user has given out.
type Card struct {
	ID      key.CardID
	Created time.Time
	Expires time.Time // zero: never
	Revoked bool
	// Text is the card's code, with the gateways of now; it is a secret that is
	// meant to be handed over. Empty if revoked or without a gateway.
	Text string
}

// Status sums up a profile.
type Status struct {
	User     key.IdentityPublic
	Name     string
	Device   key.DeviceID
	Contacts int
	Requests int
	Waiting  int // messages not in custody
	Pending  int // requests to gateways that have no answer yet
	Custody  int // in custody, not acknowledged
	Failed   int
	Gateways []Gateway
	// Ignored counts envelopes that could not be opened since the start.
	Ignored uint64
}

// readBy adds to an own message whether its recipient has read it.
func (m Message) readBy(upto uint32, at time.Time) Message {
	if m.Outgoing && m.State == Delivered && m.Seq <= upto {
		m.State, m.ReadAt = Read, at
	}
	return m
}
