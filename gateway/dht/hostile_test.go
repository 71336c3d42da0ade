package dht

import (
	"errors"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"
	"time"

	"zeroms/protocol/key"
	"zeroms/protocol/wire"
)

// hostile is an answer, and whether it breaks the rules.
type hostile struct {
	about  string
	broken bool
	make   func(w *world, self *host, from Caller, request wire.Payload) wire.Payload
}

// hostileName is whose record is looked for.
var hostileName = [32]byte{1, 2, 3}

func (w *world) strangers(count int) (b []byte) {
	for range count {
		b = w.contact(w.addr()).AppendTo(b)
	}
	return b
}

// naming answers with contacts.
func naming(f func(w *world, self *host, from Caller) []byte) func(*world, *host, Caller, wire.Payload) wire.Payload {
	return func(w *world, self *host, from Caller, request wire.Payload) wire.Payload {
		switch request.(type) {
		case *wire.FindNode:
			return &wire.Nodes{Contacts: f(w, self, from)}
		case *wire.FindValue:
			return &wire.Value{Contacts: f(w, self, from)}
		}
		return nil
	}
}

// holding answers with a record.
func holding(record func(w *world) []byte) func(*world, *host, Caller, wire.Payload) wire.Payload {
	return func(w *world, self *host, from Caller, request wire.Payload) wire.Payload {
		if _, ok := request.(*wire.FindValue); ok {
			return &wire.Value{Record: record(w), Contacts: make([]byte, 0)}
		}
		return nil
	}
}

func hostiles() []hostile {
	return []hostile{
		{"too many contacts", true, naming(func(w *world, _ *host, _ Caller) []byte { return w.strangers(Width + 1) })},
		{"half a contact", true, naming(func(w *world, _ *host, _ Caller) []byte { return w.strangers(2)[:90] })},
		{"no address", true, naming(func(w *world, _ *host, _ Caller) []byte {
			return w.contact(netip.AddrPort{}).AppendTo(nil)
		})},
		{"no contacts", false, naming(func(*world, *host, Caller) []byte { return make([]byte, 0) })},
		{"itself and the asker", false, naming(func(_ *world, self *host, from Caller) []byte {
			return wire.AppendContacts(nil, []wire.Contact{self.self, from.Contact, self.self})
		})},
		{"private addresses", false, naming(func(w *world, _ *host, _ Caller) []byte {
			return w.contact(netip.MustParseAddrPort("192.168.1.1:443")).AppendTo(nil)
		})},
		{"the same again and again", false, naming(func(w *world, self *host, _ Caller) (b []byte) {
			for range Width {
				b = w.hosts[1].self.AppendTo(b)
			}
			return b
		})},
		{"ghosts", false, naming(func(w *world, _ *host, _ Caller) []byte { return w.strangers(Width) })},
		{"another answer", true, func(w *world, _ *host, _ Caller, request wire.Payload) wire.Payload {
			switch request.(type) {
			case *wire.FindNode:
				return &wire.Value{}
			case *wire.FindValue:
				return &wire.Nodes{}
			}
			return nil
		}},
		{"a pong", true, func(_ *world, _ *host, _ Caller, request wire.Payload) wire.Payload {
			if request.Type() == wire.TypePing {
				return nil
			}
			return &wire.Pong{}
		}},
		{"a record of another place", true, holding(func(w *world) []byte { return plain([32]byte{9}, w.today(), 1) })},
		{"a record of last week", false, holding(func(w *world) []byte { return plain(hostileName, w.today()-7, 1) })},
		{"rubbish as a record", true, holding(func(w *world) []byte { return make([]byte, 100) })},
		{"too few codes", true, func(_ *world, _ *host, _ Caller, request wire.Payload) wire.Payload {
			if _, ok := request.(*wire.Store); ok {
				return &wire.Stored{}
			}
			return nil
		}},
		{"it does not serve", false, func(_ *world, _ *host, _ Caller, request wire.Payload) wire.Payload {
			return &wire.Failure{Code: wire.CodeNotServing}
		}},
	}
}

// TestHostileAnswers: what breaks the rules costs whoever sent it the place in the
// table; what an honest gateway might send is left out; records are found anyway.
func TestHostileAnswers(t *testing.T) {
	for _, c := range hostiles() {
		w := grown(t, 60, 80)
		liars := 0
		for i, h := range w.hosts {
			if i > 1 && i%4 == 0 {
				liars++
				h.lie = func(from Caller, request wire.Payload) wire.Payload { return c.make(w, h, from, request) }
			}
		}
		_, stored := w.hosts[0].put(item(plain(hostileName, w.today(), 1)))
		if stored.Holders[0] < 15 {
			t.Errorf("%s: %+v", c.about, stored)
		}
		found := w.hosts[1].get(Get{Name: hostileName, Day: w.today(), Fresh: true})
		if found.Err != nil {
			t.Errorf("%s: %v", c.about, found.Err)
		}
		bad := w.hosts[0].node.stats.BadAnswers + w.hosts[1].node.stats.BadAnswers
		if c.broken && bad == 0 {
			t.Errorf("%s: nobody noticed", c.about)
		}
		if !c.broken && bad > 0 {
			t.Errorf("%s: %d answers count as broken", c.about, bad)
		}
	}
}

