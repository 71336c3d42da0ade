package key

import "crypto/hpke"

// RelayPublicSize is the size of a gateway's KEM key (X-Wing), in bytes.
const RelayPublicSize = PrekeyPublicSize

// RelayPublic is a gateway's KEM key: channels to it start here
// (docs/protocol/keys.md, "Keys of gateways").
type RelayPublic [RelayPublicSize]byte

// RelayPrivate is the 32-byte seed of a gateway's KEM key.
type RelayPrivate struct{ secret32 }

// NewRelayPrivate makes a random KEM key.
func NewRelayPrivate() RelayPrivate { return RelayPrivate{random32()} }

// RelayPrivateFrom restores a KEM key from its 32 bytes.
func RelayPrivateFrom(b []byte) (RelayPrivate, error) {
	s, err := parse32(b)
	return RelayPrivate{s}, err
}

// Public returns the public half.
func (p RelayPrivate) Public() RelayPublic {
	return RelayPublic(PrekeyPrivate(p).Public())
}

// Check refuses what is no X-Wing key with ErrPrekey.
func (p *RelayPublic) Check() error {
	if _, err := hpke.MLKEM768X25519().NewPublicKey(p[:]); err != nil {
		return ErrPrekey
	}
	return nil
}

// Sender sets up HPKE (RFC 9180, base mode, X-Wing, HKDF-SHA256,
// ChaCha20-Poly1305) to the gateway and returns the 1120-byte encapsulation.
func (p *RelayPublic) Sender(info []byte) (enc []byte, s *hpke.Sender, err error) {
	return (*PrekeyPublic)(p).Sender(info)
}

// Recipient opens the HPKE context that Sender set up.
func (p RelayPrivate) Recipient(enc, info []byte) (*hpke.Recipient, error) {
	return PrekeyPrivate(p).Recipient(enc, info)
}
