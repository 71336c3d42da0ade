package main

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// TestDemo builds the three programs and plays the demo with them.
func TestDemo(t *testing.T) {
	bin := build(t)
	t.Run("Story", func(t *testing.T) { playDemo(t, bin) })
	t.Run("Interrupted", func(t *testing.T) { interruptDemo(t, bin) })
	t.Run("Broken", func(t *testing.T) { breakDemo(t, bin) })
}

func build(t *testing.T) string {
	t.Helper()
	bin := t.TempDir()
	for _, name := range []string{"zeroms-lab", "zeroms-gateway", "zms"} {
		// go run keeps what it links in the build cache: it is linked once for the tests of all packages.
		cmd := exec.CommandContext(t.Context(), "go", "run", "-tags=sqlite_fts5,ci", "-exec=cp", "zeroms/cmd/"+name, bin)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("go run: %v\n%s", err, out)
		}
	}
	return bin
}

// lab is a zeroms-lab of bin whose temporary files lie in a directory of its own.
func lab(t *testing.T, bin string, args ...string) (cmd *exec.Cmd, temporary string) {
	t.Helper()
	temporary = t.TempDir()
	cmd = exec.CommandContext(t.Context(), filepath.Join(bin, "zeroms-lab"), args...)
	cmd.Env = append(os.Environ(), "TMPDIR="+temporary)
	return cmd, temporary
}

// nothingLeft checks that the processes that a story tells of have ended and
// that no file is left.
func nothingLeft(t *testing.T, story, temporary string) {
	t.Helper()
	told := regexp.MustCompile(`\(process (\d+)\)`).FindAllStringSubmatch(story, -1)
	if len(told) < 4 {
		t.Errorf("the story tells of %d processes", len(told))
	}
	for _, found := range told {
		pid, err := strconv.Atoi(found[1])
		if err != nil {
			t.Fatal(err)
		}
		if err := syscall.Kill(pid, 0); !errors.Is(err, syscall.ESRCH) {
			t.Errorf("process %d is left: %v", pid, err)
		}
	}
	left, err := os.ReadDir(temporary)
	if err != nil || len(left) > 0 {
		t.Errorf("files are left: %v %v", left, err)
	}
}

func playDemo(t *testing.T, bin string) {
	cmd, temporary := lab(t, bin, "demo")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("the demo: %v\n%s", err, out)
	}
	for _, want := range []string{
		`(?m)^transcripts agree: (2[5-9]|3\d|4\d) messages, same order$`,
		`Gateway hub runs at \S+ \(process \d+\) and knows the other 4`,
		`All know each other \d+ ms after the last one was ready; only north was named to them`,
		`the QR codes name no gateway`,
		`Alice looks Bob up by the card: found at 2 gateways in [\d.]+ ms`,
		`Gateway (south|west) has custody of it after \d+ ms`,
		`Alice has it after \d+ ms, by gateway (north|east)`,
		`Alice drains gateway (north|east)`,
		`Bob has learnt of it from Alice herself: what he writes goes to gateway (north|east)`,
		`10000 bytes`,
		`你好`,
		`Gateway (south|west) is killed with -9`,
		`Gateway (north|east) is killed with -9`,
		`Bob goes away`,
		`Bob comes back`,
		`#1 +Alice -> Bob, \d+ bytes on the wire: written, \+\d+ ms submitted, .* received by Bob, \+\d+ ms delivered`,
		`(?m)^\* written to custody: p50 \d+ ms, max \d+ ms of \d+ messages$`,
		`(?m)^\* written to received: p50 \d+ ms, max \d+ ms of \d+ messages$`,
	} {
		if !regexp.MustCompile(want).Match(out) {
			t.Errorf("%s is not in the story", want)
		}
	}
	nothingLeft(t, string(out), temporary)
	if t.Failed() {
		t.Logf("%s", out)
	}
}

// interruptDemo presses Ctrl-C in the middle: everything ends all the same.
func interruptDemo(t *testing.T, bin string) {
	cmd, temporary := lab(t, bin, "demo")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var story strings.Builder
	lines := bufio.NewScanner(stdout)
	for interrupted := false; lines.Scan(); {
		story.WriteString(lines.Text() + "\n")
		if !interrupted && strings.Contains(lines.Text(), "Alice writes") {
			interrupted = true
			if err := cmd.Process.Signal(os.Interrupt); err != nil {
				t.Error(err)
			}
		}
	}
	if err := cmd.Wait(); err == nil || cmd.ProcessState.ExitCode() != exitFailure {
		t.Errorf("interrupted: %v", err)
	}
	if !strings.Contains(stderr.String(), "interrupted") {
		t.Errorf("stderr: %s", stderr.String())
	}
	nothingLeft(t, story.String(), temporary)
}

// breakDemo lets the demo work with a zms that fails: the step and what the
// program said are named.
func breakDemo(t *testing.T, bin string) {
	broken := filepath.Join(t.TempDir(), "zms")
	if err := os.WriteFile(broken, []byte("#!/bin/sh\necho the moon is full >&2\nexit 9\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	cmd, temporary := lab(t, bin, "demo", "--zms", broken)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	if err := cmd.Run(); err == nil || cmd.ProcessState.ExitCode() != exitFailure {
		t.Errorf("a broken zms: %v", err)
	}
	for _, want := range []string{`the step "make two people with two home gateways each" failed`, "zms init", "exit status 9", "the moon is full", "last lines of gateway north"} {
		if !strings.Contains(stderr.String(), want) {
			t.Errorf("%q is not in %s", want, stderr.String())
		}
	}
	if left, err := os.ReadDir(temporary); err != nil || len(left) > 0 {
		t.Errorf("files are left: %v %v", left, err)
	}
}

func TestCommandLine(t *testing.T) {
	for _, c := range []struct {
		args []string
		code int
		says string
	}{
		{[]string{"--version"}, exitOK, "zeroms-lab "},
		{nil, exitOK, "Usage:"},
		{[]string{"demo", "--help"}, exitOK, "--keep"},
		{[]string{"dance"}, exitUsage, `there is no command "dance"`},
		{[]string{"demo", "now"}, exitUsage, `demo takes no argument "now"`},
		{[]string{"demo", "--fast"}, exitUsage, "unknown flag: --fast"},
		{[]string{"demo", "--zms", "/nowhere/zms"}, exitFailure, "zms is not at /nowhere/zms; build it"},
	} {
		var out bytes.Buffer
		if code := execute(c.args, io.Writer(&out), &out); code != c.code || !strings.Contains(out.String(), c.says) {
			t.Errorf("%v: code %d, %s", c.args, code, out.String())
		}
	}
}
