package main

import (
	"encoding/json"
	"os"
	"sync"
	"time"
)

// trace writes how long things took.
type trace struct {
	mu   sync.Mutex
	file *os.File // guarded by mu
}

// traceLine is one line.
type traceLine struct {
	At   int64   `json:"at"` // unix ms
	What string  `json:"what"`
	MS   float64 `json:"ms"`
}

// openTrace makes the file, or goes on with one.
func openTrace(name string) (*trace, error) {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	return &trace{file: f}, nil
}

// note writes a line. Whoever measures sees that the disk is full by what is missing.
func (t *trace) note(what string, took time.Duration) {
	line, err := json.Marshal(traceLine{At: time.Now().UnixMilli(), What: what, MS: float64(took.Microseconds()) / 1000})
	if err != nil {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	_, _ = t.file.Write(append(line, '\n'))
}

func (t *trace) close() {
	t.mu.Lock()
	defer t.mu.Unlock()
	_ = t.file.Close()
}
