package netlab

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// class says what was out while a letter was under way.
type class string

// The classes, the worst one first: the first that fits counts.
const (
	allOut    class = "all homes out"         // of the recipient
	oneOut    class = "some of the homes out" // of the recipient
	senderOut class = "a sender's home out"   // and none of the recipient
	splitNet  class = "gateways parted"       // and all homes reachable
	returning class = "after an outage"       // of one of these homes, at most returnTime ago
	calm      class = "calm"                  // none of this
)

var classes = []class{calm, returning, splitNet, senderOut, oneOut, allOut}

// returnTime is how long clients may take to connect again to a gateway that is back.
const returnTime = 15 * time.Second

// Bounds of a run beside that nothing is lost, doubled, out of order or failed.
const (
	calmMedian = 500 * time.Millisecond // from Send to the recipient's event
	calmWorst  = 5 * time.Second        // of 99 in 100
	// Failovers are the first letters to somebody of whose homes one is out and another
	// is not. A sender who does not know that yet waits 3 s for the receipt of a home that
	// says nothing, and up to 10 s if an own home is out too; in a small run most don't.
	failoverMedian = 5 * time.Second
	failoverMany   = 10 * time.Second // of 95 in 100, of fewMany or more
	failoverWorst  = 15 * time.Second
	fewMany        = 20
	// From the end of an outage of all homes until letters of that time have come: both
	// sides try again after pauses that have grown to the length of the outage at most.
	returnWorst = 30 * time.Second
)

// spread is the figures of some times.
type spread struct {
	Count               int
	P50, P95, P99, Most time.Duration
}

func spreadOf(all []time.Duration) spread {
	if len(all) == 0 {
		return spread{}
	}
	all = slices.Clone(all)
	slices.Sort(all)
	at := func(q float64) time.Duration { return all[min(int(q*float64(len(all))), len(all)-1)] }
	return spread{len(all), at(0.5), at(0.95), at(0.99), all[len(all)-1]}
}

// verdict is what came of a run.
type verdict struct {
	config  Config
	took    time.Duration // of the chat and its settling
	outages []outage

	letters, lost, doubled, disordered, strange, failed int

	late    int // shown at once in its place, but after a letter that was written later
	lateOne int // of those: to somebody with one home

	moved, announced int // people who drained a home, and those of whom every contact knows it

	custody, received map[class]spread
	failovers         spread // first letter after the beginning of an outage, to somebody with another home
	returns           spread // after the end of an outage of all homes of the recipient
}

// judge compares what everybody has with what was written.
func (n *network) judge(ctx context.Context, began time.Time, outages []outage) (*verdict, error) {
	v := &verdict{config: n.config, took: time.Since(began), outages: outages}
	for _, p := range n.people {
		known, err := p.announced(ctx)
		if err != nil {
			return nil, err
		}
		v.announced += min(known, 1)
		for other := range p.friends {
			letters, failed, err := p.transcript(ctx, other)
			if err != nil {
				return nil, err
			}
			v.compare(letters, letterID{from: other, to: p.number, n: n.ledger.writtenTo(other, p.number)})
			v.failed += failed
		}
	}
	for _, o := range outages {
		if o.kind == moves {
			v.moved++
		}
	}
	n.ledger.mu.Lock()
	defer n.ledger.mu.Unlock()
	v.doubled += n.ledger.doubled
	v.strange += n.ledger.strange
	v.measure(began, n.ledger.letters, n.homes())
	return v, nil
}

// homes are everybody's home gateways.
func (n *network) homes() [][]int {
	out := make([][]int, len(n.people))
	for _, p := range n.people {
		out[p.number] = p.homes
	}
	return out
}

// compare holds a transcript against the letters that were written, up to last.
func (v *verdict) compare(letters []letterID, last letterID) {
	seen, high := map[int]int{}, 0
	for _, id := range letters {
		if id.from != last.from || id.to != last.to || id.n > last.n {
			v.strange++
			continue
		}
		if seen[id.n]++; seen[id.n] > 1 {
			v.doubled++
			continue
		}
		if id.n < high {
			v.disordered++
		}
		high = max(high, id.n)
	}
	v.letters += last.n
	v.lost += last.n - len(seen)
}

