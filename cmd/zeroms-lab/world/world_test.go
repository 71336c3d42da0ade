package world_test

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"zeroms/client"
	"zeroms/cmd/zeroms-lab/world"
	"zeroms/protocol/card"
)

// stage is a world with the usual helpers of these tests.
type stage struct {
	t *testing.T
	*world.World
}

func newStage(t *testing.T, cfg world.Config) *stage {
	t.Helper()
	cfg.Dir = t.TempDir()
	if os.Getenv("ZMS_TEST_LOG") != "" {
		cfg.Log = slog.New(slog.NewTextHandler(os.Stderr, nil))
	}
	return &stage{t, world.New(cfg)}
}

func (s *stage) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

// gateway makes a gateway and lets it run until the end of the test.
func (s *stage) gateway() *world.Gateway {
	s.t.Helper()
	g := s.NewGateway()
	s.must(g.Start())
	s.t.Cleanup(func() { _ = g.Stop() })
	return g
}

// person makes somebody with homes and lets them run until the end of the test.
func (s *stage) person(name string, homes ...*world.Gateway) *world.Person {
	s.t.Helper()
	p, err := s.NewPerson(name)
	s.must(err)
	s.must(p.Start())
	s.t.Cleanup(func() { _ = p.Stop() })
	for _, g := range homes {
		_, err := p.Client.AddGateway(context.Background(), g.Address())
		s.must(err)
	}
	return p
}

// card is the person's newest card.
func (s *stage) card(p *world.Person) card.Card {
	s.t.Helper()
	c, err := p.Client.Card(context.Background())
	s.must(err)
	parsed, err := card.Parse(c.Text)
	s.must(err)
	return parsed
}

// add makes b a contact of a.
func (s *stage) add(a, b *world.Person) client.ContactID {
	s.t.Helper()
	c, err := a.Client.Add(context.Background(), s.card(b), "")
	s.must(err)
	return c.ID
}

func (s *stage) send(p *world.Person, to client.ContactID, text string) client.Message {
	s.t.Helper()
	m, err := p.Client.Send(context.Background(), to, text)
	s.must(err)
	return m
}

// texts is the person's transcript with a contact, in display order.
func (s *stage) texts(p *world.Person, id client.ContactID) []string {
	s.t.Helper()
	page, _, _, err := p.Client.History(context.Background(), id, client.Top, 100000)
	s.must(err)
	var out []string
	for _, m := range page {
		out = append(out, m.Text)
	}
	return out
}

// wait lets time pass until ok, at most d of it.
func (s *stage) wait(d time.Duration, what string, ok func() bool) {
	s.t.Helper()
	for end := time.Now().Add(d); time.Now().Before(end); {
		synctest.Wait()
		if ok() {
			return
		}
		pause(100 * time.Millisecond)
	}
	s.t.Fatalf("not within %v: %s", d, what)
}

func pause(d time.Duration) { <-time.After(d) }

func TestTwoPeopleTalk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, world.Config{})
		g1, g2 := s.gateway(), s.gateway()
		alice, bob := s.person("alice", g1), s.person("bob", g2)
		ab, ba := s.add(alice, bob), s.add(bob, alice)
		for i := range 10 {
			s.send(alice, ab, fmt.Sprintf("a%d", i))
			s.send(bob, ba, fmt.Sprintf("b%d", i))
		}
		s.wait(time.Minute, "20 lines at both ends", func() bool {
			return len(s.texts(alice, ab)) == 20 && len(s.texts(bob, ba)) == 20
		})
		if got, want := fmt.Sprint(s.texts(alice, ab)), fmt.Sprint(s.texts(bob, ba)); got != want {
			t.Fatalf("transcripts differ:\n%s\n%s", got, want)
		}
	})
}
