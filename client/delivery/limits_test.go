package delivery

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"zeroms/protocol/key"
	"zeroms/protocol/message"
	"zeroms/protocol/wire"
)

// within is what happened at most in any window of a length.
func within(at []time.Time, size []int, length time.Duration) (most int) {
	sum, first := 0, 0
	for i := range at {
		for sum += size[i]; at[i].Sub(at[first]) >= length; first++ {
			sum -= size[first]
		}
		most = max(most, sum)
	}
	return most
}

func ones(n int) []int { return slices.Repeat([]int{1}, n) }

func TestResyncScript(t *testing.T) {
	timing := RepairTiming{}.Default()
	var r Resync
	for i, x := range []struct {
		at   time.Duration
		do   string // want, cancel, made
		due  bool
		next time.Duration // the deadline; -1: none
	}{
		{0, "", false, -1},
		{0, "want", true, 0},
		{0, "made", false, -1},
		{time.Minute, "want", false, time.Hour + 1e6},
		{time.Minute, "cancel", false, -1},
		{2 * time.Minute, "want", false, time.Hour + 1e6},
		{time.Hour, "", false, time.Hour + 1e6},
		{time.Hour + 1e6, "", true, time.Hour + 1e6},
		{time.Hour, "made", false, -1},
		{time.Hour, "want", false, 2*time.Hour + 1e6},
		{2 * time.Hour, "made", false, -1},
		{3 * time.Hour, "made", false, -1},
		{4 * time.Hour, "made", false, -1},
		{5 * time.Hour, "want", false, 24*time.Hour + 1e6}, // the first five are a day's
		{24 * time.Hour, "", false, 24*time.Hour + 1e6},
		{24*time.Hour + 1e6, "", true, 24*time.Hour + 1e6},
		{24 * time.Hour, "made", false, -1},
		{24*time.Hour + 2*time.Minute, "want", false, 25*time.Hour + 1e6},
		{-300 * time.Hour, "", false, -276*time.Hour + 1e6}, // the clock was ahead: all five count as made now
		{-276*time.Hour + 1e6, "", true, -276*time.Hour + 1e6},
	} {
		now := start.Add(x.at)
		switch x.do {
		case "want":
			r.Want()
		case "cancel":
			r.Cancel()
		case "made":
			r.Made(now)
		}
		// Everything survives a restart at any point.
		again, err := ParseResync(r.Encode())
		if err != nil {
			t.Fatal(err)
		}
		r = *again
		at, ok := r.Deadline(now, timing)
		if due := r.Due(now, timing); due != x.due || ok != (x.next >= 0 || x.next < -1) || r.Wanted() != ok || ok && at.Sub(start) != x.next && !(due && at.Equal(now)) {
			t.Fatalf("step %d: due %v, deadline %v %v", i, due, at.Sub(start), ok)
		}
	}
}

func TestResyncsInAnyWindow(t *testing.T) {
	timing := RepairTiming{}.Default()
	for seed := range uint64(50) {
		rng := rand.New(rand.NewPCG(seed, 9))
		var r Resync
		var made []time.Time
		for now := start; now.Before(start.Add(5 * day)); now = now.Add(time.Duration(rng.IntN(40)) * time.Minute) {
			if rng.IntN(3) > 0 {
				r.Want()
			}
			if r.Due(now, timing) {
				r.Made(now)
				made = append(made, now)
			}
		}
		if within(made, ones(len(made)), time.Hour) > 1 || within(made, ones(len(made)), day) > ResyncsPerDay || len(made) < 4*ResyncsPerDay {
			t.Fatalf("seed %d: %d resyncs: %v", seed, len(made), made)
		}
	}
}

