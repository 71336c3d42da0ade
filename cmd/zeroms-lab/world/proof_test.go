package world_test

import (
	"context"
	"errors"
	"path/filepath"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"zeroms/client"
	"zeroms/client/backup"
	"zeroms/client/delivery"
	"zeroms/client/history"
	"zeroms/client/profile"
	"zeroms/cmd/zeroms-lab/world"
	"zeroms/protocol/key"
	"zeroms/protocol/link/memlink"
	"zeroms/protocol/message"
	"zeroms/protocol/wire"
	"zeroms/store/chat"
)

func (s *stage) agreement(p *world.Person, id client.ContactID) client.Agreement {
	s.t.Helper()
	a, err := p.Client.Agreement(context.Background(), id)
	s.must(err)
	return a
}

// covers tells whether a line is in the part that is known to be the same.
func covers(a client.Agreement, m client.Message) bool {
	return a.Messages > 0 && a.From <= m.Height && m.Height <= a.Height
}

// agreed checks that exactly the lines of want are known to be the same, and counted.
func (s *stage) agreed(p *world.Person, id client.ContactID, want ...string) client.Agreement {
	s.t.Helper()
	a, wanted := s.agreement(p, id), map[string]bool{}
	for _, text := range want {
		wanted[text] = true
	}
	for _, m := range s.messages(p, id) {
		if covers(a, m) != wanted[m.Text] {
			s.t.Errorf("%s: %q at height %d is in %+v: %v", p.Name, m.Text, m.Height, a, covers(a, m))
		}
	}
	if a.Messages != len(want) {
		s.t.Errorf("%s: %d lines are the same, not %d: %+v", p.Name, a.Messages, len(want), a)
	}
	return a
}

func TestAgreementEndsWhereSomethingIsMissing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := crooked(t, delivery.RepairTiming{})
		w.send(w.alice, w.ab, "zero")
		w.send(w.bob, w.ba, "hello")
		w.state(w.alice, w.ab, "zero", client.Delivered)
		w.state(w.bob, w.ba, "hello", client.Delivered)
		before := w.agreed(w.alice, w.ab, "zero", "hello")
		w.agreed(w.bob, w.ba, "zero", "hello")
		if before.Ours == 0 || before.Theirs == 0 || before.From != 0 || time.Since(before.At) > 10*time.Minute {
			t.Errorf("before a loss %+v", before)
		}
		w.unheard("one")
		w.send(w.alice, w.ab, "two")
		w.gates[1].Lose(0)
		w.wait(time.Minute, "bob has what came", func() bool { return len(w.texts(w.bob, w.ba)) == 3 })
		w.gates[0].Lose(1) // what bob asks for is lost
		w.gates[1].Lose(1)
		w.send(w.bob, w.ba, "I did not get one of them")
		pause(20 * time.Second)
		if missing := w.agreed(w.alice, w.ab, "zero", "hello"); missing.Ours != before.Ours {
			t.Errorf("alice thinks that bob has it: %+v, before %+v", missing, before)
		}
		if missing := w.agreed(w.bob, w.ba, "zero", "hello"); missing.Theirs != before.Ours {
			t.Errorf("bob has no gap: %+v, before %+v", missing, before)
		}
		w.gates[0].Lose(0)
		w.gates[1].Lose(0)
		w.wait(30*time.Minute, "all is repaired", func() bool {
			return w.agreement(w.alice, w.ab).Messages == 5 && w.agreement(w.bob, w.ba).Messages == 5
		})
		all := []string{"zero", "hello", "one", "two", "I did not get one of them"}
		after := w.agreed(w.alice, w.ab, all...)
		w.agreed(w.bob, w.ba, all...)
		if after.Ours <= before.Ours || after.Theirs <= before.Theirs || !after.At.After(before.At) || after.From != 0 {
			t.Errorf("after the repair %+v, before %+v", after, before)
		}
		w.restart(w.alice, true)
		if again := w.agreed(w.alice, w.ab, all...); again.At.Unix() != after.At.Unix() && !again.At.After(after.At) {
			t.Errorf("after a crash %+v, before it %+v", again, after)
		}
	})
}

