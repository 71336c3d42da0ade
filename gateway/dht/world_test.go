package dht

import (
	"bytes"
	"container/heap"
	"crypto/sha256"
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

// world is a network of nodes on a virtual clock: every message takes latency,
// some are lost, gateways may be gone or lie.
type world struct {
	t       testing.TB
	now     time.Time
	rand    *rand.Rand
	params  address.Parameters
	book    *contact.Book
	latency func() time.Duration // one way
	loss    float64
	events  events
	order   uint64
	hosts   []*host
	at      map[netip.AddrPort]*host
	timing  Timing
	limits  Limits
	sent    int // requests
	bytes   int // of requests and answers
}

// host is one gateway.
type host struct {
	w    *world
	node *Node
	self wire.Contact
	gone bool
	// mute gateways take requests and say nothing.
	mute bool
	// side is the part of the network that its line leads to.
	side int
	// lie, if set, answers instead of the node unless it returns nil.
	lie    func(from Caller, request wire.Payload) wire.Payload
	wake   time.Time
	served map[wire.Type]int
	dials  bool // answers Reach with OK
}

type event struct {
	at    time.Time
	order uint64
	do    func()
}

type events []event

func (e events) Len() int { return len(e) }
func (e events) Less(i, j int) bool {
	return e[i].at.Before(e[j].at) || e[i].at.Equal(e[j].at) && e[i].order < e[j].order
}
func (e events) Swap(i, j int) { e[i], e[j] = e[j], e[i] }
func (e *events) Push(x any)   { *e = append(*e, x.(event)) }
func (e *events) Pop() any {
	last := (*e)[len(*e)-1]
	*e = (*e)[:len(*e)-1]
	return last
}

var testNetwork = key.Network{'t', 'e', 's', 't'}

func newWorld(t testing.TB, seed uint64) *world {
	w := &world{
		t: t, now: time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC), rand: rand.New(rand.NewPCG(seed, 1)),
		params: address.Parameters{Network: testNetwork, Scope: address.Public},
		at:     make(map[netip.AddrPort]*host), timing: Timing{}.Default(), limits: Limits{}.Default(),
	}
	w.timing.Reach = 0
	w.book = contact.NewBook(w.params, 1<<14)
	w.latency = func() time.Duration { return 30*time.Millisecond + time.Duration(w.rand.IntN(40))*time.Millisecond }
	return w
}

func (w *world) after(d time.Duration, do func()) {
	w.order++
	heap.Push(&w.events, event{w.now.Add(d), w.order, do})
}

// run plays what happens until d has passed.
func (w *world) run(d time.Duration) {
	end := w.now.Add(d)
	for len(w.events) > 0 && !w.events[0].at.After(end) {
		e := heap.Pop(&w.events).(event)
		w.now = e.at
		e.do()
	}
	w.now = end
}

// until plays what happens until done says so, for an hour at most.
func (w *world) until(done func() bool) {
	w.t.Helper()
	for end := w.now.Add(time.Hour); !done(); {
		if len(w.events) == 0 || w.events[0].at.After(end) {
			w.t.Fatal("nothing more happens, or not within an hour")
		}
		e := heap.Pop(&w.events).(event)
		w.now = e.at
		e.do()
	}
}

func (w *world) addr() netip.AddrPort {
	for {
		b := [4]byte{byte(1 + w.rand.IntN(99)), byte(w.rand.IntN(256)), byte(w.rand.IntN(256)), byte(1 + w.rand.IntN(254))}
		a := netip.AddrPortFrom(netip.AddrFrom4(b), 8443)
		if w.params.Scope.Allows(a.Addr()) && w.at[a] == nil {
			return a
		}
	}
}

func (w *world) contact(addr netip.AddrPort) wire.Contact {
	c := wire.Contact{X: w.rand.Uint64(), Addr: addr}
	if addr.IsValid() {
		c.Transports = wire.TransportQUIC
	}
	for i := range c.Node {
		c.Node[i] = byte(w.rand.Uint32())
	}
	return c
}

// add makes a gateway that knows nobody.
func (w *world) add(change ...func(*Config)) *host {
	w.t.Helper()
	return w.addAt(w.contact(w.addr()), change...)
}

func (w *world) addAt(self wire.Contact, change ...func(*Config)) *host {
	w.t.Helper()
	config := Config{
		Self: self, Params: w.params, Timing: w.timing, Limits: w.limits, Book: w.book,
		Rand: rand.New(rand.NewPCG(w.rand.Uint64(), 2)), Check: checkPlain, CheckValue: checkPlainValue,
	}
	for _, f := range change {
		f(&config)
	}
	node, err := New(config)
	if err != nil {
		w.t.Fatal(err)
	}
	h := &host{w: w, node: node, self: config.Self, served: make(map[wire.Type]int), dials: true}
	w.hosts = append(w.hosts, h)
	if h.self.Addr.IsValid() {
		w.at[h.self.Addr] = h
	}
	return h
}

