package demo

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"
)

// The limits of a child's output.
const (
	maxLine   = 1 << 20 // bytes of one line
	tailLines = 12      // lines of stderr that an error shows
	tailBytes = 8 << 10 // bytes of stderr that are kept
)

// endWait is how long children may take to end before they are killed, and
// how long their output may stay open after their end.
const endWait = 2 * time.Second

// process is a child that runs until it is stopped.
type process struct {
	name   string // for people, for example "gateway north"
	cmd    *exec.Cmd
	stderr tail
	ended  chan struct{} // closed after its end
	err    error         // how it ended; read after ended
}

// runProcess starts a child that the stage ends at the latest when it closes.
// line takes every line of its output, from one goroutine.
func (s *stage) runProcess(name string, cmd *exec.Cmd, line func([]byte)) (*process, error) {
	p := &process{name: name, cmd: cmd, ended: make(chan struct{})}
	cmd.Env = environment()
	cmd.Stdout = &lineWriter{line: line}
	cmd.Stderr = &p.stderr
	cmd.SysProcAttr = tied()
	cmd.WaitDelay = endWait
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("%s can't be started: %w", name, err)
	}
	s.children = append(s.children, p)
	go func() {
		p.err = cmd.Wait()
		close(p.ended)
	}()
	return p, nil
}

// pid is the number of the process.
func (p *process) pid() int { return p.cmd.Process.Pid }

// alive reports whether the process has not ended.
func (p *process) alive() bool {
	select {
	case <-p.ended:
		return false
	default:
		return true
	}
}

// stop asks the process to end with SIGTERM and waits until it has, with
// success.
func (p *process) stop(ctx context.Context) error {
	if err := p.signal(ctx, syscall.SIGTERM); err != nil {
		return err
	}
	if p.err != nil {
		return fmt.Errorf("%s did not end well: %w", p.name, p.err)
	}
	return nil
}

// kill ends the process with SIGKILL, as a crash would.
func (p *process) kill(ctx context.Context) error { return p.signal(ctx, os.Kill) }

func (p *process) signal(ctx context.Context, s os.Signal) error {
	if err := p.cmd.Process.Signal(s); err != nil {
		return fmt.Errorf("%s has ended by itself: %w", p.name, errors.Join(err, p.failure()))
	}
	select {
	case <-p.ended:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("%s does not end: %w", p.name, context.Cause(ctx))
	}
}

// failure is how the process ended by itself, nil while it runs.
func (p *process) failure() error {
	if p.alive() {
		return nil
	}
	if p.err == nil {
		return errors.New("exit status 0")
	}
	return p.err
}

// endAll ends all children: SIGTERM first, and SIGKILL for those that take
// longer than endWait.
func endAll(children []*process) {
	for _, p := range children {
		if p.alive() {
			_ = p.cmd.Process.Signal(syscall.SIGTERM)
		}
	}
	late := time.NewTimer(endWait)
	defer late.Stop()
	for _, p := range children {
		select {
		case <-p.ended:
			continue
		case <-late.C:
			late.Reset(0) // it is too late for the others as well
		}
		_ = p.cmd.Process.Kill()
		<-p.ended
	}
}

// environment is this process's without settings of zms: a profile or a
// passphrase of the user has no place in the demo.
func environment() []string {
	var out []string
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "ZMS_") {
			out = append(out, v)
		}
	}
	return out
}

// lineWriter cuts what is written to it into lines.
type lineWriter struct {
	line func([]byte)
	rest []byte
}

// Write hands the complete lines on. Error: a line of more than maxLine bytes.
func (w *lineWriter) Write(b []byte) (int, error) {
	w.rest = append(w.rest, b...)
	for {
		line, rest, ok := bytes.Cut(w.rest, []byte("\n"))
		if !ok {
			break
		}
		w.line(line)
		w.rest = rest
	}
	if len(w.rest) > maxLine {
		return 0, errors.New("a line of the output is too long")
	}
	return len(b), nil
}

// tail keeps the end of what is written to it, from any goroutine.
type tail struct {
	mu   sync.Mutex
	text []byte
}

// Write keeps the last tailBytes bytes.
func (t *tail) Write(b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.text = append(t.text, b...)
	if over := len(t.text) - tailBytes; over > 0 {
		t.text = append([]byte(nil), t.text[over:]...)
	}
	return len(b), nil
}

// String is the last tailLines lines, each behind two blanks.
func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	lines := strings.Split(strings.TrimSpace(string(t.text)), "\n")
	if lines[0] == "" {
		return ""
	}
	if over := len(lines) - tailLines; over > 0 {
		lines = lines[over:]
	}
	return "  " + strings.Join(lines, "\n  ")
}
