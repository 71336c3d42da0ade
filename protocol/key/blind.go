package key

import (
	"crypto/sha512"
	"encoding/binary"

	"filippo.io/edwards25519"
)

// BlindPrivate is a blinded identity key (draft-irtf-cfrg-signature-key-blinding,
// Ed25519) of one role. It signs like any Ed25519 key but has no seed. It must
// never be handed out: with the public blinding factor it yields the identity key.
type BlindPrivate[R BlindRole] struct {
	opaque
	scalar hidden[edwards25519.Scalar]
	prefix hidden[[64]byte]
	public Public[R]
}

// BlindRole is the set of roles whose keys are blinded identity keys.
type BlindRole interface {
	Profile | Blinded
}

type (
	// ProfilePrivate is the private half of a ProfilePublic.
	ProfilePrivate = BlindPrivate[Profile]
	// BlindedPrivate signs a user's address record of one day.
	BlindedPrivate = BlindPrivate[Blinded]
)

// blindFactor is the scalar s and nonce half of a blinding factor bk under ctx:
// SHA-512(bk | 0x00 | ctx), s = little-endian of the first half mod L, not pruned.
func blindFactor(bk [32]byte, ctx Context) (s *edwards25519.Scalar, nonce [32]byte) {
	h := sha512.Sum512(Join(bk[:], []byte{0}, []byte(ctx)))
	var wide [64]byte
	copy(wide[:32], h[:32])
	s, _ = new(edwards25519.Scalar).SetUniformBytes(wide[:])
	copy(nonce[:], h[32:])
	return s, nonce
}

// BlindPublic blinds an identity key: P = s * A. It fails if A is not a valid key.
func BlindPublic[R BlindRole](a IdentityPublic, bk [32]byte, ctx Context) (Public[R], error) {
	point, err := decodePoint(a[:])
	if err != nil {
		return Public[R]{}, err
	}
	s, _ := blindFactor(bk, ctx)
	return Public[R](new(edwards25519.Point).ScalarMult(s, point).Bytes()), nil
}

// Blind makes the private key that belongs to BlindPublic of the same arguments.
func Blind[R BlindRole](a IdentityPrivate, bk [32]byte, ctx Context) BlindPrivate[R] {
	h := sha512.Sum512(a.Seed())
	base, _ := new(edwards25519.Scalar).SetBytesWithClamping(h[:32])
	s, nonce := blindFactor(bk, ctx)
	scalar := new(edwards25519.Scalar).Multiply(base, s)
	return BlindPrivate[R]{
		scalar: hide(*scalar),
		prefix: hide([64]byte(Join(h[32:], nonce[:]))),
		public: Public[R](new(edwards25519.Point).ScalarBaseMult(scalar).Bytes()),
	}
}

// Public returns the blinded public key.
func (p BlindPrivate[R]) Public() Public[R] { return p.public }

// Sign signs x under ctx; the result verifies under Public like any Ed25519 signature.
func (p BlindPrivate[R]) Sign(ctx Context, x []byte) []byte {
	return p.sign(signed(ctx, x))
}

// sign is Ed25519 (RFC 8032 section 5.1.6) with the blinded scalar and the
// joined nonce prefixes.
func (p BlindPrivate[R]) sign(message []byte) []byte {
	digest := sha512.Sum512(Join(p.prefix.show()[:], message))
	r, _ := new(edwards25519.Scalar).SetUniformBytes(digest[:])
	bigR := new(edwards25519.Point).ScalarBaseMult(r).Bytes()
	digest = sha512.Sum512(Join(bigR, p.public[:], message))
	k, _ := new(edwards25519.Scalar).SetUniformBytes(digest[:])
	s := new(edwards25519.Scalar).MultiplyAdd(k, p.scalar.show(), r)
	return Join(bigR, s.Bytes())
}

// ProfileName derives P_g, the name of user a's profile at gateway g for
// holders of s: blind(A, KDF("profile-blind", A | S, network | g), "zms/1/profile").
// network is 4 bytes; a zero S counts as absent (found by key alone).
func ProfileName(a IdentityPublic, s AddressSecret, at Place) (ProfilePublic, error) {
	return BlindPublic[Profile](a, profileFactor(a, s, at), ContextBlindProfile)
}

// ProfileSigner is the private half of ProfileName.
func ProfileSigner(a IdentityPrivate, s AddressSecret, at Place) ProfilePrivate {
	return Blind[Profile](a, profileFactor(a.Public(), s, at), ContextBlindProfile)
}

// ProfileCipherKey is the key of the profile blob named p: KDF("profile-key", A | S, P_g).
func ProfileCipherKey(a IdentityPublic, s AddressSecret, p ProfilePublic) [32]byte {
	return KDF32(LabelProfileKey, cardSecret(a, s), p[:])
}

func profileFactor(a IdentityPublic, s AddressSecret, at Place) [32]byte {
	return KDF32(LabelProfileBlind, cardSecret(a, s), at.Network[:], at.Node[:])
}

// cardSecret is A | S, or A alone where S is zeros.
func cardSecret(a IdentityPublic, s AddressSecret) []byte {
	if s.IsZero() {
		return a[:]
	}
	return Join(a[:], s.raw())
}

// RecordName derives A', the name of user a's address record on one day (days
// since 1970 UTC) for holders of s: blind(A, KDF("blind", A | S, network | day),
// "zms/1/address"). day is 4 bytes; a zero S counts as absent (found by key alone).
func RecordName(a IdentityPublic, s AddressSecret, n Network, day uint32) (BlindedPublic, error) {
	return BlindPublic[Blinded](a, recordFactor(a, s, n, day), ContextAddress)
}

// RecordSigner is the private half of RecordName.
func RecordSigner(a IdentityPrivate, s AddressSecret, n Network, day uint32) BlindedPrivate {
	return Blind[Blinded](a, recordFactor(a.Public(), s, n, day), ContextAddress)
}

// RecordCipherKey is the key of the address record named so: KDF("address-body", A | S, A').
func RecordCipherKey(a IdentityPublic, s AddressSecret, name BlindedPublic) [32]byte {
	return KDF32(LabelAddressBody, cardSecret(a, s), name[:])
}

func recordFactor(a IdentityPublic, s AddressSecret, n Network, day uint32) [32]byte {
	return KDF32(LabelBlind, cardSecret(a, s), n[:], binary.BigEndian.AppendUint32(nil, day))
}
