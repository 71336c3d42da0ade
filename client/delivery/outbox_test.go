package delivery

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"zeroms/protocol/key"
	"zeroms/protocol/wire"
)

var start = time.UnixMilli(1_760_000_000_000)

func laneOf(contact uint64, device byte) Lane {
	return Lane{Contact: contact, Device: key.DeviceID{device}}
}

func text(n uint64) [32]byte { return [32]byte{byte(n), byte(n >> 8), 1} }

// filled is an outbox with n waiting items in one lane.
func filled(n uint64) (*Outbox, Lane) {
	o, l := new(Outbox), laneOf(1, 1)
	for id := uint64(1); id <= n; id++ {
		o.Add(Item{ID: id, Lane: l, Message: text(id), State: Waiting})
	}
	return o, l
}

// launch sends whatever the window allows and returns the ids in order.
func launch(o *Outbox, l Lane, door bool, now time.Time) (ids []uint64) {
	for i := o.Next(l, door, now); i != nil; i = o.Next(l, door, now) {
		i.Door = door
		o.Launch(i, time.Unix(0, 0))
		ids = append(ids, i.ID)
	}
	return ids
}

func upTo(from, to uint64) (ids []uint64) {
	for id := from; id <= to; id++ {
		ids = append(ids, id)
	}
	return ids
}

func equal(t *testing.T, got, want []uint64) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Fatalf("items %v, want %v", got, want)
	}
}

func TestItemsLeaveInOrderHoweverTheyCame(t *testing.T) {
	o := new(Outbox)
	a, b := laneOf(1, 1), laneOf(1, 2)
	for _, id := range []uint64{5, 2, 9, 1, 7} {
		o.Add(Item{ID: id, Lane: a, Message: text(id), State: Waiting})
		o.Add(Item{ID: id + 100, Lane: b, Message: text(id), State: Waiting})
	}
	equal(t, launch(o, a, false, start), []uint64{1, 2, 5, 7, 9})
	equal(t, launch(o, b, false, start), []uint64{101, 102, 105, 107, 109})
	if o.Next(laneOf(9, 9), false, start) != nil {
		t.Error("an item of a lane that holds none")
	}
}

func TestTheWindowOfADrop(t *testing.T) {
	o, l := filled(100)
	equal(t, launch(o, l, false, start), upTo(1, WindowDrop))
	o.Taken(o.Get(3), start.Add(time.Hour)) // custody makes room at a drop
	equal(t, launch(o, l, false, start), []uint64{65})
	o.Done(1)
	equal(t, launch(o, l, false, start), []uint64{66})
}

func TestTheWindowOfADoor(t *testing.T) {
	o, l := filled(6)
	equal(t, launch(o, l, true, start), []uint64{1, 2, 3})
	o.Taken(o.Get(1), start.Add(time.Hour)) // it lies there until the reply
	equal(t, launch(o, l, true, start), nil)
	o.Done(1)
	equal(t, launch(o, l, true, start), []uint64{4})
	for _, id := range upTo(2, 4) {
		o.Taken(o.Get(id), start.Add(time.Hour))
	}
	equal(t, launch(o, l, true, start), nil)
	equal(t, launch(o, l, false, start), []uint64{5, 6}) // the reply brought their drop
}

// TestTheWindowCountsWhatIsBehind: items that have to be sent again stand in
// front of others that are under way.
func TestTheWindowCountsWhatIsBehind(t *testing.T) {
	o, l := filled(128)
	launch(o, l, false, start)
	for id := range uint64(WindowDrop) {
		o.Taken(o.Get(id+1), start)
	}
	equal(t, launch(o, l, false, start), upTo(65, 128))
	for _, i := range o.Expired(start) {
		o.Again(i)
	}
	equal(t, launch(o, l, false, start), nil)
	o.Taken(o.Get(100), start.Add(time.Hour))
	equal(t, launch(o, l, false, start), []uint64{1})
}

