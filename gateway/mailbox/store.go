package mailbox

import (
	"context"
	"time"

	"zeroms/protocol/key"
	"zeroms/protocol/wire"
)

// Reader answers from what is durable. What does not exist is nil without an
// error. Its methods are safe for concurrent use, also beside Commit.
type Reader interface {
	// Account reads an account as of now: what expired by then is below Floor.
	Account(ctx context.Context, tag key.AccountTag, now time.Time) (*Account, error)
	// Login finds the account of an enrolled login key.
	Login(ctx context.Context, login key.LoginPublic) (*key.AccountTag, error)
	// Drop reads a drop or door, also a deleted one.
	Drop(ctx context.Context, id key.DropID) (*Drop, error)
	// Rows reads rows in order of their index.
	Rows(ctx context.Context, r RowRange) ([]Row, error)
	// Profile reads a profile blob and its claim.
	Profile(ctx context.Context, name key.ProfilePublic) (*Profile, error)
	// InviteUses is how often the invite with this hash may still be used at now.
	InviteUses(ctx context.Context, hash [32]byte, now time.Time) (int, error)
}

// Store keeps mailboxes on a disk.
type Store interface {
	Reader
	// Start raises the incarnation to max(stored + 1, unix seconds of now) and
	// returns it once it is durable.
	Start(ctx context.Context, now time.Time) (uint32, error)
	// Commit makes a batch durable as a whole. After an error the caller assumes
	// nothing: it reads again what the batch touched.
	Commit(ctx context.Context, b *Batch) error
	// Sweep does a bounded piece of the background work: erasing payloads below
	// the floors or past their time, compaction, old rows. more asks for another
	// call soon.
	Sweep(ctx context.Context, now time.Time) (more bool, err error)
}

// Mark is a place in a log together with what is summed up to it.
type Mark struct {
	// Position of the row; zeros before the first one.
	Position wire.Position
	// R is the rolling head there.
	R [32]byte
	// Total counts the payload bytes of all rows up to it.
	Total uint64
}

// Account is the durable state of one account.
type Account struct {
	Key key.MailboxPublic
	// Head is the newest row, Floor the newest one whose payload is no longer
	// owed to anybody, Oldest the one before the oldest row still kept.
	Head, Floor, Oldest Mark
	// Logins holds enrolled login keys, and removed ones for RemovedKept.
	Logins []Login
	// Drops and Doors count live ones, Deleted both kinds' deleted ones that are kept.
	Drops, Doors, Deleted, Profiles int
	// Closed accounts take nothing any more.
	Closed bool
}

// Login is an enrolled login key with its cursor.
type Login struct {
	Key    key.LoginPublic
	Cursor key.CursorID
	// Acked is the newest acknowledged row, Sig its signature over
	// wire.AckTranscript; nil at the place where the cursor began.
	Acked Mark
	Sig   []byte
	// Enrolled is the Time of the newest object that enrolled the key, in ms; 0:
	// it is removed.
	Enrolled uint64
	// Removed is the time up to which objects about the key count no more because
	// it was removed, in ms; 0: never removed.
	Removed uint64
}

// RemovedKept is how long after Login.Removed a removed login key is remembered:
// longer than any enrolment object that could bring it back is accepted.
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
	// Door is set for front doors; Number is then the claim's.
	Door   bool
	Number uint64
	// Deleted is when intake ended, in ms; 0: live.
	Deleted uint64
}

// Row is one row of a log.
type Row struct {
	wire.Push
	// R is the rolling head after the row (not filled for bare ranges).
	R [32]byte
	// Total counts the payload bytes up to and with the row.
	Total uint64
	// Size is the payload's length, also when it is erased.
	Size uint32
	// Kept is until when the payload is kept, in ms.
	Kept uint64
	// Origin is the position of the drop's registration row for RowEnvelope, the
	// first 12 bytes of SHA-256(encapsulation) for an init envelope of RowDoor.
	Origin [12]byte
}

// Mark is the row's place.
func (r *Row) Mark() Mark { return Mark{r.Position, r.R, r.Total} }

// RowRange asks for rows of one account.
type RowRange struct {
	Account key.AccountTag
	// From is the first index; rows below the oldest kept one are left out.
	From uint64
	// Since leaves out rows older than this, in ms; exact to one commit.
	Since uint64
	// MaxRows and MaxBytes bound the answer; the first row comes in any case.
	MaxRows, MaxBytes int
	// Bare leaves out payloads and R.
	Bare bool
}

// Profile is a profile blob with the claim that it stands under.
type Profile struct {
	Name    key.ProfilePublic
	Account key.AccountTag
	Number  uint64 // of the claim, unix ms
	Blob    []byte
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

// AccountChange is what a batch changes of one account.
type AccountChange struct {
	Tag key.AccountTag
	Key key.MailboxPublic
	// Before is the head before the first of Rows, Head the one after the last.
	Before, Head Mark
	// Rows are all of one incarnation, with consecutive indexes. A row of Size > 0
	// without Payload is one that every cursor passed before this commit.
	Rows []Row
	// Floor never goes back: a Store keeps the higher one.
	Floor Mark
	// Logins holds the changed ones.
	Logins []Login
	// Closed ends the account: its login keys, drops, doors and profiles too.
	Closed bool
}
