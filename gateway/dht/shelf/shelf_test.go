package shelf

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"math/big"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"zeroms/protocol/address"
	"zeroms/protocol/key"
	"zeroms/protocol/wire"
)

var noon = time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)

// world makes what is offered to a shelf.
type world struct {
	t   testing.TB
	rnd *rand.Rand
}

func newWorld(t testing.TB) *world { return &world{t, rand.New(rand.NewPCG(7, 11))} }

func (w *world) place() (p key.NodeID) {
	for i := range 4 {
		binary.BigEndian.PutUint64(p[8*i:], w.rnd.Uint64())
	}
	return p
}

// near is a place that shares its first n bits with another one.
func (w *world) near(to key.NodeID, n int) key.NodeID {
	p := w.place()
	for i := range n {
		bit := byte(0x80) >> (i % 8)
		p[i/8] = p[i/8]&^bit | to[i/8]&bit
	}
	bit := byte(0x80) >> (n % 8)
	p[n/8] = p[n/8]&^bit | ^to[n/8]&bit
	return p
}

func (w *world) bytes(n int) []byte {
	b := make([]byte, n)
	for i := 0; i+8 <= n; i += 8 {
		binary.BigEndian.PutUint64(b[i:], w.rnd.Uint64())
	}
	return b
}

// record is an address record for a place.
func (w *world) record(place key.NodeID, seq uint32) Offer {
	b := w.bytes(wire.RecordSize)
	return Offer{Item: address.Item{
		Place: place, Class: address.ClassRecord, Day: address.Day(noon), Seq: seq,
		Until: noon.Add(36 * time.Hour), Record: b, Sum: sha256.Sum256(b),
	}, Stamp: binary.BigEndian.AppendUint64(wire.Uint32(address.Day(noon)), w.rnd.Uint64())}
}

func (w *world) descriptor(place key.NodeID, made uint64, size int) Offer {
	b := w.bytes(size)
	return Offer{Item: address.Item{
		Place: place, Class: address.ClassDescriptor, Made: made,
		Until: noon.Add(7 * 24 * time.Hour), Record: b, Sum: sha256.Sum256(b),
	}}
}

func source(n int) (g address.Group) {
	binary.BigEndian.PutUint32(g[12:], uint32(n))
	return g
}

// by is who puts something, and when.
type by struct {
	at   time.Time
	from int
}

// put puts and wants an outcome.
func put(t testing.TB, s *Shelf, who by, o Offer, want Outcome) {
	t.Helper()
	if got, err := s.Put(who.at, source(who.from), o); err != nil || got != want {
		t.Fatalf("outcome %d, %v; want %d", got, err, want)
	}
}

func refuse(t testing.TB, s *Shelf, who by, o Offer, want error) {
	t.Helper()
	if _, err := s.Put(who.at, source(who.from), o); !errors.Is(err, want) {
		t.Fatalf("%v, want %v", err, want)
	}
}

// held is all that the shelf holds, for comparisons.
func held(s *Shelf) map[key.NodeID][32]byte {
	all := map[key.NodeID][32]byte{}
	for place, e := range s.entries {
		all[place] = sha256.Sum256(e.record)
	}
	return all
}

