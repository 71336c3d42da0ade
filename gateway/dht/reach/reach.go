// Package reach is the proof that others can connect to a gateway, without which
// it does not serve (docs/protocol/dht.md, "Reachability"). Each round asks some
// gateways to connect back, at most one of each group of addresses; enough
// successes prove it until the next round. A Proof sends nothing and knows no
// clock. Times are Unix nanoseconds.
//
// Who can't say counts neither way, and one who says no among several counts as
// one: a gateway that is broken or lies must not make others stop.
package reach

import (
	"math/rand/v2"
	"slices"
	"time"

	"zeroms/gateway/dht/contact"
)

// Confirmations is how many gateways have to reach this one in a round; where fewer
// can say, more than half of those who do. Asks is how many are asked in a round.
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

	next     int64 // of the next round; 0: not before Begin
	provenAt int64
	asked    []*contact.Peer
	denied   int // those of them who could not reach it
	flying   int
	running  bool
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

// Round begins a round. It returns which of others to ask now.
func (r *Proof) Round(now int64, others []*contact.Peer, rng *rand.Rand, t Times) []*contact.Peer {
	r.running, r.asked, r.Confirmed, r.denied = true, nil, nil, 0
	return r.ask(now, others, rng, t)
}

// Answered takes what a gateway said. It returns which of others to ask in its
// stead. What one says that was not asked in this round is ignored.
func (r *Proof) Answered(now int64, a Answer, others []*contact.Peer, rng *rand.Rand, t Times) []*contact.Peer {
	if !r.running || !slices.Contains(r.asked, a.From) {
		return nil
	}
	r.flying--
	switch a.Said {
	case Reached:
		r.Confirmed = append(r.Confirmed, a.From)
	case Denied:
		r.denied++
	}
	return r.ask(now, others, rng, t)
}

// Answer is what a gateway said that was asked.
type Answer struct {
	From *contact.Peer
	Said Outcome
}

// Outcome is what came of asking one gateway.
type Outcome uint8

// The outcomes.
const (
	Unknown Outcome = iota // it can't or doesn't say
	Reached
	Denied // it tried, and could not
)

// ask asks as many as are missing, or ends the round.
func (r *Proof) ask(now int64, others []*contact.Peer, rng *rand.Rand, t Times) (asks []*contact.Peer) {
	for r.flying < Confirmations-len(r.Confirmed) && len(r.asked) < Asks {
		others = slices.DeleteFunc(others, func(p *contact.Peer) bool {
			return p.Scope == 0 || slices.ContainsFunc(r.asked, p.NearTo)
		})
		if len(others) == 0 {
			break
		}
		p := others[rng.IntN(len(others))]
		r.asked, asks = append(r.asked, p), append(asks, p)
		r.flying++
	}
	if r.flying > 0 {
		return asks
	}
	r.running = false
	got := len(r.Confirmed)
	switch {
	case len(r.asked) == 0:
		r.Proven, r.next = false, now+int64(t.Nobody)
	case got+r.denied == 0: // nobody says anything: as before, for a while
		r.Proven = r.Proven && now-r.provenAt < 2*int64(t.Proof)
		r.next = now + int64(t.Retry)
	case got <= r.denied && got < Confirmations:
		r.Proven, r.next = false, now+int64(t.Retry)
	default:
		r.Proven, r.provenAt, r.next = true, now, now+int64(t.Proof)
		if got < Confirmations {
			r.next = now + int64(min(more, t.Proof))
		}
	}
	return nil
}
