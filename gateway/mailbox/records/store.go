package records

import (
	"context"
	"time"

	"zeroms/gateway/mailbox/ledger"
	"zeroms/protocol/key"
)

// Reader answers from what is durable. What does not exist is nil without an
// error. Its methods are safe for concurrent use, also beside Commit.
type Reader interface {
	// Account reads an account as of now: what expired by then is below Floor.
	Account(ctx context.Context, tag key.AccountTag, now time.Time) (*Account, error)
	// Ended is where the log of a forgotten account ended; zeros: there was none.
	Ended(ctx context.Context, tag key.AccountTag) (ledger.Mark, error)
	// Login finds the account of an enrolled login key.
	Login(ctx context.Context, login key.LoginPublic) (*key.AccountTag, error)
	// Drop reads a drop or door, also a deleted one.
	Drop(ctx context.Context, id key.DropID) (*Drop, error)
	// Rows reads rows in order of their index.
	Rows(ctx context.Context, r ledger.Range) ([]ledger.Row, error)
	// Profile reads a profile blob and its claim, also of a deleted one.
	Profile(ctx context.Context, name key.ProfilePublic) (*Profile, error)
	// InviteUses is how often the invite with this hash may still be used at now.
	InviteUses(ctx context.Context, hash [32]byte, now time.Time) (int, error)
}

// Witness reads what a signed state of a drop says; durable like Reader's.
type Witness interface {
	// Standing reads, all of one moment, what an account answers with for a
	// registration of a drop. What expired by now is below Floor.
	Standing(ctx context.Context, q StandingQuery, now time.Time) (*Standing, error)
	// Find looks for the first row that q asks for, a bare one, in a bounded part of
	// the log. next is the index to go on from, 0 at the end of the log.
	Find(ctx context.Context, q ledger.Query) (row *ledger.Row, next uint64, err error)
}

// Store keeps mailboxes on a disk.
type Store interface {
	Reader
	Witness
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
