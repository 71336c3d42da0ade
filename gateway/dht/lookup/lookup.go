// Package lookup is one iterative search for the gateways nearest to a place, or
// for a record there (docs/protocol/dht.md, "Lookups").
//
// A lookup runs on several paths. Paths are disjoint: no gateway is asked on two,
// and a path goes on only with contacts of its own share of the table and with
// those named by the gateways it asked, so that a liar leads one path astray and
// no other. All paths put what they hear into one list by distance, which says
// when enough of the nearest were asked. A Lookup sends nothing and knows no
// clock: Next says whom to ask, Answered and Failed take what came of it. Times
// are Unix nanoseconds.
package lookup

import (
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"zeroms/gateway/dht/contact"
	"zeroms/protocol/key"
)

// Plan says what a Lookup looks for and how. It does not change while it runs.
type Plan struct {
	// Target is the place. Cells, if any, are targets of the paths: path i searches
	// Cells[i].
	Target key.NodeID
	Cells  []key.NodeID
	// Paths at most, 1..16, of which Start begin at once; each has Parallel requests
	// in flight.
	Paths, Start, Parallel int
	// Width is how many of the nearest contacts count.
	Width int
	// Thorough asks each of the Width nearest, not just until a path gets no nearer.
	Thorough bool
	// Value looks for a record: Copies of it end the search (0: 1). It is thorough.
	Value  bool
	Copies int
	// Holder is the distance, its head, within which a gateway probably holds the
	// record: those inside are asked in random order.
	Holder uint64
	// Arrived is the distance, its head, within which a path that gets no nearer is
	// where it should be; farther away it was led astray or into a gap, and tries
	// others. 0: a path ends wherever it gets no nearer.
	Arrived uint64
	// Closed takes no names out of answers: only seeds are asked.
	Closed bool
}

// Host is what a Lookup needs of the node it runs in.
type Host interface {
	// Admit says whether a contact may be asked: its place is sound.
	Admit(p *contact.Peer) Verdict
	// Patience is after which time without an answer another contact is asked too;
	// 0: never.
	Patience(p *contact.Peer) time.Duration
}

// Verdict is what is known of the place of a contact.
type Verdict uint8

// The verdicts.
const (
	Sound  Verdict = iota
	Forged         // it does not solve the puzzle: who named it lies
	Later          // it can't be checked at the moment
)

type state uint8

const (
	known state = iota
	asked
	slow     // asked, and another was asked since
	left     // slow for so long that the path does not wait for it
	answered // and that is all that it is asked in this lookup
	failed   // it did not answer, or broke the rules
	dropped  // named by a liar, or seen elsewhere
)

// candidate is a contact in the list of a lookup.
type candidate struct {
	peer     *contact.Peer
	from     *contact.Peer // who named it first; nil: the own table
	distance uint64        // head of the distance to Target
	hedge    int64         // asked: when another is asked as well; slow: when it is left
	patience int64         // asked: the time until then
	paths    uint16        // paths that know it
	path     uint8         // the path that asked it
	round    uint8         // requests one after another that led to it
	state    state
	good     uint8 // of those that it named first: how many answered
	bad      uint8 // and how many did not
}

// path is one path's state.
type path struct {
	active, done bool
	flying       int    // requests that its next step waits for
	slow         int    // others without answer
	asks         int    // requests so far
	best         uint64 // distance to its target of the nearest that answered
}

// maxCandidates bounds the list, maxSlow the requests of a path that were given
// another beside them.
const (
	maxCandidates = 256
	maxSlow       = 3
	// maxAstray is how many requests a path has that does not arrive.
	maxAstray = 10
)

// Lookup is one search. Make it with New.
type Lookup struct {
	Plan
	rand   *rand.Rand
	head   uint64      // of Target
	list   []candidate // by distance
	paths  []path
	copies int
	late   bool // a candidate waits for its puzzle to be checked

	// Messages counts requests, Contacted the gateways that got one. Rounds is the
	// longest chain of requests so far; of a value, that of the first found.
	Messages, Contacted, Rounds int
	// Liars named gateways at places that those have no right to.
	Liars []*contact.Peer
}

