package wire

import "zeroms/protocol/key"

// DropObject is the body of the object by which a device registers or deletes
// a drop or registers a door. It is signed by LK under "zms/1/mailbox" and is
// a row of the log. CapabilityHash is SHA-256 of the capability; zeros when
// deleting.
type DropObject struct {
	Op             uint8          `cbor:"1,keyasint"`
	Account        key.AccountTag `cbor:"2,keyasint"`
	Drop           key.DropID     `cbor:"3,keyasint"`
	CapabilityHash [32]byte       `cbor:"4,keyasint"`
	Time           uint64         `cbor:"5,keyasint"`
}

// DropPut registers a drop. Answer: OK once durable, or Error (ErrDropTaken,
// ErrLimit). Registering a live drop again with the same capability is OK.
type DropPut struct {
	Object     Object   `cbor:"1,keyasint"` // a DropObject with OpDropPut
	Capability [32]byte `cbor:"2,keyasint"`
}

// Type is TypeDropPut.
func (*DropPut) Type() Type { return TypeDropPut }

// DoorPut registers a card's front door. Profile and X show that the drop id is
// DoorOf(Profile, X); Claim is Sign(P_g, "zms/1/door-claim", door 16 | account
// key 32 | number 8). Answer: OK once durable, or Error (ErrStaleClaim for a
// number not above the known one of another account).
type DoorPut struct {
	Object     Object            `cbor:"1,keyasint"` // a DropObject with OpDoorPut
	Capability [32]byte          `cbor:"2,keyasint"`
	Profile    key.ProfilePublic `cbor:"3,keyasint"`
	X          [32]byte          `cbor:"4,keyasint"`
	Number     uint64            `cbor:"5,keyasint"` // unix ms
	Claim      []byte            `cbor:"6,keyasint"`
	Bits       uint8             `cbor:"7,keyasint"` // 0: a card's door; else the public door and the work it asks for
}

// Type is TypeDoorPut.
func (*DoorPut) Type() Type { return TypeDoorPut }

// DropDelete ends the intake of a drop or door; what waits stays. Answer: OK.
type DropDelete struct {
	Object Object `cbor:"1,keyasint"` // a DropObject with OpDropDelete
}

// Type is TypeDropDelete.
func (*DropDelete) Type() Type { return TypeDropDelete }

// DoorClaim is what P_g signs to claim a door: door 16 | account key 32 | number 8.
func DoorClaim(door key.DropID, account key.MailboxPublic, number uint64) []byte {
	return key.Join(door[:], account[:], Uint64(number))
}
