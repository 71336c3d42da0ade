package card

import (
	"bytes"

	"zeroms/protocol/key"
	"zeroms/protocol/wire"
)

const (
	version   = 1
	checkSize = 4
)

// seal appends the check to an encoding and writes it as text.
func seal(prefix string, check key.Prefix, body []byte) string {
	h := key.Hash(check, body)
	return prefix + key.Base32(append(body, h[:checkSize]...))
}

// open undoes seal after the prefix was cut off: it verifies the check before
// it looks at anything else, so that a typing error is reported as one, and
// then the version. It returns the bytes before the check.
func open(payload string, check key.Prefix, max int) ([]byte, error) {
	if len(payload) > (max*8+4)/5 {
		return nil, wire.ErrTooLarge
	}
	b, err := key.ParseBase32(payload)
	if err != nil {
		return nil, wire.ErrMalformed.Because("after its prefix a code has whole groups of the letters A-Z and the digits 2-7; copy all of it")
	}
	if len(b) < 2+checkSize {
		return nil, wire.ErrTruncated
	}
	body, sum := b[:len(b)-checkSize], b[len(b)-checkSize:]
	if h := key.Hash(check, body); !bytes.Equal(h[:checkSize], sum) {
		return nil, wire.ErrCheck
	}
	if body[0] != version {
		return nil, wire.ErrVersion
	}
	return body, nil
}

// fields takes fixed and length-prefixed fields off an encoding. The first
// field that is not there sets short; later ones are then zeros.
type fields struct {
	b     []byte
	short bool
}

func (f *fields) take(n int) []byte {
	if f.short || len(f.b) < n {
		f.short = true
		return make([]byte, n)
	}
	out := f.b[:n]
	f.b = f.b[n:]
	return out
}

func (f *fields) byte() byte     { return f.take(1)[0] }
func (f *fields) uint16() uint16 { b := f.take(2); return uint16(b[0])<<8 | uint16(b[1]) }
func (f *fields) string() string { return string(f.take(int(f.byte()))) }

// end is the error of an encoding that ended too early or goes on.
func (f *fields) end() error {
	if f.short {
		return wire.ErrTruncated
	}
	if len(f.b) != 0 {
		return wire.ErrTrailing
	}
	return nil
}
