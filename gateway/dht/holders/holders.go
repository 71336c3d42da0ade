// Package holders keeps account of a store: which gateways are asked to hold
// which records, who does, and who comes next in the place of those that don't
// (docs/protocol/dht.md, "Storing"). A Job sends nothing and knows no clock.
package holders

import (
	"bytes"
	"errors"
	"math/bits"
	"slices"

	"zeroms/gateway/dht/contact"
	"zeroms/protocol/key"
	"zeroms/protocol/wire"
)

// Most is how many records one Job has: a Set has a bit for each.
const Most = wire.MaxStores

// Outdated is after how many gateways that hold a newer record nobody else is
// asked to hold the older one: more than a third of 20 holders.
const Outdated = 8

// Set is records of a Job, a bit each.
type Set uint32

// Has reports whether record i is in the set.
func (s Set) Has(i int) bool { return s>>i&1 != 0 }

// Len is the number of records in it.
func (s Set) Len() int { return bits.OnesCount32(uint32(s)) }

// Record is one record's state.
type Record struct {
	Place key.NodeID
	// Holders hold it; Older hold a newer one.
	Holders, Older int
	decided, own   bool // whether the own node holds it was decided, and is so
}

// Job is one store of some records. Make it with New.
type Job struct {
	Records []Record
	// Flying is how many gateways were asked and have not answered.
	Flying int
	// Refused is how many records gateways said that they don't hold, the own one among
	// them: who says so was there.
	Refused int
	// Late says that Assign left somebody out who can't be judged at the moment.
	Late bool

	near  int // holders of one near group of addresses a record has; 0: any number
	peers []holder
	batch []Send
}

// holder is a gateway that was asked to hold something.
type holder struct {
	peer        *contact.Peer
	sent, holds Set
	flying      bool
	failed      bool
}

// Send is a request to hold records.
type Send struct {
	Peer *contact.Peer
	Set  Set
}

// Host is what a Job needs of its node.
type Host interface {
	// Judge says whether a gateway may hold records, and whether that is known.
	Judge(p *contact.Peer) (sound, known bool)
	// Before reports whether the own node serves and is nearer to a place than p;
	// nil: whether it serves.
	Before(place *key.NodeID, p *contact.Peer) bool
	// Hold puts record i onto the own shelf, or says why not: wire.ErrOlder if what is
	// there is newer.
	Hold(i int) error
}

// New is a store of records at their places, of which at most near holders are of
// one near group of addresses.
func New(places []key.NodeID, near int) *Job {
	j := &Job{near: near}
	for _, p := range places {
		j.Records = append(j.Records, Record{Place: p})
	}
	return j
}

// Group puts items together whose places share so many leading bits that one
// search finds the holders of all ("sweep"), Most at most.
func Group[T any](items []T, place func(T) key.NodeID, bits int) (groups [][]T) {
	sorted := slices.Clone(items)
	slices.SortStableFunc(sorted, func(a, b T) int {
		x, y := place(a), place(b)
		return bytes.Compare(x[:], y[:])
	})
	for _, it := range sorted {
		last := len(groups) - 1
		if last >= 0 && len(groups[last]) < Most {
			x, y := place(groups[last][0]), place(it)
			if contact.CommonPrefix(&x, &y) >= bits {
				groups[last] = append(groups[last], it)
				continue
			}
		}
		groups = append(groups, []T{it})
	}
	return groups
}

func (j *Job) find(p *contact.Peer) *holder {
	for i := range j.peers {
		if j.peers[i].peer == p {
			return &j.peers[i]
		}
	}
	return nil
}

