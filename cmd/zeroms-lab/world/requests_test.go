package world_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"zeroms/client"
	"zeroms/cmd/zeroms-lab/world"
	"zeroms/gateway/mailbox"
	"zeroms/protocol/card"
	"zeroms/protocol/link/memlink"
	"zeroms/protocol/wire"
)

// quiet is gateways that sweep seldom, for tests in which days pass.
func quiet() mailbox.Timing { return mailbox.Timing{Sweep: time.Hour} }

// knock makes alice and bob of whom only bob has added the other, and said hello.
func knock(s *stage) (alice, bob *world.Person, ab, ba client.ContactID) {
	s.t.Helper()
	alice, bob = s.person("alice", s.gateway()), s.person("bob", s.gateway())
	ba = s.add(bob, alice)
	s.send(bob, ba, "hello")
	ab = s.from(alice, bob).ID
	s.see(alice, ab, "hello")
	return alice, bob, ab, ba
}

// isSentence reports whether a problem is a sentence of the error table: words,
// a full stop, and the error's name in brackets.
func isSentence(p string) bool {
	words, name, ok := strings.Cut(p, " [")
	return ok && strings.Contains(words, " ") && strings.HasSuffix(words, ".") && strings.HasSuffix(name, "]")
}

func (s *stage) accept(p *world.Person, id client.ContactID) {
	s.t.Helper()
	_, err := p.Client.Accept(context.Background(), id)
	s.must(err)
}

func TestRequestIsNotAnsweredBeforeItIsAccepted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tap := new(wiretap)
		s := newStage(t, world.Config{Wrap: tap.wrap, Mailbox: quiet()})
		alice, bob, ab, ba := knock(s)
		if c := s.contact(alice, ab); c.State != client.Requested || c.Name != "bob" || c.Unread != 1 {
			t.Fatalf("alice sees %+v", c)
		}
		if st := s.status(alice); st.Requests != 1 || st.Contacts != 0 {
			t.Fatalf("alice's status: %d requests, %d contacts", st.Requests, st.Contacts)
		}
		if _, err := alice.Client.Send(t.Context(), ab, "who are you?"); !errors.Is(err, client.ErrRequest) {
			t.Fatalf("an answer to a request: %v", err)
		}
		s.must(alice.Client.MarkRead(t.Context(), ab))
		pause(3 * day)
		if m := s.line(bob, ba, "hello"); m.State != client.InCustody || !m.DeliveredAt.IsZero() {
			t.Fatalf("before alice decided bob's message is %s", m.State)
		}
		if n := len(tap.by(alice)); n != 0 {
			t.Fatalf("alice submitted %d envelopes before she decided", n)
		}
		if c := s.contact(bob, ba); c.Answered {
			t.Fatal("bob learnt alice's mailbox before she decided")
		}
		s.accept(alice, ab)
		s.state(bob, ba, "hello", client.Delivered)
		s.send(alice, ab, "welcome")
		s.see(bob, ba, "hello", "welcome")
		s.state(alice, ab, "welcome", client.Delivered)
		if c := s.contact(bob, ba); !c.Answered {
			t.Fatal("bob does not know alice's mailbox after her answer")
		}
	})
}

func TestThreeEnvelopesWaitAtTheDoorAndTheRestFollowsTheReply(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tap := new(wiretap)
		s := newStage(t, world.Config{Wrap: tap.wrap, Mailbox: quiet()})
		alice, bob, ab, ba := knock(s)
		want := []string{"hello"}
		for i := range 12 {
			want = append(want, fmt.Sprint("line ", i))
			s.send(bob, ba, want[len(want)-1])
		}
		pause(2 * day)
		if n := len(tap.by(bob)); n > wire.DoorPerInit {
			t.Fatalf("%d envelopes went to the door before the reply", n)
		}
		if n := s.status(bob).Waiting; n < 10 {
			t.Fatalf("only %d messages wait", n)
		}
		s.accept(alice, ab)
		s.see(alice, ab, want...)
		s.see(bob, ba, want...)
		for _, text := range want {
			s.state(bob, ba, text, client.Delivered)
		}
	})
}

