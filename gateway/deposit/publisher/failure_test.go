package publisher

import (
	"crypto/sha256"
	"errors"
	"slices"
	"testing"
	"time"

	"zeroms/protocol/key"
	"zeroms/protocol/wire"
)

// home is a world with records that are due on the first day, one in each group.
func home(t *testing.T, gateways, records int) *world {
	w := newWorld(t, gateways)
	w.latency = func() time.Duration { return 100 * time.Millisecond }
	for i := range records {
		w.add(w.write(int64(i+1), uint32(i), 0, 1))
	}
	return w
}

// A relay that can't be reached: another one takes it, soon.
func TestARelayFails(t *testing.T) {
	for _, err := range []error{wire.ErrUnreachable, wire.ErrBusy, errors.New("cut")} {
		w := home(t, 6, 1)
		var dead key.NodePublic
		w.relay = func(to key.NodePublic, p *wire.Publish) (wire.Payload, error) {
			if dead == (key.NodePublic{}) {
				dead = to
			}
			if to == dead {
				return nil, err
			}
			return nil, nil
		}
		w.until(noon.Add(3 * time.Hour))
		at, to, wide := w.stores(1)
		if len(at) < 4 || to[0] != dead || to[1] == dead || at[1].Sub(at[0]) > 40*time.Second || at[1].Sub(at[0]) < 20*time.Second || wide[1] {
			t.Fatalf("%v: stored at %v, wide %v", err, at, wide)
		}
		if slices.Contains(to[1:], dead) || distinct(to) != 2 {
			t.Errorf("%v: the gateway that failed is asked again, or the next one does not stay", err)
		}
		if st, _ := w.p.State(1); st.Holders != 20 || st.Verified.IsZero() || st.Relay.Node != to[1] {
			t.Errorf("%+v", st)
		}
	}
}

// What the relay says that it is not: wrong answers count as failures.
func TestARelayAnswersNonsense(t *testing.T) {
	answers := []wire.Payload{
		&wire.Published{}, &wire.Published{Holders: []uint8{3, 4}}, &wire.Pong{}, wire.FailureOf(wire.ErrStamp), wire.FailureOf(wire.ErrLimit),
	}
	for _, answer := range answers {
		w := home(t, 6, 1)
		first := true
		w.relay = func(to key.NodePublic, p *wire.Publish) (wire.Payload, error) {
			if first {
				first = false
				return answer, nil
			}
			return nil, nil
		}
		w.until(noon.Add(10 * time.Minute))
		if _, to, _ := w.stores(1); len(to) != 2 || to[0] == to[1] {
			t.Errorf("%T: stored through %x", answer, to)
		}
		if s := w.p.Stats(w.now); s.Unreached != 1 || s.Stored != 1 || s.Verified != 1 {
			t.Errorf("%+v", s)
		}
	}
}

// A relay that says it stored and did not, and one that found no takers: the record
// goes out widely through another one, and that one stays.
func TestNobodyHasIt(t *testing.T) {
	for _, holders := range []uint8{0, 20} {
		w := home(t, 8, 1)
		var liar key.NodePublic
		w.relay = func(to key.NodePublic, p *wire.Publish) (wire.Payload, error) {
			if liar == (key.NodePublic{}) {
				liar = to
			}
			if to == liar {
				return &wire.Published{Holders: []uint8{holders}}, nil
			}
			return nil, nil
		}
		w.until(noon.Add(3 * time.Hour))
		at, to, wide := w.stores(1)
		if len(at) < 3 || wide[0] || !wide[1] || to[1] == to[0] || at[1].Sub(at[0]) > 75*time.Second {
			t.Fatalf("holders %d: stored at %v, wide %v", holders, at, wide)
		}
		_, witnesses := w.looks(1)
		if slices.Contains(to[2:], liar) || slices.Contains(wide[2:], true) {
			t.Errorf("stored through %x, the liar is %x, wide %v", to, liar[:1], wide)
		}
		if slices.Contains(witnesses, to[1]) {
			t.Error("the relay vouches for itself")
		}
	}
}

