package world_test

import (
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"zeroms/client"
	"zeroms/client/account"
	"zeroms/cmd/zeroms-lab/world"
	"zeroms/protocol/card"
	"zeroms/protocol/key"
)

// homes is where somebody receives or did, with whether it is drained.
func (s *stage) homes(p *world.Person) map[key.NodePublic]bool {
	s.t.Helper()
	all, err := p.Client.Gateways(s.t.Context())
	s.must(err)
	out := map[key.NodePublic]bool{}
	for _, g := range all {
		out[g.Node] = !g.Draining.IsZero()
	}
	return out
}

func TestDrainedGatewayIsLeftOnceEverybodyKnows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, world.Config{})
		old, next := s.gateway(), s.gateway()
		alice := s.person("alice", old)
		bob := s.person("bob", s.gateway())
		ab, ba := s.add(alice, bob), s.add(bob, alice)
		s.send(alice, ab, "hello")
		s.state(alice, ab, "hello", client.Delivered)
		s.send(bob, ba, "hi")
		s.state(bob, ba, "hi", client.Delivered)

		if _, err := alice.Client.DrainGateway(t.Context(), old.Address().Node); !errors.Is(err, account.ErrLast) {
			t.Fatalf("the one gateway can be drained: %v", err)
		}
		_, err := alice.Client.AddGateway(t.Context(), next.Address())
		s.must(err)
		s.up(alice, next)
		pause(time.Minute)

		// Bob is away and has written something that leaves late.
		s.must(bob.Stop())
		g, err := alice.Client.DrainGateway(t.Context(), old.Address().Node)
		s.must(err)
		if g.Draining.IsZero() || g.Ends.Sub(g.Draining) != 37*day {
			t.Fatalf("drained since %v until %v", g.Draining, g.Ends)
		}
		shown, err := alice.Client.Card(t.Context())
		s.must(err)
		k, err := card.Parse(shown.Text)
		s.must(err)
		if len(k.Gateways) != 1 || k.Gateways[0].Hash != next.Address().Gateway().Hash {
			t.Fatal("a card sends people to the drained gateway")
		}
		pause(3 * day)
		s.restart(alice, true)
		if drained, is := s.homes(alice)[old.Address().Node]; !is || !drained {
			t.Fatal("the gateway was left before Bob knew")
		}
		s.must(bob.Start())
		s.send(bob, ba, "still to the old place")
		s.see(alice, ab, "hello", "hi", "still to the old place")
		s.state(bob, ba, "still to the old place", client.Delivered)
		s.wait(time.Minute, "Bob knows", func() bool { return time.Until(s.home(alice, old).Ends) <= day })
		pause(day + time.Minute)
		if _, is := s.homes(alice)[old.Address().Node]; is {
			t.Fatal("the drained gateway is still a home")
		}
		old.Kill()
		s.send(bob, ba, "to the new one")
		s.state(bob, ba, "to the new one", client.Delivered)
	})
}

func TestDrainEndsByItselfAndCanBeTakenBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, world.Config{Mailbox: quiet()})
		alice, bob, _, _ := s.friends()
		next := s.gateway()
		_, err := alice.Client.AddGateway(t.Context(), next.Address())
		s.must(err)
		s.up(alice, next)
		pause(time.Minute)
		s.must(bob.Stop()) // for good
		all, err := alice.Client.Gateways(t.Context())
		s.must(err)
		first := all[slices.IndexFunc(all, func(g client.Gateway) bool { return g.Node != next.Address().Node })]
		_, err = alice.Client.DrainGateway(t.Context(), first.Node)
		s.must(err)
		at, err := card.ParseAddress(first.Address)
		s.must(err)
		back, err := alice.Client.AddGateway(t.Context(), at)
		s.must(err)
		if !back.Draining.IsZero() {
			t.Fatal("adding it again does not take the drain back")
		}
		_, err = alice.Client.DrainGateway(t.Context(), first.Node)
		s.must(err)
		pause(36 * day)
		if !s.homes(alice)[first.Node] {
			t.Fatal("it is left before its end")
		}
		pause(2 * day)
		if _, is := s.homes(alice)[first.Node]; is {
			t.Fatal("it is never left")
		}
	})
}
