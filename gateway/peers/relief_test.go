package peers_test

import (
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"zeroms/gateway/peers"
	"zeroms/protocol/link"
	"zeroms/protocol/wire"
)

// busy has so many requests under way at a gateway that answers none before release,
// and returns how many were answered well once it did.
func (w *world) busy(g *gateway, n int) int64 {
	release := make(chan struct{})
	g.answer = func(f wire.Frame) wire.Payload { <-release; return &wire.Pong{} }
	var answered atomic.Int64
	for range n {
		w.pool.Send(g.endpoint(), &wire.Ping{}, func(p wire.Payload, err error) {
			if _, ok := p.(*wire.Pong); ok && err == nil {
				answered.Add(1)
			}
		})
	}
	synctest.Wait()
	close(release)
	synctest.Wait()
	return answered.Load()
}

// TestRelief: a link over QUIC that carries much gets one over TCP beside it, once,
// and requests that ask for no address go over that.
func TestRelief(t *testing.T) {
	in(t, nil, func(w *world) {
		g := w.gateway("8.8.8.8:443", both)
		if err := w.ping(g); err != nil {
			t.Fatal(err)
		}
		if n := w.busy(g, 63); n != 63 || w.wss.count() != 0 || g.links.Load() != 1 {
			t.Errorf("little traffic: %d answers, %d links over TCP, %d links", n, w.wss.count(), g.links.Load())
		}
		for range 3 {
			if n := w.busy(g, 200); n != 200 || w.wss.count() != 1 || w.quic.count() != 1 || g.links.Load() != 2 {
				t.Errorf("much traffic: %d answers, %d links over TCP, %d over QUIC, %d links", n, w.wss.count(), w.quic.count(), g.links.Load())
			}
		}
		g.answer = func(wire.Frame) wire.Payload { return &wire.Pong{} }
		// Only who asks at an address uses the first link now: the other one ends first.
		for range 3 {
			pass(30 * time.Second)
			if err := w.ping(g); err != nil {
				t.Error(err)
			}
		}
		if g.links.Load() != 1 || w.wss.count() != 1 || w.quic.count() != 1 {
			t.Errorf("%d links are left; %d over TCP, %d over QUIC were opened", g.links.Load(), w.wss.count(), w.quic.count())
		}
		if n := w.busy(g, 200); n != 200 || w.wss.count() != 2 || g.links.Load() != 2 {
			t.Errorf("later: %d answers, %d links over TCP, %d links", n, w.wss.count(), g.links.Load())
		}
	})
}

// TestNoRelief: nothing is opened where there is no TCP, and a link over TCP that
// can't be opened costs nobody an answer.
func TestNoRelief(t *testing.T) {
	for name, change := range map[string]func(*peers.Config){
		"gateway": nil,
		"here":    func(c *peers.Config) { c.WSS = nil },
	} {
		t.Run(name, func(t *testing.T) {
			in(t, change, func(w *world) {
				g := w.gateway("8.8.8.8:443", map[bool]uint8{true: wire.TransportQUIC, false: both}[change == nil])
				if err := w.ping(g); err != nil {
					t.Fatal(err)
				}
				if n := w.busy(g, 200); n != 200 || w.wss.count() != 0 || g.links.Load() != 1 {
					t.Errorf("%d answers, %d links over TCP, %d links", n, w.wss.count(), g.links.Load())
				}
			})
		})
	}
	t.Run("failed", func(t *testing.T) {
		in(t, nil, func(w *world) {
			g := w.gateway("8.8.8.8:443", both)
			if err := w.ping(g); err != nil {
				t.Fatal(err)
			}
			w.wss.silent = func(link.Endpoint) bool { return true }
			for range 3 {
				if n := w.busy(g, 200); n != 200 || w.wss.count() != 1 || g.links.Load() != 1 {
					t.Errorf("%d answers, %d attempts over TCP, %d links", n, w.wss.count(), g.links.Load())
				}
			}
			pass(2 * time.Minute)
			if err := w.ping(g); err != nil {
				t.Error("after the attempt had failed:", err)
			}
		})
	})
}

// TestReliefKeepsOrder: requests on the link over TCP wait for those before them on
// the other one, but not for ever.
func TestReliefKeepsOrder(t *testing.T) {
	for name, wait := range map[string]time.Duration{"answered": 0, "stuck": time.Second} {
		t.Run(name, func(t *testing.T) {
			in(t, nil, func(w *world) {
				g := w.gateway("8.8.8.8:443", both)
				if err := w.ping(g); err != nil {
					t.Fatal(err)
				}
				release, served := make(chan struct{}), make(chan byte, 1000)
				g.answer = func(f wire.Frame) wire.Payload {
					var q wire.FindNode
					if f.Decode(&q) != nil {
						return wire.FailureOf(wire.ErrUnexpected)
					}
					if q.Target[0] < 64 {
						<-release
					}
					served <- q.Target[0]
					return &wire.Nodes{}
				}
				var answered atomic.Int64
				send := func(from, to byte) {
					for n := from; n < to; n++ {
						w.pool.Send(g.endpoint(), &wire.FindNode{Target: [32]byte{n}}, func(_ wire.Payload, err error) {
							if err == nil {
								answered.Add(1)
							}
						})
					}
					synctest.Wait()
				}
				send(0, 64)
				send(64, 200)
				if g.links.Load() != 2 || len(served) != 0 {
					t.Fatalf("%d links, %d requests were served", g.links.Load(), len(served))
				}
				if wait > 0 {
					pass(wait)
					if len(served) != 200-64 {
						t.Errorf("%d requests were served behind those that are stuck, want %d", len(served), 200-64)
					}
				}
				close(release)
				synctest.Wait()
				for n := range byte(200) {
					if got := <-served; wait == 0 && got != n {
						t.Fatalf("request %d was served as the %d. one", got, n)
					}
				}
				if answered.Load() != 200 {
					t.Errorf("%d answers", answered.Load())
				}
			})
		})
	}
}
