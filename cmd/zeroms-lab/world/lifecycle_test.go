package world_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"zeroms/client"
	"zeroms/cmd/zeroms-lab/world"
	"zeroms/gateway/mailbox"
	"zeroms/protocol/card"
	"zeroms/protocol/key"
	"zeroms/protocol/link"
	"zeroms/protocol/link/memlink"
	"zeroms/protocol/wire"
)

// restart ends somebody's client, in order or as kill -9 does, and starts it again.
func (s *stage) restart(p *world.Person, kill bool) {
	s.t.Helper()
	if kill {
		_ = p.Kill()
	} else {
		s.must(p.Stop())
	}
	s.must(p.Start())
	s.must(p.Client.Ready(context.Background()))
}

// home is a home of somebody as it is shown.
func (s *stage) home(p *world.Person, g *world.Gateway) client.Gateway {
	s.t.Helper()
	all, err := p.Client.Gateways(context.Background())
	s.must(err)
	for _, h := range all {
		if h.Node == g.Address().Node {
			return h
		}
	}
	s.t.Fatalf("%s has no home %s", p.Name, g.Host)
	return client.Gateway{}
}

func (s *stage) up(p *world.Person, g *world.Gateway) {
	s.t.Helper()
	s.wait(5*time.Minute, p.Name+" is at "+g.Host, func() bool { return s.home(p, g).Up })
}

// same waits until both see exactly these lines, in this order and in time, and
// the first has heard that everything it wrote arrived.
func (s *stage) same(a, b *world.Person, ab, ba client.ContactID, want []string) {
	s.t.Helper()
	s.see(b, ba, want...)
	s.see(a, ab, want...)
	for _, m := range s.messages(b, ba) {
		if m.Late {
			s.t.Fatalf("%q is marked as late", m.Text)
		}
	}
	s.wait(5*time.Minute, "everything of "+a.Name+" is delivered", func() bool {
		return !slices.ContainsFunc(s.messages(a, ab), func(m client.Message) bool {
			return m.Outgoing && m.State != client.Delivered && m.State != client.Read
		})
	})
}

func TestAwayForTenDaysGetsEverythingInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, world.Config{Mailbox: quiet()})
		alice, bob, ab, ba := s.friends()
		s.must(bob.Client.MarkRead(t.Context(), ba))
		pause(time.Minute)
		s.must(bob.Stop())
		want := []string{"hello", "hi"}
		for n := range 10 {
			for i := range 3 {
				want = append(want, fmt.Sprintf("day %d, line %d", n, i))
				s.send(alice, ab, want[len(want)-1])
			}
			switch n {
			case 2, 6:
				s.restart(alice, true) // before a gateway could answer
			case 4, 8:
				pause(time.Hour)
				s.restart(alice, false)
			}
			pause(day)
		}
		for _, text := range want[2:] {
			m := s.line(alice, ab, text)
			if m.State != client.InCustody || m.Until.Before(time.Now()) || !m.DeliveredAt.IsZero() {
				t.Fatalf("%q is %s until %v", text, m.State, m.Until)
			}
		}
		s.must(bob.Start())
		s.same(alice, bob, ab, ba, want)
		if c := s.contact(bob, ba); c.Unread != len(want)-2 {
			t.Fatalf("%d unread, want %d", c.Unread, len(want)-2)
		}
	})
}

func TestAwayForLongerThanTheGatewayKeeps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, world.Config{Mailbox: quiet()})
		alice, bob, ab, ba := s.friends()
		s.must(bob.Stop())
		want := []string{"hello", "hi"}
		for n := range 5 {
			want = append(want, fmt.Sprint("line ", n))
			s.send(alice, ab, want[len(want)-1])
		}
		first := s.state(alice, ab, "line 0", client.InCustody)
		pause(33 * day)
		m := s.line(alice, ab, "line 0")
		if m.State != client.InCustody || !m.Until.After(time.Now()) || !m.Custody.After(first.Until.Add(-day)) {
			t.Fatalf("after the first custody's end: %s, taken %v, until %v", m.State, m.Custody, m.Until)
		}
		s.must(bob.Start())
		s.same(alice, bob, ab, ba, want)
		s.send(bob, ba, "back")
		s.see(alice, ab, append(want, "back")...)
	})
}

