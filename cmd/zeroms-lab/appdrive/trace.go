package appdrive

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"
)

// Span is one thing that the app did, and how long it took until the screen showed
// it (zeroms --trace).
type Span struct {
	At   int64   `json:"at"` // ms since 1970
	What string  `json:"what"`
	MS   float64 `json:"ms"`
}

// Took is how long it took.
func (s Span) Took() time.Duration { return time.Duration(s.MS * float64(time.Millisecond)) }

// ParseTrace reads the lines of a trace; the last one may still be written. Error: a
// line of another form.
func ParseTrace(b []byte) (spans []Span, err error) {
	for n := 1; ; n++ {
		line, rest, ok := bytes.Cut(b, []byte("\n"))
		if !ok {
			return spans, nil
		}
		var s Span
		if err := json.Unmarshal(line, &s); err != nil || s.What == "" || s.MS < 0 {
			return nil, fmt.Errorf("line %d of the trace is not one: %.80q", n, line)
		}
		spans, b = append(spans, s), rest
	}
}

// ReadTrace reads a trace file; there is none before the app writes.
func ReadTrace(file string) ([]Span, error) {
	b, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return ParseTrace(b)
}
