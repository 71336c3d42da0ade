package dht

import (
	"net/netip"
	"testing"
	"time"

	"zeroms/gateway/dht/contact"
	"zeroms/protocol/address"
	"zeroms/protocol/key"
	"zeroms/protocol/wire"
)

// caller is a gateway that asks from where it says that it is.
func (h *host) caller() Caller { return Caller{h.self, h.self.Addr.Addr()} }

func failure(p wire.Payload) wire.Code {
	if f, ok := p.(*wire.Failure); ok {
		return f.Code
	}
	return 0
}

// TestServeNodes: an answer names the nearest, nobody who was not heard from for
// 15 minutes, not the caller, and few of one owner.
func TestServeNodes(t *testing.T) {
	w := grown(t, 80, 100)
	h, from := w.hosts[0], w.hosts[1]
	for i := range 8 {
		h.node.Adopt(w.now, w.contact(netip.AddrPortFrom(netip.AddrFrom4([4]byte{70, 7, 7, byte(i + 1)}), 1)), 0)
	}
	ask := func(target key.NodeID) []wire.Contact {
		t.Helper()
		a, ok := h.node.Serve(w.now, from.caller(), &wire.FindNode{Target: target}).(*wire.Nodes)
		if !ok {
			t.Fatal("no answer")
		}
		named, err := wire.ParseContacts(a.Contacts, Width)
		if err != nil {
			t.Fatal(err)
		}
		return named
	}
	for range 50 {
		target := contact.Random(w.rand)
		named := ask(target)
		if len(named) != Width {
			t.Fatalf("%d contacts", len(named))
		}
		groups := make(map[address.Group]int)
		last := key.NodeID{}
		for i, c := range named {
			if c == from.self || c == h.self {
				t.Error("the caller or the gateway itself is named")
			}
			g := w.params.Scope.Near(c.Addr)
			if groups[g]++; groups[g] > 2 {
				t.Error("three of one owner")
			}
			id := c.Place(w.params.Network)
			if i > 0 && contact.Nearer(&target, &id, &last) {
				t.Error("not sorted by distance")
			}
			last = id
		}
	}
	if named := ask(from.node.self.ID); len(named) == 0 || named[0] == from.self {
		t.Error("asked for the caller's own place")
	}
	w.now = w.now.Add(16 * time.Minute) // and nobody was checked
	if named := ask(contact.Random(w.rand)); len(named) != 0 {
		t.Errorf("%d contacts that were not heard from for 16 minutes", len(named))
	}
}

// TestServeRates: one gateway, and one group of addresses under many keys, gets so
// many answers and then a refusal; others are served.
func TestServeRates(t *testing.T) {
	w := grown(t, 81, 40)
	h := w.hosts[0]
	count := func(from func(i int) Caller, n int) (served int) {
		for i := range n {
			switch failure(h.node.Serve(w.now, from(i), &wire.FindNode{})) {
			case 0:
				served++
			case wire.CodeBusy:
			default:
				t.Fatal("another refusal")
			}
		}
		return served
	}
	one := w.hosts[1].caller()
	if got := count(func(int) Caller { return one }, 1000); got != w.limits.PeerBurst {
		t.Errorf("one gateway had %d answers, want %d", got, w.limits.PeerBurst)
	}
	w.now = w.now.Add(2 * time.Second)
	if got := count(func(int) Caller { return one }, 1000); got != 2*w.limits.PeerRate {
		t.Errorf("after two seconds %d, want %d", got, 2*w.limits.PeerRate)
	}
	many := count(func(i int) Caller {
		c := w.contact(netip.AddrPortFrom(netip.AddrFrom4([4]byte{55, 5, 5, byte(i)}), 1))
		return Caller{c, c.Addr.Addr()}
	}, 3000)
	if many > w.limits.SourceBurst {
		t.Errorf("one /24 under many keys had %d answers, at most %d", many, w.limits.SourceBurst)
	}
	if got := count(func(int) Caller { return w.hosts[2].caller() }, 20); got != 20 {
		t.Errorf("another gateway had %d answers of 20", got)
	}
	if s := h.node.Stats(w.now); s.Refused == 0 {
		t.Error("refusals are not counted")
	}
}

