// Package objects checks what devices sign for a mailbox: enrolments, drop
// objects and the claims of doors and profiles (docs/protocol/mailbox.md). It
// holds no state and reads no clock.
package objects

import (
	"crypto/sha256"
	"crypto/subtle"
	"math"
	"slices"
	"time"

	"zeroms/protocol/key"
	"zeroms/protocol/wire"
)

// MaxBody bounds the body of an Enrolment or DropObject, in bytes.
const MaxBody = 256

// Enrolment checks an Enrolment object: by owner, or by the account that it
// names if owner is nil. Errors: decoding errors, wire.ErrPublicKey, ErrValue,
// ErrSignature, ErrClock.
func Enrolment(o wire.Object, owner *key.MailboxPublic, now time.Time) (*wire.Enrolment, error) {
	var e wire.Enrolment
	if err := wire.Unmarshal(o.Body, &e, MaxBody); err != nil {
		return nil, err
	}
	if owner == nil {
		if e.Account.Check() != nil {
			return nil, wire.ErrPublicKey
		}
		owner = &e.Account
	}
	switch {
	case e.Account != *owner:
		return nil, wire.ErrValue.Because("the object names another account")
	case !owner.Verify(key.ContextEnrol, o.Body, o.Sig):
		return nil, wire.ErrSignature
	}
	if err := checkTime(e.Time, now); err != nil {
		return nil, err
	}
	closing := e.Login.IsZero() && e.Cursor == key.CursorID{}
	switch {
	case e.Op == wire.OpEnrol && e.Login.Check() != nil:
		return nil, wire.ErrPublicKey
	case e.Op == wire.OpEnrol, e.Op == wire.OpRemove, e.Op == wire.OpClose && closing:
		return &e, nil
	}
	return nil, wire.ErrValue
}

// checkTime refuses objects of more than a day ago or ahead.
func checkTime(ms uint64, now time.Time) error {
	if d := wire.Time(ms).Sub(now); d > wire.ClockTolerance || d < -wire.ClockTolerance {
		return wire.ErrClock
	}
	return nil
}

// Signer is a device of an account.
type Signer struct {
	Login   key.LoginPublic
	Account key.AccountTag
}

// Drop checks a DropObject for an operation. Errors: wire.ErrTooLarge,
// ErrSignature, decoding errors, ErrValue, ErrClock.
func Drop(o wire.Object, op uint8, by Signer, now time.Time) (*wire.DropObject, error) {
	if len(o.Body) > MaxBody {
		return nil, wire.ErrTooLarge
	}
	var body wire.DropObject
	if err := wire.Verify(o, by.Login, key.ContextMailbox, &body); err != nil {
		return nil, err
	}
	switch {
	case body.Op != op || body.Drop == key.DropID{}, op == wire.OpDropDelete && body.CapabilityHash != [32]byte{}:
		return nil, wire.ErrValue
	case body.Account != by.Account:
		return nil, wire.ErrValue.Because("the object names another account")
	}
	return &body, checkTime(body.Time, now)
}

// Capability checks a capability against the hash that the object signs. Errors:
// wire.ErrValue.
func Capability(raw [32]byte, o *wire.DropObject) (key.Capability, error) {
	hash := sha256.Sum256(raw[:])
	if subtle.ConstantTimeCompare(hash[:], o.CapabilityHash[:]) != 1 {
		return key.Capability{}, wire.ErrValue.Because("the capability is not the signed one")
	}
	return key.CapabilityFrom(raw[:])
}

// Number refuses claim numbers (unix ms) of more than a day ahead, which nobody
// could ever outbid: wire.ErrClock.
func Number(number uint64, now time.Time) error {
	if number > math.MaxInt64 || wire.Time(number).Sub(now) > wire.ClockTolerance {
		return wire.ErrClock
	}
	return nil
}

// profileSizes are the exact sizes of profile blobs, in bytes; none deletes.
var profileSizes = []int{0, 4 << 10, wire.MaxProfile}

// Profile checks a profile blob and its claim for an account. Number is of these
// two days: a name that was deleted is not remembered longer, and no older claim
// may bring it back. Errors: wire.ErrValue, ErrPublicKey, ErrSignature, ErrClock.
func Profile(r *wire.ProfilePut, account key.MailboxPublic, now time.Time) error {
	switch {
	case !slices.Contains(profileSizes, len(r.Blob)):
		return wire.ErrValue.Because("a profile has exactly 4 or 16 KiB, or nothing to delete it")
	case r.Name.Check() != nil:
		return wire.ErrPublicKey
	case !r.Name.Verify(key.ContextProfileClaim, wire.ProfileClaim(account, r.Number), r.Claim):
		return wire.ErrSignature
	}
	return checkTime(r.Number, now)
}

// Door checks the claim of a door for an account. Errors: wire.ErrPublicKey,
// ErrValue, ErrSignature, ErrClock.
func Door(r *wire.DoorPut, door key.DropID, account key.MailboxPublic, now time.Time) error {
	switch {
	case r.Bits != 0 && (r.Bits < wire.MinDoorBits || r.Bits > wire.MaxWorkBits):
		return wire.ErrValue.Because("a public door asks for 20 to 40 bits of work")
	case r.Profile.Check() != nil:
		return wire.ErrPublicKey
	case key.DoorOf(r.Profile, r.X) != door:
		return wire.ErrValue.Because("the door does not belong to this profile key")
	case !r.Profile.Verify(key.ContextDoorClaim, wire.DoorClaim(door, account, r.Number), r.Claim):
		return wire.ErrSignature
	}
	return Number(r.Number, now)
}
