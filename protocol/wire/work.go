package wire

import (
	"crypto/sha256"
	"encoding/binary"
	"math/bits"
	"time"

	"zeroms/protocol/key"
)

// WorkSize is the size of a proof of work: day 4 | nonce 8, where day counts
// the days since 1970 (UTC).
const WorkSize = 12

// Limits of work, in zero bits.
const (
	MinDoorBits = 20 // at a public door
	MaxWorkBits = 40 // that anybody may ask for
)

// DoorWork is what the work for an envelope at a public door is about:
// "zms/1/work" | 0x00 | door 16 | SHA-256(envelope) 32.
func DoorWork(door key.DropID, envelope [32]byte) []byte {
	return key.Join([]byte(key.PrefixDoorWork), []byte{0}, door[:], envelope[:])
}

// RegisterWork is what the work for an account without an invite is about:
// "zms/1/register-work" | 0x00 | node key 32 | account key 32.
func RegisterWork(node key.NodePublic, account key.MailboxPublic) []byte {
	return key.Join([]byte(key.PrefixRegisterWork), []byte{0}, node[:], account[:])
}

// StampBits is what the stamp of a Store takes, in zero bits, where the network
// does not say otherwise.
const StampBits = 16

// StampSubject is what the stamp of a record is about: "zms/1/stamp" | 0x00 |
// place 32.
func StampSubject(place key.NodeID) []byte {
	return key.Join([]byte(key.PrefixStamp), []byte{0}, place[:])
}

// WorkDay is the day of a moment as work counts it: days since 1970 (UTC).
func WorkDay(now time.Time) uint32 { return uint32(Millis(now) / 86_400_000) }

// WorkBits is how many zero bits SHA-256(subject | work) begins with. Errors:
// ErrValue for work that is not WorkSize bytes, ErrExpired for work of another
// day than now's, the one before or the one after.
func WorkBits(subject, work []byte, now time.Time) (int, error) {
	if len(work) != WorkSize {
		return 0, ErrValue.Because("work")
	}
	day, today := int64(binary.BigEndian.Uint32(work)), int64(WorkDay(now))
	if day < today-1 || day > today+1 {
		return 0, ErrExpired.Because("work of another day")
	}
	return leadingZeros(sha256.Sum256(key.Join(subject, work))), nil
}

// SearchWork looks for work of the given bits: it tries up to tries nonces from
// first on and returns the work with its nonce, or the nonce to go on from. It
// takes about 2^bits tries; callers search in slices so that they can stop.
func SearchWork(subject []byte, bits int, day uint32, first, tries uint64) (work []byte, next uint64, ok bool) {
	b := key.Join(subject, Uint32(day), Uint64(first))
	nonce := b[len(b)-8:]
	for i := range tries {
		binary.BigEndian.PutUint64(nonce, first+i)
		if leadingZeros(sha256.Sum256(b)) >= bits {
			return append([]byte(nil), b[len(subject):]...), first + i, true
		}
	}
	return nil, first + tries, false
}

// leadingZeros counts the zero bits at the front of a hash.
func leadingZeros(h [32]byte) (n int) {
	for _, b := range h {
		n += bits.LeadingZeros8(b)
		if b != 0 {
			break
		}
	}
	return n
}
