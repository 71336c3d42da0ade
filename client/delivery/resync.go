package delivery

import (
	"slices"
	"time"

	"zeroms/protocol/wire"
)

// ResyncsPerDay is how many resyncs a pair of devices makes in any day.
const ResyncsPerDay = 5

// Resync limits the new sessions that one side makes with one device because a
// ratchet was lost. The zero value wants none and has made none. It has to
// survive a restart (Encode): a program that crashes must not resync without end.
//
// Only a device that Repair reports as unanswered, or the signed resync of the
// peer, may want one: whatever else lies on a drop may be anybody's.
type Resync struct {
	wanted bool
	made   []uint64 // unix milliseconds, ascending, at most ResyncsPerDay
}

// Want notes that a new session is needed.
func (r *Resync) Want() { r.wanted = true }

// Cancel notes that none is needed any more: what was missing came.
func (r *Resync) Cancel() { r.wanted = false }

// Wanted reports whether a new session is needed.
func (r *Resync) Wanted() bool { return r.wanted }

// Due reports whether one is needed and may be made now.
func (r *Resync) Due(now time.Time, t RepairTiming) bool {
	return r.wanted && r.free(now, t) <= wire.Millis(now)
}

// Deadline returns when Due reports it, if it is wanted.
func (r *Resync) Deadline(now time.Time, t RepairTiming) (at time.Time, ok bool) {
	return now.Add(time.Duration(r.wait(now, t)) * time.Millisecond), r.wanted
}

func (r *Resync) wait(now time.Time, t RepairTiming) uint64 {
	ms := wire.Millis(now)
	return max(r.free(now, t), ms) - ms
}

// free is from when on the next may be made.
func (r *Resync) free(now time.Time, t RepairTiming) (at uint64) {
	// What a clock that ran ahead has noted counts as made now.
	for i := len(r.made) - 1; i >= 0 && r.made[i] > wire.Millis(now)+1; i-- {
		r.made[i] = wire.Millis(now) + 1
	}
	n := len(r.made)
	if n > 0 {
		at = r.made[n-1] + uint64(t.ResyncPause.Milliseconds())
	}
	if n >= ResyncsPerDay {
		at = max(at, r.made[n-ResyncsPerDay]+dayMillis)
	}
	return at
}

// Made notes that a new session was made: an own resync, or the answer to the
// peer's.
func (r *Resync) Made(now time.Time) {
	r.wanted = false
	r.made = append(slices.Clone(r.made), wire.Millis(now)+1) // rounded up: never too early
	slices.Sort(r.made)
	r.made = r.made[max(0, len(r.made)-ResyncsPerDay):]
}

type resyncFields struct {
	Version uint8    `cbor:"1,keyasint"`
	Wanted  bool     `cbor:"2,keyasint"`
	Made    []uint64 `cbor:"3,keyasint"`
}

// maxResync bounds a stored Resync, in bytes.
const maxResync = 128

// Encode is the state in the form in which it is stored, at most 128 bytes.
func (r *Resync) Encode() []byte {
	return wire.Marshal(resyncFields{1, r.wanted, append([]uint64{}, r.made...)})
}

// ParseResync reads what Encode made. Errors: wire.ErrVersion, wire.ErrValue
// and those of wire.Unmarshal.
func ParseResync(stored []byte) (*Resync, error) {
	var f resyncFields
	if err := wire.Unmarshal(stored, &f, maxResync); err != nil {
		return nil, err
	}
	if f.Version != 1 {
		return nil, wire.ErrVersion
	}
	if len(f.Made) > ResyncsPerDay || !slices.IsSorted(f.Made) || len(f.Made) > 0 && f.Made[len(f.Made)-1] > maxSlot*slot {
		return nil, wire.ErrValue.Because("the resyncs made")
	}
	return &Resync{f.Wanted, f.Made}, nil
}
