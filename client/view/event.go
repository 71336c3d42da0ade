package view

import (
	"time"

	"zeroms/protocol/key"
)

// Event tells what changed. It is one of the structs of this file; events
// leave in the order of the turns that made them, after those turns are durable.
type Event interface{ event() }

// MessageAdded reports a message new in the history, own ones included.
type MessageAdded struct{ Message Message }

// MessageChanged reports a new state or place of a known message.
type MessageChanged struct{ Message Message }

// ContactChanged reports a new or changed contact, requests included.
type ContactChanged struct{ Contact Contact }

// GatewayChanged reports a home gateway that came, went or changed its state.
type GatewayChanged struct{ Gateway Gateway }

// GatewayRemoved reports a home gateway that is a home no more.
type GatewayRemoved struct{ Node key.NodePublic }

// ReadUpto reports that a contact has read our messages up to Seq.
type ReadUpto struct {
	Contact ContactID
	Seq     uint32
	At      time.Time
}

// GapChanged reports a range of a contact's messages that is missing, being
// asked for, filled, or lost.
type GapChanged struct{ Gap Gap }

// AddressChanged reports that the user's address was renewed; its zero value: that the
// one before works no more.
type AddressChanged struct{ Renewal Renewal }

// Lagged tells a subscriber that it was too slow and that events were dropped:
// what it shows must be read again.
type Lagged struct{}

func (MessageAdded) event()   {}
func (MessageChanged) event() {}
func (ContactChanged) event() {}
func (GatewayChanged) event() {}
func (GatewayRemoved) event() {}
func (ReadUpto) event()       {}
func (GapChanged) event()     {}
func (AddressChanged) event() {}
func (Lagged) event()         {}