// What is on its way or was not acknowledged counts as nowhere.
func TestAgreementClaimsNothingUnconfirmed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, world.Config{})
		alice, bob := s.person("alice", s.gateway()), s.person("bob", s.gateway())
		ab := s.add(alice, bob)
		s.send(alice, ab, "are you there?")
		pause(time.Minute)
		ba := s.from(bob, alice).ID
		if a := s.agreed(alice, ab); a.Ours != 0 || !a.At.IsZero() {
			t.Errorf("a request is no agreement: %+v", a)
		}
		if a := s.agreement(bob, ba); a.Ours != 0 || !a.At.IsZero() {
			t.Errorf("bob said nothing: %+v", a)
		}
		s.accept(bob, ba)
		s.state(alice, ab, "are you there?", client.Delivered)
		s.agreed(alice, ab, "are you there?")
		pause(time.Minute)
		s.must(bob.Stop())
		s.send(alice, ab, "sleep well")
		s.state(alice, ab, "sleep well", client.InCustody)
		s.agreed(alice, ab, "are you there?")
		if _, err := alice.Client.Agreement(context.Background(), 99); !errors.Is(err, client.ErrNoContact) {
			t.Errorf("of nobody: %v", err)
		}
	})
}

// What nobody has any more is left out for good, and the agreement goes on behind it.
func TestAgreementBeginsAfterWhatIsGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		short := delivery.RepairTiming{}.Default()
		short.KeepMax = 90 * time.Minute
		w := crooked(t, short)
		w.send(w.alice, w.ab, "zero")
		w.state(w.alice, w.ab, "zero", client.Delivered)
		w.must(w.bob.Stop())
		w.unheard("regretted", "three")
		w.must(w.alice.Client.Erase(context.Background(), w.line(w.alice, w.ab, "regretted").ID))
		pause(4 * time.Hour)
		w.send(w.alice, w.ab, "one")
		w.send(w.alice, w.ab, "two")
		w.must(w.bob.Start())
		w.wait(30*time.Minute, "bob knows what is gone", func() bool { return w.status(w.bob).Repairs.Gone == 1 })
		w.wait(30*time.Minute, "alice knows that bob has the rest", func() bool { return w.agreement(w.alice, w.ab).Messages == 3 })
		w.agreed(w.alice, w.ab, "three", "one", "two")
		if a := w.agreed(w.bob, w.ba, "three", "one", "two"); a.From == 0 {
			t.Errorf("nothing is gone: %+v", a)
		}
		w.restart(w.bob, true)
		w.agreed(w.bob, w.ba, "three", "one", "two")
	})
}

// A device that begins anew knows nothing of what the one before said and had.
func TestAgreementBeginsWithTheDevice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, world.Config{Links: memlink.Config{Latency: 20 * time.Millisecond}})
		alice, bob, ab, ba := s.friends()
		s.agreed(alice, ab, "hello", "hi")
		s.must(alice.Stop())
		s.offline(alice, func(db *chat.DB) {
			_, err := backup.Rejoin(context.Background(), db, time.Now())
			s.must(err)
		})
		s.must(alice.Start())
		s.wait(time.Hour, "alice writes again", func() bool {
			_, err := alice.Client.Send(context.Background(), ab, "as a new device")
			return err == nil
		})
		s.state(alice, ab, "as a new device", client.Delivered)
		s.send(bob, ba, "welcome back")
		s.state(bob, ba, "welcome back", client.Delivered)
		s.wait(time.Hour, "both know it", func() bool {
			a, b := s.agreement(alice, ab), s.agreement(bob, ba)
			return covers(a, s.line(alice, ab, "welcome back")) && covers(b, s.line(bob, ba, "welcome back"))
		})
		a := s.agreement(alice, ab)
		if a.From == 0 || covers(a, s.line(alice, ab, "hello")) || !covers(a, s.line(alice, ab, "as a new device")) {
			t.Errorf("alice: %+v", a)
		}
		if b := s.agreement(bob, ba); b.From == 0 || covers(b, s.line(bob, ba, "hi")) {
			t.Errorf("bob: %+v", b)
		}
	})
}

