package ledger

import "time"

// How often a Pace says yes: each PaceEvery, and paceBurst times in advance.
const (
	PaceEvery = 100 * time.Millisecond
	paceBurst = 8
)

// Pace is how often the signature of an acknowledgement is checked at once: checking
// one costs more than a dozen messages do, so those that come faster wait.
type Pace struct{ until time.Time }

// Take reports whether one is checked now, and counts it.
func (p *Pace) Take(now time.Time) bool {
	if p.until.Before(now) {
		p.until = now
	}
	if p.until.Sub(now) > (paceBurst-1)*PaceEvery {
		return false
	}
	p.until = p.until.Add(PaceEvery)
	return true
}
