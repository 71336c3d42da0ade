package publish

import (
	"crypto/rand"
	"encoding/binary"
	"maps"
	"math"
	"slices"
	"time"

	"zeroms/client/profile"
	"zeroms/protocol/address"
	"zeroms/protocol/key"
	"zeroms/protocol/wire"
)

// How far ahead records are made, and how many at once.
const (
	// Ahead is how many days after today have a record at every home.
	Ahead = 30
	// WarnAt is at how few days ahead a person has to be told that records run out:
	// no device that can make them was online for 20 days.
	WarnAt = 10
	// MaxSecrets is how many address secrets may be live: that of the private cards,
	// the one before it, and the public card's.
	MaxSecrets = 3

	// perTurn bounds the records made in one turn of the caller's loop: some
	// milliseconds.
	perTurn = 8
	// drawWithin is before and after its day the time in which a record's first and
	// last moments are drawn, and after midnight the one in which a day is added.
	drawWithin = 6 * time.Hour

	day    = 24 * time.Hour
	minute = int64(60)
)

// Lease is a home as records name it.
type Lease struct {
	// Lease has an IP address as Host; Lapses is not looked at.
	address.Lease
	// Ends is when nobody may be sent there any more; zero: it is not known that it ends.
	Ends time.Time
}

// Wanted is what is to be published, and where.
type Wanted struct {
	// Identity signs; not set on a device without the seed, which makes no records
	// and only learns how far those of others reach.
	Identity key.IdentityPrivate
	Network  key.Network
	// Secrets are the live address secrets, at most MaxSecrets; a zero one: found by
	// key alone.
	Secrets []key.AddressSecret
	// Leases are where the person receives, at most address.MaxLeases. While there
	// are none, what was made stays as it is.
	Leases []Lease
	// ListN and ListHash name the newest entry of the own device list.
	ListN    uint32
	ListHash [32]byte
	// Homes are the gateways that publish, those that are drained included.
	Homes []key.NodePublic
}

// Host performs what a Publisher decides.
type Host interface {
	// Ask sends a request to a home after the turn's rows are durable. Its answer, or
	// why there is none, comes back into the loop: done is called once, and Turn after
	// it. It may be called at once if nothing can be sent.
	Ask(node key.NodePublic, p wire.Payload, done func(answer wire.Payload, err error))
}

// Publisher keeps the records of a person at their homes.
type Publisher struct {
	host    Host
	want    Wanted
	ready   bool // Set was called
	secrets []*secret
	lines   []line // of the leases wanted
	records map[key.BlindedPublic]*record
	homes   map[key.NodePublic]*home
	floor   map[key.BlindedPublic]held // numbers that are taken: ours have to be higher
	through uint32                     // all records up to this day are made; 0: look
	making  bool                       // the next turn makes more of them
	budget  budget
	delay   time.Duration // after midnight, when a day is added
	today   uint32        // of the last turn
	put     []profile.Row
	gone    []profile.Ref
}

// secret is a live address secret with the names of its records.
type secret struct {
	s     key.AddressSecret
	names map[uint32]key.BlindedPublic
}

// New makes a Publisher that has published nothing.
func New(host Host) *Publisher {
	return &Publisher{
		host: host, records: map[key.BlindedPublic]*record{}, homes: map[key.NodePublic]*home{},
		floor: map[key.BlindedPublic]held{}, delay: draw(drawWithin),
	}
}

// draw is a random time below most, to the minute.
func draw(most time.Duration) time.Duration {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails
	return time.Duration(binary.BigEndian.Uint64(b[:])%uint64(most/time.Minute)) * time.Minute
}

// Set says what is to be published from now on; it is called once everything is
// restored, and after every change. What stands under a secret that is live no
// more is taken back. Errors: wire.ErrPublicKey, wire.ErrValue for too much, and
// those of address.Lease.Encode52, with which nothing changed.
func (p *Publisher) Set(w Wanted) error {
	if len(w.Secrets) > MaxSecrets || len(w.Leases) > address.MaxLeases {
		return wire.ErrValue.Because("too many address secrets or leases")
	}
	lines := make([]line, 0, len(w.Leases))
	for _, l := range w.Leases {
		at, err := newLine(l)
		if err != nil {
			return err
		}
		lines = append(lines, at)
	}
	again := w.Identity.IsZero() != p.want.Identity.IsZero() || w.Network != p.want.Network ||
		!w.Identity.IsZero() && w.Identity.Public() != p.want.Identity.Public()
	secrets := make([]*secret, 0, len(w.Secrets))
	for _, s := range w.Secrets {
		at := slices.IndexFunc(p.secrets, func(k *secret) bool { return !again && k.s.Equal(s.Bytes()) })
		switch {
		case slices.ContainsFunc(secrets, func(k *secret) bool { return k.s.Equal(s.Bytes()) }):
		case at >= 0:
			secrets = append(secrets, p.secrets[at])
		default:
			secrets = append(secrets, &secret{s, map[uint32]key.BlindedPublic{}})
		}
	}
	w.Homes = slices.Compact(slices.Clone(w.Homes))
	p.want, p.secrets, p.lines, p.ready, p.through = w, secrets, lines, true, 0
	p.retire()
	for node := range p.homes {
		if !slices.Contains(w.Homes, node) {
			delete(p.homes, node)
			p.gone = append(p.gone, profile.Ref{Table: TableHeld, Key: node[:]})
		}
	}
	for _, node := range w.Homes {
		if p.homes[node] == nil {
			p.homes[node] = newHome()
		}
	}
	return nil
}

