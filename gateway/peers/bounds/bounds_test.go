package bounds

import (
	"fmt"
	"net/netip"
	"testing"
	"time"
)

var start = time.Unix(1_800_000_000, 0)

func TestTally(t *testing.T) {
	b := NewTally[string](Allowance{Burst: 3, Minute: 6})
	take := func(now time.Time, k string) (n int) {
		for b.Take(now, k) {
			n++
		}
		return n
	}
	if n := take(start, "a"); n != 3 {
		t.Errorf("%d at once", n)
	}
	if n := take(start, "b"); n != 3 {
		t.Errorf("%d of another key", n)
	}
	if n := take(start.Add(20*time.Second), "a"); n != 2 {
		t.Errorf("%d after 20 s", n)
	}
	if n := take(start.Add(-time.Hour), "a"); n != 0 {
		t.Errorf("%d by a clock that went back", n)
	}
	b.Use(start.Add(20*time.Second), "a", -1)
	if n := take(start.Add(20*time.Second), "a"); n != 1 {
		t.Errorf("%d were given back", n)
	}
	b.Use(start.Add(20*time.Second), "a", -100)
	if n := take(start.Add(20*time.Second), "a"); n != 3 {
		t.Errorf("%d: more was given back than was taken", n)
	}
	none := NewTally[string](Allowance{})
	if none.Take(start, "a") {
		t.Error("nothing is allowed, and taken")
	}
}

// TestTallyForgets: keys that have all their tokens again take no memory.
func TestTallyForgets(t *testing.T) {
	b := NewTally[int](Allowance{Burst: 1, Minute: 60})
	now := start
	for i := range 100_000 {
		b.Take(now, i)
		now = now.Add(10 * time.Millisecond)
	}
	if n := b.Len(); n > leastSweep {
		t.Errorf("%d keys are held", n)
	}
	if b.Has(now, -1); b.Len() > leastSweep {
		t.Error("a question costs memory")
	}
}

func TestSpending(t *testing.T) {
	for name, c := range map[string]struct {
		at   func(i int) string
		want int
	}{
		"address":        {func(int) string { return "8.8.8.8:443" }, 2},
		"ports":          {func(i int) string { return fmt.Sprintf("8.8.8.8:%d", i+1) }, 2},
		"neighbours":     {func(i int) string { return fmt.Sprintf("8.8.8.%d:443", i%256) }, 4},
		"far neighbours": {func(i int) string { return fmt.Sprintf("8.8.%d.8:443", i%256) }, 8},
		"all":            {func(i int) string { return fmt.Sprintf("8.%d.8.8:443", i%256) }, 16},
		"a /56":          {func(i int) string { return fmt.Sprintf("[2600:1:2:%x::1]:443", i%256) }, 2},
		"a /48":          {func(i int) string { return fmt.Sprintf("[2600:1:2:%x::1]:443", i<<8) }, 4},
		"a LAN's":        {func(i int) string { return fmt.Sprintf("192.168.0.%d:443", i%256) }, 16},
		"a LAN's host":   {func(i int) string { return fmt.Sprintf("192.168.0.1:%d", i+1) }, 4},
		"a computer's":   {func(i int) string { return fmt.Sprintf("127.0.0.1:%d", i+1) }, 16},
	} {
		s := NewSpending(Allowance{Burst: 2}, Allowance{Burst: 4}, Allowance{Burst: 8}, Allowance{Burst: 16})
		n := 0
		for i := range 200 {
			if s.Take(start, netip.MustParseAddrPort(c.at(i)), 0) {
				n++
			}
		}
		if n != c.want {
			t.Errorf("%s: %d", name, n)
		}
	}
	s := NewSpending(Allowance{Burst: 1}, Allowance{Burst: 4}, Allowance{Burst: 8}, Allowance{Burst: 2})
	at := netip.MustParseAddrPort("8.8.8.8:443")
	if !s.Take(start, at, 0) || s.Take(start, at, 1) {
		t.Error("an address counts once for every purpose")
	}
	s.Refund(start, at, 0)
	if !s.May(start, at, 0) || !s.Take(start, at, 0) {
		t.Error("what was given back is gone")
	}
	s.Take(start, netip.MustParseAddrPort("9.9.9.9:443"), 0)
	other := netip.MustParseAddrPort("7.7.7.7:443")
	if s.May(start, other, 0) || !s.May(start, other, 1) {
		t.Error("one purpose uses up the other's")
	}
}

