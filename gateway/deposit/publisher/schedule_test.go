package publisher

import (
	"runtime"
	"slices"
	"testing"
	"time"

	"zeroms/protocol/key"
	"zeroms/protocol/wire"
)

// slack is what answers and the pace may add to a moment.
const slack = 5 * time.Second

// Forty days of a home: every record is stored from its first moment to its last and
// never outside, every 42 to 78 minutes, through one relay, and looked for by one
// other gateway.
func TestFortyDays(t *testing.T) {
	const users, days, gateways = 20, 40, 15
	w := newWorld(t, gateways)
	for user := range users {
		for day := range days {
			w.write(int64(user*1000+day+1), uint32(user*1000+day), day+1, 1)
		}
	}
	w.live((days + 3) * 24 * time.Hour)
	stores, looks := map[int64][]event{}, map[wire.RecordGet][]event{}
	for _, e := range w.events {
		for _, id := range e.ids {
			stores[id] = append(stores[id], e)
		}
		if e.get != nil {
			q := wire.RecordGet{Name: e.get.Name, Day: e.get.Day}
			looks[q] = append(looks[q], e)
		}
	}
	perRelay, perWitness := map[key.NodePublic]int{}, map[key.NodePublic]int{}
	rounds, looked := 0, 0
	for id, k := range w.disk {
		all, seen := stores[id], looks[wire.RecordGet{Name: k.Name, Day: k.Day}]
		if len(all) == 0 || len(seen) == 0 {
			t.Fatalf("record %d was stored %d times, looked for %d times", id, len(all), len(seen))
		}
		first, last := all[0].at, all[len(all)-1].at
		if first.Before(k.First) || first.After(k.First.Add(time.Minute+slack)) || last.After(k.Last) || last.Before(k.Last.Add(-78*time.Minute-slack)) {
			t.Fatalf("record %d of %v..%v was stored from %v to %v", id, k.First, k.Last, first, last)
		}
		for i := 1; i < len(all); i++ {
			if gap := all[i].at.Sub(all[i-1].at); gap < 42*time.Minute || gap > 78*time.Minute+slack || all[i].to != all[0].to || all[i].wide {
				t.Fatalf("record %d was stored again after %v", id, gap)
			}
		}
		for _, l := range seen {
			i, _ := slices.BinarySearchFunc(all, l.at, func(e event, at time.Time) int { return e.at.Compare(at) })
			if after := l.at.Sub(all[i-1].at); after < 10*time.Second || after > 30*time.Second+slack || l.to != seen[0].to || l.to == all[0].to {
				t.Fatalf("record %d was looked for %v after it was stored, by %x; its relay is %x", id, after, l.to[:1], all[0].to[:1])
			}
		}
		perRelay[all[0].to]++
		perWitness[seen[0].to]++
		rounds, looked = rounds+len(all), looked+len(seen)
		if w.stamps[id] != 1 {
			t.Fatalf("record %d got %d stamps", id, w.stamps[id])
		}
	}
	share := users * days / gateways
	for _, per := range []map[key.NodePublic]int{perRelay, perWitness} {
		for who, n := range per {
			if len(per) != gateways || n < share/2 || n > share*2 {
				t.Errorf("%d gateways; %x has %d of %d records", len(per), who[:2], n, users*days)
			}
		}
	}
	s := w.p.Stats(w.now)
	if s.Records != 0 || s.Ended != users*days || s.Missed+s.Unverified+s.Refused+s.Unreached+s.Wide != 0 || s.Verified != uint64(looked) {
		t.Errorf("%+v", s)
	}
	if part := float64(looked) / float64(rounds); part < 0.22 || part > 0.34 {
		t.Errorf("%.2f of the stores were looked for", part)
	}
	t.Logf("%d stores, %d looked for; %.2f an hour and record", rounds, looked, float64(rounds)/(users*days)/30)
}

