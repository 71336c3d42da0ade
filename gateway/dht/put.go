package dht

import (
	"cmp"
	"encoding/binary"
	"math/bits"
	"slices"
	"time"

	"zeroms/gateway/dht/contact"
	"zeroms/gateway/dht/lookup"
	"zeroms/gateway/dht/shelf"
	"zeroms/protocol/address"
	"zeroms/protocol/key"
	"zeroms/protocol/wire"
)

// Numbers of a store beside those of the network.
const (
	firstPaths = 2 // paths until the first acknowledgements
	firstBatch = 6 // holders that are asked then
	enough     = 4 // acknowledgements after which the other paths start
	sweepNames = 96
)

// put is a Put that runs: its items, and the searches that store them.
type put struct {
	node    *Node
	parts   []*storing
	state   Stored
	early   bool
	pending int // parts that have not ended
	done    func(Stored)
}

// storedItem is one record at one of its places.
type storedItem struct {
	wire.StoreItem
	place   key.NodeID
	of      int // its index in the Put
	class   address.Class
	expires time.Time
	item    address.Item
	holders int
	older   int  // gateways that hold a newer one
	self    bool // one of the holders is this node
}

// outdated is after how many gateways that hold a newer record nobody else is
// asked to hold this one: more than a third of its holders.
const outdated = 8

// storing stores records of one region.
type storing struct {
	put    *put
	node   *Node
	items  []*storedItem
	wide   bool
	search *search
	around *search // of the whole region
	bits   int     // of the region
	peers  []holder
	flying int
	stage  stage
	due    int64 // when the other paths start anyway
	before int   // gateways that a search asked which was begun again
	late   bool  // some gateway's puzzle can't be checked at the moment
	again  bool  // the search began with the holders of the last time
}

type stage uint8

const (
	waiting  stage = iota // for stamps
	starting              // few paths, until the first acknowledgements
	locating              // all paths
	widening              // the region
	filling               // the nearest are known; those that fail are replaced
	ended
)

// holder is a gateway that is asked to hold: which items it was sent, and which
// it holds, a bit each.
type holder struct {
	peer        *contact.Peer
	sent, holds uint32
	flying      bool
	failed      bool
}

// Put stores records in the network. done is called when enough gateways hold all
// of them, and once more when nothing is left to do; only the latter if both fall
// together. Both happen within later calls of Advance or Answered.
func (n *Node) Put(now time.Time, p Put, done func(Stored)) {
	w := &put{node: n, done: done}
	n.stats.Puts++
	w.state.Holders = make([]int, len(p.Items))
	n.later = append(n.later, func() { w.start(now, p) })
}

func (w *put) start(now time.Time, p Put) {
	n := w.node
	items, err := n.place(now, p.Items)
	switch {
	case err != nil:
		w.fail(err)
		return
	case n.full():
		w.fail(wire.ErrBusy)
		return
	case n.table.Len() == 0 && !n.Serving():
		w.fail(wire.ErrUnreachable)
		return
	}
	for _, group := range n.regions(items) {
		w.part(now.UnixNano(), group, p.Wide)
	}
	if p.Wide {
		w.second(now.UnixNano(), items)
	}
}

func (w *put) fail(err error) {
	w.state.Err, w.state.Final = err, true
	w.done(w.state)
}

// place checks the items and says where they belong. Errors: wire.ErrValue for
// none, too many, or an index; those of address.CheckValue.
func (n *Node) place(now time.Time, items []wire.StoreItem) ([]*storedItem, error) {
	if len(items) == 0 || len(items) > wire.MaxStores {
		return nil, wire.ErrValue.Because("records to store")
	}
	var out []*storedItem
	for i, it := range items {
		place, err := n.placeOf(now, it.Record)
		if err != nil || it.Index != 0 {
			return nil, orValue(err)
		}
		item, err := n.config.CheckValue(it.Record, place, now)
		if err != nil {
			return nil, err
		}
		out = append(out, &storedItem{StoreItem: it, place: place, of: i, item: item})
	}
	return out, nil
}

func orValue(err error) error {
	if err == nil {
		return wire.ErrValue.Because("index of a record")
	}
	return err
}