// TestLiarLosesItsPlace: whoever breaks the rules is out of the table at once.
func TestLiarLosesItsPlace(t *testing.T) {
	w := grown(t, 61, 10)
	from, liar := w.hosts[0], w.hosts[1]
	liar.lie = func(Caller, wire.Payload) wire.Payload { return &wire.OK{} }
	from.find(liar.node.self.ID)
	if from.node.table.Has(liar.node.self) {
		t.Error("the liar kept its place")
	}
	if from.node.stats.BadAnswers == 0 {
		t.Error("nobody counted it")
	}
}

// TestOtherKey: a contact whose address has another key leaves table and searches
// at once.
func TestOtherKey(t *testing.T) {
	w := grown(t, 62, 30)
	from, moved := w.hosts[0], w.hosts[1]
	other := w.contact(moved.self.Addr)
	h := w.addAt(other) // at the same address from now on
	if w.at[moved.self.Addr] != h {
		t.Fatal("the world has two gateways at one address")
	}
	found := from.find(moved.node.self.ID)
	if from.node.table.Has(moved.node.self) {
		t.Error("it is still in the table")
	}
	for _, c := range found.Peers {
		if c.Node == moved.self.Node {
			t.Error("it counts among the nearest")
		}
	}
}

// TestSlow: gateways that answer right before the time is over cost no more than
// silent ones.
func TestSlow(t *testing.T) {
	w := grown(t, 63, 200)
	var names [][32]byte
	for range 20 {
		names = append(names, w.name())
		w.host().put(item(plain(names[len(names)-1], w.today(), 1)))
	}
	normal := w.latency
	w.latency = func() time.Duration {
		if w.rand.IntN(5) == 0 {
			return 1900 * time.Millisecond
		}
		return normal()
	}
	var took []time.Duration
	for _, name := range names {
		at := w.now
		if got := w.host().get(Get{Name: name, Day: w.today()}); got.Err != nil {
			t.Error(got.Err)
		}
		took = append(took, w.now.Sub(at))
	}
	slices.Sort(took)
	if took[10] > 500*time.Millisecond {
		t.Errorf("p50 %v", took[10])
	}
}

// TestFloodOfContacts: gateways that show up under ever new keys from few
// addresses get few places and few requests.
func TestFloodOfContacts(t *testing.T) {
	w := grown(t, 64, 60)
	h := w.hosts[0]
	gang := 0
	for i := range 3000 {
		c := w.contact(netip.AddrPortFrom(netip.AddrFrom4([4]byte{66, 6, 6, byte(i%250 + 1)}), uint16(1+i)))
		w.addAt(c)
		h.node.Serve(w.now, Caller{c, c.Addr.Addr()}, &wire.Ping{})
		h.pump()
		if i%50 == 0 {
			w.run(time.Second)
		}
	}
	w.run(time.Minute)
	for _, o := range w.hosts[60:] {
		if h.node.table.Has(o.node.self) {
			gang++
		}
	}
	if gang > 10 {
		t.Errorf("one /24 has %d places", gang)
	}
	for _, o := range w.hosts[1:60] {
		if !h.node.table.Has(o.node.self) && h.node.table.Len() < 60 {
			t.Error("an honest contact lost its place")
			break
		}
	}
}

// TestSpellings: one address spelled in two ways is one address.
func TestSpellings(t *testing.T) {
	w := grown(t, 65, 5)
	h := w.hosts[0]
	c := w.hosts[1].self
	c.Addr = netip.AddrPortFrom(netip.AddrFrom16(c.Addr.Addr().As16()), c.Addr.Port()) // v4 in v6
	b := c.AppendTo(nil)
	parsed, err := wire.ParseContact(b)
	if err != nil || parsed != w.hosts[1].self {
		t.Fatalf("%v %v", parsed, err)
	}
	before := h.node.table.Len()
	for range 30 {
		c := w.contact(netip.AddrPortFrom(netip.AddrFrom16(netip.MustParseAddr("44.4.4.4").As16()), 5))
		h.node.Adopt(w.now, c, time.Millisecond)
	}
	if got := h.node.table.Len() - before; got > 10 {
		t.Errorf("%d places for one address in another spelling", got)
	}
	h.node.SetAddr(w.now, c.Addr, wire.TransportQUIC)
	if h.node.Self().Addr.Addr().Is4In6() {
		t.Error("the own address is not canonical")
	}
}

