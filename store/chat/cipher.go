package chat

import (
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"hash"
	"sync"

	"golang.org/x/crypto/argon2"
	"golang.org/x/crypto/chacha20poly1305"

	"zeroms/client/profile"
)

// Sizes in bytes.
const (
	keySize      = chacha20poly1305.KeySize    // 32, of every key
	nonceSize    = chacha20poly1305.NonceSizeX // 24
	tagSize      = chacha20poly1305.Overhead   // 16
	sealedExtra  = nonceSize + tagSize         // a sealed value is so much longer
	hashSize     = 16
	slotSize     = 32
	checkSize    = 16
	aadSize      = 1 + hashSize + 8 + 4 + 4
	maxKeyBytes  = 32       // of a row's key
	maxDataBytes = 16 << 20 // of a row's data
)

// errSealing: a sealed value does not verify. It is named by who knows what it was.
var errSealing = errors.New("the sealing does not verify")

// secret is 32 secret bytes behind a pointer, which fmt prints as an address.
type secret = *[keySize]byte

func newSecret() secret {
	s := new([keySize]byte)
	_, _ = rand.Read(s[:]) // never fails
	return s
}

// aeadOf is XChaCha20-Poly1305 with a key of 32 bytes.
func aeadOf(key []byte) cipher.AEAD {
	a, err := chacha20poly1305.NewX(key)
	if err != nil {
		panic("chat: a cipher key must have 32 bytes") // every caller gives an array
	}
	return a
}

// seal returns nonce 24 | ciphertext | tag 16.
func seal(a cipher.AEAD, plain, aad []byte) []byte {
	out := make([]byte, nonceSize, len(plain)+sealedExtra)
	_, _ = rand.Read(out) // never fails
	return a.Seal(out, out, plain, aad)
}

// unseal opens what seal returned. Errors: errSealing.
func unseal(a cipher.AEAD, sealed, aad []byte) ([]byte, error) {
	if len(sealed) < sealedExtra {
		return nil, errSealing
	}
	plain, err := a.Open(nil, sealed[:nonceSize], sealed[nonceSize:], aad)
	if err != nil {
		return nil, errSealing
	}
	return plain, nil
}

// macer is HMAC-SHA256 under one key, which costs less the second time. It may
// be used by several goroutines.
type macer struct{ idle sync.Pool }

func newMacer(key secret) *macer {
	m := new(macer)
	m.idle.New = func() any { return hmac.New(sha256.New, key[:]) }
	return m
}

func (m *macer) mac(parts ...[]byte) (out [sha256.Size]byte) {
	h := m.idle.Get().(hash.Hash)
	h.Reset()
	for _, p := range parts {
		h.Write(p)
	}
	h.Sum(out[:0])
	m.idle.Put(h)
	return out
}

// keys are the sub-keys of one profile key. Nothing changes them.
type keys struct {
	check [checkSize]byte
	hash  secret
	names *macer // under hash
	row   secret
	slots *macer // under row
	seen  cipher.AEAD
	day   cipher.AEAD
}

func deriveKeys(profile secret) *keys {
	sub := func(label string) []byte {
		out, err := hkdf.Key(sha256.New, profile[:], nil, label, keySize)
		if err != nil {
			panic("chat: the length of a sub-key is out of range") // it is a constant
		}
		return out
	}
	names, slots := secret(sub(labelHash)), secret(sub(labelRow))
	return &keys{
		check: [checkSize]byte(sub(labelCheck)),
		hash:  names, names: newMacer(names),
		row: slots, slots: newMacer(slots),
		seen: aeadOf(sub(labelSeen)),
		day:  aeadOf(sub(labelDay)),
	}
}

// hashOf is what stands for a row's key in the database.
func (k *keys) hashOf(t profile.Table, key []byte) [hashSize]byte {
	m := k.names.mac([]byte{byte(t)}, key)
	return [hashSize]byte(m[:])
}

// slotCipher is the cipher of one row: class is sub-key "row" or the daily key.
func slotCipher(class *macer, slot []byte) cipher.AEAD {
	key := class.mac(slot)
	return aeadOf(key[:])
}

// rowAAD binds a payload to its place: table, row hash and plain columns.
func rowAAD(t profile.Table, hash [hashSize]byte, conv uint64, height, flags uint32) []byte {
	b := make([]byte, 0, aadSize)
	b = append(b, byte(t))
	b = append(b, hash[:]...)
	b = binary.BigEndian.AppendUint64(b, conv)
	b = binary.BigEndian.AppendUint32(b, height)
	return binary.BigEndian.AppendUint32(b, flags)
}

// encodePayload is key length 1 | key | data. The key has at most 32 bytes.
func encodePayload(key, data []byte) []byte {
	b := make([]byte, 0, 1+len(key)+len(data))
	b = append(b, byte(len(key)))
	b = append(b, key...)
	return append(b, data...)
}

// decodePayload splits a payload; both parts lie in it.
func decodePayload(b []byte) (key, data []byte, ok bool) {
	if len(b) == 0 || b[0] > maxKeyBytes || len(b) < 1+int(b[0]) {
		return nil, nil, false
	}
	end := 1 + int(b[0])
	return b[1:end:end], b[end:], true
}

// dailyKey seals the ephemeral rows of one UTC day.
type dailyKey struct {
	day   int64 // days since 1970-01-01
	key   secret
	slots *macer // under key
}

func newDailyKey(day int64, key secret) *dailyKey {
	return &dailyKey{day: day, key: key, slots: newMacer(key)}
}

func dayAAD(day int64) []byte { return binary.BigEndian.AppendUint64([]byte("day"), uint64(day)) }

func (k *keys) wrapDay(d *dailyKey) []byte { return seal(k.day, d.key[:], dayAAD(d.day)) }

// unwrapDay opens a stored daily key. Errors: errSealing.
func (k *keys) unwrapDay(day int64, wrapped []byte) (*dailyKey, error) {
	plain, err := unseal(k.day, wrapped, dayAAD(day))
	if err != nil {
		return nil, err
	}
	if len(plain) != keySize {
		return nil, errSealing
	}
	return newDailyKey(day, secret(plain)), nil
}

// cost is what Argon2id (RFC 9106) is asked to spend.
type cost struct {
	passes, memoryKiB uint32
	lanes             uint8
}

// usual is what new key files ask for: 64 MiB, some 0.2 s of a desktop's core.
func usual() cost { return cost{passes: 3, memoryKiB: 64 << 10, lanes: 1} }

// bounded reports whether the cost may be spent at all: at most 512 MiB and 8
// passes, and no less memory than Argon2id needs for its lanes. Whoever may write
// the key file must not be able to take the machine's memory.
func (c cost) bounded() bool {
	return c.passes >= 1 && c.passes <= 8 && c.lanes >= 1 && c.lanes <= 4 &&
		c.memoryKiB >= 8*uint32(c.lanes) && c.memoryKiB <= 512<<10
}

// passphraseCipher is the cipher that wraps a profile key. The cost is bounded.
func passphraseCipher(passphrase string, salt []byte, c cost) cipher.AEAD {
	key := argon2.IDKey([]byte(passphrase), salt, c.passes, c.memoryKiB, c.lanes, keySize)
	defer clear(key)
	return aeadOf(key)
}
