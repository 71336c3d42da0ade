package home_test

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"zeroms/client/home"
	"zeroms/protocol/key"
	"zeroms/protocol/link"
	"zeroms/protocol/wire"
)

func TestAHomeConnectsOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.end()
		spec := w.spec()
		w.pool.Open(spec)
		w.pool.Open(spec)
		s := w.relogin(spec)
		w.pool.Open(spec) // nothing new
		w.quiet(time.Hour)
		w.listens(s)
		if n := w.net.Links(); n != 1 {
			t.Errorf("%d links", n)
		}
	})
}

func TestCloseIsForGood(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.end()
		w.pool.Close(w.target()) // of what was never opened
		s := w.up(w.spec())
		token := w.ask(envelope(1))
		s.take(&wire.Submit{})
		w.pool.Close(w.target())
		w.failed(token, wire.ErrLinkClosed)
		s.gone()
		w.quiet(time.Hour)
		if n := w.net.Links(); n != 0 {
			t.Errorf("%d links", n)
		}
	})
}

func TestCloseWhileItIsDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.end()
		_ = w.listener.Close()
		w.pool.Open(w.spec())
		w.down(wire.ErrLinkClosed)
		w.pool.Close(w.target())
		w.quiet(time.Hour)
	})
}

func TestCloseAndOpenComesBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.end()
		spec := w.spec()
		s := w.up(spec)
		w.pool.Close(spec.Target)
		w.pool.Open(spec)
		s.gone()
		s = w.accept().hello()
		s.welcome(spec)
		for range 2 { // Disconnected only if both were noticed together
			if _, ok := w.next().(home.Connected); ok {
				w.listens(s)
				return
			}
		}
		t.Error("it did not come back")
	})
}

// TestRestartIsAFailure: whoever finds a gateway faulty each time must not
// hammer it.
func TestRestartIsAFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.end()
		w.pool.Restart(w.target()) // of what is not open
		spec := w.spec()
		s := w.up(spec)
		whole := home.Timing{}.Default().BackoffMin
		for range 5 {
			token := w.ask(envelope(1))
			s.take(&wire.Submit{})
			restarted := time.Now()
			w.pool.Restart(spec.Target)
			s.gone()
			w.failed(token, wire.ErrLinkClosed)
			wait := w.down(wire.ErrLinkClosed)
			// The pause began at the restart, before the end of the link came here.
			if pause := wait + time.Since(restarted); pause < whole/2 {
				t.Errorf("started over after %v, want at least half of %v", pause, whole)
			}
			w.pool.Restart(spec.Target) // does not shorten the pause
			began := time.Now()
			s = w.accept()
			if took := time.Since(began); took < wait-time.Millisecond {
				t.Errorf("dialled after %v of %v", took, wait)
			}
			s.hello().welcome(spec)
			want[home.Connected](w)
			whole *= 2
		}
		w.listens(s)
	})
}

func TestAHomeMoves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.end()
		spec := w.spec()
		s := w.up(spec)
		_ = w.listener.Close()
		w.listener = w.net.Listen("new address", w.node.Public())
		spec.Endpoint.Host = "new address"
		w.pool.Open(spec)
		s.gone()
		w.relogin(spec)
		w.quiet(time.Minute)
	})
}

func TestGuestBecomesHomeBecomesGuest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.end()
		asked := w.ask(envelope(1))
		guest := w.accept().hello()
		guest.take(&wire.Submit{})
		spec := w.spec()
		w.pool.Open(spec)
		w.pool.Open(spec) // again, before the first took effect
		w.failed(asked, wire.ErrLinkClosed)
		guest.gone()
		s := w.relogin(spec)
		w.listens(s)
		w.pool.Close(spec.Target)
		s.gone()
		token := w.ask(envelope(2))
		guest = w.accept().hello()
		guest.send(fr(guest.take(&wire.Submit{}), wire.FailureOf(wire.ErrBusy))) // without a login
		w.failed(token, wire.ErrBusy)
		guest.gone()
		w.quiet(time.Hour)
	})
}

func TestOpenAndCloseAtAnyMoment(t *testing.T) {
	for step := range 30 { // a guest link ends at a minute of idleness; Open comes around then
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t)
			defer w.end()
			token := w.ask(envelope(1))
			guest := w.accept().hello()
			guest.send(fr(guest.take(&wire.Submit{}), wire.FailureOf(wire.ErrBusy)))
			w.failed(token, wire.ErrBusy)
			time.Sleep(time.Minute - 20*time.Millisecond + time.Duration(step)*2*time.Millisecond)
			spec := w.spec()
			w.up(spec)
			w.quiet(time.Minute)
		})
	}
}

