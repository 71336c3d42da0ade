package dht

import (
	"net/netip"
	"slices"
	"testing"
	"time"

	"zeroms/gateway/dht/contact"
	"zeroms/gateway/dht/reach"
	"zeroms/protocol/key"
	"zeroms/protocol/wire"
)

// join starts gateways one after another that know only the first, and ends with
// the last one's start.
func (w *world) join(count int, every time.Duration) {
	for i := range count {
		h := w.add()
		if i > 0 {
			w.after(time.Duration(i)*every, func() {
				h.node.Join(w.now, []wire.Contact{w.hosts[0].self})
				h.pump()
			})
		}
		h.pump()
	}
	w.run(time.Duration(count) * every)
}

// TestJoin: gateways that know one other become a network in which each knows its
// neighbours and the nearest of any place are found.
func TestJoin(t *testing.T) {
	w := newWorld(t, 20)
	w.join(150, time.Second)
	w.run(2 * time.Minute)
	known := 0
	for _, h := range w.hosts {
		for _, n := range w.nearest(h.node.self.ID, Siblings+1) {
			if n != h && h.node.table.Has(n.node.self) {
				known++
			}
		}
	}
	if share := float64(known) / float64(len(w.hosts)*Siblings); share < 0.95 {
		t.Errorf("of its nearest a gateway knows %.0f %%", share*100)
	}
	for range 10 {
		name := w.name()
		_, stored := w.host().put(item(plain(name, w.today(), 1)))
		if stored.Holders[0] < Width || stored.Region {
			t.Errorf("%+v", stored)
		}
		if got := w.host().get(Get{Name: name, Day: w.today()}); got.Err != nil || got.Tries > 1 {
			t.Errorf("%+v", got)
		}
	}
	for _, h := range w.hosts {
		if size := h.node.Stats(w.now).Size; size < 75 || size > 300 {
			t.Errorf("the estimate for 150 gateways is %.0f", size)
		}
	}
}

// TestSmallNetwork: a dozen gateways know all others within seconds of the last
// one's start, though each serves only once others have reached it.
func TestSmallNetwork(t *testing.T) {
	w := newWorld(t, 21)
	w.timing.Reach = time.Hour
	w.latency = func() time.Duration { return time.Millisecond }
	w.join(12, 100*time.Millisecond)
	w.run(5 * time.Second)
	for i, h := range w.hosts {
		if s := h.node.Stats(w.now); s.Table != 11 || !s.Serving {
			t.Errorf("gateway %d knows %d others, serving is %v", i, s.Table, s.Serving)
		}
	}
}

// TestJoinLater: a gateway whose contacts are all down joins when one is up.
func TestJoinLater(t *testing.T) {
	w := grown(t, 22, 20)
	for _, h := range w.hosts {
		h.gone = true
	}
	late := w.add()
	late.node.Join(w.now, []wire.Contact{w.hosts[0].self, w.hosts[1].self})
	late.pump()
	w.run(5 * time.Minute)
	if late.node.table.Len() != 0 {
		t.Fatal("contacts that are down are in the table")
	}
	w.hosts[1].gone = false
	w.run(5 * time.Minute)
	if late.node.table.Len() == 0 {
		t.Error("it did not join when a contact was up again")
	}
}

// TestRestartedNetwork: where all gateways start again at once with each other in
// their caches and nobody serves, one after another is reached and serves.
func TestRestartedNetwork(t *testing.T) {
	w := newWorld(t, 23)
	w.timing.Reach = time.Hour
	var all []wire.Contact
	for range 5 {
		all = append(all, w.add().self)
	}
	for _, h := range w.hosts {
		h.node.Join(w.now, all)
		h.pump()
	}
	w.run(2 * time.Minute)
	for i, h := range w.hosts {
		if s := h.node.Stats(w.now); s.Table != 4 || !s.Serving {
			t.Errorf("gateway %d knows %d others, serving is %v", i, s.Table, s.Serving)
		}
	}
}