// New is a search that has not begun.
func New(p Plan, r *rand.Rand) *Lookup {
	p.Copies = max(p.Copies, 1)
	p.Thorough = p.Thorough || p.Value
	l := &Lookup{Plan: p, rand: r, head: contact.Head(&p.Target), paths: make([]path, p.Paths)}
	for i := range l.paths {
		l.paths[i] = path{active: i < p.Start, best: math.MaxUint64}
	}
	return l
}

// TargetOf is the place that a path asks about.
func (l *Lookup) TargetOf(path int) key.NodeID {
	if len(l.Cells) > 0 {
		return l.Cells[path%len(l.Cells)]
	}
	return l.Target
}

// Seed gives contacts of the own table, the nearest first, to the paths in turn.
func (l *Lookup) Seed(peers []*contact.Peer) {
	for i, p := range peers {
		l.add(p, nil, 1<<(i%len(l.paths)), 1)
	}
}

// SeedPath gives contacts of the own table to one path; what another path has
// already stays there alone.
func (l *Lookup) SeedPath(path int, peers []*contact.Peer) {
	for _, p := range peers {
		if l.find(p) == nil {
			l.add(p, nil, 1<<path, 1)
		}
	}
}

// Skip says that a contact is asked nothing: another lookup did, or it is oneself.
func (l *Lookup) Skip(p *contact.Peer) {
	if c := l.add(p, nil, 0, 1); c != nil {
		c.state = dropped
	}
}

// Activate starts paths until count of them have been.
func (l *Lookup) Activate(count int) {
	for i := range min(count, len(l.paths)) {
		l.paths[i].active = true
	}
}

func (l *Lookup) activateOne() {
	for i := range l.paths {
		if !l.paths[i].active {
			l.paths[i].active = true
			return
		}
	}
}

// search finds where a contact stands in the list, or would.
func (l *Lookup) search(p *contact.Peer) (at int, ok bool) {
	d := contact.Head(&p.ID) ^ l.head
	low, high := 0, len(l.list)
	for low < high {
		mid := int(uint(low+high) >> 1)
		c := &l.list[mid]
		if c.distance < d || c.distance == d && contact.Compare(&l.Target, &c.peer.ID, &p.ID) < 0 {
			low = mid + 1
		} else {
			high = mid
		}
	}
	return low, low < len(l.list) && l.list[low].distance == d && l.list[low].peer.Same(p)
}

func (l *Lookup) find(p *contact.Peer) *candidate {
	if i, ok := l.search(p); ok {
		return &l.list[i]
	}
	return nil
}

// add puts a contact into the list, or the paths to one that is there; nil: the
// list is full of nearer ones.
func (l *Lookup) add(p, from *contact.Peer, paths uint16, round uint8) *candidate {
	i, ok := l.search(p)
	if ok {
		c := &l.list[i]
		c.paths |= paths
		if c.state == failed && from != nil && c.peer.Contact != p.Contact && c.good == 0 {
			c.peer, c.from, c.state, c.good = p, from, known, 1 // once more, at another address
		}
		return c
	}
	if len(l.list) == maxCandidates {
		last := &l.list[len(l.list)-1]
		if i == len(l.list) || last.state == asked || last.state == slow || last.state == left {
			return nil
		}
		l.list = l.list[:len(l.list)-1]
	}
	if l.list == nil {
		l.list = make([]candidate, 0, 48)
	}
	l.list = slices.Insert(l.list, i, candidate{
		peer: p, from: from, paths: paths, round: round,
		distance: contact.Head(&p.ID) ^ l.head,
	})
	return &l.list[i]
}

// Step is one request to send.
type Step struct {
	Peer *contact.Peer
	// Target is what to ask about.
	Target key.NodeID
}

