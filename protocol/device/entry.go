package device

import (
	"crypto/sha256"
	"encoding/binary"
	"math"
	"time"

	"zeroms/protocol/key"
	"zeroms/protocol/wire"
)

// Limits of an entry.
const (
	MaxDevices     = 8
	MaxRevocations = 8   // the latest ones
	MaxEntry       = 864 // bytes
)

// Role tells what a device may do.
type Role uint8

// The roles of devices.
const (
	Full   Role = 1 // holds the seed and signs entries; the first device is full
	Linked Role = 2 // never gets the seed
)

// Device is one device of a list. Added is the n of the entry that added it.
type Device struct {
	DSK   key.DevicePublic `cbor:"1,keyasint"`
	ID    key.DeviceID     `cbor:"2,keyasint"`
	Role  Role             `cbor:"3,keyasint"`
	Added uint32           `cbor:"4,keyasint"`
}

// Revocation names a device that entry At removed.
type Revocation struct {
	ID key.DeviceID `cbor:"1,keyasint"`
	At uint32       `cbor:"2,keyasint"`
}

// Ref names an entry of one user's chain in messages and bundles.
type Ref struct {
	N    uint32
	Hash [16]byte // the first 16 bytes of H(entry)
}

// Entry is one verified entry of a device list. Its fields are for reading
// only: Hash and Encode are those of the bytes that were signed.
type Entry struct {
	User    key.IdentityPublic
	N       uint32
	Prev    [32]byte
	Time    uint64 // ms, by the signer's clock
	Devices []Device
	Revoked []Revocation
	Next    []byte // SHA-256 of the next identity key, or empty

	raw  []byte
	hash [32]byte
}

// body is the signed part of an entry.
type body struct {
	User    key.IdentityPublic `cbor:"1,keyasint"`
	N       uint32             `cbor:"2,keyasint"`
	Prev    [32]byte           `cbor:"3,keyasint"`
	Time    uint64             `cbor:"4,keyasint"`
	Devices []Device           `cbor:"5,keyasint"`
	Revoked []Revocation       `cbor:"6,keyasint"`
	Next    []byte             `cbor:"7,keyasint"`
}

// join is the consent of a device that an entry adds.
type join struct {
	_   struct{} `cbor:",toarray"`
	ID  key.DeviceID
	Sig []byte
}

// signed is an entry as it travels.
type signed struct {
	_     struct{} `cbor:",toarray"`
	Body  []byte
	Sig   []byte
	Joins []join
}

// ParseEntry reads an entry of at most MaxEntry bytes and verifies all that can
// be verified without the rest of the chain: the identity key's signature, the
// joining device's signature, every key, and the rules of the list. Errors:
// those of wire.Unmarshal, wire.ErrSignature, wire.ErrPublicKey, wire.ErrValue.
func ParseEntry(b []byte) (*Entry, error) {
	e, s, err := decode(b)
	if err != nil {
		return nil, err
	}
	if err := e.verify(s); err != nil {
		return nil, err
	}
	return e, nil
}

// decode reads an entry and checks everything but keys and signatures.
func decode(b []byte) (*Entry, *signed, error) {
	var s signed
	if err := wire.Unmarshal(b, &s, MaxEntry); err != nil {
		return nil, nil, err
	}
	var v body
	if err := wire.Unmarshal(s.Body, &v, MaxEntry); err != nil {
		return nil, nil, err
	}
	e := &Entry{
		User: v.User, N: v.N, Prev: v.Prev, Time: v.Time, Devices: v.Devices, Revoked: v.Revoked, Next: v.Next,
		raw: append([]byte(nil), b...), hash: sha256.Sum256(s.Body),
	}
	if err := e.check(); err != nil {
		return nil, nil, err
	}
	if err := e.checkJoins(&s); err != nil {
		return nil, nil, err
	}
	return e, &s, nil
}

