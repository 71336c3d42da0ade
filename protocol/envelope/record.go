package envelope

import (
	"encoding/binary"
	"fmt"
	"log/slog"

	"zeroms/protocol/wire"
)

// Limits of the records in one envelope.
const (
	MaxRecords = 4    // the main message and three that ride along
	MaxMessage = 1024 // bytes of a record's message part, at least 1
	saltSize   = 16
	recordHead = 2 + saltSize + 4
)

// Record is one signed message with its body: Message is the signed header as
// it travels, Salt and Body are what its body hash covers. The first record of
// an envelope is the main message, the others ride along. Without a body, and
// then with a salt of zeros, it is header-only: a message whose body was erased.
// No body is empty otherwise. A Record prints nothing of its content.
type Record struct {
	Message []byte
	Salt    [saltSize]byte
	Body    []byte
}

// HeaderOnly tells whether the record is a message without its body. There is
// nothing then that its body hash could be held against.
func (r Record) HeaderOnly() bool { return len(r.Body) == 0 }

// salted tells whether a salt goes without the body that it belongs to.
func (r Record) salted() bool { return r.HeaderOnly() && r.Salt != [saltSize]byte{} }

// Size is the number of bytes that the record takes: 22 + message + body.
func (r Record) Size() int { return recordHead + len(r.Message) + len(r.Body) }

// String hides the content.
func (Record) String() string { return "[record]" }

// GoString hides the content.
func (Record) GoString() string { return "[record]" }

// Format hides the content from every verb of fmt.
func (Record) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte("[record]")) }

// LogValue hides the content from slog.
func (Record) LogValue() slog.Value { return slog.StringValue("[record]") }

// sizeOf is the number of bytes that the records take together. Errors:
// ErrValue for no records, too many of them, an empty or too long message, or a
// salt without a body.
func sizeOf(records []Record) (n int, err error) {
	if len(records) == 0 || len(records) > MaxRecords {
		return 0, wire.ErrValue.Because("an envelope holds 1 to 4 records")
	}
	for _, r := range records {
		if len(r.Message) == 0 || len(r.Message) > MaxMessage {
			return 0, wire.ErrValue.Because("a record's message is 1 to 1024 bytes")
		}
		if r.salted() {
			return 0, wire.ErrValue.Because("a record has a salt without a body")
		}
		n += r.Size()
	}
	return n, nil
}

// appendRecords appends the records; the rest of the room stays zero.
func appendRecords(dst []byte, records []Record) []byte {
	for _, r := range records {
		dst = binary.BigEndian.AppendUint16(dst, uint16(len(r.Message)))
		dst = append(dst, r.Message...)
		dst = append(dst, r.Salt[:]...)
		dst = binary.BigEndian.AppendUint32(dst, uint32(len(r.Body)))
		dst = append(dst, r.Body...)
	}
	return dst
}

// parseRecords reads a body; the records share its memory. Errors: ErrTruncated
// for a length beyond the room, ErrMalformed for no record, a message that is
// too long or a salt without a body, ErrNotCanonical for anything but zeros
// after the last record.
func parseRecords(p []byte) ([]Record, error) {
	var out []Record
	for len(out) < MaxRecords && len(p) >= 2 {
		n := int(binary.BigEndian.Uint16(p))
		if n == 0 {
			break
		}
		if n > MaxMessage {
			return nil, wire.ErrMalformed.Because("a record's message is too long")
		}
		if len(p) < recordHead+n {
			return nil, wire.ErrTruncated
		}
		r := Record{Message: p[2 : 2+n : 2+n]}
		p = p[2+n:]
		copy(r.Salt[:], p)
		size := uint64(binary.BigEndian.Uint32(p[saltSize:]))
		p = p[saltSize+4:]
		if size > uint64(len(p)) {
			return nil, wire.ErrTruncated
		}
		r.Body, p = p[:size:size], p[size:]
		if r.salted() {
			return nil, wire.ErrMalformed.Because("a record has a salt without a body")
		}
		out = append(out, r)
	}
	if len(out) == 0 {
		return nil, wire.ErrMalformed.Because("an envelope without a record")
	}
	for _, b := range p {
		if b != 0 {
			return nil, wire.ErrNotCanonical.Because("bytes after the last record")
		}
	}
	return out, nil
}
