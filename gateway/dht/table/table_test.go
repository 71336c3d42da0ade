package table

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"
	"time"

	"zeroms/gateway/dht/contact"
	"zeroms/protocol/address"
	"zeroms/protocol/key"
	"zeroms/protocol/wire"
)

var public = address.Parameters{Network: key.Network{'t'}, Scope: address.Public}

// ours is the shape that gateways use.
var ours = Shape{K: 20, Siblings: 40, Replacements: 8, SubPrefixes: 4, BucketNear: 2, TableNear: 10, TableFar: 20}

// crowd draws gateways.
type crowd struct {
	*rand.Rand
	book *contact.Book
	next uint32
}

func newCrowd(seed uint64, params address.Parameters) *crowd {
	return &crowd{rand.New(rand.NewPCG(seed, 0)), contact.NewBook(params, 1<<12), 1}
}

// at draws a gateway at an address.
func (c *crowd) at(addr netip.AddrPort) *contact.Peer {
	w := wire.Contact{X: c.Uint64(), Addr: addr, Transports: wire.TransportQUIC}
	for i := 0; i < 32; i += 8 {
		binary.BigEndian.PutUint64(w.Node[i:], c.Uint64())
	}
	return c.book.Peer(w)
}

// one draws a gateway with an owner of its own: no two share a /16.
func (c *crowd) one() *contact.Peer {
	c.next++
	return c.at(addr(byte(11+c.next>>8%80), byte(c.next), 1, 1))
}

// sharing draws until the place shares exactly bits with that of p.
func (c *crowd) sharing(p *contact.Peer, bits int) *contact.Peer {
	for {
		if q := c.one(); contact.CommonPrefix(&p.ID, &q.ID) == bits {
			return q
		}
	}
}

func addr(a, b, c, d byte) netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{a, b, c, d}), 8443)
}

const second = int64(time.Second)

// check holds a table against everything that is always true of one.
func check(t *testing.T, tab *Table) {
	t.Helper()
	var all []*Entry
	near, far := map[address.Group]int{}, map[address.Group]int{}
	keys := map[key.NodePublic]bool{}
	for i := range tab.buckets {
		b := &tab.buckets[i]
		here := map[address.Group]int{}
		ordinary := 0
		for j := range b.entries {
			e := &b.entries[j]
			all = append(all, e)
			near[e.Peer.Near]++
			far[e.Peer.Far]++
			here[e.Peer.Near]++
			if here[e.Peer.Near] > tab.shape.BucketNear {
				t.Fatalf("bucket %d has %d contacts of one near group", i, here[e.Peer.Near])
			}
			if keys[e.Peer.Node] {
				t.Fatal("one key twice")
			}
			keys[e.Peer.Node] = true
			if got := contact.CommonPrefix(&tab.self.ID, &e.Peer.ID); got != i {
				t.Fatalf("a contact that shares %d bits in bucket %d", got, i)
			}
			if !e.near {
				ordinary++
			}
		}
		if ordinary > tab.shape.K {
			t.Fatalf("bucket %d has %d ordinary contacts", i, ordinary)
		}
		if ordinary > 0 && len(b.entries) > tab.shape.K && ordinary+tab.near > tab.shape.K+tab.shape.Siblings {
			t.Fatalf("bucket %d is too full", i)
		}
		if len(b.waiting) > tab.shape.Replacements {
			t.Fatalf("%d wait in bucket %d", len(b.waiting), i)
		}
		for _, w := range b.waiting {
			if tab.Find(w.peer) != nil {
				t.Fatal("a contact waits for the place that it has")
			}
		}
	}
	for g, n := range near {
		if n > tab.shape.TableNear {
			t.Fatalf("%d contacts of near group %x", n, g)
		}
	}
	for g, n := range far {
		if n > tab.shape.TableFar {
			t.Fatalf("%d contacts of far group %x", n, g)
		}
	}
	if len(all) != tab.Len() {
		t.Fatalf("%d contacts, counted as %d", len(all), tab.Len())
	}
	slices.SortFunc(all, func(a, b *Entry) int { return contact.Compare(&tab.self.ID, &a.Peer.ID, &b.Peer.ID) })
	for i, e := range all {
		if sibling := i < tab.shape.Siblings; e.near != sibling {
			t.Fatalf("the contact of rank %d: sibling is %v", i, e.near)
		}
	}
	if want := min(len(all), tab.shape.Siblings); want > 0 {
		if tab.near != want || tab.radius != tab.distance(all[want-1].Peer) {
			t.Fatalf("%d siblings counted, want %d; radius %x, want %x", tab.near, want, tab.radius, tab.distance(all[want-1].Peer))
		}
	}
}

