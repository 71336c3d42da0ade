package world_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"zeroms/client"
	"zeroms/client/home"
	"zeroms/cmd/zeroms-lab/world"
	"zeroms/gateway/mailbox"
	"zeroms/protocol/address"
	"zeroms/protocol/key"
	"zeroms/protocol/link"
	"zeroms/protocol/wire"
)

// slowness delays what people send to some gateways, and counts what they have forwarded there.
type slowness struct {
	by   map[string]time.Duration // by the gateway's host; set before people run
	sent map[string]*atomic.Int64
}

func (s *slowness) wrap(host string, d home.Dialer) home.Dialer { return slowDialer{d, s} }

type slowDialer struct {
	home.Dialer
	*slowness
}

func (d slowDialer) Dial(ctx context.Context, e link.Endpoint) (link.Conn, error) {
	if by := d.by[e.Host]; by > 0 {
		pause(by)
	}
	c, err := d.Dialer.Dial(ctx, e)
	if err != nil {
		return nil, err
	}
	return slowConn{c, d.by[e.Host], d.sent[e.Host]}, nil
}

type slowConn struct {
	link.Conn
	by   time.Duration
	sent *atomic.Int64
}

func (c slowConn) Send(ctx context.Context, message []byte) error {
	for rest := message; len(rest) > 0 && c.sent != nil; {
		f, after, err := wire.NextFrame(rest)
		if err != nil {
			return err
		}
		if rest = after; f.Type == wire.TypeForward {
			c.sent.Add(1)
		}
	}
	if c.by > 0 {
		pause(c.by)
	}
	return c.Conn.Send(ctx, message)
}

// TestSlowerHomeIsNotPreferred: with two homes that forward, what is sent goes through the faster one, whichever was
// added first, and the slower one still takes over when that is gone.
func TestSlowerHomeIsNotPreferred(t *testing.T) {
	for slow := range 2 {
		synctest.Test(t, func(t *testing.T) {
			v := &slowness{by: map[string]time.Duration{}, sent: map[string]*atomic.Int64{}}
			s := newStage(t, world.Config{Overlay: true, Wrap: v.wrap})
			g := s.network(4)
			for _, x := range g[:2] {
				v.sent[x.Host] = new(atomic.Int64)
			}
			v.by[g[slow].Host] = 700 * time.Millisecond
			alice, bob := s.person("alice", g[0], g[1]), s.person("bob", g[3])
			s.up(alice, g[0])
			s.up(alice, g[1])
			s.up(bob, g[3])
			ab, ba := s.add(alice, bob), s.add(bob, alice)
			s.send(alice, ab, "hello")
			s.state(alice, ab, "hello", client.Delivered)
			s.send(bob, ba, "hi")
			s.state(bob, ba, "hi", client.Delivered)
			pause(time.Minute)
			before := v.sent[g[slow].Host].Load()
			for n := range 20 {
				s.within(time.Second, alice, ab, fmt.Sprint("line ", n))
			}
			if n := v.sent[g[slow].Host].Load() - before; n > 3 {
				t.Errorf("%d requests went through the slower home", n)
			}
			if fast, slower := s.home(alice, g[1-slow]).Seen, s.home(alice, g[slow]).Seen; fast.Connect >= slower.Connect || fast.Points <= slower.Points {
				t.Errorf("the faster one was seen as %+v, the slower one as %+v", fast, slower)
			}
			g[1-slow].Kill()
			s.within(20*time.Second, alice, ab, "by the other one")
		})
	}
}

