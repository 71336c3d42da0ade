package view

import (
	"time"

	"zeroms/client/profile"
	"zeroms/protocol/key"
	"zeroms/protocol/message"
)

// Details is a message with everything that is known of its way and its proof.
type Details struct {
	Message Message
	// Previous is the id of the message before it in its device's chain; zeros for the
	// first one.
	Previous message.ID
	// Signer is the device key that signed it, zeros if the sender's device list does not
	// have it, and Signature what it signed with; Valid tells that it was checked now,
	// against that list, and that what is shown is what was signed.
	Signer    key.DevicePublic
	Signature [64]byte
	Valid     bool
	// Signed is the size of the signed header with its signature in bytes, Content that
	// of the body that it stands for; 0: erased.
	Signed, Content int
	// Ways are how far an own message has come towards each of the recipient's devices.
	Ways []Way
	// Receipt tells that EvidenceOf has something to show.
	Receipt bool
}

// Way is an own message on its way to one device. Times are zero where unknown.
type Way struct {
	Device                               key.DeviceID
	State                                profile.MessageState
	Holder                               key.GatewayHash
	Host                                 string // of the holder, if it is known
	Submitted, Custody, Until, Delivered time.Time
	Size                                 int
	Receipt                              bool
}

// Agreement tells how far two people are known to have the same transcript: each
// names, under signature, what of the other's it has.
type Agreement struct {
	// Ours is up to which place in its chain the messages of this device are at the
	// contact's devices without a gap, as these have acknowledged, and Theirs up to which
	// place those of the contact's device are here; 0: nothing is.
	Ours, Theirs uint32
	// From and Height are between which places in the display order, both included, all
	// messages are at both ends; Messages is how many lines these are. From is 0, but
	// after a loss that can't be repaired, and where this device or the contact's began
	// after others had written. Nothing is known to be the same if Messages is 0.
	From, Height uint32
	Messages     int
	// At is when the contact acknowledged something last; zero: never.
	At time.Time
}