// grown is a network whose gateways know each other as a long-lived one's do.
func grown(t testing.TB, seed uint64, count int, change ...func(*Config)) *world {
	w := newWorld(t, seed)
	for range count {
		w.add(change...)
	}
	w.acquaint()
	return w
}

// acquaint gives every gateway the contacts of a network that is long in use: its
// neighbours, and of all others as many as were met by chance.
func (w *world) acquaint() {
	sorted := slices.Clone(w.hosts)
	slices.SortFunc(sorted, func(a, b *host) int { return bytes.Compare(a.node.self.ID[:], b.node.self.ID[:]) })
	const around, met = 64, 600
	for at, h := range sorted {
		for _, i := range w.rand.Perm(len(sorted))[:min(met, len(sorted))] {
			h.meet(sorted[i])
		}
		for i := max(at-around, 0); i < min(at+around, len(sorted)); i++ {
			h.meet(sorted[i])
		}
	}
	for _, h := range w.hosts {
		h.pump()
	}
}

func (h *host) meet(o *host) {
	if o != h && !o.gone {
		h.node.Adopt(h.w.now, o.self, 100*time.Millisecond)
	}
}

// pump does what the node has to do now.
func (h *host) pump() {
	if h.gone {
		return
	}
	asks, next := h.node.Advance(h.w.now)
	for _, a := range asks {
		h.send(a)
	}
	if next.IsZero() || !h.wake.IsZero() && !h.wake.After(next) && h.wake.After(h.w.now) {
		return
	}
	h.wake = next
	h.w.after(next.Sub(h.w.now), func() {
		if h.wake.Equal(next) {
			h.wake = time.Time{}
			h.pump()
		}
	})
}

func size(p wire.Payload) int { return len(wire.Marshal(p)) }

func (h *host) send(a Ask) {
	w := h.w
	w.sent++
	w.bytes += size(a.Payload)
	answer := func(p wire.Payload, err error) {
		w.after(w.latency(), func() {
			if !h.gone {
				h.node.Answered(w.now, a.ID, p, err)
				h.pump()
			}
		})
	}
	if w.rand.Float64() < w.loss {
		return
	}
	w.after(w.latency(), func() {
		o := w.at[a.To.Addr]
		switch {
		case o == nil || o.gone || o.mute || o.side != h.side: // nobody says anything
			return
		case o.self.Node != a.To.Node:
			answer(nil, wire.ErrWrongNode)
			return
		}
		if w.rand.Float64() < w.loss {
			return
		}
		p := o.serve(Caller{h.self, h.self.Addr.Addr()}, a.Payload)
		w.bytes += size(p)
		answer(p, nil)
	})
}

func (h *host) serve(from Caller, request wire.Payload) wire.Payload {
	h.served[request.Type()]++
	if h.lie != nil {
		if p := h.lie(from, request); p != nil {
			return p
		}
	}
	if _, ok := request.(*wire.Reach); ok {
		if o := h.w.at[from.Contact.Addr]; h.dials && o != nil && !o.gone {
			return &wire.OK{}
		}
		return &wire.Failure{Code: wire.CodeUnreachable}
	}
	p := h.node.Serve(h.w.now, from, request)
	h.pump()
	return p
}

// get runs a Get to its end.
func (h *host) get(q Get) (got Got) {
	h.w.t.Helper()
	ended := false
	h.node.Get(h.w.now, q, func(g Got) { got, ended = g, true })
	h.pump()
	h.w.until(func() bool { return ended })
	return got
}

// put runs a Put to its end, and returns what it said early too.
func (h *host) put(p Put) (early, final Stored) {
	h.w.t.Helper()
	h.node.Put(h.w.now, p, func(s Stored) {
		if !s.Final {
			early = s
			return
		}
		final = s
	})
	h.pump()
	h.w.until(func() bool { return final.Final })
	return early, final
}

func (h *host) find(target key.NodeID) (found Found) {
	h.w.t.Helper()
	ended := false
	h.node.Find(h.w.now, target, func(f Found) { found, ended = f, true })
	h.pump()
	h.w.until(func() bool { return ended })
	return found
}

// nearest is the true nearest live gateways.
func (w *world) nearest(target key.NodeID, count int) []*host {
	var all []*host
	for _, h := range w.hosts {
		if !h.gone {
			all = append(all, h)
		}
	}
	for i := 0; i < min(count, len(all)); i++ {
		for j := i + 1; j < len(all); j++ {
			if contact.Nearer(&target, &all[j].node.self.ID, &all[i].node.self.ID) {
				all[i], all[j] = all[j], all[i]
			}
		}
	}
	return all[:min(count, len(all))]
}

