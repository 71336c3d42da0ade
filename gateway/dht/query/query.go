// Package query is what is asked of a gateway's part in the gateway network, and
// what comes of it: plain values (docs/protocol/dht.md).
package query

import (
	"errors"
	"slices"

	"zeroms/gateway/dht/shelf"
	"zeroms/protocol/address"
	"zeroms/protocol/key"
	"zeroms/protocol/wire"
)

// Get asks for a record.
type Get struct {
	// Name and Day are those of an address record. Name zero: the record at Place.
	Name [32]byte
	Day  uint32
	// Place is where a descriptor is.
	Place key.NodeID
	// Fresh collects several copies and takes the newest.
	Fresh bool
}

// Got is what a Get brought.
type Got struct {
	// Item is the record, checked, if Err is nil.
	Item address.Item
	// Err is wire.ErrNoRecord, ErrUnreachable if no gateway answered at all, or
	// ErrBusy if too many lookups wait.
	Err error
	// Tries is how often it was looked for, Messages how many requests that took, and
	// Contacted to how many gateways.
	Tries, Messages, Contacted int
	// Rounds is how many gateways one after another led to the record: 1 for a
	// contact of the own table, 0 for the own shelf.
	Rounds int
	// Region says that the whole region was searched.
	Region bool
}

// Put asks to store records in the network.
type Put struct {
	// Items have the index 0. A missing stamp is made.
	Items []wire.StoreItem
	// Wide stores in the whole region, and at the second position too.
	Wide bool
}

// Stored is the state of a Put.
type Stored struct {
	// Holders is how many gateways hold each of the items, in either position.
	Holders []int
	// Err is set if nothing could be stored at all: wire.ErrUnreachable if nobody
	// answered, ErrBusy, ErrQuota if nobody took it, ErrOlder if a newer record is
	// known, or what is wrong with an item.
	Err error
	// Refused is how many times a gateway said that it does not hold an item: then
	// the network was asked, and Err is what it said.
	Refused int
	// Final says that nothing more will happen.
	Final bool
	// Contacts is how many gateways were asked anything, ToFour how many until the
	// first item had four holders (0: it has not), Messages how many requests it took.
	Contacts, ToFour, Messages int
	// Region says that the whole region was stored in.
	Region bool
}

// Settle says in Err, at the end, why nobody holds any of the items; outdone: somebody
// holds a newer one of them.
func (s *Stored) Settle(outdone bool) {
	switch {
	case !s.Final || slices.ContainsFunc(s.Holders, func(n int) bool { return n > 0 }):
	case outdone:
		s.Err = wire.ErrOlder
	case s.Refused > 0:
		s.Err = wire.ErrQuota.Because("nobody took it")
	default:
		s.Err = wire.ErrUnreachable
	}
}

// Found is what a search for gateways brought.
type Found struct {
	// Peers are the nearest that answered, at most Width, nearest first.
	Peers []wire.Contact
	// Messages, Contacted and Rounds are as in Got.
	Messages, Contacted, Rounds int
}

// Stats is a Node's state in numbers.
type Stats struct {
	// Table is the contacts in the table: of them Siblings; Fresh were heard from
	// lately, Stale did not answer last. Buckets have at least one; Replacements wait.
	Table, Siblings, Buckets, Replacements, Fresh, Stale int
	// Lookups run, Waiting ones wait.
	Lookups, Waiting int
	// Size is the estimate of how many gateways the network has.
	Size float64
	// Cut says that the node is cut off: it knows nobody, or nobody answers.
	Cut bool
	// Serving says that the node answers others, as Confirmed of them reached it.
	Serving   bool
	Confirmed int
	// Suspicious says that the last store or get found too many gateways at one place.
	Suspicious bool
	// Shelf is what is held for others.
	Shelf shelf.Stats
	// Since the start: requests sent, answered and failed; requests served and
	// refused; gets, and those that found something; stores; places that looked
	// crowded; answers that broke the rules; puzzles checked.
	Asked, Answered, Failed, Served, Refused, Gets, Hits, Puts, Suspicions, BadAnswers, PuzzleChecks uint64
}

// CodeOf is the code of an error as answers say it; 0: there is none.
func CodeOf(err error) wire.Code {
	var known *wire.Error
	switch {
	case err == nil:
		return 0
	case errors.As(err, &known):
		return known.Code
	}
	return wire.CodeUnavailable
}
