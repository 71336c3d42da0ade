package home_test

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"zeroms/client/home"
	"zeroms/protocol/key"
	"zeroms/protocol/wire"
)

func TestHelloIsChecked(t *testing.T) {
	other := key.NewPrivate[key.Node]().Public()
	cases := []struct {
		name   string
		answer func(h *wire.ServerHello) []byte
		want   error
	}{
		{"version", func(h *wire.ServerHello) []byte { h.Version = 2; return fr(0, h) }, wire.ErrVersion},
		{"network", func(h *wire.ServerHello) []byte { h.Network[0]++; return fr(0, h) }, wire.ErrNetwork},
		{"another key", func(h *wire.ServerHello) []byte { h.Node = other; return fr(0, h) }, wire.ErrWrongNode},
		{"no key", func(h *wire.ServerHello) []byte { h.Node = key.NodePublic{}; return fr(0, h) }, wire.ErrPublicKey},
		{"small order", func(h *wire.ServerHello) []byte { h.Node = key.NodePublic{1}; return fr(0, h) }, wire.ErrPublicKey},
		{"error", func(*wire.ServerHello) []byte { return fr(0, wire.FailureOf(wire.ErrBusy)) }, wire.ErrBusy},
		{"no hello", func(*wire.ServerHello) []byte { return fr(0, &wire.OK{}) }, wire.ErrUnexpected},
		{"a push first", func(*wire.ServerHello) []byte { return push(1) }, wire.ErrUnexpected},
		{"frames behind", func(h *wire.ServerHello) []byte { return key.Join(fr(0, h), push(1)) }, wire.ErrUnexpected},
		{"garbage", func(*wire.ServerHello) []byte { return []byte{0xff, 0xff} }, wire.ErrMalformed},
		{"cut", func(h *wire.ServerHello) []byte { b := fr(0, h); return b[:len(b)-1] }, wire.ErrTruncated},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				defer w.end()
				w.pool.Open(w.spec())
				s := w.accept()
				s.send(c.answer(s.greeting()))
				wait := w.down(c.want)
				s.gone()
				e := new(wire.Error)
				timing := home.Timing{}.Default()
				if errors.As(c.want, &e); wire.Lookup(e.Code).Retry == wire.Never && wait < timing.BackoffMax/2 {
					t.Errorf("tried again after %v although it can't help", wait)
				}
			})
		})
	}
}

func TestAGuestIsToldWhyThereIsNoHello(t *testing.T) {
	for _, c := range []struct{ sent, want *wire.Error }{
		{wire.ErrBusy, wire.ErrBusy},
		{wire.ErrNetwork, wire.ErrNetwork},
		{wire.ErrVersion, wire.ErrVersion},
		// What the gateway says about the link is nothing about the request.
		{wire.ErrMalformed, wire.ErrLinkClosed},
		{wire.ErrSizeClass, wire.ErrLinkClosed},
	} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t)
			defer w.end()
			token := w.ask(envelope(1))
			s := w.accept()
			s.greeting()
			s.send(fr(0, wire.FailureOf(c.sent)))
			w.failed(token, c.want)
			s.gone()
		})
	}
}

func TestHelloTakesTooLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.end()
		w.pool.Open(w.spec())
		began := time.Now()
		w.accept().greeting()
		w.down(wire.ErrLinkClosed)
		if took := time.Since(began); took != (home.Timing{}).Default().Dial {
			t.Errorf("a silent gateway was given %v", took)
		}
	})
}

func TestLoginOpensAnAccountWhereItIsUnknown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.end()
		spec := w.spec()
		w.pool.Open(spec)
		s := w.accept().hello()
		id, _ := s.login()
		s.send(fr(id, wire.FailureOf(wire.ErrLogin)))
		var r wire.Register
		id = s.take(&r)
		if string(r.Invite) != string(spec.Register.Invite) || r.Object.Hash() != spec.Register.Object.Hash() {
			t.Error("another registration than the one given")
		}
		s.send(fr(id, &wire.OK{}))
		s.welcome(spec)
		want[home.Connected](w)
		w.quiet(time.Minute)
	})
}