func TestDetailsOfMessages(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, world.Config{})
		g1, g2 := s.gateway(), s.gateway()
		alice, bob := s.person("alice", g1), s.person("bob", g2)
		ab, ba := s.add(alice, bob), s.add(bob, alice)
		pause(time.Minute)
		first := s.send(alice, ab, "hello")
		second := s.send(alice, ab, "again")
		s.state(alice, ab, "again", client.Delivered)

		d := s.details(alice, second.ID)
		if d.Message.Text != "again" || d.Previous != first.ID || !d.Valid || d.Content == 0 || d.Signed == 0 || d.Signed > message.MaxMessage || !d.Receipt {
			t.Errorf("the second message: %+v", d)
		}
		if len(d.Ways) != 1 {
			t.Fatalf("ways %+v", d.Ways)
		}
		w := d.Ways[0]
		if w.Device != s.status(bob).Device || w.State != client.Delivered || w.Host != g2.Address().Host+":443" || w.Holder != key.GatewayHashOf(g2.Address().Node) || !w.Receipt || w.Size == 0 {
			t.Errorf("its way %+v", w)
		}
		if w.Submitted.IsZero() || w.Custody.Before(w.Submitted) || w.Delivered.Before(w.Custody) || !w.Until.After(w.Custody) {
			t.Errorf("its times %+v", w)
		}
		there := s.details(bob, second.ID)
		if there.Signer != d.Signer || there.Signature != d.Signature || there.Signature == [64]byte{} || !there.Valid || there.Previous != first.ID || len(there.Ways) != 0 || there.Receipt || there.Signed != d.Signed || there.Content != d.Content {
			t.Errorf("at bob's: %+v, at alice's %+v", there, d)
		}
		if key.DeviceIDOf(there.Signer) != s.status(alice).Device {
			t.Error("signed by another device")
		}
		s.must(bob.Client.Erase(context.Background(), second.ID))
		if erased := s.details(bob, second.ID); !erased.Valid || erased.Content != 0 || !erased.Message.Erased || erased.Signature != d.Signature {
			t.Errorf("erased: %+v", erased)
		}
		s.must(bob.Client.MarkRead(context.Background(), ba))
		s.wait(time.Minute, "alice knows", func() bool { return s.details(alice, second.ID).Message.State == client.Read })
		other := second.ID
		other[31]++
		for _, id := range []client.MessageID{{1}, other} {
			if _, err := alice.Client.Details(context.Background(), id); !errors.Is(err, history.ErrNotFound) {
				t.Errorf("of a message that is not there: %v", err)
			}
		}
		s.must(bob.Stop())
		s.must(g2.Stop())
		waiting := s.send(alice, ab, "still here")
		pause(time.Second)
		if d := s.details(alice, waiting.ID); !d.Valid || d.Receipt || len(d.Ways) != 1 || d.Ways[0].State != client.Queued || !d.Ways[0].Custody.IsZero() || !d.Ways[0].Delivered.IsZero() {
			t.Errorf("waiting: %+v", d)
		}
		s.must(g2.Start())
	})
}

func (s *stage) details(p *world.Person, id client.MessageID) client.Details {
	s.t.Helper()
	d, err := p.Client.Details(context.Background(), id)
	s.must(err)
	return d
}

func TestNamesTravel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx := context.Background()
		s := newStage(t, world.Config{})
		alice, bob, ab, ba := s.friends()
		events := bob.Client.Subscribe()
		lines := len(s.messages(bob, ba))
		s.must(alice.Client.SetName(ctx, "Alice Liddell"))
		s.heard(events, "Alice Liddell")
		if c := s.contact(bob, ba); c.Called != "Alice Liddell" || c.Name != c.Called || c.Alias != "" {
			t.Errorf("bob knows %+v", c)
		}
		if n := len(s.messages(bob, ba)); n != lines || s.contact(bob, ba).Unread != 1 { // "hello" of friends
			t.Errorf("%d lines instead of %d, %d unread", n, lines, s.contact(bob, ba).Unread)
		}
		if c := s.card(alice); c.Name != "Alice Liddell" || s.status(alice).Name != "Alice Liddell" {
			t.Errorf("the card says %q", c.Name)
		}

		s.must(bob.Stop())
		s.must(alice.Client.SetName(ctx, "Al"))
		pause(time.Minute)
		s.restart(alice, true)
		if s.status(alice).Name != "Al" {
			t.Errorf("after a crash alice is %q", s.status(alice).Name)
		}
		s.must(bob.Start())
		events = bob.Client.Subscribe()
		s.heard(events, "Al")
		s.must(bob.Client.SetName(ctx, ""))
		s.wait(time.Minute, "alice knows no name", func() bool { return s.contact(alice, ab).Called == "" })
		for _, bad := range []string{" x", "a\nb", "\u202e"} {
			if s.status(bob); bob.Client.SetName(ctx, bad) == nil {
				t.Errorf("%q is a name", bad)
			}
		}

		carol := s.person("carol", s.gateway())
		s.add(carol, bob)
		request := s.from(bob, carol).ID
		s.must(bob.Client.SetName(ctx, "Bob the Builder"))
		pause(time.Minute)
		cb := s.from(carol, bob).ID
		if s.contact(carol, cb).Called == "Bob the Builder" {
			t.Error("carol learns a name though she is a request")
		}
		s.accept(bob, request)
		s.wait(time.Minute, "carol learns the name", func() bool { return s.contact(carol, cb).Called == "Bob the Builder" })
	})
}

