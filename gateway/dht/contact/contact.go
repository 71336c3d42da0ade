// Package contact is what the DHT knows about one gateway whoever asks: its
// contact, its place, the groups of addresses that it counts for, and how places
// lie to each other (docs/protocol/dht.md, "Places").
//
// Contacts repeat: the nearest gateways of a place stand in every answer about
// it, and in the tables of all their neighbours. A Book makes one Peer of each,
// so that a table entry is a pointer and the place is hashed once.
package contact

import (
	"bytes"
	cryptorand "crypto/rand"
	"encoding/binary"
	"math/bits"
	"math/rand/v2"
	"slices"
	"sync/atomic"

	"zeroms/protocol/address"
	"zeroms/protocol/key"
	"zeroms/protocol/wire"
)

// Peer is one gateway at one address. It never changes.
type Peer struct {
	wire.Contact
	// ID is its place in the network; whether it solves the puzzle is not known here.
	ID key.NodeID
	// Near and Far are the groups that its address counts for (address.Scope).
	Near, Far address.Group
	// Scope is how far its address reaches; 0: nobody in this network uses it, or
	// it has none.
	Scope address.Scope

	near, far uint64 // parts of Near and Far that seldom are the same by chance
}

// NearTo reports whether both count for one near group of addresses.
func (p *Peer) NearTo(q *Peer) bool { return p.near == q.near && p.Near == q.Near }

// FarTo reports whether both count for one far group of addresses.
func (p *Peer) FarTo(q *Peer) bool { return p.far == q.far && p.Far == q.Far }

// tell is the part of a group in which groups differ: for IPv4 and ports its last
// bytes, for IPv6 the first.
func tell(g *address.Group) uint64 {
	return binary.BigEndian.Uint64(g[:]) ^ binary.BigEndian.Uint64(g[11:])
}

// Same reports whether both are one gateway, at whichever address.
func (p *Peer) Same(q *Peer) bool { return p == q || p.ID == q.ID }

// Book makes Peers of contacts. It remembers as many as it has slots, one a slot,
// and is safe for concurrent use.
type Book struct {
	params address.Parameters // static
	mask   uint64             // static
	slots  []atomic.Pointer[Peer]
}

// NewBook is an empty book of a network, with at least the given number of slots
// of 8 bytes; a Peer takes 208.
func NewBook(params address.Parameters, slots int) *Book {
	size := uint64(1) << bits.Len64(uint64(max(slots, 1)-1))
	return &Book{params: params, mask: size - 1, slots: make([]atomic.Pointer[Peer], size)}
}

// Peer is the contact with what follows from it.
func (b *Book) Peer(c wire.Contact) *Peer {
	// The key is as good as random; whoever makes keys that meet in one slot makes
	// this slower, nothing else.
	at := (binary.BigEndian.Uint64(c.Node[8:]) ^ uint64(c.Addr.Port())) & b.mask
	if p := b.slots[at].Load(); p != nil && p.Contact == c {
		return p
	}
	p := &Peer{Contact: c, ID: c.Place(b.params.Network)}
	if c.Addr.IsValid() {
		p.Near, p.Far = b.params.Scope.Near(c.Addr), b.params.Scope.Far(c.Addr)
		p.near, p.far = tell(&p.Near), tell(&p.Far)
		if b.params.Scope.Allows(c.Addr.Addr()) {
			p.Scope = address.ScopeOf(c.Addr.Addr())
		}
	}
	b.slots[at].Store(p)
	return p
}

// Reader says whose names are read, by whom, and how many: Most in all and Near
// (0: any number) of one near group of addresses.
type Reader struct {
	Self, From *Peer
	Most, Near int
}

// Names reads the contacts in an answer and appends them to dst. Too many, or what
// is no contact at all, is an error; what an honest gateway may name without knowing
// better, and what is not for us, is left out: ourselves and itself, addresses that
// nobody in this network uses, local ones from a public gateway, too many of one
// owner. Errors: wire.ErrTooLarge, those of wire.ParseContact, ErrValue.
func (b *Book) Names(names []byte, r Reader, dst []*Peer) ([]*Peer, error) {
	if len(names) > r.Most*wire.ContactSize {
		return dst, wire.ErrTooLarge
	}
	from := len(dst)
	for len(names) > 0 {
		c, err := wire.ParseContact(names[:min(len(names), wire.ContactSize)])
		switch {
		case err != nil:
			return dst[:from], err
		case !c.Addr.IsValid():
			return dst[:from], wire.ErrValue
		}
		names = names[wire.ContactSize:]
		if c.Node == r.Self.Node || c.Node == r.From.Node {
			continue
		}
		p := b.Peer(c)
		if p.Scope == 0 || r.From.Scope == address.Public && p.Scope != address.Public {
			continue
		}
		if r.Near == 0 || CountNear(dst[from:], p) < r.Near {
			dst = append(dst, p)
		}
	}
	return dst, nil
}

