package child

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
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

// born starts a child that is ready: one that ends with a code when it is asked to, a
// "deaf" one, or one that is "gone".
func born(t *testing.T, manner string) *Child {
	t.Helper()
	ready := make(chan struct{})
	cmd := exec.Command(os.Args[0], "child", manner)
	cmd.Stdout = &Lines{Take: func([]byte) { close(ready) }}
	c, err := Run("a child", cmd, &Output{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { EndAll([]*Child{c}) })
	<-ready
	return c
}

func holds(t *testing.T, err error, words ...string) {
	t.Helper()
	for _, w := range words {
		if err == nil || !strings.Contains(err.Error(), w) {
			t.Errorf("%q is not in %v", w, err)
		}
	}
}

func TestStop(t *testing.T) {
	polite := born(t, "0")
	if !polite.Alive() || polite.Failure() != nil || polite.State() != "running" {
		t.Errorf("a child that runs: %s, %v", polite.State(), polite.Failure())
	}
	for range 2 { // whoever was ended is ended
		if err := polite.Stop(); err != nil {
			t.Errorf("a child that ends with success: %v", err)
		}
	}
	if polite.Alive() || polite.State() != "ended: exit status 0" {
		t.Error(polite.State())
	}
	holds(t, born(t, "7").Stop(), "a child did not end well", "exit status 7", "the disk is full")
}

func TestEndByItself(t *testing.T) {
	gone := born(t, "gone")
	<-gone.Ended()
	for _, err := range []error{gone.Failure(), gone.Stop(), gone.Kill()} {
		holds(t, err, "a child ended by itself", "the disk is full")
	}
}

func TestKill(t *testing.T) {
	deaf := born(t, "deaf")
	if err := deaf.Kill(); err != nil || deaf.Alive() {
		t.Errorf("kill: %v", err)
	}
	if err := deaf.Stop(); err != nil {
		t.Errorf("stopped after it was killed: %v", err)
	}
}

// TestConfess: a Go program tells what its goroutines are at.
func TestConfess(t *testing.T) {
	deaf := born(t, "deaf")
	deaf.Confess()
	if said := strings.Join(deaf.said.All(), "\n"); deaf.Alive() || !strings.Contains(said, "goroutine ") {
		t.Errorf("%s said %q", deaf.State(), said)
	}
}

func TestEndAll(t *testing.T) {
	willing, gone := born(t, "0"), born(t, "gone")
	<-gone.Ended()
	EndAll([]*Child{willing, gone})
	for _, c := range []*Child{willing, gone} {
		if c.Alive() {
			t.Errorf("process %d is left", c.PID())
		}
	}
}

func TestNoProgram(t *testing.T) {
	if _, err := Run("nothing", exec.Command(filepath.Join(t.TempDir(), "nothing")), &Output{}); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
}

func TestOutput(t *testing.T) {
	var o Output
	if o.Tail() != "" {
		t.Errorf("the tail of nothing is %q", o.Tail())
	}
	for _, piece := range []string{"one\ntw", "o\n", "three"} {
		if _, err := io.WriteString(&o, piece); err != nil {
			t.Fatal(err)
		}
	}
	if got := o.All(); !slices.Equal(got, []string{"one", "two", "three"}) {
		t.Errorf("%q", got)
	}
	for n := range 50 {
		fmt.Fprintf(&o, "line %d\n", n)
	}
	if tail := o.Tail(); strings.Count(tail, "\n") != tailLines || !strings.HasSuffix(tail, "\n  line 49") {
		t.Errorf("%q", tail)
	}
}

func TestLines(t *testing.T) {
	var got []string
	w := &Lines{Take: func(b []byte) { got = append(got, string(b)) }}
	for _, part := range []string{"one\ntw", "o\n", "\nthr"} {
		if _, err := w.Write([]byte(part)); err != nil {
			t.Fatal(err)
		}
	}
	if want := "one|two|"; strings.Join(got, "|") != want {
		t.Errorf("lines %q", got)
	}
	if _, err := w.Write(make([]byte, maxLine)); err == nil {
		t.Error("a line without end was taken")
	}
}

func TestProgram(t *testing.T) {
	file := filepath.Join(t.TempDir(), "zeroms")
	if err := os.WriteFile(file, nil, 0o700); err != nil {
		t.Fatal(err)
	}
	if got, err := Program(file, "zeroms"); err != nil || got != file {
		t.Error(got, err)
	}
	if got, err := Program(file+"-none", "zeroms"); err == nil {
		t.Error(got)
	}
	if got, err := Program("", "a program that nobody built"); err == nil {
		t.Error(got)
	}
}

func TestEnvironment(t *testing.T) {
	t.Setenv("ZMS_PROFILE", "mine")
	t.Setenv("ZEROMS_TEST", "else")
	env := Environment()
	if slices.Contains(env, "ZMS_PROFILE=mine") || !slices.Contains(env, "ZEROMS_TEST=else") {
		t.Errorf("%q", env)
	}
}