// While nobody finds it, a record is stored widely again and again, ever more slowly,
// through ever other gateways; and as before once it is found.
func TestARecordUnderAttack(t *testing.T) {
	w := home(t, 30, 1)
	attacked := true
	w.witness = func(to key.NodePublic, q *wire.RecordGet) (wire.Payload, error) {
		if attacked {
			return wire.FailureOf(wire.ErrNoRecord), nil
		}
		return nil, nil
	}
	w.until(noon.Add(5 * time.Hour))
	at, to, wide := w.stores(1)
	if len(at) < 10 || len(at) > 20 {
		t.Fatalf("stored %d times in 5 hours", len(at))
	}
	for i := 1; i < len(at); i++ {
		if !wide[i] || to[i] == to[i-1] {
			t.Fatalf("store %d: wide %t, through %x after %x", i, wide[i], to[i][:1], to[i-1][:1])
		}
	}
	if gap := at[len(at)-1].Sub(at[len(at)-2]); gap < 20*time.Minute || gap > 40*time.Minute {
		t.Errorf("the pause is %v at the end", gap)
	}
	for _, e := range w.events {
		if e.get != nil && e.get.Fresh != (e.at.After(at[1])) {
			t.Error("after a failure the newest is asked for")
		}
	}
	attacked = false
	w.until(w.now.Add(time.Hour))
	n := len(w.events)
	w.until(w.now.Add(4 * time.Hour))
	for _, e := range w.events[n:] {
		if e.wide {
			t.Error("stored widely when it was found again")
		}
	}
}

// What the witness finds must be ours, or a newer one of the same name and day.
func TestWhatAWitnessFinds(t *testing.T) {
	w := home(t, 6, 1)
	k := w.write(1, 1, 0, 5)
	w.p.Remove(1)
	foreign := bytesOf([32]byte{9}, k.Day, 9, 0)
	twin := bytesOf(k.Name, k.Day, 5, 200)
	for _, c := range []struct {
		what  string
		found []byte
		good  bool
	}{
		{"ours", k.bytes, true},
		{"newer", bytesOf(k.Name, k.Day, 6, 0), true},
		{"older", bytesOf(k.Name, k.Day, 4, 0), false},
		{"of another name", foreign, false},
		{"of another day", bytesOf(k.Name, k.Day+1, 9, 0), false},
		{"not signed", make([]byte, wire.RecordSize), false},
		{"nothing", nil, false},
		{"too long", make([]byte, 5000), false},
	} {
		it := &item{name: k.Name, day: k.Day, seq: 5, sum: k.Sum}
		if got := w.p.judge(it, c.found) != absent; got != c.good {
			t.Errorf("%s: %t", c.what, got)
		}
	}
	// Of two with one number the lower hash stays, as it does with holders.
	it, other := &item{name: k.Name, day: k.Day, seq: 5, sum: sha256.Sum256(k.bytes)}, &item{name: k.Name, day: k.Day, seq: 5, sum: sha256.Sum256(twin)}
	if (w.p.judge(it, twin) == newer) == (w.p.judge(other, k.bytes) == newer) {
		t.Error("each of two gives way to the other, or none does")
	}
}

// A newer record that somebody else stored is let be and looked at; when it is gone,
// ours goes out again.
func TestSomebodyElseStoresANewerOne(t *testing.T) {
	w := home(t, 6, 1)
	w.until(noon.Add(time.Minute))
	k := w.disk[1]
	q := wire.RecordGet{Name: k.Name, Day: k.Day}
	newest := bytesOf(k.Name, k.Day, 7, 0)
	w.network[q] = newest
	gone := false
	w.relay = func(to key.NodePublic, p *wire.Publish) (wire.Payload, error) {
		if !gone { // holders keep the newer one; some say so late
			return &wire.Published{Holders: []uint8{2}}, nil
		}
		return nil, nil
	}
	w.until(noon.Add(5 * time.Hour))
	n := len(w.events)
	w.until(w.now.Add(4 * time.Hour))
	for _, e := range w.events[n:] {
		if e.get == nil {
			t.Fatal("the older one is stored still")
		}
	}
	if len(w.events)-n < 3 || w.p.Stats(w.now).Outdone != 1 {
		t.Errorf("looked for %d times in 4 hours, %+v", len(w.events)-n, w.p.Stats(w.now))
	}
	gone = true
	delete(w.network, q)
	w.until(w.now.Add(2 * time.Hour))
	if b := w.network[q]; b == nil || b[40] != 1 {
		t.Error("ours was not stored again")
	}
}

// A record that nobody takes because there is a newer one is not forced on anybody.
func TestNobodyTakesTheOlderOne(t *testing.T) {
	w := home(t, 6, 1)
	k := w.disk[1]
	w.network[wire.RecordGet{Name: k.Name, Day: k.Day}] = bytesOf(k.Name, k.Day, 7, 0)
	w.relay = func(to key.NodePublic, p *wire.Publish) (wire.Payload, error) {
		return &wire.Published{Holders: []uint8{0}}, nil
	}
	w.until(noon.Add(5 * time.Hour))
	if at, _, _ := w.stores(1); len(at) != 1 || w.p.Stats(w.now).Outdone != 1 {
		t.Errorf("stored at %v, %+v", at, w.p.Stats(w.now))
	}
}

