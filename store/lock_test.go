package store

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// childLock takes the lock, tells how it went, and holds it until it is killed.
func childLock() int {
	_, err := LockDir(os.Getenv("STORE_TEST_PATH"), "lock")
	switch {
	case errors.Is(err, ErrLocked):
		fmt.Println("locked")
		return 0
	case err != nil:
		fmt.Println(err)
		return 1
	}
	fmt.Println("taken")
	select {}
}

func childSays(t *testing.T, dir string) (said string, stop func()) {
	t.Helper()
	cmd, out := startChild(t, "lock", dir)
	line, err := out.ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(line), func() { kill(t, cmd) }
}

func TestLockAgainstProcess(t *testing.T) {
	dir := t.TempDir()
	own, err := LockDir(dir, "lock")
	if err != nil {
		t.Fatal(err)
	}
	said, stop := childSays(t, dir)
	if stop(); said != "locked" {
		t.Fatalf("the second process says %q", said)
	}
	if _, err := LockDir(dir, "lock"); !errors.Is(err, ErrLocked) ||
		!strings.Contains(err.Error(), "process "+strconv.Itoa(os.Getpid())) {
		t.Fatalf("a second lock in one process: %v", err)
	}
	if err := errors.Join(own.Close(), own.Close()); err != nil {
		t.Fatal(err)
	}
	if said, stop = childSays(t, dir); said != "taken" {
		t.Fatalf("after Close the second process says %q", said)
	}
	_, err = LockDir(dir, "lock")
	wantErr(t, err, ErrLocked)
	stop() // kill -9
	own, err = LockDir(dir, "lock")
	if err != nil {
		t.Fatal(err)
	}
	defer own.Close()
	st, err := os.Stat(filepath.Join(dir, "lock"))
	if err != nil || st.Mode() != 0o600 {
		t.Fatalf("mode %v, %v", st.Mode(), err)
	}
}

func TestLockNeedsDirectory(t *testing.T) {
	_, err := LockDir(filepath.Join(t.TempDir(), "missing"), "lock")
	wantErr(t, err, os.ErrNotExist)
}
