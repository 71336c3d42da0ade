package contact

import (
	"math/big"
	"math/rand/v2"
	"net/netip"
	"slices"
	"sync"
	"testing"

	"zeroms/protocol/address"
	"zeroms/protocol/key"
	"zeroms/protocol/wire"
)

func place(r *rand.Rand) (id key.NodeID) {
	for i := range id {
		id[i] = byte(r.Uint32())
	}
	return id
}

// distance is the XOR as a number, the slow way.
func distance(a, b *key.NodeID) *big.Int {
	var x [32]byte
	for i := range x {
		x[i] = a[i] ^ b[i]
	}
	return new(big.Int).SetBytes(x[:])
}

// TestDistance compares with numbers of any size, near and far.
func TestDistance(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 0))
	for range 3000 {
		target := place(r)
		near := func() key.NodeID { // shares a random number of bits with the target
			id := place(r)
			for bit := range r.IntN(257) {
				id = WithBits(id, bit, 1, uint64(target[bit/8]>>(7-bit%8)&1))
			}
			return id
		}
		a, b := near(), near()
		da, db := distance(&target, &a), distance(&target, &b)
		if got, want := Compare(&target, &a, &b), da.Cmp(db); got != want {
			t.Fatalf("Compare is %d, want %d", got, want)
		}
		if Nearer(&target, &a, &b) != (da.Cmp(db) < 0) {
			t.Fatal("Nearer differs from Compare")
		}
		if got, want := CommonPrefix(&target, &a), 256-da.BitLen(); got != want {
			t.Fatalf("CommonPrefix is %d, want %d", got, want)
		}
	}
}

// TestWithBits sets bits and leaves the others.
func TestWithBits(t *testing.T) {
	var id key.NodeID
	got := WithBits(id, 3, 3, 0b101)
	if got[0] != 0b00010100 || got[1] != 0 {
		t.Errorf("%08b", got[0])
	}
	for i := range id {
		id[i] = 0xff
	}
	if got := WithBits(id, 6, 4, 0); got[0] != 0b11111100 || got[1] != 0b00111111 {
		t.Errorf("%08b %08b", got[0], got[1])
	}
	if WithBits(id, 255, 3, 0)[31] != 0xfe {
		t.Error("bits past the end")
	}
}

func TestSortNearest(t *testing.T) {
	r := rand.New(rand.NewPCG(2, 0))
	target := place(r)
	var peers []*Peer
	for range 100 {
		peers = append(peers, &Peer{ID: place(r)})
	}
	SortNearest(&target, peers)
	if !slices.IsSortedFunc(peers, func(a, b *Peer) int { return distance(&target, &a.ID).Cmp(distance(&target, &b.ID)) }) {
		t.Error("not sorted by distance")
	}
}

// TestBook: a contact has one Peer as long as it is remembered, another address or
// x another one; what follows from it is right.
func TestBook(t *testing.T) {
	params := address.Parameters{Network: key.Network{'t'}, Scope: address.Public}
	b := NewBook(params, 1000)
	c := wire.Contact{Node: key.NodePublic{1, 2, 3}, X: 7, Addr: netip.MustParseAddrPort("44.1.2.3:443"), Transports: 1}
	p := b.Peer(c)
	if p != b.Peer(c) || p.ID != c.Place(params.Network) || p.Scope != address.Public || p.Contact != c {
		t.Errorf("%+v", p)
	}
	moved := c
	moved.Addr = netip.MustParseAddrPort("44.1.2.4:443")
	q := b.Peer(moved)
	if q == p || !q.Same(p) || !q.NearTo(p) || !q.FarTo(p) {
		t.Error("one gateway at two addresses of one owner")
	}
	moved.Addr = netip.MustParseAddrPort("44.1.9.4:443")
	if q := b.Peer(moved); q.NearTo(p) || !q.FarTo(p) {
		t.Error("another /24 of the same /16")
	}
	moved.Addr = netip.MustParseAddrPort("45.1.2.3:443")
	if q := b.Peer(moved); q.NearTo(p) || q.FarTo(p) {
		t.Error("another /16")
	}
	moved.X++
	if b.Peer(moved).Same(p) {
		t.Error("another x is another place")
	}
	for text, scope := range map[string]address.Scope{"10.0.0.1:1": 0, "127.0.0.1:1": 0, "[2a00::1]:1": address.Public} {
		c.Addr = netip.MustParseAddrPort(text)
		if got := b.Peer(c).Scope; got != scope {
			t.Errorf("%s: scope %v in a public network", text, got)
		}
	}
	c.Addr = netip.AddrPort{}
	if b.Peer(c).Scope != 0 {
		t.Error("no address has a scope")
	}
}