// What a relay can't store again goes through another one, though it is there from before.
func TestARelayFindsNoTakersAnyMore(t *testing.T) {
	w := home(t, 8, 1)
	w.until(noon.Add(10 * time.Minute))
	_, to, _ := w.stores(1)
	poor := to[0]
	w.relay = func(to key.NodePublic, p *wire.Publish) (wire.Payload, error) {
		if to == poor {
			return &wire.Published{Holders: []uint8{0}}, nil
		}
		return nil, nil
	}
	w.until(noon.Add(5 * time.Hour))
	at, to, wide := w.stores(1)
	if len(at) < 5 || to[1] != poor || to[2] == poor || slices.Contains(to[2:], poor) || slices.Contains(wide, true) || at[2].Sub(at[1]) > 75*time.Second {
		t.Errorf("stored at %v through %x, wide %v", at, to, wide)
	}
}

// Witnesses that fail say nothing about the record: others are asked, and it is let
// be after three.
func TestWitnessesFail(t *testing.T) {
	w := home(t, 12, 1)
	w.witness = func(to key.NodePublic, q *wire.RecordGet) (wire.Payload, error) { return nil, wire.ErrUnreachable }
	w.until(noon.Add(4 * time.Hour))
	at, to, wide := w.stores(1)
	for i := 1; i < len(at); i++ {
		if gap := at[i].Sub(at[i-1]); gap < 42*time.Minute || gap > 79*time.Minute || wide[i] || to[i] != to[0] {
			t.Errorf("stored at %v, wide %v", at, wide)
		}
	}
	looks, asked := w.looks(1)
	if len(looks) != 3*len(at) || distinct(asked) < 3 || w.p.Stats(w.now).Unwitness != uint64(len(looks)) {
		t.Errorf("%d looks by %d gateways after %d stores", len(looks), distinct(asked), len(at))
	}
	w.witness = nil
	w.until(w.now.Add(80 * time.Minute))
	if st, _ := w.p.State(1); st.Verified.IsZero() {
		t.Error("it is not looked for any more")
	}
}

// With one other gateway that one has to be the relay and to vouch for itself.
func TestTwoGateways(t *testing.T) {
	w := home(t, 1, 50)
	w.until(noon.Add(3 * time.Hour))
	s := w.p.Stats(w.now)
	if s.Alone || !s.Unobserved || s.Stored < 130 || s.Verified < 50 || s.Wide+s.Unverified != 0 {
		t.Errorf("%+v", s)
	}
	down := true
	w.relay = func(to key.NodePublic, p *wire.Publish) (wire.Payload, error) {
		if down {
			return nil, wire.ErrUnreachable
		}
		return nil, nil
	}
	n := len(w.events)
	w.until(noon.Add(7 * time.Hour))
	if asked := len(w.events) - n; asked < 4 || asked > 150 {
		t.Errorf("the only other gateway was asked %d times in 4 hours in which it was down", asked)
	}
	if s := w.p.Stats(w.now); s.Lost != 50 {
		t.Errorf("%+v", s)
	}
	down = false
	w.until(w.now.Add(75 * time.Minute))
	if s := w.p.Stats(w.now); s.Lost != 0 || s.Overdue != 0 {
		t.Errorf("%+v", s)
	}
	w.gateways = append(w.gateways, newWorld(t, 2).gateways[1]) // a third one comes
	w.until(w.now.Add(5 * time.Hour))
	if s := w.p.Stats(w.now); s.Unobserved {
		t.Errorf("%+v", s)
	}
}

// Alone, the publisher looks now and then whether somebody is there, which costs
// nothing, and says so.
func TestNobodyElse(t *testing.T) {
	w := home(t, 0, 200)
	calls := 0
	w.cfg.Sample = func(n int, not ...key.NodePublic) []wire.Contact {
		calls++
		return w.sample(n, not...)
	}
	w.p.cfg.Sample = w.cfg.Sample
	w.until(noon.Add(2 * time.Hour))
	if s := w.p.Stats(w.now); !s.Alone || s.InFlight != 0 || s.Stored != 0 || len(w.events) != 0 {
		t.Errorf("%+v", s)
	}
	if calls < 100 || calls > 250 {
		t.Errorf("looked %d times in two hours", calls)
	}
	w.gateways = newWorld(t, 3).gateways
	w.until(w.now.Add(3 * time.Minute))
	if s := w.p.Stats(w.now); s.Alone || s.Stored != 200 {
		t.Errorf("%+v", s)
	}
}

