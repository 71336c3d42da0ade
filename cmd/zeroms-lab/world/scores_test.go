package world_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"zeroms/client"
	"zeroms/cmd/zeroms-lab/world"
)

// points is what a home is worth to somebody now.
func (s *stage) points(p *world.Person, g *world.Gateway) int {
	s.t.Helper()
	all, err := p.Client.Gateways(s.t.Context())
	s.must(err)
	for _, h := range all {
		if h.Node == g.Address().Node {
			return h.Seen.Points
		}
	}
	s.t.Fatalf("%s is no home of %s", g.Host, p.Name)
	return 0
}

// custody sends a text and returns how long it took until a gateway had it.
func (s *stage) custody(from *world.Person, id client.ContactID, text string) time.Duration {
	s.t.Helper()
	began := time.Now()
	s.send(from, id, text)
	for time.Since(began) < time.Minute {
		synctest.Wait()
		if state := s.line(from, id, text).State; state != client.Queued {
			return time.Since(began)
		}
		pause(10 * time.Millisecond)
	}
	s.t.Fatalf("%q is in nobody's custody", text)
	return 0
}

// TestPointsComeBackAfterAnOutage: one of two homes is killed, or hangs, for a while: that counts once, however often it
// was tried; two minutes and three messages later most of the points are there again.
func TestPointsComeBackAfterAnOutage(t *testing.T) {
	for name, away := range map[string]func(s *stage, host string, g *world.Gateway) (back func()){
		"killed": func(s *stage, _ string, g *world.Gateway) func() {
			s.must(g.Kill())
			return func() { s.must(g.Start()) }
		},
		"hangs": func(s *stage, host string, g *world.Gateway) func() {
			s.Net.Partition(host, g.Host)
			return func() { s.Net.Heal(host, g.Host) }
		},
	} {
		for _, lasts := range []time.Duration{4 * time.Second, 30 * time.Second, 3 * time.Minute} {
			for which := range 2 {
				t.Run(fmt.Sprint(name, " ", which, " for ", lasts), func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) {
						s, _, alice, _, at, _, ab, _ := forwarding(t, 2, nil)
						g, other := at[which], at[1-which]
						before, others := s.points(alice, g), s.points(alice, other)
						back := away(s, alice.Host(), g)
						least := before
						for n, began := 0, time.Now(); time.Since(began) < lasts; n++ {
							s.custody(alice, ab, fmt.Sprint("meanwhile ", n))
							pause(lasts / 10)
							least = min(least, s.points(alice, g))
						}
						if least < 25 {
							t.Errorf("%d points while it is away, %d before", least, before)
						}
						back()
						s.up(alice, g)
						for n := range 3 {
							s.within(30*time.Second, alice, ab, fmt.Sprint("then ", n))
						}
						pause(2 * time.Minute)
						if got := s.points(alice, g); got < before*6/10 {
							t.Errorf("%d points two minutes later, %d before and %d meanwhile", got, before, least)
						}
						if got := s.points(alice, other); got < others*6/10 {
							t.Errorf("the other home has %d points, %d before", got, others)
						}
					})
				})
			}
		}
	}
}

// TestPointsStayWhenAHomeIsRemovedAndAdded: what a user does is no fault of the gateway, be it idle or busy.
func TestPointsStayWhenAHomeIsRemovedAndAdded(t *testing.T) {
	for which := range 2 {
		synctest.Test(t, func(t *testing.T) {
			s, _, alice, bob, at, _, ab, ba := forwarding(t, 2, nil)
			g := at[which]
			before := s.points(alice, g)
			for n, gap := range []time.Duration{0, 10 * time.Millisecond, time.Second, time.Minute} {
				s.send(alice, ab, fmt.Sprint("there ", n))
				s.send(bob, ba, fmt.Sprint("here ", n))
				s.must(alice.Client.RemoveGateway(t.Context(), g.Address().Node))
				pause(gap)
				_, err := alice.Client.AddGateway(t.Context(), g.Address())
				s.must(err)
				s.up(alice, g)
				pause(time.Second)
				if got := s.points(alice, g); got < before-1 {
					t.Errorf("%d points after a gap of %v, %d before", got, gap, before)
				}
			}
		})
	}
}

// TestOnlyTheFirstWaitsForAHomeThatHangs: then messages go through the other home, until that one hangs and the first
// answers again.
func TestOnlyTheFirstWaitsForAHomeThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, v, alice, _, at, far, ab, _ := forwarding(t, 2, nil)
		for which, g := range at {
			s.Net.Partition(alice.Host(), g.Host)
			waited := false
			for n := range 8 {
				took := s.custody(alice, ab, fmt.Sprint("line ", which, n))
				if n == 0 {
					waited = took > time.Second
				}
				if took > 500*time.Millisecond && n > 0 || took > 2*time.Second {
					t.Errorf("message %d waited %v", n, took)
				}
				pause(3 * time.Second)
			}
			hung, other := s.points(alice, g), s.points(alice, at[1-which])
			if waited && hung >= other {
				t.Errorf("the home that hangs has %d points, the other one %d", hung, other)
			}
			if which == 1 && !waited { // a conversation stays with its home: it went through this one
				t.Error("nothing went through the home that hangs")
			}
			s.Net.Heal(alice.Host(), g.Host)
			s.up(alice, g)
			pause(2 * time.Minute)
			if now := s.points(alice, g); now < 48 {
				t.Errorf("%d points two minutes after it came back", now)
			}
		}
		if n := v.between(alice, far); n != 0 {
			t.Errorf("alice was at bob's gateway %d times", n)
		}
	})
}

// TestBeingOfflineIsNobodysFault: an hour without any network leaves the points of all homes as they were.
func TestBeingOfflineIsNobodysFault(t *testing.T) {
	for name, busy := range map[string]bool{"idle": false, "with a message": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, _, alice, _, at, far, ab, _ := forwarding(t, 3, nil)
				before := map[*world.Gateway]int{}
				for _, g := range at {
					before[g] = s.points(alice, g)
				}
				all := append([]*world.Gateway{far}, at...)
				for n, g := range all {
					s.Net.Partition(alice.Host(), g.Host)
					if n == 2 {
						s.Net.Reset(alice.Host(), g.Host) // some links break at once
					}
				}
				if busy {
					s.send(alice, ab, "from a tunnel")
				}
				pause(time.Hour)
				for _, g := range all {
					s.Net.Heal(alice.Host(), g.Host)
				}
				for _, g := range at {
					s.up(alice, g)
				}
				for _, g := range at {
					got, first := s.points(alice, g), s.points(alice, at[0])
					if got < before[g]*7/10 || max(got, first)-min(got, first) > 2 {
						t.Errorf("%d points, %d before; another home has %d", got, before[g], first)
					}
				}
				s.within(5*time.Second, alice, ab, "back again")
			})
		})
	}
}
