package world_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"zeroms/client"
	"zeroms/cmd/zeroms-lab/world"
	"zeroms/protocol/card"
	"zeroms/protocol/key"
	"zeroms/protocol/wire"
)

// deposited waits until all homes of somebody have the records of 29 days ahead: that of
// the 30th is made in the course of the day.
func (s *stage) deposited(p *world.Person) {
	s.t.Helper()
	s.wait(5*time.Minute, p.Name+"'s homes have the records", func() bool {
		homes, err := p.Client.Gateways(s.t.Context())
		s.must(err)
		for _, h := range homes {
			if h.Published.Days < 29 || h.Published.Missing > 0 {
				return false
			}
		}
		return true
	})
}

// bareCard is somebody's card that names no gateway.
func (s *stage) bareCard(c client.Card) card.Card {
	s.t.Helper()
	k, err := card.Parse(c.Bare)
	s.must(err)
	if len(k.Gateways) != 0 {
		s.t.Fatal("the card names a gateway")
	}
	return k
}

// writesTo has somebody add a card and write to its owner.
func (s *stage) writesTo(p *world.Person, k card.Card, text string) client.ContactID {
	s.t.Helper()
	c, err := p.Client.Add(s.t.Context(), k, "")
	s.must(err)
	s.send(p, c.ID, text)
	return c.ID
}

// looksUp is wait for what asks the network.
func (s *stage) looksUp(d time.Duration, what string, ok func() bool) {
	s.t.Helper()
	for end := time.Now().Add(d); !ok(); pause(20 * time.Second) {
		if !time.Now().Before(end) {
			s.t.Fatalf("not within %v: %s", d, what)
		}
	}
}

// dark lets time pass in which no gateway runs, nor somebody's client.
func (s *stage) dark(d time.Duration, all []*world.Gateway, p *world.Person) {
	s.t.Helper()
	s.must(p.Stop())
	for _, g := range all {
		s.must(g.Stop())
	}
	pause(d)
	for _, g := range all {
		s.must(g.Start())
	}
	s.must(p.Start())
}

// unfound waits until somebody is told that a contact is not to be found, and checks
// that what was written to them waits.
func (s *stage) unfound(p *world.Person, id client.ContactID, text string) {
	s.t.Helper()
	s.wait(time.Minute, p.Name+" is told that nobody was found", func() bool {
		problem := s.contact(p, id).Problem
		return isSentence(problem) && strings.HasSuffix(problem, "[no-record]")
	})
	if st := s.line(p, id, text).State; st != client.Queued {
		s.t.Fatalf("%q is %s", text, st)
	}
}

// Whoever is away for 29 days is found by strangers whose cards name no gateway, and by
// nobody once their homes have no record left. The gateways don't run all the time: they
// have what was left with them on their disks.
func TestWhoIsAwayStaysReachable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, world.Config{Overlay: true, Mailbox: quiet()})
		g := s.network(4)
		alice := s.person("alice", g[0], g[1])
		s.up(alice, g[0])
		s.up(alice, g[1])
		s.deposited(alice)
		shown, err := alice.Client.Card(t.Context())
		s.must(err)
		k := s.bareCard(shown)
		s.must(alice.Stop())

		bob := s.person("bob", g[2])
		gone := time.Now()
		isFound := func(away time.Duration) {
			t.Helper()
			if d := time.Until(gone.Add(away)); d > 0 {
				s.dark(d, g, bob)
			}
			s.up(bob, g[2])
			s.looksUp(time.Hour, fmt.Sprintf("she is found after %v", away), func() bool {
				found, err := bob.Client.Lookup(t.Context(), k.User, k.Address)
				return err == nil && len(found.Leases) == 2
			})
		}
		isFound(13*day - 2*time.Hour)
		pause(4 * time.Hour) // into the next day, for which there is another record
		isFound(time.Since(gone))
		isFound(29*day - time.Hour)
		ba := s.writesTo(bob, k, "are you there?")
		s.state(bob, ba, "are you there?", client.InCustody)

		s.dark(time.Until(gone.Add(32*day)), g, bob)
		carol := s.person("carol", g[3])
		s.up(carol, g[3])
		if _, err := carol.Client.Lookup(t.Context(), k.User, k.Address); !errors.Is(err, wire.ErrNoRecord) {
			t.Fatalf("after 32 days she is looked up: %v", err)
		}
		ca := s.writesTo(carol, k, "and you?")
		s.unfound(carol, ca, "and you?")

		// She comes back: what lay at a home is there, and she is found again.
		s.must(alice.Start())
		ab := s.from(alice, bob).ID
		s.see(alice, ab, "are you there?")
		s.accept(alice, ab)
		s.state(bob, ba, "are you there?", client.Delivered)
		var ac client.ContactID
		s.looksUp(2*time.Hour, "Carol finds her", func() bool {
			all, err := alice.Client.Contacts(t.Context())
			s.must(err)
			for _, c := range all {
				if c.User == s.status(carol).User {
					ac = c.ID
				}
			}
			return ac != 0
		})
		s.see(alice, ac, "and you?")
	})
}

