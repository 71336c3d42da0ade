package shelf

import (
	"errors"
	"math/rand/v2"
	"runtime"
	"testing"
	"time"

	"zeroms/protocol/key"
	"zeroms/protocol/wire"
)

// neighbours fills a shelf with what honest homes store: one record of each of n
// users, each stored by one of many gateways.
func (w *world) neighbours(s *Shelf, now time.Time, n, sources int) (all []Offer) {
	for i := range n {
		o := w.record(w.near(s.cfg.Me, 6+w.rnd.IntN(8)), 1)
		put(w.t, s, by{now, i % sources}, o, Added)
		all = append(all, o)
	}
	return all
}

// left is how many of them are held still.
func left(s *Shelf, now time.Time, all []Offer) (n int) {
	for _, o := range all {
		if _, ok := s.Get(now, o.Item.Place); ok {
			n++
		}
	}
	return n
}

// flood stores as fast as the shelf lets it for a while, each second from all
// sources, and calls each hour for the hourly round of the honest ones.
func flood(s *Shelf, hours int, sources []int, make func() Offer, each func(time.Time)) (stored, refused int) {
	for second := range hours * 3600 {
		now := noon.Add(time.Duration(second) * time.Second)
		if second%3600 == 0 {
			each(now)
		}
		for _, from := range sources {
			for range 3 {
				if s.Admit(now, source(from)) != nil {
					break
				}
				o := make()
				o.Item.Until = now.Add(24 * time.Hour)
				if _, err := s.Put(now, source(from), o); err == nil {
					stored++
				} else if errors.Is(err, wire.ErrQuota) {
					refused++
				}
			}
		}
	}
	return stored, refused
}

// small is a shelf of a sixteenth of the usual size and rate, for long attacks.
func small(w *world) *Shelf { return New(Config{Me: w.place(), Bytes: 4 << 20, PerMinute: 8}) }

// round stores what honest homes have again.
func round(t *testing.T, s *Shelf, all []Offer, sources int) func(time.Time) {
	return func(now time.Time) {
		for i, o := range all {
			o.Item.Until = now.Add(24 * time.Hour)
			if _, err := s.Put(now, source(i%sources), o); err != nil {
				t.Fatalf("an honest record is refused: %v", err)
			}
		}
	}
}

// Somebody with one /24, or as many addresses as they like in it, gets a sixteenth
// of the shelf and nothing of anybody else's.
func TestOneNetworkFloods(t *testing.T) {
	w := newWorld(t)
	s := small(w)
	honest := w.neighbours(s, noon, 1500, 60)
	stored, refused := flood(s, 6, []int{1000}, func() Offer { return w.record(w.near(s.cfg.Me, 10), 1) },
		round(t, s, honest, 60))
	now := noon.Add(6*time.Hour - time.Second)
	if n := left(s, now, honest); n != len(honest) {
		t.Errorf("%d of %d honest records are left", n, len(honest))
	}
	if o := s.owners[source(1000)]; o.bytes > s.cfg.Bytes/16 || o.bytes < s.cfg.Bytes/32 {
		t.Errorf("the flooder owns %d bytes", o.bytes)
	}
	t.Logf("flooder stored %d, was refused %d; %+v", stored, refused, s.Stats())
	sound(t, s)
}

// Somebody with many networks fills what is free, and then loses to whoever has
// few records, however near the flood is: honest sources own less than each of theirs.
func TestManyNetworksFlood(t *testing.T) {
	w := newWorld(t)
	s := small(w)
	honest := w.neighbours(s, noon, 1500, 60) // 25 each
	var sources []int
	for i := range 64 {
		sources = append(sources, 1000+i)
	}
	stored, refused := flood(s, 4, sources, func() Offer { return w.record(w.near(s.cfg.Me, 14), 1) },
		round(t, s, honest, 60))
	now := noon.Add(4*time.Hour - time.Second)
	if n := left(s, now, honest); n != len(honest) {
		t.Errorf("%d of %d honest records are left", n, len(honest))
	}
	fresh := w.neighbours(s, now, 100, 100) // a newcomer is let in though all is full
	if n := left(s, now, fresh); n != 100 {
		t.Errorf("%d of 100 new ones are held", n)
	}
	if s.bytes < s.cfg.Bytes-2048 {
		t.Errorf("the shelf has %d bytes: the flood was none", s.bytes)
	}
	t.Logf("flooders stored %d, were refused %d; %+v", stored, refused, s.Stats())
	sound(t, s)
}

