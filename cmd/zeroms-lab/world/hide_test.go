package world_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"zeroms/client"
	"zeroms/client/account"
	"zeroms/client/profile"
	"zeroms/cmd/zeroms-lab/world"
	"zeroms/protocol/card"
	"zeroms/protocol/key"
	"zeroms/protocol/wire"
	"zeroms/store/chat"
)

// looks asks in the network where somebody receives whose card one has.
func (s *stage) looks(p *world.Person, k card.Card) error {
	s.t.Helper()
	_, err := p.Client.Lookup(s.t.Context(), k.User, k.Address)
	return err
}

// met makes two people contacts who have talked.
func (s *stage) met(a, b *world.Person) (ab, ba client.ContactID) {
	s.t.Helper()
	ab, ba = s.add(a, b), s.add(b, a)
	s.send(a, ab, "hello")
	s.state(a, ab, "hello", client.Delivered)
	s.send(b, ba, "hi")
	s.state(b, ba, "hi", client.Delivered)
	return ab, ba
}

// knocks is somebody who adds a card; it returns whether the owner hears of them.
func (s *stage) knocks(owner, p *world.Person, k card.Card, within time.Duration) bool {
	s.t.Helper()
	before := s.status(owner).Requests
	_, err := p.Client.Add(s.t.Context(), k, "")
	s.must(err)
	for end := time.Now().Add(within); time.Now().Before(end); pause(time.Second) {
		synctest.Wait()
		if s.status(owner).Requests > before {
			return true
		}
	}
	return false
}

func TestRenewedAddressHidesFromWhoeverIsNoContact(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, world.Config{Overlay: true, Mailbox: quiet()})
		g := s.network(4)
		alice, bob := s.person("alice", g[0]), s.person("bob", g[1])
		carol, dave := s.person("carol", g[2]), s.person("dave", g[3])
		ab, ba := s.met(alice, bob)
		ac, ca := s.met(alice, carol)
		erin := s.person("erin", g[2])
		ae, ea := s.met(alice, erin)
		s.must(alice.Client.Block(t.Context(), ae))
		old := s.card(alice) // dave has it, and never used it
		s.wait(time.Hour, "holders of the card find Alice", func() bool { return s.looks(dave, old) == nil })

		gone, err := alice.Client.Remove(t.Context(), ac, false)
		s.must(err)
		if gone.State != client.Removed {
			t.Fatalf("the contact is %s", gone.State)
		}
		plan, err := alice.Client.Address(t.Context())
		s.must(err)
		if len(plan.Stopping) != 1 || plan.Contacts != 1 || !plan.Ends.IsZero() {
			t.Fatalf("the plan: %+v", plan)
		}
		did, err := alice.Client.RenewAddress(t.Context())
		s.must(err)
		if len(did.Stopping) != 1 || did.Stopping[0].ID != plan.Stopping[0].ID || did.Untold != 1 || did.Card.Text == "" {
			t.Fatalf("the renewal: %+v", did)
		}
		if now := s.card(alice); now.Address.Equal(old.Address.Bytes()) || did.Card.Text != must(now.Text()) {
			t.Fatal("the card to show is not the new one")
		}
		s.wait(time.Hour, "Bob knows, and the overlap is over", func() bool { return s.status(alice).Renewal.Ends.IsZero() })

		// Records live three hours longer with those who hold them.
		pause(4 * time.Hour)
		if err := s.looks(dave, old); !errors.Is(err, wire.ErrNoRecord) {
			t.Errorf("a holder of the old card finds Alice: %v", err)
		}
		if _, err := carol.Client.LookupContact(t.Context(), ca); !errors.Is(err, wire.ErrNoRecord) {
			t.Errorf("who was removed finds Alice: %v", err)
		}
		if _, err := erin.Client.LookupContact(t.Context(), ea); !errors.Is(err, wire.ErrNoRecord) {
			t.Errorf("who is blocked finds Alice: %v", err)
		}
		if _, err := bob.Client.LookupContact(t.Context(), ba); err != nil {
			t.Errorf("a contact does not find Alice: %v", err)
		}
		s.must(s.looks(dave, s.card(alice)))
		if s.knocks(alice, dave, old, time.Hour) {
			t.Error("the old card opens a door")
		}
		s.send(carol, ca, "still there?")
		pause(time.Hour)
		if st := s.line(carol, ca, "still there?").State; st != client.Queued {
			t.Errorf("what was sent after the removal is %s", st)
		}
		s.within(time.Minute, bob, ba, "and you")
		s.see(alice, ab, "hello", "hi", "and you")
		s.see(alice, ac, "hello", "hi") // what was said stays
		if _, err := alice.Client.Send(t.Context(), ac, "no"); !errors.Is(err, client.ErrRemoved) {
			t.Errorf("writing to who was removed: %v", err)
		}
	})
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func TestTheFormerAddressEndsWithoutWhoeverIsAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, world.Config{Mailbox: quiet()})
		alice, bob, ab, ba := s.friends()
		old := s.card(alice)
		s.must(bob.Stop())
		began := time.Now()
		did, err := alice.Client.RenewAddress(t.Context())
		s.must(err)
		if !did.Ends.Equal(began.Add(37*day)) || did.Untold != 1 {
			t.Fatalf("%+v", did)
		}
		pause(10 * day)
		s.restart(alice, true)
		if _, err := alice.Client.RenewAddress(t.Context()); !errors.Is(err, account.ErrOverlap) {
			t.Fatalf("a second renewal: %v", err)
		}
		if !s.knocks(alice, s.person("carol", s.gateway()), old, time.Hour) {
			t.Fatal("the old card does not work in the overlap")
		}
		pause(26 * day)
		if s.status(alice).Renewal.Untold != 1 {
			t.Fatal("the overlap is over before its end")
		}
		pause(2 * day)
		if s.status(alice).Renewal != (client.Renewal{}) {
			t.Fatal("the overlap does not end")
		}
		cards, err := alice.Client.Cards(t.Context())
		s.must(err)
		if len(cards) != 2 || !cards[0].Former || !cards[0].Revoked || cards[1].Former || cards[1].Revoked {
			t.Fatalf("cards %+v", cards)
		}
		if s.knocks(alice, s.person("dave", s.gateway()), old, time.Hour) {
			t.Fatal("the old card still works")
		}
		// Who was away can write, and learns the new address as soon as they come back.
		s.must(bob.Start())
		s.send(bob, ba, "back")
		s.state(bob, ba, "back", client.Delivered)
		s.within(5*time.Minute, alice, ab, "welcome")
		s.wait(2*time.Hour, "Bob knows the new address", func() bool {
			k := s.steal(bob)
			return slices.ContainsFunc(k.contacts, func(c profile.Contact) bool { return c.Secret.Equal(s.card(alice).Address.Bytes()) })
		})
	})
}

