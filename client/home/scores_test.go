package home_test

import (
	"testing"
	"testing/synctest"
	"time"

	"zeroms/client/home"
	"zeroms/client/score"
	"zeroms/protocol/key"
	"zeroms/protocol/wire"
)

func (w *world) summary() score.Summary {
	synctest.Wait()
	return w.scores.Summary(key.GatewayHashOf(w.node.Public()), time.Now())
}

// TestEveryRequestHasAnID: also one of which nobody wants to know the answer; only acknowledgements have none.
func TestEveryRequestHasAnID(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.end()
		s := w.up(w.spec())
		w.pool.Send(home.Request{To: w.target(), Payload: &wire.HeadGet{}})
		id := s.take(&wire.HeadGet{})
		if id == 0 {
			t.Fatal("a request without an id, which ends the link")
		}
		s.send(fr(id, wire.FailureOf(wire.ErrBusy)))
		w.pool.Send(home.Request{To: w.target(), Payload: &wire.Ack{}})
		if id := s.take(&wire.Ack{}); id != 0 {
			t.Errorf("an acknowledgement has the id %d", id)
		}
		w.quiet(time.Minute)
	})
}

// TestWhatAGatewaySaysIsNoLie: it may end a link with any error; only what it does itself against the rules is a lie.
func TestWhatAGatewaySaysIsNoLie(t *testing.T) {
	for _, said := range []*wire.Error{wire.ErrUnexpected, wire.ErrSignature, wire.ErrValue, wire.ErrBusy} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t)
			defer w.end()
			s := w.up(w.spec())
			s.send(fr(0, wire.FailureOf(said)))
			w.down(said)
			if got := w.summary(); got.Lied != 0 || got.Refused != 1 {
				t.Errorf("%v: %+v", said, got)
			}
		})
	}
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.end()
		s := w.up(w.spec())
		s.send(fr(7, &wire.Login{}))
		w.down(wire.ErrUnexpected)
		if got := w.summary(); got.Lied != 1 {
			t.Errorf("%+v", got)
		}
	})
}

// TestOneHomeAloneIsNotBlamed: a home that can't be reached while nothing else answers says nothing of it.
func TestOneHomeAloneIsNotBlamed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.end()
		s := w.up(w.spec())
		_ = s.conn.Close()
		_ = w.listener.Close()
		for range 5 {
			w.down(wire.ErrLinkClosed)
		}
		if got := w.summary(); got.Unreachable != 0 {
			t.Errorf("%+v", got)
		}
	})
}
