package table

import (
	"cmp"
	"slices"
	"time"

	"zeroms/gateway/dht/contact"
	"zeroms/protocol/address"
	"zeroms/protocol/key"
)

// Query asks for contacts near a place.
type Query struct {
	Target key.NodeID
	Count  int
	// Since leaves out whom nothing was heard of since then, and who failed last.
	Since int64
	// Near is how many of one near group of addresses may be in the result; 0: any.
	Near int
	// Scope leaves out addresses that reach less far.
	Scope address.Scope
	// Without leaves out one gateway.
	Without key.NodeID
}

// ranked is a contact by the head of its distance.
type ranked struct {
	distance uint64
	entry    *Entry
}

// Nearest appends the contacts nearest to a place to dst, nearest first.
func (t *Table) Nearest(q *Query, dst []*contact.Peer) []*contact.Peer {
	var room [96]ranked
	from := len(dst)
	add := func(buckets []bucket) bool {
		group := room[:0]
		target := contact.Head(&q.Target)
		for i := range buckets {
			for j := range buckets[i].entries {
				e := &buckets[i].entries[j]
				if e.fails == 0 && e.seen >= q.Since && e.Peer.Scope >= q.Scope && e.Peer.ID != q.Without {
					group = append(group, ranked{contact.Head(&e.Peer.ID) ^ target, e})
				}
			}
		}
		nearestFirst(&q.Target, group)
		for _, r := range group {
			if len(dst)-from == q.Count {
				return false
			}
			if q.Near == 0 || contact.CountNear(dst[from:], r.entry.Peer) < q.Near {
				dst = append(dst, r.entry.Peer)
			}
		}
		return len(dst)-from < q.Count
	}
	// A contact that shares more bits with the own place than the target does differs
	// from the target where the own place does: those are next after the target's bucket.
	at := min(contact.CommonPrefix(&t.self.ID, &q.Target), len(t.buckets))
	more := true
	if at < len(t.buckets) {
		more = add(t.buckets[at:at+1]) && add(t.buckets[at+1:])
	}
	for i := at - 1; i >= 0 && more; i-- {
		more = add(t.buckets[i : i+1])
	}
	return dst
}

// nearestFirst sorts by distance: few by insertion, which for those is the fastest.
func nearestFirst(target *key.NodeID, group []ranked) {
	if len(group) > 64 {
		slices.SortFunc(group, func(a, b ranked) int {
			if a.distance != b.distance {
				return cmp.Compare(a.distance, b.distance)
			}
			return contact.Compare(target, &a.entry.Peer.ID, &b.entry.Peer.ID)
		})
		return
	}
	for i := 1; i < len(group); i++ {
		r := group[i]
		j := i
		for j > 0 && (r.distance < group[j-1].distance ||
			r.distance == group[j-1].distance && contact.Nearer(target, &r.entry.Peer.ID, &group[j-1].entry.Peer.ID)) {
			group[j] = group[j-1]
			j--
		}
		group[j] = r
	}
}

// edge is how much earlier than others a sibling is checked.
const edge = int64(time.Minute)

// Oldest is the contact that should be checked next, and when: the one not heard
// from for longest, once that is rest, or at once if it failed last. nil: the
// table is empty.
func (t *Table) Oldest(now, rest int64) (p *contact.Peer, at int64) {
	for i := range t.buckets {
		for j := range t.buckets[i].entries {
			e := &t.buckets[i].entries[j]
			due := e.seen + rest
			if e.fails > 0 {
				due = e.seen
			}
			if e.near {
				due -= edge
			}
			if p == nil || due < at {
				p, at = e.Peer, due
			}
		}
	}
	return p, max(at, now)
}

// Walk is the bucket without a lookup in it for longest, of those that have
// contacts or lie before one that has; -1: none.
func (t *Table) Walk(now int64) int {
	last := -1
	for i := range t.buckets {
		if len(t.buckets[i].entries) > 0 {
			last = i
		}
	}
	best := -1
	for i := range last + 1 {
		if best < 0 || t.buckets[i].walked < t.buckets[best].walked {
			best = i
		}
	}
	if best >= 0 {
		t.buckets[best].walked = now
	}
	return best
}

// cold reports whether a gateway was not heard from for so long that the link to it
// is closed. The next request opens it first and takes twice as long.
func (t *Table) cold(now int64, e *Entry) bool { return t.Idle > 0 && now-e.seen > int64(t.Idle) }

// measure takes one round trip into the mean and its deviation, as TCP does.
func (e *Entry) measure(rtt int64, cold bool) {
	if rtt < 0 {
		return
	}
	if cold {
		rtt /= 2
	}
	sample := int64(min(rtt/int64(100*time.Microsecond), 65535))
	if e.rtt == 0 && e.dev == 0 {
		e.rtt, e.dev = uint16(sample), uint16(sample/2)
		return
	}
	off := sample - int64(e.rtt)
	e.rtt = uint16(int64(e.rtt) + off/8)
	if off < 0 {
		off = -off
	}
	e.dev = uint16(int64(e.dev) + (off-int64(e.dev))/4)
}

// P95 is within which time a peer answers 19 of 20 requests, as far as is known.
func (t *Table) P95(now int64, p *contact.Peer) (d time.Duration, known bool) {
	e := t.Find(p)
	if e == nil || e.rtt == 0 && e.dev == 0 {
		return 0, false
	}
	d = (time.Duration(e.rtt) + 2*time.Duration(e.dev)) * 100 * time.Microsecond
	if t.cold(now, e) {
		d *= 2
	}
	return d, true
}