func TestWhoWasRemovedWritesAgainOnlyByACard(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, world.Config{Mailbox: quiet()})
		alice, bob, ab, ba := s.friends()
		s.must(bob.Stop())
		s.send(alice, ab, "on its way")
		s.state(alice, ab, "on its way", client.InCustody)
		_, err := alice.Client.Remove(t.Context(), ab, false)
		s.must(err)
		s.restart(alice, true)
		if all, err := alice.Client.Contacts(t.Context()); err != nil || len(all) != 0 {
			t.Fatalf("%d contacts are left: %v", len(all), err)
		}
		if all, err := alice.Client.Removed(t.Context()); err != nil || len(all) != 1 || all[0].ID != ab || all[0].Name != "bob" {
			t.Fatalf("removed are %+v: %v", all, err)
		}
		s.must(bob.Start())
		s.see(bob, ba, "hello", "hi", "on its way") // a gateway had it already
		s.send(bob, ba, "are you there?")
		pause(2 * time.Hour)
		s.restart(bob, true)
		pause(2 * time.Hour)
		if st := s.line(bob, ba, "are you there?").State; st != client.Queued || s.status(alice).Requests != 0 {
			t.Fatalf("the message is %s", st)
		}

		// Alice gives him a card: he is a stranger, and then a contact again.
		if got := s.add(bob, alice); got != ba {
			t.Fatalf("she is contact #%d for him", got)
		}
		s.wait(time.Hour, "Bob asks", func() bool { return s.status(alice).Requests == 1 })
		if c := s.contact(alice, ab); c.State != client.Requested {
			t.Fatalf("he is %s", c.State)
		}
		s.see(alice, ab, "hello", "hi", "on its way", "are you there?")
		s.accept(alice, ab)
		s.state(bob, ba, "are you there?", client.Delivered)
		s.within(time.Minute, alice, ab, "yes")
		s.within(time.Minute, bob, ba, "good")
		for p, id := range map[*world.Person]client.ContactID{alice: ab, bob: ba} {
			s.see(p, id, "hello", "hi", "on its way", "are you there?", "yes", "good")
		}

		// And the other way round: who removed adds again.
		_, err = bob.Client.Remove(t.Context(), ba, false)
		s.must(err)
		pause(time.Minute)
		if got := s.add(bob, alice); got != ba {
			t.Fatalf("she is contact #%d for him", got)
		}
		pause(time.Minute)
		s.send(bob, ba, "me again")
		s.state(bob, ba, "me again", client.Delivered)
		s.within(5*time.Minute, alice, ab, "fine")
		s.see(bob, ba, "hello", "hi", "on its way", "are you there?", "yes", "good", "me again", "fine")
	})
}

