// Package records is what a gateway keeps of its mailboxes, as plain structs: the
// language between package mailbox and its Store. It decides nothing.
package records

import (
	"time"

	"zeroms/gateway/mailbox/ledger"
	"zeroms/protocol/key"
	"zeroms/protocol/wire"
)

// Account is the durable state of one account.
type Account struct {
	Key key.MailboxPublic
	// Head is the newest row, Floor the newest one whose payload is no longer
	// owed to anybody, Oldest the one before the oldest row still kept.
	Head, Floor, Oldest ledger.Mark
	// Logins holds enrolled login keys, and removed ones for RemovedKept.
	Logins []Login
	// Counts are what it has registered.
	Counts
	// Quota is what may wait for this account, in bytes, if the operator gave it one
	// of its own; 0: what all have.
	Quota uint64
	// Closed accounts take nothing any more.
	Closed bool
}

// Counts are what an account has registered: Drops, Doors and Profiles are live
// ones, Deleted the deleted drops and doors that are kept, Unnamed the deleted
// profiles.
type Counts struct{ Drops, Doors, Deleted, Profiles, Unnamed int }

// Profile counts a profile n times, as live or deleted.
func (c *Counts) Profile(p *Profile, n int) {
	if len(p.Blob) > 0 {
		c.Profiles += n
	} else {
		c.Unnamed += n
	}
}

// Login is an enrolled login key with its cursor.
type Login struct {
	Key    key.LoginPublic
	Cursor key.CursorID
	// Acked is the newest acknowledged row, Sig its signature over
	// wire.AckTranscript; nil at the place where the cursor began.
	Acked ledger.Mark
	Sig   []byte
	// Enrolled is the Time of the newest object that enrolled the key, in ms; 0:
	// it is removed.
	Enrolled uint64
	// Removed is the time up to which objects about the key count no more because
	// it was removed, in ms; 0: never removed.
	Removed uint64
	// From is the position of the row that enrolled the key.
	From wire.Position
}

// RemovedKept is how long after Login.Removed a removed login key is remembered,
// and a profile's name after it was deleted: longer than any enrolment object or
// claim that could bring it back is accepted.
const RemovedKept = 2 * wire.ClockTolerance

// Drop is the durable state of a drop or front door.
type Drop struct {
	ID         key.DropID
	Account    key.AccountTag
	Capability key.Capability
	// Start is the position of the registration row, from which D_0 follows.
	Start wire.Position
	// K and Head are the drop's counter and D_K; zeros for doors.
	K    uint32
	Head [32]byte
	// Door is set for front doors; Number is then the claim's, and Bits the work
	// that a public one asks for.
	Door   bool
	Number uint64
	Bits   uint8
	// Deleted is when intake ended, in ms; 0: live.
	Deleted uint64
}

// StandingQuery names a registration of a drop by its D_0.
type StandingQuery struct {
	Account key.AccountTag
	Drop    key.DropID
	D0      [32]byte
}

// Standing is what answers for an account at one moment.
type Standing struct {
	// Time is now in ms, or the latest time by which anything expired if the clock
	// was set back since: else what it let expire would seem to have gone too early.
	Time        uint64
	Head, Floor ledger.Mark
	// Logins are the enrolled ones.
	Logins []Login
	// Known is set if the drop is or was the account's, and not forgotten.
	Known bool
	// Start, K and D are the registration's, also an earlier one's; zeros if the
	// account has no such registration, or none that is remembered.
	Start wire.Position
	K     uint32
	D     [32]byte
}

// RegistrationKept is how long a registration of a drop is remembered after its
// end: as long as a receipt that it gave can be held against the gateway.
const RegistrationKept = wire.MaxRetention + RowsKept

// RowsKept is how long rows stay after the time limit of their payloads: the time
// in which a contact may come back with a receipt.
const RowsKept = 37 * 24 * time.Hour

// Profile is a profile blob with the claim that it stands under.
type Profile struct {
	Name    key.ProfilePublic
	Account key.AccountTag
	Number  uint64 // of the claim, unix ms
	Blob    []byte // empty: deleted, and remembered for RemovedKept
}

// InviteUse counts uses of an invite.
type InviteUse struct {
	Hash [32]byte // SHA-256(invite)
	Uses int
}

// Batch is everything that one commit makes durable.
type Batch struct {
	Now      time.Time
	Accounts []AccountChange
	Drops    []Drop
	Profiles []Profile
	Invites  []InviteUse
}

// Empty reports whether the batch has nothing for the disk.
func (b *Batch) Empty() bool {
	return len(b.Accounts)+len(b.Drops)+len(b.Profiles)+len(b.Invites) == 0
}

// AccountChange is what a batch changes of one account.
type AccountChange struct {
	Tag key.AccountTag
	Key key.MailboxPublic
	// Before is the head before the first of Rows, Head the one after the last.
	Before, Head ledger.Mark
	// Rows are all of one incarnation, with consecutive indexes. A row of Size > 0
	// without Payload is one that every cursor passed before this commit.
	Rows []ledger.Row
	// Displaced are indexes of earlier rows whose payloads go at once.
	Displaced []uint64
	// Floor never goes back: a Store keeps the higher one.
	Floor ledger.Mark
	// Logins holds the changed ones.
	Logins []Login
	// Closed ends the account: its login keys, drops, doors and profiles too.
	Closed bool
}
