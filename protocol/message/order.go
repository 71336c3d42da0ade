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

// dep is a message that another one comes after. Hash zeros: whatever the
// device has at Seq.
type dep struct {
	_      struct{} `cbor:",toarray"`
	Hash   Short
	Device key.DeviceID
	Seq    uint32
	Above  uint32 // messages between the two that are gone
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
// for nothing, one that is gone as one more than the message before it. past
// may be nil if d is the head of a chain.
func (c *Conversation) wait(n *node, d dep, past Archive) {
	w := weighing{c: c, past: past}
	d, at, height := w.resolve(d)
	switch at {
	case settled:
		n.Floor = max(n.Floor, height)
	case absent:
		n.Deps = append(n.Deps, d)
	default:
		n.Deps = append(n.Deps, d)
		n.Height = max(n.Height, rise(c.pending[at].Height, d.Above+1))
	}
}

// rise is a height so much above another one.
func rise(height, by uint32) uint32 { return min(height+by, maxHeight) }

// final is the height of a message that was placed for good, if this state
// still holds it.
func (c *Conversation) final(h Short) (uint32, bool) {
	for i := range c.chains {
		ch := &c.chains[i]
		if seq, id := ch.last(); seq >= ch.Base && id.Short() == h {
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
		at := ch.holeAt(d.Seq)
		if d.Seq > ch.Head || at >= 0 && !ch.Holes[at].Gone {
			return true
		}
		found = true
	}
	return !found
}

// place gives a new message its height and moves those that waited for it, or,
// if it is the first of its device, for anything of that device.
func (c *Conversation) place(n node, first bool, past Archive) (height uint32, pending bool, moved []Move) {
	n.Floor = min(n.Floor, maxHeight-1)
	n.Height = max(n.Height, n.Floor+1)
	e := event{device: c.chains[n.Chain].Device, seq: n.Seq, id: n.ID}
	awaited := c.awaited(e, first)
	if len(n.Deps) == 0 && !awaited {
		c.settle(n)
		return n.Height, false, nil
	}
	c.pending = append(c.pending, n)
	c.setHead(n)
	if awaited {
		moved = c.weigh(e, past)
	}
	for len(c.pending) > MaxPending || c.waits() > maxWaits {
		moved = append(moved, c.giveUp()...)
	}
	height = n.Height
	if at := c.waiting(n.ID.Short()); at >= 0 {
		height, pending = c.pending[at].Height, true
	} else if final, ok := c.final(n.ID.Short()); ok {
		height = final
	}
	return height, pending, last(moved, n.ID)
}

// waits is how much all pending messages wait for.
func (c *Conversation) waits() (n int) {
	for i := range c.pending {
		n += len(c.pending[i].Deps)
	}
	return n
}

// waiting is the index of a pending message, or absent.
func (c *Conversation) waiting(h Short) int {
	for i := range c.pending {
		if Short(c.pending[i].ID[:len(h)]) == h {
			return i
		}
	}
	return absent
}

// awaited tells whether a pending message waits for what came, or for anything
// of its device.
func (c *Conversation) awaited(e event, anything bool) bool {
	h := e.id.Short()
	for i := range c.pending {
		for k := range c.pending[i].Deps {
			if d := &c.pending[i].Deps[k]; d.Hash == h || d.Device == e.device && (d.Seq == e.seq || anything) {
				return true
			}
		}
	}
	return false
}

// last keeps the last move of every message but one.
func last(moved []Move, but ID) (out []Move) {
	seen := map[ID]bool{but: true}
	for _, m := range slices.Backward(moved) {
		if !seen[m.ID] {
			seen[m.ID] = true
			out = append(out, m)
		}
	}
	slices.Reverse(out)
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

// setHead keeps the height of a chain's newest message beside it.
func (c *Conversation) setHead(n node) {
	ch := &c.chains[n.Chain]
	if _, id := ch.last(); id == n.ID {
		ch.Height = n.Height
	}
	c.top = max(c.top, n.Height)
}

// weigh computes the heights of all pending messages anew after an event,
// predecessors first, and settles those that wait for nothing any more.
func (c *Conversation) weigh(e event, past Archive) (moved []Move) {
	w := weighing{c: c, past: past, event: e, at: make(map[Short]int, len(c.pending)), seen: map[Short]uint32{}, state: make([]uint8, len(c.pending))}
	for i := range c.pending {
		w.at[c.pending[i].ID.Short()] = i
	}
	var done []node
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
			done = append(done, n)
		}
	}
	if len(done) > 0 {
		c.pending = slices.DeleteFunc(c.pending, func(n node) bool { return len(n.Deps) == 0 })
	}
	for _, n := range done {
		c.settle(n)
	}
	return moved
}

// What resolve finds of a message if it is not pending.
const (
	absent  = -1 // it is missing
	settled = -2 // its height is final, or it counts for nothing
)

// weighing is one run of weigh.
type weighing struct {
	c     *Conversation
	past  Archive
	event event
	at    map[Short]int    // the pending messages; nil: they are searched
	seen  map[Short]uint32 // final heights that were looked up
	state []uint8          // 0 not visited, 1 being visited, 2 done
	done  []int
	old   []uint32 // the heights before, in the order of done
}

// resolve finds what d stands for, past all that is gone: the index of a
// pending message, absent, or settled and its height with what is gone above.
func (w *weighing) resolve(d dep) (_ dep, at int, height uint32) {
	for {
		if at = w.pending(d.Hash); at >= 0 {
			return d, at, 0
		}
		if height, ok := w.final(d.Hash); ok {
			return d, settled, rise(height, d.Above)
		}
		if w.c.missing(d) {
			return d, absent, 0
		}
		next, ok := w.c.behind(d)
		if !ok {
			return d, settled, d.Above
		}
		d = next
	}
}

func (w *weighing) pending(h Short) int {
	if w.at == nil {
		return w.c.waiting(h)
	}
	if i, ok := w.at[h]; ok {
		return i
	}
	return absent
}

func (w *weighing) final(h Short) (height uint32, ok bool) {
	if h == (Short{}) {
		return 0, false
	}
	if height, ok = w.seen[h]; ok {
		return height, true
	}
	if height, ok = w.c.final(h); !ok && w.past != nil {
		height, ok = w.past.Height(h)
	}
	if ok && w.seen != nil {
		w.seen[h] = height
	}
	return height, ok
}

// visit computes one height. Hashes cannot form a circle; a stored state that
// has one is read as if the closing link were missing.
func (w *weighing) visit(i int) {
	if w.state[i] != 0 {
		return
	}
	w.state[i] = 1
	n := &w.c.pending[i]
	old, height, open := n.Height, n.Floor, make([]dep, 0, len(n.Deps))
	for _, d := range n.Deps {
		d, at, final := w.revise(d)
		if at >= 0 {
			w.visit(at)
			on := &w.c.pending[at]
			if len(on.Deps) == 0 && w.state[at] == 2 {
				at, final = settled, rise(on.Height, d.Above)
			}
			height = max(height, rise(on.Height, d.Above))
		}
		if at == settled {
			n.Floor = max(n.Floor, min(final, maxHeight-1))
		} else {
			open = append(open, d)
		}
	}
	n.Deps, n.Height = open, rise(max(height, n.Floor), 1)
	w.state[i] = 2
	w.done, w.old = append(w.done, i), append(w.old, old)
}

// revise is resolve for something that was missing or pending before: only the
// event can have changed that.
func (w *weighing) revise(d dep) (_ dep, at int, height uint32) {
	e := &w.event
	if d.Hash == (Short{}) && d.Device == e.device && d.Seq == e.seq {
		d.Hash = e.id.Short()
	}
	if at = w.pending(d.Hash); at >= 0 || d.Device != e.device || w.c.missing(d) {
		return d, at, 0
	}
	next, ok := w.c.behind(d)
	if !ok {
		return d, settled, d.Above
	}
	return w.resolve(next)
}

// giveUp lets the lowest pending message wait no longer, to bound the state.
func (c *Conversation) giveUp() []Move {
	at := 0
	for i := range c.pending {
		a, b := &c.pending[i], &c.pending[at]
		if cmp.Or(cmp.Compare(a.Height, b.Height), bytes.Compare(a.ID[:], b.ID[:])) < 0 {
			at = i
		}
	}
	n := &c.pending[at]
	n.Deps, n.Floor = nil, n.Height-1
	e := event{device: c.chains[n.Chain].Device, seq: n.Seq, id: n.ID}
	if c.awaited(e, false) {
		return c.weigh(e, nil)
	}
	c.settle(*n)
	c.pending = slices.Delete(c.pending, at, at+1)
	return nil
}