// Next appends the requests to send now to dst.
func (l *Lookup) Next(now int64, host Host, dst []Step) []Step {
	if l.Found() {
		return dst
	}
	l.late = false
	l.hedge(now)
	for again := true; again; {
		again = false
		for i := range l.paths {
			p := &l.paths[i]
			for p.active && p.flying < l.Parallel && p.slow < maxSlow {
				c := l.choose(i, host)
				if c == nil {
					if p.flying == 0 && p.slow == 0 && !p.done {
						p.done = true
						if !l.late && l.Value {
							l.activateOne() // one path less: another
							again = true
						}
					}
					break
				}
				p.done = false
				p.flying++
				p.asks++
				c.state, c.path, c.hedge = asked, uint8(i), math.MaxInt64
				if c.patience = int64(host.Patience(c.peer)); c.patience > 0 {
					c.hedge = now + c.patience
				}
				l.Messages++
				l.Contacted++
				dst = append(dst, Step{c.peer, l.TargetOf(i)})
			}
		}
	}
	return dst
}

// hedge lets paths go on whose request takes longer than such requests do. Where
// not each of the nearest has to be asked, a path leaves what takes longer still.
func (l *Lookup) hedge(now int64) {
	for i := range l.list {
		c := &l.list[i]
		if now < c.hedge {
			continue
		}
		p := &l.paths[c.path]
		switch {
		case c.state == asked:
			c.state, c.hedge = slow, now+maxSlow*c.patience
			p.flying--
			p.slow++
			if l.Value {
				l.activateOne()
			}
		case c.state == slow && !l.Thorough:
			c.state = left
			p.slow--
		}
	}
}

// choose is whom a path asks next; nil: nobody.
func (l *Lookup) choose(path int, host Host) *candidate {
	for {
		c := l.prefer(path)
		if c == nil {
			return nil
		}
		switch host.Admit(c.peer) {
		case Sound:
			return c
		case Later:
			l.late = true
			return nil
		case Forged:
			c.state = dropped
			if c.from != nil {
				l.Liars = append(l.Liars, c.from)
			}
			l.expose(c.from)
		}
	}
}

// prefer is whom a path would ask next: as long as it gets nearer, the nearest
// that it knows. A thorough one then asks all that are among the Width nearest of
// the whole lookup. Among those that probably hold the record it draws.
func (l *Lookup) prefer(path int) *candidate {
	var (
		mask    = uint16(1) << path
		id      = l.TargetOf(path)
		target  = contact.Head(&id)
		nearest *candidate
		least   uint64
		drawn   *candidate
		drawnOf int
		rank    int // of live candidates
		best    = l.paths[path].best
	)
	if l.Arrived > 0 && best > l.Arrived && l.paths[path].asks < maxAstray {
		best = math.MaxUint64 // any other may know the way
	}
	for i := range l.list {
		c := &l.list[i]
		if c.state == failed || c.state == dropped || c.state == left {
			continue
		}
		rank++
		if c.state != known || c.paths&mask == 0 {
			continue
		}
		if l.Value && c.distance < l.Holder {
			if drawnOf++; l.rand.IntN(drawnOf) == 0 {
				drawn = c
			}
		}
		d := contact.Head(&c.peer.ID) ^ target
		if (nearest == nil || d < least) && (l.Thorough && rank <= l.Width || d < best) {
			nearest, least = c, d
		}
	}
	if drawn != nil {
		return drawn
	}
	return nearest
}

// expose takes everything that a liar named out of the list, and the liar itself.
func (l *Lookup) expose(liar *contact.Peer) {
	if liar == nil {
		return
	}
	for i := range l.list {
		c := &l.list[i]
		switch {
		case c.peer == liar:
			if c.state == answered {
				c.state = failed
			}
		case c.from == liar && c.state == known:
			c.state = dropped
		}
	}
}

// Answered takes an answer: the contacts named in it and whether a record came.
// It reports whether the peer was asked in this lookup and had not answered yet.
func (l *Lookup) Answered(p *contact.Peer, names []*contact.Peer, found bool) bool {
	c := l.land(p)
	if c == nil {
		return false
	}
	c.state = answered
	at, round := int(c.path), c.round
	id := l.TargetOf(at)
	l.paths[at].best = min(l.paths[at].best, contact.Head(&p.ID)^contact.Head(&id))
	if c.from != nil {
		if from := l.find(c.from); from != nil {
			from.good = inc(from.good)
		}
	}
	if found {
		if l.copies++; l.copies == 1 {
			l.Rounds = int(round)
		}
	} else if l.copies == 0 {
		l.Rounds = max(l.Rounds, int(round))
	}
	if !l.Closed {
		for _, q := range names {
			l.add(q, p, 1<<at, inc(round))
		}
	}
	return true
}