// TestInvariants does at random what can happen to a table.
func TestInvariants(t *testing.T) {
	for seed := range uint64(8) {
		c := newCrowd(seed, public)
		self := c.one()
		tab := New(self, ours)
		var met []*contact.Peer
		for i := range 400 {
			a := addr(byte(11+c.IntN(40)), byte(c.IntN(4)), byte(c.IntN(8)), byte(1+c.IntN(200)))
			p := c.at(a)
			if i%3 == 0 { // near the own place
				for contact.CommonPrefix(&self.ID, &p.ID) < 4 {
					p = c.at(a)
				}
			}
			met = append(met, p)
		}
		now := second
		for step := range 6000 {
			now += c.Int64N(2 * second)
			p := met[c.IntN(len(met))]
			switch c.IntN(10) {
			case 0, 1, 2, 3, 4:
				if in, added := tab.Answered(now, p, c.Int64N(int64(300*time.Millisecond))); in != tab.Has(p) || added && !in {
					t.Fatal("Answered does not say what it did")
				}
			case 5:
				tab.Heard(now, p)
			case 6:
				tab.Wants(p)
			case 7, 8:
				had := tab.Has(p)
				if lost, heir := tab.Failed(p); lost && (!had || tab.Has(p)) || heir != nil && tab.Find(heir) != nil {
					t.Fatal("Failed does not say what it did")
				}
			case 9:
				if c.IntN(10) == 0 {
					if tab.Remove(p); tab.Find(p) != nil {
						t.Fatal("a removed contact is there")
					}
				}
			}
			if step%7 == 0 {
				check(t, tab)
			}
		}
		check(t, tab)
		nearest(t, c, tab, now)
	}
}

// nearest compares Nearest with sorting everything.
func nearest(t *testing.T, c *crowd, tab *Table, now int64) {
	t.Helper()
	for range 200 {
		q := Query{Count: 1 + c.IntN(25), Since: now - c.Int64N(2000*second), Near: c.IntN(3), Target: c.one().ID}
		if c.IntN(3) == 0 {
			q.Target = tab.Random(c.IntN(8), q.Target)
		}
		var all []*contact.Peer
		tab.Each(func(e *Entry) bool {
			if len(all) == 3 {
				q.Without = e.Peer.ID
			}
			all = append(all, e.Peer)
			return true
		})
		contact.SortNearest(&q.Target, all)
		var want []*contact.Peer
		for _, p := range all {
			e := tab.Find(p)
			same := 0
			for _, o := range want {
				if o.Near == p.Near {
					same++
				}
			}
			if len(want) < q.Count && e.fails == 0 && e.seen >= q.Since && p.ID != q.Without && (q.Near == 0 || same < q.Near) {
				want = append(want, p)
			}
		}
		if got := tab.Nearest(&q, nil); !slices.Equal(got, want) {
			t.Fatalf("Nearest: %d contacts, want %d", len(got), len(want))
		}
	}
}

