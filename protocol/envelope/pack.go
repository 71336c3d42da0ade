package envelope

import (
	crand "crypto/rand"
	"fmt"
	"log/slog"
	"math/rand/v2"

	"zeroms/protocol/key"
	"zeroms/protocol/wire"
)

// Sizes of envelopes and their parts, in bytes.
const (
	Size1  = 1 << 10
	Size4  = 4 << 10
	Size16 = 16 << 10
	Size64 = 64 << 10

	TagSize    = 8
	HeaderSize = 40
	SlotSize   = TagSize + HeaderSize + overhead + 32 + overhead // 112

	// MaxSlots is the number of slots from 4 KiB up: the most devices that one
	// envelope serves.
	MaxSlots = 16

	commitSize  = 32
	kindMessage = 0x01
	kindInit    = 0x81
	slotsAt     = 2 + commitSize
)

// sizes are the classes of ordinary envelopes.
var sizes = [...]int{Size1, Size4, Size16, Size64}

// Slot is what one receiving device needs to open an envelope, made by its
// session: the tag by which it finds the slot, the index i of the message in
// its chain, hk, mk and the ratchet header in the clear. A Slot prints nothing.
type Slot struct {
	Tag        [TagSize]byte
	I          uint32
	HeaderKey  [32]byte
	MessageKey [32]byte
	Header     [HeaderSize]byte
}

// String hides the keys.
func (Slot) String() string { return "[slot]" }

// GoString hides the keys.
func (Slot) GoString() string { return "[slot]" }

// Format hides the keys from every verb of fmt.
func (Slot) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte("[slot]")) }

// LogValue hides the keys from slog.
func (Slot) LogValue() slog.Value { return slog.StringValue("[slot]") }

// slotsOf is the number of slots of an envelope of this size for an owner with
// so many devices; 0 if this size doesn't serve so many.
func slotsOf(size, devices int) int {
	switch {
	case devices > MaxSlots:
		return 0
	case size > Size1:
		return MaxSlots
	case devices <= 2:
		return 2
	case devices <= 4:
		return 4
	}
	return 0
}

// Room is the number of bytes that records may take in an envelope of one of
// the four sizes for an owner with so many devices; 0 if that size doesn't
// serve so many, or is none.
func Room(size, devices int) int {
	n := slotsOf(size, devices)
	for _, s := range sizes {
		if s == size && n > 0 {
			return size - slotsAt - n*SlotSize - overhead
		}
	}
	return 0
}

// classFor is the smallest size with room for n bytes, 0 if there is none.
func classFor(n, devices int) int {
	for _, s := range sizes {
		if Room(s, devices) >= n {
			return s
		}
	}
	return 0
}

// Fits reports whether extra may ride along with the records, at least one,
// without a larger envelope.
func Fits(records []Record, extra Record, devices int) bool {
	before, err := sizeOf(records)
	if err != nil {
		return false
	}
	after, err := sizeOf(append(records[:len(records):len(records)], extra))
	class := classFor(before, devices)
	return err == nil && class != 0 && classFor(after, devices) == class
}

// Pack seals the records for the slots into the smallest envelope with room.
// devices is the number of devices that the drop's owner has, whether they get
// a slot this time or not: it decides the number of slots that a gateway sees
// (2 up to two devices, 4 up to four, 16 and so at least 4 KiB beyond). It
// counts as at least len(slots). Errors: ErrValue for no slot, more than 16, or
// records outside of their limits; ErrTooLarge if the records don't fit 64 KiB.
func Pack(records []Record, slots []Slot, devices int) ([]byte, error) {
	devices = max(devices, len(slots))
	if len(slots) == 0 || devices > MaxSlots {
		return nil, wire.ErrValue.Because("an envelope serves 1 to 16 devices")
	}
	n, err := sizeOf(records)
	if err != nil {
		return nil, err
	}
	size := classFor(n, devices)
	if size == 0 {
		return nil, wire.ErrTooLarge
	}
	count := slotsOf(size, devices)
	env := make([]byte, size)
	env[0], env[1] = kindMessage, byte(count)
	bodyAt := slotsAt + count*SlotSize
	fill(env[slotsAt:bodyAt])
	cek, commit := contentKey()
	copy(env[2:], commit[:])
	for i, place := range shuffled(count)[:len(slots)] {
		sealSlot(env[slotsAt+place*SlotSize:][:SlotSize], &slots[i], cek, commit)
	}
	sealBody(env, bodyAt, cek, records)
	return env, nil
}

// fill makes b random; crypto/rand never fails (it ends the process instead).
func fill(b []byte) { _, _ = crand.Read(b) }

// shuffled is a random order of the places, so that the place of a slot tells
// nothing about the device it is for.
func shuffled(n int) []int {
	var seed [32]byte
	fill(seed[:])
	return rand.New(rand.NewChaCha8(seed)).Perm(n)
}

// contentKey makes a random content key and its commitment.
func contentKey() (cek, commit [32]byte) {
	fill(cek[:])
	return cek, key.KDF32(key.LabelCommit, cek[:])
}

// sealSlot writes tag | sealed header | wrapped CEK over dst, 112 bytes.
func sealSlot(dst []byte, s *Slot, cek, commit [32]byte) {
	out := append(dst[:0], s.Tag[:]...)
	out = seal(out, s.HeaderKey, s.I, s.Header[:], commit[:])
	wrap := key.KDF32(key.LabelWrap, s.MessageKey[:])
	seal(out, wrap, 0, cek[:], key.Join(out, commit[:]))
}

// sealBody fills env from bodyAt to its end; the bytes before are the aad.
func sealBody(env []byte, bodyAt int, cek [32]byte, records []Record) {
	appendRecords(env[:bodyAt], records)
	seal(env[:bodyAt], key.KDF32(key.LabelBody, cek[:]), 0, env[bodyAt:len(env)-overhead], env[:bodyAt])
}
