package key

import (
	"bytes"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"testing"

	"golang.org/x/crypto/chacha20poly1305"
)

// TestWycheproofX25519: all-zero results are ErrDH, everything else matches.
func TestWycheproofX25519(t *testing.T) {
	var file struct {
		TestGroups []struct {
			Tests []struct {
				TcID                    int
				Public, Private, Shared string
				Result                  string
			}
		}
	}
	published(t, "x25519_test.json", &file)
	ran, zero := 0, 0
	for _, group := range file.TestGroups {
		for _, c := range group.Tests {
			ran++
			private := must(DHPrivateFrom(unhex(t, c.Private)))
			want := [32]byte(unhex(t, c.Shared))
			got, err := private.Shared(DHPublic(unhex(t, c.Public)))
			switch {
			case want == [32]byte{}:
				zero++
				if !errors.Is(err, ErrDH) || got != want {
					t.Errorf("case %d has an all-zero result: got %x, %v", c.TcID, got, err)
				}
			case err != nil || got != want:
				t.Errorf("case %d (%s): got %x, %v, not %x", c.TcID, c.Result, got, err, want)
			}
		}
	}
	if ran < 500 || zero == 0 {
		t.Fatalf("%d cases ran, %d of them with an all-zero result", ran, zero)
	}
}

func TestDHAgrees(t *testing.T) {
	a, b := NewDHPrivate(), NewDHPrivate()
	ab, err := a.Shared(b.Public())
	if err != nil {
		t.Fatal(err)
	}
	ba, err := b.Shared(a.Public())
	if err != nil || ab != ba {
		t.Fatalf("the two sides disagree: %v", err)
	}
	if _, err := a.Shared(DHPublic{}); !errors.Is(err, ErrDH) {
		t.Errorf("the zero key: %v", err)
	}
}

// schedule is the HPKE key schedule of RFC 9180 section 5.1, base mode.
type schedule struct{ key, nonce, exporter []byte }

var hpkeSuite = []byte("HPKE\x64\x7a\x00\x01\x00\x03") // X-Wing, HKDF-SHA256, ChaCha20-Poly1305

func labeledExtract(salt []byte, label string, ikm []byte) []byte {
	return must(hkdf.Extract(sha256.New, Join([]byte("HPKE-v1"), hpkeSuite, []byte(label), ikm), salt))
}

func labeledExpand(prk []byte, label string, info []byte, n int) []byte {
	length := binary.BigEndian.AppendUint16(nil, uint16(n))
	return must(hkdf.Expand(sha256.New, prk, string(Join(length, []byte("HPKE-v1"), hpkeSuite, []byte(label), info)), n))
}

func newSchedule(shared, info []byte) schedule {
	context := Join([]byte{0}, labeledExtract(nil, "psk_id_hash", nil), labeledExtract(nil, "info_hash", info))
	secret := labeledExtract(shared, "secret", nil)
	return schedule{
		key:      labeledExpand(secret, "key", context, 32),
		nonce:    labeledExpand(secret, "base_nonce", context, 12),
		exporter: labeledExpand(secret, "exp", context, 32),
	}
}

// TestXWing: the seed gives the published key, and the published ciphertext
// opens to the published shared secret: what Recipient exports and opens is
// recomputed from that secret by the key schedule.
func TestXWing(t *testing.T) {
	var cases []struct{ Seed, Sk, Pk, Ct, Ss string }
	published(t, "xwing.json", &cases)
	for i, c := range cases {
		private := must(PrekeyPrivateFrom(unhex(t, c.Sk)))
		if pub := private.Public(); !bytes.Equal(pub[:], unhex(t, c.Pk)) {
			t.Errorf("vector %d has another public key", i)
		}
		info := []byte("info of the test")
		want := newSchedule(unhex(t, c.Ss), info)
		recipient, err := private.Recipient(unhex(t, c.Ct), info)
		if err != nil {
			t.Fatalf("vector %d: %v", i, err)
		}
		exported := must(recipient.Export("exporter", 48))
		if !bytes.Equal(exported, labeledExpand(want.exporter, "sec", []byte("exporter"), 48)) {
			t.Errorf("vector %d exports another secret", i)
		}
		aead := must(chacha20poly1305.New(want.key))
		plain, err := recipient.Open([]byte("aad"), aead.Seal(nil, want.nonce, []byte("hello"), []byte("aad")))
		if err != nil || string(plain) != "hello" {
			t.Errorf("vector %d does not open what its key sealed: %v", i, err)
		}
	}
	if len(cases) == 0 {
		t.Fatal("no vectors")
	}
}

func TestPrekeySenderToRecipient(t *testing.T) {
	private := NewPrekeyPrivate()
	pub := private.Public()
	enc, sender, err := pub.Sender([]byte("info"))
	if err != nil || len(enc) != EncapsulatedSize {
		t.Fatalf("%d bytes of encapsulation, %v", len(enc), err)
	}
	recipient, err := private.Recipient(enc, []byte("info"))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(must(sender.Export("x", 32)), must(recipient.Export("x", 32))) {
		t.Error("the two sides export different secrets")
	}
	plain, err := recipient.Open([]byte("aad"), must(sender.Seal([]byte("aad"), []byte("text"))))
	if err != nil || string(plain) != "text" {
		t.Errorf("opened %q, %v", plain, err)
	}
	for _, n := range []int{0, 32, EncapsulatedSize - 1, EncapsulatedSize + 1} {
		if _, err := private.Recipient(append(enc, 0)[:n], nil); !errors.Is(err, ErrPrekey) {
			t.Errorf("an encapsulation of %d bytes: %v", n, err)
		}
	}
}

// TestPrekeyRefused: coefficients of ML-KEM above the modulus, and an X25519
// half of small order, are not a prekey.
func TestPrekeyRefused(t *testing.T) {
	pub := NewPrekeyPrivate().Public()
	bad := pub
	for i := range 1152 {
		bad[i] = 0xff
	}
	if _, _, err := bad.Sender(nil); !errors.Is(err, ErrPrekey) {
		t.Errorf("coefficients out of range: %v", err)
	}
	bad = pub
	clear(bad[1184:])
	if _, _, err := bad.Sender(nil); !errors.Is(err, ErrPrekey) {
		t.Errorf("X25519 half of small order: %v", err)
	}
	enc, _, err := pub.Sender(nil)
	if err != nil {
		t.Fatal(err)
	}
	clear(enc[1088:])
	if _, err := NewPrekeyPrivate().Recipient(enc, nil); !errors.Is(err, ErrPrekey) {
		t.Errorf("encapsulation with an X25519 half of small order: %v", err)
	}
}
