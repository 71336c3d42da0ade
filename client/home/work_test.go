package home_test

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"zeroms/client/home"
	"zeroms/protocol/custody"
	"zeroms/protocol/key"
	"zeroms/protocol/wire"
)

// knock submits to a public door.
func (w *world) knock(s *wire.Submit, bits, most uint8) uint64 {
	w.last++
	work := &home.Work{Subject: wire.DoorWork(s.Drop, sha256.Sum256(s.Envelope)), Bits: bits, Most: most}
	w.pool.Send(home.Request{To: w.target(), Token: w.last, Payload: s, Work: work})
	return w.last
}

// worked reads a submission and asserts the work it brings.
func (s *script) worked(mine *wire.Submit, bits int) uint64 {
	s.t.Helper()
	var got wire.Submit
	id := s.take(&got)
	subject := wire.DoorWork(got.Drop, sha256.Sum256(got.Envelope))
	n, err := wire.WorkBits(subject, got.Work, time.Now())
	if err != nil || n < bits || got.Drop != mine.Drop || !bytes.Equal(got.Envelope, mine.Envelope) || got.MAC != mine.MAC {
		s.t.Fatalf("work of %d bits, want %d: %v", n, bits, err)
	}
	return id
}

// asks is a refusal that names the work accepted now.
func (w *world) asks(s *wire.Submit, code wire.Code, bits uint8) *wire.Refused {
	return &wire.Refused{Object: custody.Refuse(wire.Refusal{
		DropHash: sha256.Sum256(s.Drop[:]), EnvelopeHash: sha256.Sum256(s.Envelope), Code: code, Bits: bits,
	}, w.node)}
}

func TestWorkIsDoneBeforeASubmission(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.end()
		mine := envelope(1)
		token := w.knock(mine, 12, 0)
		s := w.accept().hello()
		id := s.worked(mine, 12)
		if len(mine.Work) != 0 {
			t.Error("the caller's submission was changed")
		}
		// More is asked for, twice, then it is taken.
		s.send(fr(id, w.asks(mine, wire.CodeWork, 14)))
		id = s.worked(mine, 14)
		s.send(fr(id, w.asks(mine, wire.CodeDoorFull, 15)))
		id = s.worked(mine, 15)
		s.send(fr(0, committed(w.node, [][]byte{receiptFor(w.node.Public(), mine).Append(nil)}, id)))
		a := want[home.Answered](w)
		if a.Token != token || a.Receipt == nil || a.Err != nil {
			t.Fatalf("answer %+v", a)
		}
		p, err := custody.ParseProof(a.Proof)
		if err != nil {
			t.Fatal(err)
		}
		if proven, err := p.Receipt(w.node.Public()); err != nil || *proven != *a.Receipt {
			t.Errorf("the proof shows %+v: %v", proven, err)
		}
	})
}

func TestWorkHasALimit(t *testing.T) {
	cases := []struct {
		name       string
		bits, most uint8
		asked      uint8 // in the refusal
		code       wire.Code
	}{
		{"more than may be done", 10, 12, 13, wire.CodeWork},
		{"more than is done by default", 10, 0, home.WorkLimit + 1, wire.CodeDoorFull},
		{"no more than was done", 10, 12, 10, wire.CodeDoorFull},
		{"the most that can be asked", 10, 12, wire.MaxWorkBits, wire.CodeWork},
		{"nothing named", 10, 12, 0, wire.CodeDoorFull},
	}
	for _, c := range cases {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t)
			defer w.end()
			mine := envelope(1)
			token := w.knock(mine, c.bits, c.most)
			s := w.accept().hello()
			s.send(fr(s.worked(mine, int(c.bits)), w.asks(mine, c.code, c.asked)))
			a := want[home.Answered](w)
			if _, ok := a.Payload.(*wire.Refused); !ok || a.Token != token || a.Bits != c.asked || !errors.Is(a.Err, &wire.Error{Code: c.code}) {
				t.Errorf("%s: answer %+v", c.name, a)
			}
		})
	}
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.end()
		token := w.knock(envelope(1), home.WorkLimit+1, 0)
		if a := want[home.Answered](w); a.Token != token || a.Bits != home.WorkLimit+1 || !errors.Is(a.Err, wire.ErrWork) {
			t.Errorf("answer %+v", a)
		}
		w.quiet(time.Hour)
	})
}

