package custody

import (
	"bytes"
	"crypto/sha256"
	"slices"

	"zeroms/protocol/key"
	"zeroms/protocol/wire"
)

// number is one envelope's place in one registration of a drop.
type number struct {
	drop  [32]byte // SHA-256(drop)
	start [32]byte // D_0
	k     uint32
}

// said is what the gateway says of a number.
type said struct {
	d    [32]byte
	env  [32]byte // zeros: not this
	time uint64   // 0: not this
	at   Statement
}

// numbers compares everything that is said of each number of each registration:
// by receipts, by states, and by the rows of registrations that the log shows.
func (j *judge) numbers() {
	known := make(map[number]said)
	var order []number
	note := func(n number, s said) {
		was, ok := known[n]
		if !ok {
			known[n] = s
			order = append(order, n)
			return
		}
		j.compareNumber(n, was, s)
		if was.env == ([32]byte{}) {
			known[n] = s
		}
	}
	for _, r := range j.receipts {
		if !r.IsDoor() {
			note(number{r.DropHash, r.Start, r.K}, said{r.Head, r.EnvelopeHash, r.Time, r.at})
		}
	}
	for i := range j.views {
		j.views[i].numbers(note)
	}
	for _, s := range j.states {
		if s.Start == (wire.Position{}) {
			continue
		}
		note(number{s.DropHash, s.D0, s.K}, said{d: s.D, at: s.at})
		if s.AskedD != [32]byte{} {
			note(number{s.DropHash, s.D0, s.AskedK}, said{d: s.AskedD, at: s.at})
		}
	}
	for _, n := range order {
		j.chained(n, known)
	}
}

// compareNumber holds two statements about one number against each other.
func (j *judge) compareNumber(n number, a, b said) {
	zeros := [32]byte{}
	if a.d == b.d && (a.env == b.env || a.env == zeros || b.env == zeros) && (a.time == b.time || a.time == 0 || b.time == 0) {
		return
	}
	fault := Contradiction
	if a.at.List == listReceipts && b.at.List == listReceipts {
		if a.d == b.d && a.env == b.env {
			return // only the time differs
		}
		fault = TwoReceipts
	}
	j.guilty(fault, []Statement{a.at, b.at},
		"number %d of the drop %x is two different envelopes, or different ones were before it", n.k, n.drop[:8])
}

// chained checks that D at a number follows from D at the one before.
func (j *judge) chained(n number, known map[number]said) {
	s := known[n]
	if n.k == 0 {
		if s.d != n.start {
			j.guilty(Contradiction, []Statement{s.at}, "the drop %x begins with another value than its D_0", n.drop[:8])
		}
		return
	}
	before, ok := known[number{n.drop, n.start, n.k - 1}]
	if n.k == 1 {
		before, ok = said{d: n.start, at: s.at}, true
	}
	if ok && s.env != ([32]byte{}) && NextDropHead(before.d, n.k, s.env) != s.d {
		j.guilty(Contradiction, []Statement{before.at, s.at}, "the chain of the drop %x does not lead from number %d to number %d", n.drop[:8], n.k-1, n.k)
	}
}

// numbers notes the envelopes of registrations that begin in the view.
func (v *view) numbers(note func(number, said)) {
	type registration struct{ drop, start [32]byte }
	current := make(map[key.DropID]registration)
	for i := range v.rows {
		x := &v.rows[i]
		at := v.row(x.position.Index())
		switch {
		case x.kind == wire.RowObject && x.drop != (key.DropID{}):
			switch {
			case x.d == [32]byte{}: // a door
				delete(current, x.drop)
			case x.k == 0: // a registration, or its end before the first envelope
				current[x.drop] = registration{sha256.Sum256(x.drop[:]), x.d}
			default: // its end
				if c, ok := current[x.drop]; ok {
					note(number{c.drop, c.start, x.k}, said{d: x.d, at: at})
				}
			}
		case x.kind == wire.RowEnvelope:
			if c, ok := current[x.drop]; ok {
				note(number{c.drop, c.start, x.k}, said{x.d, x.hash, x.time, at})
			}
		}
	}
}