// TestServeStore: records are held or refused one by one; the same place has one
// record; a source has its rate.
func TestServeStore(t *testing.T) {
	w := grown(t, 82, 5)
	h, from := w.hosts[0], w.hosts[1]
	good, old := plain(w.name(), w.today(), 7), plain(w.name(), w.today()-5, 7)
	store := func(items ...wire.StoreItem) []uint16 {
		t.Helper()
		a, ok := h.node.Serve(w.now, from.caller(), &wire.Store{Items: items}).(*wire.Stored)
		if !ok {
			t.Fatal("no answer")
		}
		return a.Codes
	}
	name := [32]byte(good[1:33])
	codes := store(wire.StoreItem{Record: good}, wire.StoreItem{Record: old}, wire.StoreItem{Record: []byte{1}})
	if len(codes) != 3 || codes[0] != 0 || wire.Code(codes[1]) != wire.CodeClock || wire.Code(codes[2]) != wire.CodeValue {
		t.Errorf("codes %v", codes)
	}
	if codes := store(wire.StoreItem{Record: plain(name, w.today(), 6)}); wire.Code(codes[0]) != wire.CodeOlder {
		t.Errorf("an older record: %v", codes)
	}
	if codes := store(wire.StoreItem{Record: good}); codes[0] != 0 {
		t.Errorf("the same again: %v", codes)
	}
	v, ok := h.node.Serve(w.now, from.caller(), &wire.FindValue{Key: place(name, w.today())}).(*wire.Value)
	if !ok || len(v.Record) != wire.RecordSize || v.Record[40] != 7 || len(v.Contacts) == 0 {
		t.Fatalf("%+v", v)
	}
	v, ok = h.node.Serve(w.now, from.caller(), &wire.FindValue{Key: key.NodeID{1}}).(*wire.Value)
	if !ok || len(v.Record) != 0 || len(v.Contacts) == 0 {
		t.Fatalf("%+v", v)
	}
	if code := failure(h.node.Serve(w.now, from.caller(), &wire.Store{})); code != wire.CodeTooLarge {
		t.Errorf("an empty store: %v", code)
	}
	if code := failure(h.node.Serve(w.now, from.caller(), &wire.Store{Items: make([]wire.StoreItem, 33)})); code != wire.CodeTooLarge {
		t.Errorf("33 records: %v", code)
	}
	limited := 0
	for range 100 {
		if codes := store(wire.StoreItem{Record: plain(w.name(), w.today(), 1)}); wire.Code(codes[0]) == wire.CodeLimit {
			limited++
		}
	}
	if limited < 30 {
		t.Errorf("%d of 100 records in a moment were over the rate of 64 a minute", limited)
	}
}

// TestServeOthers: a Ping says where it came from, even to strangers; what is no
// request of the network is refused; so is everything by who only asks.
func TestServeOthers(t *testing.T) {
	w := grown(t, 83, 5)
	h := w.hosts[0]
	pong, ok := h.node.Serve(w.now, Caller{w.contact(netip.AddrPort{}), netip.MustParseAddr("::ffff:9.8.7.6")}, &wire.Ping{}).(*wire.Pong)
	if !ok || netip.AddrFrom16(pong.Seen).Unmap() != netip.MustParseAddr("9.8.7.6") {
		t.Errorf("%+v", pong)
	}
	if code := failure(h.node.Serve(w.now, w.hosts[1].caller(), &wire.HeadGet{})); code != wire.CodeUnexpected {
		t.Errorf("another request: %v", code)
	}
	asks := w.addAt(w.contact(netip.AddrPort{}))
	for _, request := range []wire.Payload{&wire.FindNode{}, &wire.FindValue{}, &wire.Store{}} {
		if code := failure(asks.node.Serve(w.now, h.caller(), request)); code != wire.CodeNotServing {
			t.Errorf("%T at a gateway that only asks: %v", request, code)
		}
	}
	if asks.node.Serving() {
		t.Error("a gateway without address serves")
	}
}

// TestScopes: in a local network local addresses are handed to local callers only.
func TestScopes(t *testing.T) {
	w := newWorld(t, 84)
	w.params.Scope = address.LAN
	w.book = contact.NewBook(w.params, 1024)
	h := w.add()
	local := w.contact(netip.MustParseAddrPort("192.168.1.7:443"))
	public := w.contact(netip.MustParseAddrPort("44.4.4.4:443"))
	for _, c := range []wire.Contact{local, public} {
		if !h.node.Adopt(w.now, c, 0) {
			t.Fatal("no place for a contact")
		}
	}
	if h.node.Adopt(w.now, w.contact(netip.MustParseAddrPort("127.0.0.1:443")), 0) {
		t.Error("a loopback address in a LAN")
	}
	named := func(from string) int {
		ip := netip.MustParseAddr(from)
		c := w.contact(netip.AddrPortFrom(ip, 9))
		a := h.node.Serve(w.now, Caller{c, ip}, &wire.FindNode{}).(*wire.Nodes)
		hidden := w.contact(netip.AddrPort{})
		b := h.node.Serve(w.now, Caller{hidden, ip}, &wire.FindNode{}).(*wire.Nodes)
		if len(a.Contacts) != len(b.Contacts) {
			t.Error("who has no address of its own is told something else")
		}
		return len(a.Contacts) / wire.ContactSize
	}
	if got := named("10.9.9.9"); got != 2 {
		t.Errorf("a local caller is told %d contacts", got)
	}
	if got := named("88.8.8.8"); got != 1 {
		t.Errorf("a public caller is told %d contacts", got)
	}
	// And a public gateway that names local addresses is not believed.
	peer := h.node.book.Peer(public)
	names, err := h.node.named(peer, local.AppendTo(nil))
	if err != nil || len(names) != 0 {
		t.Errorf("%d local addresses taken from a public gateway, %v", len(names), err)
	}
}

// TestNew: parameters that no network has are refused.
func TestNew(t *testing.T) {
	for name, p := range map[string]address.Parameters{
		"none":       {},
		"no scope":   {Network: testNetwork},
		"no network": {Scope: address.Public},
	} {
		if _, err := New(Config{Params: p}); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	n, err := New(Config{Params: address.Parameters{Network: testNetwork, Scope: address.LAN}})
	if err != nil {
		t.Fatal(err)
	}
	if asks, next := n.Advance(time.Unix(1e9, 0)); len(asks) != 0 || !next.IsZero() {
		t.Error("a node that knows nobody has something to do")
	}
}