// holders is how many live gateways that do not lie hold something at a place.
func (w *world) holders(place key.NodeID) (count int) {
	for _, h := range w.hosts {
		if _, ok := h.node.shelf.Get(w.now, place); ok && !h.gone && h.lie == nil {
			count++
		}
	}
	return count
}

func (w *world) host() *host {
	for {
		if h := w.hosts[w.rand.IntN(len(w.hosts))]; !h.gone && !h.mute && h.lie == nil {
			return h
		}
	}
}

// plain is a record without seal and signature: version, name, day, seq.
func plain(name [32]byte, day, seq uint32) []byte {
	b := make([]byte, wire.RecordSize)
	b[0] = 1
	copy(b[1:], name[:])
	binary.BigEndian.PutUint32(b[33:], day)
	binary.BigEndian.PutUint32(b[37:], seq)
	return b
}

func (w *world) name() (name [32]byte) {
	for i := range name {
		name[i] = byte(w.rand.Uint32())
	}
	return name
}

func (w *world) today() uint32 { return address.Day(w.now) }

func checkPlain(item wire.StoreItem, now time.Time) (address.Item, error) {
	b := item.Record
	if len(b) != wire.RecordSize || b[0] != 1 {
		return address.Item{}, wire.ErrValue
	}
	it := address.Item{Class: address.ClassRecord, Index: item.Index, Name: [32]byte(b[1:33]), Record: b, Sum: sha256.Sum256(b)}
	it.Day, it.Seq = binary.BigEndian.Uint32(b[33:]), binary.BigEndian.Uint32(b[37:])
	if today := address.Day(now); it.Day+1 < today || it.Day > today+1 {
		return address.Item{}, wire.ErrClock
	}
	it.Place = address.Position(it.Name, it.Index, it.Day)
	it.Until = time.Unix(int64(it.Day+2)*86400, 0)
	return it, nil
}

func checkPlainValue(b []byte, place key.NodeID, now time.Time) (address.Item, error) {
	for i := range uint8(2) {
		it, err := checkPlain(wire.StoreItem{Record: b, Index: i}, now)
		if err != nil || it.Place == place {
			return it, err
		}
	}
	return address.Item{}, wire.ErrWrongKind
}

func item(record []byte) Put { return Put{Items: []wire.StoreItem{{Record: record}}} }

func place(name [32]byte, day uint32) key.NodeID { return address.Position(name, 0, day) }

// collude makes a share of the gateways name only each other, take every record
// and hold none.
func (w *world) collude(share float64) {
	var gang []*contact.Peer
	var liars []*host
	for _, h := range w.hosts {
		if w.rand.Float64() < share {
			gang, liars = append(gang, h.node.self), append(liars, h)
		}
	}
	for _, h := range liars {
		h.lie = colluder(gang)
	}
}

func colluder(gang []*contact.Peer) func(Caller, wire.Payload) wire.Payload {
	near := func(target key.NodeID) (b []byte) {
		peers := slices.Clone(gang)
		contact.SortNearest(&target, peers)
		for _, p := range peers[:min(Width, len(peers))] {
			b = p.AppendTo(b)
		}
		return b
	}
	return func(_ Caller, request wire.Payload) wire.Payload {
		switch r := request.(type) {
		case *wire.FindNode:
			return &wire.Nodes{Contacts: near(r.Target)}
		case *wire.FindValue:
			return &wire.Value{Contacts: near(r.Key)}
		case *wire.Store:
			return &wire.Stored{Codes: make([]uint16, len(r.Items))}
		}
		return nil
	}
}

// leave lets a share of the honest gateways vanish.
func (w *world) leave(share float64) {
	for _, h := range w.hosts {
		if h.lie == nil && w.rand.Float64() < share {
			h.gone = true
		}
	}
}

// sybils adds gateways nearer to a place than any other, and makes them known.
func (w *world) sybils(count int, at key.NodeID) {
	nearest := contact.CommonPrefix(&at, &w.nearest(at, 1)[0].node.self.ID) + 1
	var gang []*contact.Peer
	for len(gang) < count {
		c := w.contact(w.addr())
		for {
			id := c.Place(w.params.Network)
			if contact.CommonPrefix(&at, &id) >= nearest {
				break
			}
			c.X++
		}
		gang = append(gang, w.addAt(c).node.self)
	}
	for _, h := range w.hosts {
		for _, p := range gang {
			h.node.Adopt(w.now, p.Contact, 100*time.Millisecond)
		}
	}
	for _, p := range gang {
		w.at[p.Addr].lie = colluder(gang)
	}
}
