package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"zeroms/cmd/zms/control"
	"zeroms/store/chat"
)

// run runs a command in this process, without a terminal.
func run(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	stdin, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer stdin.Close()
	var out, errs bytes.Buffer
	code = execute(args, &app{stdin: stdin, stdout: &out, stderr: &errs, getenv: func(string) string { return "" }})
	return code, out.String(), errs.String()
}

// TestInitCompletes: a profile that an interrupted init left without an identity.
func TestInitCompletes(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "p")
	db, err := chat.Create(t.Context(), dir, chat.NoPassphrase())
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if code, _, stderr := run(t, "--profile", dir, "status"); code != control.ExitNotFound || !strings.Contains(stderr, "run init first") {
		t.Errorf("status: %d, %s", code, stderr)
	}
	if code, stdout, stderr := run(t, "--profile", dir, "init", "--name", "Alice"); code != control.ExitOK || !strings.Contains(stdout, "your user ID") {
		t.Errorf("init: %d, %s", code, stderr)
	}
	if code, _, stderr := run(t, "--profile", dir, "init"); code != control.ExitFailure || !strings.Contains(stderr, "already holds an identity") {
		t.Errorf("init again: %d, %s", code, stderr)
	}
}

func TestWhereTheProfileIs(t *testing.T) {
	for _, c := range []struct {
		flag string
		env  map[string]string
		dir  string
	}{
		{"/flag", map[string]string{"ZMS_PROFILE": "/env", "HOME": "/home/a"}, "/flag"},
		{"", map[string]string{"ZMS_PROFILE": "/env", "XDG_DATA_HOME": "/xdg", "HOME": "/home/a"}, "/env"},
		{"", map[string]string{"XDG_DATA_HOME": "/xdg", "HOME": "/home/a"}, "/xdg/zeroms"},
		{"", map[string]string{"XDG_DATA_HOME": "relative", "HOME": "/home/a"}, "/home/a/.local/share/zeroms"},
		{"", map[string]string{"HOME": "/home/a"}, "/home/a/.local/share/zeroms"},
	} {
		a := &app{profile: c.flag, getenv: func(name string) string { return c.env[name] }}
		if dir, err := a.dir(); err != nil || dir != c.dir {
			t.Errorf("%+v: %s, %v", c, dir, err)
		}
	}
	if _, err := (&app{getenv: func(string) string { return "" }}).dir(); err == nil {
		t.Error("a directory out of nothing")
	}
}
