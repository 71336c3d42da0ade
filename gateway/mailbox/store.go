package mailbox

import (
	"zeroms/gateway/mailbox/ledger"
	"zeroms/gateway/mailbox/records"
)

// What a Mailbox asks of its Store, and which parts of it.
type (
	// Reader answers from what is durable.
	Reader = records.Reader
	// Witness reads what a signed state of a drop says.
	Witness = records.Witness
	// Store keeps mailboxes on a disk.
	Store = records.Store
)

// What logs are made of, and what is asked of them.
type (
	// Mark is a place in a log together with what is summed up to it.
	Mark = ledger.Mark
	// Row is one row of a log.
	Row = ledger.Row
	// RowRange asks for rows of one account.
	RowRange = ledger.Range
	// RowQuery asks for one envelope's row in a drop.
	RowQuery = ledger.Query
)

// What is kept, and for how long (package records).
type (
	// Account is the durable state of one account.
	Account = records.Account
	// Login is an enrolled login key with its cursor.
	Login = records.Login
	// Drop is the durable state of a drop or front door.
	Drop = records.Drop
	// StandingQuery names a registration of a drop by its D_0.
	StandingQuery = records.StandingQuery
	// Standing is what answers for an account at one moment.
	Standing = records.Standing
	// Profile is a profile blob with the claim that it stands under.
	Profile = records.Profile
	// InviteUse counts uses of an invite.
	InviteUse = records.InviteUse
	// Batch is everything that one commit makes durable.
	Batch = records.Batch
	// AccountChange is what a batch changes of one account.
	AccountChange = records.AccountChange
)

// How long things are remembered.
const (
	RemovedKept      = records.RemovedKept
	RegistrationKept = records.RegistrationKept
	RowsKept         = records.RowsKept
)
