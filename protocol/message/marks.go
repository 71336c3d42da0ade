package message

import (
	"cmp"
	"slices"

	"zeroms/protocol/key"
)

// target is a device that this device writes to.
type target struct {
	_      struct{} `cbor:",toarray"`
	Peer   bool
	Device key.DeviceID
	Base   uint32  // the lowest seq that was ever addressed to it
	Done   []Range // what it acknowledged, apart from each other; never changed in place
	Said   []Range // what it was told to be gone, likewise
}

// Gap is a range of messages of one device that are missing.
type Gap struct {
	From  Party
	Range Range
}

// Address is the base for the header of an envelope to device p that carries
// this device's message seq, or a side message if seq is 0: the lowest seq
// ever addressed to p.
func (c *Conversation) Address(p Party, seq uint32) uint32 {
	at := c.target(p)
	switch {
	case seq == 0 && at < 0:
		return c.chains[0].Head + 1
	case seq == 0:
		return c.targets[at].Base
	case at < 0 && len(c.targets) >= maxDevices:
		return seq
	case at < 0:
		c.targets = append(c.targets, target{Peer: p.User != c.cfg.Self, Device: p.Device, Base: seq})
		return seq
	}
	c.targets[at].Base = min(c.targets[at].Base, seq)
	return c.targets[at].Base
}

func (c *Conversation) target(p Party) int {
	return slices.IndexFunc(c.targets, func(t target) bool { return t.Device == p.Device && c.user(t.Peer) == p.User })
}

// Ack is what was received, addressed to the device to (zeros: all), and
// whether an ack made now says something that no earlier one said, or repeats
// for a sender that seems to have missed it. It is nil if nothing was received.
func (c *Conversation) Ack(to key.DeviceID, nonce [NonceSize]byte) (ack *Ack, changed bool) {
	a := &Ack{Side: Side{To: to, Nonce: nonce}}
	for _, i := range c.newest(func(ch *chain) bool { return true }) {
		ch := &c.chains[i]
		changed = changed || ch.Dirty
		ch.Dirty = false
		a.Chains = append(a.Chains, ch.received())
	}
	if len(a.Chains) == 0 {
		return nil, false
	}
	slices.SortFunc(a.Chains, func(x, y Received) int { return byDevice(x.Device, y.Device) })
	return a, changed
}

// newest are up to MaxChains chains of other devices with messages, the ones
// heard of last, dirty ones first.
func (c *Conversation) newest(want func(*chain) bool) []int {
	var found []int
	for i := 1; i < len(c.chains); i++ {
		ch := &c.chains[i]
		twin := slices.ContainsFunc(found, func(j int) bool { return c.chains[j].Device == ch.Device })
		if ch.Head >= ch.Base && !ch.frozen() && !twin && want(ch) {
			found = append(found, i)
		}
	}
	slices.SortStableFunc(found, func(i, j int) int {
		a, b := &c.chains[i], &c.chains[j]
		if a.Dirty != b.Dirty {
			if a.Dirty {
				return -1
			}
			return 1
		}
		return cmp.Compare(b.Turn, a.Turn)
	})
	return found[:min(len(found), MaxChains)]
}

func byDevice(a, b key.DeviceID) int { return slices.Compare(a[:], b[:]) }

// Acked takes an ack from a device and returns the ranges of this device's
// messages that it newly confirms: addressed to that device, not below the
// base of either side, in no hole.
func (c *Conversation) Acked(from Party, a *Ack) []Range {
	at := c.target(from)
	if at < 0 {
		return nil
	}
	t := &c.targets[at]
	var news []Range
	for _, r := range a.Chains {
		if r.Device != c.cfg.Device {
			continue
		}
		next, limit := max(r.Base, t.Base), min(r.Upto, c.chains[0].Head)
		for _, hole := range r.Holes {
			news = append(news, span(next, min(limit, hole.From-1))...)
			next = max(next, hole.To+1)
		}
		news = append(news, span(next, limit)...)
	}
	for _, done := range t.Done {
		news = without(news, done)
	}
	all := union(t.Done, news)
	t.Done = all[:min(len(all), maxDone)] // what is left out counts as not acknowledged until the next ack
	for _, gone := range t.Said {
		news = without(news, gone)
	}
	return news
}

// Delivered tells whether the device p acknowledged this device's message seq,
// and was not told before that it is gone.
func (c *Conversation) Delivered(p Party, seq uint32) bool {
	at := c.target(p)
	holds := func(r Range) bool { return r.From <= seq && seq <= r.To }
	return at >= 0 && slices.ContainsFunc(c.targets[at].Done, holds) && !slices.ContainsFunc(c.targets[at].Said, holds)
}

// span is the range from to to, or nothing if it is empty.
func span(from, to uint32) []Range {
	if from == 0 || from > to {
		return nil
	}
	return []Range{{From: from, To: to}}
}

// without takes a range out of ranges.
func without(ranges []Range, out Range) (left []Range) {
	for _, r := range ranges {
		if r.To < out.From || out.To < r.From {
			left = append(left, r)
			continue
		}
		left = append(left, span(r.From, out.From-1)...)
		if out.To < r.To {
			left = append(left, Range{From: out.To + 1, To: r.To})
		}
	}
	return left
}

