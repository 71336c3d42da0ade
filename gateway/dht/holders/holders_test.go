package holders

import (
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"

	"zeroms/gateway/dht/contact"
	"zeroms/protocol/address"
	"zeroms/protocol/key"
	"zeroms/protocol/wire"
)

// host admits everybody and does not serve unless told otherwise.
type host struct {
	forged, unknown map[*contact.Peer]bool
	rank            int // peers that are nearer than the host; below 0: it does not serve
	peers           []*contact.Peer
	held            []int
	full            error // why its own shelf takes nothing
}

func (h *host) Judge(p *contact.Peer) (sound, known bool) { return !h.forged[p], !h.unknown[p] }

func (h *host) Before(_ *key.NodeID, p *contact.Peer) bool {
	return h.rank >= 0 && (p == nil || slices.Index(h.peers, p) >= h.rank)
}

func (h *host) Hold(i int) error { h.held = append(h.held, i); return h.full }

// peers are gateways of owners of their own, in some order.
func peers(count int) (all []*contact.Peer) {
	book := contact.NewBook(address.Parameters{Network: key.Network{'t'}, Scope: address.Public}, 1024)
	for i := range count {
		c := wire.Contact{Addr: netip.AddrPortFrom(netip.AddrFrom4([4]byte{20, byte(i), 1, 1}), 1), Transports: 1}
		c.Node[0], c.Node[1] = byte(i), 1
		all = append(all, book.Peer(c))
	}
	return all
}

func names(sends []Send) (all []*contact.Peer) {
	for _, s := range sends {
		all = append(all, s.Peer)
	}
	return all
}

func nothing(int) {}

// TestJob: the nearest are asked, those that fail or refuse are replaced, and
// nobody is asked twice.
func TestJob(t *testing.T) {
	all := peers(30)
	h := &host{rank: -1}
	j := New([]key.NodeID{{1}}, 2)
	if j.Assign(0, all, 20, h) || j.Begun() {
		t.Fatal("too few of thirty")
	}
	sends := j.Sends()
	if !slices.Equal(names(sends), all[:20]) || j.Flying != 20 || !j.Begun() {
		t.Fatalf("%d asked, %d on their way", len(sends), j.Flying)
	}
	if j.Assign(0, all, 20, h) || len(j.Sends()) != 0 {
		t.Fatal("somebody is asked twice")
	}
	for i, s := range sends {
		switch {
		case i < 2:
			j.Failed(s)
		case i < 4:
			j.Answered(s, []uint16{uint16(wire.CodeQuota)}, nothing)
		case i == 4:
			if j.Answered(s, nil, nothing) {
				t.Error("an answer without codes counts")
			}
		default:
			j.Answered(s, []uint16{0}, nothing)
		}
	}
	if j.Flying != 0 || j.Records[0].Holders != 15 {
		t.Fatalf("%d on their way, %d holders", j.Flying, j.Records[0].Holders)
	}
	if j.Assign(0, all, 20, h) {
		t.Fatal("five are left")
	}
	more := j.Sends()
	if !slices.Equal(names(more), all[20:25]) {
		t.Fatalf("%d are asked in their place", len(more))
	}
	if j.Assign(0, all[:24], 20, h) != true {
		t.Error("too few is not reported")
	}
	if got := j.Contacts(nil); len(got) != 25 {
		t.Errorf("%d contacts", len(got))
	}
	place := key.NodeID{9}
	holding := j.Holding(&place)
	if len(holding) != 15 || !slices.IsSortedFunc(holding, func(a, b *contact.Peer) int { return contact.Compare(&place, &a.ID, &b.ID) }) {
		t.Errorf("%d hold it, or not sorted", len(holding))
	}
}

// TestSet: records that go to one gateway share a request, and its codes are those
// of the records in it.
func TestSet(t *testing.T) {
	all := peers(6)
	h := &host{rank: -1}
	j := New([]key.NodeID{{1}, {2}, {3}}, 0)
	j.Assign(0, all[:2], 2, h)
	j.Assign(1, all[1:3], 2, h)
	j.Assign(2, all[1:2], 1, h)
	sends := j.Sends()
	if len(sends) != 3 || sends[1].Set.Len() != 3 || sends[0].Set != 1 || sends[2].Set != 2 {
		t.Fatalf("%+v", sends)
	}
	var held []int
	j.Answered(sends[1], []uint16{0, uint16(wire.CodeQuota), 0}, func(i int) { held = append(held, i) })
	if !slices.Equal(held, []int{0, 2}) || j.Records[1].Holders != 0 || j.Records[2].Holders != 1 {
		t.Errorf("%v held, %+v", held, j.Records)
	}
	// Who has a request on its way gets no other one.
	j.Assign(1, []*contact.Peer{all[0], all[3]}, 1, h)
	if got := names(j.Sends()); !slices.Equal(got, all[3:4]) {
		t.Errorf("%d asked", len(got))
	}
}

// TestOurselves: the own node holds what it is near enough for, once, without a
// request; one that does not serve never.
func TestOurselves(t *testing.T) {
	all := peers(30)
	for rank, want := range map[int]int{-1: 0, 0: 1, 5: 1, 19: 1, 20: 0} {
		h := &host{rank: rank, peers: all}
		j := New([]key.NodeID{{1}}, 0)
		j.Assign(0, all, 20, h)
		if len(h.held) != want || len(j.Sends()) != 20-want || j.Records[0].Holders != want {
			t.Errorf("rank %d: held %d times", rank, len(h.held))
		}
		if j.Assign(0, all, 20, h); len(h.held) != want || len(j.Sends()) != 0 {
			t.Errorf("rank %d: held again, or another asked", rank)
		}
	}
	h := &host{rank: 3, peers: all[:3]}
	j := New([]key.NodeID{{1}}, 0)
	if missing := j.Assign(0, all[:3], 20, h); !missing || len(h.held) != 1 {
		t.Error("in a small network the own node is one of the holders")
	}
}