// TestReach: whom nobody can connect to does not serve and stands in no table;
// once it can be reached it does, and no more when it can't.
func TestReach(t *testing.T) {
	w := newWorld(t, 24)
	w.timing.Reach = time.Hour
	w.join(24, time.Second)
	reachable := func(yes bool) {
		for _, h := range w.hosts {
			h.dials = yes
		}
	}
	w.run(5 * time.Minute)
	reachable(false)
	hidden := w.addAt(wire.Contact{Node: w.name(), X: 1, Addr: w.addr(), Transports: wire.TransportQUIC})
	hidden.node.Join(w.now, []wire.Contact{w.hosts[3].self})
	hidden.pump()
	w.run(5 * time.Minute)
	if hidden.node.Serving() {
		t.Error("a gateway serves that nobody reached")
	}
	if hidden.node.Stats(w.now).Table < 20 {
		t.Error("who does not serve should know others all the same")
	}
	if f, ok := hidden.node.Serve(w.now, Caller{w.hosts[1].self, w.hosts[1].self.Addr.Addr()}, &wire.FindNode{}).(*wire.Failure); !ok || f.Code != wire.CodeNotServing {
		t.Error("a search was answered by a gateway that takes no part")
	}
	reachable(true)
	w.run(20 * time.Minute)
	s := hidden.node.Stats(w.now)
	if !s.Serving || s.Confirmed < reach.Confirmations {
		t.Fatalf("%d reached it, serving is %v", s.Confirmed, s.Serving)
	}
	asked := 0
	for _, h := range w.hosts {
		asked += h.served[wire.TypeReach]
	}
	w.run(2 * time.Hour)
	after := 0
	for _, h := range w.hosts {
		after += h.served[wire.TypeReach]
	}
	if each := float64(after-asked) / 25 / 2; each < 2.5 || each > 3.5 {
		t.Errorf("%.1f dial-backs an hour, want 3", each)
	}
	reachable(false)
	w.run(70 * time.Minute)
	if hidden.node.Serving() {
		t.Error("it serves though nobody reaches it any more")
	}
}

// TestOneLiarAboutReach: one of many who says that a gateway can't be reached
// changes nothing.
func TestOneLiarAboutReach(t *testing.T) {
	w := newWorld(t, 25)
	w.timing.Reach = time.Hour
	w.join(20, time.Second)
	for _, h := range w.hosts[:5] {
		h.dials = false
	}
	w.run(5 * time.Hour)
	for i, h := range w.hosts {
		if !h.node.Serving() {
			t.Errorf("gateway %d stopped serving", i)
		}
	}
}

// TestOneWhoCannotDial: one of four gateways who can connect to nobody, or says so,
// changes nothing for the others.
func TestOneWhoCannotDial(t *testing.T) {
	for name, said := range map[string]wire.Code{"tried": wire.CodeUnreachable, "does not": wire.CodeNotServing, "busy": wire.CodeBusy} {
		w := newWorld(t, 36)
		w.timing.Reach = time.Hour
		w.join(4, time.Second)
		w.hosts[2].lie = func(_ Caller, request wire.Payload) wire.Payload {
			if _, ok := request.(*wire.Reach); ok {
				return &wire.Failure{Code: said}
			}
			return nil
		}
		w.run(6 * time.Hour)
		for i, h := range w.hosts {
			if s := h.node.Stats(w.now); !s.Serving || s.Table != 3 {
				t.Errorf("%s: gateway %d knows %d others, serving is %v", name, i, s.Table, s.Serving)
			}
		}
	}
}

// TestSetAddr: a new address has to be proved, none ends serving.
func TestSetAddr(t *testing.T) {
	w := newWorld(t, 26)
	w.timing.Reach = time.Hour
	w.join(10, time.Second)
	w.run(time.Minute)
	h := w.hosts[4]
	if !h.node.Serving() {
		t.Fatal("not serving to begin with")
	}
	addr := w.addr()
	h.node.SetAddr(w.now, addr, wire.TransportQUIC)
	if h.node.Serving() || h.node.Self().Addr != addr {
		t.Error("a new address counts as proved")
	}
	delete(w.at, h.self.Addr)
	h.self = h.node.Self()
	w.at[addr] = h
	h.pump()
	w.run(time.Minute)
	if !h.node.Serving() {
		t.Error("the new address was not proved")
	}
	h.node.SetAddr(w.now, netip.AddrPort{}, 0)
	if h.node.Serving() || h.node.Self().Addr.IsValid() || h.node.Self().Transports != 0 {
		t.Error("without an address it serves")
	}
}

