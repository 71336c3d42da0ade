package home_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"zeroms/client/home"
	"zeroms/protocol/address"
	"zeroms/protocol/wire"
)

// What is tested here: no guest link where the user forbids them, whatever else changes meanwhile, and no request
// without its one answer.

// fallen makes x a home that is down, and has the pool see that only when resume is called: until then requests for x
// queue up at it.
func (y *town) fallen() (resume func()) {
	y.t.Helper()
	x := y.gateways["x"]
	x.fall()
	reached, free := make(chan struct{}), make(chan struct{})
	y.watch(nil, func(e home.Event) {
		if d, ok := e.(home.Disconnected); ok && d.Gateway == x.hash() {
			close(reached)
			<-free
		}
	})
	y.open("x")
	<-reached
	y.watch(nil, nil)
	x.rise() // who connects now finds it
	return func() { close(free) }
}

// ends asserts that a request ends with an error and was sent nowhere directly.
func (y *town) ends(token uint64, err error) {
	y.t.Helper()
	if a := y.got(token); !errors.Is(a.Err, err) || a.Receipt != nil || a.Payload != nil || a.Way != home.Unsent {
		y.t.Errorf("%+v, want %v", a, err)
	}
}

// TestQueuedForARemovedHome: what is queued for a home goes on as for any foreign gateway when that is removed.
func TestQueuedForARemovedHome(t *testing.T) {
	for _, c := range []struct {
		name   string
		direct home.Direct
		homes  []string
		check  func(y *town, token uint64, s *wire.Submit)
		dials  int // that one as a home
	}{
		{"never", home.Never, []string{"a"}, func(y *town, n uint64, s *wire.Submit) { y.by(n, s, "a") }, 1},
		{"fallback", home.Fallback, []string{"a"}, func(y *town, n uint64, s *wire.Submit) { y.by(n, s, "a") }, 1},
		{"always", home.Always, []string{"a"}, func(y *town, n uint64, s *wire.Submit) { y.directly(n, s) }, 2},
		{"fallback, no other", home.Fallback, nil, func(y *town, n uint64, s *wire.Submit) { y.directly(n, s) }, 2},
		{"never, no other", home.Never, nil, func(y *town, n uint64, s *wire.Submit) {
			y.ends(n, wire.ErrNotServing)
		}, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			inTown(t, c.direct, c.homes, func(t *testing.T, y *town) {
				resume := y.fallen()
				s := put(1, 1)
				token := y.ask("x", s)
				y.pool.Close(y.gateways["x"].target())
				began := time.Now()
				resume()
				c.check(y, token, s)
				if took := time.Since(began); took > time.Second {
					t.Errorf("it took %v", took)
				}
				y.quiet(2 * time.Minute)
				if n, g := y.dialled("x"), y.gateways["x"].guests(); n != c.dials || g != c.dials-1 {
					t.Errorf("x was connected to %d times, and asked %d times", n, g)
				}
			})
		})
	}
}

// TestOwnRequestsOfARemovedHome: what only a home can be asked ends with it, whatever the setting is.
func TestOwnRequestsOfARemovedHome(t *testing.T) {
	for _, direct := range []home.Direct{home.Fallback, home.Always, home.Never} {
		inTown(t, direct, []string{"a"}, func(t *testing.T, y *town) {
			resume := y.fallen()
			tokens := []uint64{y.ask("x", &wire.HeadGet{}), y.ask("x", &wire.DepositsGet{})}
			y.pool.Close(y.gateways["x"].target())
			resume()
			for _, token := range tokens {
				y.ends(token, wire.ErrLinkClosed)
			}
			y.quiet(2 * time.Minute)
			if y.dialled("x") != 1 || y.gateways["x"].guests() != 0 {
				t.Errorf("x was connected to %d times", y.dialled("x"))
			}
		})
	}
}

// TestRemovedWhileConnecting: a home that is removed while it is being connected to is left at once, and what waited for
// it does not wait for the end of that.
func TestRemovedWhileConnecting(t *testing.T) {
	inTown(t, home.Never, []string{"a"}, func(t *testing.T, y *town) {
		x := y.gateways["x"]
		y.net.Partition("client", "x")
		y.open("x")
		s := put(1, 1)
		token := y.ask("x", s)
		synctest.Wait()
		began := time.Now()
		y.pool.Close(x.target())
		y.by(token, s, "a")
		if took := time.Since(began); took > time.Second {
			t.Errorf("it took %v", took)
		}
		y.net.Heal("client", "x")
		y.quiet(2 * time.Minute) // above all no Connected
		if y.dialled("x") != 1 || x.guests() != 0 {
			t.Errorf("x was connected to %d times", y.dialled("x"))
		}
	})
}