// What is deposited for today goes out at once, and so does a change, but not faster
// than every half minute.
func TestAtOnce(t *testing.T) {
	w := newWorld(t, 5)
	w.latency = func() time.Duration { return 10 * time.Millisecond }
	k := w.write(1, 1, 0, 1)
	w.add(k)
	w.until(w.now)
	if at, _, _ := w.stores(1); len(at) != 1 || !at[0].Equal(noon) {
		t.Fatalf("stored at %v", at)
	}
	w.until(noon.Add(time.Hour))
	at, _, _ := w.stores(1)
	was := len(at)
	for seq := range uint32(20) {
		w.add(w.write(1, 1, 0, 2+seq))
		w.until(w.now.Add(3 * time.Second))
	}
	w.until(w.now.Add(30 * time.Second))
	if at, _, _ = w.stores(1); !at[was].Equal(noon.Add(time.Hour)) || len(at)-was < 2 || len(at)-was > 4 {
		t.Fatalf("stored at %v", at[was:])
	}
	for i := was + 1; i < len(at); i++ {
		if at[i].Sub(at[i-1]) < 30*time.Second {
			t.Errorf("stored at %v", at[was:])
		}
	}
	if b := w.network[wire.RecordGet{Name: k.Name, Day: k.Day}]; b[40] != 21 {
		t.Errorf("number %d is the last that was stored", b[40])
	}
	w.until(w.now.Add(2 * time.Minute))
	if st, _ := w.p.State(1); st.Holders != 20 || st.Stored.Before(at[len(at)-1]) || !st.Verified.After(st.Stored) {
		t.Errorf("%+v", st)
	}
	if w.stamps[1] != 1 { // the place of all of them is one
		t.Errorf("%d stamps", w.stamps[1])
	}
	w.p.Add(w.now, w.disk[1].Record) // told again: nothing happens
	n := len(w.events)
	if w.until(w.now.Add(time.Second)); len(w.events) != n {
		t.Error("what was known already went out")
	}
}

// A change while the former record is on its way goes out when that is answered.
func TestAChangeMeanwhile(t *testing.T) {
	w := newWorld(t, 5)
	w.latency = func() time.Duration { return 10 * time.Second }
	w.add(w.write(1, 1, 0, 1))
	w.until(w.now)
	w.add(w.write(1, 1, 0, 2))
	if w.until(w.now.Add(9 * time.Second)); len(w.events) != 1 {
		t.Fatalf("%d requests", len(w.events))
	}
	w.until(w.now.Add(21 * time.Second))
	if at, _, _ := w.stores(1); len(at) != 2 || at[1].Sub(at[0]) != 30*time.Second {
		t.Fatalf("stored at %v", at)
	}
	if st, _ := w.p.State(1); !st.Stored.IsZero() || st.Holders != 0 {
		t.Errorf("%+v", st)
	}
	w.until(w.now.Add(20 * time.Second))
	if st, _ := w.p.State(1); st.Stored.IsZero() || st.Holders != 20 {
		t.Errorf("%+v", st)
	}
}

// Of two changes at once the later one may be told first: it is what goes out.
func TestChangesOutOfOrder(t *testing.T) {
	w := newWorld(t, 5)
	former := w.write(1, 1, 0, 1).Record
	w.add(w.write(1, 1, 0, 2))
	w.p.Add(w.now, former)
	w.until(noon.Add(10 * time.Minute))
	at, _, _ := w.stores(1)
	if st, _ := w.p.State(1); len(at) != 1 || at[0].After(noon.Add(time.Minute)) || st.Holders != 20 {
		t.Errorf("stored at %v, %+v", at, st)
	}
}

