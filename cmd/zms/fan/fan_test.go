package fan

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

const patience = 30 * time.Second

var start = time.Unix(1_790_000_000, 0)

func id(n int) (out ID) {
	out[0], out[1], out[2] = byte(n>>16), byte(n>>8), byte(n)
	return out
}

// scene is a Fan with workers and a clock.
type scene struct {
	*testing.T
	*Fan
	now time.Time
}

func newScene(t *testing.T, messages int, workers ...string) *scene {
	s := &scene{T: t, Fan: New(nil, start, time.Hour), now: start}
	for i := range messages {
		s.Offer(id(i), uint64(i%3))
	}
	s.SetMore(false)
	for _, w := range workers {
		s.join(w)
	}
	return s
}

func (s *scene) join(w string) {
	s.Helper()
	if err := s.Join(w, patience, s.now); err != nil {
		s.Fatal(err)
	}
}

// hands expects exactly these, as "worker message".
func (s *scene) hands(want ...string) (next time.Time) {
	s.Helper()
	grants, next := s.Next(s.now)
	var got []string
	for _, g := range grants {
		got = append(got, fmt.Sprintf("%s %d", g.Worker, int(g.ID[0])<<16|int(g.ID[1])<<8|int(g.ID[2])))
	}
	if !slices.Equal(got, want) {
		s.Fatalf("at %s: %q, want %q", s.now.Sub(start), got, want)
	}
	return next
}

func TestInTurn(t *testing.T) {
	s := newScene(t, 7, "a", "b", "c")
	if next := s.hands("a 0", "b 1", "c 2"); next != start.Add(patience) {
		t.Errorf("asked again at %v", next)
	}
	s.hands()
	s.Done(id(2))
	s.Done(id(0))
	s.hands("c 3", "a 4")
	s.Done(id(4))
	s.hands("a 5")
	s.Done(id(1))
	s.hands("b 6")
	for i := range 7 {
		s.Done(id(i))
	}
	if _, next := s.Next(s.now); !next.IsZero() || len(s.items) != 0 || len(s.left) != 0 {
		t.Errorf("%d are left", len(s.items))
	}
}

// TestSilence: what a worker has goes to another one after its time, not before, and not back to itself.
func TestSilence(t *testing.T) {
	s := newScene(t, 3, "a", "b")
	next := s.hands("a 0", "b 1")
	s.now = next.Add(-time.Millisecond)
	s.Done(id(1))
	s.hands("b 2")
	s.now = next
	s.hands() // b is at work, and a had it
	s.Done(id(2))
	s.hands("b 0")
	s.join("c")
	s.Offer(id(3), 1)
	s.Offer(id(4), 1)
	s.hands("c 3", "a 4") // a was silent, so c comes first
	// Done by who had it first: nobody else needs to.
	s.Done(id(0))
	if _, has := s.Has("b"); has {
		t.Error("b still has what is done")
	}
	s.now = s.now.Add(patience - 1)
	if !s.Hold("a", s.now) || s.Hold("x", s.now) {
		t.Error("who is there")
	}
	s.now = s.now.Add(1)
	s.hands("b 3") // c was silent, a was not
	if last, has := s.Has("a"); !has || last != id(4) {
		t.Error("a lost what it holds")
	}
}

func TestAloneAndSilent(t *testing.T) {
	s := newScene(t, 2, "a")
	s.hands("a 0")
	s.now = s.now.Add(patience)
	s.hands("a 1") // 0 waits for somebody else
	s.now = s.now.Add(patience)
	s.hands()
	s.Leave("a")
	s.join("b")
	s.hands("b 1")
	s.Done(id(1))
	s.hands("b 0")
}

