package dht

import (
	"math/rand/v2"
	"net/netip"
	"time"

	"zeroms/gateway/dht/contact"
	"zeroms/gateway/dht/query"
	"zeroms/gateway/dht/settings"
	"zeroms/gateway/dht/shelf"
	"zeroms/protocol/address"
	"zeroms/protocol/key"
	"zeroms/protocol/wire"
)

// Numbers of the network that others count with (settings has all of them).
const (
	Width      = settings.Width
	Siblings   = settings.Siblings
	RegionSize = settings.RegionSize
)

// Algorithm chooses between ours and the one that it is measured against.
type Algorithm = settings.Algorithm

// The algorithms.
const (
	Ours    = settings.Ours
	Classic = settings.Classic
)

// Config is what a Node is made of. Only Self and Params have to be set.
type Config struct {
	// Self is the own contact; X solves the puzzle. Without an address the node asks
	// and never serves.
	Self wire.Contact
	// Params are the network's.
	Params address.Parameters
	// Timing is every interval; its zero value stands for Default.
	Timing Timing
	// Limits bound what others can make the node do; the zero value stands for Default.
	Limits Limits
	// Rand draws whatever is drawn; nil: a generator with a seed from crypto/rand.
	Rand *rand.Rand
	// Check is what a holder checks of a record; nil: address.CheckItem.
	Check func(item wire.StoreItem, now time.Time) (address.Item, error)
	// CheckValue is what is checked of a record found; nil: address.CheckValue.
	CheckValue func(b []byte, place key.NodeID, now time.Time) (address.Item, error)
	// Solved is the puzzle check; nil: address.Solved with the network's difficulty.
	// It is asked only in networks with a puzzle, and once for a place.
	Solved func(key.NodeID) bool
	// Shelf holds the records of others; nil: one with its defaults.
	Shelf *shelf.Shelf
	// Book interns contacts; nil: a small one. Nodes of one process may share one.
	Book *contact.Book
	// Algorithm is Ours but in comparisons.
	Algorithm Algorithm
}

// Timing is every interval of a Node.
type Timing = settings.Timing

// Limits bound what others can make a Node do, and what it does at once.
type Limits = settings.Limits

// Caller is a gateway that asks: its handshake proved the key of Contact.
type Caller struct {
	// Contact is its own; the address is only claimed.
	Contact wire.Contact
	// Source is the IP address that it comes from. If it is not valid, or not that of
	// Contact, the address stays a claim and is never connected to.
	Source netip.Addr
}

// Ask is a request to send. Its answer, or why there is none, goes to Answered.
type Ask struct {
	ID      uint64
	To      wire.Contact
	Payload wire.Payload
}

// What is asked, and what comes of it.
type (
	// Get asks for a record.
	Get = query.Get
	// Got is what a Get brought.
	Got = query.Got
	// Put asks to store records.
	Put = query.Put
	// Stored is how far a Put came.
	Stored = query.Stored
	// Found is what a search for gateways brought.
	Found = query.Found
	// Stats is a Node's state in numbers.
	Stats = query.Stats
)
