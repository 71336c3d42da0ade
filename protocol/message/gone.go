package message

import (
	"slices"

	"zeroms/protocol/key"
	"zeroms/protocol/wire"
)

// Gone notes that nobody has the messages r of the device p any more; bridge is
// the id of the last of them. Only what is missing becomes gone: then it is
// acknowledged like what was accepted, and no gap. It returns these parts and
// the messages whose height changed. A message that comes nevertheless is
// accepted. The caller heeds the device p itself; a sibling of p only if p is
// listed no longer, since p takes an acknowledgement for its messages' arrival.
// Errors: wire.ErrValue (no range), ErrFrozen, ErrPrev (an accepted message
// names another bridge), wire.ErrLimit (too many gaps).
func (c *Conversation) Gone(p Party, r Range, bridge ID, past Archive) (filled []Range, moved []Move, err error) {
	at := c.find(p)
	switch {
	case r.From == 0 || r.To < r.From:
		return nil, nil, wire.ErrValue.Because("range that is gone")
	case at <= 0: // a device's own messages are never missing
		return nil, nil, nil
	case c.chains[at].frozen():
		return nil, nil, ErrFrozen
	}
	ch := c.chains[at]
	if filled, err = ch.erase(r, bridge); err != nil || len(filled) == 0 {
		return nil, nil, err
	}
	ch.Dirty = true
	c.chains[at] = ch
	return filled, c.weigh(event{device: p.Device}, past), nil
}

// erase makes what is missing of r gone, up to the highest message that
// anybody named, and returns these parts. Errors: ErrPrev, wire.ErrLimit; the
// chain is unchanged then.
func (ch *chain) erase(r Range, bridge ID) (filled []Range, err error) {
	head, id, holes := ch.Head, ch.HeadID, slices.Clone(ch.Holes)
	if to := min(r.To, ch.Known); to > head {
		tail := hole{From: head + 1, To: to}
		if seq, _ := ch.last(); seq == head {
			tail.Before = id
		}
		holes, head, id = append(holes, tail), to, ID{}
		if to == r.To {
			id = bridge
		}
	}
	var out []hole
	for _, h := range holes {
		from, to := max(h.From, r.From), min(h.To, r.To)
		switch {
		case h.Gone || from > to:
			out = append(out, h)
			continue
		case to == h.To && to == r.To && h.Need != ID{} && h.Need != bridge:
			return nil, ErrPrev
		}
		out = append(out, h.split(Range{From: from, To: to})...)
		filled = append(filled, Range{From: from, To: to})
	}
	if len(filled) == 0 {
		return nil, nil
	}
	next := *ch
	next.Head, next.HeadID, next.Holes = head, id, joined(out)
	if !next.forget() || len(next.Holes) > maxHoles {
		return nil, wire.ErrLimit.Because("gaps in one chain")
	}
	*ch = next
	return filled, nil
}

// split makes a part of a hole gone.
func (h hole) split(r Range) (parts []hole) {
	gone := hole{From: r.From, To: r.To, Gone: true}
	if h.From < r.From {
		parts = append(parts, hole{From: h.From, To: r.From - 1, Before: h.Before})
	} else {
		gone.Before = h.Before
	}
	if h.To == r.To {
		gone.Need = h.Need
		return append(parts, gone)
	}
	return append(parts, gone, hole{From: r.To + 1, To: h.To, Need: h.Need})
}

// joined makes one of gone ranges that touch.
func joined(holes []hole) (out []hole) {
	for _, h := range holes {
		if n := len(out); n > 0 && h.Gone && out[n-1].Gone && out[n-1].To+1 == h.From {
			out[n-1].To, out[n-1].Need = h.To, h.Need
		} else {
			out = append(out, h)
		}
	}
	return out
}

// forget counts the lowest gone ranges as accepted, to keep at most maxGone,
// and tells whether it could: what no accepted message follows stays.
func (ch *chain) forget() bool {
	gone := 0
	for _, h := range ch.Holes {
		if h.Gone {
			gone++
		}
	}
	last, _ := ch.last()
	for ; gone > maxGone; gone-- {
		at := slices.IndexFunc(ch.Holes, func(h hole) bool { return h.Gone })
		if ch.Holes[at].To > last {
			return false
		}
		ch.Holes = slices.Delete(ch.Holes, at, at+1)
	}
	return true
}

// behind is what a message comes after that names d, of a gone range: the
// message before that range, and as many more as are gone between.
func (c *Conversation) behind(d dep) (dep, bool) {
	for i := range c.chains {
		ch := &c.chains[i]
		if ch.Device != d.Device {
			continue
		}
		if at := ch.holeAt(d.Seq); at >= 0 && ch.Holes[at].Gone {
			h := ch.Holes[at]
			above := min(uint64(d.Above)+uint64(d.Seq-h.From)+1, MaxPending)
			return dep{Hash: h.Before.Short(), Device: d.Device, Seq: h.From - 1, Above: uint32(above)}, true
		}
	}
	return dep{}, false
}

// SaidGone notes that this device told the device p that its messages r are
// gone: they are never delivered to p, whatever it acknowledges. What p
// acknowledged before stays delivered. Errors: wire.ErrValue (not written to
// p), wire.ErrLimit (too many ranges: it must not be told).
func (c *Conversation) SaidGone(p Party, r Range) error {
	at := c.target(p)
	if at < 0 || r.From == 0 || r.To < r.From || r.To > c.chains[0].Head {
		return wire.ErrValue.Because("range that is gone")
	}
	t := &c.targets[at]
	said := []Range{r}
	for _, known := range slices.Concat(t.Done, t.Said) {
		said = without(said, known)
	}
	if said = union(t.Said, said); len(said) > maxSaid {
		return wire.ErrLimit.Because("ranges that are gone")
	}
	t.Said = said
	return nil
}

// Entitled tells whether this device's message seq may be given to the device
// p: it is not below the first one ever addressed to p. Whether p is still
// listed is the caller's to check.
func (c *Conversation) Entitled(p Party, seq uint32) bool {
	at := c.target(p)
	return at >= 0 && seq >= c.targets[at].Base && seq <= c.chains[0].Head
}

// event is what made pending messages worth weighing: the message at seq of a
// device came (id not zeros), or something of its chain changed.
type event struct {
	device key.DeviceID
	seq    uint32
	id     ID
}
