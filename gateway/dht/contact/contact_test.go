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