// check holds the entry against the rules of docs/protocol/device.md, "Rules".
func (e *Entry) check() error {
	first := e.N == 1
	switch {
	case e.N == 0:
		return wire.ErrValue.Because("entries are counted from 1")
	case first != (e.Prev == [32]byte{}):
		return wire.ErrValue.Because("only the first entry has no predecessor")
	case len(e.Next) != 0 && len(e.Next) != sha256.Size:
		return wire.ErrValue.Because("next identity")
	case len(e.Devices) == 0 || len(e.Devices) > MaxDevices:
		return wire.ErrValue.Because("number of devices")
	case len(e.Revoked) > MaxRevocations:
		return wire.ErrValue.Because("number of revocations")
	case first && (e.Devices[0].Role != Full || len(e.Revoked) != 0):
		return wire.ErrValue.Because("the first device is full and nothing is revoked yet")
	}
	seen := map[key.DeviceID]bool{}
	added := uint32(0)
	for _, d := range e.Devices {
		switch {
		case d.ID != key.DeviceIDOf(d.DSK) || seen[d.ID]:
			return wire.ErrValue.Because("device id")
		case d.Role != Full && d.Role != Linked:
			return wire.ErrValue.Because("device role")
		case d.Added <= added || d.Added > e.N: // ascending, so each entry adds at most one
			return wire.ErrValue.Because("devices stand in the order in which they were added, one an entry")
		}
		seen[d.ID], added = true, d.Added
	}
	return e.checkRevoked(seen)
}

func (e *Entry) checkRevoked(seen map[key.DeviceID]bool) error {
	at := uint32(2)
	for _, r := range e.Revoked {
		if r.At < at || r.At > e.N {
			return wire.ErrValue.Because("revocations stand in the order in which they were made")
		}
		if seen[r.ID] {
			return wire.ErrValue.Because("a device is named twice")
		}
		seen[r.ID], at = true, r.At
	}
	return nil
}

// checkJoins finds exactly one join for the device that the entry adds.
func (e *Entry) checkJoins(s *signed) error {
	d, adds := e.adds()
	if !adds {
		if len(s.Joins) != 0 {
			return wire.ErrValue.Because("a device joins that the entry does not add")
		}
		return nil
	}
	if len(s.Joins) != 1 || s.Joins[0].ID != d.ID || len(s.Joins[0].Sig) != key.SignatureSize {
		return wire.ErrSignature.Because("the added device did not sign")
	}
	return nil
}

// adds is the device that this entry adds, if there is one.
func (e *Entry) adds() (Device, bool) {
	d := e.Devices[len(e.Devices)-1]
	return d, d.Added == e.N
}

func (e *Entry) verify(s *signed) error {
	if err := e.User.Check(); err != nil {
		return wire.ErrPublicKey.Because("identity key")
	}
	if !e.User.Verify(key.ContextDeviceList, s.Body, s.Sig) {
		return wire.ErrSignature
	}
	for _, d := range e.Devices {
		if err := d.DSK.Check(); err != nil {
			return wire.ErrPublicKey.Because("device key")
		}
	}
	if d, adds := e.adds(); adds {
		if !d.DSK.Verify(key.ContextDeviceJoin, joinTranscript(e.User, e.N, e.Prev, d.DSK), s.Joins[0].Sig) {
			return wire.ErrSignature.Because("the added device did not sign")
		}
	}
	return nil
}

// joinTranscript is what a device signs to join: IK 32 | n 4 | prev 32 | DSK 32.
func joinTranscript(user key.IdentityPublic, n uint32, prev [32]byte, dsk key.DevicePublic) []byte {
	return key.Join(user[:], binary.BigEndian.AppendUint32(nil, n), prev[:], dsk[:])
}

// Encode is the entry as it travels, at most MaxEntry bytes.
func (e *Entry) Encode() []byte { return append([]byte(nil), e.raw...) }

// Hash is H(entry) = SHA-256 of the signed body.
func (e *Entry) Hash() [32]byte { return e.hash }

// Ref is the form in which messages and bundles name this entry.
func (e *Entry) Ref() Ref { return RefOf(e.N, e.hash) }

// RefOf is the reference to the entry n with this hash.
func RefOf(n uint32, hash [32]byte) Ref { return Ref{N: n, Hash: [16]byte(hash[:16])} }

// Device finds a device of this entry.
func (e *Entry) Device(id key.DeviceID) (Device, bool) {
	for _, d := range e.Devices {
		if d.ID == id {
			return d, true
		}
	}
	return Device{}, false
}

// Join is the consent of a device that is to be added: Sig is its SignJoin.
type Join struct {
	DSK  key.DevicePublic
	Role Role
	Sig  []byte
}

// SignJoin is the signature by which a device consents to be added to user's
// list by entry n whose predecessor's hash is prev.
func SignJoin(dsk key.DevicePrivate, user key.IdentityPublic, n uint32, prev [32]byte) []byte {
	return dsk.Sign(key.ContextDeviceJoin, joinTranscript(user, n, prev, dsk.Public()))
}

