package world_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"zeroms/client"
	"zeroms/client/backup"
	"zeroms/client/delivery"
	"zeroms/client/profile"
	"zeroms/client/view"
	"zeroms/cmd/zeroms-lab/world"
	"zeroms/protocol/card"
	"zeroms/protocol/link/memlink"
	"zeroms/protocol/wire"
	"zeroms/store/chat"
)

// gapsOf is what a person is shown as missing or lost.
func (s *stage) gapsOf(p *world.Person, id client.ContactID) []client.Gap {
	s.t.Helper()
	out, err := p.Client.Gaps(context.Background(), id)
	s.must(err)
	return out
}

// unheard has a message signed for and lost by bob's gateway.
func (w *talkers) unheard(lines ...string) {
	w.t.Helper()
	synctest.Wait()
	w.gates[1].Lose(1)
	for _, line := range lines {
		w.send(w.alice, w.ab, line)
	}
	w.wait(time.Minute, "the gateway has signed for everything", func() bool {
		for _, m := range w.messages(w.alice, w.ab) {
			if m.Outgoing && m.State == client.Queued {
				return false
			}
		}
		return true
	})
	w.gates[1].Lose(0)
}

// crooked is a world whose gateways lose what they are told to.
func crooked(t *testing.T, repair delivery.RepairTiming) *talkers {
	w := newTalkers(t, world.Config{
		Links: memlink.Config{Latency: 20 * time.Millisecond}, Crook: world.Crook{Seed: 1, Held: time.Millisecond}, Repair: repair,
	})
	pause(time.Minute)
	return w
}

func TestMissingMessagesAreShownAskedForAndFilled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := crooked(t, delivery.RepairTiming{})
		w.unheard("one", "two")
		w.send(w.alice, w.ab, "three")
		pause(10 * time.Second)
		w.see(w.bob, w.ba, "three")
		if gaps := w.gapsOf(w.bob, w.ba); len(gaps) != 0 {
			t.Errorf("within the grace there is a gap: %+v", gaps)
		}
		w.gates[1].Lose(1) // the answers get lost too
		pause(10 * time.Second)
		gaps := w.gapsOf(w.bob, w.ba)
		if len(gaps) != 1 || gaps[0].Count() != 2 || gaps[0].State != view.GapAsking || gaps[0].Asked != 1 {
			t.Fatalf("gaps %+v", gaps)
		}
		if r := w.status(w.bob).Repairs; r.Missing != 2 || r.Asked != 1 || r.Found != 2 {
			t.Errorf("repairs %+v", r)
		}
		pause(30 * time.Second)
		w.gates[1].Lose(0)
		w.wait(10*time.Minute, "the gap is filled", func() bool { return len(w.gapsOf(w.bob, w.ba)) == 0 })
		w.see(w.bob, w.ba, "one", "two", "three")
		if r := w.status(w.bob).Repairs; r.Missing != 0 || r.Filled != 2 {
			t.Errorf("repairs %+v", r)
		}
		if r := w.status(w.alice).Repairs; r.Answered < 2 {
			t.Errorf("alice's repairs %+v", r)
		}
		w.state(w.alice, w.ab, "two", client.Delivered)
	})
}

// TestLastMessageOfABurstIsMissedToo: nothing comes after it that could show a
// gap, but once bob says something alice's acknowledgement brings her heads.
func TestLastMessageOfABurstIsMissedToo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := crooked(t, delivery.RepairTiming{})
		w.unheard("the last one")
		pause(10 * time.Minute)
		w.see(w.bob, w.ba)
		w.send(w.bob, w.ba, "are you there?")
		w.wait(2*time.Minute, "bob has it", func() bool {
			texts := w.texts(w.bob, w.ba)
			return len(texts) == 2 && texts[0] == "the last one" || len(texts) == 2 && texts[1] == "the last one"
		})
	})
}

func TestErasedMessageComesAsAHeader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := crooked(t, delivery.RepairTiming{})
		w.unheard("one", "regretted")
		w.must(w.alice.Client.Erase(context.Background(), w.line(w.alice, w.ab, "regretted").ID))
		w.send(w.alice, w.ab, "three")
		w.wait(10*time.Minute, "bob knows of all three", func() bool { return len(w.messages(w.bob, w.ba)) >= 3 })
		var erased int
		for _, m := range w.messages(w.bob, w.ba) {
			if m.Erased {
				erased++
			}
			if strings.Contains(m.Text, "regretted") {
				t.Error("bob can read what was erased before it came")
			}
		}
		if erased != 1 || len(w.gapsOf(w.bob, w.ba)) != 0 {
			t.Errorf("%d messages without content, gaps %+v", erased, w.gapsOf(w.bob, w.ba))
		}
	})
}

