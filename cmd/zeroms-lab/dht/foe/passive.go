package foe

import (
	"time"

	"zeroms/cmd/zeroms-lab/dht/sim"
	"zeroms/protocol/key"
	"zeroms/protocol/wire"
)

// Colluder answers with other colluders only, the nearest to what is sought, finds
// no record and says that it holds what it is given. It says that it reached every
// other colluder, wherever that claims to be; that it does from the start.
type Colluder struct {
	open
	Ring *Ring
}

// Reply answers as said above.
func (f *Colluder) Reply(_ *sim.World, self *sim.Host, c sim.Call) sim.Reply {
	if _, reach := c.Request.(*wire.Reach); reach && f.Ring.has(c.From) {
		f.Ring.Vouched++
		return sim.Reply{Payload: &wire.OK{}}
	}
	if !f.Ring.Awake {
		return sim.Reply{Payload: c.Honest()}
	}
	if at, value, ok := target(c.Request); ok {
		return f.Ring.tell(sim.Reply{Payload: contacts(value, f.Ring.nodes(at, self, c.From))})
	}
	if s, ok := c.Request.(*wire.Store); ok {
		return f.Ring.tell(sim.Reply{Payload: taken(s)})
	}
	return sim.Reply{Payload: c.Honest()}
}

// Silent lets handshakes succeed and answers pings, so that it stays in tables, and
// nothing else.
type Silent struct {
	open
	Ring *Ring
}

// Reply answers as said above.
func (f *Silent) Reply(_ *sim.World, _ *sim.Host, c sim.Call) sim.Reply {
	if _, ping := c.Request.(*wire.Ping); f.Ring.Awake && !ping {
		return f.Ring.tell(sim.Reply{})
	}
	return sim.Reply{Payload: c.Honest()}
}

// Slow does everything right, as late as the transport just bears.
type Slow struct {
	open
	Ring *Ring
	By   time.Duration
}

// Reply answers as said above.
func (f *Slow) Reply(_ *sim.World, _ *sim.Host, c sim.Call) sim.Reply {
	r := sim.Reply{Payload: c.Honest()}
	if f.Ring.Awake {
		r.After = f.By
		return f.Ring.tell(r)
	}
	return r
}

// Lie is one way to lie.
type Lie uint8

// The lies.
const (
	// Invented names gateways that do not exist, nearer than any that does: their IDs
	// were mined ahead.
	Invented Lie = iota
	// Loops names itself, the asker and the same few members again and again.
	Loops
	// Oversize answers with more than an answer may hold, or with bytes cut off.
	Oversize

	// Lies is how many there are.
	Lies
)

// Liar answers with what is not so.
type Liar struct {
	open
	Ring *Ring
	Lie  Lie
}

// Reply answers as said above.
func (f *Liar) Reply(w *sim.World, self *sim.Host, c sim.Call) sim.Reply {
	at, value, ok := target(c.Request)
	switch s, store := c.Request.(*wire.Store); {
	case !f.Ring.Awake:
		return sim.Reply{Payload: c.Honest()}
	case store:
		return f.Ring.tell(sim.Reply{Payload: taken(s)})
	case !ok:
		return sim.Reply{Payload: c.Honest()}
	}
	var of []byte
	switch f.Lie {
	case Invented:
		of = wire.AppendContacts(nil, f.Ring.Mined.Nearest(nil, at, f.Ring.Width))
	case Loops:
		again := []wire.Contact{self.Contact, self.Contact, c.From.Contact}
		for _, h := range f.Ring.Members.Nearest(nil, at, 3) {
			again = append(again, h.Contact, self.Contact, h.Contact)
		}
		of = wire.AppendContacts(nil, again)
	case Oversize:
		switch w.Rand.IntN(4) {
		case 0:
			of = make([]byte, (wire.MaxContacts+1)*wire.ContactSize)
		case 1:
			of = f.Ring.nodes(at, self, c.From)
			of = of[:max(len(of)-1, 0)]
		case 2:
			return f.Ring.tell(sim.Reply{Payload: &wire.Value{Record: make([]byte, wire.MaxDescriptor+1)}})
		case 3:
			return f.Ring.tell(sim.Reply{Err: wire.ErrTooLarge}) // the transport itself refuses a frame that is longer
		}
	}
	return f.Ring.tell(sim.Reply{Payload: contacts(value, of)})
}

// Replayer holds records as they were when it began, says that it took newer ones,
// and answers with the old ones; else it is honest.
type Replayer struct {
	open
	Ring *Ring
	// Old are records by their place, as the replayers kept them.
	Old map[[32]byte][]byte
	// Replayed counts the answers with an old record.
	Replayed *int
}

// Reply answers as said above.
func (f *Replayer) Reply(_ *sim.World, _ *sim.Host, c sim.Call) sim.Reply {
	switch q := c.Request.(type) {
	case *wire.FindValue:
		old, ok := f.Old[q.Key]
		if f.Ring.Awake && ok {
			v := &wire.Value{Record: old}
			if honest, ok := c.Honest().(*wire.Value); ok {
				v.Contacts = honest.Contacts
			}
			*f.Replayed++
			return f.Ring.tell(sim.Reply{Payload: v})
		}
	case *wire.Store:
		if f.Ring.Awake {
			return f.Ring.tell(sim.Reply{Payload: taken(q)})
		}
	}
	return sim.Reply{Payload: c.Honest()}
}

// Stranger is a gateway of another network: it refuses to be greeted by one of this.
type Stranger struct{}

// Greet fails.
func (Stranger) Greet(*sim.World, *sim.Host, *sim.Host) error { return wire.ErrNetwork }

// Reply is never called: nobody gets so far.
func (Stranger) Reply(*sim.World, *sim.Host, sim.Call) sim.Reply {
	return sim.Reply{Err: wire.ErrNetwork}
}

// Skewed is honest; its clock is not right (sim.Host.Skew).
type Skewed struct {
	open
	Ring *Ring
}

// Reply is honest; what it refuses to hold for its clock's sake counts as told.
func (f *Skewed) Reply(_ *sim.World, _ *sim.Host, c sim.Call) sim.Reply {
	answer := c.Honest()
	if s, ok := answer.(*wire.Stored); ok && f.Ring.Awake {
		for _, code := range s.Codes {
			if wire.Code(code) == wire.CodeClock {
				f.Ring.Told++
			}
		}
	}
	return sim.Reply{Payload: answer}
}

// Pointer is honest but for its contacts: they are those that somebody wants the
// network to turn to.
type Pointer struct {
	open
	Ring *Ring
	To   func(at key.NodeID) []wire.Contact
}

// Reply answers as said above.
func (f *Pointer) Reply(_ *sim.World, _ *sim.Host, c sim.Call) sim.Reply {
	if at, value, ok := target(c.Request); ok && f.Ring.Awake {
		return f.Ring.tell(sim.Reply{Payload: contacts(value, wire.AppendContacts(nil, f.To(at)))})
	}
	return sim.Reply{Payload: c.Honest()}
}
