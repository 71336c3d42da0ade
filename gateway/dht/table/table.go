// Package table is a gateway's routing table: the contacts that it knows to be
// alive, more of them the nearer they are (docs/protocol/dht.md, "Table").
//
// A bucket holds the contacts that share exactly so many leading bits of their
// place with the own one. Beside the buckets' share the nearest contacts of all
// are kept as siblings; they stand in their buckets and may fill them above K. A
// contact enters after it answered a request and stays as long as it answers;
// others wait, a few a bucket, until there is room. Times are Unix nanoseconds.
package table

import (
	"cmp"
	"slices"
	"time"

	"zeroms/gateway/dht/contact"
	"zeroms/protocol/key"
)

// Shape is the sizes of a table; a zero cap means none.
type Shape struct {
	// K is contacts a bucket, Siblings the nearest kept beside, Replacements how many
	// a bucket has waiting.
	K, Siblings, Replacements int
	// SubPrefixes is the parts of a bucket of which each has a place kept free; a
	// power of two.
	SubPrefixes int
	// BucketNear, TableNear and TableFar are how many contacts of one near or far
	// group of addresses a bucket and the table have.
	BucketNear, TableNear, TableFar int
}

// Entry is a contact of the table.
type Entry struct {
	Peer  *contact.Peer
	seen  int64  // last sign of life
	added uint32 // Unix seconds
	rtt   uint16 // mean round trip, tenths of ms
	dev   uint16 // its mean deviation
	fails uint8  // requests in a row without an answer
	near  bool   // a sibling
}

// Seen is the last sign of life.
func (e *Entry) Seen() int64 { return e.seen }

// Added is when it came in, in Unix seconds.
func (e *Entry) Added() uint32 { return e.added }

// Sibling reports whether it is one of the nearest contacts.
func (e *Entry) Sibling() bool { return e.near }

// Stale reports whether the last request to it had no answer.
func (e *Entry) Stale() bool { return e.fails > 0 }

// waiting is a contact without a place.
type waiting struct {
	peer *contact.Peer
	seen int64 // when it answered; 0: never
}

type bucket struct {
	entries []Entry // the oldest first
	waiting []waiting
	walked  int64
}

// Table is one gateway's contacts. Make it with New.
type Table struct {
	// Idle is after which time without traffic a link is closed; 0: never.
	Idle time.Duration

	self    *contact.Peer
	shape   Shape
	buckets []bucket // by shared bits, as many as are needed
	count   int
	near    int    // siblings
	changes uint64 // contacts that came or went
	radius  uint64 // distance of the farthest sibling, its head
}

// New is an empty table around a place.
func New(self *contact.Peer, shape Shape) *Table { return &Table{self: self, shape: shape} }

// Len is the number of contacts.
func (t *Table) Len() int { return t.count }

// Changes counts the contacts that came or went.
func (t *Table) Changes() uint64 { return t.changes }

// Each calls f for every contact, the farthest bucket first and the oldest of a
// bucket first, until it says no.
func (t *Table) Each(f func(*Entry) bool) {
	for i := range t.buckets {
		for j := range t.buckets[i].entries {
			if !f(&t.buckets[i].entries[j]) {
				return
			}
		}
	}
}

// Fresh is the contacts heard from since that answered when they were asked last.
func (t *Table) Fresh(since int64) (peers []*contact.Peer) {
	t.Each(func(e *Entry) bool {
		if e.fails == 0 && e.seen >= since {
			peers = append(peers, e.Peer)
		}
		return true
	})
	return peers
}

// Longest is the contacts that answered when they were asked last, those first that
// have been in the table for longest.
func (t *Table) Longest() []*contact.Peer {
	var all []Entry
	t.Each(func(e *Entry) bool {
		if e.fails == 0 {
			all = append(all, *e)
		}
		return true
	})
	slices.SortStableFunc(all, func(a, b Entry) int { return cmp.Compare(a.added, b.added) })
	peers := make([]*contact.Peer, len(all))
	for i := range all {
		peers[i] = all[i].Peer
	}
	return peers
}

