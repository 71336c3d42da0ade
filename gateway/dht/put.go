package dht

import (
	"cmp"
	"slices"
	"time"

	"zeroms/gateway/dht/contact"
	"zeroms/gateway/dht/holders"
	"zeroms/gateway/dht/lookup"
	"zeroms/gateway/dht/query"
	"zeroms/gateway/dht/settings"
	"zeroms/gateway/dht/shelf"
	"zeroms/gateway/dht/stamps"
	"zeroms/protocol/key"
	"zeroms/protocol/wire"
)

// Numbers of a store beside those of the network.
const (
	firstPaths = 2  // paths until the first acknowledgements
	firstBatch = 6  // holders that are asked then
	enough     = 4  // acknowledgements after which the other paths start
	sweepNames = 96 // gateways that are thought of for each record of a sweep
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

// storing stores records of one region.
type storing struct {
	put    *put
	node   *Node
	items  []*query.Placed
	job    *holders.Job
	wide   bool
	search *search
	around *search // of the whole region
	bits   int     // of the region
	stage  stage
	due    int64 // when the other paths start anyway
	before int   // gateways that a search asked which was begun again
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
	items, err := p.Placed(n.config.Params.Network, now, n.config.CheckValue)
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

// regions groups items that one search finds the holders of.
func (n *Node) regions(items []*query.Placed) [][]*query.Placed {
	place := func(it *query.Placed) key.NodeID { return it.Item.Place }
	return holders.Group(items, place, n.networkSize().Bits(RegionSize))
}

// second stores address records at their second position too.
func (w *put) second(now int64, items []*query.Placed) {
	for _, group := range w.node.regions(query.Second(items)) {
		w.part(now, group, false)
	}
}

// part begins to store the items of one region.
func (w *put) part(now int64, items []*query.Placed, wide bool) {
	n := w.node
	places := make([]key.NodeID, len(items))
	for i, it := range items {
		places[i] = it.Item.Place
	}
	s := &storing{
		put: w, node: n, items: items, wide: wide, due: never, job: holders.New(places, n.policy.Table.BucketNear),
	}
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
	place := s.items[0].Item.Place
	plan := n.plan(place, n.policy.PutPaths)
	var guides []*contact.Peer
	if len(s.items) == 1 && !s.wide && !s.again {
		guides = n.memory.Guides(now, place)
	}
	if s.again = len(guides) > 0; s.again {
		plan.Paths, plan.Start = len(guides), len(guides)
		s.stage = locating
	} else if len(s.items) > 1 {
		plan = n.region(place, n.networkSize().Bits(RegionSize))
		s.stage = locating
	} else if s.job.Begun() { // the first were asked before the search began anew
		s.stage = locating
	} else if n.policy.PutPaths > firstPaths {
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
	if s.stage != starting || s.search == nil || s.job.Begun() {
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
	if s.stage == starting && (s.job.Records[0].Holders >= enough || s.job.Flying == 0) {
		s.others(now)
	}
}

// others starts all paths.
func (s *storing) others(now int64) {
	s.stage, s.due = locating, never
	s.search.Activate(s.node.policy.PutPaths)
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
	first := &s.items[0].Item.Place
	crowded, sparse := n.networkSize().Density(first, s.search.Nearest(*first, n.policy.Width, true, nil))
	if s.again && (crowded || sparse || s.search.Converged() < 2) {
		s.afresh(now)
		return
	}
	n.suspect(crowded)
	if crowded && !s.wide && n.policy.Tries > 1 {
		s.wide = true
		s.put.second(now, s.items)
	}
	if s.wide || sparse && n.policy.Tries > 1 {
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
	s.bits = n.networkSize().Bits(RegionSize)
	s.around = n.newSearch(n.region(s.items[0].Item.Place, s.bits), func(now int64, _ *search) {
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
	missing := s.assign(now, s.node.policy.Holders)
	if s.job.Late {
		s.due = s.node.puzzles.Refilled(now, s.node.config.Limits.Checks)
	}
	switch {
	case s.job.Flying > 0 || s.job.Late:
		s.report()
	case s.again && missing:
		s.afresh(now)
	case missing && s.around == nil && s.node.policy.Tries > 1 && s.node.networkSize() > 2*Width:
		s.widen(now)
	default:
		s.end()
	}
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
		place := s.items[0].Item.Place
		n.memory.Remember(n.now, place, s.job.Holding(&place))
	}
	n.storing = slices.DeleteFunc(n.storing, func(o *storing) bool { return o == s })
	w.pending--
	s.report()
}

// candidates are the gateways that may hold an item, nearest first.
func (s *storing) candidates(place key.NodeID) []*contact.Peer {
	all := s.search.Nearest(place, sweepNames, true, nil)
	if s.around != nil {
		all = contact.Union(all, s.around.Nearest(place, sweepNames, true, nil))
		contact.SortNearest(&place, all)
	}
	return all
}

// assign asks gateways to hold what has too few holders: in region mode some of
// every cell, else the nearest. It reports whether some record has too few and
// nobody is left.
func (s *storing) assign(now int64, want int) (missing bool) {
	s.job.Late = false
	for i, it := range s.items {
		h := &holdingHost{s, i}
		place := it.Item.Place
		all := s.candidates(place)
		switch {
		case s.wide && s.around != nil:
			for c := range settings.RegionCells {
				cell := contact.WithBits(place, s.bits, 3, uint64(c))
				s.job.Assign(i, contact.Sharing(&cell, s.bits+3, all), settings.CellHolders, h)
			}
		case s.stage == starting: // whoever is known to be there costs no new contact
			slices.SortStableFunc(all[:min(len(all), Width)], func(a, b *contact.Peer) int {
				return cmp.Compare(s.unknown(a), s.unknown(b))
			})
			fallthrough
		default:
			missing = s.job.Assign(i, all, want, h) || missing
		}
	}
	s.send(now)
	return missing
}

// send sends what was assigned.
func (s *storing) send(now int64) {
	for _, send := range s.job.Sends() {
		request := &wire.Store{Items: make([]wire.StoreItem, 0, send.Set.Len())}
		for i, it := range s.items {
			if send.Set.Has(i) {
				request.Items = append(request.Items, it.StoreItem)
			}
		}
		s.put.state.Messages++
		s.node.ask(now, send.Peer, request, &storeAnswer{s, send})
	}
}

// unknown is 0 for a gateway that answered the search, else 1.
func (s *storing) unknown(p *contact.Peer) int {
	if s.search.Answers(p) {
		return 0
	}
	return 1
}

// holdingHost is the node as the holders' account sees it.
type holdingHost struct {
	*storing
	of int
}

// Judge says whether a gateway's place is sound.
func (h *holdingHost) Judge(p *contact.Peer) (sound, known bool) {
	v := h.node.Admit(p)
	return v == lookup.Sound, v != lookup.Later
}

// Before reports whether this node serves and is nearer to a place than p.
func (h *holdingHost) Before(place *key.NodeID, p *contact.Peer) bool {
	return h.node.Serving() && (p == nil || contact.Nearer(place, &h.node.self.ID, &p.ID))
}

// Hold puts a record onto the own shelf.
func (h *holdingHost) Hold(i int) error {
	n, it := h.node, h.items[i]
	now := time.Unix(0, n.now)
	_, err := n.shelf.Put(now, n.self.Near, shelf.Offer{Item: it.Item, Stamp: it.Stamp})
	if err == nil {
		h.held(i)
	}
	n.willExpire(now)
	return err
}

// storeAnswer waits for the answer to one Store.
type storeAnswer struct {
	*storing
	send holders.Send
}

func (a *storeAnswer) take(now int64, f flight, answer wire.Payload, err error) {
	s := a.storing
	codes, ok := answer.(*wire.Stored)
	switch {
	case err != nil:
		s.job.Failed(a.send)
	case !ok:
		s.job.Failed(a.send)
		s.node.broke(f.Peer)
	case !s.job.Answered(a.send, codes.Codes, s.held):
		s.node.broke(f.Peer)
	}
	switch s.stage {
	case starting:
		if s.job.Flying+s.job.Records[0].Holders < enough {
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

// held counts one more holder of an item.
func (s *storing) held(i int) {
	it, st := s.items[i], &s.put.state
	st.Holders[it.Of]++
	if it.Of == 0 && it.Index == 0 && s.job.Records[i].Holders == enough && st.ToFour == 0 {
		st.ToFour = s.contacts()
	}
}

// contacts is how many gateways were asked anything.
func (s *storing) contacts() int {
	all := s.job.Contacts(nil)
	for _, search := range []*search{s.search, s.around} {
		if search != nil {
			all = contact.Union(all, search.Contacts(nil))
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
	st, outdone := w.state, false
	for _, part := range w.parts {
		st.Refused, outdone = st.Refused+part.job.Refused, outdone || part.job.Outdone()
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
	st.Settle(outdone)
	w.early = true
	done := w.done
	w.node.later = append(w.node.later, func() { done(st) })
}

// enough reports whether every item has as many holders as are waited for:
// min(12, ceil(0.6 * min(20, live + 1))).
func (w *put) enough() bool {
	n := w.node
	live := n.table.Counts(0)
	want := min(n.policy.Holders, live.Contacts-live.Stale+1)
	want = min(settings.EarlyHolders, (want*6+9)/10)
	for _, part := range w.parts {
		if part.items[0].Index != 0 {
			continue
		}
		for i := range part.job.Records {
			if part.job.Records[i].Holders < want {
				return false
			}
		}
	}
	return true
}

// stamping is a store that waits for stamps.
type stamping struct {
	*storing
	job *stamps.Job
}

// stampAll begins to make the stamps that are missing or bad; false: none is.
func (n *Node) stampAll(s *storing) bool {
	places, have := make([]key.NodeID, len(s.items)), make([][]byte, len(s.items))
	for i, it := range s.items {
		places[i], have[i] = it.Item.Place, it.Stamp
	}
	job := stamps.New(time.Unix(0, n.now), n.config.Params.StampBits, places, have)
	if job == nil {
		return false
	}
	n.stamping = append(n.stamping, stamping{s, job})
	return true
}

// stamp goes on with the first store that waits for stamps.
func (n *Node) stamp(now int64) {
	if len(n.stamping) == 0 || !n.stamping[0].job.Work(time.Unix(0, now)) {
		return
	}
	first := n.stamping[0]
	n.stamping = n.stamping[1:]
	for i, stamp := range first.job.Stamps() {
		first.items[i].Stamp = stamp
	}
	first.locate(now)
}