// TestWorkStopsNothingElse runs by the real clock: an endless search, beside
// which everything goes on until it is given up.
func TestWorkStopsNothingElse(t *testing.T) {
	w := newWorld(t)
	defer w.end()
	s := w.up(w.spec())
	endless := w.knock(envelope(1), wire.MaxWorkBits, wire.MaxWorkBits)
	behind := w.knock(envelope(2), 4, 0)
	third := w.knock(envelope(3), 4, 0)
	for range 3 {
		w.listens(s)
	}
	given := func(token uint64) {
		t.Helper()
		if a := want[home.Answered](w); a.Token != token || !errors.Is(a.Err, home.ErrCancelled) {
			t.Errorf("answer %+v", a)
		}
	}
	w.pool.Cancel(0)
	w.pool.Cancel(12345)
	w.pool.Cancel(third)
	given(third)
	w.pool.Cancel(endless)
	given(endless)
	s.send(fr(s.worked(envelope(2), 4), wire.FailureOf(wire.ErrBusy)))
	w.failed(behind, wire.ErrBusy)
	w.knock(envelope(4), wire.MaxWorkBits, wire.MaxWorkBits) // the end of the Pool stops it
}

func TestTooMuchWorkIsRefused(t *testing.T) {
	w := newWorld(t)
	defer w.end()
	endless := w.knock(envelope(0), wire.MaxWorkBits, wire.MaxWorkBits)
	tokens := map[uint64]bool{}
	for n := range byte(70) {
		tokens[w.knock(envelope(n), wire.MaxWorkBits, wire.MaxWorkBits)] = true
	}
	for range 5 { // at once, behind an endless search
		a := want[home.Answered](w)
		if !tokens[a.Token] || !errors.Is(a.Err, wire.ErrBusy) {
			t.Fatalf("answer %+v", a)
		}
		delete(tokens, a.Token)
	}
	for token := range tokens {
		w.pool.Cancel(token)
	}
	w.pool.Cancel(endless)
	cancelled := 0
	for range 66 {
		if a := want[home.Answered](w); errors.Is(a.Err, home.ErrCancelled) {
			cancelled++
		} else if !errors.Is(a.Err, wire.ErrBusy) {
			t.Fatalf("answer %+v", a)
		}
	}
	if cancelled < 64 {
		t.Errorf("%d of 71 requests waited", cancelled)
	}
}

func TestAnAccountIsOpenedByWork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.end()
		spec := w.spec()
		spec.Register.Invite = nil
		var account wire.Enrolment
		if err := wire.Unmarshal(spec.Register.Object.Body, &account, wire.MaxObject); err != nil {
			t.Fatal(err)
		}
		unknown := func(bits uint8) *script {
			s := w.accept()
			s.limits.RegisterBits = bits
			s.hello()
			id, _ := s.login()
			s.send(fr(id, wire.FailureOf(wire.ErrLogin)))
			return s
		}
		paid := func(s *script, bits int) uint64 {
			t.Helper()
			var r wire.Register
			id := s.take(&r)
			n, err := wire.WorkBits(wire.RegisterWork(w.node.Public(), account.Account), r.Work, time.Now())
			if err != nil || n < bits || len(r.Invite) != 0 || r.Object.Hash() != spec.Register.Object.Hash() {
				t.Fatalf("work of %d bits, want %d: %v", n, bits, err)
			}
			return id
		}
		w.pool.Open(spec)
		unknown(10).gone()
		w.down(wire.ErrWork)
		s := unknown(10)
		// The price has risen: it is paid anew.
		s.send(fr(paid(s, 10), wire.FailureOf(wire.ErrWork)))
		s.gone()
		w.down(wire.ErrWork)
		unknown(13).gone()
		w.down(wire.ErrWork)
		s = unknown(13)
		s.send(fr(paid(s, 13), &wire.OK{}))
		s.welcome(spec)
		want[home.Connected](w)
		w.listens(s)
	})
}