// placeOf is where a record belongs; that it is sound is checked afterwards.
func (n *Node) placeOf(now time.Time, b []byte) (key.NodeID, error) {
	if len(b) == wire.RecordSize {
		return address.Position(key.BlindedPublic(b[1:33]), 0, binary.BigEndian.Uint32(b[33:37])), nil
	}
	d, err := address.OpenDescriptor(b, n.config.Params.Network, now)
	if err != nil {
		return key.NodeID{}, err
	}
	return d.Place(), nil
}

// regions groups items whose places share so many bits that one search finds the
// holders of all ("sweep").
func (n *Node) regions(items []*storedItem) [][]*storedItem {
	sorted := slices.Clone(items)
	slices.SortStableFunc(sorted, func(a, b *storedItem) int { return slices.Compare(a.place[:], b.place[:]) })
	shared := n.regionBits()
	var groups [][]*storedItem
	for _, it := range sorted {
		last := len(groups) - 1
		if last >= 0 && contact.CommonPrefix(&groups[last][0].place, &it.place) >= shared {
			groups[last] = append(groups[last], it)
			continue
		}
		groups = append(groups, []*storedItem{it})
	}
	return groups
}

// second stores address records at their second position too.
func (w *put) second(now int64, items []*storedItem) {
	var others []*storedItem
	for _, it := range items {
		if it.item.Class != address.ClassRecord || it.Index != 0 {
			continue
		}
		other := *it
		other.Index, other.Stamp, other.holders, other.self = 1, nil, 0, false
		other.place = address.Position(it.item.Name, 1, it.item.Day)
		other.item.Place, other.item.Index = other.place, 1
		others = append(others, &other)
	}
	for _, group := range w.node.regions(others) {
		w.part(now, group, false)
	}
}

// part begins to store the items of one region.
func (w *put) part(now int64, items []*storedItem, wide bool) {
	n := w.node
	s := &storing{put: w, node: n, items: items, wide: wide, due: never}
	w.parts = append(w.parts, s)
	w.pending++
	n.storing = append(n.storing, s)
	if !n.stampAll(s) {
		s.locate(now)
	}
}

// locate begins the search for the holders. Items of one region are searched for
// cell by cell, which finds the nearest gateways of each.
func (s *storing) locate(now int64) {
	n := s.node
	s.stage = starting
	plan := n.plan(s.items[0].place, n.policy.putPaths)
	guides := n.memory.guides(now, s.items)
	if s.again = len(guides) > 0 && !s.wide && !s.again; s.again {
		plan.Paths, plan.Start = len(guides), len(guides)
		s.stage = locating
	} else if len(s.items) > 1 {
		plan = n.region(s.items[0].place, n.regionBits())
		s.stage = locating
	} else if n.policy.putPaths > firstPaths {
		plan.Start = firstPaths
	} else {
		plan.Thorough = true
		s.stage = locating
	}
	s.search = n.newSearch(plan, func(now int64, _ *search) { s.located(now) })
	s.search.moved = func(now int64, _ *search) { s.moved(now) }
	if s.again {
		s.search.Seed(guides)
	} else {
		n.seed(s.search, nil)
	}
	n.begin(now, s.search)
}

// moved looks whether a path has come as near as it gets: then the first holders
// are asked. Where all paths end without that, the others start.
func (s *storing) moved(now int64) {
	if s.stage != starting || s.search == nil || len(s.peers) > 0 {
		return
	}
	switch {
	case s.search.Converged() > 0:
		if d := s.node.config.Timing.Stage; d > 0 {
			s.due = now + max(int64(d), 4*s.node.firstRT)
		}
		s.assign(now, firstBatch)
		s.proceed(now)
	case s.search.Resting():
		s.others(now)
	}
}

// proceed starts the other paths once the first gateways hold the record, or all
// that were asked have failed to.
func (s *storing) proceed(now int64) {
	if s.stage == starting && (s.items[0].holders >= enough || s.flying == 0) {
		s.others(now)
	}
}

// others starts all paths.
func (s *storing) others(now int64) {
	s.stage, s.due = locating, never
	s.search.Activate(s.node.policy.putPaths)
	s.node.step(now, s.search)
}

