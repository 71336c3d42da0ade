package address

import (
	"encoding/binary"
	"math/bits"
	"testing"

	"golang.org/x/crypto/argon2"

	"zeroms/protocol/key"
)

func TestThePuzzleIsArgon2id(t *testing.T) {
	at := key.Place{Network: key.Network{'l', 'a', 'b', '1'}, Node: node(1)}
	for x := range uint64(6) {
		id := key.NodeIDOf(at, x)
		out := argon2.IDKey(id[:], []byte("zms/1/node-puzzle"), 1, 8<<10, 1, 32)
		zeros := bits.LeadingZeros64(binary.BigEndian.Uint64(out))
		for n := range uint8(6) {
			if got := Solved(id, n); got != (zeros >= int(n)) {
				t.Errorf("x %d has %d zero bits; solved with %d: %v", x, zeros, n, got)
			}
		}
	}
}

func TestSolving(t *testing.T) {
	at := key.Place{Network: key.Network{'l', 'a', 'b', '1'}, Node: node(1)}
	x, next, ok := Solve(at, 3, 100, 1000)
	if !ok || next != x || x < 100 || !Solved(key.NodeIDOf(at, x), 3) {
		t.Fatalf("found %d, %d, %v", x, next, ok)
	}
	if _, next, ok := Solve(at, 3, 100, x-100); ok || next != x {
		t.Errorf("one try less: %d, %v", next, ok)
	}
	if again, _, ok := Solve(at, 3, x, 1); !ok || again != x {
		t.Errorf("going on: %d, %v", again, ok)
	}
	if _, _, ok := Solve(at, 64, 0, 2); ok {
		t.Error("64 zero bits")
	}
	if x, ok := SolveWhile(at, 2, func() bool { return true }); !ok || !Solved(key.NodeIDOf(at, x), 2) {
		t.Errorf("until it is solved: %d, %v", x, ok)
	}
	asked := 0
	if _, ok := SolveWhile(at, 64, func() bool { asked++; return asked <= 2 }); ok || asked != 3 {
		t.Errorf("given up after %d", asked)
	}
	if x, next, ok := Solve(at, 0, 7, 1); !ok || x != 7 || next != 7 {
		t.Error("no puzzle is solved by any x")
	}
}

func BenchmarkSolved(b *testing.B) {
	at := key.Place{Network: key.Network{'l', 'a', 'b', '1'}, Node: node(1)}
	b.ReportAllocs()
	for i := range b.N {
		Solved(key.NodeIDOf(at, uint64(i)), 10)
	}
}