// sound checks everything that must hold between two calls.
func sound(t testing.TB, s *Shelf) {
	t.Helper()
	total, inRegions, due := 0, 0, 0
	owned := map[*owner]int{}
	for place, e := range s.entries {
		total += len(e.record)
		owned[e.owner] += len(e.record)
		region := s.regions[e.away.shares()]
		switch {
		case e.away.place(s.cfg.Me) != place, region[e.region] != e, e.owner.records.items[e.owned] != e:
			t.Fatal("a record is not where it belongs")
		case e.due != none && s.repairs.items[e.due] != e:
			t.Fatal("a record is not where it is due")
		case cap(e.record) > len(e.record)+len(e.record)/4+64:
			t.Fatalf("a record of %d bytes takes %d", len(e.record), cap(e.record))
		}
		if e.due != none {
			due++
		}
	}
	for _, r := range s.regions {
		inRegions += len(r)
	}
	listed, last := 0, int64(0)
	for e := s.oldest; e != nil; e = e.newer {
		if listed++; e.stored < last {
			t.Fatal("the list of ages is out of order")
		}
		last = e.stored
	}
	stats := s.Stats()
	if total != s.bytes || total != stats.Bytes || inRegions != len(s.entries) || listed != len(s.entries) ||
		due != len(s.repairs.items) || stats.Records+stats.Descriptors != len(s.entries) || len(owned) != len(s.ranking.items) {
		t.Fatalf("%d bytes of %d, %d records, %d in regions, %d by age, %d due of %d, %d of %d owners, %+v", total, s.bytes,
			len(s.entries), inRegions, listed, due, len(s.repairs.items), len(owned), len(s.ranking.items), stats)
	}
	if s.bytes > s.cfg.Bytes {
		t.Fatalf("%d bytes of at most %d", s.bytes, s.cfg.Bytes)
	}
	idle := 0
	for _, o := range s.owners {
		if o.bytes != owned[o] || o.idle != (o.rank == none) || o.rank != none && s.ranking.items[o.rank] != o ||
			o.bytes > s.cfg.Bytes/s.cfg.Share {
			t.Fatalf("an owner of %d bytes has %d, idle %t, rank %d", o.bytes, owned[o], o.idle, o.rank)
		}
		if o.idle {
			idle++
		}
	}
	if idle != s.idle || idle > maxIdle {
		t.Fatalf("%d idle sources, counted %d", idle, s.idle)
	}
	ordered(t, s.ranking.items, largestFirst{}.first)
	ordered(t, s.repairs.items, soonestFirst{}.first)
	for o := range owned {
		ordered(t, o.records.items, farthestFirst{}.first)
	}
}

func ordered[T any](t testing.TB, items []T, first func(a, b T) bool) {
	t.Helper()
	for i := 1; i < len(items); i++ {
		if first(items[i], items[(i-1)/2]) {
			t.Fatal("a heap is out of order")
		}
	}
}

func TestWhatIsPutCanBeGot(t *testing.T) {
	w := newWorld(t)
	s := New(Config{Me: w.place()})
	o := w.record(w.place(), 3)
	o.Item.Index = 1
	put(t, s, by{noon, 1}, o, Added)
	want := bytes.Clone(o.Item.Record)
	clear(o.Item.Record) // the frame's buffer is used again
	got, ok := s.Get(noon, o.Item.Place)
	if !ok || !bytes.Equal(got.Bytes, want) || got.Place != o.Item.Place || got.Class != address.ClassRecord || got.Index != 1 ||
		got.Day != o.Item.Day || got.Seq != 3 || !got.Stored.Equal(noon) || !bytes.Equal(got.Stamp, o.Stamp) {
		t.Fatalf("%+v, %t", got, ok)
	}
	if item := got.Item(); !bytes.Equal(item.Record, want) || item.Index != 1 || !bytes.Equal(item.Stamp, o.Stamp) {
		t.Fatalf("%+v", item)
	}
	if _, ok := s.Get(noon, w.place()); ok {
		t.Fatal("something is held where nothing was put")
	}
	d := w.descriptor(w.place(), 77, 1900)
	put(t, s, by{noon, 1}, d, Added)
	if got, ok := s.Get(noon, d.Item.Place); !ok || got.Class != address.ClassDescriptor || got.Stamp != nil || got.Seq != 0 {
		t.Fatalf("%+v, %t", got, ok)
	}
	if st := s.Stats(); st.Records != 1 || st.Descriptors != 1 || st.Bytes != 1024+1900 || st.Sources != 1 || st.Added != 2 {
		t.Errorf("%+v", st)
	}
	sound(t, s)
}

