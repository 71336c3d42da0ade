package shelf

import (
	"bytes"
	"testing"
	"time"

	"zeroms/protocol/key"
)

// passed takes what is due and passes on what choose wants.
func passed(s *Shelf, now time.Time, max int, choose func(Record) bool) (all []key.NodeID) {
	s.Repairs(now, max, func(r Record) bool {
		all = append(all, r.Place)
		return choose(r)
	})
	return all
}

func always(Record) bool { return true }

// What is nearer to another gateway than to this one is due once that one is known,
// and nothing else.
func TestWhatIsNearerToAnotherIsDue(t *testing.T) {
	w := newWorld(t)
	for shares := range 20 {
		s := New(Config{Me: w.place()})
		var all []key.NodeID
		for range 300 {
			o := w.record(w.near(s.cfg.Me, w.rnd.IntN(24)), 1)
			put(t, s, by{noon, w.rnd.IntN(50)}, o, Added)
			all = append(all, o.Item.Place)
		}
		node := w.near(s.cfg.Me, shares)
		want := map[key.NodeID]bool{}
		for _, p := range all {
			mine, theirs := between(p, s.cfg.Me), between(p, node)
			if mine.farther(&theirs) {
				want[p] = true
			}
		}
		if n := s.Learned(noon, node); n != len(want) {
			t.Fatalf("%d became due, want %d", n, len(want))
		}
		if s.Learned(noon, node) != 0 {
			t.Fatal("due twice")
		}
		sound(t, s)
		got := passed(s, noon, 1000, always)
		for _, p := range got {
			if !want[p] {
				t.Fatal("what is nearer to this gateway is passed on")
			}
		}
		if len(got) != len(want) || s.Stats().Repaired != uint64(len(want)) {
			t.Fatalf("%d passed on, want %d; %+v", len(got), len(want), s.Stats())
		}
		if s.Learned(noon, s.cfg.Me) != 0 {
			t.Fatal("something is nearer to the gateway than to itself")
		}
		sound(t, s)
	}
}

func TestARecordIsPassedOnAtMostOnceAnHour(t *testing.T) {
	w := newWorld(t)
	s := New(Config{Me: w.place()})
	o := w.record(w.near(s.cfg.Me, 3), 1)
	put(t, s, by{noon, 1}, o, Added)
	if !s.NextRepair().IsZero() {
		t.Error("something is due from the beginning")
	}
	var at []time.Duration
	for minute := range 600 {
		now := noon.Add(time.Duration(minute) * time.Minute)
		s.Learned(now, w.near(s.cfg.Me, 0)) // nearer to what is in the other half only
		s.Learned(now, w.near(o.Item.Place, 12))
		if got := passed(s, now, 10, always); len(got) > 0 {
			at = append(at, now.Sub(noon))
		} else if next := s.NextRepair(); !next.Equal(noon.Add(at[len(at)-1] + time.Hour)) {
			t.Fatalf("next at %v after %v", next, at)
		}
		put(t, s, by{now, 1}, o, Refreshed)
	}
	if len(at) != 10 {
		t.Fatalf("passed on at %v", at)
	}
	for i := range at {
		if at[i] != time.Duration(i)*time.Hour {
			t.Errorf("passed on at %v", at)
		}
	}
}

// What is not passed on begins no hour, and waits for the next gateway.
func TestWhatIsDueIsHandedOutOnce(t *testing.T) {
	w := newWorld(t)
	s := New(Config{Me: w.place()})
	for range 40 {
		put(t, s, by{noon, 1}, w.record(w.near(s.cfg.Me, 5), 1), Added)
	}
	node := w.near(s.cfg.Me, 5)
	if n := s.Learned(noon, node); n != 40 {
		t.Fatalf("%d are due", n)
	}
	first := passed(s, noon, 15, func(Record) bool { return false })
	rest := passed(s, noon, 100, always)
	if len(first) != 15 || len(rest) != 25 || len(passed(s, noon, 100, always)) != 0 {
		t.Fatalf("%d, then %d", len(first), len(rest))
	}
	if !s.NextRepair().IsZero() {
		t.Error("something is due still")
	}
	if n := s.Learned(noon, node); n != 40 {
		t.Fatalf("%d are due", n)
	}
	again := passed(s, noon.Add(time.Minute), 100, always)
	if len(again) != 15 {
		t.Fatalf("%d could be passed on again", len(again))
	}
	if got := passed(s, noon.Add(time.Hour), 100, always); len(got) != 25 {
		t.Fatalf("%d after an hour", len(got))
	}
	// Those first that were not passed on for the longest time.
	s.Learned(noon.Add(3*time.Hour-time.Second), node)
	order := passed(s, noon.Add(3*time.Hour-time.Second), 25, always)
	for _, p := range order[:15] {
		if !contains(again, p) && !contains(rest, p) {
			t.Fatal("out of order")
		}
	}
	sound(t, s)
}

func contains(all []key.NodeID, p key.NodeID) bool {
	for _, x := range all {
		if bytes.Equal(x[:], p[:]) {
			return true
		}
	}
	return false
}

func TestWhatHadItsTimeIsNotPassedOn(t *testing.T) {
	w := newWorld(t)
	s := New(Config{Me: w.place()})
	for range 10 {
		put(t, s, by{noon, 1}, w.record(w.near(s.cfg.Me, 2), 1), Added)
	}
	s.Learned(noon, w.near(s.cfg.Me, 2))
	if got := passed(s, noon.Add(3*time.Hour), 100, always); len(got) != 0 {
		t.Fatalf("%d passed on", len(got))
	}
	if n := s.Learned(noon.Add(3*time.Hour), w.near(s.cfg.Me, 2)); n != 0 {
		t.Fatalf("%d are due", n)
	}
	s.Expire(noon.Add(3 * time.Hour))
	sound(t, s)
}
