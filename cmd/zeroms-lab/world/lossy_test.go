package world_test

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"zeroms/client"
	"zeroms/cmd/zeroms-lab/world"
	"zeroms/protocol/link/memlink"
)

// More than a chain's 1,000 messages without an answer, a new init in the
// middle, a message too large to travel with one, and links that break all the
// time.
func TestLongMonologueOverBreakingLinks(t *testing.T) {
	seeds := []uint64{8, 13}
	if n, err := strconv.Atoi(os.Getenv("ZMS_LOSSY_SEEDS")); err == nil {
		seeds = nil
		for i := range n {
			seeds = append(seeds, uint64(i))
		}
	}
	for _, seed := range seeds {
		t.Run(fmt.Sprint(seed), func(t *testing.T) { monologue(t, seed) })
	}
}

func monologue(t *testing.T, seed uint64) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, world.Config{Links: memlink.Config{
			Latency: 30 * time.Millisecond, Jitter: 40 * time.Millisecond, Reset: 0.15, Seed: seed,
		}})
		alice, bob := s.person("alice", s.gateway()), s.person("bob", s.gateway())
		ba, ab := s.add(bob, alice), s.add(alice, bob)
		s.wait(time.Hour, "both know each other", func() bool {
			return s.contact(alice, ab).Answered && s.contact(bob, ba).Answered
		})
		s.must(bob.Stop())
		for i := range 1010 {
			s.send(alice, ab, fmt.Sprint(i))
		}
		pause(2 * time.Hour)
		s.send(alice, ab, strings.Repeat("x", 10_000))
		pause(2 * time.Hour)
		s.must(bob.Start())
		s.eventually("bob has every line, in order", func() bool {
			return len(s.texts(bob, ba)) == 1011 && slices.Equal(s.texts(bob, ba), s.texts(alice, ab))
		})
		s.send(bob, ba, "the last word")
		s.eventually("all of alice's is delivered, and she has the last word", func() bool {
			late := func(m client.Message) bool { return m.Outgoing && m.State != client.Delivered }
			return len(s.texts(alice, ab)) == 1012 && !slices.ContainsFunc(s.messages(alice, ab), late)
		})
	})
}

// eventually looks every ten minutes, for half a day.
func (s *stage) eventually(what string, ok func() bool) {
	s.t.Helper()
	for range 72 {
		if pause(10 * time.Minute); ok() {
			return
		}
	}
	s.t.Fatalf("not within half a day: %s", what)
}

func TestAcknowledgementSurvivesARestart(t *testing.T) {
	for _, kill := range []bool{false, true} {
		t.Run(fmt.Sprint("kill=", kill), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newStage(t, world.Config{Links: memlink.Config{Latency: 10 * time.Millisecond}})
				alice, bob, ab, ba := s.friends()
				pause(time.Minute)
				s.send(alice, ab, "acknowledge me")
				for len(s.texts(bob, ba)) < 3 {
					pause(5 * time.Millisecond)
				}
				if kill {
					_ = bob.Kill()
				} else {
					s.must(bob.Stop())
				}
				s.must(bob.Start())
				s.state(alice, ab, "acknowledge me", client.Delivered)
			})
		})
	}
}
