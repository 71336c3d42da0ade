package dht

import (
	"errors"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"
	"time"

	"zeroms/gateway/dht/contact"
	"zeroms/gateway/dht/settings"
	"zeroms/protocol/address"
	"zeroms/protocol/key"
	"zeroms/protocol/wire"
)

// TestFindAgainstTruth compares searches for gateways with the network as it is.
func TestFindAgainstTruth(t *testing.T) {
	w := grown(t, 1, 200)
	for range 40 {
		target := contact.Random(w.rand)
		from := w.host()
		found := from.find(target)
		want := contact.Of(nil)
		for _, h := range w.nearest(target, Width+1) {
			if h != from && len(want) < Width {
				want = append(want, h.self)
			}
		}
		if !slices.Equal(found.Peers, want) {
			t.Fatalf("found %d gateways, and not the nearest", len(found.Peers))
		}
		if found.Messages > 60 || found.Contacted != found.Messages {
			t.Fatalf("%d messages to %d gateways", found.Messages, found.Contacted)
		}
	}
}

// TestGetAndPut: in a healthy network every record is found at the first try, in
// few requests and rounds, and the right gateways hold it.
func TestGetAndPut(t *testing.T) {
	w := grown(t, 2, 500)
	const keys = 100
	var get, contacts, four, right int
	var took []time.Duration
	for range keys {
		name := w.name()
		_, stored := w.host().put(item(plain(name, w.today(), 1)))
		if stored.Err != nil || stored.Holders[0] < Width || stored.Region {
			t.Fatalf("%+v", stored)
		}
		contacts += stored.Contacts
		four += stored.ToFour
		for _, h := range w.nearest(place(name, w.today()), Width) {
			if _, ok := h.node.shelf.Get(w.now, place(name, w.today())); ok {
				right++
			}
		}
		at := w.now
		got := w.host().get(Get{Name: name, Day: w.today()})
		if got.Err != nil || got.Tries > 1 || got.Item.Name != name || got.Rounds > 3 {
			t.Fatalf("%+v", got)
		}
		get += got.Messages
		took = append(took, w.now.Sub(at))
	}
	slices.Sort(took)
	t.Logf("get: %.1f messages, p50 %v; store: %.1f contacts, %.1f to four acknowledgements, %.1f %% of the nearest hold it",
		float64(get)/keys, took[keys/2], float64(contacts)/keys, float64(four)/keys, float64(right)/keys*5)
	if get > 4*keys || contacts > 40*keys || four > 12*keys || right < Width*keys*98/100 || took[keys/2] > 200*time.Millisecond {
		t.Error("more than it should cost")
	}
}

// TestMissing: what nobody stored is not found, after every try, with a bounded
// number of requests; a gateway without contacts says so at once.
func TestMissing(t *testing.T) {
	w := grown(t, 3, 150)
	got := w.host().get(Get{Name: w.name(), Day: w.today()})
	if !errors.Is(got.Err, wire.ErrNoRecord) || got.Tries != settings.MaxTries || !got.Region || got.Messages > 250 {
		t.Fatalf("%+v", got)
	}
	alone := newWorld(t, 3).add()
	if got := alone.get(Get{Place: contact.Random(w.rand)}); !errors.Is(got.Err, wire.ErrUnreachable) {
		t.Fatalf("%+v", got)
	}
}

// TestOwnShelf: what the gateway holds itself costs no request.
func TestOwnShelf(t *testing.T) {
	w := grown(t, 4, 12)
	name := w.name()
	h := w.host()
	h.put(item(plain(name, w.today(), 1)))
	if got := h.get(Get{Name: name, Day: w.today()}); got.Err != nil || got.Messages != 0 || got.Rounds != 0 {
		t.Fatalf("%+v", got)
	}
}

// TestFresh: the newest of several copies wins, though some hold an older one and
// say nothing else.
func TestFresh(t *testing.T) {
	w := grown(t, 5, 150)
	name := w.name()
	older := plain(name, w.today(), 1)
	w.host().put(item(older))
	at := place(name, w.today())
	for i, h := range w.nearest(at, Width) {
		if i%3 == 0 { // replays what it got first
			h.lie = func(_ Caller, request wire.Payload) wire.Payload {
				switch r := request.(type) {
				case *wire.Store:
					return &wire.Stored{Codes: make([]uint16, len(r.Items))}
				case *wire.FindValue:
					return &wire.Value{Record: older}
				}
				return nil
			}
		}
	}
	w.host().put(item(plain(name, w.today(), 2)))
	for range 20 {
		from := w.host()
		got := from.get(Get{Name: name, Day: w.today(), Fresh: true})
		if got.Err != nil || got.Item.Seq != 2 {
			t.Fatalf("seq %d, %v", got.Item.Seq, got.Err)
		}
	}
}