// TestRefusals: who says that it holds nothing is told from who says nothing, the own
// node among them if it holds a newer record.
func TestRefusals(t *testing.T) {
	all := peers(3)
	for full, want := range map[error]int{wire.ErrOlder: 3, wire.ErrQuota: 2} {
		j := New([]key.NodeID{{1}}, 0)
		j.Assign(0, all, 20, &host{rank: 0, peers: all, full: full})
		sends := j.Sends()
		if j.Refused > 1 || len(sends) != 3 {
			t.Fatalf("%d refused, %d asked", j.Refused, len(sends))
		}
		j.Failed(sends[0])
		j.Answered(sends[1], []uint16{uint16(wire.CodeQuota)}, nil)
		if outdone := j.Outdone(); outdone != (full == wire.ErrOlder) {
			t.Errorf("the own node says %v: outdone %t", full, outdone)
		}
		j.Answered(sends[2], []uint16{uint16(wire.CodeOlder)}, nil)
		if j.Refused != want || !j.Outdone() || j.Flying != 0 {
			t.Errorf("the own node says %v: %d refused", full, j.Refused)
		}
	}
}

// TestOwners: at most two holders are of one owner; forged places hold nothing, and
// who can't be judged is waited for.
func TestOwners(t *testing.T) {
	all := peers(10)
	book := contact.NewBook(address.Parameters{Network: key.Network{'t'}, Scope: address.Public}, 64)
	for i := range 8 {
		c := wire.Contact{Addr: netip.AddrPortFrom(netip.AddrFrom4([4]byte{30, 1, 1, byte(i + 1)}), 1), Transports: 1}
		c.Node[0] = byte(100 + i)
		all = append([]*contact.Peer{book.Peer(c)}, all...)
	}
	h := &host{rank: -1, forged: map[*contact.Peer]bool{all[9]: true}}
	j := New([]key.NodeID{{1}}, 2)
	j.Assign(0, all, 4, h)
	if got := names(j.Sends()); !slices.Equal(got, []*contact.Peer{all[0], all[1], all[8], all[10]}) {
		t.Errorf("%d asked", len(got))
	}
	h.unknown = map[*contact.Peer]bool{all[11]: true}
	if j.Assign(0, all, 6, h) || !j.Late || len(j.Sends()) != 0 {
		t.Error("who can't be judged was asked, or passed over")
	}
}

// TestOutdated: once enough gateways hold a newer record, nobody else is asked.
func TestOutdated(t *testing.T) {
	all := peers(60)
	h := &host{rank: -1}
	j := New([]key.NodeID{{1}}, 0)
	asked := 0
	for {
		j.Assign(0, all, 3, h)
		sends := j.Sends()
		if len(sends) == 0 {
			break
		}
		asked += len(sends)
		for _, s := range sends {
			j.Answered(s, []uint16{uint16(wire.CodeOlder)}, nothing)
		}
	}
	if asked < Outdated || asked > Outdated+3 || j.Records[0].Holders != 0 {
		t.Errorf("%d were asked to hold what is outdated", asked)
	}
}

// TestGroup: records of one region are together, and all are somewhere.
func TestGroup(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 0))
	var places []key.NodeID
	for range 200 {
		var id key.NodeID
		for i := range id {
			id[i] = byte(r.Uint32())
		}
		places = append(places, id)
	}
	self := func(id key.NodeID) key.NodeID { return id }
	for bits, most := range map[int]int{0: 7, 3: 12, 12: 200} {
		groups := Group(places, self, bits)
		count := 0
		for _, g := range groups {
			count += len(g)
			for i := range g {
				if contact.CommonPrefix(&g[0], &g[i]) < bits || len(g) > Most {
					t.Fatalf("%d bits: a group of %d", bits, len(g))
				}
			}
		}
		if count != len(places) || len(groups) > most {
			t.Errorf("%d bits: %d groups with %d places", bits, len(groups), count)
		}
	}
}

// TestMemory: the nearest holders are remembered for half a day, of so many records.
func TestMemory(t *testing.T) {
	all := peers(5)
	var m Memory
	m.Remember(1, key.NodeID{1}, all[:2])
	if m.Guides(1, key.NodeID{1}) != nil {
		t.Error("two holders are enough")
	}
	m.Remember(1, key.NodeID{1}, all)
	if got := m.Guides(Age, key.NodeID{1}); !slices.Equal(got, all[:Guides]) {
		t.Errorf("%d guides", len(got))
	}
	if m.Guides(Age+2, key.NodeID{1}) != nil || m.Guides(1, key.NodeID{2}) != nil {
		t.Error("guides that are too old, or of another record")
	}
	for i := range 5000 {
		m.Remember(2, key.NodeID{7, byte(i), byte(i >> 8)}, all)
	}
	if len(m.recent) > memories || len(m.older) > memories {
		t.Error("too much is remembered")
	}
	if m.Guides(2, key.NodeID{7, byte(4999 & 255), byte(4999 >> 8)}) == nil {
		t.Error("the last is forgotten")
	}
}
