package client

import (
	"zeroms/client/feed"
	"zeroms/client/view"
)

// What the engine tells is described in package view.
type (
	// Event tells what changed; it is one of the following.
	Event = view.Event
	// MessageAdded reports a message new in the history, own ones included.
	MessageAdded = view.MessageAdded
	// MessageChanged reports a new state or place of a known message.
	MessageChanged = view.MessageChanged
	// ContactChanged reports a new or changed contact, requests included.
	ContactChanged = view.ContactChanged
	// GatewayChanged reports a home gateway that came, went or changed its state.
	GatewayChanged = view.GatewayChanged
	// GatewayRemoved reports a home gateway that is a home no more.
	GatewayRemoved = view.GatewayRemoved
	// ReadUpto reports that a contact has read our messages up to Seq.
	ReadUpto = view.ReadUpto
	// GapChanged reports messages that are missing, asked for, filled or lost.
	GapChanged = view.GapChanged
	// AddressChanged reports that the user's address was renewed, or the one before ended.
	AddressChanged = view.AddressChanged
	// Lagged tells a subscriber that it was too slow: what it shows must be read again.
	Lagged = view.Lagged
)

// Subscription receives events on C, which is closed when the client stops. A
// subscriber that is too slow loses what waits for it and gets Lagged instead.
type Subscription = feed.Subscription[Event]

// Subscribe starts receiving events. The caller must keep reading or Close.
func (c *Client) Subscribe() *Subscription { return c.events.Subscribe() }
