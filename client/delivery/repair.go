package delivery

import (
	"bytes"
	"cmp"
	"slices"
	"time"

	"zeroms/protocol/key"
	"zeroms/protocol/message"
)

// Limits of repair.
const (
	// SiblingsAfter is how many NACKs in vain go to the device that wrote a
	// message before the other devices of its person are asked.
	SiblingsAfter = 2
	// UnansweredAfter is how many NACKs in custody that brought nothing let the
	// session with a device count as broken.
	UnansweredAfter = 2
	// MaxPieces is how many ranges of one chain are told apart beyond its gaps.
	MaxPieces = 512
	// MaxLost is how many ranges of one conversation are remembered as lost.
	MaxLost = 256
)

// Ask is a NACK that has to leave now.
type Ask struct {
	// ID names the NACK for Taken and Missed.
	ID uint64
	// To is the device to ask.
	To message.Party
	// Wants are what is asked for, as the body of a NACK takes them.
	Wants  []message.Want
	Reason message.Reason
}

// Missing is a range of messages of one device that are missing, all in the
// same state.
type Missing struct {
	From   message.Party
	Range  message.Range
	Reason message.Reason
	// Since is when they were found to be missing.
	Since time.Time
	// Asked is how often they were asked for, and LastAsked when last; zero: not yet.
	Asked     int
	LastAsked time.Time
	// Later is until when the device that was asked puts them off; zero: it does not.
	Later time.Time
	// Gone tells that they exist no longer: nobody is asked any more.
	Gone bool
}

// Count is the number of messages.
func (m Missing) Count() uint64 { return count(m.Range) }

func count(r message.Range) uint64 { return uint64(r.To-r.From) + 1 }

// Change is what one look at the gaps brought to light.
type Change struct {
	// Found are the messages that were not known to be missing.
	Found []Missing
	// Filled are those that are missing no longer, in the state in which they were.
	Filled []Missing
}

// Counts sums up what a Repair has seen; in messages, but Asks.
type Counts struct {
	Found  uint64 // were found to be missing
	Came   uint64 // came without being asked for
	Filled uint64 // came after they were asked for
	Lost   uint64 // are gone
	Asks   uint64 // NACKs
}

// origin is one chain of which something is wanted, and why.
type origin struct {
	from   message.Party
	reason message.Reason
}

// Repair has the missing messages of one conversation brought: it decides when
// which device is asked for which of them (docs/protocol/delivery.md). The zero
// value is ready. Nothing of it has to survive a restart: the gaps stand in the
// conversation's state, and asking once more does no harm.
type Repair struct {
	chains map[origin][]piece // ascending, apart from each other
	lost   []Missing          // oldest first
	counts Counts
	last   time.Time // when the last NACK left
	quiet  uint32    // NACKs since anything came or was found
}

// piece is a range of which all is in the same state.
type piece struct {
	message.Range
	since time.Time
	next  time.Time // not asked for before
	last  time.Time // asked for at
	later time.Time
	asked uint32       // how often
	vain  uint32       // how often since anything of it came
	ask   uint64       // the last NACK; 0 if it matters no longer
	to    key.DeviceID // where that went
	taken bool         // it is in custody
	// held counts the NACKs in custody, of those to the writer since anything
	// came; heldAt is when the one was taken that made them UnansweredAfter, and
	// alive when the writer was heard from first after that.
	held          uint32
	heldAt, alive time.Time
	told          bool // reported as unanswered
}

// Look takes the gaps of the conversation after every change of it, all of
// them. What was found a moment ago costs nothing yet.
func (r *Repair) Look(gaps []message.Gap, now time.Time, t RepairTiming) Change {
	return r.look(gaps, message.ReasonMissing, now, t)
}

// LookBodies takes the messages that are known header-only and whose bodies
// may be elsewhere, all of them.
func (r *Repair) LookBodies(gaps []message.Gap, now time.Time, t RepairTiming) Change {
	return r.look(gaps, message.ReasonBody, now, t)
}

func (r *Repair) look(gaps []message.Gap, reason message.Reason, now time.Time, t RepairTiming) Change {
	if len(gaps) == 0 && len(r.chains) == 0 {
		return Change{}
	}
	ranges := map[origin][]message.Range{}
	for _, g := range gaps {
		from := origin{g.From, reason}
		ranges[from] = append(ranges[from], g.Range)
	}
	var out Change
	for _, from := range r.origins() {
		if _, left := ranges[from]; !left && from.reason == reason {
			r.reconcile(from, nil, &out, step{now, t})
		}
	}
	for _, from := range sorted(ranges) {
		r.reconcile(from, without(join(ranges[from]), r.gone(from)), &out, step{now, t})
	}
	if len(out.Found)+len(out.Filled) > 0 {
		r.quiet = 0
	}
	return out
}