func TestRecent(t *testing.T) {
	r := NewRecent[int, string](100)
	for i := range 1000 {
		r.Put(i, "x")
		if _, ok := r.Get(0); !ok {
			t.Fatalf("what is used is forgotten after %d", i)
		}
		if r.Len() > 100 {
			t.Fatalf("%d entries", r.Len())
		}
	}
	for i := 999; i > 960; i-- {
		if v, ok := r.Get(i); !ok || v != "x" {
			t.Errorf("%d is forgotten", i)
		}
	}
	if _, ok := r.Get(500); ok {
		t.Error("500 is remembered")
	}
	n := 0
	r.Each(func(int, string) { n++ })
	if n != r.Len() {
		t.Errorf("%d of %d", n, r.Len())
	}
	r.Drop(999)
	if _, ok := r.Get(999); ok {
		t.Error("999 was dropped")
	}
}

// TestPauses: a pause doubles with each failure up to the longest; what worked before it
// failed is forgiven once.
func TestPauses(t *testing.T) {
	p := NewPauses[string](8)
	until := func(now time.Time, k string) time.Duration {
		if u := p.Until(now, k); !u.IsZero() {
			return u.Sub(now)
		}
		return 0
	}
	fail := func(k string) time.Duration { p.Fail(start, k, time.Second, 3*time.Second); return until(start, k) }
	doubt := func(k string) time.Duration { p.Doubt(start, k, time.Second, 3*time.Second); return until(start, k) }
	for i, want := range []time.Duration{1, 2, 3, 3} {
		if got := fail("a"); got != want*time.Second {
			t.Errorf("pause %d is %v", i, got)
		}
	}
	if until(start, "b") != 0 || until(start.Add(3*time.Second), "a") != 0 || until(start.Add(3*time.Second-1), "a") != 1 {
		t.Error("a pause has another end")
	}
	for i, want := range []time.Duration{0, 1, 2} {
		if got := doubt("c"); got != want*time.Second {
			t.Errorf("doubt %d: %v", i, got)
		}
	}
	if doubt("d") != 0 || fail("d") != time.Second {
		t.Error("a failure after one that was forgiven")
	}
	p.Drop("a")
	p.Drop("c")
	if fail("a") != time.Second || doubt("c") != 0 {
		t.Error("what was dropped is remembered")
	}
	if p.Since("a") != start || !p.Since("never").IsZero() {
		t.Error("a failure has another time")
	}
}

func TestRate(t *testing.T) {
	r := Rate{PerSecond: 100}
	n := 0
	for r.Take(start, 10) {
		n++
	}
	if n != 21 {
		t.Errorf("%d at once", n)
	}
	for n = 0; r.Take(start.Add(time.Second), 10); n++ {
	}
	if n != 10 {
		t.Errorf("%d a second later", n)
	}
	if r.Take(start.Add(-time.Hour), 10) {
		t.Error("a clock that went back brings more")
	}
}

// TestRateWaits: what is used beyond the rate is waited for, all of it and no longer.
func TestRateWaits(t *testing.T) {
	r := Rate{PerSecond: 100}
	now := start
	for i := range 20 {
		if wait := r.Wait(now, 10); wait != 0 {
			t.Fatalf("%v for number %d of two seconds", wait, i)
		}
	}
	for range 50 {
		wait := r.Wait(now, 10)
		if wait != 100*time.Millisecond {
			t.Fatalf("%v for what comes in 100 ms", wait)
		}
		now = now.Add(wait)
	}
	if a, b := r.Wait(now, 1000), r.Wait(now, 1); a != 10*time.Second || b != a+10*time.Millisecond {
		t.Errorf("%v, and %v for who comes next", a, b)
	}
	if wait := r.Wait(now.Add(-time.Hour), 0); wait != 10*time.Second+10*time.Millisecond {
		t.Errorf("%v by a clock that went back", wait)
	}
	if wait := r.Wait(now.Add(time.Hour), 200); wait != 0 {
		t.Errorf("%v an hour later", wait)
	}
}