// heard waits for the event that a contact has a name.
func (s *stage) heard(events *client.Subscription, name string) {
	s.t.Helper()
	for end := time.After(10 * time.Minute); ; {
		select {
		case ev := <-events.C:
			if c, ok := ev.(client.ContactChanged); ok && c.Contact.Name == name {
				events.Close()
				return
			}
		case <-end:
			s.t.Fatalf("nobody is called %q", name)
		}
	}
}

// An older copy of a profile changes no name: it must sign nothing.
func TestSetBackProfilesKeepTheirName(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, world.Config{})
		alice, _, ab, _ := s.friends()
		s.must(alice.Stop())
		old := filepath.Join(t.TempDir(), "old")
		s.must(alice.CopyProfile(old))
		s.must(alice.Start())
		s.send(alice, ab, "later")
		pause(time.Minute)
		s.must(alice.Stop())
		s.putBack(alice.Dir(), old)
		s.must(alice.Start())
		s.wait(time.Minute, "alice is told", func() bool { return s.status(alice).SetBack })
		if err := alice.Client.SetName(context.Background(), "Somebody"); !errors.Is(err, wire.ErrSetBack) || s.status(alice).Name != "alice" {
			t.Errorf("%v, %q", err, s.status(alice).Name)
		}
	})
}

func TestAliasesStayHere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx := context.Background()
		s := newStage(t, world.Config{})
		alice, bob, ab, ba := s.friends()
		events := alice.Client.Subscribe()
		if c, err := alice.Client.Rename(ctx, ab, "Bobby"); err != nil || c.Name != "Bobby" || c.Alias != "Bobby" || c.Called != "bob" {
			t.Errorf("%+v, %v", c, err)
		}
		s.heard(events, "Bobby")
		s.must(bob.Client.SetName(ctx, "Robert"))
		s.wait(time.Minute, "alice hears of it", func() bool { return s.contact(alice, ab).Called == "Robert" })
		s.restart(alice, true)
		if c := s.contact(alice, ab); c.Name != "Bobby" || c.Called != "Robert" {
			t.Errorf("after a crash %+v", c)
		}
		if c := s.contact(bob, ba); c.Called != "alice" || c.Name != "alice" {
			t.Errorf("bob knows %+v", c)
		}
		if c, err := alice.Client.Rename(ctx, ab, ""); err != nil || c.Name != "Robert" || c.Alias != "" {
			t.Errorf("%+v, %v", c, err)
		}
		if _, err := alice.Client.Rename(ctx, ab, "\x07"); err == nil {
			t.Error("a bell is a name")
		}
		if _, err := alice.Client.Rename(ctx, 99, "x"); !errors.Is(err, client.ErrNoContact) {
			t.Errorf("of nobody: %v", err)
		}
	})
}

func TestSeenIsNotRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx := context.Background()
		s := newStage(t, world.Config{})
		alice, bob, ab, ba := s.friends()
		s.send(alice, ab, "look")
		s.state(alice, ab, "look", client.Delivered)
		s.must(bob.Client.MarkSeen(ctx, ba))
		if n := s.contact(bob, ba).Unread; n != 0 {
			t.Errorf("%d unread", n)
		}
		pause(time.Hour)
		s.restart(bob, true)
		if n := s.contact(bob, ba).Unread; n != 0 {
			t.Errorf("%d unread after a crash", n)
		}
		if m := s.line(alice, ab, "look"); m.State != client.Delivered {
			t.Errorf("alice is told: %v", m.State)
		}
		s.must(bob.Client.MarkRead(ctx, ba))
		s.state(alice, ab, "look", client.Read)
		if err := bob.Client.MarkSeen(ctx, 99); !errors.Is(err, client.ErrNoContact) {
			t.Errorf("of nobody: %v", err)
		}
	})
}

func TestLatestLines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx := context.Background()
		s := newStage(t, world.Config{})
		alice, bob, ab, ba := s.friends()
		latest := func(p *world.Person) map[client.ContactID]client.Message {
			lines, err := p.Client.Latest(ctx)
			s.must(err)
			out := map[client.ContactID]client.Message{}
			for _, m := range lines {
				out[m.Contact] = m
			}
			if len(out) != len(lines) {
				t.Errorf("%d lines of %d conversations", len(lines), len(out))
			}
			return out
		}
		for range 10 { // read marks stand behind the line
			s.must(alice.Client.MarkRead(ctx, ab))
			s.must(alice.Client.SetName(ctx, time.Now().Format("alice 150405")))
			pause(time.Minute)
		}
		s.state(bob, ba, "hi", client.Read)
		if l := latest(bob); len(l) != 1 || l[ba].Text != "hi" || l[ba].State != client.Read || l[ba].ReadAt.IsZero() {
			t.Errorf("bob's %+v", l)
		}
		carol, dave := s.person("carol", s.gateway()), s.person("dave", s.gateway())
		ca := s.add(carol, alice)
		s.send(carol, ca, "may I?")
		s.wait(time.Minute, "carol waits", func() bool { return s.status(alice).Requests == 1 })
		s.add(alice, dave) // nothing was said
		request := s.from(alice, carol).ID
		l := latest(alice)
		if len(l) != 2 || l[ab].Text != "hi" || l[ab].Outgoing || l[request].Text != "may I?" {
			t.Errorf("alice's %+v", l)
		}
		s.send(alice, ab, "bye")
		if l := latest(alice); l[ab].Text != "bye" {
			t.Errorf("alice's %+v", l)
		}
		_, err := alice.Client.Remove(ctx, ab, false)
		s.must(err)
		if l := latest(alice); len(l) != 1 || l[request].Text != "may I?" {
			t.Errorf("a removed contact is there: %+v", l)
		}
	})
}

