package delivery

import "time"

// HeadsAlone decides when heads leave for one device without an envelope to
// ride on, so that the loss of the last messages of a burst is seen. Earlier
// losses are seen by the numbers of later messages, so it watches the newest
// own message only. The zero value has nothing to watch. After a restart it is
// told again what it should watch: Sent with the time of the newest message
// that is not acknowledged, and Heard if the device was heard from since.
type HeadsAlone struct {
	watching bool
	seq      uint32
	out      time.Time
	slow     time.Duration
	alone    uint32 // how often heads left alone for seq
	due      time.Time
}

// Sent notes that the own chained message seq went out at now. within is how
// long after its arrival its acknowledgement may take by rule: Timing.SilentMax
// for what nobody sees, else zero.
func (h *HeadsAlone) Sent(seq uint32, within time.Duration, now time.Time) {
	if h.seq < seq {
		*h = HeadsAlone{watching: true, seq: seq, out: now, slow: within}
	}
}

// Acked notes that the device acknowledged the own message seq.
func (h *HeadsAlone) Acked(seq uint32) {
	if h.seq <= seq {
		*h = HeadsAlone{seq: seq}
	}
}

// Heard notes that something of the device was opened that says nothing of the
// message: if it has it, its acknowledgement comes soon. draw is random in
// [0, 1).
func (h *HeadsAlone) Heard(now time.Time, draw float64, t RepairTiming) {
	if !h.watching || !h.due.IsZero() || !now.After(h.out) {
		return
	}
	wait := t.HeadsMin + time.Duration(draw*float64(t.HeadsMax-t.HeadsMin))
	h.due = now.Add(h.slow + pause(h.alone+1, wait, max(t.HeadsRest, wait)))
}

// Watching reports whether the newest own message is not acknowledged, so that
// heads may ride on an envelope that goes anyway.
func (h *HeadsAlone) Watching() bool { return h.watching }

// Due reports whether heads have to leave alone at now.
func (h *HeadsAlone) Due(now time.Time) bool { return !h.due.IsZero() && !now.Before(h.due) }

// Deadline returns when Due reports it.
func (h *HeadsAlone) Deadline() (at time.Time, ok bool) { return h.due, !h.due.IsZero() }

// Left notes that heads left, alone or with an envelope that went anyway. They
// go again only if the device is heard from after that and still does not
// acknowledge.
func (h *HeadsAlone) Left(now time.Time, alone bool) {
	h.due, h.out = time.Time{}, now
	if alone {
		h.alone++
	}
}

// Kept notes that heads which are due could not leave, as on a session whose init
// was not answered yet: they try again after a pause, not before.
func (h *HeadsAlone) Kept(now time.Time, t RepairTiming) { h.due = now.Add(t.HeadsMin) }
