package session

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"zeroms/protocol/wire"
)

// network is the two directions between two sides: it loses, repeats and
// reorders.
type network struct {
	t     *testing.T
	r     *rand.Rand
	now   time.Time
	sides [2]*side
	wires [2][]flying // to side 0, to side 1
	got   map[string]int
	sent  int
	inits int
	good  bool // nothing is lost any more

	opened func(to int, text string) // what opened, if anybody wants to know
}

type flying struct {
	text string
	env  []byte
}

func (n *network) send(from int) {
	s := n.sides[from]
	if s.set.Sending() == nil {
		s.initiate(n.t, n.sides[1-from], n.now)
		n.inits++
	}
	n.sent++
	n.post(from, s.set.Sending(), fmt.Sprintf("message %d of %d", n.sent, from))
}

// post sends a text, which nothing else was sent with, on a session.
func (n *network) post(from int, on *Session, text string) {
	f := flying{text, n.sides[from].sendOn(n.t, on, text, n.now)}
	if n.good || n.r.IntN(10) > 0 { // else it is lost
		n.wires[1-from] = append(n.wires[1-from], f)
		if n.r.IntN(10) == 0 {
			n.wires[1-from] = append(n.wires[1-from], f)
		}
	}
}

// take receives any of the envelopes that fly to a side.
func (n *network) take(to int) {
	flying := n.wires[to]
	if len(flying) == 0 {
		return
	}
	k := 0
	if n.r.IntN(2) == 0 {
		k = n.r.IntN(len(flying))
	}
	f := flying[k]
	n.wires[to] = append(flying[:k:k], flying[k+1:]...)
	before := ""
	if n.got[f.text] > 0 {
		before = n.sides[to].snapshot()
	}
	text, err := n.sides[to].receive(f.env, n.now)
	switch {
	case n.got[f.text] > 0:
		if err == nil {
			n.t.Fatalf("%q opened twice", f.text)
		}
		if n.sides[to].snapshot() != before {
			n.t.Fatal("a repeated envelope changed the state")
		}
	case err != nil || text != f.text:
		n.t.Fatalf("%q came as %q: %v", f.text, text, err)
	default:
		n.got[f.text]++
		if n.opened != nil {
			n.opened(to, text)
		}
	}
}

// restart has a side come back from what it stored.
func (n *network) restart(k int) {
	s := n.sides[k]
	set, err := DecodeSet(s.set.Encode())
	if err != nil {
		n.t.Fatal(err)
	}
	if string(set.Encode()) != string(s.set.Encode()) {
		n.t.Fatal("a stored set is another one when it comes back")
	}
	s.set, s.index = new(Set), Index[[32]byte]{}
	s.adopt(set)
}

func (n *network) run(steps int) {
	for range steps {
		k := n.r.IntN(2)
		switch n.r.IntN(40) {
		case 0:
			if n.inits < 5 { // so that no session has to be given up
				n.sides[k].initiate(n.t, n.sides[1-k], n.now)
				n.inits++
			}
		case 1:
			n.restart(k)
		case 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19:
			n.send(k)
		default:
			n.take(k)
		}
		n.now = n.now.Add(time.Duration(n.r.IntN(60)) * time.Second)
	}
}

// settle delivers what flies and talks until both answered.
func (n *network) settle() {
	for len(n.wires[0])+len(n.wires[1]) > 0 {
		n.take(0)
		n.take(1)
	}
	for round := range 4 {
		for k, s := range n.sides {
			if s.set.Sending() == nil {
				s.initiate(n.t, n.sides[1-k], n.now)
			}
			text := fmt.Sprintf("last %d of %d", round, k)
			n.sides[1-k].deliver(n.t, s.send(n.t, text, n.now), text, n.now)
		}
	}
	a, b := n.sides[0].set.Sending(), n.sides[1].set.Sending()
	if a.ID() != b.ID() || !a.Confirmed() || !b.Confirmed() {
		n.t.Fatalf("the sides send on different sessions: gen %d and %d", a.Gen(), b.Gen())
	}
}

// TestRandomRuns has two sides talk over a network that loses, repeats and
// reorders, with inits from both at any time: whatever arrives opens, once.
func TestRandomRuns(t *testing.T) {
	total, runs := 0, 420
	if testing.Short() {
		runs = 60
	}
	for seed := range runs {
		n := &network{t: t, r: rand.New(rand.NewPCG(uint64(seed), 1)), now: start(), got: map[string]int{}}
		n.sides = [2]*side{newSide(n.now), newSide(n.now)}
		if seed%4 == 0 { // both at once
			n.send(0)
			n.send(1)
		}
		n.run(30 + n.r.IntN(50))
		n.settle()
		total += len(n.got)
		for mk := range n.sides[0].used {
			if n.sides[1].used[mk] {
				t.Fatal("both sides sent with one message key")
			}
		}
	}
	if total < runs*10 {
		t.Errorf("only %d messages in %d runs", total, runs)
	}
}

