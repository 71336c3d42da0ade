package jsonframe

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"

	"zeroms/protocol/wire"
)

// strict refuses base64 whose last character has bits that count for nothing.
var strict = func() *base64.Encoding { return base64.RawURLEncoding.Strict() }()

// CBOR reads a message of JSON frames and returns the same message in CBOR. The
// text may have wire.MaxMessage bytes, the result max. Errors: those of
// Reader.Next, and wire.ErrTooLarge.
func CBOR(text []byte, max int) ([]byte, error) {
	if len(text) > wire.MaxMessage {
		return nil, wire.ErrTooLarge
	}
	var out []byte
	r := NewReader(text)
	for r.More() {
		var err error
		if out, err = r.Next(out); err != nil {
			return nil, err
		}
		if len(out) > max {
			return nil, wire.ErrTooLarge
		}
	}
	return out, nil
}

// Reader reads the frames of one message one after the other, so that a message
// of many costs nothing before they are wanted.
type Reader struct {
	text []byte
	n    int
	done bool
}

// NewReader makes a Reader of a message, which must not change meanwhile.
func NewReader(text []byte) *Reader { return &Reader{text: text} }

// More reports whether there is a frame to read. Every message has a first one.
func (r *Reader) More() bool { return !r.done }

// Next reads the next frame and appends it to dst in CBOR; it has at most
// wire.MaxFrame bytes. Errors, with the place as their detail:
// wire.ErrTooLarge, ErrTruncated, ErrTrailing, ErrMalformed, and
// ErrNotCanonical for what is JSON but is not written in the one valid way.
// After an error there is nothing more to read.
func (r *Reader) Next(dst []byte) ([]byte, error) {
	line, rest, more := bytes.Cut(r.text, []byte{'\n'})
	r.n++
	r.text, r.done = rest, !more
	one := reader{text: line, frame: r.n, last: !more}
	id, p, err := one.read()
	if err != nil {
		r.done = true
		return nil, err
	}
	out := wire.AppendFrame(dst, id, p)
	if len(out)-len(dst) > wire.MaxFrame {
		r.done = true
		return nil, wire.ErrTooLarge.Because(fmt.Sprintf("frame %d", r.n))
	}
	return out, nil
}

// reader reads one line, which has to be what appendPayload would write.
type reader struct {
	text  []byte // of the line
	at    int
	frame int  // from 1, for errors
	last  bool // no line follows
	path  []string
}

// read reads the whole line.
func (r *reader) read() (id uint64, p wire.Payload, err error) {
	if err := r.expect(`["`); err != nil {
		return 0, nil, err
	}
	end := bytes.IndexByte(r.text[r.at:], '"')
	if end < 0 {
		return 0, nil, r.cut("a name of a frame")
	}
	f := byName(string(r.text[r.at : r.at+end]))
	if f == nil {
		return 0, nil, r.fail(wire.ErrMalformed, "there is no frame of this name")
	}
	r.at += end
	r.path = append(r.path, f.name)
	if err := r.expect(`",`); err != nil {
		return 0, nil, err
	}
	if id, err = r.number(math.MaxUint64); err != nil {
		return 0, nil, err
	}
	if err := r.expect(`,`); err != nil {
		return 0, nil, err
	}
	p = f.empty()
	if err := r.record(f.fields(p)); err != nil {
		return 0, nil, err
	}
	if err := r.expect(`]`); err != nil {
		return 0, nil, err
	}
	if r.at < len(r.text) {
		return 0, nil, r.fail(wire.ErrTrailing, "more than a frame on one line")
	}
	return id, p, nil
}

// value reads a value into its place.
func (r *reader) value(v Value) error {
	switch v := v.(type) {
	case *uint8:
		n, err := r.number(math.MaxUint8)
		*v = uint8(n)
		return err
	case *uint16:
		n, err := r.number(math.MaxUint16)
		*v = uint16(n)
		return err
	case *uint32:
		n, err := r.number(math.MaxUint32)
		*v = uint32(n)
		return err
	case *uint64:
		n, err := r.number(math.MaxUint64)
		*v = n
		return err
	case *bool:
		*v = r.peek() == 't'
		return r.expect(strconv.FormatBool(*v))
	case *string:
		return r.string(v)
	case Fixed:
		return r.fixed(v)
	case *[]byte:
		return r.bytes(v)
	case Record:
		return r.record(v)
	case List:
		return r.list(v)
	}
	panic("jsonframe: a value of no known kind")
}

