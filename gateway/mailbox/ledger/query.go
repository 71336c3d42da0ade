package ledger

import (
	"zeroms/protocol/key"
	"zeroms/protocol/wire"
)

// Range asks for rows of one account.
type Range struct {
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

// Query asks for one envelope's row in a drop.
type Query struct {
	Account key.AccountTag
	// From and To are the first and the last index.
	From, To uint64
	// Drop and Start name the registration.
	Drop  key.DropID
	Start wire.Position
	// K is the row's; 0: any.
	K uint32
	// Since leaves out rows that are not kept longer than this, in ms; 0: none.
	Since uint64
}