func TestBothAwayForEightyDays(t *testing.T) {
	for _, first := range []string{"alice", "bob", "both"} {
		t.Run(first+" first", func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newStage(t, world.Config{Mailbox: quiet()})
				alice, bob, ab, ba := s.friends()
				s.must(bob.Stop())
				s.send(alice, ab, "in custody")
				s.state(alice, ab, "in custody", client.InCustody)
				s.Net.Partition(alice.Host(), "198.51.100.1")
				s.Net.Partition(alice.Host(), "198.51.100.3")
				s.send(alice, ab, "never sent")
				s.must(alice.Stop())
				s.Net.Heal(alice.Host(), "198.51.100.1")
				s.Net.Heal(alice.Host(), "198.51.100.3")
				pause(80 * day)
				if first == "alice" || first == "both" {
					s.must(alice.Start())
				}
				if first == "bob" || first == "both" {
					s.must(bob.Start())
				}
				switch first {
				case "alice":
					pause(day)
					s.must(bob.Start())
				case "bob":
					pause(day)
					s.must(alice.Start())
				}
				// What was in custody is given up after so long; the message after it tells
				// bob of it, and he asks.
				s.wait(10*time.Minute, "bob has both", func() bool { return len(s.texts(bob, ba)) == 4 })
				s.see(bob, ba, "hello", "hi", "in custody", "never sent")
				s.send(bob, ba, "long time")
				s.see(alice, ab, "hello", "hi", "in custody", "never sent", "long time")
				s.state(bob, ba, "long time", client.Delivered)
			})
		})
	}
}

// watch collects the states of one message as events tell them.
func watch(p *world.Person, text string) (states func() []string) {
	sub := p.Client.Subscribe()
	var mu sync.Mutex
	var got []string
	var seq uint32
	go func() {
		for ev := range sub.C {
			mu.Lock()
			switch ev := ev.(type) {
			case client.MessageAdded:
				if ev.Message.Text == text {
					seq = ev.Message.Seq
					got = append(got, "added "+ev.Message.State.String())
				}
			case client.MessageChanged:
				if ev.Message.Text == text {
					got = append(got, ev.Message.State.String())
				}
			case client.ReadUpto:
				if seq > 0 && ev.Seq >= seq {
					got = append(got, "read upto")
				}
			}
			mu.Unlock()
		}
	}()
	return func() []string {
		mu.Lock()
		defer mu.Unlock()
		return slices.Compact(slices.Clone(got))
	}
}

func TestStatesAreTrueWhenShown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, world.Config{Links: memlink.Config{Latency: 30 * time.Millisecond}, Mailbox: quiet()})
		g1, g2 := s.gateway(), s.gateway()
		alice, bob := s.person("alice", g1), s.person("bob", g2)
		ab, ba := s.add(alice, bob), s.add(bob, alice)
		s.send(alice, ab, "hello")
		s.state(alice, ab, "hello", client.Delivered)
		pause(time.Minute)
		const text = "watch me"
		states := watch(alice, text)
		s.must(bob.Stop())
		s.Net.Partition(alice.Host(), g2.Host)

		s.send(alice, ab, text)
		pause(time.Hour)
		if m := s.line(alice, ab, text); m.State != client.Queued || !m.Custody.IsZero() || !m.Until.IsZero() {
			t.Fatalf("without a gateway: %+v", m)
		}
		pause(time.Second)
		s.Net.Heal(alice.Host(), g2.Host)
		s.wait(20*time.Minute, "custody", func() bool { return s.line(alice, ab, text).State == client.InCustody })
		m := s.line(alice, ab, text)
		if m.Holder != key.GatewayHashOf(g2.Address().Node) || m.Size == 0 {
			t.Fatalf("in custody of %x, %d bytes", m.Holder, m.Size)
		}
		pause(time.Hour)
		if m := s.line(alice, ab, text); m.State != client.InCustody || !m.DeliveredAt.IsZero() {
			t.Fatalf("while bob is away: %+v", m)
		}
		s.must(bob.Start())
		s.state(alice, ab, text, client.Delivered)
		pause(time.Hour)
		if m := s.line(alice, ab, text); m.State != client.Delivered || !m.ReadAt.IsZero() {
			t.Fatalf("before bob reads: %+v", m)
		}
		s.must(bob.Client.MarkRead(t.Context(), ba))
		m = s.state(alice, ab, text, client.Read)
		times := []time.Time{m.Received, m.Submitted, m.Custody, m.DeliveredAt, m.ReadAt}
		for n := range times[1:] {
			if times[n].IsZero() || times[n+1].Before(times[n]) || n > 0 && times[n+1].Equal(times[n]) {
				t.Fatalf("the times of a message do not increase: %v", times)
			}
		}
		// The link to the gateway was cut with the message on it: from then on it is one that was sent directly.
		if got, want := states(), []string{"added queued", "queued", "custody", "delivered", "read upto"}; !slices.Equal(got, want) {
			t.Fatalf("events told %q, want %q", got, want)
		}
	})
}

