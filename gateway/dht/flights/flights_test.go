package flights

import (
	"math/rand/v2"
	"testing"
)

// TestList plays requests at random against a map.
func TestList(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 0))
	var l List[string, int]
	open := make(map[uint64]int)
	now := int64(0)
	for i := range 20000 {
		now += r.Int64N(3)
		switch r.IntN(3) {
		case 0:
			id := l.Add(Flight[string, int]{Sent: now, Expires: now + 100, Owner: i})
			if _, ok := open[id]; ok || id == 0 {
				t.Fatal("an id twice")
			}
			open[id] = i
		case 1:
			for id, owner := range open {
				if f, ok := l.Land(id); !ok || f.Owner != owner || f.ID != id {
					t.Fatalf("%+v %v", f, ok)
				}
				if _, ok := l.Land(id); ok || l.Has(id) {
					t.Fatal("landed twice")
				}
				delete(open, id)
				break
			}
		case 2:
			for {
				f, ok := l.Expired(now)
				if !ok {
					break
				}
				if f.Expires > now || open[f.ID] != f.Owner {
					t.Fatalf("%+v expired at %d", f, now)
				}
				delete(open, f.ID)
			}
			if at, ok := l.Due(); ok != (len(open) > 0) || ok && at <= now {
				t.Fatalf("due at %d of %d open, now is %d", at, len(open), now)
			}
		}
		for id := range open {
			if !l.Has(id) {
				t.Fatal("a request that waits is not there")
			}
			break
		}
		if l.Len() > 2*len(open)+200 {
			t.Fatalf("%d entries for %d requests", l.Len(), len(open))
		}
	}
	if _, ok := l.Land(1 << 60); ok || l.Has(1<<60) {
		t.Error("an unknown request landed")
	}
}