// TestLongLived: who answers stays, whoever else comes; who fails twice goes, and
// the last to have answered of those who wait is tried.
func TestLongLived(t *testing.T) {
	c := newCrowd(1, public)
	self := c.one()
	shape := ours
	shape.Siblings = 0
	tab := New(self, shape)
	var old []*contact.Peer
	for len(old) < shape.K {
		if p := c.sharing(self, 0); len(old) < shape.K {
			if in, _ := tab.Answered(second, p, 0); in {
				old = append(old, p)
			}
		}
	}
	late, later := c.sharing(self, 0), c.sharing(self, 0)
	if in, _ := tab.Answered(2*second, late, 0); in {
		t.Fatal("a full bucket took another contact")
	}
	if tab.Wants(later) {
		t.Fatal("a full bucket wants another contact")
	}
	tab.Failed(old[3])
	if !tab.Has(old[3]) || !tab.Find(old[3]).Stale() {
		t.Fatal("one failure: the contact is there and stale")
	}
	tab.Answered(3*second, old[3], 0)
	if tab.Find(old[3]).Stale() {
		t.Fatal("a contact that answered is stale")
	}
	tab.Failed(old[3])
	lost, heir := tab.Failed(old[3])
	if !lost || heir != late {
		t.Fatalf("two failures: lost %v, and the heir should be who answered", lost)
	}
	if tab.Has(late) {
		t.Fatal("a contact got in without answering now")
	}
	if in, added := tab.Answered(4*second, late, 0); !in || !added {
		t.Fatal("the heir answered, and there is room")
	}
	check(t, tab)
	// A stale contact gives its place to one that answers.
	tab.Failed(old[5])
	if in, _ := tab.Answered(5*second, later, 0); !in || tab.Has(old[5]) {
		t.Fatal("a contact that answers should replace one that does not")
	}
}

// TestSubPrefixes: in each of the four parts of a bucket a place is kept free.
func TestSubPrefixes(t *testing.T) {
	c := newCrowd(2, public)
	self := c.one()
	shape := ours
	shape.Siblings = 0
	tab := New(self, shape)
	part := func(p *contact.Peer) int { return tab.part(p, 1) }
	for range 200 {
		if p := c.sharing(self, 0); part(p) == 0 {
			tab.Answered(second, p, 0)
		}
	}
	if tab.Len() != shape.K-3 {
		t.Fatalf("one part of a bucket filled %d places, want %d", tab.Len(), shape.K-3)
	}
	for want := 1; want < 4; want++ {
		for {
			p := c.sharing(self, 0)
			if part(p) == want {
				if in, _ := tab.Answered(second, p, 0); !in {
					t.Fatalf("no place for part %d", want)
				}
				break
			}
		}
	}
	check(t, tab)
}

// TestCaps: who owns many addresses gets few places, and whoever only claims to
// be there counts for nothing.
func TestCaps(t *testing.T) {
	c := newCrowd(3, public)
	self := c.one()
	tab := New(self, ours)
	for range 500 { // claims
		tab.Wants(c.at(addr(9, 9, 9, byte(1+c.IntN(250)))))
	}
	for range 3000 {
		tab.Answered(second, c.at(addr(9, 9, 9, byte(1+c.IntN(250)))), 0)
	}
	if tab.Len() == 0 || tab.Len() > ours.TableNear {
		t.Fatalf("a /24 has %d places, at most %d", tab.Len(), ours.TableNear)
	}
	for range 3000 {
		tab.Answered(second, c.at(addr(9, 9, byte(c.IntN(250)), 1)), 0)
	}
	if tab.Len() != ours.TableFar {
		t.Fatalf("a /16 has %d places, at most %d", tab.Len(), ours.TableFar)
	}
	check(t, tab)

	v6 := New(self, ours)
	for range 3000 {
		ip := netip.MustParseAddr("2a00:1:2::").As16()
		binary.BigEndian.PutUint64(ip[8:], c.Uint64())
		ip[7] = byte(c.IntN(256))
		v6.Answered(second, c.at(netip.AddrPortFrom(netip.AddrFrom16(ip), 1)), 0)
	}
	if v6.Len() == 0 || v6.Len() > ours.TableNear {
		t.Fatalf("a /48 has %d places, at most %d", v6.Len(), ours.TableNear)
	}
}