// Whoever has a public card by which they are found by key is found by their user ID
// alone, until they revoke it; everybody else never is.
func TestFoundByKeyAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, world.Config{Overlay: true, Mailbox: quiet()})
		g := s.network(4)
		alice, bob := s.person("alice", g[0]), s.person("bob", g[1])
		s.up(bob, g[1])
		user, none := s.status(alice).User, key.AddressSecret{}
		s.deposited(alice)
		if _, err := bob.Client.Lookup(t.Context(), user, none); !errors.Is(err, wire.ErrNoRecord) {
			t.Fatalf("without a public card she is looked up by key: %v", err)
		}
		private := s.card(alice)

		made, err := alice.Client.PublicCard(t.Context(), 0, true)
		s.must(err)
		k := s.bareCard(made)
		if !made.ByKey || !k.Public || !k.FoundByKey || !k.Address.IsZero() || k.User != user {
			t.Fatalf("the public card is %+v", k)
		}
		s.looksUp(time.Hour, "she is found by key", func() bool {
			found, err := bob.Client.Lookup(t.Context(), user, none)
			return err == nil && len(found.Leases) == 1 && found.Leases[0].Node == g[0].Address().Node
		})
		ba := s.writesTo(bob, k, "hello")
		s.accept(alice, s.from(alice, bob).ID)
		s.state(bob, ba, "hello", client.Delivered)

		s.must(alice.Client.RevokeCard(t.Context(), made.ID))
		// Records live three hours longer with those who hold them.
		pause(4 * time.Hour)
		carol := s.person("carol", g[2])
		s.up(carol, g[2])
		if _, err := carol.Client.Lookup(t.Context(), user, none); !errors.Is(err, wire.ErrNoRecord) {
			t.Errorf("with the public card revoked she is looked up by key: %v", err)
		}
		ca := s.writesTo(carol, k, "hello?")
		s.unfound(carol, ca, "hello?")
		if err := s.looks(carol, private); err != nil {
			t.Errorf("the private card does not lead to her any more: %v", err)
		}
		s.within(time.Minute, bob, ba, "still here") // contacts stay
	})
}

// A home's count of messages in custody is that of those who have not taken theirs.
func TestCustodyIsCounted(t *testing.T) {
	const count = 5
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, world.Config{Mailbox: quiet()})
		own, shared := s.gateway(), s.gateway()
		alice, bob := s.person("alice", own, shared), s.person("bob", shared)
		s.up(alice, own)
		s.up(alice, shared)
		ab, ba := s.met(alice, bob)
		held := func(atShared int) bool {
			return s.home(alice, own).Held == 0 && s.home(alice, shared).Held == atShared && s.status(alice).Custody == atShared
		}
		s.wait(time.Minute, "nothing is in custody", func() bool { return held(0) })
		taken := s.home(alice, shared).Taken

		s.must(bob.Stop())
		for n := range count {
			text := fmt.Sprint("line ", n)
			s.send(alice, ab, text)
			s.state(alice, ab, text, client.InCustody)
		}
		s.wait(time.Minute, "all are in custody", func() bool { return held(count) })
		if now := s.home(alice, shared).Taken; now-taken < count {
			t.Errorf("it took %d messages", now-taken)
		}
		s.restart(alice, true)
		s.wait(time.Minute, "and still are", func() bool { return held(count) })

		s.must(bob.Start())
		s.state(alice, ab, fmt.Sprint("line ", count-1), client.Delivered)
		s.wait(time.Minute, "nothing is left in custody", func() bool { return held(0) })
		s.see(bob, ba, "hello", "hi", "line 0", "line 1", "line 2", "line 3", "line 4")
	})
}