// TestFasterLeaseIsUsed: of two gateways of a contact the faster one is submitted to, whichever the contact names
// first, and when both are as fast the first one stays.
func TestFasterLeaseIsUsed(t *testing.T) {
	for slow := range 3 {
		synctest.Test(t, func(t *testing.T) {
			v := &slowness{by: map[string]time.Duration{}}
			s := newStage(t, world.Config{Wrap: v.wrap})
			first, second := s.gateway(), s.gateway()
			g := []*world.Gateway{first, second}
			if slow < 2 {
				v.by[g[slow].Host] = time.Second
			}
			alice, bob := s.person("alice", first, second), s.person("bob", s.gateway())
			s.up(alice, first)
			s.up(alice, second)
			ab, ba := s.add(alice, bob), s.add(bob, alice)
			s.send(alice, ab, "hello")
			s.state(alice, ab, "hello", client.Delivered)
			s.send(bob, ba, "hi")
			s.state(bob, ba, "hi", client.Delivered)
			pause(time.Minute)
			var holders []key.GatewayHash
			for n := range 12 {
				text := fmt.Sprint("line ", n)
				s.send(bob, ba, text)
				s.state(bob, ba, text, client.Delivered)
				holders = append(holders, s.line(bob, ba, text).Holder)
				pause(5 * time.Second)
			}
			holders = holders[2:] // what is not known yet is found out
			for _, h := range holders {
				if h != holders[0] {
					t.Errorf("it goes to and fro: %x", holders)
				}
			}
			if slow < 2 && holders[0] == key.GatewayHashOf(g[slow].Address().Node) {
				t.Error("the slower one is used")
			}
		})
	}
}

// TestMeasurementsOutliveTheRun: what was seen of gateways is there when the client starts again.
func TestMeasurementsOutliveTheRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, world.Config{})
		g := s.gateway()
		alice, bob := s.person("alice", g), s.person("bob", g)
		ab, _ := s.add(alice, bob), s.add(bob, alice)
		s.send(alice, ab, "hello")
		s.state(alice, ab, "hello", client.Delivered)
		s.wait(time.Hour, "everything is acknowledged", func() bool { return s.home(alice, g).Held == 0 })
		now := s.home(alice, g)
		if now.Seen.Custody == 0 || now.Seen.Connect == 0 || now.Taken == 0 || now.Held != 0 {
			t.Fatalf("%+v", now)
		}
		s.must(bob.Stop())
		s.send(alice, ab, "kept")
		s.state(alice, ab, "kept", client.InCustody)
		if held := s.home(alice, g).Held; held != 1 {
			t.Errorf("%d messages are in custody", held)
		}
		was := s.home(alice, g).Seen
		s.Net.Partition(alice.Host(), g.Host)
		s.must(alice.Stop())
		s.must(alice.Start())
		got := s.home(alice, g)
		if d := got.Seen.Custody - was.Custody; d.Abs() > time.Millisecond || got.Seen.Connect == 0 {
			t.Errorf("%+v was kept of %+v", got.Seen, was)
		}
		if got.Held != 1 || got.Taken != 0 {
			t.Errorf("%d in custody, %d taken", got.Held, got.Taken)
		}
		s.Net.Heal(alice.Host(), g.Host)
		s.must(bob.Start())
		s.state(alice, ab, "kept", client.Delivered)
	})
}