func TestAnswersInAnyWindow(t *testing.T) {
	sizes := []int{1 << 10, 4 << 10, 16 << 10, 64 << 10}
	for seed := range uint64(4) {
		rng := rand.New(rand.NewPCG(seed, 3))
		var b AnswerBudget
		var at []time.Time
		var spent []int
		for now := start; now.Before(start.Add(2 * day)); now = now.Add(time.Duration(rng.IntN(600)) * time.Second) {
			for n := rng.IntN(100); n > 0; n-- {
				size := sizes[rng.IntN(len(sizes))]
				wait := b.After(size, now)
				if took := b.Take(size, now); took != (wait == 0) {
					t.Fatalf("taken %v, but After says %v", took, wait)
				} else if took {
					at, spent = append(at, now), append(spent, size)
				} else if early := b.clone(); early.Take(size, now.Add(wait-time.Millisecond)) || !early.Take(size, now.Add(wait)) {
					t.Fatalf("it does not fit exactly after %v", wait)
				}
			}
			if restored, err := ParseAnswerBudget(b.Encode()); err != nil {
				t.Fatal(err)
			} else if b = *restored; len(b.Encode()) > maxBudget {
				t.Fatalf("%d bytes", len(b.Encode()))
			}
		}
		hour, whole := within(at, spent, time.Hour), within(at, spent, day)
		if hour > AnswersPerHour || whole > AnswersPerDay {
			t.Fatalf("seed %d: %d in an hour, %d in a day", seed, hour, whole)
		}
		if hour < AnswersPerHour*9/10 || whole < AnswersPerDay*8/10 {
			t.Errorf("seed %d: only %d in an hour, %d in a day", seed, hour, whole)
		}
	}
}

func (b *AnswerBudget) clone() *AnswerBudget { return &AnswerBudget{slices.Clone(b.spent)} }

func TestABudgetWhoseClockWasAhead(t *testing.T) {
	var b AnswerBudget
	future := start.Add(365 * day)
	for b.Take(64<<10, future) {
	}
	if b.Take(64<<10, start) {
		t.Error("a clock set back gives a new budget")
	}
	if wait := b.After(64<<10, start); wait > time.Hour+5*time.Minute {
		t.Errorf("it is closed for %v", wait)
	}
	if !b.Take(64<<10, start.Add(2*time.Hour)) || b.Take(0, start.Add(2*time.Hour)) || b.Take(-1, start.Add(2*time.Hour)) {
		t.Error("what fits")
	}
}

func TestPlanAnswersTheNewestFirst(t *testing.T) {
	var b AnswerBudget
	var asked []Wanted
	for seq := uint32(1); seq <= 100; seq++ {
		asked = append(asked, Wanted{Device: deviceOf('a'), Seq: seq, Height: seq, Size: 16 << 10})
	}
	answer, later, after := b.Plan(asked, start)
	if len(answer) != 64 || answer[0].Seq != 100 || answer[63].Seq != 37 || len(later) != 36 || later[0].Seq != 36 {
		t.Fatalf("%d answered, %d later", len(answer), len(later))
	}
	if after < time.Hour || after > time.Hour+5*time.Minute {
		t.Errorf("after %v", after)
	}
	wants, seconds := Postponed(later, after)
	if len(wants) != 1 || wants[0] != (message.Want{Device: deviceOf('a'), From: 1, To: 36}) || time.Duration(seconds)*time.Second < after {
		t.Errorf("%+v in %d s", wants, seconds)
	}
	answer, later, after = b.Plan(later, start.Add(after))
	if len(answer) != 36 || len(later) != 0 || after != 0 {
		t.Errorf("then %d answered, %d later, after %v", len(answer), len(later), after)
	}
	if answer, later, after = b.Plan(nil, start); len(answer)+len(later) != 0 || after != 0 {
		t.Error("nothing was asked for")
	}
}

func TestPostponedFitsTheBody(t *testing.T) {
	var later []Wanted
	for seq := uint32(1); seq < 20_000; seq += 1 + seq%2 + seq/100 {
		later = append(later, Wanted{Device: key.DeviceID{byte(seq % 3)}, Seq: seq})
	}
	for n := 1; n < len(later); n++ {
		for _, after := range []time.Duration{0, time.Second, 1500 * time.Millisecond, 48 * time.Hour} {
			wants, seconds := Postponed(later[:n], after)
			if _, err := message.EncodeBody(&message.Later{Wants: wants, After: seconds}); err != nil {
				t.Fatalf("%d messages after %v: %v", n, after, err)
			}
		}
	}
}