func TestNobodyPaysTooMuchOrWithAnInvitation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.end()
		spec := w.spec()
		w.pool.Open(spec)
		s := w.accept()
		s.limits.RegisterBits = 12
		s.hello()
		id, _ := s.login()
		s.send(fr(id, wire.FailureOf(wire.ErrLogin)))
		var r wire.Register
		if s.take(&r); len(r.Work) != 0 || len(r.Invite) == 0 {
			t.Error("work beside an invitation")
		}
	})
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.end()
		spec := w.spec()
		spec.Register.Invite = nil
		w.pool.Open(spec)
		for range 3 {
			s := w.accept()
			s.limits.RegisterBits = home.WorkLimit + 1
			s.hello()
			id, _ := s.login()
			s.send(fr(id, wire.FailureOf(wire.ErrLogin)))
			s.gone()
			if w.down(wire.ErrWork) < 200*time.Millisecond {
				t.Error("no pause before the next attempt")
			}
		}
	})
}

// TestRolesChangeWhileWorkIsDone: a home that is closed while it computes leaves
// nothing behind.
func TestRolesChangeWhileWorkIsDone(t *testing.T) {
	w := newWorld(t)
	defer w.end()
	w.knock(envelope(1), wire.MaxWorkBits, wire.MaxWorkBits) // so that the registration waits
	spec := w.spec()
	spec.Register.Invite = nil
	w.pool.Open(spec)
	s := w.accept()
	s.limits.RegisterBits = 8
	s.hello()
	id, _ := s.login()
	s.send(fr(id, wire.FailureOf(wire.ErrLogin)))
	s.gone()
	w.down(wire.ErrWork)
	w.failed(w.ask(envelope(2)), wire.ErrLinkClosed)
	w.pool.Close(spec.Target)
	token := w.ask(envelope(3))
	guest := w.accept().hello()
	guest.send(fr(guest.take(&wire.Submit{}), wire.FailureOf(wire.ErrBusy)))
	w.failed(token, wire.ErrBusy)
}

func TestStatesAndProofsComeBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.end()
		spec := w.spec()
		s := w.up(spec)
		get := &wire.StateGet{Drop: key.DropID{1}, Asked: [32]byte{2}, K: 3}
		token := w.ask(get)
		var got wire.StateGet
		id := s.take(&got)
		if got != *get {
			t.Fatalf("asked %+v", got)
		}
		answer := &wire.State{Object: wire.Object{Body: []byte{1}, Sig: make([]byte, 64)}, Acks: [][]byte{{7}}}
		s.send(fr(id, answer))
		a := want[home.Answered](w)
		if state, ok := a.Payload.(*wire.State); !ok || a.Token != token || a.Err != nil || !bytes.Equal(state.Acks[0], []byte{7}) {
			t.Fatalf("answer %+v", a)
		}
		token = w.ask(get)
		s.send(fr(s.take(&got), wire.FailureOf(wire.ErrUnknownDrop)))
		w.failed(token, wire.ErrUnknownDrop)
		tag := tagOf(t, spec)
		c := committed(w.node, [][]byte{headLeaf(tag, 1), headLeaf(key.AccountTag{}, 1), headLeaf(tag, 2)}, 0, ^uint64(0), 0)
		s.send(fr(0, c))
		for _, n := range []int{0, 1} {
			h := want[home.Head](w)
			p, err := custody.ParseProof(h.Proof)
			if err != nil || h.Time != c.Time || h.Head.Position.Index() != uint64(n+1) {
				t.Fatalf("head %+v: %v", h, err)
			}
			if proven, err := p.Head(w.node.Public()); err != nil || *proven != h.Head {
				t.Errorf("%d: the proof shows %+v: %v", n, proven, err)
			}
		}
		// A state for another question ends the link.
		token = w.ask(envelope(1))
		s.send(fr(s.take(&wire.Submit{}), answer))
		w.failed(token, wire.ErrLinkClosed)
		w.down(wire.ErrUnexpected)
	})
}

func TestGatewaysTellTheirClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.end()
		for n, off := range []time.Duration{0, -400 * 24 * time.Hour, time.Hour} {
			token := w.ask(envelope(byte(n)))
			s := w.accept()
			h := s.greeting()
			h.Time = wire.Millis(time.Now().Add(off))
			s.send(fr(0, h))
			s.send(fr(s.take(&wire.Submit{}), wire.FailureOf(wire.ErrBusy)))
			w.failed(token, wire.ErrBusy)
			s.gone()
			g := w.greeted[n]
			if d := g.Clock - off; g.Gateway != w.node.Public() || d < -time.Second || d > time.Second {
				t.Errorf("clock %v, want %v", g.Clock, off)
			}
		}
	})
}
