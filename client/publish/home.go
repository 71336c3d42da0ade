package publish

import (
	"bytes"
	"cmp"
	"errors"
	"maps"
	"slices"
	"time"

	"zeroms/client/profile"
	"zeroms/protocol/address"
	"zeroms/protocol/key"
	"zeroms/protocol/wire"
)

// home is a gateway that publishes.
type home struct {
	has    map[key.BlindedPublic]held // confirmed by it
	listed bool                       // it has said what it has since it came up
	up     bool
	asking bool // an answer is to come
	older  bool // it refused a number as too low
	// failed is set by an answer until the next turn makes a pause of it.
	failed bool
	pause  time.Duration
	retry  time.Time
	err    error // why it does not have everything; nil: nothing is wrong
	said   map[key.BlindedPublic]wire.Deposited
}

// held is a record that a home has.
type held struct{ day, seq uint32 }

// Pauses after a home did not take something.
const (
	pauseFirst = 5 * time.Second
	pauseMost  = time.Hour
)

func newHome() *home {
	return &home{has: map[key.BlindedPublic]held{}, said: map[key.BlindedPublic]wire.Deposited{}}
}

// Up says that a home is connected and logged in.
func (p *Publisher) Up(node key.NodePublic) {
	if h := p.homes[node]; h != nil {
		h.up, h.listed, h.failed, h.retry, h.pause = true, false, false, time.Time{}, 0
	}
}

// Down says that a home is not connected any more. Requests that wait are
// answered with an error by the Host.
func (p *Publisher) Down(node key.NodePublic) {
	if h := p.homes[node]; h != nil {
		h.up, h.listed = false, false
	}
}

// prune forgets what is held of days before the given one.
func (h *home) prune(before uint32) (changed bool) {
	for name, k := range h.has {
		if k.day < before {
			delete(h.has, name)
			changed = true
		}
	}
	maps.DeleteFunc(h.said, func(_ key.BlindedPublic, d wire.Deposited) bool { return d.Day < before })
	return changed
}

// serve asks a home what it has, or gives it what it lacks, one request at a
// time. It returns when to try again.
func (p *Publisher) serve(node key.NodePublic, now time.Time) (next time.Time) {
	h := p.homes[node]
	if h.failed {
		h.pause = min(max(2*h.pause, pauseFirst), pauseMost)
		h.failed, h.retry = false, now.Add(h.pause)
	}
	switch {
	case !h.up || h.asking:
		return next
	case now.Before(h.retry):
		return h.retry
	case !h.listed:
		h.asking = true
		p.host.Ask(node, &wire.DepositsGet{}, func(answer wire.Payload, err error) { p.answered(node, h, nil, answer, err) })
		return h.again(now)
	}
	sent := p.lacking(h, now)
	if len(sent) == 0 {
		return next
	}
	put := &wire.DepositPut{}
	for _, r := range sent {
		put.Items = append(put.Items, r.deposit())
	}
	h.asking = true
	p.host.Ask(node, put, func(answer wire.Payload, err error) { p.answered(node, h, sent, answer, err) })
	return h.again(now)
}

// again is now if the answer came at once: there is more to do.
func (h *home) again(now time.Time) (next time.Time) {
	if !h.asking {
		next = now
	}
	return next
}

// lacking is what a home has to take back, or, once that is done, what it does
// not have yet, the nearest days first, as much as goes into one request: homes
// bound how many records they hold of an account.
func (p *Publisher) lacking(h *home, now time.Time) []*record {
	var out []*record
	today := int64(address.Day(now))
	for name, r := range p.records {
		if int64(r.day) < today-1 || int64(r.day) > today+Ahead+1 {
			continue // the clock was wrong when it was made, or is now
		}
		if r.retired() && h.mayHave(name) || !r.retired() && h.has[name].seq != r.seq && r.seq > p.floor[name].seq {
			out = append(out, r)
		}
	}
	if slices.ContainsFunc(out, (*record).retired) {
		out = slices.DeleteFunc(out, func(r *record) bool { return !r.retired() })
	}
	slices.SortFunc(out, func(a, b *record) int {
		return cmp.Or(cmp.Compare(a.day, b.day), bytes.Compare(a.name[:], b.name[:]))
	})
	if p.making && len(out) > 0 && len(out) < wire.MaxDeposits && int64(out[0].day) > today+1 {
		return nil // what is urgent is there: the rest goes together
	}
	return out[:min(len(out), wire.MaxDeposits)]
}

// mayHave reports whether a home has some record of that name.
func (h *home) mayHave(name key.BlindedPublic) bool {
	_, confirmed := h.has[name]
	_, said := h.said[name]
	return confirmed || said
}

// answered takes the answer to a request, in which these records were sent; none:
// it asked what the home has.
func (p *Publisher) answered(node key.NodePublic, h *home, sent []*record, answer wire.Payload, err error) {
	h.asking = false
	if p.homes[node] != h {
		return
	}
	list, listed := answer.(*wire.Deposits)
	_, ok := answer.(*wire.OK)
	switch {
	case err == nil && len(sent) == 0 && listed:
		h.err = nil
		p.hears(node, h, list)
	case err == nil && len(sent) > 0 && ok:
		h.err = nil
		p.confirmed(node, h, sent)
	case err == nil:
		h.err = wire.ErrUnexpected
	default:
		// What it has now is looked at first: it may have a number that is not of
		// this profile, or have taken some of it.
		h.older = h.older || len(sent) > 0 && errors.Is(err, wire.ErrOlder)
		h.err = err
	}
	if h.err != nil {
		h.failed, h.listed = true, false
	}
}

