package delivery

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

func TestAcksRideOrWait(t *testing.T) {
	timing := Timing{}.Default()
	var a Acks
	if a.Wanted() || a.Due(start) {
		t.Fatal("the zero value wants one")
	}
	due := a.Want(start, timing)
	if due != start.Add(timing.AckDelay) || !a.Wanted() || a.Due(due.Add(-1)) || !a.Due(due) {
		t.Fatal("not due after AckDelay")
	}
	if again := a.Want(start.Add(timing.AckDelay/2), timing); again != due {
		t.Error("a second wish moved the first one's deadline")
	}
	a.Sent(due, false)
	if a.Wanted() || a.Due(due.Add(time.Hour)) {
		t.Error("it rode and is still wanted")
	}
	// Riding costs nothing: the next may leave alone at once.
	due = a.Want(due, timing)
	a.Sent(due, true)
	if next := a.Want(due, timing); next != due.Add(timing.AckInterval) {
		t.Errorf("the next alone %v after the last", next.Sub(due))
	}
}

// TestAcksAloneAreRare: whatever comes in, two that leave alone are AckInterval
// apart and none waits longer than that and AckDelay.
func TestAcksAloneAreRare(t *testing.T) {
	timing := Timing{}.Default()
	for seed := range uint64(20) {
		r := rand.New(rand.NewPCG(seed, 1))
		var a Acks
		var last, wanted time.Time
		for now := start; now.Before(start.Add(time.Minute)); now = now.Add(time.Duration(r.IntN(100)) * time.Millisecond) {
			if r.IntN(2) == 0 {
				if !a.Wanted() {
					wanted = now
				}
				if due := a.Want(now, timing); due.After(wanted.Add(timing.AckInterval + timing.AckDelay)) {
					t.Fatalf("due %v after it was wanted", due.Sub(wanted))
				}
			}
			switch {
			case a.Due(now):
				if now.Sub(wanted) < timing.AckDelay || now.Sub(last) < timing.AckInterval {
					t.Fatal("an acknowledgement left alone too early")
				}
				a.Sent(now, true)
				last = now
			case a.Wanted() && r.IntN(10) == 0:
				a.Sent(now, false)
			}
		}
	}
}

func TestBudgetAnHour(t *testing.T) {
	var b Budget
	take := func(now time.Time) (n int) {
		for b.Take(now) {
			n++
		}
		return n
	}
	for _, c := range []struct {
		at   time.Duration
		want int
	}{{0, BudgetPerHour}, {time.Hour - 1, 0}, {time.Hour, BudgetPerHour}, {90 * time.Minute, 0}, {5 * time.Hour, BudgetPerHour}, {4 * time.Hour, 0}} {
		if n := take(start.Add(c.at)); n != c.want {
			t.Errorf("%d after %v, want %d", n, c.at, c.want)
		}
	}
}

func TestBackoffDoubles(t *testing.T) {
	for _, c := range []struct{ least, most time.Duration }{
		{time.Second, 10 * time.Minute}, {time.Second, time.Second}, {time.Hour, time.Minute}, {0, time.Minute}, {30 * time.Minute, 24 * time.Hour},
	} {
		var b Backoff
		if !b.Ready(start) || !b.Ready(time.Time{}) {
			t.Fatal("the zero value pauses")
		}
		now, want := start, min(c.least, c.most)
		for range 100 {
			until := b.Fail(now, c.least, c.most)
			if wait := until.Sub(now); wait != want && b.Failures <= 20 || wait > c.most {
				t.Fatalf("%v: pause %v after %d failures, want %v", c, wait, b.Failures, want)
			}
			if until != b.Until || want > 0 && b.Ready(until.Add(-1)) || !b.Ready(until) {
				t.Fatal("Ready at the wrong time")
			}
			now, want = until, min(2*want, c.most)
		}
		b.Reset()
		if b != (Backoff{}) {
			t.Error("something is left after Reset")
		}
	}
}

func TestAlarmsAgainstAModel(t *testing.T) {
	for seed := range uint64(50) {
		r := rand.New(rand.NewPCG(seed, 1))
		var a Alarms[int]
		model, now := map[int]time.Time{}, start
		for range 500 {
			k, at := r.IntN(20), start.Add(time.Duration(r.IntN(1000))*time.Second)
			switch r.IntN(5) {
			case 0, 1:
				a.Set(k, at)
				model[k] = at
			case 2:
				a.Sooner(k, at)
				if old, ok := model[k]; !ok || at.Before(old) {
					model[k] = at
				}
			case 3:
				a.Cancel(k)
				delete(model, k)
			case 4:
				now = now.Add(time.Duration(r.IntN(20)) * time.Second)
				ring(t, &a, model, now)
			}
			var first time.Time
			for _, at := range model {
				if first.IsZero() || at.Before(first) {
					first = at
				}
			}
			if at, ok := a.Next(); ok != (len(model) > 0) || !at.Equal(first) {
				t.Fatalf("next %v %v, want %v", at, ok, first)
			}
		}
		ring(t, &a, model, start.Add(time.Hour))
	}
}

func ring(t *testing.T, a *Alarms[int], model map[int]time.Time, now time.Time) {
	t.Helper()
	var want []int
	at := map[int]time.Time{}
	for k, when := range model {
		if !when.After(now) {
			want = append(want, k)
			at[k] = when
			delete(model, k)
		}
	}
	got := a.Due(now)
	if !slices.IsSortedFunc(got, func(x, y int) int { return at[x].Compare(at[y]) }) {
		t.Fatal("not the earliest first")
	}
	slices.SortFunc(got, cmp.Compare[int])
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Fatalf("%v rang, want %v", got, want)
	}
}
