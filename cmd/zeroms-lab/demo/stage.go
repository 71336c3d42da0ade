package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime/debug"
	"strings"
	"sync"
	"time"

	"zeroms/cmd/zeroms-lab/child"
)

// stage is where the demo plays: a directory, the children, and the narrator.
type stage struct {
	// static
	config Config
	dir    string
	began  time.Time

	// guarded by mu
	mu       sync.Mutex
	children []*child.Child
}

func newStage(c Config) (*stage, error) {
	dir, err := os.MkdirTemp("", "zeroms-demo-")
	if err != nil {
		return nil, fmt.Errorf("a temporary directory can't be made; set TMPDIR to a place where that is possible: %w", err)
	}
	return &stage{config: c, dir: dir, began: time.Now()}, nil
}

// close ends the children and removes the directory.
func (s *stage) close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	child.EndAll(s.children)
	if s.config.Keep {
		fmt.Fprintf(s.config.Out, "kept: %s\n", s.dir)
		return nil
	}
	if err := os.RemoveAll(s.dir); err != nil {
		return fmt.Errorf("the temporary directory %s can't be removed; remove it by hand: %w", s.dir, err)
	}
	return nil
}

// runChild starts a child that the stage ends at the latest when it closes. line takes
// every line of its output, from one goroutine, and keeps nothing of it.
func (s *stage) runChild(name string, cmd *exec.Cmd, line func([]byte)) (*child.Child, error) {
	cmd.Env, cmd.Stdout = child.Environment(), &child.Lines{Take: line}
	s.mu.Lock()
	defer s.mu.Unlock()
	c, err := child.Run(name, cmd, &child.Output{})
	if err == nil {
		s.children = append(s.children, c)
	}
	return c, err
}

// say tells what happens now.
func (s *stage) say(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	fmt.Fprintf(s.config.Out, "%6.2f s  %s\n", time.Since(s.began).Seconds(), fmt.Sprintf(format, args...))
}

// print writes what is no event of its own.
func (s *stage) print(write func(w io.Writer)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	write(s.config.Out)
}

// step is a part of the story with a bound.
type step struct {
	what string
	most time.Duration
	play func(ctx context.Context) error
}

// errTooSlow ends a step that takes longer than it may.
var errTooSlow = errors.New("it takes too long")

// perform plays the steps one after another. The error of one that fails names
// it and shows what the children had to say.
func (s *stage) perform(ctx context.Context, steps []step) error {
	for _, next := range steps {
		bounded, cancel := context.WithTimeoutCause(ctx, next.most, errTooSlow)
		err := next.play(bounded)
		slow := errors.Is(context.Cause(bounded), errTooSlow)
		cancel()
		switch {
		case err == nil:
		case ctx.Err() != nil:
			return errors.New("interrupted; nothing of the demo is left running")
		case slow:
			return fmt.Errorf("the step %q did not come to its end within %s: %w%s", next.what, next.most, err, s.testimony())
		default:
			return fmt.Errorf("the step %q failed: %w%s", next.what, err, s.testimony())
		}
	}
	return nil
}

// testimony is the end of what each child wrote to stderr.
func (s *stage) testimony() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var b strings.Builder
	for _, c := range s.children {
		if text := c.Tail(); text != "" {
			fmt.Fprintf(&b, "\nlast lines of %s (process %d, %s):%s", c.Name(), c.PID(), c.State(), text)
		}
	}
	return b.String()
}

// runTogether does several things at once and waits for all. A panic in one of
// them becomes its error, so that the children are ended all the same.
func runTogether(things ...func() error) error {
	failed := make([]error, len(things))
	var all sync.WaitGroup
	for i, f := range things {
		all.Go(func() {
			defer func() {
				if p := recover(); p != nil {
					failed[i] = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
				}
			}()
			failed[i] = f()
		})
	}
	all.Wait()
	return errors.Join(failed...)
}