// record reads an object with exactly these fields in this order.
func (r *reader) record(fields Record) error {
	if err := r.expect(`{`); err != nil {
		return err
	}
	for i, f := range fields {
		if i > 0 && !r.has(`,`) {
			return r.missing(fields, i)
		}
		if err := r.name(fields, i); err != nil {
			return err
		}
		r.path = append(r.path, f.Name)
		if err := r.value(f.Value); err != nil {
			return err
		}
		r.path = r.path[:len(r.path)-1]
	}
	if len(fields) > 0 && r.has(`,`) {
		return r.stranger(fields, len(fields))
	}
	return r.expect(`}`)
}

// name reads the name of field i and its colon.
func (r *reader) name(fields Record, i int) error {
	rest := r.text[r.at:]
	want := `"` + fields[i].Name + `":`
	switch {
	case bytes.HasPrefix(rest, []byte(want)):
		r.at += len(want)
		return nil
	case len(rest) < len(want) && strings.HasPrefix(want, string(rest)):
		return r.cut(want)
	case rest[0] != '"':
		return r.missing(fields, i)
	}
	return r.stranger(fields, i)
}

// stranger is the error for a field that stands where field i should, or the end.
func (r *reader) stranger(fields Record, i int) error {
	if err := r.expect(`"`); err != nil {
		return err
	}
	rest := r.text[r.at:]
	end := bytes.IndexByte(rest, '"')
	if end < 0 {
		return r.cut("a name of a field")
	}
	for known, f := range fields {
		switch {
		case f.Name != string(rest[:end]):
		case known == i:
			return r.fail(wire.ErrNotCanonical, "white space, or no colon, behind the name of a field")
		case known < i:
			return r.fail(wire.ErrMalformed, "the field "+f.Name+" twice")
		default:
			return r.fail(wire.ErrNotCanonical, "the field "+fields[i].Name+" is missing or not in its place")
		}
	}
	return r.fail(wire.ErrMalformed, "a field of an unknown name")
}

// missing is the error for whatever stands where the comma and the name of
// field i should be.
func (r *reader) missing(fields Record, i int) error {
	if r.peek() != '}' {
		return r.mismatch(`a field`)
	}
	return r.fail(wire.ErrNotCanonical, "the field "+fields[i].Name+" is missing")
}

// list reads an array.
func (r *reader) list(l List) error {
	if err := r.expect(`[`); err != nil {
		return err
	}
	if r.has(`]`) {
		return nil
	}
	for n := 0; ; n++ {
		if n == wire.MaxElements {
			return r.fail(wire.ErrMalformed, "too many elements")
		}
		if err := r.value(l.add()); err != nil {
			return err
		}
		if !r.has(`,`) {
			return r.expect(`]`)
		}
	}
}

// number reads an integer from 0 to max.
func (r *reader) number(max uint64) (uint64, error) {
	start := r.at
	for r.at < len(r.text) && r.text[r.at] >= '0' && r.text[r.at] <= '9' {
		r.at++
	}
	digits := r.text[start:r.at]
	switch {
	case len(digits) == 0:
		return 0, r.mismatch(`a whole number`)
	case r.at == len(r.text):
		return 0, r.cut("the end of a number")
	case digits[0] == '0' && len(digits) > 1:
		return 0, r.fail(wire.ErrMalformed, "a number with a 0 in front")
	}
	n, err := strconv.ParseUint(string(digits), 10, 64)
	if err != nil || n > max {
		return 0, r.fail(wire.ErrMalformed, fmt.Sprintf("a number above %d", max))
	}
	return n, nil
}

// quoted cuts out a base64 string; what is in it is not looked at yet.
func (r *reader) quoted() ([]byte, error) {
	if err := r.expect(`"`); err != nil {
		return nil, err
	}
	end := bytes.IndexByte(r.text[r.at:], '"')
	if end < 0 {
		return nil, r.cut("the end of a string")
	}
	s := r.text[r.at : r.at+end]
	r.at += end + 1
	if bytes.IndexByte(s, '\r') >= 0 { // which the decoder would skip, as it would a line feed
		return nil, r.fail(wire.ErrMalformed, "no base64url")
	}
	return s, nil
}

// fixed reads a byte string of a known length.
func (r *reader) fixed(v Fixed) error {
	s, err := r.quoted()
	if err != nil {
		return err
	}
	if len(s) != base64.RawURLEncoding.EncodedLen(len(v)) {
		return r.fail(wire.ErrNotCanonical, fmt.Sprintf("not %d bytes, which are %d characters of base64url without padding", len(v), base64.RawURLEncoding.EncodedLen(len(v))))
	}
	if _, err := strict.Decode(v, s); err != nil {
		return r.fail(wire.ErrMalformed, "no base64url without padding")
	}
	return nil
}