func TestGuestLinksEndWhenIdle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.end()
		idle := home.Timing{}.Default().GuestIdle
		token := w.ask(envelope(1))
		s := w.accept().hello()
		id := s.take(&wire.Submit{})
		s.send(fr(id, wire.FailureOf(wire.ErrBusy)))
		w.failed(token, wire.ErrBusy)
		began := time.Now()
		time.Sleep(idle / 2)
		w.listens(s) // one link serves all that comes in time
		s.gone()
		if took := time.Since(began); took < idle*3/2-time.Second || took > idle*2 {
			t.Errorf("the link was kept for %v", took)
		}
		w.quiet(time.Hour)
		token = w.ask(envelope(2))
		s = w.accept().hello()
		s.send(fr(s.take(&wire.Submit{}), wire.FailureOf(wire.ErrBusy)))
		w.failed(token, wire.ErrBusy)
	})
}

func TestAGuestTakesNoMailbox(t *testing.T) {
	for _, message := range [][]byte{push(1), fr(0, &wire.Welcome{})} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t)
			defer w.end()
			token := w.ask(envelope(1))
			s := w.accept().hello()
			s.send(message)
			w.failed(token, wire.ErrLinkClosed)
			s.gone()
		})
	}
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.end()
		token := w.ask(&wire.HeadGet{})
		s := w.accept().hello()
		s.send(fr(0, committed(w.node, [][]byte{headLeaf(key.AccountTag{}, 1)}, s.take(&wire.HeadGet{}))))
		w.failed(token, wire.ErrLinkClosed)
		s.gone()
	})
}

func TestGuestRequestsFailWithTheDial(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.end()
		_ = w.listener.Close()
		for range 3 {
			w.failed(w.ask(envelope(1)), wire.ErrLinkClosed)
		}
		w.listener = w.net.Listen("gateway", key.NewPrivate[key.Node]().Public())
		w.failed(w.ask(envelope(1)), wire.ErrWrongNode)
		w.quiet(time.Hour)
	})
}

// TestAWrongAddressFailsAlone: somebody names a gateway by an address where it
// is not; others reach it by theirs.
func TestAWrongAddressFailsAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.end()
		w.net.Listen("black hole", w.node.Public())
		w.net.Partition("client", "black hole")
		wrong := w.target()
		wrong.Endpoint.Host = "black hole"
		w.pool.Send(home.Request{To: wrong, Token: 900, Payload: envelope(9)})
		token := w.ask(envelope(1))
		w.pool.Send(home.Request{To: wrong, Token: 901, Payload: envelope(9)})
		w.failed(900, wire.ErrLinkClosed)
		w.failed(901, wire.ErrLinkClosed)
		s := w.accept().hello()
		s.send(fr(s.take(&wire.Submit{}), wire.FailureOf(wire.ErrBusy)))
		w.failed(token, wire.ErrBusy)
	})
}

func TestTheEnd(t *testing.T) {
	plays := map[string]func(w *world){
		"at once":     func(*world) {},
		"dialling":    func(w *world) { w.net.Partition("client", "gateway"); w.pool.Open(w.spec()) },
		"hello":       func(w *world) { w.pool.Open(w.spec()); w.accept().greeting() },
		"login":       func(w *world) { w.pool.Open(w.spec()); w.accept().hello().login() },
		"up":          func(w *world) { w.up(w.spec()) },
		"unanswered":  func(w *world) { s := w.up(w.spec()); w.ask(envelope(1)); s.take(&wire.Submit{}) },
		"between two": func(w *world) { _ = w.listener.Close(); w.pool.Open(w.spec()); w.down(wire.ErrLinkClosed) },
		"a guest":     func(w *world) { w.ask(envelope(1)); w.accept().hello() },
	}
	for name, play := range plays {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				play(w)
				began := time.Now()
				w.end()
				if took := time.Since(began); took > 2*time.Second {
					t.Errorf("the end took %v", took)
				}
				for n := range 200 { // none of these may wait for a Run that is over
					to := w.target()
					node := key.PrivateFromSeed[key.Node]([32]byte{byte(n), 1}).Public()
					to.Endpoint = link.Endpoint{Host: fmt.Sprint(n), Port: 1, Node: node[:]}
					w.pool.Send(home.Request{To: to, Token: 1, Payload: envelope(1)})
					w.pool.Open(home.Spec{Target: to})
				}
			})
		})
	}
}

// slow is a Dialer that never comes back before its context ends.
type slow struct{}

func (slow) Dial(ctx context.Context, _ link.Endpoint) (link.Conn, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

func TestDialIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &world{t: t, node: key.NewPrivate[key.Node](), events: make(chan home.Event, 16), ended: make(chan error, 1)}
		w.run(slow{})
		defer w.end()
		began := time.Now()
		w.failed(w.ask(envelope(1)), wire.ErrLinkClosed)
		if took := time.Since(began); took != (home.Timing{}).Default().Dial {
			t.Errorf("a dial took %v", took)
		}
	})
}