// CountNear counts the peers of p's near group of addresses.
func CountNear(peers []*Peer, p *Peer) (count int) {
	for _, q := range peers {
		if q.NearTo(p) {
			count++
		}
	}
	return count
}

// Head is the first 8 bytes of a place as a number. The distance of two places is
// the XOR of all 32 bytes; that of their heads decides but for one in 2^64.
func Head(id *key.NodeID) uint64 { return binary.BigEndian.Uint64(id[:8]) }

// Nearer reports whether a is nearer to target than b.
func Nearer(target, a, b *key.NodeID) bool { return Compare(target, a, b) < 0 }

// Compare is -1, 0 or 1 as a is nearer to target than b, the same, or farther.
func Compare(target, a, b *key.NodeID) int {
	t := Head(target)
	x, y := Head(a)^t, Head(b)^t
	switch {
	case x < y:
		return -1
	case x > y:
		return 1
	}
	var da, db [24]byte
	for i := range da {
		da[i], db[i] = a[8+i]^target[8+i], b[8+i]^target[8+i]
	}
	return bytes.Compare(da[:], db[:])
}

// CommonPrefix is how many leading bits two places share, 0..256.
func CommonPrefix(a, b *key.NodeID) int {
	for i := 0; i < len(a); i += 8 {
		if x := binary.BigEndian.Uint64(a[i:]) ^ binary.BigEndian.Uint64(b[i:]); x != 0 {
			return 8*i + bits.LeadingZeros64(x)
		}
	}
	return 8 * len(a)
}

// SortNearest sorts peers, the nearest to target first.
func SortNearest(target *key.NodeID, peers []*Peer) {
	slices.SortFunc(peers, func(a, b *Peer) int { return Compare(target, &a.ID, &b.ID) })
}

// Insert puts p into peers, the nearest to target first and most at most: the
// farthest has no place any more.
func Insert(target *key.NodeID, peers []*Peer, p *Peer, most int) []*Peer {
	i, _ := slices.BinarySearchFunc(peers, p, func(have, p *Peer) int { return Compare(target, &have.ID, &p.ID) })
	if peers = slices.Insert(peers, i, p); len(peers) > most {
		peers = peers[:most]
	}
	return peers
}

// Union appends to a those of b that are not in it. Neither has one twice.
func Union(a, b []*Peer) []*Peer {
	have := a
	for _, p := range b {
		if !slices.Contains(have, p) {
			a = append(a, p)
		}
	}
	return a
}

// Cells is up to each peers of every one of count cells of a region, the nearest
// to the place's other bits there: bits are those that the region shares, count is
// a power of two.
func Cells(place key.NodeID, bits, count, each int, peers []*Peer) (chosen []*Peer) {
	width := 0
	for 1<<width < count {
		width++
	}
	for i := range count {
		cell := WithBits(place, bits, width, uint64(i))
		inside := Sharing(&cell, bits+width, peers)
		SortNearest(&cell, inside)
		chosen = append(chosen, inside[:min(len(inside), each)]...)
	}
	return chosen
}

// Sharing is the peers that share so many leading bits with a place.
func Sharing(place *key.NodeID, bits int, peers []*Peer) (sharing []*Peer) {
	for _, p := range peers {
		if CommonPrefix(place, &p.ID) >= bits {
			sharing = append(sharing, p)
		}
	}
	return sharing
}

// WithBits is id with count bits from bit first on (0 is the highest) set to the
// low bits of value.
func WithBits(id key.NodeID, first, count int, value uint64) key.NodeID {
	for i := range count {
		bit := first + i
		if bit >= 256 {
			break
		}
		mask := byte(0x80) >> (bit % 8)
		id[bit/8] &^= mask
		if value>>(count-1-i)&1 != 0 {
			id[bit/8] |= mask
		}
	}
	return id
}

// Of is the contacts of peers.
func Of(peers []*Peer) []wire.Contact {
	out := make([]wire.Contact, len(peers))
	for i, p := range peers {
		out[i] = p.Contact
	}
	return out
}

// Random is a place that is drawn.
func Random(r *rand.Rand) (id key.NodeID) {
	for i := 0; i < len(id); i += 8 {
		x := r.Uint64()
		for j := range 8 {
			id[i+j] = byte(x >> (8 * j))
		}
	}
	return id
}

// NewRand is a generator that nobody can foresee.
func NewRand() *rand.Rand {
	var seed [32]byte
	cryptorand.Read(seed[:])
	return rand.New(rand.NewChaCha8(seed))
}