// Half of all gateways fail now and then, some lie, and still every record is held
// at every moment of its day.
func TestABadNetwork(t *testing.T) {
	w := newWorld(t, 40)
	for user := range 60 {
		for day := range 3 {
			w.write(int64(user*10+day+1), uint32(user*10+day), day+1, 1)
		}
	}
	bad := func(to key.NodePublic) int { return int(to[0]) % 4 }
	w.relay = func(to key.NodePublic, p *wire.Publish) (wire.Payload, error) {
		switch {
		case bad(to) == 0 && w.rnd.IntN(2) == 0:
			return nil, wire.ErrUnreachable
		case bad(to) == 1: // says that it did
			return &wire.Published{Holders: make([]uint8, len(p.Items))}, nil
		case bad(to) == 2 && w.rnd.IntN(2) == 0:
			holders := make([]uint8, len(p.Items))
			for i := range holders {
				holders[i] = 12
			}
			return &wire.Published{Holders: holders}, nil
		}
		return nil, nil
	}
	w.witness = func(to key.NodePublic, q *wire.RecordGet) (wire.Payload, error) {
		if bad(to) == 3 && w.rnd.IntN(4) == 0 {
			return wire.FailureOf(wire.ErrNoRecord), nil
		}
		return nil, nil
	}
	w.live(5 * 24 * time.Hour)
	s := w.p.Stats(w.now)
	if s.Missed != 0 || s.Ended != 180 {
		t.Errorf("%+v", s)
	}
	for id, k := range w.disk {
		at, _, _ := w.stores(id)
		if len(at) > 150 {
			t.Errorf("record %d was stored %d times", id, len(at))
		}
		if at[0].Before(k.First) || at[len(at)-1].After(k.Last) {
			t.Errorf("record %d of %v..%v was stored at %v", id, k.First, k.Last, at)
		}
		for i := 1; i < len(at); i++ {
			if at[i].Sub(at[i-1]) > 79*time.Minute {
				t.Errorf("record %d rested for %v", id, at[i].Sub(at[i-1]))
			}
		}
	}
	t.Logf("%+v", s)
}

// A disk that fails blames nobody.
func TestTheDiskFails(t *testing.T) {
	w := home(t, 5, 1)
	s, _ := w.p.NextStamp()
	w.p.Stamped(s.ID, make([]byte, wire.WorkSize))
	asks, _ := w.p.Advance(noon)
	if len(asks) != 1 {
		t.Fatalf("%d requests", len(asks))
	}
	w.p.Abandon(noon, asks[0].ID)
	w.p.Abandon(noon, asks[0].ID)
	w.p.Answered(noon, asks[0].ID, nil, nil)
	if again, next := w.p.Advance(noon); len(again) != 0 || next.Before(noon.Add(20*time.Second)) || next.After(noon.Add(40*time.Second)) {
		t.Fatalf("%d requests, next at %v", len(again), next)
	}
	asks2, _ := w.p.Advance(noon.Add(40 * time.Second))
	if len(asks2) != 1 || asks2[0].To != asks[0].To || len(w.p.peers) != 0 {
		t.Fatalf("%+v", asks2)
	}
	if p := w.p.Publish(noon, asks2[0].ID, []Bytes{{1, 99, nil}}); p != nil { // it is just changing
		t.Error("another record than the one that is due is sent")
	}
	if w.p.Publish(noon, 12345, nil) != nil {
		t.Error("a request is made of nothing")
	}
}

// States that could not be kept are kept the next time.
func TestStatesAreTakenOnce(t *testing.T) {
	w := home(t, 5, 30)
	w.until(noon.Add(time.Hour))
	all := w.p.Changed(10)
	rest := w.p.Changed(100)
	if len(all) != 10 || len(rest) != 20 || len(w.p.Changed(100)) != 0 {
		t.Fatalf("%d, then %d", len(all), len(rest))
	}
	for _, r := range all {
		if r.Seq != 1 || r.Holders != 20 || r.Stored.IsZero() || len(r.Stamp) != wire.WorkSize || r.Relay.Node == r.Witness.Node {
			t.Errorf("%+v", r)
		}
	}
	w.p.Unkept(all[0].ID)
	w.p.Unkept(999)
	if again := w.p.Changed(100); len(again) != 1 || again[0].ID != all[0].ID {
		t.Errorf("%+v", again)
	}
}

// Without work the publisher asks for none.
func TestANetworkWithoutStamps(t *testing.T) {
	w := newWorld(t, 5)
	w.cfg.StampBits = 0
	w.p = New(w.cfg)
	w.p.Add(noon, w.write(1, 1, 0, 1).Record)
	if _, ok := w.p.NextStamp(); ok {
		t.Error("a stamp is asked for")
	}
	asks, _ := w.p.Advance(noon)
	if len(asks) != 1 {
		t.Fatalf("%d requests", len(asks))
	}
	p := w.p.Publish(noon, asks[0].ID, []Bytes{{1, 1, w.disk[1].bytes}})
	if len(p.Items) != 1 || len(p.Items[0].Stamp) != 0 {
		t.Errorf("%+v", p)
	}
}
