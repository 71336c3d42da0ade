package netlab

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"time"
)

// How long a gateway may take.
const (
	readyWait = 2 * time.Minute  // until it says that it is ready: a new one solves its puzzle first
	endWait   = 15 * time.Second // to drain
)

// tailBytes is how much of a process's last words is kept.
const tailBytes = 4 << 10

// process is a program that this one started.
type process struct {
	cmd    *exec.Cmd
	stderr tail
	ended  chan struct{} // closed after its end
	err    error         // how it ended; read after ended
}

// runProcess starts a program; line takes the lines of its output, from one goroutine.
func runProcess(cmd *exec.Cmd, line func(string)) (*process, error) {
	p := &process{cmd: cmd, ended: make(chan struct{})}
	cmd.Env = environment()
	cmd.Stdout, cmd.Stderr = &lines{line: line}, &p.stderr
	cmd.SysProcAttr, cmd.WaitDelay = tied(), time.Second
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("%s can't be started: %w", cmd.Path, err)
	}
	go func() {
		p.err = cmd.Wait()
		close(p.ended)
	}()
	return p, nil
}

// alive reports whether the process has not ended.
func (p *process) alive() bool {
	select {
	case <-p.ended:
		return false
	default:
		return true
	}
}

// signal sends a signal to a process that runs.
func (p *process) signal(s os.Signal) error {
	if err := p.cmd.Process.Signal(s); err != nil {
		return fmt.Errorf("it has ended by itself: %w", errors.Join(err, p.failure()))
	}
	return nil
}

// end sends a signal and waits until the process has ended.
func (p *process) end(ctx context.Context, s os.Signal) error {
	if err := p.signal(s); err != nil {
		return err
	}
	late := time.NewTimer(endWait)
	defer late.Stop()
	select {
	case <-p.ended:
		return nil
	case <-late.C:
		return fmt.Errorf("it did not end within %s of %v", endWait, s)
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// clear ends the process whatever state it is in.
func (p *process) clear() {
	if p.alive() {
		_ = p.cmd.Process.Signal(contSignal)
		_ = p.cmd.Process.Kill()
		<-p.ended
	}
}

// failure is how the process ended, with its last words; nil while it runs.
func (p *process) failure() error {
	if p.alive() {
		return nil
	}
	how := "exit status 0"
	if p.err != nil {
		how = p.err.Error()
	}
	return fmt.Errorf("%s\n%s", how, p.stderr.String())
}

// environment is this process's without settings of zms and of this program.
func environment() []string {
	var out []string
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "ZMS_") && !strings.HasPrefix(v, insideEnv) {
			out = append(out, v)
		}
	}
	return out
}

// lines cuts output into lines.
type lines struct {
	line func(string)
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
		l.line(string(line))
		l.rest = rest
	}
	if len(l.rest) > 1<<20 {
		return 0, errors.New("a line of the output is too long")
	}
	return len(b), nil
}

// tail keeps the end of what is written to it.
type tail struct {
	mu   sync.Mutex
	text []byte // guarded by mu
}

// Write keeps the last bytes.
func (t *tail) Write(b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.text = append(t.text, b...)
	if over := len(t.text) - tailBytes; over > 0 {
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
