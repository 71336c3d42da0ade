package world_test

import (
	"testing"
	"testing/synctest"
	"time"

	"zeroms/cmd/zeroms-lab/world"
)

// TestARemovedHomePublishesNothing: a home that somebody leaves is told to forget what
// it was to publish, and one that becomes a home again at once stays one.
func TestARemovedHomePublishesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, world.Config{Overlay: true, Mailbox: quiet()})
		g := s.network(3)
		alice := s.person("alice", g[0], g[1])
		s.up(alice, g[0])
		s.up(alice, g[1])
		kept := func(g *world.Gateway) int {
			t.Helper()
			stats, err := g.Stats(t.Context())
			s.must(err)
			return stats.Deposits.Records
		}
		pause(time.Minute)
		if kept(g[0]) == 0 || kept(g[1]) == 0 {
			t.Fatalf("%d and %d records are deposited", kept(g[0]), kept(g[1]))
		}
		s.must(alice.Client.RemoveGateway(t.Context(), g[1].Address().Node))
		pause(30 * time.Second)
		if kept(g[0]) == 0 || kept(g[1]) != 0 {
			t.Errorf("%d records are deposited, and %d at the home that was left", kept(g[0]), kept(g[1]))
		}
		_, err := alice.Client.AddGateway(t.Context(), g[1].Address())
		s.must(err)
		s.up(alice, g[1])
		pause(time.Minute)
		s.must(alice.Client.RemoveGateway(t.Context(), g[1].Address().Node))
		_, err = alice.Client.AddGateway(t.Context(), g[1].Address())
		s.must(err)
		pause(10 * time.Minute)
		if !s.home(alice, g[1]).Up || kept(g[1]) == 0 {
			t.Errorf("the home that was taken back is up: %v, with %d records", s.home(alice, g[1]).Up, kept(g[1]))
		}
	})
}