// union joins ranges that do not overlap.
func union(a, b []Range) (out []Range) {
	all := slices.Concat(a, b)
	slices.SortFunc(all, func(x, y Range) int { return cmp.Compare(x.From, y.From) })
	for _, r := range all {
		if n := len(out); n > 0 && out[n-1].To+1 == r.From {
			out[n-1].To = r.To
		} else {
			out = append(out, r)
		}
	}
	return out
}

// Heads are the newest messages known of this person's devices, addressed to
// the device to (zeros: all).
func (c *Conversation) Heads(to key.DeviceID, nonce [NonceSize]byte) *Heads {
	h := &Heads{Side: Side{To: to, Nonce: nonce}}
	own := &c.chains[0]
	if own.Head > 0 {
		h.Heads = append(h.Heads, Head{Device: own.Device, Seq: own.Head, Hash: own.HeadID.Short()})
	}
	for _, i := range c.newest(func(ch *chain) bool { return !ch.Peer && ch.HeadID != ID{} }) {
		if ch := &c.chains[i]; len(h.Heads) < MaxChains {
			h.Heads = append(h.Heads, Head{Device: ch.Device, Seq: ch.Head, Hash: ch.HeadID.Short()})
		}
	}
	slices.SortFunc(h.Heads, func(x, y Head) int { return byDevice(x.Device, y.Device) })
	return h
}

// Headed is a body that names the newest messages of its sender's devices:
// *Heads or *Nack.
type Headed interface{ heads() []Head }

func (h *Heads) heads() []Head { return h.Heads }

func (n *Nack) heads() []Head { return n.Heads }

// NoteHeads takes heads that the device from sent in an envelope with this
// base, and tells whether Gaps says more now.
func (c *Conversation) NoteHeads(from Party, base uint32, h Headed) bool {
	found := false
	for _, head := range h.heads() {
		p := Party{User: from.User, Device: head.Device}
		at := c.find(p)
		if at == 0 || (at >= 0 && c.chains[at].frozen()) {
			continue
		}
		if at < 0 {
			if p != from || base == 0 || base > head.Seq || len(c.chains) >= maxDevices {
				continue
			}
			at = len(c.chains)
			c.chains = append(c.chains, chain{Peer: p.User != c.cfg.Self, Device: p.Device, Base: base, Head: base - 1})
		}
		if ch := &c.chains[at]; head.Seq > max(ch.Head, ch.Known) {
			ch.name(head.Seq)
			found = true
		}
	}
	return found
}

// Gaps are the messages that are known to be missing, by device: those between
// accepted ones, and those above them that a tip or heads named. They ascend by
// number for each device.
func (c *Conversation) Gaps() (gaps []Gap) {
	for i := 1; i < len(c.chains); i++ {
		ch := &c.chains[i]
		if ch.frozen() {
			continue
		}
		for _, h := range ch.Holes {
			if !h.Gone {
				gaps = append(gaps, Gap{From: c.party(ch), Range: Range{From: h.From, To: h.To}})
			}
		}
		if ch.Known > ch.Head {
			gaps = append(gaps, Gap{From: c.party(ch), Range: Range{From: ch.Head + 1, To: ch.Known}})
		}
	}
	return gaps
}

// MarkRead notes that this person has read the device's messages up to seq,
// and tells whether that is news.
func (c *Conversation) MarkRead(p Party, seq uint32) bool {
	at := c.find(p)
	if at < 0 || p.User == c.cfg.Self {
		return false
	}
	ch := &c.chains[at]
	seq = min(seq, ch.Head)
	if seq <= ch.Read || seq < ch.Base {
		return false
	}
	ch.Read = seq
	return true
}

// ReadMarks is the body of a read message that tells what MarkRead noted since
// the last one, nil if that is nothing.
func (c *Conversation) ReadMarks() *Read {
	r := &Read{}
	for _, i := range c.newest(func(ch *chain) bool { return ch.Peer && ch.Read > ch.Told }) {
		ch := &c.chains[i]
		ch.Told = ch.Read
		r.Marks = append(r.Marks, Mark{Device: ch.Device, Upto: ch.Read})
	}
	if len(r.Marks) == 0 {
		return nil
	}
	slices.SortFunc(r.Marks, func(x, y Mark) int { return byDevice(x.Device, y.Device) })
	return r
}

// NoteRead takes read marks. From a device of the peer they say what of this
// person's messages was read; from a sibling, what this person has read
// elsewhere. It returns the marks that are news.
func (c *Conversation) NoteRead(from Party, r *Read) (news []Mark) {
	sibling := from.User == c.cfg.Self
	for _, m := range r.Marks {
		for i := range c.chains {
			ch := &c.chains[i]
			if ch.Device != m.Device || ch.Peer != sibling {
				continue
			}
			m.Upto = min(m.Upto, ch.Head)
			if m.Upto > ch.Read && m.Upto >= ch.Base {
				ch.Read = m.Upto
				if sibling {
					ch.Told = m.Upto
				}
				news = append(news, m)
			}
		}
	}
	return news
}

// ReadUpto is up to where the device's messages were read: by the peer if the
// device is one of this person's, else by this person; 0: nothing was.
func (c *Conversation) ReadUpto(p Party) uint32 {
	if at := c.find(p); at >= 0 {
		return c.chains[at].Read
	}
	return 0
}
