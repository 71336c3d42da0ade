package channel

import (
	"time"

	"zeroms/protocol/key"
	"zeroms/protocol/wire"
)

// Sender is the end of a channel that asks. It is for one goroutine at a time.
type Sender struct {
	ends

	encapsulation []byte
	heard         bool // the target answered: it knows the channel
	next          uint32
	open          map[uint32]sent // requests that wait for their answer
}

// sent is what an answer has to fit to.
type sent struct {
	kind wire.Type
	size int // of the sealed answer
}

// Open sets a channel up to a gateway by the KEM key of its descriptor. Error:
// wire.ErrPublicKey if that is none.
func Open(to key.Place, kem *key.RelayPublic, now time.Time) (*Sender, error) {
	encapsulation, x, err := kem.Sender(info(to))
	if err != nil {
		return nil, wire.ErrPublicKey.Because("a gateway's KEM key")
	}
	e, err := shared(to, x, now)
	if err != nil {
		return nil, err
	}
	return &Sender{ends: e, encapsulation: encapsulation, open: map[uint32]sent{}}, nil
}

// Room reports whether another request may be sealed: at most Ahead from the
// oldest open one on, and MaxRequests in all.
func (s *Sender) Room() bool {
	if s.next >= MaxRequests {
		return false
	}
	for n := range s.open {
		if s.next-n >= Ahead {
			return false
		}
	}
	return true
}

// Seal seals a request under the next n. Until an answer was opened it comes with
// the encapsulation. A repetition is the very same Relay, never sealed again.
// Errors: wire.ErrBusy if there is no Room, wire.ErrUnexpected for a type that
// channels do not carry, wire.ErrSizeClass for an envelope of another size than
// the four, wire.ErrTooLarge for a request that does not fit.
func (s *Sender) Seal(p wire.Payload) (*wire.Relay, error) {
	switch {
	case !Carries(p.Type()):
		return nil, wire.ErrUnexpected.Because("no request for a channel")
	case !s.Room():
		return nil, wire.ErrBusy.Because("a channel that is full")
	}
	class, err := classOf(p)
	if err != nil {
		return nil, err
	}
	r := &wire.Relay{Channel: s.id, N: s.next}
	if !s.heard {
		r.Encapsulation = s.encapsulation
	}
	plain, err := padded(class+wire.ForwardPadding-len(r.Encapsulation)-overhead, RequestID, p)
	if err != nil {
		return nil, err
	}
	a, nonce, aad := s.requests(r.N)
	r.Sealed = a.Seal(plain[:0], nonce, plain, aad)
	s.open[r.N] = sent{p.Type(), AnswerSize(class)}
	s.next++
	return r, nil
}

// Answer opens the answer to an open request, which stays open until Done. The
// frame's payload is still to be decoded; its type is one that answers the request.
// Errors: wire.ErrUnexpected for another channel, an n that is not open, a type or
// an id that does not belong there; wire.ErrSizeClass; wire.ErrOpen if it does not
// open; those of wire.NextFrame, and wire.ErrMalformed for a padding that is not
// zeros.
func (s *Sender) Answer(f *wire.Forwarded) (wire.Frame, error) {
	request, ok := s.open[f.N]
	switch {
	case !ok || f.Channel != s.id:
		return wire.Frame{}, wire.ErrUnexpected.Because("the answer of another channel")
	case len(f.Sealed) != request.size:
		return wire.Frame{}, wire.ErrSizeClass
	}
	a, aad := s.answers(f.N, new(besideAnswer))
	plain, err := a.Open(nil, f.Nonce[:], f.Sealed, aad)
	if err != nil {
		return wire.Frame{}, wire.ErrOpen
	}
	s.heard = true
	in, err := unpadded(plain)
	switch {
	case err != nil:
		return wire.Frame{}, err
	case !answers(request.kind, in.Type), in.ID != answerID(in.Type):
		return wire.Frame{}, wire.ErrUnexpected.Because("a frame that does not answer the request")
	}
	return in, nil
}

// Done ends the wait for the answer to a request.
func (s *Sender) Done(n uint32) { delete(s.open, n) }

// answerID is the id of a frame inside an answer.
func answerID(t wire.Type) uint64 {
	if t == wire.TypeCommit {
		return 0
	}
	return RequestID
}