// measure sorts the times of letters of the chat by what was out meanwhile.
func (v *verdict) measure(began time.Time, letters map[letterID]*letter, homes [][]int) {
	custody, received := map[class][]time.Duration{}, map[class][]time.Duration{}
	var returns []time.Duration
	earliest := map[[2]int]*letter{} // outage, recipient -> the first letter after its beginning
	for _, l := range letters {
		if l.sent.Before(began) || l.received.IsZero() {
			continue
		}
		if l.late {
			v.late++
			if len(homes[l.id.to]) == 1 {
				v.lateOne++
			}
		}
		c := v.class(l, homes[l.id.from], homes[l.id.to])
		received[c] = append(received[c], l.received.Sub(l.sent))
		if !l.custody.IsZero() {
			custody[c] = append(custody[c], l.custody.Sub(l.sent))
		}
		if back := v.back(l, homes[l.id.to]); c == allOut && back > 0 {
			returns = append(returns, back)
		}
		for i := range v.outages {
			o := &v.outages[i]
			if c != oneOut || !slices.ContainsFunc(homes[l.id.to], o.out) || l.sent.Before(o.began) || l.sent.After(o.ended) {
				continue
			}
			key := [2]int{i, l.id.to}
			if first := earliest[key]; first == nil || l.sent.Before(first.sent) {
				earliest[key] = l
			}
		}
	}
	v.custody, v.received = map[class]spread{}, map[class]spread{}
	for _, c := range classes {
		v.custody[c], v.received[c] = spreadOf(custody[c]), spreadOf(received[c])
	}
	var failovers []time.Duration
	for _, l := range earliest {
		failovers = append(failovers, l.received.Sub(l.sent))
	}
	v.failovers, v.returns = spreadOf(failovers), spreadOf(returns)
}

// class is the first one that fits a letter.
func (v *verdict) class(l *letter, sender, recipient []int) class {
	out := 0
	for _, home := range recipient {
		if v.out(home, l, 0) {
			out++
		}
	}
	anyOf := func(homes []int, after time.Duration) bool {
		return slices.ContainsFunc(homes, func(home int) bool { return v.out(home, l, after) })
	}
	switch {
	case out == len(recipient):
		return allOut
	case out > 0:
		return oneOut
	case anyOf(sender, 0):
		return senderOut
	case slices.ContainsFunc(v.outages, func(o outage) bool { return o.kind == halves && o.touches(l, returnTime) }):
		return splitNet
	case anyOf(sender, returnTime), anyOf(recipient, returnTime):
		return returning
	}
	return calm
}

// out reports whether a gateway was out while a letter was under way, or had been at
// most so long before.
func (v *verdict) out(gateway int, l *letter, after time.Duration) bool {
	return slices.ContainsFunc(v.outages, func(o outage) bool {
		return o.out(gateway) && o.touches(l, after)
	})
}

func (o *outage) touches(l *letter, after time.Duration) bool {
	return o.began.Before(l.received) && o.ended.Add(after).After(l.sent)
}

// back is how long a letter took from the end of the outage that ended first of those of
// its recipient's homes.
func (v *verdict) back(l *letter, recipient []int) time.Duration {
	var first time.Time
	for i := range v.outages {
		o := &v.outages[i]
		if slices.ContainsFunc(recipient, o.out) && o.touches(l, 0) && (first.IsZero() || o.ended.Before(first)) {
			first = o.ended
		}
	}
	return l.received.Sub(first)
}

// missed are the bounds that were missed, as sentences.
func (v *verdict) missed() (out []string) {
	for _, none := range []struct {
		what string
		n    int
	}{
		{"lost", v.lost}, {"doubled", v.doubled}, {"in another order than written", v.disordered},
		{"shown to somebody else", v.strange}, {"failed for good", v.failed},
	} {
		if none.n > 0 {
			out = append(out, fmt.Sprintf("%d letters are %s", none.n, none.what))
		}
	}
	many := v.failovers.P95
	if v.failovers.Count < fewMany { // it would be the longest one
		many = 0
	}
	for _, most := range []struct {
		what       string
		got, bound time.Duration
	}{
		{"the median of letters in calm", v.received[calm].P50, calmMedian},
		{"99 in 100 letters in calm", v.received[calm].P99, calmWorst},
		{"the median of failovers", v.failovers.P50, failoverMedian},
		{"95 in 100 failovers", many, failoverMany},
		{"the longest failover", v.failovers.Most, failoverWorst},
		{"the longest wait after an outage", v.returns.Most, returnWorst},
	} {
		if most.got > most.bound {
			out = append(out, fmt.Sprintf("%s took %.3f s, %g s at most", most.what, most.got.Seconds(), most.bound.Seconds()))
		}
	}
	if v.announced < v.moved {
		out = append(out, fmt.Sprintf("%d people moved, and only of %d every contact knows it", v.moved, v.announced))
	}
	if v.received[calm].Count == 0 {
		out = append(out, "no letter was sent in calm: the run is too short")
	}
	return out
}

// failure is an error if a bound was missed.
func (v *verdict) failure() error {
	if missed := v.missed(); len(missed) > 0 {
		return errors.New("bounds are missed: " + strings.Join(missed, "; "))
	}
	return nil
}
