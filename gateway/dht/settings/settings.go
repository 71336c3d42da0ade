// Package settings is the intervals and bounds of a gateway's part in the gateway
// network (docs/protocol/dht.md, "Numbers").
package settings

import (
	"time"

	"zeroms/gateway/dht/table"
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
)

// Algorithm chooses between ours and the one that it is measured against.
type Algorithm uint8

// The algorithms.
const (
	Ours    Algorithm = iota
	Classic           // Kademlia of 2002: k = 8, alpha = 3, one path, one try
)

// Policy is what Algorithm changes.
type Policy struct {
	// Table is the shape of the routing table.
	Table table.Shape
	// Width is contacts in an answer, Holders those of a record.
	Width, Holders int
	// GetPaths are those of a first get, of which Start begin at once, PutPaths those
	// of every other search; Parallel is requests in flight on one.
	GetPaths, PutPaths, Start, Parallel int
	// Tries of a get; with one nothing else is tried either where a search is disturbed.
	Tries int
	// Hedge asks another gateway where one is slow.
	Hedge bool
}

// Policy is an algorithm's numbers.
func (a Algorithm) Policy() Policy {
	if a == Classic {
		return Policy{
			Table: table.Shape{K: 8, Replacements: 8}, Width: 8, Holders: 8,
			GetPaths: 1, PutPaths: 1, Start: 1, Parallel: 3, Tries: 1,
		}
	}
	return Policy{
		Table: table.Shape{
			K: Width, Siblings: Siblings, Replacements: 8, SubPrefixes: 4,
			BucketNear: 2, TableNear: 10, TableFar: 20,
		},
		Width: Width, Holders: Width,
		GetPaths: GetPaths, PutPaths: StorePaths, Start: 2, Parallel: 1, Tries: MaxTries, Hedge: true,
	}
}

// Timing is every interval of a Node. A zero field switches its work off.
type Timing struct {
	// Request is when a request counts as lost; Lookup bounds one try of a get, or
	// the search of a store.
	Request, Lookup time.Duration
	// HedgeMin and HedgeMax bound the wait before another contact is asked as well.
	HedgeMin, HedgeMax time.Duration
	// Idle is after which time without traffic a link is closed: the next request opens
	// it first. Whoever has the links says it; the default is theirs.
	Idle time.Duration
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
		HedgeMin: 50 * time.Millisecond, HedgeMax: time.Second, Idle: 20 * time.Second,
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
