package delivery

import "time"

// Acks paces the acknowledgements of one conversation: one rides on the next
// envelope, or leaves alone AckDelay after it became wanted, at most once every
// AckInterval. The zero value wants none.
type Acks struct {
	wanted bool
	due    time.Time
	last   time.Time // when one last left alone
	failed Backoff   // of those that left alone
}

// Want notes at now that there is something to acknowledge and returns when it
// must leave alone.
func (a *Acks) Want(now time.Time, t Timing) time.Time {
	due := now.Add(t.AckDelay)
	for _, least := range []time.Time{a.last.Add(t.AckInterval), a.failed.Until} {
		if due.Before(least) {
			due = least
		}
	}
	if !a.wanted || due.Before(a.due) {
		a.wanted, a.due = true, due
	}
	return a.due
}

// WantLater notes at now that there is something to acknowledge that nobody
// sees, and returns when it must leave alone if nothing else wants one: an
// acknowledgement at once would tell that the device is online.
func (a *Acks) WantLater(now time.Time, wait time.Duration) time.Time {
	if !a.wanted {
		a.wanted, a.due = true, now.Add(wait)
	}
	return a.due
}

// Failed notes that one that left alone was not taken, and returns when it
// leaves again.
func (a *Acks) Failed(now time.Time, t Timing) time.Time {
	a.wanted, a.due = true, a.failed.Fail(now, t.RetryMin, t.RetryMax)
	return a.due
}

// Taken notes that one was taken.
func (a *Acks) Taken() { a.failed.Reset() }

// Wanted reports whether an acknowledgement may ride on an envelope that goes anyway.
func (a *Acks) Wanted() bool { return a.wanted }

// Due reports whether one must leave alone at now.
func (a *Acks) Due(now time.Time) bool { return a.wanted && !now.Before(a.due) }

// Sent notes that one left, alone or riding.
func (a *Acks) Sent(now time.Time, alone bool) {
	a.wanted = false
	if alone {
		a.last = now
	}
}
