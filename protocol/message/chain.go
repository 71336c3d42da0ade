package message

import (
	"slices"

	"zeroms/protocol/key"
	"zeroms/protocol/wire"
)

// chain is what is known of one device's chain in one conversation, in the
// form in which it is stored. Everything from Base up to Head was accepted, but
// the holes. Base 0 does not occur; Head = Base-1: nothing was accepted yet.
// HeadID is the id of Head: if Head is gone, the one that its owner told, else
// of an accepted message.
type chain struct {
	_       struct{} `cbor:",toarray"`
	Peer    bool     // the device is the peer's, not one of our own
	Device  key.DeviceID
	Base    uint32
	Head    uint32
	HeadID  ID     // zeros: the predecessor of Base is not known
	Height  uint32 // of the newest accepted message
	Holes   []hole
	Known   uint32 // the highest seq that anybody named
	Turn    uint64 // when Head came, counted in heads of all chains
	Implies uint64 // bit i: Head comes after the head of chain i
	Dirty   bool   // an ack would say something new
	Read    uint32 // the other person read up to here
	Told    uint32 // read marks up to here were sent
	Rivals  []ID   // the two messages that froze the device, or none
}

// hole is a range that was not accepted. Before is the id of From-1 and Need
// the id that To must have because To+1 names it, both of accepted messages
// only; zeros: not known. A hole may end at Head only if it is gone.
type hole struct {
	_      struct{} `cbor:",toarray"`
	From   uint32
	To     uint32
	Before ID
	Need   ID
	Gone   bool // nobody has these messages any more
}

// frozen tells whether the device was caught with two messages at one place.
func (ch *chain) frozen() bool { return len(ch.Rivals) != 0 }

// has tells whether the message seq was accepted.
func (ch *chain) has(seq uint32) bool {
	return seq >= ch.Base && seq <= ch.Head && ch.holeAt(seq) < 0
}

func (ch *chain) holeAt(seq uint32) int {
	return slices.IndexFunc(ch.Holes, func(h hole) bool { return h.From <= seq && seq <= h.To })
}

// last is the newest accepted message; Base-1 if there is none. What stands
// above it, up to Head, is gone or missing.
func (ch *chain) last() (seq uint32, id ID) {
	seq, id = ch.Head, ch.HeadID
	for i := len(ch.Holes) - 1; i >= 0 && ch.Holes[i].To == seq; i-- {
		seq, id = ch.Holes[i].From-1, ch.Holes[i].Before
	}
	return seq, id
}

// lower moves the base down: the messages between are missing now. first is
// the prev of the message 1; zeros: not known. Error: wire.ErrLimit.
func (ch *chain) lower(base uint32, first ID) error {
	if base == 0 || base >= ch.Base {
		return nil
	}
	if base > 1 {
		first = ID{}
	}
	switch {
	case ch.Head == ch.Base-1: // nothing was accepted yet
		ch.Head, ch.HeadID = base-1, first
	case len(ch.Holes) > 0 && ch.Holes[0].From == ch.Base && !ch.Holes[0].Gone:
		ch.Holes = slices.Clone(ch.Holes)
		ch.Holes[0].From, ch.Holes[0].Before = base, first
	case len(ch.Holes) >= maxHoles:
		return wire.ErrLimit.Because("gaps in one chain")
	default:
		ch.Holes = slices.Concat([]hole{{From: base, To: ch.Base - 1, Before: first}}, ch.Holes)
	}
	ch.Base = base
	return nil
}

// anchor learns the prev of the message 1 after the chain was begun without it.
func (ch *chain) anchor(first ID) {
	switch {
	case ch.Base != 1:
	case ch.Head == 0 && ch.HeadID == ID{}:
		ch.HeadID = first
	case len(ch.Holes) > 0 && ch.Holes[0].From == 1 && ch.Holes[0].Before == ID{}:
		ch.Holes = slices.Clone(ch.Holes)
		ch.Holes[0].Before = first
	}
}

