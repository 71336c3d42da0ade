package stamps

import (
	"testing"
	"time"

	"zeroms/protocol/key"
	"zeroms/protocol/wire"
)

// TestJob makes what is missing or bad and keeps what is good.
func TestJob(t *testing.T) {
	const zeros = 12
	now := time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)
	places := []key.NodeID{{1}, {2}, {3}}
	first := New(now, zeros, places[:1], make([][]byte, 1))
	for !first.Work(now) {
	}
	good := first.Stamps()[0]
	j := New(now, zeros, places, [][]byte{append([]byte(nil), good...), nil, make([]byte, wire.WorkSize)})
	slices := 1
	for !j.Work(now) {
		if slices++; slices > 1000 {
			t.Fatal("it does not end")
		}
	}
	for i, s := range j.Stamps() {
		if n, err := wire.WorkBits(wire.StampSubject(places[i]), s, now); err != nil || n < zeros {
			t.Errorf("stamp %d: %d bits, %v", i, n, err)
		}
	}
	if string(j.Stamps()[0]) != string(good) {
		t.Error("a good stamp was made again")
	}
	if New(now, zeros, places, j.Stamps()) != nil {
		t.Error("there is work though all stamps are good")
	}
	if New(now, 0, places, make([][]byte, 3)) != nil {
		t.Error("there is work in a network without stamps")
	}
	if New(now.AddDate(0, 0, 3), zeros, places, j.Stamps()) == nil {
		t.Error("stamps of another day are good")
	}
}
