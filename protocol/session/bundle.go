package session

import (
	"crypto/sha256"
	"time"

	"zeroms/protocol/key"
	"zeroms/protocol/wire"
)

// Suite is the only suite: Ed25519, X25519, X-Wing (ML-KEM-768 with X25519),
// HKDF-SHA256, ChaCha20-Poly1305, SHA-256.
const Suite = 1

// MaxBundle is the size limit of an encoded bundle in bytes.
const MaxBundle = 1408

const day = 24 * time.Hour

// Times of a prekey after its creation (protocol.md section 12).
const (
	BundleValid  = 37 * day // its bundle may be used
	BundleRenew  = 7 * day  // a new one is made, if the device is online
	PrekeyErased = 69 * day // its private halves are erased
)

// ListRef names an entry of a device list: its number and the first 16 bytes
// of its hash.
type ListRef struct {
	N    uint32
	Hash [16]byte
}

// bundleBody is the signed body of a bundle.
type bundleBody struct {
	Suite    uint8            `cbor:"1,keyasint"`
	Device   key.DeviceID     `cbor:"2,keyasint"`
	SPK      key.PrekeyPublic `cbor:"3,keyasint"`
	ID       [8]byte          `cbor:"4,keyasint"` // SHA-256(SPK)[:8]
	Ratchet  key.DHPublic     `cbor:"5,keyasint"`
	Created  uint64           `cbor:"6,keyasint"` // ms
	Expires  uint64           `cbor:"7,keyasint"` // ms
	ListN    uint32           `cbor:"8,keyasint"`
	ListHash [16]byte         `cbor:"9,keyasint"`
}

// Bundle is a verified prekey bundle: what a device publishes so that others
// can set up sessions with it while it is offline. Its fields are read-only.
type Bundle struct {
	Device  key.DevicePublic // the DSK that signed it
	SPK     key.PrekeyPublic
	ID      [8]byte // of the prekey: SHA-256(SPK)[:8]
	Ratchet key.DHPublic
	Created time.Time
	Expires time.Time
	List    ListRef
	hash    [32]byte
}

// Hash is H(bundle), SHA-256 of its signed body.
func (b *Bundle) Hash() [32]byte { return b.hash }

// expired reports whether the bundle is over, with the tolerance of clocks.
func (b *Bundle) expired(now time.Time) bool {
	return now.After(b.Expires.Add(wire.ClockTolerance))
}

// ParseBundle verifies a bundle by the device's signing key and checks every
// field. Errors: ErrSignature, ErrSuite, ErrPublicKey, ErrValue, ErrExpired
// (24 hours after its expiry), ErrClock (created more than 24 hours from now),
// and those of wire.Unmarshal.
func ParseBundle(encoded []byte, dsk key.DevicePublic, now time.Time) (*Bundle, error) {
	object, err := wire.ParseObject(encoded, MaxBundle)
	if err != nil {
		return nil, err
	}
	if !dsk.Verify(key.ContextBundle, object.Body, object.Sig) {
		return nil, wire.ErrSignature
	}
	body, err := parseBundleBody(object.Body)
	if err != nil {
		return nil, err
	}
	if body.Device != key.DeviceIDOf(dsk) {
		return nil, wire.ErrValue.Because("device id of the bundle")
	}
	b := &Bundle{
		Device: dsk, SPK: body.SPK, ID: body.ID, Ratchet: body.Ratchet,
		Created: wire.Time(body.Created), Expires: wire.Time(body.Expires),
		List: ListRef{N: body.ListN, Hash: body.ListHash}, hash: object.Hash(),
	}
	if b.Created.After(now.Add(wire.ClockTolerance)) {
		return nil, wire.ErrClock
	}
	if b.expired(now) {
		return nil, wire.ErrExpired.Because("prekey bundle")
	}
	return b, nil
}

// parseBundleBody decodes a body whose signature was checked. The suite stands
// in its first three bytes, so that a bundle of another suite is named as such
// whatever else it holds.
func parseBundleBody(b []byte) (*bundleBody, error) {
	if len(b) > 3 && b[0]>>5 == 5 && b[1] == 1 && b[2] != Suite {
		return nil, wire.ErrSuite
	}
	body := new(bundleBody)
	if err := wire.Unmarshal(b, body, MaxBundle); err != nil {
		return nil, err
	}
	if body.ID != prekeyID(&body.SPK) {
		return nil, wire.ErrValue.Because("prekey id")
	}
	if body.Expires <= body.Created || body.Expires-body.Created > uint64(BundleValid/time.Millisecond) {
		return nil, wire.ErrValue.Because("times of the bundle")
	}
	if !usable(body.Ratchet) {
		return nil, wire.ErrPublicKey.Because("ratchet key")
	}
	return body, nil
}

