// Package reach is the proof that others can connect to a gateway, without which
// it does not serve (docs/protocol/dht.md, "Reachability"). Each round asks some
// gateways to connect back, at most one of each group of addresses; enough
// successes prove it until the next round. A Proof sends nothing and knows no
// clock. Times are Unix nanoseconds.
package reach

import (
	"slices"
	"time"

	"zeroms/gateway/dht/contact"
)

// Confirmations is how many gateways have to reach this one in a round, or all
// that were asked where they are fewer. Asks is how many are asked in a round.
const (
	Confirmations = 3
	Asks          = 8
)

// more is when the next round is where fewer than Confirmations were known.
const more = time.Minute

// Proof is the state of it. The zero value has proved nothing and has no round
// before Begin.
type Proof struct {
	// Proven says that the gateway may serve.
	Proven bool
	// Confirmed are who reached it in the last round that ended, or in this one.
	Confirmed []*contact.Peer

	next    int64 // of the next round; 0: not before Begin
	asked   []*contact.Peer
	flying  int
	running bool
}

// Host is what a Proof needs of its node.
type Host interface {
	// Reachers are the gateways that may be asked.
	Reachers() []*contact.Peer
	// Pick draws one of them.
	Pick(count int) int
	// AskReach asks one; what comes of it goes to Answered.
	AskReach(now int64, p *contact.Peer)
}

// Times are how long a proof counts, when a gateway that nobody reached tries
// again, and when one that knew nobody to ask does.
type Times struct{ Proof, Retry, Nobody time.Duration }

// Begin makes a round due, at now, if there was none yet or nothing is proven.
func (r *Proof) Begin(now int64) {
	if r.next == 0 || !r.Proven {
		r.next = now
	}
}

// Due is when a round begins; ok false: not before something else happens.
func (r *Proof) Due() (at int64, ok bool) { return r.next, r.next != 0 && !r.running }

// Round begins a round.
func (r *Proof) Round(now int64, h Host, t Times) {
	r.running, r.asked, r.Confirmed = true, nil, nil
	r.ask(now, h, t)
}

// Answered takes what a gateway said. One that was not asked in this round is ignored.
func (r *Proof) Answered(now int64, p *contact.Peer, reached bool, h Host, t Times) {
	if !r.running || !slices.Contains(r.asked, p) {
		return
	}
	r.flying--
	if reached {
		r.Confirmed = append(r.Confirmed, p)
	}
	r.ask(now, h, t)
}

// ask asks as many as are missing, or ends the round.
func (r *Proof) ask(now int64, h Host, t Times) {
	for r.flying < Confirmations-len(r.Confirmed) && len(r.asked) < Asks {
		others := slices.DeleteFunc(h.Reachers(), func(p *contact.Peer) bool {
			return p.Scope == 0 || slices.ContainsFunc(r.asked, p.NearTo)
		})
		if len(others) == 0 {
			break
		}
		p := others[h.Pick(len(others))]
		r.asked = append(r.asked, p)
		r.flying++
		h.AskReach(now, p)
	}
	if r.flying > 0 {
		return
	}
	r.running = false
	switch got := len(r.Confirmed); {
	case len(r.asked) == 0:
		r.Proven, r.next = false, now+int64(t.Nobody)
	case got < min(Confirmations, len(r.asked)):
		r.Proven, r.next = false, now+int64(t.Retry)
	case got < Confirmations:
		r.Proven, r.next = true, now+int64(min(more, t.Proof))
	default:
		r.Proven, r.next = true, now+int64(t.Proof)
	}
}
