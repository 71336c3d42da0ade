package dht

import (
	"slices"
	"time"

	"zeroms/gateway/dht/contact"
	"zeroms/gateway/dht/estimate"
	"zeroms/gateway/dht/join"
	"zeroms/gateway/dht/lookup"
	"zeroms/gateway/dht/reach"
	"zeroms/gateway/dht/shelf"
	"zeroms/gateway/dht/table"
	"zeroms/protocol/wire"
)

// Numbers of what keeps the table and the records.
const (
	maxWanted   = 64 // contacts that wait for a first request
	walkPaths   = 2
	selfPaths   = 4
	repairBatch = 8 // records that are looked at at once
	// tooStale is the share of contacts that failed last above which a table is young.
	tooStale = 0.05
)

// keep is what a node does though nobody asks for it, and when.
type keep struct {
	check, introduce, walk, self, repair, expire int64
	announce                                     int64
	announced                                    int             // times
	wanted                                       []*contact.Peer // nearest first
	stride                                       time.Duration   // between two walks
}

// plan sets every time for a node that begins: nothing is due before it has a contact.
func (k *keep) plan() {
	k.check, k.introduce, k.walk, k.self = never, never, never, never
	k.repair, k.expire, k.announce = never, never, never
}

// later is now + d, or never if the work is switched off.
func later(now int64, d time.Duration) int64 {
	if d <= 0 {
		return never
	}
	return now + int64(d)
}

// entered begins what a table with contacts needs.
func (k *keep) entered(n *Node, now int64) {
	t := &n.config.Timing
	if k.check == never {
		k.check = later(now, t.Young)
	}
	if k.walk == never || n.table.Len() < Siblings { // a network that begins changes fast
		k.stride = min(firstStride, t.Walk)
		k.walk = min(k.walk, later(now, k.stride))
	}
	if k.self == never {
		k.self = spread(n, now, t.Self) // not all gateways at once
	}
	if k.repair == never {
		k.repair = later(now, t.Repair)
	}
	if _, begun := n.proof.Due(); !begun && !n.proof.Proven {
		n.proof.Begin(now)
	}
}

// spread is a first time somewhere in the interval.
func spread(n *Node, now int64, d time.Duration) int64 {
	if d <= 0 {
		return never
	}
	return now + n.rand.Int64N(int64(d))
}

// failed makes sure that a contact that failed is asked again soon.
func (k *keep) failed(n *Node, now int64) {
	if n.table.Len() > 0 {
		k.check = min(k.check, later(now, n.config.Timing.Young))
	}
}

// want lets a contact wait for a first request: it would get a place in the table.
func (k *keep) want(n *Node, p *contact.Peer) {
	if n.config.Timing.Introduce <= 0 || slices.Contains(k.wanted, p) {
		return
	}
	if k.wanted = contact.Insert(&n.self.ID, k.wanted, p, maxWanted); len(k.wanted) == 0 {
		return
	}
	if k.introduce == never {
		k.introduce = n.now
	}
}

// next is when something is due.
func (k *keep) next(n *Node) int64 {
	return min(k.check, k.introduce, k.walk, k.self, k.repair, k.expire, k.announce, n.join.Due(), n.revisitDue(), n.reachDue())
}

// maintain does what is due.
func (n *Node) maintain(now time.Time, t int64) {
	k := &n.keep
	if n.cut() {
		n.join.Cut(t)
	}
	if n.join.Due() <= t {
		n.rejoin(t)
	}
	if n.revisitDue() <= t {
		n.revisit(t)
	}
	if k.announce <= t {
		n.announce(t)
	}
	if k.introduce <= t {
		n.introduceNext(t)
	}
	if k.check <= t {
		n.checkOldest(t)
	}
	if k.walk <= t {
		k.stride = min(2*k.stride, n.config.Timing.Walk)
		k.walk = later(t, k.stride)
		if at := n.table.Walk(t); at >= 0 {
			n.walkIn(t, at, n.size.Add)
		}
	}
	if k.self <= t {
		k.self = later(t, n.config.Timing.Self)
		n.lookAround(t)
	}
	if k.repair <= t {
		n.passOn(now, t)
	}
	if k.expire <= t {
		n.expireRecords(now)
	}
	if n.reachDue() <= t {
		n.askReach(t, n.proof.Round(t, n.reachers(), n.rand, n.reachTimes()))
	}
}

// probe waits for the answer of a Ping: what it tells is noted before.
type probe struct{}

func (probe) take(int64, flight, wire.Payload, error) {}