// usable reports whether an exchange with the key is not all zeros. That
// depends on the key alone, as X25519 clears the cofactor for every private key.
func usable(p key.DHPublic) bool {
	one := [32]byte{1}
	probe, err := key.DHPrivateFrom(one[:])
	if err != nil {
		return false
	}
	_, err = probe.Shared(p)
	return err == nil
}

func prekeyID(spk *key.PrekeyPublic) (id [8]byte) {
	h := sha256.Sum256(spk[:])
	copy(id[:], h[:])
	return id
}

// Prekey is a bundle with its two private halves, kept by the device that
// published it until EraseAt. It prints nothing.
type Prekey struct {
	opaque
	spk     key.PrekeyPrivate
	ratchet key.DHPrivate
	object  wire.Object
	body    bundleBody
}

// NewPrekey makes a prekey and signs its bundle, valid for 37 days. list names
// the newest entry of the user's device list.
func NewPrekey(dsk key.DevicePrivate, list ListRef, now time.Time) *Prekey {
	p := &Prekey{spk: key.NewPrekeyPrivate(), ratchet: key.NewDHPrivate()}
	created := wire.Millis(now)
	p.body = bundleBody{
		Suite: Suite, Device: key.DeviceIDOf(dsk.Public()), SPK: p.spk.Public(), Ratchet: p.ratchet.Public(),
		Created: created, Expires: created + uint64(BundleValid/time.Millisecond),
		ListN: list.N, ListHash: list.Hash,
	}
	p.body.ID = prekeyID(&p.body.SPK)
	p.object = wire.Sign(dsk, key.ContextBundle, p.body)
	return p
}

// Bundle is the encoded bundle, to publish.
func (p *Prekey) Bundle() []byte { return p.object.Encode() }

// ID names the prekey: SHA-256(SPK)[:8].
func (p *Prekey) ID() [8]byte { return p.body.ID }

// List names the device list entry that the bundle refers to.
func (p *Prekey) List() ListRef { return ListRef{N: p.body.ListN, Hash: p.body.ListHash} }

// RenewAt is when the device makes its next prekey.
func (p *Prekey) RenewAt() time.Time { return wire.Time(p.body.Created).Add(BundleRenew) }

// EraseAt is when the private halves must be erased; Accept refuses them from
// then on.
func (p *Prekey) EraseAt() time.Time { return wire.Time(p.body.Created).Add(PrekeyErased) }

// prekeyState is a prekey in sealed storage.
type prekeyState struct {
	Version uint8    `cbor:"1,keyasint"`
	SPK     [32]byte `cbor:"2,keyasint"`
	Ratchet [32]byte `cbor:"3,keyasint"`
	Body    []byte   `cbor:"4,keyasint"`
	Sig     [64]byte `cbor:"5,keyasint"`
}

// Encode is the prekey for sealed storage; it holds the private halves.
func (p *Prekey) Encode() []byte {
	st := prekeyState{Version: stateVersion, Body: p.object.Body}
	copy(st.SPK[:], p.spk.Bytes())
	copy(st.Ratchet[:], p.ratchet.Bytes())
	copy(st.Sig[:], p.object.Sig)
	return wire.Marshal(st)
}

// DecodePrekey restores a prekey that Encode made and checks that its private
// halves belong to its bundle. Errors: ErrVersion, ErrValue, and those of
// wire.Unmarshal.
func DecodePrekey(b []byte) (*Prekey, error) {
	var st prekeyState
	if err := wire.Unmarshal(b, &st, 2*MaxBundle); err != nil {
		return nil, err
	}
	if st.Version != stateVersion {
		return nil, wire.ErrVersion
	}
	body, err := parseBundleBody(st.Body)
	if err != nil {
		return nil, err
	}
	p := &Prekey{object: wire.Object{Body: st.Body, Sig: st.Sig[:]}, body: *body}
	if p.spk, err = key.PrekeyPrivateFrom(st.SPK[:]); err != nil {
		return nil, err
	}
	if p.ratchet, err = key.DHPrivateFrom(st.Ratchet[:]); err != nil {
		return nil, err
	}
	if p.spk.Public() != body.SPK || p.ratchet.Public() != body.Ratchet {
		return nil, wire.ErrValue.Because("private halves of a prekey")
	}
	return p, nil
}
