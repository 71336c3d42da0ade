package wire

import (
	"bytes"
	"errors"
	"io"
	"time"

	"github.com/fxamacker/cbor/v2"
)

// The two coding modes are immutable tables of options.
var (
	encMode = mustEnc()
	decMode = mustDec()
)

func mustEnc() cbor.EncMode {
	opts := cbor.CoreDetEncOptions()
	opts.NilContainers = cbor.NilContainerAsEmpty
	opts.TagsMd = cbor.TagsForbidden
	m, err := opts.EncMode()
	if err != nil {
		panic(err)
	}
	return m
}

func mustDec() cbor.DecMode {
	m, err := cbor.DecOptions{
		DupMapKey:         cbor.DupMapKeyEnforcedAPF,
		IndefLength:       cbor.IndefLengthForbidden,
		TagsMd:            cbor.TagsForbidden,
		ExtraReturnErrors: cbor.ExtraDecErrorUnknownField,
		MaxNestedLevels:   MaxNesting,
		MaxArrayElements:  MaxElements,
		MaxMapPairs:       MaxElements,
		UTF8:              cbor.UTF8RejectInvalid,
	}.DecMode()
	if err != nil {
		panic(err)
	}
	return m
}

// Marshal encodes v as deterministic CBOR. It panics on a type that CBOR can't
// carry, which only a programming error can bring.
func Marshal(v any) []byte {
	b, err := encMode.Marshal(v)
	if err != nil {
		panic("wire: " + err.Error())
	}
	return b
}

// Unmarshal decodes exactly one deterministic CBOR item of at most max bytes
// into the struct v points to. Whatever would not encode back to the same
// bytes is refused, and so is every float, null, undefined and simple value but
// false and true, whatever v could hold: ErrTooLarge, ErrTruncated, ErrTrailing,
// ErrNotCanonical or ErrMalformed.
func Unmarshal(b []byte, v any, max int) error {
	if len(b) > max {
		return ErrTooLarge
	}
	if err := decMode.Unmarshal(b, v); err != nil {
		return decodeError(err)
	}
	if !plain(b) {
		return ErrMalformed
	}
	again, err := encMode.Marshal(v)
	if err != nil || !bytes.Equal(again, b) {
		return ErrNotCanonical
	}
	return nil
}

// plain reports whether a well-formed item without indefinite lengths and tags
// holds nothing of major type 7 but false and true. Heads follow each other, so
// one walk sees every item at every depth.
func plain(b []byte) bool {
	for len(b) > 0 {
		major, info := b[0]>>5, b[0]&31
		n, size := uint64(info), 0
		if info >= 24 {
			size = 1 << (info - 24)
			n = 0
			for _, c := range b[1 : 1+size] {
				n = n<<8 | uint64(c)
			}
		}
		switch major {
		case 7:
			if info != 20 && info != 21 {
				return false
			}
		case 2, 3:
			size += int(n)
		}
		b = b[1+size:]
	}
	return true
}

func decodeError(err error) error {
	var trailing *cbor.ExtraneousDataError
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return ErrTruncated
	case errors.As(err, &trailing):
		return ErrTrailing
	}
	return ErrMalformed
}

// Millis is t as milliseconds since 1970 UTC, the protocol's unit of time.
func Millis(t time.Time) uint64 {
	if ms := t.UnixMilli(); ms > 0 {
		return uint64(ms)
	}
	return 0
}

// Time is the moment ms milliseconds after 1970 UTC; values beyond year 9999
// are cut to it.
func Time(ms uint64) time.Time {
	const last = 253402300799999
	return time.UnixMilli(int64(min(ms, last))).UTC()
}