// advance is called when due has come.
func (s *storing) advance(now int64) {
	s.due = never
	switch s.stage {
	case starting:
		s.others(now)
	case filling:
		s.fill(now)
	}
}

// located looks at what the search found: a crowded place is stored around.
func (s *storing) located(now int64) {
	n := s.node
	first := &s.items[0].place
	crowded, sparse := n.density(s.search.Nearest(*first, n.policy.width, true, nil), first)
	if s.again && (crowded || sparse || s.search.Converged() < 2) {
		s.afresh(now)
		return
	}
	n.suspect(crowded)
	if crowded && !s.wide && n.policy.tries > 1 {
		s.wide = true
		s.put.second(now, s.items)
	}
	if s.wide || sparse && n.policy.tries > 1 {
		s.widen(now)
		return
	}
	s.stage, s.due = filling, never
	s.fill(now)
}

// widen searches the whole region.
func (s *storing) widen(now int64) {
	n := s.node
	s.stage, s.due = widening, never
	s.put.state.Region = s.put.state.Region || s.wide
	s.bits = n.regionBits()
	s.around = n.newSearch(n.region(s.items[0].place, s.bits), func(now int64, _ *search) {
		s.stage = filling
		s.fill(now)
	})
	n.seed(s.around, nil)
	n.begin(now, s.around)
}

// fill asks gateways until every item has its holders or nobody is left. If some
// are missing, the region is searched once for more.
func (s *storing) fill(now int64) {
	if s.stage == ended {
		return
	}
	s.late = false
	missing := s.assign(now, s.node.policy.holders)
	if s.flying > 0 || s.late {
		s.report()
		return
	}
	if s.again && missing {
		s.afresh(now)
		return
	}
	if missing && s.around == nil && s.node.policy.tries > 1 && s.node.networkSize() > 2*Width {
		s.widen(now)
		return
	}
	s.end()
}

// afresh searches as if the record had never been stored from here.
func (s *storing) afresh(now int64) {
	s.before += s.search.Contacted
	s.put.state.Messages += s.search.Messages
	s.locate(now)
}

func (s *storing) end() {
	n, w := s.node, s.put
	s.stage = ended
	if len(s.items) == 1 && !s.again {
		n.memory.remember(n.now, s.items[0].place, s.peers)
	}
	n.storing = slices.DeleteFunc(n.storing, func(o *storing) bool { return o == s })
	w.pending--
	s.report()
}

// candidates are the gateways that may hold an item, nearest first: in region mode
// those of each cell after those of the others.
func (s *storing) candidates(it *storedItem) []*contact.Peer {
	all := s.search.Nearest(it.place, sweepNames, true, nil)
	if s.around == nil {
		return all
	}
	for _, p := range s.around.Nearest(it.place, sweepNames, true, nil) {
		if !slices.Contains(all, p) {
			all = append(all, p)
		}
	}
	contact.SortNearest(&it.place, all)
	return all
}

// assign asks gateways to hold what has too few holders, counting those that are
// being asked. It reports whether some item has too few and nobody is left.
func (s *storing) assign(now int64, holders int) (missing bool) {
	batch := make(map[*contact.Peer]uint32)
	var order []*contact.Peer
	for i, it := range s.items {
		bit := uint32(1) << i
		choose := func(from []*contact.Peer, want int) {
			if s.choose(it, bit, from, want, func(p *contact.Peer) {
				if batch[p] == 0 {
					order = append(order, p)
				}
				batch[p] |= bit
			}) {
				missing = true
			}
		}
		all := s.candidates(it)
		if s.wide && s.around != nil {
			for c := range RegionCells {
				cell := contact.WithBits(it.place, s.bits, 3, uint64(c))
				choose(within(all, &cell, s.bits+3), CellHolders)
			}
			missing = false
			continue
		}
		if s.stage == starting { // whoever is known to be there costs no new contact
			slices.SortStableFunc(all[:min(len(all), Width)], func(a, b *contact.Peer) int {
				return cmp.Compare(s.unknown(a), s.unknown(b))
			})
		}
		choose(all, holders)
	}
	for _, p := range order {
		s.send(now, p, batch[p])
	}
	return missing
}