// A higher number replaces, the same bytes refresh, and of two with one number the
// lower hash stays: on every holder, in whichever order they came.
func TestWhichRecordStays(t *testing.T) {
	w := newWorld(t)
	place := w.place()
	one, two := w.record(place, 5), w.record(place, 5)
	if bytes.Compare(one.Item.Sum[:], two.Item.Sum[:]) > 0 {
		one, two = two, one
	}
	older, newer := w.record(place, 4), w.record(place, 6)
	s := New(Config{Me: w.place()})
	put(t, s, by{noon, 1}, older, Added)
	put(t, s, by{noon, 2}, two, Replaced)
	refuse(t, s, by{noon, 3}, older, wire.ErrOlder)
	put(t, s, by{noon, 3}, one, Replaced)
	refuse(t, s, by{noon, 3}, two, wire.ErrOlder)
	put(t, s, by{noon, 3}, one, Refreshed)
	put(t, s, by{noon, 3}, newer, Replaced)
	refuse(t, s, by{noon, 3}, one, wire.ErrOlder)
	if got, _ := s.Get(noon, place); !bytes.Equal(got.Bytes, newer.Item.Record) || got.Seq != 6 {
		t.Error("the newest is not the one that stayed")
	}
	spot := w.place()
	put(t, s, by{noon, 1}, w.descriptor(spot, 100, 900), Added)
	refuse(t, s, by{noon, 1}, w.descriptor(spot, 99, 2000), wire.ErrOlder)
	put(t, s, by{noon, 1}, w.descriptor(spot, 101, 4000), Replaced)
	if st := s.Stats(); st.Bytes != 1024+4000 || st.Replaced != 4 || st.Refreshed != 1 || st.Older != 4 {
		t.Errorf("%+v", st)
	}
	sound(t, s)
}

// The stamp that is good for longer stays, so that a record can be passed on.
func TestTheLaterStampStays(t *testing.T) {
	w := newWorld(t)
	s := New(Config{Me: w.place()})
	o := w.record(w.place(), 1)
	put(t, s, by{noon, 1}, o, Added)
	was := o.Stamp
	o.Stamp = binary.BigEndian.AppendUint64(wire.Uint32(address.Day(noon)-1), 9)
	put(t, s, by{noon, 1}, o, Refreshed)
	if got, _ := s.Get(noon, o.Item.Place); !bytes.Equal(got.Stamp, was) {
		t.Error("an earlier stamp took the place of a later one")
	}
	o.Stamp = binary.BigEndian.AppendUint64(wire.Uint32(address.Day(noon)+1), 9)
	put(t, s, by{noon, 1}, o, Refreshed)
	if got, _ := s.Get(noon, o.Item.Place); !bytes.Equal(got.Stamp, o.Stamp) {
		t.Error("a later stamp was not kept")
	}
}

func TestRecordsAreHeldForThreeHours(t *testing.T) {
	w := newWorld(t)
	s := New(Config{Me: w.place()})
	var all []Offer
	for i := range 100 {
		o := w.record(w.place(), 1)
		put(t, s, by{noon.Add(time.Duration(i) * time.Minute), i}, o, Added)
		all = append(all, o)
	}
	put(t, s, by{noon.Add(2 * time.Hour), 1}, all[0], Refreshed)
	if next := s.Expire(noon.Add(2 * time.Hour)); !next.Equal(noon.Add(3*time.Hour + time.Minute)) {
		t.Errorf("the next one to go: %v", next)
	}
	at := noon.Add(3*time.Hour + 10*time.Minute)
	for i, o := range all {
		if _, ok := s.Get(at, o.Item.Place); ok != (i == 0 || i > 10) {
			t.Errorf("record %d: held %t", i, ok)
		}
	}
	s.Expire(at)
	if st := s.Stats(); st.Records != 90 || st.Expired != 10 {
		t.Errorf("%+v", st)
	}
	sound(t, s)
	if next := s.Expire(noon.Add(10 * time.Hour)); !next.IsZero() || s.Stats().Records != 0 || len(s.owners) != 0 {
		t.Errorf("%v, %+v", next, s.Stats())
	}
	put(t, s, by{noon.Add(10 * time.Hour), 1}, all[5], Added) // it may come back
	sound(t, s)
}

