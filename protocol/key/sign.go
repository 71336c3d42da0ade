package key

import (
	"crypto/ed25519"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"

	"filippo.io/edwards25519"
)

// Sizes of Ed25519 values.
const (
	PublicSize    = 32
	SignatureSize = 64
)

// ErrPublicKey is returned for a public key that is not canonical, of small
// order, or not in the prime-order group (docs/protocol/keys.md, "Public keys").
var ErrPublicKey = errors.New("key: not a valid public key")

// The roles of Ed25519 keys; each makes Public and Private types of its own.
type (
	// Identity is the role of a person's identity key (IK).
	Identity struct{}
	// Device is the role of a device's signing key (DSK).
	Device struct{}
	// Mailbox is the role of the key that owns an account at one gateway (MK_g).
	Mailbox struct{}
	// Login is the role of the key by which one device logs in at one gateway (LK).
	Login struct{}
	// Node is the role of a gateway's own key.
	Node struct{}
	// Profile is the role of the blinded key that names a profile at one gateway (P_g).
	Profile struct{}
	// Blinded is the role of the blinded key that names an address record for one
	// day (A').
	Blinded struct{}
)

// Role is the set of Ed25519 key roles.
type Role interface {
	Identity | Device | Mailbox | Login | Node | Profile | Blinded
}

// Public is the 32-byte public key of one role.
type Public[R Role] [PublicSize]byte

// Private is the private key of one role; it cannot be printed or compared.
type Private[R Role] struct {
	opaque
	k hidden[[ed25519.PrivateKeySize]byte] // seed 32 | public 32
}

// The public and private types of every role.
type (
	// IdentityPublic is a person's identity key; it is the user ID.
	IdentityPublic = Public[Identity]
	// IdentityPrivate signs device lists.
	IdentityPrivate = Private[Identity]
	// DevicePublic verifies what one device signed.
	DevicePublic = Public[Device]
	// DevicePrivate signs messages, bundles and handshakes of one device.
	DevicePrivate = Private[Device]
	// MailboxPublic names an account at one gateway.
	MailboxPublic = Public[Mailbox]
	// MailboxPrivate registers an account and enrols login keys.
	MailboxPrivate = Private[Mailbox]
	// LoginPublic identifies one device to one gateway.
	LoginPublic = Public[Login]
	// LoginPrivate logs in and acknowledges.
	LoginPrivate = Private[Login]
	// NodePublic is a gateway's pinned key.
	NodePublic = Public[Node]
	// NodePrivate signs receipts and the gateway's certificate.
	NodePrivate = Private[Node]
	// ProfilePublic is the blinded name of a profile at one gateway.
	ProfilePublic = Public[Profile]
	// BlindedPublic is A', the name of a user's address record on one day.
	BlindedPublic = Public[Blinded]
)

// ParsePublic checks and returns a public key of role R that came from outside.
func ParsePublic[R Role](b []byte) (p Public[R], err error) {
	if len(b) != PublicSize {
		return p, ErrPublicKey
	}
	if _, err := decodePoint(b); err != nil {
		return p, err
	}
	copy(p[:], b)
	return p, nil
}

// decodePoint accepts canonical encodings of points of prime order only. The
// torsion check is [l-1]A == -A: it holds exactly for the prime-order group. It may
// take its time by the point, which is public.
func decodePoint(b []byte) (*edwards25519.Point, error) {
	a, err := new(edwards25519.Point).SetBytes(b)
	if err != nil || subtle.ConstantTimeCompare(a.Bytes(), b) != 1 {
		return nil, ErrPublicKey
	}
	if a.Equal(edwards25519.NewIdentityPoint()) == 1 {
		return nil, ErrPublicKey
	}
	minusOne := new(edwards25519.Scalar).Negate(scalarOne())
	times := new(edwards25519.Point).VarTimeDoubleScalarBaseMult(minusOne, a, new(edwards25519.Scalar))
	if times.Equal(new(edwards25519.Point).Negate(a)) != 1 {
		return nil, ErrPublicKey
	}
	return a, nil
}

func scalarOne() *edwards25519.Scalar {
	var one [32]byte
	one[0] = 1
	s, _ := new(edwards25519.Scalar).SetCanonicalBytes(one[:])
	return s
}

// Check applies ParsePublic's checks to a key that was decoded as raw bytes.
func (p Public[R]) Check() error {
	_, err := decodePoint(p[:])
	return err
}

// IsZero reports whether the key is unset.
func (p Public[R]) IsZero() bool { return p == Public[R]{} }

// String is the key in hex, for logs of public keys.
func (p Public[R]) String() string { return hex.EncodeToString(p[:]) }

// Verify reports whether sig is a signature of x under ctx by this key.
func (p Public[R]) Verify(ctx Context, x, sig []byte) bool {
	return p.verify(signed(ctx, x), sig)
}

// verify is plain Ed25519 (RFC 8032 section 5.1.7) over the message itself.
func (p Public[R]) verify(message, sig []byte) bool {
	return len(sig) == SignatureSize && ed25519.Verify(p[:], message, sig)
}

// signed is the byte string that Ed25519 signs: ctx | 0x00 | SHA-256(x).
func signed(ctx Context, x []byte) []byte {
	h := sha256.Sum256(x)
	return Join([]byte(ctx), []byte{0}, h[:])
}

// NewPrivate makes a random private key of role R.
func NewPrivate[R Role]() Private[R] {
	var seed [32]byte
	random(seed[:])
	return PrivateFromSeed[R](seed)
}

// PrivateFromSeed makes the private key of role R whose RFC 8032 seed is given.
func PrivateFromSeed[R Role](seed [32]byte) Private[R] {
	return Private[R]{k: hide([ed25519.PrivateKeySize]byte(ed25519.NewKeyFromSeed(seed[:])))}
}

// Public returns the public half.
func (p Private[R]) Public() (pub Public[R]) {
	copy(pub[:], p.k.show()[32:])
	return pub
}

// Sign signs x under ctx: Ed25519 over ctx | 0x00 | SHA-256(x), 64 bytes.
func (p Private[R]) Sign(ctx Context, x []byte) []byte {
	return ed25519.Sign(p.k.show()[:], signed(ctx, x))
}

// Seed returns a copy of the 32-byte RFC 8032 seed, for sealed storage.
func (p Private[R]) Seed() []byte { return append([]byte(nil), p.k.show()[:ed25519.SeedSize]...) }

// IsZero reports whether the key is unset.
func (p Private[R]) IsZero() bool { return p.k.at == nil }

// Ed25519 returns the standard library's key, which crypto/tls needs for a
// gateway's certificate.
func Ed25519(p NodePrivate) ed25519.PrivateKey {
	return append(ed25519.PrivateKey(nil), p.k.show()[:]...)
}