// Find is the entry of a peer, at whichever address; nil: there is none. It is
// valid until the table changes.
func (t *Table) Find(p *contact.Peer) *Entry {
	i := contact.CommonPrefix(&t.self.ID, &p.ID)
	if i >= len(t.buckets) {
		return nil
	}
	b := &t.buckets[i]
	for j := range b.entries {
		if b.entries[j].Peer.Same(p) {
			return &b.entries[j]
		}
	}
	return nil
}

// Has reports whether this very contact, address included, is in the table.
func (t *Table) Has(p *contact.Peer) bool {
	e := t.Find(p)
	return e != nil && e.Peer.Contact == p.Contact
}

func (t *Table) distance(p *contact.Peer) uint64 {
	return contact.Head(&t.self.ID) ^ contact.Head(&p.ID)
}

func (t *Table) bucketOf(p *contact.Peer) *bucket {
	i := contact.CommonPrefix(&t.self.ID, &p.ID)
	for len(t.buckets) <= i {
		t.buckets = append(t.buckets, bucket{})
	}
	return &t.buckets[i]
}

// Answered notes that a peer answered a request after rtt (below 0: not known),
// and gives it a place if it has none and there is one. It reports whether it is
// in the table, and whether it came in just now.
func (t *Table) Answered(now int64, p *contact.Peer, rtt int64) (in, added bool) {
	if p.Same(t.self) || p.Node == t.self.Node || p.Scope == 0 {
		return false, false
	}
	e := t.Find(p)
	if e != nil && e.Peer.Contact != p.Contact { // it moved, and answered at the new address
		t.remove(e.Peer)
		e = nil
	}
	if e == nil {
		if !t.insert(now, p) {
			return false, false
		}
		added, e = true, t.Find(p)
		e.seen = 0 // so far
	}
	e.measure(rtt, t.cold(now, e))
	e.seen, e.fails = now, 0
	return true, added
}

// Heard notes a request from a contact of the table: it is alive. It reports
// whether the table has it.
func (t *Table) Heard(now int64, p *contact.Peer) bool {
	e := t.Find(p)
	if e == nil || e.Peer.Contact != p.Contact {
		return false
	}
	if e.fails == 0 { // what doesn't answer is not made alive by asking
		e.seen = now
	}
	return true
}

// insert gives a peer that the table does not have a place.
func (t *Table) insert(now int64, p *contact.Peer) bool {
	if twin := t.sameKey(p); twin != nil {
		t.remove(twin) // the same gateway with another x: what answers now counts
	}
	b := t.bucketOf(p)
	if !t.underCaps(b, p) {
		return false
	}
	d := t.distance(p)
	sibling := t.near < t.shape.Siblings || t.shape.Siblings > 0 && d < t.radius
	if !sibling && !t.room(b, p) {
		stale := slices.IndexFunc(b.entries, func(e Entry) bool { return e.fails > 0 && !e.near })
		if stale < 0 {
			b.wait(waiting{p, now}, t.shape.Replacements)
			return false
		}
		t.drop(b, stale)
	}
	b.unwait(p)
	if cap(b.entries) == 0 {
		b.entries = make([]Entry, 0, 4)
	}
	b.entries = append(b.entries, Entry{Peer: p, seen: now, added: uint32(now / 1e9), near: sibling})
	t.count++
	t.changes++
	if sibling {
		t.near++
		t.radius = max(t.radius, d)
		if t.near > t.shape.Siblings {
			t.demote()
		}
	}
	return true
}

// sameKey is the contact of the table with p's key at another place; nil: none.
func (t *Table) sameKey(p *contact.Peer) *contact.Peer {
	for i := range t.buckets {
		for j := range t.buckets[i].entries {
			if q := t.buckets[i].entries[j].Peer; q.Node == p.Node {
				return q
			}
		}
	}
	return nil
}

