package wire

import (
	"errors"
	"strings"
	"unicode"
	"unicode/utf8"
)

// OK answers a request that has nothing else to say; what it asked for is durable.
type OK struct{}

// Type is TypeOK.
func (*OK) Type() Type { return TypeOK }

// Failure is an error frame: the answer to the request with its id, or with id
// 0 the reason why the link is about to close. Detail is for people, at most
// MaxDetail bytes, and never holds secrets.
type Failure struct {
	Code   Code   `cbor:"1,keyasint"`
	Detail string `cbor:"2,keyasint"`
}

// MaxDetail bounds the text of a Failure, in bytes.
const MaxDetail = 200

// Type is TypeError.
func (*Failure) Type() Type { return TypeError }

// FailureOf turns an error of the table into a frame; any other error becomes
// CodeUnavailable without its text.
func FailureOf(err error) *Failure {
	var e *Error
	if errors.As(err, &e) {
		return &Failure{Code: e.Code, Detail: clip(e.Detail)}
	}
	return &Failure{Code: CodeUnavailable}
}

// Err turns a received Failure into an error of the table.
func (f *Failure) Err() error { return &Error{Code: f.Code, Detail: clip(f.Detail)} }

// clip keeps what can be printed on one line and at most MaxDetail bytes of it:
// a detail comes from the other side and ends in terminals and logs.
func clip(s string) string {
	if len(s) > 4*MaxDetail {
		s = s[:4*MaxDetail]
	}
	s = strings.Map(func(r rune) rune {
		if r == utf8.RuneError || !unicode.IsPrint(r) {
			return -1
		}
		return r
	}, s)
	if len(s) > MaxDetail {
		s = strings.ToValidUTF8(s[:MaxDetail], "")
	}
	return s
}
