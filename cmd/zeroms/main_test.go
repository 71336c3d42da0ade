package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/spf13/pflag"

	"zeroms/cmd/zeroms/instance"
	"zeroms/ui/model"
)

// env is an environment of some variables.
func env(pairs ...string) func(string) string {
	return func(name string) string {
		for i := 0; i < len(pairs); i += 2 {
			if pairs[i] == name {
				return pairs[i+1]
			}
		}
		return ""
	}
}

// TestProfile: the profile is the one that zms would take.
func TestProfile(t *testing.T) {
	for what, c := range map[string]struct {
		args []string
		env  func(string) string
		want string
	}{
		"home": {nil, env("HOME", "/home/a"), "/home/a/.local/share/zeroms"},
		"data": {nil, env("HOME", "/home/a", "XDG_DATA_HOME", "/data"), "/data/zeroms"},
		"told": {nil, env("HOME", "/home/a", "XDG_DATA_HOME", "/data", "ZMS_PROFILE", "/p"), "/p"},
		"flag": {[]string{"--profile", "/q"}, env("ZMS_PROFILE", "/p"), "/q"},
	} {
		var out strings.Builder
		if o, err := parse(c.args, c.env, &out); err != nil || o.profile != c.want {
			t.Errorf("%s: %q, %v", what, o.profile, err)
		}
	}
}

// TestCommandLine: what can't be understood is said in one line, with exit code 2.
func TestCommandLine(t *testing.T) {
	home := env("HOME", t.TempDir())
	for what, c := range map[string]struct {
		args []string
		env  func(string) string
		code int
		says string
	}{
		"a flag":    {[]string{"--nonsense"}, home, exitUsage, "see zeroms --help"},
		"two links": {[]string{"a", "b"}, home, exitUsage, "at once"},
		"lines":     {[]string{"a\nb"}, home, exitUsage, "link"},
		"no home":   {nil, env(), exitUsage, "--profile"},
		"help":      {[]string{"-h"}, home, exitOK, "--trace"},
		"no screen": {nil, home, exitFailure, "DISPLAY"},
		"version":   {[]string{"--version"}, home, exitOK, "zeroms "},
	} {
		var out, errs strings.Builder
		if code := execute(c.args, c.env, &out, &errs); code != c.code || !strings.Contains(out.String()+errs.String(), c.says) {
			t.Errorf("%s: code %d, %q, %q", what, code, out.String(), errs.String())
		}
	}
	var out strings.Builder
	if _, err := parse([]string{"--version"}, home, &out); !errors.Is(err, pflag.ErrHelp) {
		t.Error(err)
	}
}

// TestSecondStart: it hands its link over and ends with 0.
func TestSecondStart(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "p")
	own, err := instance.Claim(dir)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	opened, served := make(chan string, 1), make(chan error, 1)
	go func() {
		served <- own.Serve(ctx, instance.Handler{Open: func(text string) { opened <- text }})
	}()
	var out, errs strings.Builder
	if code := execute([]string{"--profile", dir, "zeroms:ABC"}, env(), &out, &errs); code != exitOK || out.String()+errs.String() != "" {
		t.Errorf("code %d, %q, %q", code, out.String(), errs.String())
	}
	if text := <-opened; text != "zeroms:ABC" {
		t.Errorf("it opens %q", text)
	}
	cancel()
	if err := errors.Join(<-served, own.Close()); err != nil {
		t.Error(err)
	}
}

// TestLook: it is kept for its owner alone, and what is broken is as good as none.
func TestLook(t *testing.T) {
	dir, log := t.TempDir(), slog.New(slog.DiscardHandler)
	l := look{dir}
	if got := l.load(log); got != (model.Look{}) {
		t.Errorf("none is %+v", got)
	}
	want := model.Look{Language: "zh-Hans", Scheme: model.SchemeDark, Zoom: 125, Width: 1180, Height: 740}
	if err := l.save(want); err != nil {
		t.Fatal(err)
	}
	if got := l.load(log); got != want {
		t.Errorf("kept is %+v", got)
	}
	file := filepath.Join(dir, lookFile)
	if st, err := os.Stat(file); err != nil || st.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", st, err)
	}
	for what, text := range map[string]string{
		"nothing": "", "half": `{"zoom":`, "a language": `{"language":"tlh"}`, "a scheme": `{"scheme":9}`, "a zoom": `{"zoom":4000}`,
		"a width": `{"width":1e30}`, "a height": `{"height":-1}`, "another kind": `[]`,
	} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := l.load(log); got != (model.Look{}) {
			t.Errorf("%s is %+v", what, got)
		}
	}
	if err := (look{filepath.Join(dir, "none")}).save(want); err == nil {
		t.Error("kept nowhere")
	}
}

// TestTrace: one line of JSON for each.
func TestTrace(t *testing.T) {
	file := filepath.Join(t.TempDir(), "trace")
	tr, err := openTrace(file)
	if err != nil {
		t.Fatal(err)
	}
	tr.note("open", 12345*time.Microsecond)
	tr.note("scroll", 0)
	tr.close()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var lines []traceLine
	for in := bufio.NewScanner(f); in.Scan(); {
		var l traceLine
		if err := json.Unmarshal(in.Bytes(), &l); err != nil {
			t.Fatal(err)
		}
		lines = append(lines, l)
	}
	if len(lines) != 2 || lines[0].What != "open" || lines[0].MS != 12.345 || lines[0].At == 0 || lines[1].What != "scroll" {
		t.Errorf("it holds %+v", lines)
	}
}
