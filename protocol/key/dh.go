package key

import (
	"crypto/ecdh"
	"crypto/hpke"
	"errors"
)

// Sizes of the handshake's key material.
const (
	PrekeyPublicSize = 1216 // ML-KEM-768 encapsulation key 1184 | X25519 public key 32
	EncapsulatedSize = 1120 // ML-KEM-768 ciphertext 1088 | X25519 public key 32
)

// ErrDH is returned when an X25519 exchange yields all zeros (RFC 7748 section
// 6.1): the other side's key is of small order.
var ErrDH = errors.New("key: the other side's exchange key is unusable")

// ErrPrekey is returned for a prekey or encapsulation that is malformed.
var ErrPrekey = errors.New("key: not a valid prekey")

// DHPublic is a ratchet public key (X25519), 32 bytes.
type DHPublic [32]byte

// DHPrivate is a ratchet private key (X25519).
type DHPrivate struct{ secret32 }

// NewDHPrivate makes a random ratchet key.
func NewDHPrivate() DHPrivate { return DHPrivate{random32()} }

// DHPrivateFrom restores a ratchet key from its 32 bytes.
func DHPrivateFrom(b []byte) (DHPrivate, error) {
	s, err := parse32(b)
	return DHPrivate{s}, err
}

// Public returns the public half.
func (p DHPrivate) Public() (pub DHPublic) {
	k, err := ecdh.X25519().NewPrivateKey(p.raw())
	if err != nil {
		panic("key: X25519 takes any 32 bytes")
	}
	copy(pub[:], k.PublicKey().Bytes())
	return pub
}

// Shared is X25519(p, peer); it fails with ErrDH if the result is all zeros.
func (p DHPrivate) Shared(peer DHPublic) (out [32]byte, err error) {
	k, err := ecdh.X25519().NewPrivateKey(p.raw())
	if err != nil {
		return out, ErrDH
	}
	q, err := ecdh.X25519().NewPublicKey(peer[:])
	if err != nil {
		return out, ErrDH
	}
	s, err := k.ECDH(q)
	if err != nil {
		return out, ErrDH
	}
	copy(out[:], s)
	return out, nil
}

// PrekeyPublic is a device's X-Wing prekey SPK (draft-connolly-cfrg-xwing-kem).
type PrekeyPublic [PrekeyPublicSize]byte

// PrekeyPrivate is the 32-byte seed of an X-Wing prekey.
type PrekeyPrivate struct{ secret32 }

// NewPrekeyPrivate makes a random prekey.
func NewPrekeyPrivate() PrekeyPrivate { return PrekeyPrivate{random32()} }

// PrekeyPrivateFrom restores a prekey from its 32 bytes.
func PrekeyPrivateFrom(b []byte) (PrekeyPrivate, error) {
	s, err := parse32(b)
	return PrekeyPrivate{s}, err
}

// Public returns the public half.
func (p PrekeyPrivate) Public() (pub PrekeyPublic) {
	k, err := hpke.MLKEM768X25519().NewPrivateKey(p.raw())
	if err != nil {
		panic("key: X-Wing takes any 32 bytes")
	}
	copy(pub[:], k.PublicKey().Bytes())
	return pub
}

// Sender sets up HPKE (RFC 9180, base mode, X-Wing, HKDF-SHA256,
// ChaCha20-Poly1305) to the prekey and returns the 1120-byte encapsulation.
func (p *PrekeyPublic) Sender(info []byte) (enc []byte, s *hpke.Sender, err error) {
	k, err := hpke.MLKEM768X25519().NewPublicKey(p[:])
	if err != nil {
		return nil, nil, ErrPrekey
	}
	enc, s, err = hpke.NewSender(k, hpke.HKDFSHA256(), hpke.ChaCha20Poly1305(), info)
	if err != nil {
		return nil, nil, ErrPrekey
	}
	return enc, s, nil
}

// Recipient opens the HPKE context that Sender set up.
func (p PrekeyPrivate) Recipient(enc, info []byte) (*hpke.Recipient, error) {
	k, err := hpke.MLKEM768X25519().NewPrivateKey(p.raw())
	if err != nil || len(enc) != EncapsulatedSize {
		return nil, ErrPrekey
	}
	r, err := hpke.NewRecipient(enc, k, hpke.HKDFSHA256(), hpke.ChaCha20Poly1305(), info)
	if err != nil {
		return nil, ErrPrekey
	}
	return r, nil
}