// Among sources that own alike the nearest records stay. Somebody who mined places
// next to the gateway, in as many networks as there are others, displaces those
// that are far from it; those are other gateways' to hold.
func TestPlacesAreMined(t *testing.T) {
	w := newWorld(t)
	s := New(Config{Me: w.place(), Bytes: 1 << 20})
	var far, near []Offer
	for i := range 1024 {
		o := w.record(w.near(s.cfg.Me, 2), 1)
		if i%2 == 0 {
			o = w.record(w.near(s.cfg.Me, 12), 1)
			near = append(near, o)
		} else {
			far = append(far, o)
		}
		put(t, s, by{noon, i}, o, Added) // each from a network of its own
	}
	for i := range 400 {
		put(t, s, by{noon, 5000 + i}, w.record(w.near(s.cfg.Me, 20), 1), Added)
	}
	if n := left(s, noon, near); n != len(near) {
		t.Errorf("%d of %d near ones are left", n, len(near))
	}
	if n := left(s, noon, far); n != len(far)-400 {
		t.Errorf("%d of %d far ones are left", n, len(far))
	}
	// What is farther than all that is held is refused, whoever brings it.
	refuse(t, s, by{noon, 9000}, w.record(w.near(s.cfg.Me, 0), 1), wire.ErrQuota)
	sound(t, s)
}

// Storing others' records again makes them nobody else's: they can't be taken over
// by a flooder and pushed out of the flooder's share.
func TestOthersRecordsAreNotTakenOver(t *testing.T) {
	w := newWorld(t)
	s := New(Config{Me: w.place(), Bytes: 1 << 20, Share: 16})
	honest := w.neighbours(s, noon, 300, 30)
	for _, o := range honest {
		put(t, s, by{noon, 777}, o, Refreshed)
	}
	for range 500 {
		_, err := s.Put(noon, source(777), w.record(w.near(s.cfg.Me, 16), 1))
		if err != nil && !errors.Is(err, wire.ErrQuota) {
			t.Fatal(err)
		}
	}
	if n := left(s, noon, honest); n != len(honest) {
		t.Errorf("%d of %d are left", n, len(honest))
	}
	if o := s.owners[source(777)]; o.bytes != 64<<10 {
		t.Errorf("the flooder owns %d bytes", o.bytes)
	}
	sound(t, s)
}

// A storm of refreshes changes nothing but the time, and counts against the rate.
func TestRefreshStorm(t *testing.T) {
	w := newWorld(t)
	s := New(Config{Me: w.place()})
	honest := w.neighbours(s, noon, 200, 20)
	was, bytes := held(s), s.bytes
	admitted := 0
	for i := range 100_000 {
		if s.Admit(noon, source(3)) != nil {
			continue
		}
		admitted++
		put(t, s, by{noon, 3}, honest[i%len(honest)], Refreshed)
	}
	if admitted != 64 || s.bytes != bytes || len(held(s)) != len(was) {
		t.Errorf("%d admitted, %d bytes, were %d", admitted, s.bytes, bytes)
	}
	if err := s.Admit(noon, source(4)); err != nil {
		t.Errorf("another source pays for it: %v", err)
	}
	sound(t, s)
}

// Descriptors, four times as large, are under the same quota.
func TestDescriptorsFlood(t *testing.T) {
	w := newWorld(t)
	s := small(w)
	honest := w.neighbours(s, noon, 1500, 60)
	for range 2000 {
		_, err := s.Put(noon, source(1000+w.rnd.IntN(40)), w.descriptor(w.near(s.cfg.Me, 14), 1, wire.MaxDescriptor))
		if err != nil && !errors.Is(err, wire.ErrQuota) {
			t.Fatal(err)
		}
	}
	if n := left(s, noon, honest); n != len(honest) {
		t.Errorf("%d of %d are left", n, len(honest))
	}
	for i := range 64 {
		if o := s.owners[source(1000+i)]; o != nil && o.bytes > s.cfg.Bytes/16 {
			t.Errorf("one owns %d bytes", o.bytes)
		}
	}
	sound(t, s)
}