func TestBothInitAtOnce(t *testing.T) {
	for range 8 { // equal gens: the smaller th sends
		now := start()
		a, b := newSide(now), newSide(now)
		sa, sb := a.initiate(t, b, now), b.initiate(t, a, now)
		toB, toA := a.send(t, "from a", now), b.send(t, "from b", now)
		b.deliver(t, toB, "from a", now)
		a.deliver(t, toA, "from b", now)
		want, other := sa.ID(), sb.ID()
		if bytes.Compare(other[:], want[:]) < 0 {
			want = other
		}
		if sa.Gen() != sb.Gen() || a.set.Sending().ID() != want || b.set.Sending().ID() != want {
			t.Fatal("the sides do not agree on the session with the smaller th")
		}
		exchange(t, a, b, 3, now)
	}
}

func TestLargerGenReplaces(t *testing.T) {
	now := start()
	a, b := pair(t, now)
	old := a.set.Sending()
	late := a.send(t, "sent on the old one", now)
	replaced := b.initiate(t, a, now)
	if replaced.Gen() <= old.Gen() {
		t.Fatal("NextGen is not larger than what was seen")
	}
	a.deliver(t, b.send(t, "on the new one", now), "on the new one", now)
	if a.set.Sending().ID() != replaced.ID() || len(a.set.All()) != 2 {
		t.Fatal("the larger gen does not send")
	}
	b.deliver(t, late, "sent on the old one", now)
	exchange(t, a, b, 2, now)
	if b.set.Sending().ID() != replaced.ID() || a.set.Find(old.ID()) == nil {
		t.Fatal("an old session came back, or does not receive any more")
	}
}

// TestInitIsRepeated loses the first messages: any later one sets the session
// up, and those that come after all still open.
func TestInitIsRepeated(t *testing.T) {
	now := start()
	a, b := newSide(now), newSide(now)
	a.initiate(t, b, now)
	var envs [][]byte
	for k := range 100 {
		envs = append(envs, a.send(t, fmt.Sprint(k), now))
	}
	for _, k := range []int{70, 3, 99, 71, 0} {
		b.deliver(t, envs[k], fmt.Sprint(k), now)
	}
	if len(b.set.All()) != 1 || len(b.inits) != 1 || b.base != 77 {
		t.Fatal("one init made several sessions, or the base was lost")
	}
	if a.set.Sending().Confirmed() || !b.set.Sending().Confirmed() {
		t.Fatal("only a reply confirms")
	}
	a.deliver(t, b.send(t, "reply", now), "reply", now)
	if !a.set.Sending().Confirmed() || a.set.Sending().Init() != nil {
		t.Fatal("a reply ends the repetition of the init")
	}
	if env := a.send(t, "x", now); len(env) != 1024 {
		t.Fatalf("an envelope of %d bytes after the reply", len(env))
	}
	for _, k := range []int{70, 0} {
		if _, err := b.receive(envs[k], now); err == nil {
			t.Errorf("init message %d opened twice", k)
		}
	}
}

// TestLongGap loses 1,500 messages of one chain: the search does not reach over
// them, the next chain does, and the newest 1,000 still open.
func TestLongGap(t *testing.T) {
	now := start()
	a, b := pair(t, now)
	exchange(t, a, b, 1, now)
	from := a.set.Sending()
	var envs [][]byte
	for k := range 1500 {
		envs = append(envs, a.send(t, fmt.Sprint(k), now))
		if k == 0 {
			b.deliver(t, envs[0], "0", now)
		}
		if needs := a.set.Sending().NeedsInit(); needs != (k >= 999) || needs != a.set.InitDue(now) {
			t.Fatalf("NeedsInit after %d messages: %v", k+1, needs)
		}
	}
	if from.NeedsInit() {
		t.Fatal("an earlier state changed")
	}
	if _, err := b.receive(envs[1101], now); !errors.Is(err, errNothing) {
		t.Fatalf("a message 1,100 ahead: %v", err)
	}
	a.deliver(t, b.send(t, "step", now), "step", now)
	if a.set.InitDue(now) {
		t.Fatal("a step by the peer ends the need of an init")
	}
	b.deliver(t, a.send(t, "after", now), "after", now)
	if n := b.set.Sending().Skipped(); n != MaxSkip {
		t.Fatalf("%d keys kept", n)
	}
	for _, k := range []int{1499, 500, 777} {
		b.deliver(t, envs[k], fmt.Sprint(k), now)
	}
	if _, err := b.receive(envs[499], now); !errors.Is(err, errNothing) {
		t.Fatalf("the 1,001st newest: %v", err)
	}
	exchange(t, a, b, 2, now)
}