// TestWhatNobodyHasIsGone: erased so long ago that not even the header is kept.
func TestWhatNobodyHasIsGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		short := delivery.RepairTiming{}.Default()
		short.KeepMax = 90 * time.Minute
		w := crooked(t, short)
		w.must(w.bob.Stop())
		w.unheard("one", "regretted", "three")
		w.must(w.alice.Client.Erase(context.Background(), w.line(w.alice, w.ab, "regretted").ID))
		pause(4 * time.Hour)
		for _, m := range w.messages(w.alice, w.ab) {
			if m.Text == "one" && m.State != client.NotDelivered {
				t.Errorf("%q is %v", m.Text, m.State)
			}
		}
		if r := w.status(w.alice).Repairs; r.Undelivered == 0 {
			t.Errorf("alice's repairs %+v", r)
		}
		w.send(w.alice, w.ab, "four")
		w.must(w.bob.Start())
		w.wait(10*time.Minute, "bob has what there is", func() bool { return len(w.texts(w.bob, w.ba)) == 3 })
		w.see(w.bob, w.ba, "one", "three", "four")
		w.wait(10*time.Minute, "bob knows what is gone", func() bool {
			gaps := w.gapsOf(w.bob, w.ba)
			return len(gaps) == 1 && gaps[0].State == view.GapGone && gaps[0].Count() == 1
		})
		w.restart(w.bob, true)
		if gaps := w.gapsOf(w.bob, w.ba); len(gaps) != 1 || gaps[0].State != view.GapGone {
			t.Errorf("after a restart: %+v", gaps)
		}
		if r := w.status(w.bob).Repairs; r.Gone != 1 || r.Missing != 0 {
			t.Errorf("bob's repairs %+v", r)
		}
		w.state(w.alice, w.ab, "one", client.Delivered)
	})
}

// TestAnswersKeepToTheBudget: 1 MiB an hour, the rest later.
func TestAnswersKeepToTheBudget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := crooked(t, delivery.RepairTiming{})
		var lines []string
		for i := range 100 { // 16 KiB each on the wire
			lines = append(lines, fmt.Sprint(i, strings.Repeat("x", 13_000)))
		}
		w.unheard(lines...)
		w.send(w.alice, w.ab, "end")
		pause(10 * time.Minute)
		if n := len(w.texts(w.bob, w.ba)); n < 40 || n > 66 {
			t.Errorf("bob has %d lines after ten minutes", n)
		}
		later := 0
		for _, g := range w.gapsOf(w.bob, w.ba) {
			if g.State == view.GapLater {
				later += g.Count()
			}
		}
		if later == 0 {
			t.Errorf("nothing is put off: %+v", w.gapsOf(w.bob, w.ba))
		}
		w.eventually("bob has everything", func() bool { return len(w.texts(w.bob, w.ba)) == 101 })
		w.see(w.bob, w.ba, append(lines, "end")...)
	})
}

// offline opens a stopped person's profile.
func (s *stage) offline(p *world.Person, work func(db *chat.DB)) {
	s.t.Helper()
	db, err := chat.Open(context.Background(), p.Dir(), chat.NoPassphrase())
	s.must(err)
	work(db)
	s.must(db.Close())
}

// TestLostRatchetsAreRenewed: bob loses every session, and messages that lie at
// his gateway can't be opened any more.
func TestLostRatchetsAreRenewed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := crooked(t, delivery.RepairTiming{})
		w.send(w.alice, w.ab, "before")
		pause(time.Minute)
		w.must(w.bob.Stop())
		w.send(w.alice, w.ab, "sealed for what is lost")
		pause(time.Minute)
		w.offline(w.bob, func(db *chat.DB) {
			rows, err := db.Load(context.Background())
			w.must(err)
			b := &profile.Batch{Now: time.Now()}
			for _, r := range rows {
				if r.Table == profile.TableSession {
					b.Erase = append(b.Erase, profile.Ref{Table: r.Table, Key: r.Key})
				}
			}
			w.must(db.Commit(context.Background(), b))
		})
		w.must(w.bob.Start())
		w.wait(3*time.Hour, "bob has both lines", func() bool { return len(w.texts(w.bob, w.ba)) == 2 })
		w.send(w.bob, w.ba, "hello again")
		w.send(w.alice, w.ab, "hello")
		w.wait(time.Minute, "they talk", func() bool { return len(w.texts(w.alice, w.ab)) == 4 && len(w.texts(w.bob, w.ba)) == 4 })
		if r := w.status(w.bob).Repairs; r.Resyncs == 0 || r.Resyncs > 5 {
			t.Errorf("bob's repairs %+v", r)
		}
	})
}

