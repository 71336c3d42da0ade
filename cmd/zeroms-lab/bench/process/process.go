// Package process starts servers that are measured as processes of their own, and
// ends them.
package process

import (
	"bytes"
	"context"
	"debug/buildinfo"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"
)

// startWait is how long a server may take to say that it is ready, endWait how
// long to end before it is killed.
const (
	startWait = 60 * time.Second
	endWait   = 8 * time.Second
)

// Process is a server under load that this program started.
type Process struct {
	// PID is its number, Took how long it took until it was ready.
	PID  int
	Took time.Duration

	cmd    *exec.Cmd
	ended  chan struct{}
	err    error // how it ended; read after ended
	stderr tail
}

// Run starts a program; line takes the lines of its output and of what it
// says to stderr, one after the other, and says when the last one that it waits
// for came.
func Run(ctx context.Context, cmd *exec.Cmd, line func(string) bool) (*Process, error) {
	p := &Process{cmd: cmd, ended: make(chan struct{})}
	ready := make(chan struct{})
	var mu sync.Mutex
	waiting := ready
	take := func(text string) {
		mu.Lock()
		defer mu.Unlock()
		if ready != nil && line(text) {
			close(ready)
			ready = nil
		}
	}
	cmd.Stdout, cmd.Stderr = &lines{take: take}, io.MultiWriter(&p.stderr, &lines{take: take})
	cmd.SysProcAttr, cmd.WaitDelay = tied(), time.Second
	began := time.Now()
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("%s can't be started: %w", filepath.Base(cmd.Path), err)
	}
	p.PID = cmd.Process.Pid
	go func() {
		p.err = cmd.Wait()
		close(p.ended)
	}()
	late := time.NewTimer(startWait)
	defer late.Stop()
	var err error
	select {
	case <-waiting:
		p.Took = time.Since(began)
		return p, nil
	case <-p.ended:
		err = fmt.Errorf("%s ended before it was ready: %w\n%s", filepath.Base(cmd.Path), errors.Join(p.err), p.stderr.String())
	case <-late.C:
		err = fmt.Errorf("%s does not say that it is ready", filepath.Base(cmd.Path))
	case <-ctx.Done():
		err = context.Cause(ctx)
	}
	p.Stop()
	return nil, err
}

// Stop ends the process and waits for its end.
func (p *Process) Stop() {
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	late := time.NewTimer(endWait)
	defer late.Stop()
	select {
	case <-p.ended:
	case <-late.C:
		_ = p.cmd.Process.Kill()
		<-p.ended
	}
}

// lines cuts output into lines.
type lines struct {
	take func(string)
	rest []byte
}

// Write hands on the complete lines.
func (l *lines) Write(b []byte) (int, error) {
	l.rest = append(l.rest, b...)
	for {
		line, rest, ok := bytes.Cut(l.rest, []byte("\n"))
		if !ok {
			break
		}
		l.take(string(line))
		l.rest = rest
	}
	if len(l.rest) > 1<<20 {
		return 0, errors.New("a line of the output is too long")
	}
	return len(b), nil
}

// tail keeps the last bytes of what a process says to stderr.
type tail struct {
	mu   sync.Mutex
	text []byte
}

// Write keeps the last 4 KiB.
func (t *tail) Write(b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.text = append(t.text, b...)
	if over := len(t.text) - 4<<10; over > 0 {
		t.text = append([]byte(nil), t.text[over:]...)
	}
	return len(b), nil
}

// String is what was kept.
func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return strings.TrimSpace(string(t.text))
}

// Failed is why the process ended by itself; nil while it runs.
func (p *Process) Failed() error {
	select {
	case <-p.ended:
		return fmt.Errorf("the server ended: %w\n%s", errors.Join(p.err, errEnded), p.stderr.String())
	default:
		return nil
	}
}

var errEnded = errors.New("it was not asked to")

// ToggleProfile begins or ends the CPU profile of a lab build.
func (p *Process) ToggleProfile() { toggleProfile(p.cmd.Process) }

// Collect lets a lab build collect its garbage and give the memory back; it reports
// whether it could.
func (p *Process) Collect() bool { return collect(p.cmd.Process) }

// IsLab reports whether a program was built with the tag lab.
func IsLab(program string) bool {
	info, err := buildinfo.ReadFile(program)
	if err != nil {
		return false
	}
	return slices.ContainsFunc(info.Settings, func(s debug.BuildSetting) bool {
		return s.Key == "-tags" && slices.Contains(strings.Split(s.Value, ","), "lab")
	})
}
