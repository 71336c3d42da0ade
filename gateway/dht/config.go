package dht

import (
	cryptorand "crypto/rand"
	"math/rand/v2"
	"net/netip"
	"time"

	"zeroms/gateway/dht/contact"
	"zeroms/gateway/dht/shelf"
	"zeroms/gateway/dht/table"
	"zeroms/protocol/address"
	"zeroms/protocol/key"
	"zeroms/protocol/wire"
)

// Numbers of the network, the same at every gateway (docs/protocol/dht.md,
// "Numbers", with the reason of each).
const (
	Width       = 20 // contacts in an answer and in a bucket, holders of a record
	Siblings    = 40 // nearest contacts that are kept whatever their buckets hold
	RegionSize  = 40 // gateways that a region has, as the size estimate goes
	RegionCells = 8  // parts of a region, each searched on a path of its own
	CellHolders = 5  // holders in each cell of a record that is stored in region mode

	GetPaths   = 4 // disjoint paths of a first get
	StorePaths = 8 // of a store, a search for nodes and every retry
	MaxTries   = 3 // of a get

	// EarlyHolders is how many acknowledgements a store waits for at most.
	EarlyHolders = 12
	// Confirmations is how many peers have to reach a gateway before it serves.
	Confirmations = 3
)

// Algorithm chooses between ours and the one that it is measured against.
type Algorithm uint8

// The algorithms.
const (
	Ours    Algorithm = iota
	Classic           // Kademlia of 2002: k = 8, alpha = 3, one path, one try
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

// Timing is every interval of a Node. A zero field switches its work off.
type Timing struct {
	// Request is when a request counts as lost; Lookup bounds one try of a get, or
	// the search of a store.
	Request, Lookup time.Duration
	// HedgeMin and HedgeMax bound the wait before another contact is asked as well.
	HedgeMin, HedgeMax time.Duration
	// Seen is for how long a contact is handed out after it was heard from.
	Seen time.Duration
	// Young and Healthy are the time between two checks of contacts, while the table
	// is young and afterwards.
	Young, Healthy time.Duration
	// Introduce is the time between two first requests to contacts that would have a
	// place in the table.
	Introduce time.Duration
	// Walk is the time between two lookups in far buckets, Self between two of the
	// own place.
	Walk, Self time.Duration
	// Stage is how long a store waits for its first acknowledgements before the
	// remaining paths start.
	Stage time.Duration
	// Reach is for how long a proof of being reachable counts; zero: none is needed.
	// ReachRetry is when a gateway that nobody reached tries again.
	Reach, ReachRetry time.Duration
	// Repair is the time between two looks at what other holders should get.
	Repair time.Duration
}

// Default is the timing of gateways.
func (Timing) Default() Timing {
	return Timing{
		Request: 4 * time.Second, Lookup: 15 * time.Second,
		HedgeMin: 50 * time.Millisecond, HedgeMax: time.Second,
		Seen: 15 * time.Minute, Young: 5 * time.Second, Healthy: 30 * time.Second,
		Introduce: 500 * time.Millisecond, Walk: 10 * time.Minute, Self: time.Hour,
		Stage: 500 * time.Millisecond, Reach: time.Hour, ReachRetry: 10 * time.Minute,
		Repair: 10 * time.Second,
	}
}

// Limits bound what others can make a Node do, and what it does at once.
type Limits struct {
	// PeerRate and PeerBurst are requests of one gateway a second and at once,
	// SourceRate and SourceBurst those of one group of addresses.
	PeerRate, PeerBurst, SourceRate, SourceBurst int
	// Lookups run at once; Queue more wait.
	Lookups, Queue int
	// Asks are in flight at once in a Service.
	Asks int
	// Checks of puzzles a second.
	Checks int
}

// Default is the limits of gateways.
func (Limits) Default() Limits {
	return Limits{
		PeerRate: 50, PeerBurst: 200, SourceRate: 100, SourceBurst: 400,
		Lookups: 128, Queue: 1024, Asks: 512, Checks: 20,
	}
}

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

// Get asks for a record.
type Get struct {
	// Name and Day are those of an address record. Name zero: the record at Place.
	Name [32]byte
	Day  uint32
	// Place is where a descriptor is.
	Place key.NodeID
	// Fresh collects several copies and takes the newest.
	Fresh bool
	// Wide starts as a retry does: eight paths, the region, the second position.
	Wide bool
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
	// Err is set if nothing could be stored at all: wire.ErrUnreachable, ErrBusy,
	// ErrOlder if a newer record is known, or what is wrong with an item.
	Err error
	// Final says that nothing more will happen.
	Final bool
	// Contacts is how many gateways were asked anything, ToFour how many until the
	// first item had four holders (0: it has not), Messages how many requests it took.
	Contacts, ToFour, Messages int
	// Region says that the whole region was stored in.
	Region bool
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

// policy is what Algorithm changes.
type policy struct {
	table              table.Shape
	width, holders     int
	getPaths, putPaths int
	start              int // paths that start at once
	parallel           int // requests in flight on one path
	tries              int
	hedge              bool
}

func (a Algorithm) policy() policy {
	if a == Classic {
		return policy{
			table: table.Shape{K: 8, Replacements: 8}, width: 8, holders: 8,
			getPaths: 1, putPaths: 1, start: 1, parallel: 3, tries: 1,
		}
	}
	return policy{
		table: table.Shape{
			K: Width, Siblings: Siblings, Replacements: 8, SubPrefixes: 4,
			BucketNear: 2, TableNear: 10, TableFar: 20,
		},
		width: Width, holders: Width,
		getPaths: GetPaths, putPaths: StorePaths, start: 2, parallel: 1, tries: MaxTries, hedge: true,
	}
}

// newRand is a generator that nobody can foresee.
func newRand() *rand.Rand {
	var seed [32]byte
	cryptorand.Read(seed[:])
	return rand.New(rand.NewChaCha8(seed))
}
