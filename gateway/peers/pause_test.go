package peers_test

import (
	"errors"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"zeroms/protocol/link"
	"zeroms/protocol/wire"
)

// restarts makes a gateway that was reached and whose link has lasted.
func (w *world) restarts(at string) *gateway {
	w.t.Helper()
	g := w.gateway(at, wire.TransportWSS)
	g.answer = func(wire.Frame) wire.Payload { return &wire.Forwarded{Sealed: []byte{1}} }
	if err := w.relay(g.endpoint()); err != nil {
		w.t.Fatal(err)
	}
	pass(3 * time.Second)
	w.wss.hosts()
	return g
}

// relay has a gateway asked for what is too large to be sent twice without need.
func (w *world) relay(to link.Endpoint) error {
	_, err := w.pool.AskAt(w.t.Context(), to, &wire.Relay{Sealed: make([]byte, 2304)})
	return err
}

// takes fails unless it takes so long and ends so.
func (w *world) takes(what string, d time.Duration, want error, do func() error) {
	w.t.Helper()
	begun := time.Now()
	err := do()
	if took := time.Since(begun); took != d || !errors.Is(err, want) {
		w.t.Errorf("%s: %v after %v, want %v after %v", what, err, took, want, d)
	}
	synctest.Wait()
}

// leave has a gateway end as a program that is killed: its links break and nobody
// listens.
func (g *gateway) leave(w *world) {
	g.stop()
	w.net.ResetAll()
	<-g.done
	synctest.Wait()
}

// TestRestartIsBridged: a gateway that was reached lately may be away for a moment, and
// nobody who asks for it is told; by address and by name.
func TestRestartIsBridged(t *testing.T) {
	for _, host := range []string{"8.8.8.8", "gw.example.org"} {
		in(t, nil, func(w *world) {
			g := w.restarts("8.8.8.8:443")
			w.dns.name("gw.example.org", netip.MustParseAddr("8.8.8.8"))
			to := g.endpoint()
			to.Host = host
			g.leave(w)
			time.AfterFunc(300*time.Millisecond, func() { g.start(w) })
			w.takes(host, 500*time.Millisecond, nil, func() error { return w.relay(to) })
			if n := w.dials(); n != 2 {
				t.Errorf("%s: %d dials", host, n)
			}
		})
	}
}

// TestGoneIsNotBridged: of a gateway that stays away everybody soon hears so, and then
// at once; who asks for a very contact always does.
func TestGoneIsNotBridged(t *testing.T) {
	in(t, nil, func(w *world) {
		g := w.restarts("8.8.8.8:443")
		g.leave(w)
		relay := func() error { return w.relay(g.endpoint()) }
		w.takes("the first", 500*time.Millisecond, wire.ErrUnreachable, relay) // dialled at 0 and 0.5 s
		w.takes("a contact", 0, wire.ErrUnreachable, func() error { return w.ping(g) })
		w.takes("the second", time.Second, wire.ErrUnreachable, relay) // dialled at 1.5 s
		w.takes("the third", 0, wire.ErrUnreachable, relay)
		pass(time.Second)
		w.takes("the fourth", time.Second, wire.ErrUnreachable, relay) // dialled at 3.5 s
		if n, s := w.dials(), w.pool.Stats(); n != 4 || s.Dialling != 0 || s.Waiting != 0 {
			t.Errorf("%d dials, %+v", n, s)
		}
		stranger := contactAt("7.7.7.7:443", wire.TransportWSS)
		w.takes("one that was never reached", 0, wire.ErrUnreachable, func() error {
			return w.relay(link.Endpoint{Host: "7.7.7.7", Port: 443, Node: stranger.Node[:]})
		})
	})
}

// TestShortLinkIsForgivenOnce: a link that breaks soon after its hello is made again
// at once, but not again and again.
func TestShortLinkIsForgivenOnce(t *testing.T) {
	in(t, nil, func(w *world) {
		g := w.restarts("8.8.8.8:443")
		relay := func() error { return w.relay(g.endpoint()) }
		brief := func() {
			pass(100 * time.Millisecond)
			w.net.ResetAll()
			synctest.Wait()
		}
		w.net.ResetAll()
		synctest.Wait()
		w.takes("after a long one", 0, nil, relay)
		brief()
		w.takes("after a short one", 0, nil, relay)
		brief()
		w.takes("a contact after two short ones", 0, wire.ErrUnreachable, func() error { return w.ping(g) })
		w.takes("after two short ones", 500*time.Millisecond, nil, relay)
		brief()
		w.takes("after three", time.Second, nil, relay)
		pass(3 * time.Second)
		w.net.ResetAll()
		synctest.Wait()
		w.takes("after a long one again", 0, nil, relay)
		brief()
		w.takes("after the next short one", 0, nil, relay)
	})
}

