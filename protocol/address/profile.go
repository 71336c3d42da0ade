package address

import (
	"crypto/rand"
	"encoding/binary"
	"time"

	"golang.org/x/crypto/chacha20poly1305"

	"zeroms/protocol/key"
	"zeroms/protocol/wire"
)

// Sizes and limits of a profile.
const (
	SmallProfile = 4 << 10         // the usual size of a blob
	LargeProfile = wire.MaxProfile // 16 KiB, for people with several devices

	MaxEntries    = 5    // device list entries, the newest last
	MaxEntrySize  = 864  // bytes of one
	MaxBundles    = 8    // one a device
	MaxBundleSize = 1600 // bytes of one
	MaxLeases     = 16

	MinDifficulty = 20 // zero bits of work at a public door
	MaxDifficulty = wire.MaxWorkBits

	lengthSize = 4
	overhead   = chacha20poly1305.NonceSizeX + chacha20poly1305.Overhead + lengthSize
)

// Profile is what a person publishes at one gateway. List and Bundles are
// opaque here. A Profile that Open returned is not to be trusted until Verify
// succeeded with the signer's key from a verified device list.
type Profile struct {
	Made       time.Time      // to the ms; Seal and Open keep it in UTC
	List       [][]byte       // tail of the device list, newest last
	Bundles    [][]byte       // prekey bundles
	Door       key.DoorSecret // secret of the public door; zero: there is none
	Difficulty uint8          // zero bits of work at the public door; 0 without one
	Leases     []Lease
	Signer     key.DeviceID // the listed device that signed; Seal sets it

	sig []byte
}

// unsigned is what the signer signs: the content without field 8.
type unsigned struct {
	Made       uint64       `cbor:"1,keyasint"`
	List       [][]byte     `cbor:"2,keyasint"`
	Bundles    [][]byte     `cbor:"3,keyasint"`
	Door       []byte       `cbor:"4,keyasint"`
	Difficulty uint8        `cbor:"5,keyasint"`
	Leases     []lease      `cbor:"6,keyasint"`
	Signer     key.DeviceID `cbor:"7,keyasint"`
}

// content is the blob's plaintext without length and padding.
type content struct {
	Made       uint64       `cbor:"1,keyasint"`
	List       [][]byte     `cbor:"2,keyasint"`
	Bundles    [][]byte     `cbor:"3,keyasint"`
	Door       []byte       `cbor:"4,keyasint"`
	Difficulty uint8        `cbor:"5,keyasint"`
	Leases     []lease      `cbor:"6,keyasint"`
	Signer     key.DeviceID `cbor:"7,keyasint"`
	Sig        []byte       `cbor:"8,keyasint"`
}

// Seal signs the profile with the device key dsk and encrypts it for the
// gateway at place, to holders of a's card with the address secret s. It takes
// the smaller size that holds the content. Errors: wire.ErrValue,
// wire.ErrPublicKey, wire.ErrTooLarge (leave out leases or older entries).
func Seal(p *Profile, a key.IdentityPublic, s key.AddressSecret, place key.Place, dsk key.DevicePrivate) ([]byte, error) {
	name, err := key.ProfileName(a, s, place)
	if err != nil {
		return nil, wire.ErrPublicKey
	}
	signed := *p
	signed.Signer = key.DeviceIDOf(dsk.Public())
	if err := signed.check(); err != nil {
		return nil, err
	}
	u := signed.unsigned()
	c := content{Made: u.Made, List: u.List, Bundles: u.Bundles, Door: u.Door, Difficulty: u.Difficulty, Leases: u.Leases, Signer: u.Signer}
	c.Sig = dsk.Sign(key.ContextProfile, wire.Marshal(u))
	plain, err := pad(wire.Marshal(c))
	if err != nil {
		return nil, err
	}
	k := key.ProfileCipherKey(a, s, name)
	aead, err := chacha20poly1305.NewX(k[:])
	if err != nil {
		return nil, err
	}
	nonce := make([]byte, chacha20poly1305.NonceSizeX, len(plain)+overhead)
	_, _ = rand.Read(nonce) // never fails
	return aead.Seal(nonce, nonce, plain, name[:]), nil
}

// pad puts the length before the content and zeros behind it.
func pad(b []byte) ([]byte, error) {
	size := SmallProfile
	if len(b) > SmallProfile-overhead {
		size = LargeProfile
	}
	if len(b) > LargeProfile-overhead {
		return nil, wire.ErrTooLarge.Because("profile")
	}
	plain := make([]byte, size-overhead+lengthSize)
	binary.BigEndian.PutUint32(plain, uint32(len(b)))
	copy(plain[lengthSize:], b)
	return plain, nil
}