// underCaps reports whether one more contact of p's address group is allowed.
func (t *Table) underCaps(in *bucket, p *contact.Peer) bool {
	if t.shape.BucketNear == 0 {
		return true
	}
	var here, near, far int
	for i := range t.buckets {
		b := &t.buckets[i]
		for j := range b.entries {
			q := b.entries[j].Peer
			if !q.FarTo(p) {
				continue
			}
			far++
			if q.NearTo(p) {
				near++
				if b == in {
					here++
				}
			}
		}
	}
	return here < t.shape.BucketNear && near < t.shape.TableNear && far < t.shape.TableFar
}

// room reports whether the bucket has a place for p: one of K, but for those kept
// free for parts of the bucket that have none yet.
func (t *Table) room(b *bucket, p *contact.Peer) bool {
	if len(b.entries) >= t.shape.K {
		return false
	}
	if t.shape.SubPrefixes < 2 || len(b.entries)+t.shape.SubPrefixes <= t.shape.K {
		return true
	}
	first := contact.CommonPrefix(&t.self.ID, &p.ID) + 1
	part := t.part(p, first)
	var have uint64
	for i := range b.entries {
		have |= 1 << t.part(b.entries[i].Peer, first)
	}
	missing := 0
	for s := range t.shape.SubPrefixes {
		if have>>s&1 == 0 && s != part {
			missing++
		}
	}
	return len(b.entries)+missing < t.shape.K
}

// part is the part of its bucket that p is in: the bits after the first that
// differs from the own place.
func (t *Table) part(p *contact.Peer, first int) (part int) {
	for n := 1; n < t.shape.SubPrefixes; n *= 2 {
		part *= 2
		if first < 256 {
			part += int(p.ID[first/8]>>(7-first%8)) & 1
		}
		first++
	}
	return part
}

// demote makes the farthest sibling an ordinary contact; if its bucket has enough
// of those, it waits.
func (t *Table) demote() {
	b, at := t.farthest()
	e := &b.entries[at]
	e.near = false
	t.near--
	if len(b.entries) > t.shape.K {
		w := waiting{e.Peer, e.seen}
		t.drop(b, at)
		b.wait(w, t.shape.Replacements)
	}
	b, at = t.farthest()
	t.radius = t.distance(b.entries[at].Peer)
}

// farthest finds the sibling that is farthest away; nil: there is none.
func (t *Table) farthest() (of *bucket, at int) {
	for i := range t.buckets { // the farthest bucket that has one
		b := &t.buckets[i]
		var most uint64
		for j := range b.entries {
			if d := t.distance(b.entries[j].Peer); b.entries[j].near && (of == nil || d > most) {
				of, at, most = b, j, d
			}
		}
		if of != nil {
			return of, at
		}
	}
	return nil, 0
}

// drop takes the entry out; the nearest other contact becomes a sibling in its place.
func (t *Table) drop(b *bucket, i int) {
	sibling := b.entries[i].near
	b.entries = slices.Delete(b.entries, i, i+1)
	t.count--
	t.changes++
	if !sibling {
		return
	}
	t.near--
	var heir *Entry
	for i := range t.buckets {
		for j := range t.buckets[i].entries {
			e := &t.buckets[i].entries[j]
			if !e.near && (heir == nil || contact.Nearer(&t.self.ID, &e.Peer.ID, &heir.Peer.ID)) {
				heir = e
			}
		}
	}
	if heir != nil {
		heir.near = true
		t.near++
	}
	t.radius = 0
	if b, at := t.farthest(); b != nil {
		t.radius = t.distance(b.entries[at].Peer)
	}
}

func (t *Table) remove(p *contact.Peer) {
	b := t.bucketOf(p)
	if i := slices.IndexFunc(b.entries, func(e Entry) bool { return e.Peer.Same(p) }); i >= 0 {
		t.drop(b, i)
	}
}

