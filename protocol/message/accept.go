package message

import (
	"zeroms/protocol/wire"
)

// Arrival is what came with a message.
type Arrival struct {
	// Base is the lowest seq of the sender's chain that was ever addressed to
	// this device, from the envelope; 0 if another device than the message's
	// own sent the envelope.
	Base uint32
	// Origin is H of the device list entry that added the sender's device; zeros
	// if it is not known, then the start of the chain is not checked.
	Origin [32]byte
}

// Accepted is what Accept did.
type Accepted struct {
	ID        ID
	Seq       uint32 // 0 for side kinds
	Height    uint32 // place in the display order, before the ID
	Late      bool   // a message of greater height was there before
	Duplicate bool   // it was accepted before; nothing changed
	Pending   bool   // messages before it are missing: the height is provisional
	Moved     []Move // messages, own ones too, whose height changed
}

// Accept takes a verified message into the conversation. Messages may come in
// any order; when all have come, every device has the same heights. past is
// asked for messages that the state no longer holds. Errors:
// wire.ErrSignature (Verify was not called), wire.ErrWrongRecipient (another
// conversation), wire.ErrValue (below its base), wire.ErrLimit (too many gaps
// or devices), ErrPrev, ErrFrozen, ErrOwnDevice, *ForkError.
func (c *Conversation) Accept(m *Message, a Arrival, past Archive) (Accepted, error) {
	switch {
	case !m.verified:
		return Accepted{}, wire.ErrSignature.Because("the message was not verified")
	case m.Header.Conv != c.id:
		return Accepted{}, wire.ErrWrongRecipient.Because("message of another conversation")
	}
	at := c.find(Party{User: m.sender, Device: m.Header.Device})
	if at >= 0 && c.chains[at].frozen() {
		return Accepted{}, ErrFrozen
	}
	if m.Header.Kind.Side() {
		return Accepted{ID: m.ID}, nil
	}
	if at == 0 {
		return c.reflected(m, past)
	}
	ch, err := c.extended(at, m, a)
	if err != nil {
		return Accepted{}, err
	}
	if ch.has(m.Header.Seq) {
		return c.again(at, m, past)
	}
	before, _ := ch.last()
	as := arrival{first: before < ch.Base, newest: m.Header.Seq > before, floor: ch.floor(m.Header.Seq)}
	if err := ch.link(m.Header.Seq, m.ID, m.Header.Prev); err != nil {
		return Accepted{}, err
	}
	if at < 0 {
		at = len(c.chains)
		c.chains = append(c.chains, ch)
	} else {
		c.chains[at] = ch
	}
	return c.insert(at, m, as, past), nil
}

// reflected handles a message that this device signed itself.
func (c *Conversation) reflected(m *Message, past Archive) (Accepted, error) {
	if m.Header.Seq <= c.chains[0].Head {
		if known, ok := c.idAt(0, m.Header.Seq, past); !ok || known == m.ID {
			return Accepted{ID: m.ID, Seq: m.Header.Seq, Duplicate: true}, nil
		}
	}
	return Accepted{}, ErrOwnDevice
}

// extended is a copy of the chain at, or a new one, with the base that came.
func (c *Conversation) extended(at int, m *Message, a Arrival) (chain, error) {
	seq := m.Header.Seq
	if a.Base > seq {
		return chain{}, wire.ErrValue.Because("a message below its base")
	}
	var first ID
	if a.Origin != [32]byte{} {
		first = First(a.Origin, c.id)
	}
	if at < 0 {
		base := a.Base
		if base == 0 {
			base = seq
		}
		return c.started(m, base, first)
	}
	ch := c.chains[at]
	if err := ch.lower(a.Base, first); err != nil {
		return chain{}, err
	}
	if seq < ch.Base {
		return chain{}, wire.ErrValue.Because("a message below its base")
	}
	ch.anchor(first)
	return ch, nil
}

// started is the chain of a device that was not heard of before.
func (c *Conversation) started(m *Message, base uint32, first ID) (chain, error) {
	if len(c.chains) >= maxDevices {
		return chain{}, wire.ErrLimit.Because("devices in one conversation")
	}
	if base > 1 {
		first = ID{}
	}
	return chain{Peer: m.sender != c.cfg.Self, Device: m.Header.Device, Base: base, Head: base - 1, HeadID: first}, nil
}

// again handles a message at a place that is taken.
func (c *Conversation) again(at int, m *Message, past Archive) (Accepted, error) {
	known, ok := c.idAt(at, m.Header.Seq, past)
	if !ok || known == m.ID {
		c.chains[at].Dirty = true // the sender has no acknowledgement yet
		return Accepted{ID: m.ID, Seq: m.Header.Seq, Duplicate: true}, nil
	}
	c.chains[at].Rivals = []ID{known, m.ID}
	return Accepted{}, &ForkError{From: c.party(&c.chains[at]), Seq: m.Header.Seq, Known: known, Rival: m.ID}
}

// idAt is the accepted message of a chain with this seq.
func (c *Conversation) idAt(at int, seq uint32, past Archive) (ID, bool) {
	if ch := &c.chains[at]; ch.Head == seq {
		return ch.HeadID, true
	}
	for _, n := range c.pending {
		if int(n.Chain) == at && n.Seq == seq {
			return n.ID, true
		}
	}
	for i := len(c.recent) - 1; i >= 0; i-- {
		if r := &c.recent[i]; int(r.chain) == at && r.seq == seq {
			return r.id, true
		}
	}
	return past.At(c.party(&c.chains[at]), seq)
}

// arrival is how a message came into its chain.
type arrival struct {
	first  bool // nothing of the device was accepted before
	newest bool
	floor  uint32 // a height that it is above in any case
}

// insert places a message whose chain holds it already.
func (c *Conversation) insert(at int, m *Message, as arrival, past Archive) Accepted {
	h := &m.Header
	if as.newest {
		c.newHead(at)
	}
	ch := &c.chains[at]
	ch.Dirty = true
	ch.name(h.Seq)
	n := node{ID: m.ID, Chain: uint8(at), Seq: h.Seq, Floor: as.floor}
	if h.Seq > 1 {
		c.wait(&n, dep{Hash: ID(h.Prev).Short(), Device: h.Device, Seq: h.Seq - 1}, past)
	}
	for _, tip := range h.Tips {
		c.wait(&n, dep{Hash: tip.Hash, Device: tip.Device, Seq: tip.Seq}, past)
		c.follow(at, tip)
	}
	top := c.top
	height, pending, moved := c.place(n, as.first, past)
	return Accepted{ID: m.ID, Seq: h.Seq, Height: height, Late: height < top, Pending: pending, Moved: moved}
}

// follow notes what a tip in a message of chain at says of another device.
func (c *Conversation) follow(at int, tip Tip) {
	for i := 1; i < len(c.chains); i++ {
		other := &c.chains[i]
		if other.Device != tip.Device || i == at {
			continue
		}
		if tip.Seq > other.Head {
			other.name(tip.Seq)
		}
		if seq, id := other.last(); tip.Seq == seq && tip.Hash == id.Short() {
			c.chains[at].Implies |= (1<<i | other.Implies) &^ (1<<at | 1)
		}
	}
}