// TestBookOfMany: a small book forgets and stays right, whoever uses it.
func TestBookOfMany(t *testing.T) {
	params := address.Parameters{Network: key.Network{'t'}, Scope: address.Public}
	b := NewBook(params, 4)
	var users sync.WaitGroup
	for user := range 4 {
		users.Add(1)
		go func() {
			defer users.Done()
			r := rand.New(rand.NewPCG(uint64(user), 0))
			for range 3000 {
				c := wire.Contact{X: r.Uint64N(50), Addr: netip.MustParseAddrPort("44.1.2.3:443"), Transports: 1}
				if p := b.Peer(c); p.Contact != c || p.ID != c.Place(params.Network) {
					t.Error("another contact's Peer")
					return
				}
			}
		}()
	}
	users.Wait()
}

// TestNames: rubbish is an error, what is not for us is left out.
func TestNames(t *testing.T) {
	params := address.Parameters{Network: key.Network{'t'}, Scope: address.LAN}
	b := NewBook(params, 64)
	at := func(i byte, text string) wire.Contact {
		return wire.Contact{Node: key.NodePublic{i}, X: 7, Addr: netip.MustParseAddrPort(text), Transports: 1}
	}
	self, local, public := at(1, "10.0.0.1:1"), at(2, "10.0.0.2:1"), at(3, "44.1.1.1:1")
	r := Reader{Self: b.Peer(self), From: b.Peer(local), Most: 4, Near: 2}
	read := func(from wire.Contact, contacts ...wire.Contact) (int, error) {
		r.From = b.Peer(from)
		names, err := b.Names(wire.AppendContacts(nil, contacts), r, nil)
		return len(names), err
	}
	other := at(9, "10.0.0.9:1")
	for name, c := range map[string]struct {
		from  wire.Contact
		names []wire.Contact
		want  int
	}{
		"some":              {local, []wire.Contact{public, other}, 2},
		"us and itself":     {local, []wire.Contact{self, local, other}, 1},
		"local from public": {public, []wire.Contact{other, at(5, "45.1.1.1:1")}, 1},
		"nobody uses it":    {local, []wire.Contact{at(5, "127.0.0.1:1"), other}, 1},
		"one owner":         {local, []wire.Contact{at(5, "10.0.0.5:1"), at(6, "10.0.0.5:2"), at(7, "10.0.0.5:3")}, 2},
		"none":              {local, nil, 0},
	} {
		if got, err := read(c.from, c.names...); err != nil || got != c.want {
			t.Errorf("%s: %d names, %v", name, got, err)
		}
	}
	if _, err := read(local, other, other, other, other, other); err == nil {
		t.Error("five of at most four")
	}
	good := wire.AppendContacts(nil, []wire.Contact{other, public})
	for size := 1; size < len(good); size++ {
		if names, err := b.Names(good[:size], r, nil); (err == nil) != (size == wire.ContactSize) || err != nil && len(names) > 0 {
			t.Fatalf("%d bytes: %d names, %v", size, len(names), err)
		}
	}
	if _, err := b.Names(wire.Contact{Node: key.NodePublic{8}}.AppendTo(nil), r, nil); err == nil {
		t.Error("a contact without address")
	}
}

// TestCells: peers of every cell of a region, the nearest of each, and no others.
func TestCells(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 0))
	target := place(r)
	var peers []*Peer
	for range 4000 {
		peers = append(peers, &Peer{ID: place(r)})
	}
	chosen := Cells(target, 4, 8, 3, peers)
	if len(chosen) != 24 {
		t.Fatalf("%d chosen", len(chosen))
	}
	for i := range 8 {
		cell := WithBits(target, 4, 3, uint64(i))
		inside := Sharing(&cell, 7, peers)
		SortNearest(&cell, inside)
		if !slices.Equal(chosen[3*i:3*i+3], inside[:3]) {
			t.Errorf("cell %d: not its nearest", i)
		}
	}
}

// TestInsertAndUnion: few peers in order, and two lists as one.
func TestInsertAndUnion(t *testing.T) {
	r := rand.New(rand.NewPCG(4, 0))
	target := place(r)
	var all, nearest []*Peer
	for range 50 {
		p := &Peer{ID: place(r)}
		all = append(all, p)
		nearest = Insert(&target, nearest, p, 10)
	}
	SortNearest(&target, all)
	if !slices.Equal(nearest, all[:10]) {
		t.Error("Insert does not keep the nearest")
	}
	if got := Union(slices.Clone(all[:30]), all[20:]); !slices.Equal(got, all) {
		t.Errorf("a union of %d", len(got))
	}
	if got := Union(nil, all); len(got) != len(all) {
		t.Errorf("a union with nothing of %d", len(got))
	}
}
