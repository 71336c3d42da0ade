// Package stamps makes the stamps of records that have none, a slice of work at a
// time, so that nobody waits for it (docs/protocol/dht.md, "Stamps").
package stamps

import (
	"time"

	"zeroms/protocol/address"
	"zeroms/protocol/key"
	"zeroms/protocol/wire"
)

// Slice is how many nonces are tried at a time: about 2 ms.
const Slice = 8192

// Job is stamps to make. Make it with New.
type Job struct {
	places []key.NodeID
	stamps [][]byte
	zeros  uint8
	from   uint64 // the next nonce of the first that is missing
}

// New is the stamps for places, of which those are kept that are good already;
// nil: all of them are.
func New(now time.Time, zeros uint8, places []key.NodeID, have [][]byte) *Job {
	j := &Job{places: places, stamps: have, zeros: zeros}
	missing := false
	for i, place := range places {
		if n, err := wire.WorkBits(wire.StampSubject(place), have[i], now); err != nil || n < int(zeros) {
			have[i], missing = nil, true
		}
	}
	if zeros == 0 || !missing {
		return nil
	}
	return j
}

// Work tries one slice. It reports whether all stamps are made.
func (j *Job) Work(now time.Time) (done bool) {
	for i, place := range j.places {
		if j.stamps[i] != nil {
			continue
		}
		stamp, next, ok := address.Stamp(place, j.zeros, address.Day(now), j.from, Slice)
		if !ok {
			j.from = next
			return false
		}
		j.stamps[i], j.from = stamp, 0
		if i < len(j.places)-1 {
			return j.made()
		}
	}
	return j.made()
}

func (j *Job) made() bool {
	for _, s := range j.stamps {
		if s == nil {
			return false
		}
	}
	return true
}

// Stamps are those of the places, in their order.
func (j *Job) Stamps() [][]byte { return j.stamps }