// First makes the first entry of a chain, with the full device dsk.
func First(ik key.IdentityPrivate, dsk key.DevicePrivate, now time.Time) *Entry {
	user, pub := ik.Public(), dsk.Public()
	b := body{User: user, N: 1, Time: wire.Millis(now), Devices: []Device{{DSK: pub, ID: key.DeviceIDOf(pub), Role: Full, Added: 1}}}
	return seal(ik, b, []join{{ID: key.DeviceIDOf(pub), Sig: SignJoin(dsk, user, 1, b.Prev)}})
}

func seal(ik key.IdentityPrivate, b body, joins []join) *Entry {
	o := wire.Sign(ik, key.ContextDeviceList, b)
	return &Entry{
		User: b.User, N: b.N, Prev: b.Prev, Time: b.Time, Devices: b.Devices, Revoked: b.Revoked, Next: b.Next,
		raw: wire.Marshal(signed{Body: o.Body, Sig: o.Sig, Joins: joins}), hash: o.Hash(),
	}
}

// Change is what one entry changes. Revocations that the list knows from a
// fork are made part of the chain with whatever change comes next.
type Change struct {
	Join   *Join          // the device to add, or nil
	Revoke []key.DeviceID // devices to remove
	Next   []byte         // SHA-256 of the next identity key; set once, empty leaves it
}

// Next makes the entry that follows the newest of l. The caller signs with the
// list's identity key. Errors: wire.ErrValue (nothing is known yet, another
// key, a device that is not there or was revoked, a succession that is set
// already), wire.ErrLimit, wire.ErrSignature.
func (l *List) Next(ik key.IdentityPrivate, c Change, now time.Time) (*Entry, error) {
	last := l.newest
	if last == nil || ik.Public() != l.user || last.N == math.MaxUint32 {
		return nil, wire.ErrValue.Because("the chain cannot be continued with this key")
	}
	b := body{User: l.user, N: last.N + 1, Prev: last.hash, Time: wire.Millis(now), Next: last.Next}
	if err := b.succeed(c.Next); err != nil {
		return nil, err
	}
	if err := l.remove(&b, c.Revoke); err != nil {
		return nil, err
	}
	var joins []join
	if c.Join != nil {
		d, err := l.joining(&b, c.Join)
		if err != nil {
			return nil, err
		}
		b.Devices, joins = append(b.Devices, d), []join{{ID: d.ID, Sig: c.Join.Sig}}
	}
	if len(b.Devices) == 0 {
		return nil, wire.ErrValue.Because("the last device cannot be removed without another one")
	}
	return seal(ik, b, joins), nil
}

// succeed sets the hash of the next identity key, once for the whole chain.
func (b *body) succeed(next []byte) error {
	switch {
	case len(next) == 0:
		return nil
	case len(next) != sha256.Size || len(b.Next) != 0:
		return wire.ErrValue.Because("the next identity is set once, as 32 bytes")
	}
	b.Next = next
	return nil
}

// remove fills the devices that stay and the latest revocations.
func (l *List) remove(b *body, revoke []key.DeviceID) error {
	gone := map[key.DeviceID]bool{}
	for _, id := range revoke {
		if _, ok := l.newest.Device(id); !ok || gone[id] {
			return wire.ErrValue.Because("the device to remove is not in the list")
		}
		gone[id] = true
	}
	b.Revoked = append([]Revocation(nil), l.newest.Revoked...)
	for _, d := range l.newest.Devices {
		if gone[d.ID] || l.isRevoked(d.ID) {
			b.Revoked = append(b.Revoked, Revocation{ID: d.ID, At: b.N})
		} else {
			b.Devices = append(b.Devices, d)
		}
	}
	b.Revoked = b.Revoked[max(0, len(b.Revoked)-MaxRevocations):]
	return nil
}

// joining checks the device that b is to add.
func (l *List) joining(b *body, j *Join) (Device, error) {
	d := Device{DSK: j.DSK, ID: key.DeviceIDOf(j.DSK), Role: j.Role, Added: b.N}
	_, there := l.newest.Device(d.ID)
	switch {
	case len(b.Devices) >= MaxDevices:
		return d, wire.ErrLimit.Because("8 devices")
	case there || l.isRevoked(d.ID) || (d.Role != Full && d.Role != Linked):
		return d, wire.ErrValue.Because("this device cannot be added")
	case j.DSK.Check() != nil:
		return d, wire.ErrPublicKey
	case !j.DSK.Verify(key.ContextDeviceJoin, joinTranscript(b.User, b.N, b.Prev, j.DSK), j.Sig):
		return d, wire.ErrSignature.Because("the added device did not sign for this entry")
	}
	return d, nil
}
