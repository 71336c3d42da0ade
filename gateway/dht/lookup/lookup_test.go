package lookup

import (
	"encoding/binary"
	"math"
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

// crowd is gateways that know some of each other.
type crowd struct {
	*rand.Rand
	book *contact.Book
	all  []*contact.Peer
	know map[*contact.Peer][]*contact.Peer
}

func newCrowd(seed uint64, count int) *crowd {
	c := &crowd{
		Rand: rand.New(rand.NewPCG(seed, 0)),
		book: contact.NewBook(address.Parameters{Network: key.Network{'t'}, Scope: address.Public}, 4096),
		know: make(map[*contact.Peer][]*contact.Peer),
	}
	for range count {
		c.all = append(c.all, c.one())
	}
	for _, p := range c.all { // 20 a bucket, and the 40 nearest
		buckets := make(map[int]int)
		near := slices.Clone(c.all)
		contact.SortNearest(&p.ID, near)
		for i, q := range near {
			at := contact.CommonPrefix(&p.ID, &q.ID)
			if q != p && (i < 40 || buckets[at] < 20) {
				c.know[p] = append(c.know[p], q)
			}
			buckets[at]++
		}
		// What a bucket has beside the nearest is drawn.
		c.Shuffle(len(near), func(i, j int) { near[i], near[j] = near[j], near[i] })
	}
	return c
}

func (c *crowd) one() *contact.Peer {
	w := wire.Contact{X: c.Uint64(), Transports: wire.TransportQUIC}
	for i := 0; i < 32; i += 8 {
		binary.BigEndian.PutUint64(w.Node[i:], c.Uint64())
	}
	w.Addr = netip.AddrPortFrom(netip.AddrFrom4([4]byte{byte(11 + c.IntN(80)), byte(c.IntN(250)), byte(c.IntN(250)), 1}), 443)
	return c.book.Peer(w)
}

func (c *crowd) place() (id key.NodeID) {
	for i := range id {
		id[i] = byte(c.Uint32())
	}
	return id
}

// answer is what p knows nearest to target.
func (c *crowd) answer(p *contact.Peer, target key.NodeID) []*contact.Peer {
	known := slices.Clone(c.know[p])
	contact.SortNearest(&target, known)
	return known[:min(20, len(known))]
}

// truth is the nearest of all.
func (c *crowd) truth(target key.NodeID, count int) []*contact.Peer {
	all := slices.Clone(c.all)
	contact.SortNearest(&target, all)
	return all[:count]
}

// host admits everybody and has no patience unless told otherwise.
type host struct {
	admit    func(*contact.Peer) Verdict
	patience time.Duration
}

func (h host) Admit(p *contact.Peer) Verdict {
	if h.admit == nil {
		return Sound
	}
	return h.admit(p)
}

func (h host) Patience(*contact.Peer) time.Duration { return h.patience }

// run plays a lookup to its end: each request is answered, or fails if answer is nil.
func run(t *testing.T, l *Lookup, h host, answer func(Step) ([]*contact.Peer, bool)) (asked []Step) {
	t.Helper()
	seen := make(map[*contact.Peer]bool)
	var open []Step
	for now := int64(1); ; now++ {
		open = l.Next(now, h, open)
		for _, s := range open {
			if !seen[s.Peer] {
				seen[s.Peer] = true
				asked = append(asked, s)
			}
		}
		if l.Done() {
			return asked
		}
		if len(open) == 0 {
			t.Fatal("a lookup neither asks nor ends")
		}
		if len(asked) > 3*maxCandidates {
			t.Fatal("a lookup does not end")
		}
		s := open[0]
		open = open[1:]
		if names, found := answer(s); names == nil && !found {
			l.Failed(s.Peer)
		} else {
			l.Answered(s.Peer, names, found)
		}
	}
}

func (c *crowd) honest(s Step) ([]*contact.Peer, bool) { return c.answer(s.Peer, s.Target), false }

// TestFindsTheNearest compares lookups with the truth.
func TestFindsTheNearest(t *testing.T) {
	c := newCrowd(1, 600)
	for name, plan := range map[string]Plan{
		"eight paths":   {Paths: 8, Start: 8, Parallel: 1, Width: 20},
		"thorough":      {Paths: 8, Start: 8, Parallel: 1, Width: 20, Thorough: true},
		"classic":       {Paths: 1, Start: 1, Parallel: 3, Width: 20, Thorough: true},
		"paths as they": {Paths: 8, Start: 2, Parallel: 1, Width: 20},
	} {
		messages, missed := 0, 0
		const rounds = 60
		for range rounds {
			plan.Target = c.place()
			l := New(plan, c.Rand)
			from := c.all[c.IntN(len(c.all))]
			l.Skip(from)
			seeds := slices.Clone(c.know[from])
			contact.SortNearest(&plan.Target, seeds)
			l.Seed(seeds[:32])
			run(t, l, host{}, func(s Step) ([]*contact.Peer, bool) {
				if l.Resting() {
					l.Activate(8)
				}
				if len(l.paths) > 2 && !l.paths[7].active && l.Converged() > 0 {
					l.Activate(8)
				}
				return c.honest(s)
			})
			messages += l.Messages
			got := l.Nearest(plan.Target, 20, !plan.Thorough, nil)
			for _, p := range c.truth(plan.Target, 20) {
				if p != from && !slices.Contains(got, p) {
					missed++
				}
			}
		}
		if missed > rounds/20 {
			t.Errorf("%s: %d of %d nearest missed", name, missed, 20*rounds)
		}
		if most := 22 * rounds; !plan.Thorough && messages > most {
			t.Errorf("%s: %d messages in %d lookups, at most %d", name, messages, rounds, most)
		}
	}
}

// TestPathsAreDisjoint: nobody is asked on two paths, and a path asks only its own
// seeds and whom those named that it asked. Every path has a target of its own
// here, so that a request tells its path.
func TestPathsAreDisjoint(t *testing.T) {
	c := newCrowd(2, 400)
	for range 30 {
		target := c.place()
		plan := Plan{Target: target, Paths: 8, Start: 8, Parallel: 1, Width: 20}
		allowed := make(map[key.NodeID]map[*contact.Peer]bool)
		for i := range 8 {
			cell := contact.WithBits(target, 3, 3, uint64(i))
			plan.Cells = append(plan.Cells, cell)
			allowed[cell] = make(map[*contact.Peer]bool)
		}
		l := New(plan, c.Rand)
		seeds := c.answer(c.all[0], target)
		for i, p := range seeds {
			allowed[plan.Cells[i%8]][p] = true
		}
		l.Seed(seeds)
		asked := make(map[*contact.Peer]bool)
		run(t, l, host{}, func(s Step) ([]*contact.Peer, bool) {
			if asked[s.Peer] {
				t.Fatal("a gateway was asked twice")
			}
			asked[s.Peer] = true
			if !allowed[s.Target][s.Peer] {
				t.Fatal("a path asked a gateway that only another path knows")
			}
			names, _ := c.honest(s)
			for _, p := range names {
				allowed[s.Target][p] = true
			}
			return names, false
		})
		if l.Messages != len(asked) || l.Contacted != len(asked) || len(l.Contacts(nil)) != len(asked) {
			t.Fatalf("%d messages to %d gateways counted, were %d", l.Messages, l.Contacted, len(asked))
		}
	}
}

// TestValue: a record that a holder has is found, in few requests; the rounds are
// those of the path that found it. One that nobody has ends after all the nearest
// were asked.
func TestValue(t *testing.T) {
	c := newCrowd(3, 600)
	messages := 0
	const rounds = 100
	for range rounds {
		target := c.place()
		holders := c.truth(target, 20)
		l := New(Plan{Target: target, Paths: 4, Start: 2, Parallel: 1, Width: 20, Value: true}, c.Rand)
		from := c.all[c.IntN(len(c.all))]
		l.Seed(c.answer(from, target))
		run(t, l, host{}, func(s Step) ([]*contact.Peer, bool) {
			return c.answer(s.Peer, target), slices.Contains(holders, s.Peer)
		})
		if !l.Found() || l.Rounds < 1 || l.Rounds > 4 {
			t.Fatalf("found: %v after %d rounds", l.Found(), l.Rounds)
		}
		messages += l.Messages
	}
	if messages > 4*rounds {
		t.Errorf("%d messages in %d gets", messages, rounds)
	}
	target := c.place()
	l := New(Plan{Target: target, Paths: 4, Start: 2, Parallel: 1, Width: 20, Value: true}, c.Rand)
	l.Seed(c.answer(c.all[0], target))
	run(t, l, host{}, c.honest)
	if l.Found() {
		t.Fatal("found what nobody has")
	}
	for _, p := range c.truth(target, 18) {
		if p != c.all[0] && !l.Answers(p) {
			t.Error("one of the nearest was not asked for a record that is missing")
		}
	}
}

// TestCopies: as many copies as wanted are collected, or as many as there are.
func TestCopies(t *testing.T) {
	c := newCrowd(4, 300)
	target := c.place()
	holders := c.truth(target, 20)
	for want, have := range map[int]int{4: 20, 3: 2} {
		l := New(Plan{Target: target, Paths: 8, Start: 8, Parallel: 1, Width: 20, Value: true, Copies: want}, c.Rand)
		l.Seed(c.answer(c.all[1], target))
		copies := 0
		run(t, l, host{}, func(s Step) ([]*contact.Peer, bool) {
			found := slices.Contains(holders[:have], s.Peer)
			if found {
				copies++
			}
			return c.answer(s.Peer, target), found
		})
		if copies != min(want, have) || l.Found() != (have >= want) {
			t.Errorf("%d copies of %d, wanted %d; found is %v", copies, have, want, l.Found())
		}
	}
}

// TestHolderDistance: of those who probably hold the record it is drawn who is asked.
func TestHolderDistance(t *testing.T) {
	c := newCrowd(5, 200)
	target := c.place()
	seeds := c.truth(target, 8)
	first := make(map[*contact.Peer]int)
	for range 400 {
		l := New(Plan{
			Target: target, Paths: 1, Start: 1, Parallel: 1, Width: 20, Value: true,
			Holder: contact.Head(&seeds[3].ID) ^ contact.Head(&target) + 1,
		}, c.Rand)
		l.Seed(seeds)
		first[l.Next(1, host{}, nil)[0].Peer]++
	}
	for i, p := range seeds {
		if n := first[p]; i < 4 && (n < 60 || n > 140) || i >= 4 && n > 0 {
			t.Errorf("rank %d was asked first %d times of 400", i, n)
		}
	}
}

// TestHedge: a path does not wait for the slow, and what comes late counts.
func TestHedge(t *testing.T) {
	c := newCrowd(6, 200)
	target := c.place()
	l := New(Plan{Target: target, Paths: 1, Start: 1, Parallel: 1, Width: 20}, c.Rand)
	l.Seed(c.answer(c.all[0], target))
	h := host{patience: 100}
	one := l.Next(1000, h, nil)
	if len(one) != 1 || l.Due() != 1100 {
		t.Fatalf("%d requests, due at %d", len(one), l.Due())
	}
	if more := l.Next(1099, h, nil); len(more) != 0 {
		t.Fatal("hedged too early")
	}
	two := l.Next(1100, h, nil)
	if len(two) != 1 || two[0].Peer == one[0].Peer {
		t.Fatalf("%d requests when the first is late", len(two))
	}
	three := l.Next(1200, h, nil)
	four := l.Next(1300, h, nil)
	if len(three) != 1 || len(four) != 0 {
		t.Fatalf("%d and %d more: a path has at most %d slow requests", len(three), len(four), maxSlow)
	}
	if !l.Answered(one[0].Peer, c.answer(one[0].Peer, target), false) || l.Answered(one[0].Peer, nil, false) {
		t.Fatal("a late answer counts, and once")
	}
	if len(l.Nearest(target, 5, false, nil)) != 1 {
		t.Fatal("who answered late is not among those that answered")
	}
	patient := New(Plan{Target: target, Paths: 1, Start: 1, Parallel: 1, Width: 20}, c.Rand)
	patient.Seed(c.answer(c.all[0], target))
	patient.Next(1000, host{}, nil)
	if patient.Due() != math.MaxInt64 {
		t.Fatal("a request is hedged without a time for it")
	}
}

// TestForged: who names a gateway at a place that it has no right to is believed
// nothing; what others named stays.
func TestForged(t *testing.T) {
	c := newCrowd(7, 300)
	target := c.place()
	seeds := c.answer(c.all[0], target)
	liar := seeds[0]
	fakes := []*contact.Peer{c.one(), c.one(), c.one()}
	contact.SortNearest(&target, fakes)
	l := New(Plan{Target: target, Paths: 2, Start: 2, Parallel: 1, Width: 20, Thorough: true}, c.Rand)
	l.Seed(seeds)
	l.Width = len(seeds) + len(fakes) // all of them count
	asked := run(t, l, host{admit: func(p *contact.Peer) Verdict {
		if p == fakes[0] {
			return Forged
		}
		return Sound
	}}, func(s Step) ([]*contact.Peer, bool) {
		if s.Peer == liar {
			return fakes, false
		}
		return []*contact.Peer{}, false
	})
	for _, s := range asked {
		if slices.Contains(fakes, s.Peer) {
			t.Error("a gateway was asked that only the liar named")
		}
	}
	if slices.Contains(l.Nearest(target, 20, true, nil), liar) {
		t.Error("the liar counts among the nearest")
	}
}

// TestVain: who names many that are not there is believed no more.
func TestVain(t *testing.T) {
	c := newCrowd(8, 300)
	target := c.place()
	all := c.truth(target, 40)
	ghosts, liar, others := all[:20], all[30], all[31:]
	l := New(Plan{Target: target, Paths: 1, Start: 1, Parallel: 1, Width: 20, Thorough: true}, c.Rand)
	l.Seed(append([]*contact.Peer{liar}, others...))
	asked := run(t, l, host{}, func(s Step) ([]*contact.Peer, bool) {
		switch {
		case s.Peer == liar:
			return ghosts, false
		case slices.Contains(ghosts, s.Peer):
			return nil, false
		}
		return []*contact.Peer{}, false
	})
	tried := 0
	for _, s := range asked {
		if slices.Contains(ghosts, s.Peer) {
			tried++
		}
	}
	if tried != minVain {
		t.Errorf("%d ghosts were tried, want %d", tried, minVain)
	}
	if !l.Answers(others[0]) {
		t.Error("the others were not asked")
	}
}

// TestLater: a lookup waits for a puzzle to be checked, and goes on then.
func TestLater(t *testing.T) {
	c := newCrowd(9, 100)
	target := c.place()
	l := New(Plan{Target: target, Paths: 1, Start: 1, Parallel: 1, Width: 20}, c.Rand)
	l.Seed(c.answer(c.all[0], target))
	verdict := Later
	h := host{admit: func(*contact.Peer) Verdict { return verdict }}
	if got := l.Next(1, h, nil); len(got) != 0 || !l.Late() {
		t.Fatal("somebody was asked before the puzzle was checked")
	}
	verdict = Sound
	if got := l.Next(2, h, nil); len(got) != 1 || l.Late() {
		t.Fatal("nobody was asked after it was")
	}
}

// TestAstray: a path that ends far from the place tries others that it knows.
func TestAstray(t *testing.T) {
	c := newCrowd(10, 400)
	target := c.place()
	far := c.truth(target, 400)[200:]
	l := New(Plan{
		Target: target, Paths: 1, Start: 1, Parallel: 1, Width: 20,
		Arrived: contact.Head(&c.truth(target, 40)[39].ID) ^ contact.Head(&target),
	}, c.Rand)
	l.Seed(far[:12])
	helpful := far[5]
	run(t, l, host{}, func(s Step) ([]*contact.Peer, bool) {
		if s.Peer == helpful {
			return c.truth(target, 20), false
		}
		return []*contact.Peer{}, false
	})
	if !l.Answers(c.truth(target, 1)[0]) {
		t.Error("the path ended where nobody knew the way")
	}
	lost := New(l.Plan, c.Rand)
	lost.Seed(far)
	asked := run(t, lost, host{}, func(Step) ([]*contact.Peer, bool) { return []*contact.Peer{}, false })
	if len(asked) != maxAstray {
		t.Errorf("%d requests of a path that leads nowhere, want %d", len(asked), maxAstray)
	}
}

// TestClosed: only the seeds are asked.
func TestClosed(t *testing.T) {
	c := newCrowd(11, 100)
	target := c.place()
	seeds := c.truth(target, 9)
	l := New(Plan{Target: target, Paths: 4, Start: 4, Parallel: 1, Width: 9, Value: true, Closed: true}, c.Rand)
	l.Seed(seeds)
	if asked := run(t, l, host{}, c.honest); len(asked) != 9 {
		t.Errorf("%d were asked, want the 9 seeds", len(asked))
	}
}

// FuzzAnswers plays hostile answers: loops, repetitions, failures, forged places,
// in any order and at any time. A lookup ends, asks nobody twice and never more
// than its list holds.
func FuzzAnswers(f *testing.F) {
	f.Add([]byte{8, 1, 2, 3, 4, 5, 6, 7})
	f.Add([]byte{4 | 0x80, 0xff, 0, 0xff, 0, 0x11, 0x22, 0x33, 0x44, 0x55, 1, 1, 1, 1, 1, 1, 1})
	f.Add([]byte{1 | 0xc0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0})
	c := newCrowd(12, 120)
	f.Fuzz(func(t *testing.T, script []byte) {
		next := func() int {
			if len(script) == 0 {
				return 0
			}
			b := script[0]
			script = script[1:]
			return int(b)
		}
		mode := next()
		plan := Plan{
			Target: c.all[next()%120].ID, Paths: 1 + mode%8, Start: 1 + next()%8, Parallel: 1 + next()%3, Width: 20,
			Value: mode&0x80 != 0, Thorough: mode&0x40 != 0, Copies: next() % 4, Holder: uint64(next()) << 56,
			Arrived: uint64(next()) << 56,
		}
		l := New(plan, rand.New(rand.NewPCG(uint64(mode), 0)))
		var seeds []*contact.Peer
		for range next() % 30 {
			seeds = append(seeds, c.all[next()%120])
		}
		l.Seed(seeds)
		forged := next()
		h := host{patience: time.Duration(next()), admit: func(p *contact.Peer) Verdict {
			if forged > 0 && int(p.ID[0])%16 == forged%16 {
				return Forged
			}
			return Sound
		}}
		asked := make(map[*contact.Peer]bool)
		var open []Step
		now := int64(1)
		for steps := 0; ; steps++ {
			if steps > 4*maxCandidates {
				t.Fatal("it does not end")
			}
			before := len(open)
			open = l.Next(now, h, open)
			for _, s := range open[before:] {
				if asked[s.Peer] {
					t.Fatal("a gateway was asked twice")
				}
				asked[s.Peer] = true
			}
			if l.Done() {
				break
			}
			now += int64(next() % 8)
			if len(open) == 0 {
				if !l.Resting() {
					t.Fatal("it neither asks nor ends")
				}
				l.Activate(plan.Paths)
				continue
			}
			at := next() % len(open)
			s := open[at]
			open = slices.Delete(open, at, at+1)
			switch kind := next(); {
			case kind%5 == 0:
				l.Failed(s.Peer)
			default:
				var names []*contact.Peer
				for range kind % 21 {
					names = append(names, c.all[next()%120])
				}
				l.Answered(s.Peer, names, kind%7 == 1)
			}
		}
		if len(l.list) > maxCandidates || l.Messages != len(asked) {
			t.Fatalf("%d candidates, %d messages to %d gateways", len(l.list), l.Messages, len(asked))
		}
	})
}
