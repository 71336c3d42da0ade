package key

import (
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
)

// KDF derives n bytes (at most 8160) from ikm: HKDF-SHA256 (RFC 5869) with the
// info string "zms/1/" label | 0x00 | ctx. A nil salt is HKDF's default salt.
func KDF(label Label, ikm, ctx, salt []byte, n int) []byte {
	out, err := hkdf.Key(sha256.New, ikm, salt, "zms/1/"+string(label)+"\x00"+string(ctx), n)
	if err != nil {
		panic("key: KDF length out of range") // n is a constant at every call
	}
	return out
}

// KDF32 derives 32 bytes without salt; ctx is the concatenation of its parts.
func KDF32(label Label, ikm []byte, ctx ...[]byte) (out [32]byte) {
	copy(out[:], KDF(label, ikm, Join(ctx...), nil, 32))
	return out
}

// Hash is SHA-256(prefix | 0x00 | parts...).
func Hash(prefix Prefix, parts ...[]byte) (out [32]byte) {
	h := sha256.New()
	h.Write([]byte(prefix))
	h.Write([]byte{0})
	for _, p := range parts {
		h.Write(p)
	}
	h.Sum(out[:0])
	return out
}

// Hash16 is the first 16 bytes of Hash.
func Hash16(prefix Prefix, parts ...[]byte) (out [16]byte) {
	h := Hash(prefix, parts...)
	copy(out[:], h[:])
	return out
}

// MAC is HMAC-SHA256(k, parts...).
func MAC(k []byte, parts ...[]byte) (out [32]byte) {
	h := hmac.New(sha256.New, k)
	for _, p := range parts {
		h.Write(p)
	}
	h.Sum(out[:0])
	return out
}

// Join concatenates its parts into a new slice.
func Join(parts ...[]byte) []byte {
	n := 0
	for _, p := range parts {
		n += len(p)
	}
	out := make([]byte, 0, n)
	for _, p := range parts {
		out = append(out, p...)
	}
	return out
}
