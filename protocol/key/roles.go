package key

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
)

// Network identifies a gateway network, 4 bytes; two networks never meet.
type Network [4]byte

// Place is one gateway in one network.
type Place struct {
	// Network is the identifier that stands in both hellos.
	Network Network
	// Node is the gateway's key.
	Node NodePublic
}

// NodeID is a gateway's place in its network's DHT, 32 bytes; keys of records are
// places too. The distance of two places is their XOR as a big-endian number.
type NodeID [32]byte

// String is the id in hex.
func (n NodeID) String() string { return hex.EncodeToString(n[:]) }

// NodeIDOf is a gateway's place: Hash("zms/1/node", network 4 | node key 32 | x 8).
// Whether x solves the network's puzzle is another question.
func NodeIDOf(at Place, x uint64) NodeID {
	return NodeID(Hash(PrefixNodeID, at.Network[:], at.Node[:], binary.BigEndian.AppendUint64(nil, x)))
}

// DeviceID names a device: SHA-256(DSK public)[:8].
type DeviceID [8]byte

// String is the id in hex.
func (d DeviceID) String() string { return hex.EncodeToString(d[:]) }

// GatewayHash is the form in which cards name a gateway's key, 16 bytes.
type GatewayHash [16]byte

// DropID names a drop or a door at one gateway, 16 bytes.
type DropID [16]byte

// String is the id in hex.
func (d DropID) String() string { return hex.EncodeToString(d[:]) }

// CardID names a card by its door secret, 8 bytes; zeros: no door secret.
type CardID [8]byte

// String is the id in hex.
func (c CardID) String() string { return hex.EncodeToString(c[:]) }

// CursorID names one device's read position in an account's log, 8 bytes.
type CursorID [8]byte

// AccountTag names an account in receipts and signatures, 32 bytes.
type AccountTag [32]byte

// Identity derives the identity key from the seed.
func (s Seed) Identity() IdentityPrivate {
	return PrivateFromSeed[Identity](KDF32(LabelIdentity, s.raw()))
}

// Mailbox derives MK_g, the key that owns the account at gateway g. Two
// gateways see unrelated keys.
func (s Seed) Mailbox(g NodePublic) MailboxPrivate {
	return PrivateFromSeed[Mailbox](KDF32(LabelMailbox, s.raw(), g[:]))
}

// Signer derives the device's signing key DSK.
func (d DeviceSecret) Signer() DevicePrivate {
	return PrivateFromSeed[Device](KDF32(LabelDeviceSign, d.raw()))
}

// Login derives LK, the key by which this device logs in at gateway g.
func (d DeviceSecret) Login(g NodePublic) LoginPrivate {
	return PrivateFromSeed[Login](KDF32(LabelLoginKey, d.raw(), g[:]))
}

// Cursor derives the id of this device's cursor at gateway g.
func (d DeviceSecret) Cursor(g NodePublic) (c CursorID) {
	full := KDF32(LabelCursor, d.raw(), g[:])
	copy(c[:], full[:])
	return c
}

// DeviceIDOf is the id of the device with this signing key.
func DeviceIDOf(dsk DevicePublic) (id DeviceID) {
	h := sha256.Sum256(dsk[:])
	copy(id[:], h[:])
	return id
}

// GatewayHashOf is the hash by which cards name this gateway.
func GatewayHashOf(g NodePublic) GatewayHash { return Hash16(PrefixNodeKey, g[:]) }

// AccountTagOf is the tag of the account that this key owns.
func AccountTagOf(mk MailboxPublic) AccountTag { return Hash(PrefixAccount, mk[:]) }

// Drop derives the drop and its capability at gateway g. Two gateways share no
// drop to compare.
func (w DropSecret) Drop(g NodePublic) (d DropID, c Capability) {
	full := KDF32(LabelDrop, w.raw(), g[:])
	copy(d[:], full[:])
	c.secret32 = secret32Of(KDF32(LabelDropCapability, w.raw(), g[:]))
	return d, c
}

// DoorKey is x, the public part of a door at gateway g that its owner shows
// when registering it, 32 bytes.
func (d DoorSecret) DoorKey(g NodePublic) [32]byte { return KDF32(LabelDoor, d.raw(), g[:]) }

// Capability is the secret that authenticates submissions to the door at g.
func (d DoorSecret) Capability(g NodePublic) (c Capability) {
	c.secret32 = secret32Of(KDF32(LabelDoorCapability, d.raw(), g[:]))
	return c
}

// CardID names the card that carries this door secret; zeros if there is none.
func (d DoorSecret) CardID() (id CardID) {
	if !d.IsZero() {
		copy(id[:], KDF(LabelCardID, d.raw(), nil, nil, len(id)))
	}
	return id
}

// DoorOf is the door of profile p with key x: Hash("zms/1/door", P_g | x)[:16].
func DoorOf(p ProfilePublic, x [32]byte) DropID { return Hash16(PrefixDoor, p[:], x[:]) }

// Authenticate is the proof that a submission's sender knows the capability:
// HMAC-SHA256(capability, drop | SHA-256(env))[:16].
func (c Capability) Authenticate(d DropID, envHash [32]byte) (mac [16]byte) {
	// A gateway does this for every envelope: RFC 2104 over lengths that are known,
	// in a third of the time and without the allocations of crypto/hmac.
	const block = sha256.BlockSize
	var inner [block + len(d) + len(envHash)]byte
	var outer [block + sha256.Size]byte
	k := c.raw()
	for i := range block {
		inner[i], outer[i] = 0x36, 0x5c
		if i < len(k) {
			inner[i] ^= k[i]
			outer[i] ^= k[i]
		}
	}
	copy(inner[block:], d[:])
	copy(inner[block+len(d):], envHash[:])
	digest := sha256.Sum256(inner[:])
	copy(outer[block:], digest[:])
	digest = sha256.Sum256(outer[:])
	copy(mac[:], digest[:])
	clear(inner[:])
	clear(outer[:])
	return mac
}

// Hash is SHA-256 of the capability: registrations sign it, so that the log
// commits to the capability without showing it.
func (c Capability) Hash() [32]byte { return sha256.Sum256(c.raw()) }