// TestColluders: a fifth of the gateways name only each other and hold nothing, a
// third of all contacts is dead, a third of the holders leaves: every record is
// found all the same.
func TestColluders(t *testing.T) {
	w := grown(t, 6, 500)
	w.collude(0.2)
	w.leave(0.3)
	var names [][32]byte
	for range 60 {
		names = append(names, w.name())
		w.host().put(item(plain(names[len(names)-1], w.today(), 1)))
	}
	w.leave(0.3)
	for _, name := range names {
		if got := w.host().get(Get{Name: name, Day: w.today()}); got.Err != nil {
			t.Errorf("%+v with %d holders", got, w.holders(place(name, w.today())))
		}
	}
}

// TestRegion: a place that is crowded for the network's size is stored around and
// searched around, whoever sits on it; in a healthy network nobody is suspected.
func TestRegion(t *testing.T) {
	w := grown(t, 7, 400)
	for range 60 {
		name := w.name()
		w.host().put(item(plain(name, w.today(), 1)))
	}
	for _, h := range w.hosts {
		if s := h.node.Stats(w.now); s.Suspicions > 0 {
			t.Error("a healthy place was suspected")
		}
	}
	for range 5 {
		name := w.name()
		w.sybils(45, place(name, w.today()))
		_, stored := w.host().put(item(plain(name, w.today(), 1)))
		if !stored.Region {
			t.Errorf("nobody suspects 45 gateways at one place: %+v", stored)
		}
		from := w.host()
		got := from.get(Get{Name: name, Day: w.today()})
		if got.Err != nil || got.Tries > 1 && !got.Region {
			t.Errorf("%+v", got)
		}
	}
}

// TestWide: a store that should be wide is held in all cells of the region and at
// the second position, where a get finds it.
func TestWide(t *testing.T) {
	w := grown(t, 8, 400)
	name := w.name()
	put := item(plain(name, w.today(), 1))
	put.Wide = true
	_, stored := w.host().put(put)
	if !stored.Region || stored.Holders[0] < RegionSize {
		t.Fatalf("%+v", stored)
	}
	for _, h := range w.nearest(address.Position(name, 1, w.today()), Width) {
		if _, ok := h.node.shelf.Get(w.now, address.Position(name, 1, w.today())); !ok {
			t.Error("one of the nearest to the second position holds nothing")
		}
	}
	for _, h := range w.hosts { // the first position is lost
		if _, ok := h.node.shelf.Get(w.now, place(name, w.today())); ok {
			h.gone = true
		}
	}
	if got := w.host().get(Get{Name: name, Day: w.today()}); got.Err != nil || got.Item.Index != 1 {
		t.Fatalf("%+v", got)
	}
}

// TestHedge: silent gateways cost less than a request's time.
func TestHedge(t *testing.T) {
	w := grown(t, 9, 200)
	var names [][32]byte
	for range 40 {
		names = append(names, w.name())
		w.host().put(item(plain(names[len(names)-1], w.today(), 1)))
	}
	for _, h := range w.hosts {
		h.mute = w.rand.IntN(4) == 0
	}
	var took []time.Duration
	for _, name := range names {
		at := w.now
		if got := w.host().get(Get{Name: name, Day: w.today()}); got.Err != nil {
			t.Fatal(got.Err)
		}
		took = append(took, w.now.Sub(at))
	}
	slices.Sort(took)
	if took[20] > 300*time.Millisecond || took[39] > 3*time.Second {
		t.Errorf("p50 %v, max %v with a quarter of all silent", took[20], took[39])
	}
}

// TestLoss: lost messages cost time, no records.
func TestLoss(t *testing.T) {
	w := grown(t, 10, 200)
	w.loss = 0.05
	for range 40 {
		name := w.name()
		if _, stored := w.host().put(item(plain(name, w.today(), 1))); stored.Holders[0] < Width {
			t.Errorf("%+v", stored)
		}
		if got := w.host().get(Get{Name: name, Day: w.today()}); got.Err != nil {
			t.Errorf("%+v", got)
		}
	}
}

// TestClassic: the algorithm of comparisons runs on the same code with its own numbers.
func TestClassic(t *testing.T) {
	w := grown(t, 11, 200, func(c *Config) { c.Algorithm = Classic })
	for _, h := range w.hosts {
		if s := h.node.Stats(w.now); s.Table > 8*s.Buckets {
			t.Fatalf("%d contacts in %d buckets", s.Table, s.Buckets)
		}
	}
	for range 20 {
		name := w.name()
		if _, stored := w.host().put(item(plain(name, w.today(), 1))); stored.Holders[0] != 8 && stored.Holders[0] != 9 {
			t.Errorf("%+v", stored)
		}
		got := w.host().get(Get{Name: name, Day: w.today()})
		if got.Err != nil || got.Tries > 1 {
			t.Errorf("%+v", got)
		}
	}
	if got := w.host().get(Get{Name: w.name(), Day: w.today()}); got.Tries != 1 {
		t.Errorf("%d tries of one", got.Tries)
	}
}

