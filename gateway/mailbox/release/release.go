// Package release makes the commit frames of what became durable: one signed tree
// over receipts and heads, and for each link what concerns it
// (docs/protocol/custody.md).
package release

import (
	"time"

	"zeroms/protocol/custody"
	"zeroms/protocol/key"
	"zeroms/protocol/wire"
)

// frameItems bounds the items of one Commit frame: 256 receipts and their path
// stay below wire.MaxFrame, since the receipts of a link stand side by side.
const frameItems = 256

// To is a request that a leaf answers; ID 0: unasked.
type To[P comparable] struct {
	Port P
	ID   uint64
}

// Leaf is a receipt, for one request, or a head, for any number of them.
type Leaf[P comparable] struct {
	Leaf []byte
	To   []To[P]
}

// Frame is a Commit for one link.
type Frame[P comparable] struct {
	Port   P
	Commit *wire.Commit
}

// Sign signs one tree over receipts and heads. Receipts stand in it link by link,
// so that each link's proof is short. Heads that nobody asked for are leaves too,
// unless there is nobody at all to send anything to.
func Sign[P comparable](receipts, heads []Leaf[P], now time.Time, node key.NodePrivate) (frames []Frame[P]) {
	var leaves [][]byte
	var order []P
	items := make(map[P][]wire.CommitItem)
	mine := make(map[P][]*Leaf[P])
	note := func(p P) {
		if _, known := items[p]; !known {
			items[p] = nil
			order = append(order, p)
		}
	}
	for i := range receipts {
		p := receipts[i].To[0].Port
		note(p)
		mine[p] = append(mine[p], &receipts[i])
	}
	for _, p := range order {
		for _, r := range mine[p] {
			items[p] = append(items[p], wire.CommitItem{ID: r.To[0].ID, Index: uint32(len(leaves))})
			leaves = append(leaves, r.Leaf)
		}
	}
	for _, h := range heads {
		first := uint32(len(leaves))
		leaves = append(leaves, h.Leaf)
		for _, to := range h.To {
			note(to.Port)
			at := first
			if has := items[to.Port]; len(has) > 0 && has[len(has)-1].Index >= at {
				at = uint32(len(leaves)) // asked twice on one link: the same leaf again
				leaves = append(leaves, h.Leaf)
			}
			items[to.Port] = append(items[to.Port], wire.CommitItem{ID: to.ID, Index: at})
		}
	}
	if len(order) == 0 {
		return nil
	}
	tree := custody.Build(leaves, now, node)
	for _, p := range order {
		for part := items[p]; len(part) > 0; {
			n := min(len(part), frameItems)
			frames = append(frames, Frame[P]{p, tree.Commit(part[:n])})
			part = part[n:]
		}
	}
	return frames
}
