package view

import (
	"time"

	"zeroms/client/profile"
	"zeroms/protocol/key"
)

// GapState tells what is being done about missing messages.
type GapState uint8

// The states of a gap.
const (
	// GapNoticed: they may still come by themselves.
	GapNoticed GapState = 1
	// GapAsking: the sender was asked for them.
	GapAsking GapState = 2
	// GapLater: the sender will bring them later.
	GapLater GapState = 3
	// GapFilled: they came.
	GapFilled GapState = 4
	// GapGone: the sender no longer has them.
	GapGone GapState = 5
	// GapProven: a gateway took them and lost them, and there is proof
	// (zms evidence export).
	GapProven GapState = 6
)

// String is the state's name.
func (s GapState) String() string {
	names := [...]string{"", "noticed", "asking", "later", "filled", "gone", "lost-with-proof"}
	if int(s) < len(names) {
		return names[s]
	}
	return ""
}

// Gap is a range of messages of one device of a contact that are missing, or were.
type Gap struct {
	Contact  ContactID
	Device   key.DeviceID
	From, To uint32 // seq
	State    GapState
	// Height is where the gap stands in the display order: below every message
	// of a greater height.
	Height uint32
	// Since is when it was noticed; Asked counts the requests, AskedAt is the
	// newest of them; Until is, in GapLater, when it goes on.
	Since, AskedAt, Until time.Time
	Asked                 int
	// Filled is, in GapFilled, when the last of them came.
	Filled time.Time
	// Gateway is, in GapProven, the one that is convicted of losing them; else zeros.
	Gateway key.NodePublic
}

// Count is the number of messages.
func (g Gap) Count() int { return int(g.To-g.From) + 1 }

// Repairs counts what repair has done since the profile was created.
type Repairs struct {
	Missing   int    // messages missing now
	Found     uint64 // messages found missing after the grace
	Asked     uint64 // NACKs sent
	Filled    uint64 // missing messages that came
	Gone      uint64 // that nobody has any more
	Answered  uint64 // messages sent again because somebody asked
	Postponed uint64 // messages put off because of the budget
	Resyncs   uint64 // new sessions because a ratchet was lost
	// Undelivered counts own messages given up for some device.
	Undelivered int
}

// Add adds what was done in one conversation.
func (r *Repairs) Add(c *profile.Repair) {
	r.Found += c.Found
	r.Asked += c.Asked
	r.Filled += c.Filled
	r.Gone += c.Gone
	r.Answered += c.Answered
	r.Postponed += c.Postponed
	r.Resyncs += c.Resyncs
	r.Undelivered += int(c.Undelivered)
}

// TopHeight is above every message.
const TopHeight = 1<<32 - 1