// TestLoopbackCaps: on one machine every port is somebody else.
func TestLoopbackCaps(t *testing.T) {
	c := newCrowd(4, address.Parameters{Network: key.Network{'t'}, Scope: address.Loopback})
	tab := New(c.at(netip.MustParseAddrPort("127.0.0.1:1")), ours)
	for i := range 200 {
		tab.Answered(second, c.at(netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), uint16(1000+i))), 0)
	}
	if tab.Len() < 80 {
		t.Fatalf("%d places for 200 gateways on one machine", tab.Len())
	}
	check(t, tab)
	before := tab.Len()
	for range 50 { // one port under many keys
		tab.Answered(second, c.at(netip.MustParseAddrPort("127.0.0.1:7")), 0)
	}
	if got := tab.Len() - before; got > ours.TableNear {
		t.Fatalf("one port has %d places", got)
	}
}

// TestOutside: what nobody in this network uses gets no place: addresses of a
// narrower scope, none at all, the own key.
func TestOutside(t *testing.T) {
	c := newCrowd(5, public)
	self := c.one()
	tab := New(self, ours)
	own := c.at(addr(9, 9, 9, 9)).Contact
	own.Node = self.Node
	for name, p := range map[string]*contact.Peer{
		"private": c.at(netip.MustParseAddrPort("10.0.0.1:80")),
		"none":    c.at(netip.AddrPort{}),
		"own":     self,
		"own key": c.book.Peer(own),
	} {
		if in, _ := tab.Answered(second, p, 0); in || tab.Wants(p) {
			t.Errorf("%s: got a place", name)
		}
	}
}

// TestMoved: a gateway that answers at another address, or with another x, has
// one place, that of the last answer.
func TestMoved(t *testing.T) {
	c := newCrowd(6, public)
	tab := New(c.one(), ours)
	p := c.one()
	tab.Answered(second, p, 0)
	moved := p.Contact
	moved.Addr = addr(99, 1, 1, 1)
	if tab.Heard(2*second, c.book.Peer(moved)) {
		t.Fatal("a claim of another address counts as a sign of life")
	}
	tab.Answered(2*second, c.book.Peer(moved), 0)
	if tab.Len() != 1 || !tab.Has(c.book.Peer(moved)) {
		t.Fatalf("%d contacts after a move", tab.Len())
	}
	again := moved
	again.X++
	tab.Answered(3*second, c.book.Peer(again), 0)
	if tab.Len() != 1 || !tab.Has(c.book.Peer(again)) {
		t.Fatalf("%d contacts after another x", tab.Len())
	}
	check(t, tab)
}

// TestHeard: a request is a sign of life of a contact that answers, not of one
// that does not.
func TestHeard(t *testing.T) {
	c := newCrowd(7, public)
	tab := New(c.one(), ours)
	p := c.one()
	if tab.Heard(second, p) {
		t.Fatal("a stranger is in the table")
	}
	tab.Answered(second, p, 0)
	if !tab.Heard(100*second, p) || tab.Find(p).Seen() != 100*second {
		t.Fatal("traffic is no sign of life")
	}
	tab.Failed(p)
	tab.Heard(200*second, p)
	if tab.Find(p).Seen() != 100*second || !tab.Find(p).Stale() {
		t.Fatal("who does not answer is alive because it asks")
	}
}