// forgedPause is the least time after a place that was not solved until another one is
// checked of those who wait: most of the checks are the lookups'.
const forgedPause = 200 * time.Millisecond

// introduceNext sends a first request to one of those who wait for it. Which is left to
// chance: places near the own one are had for nothing by who does not solve them.
func (n *Node) introduceNext(now int64) {
	k := &n.keep
	for len(k.wanted) > 0 {
		i := n.rand.IntN(len(k.wanted))
		p := k.wanted[i]
		if !n.table.Wants(p) {
			k.wanted = slices.Delete(k.wanted, i, i+1)
			continue
		}
		v := n.Admit(p)
		if v == lookup.Later {
			k.introduce = n.puzzles.Refilled(now, n.config.Limits.Checks)
			return
		}
		k.wanted = slices.Delete(k.wanted, i, i+1)
		if v == lookup.Sound {
			n.ask(now, p, &wire.Ping{}, probe{})
			pause := n.config.Timing.Introduce
			if n.table.Len() < Siblings {
				pause /= 10 // a small network meets at once
			}
			k.introduce = later(now, pause)
			return
		}
		n.table.Remove(p)
		k.introduce = later(now, forgedPause)
		return
	}
	k.wanted = nil
	k.introduce = never
}

// checkOldest asks the contact that was not heard from for longest whether it is
// there. Whoever was heard from in the last third of the time that it may be
// handed out for is left alone.
func (n *Node) checkOldest(now int64) {
	k, t := &n.keep, &n.config.Timing
	p, at := n.table.Oldest(now, int64(t.Seen)/3)
	if p == nil {
		k.check = never
		return
	}
	pace := t.Healthy
	if n.isYoung(now) || pace <= 0 {
		pace = t.Young
	}
	if at > now {
		k.check = at
		return
	}
	k.check = later(now, pace)
	n.ask(now, p, &wire.Ping{}, probe{})
}

// isYoung reports whether the healthy pace is too slow: more contacts wait for a
// check than it does before they may be handed out no more, or too many failed
// last. In a network with traffic few wait, as traffic counts as a check.
func (n *Node) isYoung(now int64) bool {
	t := &n.config.Timing
	c := n.table.Counts(now - int64(t.Seen)/3)
	due := c.Contacts - c.Fresh - c.Stale
	return time.Duration(due)*t.Healthy > t.Seen*2/3 || float64(c.Stale) > tooStale*float64(c.Contacts)
}

// walkIn searches for a place drawn in a bucket: it learns contacts there, and how
// large the network is.
func (n *Node) walkIn(now int64, bucket int, then func(now int64, size float64)) {
	target := n.table.Random(bucket, contact.Random(n.rand))
	s := n.newSearch(n.plan(target, min(walkPaths, n.policy.PutPaths)), func(now int64, s *search) {
		then(now, estimate.FromNearest(&target, s.Nearest(target, Width, true, nil)))
	})
	s.learn = true
	n.seed(s, nil)
	n.begin(now, s)
}

// lookAround searches for the own place.
func (n *Node) lookAround(now int64) {
	s := n.newSearch(n.plan(n.self.ID, min(selfPaths, n.policy.PutPaths)), func(int64, *search) {})
	s.learn = true
	n.seed(s, nil)
	n.begin(now, s)
}

// Join begins with contacts that were known before, from wherever, the best first:
// it searches for the own place, asking each of the nearest, then walks through the
// far buckets. As long as nobody answers it is tried again.
func (n *Node) Join(now time.Time, contacts []wire.Contact) {
	n.now = now.UnixNano()
	var peers []*contact.Peer
	for _, c := range contacts {
		if p := n.book.Peer(c); p.Scope != 0 && p.Node != n.self.Node && !slices.Contains(peers, p) {
			peers = append(peers, p)
		}
	}
	n.join.Begin(n.now, peers)
}

// cut reports whether the node is cut off: it knows nobody, or nobody answers.
func (n *Node) cut() bool { return n.table.Len() == 0 || n.silence >= silent }

// revisit waits for the answer of a contact that was lost.
type revisit struct{ node *Node }

// revisit asks a lost contact whether it takes part again, and who is near us: it may
// know others that we lost.
func (n *Node) revisit(now int64) {
	if p := n.join.Ask(now); n.table.Wants(p) {
		n.ask(now, p, &wire.FindNode{Target: n.self.ID}, revisit{n})
	}
}

