package channel

import (
	"crypto/rand"
	"time"

	"golang.org/x/crypto/chacha20poly1305"

	"zeroms/protocol/key"
	"zeroms/protocol/wire"
)

// Receiver is the end of a channel that is asked. Unseal is for one goroutine at a
// time; Seal may run beside it. It takes about 300 bytes, and 20 more for each n
// that it remembers.
type Receiver struct {
	ends

	high uint32  // the highest n that opened; 0 with nothing seen means none
	seen []known // at most Window, in no order
	turn int     // which of Window that are seen may go first
}

// known is which bytes an n stands for.
type known struct {
	n   uint32
	tag tag
}

// tag is the authentication tag of sealed bytes. Under one key and nonce others than
// the sender can't make two texts with the same, and the sender harms nobody else.
type tag [chacha20poly1305.Overhead]byte

// Accept sets a channel up from a request that brings the encapsulation. It opens
// nothing yet: Unseal does. It costs as much as fifty requests, so whoever
// calls it limits how often. Errors: wire.ErrNoChannel for a request without
// encapsulation, those of Class, and wire.ErrOpen if the request's channel is not
// the one that follows: it was made for another key, gateway or network.
func Accept(at key.Place, k key.RelayPrivate, in *wire.Relay, now time.Time) (*Receiver, error) {
	if _, err := Class(in); err != nil {
		return nil, err
	}
	if len(in.Encapsulation) == 0 {
		return nil, wire.ErrNoChannel
	}
	x, err := k.Recipient(in.Encapsulation, info(at))
	if err != nil {
		return nil, wire.ErrOpen
	}
	e, err := shared(at, x, now)
	if err != nil {
		return nil, err
	}
	if e.id != in.Channel {
		return nil, wire.ErrOpen
	}
	return &Receiver{ends: e}, nil
}

// Request is one request that came through a channel.
type Request struct {
	N     uint32
	Class int
	// Again says that the same bytes were opened before.
	Again bool
	// Frame is a request of a type that channels carry, its payload still to be
	// decoded.
	Frame wire.Frame
}

// Unseal opens a request. Errors, none of which changes anything: those of Class;
// wire.ErrOpen if it is another channel's or does not open; wire.ErrNoChannel for
// an n below the Window; wire.ErrUnexpected for other bytes under an n that is
// known, and for a type or id that does not belong there; those of wire.NextFrame,
// and wire.ErrMalformed for a padding that is not zeros.
func (r *Receiver) Unseal(in *wire.Relay) (Request, error) { return r.unseal(nil, in) }

// UnsealInPlace is Unseal without memory of its own: Frame stands in in.Sealed, which
// can't be opened again, whatever came of it.
func (r *Receiver) UnsealInPlace(in *wire.Relay) (Request, error) { return r.unseal(in.Sealed[:0], in) }

// unseal appends what a request holds to dst.
func (r *Receiver) unseal(dst []byte, in *wire.Relay) (q Request, err error) {
	q.N = in.N
	if q.Class, err = Class(in); err != nil {
		return Request{}, err
	}
	if in.Channel != r.id {
		return Request{}, wire.ErrOpen
	}
	mark := tag(in.Sealed[len(in.Sealed)-len(tag{}):])
	a, nonce, aad := r.requests(in.N)
	plain, err := a.Open(dst, nonce, in.Sealed, aad)
	if err != nil {
		return Request{}, wire.ErrOpen
	}
	if q.Again, err = r.remembered(in.N, mark); err != nil {
		return Request{}, err
	}
	q.Frame, err = unpadded(plain)
	switch {
	case err != nil:
		return Request{}, err
	case !Carries(q.Frame.Type) || q.Frame.ID != RequestID:
		return Request{}, wire.ErrUnexpected.Because("no request for a channel")
	}
	if !q.Again {
		r.remember(known{in.N, mark})
	}
	return q, nil
}

// remembered reports whether n stands for these bytes already.
func (r *Receiver) remembered(n uint32, mark tag) (bool, error) {
	switch {
	case n > r.high: // as nearly always
		return false, nil
	case len(r.seen) > 0 && r.forgets(n):
		return false, wire.ErrNoChannel.Because("the channel has gone on")
	}
	for _, k := range r.seen {
		switch {
		case k.n != n:
		case k.tag != mark:
			return false, wire.ErrUnexpected.Because("other bytes under the number of a former request")
		default:
			return true, nil
		}
	}
	return false, nil
}

// forgets reports whether n is too far below the highest one to be remembered.
func (r *Receiver) forgets(n uint32) bool { return n < r.high && r.high-n >= Window }

// remember notes a new n in place of one that is out of the window. There is one
// whenever Window are noted: they differ, and no more fit between high and n. The
// search for it begins behind the last one, which finds the oldest at once if
// requests come in their order.
func (r *Receiver) remember(k known) {
	r.high = max(r.high, k.n)
	if len(r.seen) == Window {
		for range r.seen {
			at := r.turn
			r.turn = (at + 1) % Window
			if r.forgets(r.seen[at].n) {
				r.seen[at] = k
				return
			}
		}
	}
	r.seen = append(r.seen, k)
}

// Seal seals the answer to a request under a fresh nonce. A Commit has exactly one
// item, with RequestID. Errors: wire.ErrUnexpected for what does not answer the
// request, wire.ErrTooLarge for what does not fit.
func (r *Receiver) Seal(q Request, p wire.Payload) (*wire.Forwarded, error) {
	if c, ok := p.(*wire.Commit); !answers(q.Frame.Type, p.Type()) || ok && (len(c.Items) != 1 || c.Items[0].ID != RequestID) {
		return nil, wire.ErrUnexpected.Because("a frame that does not answer the request")
	}
	plain, err := padded(AnswerSize(q.Class)-overhead, answerID(p.Type()), p)
	if err != nil {
		return nil, err
	}
	var out struct { // in one piece of memory
		wire.Forwarded
		beside besideAnswer
	}
	out.Channel, out.N = r.id, q.N
	_, _ = rand.Read(out.Nonce[:]) // never fails: it ends the process instead
	a, aad := r.answers(q.N, &out.beside)
	out.Sealed = a.Seal(plain[:0], out.Nonce[:], plain, aad)
	return &out.Forwarded, nil
}