// TestMovedWhileConnecting: a home's new address is tried at once, and what waited goes there.
func TestMovedWhileConnecting(t *testing.T) {
	inTown(t, home.Never, nil, func(t *testing.T, y *town) {
		x := y.gateways["x"]
		y.net.Partition("client", "x")
		y.open("x")
		s := put(1, 1)
		token := y.ask("x", s)
		synctest.Wait()
		began := time.Now()
		x.fall()
		x.do(func() { x.name = "elsewhere" })
		x.rise()
		y.gateways["elsewhere"] = x
		y.open("elsewhere")
		if a := y.custody(token, s); a.Way != home.ByHome || time.Since(began) > time.Second {
			t.Errorf("%+v after %v", a, time.Since(began))
		}
	})
}

// TestNeverWhileConnecting: a guest link that is being opened is given up when guest links are forbidden, and nobody is
// blamed.
func TestNeverWhileConnecting(t *testing.T) {
	inTown(t, home.Fallback, nil, func(t *testing.T, y *town) {
		x := y.gateways["x"]
		y.net.Partition("client", "x")
		s := put(1, 1)
		tokens := []uint64{y.ask("x", s), y.ask("x", &wire.HeadGet{})}
		synctest.Wait()
		if y.dialled("x") != 1 {
			t.Fatal("x is not being connected to")
		}
		began := time.Now()
		y.pool.SetDirect(home.Never)
		for _, token := range tokens {
			y.ends(token, wire.ErrNotServing)
		}
		if took := time.Since(began); took > time.Second {
			t.Errorf("it took %v", took)
		}
		y.net.Heal("client", "x")
		y.quiet(2 * time.Minute)
		x.do(func() {
			if len(x.links) != 0 {
				t.Error("the link came up")
			}
		})
		y.pool.SetDirect(home.Fallback)
		y.directly(y.ask("x", s), s)
	})
}

// TestNeverWithAGuestLink: over a guest link that is open nothing more goes when guest links are forbidden; it ends with
// the answer to what went before.
func TestNeverWithAGuestLink(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.end()
		first := w.ask(envelope(1))
		s := w.accept()
		s.limits.InFlight = 1
		s.hello()
		id := s.take(&wire.Submit{})
		second := w.ask(envelope(2)) // behind the gateway's limit
		synctest.Wait()
		w.pool.SetDirect(home.Never)
		w.failed(second, wire.ErrNotServing)
		w.failed(w.ask(envelope(3)), wire.ErrNotServing)
		w.quiet(10 * time.Second)
		s.send(fr(id, wire.FailureOf(wire.ErrBusy)))
		w.failed(first, wire.ErrBusy)
		began := time.Now()
		s.gone()
		if took := time.Since(began); took > time.Second {
			t.Errorf("the link was kept for %v", took)
		}
		w.quiet(time.Hour)

		w.pool.SetDirect(home.Always)
		third := w.ask(envelope(3))
		s = w.accept().hello()
		s.send(fr(s.take(&wire.Submit{}), wire.FailureOf(wire.ErrBusy)))
		w.failed(third, wire.ErrBusy)
		began = time.Now()
		w.pool.SetDirect(home.Never) // while it is idle
		s.gone()
		if took := time.Since(began); took > time.Second {
			t.Errorf("the link was kept for %v", took)
		}
	})
}

// TestNeverSparesTor: what is always direct goes on, but not over a link to the same gateway that shows the address.
func TestNeverSparesTor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.end()
		open := w.ask(envelope(1))
		s := w.accept().hello()
		id := s.take(&wire.Submit{})
		w.pool.SetDirect(home.Never)
		hidden := w.target()
		hidden.Endpoint.Host = "abc.onion"
		_ = w.listener.Close()
		w.listener = w.net.Listen("abc.onion", w.node.Public())
		w.last++
		w.pool.Send(home.Request{To: hidden, Token: w.last, Payload: envelope(2)})
		w.quiet(10 * time.Second)
		s.send(fr(id, wire.FailureOf(wire.ErrBusy)))
		w.failed(open, wire.ErrBusy)
		s.gone()
		s = w.accept().hello()
		var got wire.Submit
		id = s.take(&got)
		w.pool.SetDirect(home.Never) // once more
		w.quiet(10 * time.Second)
		s.send(fr(id, wire.FailureOf(wire.ErrBusy)))
		w.failed(w.last, wire.ErrBusy)
		if got.Drop != envelope(2).Drop {
			t.Error("another envelope came")
		}
	})
}

// TestHomeStopsForwarding: when the only home comes back as one that does not forward nothing goes directly.
func TestHomeStopsForwarding(t *testing.T) {
	inTown(t, home.Never, []string{"a"}, func(t *testing.T, y *town) {
		a := y.gateways["a"]
		s := put(1, 1)
		y.by(y.ask("x", s), s, "a")
		hold, started, free := holding()
		a.do(func() { a.forward = hold })
		token := y.ask("x", put(1, 2))
		<-started
		a.do(func() {
			a.flags = address.Serves
			a.forward = func(*wire.Forward, func(*wire.Forward) wire.Payload) wire.Payload {
				return wire.FailureOf(wire.ErrNotServing)
			}
		})
		y.net.ResetAll()
		y.ends(token, wire.ErrNotServing)
		close(free)
		y.refused(y.ask("x", put(1, 3)), wire.ErrNotServing)
		y.pool.SetDirect(home.Fallback)
		next := put(1, 4)
		y.directly(y.ask("x", next), next)
	})
}