func TestLongTextsWaitForTheFirstReplyAndKeepTheirOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, world.Config{Mailbox: quiet()})
		alice, bob := s.person("alice", s.gateway()), s.person("bob", s.gateway())
		ba := s.add(bob, alice)
		long := strings.Repeat("word ", 2800)[:13_990]
		want := []string{"first", long + "1", "second", long + "2", "third"}
		for _, text := range want {
			s.send(bob, ba, text)
		}
		ab := s.from(alice, bob).ID
		pause(time.Hour)
		if got := s.texts(alice, ab); !slices.Equal(got, want[:1]) {
			t.Fatalf("%d lines came before the reply", len(got))
		}
		s.accept(alice, ab)
		s.see(alice, ab, want...)
		for _, text := range want {
			s.state(bob, ba, text, client.Delivered)
		}
	})
}

func TestBlockedPeopleAreNotTakenAndCanComeBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, world.Config{Mailbox: quiet()})
		alice, bob, ab, ba := s.friends()
		s.must(alice.Client.Block(t.Context(), ab))
		if _, err := alice.Client.Send(t.Context(), ab, "x"); !errors.Is(err, client.ErrBlocked) {
			t.Fatalf("a text to somebody blocked: %v", err)
		}
		s.send(bob, ba, "let me in")
		pause(3 * day)
		if got := s.texts(alice, ab); !slices.Equal(got, []string{"hello", "hi"}) {
			t.Fatalf("alice sees %q of somebody she blocked", got)
		}
		if m := s.line(bob, ba, "let me in"); m.State > client.InCustody {
			t.Fatalf("bob's message is %s", m.State)
		}
		if c := s.contact(bob, ba); c.Problem == "" {
			t.Fatal("bob is not told that his message finds no place")
		}
		s.must(alice.Stop())
		s.must(alice.Start())
		pause(time.Hour)
		if got := s.texts(alice, ab); len(got) != 2 {
			t.Fatalf("after a restart alice sees %q", got)
		}
		s.accept(alice, ab)
		s.send(alice, ab, "back again")
		s.wait(2*time.Hour, "both see all lines", func() bool {
			return len(s.texts(alice, ab)) == 4 && slices.Equal(s.texts(alice, ab), s.texts(bob, ba))
		})
	})
}

func TestBlockedRequestCanBeAcceptedLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, world.Config{Mailbox: quiet()})
		alice, bob, ab, ba := knock(s)
		s.must(alice.Client.Block(t.Context(), ab))
		before := s.status(alice).Ignored
		s.send(bob, ba, "are you there?")
		pause(time.Hour)
		if got := s.texts(alice, ab); len(got) != 1 {
			t.Fatalf("alice sees %q of a request she blocked", got)
		}
		if n := s.status(alice).Ignored; n == before {
			t.Fatal("what came from somebody blocked was not counted")
		}
		if m := s.line(bob, ba, "hello"); m.State != client.InCustody {
			t.Fatalf("bob learns that he was blocked: %s", m.State)
		}
		s.accept(alice, ab)
		s.send(alice, ab, "sorry")
		s.state(alice, ab, "sorry", client.Delivered)
		s.send(bob, ba, "fine")
		s.state(bob, ba, "fine", client.Delivered)
		s.state(bob, ba, "hello", client.Delivered)
		pause(32 * day) // what was thrown away is sent again when its custody ends
		s.wait(2*day, "everything is there", func() bool { return slices.Equal(s.texts(alice, ab), s.texts(bob, ba)) })
		if n := len(s.texts(alice, ab)); n != 4 {
			t.Fatalf("%d lines", n)
		}
	})
}

