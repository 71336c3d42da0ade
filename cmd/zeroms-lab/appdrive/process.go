package appdrive

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"
)

// The bounds of children.
const (
	endWait   = 6 * time.Second // from SIGTERM to SIGKILL
	closeWait = 2 * time.Second // how long output may stay open after the end
	tailLines = 12              // lines of output that an error shows
)

// process is a child that runs until it is ended.
type process struct {
	name  string
	cmd   *exec.Cmd
	said  *output
	asked bool          // to end, by whoever owns it
	ended chan struct{} // closed after its end
	err   error         // how it ended; read after ended
}

// runProcess starts a child whose output goes to said.
func runProcess(name string, cmd *exec.Cmd, said *output) (*process, error) {
	p := &process{name: name, cmd: cmd, said: said, ended: make(chan struct{})}
	cmd.Stdout, cmd.Stderr = said, said
	cmd.SysProcAttr, cmd.WaitDelay = tied(), closeWait
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("%s can't be started: %w", name, err)
	}
	go func() {
		p.err = cmd.Wait()
		close(p.ended)
	}()
	return p, nil
}

// PID is the number of the process.
func (p *process) PID() int { return p.cmd.Process.Pid }

// alive reports whether the process has not ended.
func (p *process) alive() bool {
	select {
	case <-p.ended:
		return false
	default:
		return true
	}
}

// failure says that and how the process ended by itself; nil while it runs.
func (p *process) failure() error {
	if p.alive() {
		return nil
	}
	return fmt.Errorf("%s ended by itself: %w%s", p.name, errors.Join(p.err, errEnded), p.said.tail())
}

var errEnded = errors.New("nobody asked it to")

// stop asks the process to end, and kills it if it does not within endWait.
// Error: it had to be killed, ended with a failure, or by itself before.
func (p *process) stop() error {
	if p.asked {
		return nil
	}
	if err := p.failure(); err != nil {
		return err
	}
	p.asked = true
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	late := time.NewTimer(endWait)
	defer late.Stop()
	select {
	case <-p.ended:
		if p.err != nil {
			return fmt.Errorf("%s did not end well: %w%s", p.name, p.err, p.said.tail())
		}
		return nil
	case <-late.C:
		p.kill()
		return fmt.Errorf("%s did not end within %s of being asked to, and was killed%s", p.name, endWait, p.said.tail())
	}
}

// kill ends the process as a crash would.
func (p *process) kill() {
	p.asked = true
	_ = p.cmd.Process.Kill()
	<-p.ended
}

// confess ends a Go program with a dump of its goroutines.
func (p *process) confess() {
	if !p.alive() {
		return
	}
	p.asked = true
	_ = p.cmd.Process.Signal(syscall.SIGQUIT)
	late := time.NewTimer(endWait)
	defer late.Stop()
	select {
	case <-p.ended:
	case <-late.C:
		p.kill()
	}
}

// output takes the output of a child over all its runs, line by line.
type output struct {
	mu    sync.Mutex
	rest  []byte
	lines []string
}

// Write takes a piece of output.
func (o *output) Write(b []byte) (int, error) {
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

// all are the lines so far, the last one perhaps unfinished.
func (o *output) all() []string {
	o.mu.Lock()
	defer o.mu.Unlock()
	lines := append([]string(nil), o.lines...)
	if len(o.rest) > 0 {
		lines = append(lines, string(o.rest))
	}
	return lines
}

// tail is the end of the output for an error, on lines of its own.
func (o *output) tail() string {
	lines := o.all()
	if len(lines) == 0 {
		return ""
	}
	return "\n  " + strings.Join(lines[max(0, len(lines)-tailLines):], "\n  ")
}

// wait polls until met or an error; what names in the error of a ctx that ends
// what was waited for.
func wait(ctx context.Context, every time.Duration, what string, met func() (bool, error)) error {
	timer := time.NewTimer(every)
	defer timer.Stop()
	for {
		ok, err := met()
		if ok || err != nil {
			return err
		}
		timer.Reset(every)
		select {
		case <-timer.C:
		case <-ctx.Done():
			return fmt.Errorf("%s: %w", what, context.Cause(ctx))
		}
	}
}

// Pause waits a moment, as a hand does.
func Pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
