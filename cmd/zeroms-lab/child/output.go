package child

import (
	"bytes"
	"errors"
	"strings"
	"sync"
)

// The limits of output.
const (
	tailLines = 12      // lines that an error shows
	maxLine   = 1 << 20 // bytes of a line that is handed on
)

// Output takes what children say, over all the runs of one program, line by line. It
// may be written to from any goroutine.
type Output struct {
	mu    sync.Mutex
	rest  []byte
	lines []string
}

// Write takes a piece of output.
func (o *Output) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.rest = append(o.rest, b...)
	for {
		line, rest, ok := bytes.Cut(o.rest, []byte("\n"))
		if !ok {
			return len(b), nil
		}
		o.lines = append(o.lines, string(line))
		o.rest = append([]byte(nil), rest...)
	}
}

// All are the lines so far, the last one perhaps unfinished.
func (o *Output) All() []string {
	o.mu.Lock()
	defer o.mu.Unlock()
	lines := append([]string(nil), o.lines...)
	if len(o.rest) > 0 {
		lines = append(lines, string(o.rest))
	}
	return lines
}

// Tail is the end of the output for an error, on lines of its own; empty if nothing was
// said.
func (o *Output) Tail() string {
	lines := o.All()
	if len(lines) == 0 {
		return ""
	}
	return "\n  " + strings.Join(lines[max(0, len(lines)-tailLines):], "\n  ")
}

// Lines cuts what is written to it into lines.
type Lines struct {
	// Take takes each complete line, without its end. It may keep nothing of it.
	Take func([]byte)
	rest []byte
}

// Write hands the complete lines on. Error: a line of more than 1 MiB.
func (l *Lines) Write(b []byte) (int, error) {
	l.rest = append(l.rest, b...)
	for {
		line, rest, ok := bytes.Cut(l.rest, []byte("\n"))
		if !ok {
			break
		}
		l.Take(line)
		l.rest = rest
	}
	if len(l.rest) > maxLine {
		return 0, errors.New("a line of the output is too long")
	}
	return len(b), nil
}