// What nobody has a use for is neither taken nor given, and makes room for another.
func TestTheEndOfARecordsDay(t *testing.T) {
	w := newWorld(t)
	s := New(Config{Me: w.place()})
	o := w.record(w.place(), 9)
	end := o.Item.Until
	put(t, s, by{end.Add(-time.Hour), 1}, o, Added)
	if _, ok := s.Get(end.Add(-time.Millisecond), o.Item.Place); !ok {
		t.Error("it is gone too early")
	}
	if _, ok := s.Get(end, o.Item.Place); ok {
		t.Error("it is given after its time")
	}
	refuse(t, s, by{end, 1}, o, wire.ErrExpired)
	later := w.record(o.Item.Place, 1)
	later.Item.Until = end.Add(time.Hour)
	put(t, s, by{end, 1}, later, Added)
	sound(t, s)
}

// A clock that jumps, either way, makes no record live longer than three hours of
// what passed, and no shelf unusable.
func TestTheClockIsSet(t *testing.T) {
	for _, leap := range []time.Duration{-400 * 24 * time.Hour, -time.Hour, time.Hour, 400 * 24 * time.Hour} {
		w := newWorld(t)
		s := New(Config{Me: w.place()})
		o := w.record(w.place(), 1)
		o.Item.Until = noon.Add(1000 * 24 * time.Hour)
		put(t, s, by{noon, 1}, o, Added)
		now := noon.Add(leap)
		later := w.record(w.place(), 1)
		later.Item.Until = o.Item.Until
		put(t, s, by{now, 1}, later, Added)
		if _, ok := s.Get(now, o.Item.Place); ok != (leap < 3*time.Hour) {
			t.Errorf("leap %v: held %t", leap, ok)
		}
		now = now.Add(3*time.Hour - time.Second)
		if _, ok := s.Get(now, later.Item.Place); !ok {
			t.Errorf("leap %v: what came after it is gone", leap)
		}
		now = now.Add(time.Second)
		if next := s.Expire(now); !next.IsZero() || s.Stats().Records != 0 {
			t.Errorf("leap %v: %v, %+v", leap, next, s.Stats())
		}
		for range 64 {
			if err := s.Admit(now, source(9)); err != nil {
				t.Fatalf("leap %v: %v", leap, err)
			}
		}
		sound(t, s)
	}
}

func TestTheRateOfASource(t *testing.T) {
	s := New(Config{})
	count := func(now time.Time, from, tries int) (n int) {
		for range tries {
			if err := s.Admit(now, source(from)); err == nil {
				n++
			} else if !errors.Is(err, wire.ErrLimit) {
				t.Fatal(err)
			}
		}
		return n
	}
	if n := count(noon, 1, 1000); n != 64 {
		t.Errorf("%d at once", n)
	}
	if n := count(noon, 2, 1000); n != 64 {
		t.Errorf("%d of another source", n)
	}
	if n := count(noon.Add(15*time.Second), 1, 1000); n != 16 {
		t.Errorf("%d after a quarter of a minute", n)
	}
	total := 0
	for i := range 3600 {
		total += count(noon.Add(time.Hour+time.Duration(i)*time.Second), 3, 5)
	}
	if total < 3840 || total > 3840+64 {
		t.Errorf("%d in an hour", total)
	}
	// Sources that only ask are forgotten.
	for i := range 3 * maxIdle {
		count(noon.Add(3*time.Hour), 10+i, 1)
	}
	if n := len(s.owners); n != maxIdle {
		t.Errorf("%d sources are remembered", n)
	}
	sound(t, s)
	if s.Expire(noon.Add(4 * time.Hour)); len(s.owners) != 0 {
		t.Errorf("%d sources are remembered", len(s.owners))
	}
}