// stored are the encodings of limits.
func stored() map[string][]byte {
	var b AnswerBudget
	var r Resync
	for i := range 5 {
		b.Take(1024, start.Add(time.Duration(i)*time.Hour))
		r.Made(start.Add(time.Duration(i) * time.Hour))
	}
	r.Want()
	return map[string][]byte{"budget": b.Encode(), "resync": r.Encode(), "empty budget": new(AnswerBudget).Encode(), "empty resync": new(Resync).Encode()}
}

// reencode parses as what and encodes again.
func reencode(b []byte) (budget, resync []byte, err1, err2 error) {
	x, err1 := ParseAnswerBudget(b)
	if err1 == nil {
		budget = x.Encode()
	}
	y, err2 := ParseResync(b)
	if err2 == nil {
		resync = y.Encode()
	}
	return budget, resync, err1, err2
}

func TestStoredLimitsComeBack(t *testing.T) {
	for name, b := range stored() {
		budget, resync, err1, err2 := reencode(b)
		if !bytes.Equal(budget, b) && !bytes.Equal(resync, b) {
			t.Errorf("%s: %v, %v", name, err1, err2)
		}
		for n := range b {
			if _, _, err1, err2 := reencode(b[:n]); err1 == nil || err2 == nil {
				t.Errorf("%s: %d bytes of it were read", name, n)
			}
		}
		if _, _, err1, err2 := reencode(append(slices.Clone(b), 0)); err1 == nil || err2 == nil {
			t.Errorf("%s: trailing bytes were read", name)
		}
	}
	for name, test := range map[string]struct {
		fields any
		want   error
	}{
		"a later budget":           {budgetFields{2, []spending{}}, wire.ErrVersion},
		"a later resync":           {resyncFields{2, false, []uint64{}}, wire.ErrVersion},
		"slots out of order":       {budgetFields{1, []spending{{Slot: 2, Bytes: 1}, {Slot: 1, Bytes: 1}}}, wire.ErrValue},
		"a slot without spending":  {budgetFields{1, []spending{{Slot: 2}}}, wire.ErrValue},
		"a slot at the end":        {budgetFields{1, []spending{{Slot: 1 << 63, Bytes: 1}}}, wire.ErrValue},
		"six resyncs":              {resyncFields{1, false, []uint64{1, 2, 3, 4, 5, 6}}, wire.ErrValue},
		"resyncs out of order":     {resyncFields{1, false, []uint64{2, 1}}, wire.ErrValue},
		"a resync at the end":      {resyncFields{1, false, []uint64{1 << 63}}, wire.ErrValue},
		"a budget of 9,000 bytes":  {budgetFields{1, slices.Repeat([]spending{{Slot: 1, Bytes: 1}}, 3000)}, wire.ErrTooLarge},
		"a resync of 90 and more.": {resyncFields{1, false, slices.Repeat([]uint64{1 << 40}, 20)}, wire.ErrTooLarge},
	} {
		_, _, err1, err2 := reencode(wire.Marshal(test.fields))
		if !errors.Is(err1, test.want) && !errors.Is(err2, test.want) {
			t.Errorf("%s: %v, %v", name, err1, err2)
		}
	}
}

// FuzzLimits: stored limits that are read are written as the same bytes, and can be used.
func FuzzLimits(f *testing.F) {
	for _, b := range stored() {
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		budget, resync, err1, err2 := reencode(b)
		if err1 == nil && !bytes.Equal(budget, b) || err2 == nil && !bytes.Equal(resync, b) {
			t.Fatal("another encoding was read")
		}
		timing := RepairTiming{}.Default()
		if x, err := ParseAnswerBudget(b); err == nil {
			x.Take(1024, start)
			if wait := x.After(1024, start); wait < 0 || wait > day+5*time.Minute {
				t.Fatalf("closed for %v", wait)
			}
		}
		if y, err := ParseResync(b); err == nil {
			if at, ok := y.Deadline(start, timing); ok && (at.Before(start) || at.Sub(start) > day+time.Second) {
				t.Fatalf("closed until %v", at)
			}
		}
	})
}