// TestLose: what a worker had that will not come back is for others at once; one that takes nothing more may still be at it.
func TestLose(t *testing.T) {
	s := newScene(t, 2, "a", "b")
	s.hands("a 0", "b 1")
	s.Lose("a")
	s.hands() // b has something
	s.Leases()
	s.Done(id(1))
	s.hands("b 0")
	s.Retire("b")
	s.Lose("b")
	s.join("c")
	s.hands()
	s.now = s.now.Add(patience)
	s.hands("c 0")
	s.Lose("nobody")
	s.Done(id(0))
	s.Lose("c")
	if workers, handed, waiting := s.Counts(); workers+handed+waiting != 0 {
		t.Errorf("%d workers, %d handed, %d wait", workers, handed, waiting)
	}
}

// TestDeath: a worker that is gone keeps what it had until its time; coming back, it is told again.
func TestDeath(t *testing.T) {
	s := newScene(t, 3, "a", "b")
	s.hands("a 0", "b 1")
	s.now = s.now.Add(10 * time.Second)
	s.Leave("a")
	s.Done(id(1))
	s.hands("b 2")
	s.join("a")
	next := s.hands("a 0")
	if next != s.now.Add(patience) {
		t.Errorf("its time begins anew at %v", next)
	}
	if err := s.Join("a", patience, s.now); !errors.Is(err, ErrTwice) {
		t.Errorf("twice: %v", err)
	}
	s.Leave("a")
	s.Done(id(2))
	s.hands()
	s.now = next
	s.hands("b 0")
	s.join("a")
	s.hands()
}

func TestGivingBack(t *testing.T) {
	s := newScene(t, 4, "a", "b")
	s.hands("a 0", "b 1")
	s.Free("a")
	s.hands("a 2") // 0 is for another one
	s.Done(id(1))
	s.hands("b 0")
	s.Retire("b")
	s.Free("b")
	s.hands()
	s.Done(id(2))
	s.hands("a 0")
	s.Free("x")
	s.Done(id(0))
	s.hands("a 3")
}

// TestKept: a Fan of what was kept goes on where the other was, whenever that ended.
func TestKept(t *testing.T) {
	s := newScene(t, 4, "a", "b")
	if s.Changed() || len(s.Leases()) != 0 {
		t.Error("nothing was handed over")
	}
	s.hands("a 0", "b 1")
	if !s.Changed() {
		t.Error("a message was handed over")
	}
	kept := s.Leases()
	if s.Changed() || len(kept) != 2 || kept[0] != (Lease{id(0), 0, "a", start.Add(patience), 1}) {
		t.Fatalf("%+v", kept)
	}
	again := &scene{T: t, Fan: New(append(kept, kept[0]), start, time.Hour), now: start.Add(5 * time.Second)}
	for i := range 4 {
		again.Offer(id(i), uint64(i%3))
	}
	again.SetMore(false)
	again.join("c")
	again.hands("c 2") // 0 and 1 are a's and b's
	again.join("b")
	again.hands("b 1")
	again.now = start.Add(patience)
	again.join("d")
	again.hands("d 0")
	if l := again.Leases(); l[0].Tries != 2 || l[1].Tries != 1 {
		t.Errorf("%+v", l)
	}
	// A clock that was set back does not make it last for ever.
	far := New([]Lease{{ID: id(1), Worker: "a", Until: start.Add(1000 * time.Hour), Tries: 1}}, start, time.Hour)
	if _, next := far.Next(start); next != start.Add(time.Hour) {
		t.Errorf("it lasts until %v", next)
	}
	// One that waited for another worker waits again, in front.
	back := &scene{T: t, Fan: New([]Lease{{ID: id(9), Tries: 3}}, start, time.Hour), now: start}
	back.Offer(id(1), 0)
	back.join("a")
	back.hands("a 9")
}

// TestLast: when nothing of a contact is left.
func TestLast(t *testing.T) {
	s := newScene(t, 6, "a")
	for i, want := range []bool{false, false, false, true, true, true} {
		if got := s.Done(id(i)); got != want {
			t.Errorf("message %d: %t", i, got)
		}
	}
	if s.Done(id(0)) {
		t.Error("one that is not there")
	}
	s.Offer(id(7), 7)
	s.SetMore(true)
	if s.Done(id(7)) {
		t.Error("although there may be more")
	}
}

