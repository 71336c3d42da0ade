package desk

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"zeroms/store"
	"zeroms/ui/model"
)

// holding is the environment of the process that holds a lock for a test, and stubborn of
// one that does not end when it is told to.
const (
	holding  = "DESK_TEST_LOCK"
	stubborn = "DESK_TEST_STUBBORN"
)

// TestMain is also the other process of the tests.
func TestMain(m *testing.M) {
	dir := os.Getenv(holding)
	if dir == "" {
		os.Exit(m.Run())
	}
	if os.Getenv(stubborn) != "" {
		signal.Ignore(syscall.SIGTERM)
	}
	lock, err := store.LockDir(dir, lockName)
	fmt.Println("holds", err)
	_, _ = os.Stdin.Read(make([]byte, 1)) // until the test is over
	_ = lock.Close()
}

// holds starts a process that has the lock in dir.
func holds(t *testing.T, dir string, env ...string) *exec.Cmd {
	t.Helper()
	c := exec.Command(os.Args[0])
	c.Env = append(append(os.Environ(), holding+"="+dir), env...)
	if _, err := c.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = c.Process.Kill()
		_ = c.Wait()
	})
	if line, err := bufio.NewReader(out).ReadString('\n'); strings.TrimSpace(line) != "holds <nil>" {
		t.Fatalf("it said %q, %v", line, err)
	}
	return c
}

// TestHeldBySomebodySilent: a profile whose owner says nothing is told of with its process
// after some seconds, and free once that is ended.
func TestHeldBySomebodySilent(t *testing.T) {
	p := create(t, "Alice", "")
	p.close()
	other := holds(t, p.dir)
	d, _ := run(t, Config{Dir: p.dir})
	_, err := d.State(t.Context())
	var held model.Held
	if !errors.As(err, &held) || !held.Silent() || Name(err) != "locked" {
		t.Fatalf("%v", err)
	}
	if name, pid := held.Holder(); name != "" || pid != other.Process.Pid {
		t.Errorf("%q, process %d, and not %d", name, pid, other.Process.Pid)
	}
	if err := held.End(t.Context()); err != nil {
		t.Errorf("it can't be ended: %v", err)
	}
	if state, err := d.State(t.Context()); err != nil || state != model.DoorReady {
		t.Errorf("then the profile is %v, %v", state, err)
	}
	if err := held.End(t.Context()); err != nil {
		t.Errorf("ended a second time: %v", err)
	}
}

// TestEndsOnlyWhoHolds: no process that has not the lock, or not any more, and not this one.
func TestEndsOnlyWhoHolds(t *testing.T) {
	dir, elsewhere := t.TempDir(), t.TempDir()
	innocent := holds(t, elsewhere)
	lock := filepath.Join(dir, lockName)
	if err := os.WriteFile(lock, fmt.Appendln(nil, innocent.Process.Pid), 0o600); err != nil {
		t.Fatal(err)
	}
	free := &HeldError{PID: innocent.Process.Pid, lock: lock}
	if err := free.End(t.Context()); err != nil {
		t.Error(err)
	}
	guilty := holds(t, dir, stubborn+"=1")
	for what, e := range map[string]*HeldError{
		"somebody else": {PID: innocent.Process.Pid, lock: lock}, "a missing lock": {PID: guilty.Process.Pid, lock: lock + "2"},
	} {
		if err := e.End(t.Context()); err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
	for what, pid := range map[string]int{"nobody": 0, "everybody": -1, "the first one": 1, "ourselves": os.Getpid()} {
		if err := (&HeldError{PID: pid, lock: lock}).End(t.Context()); !errors.Is(err, ErrStays) {
			t.Errorf("%s: %v", what, err)
		}
	}
	for _, c := range []*exec.Cmd{innocent, guilty} {
		if err := c.Process.Signal(syscall.Signal(0)); err != nil {
			t.Errorf("process %d was ended: %v", c.Process.Pid, err)
		}
	}
	if err := (&HeldError{PID: guilty.Process.Pid, lock: lock}).End(t.Context()); err != nil {
		t.Errorf("one that does not want to: %v", err)
	}
	if state, err := guilty.Process.Wait(); err != nil || state.Success() {
		t.Errorf("%v, %v", state, err)
	}
}
