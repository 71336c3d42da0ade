package channel

import (
	"bytes"
	"testing"
	"time"

	"zeroms/protocol/key"
	"zeroms/protocol/wire"
)

// gateway is a target with its keys.
type gateway struct {
	at  key.Place
	kem key.RelayPrivate
}

func newGateway() gateway {
	return gateway{
		at:  key.Place{Network: key.Network{'t', 'e', 's', 't'}, Node: key.NewPrivate[key.Node]().Public()},
		kem: key.NewRelayPrivate(),
	}
}

func start() time.Time { return time.Date(2026, 5, 4, 3, 2, 1, 0, time.UTC) }

func (g gateway) open(t testing.TB) *Sender {
	t.Helper()
	public := g.kem.Public()
	s, err := Open(g.at, &public, start())
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func (g gateway) accept(t testing.TB, in *wire.Relay) *Receiver {
	t.Helper()
	r, err := Accept(g.at, g.kem, in, start())
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// secrets are kf and kb of a channel to the gateway, as they follow from its encapsulation.
func (g gateway) secrets(t testing.TB, s *Sender) (kf, kb []byte) {
	t.Helper()
	x, err := g.kem.Recipient(s.encapsulation, info(g.at))
	if err != nil {
		t.Fatal(err)
	}
	kf, err1 := x.Export(key.ExportForward, 32)
	kb, err2 := x.Export(key.ExportForwardBack, 32)
	if err1 != nil || err2 != nil {
		t.Fatal(err1, err2)
	}
	return kf, kb
}

// pair is both ends of a channel whose first request, number 0, was opened.
func pair(t testing.TB) (*Sender, *Receiver, Request) {
	t.Helper()
	g := newGateway()
	s := g.open(t)
	first := seal(t, s, submit(class1))
	r := g.accept(t, first)
	return s, r, unseal(t, r, first)
}

func seal(t testing.TB, s *Sender, p wire.Payload) *wire.Relay {
	t.Helper()
	r, err := s.Seal(p)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func unseal(t testing.TB, r *Receiver, in *wire.Relay) Request {
	t.Helper()
	q, err := r.Unseal(in)
	if err != nil {
		t.Fatal(err)
	}
	return q
}

func answer(t testing.TB, r *Receiver, q Request, p wire.Payload) *wire.Forwarded {
	t.Helper()
	f, err := r.Seal(q, p)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// hear lets the sender open one answer, so that it leaves the encapsulation out.
func hear(t testing.TB, s *Sender, r *Receiver, q Request) {
	t.Helper()
	if _, err := s.Answer(answer(t, r, q, wire.FailureOf(wire.ErrBusy))); err != nil {
		t.Fatal(err)
	}
	s.Done(q.N)
}

func submit(size int) *wire.Submit {
	s := &wire.Submit{Drop: key.DropID{1, 2, 3}, MAC: [16]byte{4, 5}, Envelope: bytes.Repeat([]byte{0xe5}, size)}
	if size == class4 {
		s.Work = bytes.Repeat([]byte{7}, wire.WorkSize)
	}
	return s
}

// commit is one of the largest that a gateway can make for a single submission.
func commit() *wire.Commit {
	return &wire.Commit{
		Leaves: 1<<32 - 1, Time: 1 << 60, Sig: make([]byte, 64), Path: make([][32]byte, 32),
		Items: []wire.CommitItem{{ID: RequestID, Index: 1<<32 - 1, Leaf: make([]byte, 181)}},
	}
}

// forged is a request of which only the plaintext is the test's.
func (s *Sender) forged(class int, plain []byte) *wire.Relay {
	r := &wire.Relay{Channel: s.id, N: s.next}
	if !s.heard {
		r.Encapsulation = s.encapsulation
	}
	s.next++
	whole := make([]byte, class+wire.ForwardPadding-len(r.Encapsulation)-overhead)
	copy(whole, plain)
	a, nonce, aad := s.requests(r.N)
	r.Sealed = a.Seal(nil, nonce, whole, aad)
	return r
}

// forged is an answer of which only the plaintext is the test's.
func (r *Receiver) forged(q Request, plain []byte) *wire.Forwarded {
	f := &wire.Forwarded{Channel: r.id, N: q.N, Nonce: [24]byte{1, byte(q.N)}}
	whole := make([]byte, AnswerSize(q.Class)-overhead)
	copy(whole, plain)
	a, aad := r.answers(q.N, new(besideAnswer))
	f.Sealed = a.Seal(nil, f.Nonce[:], whole, aad)
	return f
}
