package address

import (
	"crypto/rand"
	"encoding/binary"
	"math/bits"

	"golang.org/x/crypto/argon2"

	"zeroms/protocol/key"
)

// The puzzle's cost (RFC 9106): one pass over 8 MiB by one lane, about 4 ms.
const (
	puzzlePasses = 1
	puzzleMemory = 8192 // KiB
	puzzleLanes  = 1
	puzzleSize   = 32
)

// Solved reports whether a gateway's place was paid for: the first bits of
// Argon2id(place, salt "zms/1/node-puzzle", t=1, m=8192 KiB, p=1, 32 bytes) are
// zero. Bits 0: always, at no cost.
func Solved(id key.NodeID, zeros uint8) bool {
	if zeros == 0 {
		return true
	}
	out := argon2.IDKey(id[:], []byte(key.PuzzleSalt), puzzlePasses, puzzleMemory, puzzleLanes, puzzleSize)
	return bits.LeadingZeros64(binary.BigEndian.Uint64(out)) >= int(zeros)
}

// Solve looks for an x with which the gateway's place is Solved: it tries up to
// tries of them from first on, and returns the one found, or the one to go on
// from. It takes about 2^zeros tries of 4 ms.
func Solve(at key.Place, zeros uint8, first, tries uint64) (x, next uint64, ok bool) {
	for i := range tries {
		if Solved(key.NodeIDOf(at, first+i), zeros) {
			return first + i, first + i, true
		}
	}
	return 0, first + tries, false
}

// SolveWhile looks for an x from a random one on, for as long as goOn, which is
// asked before every try, says so.
func SolveWhile(at key.Place, zeros uint8, goOn func() bool) (x uint64, ok bool) {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails
	first := binary.BigEndian.Uint64(b[:])
	for goOn() {
		if x, first, ok = Solve(at, zeros, first, 1); ok {
			return x, true
		}
	}
	return 0, false
}
