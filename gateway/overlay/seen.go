package overlay

import (
	"net/netip"
	"sync"

	"zeroms/protocol/address"
	"zeroms/protocol/wire"
)

// sightings is where other gateways saw this one come from, as their pongs say: what
// those of the last neighbourhoods said that were asked. It is a hint for the operator
// of a gateway behind a router, and proves nothing.
type sightings struct {
	mu sync.Mutex
	// guarded by mu
	of   [8]sighting
	next int
}

type sighting struct {
	by address.Group
	at netip.Addr // not valid: nobody said anything
}

// note keeps what a gateway of a neighbourhood said.
func (s *sightings) note(by address.Group, p *wire.Pong) {
	if p.Seen == [16]byte{} { // it has none
		return
	}
	said := sighting{by, address.Canonical(netip.AddrFrom16(p.Seen))}
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range s.of {
		if s.of[i].at.IsValid() && s.of[i].by == by {
			s.of[i] = said
			return
		}
	}
	s.of[s.next] = said
	s.next = (s.next + 1) % len(s.of)
}

// most is the address that more than half of them saw; empty: there is none.
func (s *sightings) most() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	said, votes := 0, map[netip.Addr]int{}
	for i := range s.of {
		if at := s.of[i].at; at.IsValid() {
			said++
			votes[at]++
		}
	}
	for at, n := range votes {
		if 2*n > said {
			return at.String()
		}
	}
	return ""
}