func (r revisit) take(_ int64, f flight, answer wire.Payload, err error) {
	n := r.node
	if err != nil {
		return
	}
	nodes, ok := answer.(*wire.Nodes)
	if !ok {
		n.broke(f.Peer)
		return
	}
	names, err := n.named(f.Peer, nodes.Contacts)
	if err != nil {
		n.broke(f.Peer)
		return
	}
	n.learn(names)
}

// revisitDue is when: soon in a small network, where each counts, else no more often
// than it is walked. Who is cut off asks all of them when it joins.
func (n *Node) revisitDue() int64 {
	t := &n.config.Timing
	switch {
	case n.cut() || t.Walk <= 0:
		return never
	case n.table.Len() < Siblings:
		return n.join.AskDue(t.Young)
	}
	return n.join.AskDue(t.Walk)
}

// firstStride is the time between the first two walks; it doubles up to
// Timing.Walk, and begins again as long as the network is small and grows.
const firstStride = 5 * time.Second

// announceAfter is when a gateway that serves from now on tells its neighbours
// first; until then its links have to name its address. It tells them three times,
// each time after four times as long, as some links may be older.
const announceAfter = 300 * time.Millisecond

// announce tells the neighbours that there is an address now: they knew a gateway
// that only asks.
func (n *Node) announce(now int64) {
	k := &n.keep
	k.announced++
	if k.announce = never; k.announced < 3 {
		k.announce = now + int64(announceAfter)<<(2*k.announced)
	}
	n.table.Each(func(e *table.Entry) bool {
		if e.Sibling() {
			n.ask(now, e.Peer, &wire.Ping{}, probe{})
		}
		return true
	})
}

// rejoin searches for the own place from everybody who may be there.
func (n *Node) rejoin(now int64) {
	if !n.join.Fresh() && !n.cut() {
		n.join.Entered() // it worked meanwhile
		return
	}
	n.join.Tried(now)
	n.proof.Begin(now) // where nobody serves yet, somebody has to be the first
	plan := n.plan(n.self.ID, n.policy.PutPaths)
	plan.Width, plan.Thorough = max(n.policy.Table.Siblings, n.policy.Width), true
	s := n.newSearch(plan, func(now int64, s *search) {
		if !n.cut() {
			n.join.Entered()
			n.walkAll(now, 0, nil)
		}
	})
	s.learn = true
	n.seed(s, nil)
	s.Seed(n.join.Peers())
	n.begin(now, s)
}

// walkAll walks through the buckets one after another. All that they say of the
// network's size counts once, as the network of that moment.
func (n *Node) walkAll(now int64, bucket int, sizes []float64) {
	if counts := n.table.Counts(0); bucket >= counts.Buckets {
		n.size.Add(now, estimate.Median(sizes))
		return
	}
	n.walkIn(now, bucket, func(now int64, size float64) {
		if size > 0 {
			sizes = append(sizes, size)
		}
		n.walkAll(now, bucket+1, sizes)
	})
}

// Adopt takes a contact into the table as if it had just answered after rtt, on a
// connection that was open. It reports whether the table has it.
func (n *Node) Adopt(now time.Time, c wire.Contact, rtt time.Duration) bool {
	n.now = now.UnixNano()
	return n.enter(n.now, n.book.Peer(c), 2*int64(rtt)) // a first answer is taken for one that opened it
}

// expireRecords lets go of records that nobody stores again.
func (n *Node) expireRecords(now time.Time) {
	n.keep.expire = never
	if at := n.shelf.Expire(now); !at.IsZero() {
		n.keep.expire = max(at.UnixNano(), now.UnixNano()+int64(time.Second))
	}
}

// willExpire makes sure that records are let go of once there are some.
func (n *Node) willExpire(now time.Time) {
	if n.keep.expire == never {
		n.expireRecords(now)
	}
}

// passOn gives records to gateways that came nearer to their places than this one
// since they were stored here. Of those who could do it, the nearest does.
func (n *Node) passOn(now time.Time, t int64) {
	n.keep.repair = later(t, n.config.Timing.Repair)
	if at := n.shelf.NextRepair(); at.IsZero() || at.After(now) || !n.Serving() {
		return
	}
	n.shelf.Repairs(now, repairBatch, func(r shelf.Record) bool {
		p := n.newcomer(t, r)
		if p != nil {
			n.ask(t, p, &wire.Store{Items: []wire.StoreItem{r.Item()}}, probe{})
		}
		return p != nil
	})
}

