// Package view is a profile as it is shown: plain values, made from what is
// kept, for whoever draws or prints them.
package view

import (
	"time"

	"zeroms/client/profile"
	"zeroms/protocol/key"
	"zeroms/protocol/message"
	"zeroms/protocol/wire"
)

// ContactID is the local number of a contact and of the conversation with them.
type ContactID = uint64

// Contact is a person as others see them.
type Contact struct {
	ID   ContactID
	User key.IdentityPublic
	Name string
	// Alias is the name given here, Called what they call themselves; Name is made of
	// them.
	Alias, Called string
	State         profile.ContactState
	Verified      bool
	// Answered tells that they have replied at least once, so that their
	// mailbox can be used instead of the door of their card.
	Answered bool
	Added    time.Time
	Unread   int
	// Via is the card by which a stranger came; zeros: none of ours.
	Via key.CardID
	// Problem says why nothing can be sent at the moment, if so.
	Problem string
}

// OfContact is a contact as others see them; problem says why nothing can be
// sent, if so. That a device of theirs is frozen goes before everything else.
func OfContact(c *profile.Contact, frozen bool, problem string) Contact {
	if frozen {
		problem = new(message.ForkError).Error()
	}
	return Contact{
		ID: c.ID, User: c.User, Name: c.Name(), Alias: c.Alias, Called: c.Called, State: c.State, Verified: c.Verified,
		Answered: !c.Theirs.IsZero(), Added: c.Added, Unread: int(c.Unread), Via: c.Via, Problem: problem,
	}
}

// Message is one message of a conversation. Times are zero where unknown.
type Message struct {
	ID       message.ID
	Contact  ContactID
	Outgoing bool
	Kind     message.Kind
	// Text is the text of a text message.
	Text string
	// ReplyTo names the message that a text answers; zeros: none.
	ReplyTo message.Short
	// Unknown tells that a newer version is needed to show it.
	Unknown bool
	// Erased tells that its content was erased, here or by its sender.
	Erased bool
	Height uint32
	Seq    uint32
	Device key.DeviceID
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
	State                                          profile.MessageState
	Submitted, Custody, Until, DeliveredAt, ReadAt time.Time
	// Undelivered are the recipient's devices that did not take it in time.
	Undelivered []key.DeviceID
	// Holder is the gateway that has custody.
	Holder key.GatewayHash
	// Size is the envelope's size on the wire in bytes.
	Size int
	// Direct tells that a gateway was connected to for it that is no home, and so saw
	// where it came from.
	Direct bool
}

// Gateway is a home gateway and how it is doing.
type Gateway struct {
	Node    key.NodePublic
	Added   time.Time // when it became a home
	Address string    // without invitation
	Host    string    // host:port
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
	Faults      int    // proven against it (zms evidence export)
	// Draining is since when contacts are no longer sent there; Ends is when it stops
	// being a home. Zero: it receives.
	Draining, Ends time.Time
	// Published is how it stands with the user's address records.
	Published Published
	// Seen is what was measured of it.
	Seen Seen
	// Forwards tells that it carries sealed requests to other gateways, if it is up.
	Forwards bool
	// Held is how many own messages are in its custody, and Taken how many it took in
	// this run.
	Held, Taken int
}

// Seen is what this client has measured of a gateway.
type Seen struct {
	// Connect, Custody and Forward are how long connecting and login, a receipt and an
	// answer of another gateway took of late; zero: never measured.
	Connect, Custody, Forward time.Duration
	// Points sum it up: 100 is best, 0 is useless.
	Points int
}

// Published is how a home stands with the address records that it publishes.
type Published struct {
	Days    int // for how many days after today it has them all; -1: not even today's
	Missing int // how many it lacks
	// Holders is how many gateways hold today's, as far as the home has said; Stored
	// and Verified are when it stored it last, and when another gateway found it.
	Holders          int
	Stored, Verified time.Time
	Problem          string // why it lacks something
}

// Found is what a person has published.
type Found struct {
	Made   time.Time
	ListN  uint32 // of their device list
	Fork   bool   // it names another device list than the one known by that number
	Leases []Lease
}