// TestLiveness: after a third of the network left, few stale contacts are in the
// tables, none is handed out, and what is handed out was heard from lately.
func TestLiveness(t *testing.T) {
	w := grown(t, 27, 300)
	w.run(time.Minute)
	w.leave(0.33)
	w.run(25 * time.Minute)
	table, stale, dead, fresh := 0, 0, 0, 0
	for _, h := range w.hosts {
		if h.gone {
			continue
		}
		s := h.node.Stats(w.now)
		table, stale, fresh = table+s.Table, stale+s.Stale, fresh+s.Fresh
		for _, c := range h.node.Nearest(w.now, contact.Random(w.rand), Width) {
			if w.at[c.Addr].gone {
				dead++
			}
		}
	}
	if float64(stale) > 0.05*float64(table) || dead > 0 || float64(fresh) < 0.9*float64(table) {
		t.Errorf("of %d contacts %d are stale, %d fresh; %d dead ones were handed out", table, stale, fresh, dead)
	}
}

// TestIdle: a network where nothing happens sends little, and a node is woken
// seldom: no oftener than every 4 s on average.
func TestIdle(t *testing.T) {
	w := newWorld(t, 28)
	w.join(90, time.Second)
	w.run(30 * time.Minute)
	bytes, wakes := w.bytes, 0
	const span = time.Hour
	for _, h := range w.hosts {
		wakes -= int(h.node.stats.Asked + h.node.stats.Served)
	}
	w.run(span)
	for _, h := range w.hosts {
		wakes += int(h.node.stats.Asked + h.node.stats.Served)
	}
	each := float64(w.bytes-bytes) / span.Seconds() / float64(len(w.hosts))
	if each > 40 {
		t.Errorf("%.1f bytes a second each way", each)
	}
	if rate := float64(wakes) / span.Seconds() / float64(len(w.hosts)); rate > 0.7 {
		t.Errorf("%.2f requests a second", rate)
	}
	t.Logf("%.1f bytes a second each way", each)
}

// TestTrafficIsACheck: contacts that ask anyway are not asked whether they are there.
func TestTrafficIsACheck(t *testing.T) {
	w := grown(t, 29, 10)
	h := w.hosts[0]
	pings := func() (n int) {
		for _, o := range w.hosts[1:] {
			n += o.served[wire.TypePing]
		}
		return n
	}
	w.run(20 * time.Minute)
	quiet := pings()
	for range 20 {
		for _, o := range w.hosts[1:] {
			h.node.Serve(w.now, Caller{o.self, o.self.Addr.Addr()}, &wire.Ping{})
		}
		for _, o := range w.hosts[1:] { // and of the others among themselves
			for _, p := range w.hosts[1:] {
				if o != p {
					o.node.Serve(w.now, Caller{p.self, p.self.Addr.Addr()}, &wire.Ping{})
				}
			}
			o.node.Serve(w.now, Caller{h.self, h.self.Addr.Addr()}, &wire.Ping{})
		}
		w.run(time.Minute)
	}
	if busy := pings() - quiet; quiet == 0 || busy > 0 {
		t.Errorf("%d checks without traffic, %d with", quiet, busy)
	}
}

// TestOffline: a gateway whose own line is down keeps its table.
func TestOffline(t *testing.T) {
	w := grown(t, 30, 100)
	h := w.hosts[0]
	before := h.node.table.Len()
	for _, o := range w.hosts[1:] {
		o.mute = true
	}
	w.run(2 * time.Hour)
	if after := h.node.table.Len(); after < before-silent {
		t.Errorf("%d contacts of %d are left", after, before)
	}
	for _, o := range w.hosts[1:] {
		o.mute = false
	}
	w.run(30 * time.Minute)
	if s := h.node.Stats(w.now); s.Fresh < before*3/4 {
		t.Errorf("%d of %d contacts are fresh after the line was up", s.Fresh, before)
	}
}