// bytes reads a byte string.
func (r *reader) bytes(v *[]byte) error {
	s, err := r.quoted()
	if err != nil || len(s) == 0 {
		return err
	}
	n := base64.RawURLEncoding.DecodedLen(len(s))
	if n > wire.MaxFrame {
		return r.fail(wire.ErrTooLarge, "")
	}
	out := make([]byte, n)
	if _, err := strict.Decode(out, s); err != nil {
		return r.fail(wire.ErrMalformed, "no base64url without padding")
	}
	*v = out
	return nil
}

// string reads text.
func (r *reader) string(v *string) error {
	if err := r.expect(`"`); err != nil {
		return err
	}
	start, out := r.at, []byte(nil)
	for {
		if r.at >= len(r.text) {
			return r.cut("the end of a string")
		}
		c := r.text[r.at]
		r.at++
		switch {
		case c == '"':
			if !utf8.Valid(out) {
				return r.fail(wire.ErrMalformed, "no UTF-8")
			}
			if again := appendString(nil, string(out)); !bytes.Equal(again[1:], r.text[start:r.at]) {
				return r.fail(wire.ErrNotCanonical, "escaped although it need not be, or in another way")
			}
			*v = string(out)
			return nil
		case c < ' ':
			return r.fail(wire.ErrMalformed, "a control character that is not escaped")
		case c == '\\':
			var err error
			if out, err = r.escape(out); err != nil {
				return err
			}
		default:
			out = append(out, c)
		}
	}
}

// escape reads what follows a backslash and appends what it stands for.
func (r *reader) escape(out []byte) ([]byte, error) {
	rest := r.text[r.at:]
	if len(rest) == 0 {
		return nil, r.cut("the end of a string")
	}
	switch c := rest[0]; c {
	case '"', '\\', '/':
		r.at++
		return append(out, c), nil
	case 'u':
		if len(rest) < 5 {
			return nil, r.cut("the end of a string")
		}
		n, err := strconv.ParseUint(string(rest[1:5]), 16, 16)
		if err != nil {
			return nil, r.fail(wire.ErrMalformed, "no hex behind \\u")
		}
		r.at += 5
		return utf8.AppendRune(out, rune(n)), nil
	}
	for c := range byte(' ') {
		if shortEscape(c) == rest[0] {
			r.at++
			return append(out, c), nil
		}
	}
	return nil, r.fail(wire.ErrMalformed, "an unknown escape")
}

// peek is the next character; 0 at the end.
func (r *reader) peek() byte {
	if r.at < len(r.text) {
		return r.text[r.at]
	}
	return 0
}

// has reads a character if it comes next.
func (r *reader) has(c string) bool {
	if r.peek() != c[0] {
		return false
	}
	r.at++
	return true
}

// expect reads exactly this.
func (r *reader) expect(want string) error {
	rest := r.text[r.at:]
	if bytes.HasPrefix(rest, []byte(want)) {
		r.at += len(want)
		return nil
	}
	if len(rest) < len(want) && strings.HasPrefix(want, string(rest)) {
		return r.cut(want)
	}
	return r.mismatch(want)
}

// mismatch is the error for whatever comes next instead of what should.
func (r *reader) mismatch(want string) error {
	switch r.peek() {
	case 0:
		if r.at >= len(r.text) {
			return r.cut(want)
		}
	case ' ', '\t', '\r':
		return r.fail(wire.ErrNotCanonical, "white space")
	}
	return r.fail(wire.ErrMalformed, "here should be "+want)
}

// cut is the error for a line that ends where something should follow.
func (r *reader) cut(want string) error {
	if r.last {
		return r.fail(wire.ErrTruncated, "the end, and here should be "+want)
	}
	return r.fail(wire.ErrNotCanonical, "a line feed within a frame, and here should be "+want)
}

// fail is an error of the table with the place: frame, field, character.
func (r *reader) fail(err *wire.Error, what string) error {
	where := fmt.Sprintf("frame %d, character %d", r.frame, r.at+1)
	if len(r.path) > 0 {
		where = fmt.Sprintf("frame %d, %s, character %d", r.frame, strings.Join(r.path, "."), r.at+1)
	}
	if what == "" {
		return err.Because(where)
	}
	return err.Because(where + ": " + what)
}