func TestHeadsAloneScript(t *testing.T) {
	timing := RepairTiming{}.Default()
	const m = time.Minute
	for _, test := range []struct {
		name  string
		steps []headsStep
	}{
		{"nothing was sent", []headsStep{{0, "heard", 0, -1}}},
		{"acknowledged", []headsStep{{0, "sent", 5, -1}, {m, "acked", 5, -1}, {2 * m, "heard", 0, -1}}},
		{"never heard from", []headsStep{{0, "sent", 5, -1}, {900 * m, "", 0, -1}}},
		{"heard from, not acknowledged", []headsStep{{0, "sent", 5, -1}, {m, "heard", 0, 6 * m}, {2 * m, "heard", 99, 6 * m}, {6 * m, "alone", 0, -1}, {7 * m, "", 0, -1}}},
		{"heard from at the same moment only", []headsStep{{0, "sent", 5, -1}, {0, "heard", 0, -1}}},
		{"the latest time", []headsStep{{0, "sent", 5, -1}, {m, "heard", 99, 31*m - 15*time.Second}}},
		{"the acknowledgement was under way", []headsStep{{0, "sent", 5, -1}, {m, "heard", 0, 6 * m}, {m, "acked", 5, -1}}},
		{"only an earlier one is acknowledged", []headsStep{{0, "sent", 5, -1}, {m, "heard", 0, 6 * m}, {m, "acked", 4, 6 * m}}},
		{"a newer message begins anew", []headsStep{{0, "sent", 5, -1}, {m, "heard", 0, 6 * m}, {2 * m, "sent", 6, -1}, {3 * m, "heard", 0, 8 * m}}},
		{"an old one again changes nothing", []headsStep{{0, "sent", 5, -1}, {m, "heard", 0, 6 * m}, {2 * m, "sent", 4, 6 * m}}},
		{"they rode", []headsStep{{0, "sent", 5, -1}, {m, "heard", 0, 6 * m}, {2 * m, "rode", 0, -1}, {3 * m, "heard", 0, 8 * m}}},
		{"again only when heard from again, each time later", []headsStep{
			{0, "sent", 5, -1}, {m, "heard", 0, 6 * m}, {6 * m, "alone", 0, -1}, {60 * m, "heard", 0, 70 * m}, {70 * m, "alone", 0, -1},
			{71 * m, "heard", 0, 91 * m}, {91 * m, "alone", 0, -1}, {92 * m, "heard", 0, 132 * m},
		}},
		{"they could not leave", []headsStep{{0, "sent", 5, -1}, {m, "heard", 0, 6 * m}, {6 * m, "kept", 0, 11 * m}, {7 * m, "heard", 0, 11 * m}, {11 * m, "alone", 0, -1}}},
		{"what nobody sees is acknowledged late", []headsStep{{0, "slow", 5, -1}, {m, "heard", 0, 36 * m}}},
	} {
		var h HeadsAlone
		for i, x := range test.steps {
			now := start.Add(x.at)
			switch x.do {
			case "sent":
				h.Sent(x.n, 0, now)
			case "slow":
				h.Sent(x.n, Timing{}.Default().SilentMax, now)
			case "acked":
				h.Acked(x.n)
			case "heard":
				h.Heard(now, float64(x.n)/100, timing)
			case "kept":
				h.Kept(now, timing)
			case "alone", "rode":
				if x.do == "alone" && (!h.Due(now) || h.Due(now.Add(-1))) {
					t.Errorf("%s, step %d: not due", test.name, i)
				}
				h.Left(now, x.do == "alone")
			}
			if at, ok := h.Deadline(); ok != (x.next >= 0) || ok && at.Sub(start) != x.next {
				t.Errorf("%s, step %d: next %v %v, want %v", test.name, i, at.Sub(start), ok, x.next)
			}
		}
	}
}

type headsStep struct {
	at   time.Duration
	do   string
	n    uint32        // the message; the draw in hundredths
	next time.Duration // -1: none
}

// TestHeadsAloneAreRare: between two that leave alone something was heard, and
// each waits longer, to a day.
func TestHeadsAloneAreRare(t *testing.T) {
	timing := RepairTiming{}.Default()
	rng := rand.New(rand.NewPCG(1, 1))
	var h HeadsAlone
	var left []time.Time
	h.Sent(1, 0, start)
	for now := start; now.Before(start.Add(30 * day)); now = now.Add(time.Minute) {
		h.Heard(now, rng.Float64(), timing)
		if h.Due(now) {
			h.Left(now, true)
			left = append(left, now)
		}
	}
	if n := within(left, ones(len(left)), day); n > 10 || len(left) < 30 || len(left) > 45 {
		t.Errorf("%d in 30 days, %d in one", len(left), n)
	}
}