// state compares one state with the receipts that it names and with the log.
func (j *judge) state(s *state) {
	if s.Start != (wire.Position{}) && DropStartOf(s.DropHash, s.Tag, s.Start) != s.D0 {
		j.guilty(Contradiction, []Statement{s.at}, "the position given for the registration of the drop %x is not the one that its D_0 is about", s.DropHash[:8])
		return
	}
	switch r := j.named(s); {
	case r == nil:
		j.lack("the receipt that %v names", s.at)
	case r.about(s):
		j.compare(s, r)
	default:
		j.tell("%v was asked for about another registration or number than that of %v", s.at, r.at)
	}
	for i := range j.views {
		if v := &j.views[i]; v.tag == s.Tag {
			j.shown(s, v)
		}
	}
}

// named is the receipt that a state names, nil if it is not in the file. All
// receipts of one name are the same bytes.
func (j *judge) named(s *state) *receipt {
	for i := range j.receipts {
		if j.receipts[i].name == s.Asked {
			return &j.receipts[i]
		}
	}
	return nil
}

// about reports whether a state that names the receipt answers for it.
func (r *receipt) about(s *state) bool {
	return !r.IsDoor() && s.DropHash == r.DropHash && s.D0 == r.Start && s.AskedK == r.K
}

// compare holds a receipt against a state that names it: the state is the later
// one of the two, whatever the clocks say.
func (j *judge) compare(s *state, r *receipt) {
	both := []Statement{r.at, s.at}
	limit := wire.Millis(wire.Time(r.Kept).Add(RowsKept))
	switch {
	case s.Start == wire.Position{}:
		if s.Time < limit {
			j.guilty(UnknownRegistration, both, "the gateway does not know the registration of the drop %x that its receipt is about", r.DropHash[:8])
		} else {
			j.tell("the registration of the drop %x is forgotten, its time was over (%v)", r.DropHash[:8], s.at)
		}
	case s.K < r.K:
		j.guilty(Contradiction, both, "the drop %x ends at number %d, and there is a receipt for number %d", r.DropHash[:8], s.K, r.K)
	case s.AskedD == [32]byte{}:
		if s.Time < limit {
			j.guilty(Contradiction, both, "the gateway no longer knows number %d of the drop %x, which it has to", r.K, r.DropHash[:8])
		}
	case s.Low > r.K && s.Time < r.Kept:
		j.erased(s, r)
	case s.Low > r.K:
		j.tell("number %d of the drop %x is no longer held, its time was over (%v)", r.K, r.DropHash[:8], s.at)
	default:
		j.tell("number %d of the drop %x is held, says the gateway (%v)", r.K, r.DropHash[:8], s.at)
	}
}

// erased judges an envelope that is no longer held before its time. That is right
// once every login key that was enrolled at some moment had passed it. A login key
// that was enrolled before the row, and is so still, had to acknowledge it.
func (j *judge) erased(s *state, r *receipt) {
	both := []Statement{r.at, s.at}
	right := true
	for i := range s.Cursors {
		c := &s.Cursors[i]
		if !after(s.AskedRow, c.From) {
			continue
		}
		found, holds := ackOf(s.from, s.DropState, i)
		switch {
		case after(s.AskedRow, c.Upto):
			j.guilty(EarlyErasure, both, "number %d of the drop %x went before its time, and the login key %x had not acknowledged it", r.K, r.DropHash[:8], c.Login[:8])
		case !found:
			j.lack("the acknowledgement of the login key %x that %v refers to", c.Login[:8], s.at)
		case !holds:
			j.guilty(EarlyErasure, both, "number %d of the drop %x went before its time for an acknowledgement that the login key %x did not sign", r.K, r.DropHash[:8], c.Login[:8])
		default:
			continue
		}
		right = false
	}
	for i := range j.views {
		if v := &j.views[i]; v.tag == s.Tag && v.shows(s.Head, s.R) && !j.complete(s, r, v) {
			right = false
		}
	}
	if right {
		j.tell("number %d of the drop %x went before its time, and rightly, by what the file shows: every login key that had to acknowledge it did so (%v)", r.K, r.DropHash[:8], s.at)
	}
}