// MaxFails is how many requests in a row a contact leaves without an answer
// before it loses its place.
const MaxFails = 2

// Failed notes that a request to a peer had no answer. It reports whether that
// cost it its place; then heir is who to try in its stead, if anybody waits.
func (t *Table) Failed(p *contact.Peer) (lost bool, heir *contact.Peer) {
	e := t.Find(p)
	if e == nil || e.Peer.Contact != p.Contact {
		t.bucketOf(p).unwait(p)
		return false, nil
	}
	if e.fails++; e.fails < MaxFails {
		return false, nil
	}
	return true, t.Remove(p)
}

// Remove takes a peer out at once, of those who wait too. heir is who to try in
// its stead, if anybody waits.
func (t *Table) Remove(p *contact.Peer) (heir *contact.Peer) {
	b := t.bucketOf(p)
	b.unwait(p)
	t.remove(p)
	for i := len(b.waiting) - 1; i >= 0; i-- { // the last to answer is the likeliest to be there
		if w := b.waiting[i]; heir == nil || w.seen > 0 {
			if heir = w.peer; w.seen > 0 {
				break
			}
		}
	}
	return heir
}

// Wants reports whether a peer that the table does not have would get a place if
// it answered. If it would not because the bucket is full, it waits.
func (t *Table) Wants(p *contact.Peer) bool {
	if p.Same(t.self) || p.Node == t.self.Node || p.Scope == 0 || t.Find(p) != nil {
		return false
	}
	b := t.bucketOf(p)
	sibling := t.near < t.shape.Siblings || t.shape.Siblings > 0 && t.distance(p) < t.radius
	if !sibling && !t.room(b, p) {
		b.wait(waiting{p, 0}, t.shape.Replacements)
		return false
	}
	return t.underCaps(b, p)
}

// wait puts a contact at the end of those who wait; of too many the first goes
// that never answered, else the first.
func (b *bucket) wait(w waiting, most int) {
	if i := slices.IndexFunc(b.waiting, func(have waiting) bool { return have.peer.Same(w.peer) }); i >= 0 {
		if b.waiting[i].seen > 0 && w.seen == 0 {
			return
		}
		b.waiting = slices.Delete(b.waiting, i, i+1)
	}
	if len(b.waiting) >= most {
		i := slices.IndexFunc(b.waiting, func(have waiting) bool { return have.seen == 0 })
		if i < 0 && w.seen == 0 || most == 0 {
			return
		}
		b.waiting = slices.Delete(b.waiting, max(i, 0), max(i, 0)+1)
	}
	b.waiting = append(b.waiting, w)
}

func (b *bucket) unwait(p *contact.Peer) {
	b.waiting = slices.DeleteFunc(b.waiting, func(w waiting) bool { return w.peer.Same(p) })
}

// Counts are a table's numbers.
type Counts struct{ Contacts, Siblings, Buckets, Waiting, Fresh, Stale int }

// Counts counts; Fresh are those heard from since.
func (t *Table) Counts(since int64) (c Counts) {
	c.Contacts, c.Siblings = t.count, t.near
	for i := range t.buckets {
		b := &t.buckets[i]
		if len(b.entries) > 0 {
			c.Buckets++
		}
		c.Waiting += len(b.waiting)
		for j := range b.entries {
			switch e := &b.entries[j]; {
			case e.fails > 0:
				c.Stale++
			case e.seen >= since:
				c.Fresh++
			}
		}
	}
	return c
}

// Random draws a place that shares exactly i bits with the own one; rest is 32
// random bytes.
func (t *Table) Random(i int, rest key.NodeID) key.NodeID {
	for bit := range i {
		rest = contact.WithBits(rest, bit, 1, uint64(t.self.ID[bit/8]>>(7-bit%8)&1))
	}
	return contact.WithBits(rest, i, 1, uint64(t.self.ID[i/8]>>(7-i%8)&1^1))
}