func TestReadMarksAndUnreadCountsSurviveRestarts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, world.Config{Mailbox: quiet()})
		alice, bob, ab, ba := s.friends()
		s.must(bob.Client.MarkRead(t.Context(), ba))
		for n := range 3 {
			s.send(alice, ab, fmt.Sprint("line ", n))
			s.state(alice, ab, fmt.Sprint("line ", n), client.Delivered)
		}
		for _, kill := range []bool{false, true} {
			s.restart(bob, kill)
			if n := s.contact(bob, ba).Unread; n != 3 {
				t.Fatalf("after a restart %d are unread", n)
			}
		}
		// He reads without a network, and his program is killed at once.
		for n := range 4 {
			s.Net.Partition(bob.Host(), fmt.Sprint("198.51.100.", n+1))
		}
		s.must(bob.Client.MarkRead(t.Context(), ba))
		s.restart(bob, true)
		if n := s.contact(bob, ba).Unread; n != 0 {
			t.Fatalf("%d are unread although all were read", n)
		}
		for n := range 4 {
			s.Net.Heal(bob.Host(), fmt.Sprint("198.51.100.", n+1))
		}
		m := s.state(alice, ab, "line 2", client.Read)
		for _, kill := range []bool{false, true} {
			s.restart(alice, kill)
			for n := range 3 {
				got := s.line(alice, ab, fmt.Sprint("line ", n))
				if got.State != client.Read || !got.ReadAt.Equal(m.ReadAt) {
					t.Fatalf("after a restart line %d is %s, read at %v, not %v", n, got.State, got.ReadAt, m.ReadAt)
				}
			}
		}
		s.send(alice, ab, "new")
		s.state(alice, ab, "new", client.Delivered)
		if n := s.contact(bob, ba).Unread; n != 1 {
			t.Fatalf("%d are unread, want 1", n)
		}
	})
}

func TestMovingToAnotherGateway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tap := new(wiretap)
		s := newStage(t, world.Config{Wrap: tap.wrap, Mailbox: quiet()})
		old := s.gateway()
		alice, bob := s.person("alice", old), s.person("bob", s.gateway())
		carol := s.person("carol", s.gateway())
		ab, ba := s.add(alice, bob), s.add(bob, alice)
		ac, ca := s.add(alice, carol), s.add(carol, alice)
		s.send(alice, ab, "hello")
		s.send(alice, ac, "hello")
		s.state(alice, ab, "hello", client.Delivered)
		s.state(alice, ac, "hello", client.Delivered)
		pause(time.Minute)
		s.must(carol.Stop())
		s.send(alice, ac, "to somebody away")

		next := s.gateway()
		want := []string{"hello"}
		for n := range 30 {
			want = append(want, fmt.Sprint("while moving ", n))
			s.send(bob, ba, want[n+1])
			switch n {
			case 10:
				_, err := alice.Client.AddGateway(t.Context(), next.Address())
				s.must(err)
			case 20:
				s.up(alice, next)
				pause(time.Minute)
				s.must(alice.Client.RemoveGateway(t.Context(), old.Address().Node))
				pause(time.Minute)
			}
		}
		s.same(bob, alice, ba, ab, want)
		before := len(tap.by(bob))
		s.send(bob, ba, "to the new place")
		s.same(bob, alice, ba, ab, append(want, "to the new place"))
		for _, p := range tap.by(bob)[before:] {
			if p.to.Host != next.Host {
				t.Fatalf("bob still writes to %s", p.to.Host)
			}
		}
		pause(5 * day)
		s.must(carol.Start())
		s.see(carol, ca, "hello", "to somebody away")
		pause(time.Minute)
		s.must(old.Stop())
		s.send(carol, ca, "I was away")
		s.state(carol, ca, "I was away", client.Delivered)
		s.send(alice, ac, "I moved")
		s.same(alice, carol, ac, ca, []string{"hello", "to somebody away", "I was away", "I moved"})
		dave := s.person("dave", s.gateway())
		da := s.add(dave, alice)
		s.send(dave, da, "with a card of today")
		s.accept(alice, s.from(alice, dave).ID)
		s.state(dave, da, "with a card of today", client.Delivered)
		s.must(old.Start())
	})
}