// Assign decides who of peers, nearest first, is asked to hold record i, so that
// want of them hold it or are being asked. Sends has what follows from it. It
// reports whether too few are left.
func (j *Job) Assign(i int, peers []*contact.Peer, want int, h Host) (missing bool) {
	rec := &j.Records[i]
	if rec.Older >= Outdated {
		return false
	}
	if rec.own {
		want--
	}
	var chosen []*contact.Peer
	for _, p := range peers {
		if len(chosen) < want && !rec.decided && h.Before(&rec.Place, p) && j.hold(i, h) {
			want--
		}
		if len(chosen) >= want {
			return false
		}
		have := j.find(p)
		if have != nil && (have.failed || have.sent.Has(i) && !have.holds.Has(i) && !have.flying) {
			continue // it did not take it
		}
		if have != nil && have.flying && !have.sent.Has(i) {
			continue // one request at a time
		}
		if j.near > 0 && contact.CountNear(chosen, p) >= j.near {
			continue
		}
		sound, known := h.Judge(p)
		if !known {
			j.Late = true
			return false
		}
		if !sound {
			continue
		}
		if have == nil || !have.sent.Has(i) {
			j.add(p, i)
		}
		chosen = append(chosen, p)
	}
	if len(chosen) < want && !rec.decided && h.Before(&rec.Place, nil) && j.hold(i, h) {
		want--
	}
	return len(chosen) < want
}

// hold lets the own node hold record i, if it can.
func (j *Job) hold(i int, h Host) bool {
	rec := &j.Records[i]
	err := h.Hold(i)
	rec.decided, rec.own = true, err == nil
	switch {
	case rec.own:
		rec.Holders++
	case errors.Is(err, wire.ErrOlder): // that its own shelf is full says nothing about the record
		rec.Older++
		j.Refused++
	}
	return rec.own
}

func (j *Job) add(p *contact.Peer, i int) {
	at := slices.IndexFunc(j.batch, func(s Send) bool { return s.Peer == p })
	if at < 0 {
		at, j.batch = len(j.batch), append(j.batch, Send{Peer: p})
	}
	j.batch[at].Set |= 1 << i
}

// Sends are the requests that follow from Assign, to be sent now.
func (j *Job) Sends() []Send {
	batch := j.batch
	j.batch = nil
	for _, s := range batch {
		have := j.find(s.Peer)
		if have == nil {
			j.peers = append(j.peers, holder{peer: s.Peer})
			have = &j.peers[len(j.peers)-1]
		}
		have.sent |= s.Set
		have.flying = true
		j.Flying++
	}
	return batch
}

// Begun reports whether anybody was asked yet.
func (j *Job) Begun() bool { return len(j.peers) > 0 }

// Failed takes that a gateway did not answer, or against the rules.
func (j *Job) Failed(s Send) {
	have := j.find(s.Peer)
	have.flying, have.failed = false, true
	j.Flying--
}

// Answered takes a gateway's codes, one for each record of the set in their order.
// held is called for each record that it holds now. An answer with another number
// of codes is one against the rules: false, and it counts as failed.
func (j *Job) Answered(s Send, codes []uint16, held func(i int)) bool {
	if len(codes) != s.Set.Len() {
		j.Failed(s)
		return false
	}
	have := j.find(s.Peer)
	have.flying = false
	j.Flying--
	for i := range j.Records {
		if !s.Set.Has(i) {
			continue
		}
		switch wire.Code(codes[0]) {
		case 0:
			have.holds |= 1 << i
			j.Records[i].Holders++
			held(i)
		case wire.CodeOlder:
			j.Records[i].Older++
			j.Refused++
		default:
			j.Refused++
		}
		codes = codes[1:]
	}
	return true
}

// Outdone reports whether somebody holds a newer one of the records.
func (j *Job) Outdone() bool {
	return slices.ContainsFunc(j.Records, func(r Record) bool { return r.Older > 0 })
}

// Contacts appends the gateways that were asked to dst.
func (j *Job) Contacts(dst []*contact.Peer) []*contact.Peer {
	for i := range j.peers {
		dst = append(dst, j.peers[i].peer)
	}
	return dst
}

// Holding is the gateways that hold something, the nearest to a place first.
func (j *Job) Holding(place *key.NodeID) (holding []*contact.Peer) {
	for i := range j.peers {
		if j.peers[i].holds != 0 {
			holding = append(holding, j.peers[i].peer)
		}
	}
	contact.SortNearest(place, holding)
	return holding
}