func TestRetention(t *testing.T) {
	timing := RepairTiming{}.Default()
	d := func(days float64) time.Time { return start.Add(time.Duration(days * float64(day))) }
	none := time.Time{}
	for _, test := range []struct {
		name string
		copy Copy
		at   float64 // days after it was written
		want Verdict
		next time.Time
	}{
		{"waits for an envelope", Copy{Listed: true}, 1, Keep, d(44)},
		{"in custody", Copy{Listed: true, Custody: d(30)}, 29, Keep, d(30)},
		{"custody ended, the device lives", Copy{Listed: true, Custody: d(30)}, 30, Resend, d(44)},
		{"custody ended, heard from lately", Copy{Listed: true, Custody: d(30), Heard: d(20)}, 40, Resend, d(64)},
		{"custody ended, the device is silent", Copy{Listed: true, Custody: d(30)}, 37, Keep, d(44)},
		{"the device stays silent", Copy{Listed: true, Custody: d(30)}, 44, NotDelivered, none},
		{"silent, but a gateway has it", Copy{Listed: true, Custody: d(60)}, 45, Keep, d(60)},
		{"alive, and nothing helps", Copy{Listed: true, Heard: d(66), Custody: d(80)}, 66.9, Keep, d(67)},
		{"given up after 67 days", Copy{Listed: true, Heard: d(66), Custody: d(80)}, 67, NotDelivered, none},
		{"acknowledged", Copy{Listed: true, Custody: d(30), Acked: d(2)}, 8.9, Keep, d(9)},
		{"acknowledged a week ago", Copy{Listed: true, Custody: d(30), Acked: d(2)}, 9, Forget, none},
		{"acknowledged at the last moment", Copy{Listed: true, Acked: d(66)}, 66.9, Keep, d(67)},
		{"67 days after all", Copy{Listed: true, Acked: d(66)}, 67, Forget, none},
		{"acknowledged even later", Copy{Listed: true, Acked: d(90)}, 91, Forget, none},
		{"the device is listed no longer", Copy{Custody: d(30)}, 1, Forget, none},
		{"heard from before it was written", Copy{Listed: true, Heard: d(-90), Custody: d(30)}, 31, Resend, d(44)},
	} {
		test.copy.Written = start
		v, next := test.copy.Verdict(d(test.at), timing)
		if v != test.want || !next.Equal(test.next) {
			t.Errorf("%s: %v until %v, want %v until %v", test.name, v, next, test.want, test.next)
		}
	}
	if Verdict(0).String()+Verdict(99).String() != "" || NotDelivered.String() != "not-delivered" {
		t.Error("no copies, or names")
	}
}

// TestRetentionEnds: whatever happens, at any time before the last the verdict
// holds until the time that it named, and nothing is kept longer than KeepMax.
func TestRetentionEnds(t *testing.T) {
	timing := RepairTiming{}.Default()
	rng := rand.New(rand.NewPCG(4, 4))
	some := func() time.Time {
		if rng.IntN(3) == 0 {
			return time.Time{}
		}
		return start.Add(time.Duration(rng.IntN(90*24)) * time.Hour)
	}
	for range 2000 {
		c := Copy{Written: start, Listed: rng.IntN(9) > 0, Heard: some(), Custody: some(), Acked: some()}
		now := start
		for range 10 {
			v, next := c.Verdict(now, timing)
			if next.IsZero() {
				if v == Keep || v == Resend {
					t.Fatalf("%+v is kept for ever", c)
				}
				break
			}
			if !next.After(now) || next.Sub(start) > timing.KeepMax {
				t.Fatalf("%+v: at %v next %v", c, now.Sub(start), next.Sub(start))
			}
			if before, _ := c.Verdict(next.Add(-1), timing); before != v && v != Resend {
				t.Fatalf("%+v: %v became %v before it was said", c, v, before)
			}
			now = next
		}
		if v, _ := c.Verdict(start.Add(timing.KeepMax), timing); v == Keep || v == Resend {
			t.Fatalf("%+v: %v after the longest time", c, v)
		}
	}
}