func TestRemovingAndRenewingSurviveEveryCrash(t *testing.T) {
	const lines = 300 // more than are erased in one turn
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, world.Config{Mailbox: quiet()})
		home := s.gateway()
		alice, bob := s.person("alice", home), s.person("bob", s.gateway())
		ab, ba := s.met(alice, bob)
		for n := range lines {
			s.send(alice, ab, fmt.Sprint("line ", n))
		}
		s.state(alice, ab, fmt.Sprint("line ", lines-1), client.Delivered)
		for n := 1; n <= 8; n++ {
			for _, fail := range []func(int){alice.Disk.FailBefore, alice.Disk.FailAfter} {
				old := s.card(alice)
				fail(n)
				_, _ = alice.Client.Remove(t.Context(), ab, true)
				_, _ = alice.Client.RenewAddress(t.Context())
				pause(time.Minute)
				_ = alice.Kill()
				s.offline(alice, func(db *chat.DB) {
					if found, err := db.Check(t.Context()); err != nil || len(found) != 0 {
						t.Fatalf("crash %d: damaged %v, %v", n, found, err)
					}
				})
				s.must(alice.Start())
				s.up(alice, home)
				_, err := alice.Client.Remove(t.Context(), ab, true)
				s.must(err)
				if got := len(s.messages(alice, ab)); got > 1 {
					t.Fatalf("crash %d: %d messages are left", n, got)
				}
				if _, err := alice.Client.RenewAddress(t.Context()); err != nil {
					t.Fatal(err) // nobody has to be told: an overlap is over at once
				}
				pause(time.Minute)
				g := s.guest()
				if now := s.card(alice); now.Address.Equal(old.Address.Bytes()) {
					t.Fatal("the address is the old one")
				} else {
					g.published(now, home)
				}
				place := key.Place{Network: card.NetworkLab, Node: home.Address().Node}
				name, err := key.ProfileName(old.User, old.Address, place)
				s.must(err)
				if a := g.ask(endpoint(home), &wire.ProfileGet{Name: name}); !errors.Is(a.Err, wire.ErrNoProfile) {
					t.Fatalf("crash %d: the old profile is there: %v", n, a.Err)
				}
				k := s.steal(alice)
				if len(k.states) != 0 || slices.ContainsFunc(k.contacts, func(c profile.Contact) bool { return !c.Theirs.IsZero() || len(c.Registered) != 0 }) {
					t.Fatalf("crash %d: %d sessions are left, and %+v", n, len(k.states), k.contacts)
				}
			}
			// They meet again, so that there is something to remove.
			if got := s.add(alice, bob); got != ab {
				t.Fatalf("he is contact #%d for her", got)
			}
			s.send(alice, ab, fmt.Sprint("again ", n))
			s.state(alice, ab, fmt.Sprint("again ", n), client.Delivered)
			s.send(bob, ba, fmt.Sprint("yes ", n))
			s.wait(5*time.Minute, "an answer", func() bool {
				return slices.Contains(s.texts(alice, ab), fmt.Sprint("yes ", n))
			})
		}
	})
}