// link accepts the message id at seq, which is not accepted yet and not below
// the base, after the message prev. Errors: ErrPrev, wire.ErrLimit; the chain
// is unchanged then.
func (ch *chain) link(seq uint32, id, prev ID) error {
	if at := ch.holeAt(seq); at >= 0 {
		return ch.fill(at, seq, id, prev)
	}
	holes := slices.Clone(ch.Holes)
	gone := len(holes) > 0 && holes[len(holes)-1].To == ch.Head
	switch {
	case seq > ch.Head+1:
		if len(holes) >= maxHoles {
			return wire.ErrLimit.Because("gaps in one chain")
		}
		h := hole{From: ch.Head + 1, To: seq - 1, Before: ch.HeadID, Need: prev}
		if gone {
			h.Before = ID{}
		}
		holes = append(holes, h)
	case gone: // what the chain itself names counts for more than what was told
		holes[len(holes)-1].Need = prev
	case ch.HeadID != ID{} && ch.HeadID != prev:
		return ErrPrev
	}
	ch.Holes, ch.Head, ch.HeadID = holes, seq, id
	return nil
}

// fill accepts a message inside of a hole.
func (ch *chain) fill(at int, seq uint32, id, prev ID) error {
	h := ch.Holes[at]
	var left []hole
	if seq == h.From {
		if h.Before != (ID{}) && h.Before != prev {
			return ErrPrev
		}
	} else {
		left = append(left, hole{From: h.From, To: seq - 1, Before: h.Before, Gone: h.Gone})
	}
	if seq == h.To {
		if h.Need != (ID{}) && h.Need != id {
			return ErrPrev
		}
	} else {
		left = append(left, hole{From: seq + 1, To: h.To, Need: h.Need, Gone: h.Gone})
	}
	if len(ch.Holes)+len(left)-1 > maxHoles {
		return wire.ErrLimit.Because("gaps in one chain")
	}
	ch.Holes = slices.Concat(ch.Holes[:at], left, ch.Holes[at+1:])
	for i := range ch.Holes { // on either side, the rest of this hole or another one
		if n := &ch.Holes[i]; n.To == seq-1 {
			n.Need = prev
		} else if n.From == seq+1 {
			n.Before = id
		}
	}
	if seq == ch.Head {
		ch.HeadID = id
	}
	return nil
}

// floor is a height that the message seq is above in any case if it comes after
// a gap: each message between adds at least one. A gap that nobody can fill
// counts no further than what is waited for.
func (ch *chain) floor(seq uint32) uint32 {
	last, _ := ch.last()
	if last < ch.Base || seq <= last+1 {
		return 0
	}
	return ch.Height + min(seq-last-1, MaxPending)
}

// received is what an ack says of this chain.
func (ch *chain) received() Received {
	r := Received{Device: ch.Device, Base: ch.Base, Upto: ch.Head}
	for _, h := range ch.Holes {
		switch {
		case h.Gone:
		case len(r.Holes) == MaxHoles:
			r.Upto = h.From - 1
			return r
		default:
			r.Holes = append(r.Holes, Range{From: h.From, To: h.To})
		}
	}
	return r
}

// name notes that somebody named the message seq of this chain.
func (ch *chain) name(seq uint32) { ch.Known = max(ch.Known, seq) }

// check finds a stored chain that no conversation wrote.
func (ch *chain) check() bool {
	if ch.Base == 0 || ch.Head < ch.Base-1 || ch.Height > maxHeight || (ch.Known != 0 && ch.Known < ch.Head) || len(ch.Holes) > maxHoles || (len(ch.Rivals) != 0 && len(ch.Rivals) != 2) {
		return false
	}
	next, gone, after := uint64(ch.Base), 0, false // after: a gone range ends right before next
	for i, h := range ch.Holes {
		touches := i > 0 && uint64(h.From) == next
		if uint64(h.From) < next || h.To < h.From || h.To > ch.Head || h.To == ch.Head && !h.Gone || touches && h.Gone == after {
			return false
		}
		if next, after = uint64(h.To)+1, h.Gone; h.Gone {
			gone++
		}
	}
	return gone <= maxGone
}
