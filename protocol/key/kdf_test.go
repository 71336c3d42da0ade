package key

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"testing"
)

// hkdfByHand is RFC 5869 section 2 written out.
func hkdfByHand(ikm, salt, info []byte, n int) []byte {
	if salt == nil {
		salt = make([]byte, sha256.Size)
	}
	mac := func(k []byte, parts ...[]byte) []byte {
		h := hmac.New(sha256.New, k)
		for _, p := range parts {
			h.Write(p)
		}
		return h.Sum(nil)
	}
	prk := mac(salt, ikm)
	var out, last []byte
	for i := byte(1); len(out) < n; i++ {
		last = mac(prk, last, info, []byte{i})
		out = append(out, last...)
	}
	return out[:n]
}

// TestKDF: the info string is "zms/1/" label | 0x00 | ctx, whatever the length and salt.
func TestKDF(t *testing.T) {
	ikm := count(0, 32)
	for _, salt := range [][]byte{nil, {}, count(0x20, 32)} {
		for _, n := range []int{1, 8, 32, 96, 8160} {
			byHand := salt
			if len(salt) == 0 {
				byHand = nil
			}
			want := hkdfByHand(ikm, byHand, []byte("zms/1/session\x00ctx"), n)
			if got := KDF(LabelSession, ikm, []byte("ctx"), salt, n); !bytes.Equal(got, want) {
				t.Errorf("salt %x, %d bytes: %x, not %x", salt, n, got, want)
			}
		}
	}
	joined := KDF32(LabelDrop, ikm, []byte("a"), []byte("b"))
	if want := hkdfByHand(ikm, nil, []byte("zms/1/drop\x00ab"), 32); !bytes.Equal(joined[:], want) {
		t.Errorf("KDF32 is %x, not %x", joined, want)
	}
}

// TestKDFLength: more than 8160 bytes is a programming error.
func TestKDFLength(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("8161 bytes were derived")
		}
	}()
	KDF(LabelDrop, nil, nil, nil, 8161)
}