func TestAPauseHoldsTheLane(t *testing.T) {
	o, l := filled(3)
	timing := Timing{}.Default()
	equal(t, launch(o, l, false, start), upTo(1, 3))
	o.Missed(o.Get(1), wire.ErrUnknownDrop, start, timing)
	o.Again(o.Get(1))
	o.Again(o.Get(2))
	at, ok := o.Deadline(l, start)
	if !ok || at != start.Add(timing.RetryMin) {
		t.Fatalf("deadline %v %v", at, ok)
	}
	equal(t, launch(o, l, false, start), nil) // 2 must not overtake 1
	o.Hurry()
	if _, ok := o.Deadline(l, start); ok {
		t.Error("a pause after Hurry")
	}
	equal(t, launch(o, l, false, start), []uint64{1, 2})
}

func TestRepetitions(t *testing.T) {
	o, l := filled(2)
	timing := Timing{}.Default()
	launch(o, l, false, start)
	if len(o.Repeat(l, start)) != 0 {
		t.Fatal("what is flying is sent again")
	}
	if _, ok := o.Deadline(l, start); ok {
		t.Error("a deadline for what is flying")
	}
	now, wait := start, timing.RetryMin
	for n := 1; n < 20; n++ {
		advice := o.Missed(o.Get(1), wire.ErrLinkClosed, now, timing)
		if want := map[bool]Advice{true: Reroute, false: RepeatLater}[n%4 == 0]; advice != want {
			t.Fatalf("advice %d after %d failures, want %d", advice, n, want)
		}
		at, ok := o.Deadline(l, now)
		if !ok || at != now.Add(wait) {
			t.Fatalf("failure %d: a pause of %v, want %v", n, at.Sub(now), wait)
		}
		if len(o.Repeat(l, at.Add(-1))) != 0 {
			t.Fatal("repeated before its time")
		}
		if again := o.Repeat(l, at); len(again) != 1 || again[0].ID != 1 {
			t.Fatal("not repeated")
		}
		o.Launch(o.Get(1), time.Unix(0, 0))
		now, wait = at, min(2*wait, timing.RetryMax)
	}
	o.Taken(o.Get(1), now.Add(time.Hour))
	if i := o.Get(1); i.Flying() || i.State != Custody || i.Retry != (Backoff{}) || len(o.Repeat(l, now.Add(time.Hour))) != 0 {
		t.Errorf("after custody: %+v", i)
	}
}

func TestAdviceForEveryError(t *testing.T) {
	codes := []wire.Code{0, 9999}
	for _, row := range wire.Table {
		codes = append(codes, row.Code)
	}
	for _, code := range codes {
		for _, before := range []uint32{0, giveUpAfter - 2, giveUpAfter - 1} {
			row, want := wire.Lookup(code), RepeatLater
			switch {
			case row.Retry == wire.Never && before == giveUpAfter-1:
				want = GiveUp
			case row.Retry == wire.Refresh, row.Retry == wire.Never, (before+1)%rerouteAfter == 0:
				want = Reroute
			}
			for _, state := range []State{Waiting, Sending, Custody, Failed} {
				advise(t, row, state, before, want)
			}
		}
	}
}

// advise has a submission fail in a state after so many failures before.
func advise(t *testing.T, row wire.Entry, state State, before uint32, want Advice) {
	t.Helper()
	timing := Timing{}.Default()
	o, l := filled(1)
	i := o.Get(1)
	o.Launch(i, time.Unix(0, 0))
	o.become(i, state)
	i.Retry.Failures = before
	got := o.Missed(i, &wire.Error{Code: row.Code}, start, timing)
	switch {
	case state != Sending && (got != RepeatLater || i.State != state || i.Retry.Failures != before):
		t.Errorf("%s: a late answer changed an item in state %d: %d", row.Name, state, got)
	case state == Sending && got != want:
		t.Errorf("%s after %d failures: advice %d, want %d", row.Name, before, got, want)
	case state == Sending && (i.State == Failed) != (want == GiveUp):
		t.Errorf("%s: state %d", row.Name, i.State)
	}
	if i.Flying() {
		t.Errorf("%s: still flying", row.Name)
	}
	if again := len(o.Repeat(l, start.Add(timing.RetryMax))); again != 0 && (state != Sending || want == GiveUp) {
		t.Errorf("%s: sent again in state %d", row.Name, i.State)
	}
}