// land ends the request to p.
func (l *Lookup) land(p *contact.Peer) *candidate {
	c := l.find(p)
	if c == nil {
		return nil
	}
	switch c.state {
	case asked:
		l.paths[c.path].flying--
	case slow:
		l.paths[c.path].slow--
	case left:
	default:
		return nil
	}
	return c
}

// Limits of what one gateway may name in vain: minVain contacts, if they are more
// than vainShare times those that answered.
const (
	minVain   = 4
	vainShare = 2
)

// Failed takes that a peer did not answer, or against the rules. Whoever named
// many such is believed no more.
func (l *Lookup) Failed(p *contact.Peer) {
	c := l.land(p)
	if c == nil {
		return
	}
	c.state = failed
	if c.from == nil {
		return
	}
	if from := l.find(c.from); from != nil {
		from.bad = inc(from.bad)
		if from.bad >= minVain && from.bad > vainShare*from.good {
			l.expose(c.from)
		}
	}
}

func inc(n uint8) uint8 {
	if n == math.MaxUint8 {
		return n
	}
	return n + 1
}

// Late reports whether a candidate waits for its puzzle to be checked.
func (l *Lookup) Late() bool { return l.late }

// Due is when Next has something to do though nothing came; MaxInt64: never.
func (l *Lookup) Due() int64 {
	due := int64(math.MaxInt64)
	for i := range l.list {
		if c := &l.list[i]; c.state == asked || c.state == slow && !l.Thorough {
			due = min(due, c.hedge)
		}
	}
	return due
}

// Found reports whether as many copies came as were looked for.
func (l *Lookup) Found() bool { return l.Value && l.copies >= l.Copies }

// Converged counts the paths that got as near to their target as they do: the
// nearest that they know answered.
func (l *Lookup) Converged() (count int) {
	for i := range l.paths {
		if l.paths[i].best < math.MaxUint64 && l.paths[i].flying == 0 && l.prefer(i) == nil {
			count++
		}
	}
	return count
}

// Resting reports whether every path that was started has ended.
func (l *Lookup) Resting() bool {
	for i := range l.paths {
		if l.paths[i].active && !l.paths[i].done {
			return false
		}
	}
	return true
}

// Done reports whether there is nothing more to ask: call Next before.
func (l *Lookup) Done() bool {
	if l.Found() {
		return true
	}
	for i := range l.paths {
		if !l.paths[i].active || !l.paths[i].done {
			return false
		}
	}
	return true
}

// Contacts appends the gateways that got a request to dst.
func (l *Lookup) Contacts(dst []*contact.Peer) []*contact.Peer {
	for i := range l.list {
		switch l.list[i].state {
		case asked, slow, left, answered, failed:
			dst = append(dst, l.list[i].peer)
		}
	}
	return dst
}

// Answers reports whether a peer answered.
func (l *Lookup) Answers(p *contact.Peer) bool {
	c := l.find(p)
	return c != nil && c.state == answered
}

// Answerers appends the gateways that answered to dst.
func (l *Lookup) Answerers(dst []*contact.Peer) []*contact.Peer {
	for i := range l.list {
		if l.list[i].state == answered {
			dst = append(dst, l.list[i].peer)
		}
	}
	return dst
}

// Nearest appends the gateways nearest to a place to dst, count at most: those
// that answered, and with named also those that were named and not yet asked.
func (l *Lookup) Nearest(target key.NodeID, count int, named bool, dst []*contact.Peer) []*contact.Peer {
	from := len(dst)
	for i := range l.list {
		c := &l.list[i]
		if c.state == answered || named && (c.state == known || c.state == asked || c.state == slow) {
			dst = append(dst, c.peer)
		}
	}
	if target != l.Target {
		contact.SortNearest(&target, dst[from:])
	}
	return dst[:from+min(len(dst)-from, count)]
}