func TestOneOfTwoGatewaysGoneForGood(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, world.Config{Mailbox: quiet()})
		homes := []*world.Gateway{s.NewGateway(), s.NewGateway()}
		s.must(homes[0].Start())
		s.must(homes[1].Start())
		alice, bob := s.person("alice", s.gateway()), s.person("bob", homes...)
		ab, ba := s.add(alice, bob), s.add(bob, alice)
		s.send(alice, ab, "hello")
		s.state(alice, ab, "hello", client.Delivered)
		pause(time.Minute)
		s.must(bob.Stop())
		s.send(alice, ab, "in custody of the lost one")
		holder := s.state(alice, ab, "in custody of the lost one", client.InCustody).Holder
		which := slices.IndexFunc(homes, func(g *world.Gateway) bool { return key.GatewayHashOf(g.Address().Node) == holder })
		lost := homes[which]
		t.Cleanup(func() { _ = homes[1-which].Stop() })
		_ = lost.Kill()
		s.must(bob.Start())
		s.send(alice, ab, "to the other one")
		s.wait(time.Hour, "the other gateway is used", func() bool {
			return s.line(alice, ab, "to the other one").State >= client.InCustody
		})
		carol := s.person("carol", s.gateway())
		cb := s.add(carol, bob)
		s.send(carol, cb, "a newcomer")
		s.wait(time.Hour, "a newcomer finds the way", func() bool { return s.status(bob).Requests == 1 })
		s.must(bob.Client.RemoveGateway(t.Context(), lost.Address().Node))
		pause(31 * day) // what was lost with the gateway is sent again when its custody ends
		s.see(bob, ba, "hello", "in custody of the lost one", "to the other one")
		s.state(alice, ab, "in custody of the lost one", client.Delivered)
		if !s.line(bob, ba, "to the other one").Late && !s.line(bob, ba, "in custody of the lost one").Late {
			t.Fatal("nothing is marked as late")
		}
	})
}

// heard is the types of all frames that came to a listener.
type heard struct {
	mu    sync.Mutex
	types []wire.Type
}

// rogue answers every hello at a gateway's place with the payload given.
func (s *stage) rogue(g *world.Gateway, answer wire.Payload, ear *heard) (stop func()) {
	l := s.Net.Listen(g.Host, g.Address().Node)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = l.Serve(ctx, func(conn link.Conn) {
			defer conn.Close()
			for {
				m, err := conn.Recv(ctx)
				if err != nil {
					return
				}
				frames, _ := wire.Frames(m)
				ear.mu.Lock()
				for _, f := range frames {
					ear.types = append(ear.types, f.Type)
				}
				ear.mu.Unlock()
				if len(frames) == 0 || conn.Send(ctx, wire.AppendFrame(nil, frames[0].ID, answer)) != nil {
					return
				}
			}
		})
	}()
	return func() { cancel(); _ = l.Close(); <-done }
}

func serverHello(g *world.Gateway) *wire.ServerHello {
	return &wire.ServerHello{
		Version: wire.Version, Network: card.NetworkLab, Node: g.Address().Node, Time: wire.Millis(time.Now()),
		Limits: wire.Limits{Frame: wire.MaxFrame, Message: wire.MaxMessage, InFlight: 64, PushWindow: 1 << 20},
	}
}

