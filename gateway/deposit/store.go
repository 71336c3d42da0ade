package deposit

import (
	"context"

	"zeroms/gateway/deposit/publisher"
	"zeroms/protocol/key"
	"zeroms/protocol/wire"
)

// Store keeps deposits on a disk. Its methods are safe for concurrent use.
type Store interface {
	// DepositPut changes what an account has, all of it or nothing, and returns when
	// that is durable: the deposits that are new or changed, without their records,
	// and the IDs of those taken back. What is there already is no change. Errors:
	// wire.ErrOlder, wire.ErrLimit (Change.Max, Change.PerDay), wire.ErrClosed for an
	// account that there is not.
	DepositPut(ctx context.Context, account key.AccountTag, change *Change) ([]Deposit, []int64, error)
	// DepositsOf are all of an account, by day and name; none of one that there is not.
	DepositsOf(ctx context.Context, account key.AccountTag) ([]Deposit, error)
	// DepositsFrom are up to max of all accounts behind a mark, and whose
	// first moment is not after until (unix minutes), in order of their marks.
	DepositsFrom(ctx context.Context, after Mark, until uint32, max int) ([]Deposit, error)
	// DepositRecords are the records of deposits, of those that there are.
	DepositRecords(ctx context.Context, ids []int64) ([]Held, error)
	// DepositStates keeps how deposits stand. Those that are gone, or changed since,
	// are left out.
	DepositStates(ctx context.Context, states []State) error
}

// Mark orders deposits by when they become due.
type Mark struct {
	First uint32 // unix minutes
	ID    int64
}

// Change is what one request changes of an account's deposits.
type Change struct {
	Puts []Put
	// Removes are those taken back; of these only Name and Day count.
	Removes []wire.Deposit
	// Max and PerDay bound what the account has afterwards from Today on, in all and
	// of one day.
	Max, PerDay int
	Today       uint32
}

// Put is a deposit to keep, checked, with its record's number.
type Put struct {
	wire.Deposit
	Seq uint32
}

// Held is a deposit's record.
type Held = publisher.Bytes

// Deposit is one of them, without its record.
type Deposit struct {
	State
	Name        [32]byte
	Day         uint32
	First, Last uint32 // unix minutes
	// Sum is the SHA-256 of the record.
	Sum [32]byte
}

// State is how a deposit stands, for a restart. Times are unix ms, 0 for never.
type State struct {
	ID               int64
	Seq              uint32
	Holders          uint8
	Stored, Verified uint64
	// Stamp is the work on the record; Relay and Witness are contacts of 59 bytes.
	// Each may be empty.
	Stamp, Relay, Witness []byte
}
