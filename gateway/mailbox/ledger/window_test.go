package ledger

import (
	"testing"

	"zeroms/protocol/wire"
)

func TestWindow(t *testing.T) {
	var l Log
	for i := range uint64(6) {
		l.Append(5, envelope(1000, i+1)) // rows 2 to 7 after the start row of 40 bytes
	}
	w := Window{At: 1}
	const size = 3500 // three of 1160
	hand := func(budget int) int {
		room, open := w.Room(size, budget)
		if !open {
			return 0
		}
		return len(w.Hand(l.From(2), 3, room)) // from the beginning: what was handed out is left out
	}
	for _, c := range []struct {
		budget, pushes int
		at             uint64
	}{
		{1, 1, 2},       // one in any case
		{1, 0, 2},       // not a second one
		{1500, 2, 4},    // row 3 is below the floor and has no payload
		{1 << 20, 1, 5}, // 1160 + 160 + 1160, and one more
		{1 << 20, 0, 5}, // full
	} {
		if n := hand(c.budget); n != c.pushes || w.At != c.at {
			t.Fatalf("budget %d: %d pushes up to row %d, want %d up to %d", c.budget, n, w.At, c.pushes, c.at)
		}
	}
	if m := w.Find(4); m == nil || *m != l.Find(4).Mark() || w.Find(6) != nil || w.Find(1) != nil {
		t.Error("not exactly what was handed out is found")
	}
	full := w.Bytes()
	w.Pass(3)
	if n := hand(1 << 20); n != 1 || w.Find(3) != nil || w.Bytes() >= full || full < 4*64 {
		t.Errorf("%d pushes after two were acknowledged", n)
	}
	w.Pass(9) // of an earlier link
	if w.At != 9 || w.Bytes() != 0 || hand(1<<20) != 0 {
		t.Error("what was acknowledged is pushed")
	}
	var one Window
	if pushes := one.Hand(l.From(1), 7, 1<<20); len(pushes) != 7 || len(pushes[0].Payload) == 0 || len(pushes[6].Payload) != 0 {
		t.Errorf("%d pushes below the floor", len(pushes))
	}
	if long := make([]Row, MaxRows+9); true {
		for i := range long {
			long[i].Position = wire.At(5, uint64(i+1))
		}
		one = Window{}
		if pushes := one.Hand(long, 0, 1<<30); len(pushes) != MaxRows {
			t.Errorf("%d rows at once", len(pushes))
		}
	}
}
