package peers_test

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"zeroms/gateway/peers"
	"zeroms/protocol/link"
	"zeroms/protocol/wire"
)

const both = wire.TransportQUIC | wire.TransportWSS

// TestOneLink: whatever is asked of one gateway, by contact, by key and by hash,
// goes over one link, whose hello tells who asks.
func TestOneLink(t *testing.T) {
	in(t, nil, func(w *world) {
		g := w.gateway("8.8.8.8:443", both)
		var all sync.WaitGroup
		for range 25 {
			all.Go(func() {
				if err := w.ping(g); err != nil {
					t.Error(err)
				}
			})
			all.Go(func() {
				if p, err := w.pool.AskAt(w.t.Context(), g.endpoint(), &wire.Ping{}); err != nil {
					t.Error(err)
				} else if _, ok := p.(*wire.Pong); !ok {
					t.Errorf("%T", p)
				}
			})
		}
		all.Wait()
		byHash := g.endpoint()
		hash := gatewayHash(g.node.Public())
		byHash.Node, byHash.Host = hash[:], "elsewhere.example"
		if _, err := w.pool.AskAt(w.t.Context(), byHash, &wire.Ping{}); err != nil {
			t.Error("by hash:", err)
		}
		if g.links.Load() != 1 || w.quic.count()+w.wss.count() != 1 {
			t.Errorf("%d links, %d dials", g.links.Load(), w.quic.count()+w.wss.count())
		}
		h := g.hellos[0]
		if c, err := wire.ParseContact(h.Gateway); err != nil || c != w.self || !link.Pinned(g.node.Public(), h.Node) || h.Network != params.Network {
			t.Errorf("hello %+v: %v", c, err)
		}
		if rtt, ok := w.pool.RTT(g.node.Public()); ok != (rtt > 0) {
			t.Error("RTT", rtt, ok)
		}
		if s := w.pool.Stats(); s.Links != 1 || s.Dialling != 0 || s.QUIC+s.WSS != 1 || s.Answered != 51 || s.Waiting != 0 {
			t.Errorf("%+v", s)
		}
	})
}

// TestSetSelf: who moves is known at the new address by the next request.
func TestSetSelf(t *testing.T) {
	in(t, nil, func(w *world) {
		g := w.gateway("8.8.8.8:443", both)
		release := make(chan struct{})
		g.answer = func(f wire.Frame) wire.Payload { <-release; return &wire.Pong{} }
		slow := make(chan error, 1)
		go func() { slow <- w.ping(g) }()
		synctest.Wait()
		w.self.Addr = netip.MustParseAddrPort("9.9.9.8:443")
		w.pool.SetSelf(w.self)
		w.pool.SetSelf(w.self)
		close(release)
		if err := <-slow; err != nil {
			t.Errorf("what was under way: %v", err)
		}
		if err := w.ping(g); err != nil {
			t.Error(err)
		}
		synctest.Wait()
		if n := len(g.hellos); n != 2 || g.links.Load() != 1 {
			t.Fatalf("%d hellos, %d links", n, g.links.Load())
		}
		if c, _ := wire.ParseContact(g.hellos[1].Gateway); c != w.self {
			t.Errorf("the second one says %+v", c)
		}
		w.pool.SetSelf(w.self)
		if err := w.ping(g); err != nil || len(g.hellos) != 2 {
			t.Errorf("%v, %d hellos though nothing changed", err, len(g.hellos))
		}
	})
}

// TestRequestsGoWithTheHello: a lookup costs no round trip for the hello.
func TestRequestsGoWithTheHello(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := start(t, nil)
		defer w.end()
		g := w.gateway("8.8.8.8:443", both)
		slow := slowDialer{w.net.Dialer("self"), 40 * time.Millisecond}
		w.quic.over = slow
		begun := time.Now()
		if err := w.ping(g); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(begun); took != 40*time.Millisecond {
			t.Errorf("it took %v", took)
		}
		if err := w.ping(g); err != nil {
			t.Fatal(err)
		}
	})
}

// slowDialer takes its time.
type slowDialer struct {
	over peers.Dialer
	wait time.Duration
}

