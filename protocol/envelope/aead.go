package envelope

import (
	"encoding/binary"

	"golang.org/x/crypto/chacha20poly1305"
)

// overhead is what sealing adds, the Poly1305 tag.
const overhead = chacha20poly1305.Overhead

// nonceOf is 8 zeros | i. Every key of this package is used for one nonce,
// except hk, whose nonces are the indices of its chain.
func nonceOf(i uint32) (n [chacha20poly1305.NonceSize]byte) {
	binary.BigEndian.PutUint32(n[8:], i)
	return n
}

// seal appends the sealed plaintext to dst, which it may overlap exactly.
func seal(dst []byte, k [32]byte, i uint32, plaintext, aad []byte) []byte {
	a, err := chacha20poly1305.New(k[:])
	if err != nil {
		panic("envelope: a key is 32 bytes")
	}
	n := nonceOf(i)
	return a.Seal(dst, n[:], plaintext, aad)
}

// open returns the plaintext in memory of its own; ok is false if anything was
// changed.
func open(k [32]byte, i uint32, sealed, aad []byte) (plaintext []byte, ok bool) {
	a, err := chacha20poly1305.New(k[:])
	if err != nil {
		panic("envelope: a key is 32 bytes")
	}
	n := nonceOf(i)
	plaintext, err = a.Open(nil, n[:], sealed, aad)
	return plaintext, err == nil
}
