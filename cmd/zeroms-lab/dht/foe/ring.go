// Package foe holds the adversaries of the lab: what a gateway of the network can
// do to the others, one type each (sim.Foe). Most run the honest code as well, so
// that they are in everybody's tables when they begin.
package foe

import (
	"net/netip"

	"zeroms/cmd/zeroms-lab/dht/sim"
	"zeroms/protocol/key"
	"zeroms/protocol/wire"
)

// Ring is what the foes of one world know together.
type Ring struct {
	// Awake says that they began; before, they are honest.
	Awake bool
	// Width is how many contacts an answer may have in their network.
	Width int
	// Members are all of them.
	Members sim.Index[*sim.Host]
	// Told counts what foes told others as foes: their answers, and where they gave none.
	Told int
	// Vouched counts how often one said of another that it reached it.
	Vouched int
	// Mined are contacts whose IDs were mined ahead and that nobody answers for.
	Mined sim.Index[wire.Contact]
}

// Join makes a gateway a member.
func (r *Ring) Join(hosts ...*sim.Host) {
	for _, h := range hosts {
		r.Members = append(r.Members, sim.Placed[*sim.Host]{ID: h.ID, Of: h})
	}
	r.Members = sim.NewIndex(r.Members)
}

// has reports whether a gateway is a member.
func (r *Ring) has(h *sim.Host) bool {
	found := r.Members.Nearest(nil, h.ID, 1)
	return len(found) > 0 && found[0] == h
}

// tell counts an answer.
func (r *Ring) tell(answer sim.Reply) sim.Reply {
	r.Told++
	return answer
}

// nodes answers with the members nearest to a place, the asker and self left out.
func (r *Ring) nodes(at key.NodeID, self, from *sim.Host) []byte {
	near := r.Members.Nearest(nil, at, r.Width+2)
	out := make([]byte, 0, r.Width*wire.ContactSize)
	for _, h := range near {
		if h != self && h != from && h.Contact.Addr.IsValid() && len(out) < r.Width*wire.ContactSize {
			out = h.Contact.AppendTo(out)
		}
	}
	return out
}

// target is the place that a request is about.
func target(request wire.Payload) (at key.NodeID, value, ok bool) {
	switch q := request.(type) {
	case *wire.FindNode:
		return q.Target, false, true
	case *wire.FindValue:
		return q.Key, true, true
	}
	return at, false, false
}

// contacts answers a FindNode or a FindValue without record.
func contacts(value bool, of []byte) wire.Payload {
	if value {
		return &wire.Value{Contacts: of}
	}
	return &wire.Nodes{Contacts: of}
}

// taken says that all records of a Store are held.
func taken(s *wire.Store) wire.Payload { return &wire.Stored{Codes: make([]uint16, len(s.Items))} }

// open is a foe that lets everybody in.
type open struct{}

// Greet succeeds.
func (open) Greet(*sim.World, *sim.Host, *sim.Host) error { return nil }

// Nowhere is the n-th of 2^24 addresses at which nobody is, each in another
// neighbourhood than the one before. The lab gives no gateway an address of 5/8.
func Nowhere(n int) netip.AddrPort {
	n = n * 0x9e3779b1 & 0xffffff // odd, so every address comes once
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{5, byte(n), byte(n >> 8), byte(n >> 16)}), 7787)
}