func TestLateCustodyOfAnItemThatIsPackedAnew(t *testing.T) {
	o, l := filled(1)
	i := o.Get(1)
	launch(o, l, true, start)
	o.Again(i)
	if i.State != Waiting || i.Flying() || i.Door {
		t.Fatalf("after Again: %+v", i)
	}
	o.Taken(i, start.Add(time.Hour))
	if i.State != Waiting || o.Next(l, false, start) != i {
		t.Errorf("a receipt for the envelope before ended it: %+v", i)
	}
}

func TestRestoredItemsGoOn(t *testing.T) {
	o := new(Outbox)
	l := laneOf(1, 1)
	o.Add(Item{ID: 1, Lane: l, Message: text(1), State: Custody, Until: start.Add(time.Hour)})
	sending := Item{ID: 2, Lane: l, Message: text(2), State: Sending}
	sending.flying = true
	o.Add(sending)
	o.Add(Item{ID: 3, Lane: l, Message: text(3), State: Waiting})
	if again := o.Repeat(l, start); len(again) != 1 || again[0].ID != 2 || again[0].Flying() {
		t.Error("what was under way is not sent again")
	}
	equal(t, launch(o, l, false, start), []uint64{3})
	if o.Count(Custody) != 1 || o.Count(Sending) != 2 || o.Len() != 3 || !o.Empty(l) {
		t.Error("counts")
	}
}

func TestExpired(t *testing.T) {
	o := new(Outbox)
	for id := uint64(20); id > 0; id-- {
		state := []State{Waiting, Sending, Custody, Failed}[id%4]
		o.Add(Item{ID: id, Lane: laneOf(id%3, 1), Message: text(id), State: state, Until: start.Add(time.Duration(id) * time.Minute)})
	}
	var got []uint64
	for _, i := range o.Expired(start.Add(10 * time.Minute)) {
		got = append(got, i.ID)
	}
	equal(t, got, []uint64{2, 6, 10})
	if len(o.Expired(start)) != 0 {
		t.Error("expired before its time")
	}
}

func TestLanesAreInOrder(t *testing.T) {
	o := new(Outbox)
	want := []Lane{laneOf(1, 0), laneOf(1, 1), laneOf(1, 2), laneOf(2, 1), laneOf(1<<63, 1), laneOf(1<<63+1, 1)}
	for n, k := range rand.Perm(len(want)) {
		o.Add(Item{ID: uint64(n), Lane: want[k]})
	}
	if got := o.Lanes(); !slices.Equal(got, want) {
		t.Errorf("lanes %v", got)
	}
}

// TestOutboxAgainstAModel does anything in any order and looks at everything
// that the indexes answer.
func TestOutboxAgainstAModel(t *testing.T) {
	timing := Timing{}.Default()
	for seed := range uint64(40) {
		r := rand.New(rand.NewPCG(seed, 1))
		o, model, now := new(Outbox), map[uint64]*Item{}, start
		for step := range 600 {
			now = now.Add(time.Duration(r.IntN(3000)) * time.Millisecond)
			id := r.Uint64N(120)
			i := o.Get(id)
			if i != model[id] {
				t.Fatal("Get returns another item")
			}
			switch r.IntN(8) {
			case 0, 1, 2:
				if i == nil {
					l := laneOf(1+id%2, byte(id%3))
					model[id] = o.Add(Item{ID: id, Lane: l, Message: text(id / 6), State: Waiting})
				}
			case 3:
				o.Done(id)
				delete(model, id)
			case 4:
				if i != nil && i.Flying() {
					o.Taken(i, now.Add(time.Minute))
				}
			case 5:
				if i != nil && i.Flying() {
					if o.Missed(i, []*wire.Error{wire.ErrBusy, wire.ErrUnknownDrop, wire.ErrSizeClass}[r.IntN(3)], now, timing) == Reroute {
						o.Again(i)
					}
				}
			case 6:
				for _, i := range o.Expired(now) {
					o.Again(i)
				}
			case 7:
				l := laneOf(1+r.Uint64N(2), byte(r.IntN(3)))
				for _, i := range o.Repeat(l, now) {
					o.Launch(i, time.Unix(0, 0))
				}
				launch(o, l, r.IntN(2) == 0, now)
			}
			if err := agrees(o, model, now); err != nil {
				t.Fatalf("seed %d, step %d: %v", seed, step, err)
			}
		}
	}
}