func (d slowDialer) Dial(ctx context.Context, e link.Endpoint) (link.Conn, error) {
	select {
	case <-time.After(d.wait):
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	return d.over.Dial(ctx, e)
}

// TestAnswers: every request of the DHT and its neighbours gets the answer of its
// type, a Failure counts as an answer.
func TestAnswers(t *testing.T) {
	pairs := []struct{ ask, answer wire.Payload }{
		{&wire.Ping{}, &wire.Pong{}},
		{&wire.FindNode{}, &wire.Nodes{}},
		{&wire.FindValue{}, &wire.Value{}},
		{&wire.Store{Items: []wire.StoreItem{{Record: make([]byte, wire.RecordSize)}}}, &wire.Stored{Codes: []uint16{0}}},
		{&wire.Publish{Items: []wire.StoreItem{{Record: make([]byte, wire.RecordSize)}}}, &wire.Published{Holders: []uint8{3}}},
		{&wire.Reach{}, &wire.OK{}},
		{&wire.RecordGet{}, &wire.Record{Record: make([]byte, wire.RecordSize)}},
		{&wire.DescriptorGet{Node: make([]byte, 32)}, &wire.Descriptor{Object: []byte{1}}},
		{&wire.GatewaysGet{Count: 1}, &wire.Gateways{}},
		{&wire.Relay{Sealed: []byte{1}}, &wire.Forwarded{Sealed: []byte{1}}},
		{&wire.Ping{}, wire.FailureOf(wire.ErrBusy)},
	}
	in(t, nil, func(w *world) {
		g := w.gateway("8.8.8.8:443", both)
		for _, p := range pairs {
			g.answer = func(f wire.Frame) wire.Payload {
				if got, err := peers.ParseRequest(f); err != nil || got.Type() != p.ask.Type() {
					t.Errorf("%T: %v", p.ask, err)
				}
				return p.answer
			}
			got, err := w.pool.Ask(w.t.Context(), g.contact, p.ask)
			if err != nil || got.Type() != p.answer.Type() {
				t.Errorf("%T: %T, %v", p.ask, got, err)
			}
		}
		if w.quic.count() != 1 {
			t.Error("the link did not last")
		}
	})
}

// TestBrokenProtocol: a gateway that answers what was not asked, or in another form,
// loses its link; the request fails and is not repeated.
func TestBrokenProtocol(t *testing.T) {
	for name, c := range map[string]struct {
		hello  func(*wire.ServerHello)
		answer func(f wire.Frame) wire.Payload
		want   error
	}{
		"another type":    {nil, func(wire.Frame) wire.Payload { return &wire.Nodes{} }, wire.ErrUnexpected},
		"too much":        {nil, func(wire.Frame) wire.Payload { return &wire.Gateways{Objects: make([][]byte, 21)} }, wire.ErrUnexpected},
		"another network": {func(h *wire.ServerHello) { h.Network[0]++ }, nil, wire.ErrNetwork},
		"another key":     {func(h *wire.ServerHello) { h.Node[0]++ }, nil, wire.ErrWrongNode},
		"another version": {func(h *wire.ServerHello) { h.Version++ }, nil, wire.ErrVersion},
		"no descriptor":   {func(h *wire.ServerHello) { h.Descriptor = []byte{1, 2, 3} }, nil, wire.ErrUnexpected},
	} {
		t.Run(name, func(t *testing.T) {
			in(t, nil, func(w *world) {
				g := w.gateway("8.8.8.8:443", both)
				g.hello = c.hello
				if c.answer != nil {
					g.answer = c.answer
				}
				if err := w.ping(g); !errors.Is(err, c.want) {
					t.Errorf("%v, want %v", err, c.want)
				}
				synctest.Wait()
				if g.links.Load() != 0 || w.pool.Stats().Links != 0 {
					t.Error("the link is still there")
				}
				if w.quic.count() != 1 {
					t.Errorf("%d dials", w.quic.count())
				}
			})
		})
	}
}

// TestUnknownAnswers: an answer to a request that was never made ends the link, one
// that is late does not.
func TestUnknownAnswers(t *testing.T) {
	in(t, nil, func(w *world) {
		g := w.gateway("8.8.8.8:443", both)
		release := make(chan struct{})
		g.answer = func(f wire.Frame) wire.Payload { <-release; return &wire.Pong{} }
		ctx, cancel := context.WithTimeout(w.t.Context(), time.Second)
		defer cancel()
		if _, err := w.pool.Ask(ctx, g.contact, &wire.Ping{}); !errors.Is(err, context.DeadlineExceeded) {
			t.Fatal(err)
		}
		close(release)
		synctest.Wait()
		if err := w.ping(g); err != nil || w.quic.count() != 1 {
			t.Errorf("after a late answer: %v, %d dials", err, w.quic.count())
		}
	})
}

// TestTwoAnswers: a second answer to one request ends the link.
func TestTwoAnswers(t *testing.T) {
	in(t, nil, func(w *world) {
		g := w.gateway("8.8.8.8:443", both)
		if err := w.ping(g); err != nil {
			t.Fatal(err)
		}
		g.twice = true
		if err := w.ping(g); err != nil {
			t.Error(err)
		}
		synctest.Wait()
		if g.links.Load() != 0 {
			t.Error("the link is still there")
		}
	})
}

// TestDraining: a gateway that shuts down answers what it was asked, and is asked
// nothing more.
func TestDraining(t *testing.T) {
	in(t, nil, func(w *world) {
		g := w.gateway("8.8.8.8:443", both)
		if err := w.ping(g); err != nil {
			t.Fatal(err)
		}
		g.farewell = wire.ErrDraining
		if err := w.ping(g); err != nil {
			t.Errorf("a request under way: %v", err)
		}
		synctest.Wait()
		if g.links.Load() != 0 || w.quic.count() != 1 {
			t.Errorf("%d links, %d dials", g.links.Load(), w.quic.count())
		}
		for reason, want := range map[*wire.Error]error{wire.ErrBusy: wire.ErrUnreachable, wire.ErrNetwork: wire.ErrNetwork, wire.ErrScope: wire.ErrUnreachable, wire.ErrLogin: wire.ErrUnreachable} {
			pass(time.Hour)
			g.farewell = reason
			if err := w.ping(g); !errors.Is(err, want) {
				t.Errorf("%v: %v", reason, err)
			}
		}
	})
}

// TestSilentGateway: requests without an answer fail in time, and with them a link
// on which nothing comes any more.
func TestSilentGateway(t *testing.T) {
	in(t, nil, func(w *world) {
		g := w.gateway("8.8.8.8:443", both)
		if err := w.ping(g); err != nil {
			t.Fatal(err)
		}
		g.answer = func(wire.Frame) wire.Payload { return nil }
		begun := time.Now()
		if err := w.ping(g); !errors.Is(err, wire.ErrUnreachable) {
			t.Error(err)
		}
		if took := time.Since(begun); took != 15*time.Second {
			t.Errorf("it took %v", took)
		}
		synctest.Wait()
		if g.links.Load() != 0 {
			t.Error("the silent link is still there")
		}
	})
}

// TestIdleLink: a link that nobody uses is closed, sooner if only a contact was asked
// over it.
func TestIdleLink(t *testing.T) {
	for name, idle := range map[string]time.Duration{"contact": 20 * time.Second, "endpoint": 55 * time.Second} {
		t.Run(name, func(t *testing.T) {
			in(t, nil, func(w *world) {
				g := w.gateway("8.8.8.8:443", both)
				for range 5 {
					err := error(nil)
					if name == "contact" {
						err = w.ping(g)
					} else {
						_, err = w.pool.AskAt(w.t.Context(), g.endpoint(), &wire.Ping{})
					}
					if err != nil {
						t.Fatal(err)
					}
					pass(idle - 5*time.Second)
				}
				if n := w.quic.count() + w.wss.count(); g.links.Load() != 1 || n != 1 {
					t.Errorf("%d links, %d dials", g.links.Load(), n)
				}
				pass(10 * time.Second)
				if g.links.Load() != 0 || w.pool.Stats().Links != 0 {
					t.Error("the idle link is still there")
				}
			})
		})
	}
}

// TestRestartedGateway: what is asked over a link that just broke is asked once more,
// over a new one.
func TestRestartedGateway(t *testing.T) {
	in(t, nil, func(w *world) {
		g := w.gateway("8.8.8.8:443", both)
		if err := w.ping(g); err != nil {
			t.Fatal(err)
		}
		pass(3 * time.Second)
		asked := 0
		g.answer = func(f wire.Frame) wire.Payload {
			if asked++; asked == 1 {
				w.net.ResetAll()
			}
			return &wire.Pong{}
		}
		if err := w.ping(g); err != nil || asked != 2 {
			t.Errorf("%v after %d requests", err, asked)
		}
		g.answer = func(f wire.Frame) wire.Payload { asked++; w.net.ResetAll(); return &wire.Pong{} }
		asked = 0
		pass(3 * time.Second)
		if err := w.ping(g); !errors.Is(err, wire.ErrUnreachable) || asked != 2 {
			t.Errorf("%v after %d requests", err, asked)
		}
	})
}

// TestNotTwice: what is large and was sent is not sent again.
func TestNotTwice(t *testing.T) {
	in(t, nil, func(w *world) {
		g := w.gateway("8.8.8.8:443", both)
		if err := w.ping(g); err != nil {
			t.Fatal(err)
		}
		pass(3 * time.Second)
		asked := 0
		g.answer = func(f wire.Frame) wire.Payload { asked++; w.net.ResetAll(); return &wire.Pong{} }
		if _, err := w.pool.Ask(w.t.Context(), g.contact, &wire.Relay{Sealed: make([]byte, 2304)}); !errors.Is(err, wire.ErrUnreachable) || asked != 1 {
			t.Errorf("%v after %d requests", err, asked)
		}
	})
}

// TestInFlight: a link has a bounded number of requests under way, the next wait, and
// beyond those nothing is taken; other gateways are not affected.
func TestInFlight(t *testing.T) {
	in(t, nil, func(w *world) {
		g, other := w.gateway("8.8.8.8:443", wire.TransportQUIC), w.gateway("8.8.4.4:443", both)
		if err := w.ping(g); err != nil {
			t.Fatal(err)
		}
		g.served.Store(0)
		g.answer = func(wire.Frame) wire.Payload { return nil }
		var mu sync.Mutex
		got := map[string]int{}
		for range peers.InFlight + 1100 {
			w.pool.Send(g.endpoint(), &wire.Ping{}, func(_ wire.Payload, err error) {
				mu.Lock()
				defer mu.Unlock()
				got[fmt.Sprint(errors.Is(err, wire.ErrBusy))]++
			})
		}
		synctest.Wait()
		if g.served.Load() != peers.InFlight || got["true"] != 1100-1024 || got["false"] != 0 {
			t.Errorf("%d under way, %v", g.served.Load(), got)
		}
		if err := w.ping(other); err != nil {
			t.Error("another gateway:", err)
		}
		pass(16 * time.Second)
		if got["false"] != peers.InFlight+1024 || w.pool.Stats().Waiting != 0 {
			t.Errorf("%v, %d bytes wait", got, w.pool.Stats().Waiting)
		}
	})
}

// TestBytes: one gateway gets no more memory than what it leaves for others.
func TestBytes(t *testing.T) {
	in(t, func(c *peers.Config) { c.Capacity.Waiting = 1 << 20 }, func(w *world) {
		g, other := w.gateway("8.8.8.8:443", both), w.gateway("8.8.4.4:443", both)
		g.answer = func(wire.Frame) wire.Payload { return nil }
		busy := 0
		for range 64 {
			w.pool.Send(g.endpoint(), &wire.Relay{Sealed: make([]byte, 64<<10)}, func(_ wire.Payload, err error) {
				if errors.Is(err, wire.ErrBusy) {
					busy++
				}
			})
		}
		synctest.Wait()
		if waiting := w.pool.Stats().Waiting; waiting > 1<<19+64<<10 || busy < 64-9 {
			t.Errorf("%d bytes wait, %d were refused", waiting, busy)
		}
		if err := w.ping(other); err != nil {
			t.Error("another gateway:", err)
		}
	})
}

// TestMostLinks: beyond the cap the link goes that was not used for longest; links on
// which somebody waits stay.
func TestMostLinks(t *testing.T) {
	in(t, func(c *peers.Config) { c.Capacity.Links = 4 }, func(w *world) {
		var all []*gateway
		for i := range 6 {
			g := w.gateway(fmt.Sprintf("8.8.%d.8:443", i), both)
			all = append(all, g)
			if err := w.ping(g); err != nil {
				t.Fatal(err)
			}
			pass(time.Second)
			if i == 4 {
				w.ping(all[1]) // used again
			}
		}
		for i, g := range all {
			if want := int64(1); i != 0 && i != 2 && g.links.Load() != want {
				t.Errorf("gateway %d has %d links", i, g.links.Load())
			}
		}
		if all[0].links.Load()+all[2].links.Load() != 0 || w.pool.Stats().Links != 4 {
			t.Errorf("the wrong ones are open: %d links", w.pool.Stats().Links)
		}
		for _, g := range []*gateway{all[1], all[3], all[4], all[5]} {
			g.answer = func(wire.Frame) wire.Payload { return nil }
			w.pool.Send(g.endpoint(), &wire.Ping{}, func(wire.Payload, error) {})
		}
		synctest.Wait()
		if err := w.ping(all[0]); !errors.Is(err, wire.ErrBusy) {
			t.Errorf("a fifth link while four are in use: %v", err)
		}
	})
}

// TestAddressIsNotProved: a link to a gateway says nothing about another address that
// is claimed to be its own.
func TestAddressIsNotProved(t *testing.T) {
	in(t, nil, func(w *world) {
		g := w.gateway("8.8.8.8:443", both)
		if err := w.ping(g); err != nil {
			t.Fatal(err)
		}
		lie := g.contact
		lie.Addr = netip.MustParseAddrPort("7.7.7.7:443")
		if _, err := w.pool.Ask(w.t.Context(), lie, &wire.Ping{}); !errors.Is(err, wire.ErrUnreachable) {
			t.Errorf("a claimed address counts as reached: %v", err)
		}
		victim := w.gateway("6.6.6.6:443", both)
		lie.Addr = victim.contact.Addr
		if _, err := w.pool.Ask(w.t.Context(), lie, &wire.Ping{}); !errors.Is(err, wire.ErrWrongNode) {
			t.Errorf("another gateway's address counts as reached: %v", err)
		}
		if victim.served.Load() != 0 || len(victim.hellos) != 0 {
			t.Error("the victim got more than a handshake")
		}
		if err := w.ping(g); err != nil {
			t.Error(err)
		}
	})
}

// TestPlaceIsNotProved: a contact with another X than the gateway's own is not that
// gateway's, whether the link is new or not.
func TestPlaceIsNotProved(t *testing.T) {
	in(t, nil, func(w *world) {
		g := w.gateway("8.8.8.8:443", both)
		g.hello = func(h *wire.ServerHello) { h.Descriptor = g.descriptor(w.t, time.Now()) }
		lie := g.contact
		lie.X++
		for range 2 {
			if _, err := w.pool.Ask(w.t.Context(), lie, &wire.Ping{}); !errors.Is(err, wire.ErrWrongNode) {
				t.Errorf("it counts: %v", err)
			}
			if err := w.ping(g); err != nil {
				t.Error(err)
			}
		}
		if g.links.Load() != 1 || g.served.Load() != 3 {
			t.Errorf("%d links, %d requests", g.links.Load(), g.served.Load())
		}
	})
}

// TestEnd: what waits when the pool ends fails, and so does everything later.
func TestEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := start(t, nil)
		g := w.gateway("8.8.8.8:443", both)
		g.answer = func(wire.Frame) wire.Payload { return nil }
		w.wss.silent = func(link.Endpoint) bool { return true }
		far := wire.Contact{Node: g.node.Public(), Addr: netip.MustParseAddrPort("7.7.7.7:1"), Transports: wire.TransportWSS}
		var got []error
		var mu sync.Mutex
		note := func(_ wire.Payload, err error) { mu.Lock(); defer mu.Unlock(); got = append(got, err) }
		w.pool.Send(g.endpoint(), &wire.Ping{}, note)
		go func() { _, err := w.pool.Ask(context.Background(), far, &wire.Ping{}); note(nil, err) }()
		synctest.Wait()
		w.end()
		synctest.Wait()
		if len(got) != 2 || !slices.ContainsFunc(got, func(err error) bool { return errors.Is(err, wire.ErrDraining) }) {
			t.Errorf("%v", got)
		}
		if err := w.ping(g); !errors.Is(err, wire.ErrDraining) {
			t.Errorf("after the end: %v", err)
		}
	})
}