// TestOldest: the longest unheard of is checked first, siblings a little earlier,
// and nobody who was heard from lately.
func TestOldest(t *testing.T) {
	c := newCrowd(8, public)
	self := c.one()
	shape := ours
	shape.Siblings = 1
	tab := New(self, shape)
	if p, _ := tab.Oldest(second, second); p != nil {
		t.Fatal("an empty table has an oldest contact")
	}
	far, near := c.sharing(self, 0), c.sharing(self, 5)
	tab.Answered(100*second, near, 0)
	tab.Answered(70*second, far, 0)
	if p, at := tab.Oldest(100*second, 300*second); p != near || at != 340*second {
		t.Fatalf("the sibling is due at %d s, or the other before", at/second)
	}
	tab.Failed(far)
	if p, at := tab.Oldest(100*second, 300*second); p != far || at != 100*second {
		t.Fatalf("a contact that failed is due at %d s", at/second)
	}
}

// TestPatience: the round trip that 19 of 20 requests take follows what is measured,
// and doubles where a connection has to be opened first: for as long as links are
// said to stay open it does not.
func TestPatience(t *testing.T) {
	c := newCrowd(9, public)
	tab := New(c.one(), ours)
	tab.Idle = 30 * time.Second
	p := c.one()
	if _, known := tab.P95(0, p); known {
		t.Fatal("a stranger's round trip is known")
	}
	now := 100 * second
	tab.Answered(now, p, int64(200*time.Millisecond)) // opened: twice 100 ms
	for range 100 {
		now += second
		tab.Answered(now, p, int64(100*time.Millisecond)+c.Int64N(int64(20*time.Millisecond)))
	}
	warm, known := tab.P95(now, p)
	if !known || warm < 110*time.Millisecond || warm > 140*time.Millisecond {
		t.Fatalf("95 %% of 100..120 ms is %v", warm)
	}
	for after, want := range map[int64]time.Duration{30: warm, 31: 2 * warm, 60: 2 * warm} {
		if got, _ := tab.P95(now+after*second, p); got != want {
			t.Errorf("after %d s %v, want %v", after, got, want)
		}
	}
	for range 30 { // every one of them opened a link
		now += 31 * second
		tab.Answered(now, p, int64(220*time.Millisecond))
	}
	if again, _ := tab.P95(now, p); again > warm {
		t.Errorf("%v, after requests that opened a link first", again)
	}
	if tab.Idle = 0; true { // links stay open
		if got, _ := tab.P95(now+time.Hour.Nanoseconds(), p); got > warm {
			t.Errorf("%v where links stay open", got)
		}
	}
}

// TestWalk: every bucket up to the last in use gets its turn, and what is drawn in
// a bucket belongs there.
func TestWalk(t *testing.T) {
	c := newCrowd(10, public)
	self := c.one()
	tab := New(self, ours)
	if tab.Walk(second) != -1 {
		t.Fatal("an empty table has a bucket to walk in")
	}
	tab.Answered(second, c.sharing(self, 4), 0)
	seen := make([]int, 5)
	for i := range 10 {
		at := tab.Walk(int64(i+2) * second)
		seen[at]++
		target := tab.Random(at, c.one().ID)
		if got := contact.CommonPrefix(&self.ID, &target); got != at {
			t.Fatalf("a place drawn in bucket %d shares %d bits", at, got)
		}
	}
	if !slices.Equal(seen, []int{2, 2, 2, 2, 2}) {
		t.Fatalf("turns: %v", seen)
	}
}

// TestCounts compares the numbers with what is there.
func TestCounts(t *testing.T) {
	c := newCrowd(11, public)
	tab := New(c.one(), ours)
	var all []*contact.Peer
	for i := range 30 {
		p := c.one()
		tab.Answered(int64(i+1)*second, p, 0)
		all = append(all, p)
	}
	tab.Failed(all[29])
	got := tab.Counts(11 * second)
	if got.Contacts != 30 || got.Siblings != 30 || got.Fresh != 19 || got.Stale != 1 || got.Buckets == 0 {
		t.Fatalf("%+v", got)
	}
	if bytes.Equal(all[0].ID[:], all[1].ID[:]) {
		t.Fatal("two gateways at one place")
	}
}