// TestLinkToOneThatEnds: a link may be made to a gateway that is about to end. What was
// asked over it goes to the one that is started in its place, however large, once.
func TestLinkToOneThatEnds(t *testing.T) {
	silent := func(wire.Frame) wire.Payload { return nil }
	ready := func(wire.Frame) wire.Payload { return &wire.Forwarded{Sealed: []byte{1}} }
	busy := func(wire.Frame) wire.Payload { return wire.FailureOf(wire.ErrDraining) }
	for name, c := range map[string]struct {
		ends  func(w *world, g *gateway)
		after time.Duration
	}{
		"before its hello": {func(w *world, g *gateway) {
			g.hello = func(*wire.ServerHello) { w.net.ResetAll() }
		}, 500 * time.Millisecond},
		"after it took leave": {func(w *world, g *gateway) {
			g.farewell, g.answer = wire.ErrDraining, func(f wire.Frame) wire.Payload {
				time.AfterFunc(time.Millisecond, w.net.ResetAll)
				return silent(f)
			}
		}, time.Millisecond},
		"and takes nothing more": {func(_ *world, g *gateway) { g.farewell, g.answer = wire.ErrDraining, busy }, 0},
	} {
		for _, mends := range []bool{true, false} {
			t.Run(name, func(t *testing.T) {
				in(t, nil, func(w *world) {
					g := w.restarts("8.8.8.8:443")
					w.net.ResetAll()
					synctest.Wait()
					c.ends(w, g)
					hello, answer, served := g.hello, g.answer, g.served.Load()
					links := 0
					g.hello = func(h *wire.ServerHello) {
						if links++; links > 1 && mends {
							g.farewell, g.answer = nil, ready
						} else if hello != nil {
							hello(h)
						}
					}
					g.answer = func(f wire.Frame) wire.Payload { return answer(f) }
					if !mends {
						if _, err := w.pool.Ask(w.t.Context(), g.contact, &wire.Relay{Sealed: make([]byte, 2304)}); links != 1 {
							t.Errorf("a contact: %v, %d links", err, links)
						}
						pass(3 * time.Second)
						links, served = 0, g.served.Load()
					}
					begun := time.Now()
					p, err := w.pool.AskAt(w.t.Context(), g.endpoint(), &wire.Relay{Sealed: make([]byte, 2304)})
					_, done := p.(*wire.Forwarded)
					if done != mends {
						t.Errorf("%T, %v", p, err)
					}
					if took := time.Since(begun); mends && took != c.after {
						t.Errorf("it took %v", took)
					}
					if n := g.served.Load() - served; links != 2 || n > 2 {
						t.Errorf("%d links, %d requests", links, n)
					}
				})
			})
		}
	}
}

// TestCallerEndsThePause: a gateway that calls from where it was reached is there again,
// also while it does not know yet that others reach it there.
func TestCallerEndsThePause(t *testing.T) {
	in(t, nil, func(w *world) {
		g := w.restarts("8.8.8.8:443")
		g.leave(w)
		relay := func() error { return w.relay(g.endpoint()) }
		bare := g.contact
		bare.Addr, bare.Transports = netip.AddrPort{}, 0
		call := func(from string) {
			if _, err := w.accept(bare, g.node.Public(), from); err != nil {
				t.Error(err)
			}
		}
		time.AfterFunc(200*time.Millisecond, func() { g.start(w); call("8.8.8.9") }) // not from there
		w.takes("who waits, and it calls from elsewhere", 500*time.Millisecond, nil, relay)
		pass(3 * time.Second)
		g.leave(w)
		time.AfterFunc(200*time.Millisecond, func() { g.start(w); call("8.8.8.8") })
		w.takes("who waits", 200*time.Millisecond, nil, relay)
		pass(3 * time.Second)
		g.leave(w)
		w.takes("a contact", 0, wire.ErrUnreachable, func() error { return w.ping(g) })
		g.start(w)
		call("8.8.8.8")
		w.takes("a contact, once it called", 0, nil, func() error {
			_, err := w.pool.Ask(w.t.Context(), g.contact, &wire.Relay{Sealed: make([]byte, 2304)})
			return err
		})
	})
}

// TestEndWhileBridging: who waits for a gateway to return hears at once that the pool
// ends.
func TestEndWhileBridging(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := start(t, nil)
		g := w.restarts("8.8.8.8:443")
		g.leave(w)
		time.AfterFunc(100*time.Millisecond, w.stop)
		w.takes("it", 100*time.Millisecond, wire.ErrDraining, func() error { return w.relay(g.endpoint()) })
		w.end()
	})
}