// unknown is 0 for a gateway that answered the search, else 1.
func (s *storing) unknown(p *contact.Peer) int {
	if s.search.Answers(p) {
		return 0
	}
	return 1
}

// within is the peers that share so many bits with a place.
func within(peers []*contact.Peer, place *key.NodeID, bits int) (inside []*contact.Peer) {
	for _, p := range peers {
		if contact.CommonPrefix(place, &p.ID) >= bits {
			inside = append(inside, p)
		}
	}
	return inside
}

// choose picks holders of one item among peers, nearest first, until want of them
// hold it or are asked to. It reports whether there are too few.
func (s *storing) choose(it *storedItem, bit uint32, peers []*contact.Peer, want int, pick func(*contact.Peer)) bool {
	if it.older >= outdated {
		return false
	}
	n := s.node
	var chosen []*contact.Peer
	most := n.policy.table.BucketNear
	for _, p := range peers {
		if len(chosen) >= want {
			return false
		}
		if n.Serving() && !it.self && contact.Nearer(&it.place, &n.self.ID, &p.ID) {
			s.holdOurselves(it)
			want--
		}
		h := s.holder(p)
		if h != nil && (h.failed || h.sent&bit != 0 && h.holds&bit == 0 && !h.flying) {
			continue
		}
		if most > 0 && near(chosen, p) >= most {
			continue
		}
		if v := n.Admit(p); v == lookup.Later {
			s.late = true
			s.due = min(s.due, n.puzzles.refilled(n.now, n.config.Limits.Checks))
			return false
		} else if v == lookup.Forged {
			continue
		}
		if h == nil || h.sent&bit == 0 {
			if h != nil && h.flying {
				continue // its next frame
			}
			pick(p)
		}
		chosen = append(chosen, p)
	}
	if n.Serving() && !it.self && len(chosen) < want {
		s.holdOurselves(it)
		want--
	}
	return len(chosen) < want
}

// holdOurselves puts an item onto the own shelf.
func (s *storing) holdOurselves(it *storedItem) {
	it.self = true
	n := s.node
	it.item.Index = it.Index
	group := n.self.Near
	now := time.Unix(0, n.now)
	if _, err := n.shelf.Put(now, group, shelf.Offer{Item: it.item, Stamp: it.Stamp}); err == nil {
		s.acknowledged(it)
	}
	n.willExpire(now)
}

func (s *storing) holder(p *contact.Peer) *holder {
	for i := range s.peers {
		if s.peers[i].peer == p {
			return &s.peers[i]
		}
	}
	return nil
}

// send asks one gateway to hold the items of a set.
func (s *storing) send(now int64, p *contact.Peer, set uint32) {
	h := s.holder(p)
	if h == nil {
		s.peers = append(s.peers, holder{peer: p})
		h = &s.peers[len(s.peers)-1]
	}
	h.sent |= set
	h.flying = true
	s.flying++
	request := &wire.Store{Items: make([]wire.StoreItem, 0, bits.OnesCount32(set))}
	for i, it := range s.items {
		if set>>i&1 != 0 {
			request.Items = append(request.Items, it.StoreItem)
		}
	}
	s.put.state.Messages++
	s.node.ask(now, p, request, &storeAnswer{s, set})
}

// storeAnswer waits for the answer to one Store.
type storeAnswer struct {
	*storing
	set uint32
}

func (a *storeAnswer) take(now int64, f flight, answer wire.Payload, err error) {
	s := a.storing
	h := s.holder(f.peer)
	h.flying = false
	s.flying--
	codes, ok := answer.(*wire.Stored)
	if err == nil && (!ok || len(codes.Codes) != bits.OnesCount32(a.set)) {
		s.node.broke(f.peer)
		err = errAnswer
	}
	if err != nil {
		h.failed = true
	} else {
		at := 0
		for i, it := range s.items {
			if a.set>>i&1 == 0 {
				continue
			}
			switch wire.Code(codes.Codes[at]) {
			case 0:
				h.holds |= 1 << i
				s.acknowledged(it)
			case wire.CodeOlder:
				it.older++
			}
			at++
		}
	}
	switch s.stage {
	case starting:
		if err != nil {
			s.assign(now, firstBatch)
		}
		s.proceed(now)
		s.report()
	case filling:
		s.fill(now)
	default:
		s.report()
	}
}

