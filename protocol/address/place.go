package address

import (
	"encoding/binary"
	"time"

	"zeroms/protocol/key"
	"zeroms/protocol/wire"
)

// Positions is how many places in the network an address record has: 0 is where
// it is stored and looked for, 1 is used when the first is under attack.
const Positions = 2

// Day is the day of a moment: days since 1970 UTC.
func Day(now time.Time) uint32 { return wire.WorkDay(now) }

// dayStart is when a day begins.
func dayStart(day uint32) time.Time { return time.Unix(int64(day)*86400, 0).UTC() }

// Position is where the record named so is stored on its day: Hash("zms/1/position",
// A' 32 | i 4 | day 4), with i below Positions.
func Position(name key.BlindedPublic, i uint8, day uint32) key.NodeID {
	var tail [8]byte
	tail[3] = i
	binary.BigEndian.PutUint32(tail[4:], day)
	return key.NodeID(key.Hash(key.PrefixPosition, name[:], tail[:]))
}

// DescriptorPlace is where a gateway's descriptor is stored:
// Hash("zms/1/descriptor", network 4 | node key 32).
func DescriptorPlace(at key.Place) key.NodeID {
	return key.NodeID(key.Hash(key.PrefixDescriptor, at.Network[:], at.Node[:]))
}

// Stamp looks for the stamp that a record at a place needs on a day: it tries up
// to tries nonces from first on, and returns the stamp with its nonce, or the
// nonce to go on from. It takes about 2^zeros tries of 0.2 µs.
func Stamp(place key.NodeID, zeros uint8, day uint32, first, tries uint64) (stamp []byte, next uint64, ok bool) {
	return wire.SearchWork(wire.StampSubject(place), int(zeros), day, first, tries)
}

// checkStamp refuses a stamp with wire.ErrStamp: it is missing, too easy, for
// another place or another day than today, the one before or the one after.
func checkStamp(place key.NodeID, stamp []byte, zeros uint8, now time.Time) error {
	if zeros == 0 && len(stamp) == 0 {
		return nil
	}
	n, err := wire.WorkBits(wire.StampSubject(place), stamp, now)
	if err != nil || n < int(zeros) {
		return wire.ErrStamp
	}
	return nil
}