func TestGatewayThatIsNotTheRightOneLearnsNothing(t *testing.T) {
	other := key.NewPrivate[key.Node]().Public()
	for _, c := range []struct {
		name   string
		want   *wire.Error
		answer func(h *wire.ServerHello) wire.Payload // nil: nobody is there
	}{
		{"nobody there", wire.ErrLinkClosed, nil},
		{"newer version", wire.ErrVersion, func(h *wire.ServerHello) wire.Payload { h.Version++; return h }},
		{"no common version", wire.ErrVersion, func(*wire.ServerHello) wire.Payload { return wire.FailureOf(wire.ErrVersion) }},
		{"another network", wire.ErrNetwork, func(h *wire.ServerHello) wire.Payload { h.Network[0]++; return h }},
		{"a key that was not proven", wire.ErrWrongNode, func(h *wire.ServerHello) wire.Payload { h.Node = other; return h }},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newStage(t, world.Config{Mailbox: quiet()})
				g, ear, stop := s.NewGateway(), new(heard), func() {}
				if c.answer != nil {
					stop = s.rogue(g, c.answer(serverHello(g)), ear)
				}
				alice, bob := s.person("alice", g), s.person("bob", s.gateway())
				ab := s.add(alice, bob)
				s.send(alice, ab, "patience")
				pause(3 * time.Minute)
				s.refusedHome(alice, g, c.want)
				stop()
				for _, sent := range ear.types {
					if sent != wire.TypeClientHello {
						t.Fatalf("a frame of type %d went to it", sent)
					}
				}
				s.must(g.Start())
				defer func() { s.must(g.Stop()) }()
				s.up(alice, g)
				if p := s.home(alice, g).Problem; p != "" {
					t.Fatalf("the problem stays: %s", p)
				}
				ba := s.from(bob, alice).ID
				s.accept(bob, ba)
				s.same(alice, bob, ab, ba, []string{"patience"})
			})
		})
	}
}

// refusedHome checks that a home is down with the sentence of an error.
func (s *stage) refusedHome(p *world.Person, g *world.Gateway, want *wire.Error) {
	s.t.Helper()
	h := s.home(p, g)
	if h.Up || !isSentence(h.Problem) || !strings.HasPrefix(h.Problem, wire.Lookup(want.Code).Sentence) {
		s.t.Fatalf("up %v, problem %q, want %q", h.Up, h.Problem, want.Error())
	}
}

func TestGatewayWithAnotherKeyThanPinned(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, world.Config{})
		g := s.gateway()
		alice := s.person("alice")
		wrong := g.Address()
		wrong.Node = key.NewPrivate[key.Node]().Public()
		_, err := alice.Client.AddGateway(t.Context(), wrong)
		s.must(err)
		pause(3 * time.Minute)
		all, err := alice.Client.Gateways(t.Context())
		s.must(err)
		if p := all[0].Problem; all[0].Up || !strings.Contains(p, "[wrong-gateway-key") || !isSentence(p) {
			t.Fatalf("a gateway with another key: %q", p)
		}
		s.must(alice.Client.RemoveGateway(t.Context(), wrong.Node))
		_, err = alice.Client.AddGateway(t.Context(), g.Address())
		s.must(err)
		s.up(alice, g)
	})
}

func TestInviteOnlyGateway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, world.Config{Registration: mailbox.InviteOnly})
		g := s.gateway()
		with := func(invite key.Invite) card.Address {
			a := g.Address()
			a.Invite = invite
			return a
		}
		add := func(p *world.Person, a card.Address) {
			_, err := p.Client.AddGateway(t.Context(), a)
			s.must(err)
		}
		alice, bob := s.person("alice", g), s.person("bob")
		pause(time.Minute)
		s.refusedHome(alice, g, wire.ErrInvite)
		once, err := g.Invite(1)
		s.must(err)
		add(alice, with(once))
		s.up(alice, g)
		add(bob, with(once))
		pause(2 * time.Minute)
		s.refusedHome(bob, g, wire.ErrInvite)
		s.restart(alice, true)
		s.up(alice, g)
		another, err := g.Invite(1)
		s.must(err)
		add(bob, with(another))
		s.up(bob, g)
		ab, ba := s.add(alice, bob), s.add(bob, alice)
		s.send(alice, ab, "inside")
		s.same(alice, bob, ab, ba, []string{"inside"})
	})
}

func TestGatewayWithAFullDiskLosesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, world.Config{Mailbox: quiet()})
		g1, g2 := s.gateway(), s.gateway()
		alice, bob := s.person("alice", g1), s.person("bob", g2)
		ab, ba := s.add(alice, bob), s.add(bob, alice)
		s.send(alice, ab, "hello")
		s.state(alice, ab, "hello", client.Delivered)
		pause(time.Minute)
		g2.Disk.Break()
		s.Net.Partition(bob.Host(), g1.Host) // bob's acknowledgements can't overtake
		want := []string{"hello"}
		for n := range 5 {
			want = append(want, fmt.Sprint("line ", n))
			s.send(alice, ab, want[n+1])
		}
		pause(2 * time.Hour)
		for _, text := range want[1:] {
			if m := s.line(alice, ab, text); m.State != client.Queued {
				t.Fatalf("%q is %s although nothing can be stored", text, m.State)
			}
		}
		if p := s.contact(alice, ab).Problem; !isSentence(p) {
			t.Fatalf("not a sentence: %q", p)
		}
		g2.Disk.Mend()
		s.Net.Heal(bob.Host(), g1.Host)
		s.wait(time.Hour, "what waited arrives by itself", func() bool {
			return slices.Equal(s.texts(bob, ba), want) && s.line(alice, ab, "line 4").State == client.Delivered
		})
		s.same(alice, bob, ab, ba, want)
	})
}

func TestGatewayKilledBetweenPushAndCommit(t *testing.T) {
	for _, after := range []bool{false, true} {
		t.Run(fmt.Sprint("after=", after), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newStage(t, world.Config{Links: memlink.Config{Latency: 5 * time.Millisecond}})
				g1, g2 := s.gateway(), s.gateway()
				alice, bob := s.person("alice", g1), s.person("bob", g2)
				ab, ba := s.add(alice, bob), s.add(bob, alice)
				s.send(alice, ab, "hello")
				s.state(alice, ab, "hello", client.Delivered)
				pause(time.Minute)
				s.Net.Partition(bob.Host(), g1.Host) // bob's acknowledgements can't overtake
				if after {
					g2.Disk.FailAfter(1)
				} else {
					g2.Disk.FailBefore(1)
				}
				s.send(alice, ab, "hit")
				s.wait(time.Minute, "the disk fails", g2.Disk.Broken)
				_ = g2.Kill()
				pause(time.Minute)
				if m := s.line(alice, ab, "hit"); m.State != client.Queued || !m.Custody.IsZero() {
					t.Fatalf("without a receipt the message is %s", m.State)
				}
				s.must(g2.Start())
				s.Net.Heal(bob.Host(), g1.Host)
				s.same(alice, bob, ab, ba, []string{"hello", "hit"})
				pause(time.Hour)
				s.see(bob, ba, "hello", "hit")
			})
		})
	}
}

func TestFailingClientDiskEndsTheClientAndLosesNothing(t *testing.T) {
	for _, after := range []bool{false, true} {
		t.Run(fmt.Sprint("after=", after), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newStage(t, world.Config{})
				alice, bob, ab, ba := s.friends()
				fail := (*world.Failpoint).FailBefore
				if after {
					fail = (*world.Failpoint).FailAfter
				}
				want := []string{"hello", "hi"}
				fail(alice.Disk, 1)
				if _, err := alice.Client.Send(t.Context(), ab, "to a bad disk"); !errors.Is(err, client.ErrStopped) {
					t.Fatalf("Send to a disk that fails: %v", err)
				}
				s.wait(time.Minute, "alice's client ends", alice.Ended)
				if !errors.Is(alice.Err(), world.ErrBroken) {
					t.Fatalf("the client ended with %v", alice.Err())
				}
				s.restart(alice, true)
				if after { // it is durable, although nobody was told
					want = append(want, "to a bad disk")
				}
				s.same(alice, bob, ab, ba, want)
				fail(bob.Disk, 1)
				s.send(alice, ab, "from a good disk")
				s.wait(time.Minute, "bob's client ends", bob.Ended)
				if !errors.Is(bob.Err(), world.ErrBroken) {
					t.Fatalf("the client ended with %v", bob.Err())
				}
				pause(time.Minute)
				if m := s.line(alice, ab, "from a good disk"); m.State > client.InCustody {
					t.Fatalf("the message is %s although bob has told nobody", m.State)
				}
				s.restart(bob, true)
				s.same(alice, bob, ab, ba, append(want, "from a good disk"))
			})
		})
	}
}