// TestSkewedClocks: gateways whose clock is days off refuse what is right and keep
// what is not; neither does harm.
func TestSkewedClocks(t *testing.T) {
	w := grown(t, 66, 150)
	for i, h := range w.hosts {
		if i%5 == 0 {
			h.lie = func(from Caller, request wire.Payload) wire.Payload {
				return h.node.Serve(w.now.AddDate(0, 0, 3), from, request)
			}
		}
	}
	for range 20 {
		name := w.name()
		_, stored := w.host().put(item(plain(name, w.today(), 1)))
		if stored.Holders[0] < Width {
			t.Errorf("%+v", stored)
		}
		if got := w.host().get(Get{Name: name, Day: w.today()}); got.Err != nil {
			t.Errorf("%+v", got)
		}
	}
}

// FuzzAnswers gives a node hostile answers to whatever it asks: nothing breaks,
// every search ends, and the table stays within its bounds.
func FuzzAnswers(f *testing.F) {
	contacts := func(n int) (b []byte) {
		for i := range n {
			c := wire.Contact{Addr: netip.MustParseAddrPort("20.1.2.3:443"), X: uint64(i), Transports: 1}
			c.Node[0] = byte(i)
			b = c.AppendTo(b)
		}
		return b
	}
	f.Add([]byte{0, 1, 2, 3}, contacts(3), plain([32]byte{1}, 20000, 1))
	f.Add([]byte{5, 9, 4, 2, 6, 7}, contacts(21), []byte{})
	f.Add([]byte{1, 1, 1}, []byte{1}, make([]byte, 1025))
	f.Fuzz(fuzzOne)
}

func fuzzOne(t *testing.T, script, named, record []byte) {
	w := grown(t, 67, 12)
	h := w.hosts[0]
	at := 0
	next := func() int {
		if at >= len(script) {
			return 1
		}
		at++
		return int(script[at-1])
	}
	for _, o := range w.hosts[1:] {
		o.lie = func(_ Caller, request wire.Payload) wire.Payload {
			switch next() % 9 {
			case 0:
				return nil // the truth
			case 1:
				return &wire.Nodes{Contacts: named}
			case 2:
				return &wire.Value{Record: record, Contacts: named}
			case 3:
				return &wire.Stored{Codes: make([]uint16, next()%4)}
			case 4:
				return &wire.Failure{Code: wire.Code(next())}
			case 5:
				return &wire.Pong{}
			case 6:
				return &wire.Value{Record: record}
			case 7:
				return &wire.OK{}
			}
			return &wire.Nodes{}
		}
	}
	ended := 0
	h.node.Get(w.now, Get{Place: key.NodeID{1}, Fresh: next()%2 == 0}, func(Got) { ended++ })
	h.node.Put(w.now, Put{Items: []wire.StoreItem{{Record: plain([32]byte{7}, w.today(), 1)}}, Wide: next()%2 == 0}, func(s Stored) {
		if s.Final {
			ended++
		}
	})
	h.node.Find(w.now, key.NodeID{2}, func(Found) { ended++ })
	h.pump()
	w.until(func() bool { return ended == 3 })
	w.run(time.Minute)
	if s := h.node.Stats(w.now); s.Lookups > 1 || s.Table > 64 {
		t.Fatalf("%+v", s)
	}
	if len(h.node.storing) > 0 || h.node.flights.Len() > 64 {
		t.Fatalf("%d stores and %d requests are left", len(h.node.storing), h.node.flights.Len())
	}
}

// TestUnknownAnswers: answers nobody waits for change nothing.
func TestUnknownAnswers(t *testing.T) {
	w := grown(t, 68, 5)
	n := w.hosts[0].node
	n.Answered(w.now, 0, &wire.Pong{}, nil)
	n.Answered(w.now, 1<<60, nil, errors.New("nothing"))
	if n.stats.Answered != 0 || n.stats.Failed != 0 {
		t.Error("an answer that nobody waits for counts")
	}
}

// TestRandomAnswers plays the fuzz target with answers that are nearly right.
func TestRandomAnswers(t *testing.T) {
	r := rand.New(rand.NewPCG(9, 9))
	w := newWorld(t, 69)
	for range 60 {
		script := make([]byte, r.IntN(60))
		for i := range script {
			script[i] = byte(r.Uint32())
		}
		named := w.strangers(r.IntN(Width + 2))
		record := plain([32]byte{7}, w.today(), r.Uint32())
		if len(named) > 0 && r.IntN(3) == 0 {
			named[r.IntN(len(named))] ^= byte(1 + r.IntN(255))
		}
		if r.IntN(3) == 0 {
			record = record[:r.IntN(len(record))]
		}
		fuzzOne(t, script, named, record)
	}
}
