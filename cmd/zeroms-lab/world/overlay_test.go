package world_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"zeroms/client"
	"zeroms/cmd/zeroms-lab/world"
	"zeroms/protocol/card"
)

// network starts so many gateways that found each other.
func (s *stage) network(n int) (all []*world.Gateway) {
	s.t.Helper()
	for range n {
		all = append(all, s.gateway())
	}
	defer func() {
		for _, g := range all {
			st, err := g.Stats(s.t.Context())
			s.t.Logf("%s: %+v %v", g.Host, st.DHT, err)
		}
	}()
	s.wait(5*time.Minute, "all gateways know each other", func() bool {
		for _, g := range all {
			if known, err := g.Neighbours(s.t.Context()); err != nil || known < 2 {
				return false
			}
		}
		return true
	})
	return all
}

// bare makes a contact by a card that names no gateway.
func (s *stage) bare(p, other *world.Person) client.ContactID {
	s.t.Helper()
	shown, err := other.Client.Card(s.t.Context())
	s.must(err)
	k, err := card.Parse(shown.Bare)
	s.must(err)
	if len(k.Gateways) != 0 {
		s.t.Fatal("the bare card names a gateway")
	}
	c, err := p.Client.Add(s.t.Context(), k, other.Name)
	s.must(err)
	return c.ID
}

func TestCardWithoutGatewaysIsEnough(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, world.Config{Overlay: true})
		g := s.network(5)
		alice, bob := s.person("alice", g[0]), s.person("bob", g[1])
		ab, ba := s.bare(alice, bob), s.bare(bob, alice)
		began := time.Now()
		s.send(alice, ab, "hello")
		s.state(alice, ab, "hello", client.Delivered)
		t.Logf("found and delivered after %v", time.Since(began))
		s.send(bob, ba, "hi")
		s.state(bob, ba, "hi", client.Delivered)
		for n := range 3 {
			s.within(5*time.Second, alice, ab, fmt.Sprint("line ", n))
		}
	})
}
