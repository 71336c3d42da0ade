package limit

import (
	"encoding/binary"
	"math/rand/v2"
	"testing"
	"time"

	"zeroms/protocol/key"
)

const second = int64(time.Second)

var rates = Rates{Peer: 5, PeerBurst: 10, Source: 20, SourceBurst: 40}

func name(i int) []byte { return binary.BigEndian.AppendUint64(make([]byte, 24), uint64(i)) }

// TestMeters: a gateway has its burst, then its rate; so has a group of addresses
// under however many keys; without rates everything is allowed.
func TestMeters(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 0))
	allowed := func(m *Meters, now int64, n int, peer func(i int) []byte) (count int) {
		for i := range n {
			if m.Allow(now, peer(i), []byte("some group"), rates, r) {
				count++
			}
		}
		return count
	}
	one := func(int) []byte { return name(1) }
	var m Meters
	if got := allowed(&m, second, 100, one); got != 10 {
		t.Errorf("at once %d, want 10", got)
	}
	if got := allowed(&m, 2*second, 100, one); got != 5 {
		t.Errorf("a second later %d, want 5", got)
	}
	if got := allowed(&m, 100*second, 100, one); got != 10 {
		t.Errorf("much later %d, want 10", got)
	}
	var many Meters
	if got := allowed(&many, second, 1000, name); got != 40 {
		t.Errorf("under many keys %d, want 40", got)
	}
	var free Meters
	for i := range 1000 {
		if !free.Allow(second, name(1), name(2), Rates{}, r) {
			t.Fatalf("refused after %d without a rate", i)
		}
	}
}

// TestMetersShareFew: others than the one who floods are hardly ever refused.
func TestMetersShareFew(t *testing.T) {
	r := rand.New(rand.NewPCG(2, 0))
	var m Meters
	refused := 0
	for i := range 60 {
		for range 100 {
			m.Allow(second, []byte("flood"), []byte("flood"), rates, r)
		}
		if !m.Allow(second, name(i), name(1000+i), rates, r) {
			refused++
		}
	}
	if refused > 6 {
		t.Errorf("%d of 60 others were refused", refused)
	}
}

// TestPuzzles: a place is checked once, so many are in a second, and what was
// checked lately is remembered.
func TestPuzzles(t *testing.T) {
	asked := make(map[key.NodeID]int)
	solved := func(id key.NodeID) bool { asked[id]++; return id[31]%2 == 0 }
	place := func(i int) *key.NodeID {
		var id key.NodeID
		binary.BigEndian.PutUint32(id[:], uint32(i))
		id[31] = byte(i)
		return &id
	}
	var z Puzzles
	for i := range 30 {
		ok, known := z.Check(second, place(i), 20, solved)
		if known != (i < 20) || ok != (known && i%2 == 0) {
			t.Fatalf("place %d: %v %v", i, ok, known)
		}
	}
	if at := z.Refilled(second, 20); at <= second || at > second+second/20+1 {
		t.Errorf("the next check is possible after %v", time.Duration(at-second))
	}
	if ok, known := z.Check(second, place(4), 20, solved); !ok || !known {
		t.Error("what was checked is not remembered")
	}
	if _, known := z.Check(z.Refilled(second, 20), place(25), 20, solved); !known {
		t.Error("a check was not possible when it should be")
	}
	now := 10 * second
	for i := 100; i < 4000; i++ {
		now += second / 20
		if _, known := z.Check(now, place(i), 20, solved); !known {
			t.Fatalf("place %d could not be checked at the rate", i)
		}
	}
	if len(z.recent) > remembered || len(z.older) > remembered {
		t.Error("too much is remembered")
	}
	before := z.Checked
	z.Check(now, place(3999), 20, solved)
	z.Check(now, place(3999-remembered), 20, solved)
	if z.Checked != before {
		t.Error("what was checked lately was checked again")
	}
	for id, n := range asked {
		if n > 1 {
			t.Errorf("%x was checked %d times", id[:4], n)
		}
	}
}