// acknowledged counts one more holder.
func (s *storing) acknowledged(it *storedItem) {
	it.holders++
	st := &s.put.state
	st.Holders[it.of]++
	if it.of == 0 && it.Index == 0 && it.holders == 4 && st.ToFour == 0 {
		st.ToFour = s.contacts()
	}
}

// contacts is how many gateways were asked anything.
func (s *storing) contacts() int {
	var all []*contact.Peer
	for _, search := range []*search{s.search, s.around} {
		if search == nil {
			continue
		}
		before := len(all)
		for _, p := range search.Contacts(nil) {
			if !slices.Contains(all[:before], p) {
				all = append(all, p)
			}
		}
	}
	before := len(all)
	for i := range s.peers {
		if !slices.Contains(all[:before], s.peers[i].peer) {
			all = append(all, s.peers[i].peer)
		}
	}
	return len(all) + s.before
}

// report tells whoever waits, if there is something to tell.
func (s *storing) report() {
	w := s.put
	if w.pending > 0 && (w.early || !w.enough()) {
		return
	}
	st := w.state
	for _, part := range w.parts {
		st.Contacts += part.contacts()
		if part.search != nil {
			st.Messages += part.search.Messages
		}
		if part.around != nil {
			st.Messages += part.around.Messages
		}
	}
	st.Holders = slices.Clone(st.Holders)
	st.Final = w.pending == 0
	if st.Final && !slices.ContainsFunc(st.Holders, func(n int) bool { return n > 0 }) {
		st.Err = wire.ErrUnreachable
		if w.parts[0].items[0].older > 0 {
			st.Err = wire.ErrOlder
		}
	}
	w.early = true
	done := w.done
	w.node.later = append(w.node.later, func() { done(st) })
}

// enough reports whether every item has as many holders as are waited for:
// min(12, ceil(0.6 * min(20, live + 1))).
func (w *put) enough() bool {
	n := w.node
	live := n.table.Counts(0)
	want := min(n.policy.holders, live.Contacts-live.Stale+1)
	want = min(EarlyHolders, (want*6+9)/10)
	for _, part := range w.parts {
		if part.items[0].Index != 0 {
			continue
		}
		for _, it := range part.items {
			if it.holders < want {
				return false
			}
		}
	}
	return true
}

// stamping makes the stamps of a store, a slice at a time.
type stamping struct {
	*storing
	at   int    // the item
	from uint64 // the next nonce
}

// stampSlice is how many nonces are tried at a time: 2 ms.
const stampSlice = 8192

// stampAll begins to make the stamps that are missing or bad; false: none is.
func (n *Node) stampAll(s *storing) bool {
	zeros := int(n.config.Params.StampBits)
	if zeros == 0 {
		return false
	}
	missing := false
	for _, it := range s.items {
		got, err := wire.WorkBits(wire.StampSubject(it.place), it.Stamp, time.Unix(0, n.now))
		if err != nil || got < zeros {
			it.Stamp, missing = nil, true
		}
	}
	if missing {
		n.stamping = append(n.stamping, &stamping{storing: s})
	}
	return missing
}

// stamp goes on with the first store that waits for stamps.
func (n *Node) stamp(now int64) {
	if len(n.stamping) == 0 {
		return
	}
	j := n.stamping[0]
	for ; j.at < len(j.items); j.at, j.from = j.at+1, 0 {
		it := j.items[j.at]
		if it.Stamp != nil {
			continue
		}
		stamp, next, ok := address.Stamp(it.place, n.config.Params.StampBits, address.Day(time.Unix(0, now)), j.from, stampSlice)
		if !ok {
			j.from = next
			return
		}
		it.Stamp = stamp
		break
	}
	if slices.ContainsFunc(j.items, func(it *storedItem) bool { return it.Stamp == nil }) {
		return
	}
	n.stamping = n.stamping[1:]
	j.locate(now)
}