// What was taken back, or whose account was closed, goes nowhere.
func TestWhatIsGone(t *testing.T) {
	w := newWorld(t, 5)
	for id := range int64(4) {
		w.add(w.write(id+1, uint32(id), 0, 1))
	}
	w.until(noon.Add(time.Minute))
	w.p.Remove(1)
	delete(w.disk, 2) // the publisher is not told
	n := len(w.events)
	w.until(noon.Add(6 * time.Hour))
	for _, e := range w.events[n:] {
		if e.get != nil && (e.get.Name == nameOf(0) || e.get.Name == nameOf(1) && e.at.After(noon.Add(80*time.Minute))) {
			t.Fatal("it is looked for still")
		}
		if slices.Contains(e.ids, 1) || slices.Contains(e.ids, 2) {
			t.Fatal("it is stored still")
		}
	}
	if _, known := w.p.State(2); known || w.p.Stats(w.now).Records != 2 {
		t.Errorf("%+v", w.p.Stats(w.now))
	}
	// One that goes while it is on its way is not missed either.
	w.latency = func() time.Duration { return time.Second }
	w.add(w.write(9, 9, 0, 1))
	w.until(w.now)
	w.p.Remove(9)
	w.until(w.now.Add(time.Minute))
	if _, known := w.p.State(9); known {
		t.Error("it came back")
	}
}

func nameOf(name uint32) [32]byte { return newWorld(nil, 0).write(1, name, 0, 1).Name }

// Records of one region go together: in a large home most stores are full frames,
// each to one relay, of one region and day.
func TestALargeHomeSweepsRegions(t *testing.T) {
	const users = 8_000
	w := newWorld(t, 40)
	for user := range users {
		w.write(int64(user+1), uint32(user), 1, 1)
	}
	w.live(16 * time.Hour)
	byTheEnd := w.now
	n := len(w.events)
	w.live(2 * time.Hour)
	requests, records, busiest := 0, 0, map[int64]int{}
	for _, e := range w.events[n:] {
		if e.get != nil {
			continue
		}
		requests++
		records += len(e.ids)
		busiest[e.at.Unix()] += len(e.ids)
		region := w.p.items[e.ids[0]].group.region
		for _, id := range e.ids {
			if it := w.p.items[id]; it.group.region != region {
				t.Fatal("records of two regions in one request")
			}
		}
	}
	if per := float64(records) / float64(requests); per < 5 {
		t.Errorf("%.1f records a request", per)
	}
	if each := float64(records) / users / 2; each < 0.95 || each > 1.1 {
		t.Errorf("each was stored %.2f times an hour", each)
	}
	for second, n := range busiest {
		if n > w.p.cfg.Capacity.Burst+w.p.cfg.Capacity.Rate {
			t.Errorf("%d records in second %d", n, second)
		}
	}
	s := w.p.Stats(byTheEnd)
	if s.Records != users || s.Overdue != 0 || s.Lost != 0 || s.Stored < 9*users {
		t.Errorf("%+v", s)
	}
	t.Logf("%d records in %d requests of the last two hours, %d groups", records, requests, len(w.p.groups))
}

