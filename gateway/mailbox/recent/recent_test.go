package recent

import (
	"fmt"
	"testing"
	"time"
)

// thing is an item of which a part can't be shed.
type thing struct {
	name         string
	cache, fixed int
	pinned       bool
	forgotten    bool
	sheds        int
}

func (t *thing) Weight() int { return t.cache + t.fixed }
func (t *thing) Shed()       { t.cache = 0; t.sheds++ }
func (t *thing) Free() bool  { return !t.pinned }
func (t *thing) Forget()     { t.forgotten = true }

var begin = time.Unix(1_800_000_000, 0)

// at is that many seconds after the beginning.
func at(seconds int) time.Time { return begin.Add(time.Duration(seconds) * time.Second) }

func TestTheLeastRecentlyUsedGoesFirst(t *testing.T) {
	s := New[*thing](800)
	var all []*thing
	for i := range 8 {
		all = append(all, &thing{name: fmt.Sprint(i), cache: 90, fixed: 10})
		s.Use(all[i], at(10*i))
	}
	all[1].pinned = true
	s.Use(all[0], at(80))
	if s.Weight() != 800 {
		t.Fatalf("%d bytes", s.Weight())
	}
	s.Use(&thing{cache: 90, fixed: 10}, at(90)) // 900: down to 700 or less
	for i, want := range []struct{ forgotten, shed bool }{{}, {false, true}, {true, false}, {true, false}, {}} {
		if got := all[i]; got.forgotten != want.forgotten || (got.sheds > 0) != want.shed {
			t.Errorf("%s: %+v", got.name, got)
		}
	}
	if s.Weight() != 610 {
		t.Errorf("%d bytes are left", s.Weight())
	}
}

func TestWhatWasUsedLatelyIsNotForgotten(t *testing.T) {
	s := New[*thing](100)
	a, b := &thing{cache: 80, fixed: 5}, &thing{cache: 80, fixed: 5}
	s.Use(a, at(0))
	s.Use(b, at(1))
	if a.forgotten || a.sheds != 1 || b.sheds != 0 || s.Weight() != 90 {
		t.Errorf("%+v, %+v, %d bytes", a, b, s.Weight())
	}
	a.cache = 80
	s.Weigh(a, at(3)) // b was used last
	if a.sheds != 2 && !a.forgotten || b.sheds != 0 {
		t.Errorf("%+v, %+v", a, b)
	}
}

// One that alone is more than the limit may work, and the others make room.
func TestTheLastUsedKeepsWhatItHas(t *testing.T) {
	s := New[*thing](100)
	big := &thing{cache: 500, fixed: 5}
	s.Use(big, at(0))
	if big.sheds != 0 || s.Weight() != 505 {
		t.Errorf("%+v", big)
	}
	s.Use(&thing{cache: 20}, at(1))
	if big.sheds != 1 || s.Weight() != 25 {
		t.Errorf("%+v, %d bytes", big, s.Weight())
	}
}

// Where nothing can go, not every use looks through everything again; and when it
// can, the limit counts as before.
func TestLookingInVain(t *testing.T) {
	s := New[*thing](800)
	var all []*thing
	for i := range 16 {
		all = append(all, &thing{fixed: 100, pinned: true})
		s.Use(all[i], at(10*i))
	}
	looked := all[0].sheds
	if looked == 0 || looked > 8 {
		t.Fatalf("%d looks", looked)
	}
	for range 100 {
		s.Use(all[15], at(200))
	}
	if all[0].sheds != looked {
		t.Errorf("%d looks for the same weight", all[0].sheds-looked)
	}
	for _, in := range all {
		in.pinned = false
	}
	s.Expire(at(90)) // the first ten
	if s.Weight() != 600 || !all[9].forgotten || all[10].forgotten {
		t.Fatalf("%d bytes", s.Weight())
	}
	for i := range 3 {
		s.Use(&thing{cache: 100}, at(300+10*i))
	}
	if s.Weight() > 800 {
		t.Errorf("%d bytes of 800", s.Weight())
	}
}

// What could not go for a while raises the bound only for that while.
func TestTheBoundComesDownWithTheWeight(t *testing.T) {
	s := New[*thing](80)
	pinned, a, b := &thing{fixed: 1000, pinned: true}, &thing{fixed: 100, pinned: true}, &thing{fixed: 1, pinned: true}
	s.Use(pinned, at(0))
	s.Use(a, at(0))
	s.Use(b, at(0))
	pinned.fixed = 10
	s.Weigh(pinned, at(1)) // 111, still above the limit
	a.cache = 500
	s.Weigh(a, at(1))
	if a.sheds == 0 || s.Weight() != 111 {
		t.Errorf("%d bytes where 111 can't go", s.Weight())
	}
}

func TestRemove(t *testing.T) {
	s := New[*thing](100)
	a, pinned := &thing{fixed: 5}, &thing{fixed: 7, pinned: true}
	s.Use(a, at(0))
	s.Use(pinned, at(0))
	s.Remove(a)
	s.Remove(a)
	s.Weigh(a, at(1))
	s.Expire(at(1))
	if s.Weight() != 7 || a.forgotten || pinned.forgotten {
		t.Errorf("%d bytes, %+v, %+v", s.Weight(), a, pinned)
	}
}
