package world_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"zeroms/client"
	"zeroms/cmd/zeroms-lab/world"
)

// twoHomes makes alice, who receives at two gateways, and bob, who knows both.
func (s *stage) twoHomes() (alice, bob *world.Person, first, second *world.Gateway, ab, ba client.ContactID) {
	s.t.Helper()
	first, second = s.gateway(), s.gateway()
	alice, bob = s.person("alice", first), s.person("bob", s.gateway())
	_, err := alice.Client.AddGateway(s.t.Context(), second.Address())
	s.must(err)
	s.up(alice, second)
	ab, ba = s.add(alice, bob), s.add(bob, alice)
	s.send(alice, ab, "hello")
	s.state(alice, ab, "hello", client.Delivered)
	s.send(bob, ba, "hi")
	s.state(bob, ba, "hi", client.Delivered)
	pause(time.Minute)
	return alice, bob, first, second, ab, ba
}

// within sends a text and fails unless it is delivered in time.
func (s *stage) within(limit time.Duration, from *world.Person, id client.ContactID, text string) {
	s.t.Helper()
	s.send(from, id, text)
	began := time.Now()
	for s.line(from, id, text).State != client.Delivered {
		if time.Since(began) > limit {
			s.t.Fatalf("%q is %s after %v", text, s.line(from, id, text).State, limit)
		}
		pause(50 * time.Millisecond)
		synctest.Wait()
	}
	s.t.Logf("%q took %v", text, time.Since(began))
}

func TestDeadGatewayIsPassedOverWithinSeconds(t *testing.T) {
	for name, fail := range map[string]func(s *stage, host string, g *world.Gateway){
		"killed":  func(_ *stage, _ string, g *world.Gateway) { g.Kill() },
		"stopped": func(_ *stage, _ string, g *world.Gateway) { g.Stop() },
		"silent":  func(s *stage, host string, g *world.Gateway) { s.Net.Partition(host, g.Host) },
	} {
		for _, which := range []int{0, 1} {
			t.Run(fmt.Sprint(name, " ", which), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					s := newStage(t, world.Config{})
					alice, bob, first, second, ab, ba := s.twoHomes()
					fail(s, bob.Host(), []*world.Gateway{first, second}[which])
					for n := range 5 {
						s.within(8*time.Second, bob, ba, fmt.Sprint("line ", n))
					}
					s.within(8*time.Second, alice, ab, "and back")
					s.see(alice, ab, "hello", "hi", "line 0", "line 1", "line 2", "line 3", "line 4", "and back")
				})
			})
		}
	}
}
