package message

import (
	"bytes"
	"cmp"
	"slices"

	"zeroms/protocol/key"
)

// node is a message whose height is provisional: it comes after messages that
// are missing, or that are provisional themselves.
type node struct {
	_      struct{} `cbor:",toarray"`
	ID     ID
	Chain  uint8
	Seq    uint32
	Height uint32 // 1 + the greatest height of all it is known to come after
	Floor  uint32 // the greatest final height among them
	Deps   []dep  // what it waits for
}

// dep is a message that another one comes after.
type dep struct {
	_      struct{} `cbor:",toarray"`
	Hash   Short
	Device key.DeviceID
	Seq    uint32
}

// placed is a message whose height is final.
type placed struct {
	id     ID
	chain  uint8
	seq    uint32
	height uint32
}

// Move says that a message's height has changed.
type Move struct {
	ID     ID
	Height uint32
}

// wait makes n wait for d, or takes d's height if it is final. A message that
// will not come (history from before this device, or none that exists) counts
// for nothing. past may be nil if d is the head of a chain.
func (c *Conversation) wait(n *node, d dep, past Archive) {
	if slices.ContainsFunc(c.pending, func(p node) bool { return p.ID.Short() == d.Hash }) {
		n.Deps = append(n.Deps, d)
		return
	}
	height, ok := c.final(d.Hash)
	if !ok && past != nil {
		height, ok = past.Height(d.Hash)
	}
	switch {
	case ok:
		n.Floor = max(n.Floor, height)
	case c.missing(d):
		n.Deps = append(n.Deps, d)
	}
}

// final is the height of a message that was placed for good, if this state
// still holds it.
func (c *Conversation) final(h Short) (uint32, bool) {
	for i := range c.chains {
		ch := &c.chains[i]
		if ch.Head >= ch.Base && ch.HeadID.Short() == h {
			return ch.Height, true
		}
	}
	for i := len(c.recent) - 1; i >= 0; i-- {
		if c.recent[i].id.Short() == h {
			return c.recent[i].height, true
		}
	}
	return 0, false
}

// missing tells whether a message that is not known may still come. A device
// that was never heard of may send it; its base decides later.
func (c *Conversation) missing(d dep) bool {
	if d.Device == c.cfg.Device {
		return false
	}
	found := false
	for i := range c.chains {
		ch := &c.chains[i]
		if ch.Device != d.Device {
			continue
		}
		if d.Seq >= ch.Base && !ch.has(d.Seq) {
			return true
		}
		found = true
	}
	return !found
}

// place gives a new message its height and moves those that waited for it.
func (c *Conversation) place(n node) (height uint32, pending bool, moved []Move) {
	n.Height = n.Floor + 1
	if len(n.Deps) == 0 {
		c.settle(n)
	} else {
		c.pending = append(c.pending, n)
	}
	if len(c.pending) > 0 {
		moved = c.weigh()
		for len(c.pending) > MaxPending {
			c.giveUp()
			moved = append(moved, c.weigh()...)
		}
	}
	height = n.Height
	if at := slices.IndexFunc(c.pending, func(p node) bool { return p.ID == n.ID }); at >= 0 {
		height, pending = c.pending[at].Height, true
	} else if final, ok := c.final(n.ID.Short()); ok {
		height = final
	}
	moved = last(moved, n.ID)
	c.top = max(c.top, height)
	return height, pending, moved
}

// last keeps the last move of every message but one.
func last(moved []Move, but ID) []Move {
	var out []Move
	for i, m := range moved {
		again := slices.ContainsFunc(moved[i+1:], func(later Move) bool { return later.ID == m.ID })
		if m.ID != but && !again {
			out = append(out, m)
		}
	}
	return out
}

// settle notes a final height.
func (c *Conversation) settle(n node) {
	if len(c.recent) >= 2*keepRecent {
		c.recent = slices.Clone(c.recent[len(c.recent)-keepRecent:])
	}
	c.recent = append(c.recent, placed{id: n.ID, chain: n.Chain, seq: n.Seq, height: n.Height})
	c.setHead(n)
}

// setHead keeps the height of a chain's head beside it.
func (c *Conversation) setHead(n node) {
	if ch := &c.chains[n.Chain]; ch.HeadID == n.ID {
		ch.Height = n.Height
	}
	c.top = max(c.top, n.Height)
}

// weigh computes the heights of all pending messages anew, predecessors first,
// and settles those that wait for nothing any more.
func (c *Conversation) weigh() (moved []Move) {
	w := weighing{c: c, at: make(map[Short]int, len(c.pending)), state: make([]uint8, len(c.pending))}
	for i := range c.pending {
		w.at[c.pending[i].ID.Short()] = i
	}
	var settled []node
	for i := range c.pending {
		w.visit(i)
	}
	for k, i := range w.done { // predecessors first
		n := c.pending[i]
		if n.Height != w.old[k] {
			moved = append(moved, Move{ID: n.ID, Height: n.Height})
		}
		c.setHead(n)
		if len(n.Deps) == 0 {
			settled = append(settled, n)
		}
	}
	c.pending = slices.DeleteFunc(c.pending, func(n node) bool { return len(n.Deps) == 0 })
	for _, n := range settled {
		c.settle(n)
	}
	return moved
}

// weighing is one run of weigh.
type weighing struct {
	c     *Conversation
	at    map[Short]int
	state []uint8 // 0 not visited, 1 being visited, 2 done
	done  []int
	old   []uint32 // the heights before, in the order of done
}

// visit computes one height. Hashes cannot form a circle; a stored state that
// has one is read as if the closing link were missing.
func (w *weighing) visit(i int) {
	if w.state[i] != 0 {
		return
	}
	w.state[i] = 1
	n := &w.c.pending[i]
	old, height := n.Height, n.Floor
	var open []dep
	for _, d := range n.Deps {
		if j, ok := w.at[d.Hash]; ok {
			w.visit(j)
			on := &w.c.pending[j]
			height = max(height, on.Height)
			if len(on.Deps) == 0 && w.state[j] == 2 {
				n.Floor = max(n.Floor, on.Height)
			} else {
				open = append(open, d)
			}
			continue
		}
		if final, ok := w.c.final(d.Hash); ok {
			n.Floor = max(n.Floor, final)
		} else if w.c.missing(d) {
			open = append(open, d)
		}
	}
	n.Deps, n.Height = open, max(height, n.Floor)+1
	w.state[i] = 2
	w.done, w.old = append(w.done, i), append(w.old, old)
}

// giveUp lets the lowest pending message wait no longer, to bound the state.
func (c *Conversation) giveUp() {
	lowest := slices.MinFunc(c.pending, func(a, b node) int {
		return cmp.Or(cmp.Compare(a.Height, b.Height), bytes.Compare(a.ID[:], b.ID[:]))
	})
	at := slices.IndexFunc(c.pending, func(n node) bool { return n.ID == lowest.ID })
	n := &c.pending[at]
	n.Deps, n.Floor = nil, n.Height-1
}