// hears takes what a home says it has: what it lost it gets again, and numbers
// that are not ours are noted.
func (p *Publisher) hears(node key.NodePublic, h *home, list *wire.Deposits) {
	clear(h.said)
	for _, d := range list.Items {
		h.said[d.Name] = d
	}
	lost := false
	for name, k := range h.has {
		if h.said[name].Seq != k.seq {
			delete(h.has, name)
			lost = true
		}
	}
	for name, d := range h.said {
		r := p.records[name]
		own := r != nil && (d.Seq < r.seq || d.Seq == r.seq && (!h.older || h.has[name].seq == r.seq))
		if !own && (r == nil || !r.retired()) && p.ours(name, d.Day) {
			p.taken(name, d.Day, d.Seq)
		}
	}
	h.listed, h.older = true, false
	if lost {
		p.put = append(p.put, h.row(node))
	}
}

// confirmed notes what a home has taken, or taken back.
func (p *Publisher) confirmed(node key.NodePublic, h *home, sent []*record) {
	for _, r := range sent {
		if r.retired() {
			delete(h.has, r.name)
			delete(h.said, r.name)
		} else {
			h.has[r.name] = held{r.day, r.seq}
		}
	}
	h.pause = 0
	p.put = append(p.put, h.row(node))
}

// Farewell is what takes back everything that a home has or may have. It is sent
// before a home is left, whatever the answer: what is left behind loses against
// the records of the other homes, whose numbers are higher.
func (p *Publisher) Farewell(node key.NodePublic) []*wire.DepositPut {
	h := p.homes[node]
	if h == nil {
		return nil
	}
	days := map[key.BlindedPublic]uint32{}
	for name, k := range h.has {
		days[name] = k.day
	}
	for name, r := range p.records {
		days[name] = r.day
	}
	names := slices.SortedFunc(maps.Keys(days), func(a, b key.BlindedPublic) int {
		return cmp.Or(cmp.Compare(days[a], days[b]), bytes.Compare(a[:], b[:]))
	})
	var out []*wire.DepositPut
	for some := range slices.Chunk(names, wire.MaxDeposits) {
		put := &wire.DepositPut{}
		for _, name := range some {
			put.Items = append(put.Items, wire.Deposit{Name: name, Day: days[name]})
		}
		out = append(out, put)
	}
	return out
}

// State is how a home stands.
type State struct {
	Node key.NodePublic
	// Days is for how many days after today it has every record, be it an outdated
	// one, without a gap; -1: not even today's.
	Days int
	// Missing is how many records it lacks or has outdated, those that are not made
	// yet not counted.
	Missing int
	// Holders is the least number of gateways that hold one of today's records, and
	// Stored and Verified when that was last stored and found, as the home said when
	// it came up; zero: not known.
	Holders          int
	Stored, Verified time.Time
	// Err is why it lacks something; nil: nothing went wrong.
	Err error
}

// States are the homes in the order of Wanted.
func (p *Publisher) States(now time.Time) []State {
	out := make([]State, 0, len(p.want.Homes))
	for _, node := range p.want.Homes {
		out = append(out, p.state(node, now))
	}
	return out
}

func (p *Publisher) state(node key.NodePublic, now time.Time) State {
	h, today := p.homes[node], address.Day(now)
	s := State{Node: node, Days: p.covered(h, today), Missing: p.missing(h), Err: h.err}
	first := true
	for _, d := range h.said {
		if d.Day != today {
			continue
		}
		if first || int(d.Holders) < s.Holders {
			s.Holders, s.Stored, s.Verified = int(d.Holders), moment(d.Stored), moment(d.Verified)
		}
		first = false
	}
	return s
}

// missing counts the records that the home lacks or has outdated.
func (p *Publisher) missing(h *home) (n int) {
	for name, r := range p.records {
		if !r.retired() && h.has[name].seq != r.seq {
			n++
		}
	}
	return n
}

// covered counts the days from today on for which the home has a record under
// every live secret; without the identity's key, any record counts.
func (p *Publisher) covered(h *home, today uint32) int {
	n := -1
	for d := today; d <= today+Ahead+1; d++ {
		if p.want.Identity.IsZero() {
			if !h.saidDay(d) {
				break
			}
		} else if len(p.secrets) == 0 || slices.ContainsFunc(p.secrets, func(s *secret) bool { return h.has[p.name(s, d)].seq == 0 }) {
			break
		}
		n++
	}
	return n
}

func (h *home) saidDay(d uint32) bool {
	for _, s := range h.said {
		if s.Day == d {
			return true
		}
	}
	return false
}

// moment is a time of ms; zero for 0.
func moment(ms uint64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return wire.Time(ms)
}

type heldRow struct {
	Version uint8     `cbor:"1,keyasint"`
	Items   []heldOne `cbor:"2,keyasint"`
}

type heldOne struct {
	_    struct{} `cbor:",toarray"`
	Name [32]byte
	Day  uint32
	Seq  uint32
}

func (h *home) row(node key.NodePublic) profile.Row {
	r := heldRow{Version: version}
	for name, k := range h.has {
		r.Items = append(r.Items, heldOne{Name: name, Day: k.day, Seq: k.seq})
	}
	slices.SortFunc(r.Items, func(a, b heldOne) int {
		return cmp.Or(cmp.Compare(a.Day, b.Day), bytes.Compare(a.Name[:], b.Name[:]))
	})
	return profile.Row{Table: TableHeld, Key: node[:], Data: wire.Marshal(r)}
}

func parseHome(row profile.Row) (*home, error) {
	var r heldRow
	if err := parse(row.Data, &r, &r.Version); err != nil {
		return nil, err
	}
	if len(row.Key) != key.PublicSize {
		return nil, wire.ErrValue.Because("the key of a row")
	}
	h := newHome()
	for _, k := range r.Items {
		h.has[k.Name] = held{k.Day, k.Seq}
	}
	return h, nil
}
