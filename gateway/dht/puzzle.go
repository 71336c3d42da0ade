package dht

import (
	"time"

	"zeroms/gateway/dht/contact"
	"zeroms/gateway/dht/lookup"
	"zeroms/protocol/key"
)

// puzzleMemory is how many checked places are remembered, twice at most. Half of
// a place tells it from all others.
const puzzleMemory = 1024

// puzzles checks the puzzles of places, so many a second at most, and remembers
// what came of it.
type puzzles struct {
	recent, older map[[16]byte]bool
	tokens        float64
	filled        int64
}

func (z *puzzles) known(id *key.NodeID) (solved, known bool) {
	k := [16]byte(id[:16])
	if solved, known = z.recent[k]; known {
		return solved, true
	}
	if solved, known = z.older[k]; known {
		z.remember(id, solved)
	}
	return solved, known
}

func (z *puzzles) remember(id *key.NodeID, solved bool) {
	if z.recent == nil || len(z.recent) >= puzzleMemory {
		z.recent, z.older = make(map[[16]byte]bool), z.recent
	}
	z.recent[[16]byte(id[:16])] = solved
}

// take uses one check, if there is one.
func (z *puzzles) take(now int64, rate int) bool {
	if z.filled == 0 {
		z.tokens = float64(rate)
	} else if passed := now - z.filled; passed > 0 {
		z.tokens = min(float64(rate), z.tokens+float64(rate)*float64(passed)/float64(time.Second))
	}
	z.filled = now
	if z.tokens < 1 {
		return false
	}
	z.tokens--
	return true
}

// refilled is when there is a check again.
func (z *puzzles) refilled(now int64, rate int) int64 {
	if z.tokens >= 1 || rate <= 0 {
		return now
	}
	return now + int64((1-z.tokens)/float64(rate)*float64(time.Second)) + 1
}

// Admit says whether the place of a contact is sound. Lookups ask nearest
// contacts first, so that those are checked first.
func (n *Node) Admit(p *contact.Peer) lookup.Verdict {
	if n.config.Params.PuzzleBits == 0 {
		return lookup.Sound
	}
	if solved, known := n.puzzles.known(&p.ID); known {
		return verdict(solved)
	}
	if n.table.Find(p) != nil {
		return lookup.Sound // it was checked before it got in
	}
	if !n.puzzles.take(n.now, n.config.Limits.Checks) {
		return lookup.Later
	}
	n.stats.PuzzleChecks++
	solved := n.config.Solved(p.ID)
	n.puzzles.remember(&p.ID, solved)
	return verdict(solved)
}

func verdict(solved bool) lookup.Verdict {
	if solved {
		return lookup.Sound
	}
	return lookup.Forged
}
