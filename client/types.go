package client

import (
	"zeroms/client/profile"
	"zeroms/client/view"
	"zeroms/protocol/message"
)

// What the engine shows is described in package view.
type (
	// ContactID is the local number of a contact and of the conversation with them.
	ContactID = view.ContactID
	// Contact is a person as others see them.
	Contact = view.Contact
	// ContactState tells what a contact may do.
	ContactState = profile.ContactState
	// Message is one message of a conversation.
	Message = view.Message
	// MessageID is the id of a signed message, the same at both ends.
	MessageID = message.ID
	// MessageState is how far an own message has come.
	MessageState = profile.MessageState
	// Found is what a person has published in the network.
	Found = view.Found
	// Gateway is a home gateway and how it is doing.
	Gateway = view.Gateway
	// Card is a card that the user has given out.
	Card = view.Card
	// Renewal is a renewal of the user's address, while the one before still works.
	Renewal = view.Renewal
	// Address is by what the user is found, and what a renewal changes.
	Address = view.Address
	// Repairs counts what was done about losses.
	Repairs = view.Repairs
	// Details is a message with everything that is known of its way and its proof.
	Details = view.Details
	// Way is an own message on its way to one device.
	Way = view.Way
	// Agreement tells how far two people are known to have the same transcript.
	Agreement = view.Agreement
	// Gap is messages of a contact that are missing, or were.
	Gap = view.Gap
	// GapState tells what is being done about missing messages.
	GapState = view.GapState
	// Status sums up a profile.
	Status = view.Status
)

// The states of a contact and of an own message.
const (
	Requested = profile.Requested
	Accepted  = profile.Accepted
	Blocked   = profile.Blocked
	Removed   = profile.Removed

	Queued    = profile.Queued
	InCustody = profile.InCustody
	Delivered = profile.Delivered
	Read      = profile.Read
	Failed    = profile.Failed
	// NotDelivered: some device did not take it in time.
	NotDelivered = profile.NotDelivered
)

// The states of a gap.
const (
	GapNoticed = view.GapNoticed
	GapAsking  = view.GapAsking
	GapLater   = view.GapLater
	GapFilled  = view.GapFilled
	GapGone    = view.GapGone
	GapProven  = view.GapProven
)