// agrees compares every answer of the outbox with those of a plain map.
func agrees(o *Outbox, model map[uint64]*Item, now time.Time) error {
	if o.Len() != len(model) {
		return fmt.Errorf("%d items, want %d", o.Len(), len(model))
	}
	lanes, states := map[Lane][]*Item{}, map[State]int{}
	for _, i := range model {
		lanes[i.Lane] = append(lanes[i.Lane], i)
		states[i.State]++
		found := o.Find(i.Message, i.Lane.Device)
		if !o.Holds(i.Message) || found == nil || found.Message != i.Message || found.Lane.Device != i.Lane.Device {
			return fmt.Errorf("item %d is not found by its message", i.ID)
		}
	}
	for s := Waiting; s <= Failed; s++ {
		if o.Count(s) != states[s] {
			return fmt.Errorf("%d items in state %d, want %d", o.Count(s), s, states[s])
		}
	}
	if len(o.Lanes()) != len(lanes) {
		return fmt.Errorf("lanes %v", o.Lanes())
	}
	for m := range uint64(20) {
		held := false
		for _, i := range model {
			held = held || i.Message == text(m)
		}
		if o.Holds(text(m)) != held {
			return fmt.Errorf("message %d held: %v", m, !held)
		}
	}
	for l, items := range lanes {
		slices.SortFunc(items, func(a, b *Item) int { return cmp.Compare(a.ID, b.ID) })
		if !slices.Equal(o.Of(l), items) {
			return fmt.Errorf("lane %v is not in order", l)
		}
		if err := window(o, l, items, now); err != nil {
			return err
		}
	}
	return nil
}

// window checks what may leave a lane next.
func window(o *Outbox, l Lane, items []*Item, now time.Time) error {
	first := slices.IndexFunc(items, func(i *Item) bool { return i.State == Waiting })
	if o.Empty(l) != (first < 0) {
		return fmt.Errorf("Empty is %v", o.Empty(l))
	}
	for _, door := range []bool{false, true} {
		next := o.Next(l, door, now)
		if next != nil && (first < 0 || items[first] != next || !next.Retry.Ready(now)) {
			return fmt.Errorf("item %d leaves out of turn", next.ID)
		}
		open := 0
		for _, i := range items {
			if i.State == Sending || door && i.State == Custody && i.Door {
				open++
			}
		}
		full := open >= map[bool]int{false: WindowDrop, true: WindowDoor}[door]
		if first >= 0 && items[first].Retry.Ready(now) && (next == nil) != full {
			return fmt.Errorf("with %d under way the next is %v", open, next)
		}
	}
	return nil
}

// What is in custody costs nothing when another message leaves.
func BenchmarkAwayDevice(b *testing.B) {
	for _, away := range []uint64{10, 10_000} {
		b.Run(fmt.Sprint(away), func(b *testing.B) {
			o, l := filled(away)
			for id := range away {
				o.Launch(o.Get(id+1), time.Unix(0, 0))
				o.Taken(o.Get(id+1), start.Add(time.Hour))
			}
			next := away
			for b.Loop() {
				next++
				o.Add(Item{ID: next, Lane: l, Message: text(next), State: Waiting})
				i := o.Next(l, false, start)
				o.Launch(i, time.Unix(0, 0))
				_, _ = o.Deadline(l, start)
				o.Taken(i, start.Add(time.Hour))
				if !o.Empty(l) || len(o.Repeat(l, start)) != 0 {
					b.Fatal("something is left to do")
				}
				o.Done(next)
			}
		})
	}
}