func TestCardsThatDoNotWorkAreRefusedWithASentence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, world.Config{Mailbox: quiet()})
		alice, bob := s.person("alice", s.gateway()), s.person("bob", s.gateway())
		homeless := s.person("homeless")
		expired := s.card(alice)
		expired.Expires = card.Day(time.Now()) - 1
		for _, c := range []struct {
			name string
			by   *world.Person
			card card.Card
			want error
		}{
			{"own", alice, s.card(alice), client.ErrOwnCard},
			{"expired", bob, expired, wire.ErrExpired},
			{"without a gateway", homeless, s.card(alice), client.ErrNoGateway},
		} {
			_, err := c.by.Client.Add(t.Context(), c.card, "")
			if !errors.Is(err, c.want) {
				t.Errorf("%s: %v, want %v", c.name, err, c.want)
			}
			if all, _ := c.by.Client.Contacts(t.Context()); len(all) != 0 {
				t.Errorf("%s: a contact came of it", c.name)
			}
		}
		today := s.card(alice)
		today.Expires = card.Day(time.Now())
		if _, err := bob.Client.Add(t.Context(), today, ""); err != nil {
			t.Errorf("a card on its last day: %v", err)
		}
	})
}

func TestRevokedCardLetsNobodyInButKeepsThoseItBrought(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, world.Config{Mailbox: quiet()})
		g := s.gateway()
		alice, bob, carol, dave := s.person("alice", g), s.person("bob", g), s.person("carol", s.gateway()), s.person("dave", g)
		first := s.card(alice)
		ba := s.add(bob, alice)
		s.send(bob, ba, "with the first card")
		ab := s.from(alice, bob).ID
		s.accept(alice, ab)
		s.state(bob, ba, "with the first card", client.Delivered)

		second, err := alice.Client.NewCard(t.Context())
		s.must(err)
		all, err := alice.Client.Cards(t.Context())
		s.must(err)
		if len(all) != 2 || all[0].ID == second.ID || all[0].Text == second.Text {
			t.Fatalf("cards: %v", all)
		}
		s.must(alice.Client.RevokeCard(t.Context(), all[0].ID))
		pause(time.Minute)

		c, err := carol.Client.Add(t.Context(), first, "")
		s.must(err)
		s.send(carol, c.ID, "with a dead card")
		s.wait(10*time.Minute, "carol is told", func() bool { return s.contact(carol, c.ID).Problem != "" })
		if p := s.contact(carol, c.ID).Problem; !isSentence(p) {
			t.Fatalf("not a sentence: %q", p)
		}
		for range 60 { // it stays told between the tries
			pause(time.Second)
			if s.contact(carol, c.ID).Problem == "" {
				t.Fatal("carol is told no more")
			}
		}
		pause(2 * day)
		if m := s.line(carol, c.ID, "with a dead card"); m.State == client.InCustody || m.State == client.Delivered {
			t.Fatalf("carol's message is %s", m.State)
		}
		if st := s.status(alice); st.Requests != 0 {
			t.Fatal("somebody came in by a revoked card")
		}
		s.send(bob, ba, "still here")
		s.state(bob, ba, "still here", client.Delivered)
		s.send(alice, ab, "me too")
		s.state(alice, ab, "me too", client.Delivered)

		dc := s.card(alice)
		if dc.Door.Equal(first.Door.Bytes()) {
			t.Fatal("the revoked card is still shown")
		}
		da := s.add(dave, alice)
		s.send(dave, da, "with the second card")
		ad := s.from(alice, dave).ID
		s.accept(alice, ad)
		s.state(dave, da, "with the second card", client.Delivered)

		// A new card in the same hands opens the way for what waited.
		_, err = carol.Client.Add(t.Context(), s.card(alice), "")
		s.must(err)
		s.wait(time.Hour, "carol knocks with the new card", func() bool { return s.status(alice).Requests == 1 })
		s.accept(alice, s.from(alice, carol).ID)
		s.wait(2*time.Hour, "carol's message arrives with the new card", func() bool {
			return s.line(carol, c.ID, "with a dead card").State == client.Delivered
		})
	})
}

