package deposit

import (
	"crypto/sha256"
	"time"

	"zeroms/protocol/address"
	"zeroms/protocol/wire"
)

// Bounds of what one account may deposit.
const (
	maxAccount = 96 // records
	maxPerDay  = 4  // names of one day: two address secrets, a public card, and one that changes
	daysAhead  = 31 // from today
)

// around is how far beside its day a record's first and last moments may be, in minutes.
const around = 6 * 60

const dayMinutes = 24 * 60

// check refuses a request that can't be taken, and sorts it. Errors: wire.ErrValue,
// wire.ErrTooLarge, wire.ErrClock, and those of address.ParseRecord.
func check(r *wire.DepositPut, now time.Time) (*Change, error) {
	if len(r.Items) == 0 {
		return nil, wire.ErrValue.Because("no deposits")
	}
	if len(r.Items) > wire.MaxDeposits {
		return nil, wire.ErrTooLarge.Because("deposits")
	}
	type which struct {
		name [32]byte
		day  uint32
	}
	seen := make(map[which]bool, len(r.Items))
	c := &Change{Max: maxAccount, PerDay: maxPerDay, Today: address.Day(now)}
	for i := range r.Items {
		d := &r.Items[i]
		if seen[which{d.Name, d.Day}] {
			return nil, wire.ErrValue.Because("two deposits of one name and day")
		}
		seen[which{d.Name, d.Day}] = true
		if len(d.Record) == 0 {
			c.Removes = append(c.Removes, *d)
			continue
		}
		if err := checkMoments(d, now); err != nil {
			return nil, err
		}
		c.Puts = append(c.Puts, Put{Deposit: *d})
	}
	for i := range c.Puts { // signatures last: they cost most
		d := &c.Puts[i]
		h, err := address.ParseRecord(d.Record)
		if err != nil {
			return nil, err
		}
		if h.Name != d.Name || h.Day != d.Day {
			return nil, wire.ErrValue.Because("a deposit of another name or day than its record's")
		}
		d.Seq = h.Seq
	}
	return c, nil
}

// checkMoments checks day, first and last moment.
func checkMoments(d *wire.Deposit, now time.Time) error {
	today := int64(address.Day(now))
	if int64(d.Day) < today-1 || int64(d.Day) > today+daysAhead {
		return wire.ErrClock.Because("the day of a deposit")
	}
	begin := int64(d.Day) * dayMinutes
	first, last := int64(d.First), int64(d.Last)
	if first < begin-around || last > begin+dayMinutes+around || first >= last {
		return wire.ErrValue.Because("the moments of a deposit")
	}
	return nil
}

// Sum is the SHA-256 by which a Deposit names its record.
func Sum(record []byte) [32]byte { return sha256.Sum256(record) }