// step is when something happens, and with which intervals.
type step struct {
	now time.Time
	t   RepairTiming
}

// reconcile makes the pieces of a chain cover exactly the given ranges.
func (r *Repair) reconcile(from origin, ranges []message.Range, out *Change, s step) {
	var pieces []piece
	var known []message.Range
	for _, p := range r.chains[from] {
		known = append(known, p.Range)
		whole := []message.Range{p.Range}
		if came := without(whole, ranges); len(came) > 0 {
			for _, c := range came {
				out.Filled = append(out.Filled, p.missing(from, c))
				if p.asked > 0 {
					r.counts.Filled += count(c)
				} else {
					r.counts.Came += count(c)
				}
			}
			whole = without(whole, came)
			p.progress(s)
		}
		for _, left := range whole {
			p.Range = left
			pieces = append(pieces, p)
		}
	}
	for _, found := range without(ranges, join(known)) {
		p := piece{Range: found, since: s.now, next: s.now.Add(s.t.Grace)}
		pieces = append(pieces, p)
		out.Found = append(out.Found, p.missing(from, found))
		r.counts.Found += count(found)
	}
	slices.SortFunc(pieces, func(a, b piece) int { return cmp.Compare(a.From, b.From) })
	r.keep(from, merged(pieces, s.now))
}

func (r *Repair) keep(from origin, pieces []piece) {
	if len(pieces) == 0 {
		delete(r.chains, from)
		return
	}
	if r.chains == nil {
		r.chains = map[origin][]piece{}
	}
	r.chains[from] = pieces
}

// progress notes that something of the piece came: the rest is on its way.
func (p *piece) progress(s step) {
	p.renew()
	if p.asked > 0 && p.later.IsZero() {
		p.next = s.now.Add(s.t.AskMin)
	}
}

// renew forgets what was in vain.
func (p *piece) renew() {
	p.vain, p.ask, p.taken = 0, 0, false
	p.held, p.heldAt, p.alive, p.told = 0, time.Time{}, time.Time{}, false
}

// missing is a part of the piece as others see it.
func (p *piece) missing(from origin, part message.Range) Missing {
	return Missing{
		From: from.from, Range: part, Reason: from.reason, Since: p.since,
		Asked: int(p.asked), LastAsked: p.last, Later: p.later,
	}
}

// merged joins neighbours in the same state, and of very many pieces all
// neighbours: they wait as long as the most patient of them.
func merged(pieces []piece, now time.Time) (out []piece) {
	for pass, force := range []bool{false, true} {
		if force && len(out) <= MaxPieces {
			break
		}
		if pass > 0 {
			pieces, out = out, nil
		}
		for _, p := range pieces {
			if n := len(out); n > 0 && touch(out[n-1].Range, p.Range) && (force || out[n-1].alike(p, now)) {
				out[n-1] = out[n-1].and(p)
			} else {
				out = append(out, p)
			}
		}
	}
	return out
}

// alike tells whether two pieces are in the same state. Those that nobody was
// asked for yet are once their grace is over.
func (p piece) alike(q piece, now time.Time) bool {
	switch {
	case p.asked == 0 && !p.next.After(now) && !q.next.After(now):
		q.since, q.next = p.since, p.next
	case p.ask != 0 && p.ask == q.ask:
		q.since = p.since
	}
	q.Range = p.Range
	return p == q
}

// and joins a piece with the one behind it.
func (p piece) and(q piece) piece {
	whole, since := message.Range{From: p.From, To: q.To}, p.since
	if q.since.Before(since) {
		since = q.since
	}
	if q.next.After(p.next) {
		p = q
	}
	p.Range, p.since = whole, since
	return p
}

// Later postpones what the device from was asked for. Only the device that was
// asked last can, and LaterMax at most.
func (r *Repair) Later(from message.Party, l *message.Later, now time.Time, t RepairTiming) {
	until := now.Add(min(max(time.Duration(l.After)*time.Second, t.AskMin), t.LaterMax))
	for o := range r.chains {
		if o.from.User != from.User {
			continue
		}
		r.change(o, wants(l.Wants, o.from.Device), func(p *piece) {
			if p.ask == 0 || p.to != from.Device {
				return
			}
			p.renew()
			p.later, p.next = until, until
			r.quiet = 0
		})
	}
}

