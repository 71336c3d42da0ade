package shelf

import (
	"encoding/binary"
	"math/bits"
	"time"

	"zeroms/protocol/address"
	"zeroms/protocol/key"
	"zeroms/protocol/wire"
)

// distance is how far a place is from this gateway's: their XOR, as a number.
type distance [4]uint64

func between(a, b key.NodeID) (d distance) {
	for i := range d {
		d[i] = binary.BigEndian.Uint64(a[8*i:]) ^ binary.BigEndian.Uint64(b[8*i:])
	}
	return d
}

// place is the place at this distance from one.
func (d distance) place(from key.NodeID) (p key.NodeID) {
	for i := range d {
		binary.BigEndian.PutUint64(p[8*i:], d[i]^binary.BigEndian.Uint64(from[8*i:]))
	}
	return p
}

// farther reports whether d is farther than e.
func (d *distance) farther(e *distance) bool {
	for i := range d {
		if d[i] != e[i] {
			return d[i] > e[i]
		}
	}
	return false
}

// shares is how many of the first bits two places have in common that are this far apart.
func (d *distance) shares() int {
	for i, word := range d {
		if word != 0 {
			return 64*i + bits.LeadingZeros64(word)
		}
	}
	return 64 * len(d)
}

// bit reports whether two places that are this far apart differ in their i-th bit.
func (d *distance) bit(i int) bool { return d[i/64]>>(63-i%64)&1 != 0 }

// entry is one record on the shelf. Times are those of Shelf.clock, in ms.
type entry struct {
	away   distance // from this gateway
	record []byte
	rank   uint64 // a record's number, a descriptor's time: the higher one stays
	owner  *owner

	newer, older *entry // in the order in which they were stored last
	stored       int64
	passed       int64 // when it was passed on last
	until        int64 // unix ms

	region int32 // where it stands in its region
	owned  int32 // where it stands in its owner's heap
	due    int32 // where it stands in the heap of what is due to be passed on

	day     uint32
	stamp   [wire.WorkSize]byte
	stamped bool
	class   address.Class
	index   uint8
}

// item is what address.Supersedes has to know of what is held.
func (e *entry) item(sum [32]byte) address.Item {
	it := address.Item{Class: e.class, Sum: sum}
	if e.class == address.ClassDescriptor {
		it.Made = e.rank
	} else {
		it.Seq = uint32(e.rank)
	}
	return it
}

// take puts the content of an offer into the entry. What it was before stays where
// the offer has no stamp, or one of an earlier day.
func (e *entry) take(o *Offer) {
	e.rank = uint64(o.Item.Seq)
	if o.Item.Class == address.ClassDescriptor {
		e.rank = o.Item.Made
	}
	e.day, e.until = o.Item.Day, o.Item.Until.UnixMilli()
	e.record = make([]byte, len(o.Item.Record))
	copy(e.record, o.Item.Record)
	e.mark(o.Stamp)
}

// mark keeps the stamp that is good for longer. A stamp begins with its day.
func (e *entry) mark(stamp []byte) {
	if len(stamp) != wire.WorkSize {
		return
	}
	if !e.stamped || binary.BigEndian.Uint32(stamp) >= binary.BigEndian.Uint32(e.stamp[:]) {
		copy(e.stamp[:], stamp)
		e.stamped = true
	}
}

// Record is something that is held.
type Record struct {
	Place key.NodeID
	Class address.Class
	Index uint8
	// Day and Seq are an address record's.
	Day, Seq uint32
	// Bytes and Stamp are the shelf's own: they must not be changed. Bytes never
	// change, also not after the record is gone.
	Bytes, Stamp []byte
	// Stored is when it was stored last.
	Stored time.Time
}

// Item is the record as it is passed on.
func (r Record) Item() wire.StoreItem {
	return wire.StoreItem{Record: r.Bytes, Index: r.Index, Stamp: r.Stamp}
}

func (s *Shelf) record(e *entry) Record {
	r := Record{
		Place: e.away.place(s.cfg.Me), Class: e.class, Index: e.index, Day: e.day, Bytes: e.record,
		Stored: s.wall(e.stored),
	}
	if e.class == address.ClassRecord {
		r.Seq = uint32(e.rank)
	}
	if e.stamped {
		r.Stamp = append([]byte(nil), e.stamp[:]...)
	}
	return r
}
