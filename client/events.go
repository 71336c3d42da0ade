package client

import (
	"time"

	"zeroms/client/feed"
	"zeroms/protocol/key"
)

// Event tells what changed. It is one of MessageAdded, MessageChanged,
// ContactChanged,
// GatewayChanged, GatewayRemoved, ReadUpto and Lagged; events leave in the order of the
// turns that made them, after those turns are durable.
type Event interface{ clientEvent() }

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

// Lagged tells a subscriber that it was too slow and that events were dropped:
// what it shows must be read again.
type Lagged struct{}

func (MessageAdded) clientEvent()   {}
func (MessageChanged) clientEvent() {}
func (ContactChanged) clientEvent() {}
func (GatewayChanged) clientEvent() {}
func (GatewayRemoved) clientEvent() {}
func (ReadUpto) clientEvent()       {}
func (Lagged) clientEvent()         {}

// Subscription receives events on C, which is closed when the client stops. A
// subscriber that is too slow loses what waits for it and gets Lagged instead.
type Subscription = feed.Subscription[Event]

// Subscribe starts receiving events. The caller must keep reading or Close.
func (c *Client) Subscribe() *Subscription { return c.events.Subscribe() }
