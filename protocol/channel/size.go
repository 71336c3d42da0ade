package channel

import (
	"golang.org/x/crypto/chacha20poly1305"

	"zeroms/protocol/wire"
)

// Classes of requests, in bytes: the sizes of envelopes.
const (
	class1  = 1 << 10
	class4  = 4 << 10
	class16 = 16 << 10
	class64 = 64 << 10
)

// Sizes of an answer's sealed bytes. Which one it is follows from the class of the
// request alone, so that it says nothing that the request's size did not say.
const (
	AnswerSmall = class1 + wire.ForwardPadding  // to requests of 1, 16 and 64 KiB
	AnswerLarge = class16 + wire.ForwardPadding // to requests of 4 KiB
)

// overhead is what sealing adds.
const overhead = chacha20poly1305.Overhead

// Class is the class of a request as everybody sees it who carries it: what
// encapsulation and sealed bytes have together is ForwardPadding more. Errors:
// wire.ErrValue for an encapsulation of another length than 0 and
// wire.EncapsulationSize, wire.ErrSizeClass for another sum.
func Class(r *wire.Relay) (int, error) {
	if n := len(r.Encapsulation); n != 0 && n != wire.EncapsulationSize {
		return 0, wire.ErrValue.Because("an encapsulation of another length")
	}
	class := len(r.Encapsulation) + len(r.Sealed) - wire.ForwardPadding
	if !isClass(class) {
		return 0, wire.ErrSizeClass
	}
	return class, nil
}

func isClass(n int) bool { return n == class1 || n == class4 || n == class16 || n == class64 }

// AnswerSize is the length of the sealed answer to a request of this class.
func AnswerSize(class int) int {
	if class == class4 {
		return AnswerLarge
	}
	return AnswerSmall
}

// CheckAnswer reports whether an answer may belong to a request, for who carries
// both and opens neither. Errors: wire.ErrUnexpected for another channel or n,
// wire.ErrSizeClass for a size that does not belong to the request's.
func CheckAnswer(sent *wire.Relay, f *wire.Forwarded) error {
	class, err := Class(sent)
	switch {
	case err != nil:
		return err
	case f.Channel != sent.Channel || f.N != sent.N:
		return wire.ErrUnexpected.Because("the answer of another channel")
	case len(f.Sealed) != AnswerSize(class):
		return wire.ErrSizeClass
	}
	return nil
}

// classOf is the class that a request takes: the envelope's, and 4 KiB for
// everything without one, as the envelopes to doors have.
func classOf(p wire.Payload) (int, error) {
	s, ok := p.(*wire.Submit)
	switch {
	case !ok:
		return class4, nil
	case !isClass(len(s.Envelope)):
		return 0, wire.ErrSizeClass
	}
	return len(s.Envelope), nil
}

// Carries reports whether requests of this type may stand in a channel.
func Carries(t wire.Type) bool {
	switch t {
	case wire.TypeSubmit, wire.TypeProfileGet, wire.TypeRecordGet:
		return true
	}
	return false
}

// answers reports whether t may answer a request of a type that channels carry.
func answers(request, t wire.Type) bool {
	switch t {
	case wire.TypeError:
		return true
	case wire.TypeCommit, wire.TypeRefused:
		return request == wire.TypeSubmit
	case wire.TypeProfile:
		return request == wire.TypeProfileGet
	case wire.TypeRecord:
		return request == wire.TypeRecordGet
	}
	return false
}