// TestLostHomeIsReplaced: somebody with one home finds the others, the slow one last, takes a second one, and when that
// is lost another one in its place; no message is lost.
func TestLostHomeIsReplaced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := &slowness{by: map[string]time.Duration{}}
		s := newStage(t, world.Config{Overlay: true, Wrap: v.wrap})
		g := s.network(6)
		v.by[g[4].Host] = 2 * time.Second
		alice, bob := s.person("alice", g[0]), s.person("bob", g[5])
		s.up(alice, g[0])
		s.up(bob, g[5])
		ab, ba := s.add(alice, bob), s.add(bob, alice)
		s.send(alice, ab, "hello")
		s.state(alice, ab, "hello", client.Delivered)
		s.send(bob, ba, "hi")
		s.state(bob, ba, "hi", client.Delivered)

		find := func() []client.Offer {
			offers, err := alice.Client.FindGateways(t.Context(), client.Search{Count: 10})
			s.must(err)
			return offers
		}
		offers := find()
		if len(offers) != 5 {
			t.Fatalf("%d of 5 other gateways were found", len(offers))
		}
		last := offers[4]
		if last.Address.Node != g[4].Address().Node || last.Took < 2*time.Second || offers[0].Took >= last.Took {
			t.Errorf("the slow one is not the last one: %+v", offers)
		}
		offers = slices.DeleteFunc(offers, func(o client.Offer) bool { return o.Address.Node == g[5].Address().Node }) // it has to stay
		used, err := alice.Client.UseGateways(t.Context(), 2, offers)
		s.must(err)
		if len(used.Added) != 1 || len(used.Drained) != 0 || used.Have != 2 || used.Added[0].Node != offers[0].Address.Node || !used.Added[0].Up {
			t.Fatalf("%+v", used)
		}
		if used, err = alice.Client.UseGateways(t.Context(), 2, offers); err != nil || len(used.Added) != 0 || used.Have != 2 {
			t.Fatalf("again: %+v %v", used, err)
		}
		pause(time.Minute)

		// The new one is lost.
		lost := g[slices.IndexFunc(g, func(x *world.Gateway) bool { return x.Address().Node == offers[0].Address.Node })]
		s.must(lost.Kill())
		s.wait(time.Minute, "the loss is known", func() bool { return !s.home(alice, lost).Up })
		pause(time.Minute)
		offers = find()
		for _, o := range offers {
			if o.Address.Node == lost.Address().Node || o.Address.Node == g[0].Address().Node {
				t.Errorf("a home is offered: %+v", o)
			}
		}
		offers = slices.DeleteFunc(offers, func(o client.Offer) bool { return o.Address.Node == g[5].Address().Node })
		used, err = alice.Client.UseGateways(t.Context(), 2, offers)
		s.must(err)
		if len(used.Added) != 1 || len(used.Drained) != 1 || used.Drained[0].Node != lost.Address().Node || used.Have != 2 {
			t.Fatalf("%+v", used)
		}
		for n := range 5 {
			s.within(8*time.Second, bob, ba, fmt.Sprint("line ", n))
		}
		s.see(alice, ab, "hello", "hi", "line 0", "line 1", "line 2", "line 3", "line 4")
	})
}

// TestHomesForWork: gateways that take work for an account are found and taken; one that turns people away is given up
// again, and the next one tried.
func TestHomesForWork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, world.Config{Overlay: true, Registration: mailbox.ByWork, RegisterBits: 6})
		g := s.network(4)
		alice := s.person("alice", g[0])
		s.up(alice, g[0])
		offers, err := alice.Client.FindGateways(t.Context(), client.Search{Count: 10})
		s.must(err)
		if len(offers) != 3 || offers[0].Bits != 6 || offers[0].Flags&address.TakesWork == 0 {
			t.Fatalf("%+v", offers)
		}
		wrong := offers[0]
		wrong.Address.Node = key.NewPrivate[key.Node]().Public()
		used, err := alice.Client.UseGateways(t.Context(), 3, append([]client.Offer{wrong}, offers...))
		s.must(err)
		if len(used.Added) != 2 || used.Have != 3 || len(used.Refused) != 1 || used.Refused[0].Problem == nil {
			t.Fatalf("%+v", used)
		}
		if all := s.homes(alice); len(all) != 3 {
			t.Errorf("%d homes are left", len(all))
		}
		if used, err = alice.Client.UseGateways(t.Context(), 5, offers[:0]); err != nil || used.Have != 3 {
			t.Errorf("%+v, %v", used, err)
		}
	})
}