func TestLoginFails(t *testing.T) {
	refuse := func(err error) func(*script, home.Spec) {
		return func(s *script, _ home.Spec) {
			id, _ := s.login()
			s.send(fr(id, wire.FailureOf(err)))
		}
	}
	cases := []struct {
		name string
		play func(s *script, spec home.Spec)
		want error
	}{
		{"closed account", refuse(wire.ErrClosed), wire.ErrClosed},
		{"draining", func(s *script, _ home.Spec) { s.login(); s.send(fr(0, wire.FailureOf(wire.ErrDraining))) }, wire.ErrDraining},
		{"invite refused", func(s *script, _ home.Spec) {
			id, _ := s.login()
			s.send(fr(id, wire.FailureOf(wire.ErrLogin)))
			s.send(fr(s.take(&wire.Register{}), wire.FailureOf(wire.ErrInvite)))
		}, wire.ErrInvite},
		{"unknown after registration", func(s *script, _ home.Spec) {
			id, _ := s.login()
			s.send(fr(id, wire.FailureOf(wire.ErrLogin)))
			s.send(fr(s.take(&wire.Register{}), &wire.OK{}))
			refuse(wire.ErrLogin)(s, home.Spec{})
		}, wire.ErrLogin},
		{"another account", func(s *script, _ home.Spec) {
			id, _ := s.login()
			s.send(fr(id, &wire.Welcome{Tag: key.AccountTag{1}}))
		}, wire.ErrUnexpected},
		{"answer to another request", func(s *script, spec home.Spec) {
			id, _ := s.login()
			s.send(fr(id+1, &wire.Welcome{Tag: tagOf(s.t, spec)}))
		}, wire.ErrUnexpected},
		{"OK", func(s *script, _ home.Spec) { id, _ := s.login(); s.send(fr(id, &wire.OK{})) }, wire.ErrUnexpected},
		{"a push first", func(s *script, _ home.Spec) { s.login(); s.send(push(1)) }, wire.ErrUnexpected},
		{"silence", func(s *script, _ home.Spec) { s.login() }, wire.ErrLinkClosed},
		{"the end", func(s *script, _ home.Spec) { s.login(); _ = s.conn.Close() }, wire.ErrLinkClosed},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				defer w.end()
				spec := w.spec()
				w.pool.Open(spec)
				token := w.ask(envelope(1))
				s := w.accept().hello()
				c.play(s, spec)
				// The submission is not to blame for the login.
				if a := want[home.Answered](w); a.Token != token || a.Err == nil || wire.Lookup(a.Err.(*wire.Error).Code).Retry == wire.Never {
					t.Errorf("the waiting request was told %v", a.Err)
				}
				w.down(c.want)
				s.gone()
			})
		})
	}
}

func TestUnknownLoginWithoutRegistration(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.end()
		spec := w.spec()
		spec.Register = nil
		w.pool.Open(spec)
		s := w.accept().hello()
		id, _ := s.login()
		s.send(fr(id, wire.FailureOf(wire.ErrLogin)))
		w.down(wire.ErrLogin)
		s.gone()
	})
}

func TestBackoffGrowsAndResets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.end()
		timing := home.Timing{}.Default()
		_ = w.listener.Close()
		spec := w.spec()
		w.pool.Open(spec)
		whole, waits := timing.BackoffMin, map[time.Duration]bool{}
		for range 12 {
			wait := w.down(wire.ErrLinkClosed)
			if wait < whole/2-time.Millisecond || wait > whole {
				t.Fatalf("a pause of %v, want %v to %v", wait, whole/2, whole)
			}
			waits[wait] = true
			whole = min(2*whole, timing.BackoffMax)
		}
		if len(waits) < 10 {
			t.Errorf("%d different pauses of 12: no jitter", len(waits))
		}
		// A link that ends soon does not reset it, one that lasts does.
		w.listener = w.net.Listen("gateway", w.node.Public())
		_ = w.relogin(spec).conn.Close()
		if wait := w.down(wire.ErrLinkClosed); wait < timing.BackoffMax/2-time.Millisecond {
			t.Errorf("a pause of %v after a link that hardly lasted", wait)
		}
		s := w.relogin(spec)
		w.quiet(timing.Stable)
		_ = s.conn.Close()
		if wait := w.down(wire.ErrLinkClosed); wait > timing.BackoffMin {
			t.Errorf("a pause of %v after a stable link", wait)
		}
	})
}

func TestRequestsDoNotWaitForAHomeThatIsDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.end()
		_ = w.listener.Close()
		w.pool.Open(w.spec())
		w.down(wire.ErrLinkClosed)
		w.failed(w.ask(envelope(1)), wire.ErrLinkClosed)
	})
}