// complete reports whether a state lists every login key that the log shows to
// be enrolled since before the envelope came, and says so of it.
func (j *judge) complete(s *state, r *receipt, v *view) bool {
	base := make(map[wire.Position][]wire.CursorState)
	for _, other := range j.states {
		if other.at != s.at && other.Tag == s.Tag && v.shows(other.Head, other.R) {
			base[other.Head] = append(base[other.Head], other.Cursors...)
		}
	}
	listed := make(map[key.LoginPublic]wire.Position, len(s.Cursors))
	for _, c := range s.Cursors {
		listed[c.Login] = c.From
	}
	all, blind := v.enrolments(s.Head, j.objects, base)
	right := true
	for _, login := range inOrder(all) {
		in := all[login]
		from, ok := listed[login]
		switch {
		case !after(s.AskedRow, in.from) || ok && after(s.AskedRow, from):
			continue
		case in.sure < blind:
			j.lack("the enrolments that the rows of run %d hold the hashes of, from index %d to %d", v.run, in.sure+1, blind)
		default:
			j.guilty(EarlyErasure, []Statement{r.at, s.at, v.row(in.from.Index())},
				"number %d of the drop %x went before its time, and the state hides the login key %x, which is enrolled since before it came", r.K, r.DropHash[:8], login[:8])
		}
		right = false
	}
	return right
}

// shown holds what a state says of rows against the rows.
func (j *judge) shown(s *state, v *view) {
	if x := v.at(s.AskedRow.Index()); x != nil {
		j.envelope(s, v, x)
	}
	for i := range s.Cursors {
		c := &s.Cursors[i]
		x := v.at(c.From.Index())
		if x == nil {
			continue
		}
		e := j.objects[x.hash]
		if x.position != c.From || x.kind != wire.RowObject || x.drop != (key.DropID{}) ||
			e != nil && (e.Op != wire.OpEnrol || e.Login != c.Login || key.AccountTagOf(e.Account) != s.Tag) {
			j.guilty(Contradiction, []Statement{s.at, v.row(c.From.Index())}, "the row at index %d does not enrol the login key %x, as the state says", c.From.Index(), c.Login[:8])
		}
	}
}

// envelope looks at the row where the envelope stands, by the gateway's word, in
// the log that it showed to the owner.
func (j *judge) envelope(s *state, v *view, x *row) {
	right := x.position == s.AskedRow && x.kind == wire.RowEnvelope && sha256.Sum256(x.drop[:]) == s.DropHash && x.k == s.AskedK && x.d == s.AskedD
	about := []Statement{s.at, v.row(x.position.Index())}
	if r := j.named(s); r != nil && r.about(s) {
		right = right && x.hash == r.EnvelopeHash && x.time == r.Time
		about = append(about, r.at)
	}
	if !right {
		j.guilty(Withheld, about, "the owner's log holds another row at index %d, where number %d of the drop %x stands by the gateway's word",
			x.position.Index(), s.AskedK, s.DropHash[:8])
	}
}

// regress finds drops that had more envelopes at an earlier place of the log.
func (j *judge) regress() {
	for i := range j.states {
		for n := range j.states {
			a, b := &j.states[i], &j.states[n]
			if a.DropHash == b.DropHash && a.D0 == b.D0 && a.Start != (wire.Position{}) && a.Start == b.Start &&
				!after(a.Head, b.Head) && a.K > b.K {
				j.guilty(Contradiction, []Statement{a.at, b.at}, "the drop %x had %d envelopes, and later %d", a.DropHash[:8], a.K, b.K)
			}
		}
	}
}

// inOrder lists login keys ascending, so that the same file gives the same report.
func inOrder(all map[key.LoginPublic]enrolled) []key.LoginPublic {
	out := make([]key.LoginPublic, 0, len(all))
	for login := range all {
		out = append(out, login)
	}
	slices.SortFunc(out, func(a, b key.LoginPublic) int { return bytes.Compare(a[:], b[:]) })
	return out
}