// TestSameSeed: what a node does depends on its generator and on what it is told.
func TestSameSeed(t *testing.T) {
	play := func() (int, int, int) {
		w := grown(t, 12, 120)
		w.collude(0.1)
		for range 20 {
			name := w.name()
			w.host().put(item(plain(name, w.today(), 1)))
			w.host().get(Get{Name: name, Day: w.today()})
		}
		w.run(10 * time.Minute)
		return w.sent, w.bytes, int(w.order)
	}
	a, b, c := play()
	if x, y, z := play(); a != x || b != y || c != z {
		t.Errorf("%d %d %d, then %d %d %d", a, b, c, x, y, z)
	}
}

// TestBusy: searches beyond what may run and wait are refused, the others all end.
func TestBusy(t *testing.T) {
	w := grown(t, 13, 60, func(c *Config) { c.Limits.Lookups, c.Limits.Queue = 4, 10 })
	h := w.host()
	ended, busy := 0, 0
	for range 40 {
		h.node.Get(w.now, Get{Name: w.name(), Day: w.today()}, func(g Got) {
			if ended++; errors.Is(g.Err, wire.ErrBusy) {
				busy++
			}
		})
	}
	h.pump()
	if s := h.node.Stats(w.now); s.Lookups > 4 || s.Waiting > 10 {
		t.Errorf("%d run, %d wait", s.Lookups, s.Waiting)
	}
	w.until(func() bool { return ended == 40 })
	if busy != 26 {
		t.Errorf("%d refused, want 26", busy)
	}
}

// TestMemory: a gateway's share of the heap, with its table full and records looked
// up, is below 128 KiB.
func TestMemory(t *testing.T) {
	heap := func() uint64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before := heap()
	const count = 300
	w := grown(t, 14, count, func(c *Config) { c.Book = nil }) // as in processes of their own
	for range 300 {
		name := w.name()
		w.host().put(item(plain(name, w.today(), 1)))
		w.host().get(Get{Name: name, Day: w.today()})
	}
	w.events = nil
	records := 0
	for _, h := range w.hosts {
		records += h.node.shelf.Stats().Bytes
	}
	if each := (int(heap()-before) - records) / count; each > 128<<10 {
		t.Errorf("%d bytes a node", each)
	} else {
		t.Logf("%d bytes a node", each)
	}
	runtime.KeepAlive(w)
}

// TestPuzzle: with a puzzle in the network, at most 20 places a second are
// checked, each once; who names a place without a solution is dropped; searches wait.
func TestPuzzle(t *testing.T) {
	forged := make(map[key.NodeID]bool)
	checks := make(map[key.NodeID]int)
	w := newWorld(t, 15)
	w.params.PuzzleBits = 4
	for range 120 {
		w.add(func(c *Config) {
			if len(w.hosts) == 0 { // the one that is looked at
				c.Solved = func(id key.NodeID) bool { checks[id]++; return !forged[id] }
				return
			}
			c.Solved = func(id key.NodeID) bool { return !forged[id] }
		})
	}
	w.acquaint()
	h := w.hosts[0]
	names := h.node.table.Len()
	start := w.now
	for range 10 {
		h.find(contact.Random(w.rand))
	}
	spent := w.now.Sub(start)
	total := 0
	for id, n := range checks {
		if n > 1 {
			t.Errorf("%s was checked %d times", id, n)
		}
		total += n
	}
	if total == 0 || float64(total) > 20+20*spent.Seconds() {
		t.Errorf("%d checks in %v; %d contacts were known", total, spent, names)
	}

	liar := w.nearest(h.node.self.ID, 2)[1]
	var ghosts []wire.Contact
	target := contact.WithBits(liar.node.self.ID, 200, 8, 0)
	for range 3 {
		c := w.contact(w.addr())
		for id := c.Place(w.params.Network); contact.CommonPrefix(&id, &target) < 10; id = c.Place(w.params.Network) {
			c.X = rand.Uint64()
		}
		forged[c.Place(w.params.Network)] = true
		ghosts = append(ghosts, c)
	}
	liar.lie = func(_ Caller, request wire.Payload) wire.Payload {
		if _, ok := request.(*wire.FindNode); !ok {
			return nil
		}
		return &wire.Nodes{Contacts: wire.AppendContacts(nil, ghosts)}
	}
	found := h.find(target)
	for _, p := range found.Peers {
		if forged[p.Place(w.params.Network)] {
			t.Error("a place without a solution counts among the nearest")
		}
	}
	if len(found.Peers) != Width {
		t.Errorf("%d found", len(found.Peers))
	}
	if h.node.table.Has(liar.node.self) || h.node.stats.BadAnswers == 0 {
		t.Error("who named places without a solution kept its own")
	}
}