// TestNeverProbes: gateways are not measured either, and one that is being measured is left without blame.
func TestNeverProbes(t *testing.T) {
	inTown(t, home.Never, nil, func(t *testing.T, y *town) {
		x := y.gateways["x"]
		if p, err := y.pool.Probe(t.Context(), x.target()); p != nil || !errors.Is(err, wire.ErrNotServing) || y.dialled("x") != 0 {
			t.Errorf("%+v, %v, %d links", p, err, y.dialled("x"))
		}
		y.pool.SetDirect(home.Fallback)
		if p, err := y.pool.Probe(t.Context(), x.target()); err != nil || p.Descriptor == nil {
			t.Errorf("%+v, %v", p, err)
		}
		y.net.Partition("client", "x")
		ended := make(chan error, 1)
		go func() {
			_, err := y.pool.Probe(t.Context(), x.target())
			ended <- err
		}()
		synctest.Wait()
		began := time.Now()
		y.pool.SetDirect(home.Never)
		if err := <-ended; !errors.Is(err, wire.ErrNotServing) || time.Since(began) > time.Second {
			t.Errorf("%v after %v", err, time.Since(began))
		}
		if s := y.scores.Summary(x.hash(), time.Now()); s.Unreachable != 0 {
			t.Errorf("it is blamed: %+v", s)
		}
	})
}

// moods is x and the setting as they change at random; open are the requests without answer.
type moods struct {
	*town
	r      *rand.Rand
	isHome bool
	direct home.Direct
	strict atomic.Bool // x is no home, and guest links are forbidden
	open   map[uint64]bool
}

// change makes x a home or not, and sets the setting.
func (m *moods) change(isHome bool, direct home.Direct) {
	m.strict.Store(false)
	switch x := m.gateways["x"]; {
	case isHome && !m.isHome:
		m.town.open("x")
	case !isHome && m.isHome:
		m.pool.Close(x.target())
	}
	if direct != m.direct {
		m.pool.SetDirect(direct)
	}
	m.isHome, m.direct = isHome, direct
	m.strict.Store(!isHome && direct == home.Never)
}

// turn changes something, or nothing.
func (m *moods) turn() {
	x := m.gateways["x"]
	switch m.r.IntN(12) {
	case 0, 1:
		m.change(!m.isHome, m.direct)
	case 2, 3, 4:
		m.change(m.isHome, home.Direct(m.r.IntN(3)))
	case 5:
		m.net.Partition("client", "x")
	case 6, 7:
		m.net.Heal("client", "x")
	case 8:
		m.net.ResetAll()
	case 9:
		x.fall()
	case 10:
		if x.down() {
			x.rise()
		}
	}
}

// take notes the answers that come within d.
func (m *moods) take(d time.Duration) {
	m.t.Helper()
	for over := time.After(d); ; {
		select {
		case e := <-m.events:
			a, ok := e.(home.Answered)
			if ok && !m.open[a.Token] {
				m.t.Fatalf("a second answer: %+v", a)
			}
			delete(m.open, a.Token)
		case <-over:
			return
		}
	}
}

// TestSettingAtRandom: homes that come and go, x among them, links that hang and break, and a setting that changes all the
// time: each request has one answer, and no attempt to connect to x as a guest begins while it is forbidden.
func TestSettingAtRandom(t *testing.T) {
	for seed := range uint64(20) {
		inTown(t, home.Fallback, []string{"a"}, func(t *testing.T, y *town) {
			m := &moods{town: y, r: rand.New(rand.NewPCG(seed, 9)), direct: home.Fallback, open: map[uint64]bool{}}
			y.watch(func(ctx context.Context, host string) {
				if host == "x" && m.strict.Load() && ctx.Err() == nil {
					t.Errorf("seed %d: x is connected to", seed)
				}
			}, nil)
			for i := range 300 {
				var p wire.Payload = put(byte(m.r.IntN(3)), byte(i))
				if m.r.IntN(4) == 0 {
					p = &wire.HeadGet{}
				}
				m.open[y.ask("x", p)] = true
				m.turn()
				if m.r.IntN(3) > 0 {
					m.take(time.Duration(m.r.IntN(2000)) * time.Millisecond)
				}
			}
			y.net.Heal("client", "x")
			m.take(5 * time.Minute)
			if len(m.open) > 0 {
				t.Errorf("seed %d: %d requests have no answer", seed, len(m.open))
			}
		})
	}
}
