// Package child runs other programs as children of this one: it hears what they say,
// notices when they end by themselves, and ends them in order, as a crash would, or, if
// this program is gone itself, with it.
package child

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// The bounds of children.
const (
	endWait   = 10 * time.Second // from SIGTERM to SIGKILL
	hushWait  = 3 * time.Second  // the same of EndAll
	closeWait = 2 * time.Second  // how long output may stay open after the end
)

// Child is a program that runs until it is ended.
type Child struct {
	name  string
	cmd   *exec.Cmd
	said  *Output
	asked bool          // to end, by whoever owns it
	ended chan struct{} // closed after its end
	err   error         // how it ended; read after ended
}

// Run starts a program, which is called name in errors. What it says goes to said: its
// output only if cmd has no other place for it. Error: it can't be started.
func Run(name string, cmd *exec.Cmd, said *Output) (*Child, error) {
	c := &Child{name: name, cmd: cmd, said: said, ended: make(chan struct{})}
	if cmd.Stdout == nil {
		cmd.Stdout = said
	}
	cmd.Stderr = said
	cmd.SysProcAttr, cmd.WaitDelay = tied(), closeWait
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("%s can't be started: %w", name, err)
	}
	go func() {
		c.err = cmd.Wait()
		close(c.ended)
	}()
	return c, nil
}

// Name is what it is called in errors.
func (c *Child) Name() string { return c.name }

// PID is the number of the process.
func (c *Child) PID() int { return c.cmd.Process.Pid }

// Tail is the end of what it said, for an error, on lines of its own; empty if it said
// nothing.
func (c *Child) Tail() string { return c.said.Tail() }

// Ended is closed once the process has ended.
func (c *Child) Ended() <-chan struct{} { return c.ended }

// Alive reports whether the process has not ended.
func (c *Child) Alive() bool {
	select {
	case <-c.ended:
		return false
	default:
		return true
	}
}

// State is how the process is, in a few words.
func (c *Child) State() string {
	switch {
	case c.Alive():
		return "running"
	case c.err == nil:
		return "ended: exit status 0"
	}
	return "ended: " + c.err.Error()
}

// Failure says that and how the process ended by itself; nil while it runs.
func (c *Child) Failure() error {
	if c.Alive() {
		return nil
	}
	return fmt.Errorf("%s ended by itself: %w%s", c.name, errors.Join(c.err, errEnded), c.said.Tail())
}

var errEnded = errors.New("nobody asked it to")

// Stop asks the process to end, and kills it if it does not within seconds. It does
// nothing to one that was ended before. Error: it had to be killed, ended with a
// failure, or by itself before.
func (c *Child) Stop() error {
	if c.asked {
		return nil
	}
	if err := c.Failure(); err != nil {
		return err
	}
	c.asked = true
	_ = c.cmd.Process.Signal(syscall.SIGTERM)
	if !c.within(endWait) {
		_ = c.Kill()
		return fmt.Errorf("%s did not end within %s of being asked to, and was killed%s", c.name, endWait, c.said.Tail())
	}
	if c.err != nil {
		return fmt.Errorf("%s did not end well: %w%s", c.name, c.err, c.said.Tail())
	}
	return nil
}

// Farewell is for a process that was asked to end in another way, and has. Error: it
// ended with a failure.
func (c *Child) Farewell() error {
	c.asked = true
	if c.err != nil {
		return fmt.Errorf("%s did not end well: %w%s", c.name, c.err, c.said.Tail())
	}
	return nil
}

// within reports whether the process ends within a time.
func (c *Child) within(most time.Duration) bool {
	late := time.NewTimer(most)
	defer late.Stop()
	select {
	case <-c.ended:
		return true
	case <-late.C:
		return false
	}
}

// Kill ends the process as a crash would. Error: it had ended by itself.
func (c *Child) Kill() error {
	if !c.asked {
		if err := c.Failure(); err != nil {
			return err
		}
	}
	c.asked = true
	_ = c.cmd.Process.Kill()
	<-c.ended
	return nil
}

// Confess ends a Go program with a dump of its goroutines.
func (c *Child) Confess() {
	if !c.Alive() {
		return
	}
	c.asked = true
	_ = c.cmd.Process.Signal(syscall.SIGQUIT)
	if !c.within(endWait) {
		_ = c.Kill()
	}
}

// EndAll ends all that still run, at the same time, whatever state they are in.
func EndAll(children []*Child) {
	for _, c := range children {
		if c.Alive() {
			c.asked = true
			_ = c.cmd.Process.Signal(syscall.SIGTERM)
		}
	}
	late := time.NewTimer(hushWait)
	defer late.Stop()
	for _, c := range children {
		select {
		case <-c.ended:
			continue
		case <-late.C:
			late.Reset(0) // it is too late for the others as well
		}
		_ = c.Kill()
	}
}

// Command is a program that ends by itself, or with ctx, in the environment of
// Environment.
func Command(ctx context.Context, program string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Env, cmd.SysProcAttr, cmd.WaitDelay = Environment(), tied(), closeWait
	return cmd
}

// Environment is this process's without settings of zms: a profile or a passphrase of
// the user has no place here.
func Environment() []string {
	var out []string
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "ZMS_") {
			out = append(out, v)
		}
	}
	return out
}

// Program is the path of a program that was named, or of its sibling beside this one.
func Program(named, name string) (string, error) {
	path := named
	if path == "" {
		own, err := os.Executable()
		if err != nil {
			return "", fmt.Errorf("this program can't be found, so %s beside it neither; name it with a flag: %w", name, err)
		}
		path = filepath.Join(filepath.Dir(own), name)
	}
	path, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	if _, err := os.Stat(path); err != nil {
		return "", fmt.Errorf("%s is not at %s; build it, or name it with a flag (--help tells which)", name, path)
	}
	return path, nil
}
