package demo

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"zeroms/cmd/zeroms-lab/child"
)

// TestMain is the tests, or a child that they start.
func TestMain(m *testing.M) {
	if len(os.Args) != 3 || os.Args[1] != "child" {
		os.Exit(m.Run())
	}
	asked := make(chan os.Signal, 1)
	signal.Notify(asked, syscall.SIGTERM)
	fmt.Fprintln(os.Stderr, "the disk is full")
	fmt.Println("ready")
	switch code, err := strconv.Atoi(os.Args[2]); {
	case err == nil:
		<-asked
		os.Exit(code)
	case os.Args[2] == "gone":
		return
	}
	for range asked { // deaf
	}
}

// born starts a child that is ready: one that ends with a code when it is
// asked to, a "deaf" one, or one that is "gone".
func born(t *testing.T, s *stage, manner string) *child.Child {
	t.Helper()
	ready := make(chan struct{})
	p, err := s.runChild("a child", exec.Command(os.Args[0], "child", manner), func([]byte) { close(ready) })
	if err != nil {
		t.Fatal(err)
	}
	<-ready
	return p
}

func newTestStage(t *testing.T) (*stage, *bytes.Buffer) {
	t.Helper()
	t.Setenv("TMPDIR", t.TempDir())
	var out bytes.Buffer
	s, err := newStage(Config{Out: &out})
	if err != nil {
		t.Fatal(err)
	}
	return s, &out
}

// TestCloseEndsEverything: children that end when asked, that ended already,
// and that do not listen.
func TestCloseEndsEverything(t *testing.T) {
	s, _ := newTestStage(t)
	willing, gone, deaf := born(t, s, "0"), born(t, s, "gone"), born(t, s, "deaf")
	<-gone.Ended()
	if err := s.close(); err != nil {
		t.Fatal(err)
	}
	for _, p := range []*child.Child{willing, gone, deaf} {
		if p.Alive() {
			t.Errorf("process %d is left", p.PID())
		}
	}
	if _, err := os.Stat(s.dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the directory is left: %v", err)
	}
}

// TestFailingStep: the error names the step, what went wrong, and what the
// children said.
func TestFailingStep(t *testing.T) {
	s, _ := newTestStage(t)
	defer s.close()
	<-born(t, s, "gone").Ended()
	waiting := born(t, s, "0")
	wrong := errors.New("something is wrong")
	err := s.perform(t.Context(), []step{
		{"begin", time.Minute, func(context.Context) error { return nil }},
		{"break", time.Minute, func(context.Context) error { return wrong }},
		{"never come to this", time.Minute, func(context.Context) error { panic("it was done") }},
	})
	holds(t, err, `the step "break" failed: something is wrong`, "last lines of a child", "the disk is full")
	if !errors.Is(err, wrong) {
		t.Error("the cause is lost")
	}

	err = s.perform(t.Context(), []step{{"wait", time.Millisecond, kindly(waiting)}})
	holds(t, err, `the step "wait" did not come to its end within 1ms`, "it takes too long")

	ctx, cancel := context.WithCancel(t.Context())
	err = s.perform(ctx, []step{{"stop", time.Minute, func(ctx context.Context) error { cancel(); return ctx.Err() }}})
	holds(t, err, "interrupted")
}

// kindly waits for an end that nobody brings about.
func kindly(c *child.Child) func(context.Context) error {
	return func(ctx context.Context) error {
		select {
		case <-c.Ended():
			return nil
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

func holds(t *testing.T, err error, words ...string) {
	t.Helper()
	for _, w := range words {
		if err == nil || !strings.Contains(err.Error(), w) {
			t.Errorf("%q is not in %v", w, err)
		}
	}
}

func TestTogether(t *testing.T) {
	one := errors.New("one")
	err := runTogether(
		func() error { return nil },
		func() error { return one },
		func() error { panic("two") },
	)
	holds(t, err, "one", "panic: two")
	if err := runTogether(func() error { return nil }); err != nil {
		t.Error(err)
	}
}