// Lost notes that messages exist no longer. It is also told, after a restart,
// what was lost before.
func (r *Repair) Lost(gaps []message.Gap, now time.Time) {
	for _, g := range gaps {
		for _, reason := range []message.Reason{message.ReasonMissing, message.ReasonBody} {
			from := origin{g.From, reason}
			var left []piece
			for _, p := range r.chains[from] {
				stay := without([]message.Range{p.Range}, []message.Range{g.Range})
				lost := count(p.Range)
				for _, s := range stay {
					lost -= count(s)
					p.Range = s
					left = append(left, p)
				}
				if r.counts.Lost += lost; lost > 0 {
					r.quiet = 0
				}
			}
			r.keep(from, left)
		}
		from := origin{g.From, message.ReasonMissing}
		for _, part := range without([]message.Range{g.Range}, r.gone(from)) {
			r.lost = append(r.lost, Missing{From: g.From, Range: part, Reason: message.ReasonMissing, Since: now, Gone: true})
		}
	}
	r.lost = slices.Clone(r.lost[max(0, len(r.lost)-MaxLost):])
}

// Arrived notes that a message came that had been given up as lost.
func (r *Repair) Arrived(from message.Party, seq uint32) {
	var left []Missing
	for _, m := range r.lost {
		parts := []message.Range{m.Range}
		if m.From == from {
			parts = without(parts, []message.Range{{From: seq, To: seq}})
		}
		for _, part := range parts {
			m.Range = part
			left = append(left, m)
		}
	}
	r.lost = left
}

// gone are the ranges of a chain that were lost, ascending.
func (r *Repair) gone(from origin) (out []message.Range) {
	for _, m := range r.lost {
		if m.From == from.from && from.reason == message.ReasonMissing {
			out = append(out, m.Range)
		}
	}
	return join(out)
}

// Forget drops what is missing of a device that was frozen or is listed no longer.
func (r *Repair) Forget(from message.Party) {
	delete(r.chains, origin{from, message.ReasonMissing})
	delete(r.chains, origin{from, message.ReasonBody})
}

// Deadline returns when Due or Unanswered has something to say next.
func (r *Repair) Deadline(t RepairTiming) (at time.Time, ok bool) {
	sooner := func(x time.Time) {
		if !ok || x.Before(at) {
			at, ok = x, true
		}
	}
	floor := r.floor(t)
	for from, pieces := range r.chains {
		for i := range pieces {
			p := &pieces[i]
			if p.next.Before(floor) {
				sooner(floor)
			} else {
				sooner(p.next)
			}
			if verdict, waits := p.verdict(t); waits && from.reason == message.ReasonMissing {
				sooner(verdict)
			}
		}
	}
	return at, ok
}

// States returns what is missing and what is lost, by device and number.
func (r *Repair) States() (out []Missing) {
	for _, from := range r.origins() {
		for i := range r.chains[from] {
			p := &r.chains[from][i]
			out = append(out, p.missing(from, p.Range))
		}
	}
	out = append(out, r.lost...)
	slices.SortStableFunc(out, func(a, b Missing) int {
		return cmp.Or(byOrigin(origin{a.From, a.Reason}, origin{b.From, b.Reason}), cmp.Compare(a.Range.From, b.Range.From))
	})
	return out
}

// Counts returns what was seen since the start.
func (r *Repair) Counts() Counts { return r.counts }

// change applies f to the parts of a chain's pieces that lie in the ranges.
func (r *Repair) change(from origin, ranges []message.Range, f func(*piece)) {
	if len(ranges) == 0 {
		return
	}
	var pieces []piece
	for _, p := range r.chains[from] {
		whole := []message.Range{p.Range}
		rest := without(whole, ranges)
		for _, part := range without(whole, rest) {
			q := p
			q.Range = part
			f(&q)
			pieces = append(pieces, q)
		}
		for _, part := range rest {
			p.Range = part
			pieces = append(pieces, p)
		}
	}
	slices.SortFunc(pieces, func(a, b piece) int { return cmp.Compare(a.From, b.From) })
	r.keep(from, pieces)
}

// origins are the chains of which something is missing, in a stable order.
func (r *Repair) origins() []origin { return sorted(r.chains) }

func sorted[V any](m map[origin]V) []origin {
	out := make([]origin, 0, len(m))
	for from := range m {
		out = append(out, from)
	}
	slices.SortFunc(out, byOrigin)
	return out
}

func byOrigin(a, b origin) int {
	return cmp.Or(bytes.Compare(a.from.User[:], b.from.User[:]), byDevice(a.from.Device, b.from.Device), cmp.Compare(a.reason, b.reason))
}

func byDevice(a, b key.DeviceID) int { return bytes.Compare(a[:], b[:]) }