// TestNothingIsFoundAlone: without a network, a connection or a home it is told why nothing is found.
func TestNothingIsFoundAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, world.Config{})
		g := s.gateway()
		alice := s.person("alice")
		find := func(want error) {
			t.Helper()
			if _, err := alice.Client.FindGateways(t.Context(), client.Search{Count: 5}); err == nil || !strings.Contains(err.Error(), want.Error()) {
				t.Errorf("%v, want %v", err, want)
			}
		}
		find(client.ErrNoGateway)
		_, err := alice.Client.AddGateway(t.Context(), g.Address())
		s.must(err)
		s.up(alice, g)
		find(wire.ErrNotServing.Because("this gateway stands alone"))
		s.must(g.Stop())
		s.wait(time.Minute, "it is gone", func() bool { return !s.home(alice, g).Up })
		find(wire.ErrLinkClosed.Because("none of your gateways is connected"))
		s.must(g.Start())
	})
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, world.Config{Overlay: true})
		g := s.gateway()
		alice := s.person("alice", g)
		s.up(alice, g)
		if _, err := alice.Client.FindGateways(t.Context(), client.Search{Count: 5}); err != client.ErrNoOffer {
			t.Errorf("%v", err)
		}
	})
}

// TestWithoutForwardingMessagesGoDirectlyAndThatIsShown: a home that does not forward leads to a link to the contact's
// gateway; with Never the message waits, the contact's problem says why, and it goes out once a home forwards.
func TestWithoutForwardingMessagesGoDirectlyAndThatIsShown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, v, alice, bob, at, far, ab, ba := forwarding(t, 1, nil)
		if s.line(alice, ab, "hello").Direct {
			t.Error("what was forwarded is shown as sent directly")
		}
		s.must(at[0].Stop())
		at[0].Alone = true
		s.must(at[0].Start())
		s.wait(time.Minute, "the home is back", func() bool { return s.home(alice, at[0]).Up && !s.home(alice, at[0]).Forwards })
		s.within(20*time.Second, alice, ab, "directly")
		if !s.line(alice, ab, "directly").Direct || v.between(alice, far) == 0 {
			t.Error("it is not shown that it was sent directly")
		}
		pause(5 * time.Minute) // the link is closed

		s.must(alice.Client.SetDirect(t.Context(), client.Never))
		visits := v.between(alice, far)
		s.send(alice, ab, "later")
		s.wait(time.Minute, "the problem is told", func() bool {
			return strings.Contains(s.contact(alice, ab).Problem, "direct connections are switched off")
		})
		pause(30 * time.Minute)
		if m := s.line(alice, ab, "later"); m.State != client.Queued || m.Direct || v.between(alice, far) != visits {
			t.Errorf("%+v, %d visits", m, v.between(alice, far)-visits)
		}
		s.must(at[0].Stop())
		at[0].Alone = false
		s.must(at[0].Start())
		if m := s.state(alice, ab, "later", client.Delivered); m.Direct || v.between(alice, far) != visits {
			t.Errorf("%+v, %d visits", m, v.between(alice, far)-visits)
		}
		if p := s.contact(alice, ab).Problem; p != "" {
			t.Error("there is still a problem: ", p)
		}
		if !s.home(alice, at[0]).Forwards {
			t.Error("the home is not shown as one that forwards")
		}
		s.restart(alice, true)
		if !s.line(alice, ab, "directly").Direct || s.line(alice, ab, "later").Direct {
			t.Error("how messages went is forgotten")
		}
		s.see(bob, ba, "hello", "hi", "directly", "later")
	})
}

// TestWaitingMessageGoesWhenDirectLinksAreAllowed: the setting is applied at once.
func TestWaitingMessageGoesWhenDirectLinksAreAllowed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, world.Config{})
		alice, _, ab, _ := s.friends()
		s.must(alice.Client.SetDirect(t.Context(), client.Never))
		pause(2 * time.Minute)
		s.send(alice, ab, "hidden")
		pause(10 * time.Minute)
		if s.line(alice, ab, "hidden").State != client.Queued {
			t.Error("it went")
		}
		s.must(alice.Client.SetDirect(t.Context(), client.Fallback))
		s.wait(5*time.Second, "it goes at once", func() bool { return s.line(alice, ab, "hidden").State == client.Delivered })
		if !s.line(alice, ab, "hidden").Direct {
			t.Error("that it went directly is not shown")
		}
	})
}