// After a restart everything goes on through the same gateways, and nothing comes in
// a rush: what is held still waits for its time.
func TestARestart(t *testing.T) {
	for _, down := range []time.Duration{10 * time.Second, 40 * time.Minute, 5 * time.Hour} {
		const users = 1500
		w := newWorld(t, 30)
		for user := range users {
			w.write(int64(user+1), uint32(user), 0, 1)
		}
		w.live(3 * time.Hour)
		relays := map[int64]key.NodePublic{}
		witnesses := map[wire.RecordGet]key.NodePublic{}
		note := func() {
			for _, e := range w.events {
				for _, id := range e.ids {
					if was, known := relays[id]; known && was != e.to {
						t.Fatal("another relay after the restart")
					}
					relays[id] = e.to
				}
				if e.get != nil {
					q := wire.RecordGet{Name: e.get.Name, Day: e.get.Day}
					if was, known := witnesses[q]; known && was != e.to {
						t.Fatal("another witness after the restart")
					}
					witnesses[q] = e.to
				}
			}
		}
		note()
		w.restart(down)
		began, stamps := w.now, len(w.stamps)
		w.events = nil
		w.live(90 * time.Minute)
		note()
		minutes, done := map[int]int{}, map[int64]time.Duration{}
		for _, e := range w.events {
			minutes[int(e.at.Sub(began)/time.Minute)] += len(e.ids)
			for _, id := range e.ids {
				if _, known := done[id]; !known {
					done[id] = e.at.Sub(began)
				}
			}
		}
		busiest := 0
		for _, n := range minutes {
			busiest = max(busiest, n)
		}
		var last time.Duration
		for _, at := range done {
			last = max(last, at)
		}
		if len(done) != users || len(w.stamps) != stamps {
			t.Errorf("down %v: %d of %d records were stored again", down, len(done), users)
		}
		switch {
		case down < time.Minute && busiest > users/10:
			t.Errorf("down %v: %d records in one minute", down, busiest)
		case down > time.Hour && (last > 6*time.Minute || busiest > users/2):
			t.Errorf("down %v: all were stored after %v, %d in one minute", down, last, busiest)
		}
		t.Logf("down %v: at most %d of %d records in a minute, all after %v", down, busiest, users, last)
	}
}

// A clock that leaps leaves nobody without publication, and brings no rush.
func TestTheClockLeaps(t *testing.T) {
	for _, leap := range []time.Duration{-48 * time.Hour, -2 * time.Hour, 2 * time.Hour, 30 * time.Hour} {
		w := newWorld(t, 20)
		for user := range 300 {
			for day := -2; day <= 2; day++ {
				w.write(int64(user*10+day+3), uint32(user*10+day+2), day, 1)
			}
		}
		w.live(2 * time.Hour)
		w.now = w.now.Add(leap)
		for i := range w.flights {
			w.flights[i].at = w.flights[i].at.Add(leap)
		}
		for _, k := range w.disk {
			k.loaded = false // the service reads them again
		}
		w.events = nil
		began := w.now
		w.live(80 * time.Minute)
		stored, first := map[int64]bool{}, 0
		for _, e := range w.events {
			for _, id := range e.ids {
				k := w.disk[id]
				if e.at.Before(k.First) || e.at.After(k.Last) {
					t.Fatalf("leap %v: stored outside of its time", leap)
				}
				stored[id] = true
				if e.at.Before(began.Add(10 * time.Second)) {
					first++
				}
			}
		}
		for id, k := range w.disk {
			if k.First.Before(began) && k.Last.After(w.now) && !stored[id] {
				t.Fatalf("leap %v: record %d of %v..%v was not stored between %v and %v", leap, id, k.First, k.Last, began, w.now)
			}
		}
		if first > 60 {
			t.Errorf("leap %v: %d records within ten seconds", leap, first)
		}
	}
}

func TestMemoryOfARecord(t *testing.T) {
	const users = 50_000
	w := newWorld(t, 20)
	all := make([]Record, 0, users)
	for user := range users {
		k := w.write(1, uint32(user), 0, 1)
		r := k.Record
		r.ID = int64(user + 1)
		r.Stamp = make([]byte, wire.WorkSize)
		all = append(all, r)
	}
	before := heapInUse()
	for i := range all {
		w.p.Load(noon, all[i])
	}
	per := float64(heapInUse()-before) / users
	t.Logf("%.0f bytes a record that is due", per)
	if per > 450 {
		t.Errorf("a record takes %.0f bytes", per)
	}
	runtime.KeepAlive(w)
	runtime.KeepAlive(all)
}

func heapInUse() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// BenchmarkHour is an hour of a home of 50,000 accounts.
func BenchmarkHour(b *testing.B) {
	w := newWorld(b, 500)
	for user := range 50_000 {
		w.write(int64(user+1), uint32(user), 0, 1)
	}
	w.live(2 * time.Hour)
	for b.Loop() {
		w.events = nil
		w.live(time.Hour)
	}
}