// newcomer is the nearest contact to a record's place that came after the record
// was stored here, if no older contact is nearer than ourselves: that one would
// pass it on. nil: there is none.
func (n *Node) newcomer(now int64, r shelf.Record) (nearest *contact.Peer) {
	q := table.Query{Target: r.Place, Count: Width, Since: now - int64(n.config.Timing.Seen)}
	for _, p := range n.table.Nearest(&q, nil) {
		if !contact.Nearer(&r.Place, &p.ID, &n.self.ID) {
			break
		}
		if int64(n.table.Find(p).Added()) <= r.Stored.Unix() {
			return nil
		}
		if nearest == nil {
			nearest = p
		}
	}
	return nearest
}

// reachDue is when the next round of proofs begins.
func (n *Node) reachDue() int64 {
	at, ok := n.proof.Due()
	if !ok || n.config.Timing.Reach <= 0 || n.self.Scope == 0 {
		return never
	}
	return at
}

func (n *Node) reachTimes() reach.Times {
	t := &n.config.Timing
	return reach.Times{Proof: t.Reach, Retry: t.ReachRetry, Nobody: t.Young}
}

// reachers are the contacts that may be asked to connect back: those that answer,
// or those to enter the network by as long as there are no others.
func (n *Node) reachers() []*contact.Peer {
	if n.table.Len() == 0 {
		return n.join.Peers()
	}
	return n.table.Fresh(0)
}

// askReach asks gateways to connect to the own address.
func (n *Node) askReach(now int64, peers []*contact.Peer) {
	for _, p := range peers {
		request := &wire.Reach{}
		copy(request.Contact[:], n.self.Contact.AppendTo(nil))
		n.ask(now, p, request, &reachAnswer{n, n.self})
	}
}

// reachAnswer waits for what a gateway says that tried to connect.
type reachAnswer struct {
	node *Node
	self *contact.Peer // at the address of then
}

func (a *reachAnswer) take(now int64, f flight, answer wire.Payload, err error) {
	n := a.node
	if a.self != n.self {
		return // it has another address by now
	}
	said := reach.Answer{From: f.Peer}
	switch a := answer.(type) {
	case *wire.OK:
		said.Said = reach.Reached
	case *wire.Failure:
		if a.Code == wire.CodeUnreachable || a.Code == wire.CodeScope {
			said.Said = reach.Denied
		}
	}
	before := n.Serving()
	n.askReach(now, n.proof.Answered(now, said, n.reachers(), n.rand, n.reachTimes()))
	if !before && n.Serving() {
		n.keep.announced, n.keep.announce = 0, now+int64(announceAfter)
	}
}

// Nearest is the contacts of the table nearest to a place, as others get them.
func (n *Node) Nearest(now time.Time, target [32]byte, count int) []wire.Contact {
	q := table.Query{
		Target: target, Count: count, Since: now.UnixNano() - int64(n.config.Timing.Seen), Near: n.policy.Table.BucketNear,
	}
	return contact.Of(n.table.Nearest(&q, nil))
}

// Sample is some contacts heard from lately, drawn at random.
func (n *Node) Sample(now time.Time, count int) []wire.Contact {
	all := n.table.Fresh(now.UnixNano() - int64(n.config.Timing.Seen))
	n.rand.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	return contact.Of(all[:min(count, len(all))])
}

// Contacts are those of the table that answered last, the longest known first.
func (n *Node) Contacts() []wire.Contact { return contact.Of(n.table.Longest()) }

// Met is whom to begin with after a restart: Contacts, then those of the table that did
// not answer last, and where these are fewer than join.Most, who was there before them.
func (n *Node) Met() []wire.Contact {
	peers := n.table.Longest()
	n.table.Each(func(e *table.Entry) bool {
		if e.Stale() {
			peers = append(peers, e.Peer)
		}
		return true
	})
	lost := n.join.Lost()
	return contact.Of(append(peers, lost[:min(len(lost), max(0, join.Most-len(peers)))]...))
}

// Stats is the node's state in numbers.
func (n *Node) Stats(now time.Time) Stats {
	s := n.stats
	c := n.table.Counts(now.UnixNano() - int64(n.config.Timing.Seen))
	s.Table, s.Siblings, s.Buckets, s.Replacements, s.Fresh, s.Stale = c.Contacts, c.Siblings, c.Buckets, c.Waiting, c.Fresh, c.Stale
	s.Lookups, s.Waiting = len(n.running), len(n.queue)
	s.Size, s.Suspicious, s.PuzzleChecks = float64(n.networkSize()), n.crowded, n.puzzles.Checked
	s.Cut, s.Serving, s.Confirmed = n.cut(), n.Serving(), len(n.proof.Confirmed)
	s.Shelf = n.shelf.Stats()
	return s
}