// TestSearchReaches jumps over 1,099 messages within a chain.
func TestSearchReaches(t *testing.T) {
	now := start()
	a, b := pair(t, now)
	var envs [][]byte
	for k := range 1100 {
		envs = append(envs, a.send(t, fmt.Sprint(k), now))
	}
	b.deliver(t, envs[1099], "1099", now)
	s := b.set.Sending()
	if s.Skipped() != MaxSkip {
		t.Fatalf("%d keys kept", s.Skipped())
	}
	b.deliver(t, envs[99], "99", now)
	if _, err := b.receive(envs[98], now); !errors.Is(err, errNothing) {
		t.Fatalf("a message beyond the 1,000 newest: %v", err)
	}
	if len(b.index.hits) != 2*TagsAhead+MaxSkip-1 {
		t.Errorf("the index holds %d tags", len(b.index.hits))
	}
	// Three such jumps keep 2,000 keys, the newest.
	for range 2 {
		for range 1099 {
			a.send(t, "lost", now)
		}
		b.deliver(t, a.send(t, "jump", now), "jump", now)
	}
	if n := b.set.Sending().Skipped(); n != MaxSkipped {
		t.Fatalf("%d keys kept after three jumps", n)
	}
	if _, err := b.receive(envs[1000], now); !errors.Is(err, errNothing) {
		t.Fatalf("a key of the first jump: %v", err)
	}
	if size := len(b.set.Sending().Encode()); size > MaxState {
		t.Errorf("a full state has %d bytes", size)
	}
	later := now.Add(SkippedKept)
	if n := b.set.Prune(later).Sending().Skipped(); n != 0 {
		t.Errorf("%d keys kept after 32 days", n)
	}
	if b.set.Prune(later.Add(-time.Millisecond)) != b.set {
		t.Error("keys were dropped before 32 days")
	}
}

// TestIndexFollows holds the index against a search through all sessions after
// each step of a random run.
func TestIndexFollows(t *testing.T) {
	n := &network{t: t, r: rand.New(rand.NewPCG(9, 9)), now: start(), got: map[string]int{}}
	n.sides = [2]*side{newSide(n.now), newSide(n.now)}
	for range 60 {
		n.run(5)
		for _, s := range n.sides {
			want := 0
			for _, one := range s.set.All() {
				want += TagsAhead + one.Skipped()
				if one.recvNo > 0 {
					want += TagsAhead
				}
				one.eachTagNotIn(nil, func(tag Tag, at Place) {
					if hits := s.index.Find(tag); len(hits) != 1 || hits[0] != (Hit[[32]byte]{one.ID(), at}) {
						t.Fatalf("the index finds %v for %v", hits, at)
					}
				})
			}
			if len(s.index.hits) != want {
				t.Fatalf("the index holds %d tags, the sessions look out for %d", len(s.index.hits), want)
			}
		}
	}
	for _, one := range n.sides[0].set.All() {
		n.sides[0].index.Remove(one.ID())
	}
	if len(n.sides[0].index.hits) != 0 || len(n.sides[0].index.known) != 0 {
		t.Error("Remove leaves tags behind")
	}
}

func TestIndexWithEqualTags(t *testing.T) {
	now := start()
	_, b := pair(t, now)
	s := b.set.Sending()
	var x Index[string]
	x.Update("one", s)
	x.Update("two", s)
	tag := s.recv.tags[5]
	if hits := x.Find(tag); len(hits) != 2 || hits[0].Place != hits[1].Place {
		t.Fatalf("%v", hits)
	}
	x.Remove("one")
	if hits := x.Find(tag); len(hits) != 1 || hits[0].ID != "two" {
		t.Fatalf("%v", hits)
	}
	other, _ := pair(t, now)
	x.Update("two", other.set.Sending()) // another session under the same id
	if hits := x.Find(tag); hits != nil {
		t.Fatalf("%v", hits)
	}
	if len(x.hits) != 2*TagsAhead || len(x.extra) != 0 {
		t.Errorf("%d tags, %d equal ones", len(x.hits), len(x.extra))
	}
}

func TestSkippedKeysEnd(t *testing.T) {
	now := start()
	a, b := pair(t, now)
	lost := a.send(t, "late", now)
	b.deliver(t, a.send(t, "next", now), "next", now)
	before := b.snapshot()
	if _, err := b.receive(lost, now.Add(SkippedKept)); !errors.Is(err, errNothing) && !errors.Is(err, wire.ErrReplayed) {
		t.Errorf("after 32 days: %v", err)
	}
	if b.snapshot() != before {
		t.Error("a refused envelope changed the state")
	}
	b.deliver(t, lost, "late", now.Add(SkippedKept-time.Second))
}