// Lease is a gateway where somebody receives.
type Lease struct {
	Node key.NodePublic
	Host string // host:port
	Ends time.Time
}

// Card is a card that the user has given out.
type Card struct {
	ID      key.CardID
	Created time.Time
	Expires time.Time // zero: never
	Revoked bool
	// Public tells that it is meant for everybody: a first message costs work.
	Public bool
	// ByKey tells of a public card that its owner is found by the user ID alone.
	ByKey bool
	// Former tells that it shows an address of the user that was renewed since; Ends is
	// until when it works at the latest. Zero: it works no more.
	Former bool
	Ends   time.Time
	// Bare is the card's code without gateways, good as long as the network knows its
	// owner.
	Bare string
	// Text is the card's code, with the gateways of now; it is a secret that is
	// meant to be handed over. Empty if revoked or without a gateway.
	Text string
	// Given is how many people came by it who are still known here, requests and
	// blocked ones included.
	Given int
}

// Renewal is a renewal of the user's address, while the one before still works. Its
// zero value: there is none.
type Renewal struct {
	Since time.Time
	// Ends is when the one before works no more, at the latest.
	Ends time.Time
	// Untold is how many contacts have not acknowledged the new one.
	Untold int
}

// Address is by what the user is found: what a renewal changes, or has changed.
type Address struct {
	Renewal
	// Stopping are the cards that stop working.
	Stopping []Card
	// Contacts is how many contacts are told.
	Contacts int
	// Public tells that there is a public card, which still leads to the user.
	Public bool
	// Card is the new card, after a renewal.
	Card Card
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
	// Held is how many of these each gateway has.
	Held     map[key.GatewayHash]int
	Failed   int
	Gateways []Gateway
	Renewal  Renewal
	// SetBack tells that the profile is an older copy of itself and is not used
	// any more (zms rejoin).
	SetBack bool
	// Clock is what this computer's clock lacks, if gateways agree that it is wrong.
	Clock   time.Duration
	Repairs Repairs
	// Ignored counts envelopes that could not be opened since the start.
	Ignored uint64
}

// ReadBy adds to an own message whether its recipient has read it.
func (m Message) ReadBy(upto uint32, at time.Time) Message {
	if m.Outgoing && m.State == profile.Delivered && m.Seq <= upto {
		m.State, m.ReadAt = profile.Read, at
	}
	return m
}

// Describe is a message as others see it. An own one is read if its recipient
// said so.
func Describe(m *profile.Message) Message {
	out := Message{
		ID: m.ID, Contact: m.Contact, Outgoing: m.Outgoing, Kind: m.Kind, Height: m.Height, Seq: m.Seq,
		Device: m.Device, Written: m.Written, Received: m.At, Gateway: m.Gateway, Late: m.Late,
	}
	if out.Erased = m.Erased(); !out.Erased {
		describeBody(&out, m)
	}
	if !m.Outgoing {
		return out
	}
	for _, t := range m.Targets {
		if t.State == profile.NotDelivered {
			out.Undelivered = append(out.Undelivered, t.Device)
		}
	}
	out.State, out.Direct = profile.Queued, len(m.Direct) > 0
	if t := m.Slowest(); t != nil {
		out.State, out.Holder, out.Size = t.State, t.Holder, int(t.Size)
		out.Submitted, out.Custody, out.Until, out.DeliveredAt = Moment(t.Submitted), Moment(t.Custody), Moment(t.Until), Moment(t.Delivered)
	}
	return out
}

func describeBody(out *Message, m *profile.Message) {
	body, err := message.ParseBody(m.Kind, m.Body)
	switch b := body.(type) {
	case *message.Text:
		out.Text, out.ReplyTo = b.Text, b.ReplyTo
	case *message.Unknown:
		out.Unknown = true
	}
	out.Unknown = out.Unknown || err != nil
}

// Moment is a time of a target, ms; zero if it did not come yet.
func Moment(ms uint64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return wire.Time(ms)
}
