package bench

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"zeroms/cmd/zeroms-lab/bench/member"
	"zeroms/cmd/zeroms-lab/bench/meter"
)

// startWait is how long a server may take to say that it is ready, endWait how
// long to end before it is killed.
const (
	startWait = 60 * time.Second
	endWait   = 8 * time.Second
)

// process is a server under load that this program started.
type process struct {
	cmd    *exec.Cmd
	ended  chan struct{}
	err    error // how it ended; read after ended
	stderr tail
	pid    int
	took   time.Duration // until it was ready
}

// runProcess starts a program; line takes the lines of its output and of what it
// says to stderr, one after the other, and says when the last one that it waits
// for came.
func runProcess(ctx context.Context, cmd *exec.Cmd, line func(string) bool) (*process, error) {
	p := &process{cmd: cmd, ended: make(chan struct{})}
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
	p.pid = cmd.Process.Pid
	go func() {
		p.err = cmd.Wait()
		close(p.ended)
	}()
	late := time.NewTimer(startWait)
	defer late.Stop()
	var err error
	select {
	case <-waiting:
		p.took = time.Since(began)
		return p, nil
	case <-p.ended:
		err = fmt.Errorf("%s ended before it was ready: %w\n%s", filepath.Base(cmd.Path), errors.Join(p.err), p.stderr.String())
	case <-late.C:
		err = fmt.Errorf("%s does not say that it is ready", filepath.Base(cmd.Path))
	case <-ctx.Done():
		err = context.Cause(ctx)
	}
	p.stop()
	return nil, err
}

// stop ends the process and waits for its end.
func (p *process) stop() {
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

// target is a server under load: one that this program started, or one that runs
// already.
type target struct {
	pid     int
	dir     string          // "" if it runs already
	process *process        // nil if it runs already
	gateway *member.Gateway // nil for peers
	lab     bool            // it takes the signals of a lab build
	profile string          // where it writes its CPU profile, "" if it does not
	started time.Duration   // from the start of the process until it was ready
	sync    time.Duration   // of a durable write in dir
}

// close ends the server if this program started it, and removes its directory.
func (t *target) close() {
	if t.process != nil {
		t.process.stop()
	}
	if t.dir != "" {
		os.RemoveAll(t.dir)
	}
}

// failed is why the server ended by itself; nil while it runs.
func (t *target) failed() error {
	if t.process == nil {
		return nil
	}
	select {
	case <-t.process.ended:
		return fmt.Errorf("the server ended: %w\n%s", errors.Join(t.process.err, errEnded), t.process.stderr.String())
	default:
		return nil
	}
}

var errEnded = errors.New("it was not asked to")

// span measures a server between two moments.
type span struct {
	target *target
	work   string
	began  time.Time
	cpu    time.Duration
}

// begin begins a span, and a CPU profile if one is wanted.
func (t *target) begin(work string) (*span, error) {
	if t.profile != "" {
		toggleProfile(t.process.cmd.Process)
	}
	cpu, err := meter.CPU(t.pid)
	if err != nil {
		return nil, errors.Join(err, t.failed())
	}
	return &span{t, work, time.Now(), cpu}, nil
}

// end is how long it took and how much CPU time of the server.
func (s *span) end() (wall, cpu time.Duration, err error) {
	now, err := meter.CPU(s.target.pid)
	wall = time.Since(s.began)
	return wall, now - s.cpu, errors.Join(err, s.target.keepProfile(s.work))
}

// profileWait is how long a profile may take to be written.
const profileWait = 5 * time.Second

// keepProfile ends the CPU profile and gives it the name of the work.
func (t *target) keepProfile(work string) error {
	if t.profile == "" {
		return nil
	}
	toggleProfile(t.process.cmd.Process)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(profileWait); time.Now().Before(deadline); <-tick.C {
		if _, err := os.Stat(t.profile); err == nil {
			return os.Rename(t.profile, t.profile+"."+work)
		}
	}
	return fmt.Errorf("the gateway did not write its CPU profile to %s", t.profile)
}

// collect lets a lab build collect its garbage and give the memory back; it
// reports whether it could.
func (t *target) collect() bool {
	return t.lab && t.process != nil && collect(t.process.cmd.Process)
}