// The shelf does what a plain description of its rules does.
func TestAgainstAPlainModel(t *testing.T) {
	for seed := range uint64(8) {
		w := newWorld(t)
		w.rnd = rand.New(rand.NewPCG(seed, 1))
		cfg := Config{Me: w.place(), Bytes: 24 << 10, Share: 6}
		s, m := New(cfg), &model{cfg: cfg.Default(), at: map[key.NodeID]*modelRecord{}}
		now := noon
		places := make([]key.NodeID, 60)
		for i := range places {
			places[i] = w.near(cfg.Me, w.rnd.IntN(12))
		}
		var before []Offer
		for step := range 600 {
			now = now.Add(time.Duration(w.rnd.IntN(120)) * time.Second)
			at := w.rnd.IntN(len(places))
			o := w.record(places[at], uint32(w.rnd.IntN(4)))
			if at%10 == 0 {
				o = w.descriptor(places[at], uint64(w.rnd.IntN(4)), 1<<10+w.rnd.IntN(3<<10))
			}
			o.Item.Until = now.Add(1000 * time.Hour)
			if len(before) > 0 && w.rnd.IntN(3) == 0 {
				o = before[w.rnd.IntN(len(before))]
			}
			before = append(before, o)
			from := w.rnd.IntN(12)
			if w.rnd.IntN(4) == 0 {
				s.Expire(now)
			}
			_, err := s.Put(now, source(from), o)
			if want := m.put(now, from, o); (err == nil) != want {
				t.Fatalf("seed %d, step %d: %v, want taken %t", seed, step, err, want)
			}
			if step%4 == 0 {
				m.compare(t, s, now)
				sound(t, s)
			}
		}
		if st := s.Stats(); st.Evicted == 0 || st.OverQuota == 0 || st.Replaced == 0 || st.Refreshed == 0 || st.Older == 0 {
			t.Fatalf("seed %d tried too little: %+v", seed, st)
		}
	}
}

// model is the rules without any structure.
type model struct {
	cfg Config
	at  map[key.NodeID]*modelRecord
}

type modelRecord struct {
	Offer
	owner  int
	stored time.Time
}

func (m *model) away(p key.NodeID) *big.Int {
	var d [32]byte
	for i := range d {
		d[i] = p[i] ^ m.cfg.Me[i]
	}
	return new(big.Int).SetBytes(d[:])
}

// sorted are the places of an owner, the farthest first; of all for -1.
func (m *model) sorted(owner int) (all []key.NodeID, size int) {
	for p, r := range m.at {
		if owner < 0 || r.owner == owner {
			all = append(all, p)
			size += len(r.Item.Record)
		}
	}
	slices.SortFunc(all, func(a, b key.NodeID) int { return m.away(b).Cmp(m.away(a)) })
	return all, size
}

func (m *model) put(now time.Time, from int, o Offer) (taken bool) {
	for p, r := range m.at {
		if now.Sub(r.stored) >= m.cfg.Hold || !r.Item.Until.After(now) {
			delete(m.at, p)
		}
	}
	if !o.Item.Until.After(now) {
		return false
	}
	if r := m.at[o.Item.Place]; r != nil {
		switch address.Supersedes(r.Item, o.Item) {
		case address.Older:
			return false
		case address.Refreshes:
			r.stored = now
			return true
		}
		from = r.owner
	}
	m.at[o.Item.Place] = &modelRecord{o, from, now}
	for {
		all, size := m.sorted(from)
		if size <= m.cfg.Bytes/m.cfg.Share {
			break
		}
		delete(m.at, all[0])
	}
	for {
		if _, size := m.sorted(-1); size <= m.cfg.Bytes {
			break
		}
		var largest []key.NodeID
		most := 0
		for owner := range 12 {
			all, size := m.sorted(owner)
			if size > most || size == most && size > 0 && m.away(all[0]).Cmp(m.away(largest[0])) > 0 {
				largest, most = all, size
			}
		}
		delete(m.at, largest[0])
	}
	return m.at[o.Item.Place] != nil
}

func (m *model) compare(t *testing.T, s *Shelf, now time.Time) {
	t.Helper()
	for p, r := range m.at {
		got, ok := s.Get(now, p)
		if !ok || !bytes.Equal(got.Bytes, r.Item.Record) {
			t.Fatalf("a record of source %d is not held: %t", r.owner, ok)
		}
		if e := s.entries[p]; e.owner.source != source(r.owner) {
			t.Fatal("a record belongs to another source")
		}
	}
	for p := range held(s) {
		if _, ok := s.Get(now, p); ok != (m.at[p] != nil) {
			t.Fatal("something is held that should not be")
		}
	}
}