func TestBothAddEachOtherAtOnce(t *testing.T) {
	for _, latency := range []time.Duration{0, 80 * time.Millisecond, 5 * time.Second} {
		t.Run(latency.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newStage(t, world.Config{Links: memlink.Config{Latency: latency, Jitter: latency / 2, Seed: 5}})
				alice, bob := s.person("alice", s.gateway()), s.person("bob", s.gateway())
				pause(time.Minute)
				ca, cb := s.card(alice), s.card(bob)
				a, err := alice.Client.Add(t.Context(), cb, "")
				s.must(err)
				b, err := bob.Client.Add(t.Context(), ca, "")
				s.must(err)
				for i := range 8 {
					s.send(alice, a.ID, fmt.Sprint("a", i))
					s.send(bob, b.ID, fmt.Sprint("b", i))
				}
				s.wait(10*time.Minute, "both see all lines", func() bool {
					return len(s.texts(alice, a.ID)) == 16 && slices.Equal(s.texts(alice, a.ID), s.texts(bob, b.ID))
				})
				for i := range 8 {
					s.state(alice, a.ID, fmt.Sprint("a", i), client.Delivered)
					s.state(bob, b.ID, fmt.Sprint("b", i), client.Delivered)
				}
				for p, id := range map[*world.Person]client.ContactID{alice: a.ID, bob: b.ID} {
					if c := s.contact(p, id); c.State != client.Accepted || s.status(p).Requests != 0 || s.status(p).Contacts != 1 {
						t.Fatalf("%s: %+v", p.Name, c)
					}
				}
			})
		})
	}
}

func TestBothAddEachOtherWhileOneIsAwayForDays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, world.Config{Mailbox: quiet()})
		alice, bob := s.person("alice", s.gateway()), s.person("bob", s.gateway())
		pause(time.Minute)
		ca, cb := s.card(alice), s.card(bob)
		s.must(alice.Stop())
		b, err := bob.Client.Add(t.Context(), ca, "")
		s.must(err)
		s.send(bob, b.ID, "b0")
		pause(2 * day)
		s.must(bob.Stop())
		s.must(alice.Start())
		s.must(alice.Client.Ready(t.Context()))
		a, err := alice.Client.Add(t.Context(), cb, "")
		s.must(err)
		s.send(alice, a.ID, "a0")
		pause(3 * day)
		s.must(alice.Stop())
		s.must(bob.Start())
		s.send(bob, b.ID, "b1")
		pause(day)
		s.must(alice.Start())
		s.wait(time.Hour, "both see all lines", func() bool {
			return len(s.texts(alice, a.ID)) == 3 && slices.Equal(s.texts(alice, a.ID), s.texts(bob, b.ID))
		})
		s.state(alice, a.ID, "a0", client.Delivered)
		s.state(bob, b.ID, "b0", client.Delivered)
		s.state(bob, b.ID, "b1", client.Delivered)
		if s.status(alice).Requests+s.status(bob).Requests != 0 {
			t.Fatal("one of them is a request, although both added each other")
		}
	})
}

func TestAcceptedWhileTheSenderIsAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, world.Config{Mailbox: quiet()})
		alice, bob, ab, ba := knock(s)
		s.must(bob.Stop())
		s.accept(alice, ab)
		s.send(alice, ab, "answer")
		pause(8 * day)
		if m := s.line(alice, ab, "answer"); m.State != client.InCustody {
			t.Fatalf("the answer is %s while bob is away", m.State)
		}
		s.must(bob.Start())
		s.see(bob, ba, "hello", "answer")
		s.state(alice, ab, "answer", client.Delivered)
		s.state(bob, ba, "hello", client.Delivered)
	})
}