// TestWindow: memory is bounded however many wait.
func TestWindow(t *testing.T) {
	s := newScene(t, 0, "a")
	for i := range 10 * Window {
		if s.Offer(id(i), 1) != (i < Window) {
			t.Fatalf("message %d", i)
		}
	}
	if !s.More() || s.Wants() || len(s.items) != Window {
		t.Errorf("%d are known", len(s.items))
	}
	if !s.Offer(id(5), 1) {
		t.Error("one that is known")
	}
	s.hands("a 0")
	for i := range Window / 2 {
		s.Done(id(i))
		s.Next(s.now)
	}
	if !s.Wants() {
		t.Error("there is room, and it wants no more")
	}
	if workers, handed, waiting := s.Counts(); workers != 1 || handed != 1 || waiting != Window/2-1 {
		t.Errorf("%d workers, %d handed over, %d wait", workers, handed, waiting)
	}
}

// TestAnyOrder runs workers that die, come back, are silent or forget, and processes that end at any moment: everything is
// done, nobody has two at a time, nothing is with two whose time is not over, and what is done is not handed over.
func TestAnyOrder(t *testing.T) {
	for seed := range uint64(50) {
		r := rand.New(rand.NewPCG(seed, 1))
		const messages = 200
		s := &scene{T: t, Fan: New(nil, start, time.Hour), now: start}
		offer := func(done map[ID]bool) {
			for i := range messages {
				if !done[id(i)] {
					s.Offer(id(i), uint64(i%5))
				}
			}
			s.SetMore(false)
		}
		done := map[ID]bool{}
		offer(done)
		there := map[string]bool{}
		for step := 0; len(done) < messages; step++ {
			if step > 100_000 {
				t.Fatalf("seed %d: %d of %d are done", seed, len(done), messages)
			}
			name := string(rune('a' + r.IntN(6)))
			switch has, busy := s.Has(name); {
			case !there[name]:
				s.join(name)
				there[name] = true
			case r.IntN(20) == 0:
				s.Leave(name)
				delete(there, name)
			case r.IntN(100) == 0:
				s.Fan = New(s.Leases(), s.now, time.Hour)
				offer(done)
				clear(there)
			case busy && r.IntN(3) > 0:
				s.Done(has)
				done[has] = true
			case r.IntN(10) == 0:
				s.Free(name)
			case r.IntN(10) == 0:
				s.Hold(name, s.now)
			}
			s.now = s.now.Add(time.Duration(r.IntN(2000)) * time.Millisecond)
			before := map[ID]Lease{}
			for _, l := range s.Leases() {
				before[l.ID] = l
			}
			grants, _ := s.Next(s.now)
			for _, g := range grants {
				if had := before[g.ID]; had.Worker != "" && had.Worker != g.Worker && s.now.Before(had.Until) {
					t.Fatalf("seed %d: %v is still with %s", seed, g, had.Worker)
				}
				if done[g.ID] {
					t.Fatalf("seed %d: %v was done", seed, g)
				}
			}
			of := map[string]int{}
			for _, l := range s.Leases() {
				if l.Worker != "" {
					of[l.Worker]++
				}
			}
			for w, n := range of {
				if n > 1 {
					t.Fatalf("seed %d: %s has %d", seed, w, n)
				}
			}
		}
	}
}

func BenchmarkNext(b *testing.B) {
	f := New(nil, start, time.Hour)
	for w := range 10 {
		_ = f.Join(fmt.Sprint(w), patience, start)
	}
	for n := 0; b.Loop(); n++ {
		f.Offer(id(n), 1)
		f.Next(start)
		f.Done(id(n))
	}
}
