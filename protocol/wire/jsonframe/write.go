package jsonframe

import (
	"encoding/base64"
	"strconv"

	"zeroms/protocol/wire"
)

// Subprotocol is the WebSocket subprotocol of this encoding.
const Subprotocol = "zms.1.json"

// Text writes a link message of CBOR frames as JSON. Errors: those of
// wire.Frames and Frame.Decode, and wire.ErrUnexpected for a type without a form.
func Text(message []byte) ([]byte, error) {
	if len(message) == 0 {
		return nil, wire.ErrTruncated
	}
	if len(message) > wire.MaxMessage {
		return nil, wire.ErrTooLarge
	}
	var out []byte
	for len(message) > 0 {
		f, rest, err := wire.NextFrame(message)
		if err != nil {
			return nil, err
		}
		if len(out) > 0 {
			out = append(out, '\n')
		}
		if out, err = AppendFrame(out, f); err != nil {
			return nil, err
		}
		message = rest
	}
	return out, nil
}

// AppendFrame appends a frame as one line of JSON, without its line feed. If it
// fails, dst is as before. Errors: Frame.Decode's, and wire.ErrUnexpected for a
// type without a form.
func AppendFrame(dst []byte, f wire.Frame) ([]byte, error) {
	p := Empty(f.Type)
	if p == nil {
		return dst, wire.ErrUnexpected
	}
	if err := f.Decode(p); err != nil {
		return dst, err
	}
	return appendPayload(dst, f.ID, p), nil
}

// appendPayload appends the frame [type, id, p].
func appendPayload(dst []byte, id uint64, p wire.Payload) []byte {
	f := byType(p.Type())
	dst = append(dst, `["`...)
	dst = append(dst, f.name...)
	dst = append(dst, `",`...)
	dst = strconv.AppendUint(dst, id, 10)
	dst = append(dst, ',')
	dst = AppendValue(dst, f.fields(p))
	return append(dst, ']')
}

// AppendValue appends a value as JSON.
func AppendValue(dst []byte, v Value) []byte {
	switch v := v.(type) {
	case *uint8:
		return strconv.AppendUint(dst, uint64(*v), 10)
	case *uint16:
		return strconv.AppendUint(dst, uint64(*v), 10)
	case *uint32:
		return strconv.AppendUint(dst, uint64(*v), 10)
	case *uint64:
		return strconv.AppendUint(dst, *v, 10)
	case *bool:
		return strconv.AppendBool(dst, *v)
	case *string:
		return appendString(dst, *v)
	case Fixed:
		return appendBytes(dst, v)
	case *[]byte:
		return appendBytes(dst, *v)
	case Record:
		return appendRecord(dst, v)
	case List:
		return appendList(dst, v)
	}
	panic("jsonframe: a value of no known kind")
}

func appendBytes(dst, b []byte) []byte {
	dst = append(dst, '"')
	dst = base64.RawURLEncoding.AppendEncode(dst, b)
	return append(dst, '"')
}

func appendRecord(dst []byte, r Record) []byte {
	dst = append(dst, '{')
	for i, f := range r {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(dst, '"')
		dst = append(dst, f.Name...)
		dst = append(dst, `":`...)
		dst = AppendValue(dst, f.Value)
	}
	return append(dst, '}')
}

func appendList(dst []byte, l List) []byte {
	dst = append(dst, '[')
	for i := range l.Len() {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = AppendValue(dst, l.At(i))
	}
	return append(dst, ']')
}

// appendString appends valid UTF-8 as RFC 8785 section 3.2.2.2 has it: only the
// quotation mark, the backslash and controls below space are escaped.
func appendString(dst []byte, s string) []byte {
	const hex = "0123456789abcdef"
	dst = append(dst, '"')
	for _, c := range []byte(s) {
		switch {
		case c == '"' || c == '\\':
			dst = append(dst, '\\', c)
		case c >= ' ':
			dst = append(dst, c)
		case shortEscape(c) != 0:
			dst = append(dst, '\\', shortEscape(c))
		default:
			dst = append(dst, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		}
	}
	return append(dst, '"')
}

// shortEscape is the letter that stands for a control behind a backslash; 0 if
// it has none.
func shortEscape(c byte) byte {
	switch c {
	case '\b':
		return 'b'
	case '\f':
		return 'f'
	case '\n':
		return 'n'
	case '\r':
		return 'r'
	case '\t':
		return 't'
	}
	return 0
}
