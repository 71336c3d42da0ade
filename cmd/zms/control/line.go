package control

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"unicode"
	"unicode/utf16"
)

// MaxLine is the most bytes of a line: a text of 14,000 bytes fits several
// times over however it is escaped, and so does every row.
const MaxLine = 256 << 10

// final is the last line of an answer.
type final struct {
	OK    bool     `json:"ok,omitempty"`
	Error *Failure `json:"error,omitempty"`
}

// Line encodes a value as one line of JSON with its line feed. Characters that
// a terminal would obey or not show are escaped, so that the line is harmless
// wherever it is printed.
func Line(v any) ([]byte, error) {
	if raw, ok := v.(Other); ok {
		v = json.RawMessage(raw)
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	return escape(b.Bytes()), nil
}

// FinalLine is the line for a failure.
func FinalLine(f *Failure) ([]byte, error) { return Line(final{Error: f}) }

// escape writes unprintable characters, which stand in strings only, as JSON does.
func escape(line []byte) []byte {
	var out []byte
	for _, r := range string(bytes.TrimRight(line, "\n")) {
		switch {
		case unicode.IsPrint(r):
			out = append(out, string(r)...)
		case r < 0x10000:
			out = fmt.Appendf(out, `\u%04x`, r)
		default:
			high, low := utf16.EncodeRune(r)
			out = fmt.Appendf(out, `\u%04x\u%04x`, high, low)
		}
	}
	return append(out, '\n')
}

// ParseRow reads a row. One of a type that is not known becomes Other.
func ParseRow(line []byte) (Row, error) {
	var head struct {
		Type string `json:"type"`
	}
	if err := json.Unmarshal(line, &head); err != nil {
		return nil, err
	}
	row := empty(head.Type)
	if row == nil {
		return Other(bytes.Clone(bytes.TrimSpace(line))), nil
	}
	return row, json.Unmarshal(line, row)
}

// lines reads lines of at most MaxLine bytes.
func lines(r io.Reader) *bufio.Scanner {
	s := bufio.NewScanner(r)
	s.Buffer(make([]byte, 0, 4096), MaxLine)
	return s
}
