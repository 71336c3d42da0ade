package key

import "crypto/hpke"

// RelayPublicSize is the size of a gateway's KEM key (X-Wing), in bytes.
const RelayPublicSize = PrekeyPublicSize

// RelayPublic is a gateway's KEM key: channels to it start here
// (docs/protocol/keys.md, "Keys of gateways").
type RelayPublic [RelayPublicSize]byte

// RelayPrivate is the 32-byte seed of a gateway's KEM key. It keeps what X-Wing
// derives from it (some 9 KiB), for that costs more than opening a context does;
// copies share it, and it goes with the last of them.
type RelayPrivate struct {
	secret32

	expanded hidden[hpke.PrivateKey] // none of the zero seed
}

// NewRelayPrivate makes a random KEM key.
func NewRelayPrivate() RelayPrivate { return relayPrivateOf(random32()) }

// RelayPrivateFrom restores a KEM key from its 32 bytes.
func RelayPrivateFrom(b []byte) (RelayPrivate, error) {
	s, err := parse32(b)
	return relayPrivateOf(s), err
}

func relayPrivateOf(seed secret32) RelayPrivate {
	if seed.IsZero() {
		return RelayPrivate{}
	}
	return RelayPrivate{seed, hide(expand(seed))}
}

// expand derives the keys of X-Wing from their seed.
func expand(seed secret32) hpke.PrivateKey {
	k, err := hpke.MLKEM768X25519().NewPrivateKey(seed.raw())
	if err != nil {
		panic("key: X-Wing takes any 32 bytes")
	}
	return k
}

// keys are the keys of X-Wing. They do not change when they are used, on any
// goroutine.
func (p RelayPrivate) keys() hpke.PrivateKey {
	if p.expanded.at == nil {
		return expand(p.secret32)
	}
	return *p.expanded.show()
}

// Public returns the public half.
func (p RelayPrivate) Public() RelayPublic {
	return RelayPublic(p.keys().PublicKey().Bytes())
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

// Recipient opens the HPKE context that Sender set up. Error: ErrPrekey.
func (p RelayPrivate) Recipient(enc, info []byte) (*hpke.Recipient, error) {
	if len(enc) != EncapsulatedSize {
		return nil, ErrPrekey
	}
	r, err := hpke.NewRecipient(enc, p.keys(), hpke.HKDFSHA256(), hpke.ChaCha20Poly1305(), info)
	if err != nil {
		return nil, ErrPrekey
	}
	return r, nil
}