// Open decrypts a profile blob that the gateway at place holds for the person
// a, with the address secret s of the card. Errors: wire.ErrSizeClass,
// wire.ErrOpen (not for this person, secret or gateway, or changed),
// wire.ErrClock (made more than a day after now), wire.ErrValue,
// wire.ErrPublicKey, and those of wire.Unmarshal.
func Open(blob []byte, a key.IdentityPublic, s key.AddressSecret, place key.Place, now time.Time) (*Profile, error) {
	if len(blob) != SmallProfile && len(blob) != LargeProfile {
		return nil, wire.ErrSizeClass.Because("profile")
	}
	name, err := key.ProfileName(a, s, place)
	if err != nil {
		return nil, wire.ErrPublicKey
	}
	k := key.ProfileCipherKey(a, s, name)
	aead, err := chacha20poly1305.NewX(k[:])
	if err != nil {
		return nil, err
	}
	plain, err := aead.Open(nil, blob[:aead.NonceSize()], blob[aead.NonceSize():], name[:])
	if err != nil {
		return nil, wire.ErrOpen
	}
	b, err := unpad(plain)
	if err != nil {
		return nil, err
	}
	p, err := parse(b)
	if err != nil {
		return nil, err
	}
	if p.Made.After(now.Add(wire.ClockTolerance)) {
		return nil, wire.ErrClock
	}
	return p, nil
}

// unpad is the content of a plaintext; what follows must be zeros.
func unpad(plain []byte) ([]byte, error) {
	if len(plain) < lengthSize {
		return nil, wire.ErrTruncated
	}
	n, rest := binary.BigEndian.Uint32(plain), plain[lengthSize:]
	if uint64(n) > uint64(len(rest)) {
		return nil, wire.ErrTruncated
	}
	for _, b := range rest[n:] {
		if b != 0 {
			return nil, wire.ErrTrailing
		}
	}
	return rest[:n], nil
}

// parse reads the content strictly.
func parse(b []byte) (*Profile, error) {
	var c content
	if err := wire.Unmarshal(b, &c, LargeProfile); err != nil {
		return nil, err
	}
	if len(c.Sig) != key.SignatureSize {
		return nil, wire.ErrMalformed
	}
	if len(c.Leases) > MaxLeases {
		return nil, wire.ErrValue.Because("number of leases")
	}
	p := &Profile{Made: wire.Time(c.Made), List: c.List, Bundles: c.Bundles, Difficulty: c.Difficulty, Signer: c.Signer, sig: c.Sig}
	if wire.Millis(p.Made) != c.Made {
		return nil, wire.ErrValue.Because("time")
	}
	if len(c.Door) != 0 {
		door, err := key.DoorSecretFrom(c.Door)
		if err != nil || door.IsZero() {
			return nil, wire.ErrValue.Because("public door")
		}
		p.Door = door
	}
	for _, w := range c.Leases {
		l, err := w.lease()
		if err != nil {
			return nil, err
		}
		p.Leases = append(p.Leases, l)
	}
	if err := p.check(); err != nil {
		return nil, err
	}
	return p, nil
}

// check holds a profile against the limits.
func (p *Profile) check() error {
	if len(p.List) == 0 || len(p.List) > MaxEntries || !within(p.List, MaxEntrySize) {
		return wire.ErrValue.Because("device list entries")
	}
	if len(p.Bundles) > MaxBundles || !within(p.Bundles, MaxBundleSize) {
		return wire.ErrValue.Because("bundles")
	}
	if p.Door.IsZero() && p.Difficulty != 0 || !p.Door.IsZero() && (p.Difficulty < MinDifficulty || p.Difficulty > MaxDifficulty) {
		return wire.ErrValue.Because("public door")
	}
	if len(p.Leases) > MaxLeases {
		return wire.ErrValue.Because("number of leases")
	}
	for _, l := range p.Leases {
		if err := l.Check(); err != nil {
			return err
		}
	}
	return nil
}

// within tells whether every item has 1 to size bytes.
func within(items [][]byte, size int) bool {
	for _, item := range items {
		if len(item) == 0 || len(item) > size {
			return false
		}
	}
	return true
}

func (p *Profile) unsigned() unsigned {
	u := unsigned{Made: wire.Millis(p.Made), List: p.List, Bundles: p.Bundles, Difficulty: p.Difficulty, Signer: p.Signer}
	if !p.Door.IsZero() {
		u.Door = p.Door.Bytes()
	}
	for _, l := range p.Leases {
		u.Leases = append(u.Leases, l.wire())
	}
	return u
}

// Verify checks that the signer signed the profile; dsk is the key of the
// device Signer in the verified device list. Errors: wire.ErrSignature.
func (p *Profile) Verify(dsk key.DevicePublic) error {
	if key.DeviceIDOf(dsk) != p.Signer || !dsk.Verify(key.ContextProfile, wire.Marshal(p.unsigned()), p.sig) {
		return wire.ErrSignature.Because("profile")
	}
	return nil
}