// retire marks the records whose secret is live no more. They are kept until
// their day is over: should the secret come back, numbers go on above theirs.
func (p *Publisher) retire() {
	if p.want.Identity.IsZero() {
		return
	}
	for name, r := range p.records {
		live := slices.ContainsFunc(p.secrets, func(s *secret) bool { return p.name(s, r.day) == name })
		if live || r.retired() {
			continue
		}
		old := *r
		old.bytes, old.print = nil, [16]byte{}
		p.records[name] = &old
		p.put = append(p.put, old.row())
	}
}

// mostAhead is by how much a home's word moves the numbers of a record: far more than
// there are changes in 31 days, and so little that no home that lies can use up all
// numbers. What is truly that far ahead is reached in several steps.
const mostAhead = 1 << 16

// taken notes that a number was given to a record that is not ours, or not any more.
func (p *Publisher) taken(name key.BlindedPublic, day, seq uint32) {
	have := p.floor[name].seq
	if r := p.records[name]; r != nil {
		have = max(have, r.seq)
	}
	seq = min(seq, min(have, math.MaxUint32-mostAhead-1)+mostAhead)
	if p.floor[name].seq < seq {
		p.floor[name] = held{day, seq}
		p.through = 0
	}
}

// ours reports whether a name is that of a record that we make.
func (p *Publisher) ours(name key.BlindedPublic, d uint32) bool {
	if p.want.Identity.IsZero() || d+1 < p.today || d > p.today+Ahead+1 {
		return false
	}
	return slices.ContainsFunc(p.secrets, func(s *secret) bool { return p.name(s, d) == name })
}

// name is A' under a secret on a day.
func (p *Publisher) name(s *secret, day uint32) key.BlindedPublic {
	name, known := s.names[day]
	if !known {
		name, _ = key.RecordName(p.want.Identity.Public(), s.s, p.want.Network, day) // a key of ours is valid
		s.names[day] = name
	}
	return name
}

// Turn does what is due: it makes records and asks homes. It is called after
// every Set, Up, Down and answer, and at next at the latest (zero: not before one
// of them).
func (p *Publisher) Turn(now time.Time) (next time.Time) {
	if !p.ready {
		return next
	}
	p.today = address.Day(now)
	p.forgetPast(now)
	more := p.makeRecords(now)
	for _, node := range p.want.Homes {
		if at := p.serve(node, now); !at.IsZero() {
			next = earlier(next, at)
		}
	}
	if !more.IsZero() {
		next = earlier(next, more)
	}
	return earlier(next, p.nextDay(now))
}

func earlier(a, b time.Time) time.Time {
	if a.IsZero() || b.Before(a) {
		return b
	}
	return a
}

// lastDay is the day up to which there are to be records.
func (p *Publisher) lastDay(now time.Time) uint32 { return address.Day(now.Add(-p.delay)) + Ahead }

// nextDay is when lastDay changes, or a record is over.
func (p *Publisher) nextDay(now time.Time) time.Time {
	next := now.Add(-p.delay).UTC().Truncate(day).Add(day + p.delay)
	for _, r := range p.records {
		next = earlier(next, r.over())
	}
	return next
}

// forgetPast erases the records whose last moment is over.
func (p *Publisher) forgetPast(now time.Time) {
	for name, r := range p.records {
		if r.over().After(now) {
			continue
		}
		delete(p.records, name)
		p.gone = append(p.gone, profile.Ref{Table: TableRecord, Key: name[:]})
	}
	yesterday := address.Day(now.Add(-day))
	for _, s := range p.secrets {
		for d := range s.names {
			if d < yesterday {
				delete(s.names, d)
			}
		}
	}
	maps.DeleteFunc(p.floor, func(_ key.BlindedPublic, k held) bool { return k.day < yesterday })
	for node, h := range p.homes {
		if h.prune(yesterday) {
			p.put = append(p.put, h.row(node))
		}
	}
}

// makeRecords makes the records that are missing or outdated, the nearest days
// first, once there is a home to take them. It returns when there is more to do.
func (p *Publisher) makeRecords(now time.Time) (more time.Time) {
	p.making = false
	if p.want.Identity.IsZero() || !p.anyReady() {
		return more
	}
	if len(p.lines) == 0 || p.through >= p.lastDay(now) {
		return more
	}
	made := 0
	p.budget.fill(now)
	for d := address.Day(now.Add(-day)); d <= p.lastDay(now); d++ {
		slots, print := p.content(d)
		for _, s := range p.secrets {
			name := p.name(s, d)
			r := p.records[name]
			switch {
			case len(slots) == 0, (r == nil || r.retired()) && d < address.Day(now): // a day that is over needs no first record
				continue
			case r != nil && !r.retired() && r.print == print && r.seq > p.floor[name].seq:
				continue
			case made == perTurn:
				p.making = true
				return now
			case !p.budget.take():
				return p.budget.next(now)
			}
			p.seal(s, d, slots, print, now)
			made++
		}
	}
	p.through = p.lastDay(now)
	return more
}

// anyReady reports whether some home is up and has said what it has.
func (p *Publisher) anyReady() bool {
	return slices.ContainsFunc(p.want.Homes, func(n key.NodePublic) bool { return p.homes[n].up && p.homes[n].listed })
}

// Collect returns the rows that were changed and erased since the last call.
func (p *Publisher) Collect() (put []profile.Row, gone []profile.Ref) {
	put, gone = p.put, p.gone
	p.put, p.gone = nil, nil
	return put, gone
}

// Restore takes a row of the tables of records and homes; ok is false for rows of
// others.
func (p *Publisher) Restore(row profile.Row) (ok bool, err error) {
	switch row.Table {
	case TableRecord:
		var r *record
		if r, err = parseRecord(row); err == nil {
			p.records[r.name] = r
		}
	case TableHeld:
		var h *home
		if h, err = parseHome(row); err == nil {
			p.homes[key.NodePublic(row.Key)] = h
		}
	default:
		return false, nil
	}
	return true, err
}
