package wire

import "zeroms/protocol/key"

// Operations of signed mailbox objects.
const (
	OpEnrol      uint8 = 1 // a login key joins an account
	OpRemove     uint8 = 2 // a login key leaves it
	OpClose      uint8 = 3 // the account ends
	OpDropPut    uint8 = 4
	OpDropDelete uint8 = 5
	OpDoorPut    uint8 = 6
)

// Enrolment is the body of the object by which an account's key MK enrols or
// removes a login key, or closes the account (Login and Cursor zeros then).
// It is signed by MK under "zms/1/enrol" and is a row of the log.
type Enrolment struct {
	Op      uint8             `cbor:"1,keyasint"`
	Account key.MailboxPublic `cbor:"2,keyasint"`
	Login   key.LoginPublic   `cbor:"3,keyasint"`
	Cursor  key.CursorID      `cbor:"4,keyasint"`
	Time    uint64            `cbor:"5,keyasint"`
}

// Register opens an account with its first login key. Invite is empty or 16
// bytes. Work is empty or WorkSize bytes; it stands for an invite where the
// gateway takes work (Limits.RegisterBits). Answer: OK once durable, or Error.
type Register struct {
	Object Object `cbor:"1,keyasint"` // an Enrolment with OpEnrol
	Invite []byte `cbor:"2,keyasint"`
	Work   []byte `cbor:"3,keyasint"`
}

// Type is TypeRegister.
func (*Register) Type() Type { return TypeRegister }

// EnrolmentChange carries a further Enrolment of an existing account. Answer: OK or Error.
type EnrolmentChange struct {
	Object Object `cbor:"1,keyasint"`
}

// Type is TypeEnrolment.
func (*EnrolmentChange) Type() Type { return TypeEnrolment }

// Login proves the possession of an enrolled login key on this very link: Sig
// is over LoginTranscript under "zms/1/login". Answer: Welcome or Error.
type Login struct {
	Key key.LoginPublic `cbor:"1,keyasint"`
	Sig []byte          `cbor:"2,keyasint"`
}

// Type is TypeLogin.
func (*Login) Type() Type { return TypeLogin }

// Welcome answers a login. Pushes follow from the position after Cursor. A
// Commit with the account's durable head leaf follows on its own. Sig is the
// device's own signature on the acknowledgement that Cursor stands for
// (AckTranscript), empty if it never made one: so a device that was set back to
// an older state learns it from its own hand.
type Welcome struct {
	Tag    key.AccountTag `cbor:"1,keyasint"`
	Cursor Position       `cbor:"2,keyasint"` // the newest acknowledged position
	R      [32]byte       `cbor:"3,keyasint"` // the rolling head there
	Used   uint64         `cbor:"4,keyasint"` // bytes waiting
	Quota  uint64         `cbor:"5,keyasint"`
	Sig    []byte         `cbor:"6,keyasint"` // 64, or empty
}

// Type is TypeWelcome.
func (*Welcome) Type() Type { return TypeWelcome }