// TestOlderCopyOfAProfileIsNotUsed: who puts an old copy back is told so,
// nothing is signed twice, and the profile goes on as a device of its own.
func TestOlderCopyOfAProfileIsNotUsed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, world.Config{Links: memlink.Config{Latency: 20 * time.Millisecond}})
		alice, bob, ab, ba := s.friends()
		s.send(alice, ab, "one")
		pause(time.Minute)
		s.must(alice.Stop())
		old := filepath.Join(t.TempDir(), "old")
		s.must(alice.CopyProfile(old))
		s.must(alice.Start())
		s.send(bob, ba, "two")
		s.send(alice, ab, "three")
		pause(time.Minute)
		s.must(alice.Stop())
		s.putBack(alice.Dir(), old)
		s.must(alice.Start())
		if m, err := alice.Client.Send(context.Background(), ab, "from the past"); err == nil && m.State != client.Queued {
			t.Errorf("it was sent: %+v", m)
		}
		s.wait(time.Minute, "alice is told", func() bool { return s.status(alice).SetBack })
		if _, err := alice.Client.Send(context.Background(), ab, "from the past"); !errors.Is(err, wire.ErrSetBack) {
			t.Errorf("sending: %v", err)
		}
		pause(time.Hour)
		if s.contact(bob, ba).Problem != "" {
			t.Errorf("bob sees %q", s.contact(bob, ba).Problem)
		}
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
		s.wait(3*time.Hour, "bob reads it", func() bool {
			for _, line := range s.texts(bob, ba) {
				if line == "as a new device" {
					return true
				}
			}
			return false
		})
		s.send(bob, ba, "welcome back")
		s.wait(time.Hour, "alice reads bob", func() bool {
			lines := s.texts(alice, ab)
			return len(lines) > 0 && lines[len(lines)-1] == "welcome back"
		})
	})
}

// addText makes the owner of a card a contact.
func (s *stage) addText(p *world.Person, text string) client.ContactID {
	s.t.Helper()
	k, err := card.Parse(text)
	s.must(err)
	c, err := p.Client.Add(context.Background(), k, "")
	s.must(err)
	return c.ID
}

// TestPublicCard: a stranger who saw it pays with work, is accepted or blocked.
func TestPublicCard(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, world.Config{Links: memlink.Config{Latency: 20 * time.Millisecond}})
		alice, bob, carol := s.person("alice", s.gateway()), s.person("bob", s.gateway()), s.person("carol", s.gateway())
		shown, err := alice.Client.PublicCard(context.Background(), 0, false)
		s.must(err)
		pause(time.Minute)
		ids := map[*world.Person]client.ContactID{}
		for _, p := range []*world.Person{bob, carol} {
			ids[p] = s.addText(p, shown.Text)
			s.send(p, ids[p], "hello from "+p.Name)
		}
		s.wait(time.Hour, "both wait for alice's decision", func() bool { return s.status(alice).Requests == 2 })
		s.accept(alice, s.from(alice, bob).ID)
		s.must(alice.Client.Block(context.Background(), s.from(alice, carol).ID))
		s.wait(time.Hour, "alice reads bob", func() bool { return len(s.texts(alice, s.from(alice, bob).ID)) == 1 })
		s.send(alice, s.from(alice, bob).ID, "hello bob")
		s.wait(time.Hour, "bob reads alice", func() bool { return len(s.texts(bob, ids[bob])) == 2 })
		s.send(carol, ids[carol], "are you there?")
		pause(2 * time.Hour)
		if n := s.status(alice).Requests; n != 0 {
			t.Errorf("%d requests", n)
		}
		if m := s.line(carol, ids[carol], "hello from carol"); m.State == client.Delivered || m.State == client.Read {
			t.Error("carol can tell that alice has seen it")
		}
	})
}