// An offer that no share has room for is refused and leaves nothing behind.
func TestWhatFitsNoShare(t *testing.T) {
	w := newWorld(t)
	s := New(Config{Me: w.place(), Bytes: 16 << 10})
	put(t, s, by{noon, 1}, w.record(w.place(), 1), Added)
	refuse(t, s, by{noon, 2}, w.descriptor(w.place(), 1, 2048), wire.ErrQuota)
	if st := s.Stats(); st.Records != 1 || st.Descriptors != 0 || st.Bytes != 1024 || st.Sources != 1 {
		t.Errorf("%+v", st)
	}
	sound(t, s)
}

// full is a shelf with n records of many sources.
func full(t testing.TB, n int) (*Shelf, []key.NodeID) {
	w := newWorld(t)
	s := New(Config{Me: w.place()})
	all := make([]key.NodeID, 0, n)
	for i := range n {
		o := w.record(w.near(s.cfg.Me, w.rnd.IntN(16)), 1)
		if i%10 == 0 { // most are near
			o.Item.Place = w.near(s.cfg.Me, 2)
		}
		if _, err := s.Put(noon, source(i%997), o); err != nil {
			t.Fatal(err)
		}
		all = append(all, o.Item.Place)
	}
	return s, all
}

func heapInUse() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

func TestMemoryOfARecord(t *testing.T) {
	empty := heapInUse()
	none := New(Config{})
	if n := int64(heapInUse()) - int64(empty); n > 2<<10 {
		t.Errorf("an empty shelf takes %d bytes", n)
	}
	runtime.KeepAlive(none)
	before := heapInUse()
	s, _ := full(t, 60_000)
	per := float64(heapInUse()-before) / 60_000
	t.Logf("%.0f bytes a record of %d", per, wire.RecordSize)
	if per > 1.4*wire.RecordSize {
		t.Errorf("a record takes %.0f bytes", per)
	}
	runtime.KeepAlive(s)
}

func BenchmarkShelf(b *testing.B) {
	const n = 60_000
	s, all := full(b, n)
	w := newWorld(b)
	w.rnd = rand.New(rand.NewPCG(1, 2))
	spare := make([]Offer, 4096)
	for i := range spare {
		spare[i] = w.record(w.near(s.cfg.Me, 8), 1)
	}
	b.Run("get", func(b *testing.B) {
		b.ReportAllocs()
		for i := range b.N {
			if _, ok := s.Get(noon, all[i*7919%n]); !ok {
				b.Fatal("gone")
			}
		}
	})
	b.Run("refresh", func(b *testing.B) {
		offers := make([]Offer, 1024)
		for i := range offers {
			r, _ := s.Get(noon, all[i*53])
			offers[i] = w.record(r.Place, 1)
			offers[i].Item.Record = append([]byte(nil), r.Bytes...)
		}
		b.ReportAllocs()
		for i := range b.N {
			if _, err := s.Put(noon, source(i%997), offers[i%len(offers)]); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("add-to-a-full-one", func(b *testing.B) {
		s.cfg.Bytes = s.bytes // as if it were full
		defer func() { s.cfg.Bytes = 64 << 20 }()
		b.ReportAllocs()
		for i := range b.N {
			o := spare[i%len(spare)]
			o.Item.Place = w.near(s.cfg.Me, 8)
			_, _ = s.Put(noon, source(i%5000), o)
		}
	})
	b.Run("learn-and-pass-on", func(b *testing.B) {
		for i := range b.N {
			now := noon.Add(time.Duration(i) * time.Second)
			s.Learned(now, w.near(s.cfg.Me, 12))
			s.Repairs(now, 32, always)
		}
	})
}