func TestCardsCountWhomTheyBrought(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx := context.Background()
		s := newStage(t, world.Config{})
		g := s.gateway()
		alice := s.person("alice", g)
		pause(time.Minute)
		first := s.card(alice)
		further, err := alice.Client.NewCard(ctx)
		s.must(err)
		if further.Given != 0 {
			t.Errorf("a new card: %+v", further)
		}
		bob, carol, dave := s.person("bob", g), s.person("carol", g), s.person("dave", g)
		for _, p := range []*world.Person{bob, carol} {
			_, err := p.Client.Add(ctx, first, "")
			s.must(err)
		}
		s.send(dave, s.addText(dave, further.Text), "hello")
		s.wait(10*time.Minute, "three people wait", func() bool { return s.status(alice).Requests == 3 })
		s.accept(alice, s.from(alice, bob).ID)
		cards, err := alice.Client.Cards(ctx)
		s.must(err)
		given := map[key.CardID]int{}
		for _, k := range cards {
			given[k.ID] = k.Given
		}
		via := s.from(alice, bob).Via
		if via != s.from(alice, carol).Via || s.from(alice, dave).Via != further.ID || via == further.ID {
			t.Error("who came by which card?")
		}
		if given[via] != 2 || given[further.ID] != 1 {
			t.Errorf("given %v", given)
		}
		_, err = alice.Client.Remove(ctx, s.from(alice, bob).ID, false)
		s.must(err)
		cards, err = alice.Client.Cards(ctx)
		s.must(err)
		for _, k := range cards {
			if k.ID == via && k.Given != 1 {
				t.Errorf("%d of them are known", k.Given)
			}
		}
	})
}

// Rows of tables that the engine does not know are somebody else's.
func TestRowsOfUnknownTablesAreLeftAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, world.Config{})
		alice, bob, ab, ba := s.friends()
		row := profile.Row{Table: 99, Key: []byte("of another program"), Conv: uint64(ab), Data: []byte{0xff}}
		s.must(alice.Stop())
		s.offline(alice, func(db *chat.DB) {
			s.must(db.Commit(context.Background(), &profile.Batch{Now: time.Now(), Put: []profile.Row{row}}))
		})
		s.must(alice.Start())
		s.send(alice, ab, "nothing happened")
		s.see(bob, ba, "hello", "hi", "nothing happened")
		s.must(alice.Stop())
		s.offline(alice, func(db *chat.DB) {
			rows, err := db.Load(context.Background())
			s.must(err)
			if !slices.ContainsFunc(rows, func(r profile.Row) bool {
				return r.Table == row.Table && string(r.Key) == string(row.Key) && string(r.Data) == string(row.Data)
			}) {
				t.Error("the row is gone")
			}
		})
		s.must(alice.Start())
	})
}

// What lies in the safe is what the user is called now.
func TestTheSafeLearnsTheName(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, world.Config{})
		alice, _, _, _ := s.friends()
		stored := func() (print [32]byte) {
			pause(4 * time.Hour)
			s.must(alice.Stop())
			s.offline(alice, func(db *chat.DB) {
				rows, err := db.Load(context.Background())
				s.must(err)
				for _, r := range rows {
					if r.Table == profile.TableHome {
						h, err := profile.ParseHome(r)
						s.must(err)
						print = h.Safe
					}
				}
			})
			s.must(alice.Start())
			return print
		}
		before := stored()
		if before == [32]byte{} || stored() != before {
			t.Fatal("the safe is not at rest")
		}
		s.must(alice.Client.SetName(context.Background(), "Alice Liddell"))
		if stored() == before {
			t.Error("the safe does not know the new name")
		}
	})
}