// TestRepair: a gateway that comes nearer to a record's place than its holders gets
// the record from them, not from all of them, and once.
func TestRepair(t *testing.T) {
	w := grown(t, 31, 120)
	name := w.name()
	w.host().put(item(plain(name, w.today(), 1)))
	at := place(name, w.today())
	w.run(time.Minute)
	c := w.contact(w.addr())
	for id := c.Place(w.params.Network); contact.CommonPrefix(&id, &at) < 9; id = c.Place(w.params.Network) {
		c.X++
	}
	h := w.addAt(c)
	h.node.Join(w.now, []wire.Contact{w.hosts[5].self})
	h.pump()
	w.run(3 * time.Minute)
	if _, ok := h.node.shelf.Get(w.now, at); !ok {
		t.Fatal("the nearest gateway does not hold the record")
	}
	if n := h.served[wire.TypeStore]; n > 3 {
		t.Errorf("it was passed on %d times", n)
	}
	w.run(50 * time.Minute)
	if n := h.served[wire.TypeStore]; n > 3 {
		t.Errorf("it was passed on %d times within the hour", n)
	}
}

// TestRecordsExpire: three hours after it was stored last, nobody holds a record.
func TestRecordsExpire(t *testing.T) {
	w := grown(t, 32, 30)
	name := w.name()
	w.host().put(item(plain(name, w.today(), 1)))
	w.run(2*time.Hour + 50*time.Minute)
	if w.holders(place(name, w.today())) < Width {
		t.Error("it is gone before its time")
	}
	w.run(20 * time.Minute)
	for _, h := range w.hosts {
		if h.node.Stats(w.now).Shelf.Records > 0 {
			t.Fatal("it is held after its time")
		}
	}
}

// TestVictim: an address that a caller only claims is never connected to.
func TestVictim(t *testing.T) {
	w := grown(t, 33, 20)
	victim := w.addr()
	reached := 0
	w.at[victim] = w.add()
	w.at[victim].lie = func(Caller, wire.Payload) wire.Payload { reached++; return &wire.Pong{} }
	for _, h := range w.hosts[:20] {
		for range 50 {
			c := w.contact(victim)
			h.node.Serve(w.now, Caller{c, w.addr().Addr()}, &wire.FindNode{Target: contact.Random(w.rand)})
			h.node.Serve(w.now, Caller{c, netip.Addr{}}, &wire.Ping{})
			h.pump()
		}
	}
	w.run(time.Hour)
	if reached > 0 {
		t.Errorf("%d requests to an address that proved nothing", reached)
	}
}

// TestCallerBecomesContact: who asks from the address that it claims, and answers
// there, gets a place in the table.
func TestCallerBecomesContact(t *testing.T) {
	w := grown(t, 34, 5)
	h, stranger := w.hosts[0], w.add()
	h.serve(Caller{stranger.self, stranger.self.Addr.Addr()}, &wire.Ping{})
	if h.node.table.Has(stranger.node.self) {
		t.Fatal("who asks is in the table before it answered")
	}
	w.run(5 * time.Second)
	if !h.node.table.Has(stranger.node.self) {
		t.Error("who answered is not in the table")
	}
}

// TestContacts: what is saved for the next start is what answers, the longest
// known first, and a gateway that starts with it joins.
func TestContacts(t *testing.T) {
	w := newWorld(t, 35)
	w.join(40, 5*time.Second)
	w.run(time.Minute)
	saved := w.hosts[20].node.Contacts()
	if len(saved) < 30 || !slices.Contains(saved, w.hosts[0].self) {
		t.Fatalf("%d contacts", len(saved))
	}
	again := w.add()
	again.node.Join(w.now, saved[:8])
	again.pump()
	w.run(time.Minute)
	if again.node.table.Len() < 30 {
		t.Errorf("%d contacts after a start from the cache", again.node.table.Len())
	}
	sample := again.node.Sample(w.now, 10)
	seen := make(map[key.NodePublic]bool)
	for _, c := range sample {
		seen[c.Node] = true
	}
	if len(sample) != 10 || len(seen) != 10 {
		t.Errorf("a sample of %d, %d of them different", len(sample), len(seen))
	}
}
