package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// step is a block of the walk-through of docs/operations.md that can be run here,
// and who runs it: the operator, or a person with a profile.
type step struct {
	who  string
	text string
}

// walk reads the blocks whose fence says "sh walk WHO".
func walk(t *testing.T) (steps []step) {
	t.Helper()
	text, err := os.ReadFile("../../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, block := range regexp.MustCompile("(?ms)^```sh walk ?([a-z]*)\n(.*?)^```$").FindAllSubmatch(text, -1) {
		steps = append(steps, step{string(block[1]), string(block[2])})
	}
	return steps
}

// unitCommand is the command line of the unit, with the settings of gateway.env but
// for these.
func unitCommand(t *testing.T, settings map[string]string) []string {
	t.Helper()
	unit, err := os.ReadFile("../../docs/systemd/zeroms-gateway.service")
	if err != nil {
		t.Fatal(err)
	}
	env, err := os.ReadFile("../../docs/systemd/gateway.env")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(env)) {
		name, value, found := strings.Cut(strings.TrimSpace(line), "=")
		if !found || strings.HasPrefix(name, "#") {
			continue
		}
		if _, known := settings[name]; !known {
			settings[name] = value
		}
	}
	found := regexp.MustCompile(`(?m)^ExecStart=/usr/local/bin/zeroms-gateway (.*)$`).FindSubmatch(unit)
	if found == nil {
		t.Fatal("the unit starts no gateway")
	}
	return strings.Fields(os.Expand(string(found[1]), func(name string) string {
		value, known := settings[name]
		if !known {
			t.Errorf("the unit uses %s, which gateway.env does not set", name)
		}
		return value
	}))
}

// walker runs blocks.
type walker struct {
	t   *testing.T
	dir string
	// what stands in the place of "ZMSG:..." and "ZMS:..."
	invite, card string
}

// run runs a block as whom it is for, and returns what it prints.
func (w *walker) run(s step) string {
	w.t.Helper()
	script := strings.NewReplacer(
		"/var/lib/zeroms", w.dir+"/gateway", "/var/backups/zeroms", w.dir, "ZMSG:...", w.invite, "ZMS:...", w.card,
	).Replace(s.text)
	ctx, cancel := context.WithTimeout(w.t.Context(), 2*time.Minute)
	defer cancel()
	command := exec.CommandContext(ctx, "sh", "-eu", "-c", script)
	command.Env = append(os.Environ(), "PATH="+w.dir+"/bin:"+os.Getenv("PATH"), "ZMS_PROFILE="+w.dir+"/"+s.who, "ZMS_PASSPHRASE=of "+s.who)
	said, err := command.CombinedOutput()
	if err != nil {
		w.t.Fatalf("%s: %v\n%s\n%s", s.who, err, script, said)
	}
	return string(said)
}

// TestWalkThrough runs the walk-through of docs/operations.md as far as it needs no
// root: the gateway with the command line of its unit, and everything that
// zeroms-gateway and zms are told to do there.
func TestWalkThrough(t *testing.T) {
	w := &walker{t: t, dir: t.TempDir()}
	if err := os.Mkdir(w.dir+"/bin", 0o755); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"zeroms-gateway", "zms"} {
		// go run keeps what it links in the build cache: it is linked once for the tests of all packages.
		if said, err := exec.Command("go", "run", "-exec=cp", "zeroms/cmd/"+name, w.dir+"/bin").CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, said)
		}
	}
	// The one who runs this is the gateway's user.
	if err := os.WriteFile(w.dir+"/bin/runuser", []byte("#!/bin/sh\n[ \"$1 $2 $3\" = '-u zeroms --' ] || exit 9\nshift 3\nexec \"$@\"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	args := unitCommand(t, map[string]string{"LISTEN": "127.0.0.1:0", "PUBLIC": "127.0.0.1", "OPTIONS": "--status-listen 127.0.0.1:0"})
	for i := range args {
		args[i] = strings.ReplaceAll(args[i], "/var/lib/zeroms", w.dir+"/gateway")
	}
	gateway := exec.Command(w.dir+"/bin/zeroms-gateway", args...)
	var said bytes.Buffer
	gateway.Stderr = &said
	stdout, err := gateway.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := gateway.Start(); err != nil {
		t.Fatal(err)
	}
	ready := make([]byte, 64<<10)
	for all := ""; !strings.Contains(all, "ready "); {
		n, err := stdout.Read(ready)
		if err != nil {
			t.Fatalf("%v\n%s", err, said.String())
		}
		all += string(ready[:n])
	}
	defer func() {
		gateway.Process.Signal(os.Interrupt)
		if err := gateway.Wait(); err != nil {
			t.Errorf("%v\n%s", err, said.String())
		}
	}()
	var out string
	who := map[string]int{}
	for _, s := range walk(t) {
		who[s.who]++
		out = w.run(s)
		if found := regexp.MustCompile(`(?m)^ZMSG:[A-Z2-7]+$`).FindString(out); s.who == "" && found != "" {
			w.invite = found
		}
		if found := regexp.MustCompile(`(?m)^ZMS:[A-Z2-7]+$`).FindString(out); s.who == "alice" && found != "" {
			w.card = found
		}
		if s.who == "bob" && strings.Contains(s.text, "history") && (!strings.Contains(out, "Hello Bob") || !strings.Contains(out, "Hello Alice")) {
			t.Errorf("the two do not chat:\n%s", out)
		}
	}
	if fmt.Sprint(who) != "map[:3 alice:2 bob:2]" || w.card == "" {
		t.Errorf("blocks of the walk-through by who runs them: %v", who)
	}
	if !strings.HasPrefix(out, "backup of gateway ") {
		t.Errorf("at the end:\n%s", out)
	}
}

// What the unit and the settings say is what systemd reads, where it is there to ask:
// nothing unknown, and little left that a service could do.
func TestUnit(t *testing.T) {
	analyse, err := exec.LookPath("systemd-analyze")
	if err != nil {
		t.Log("systemd-analyze is not on this computer: only the command line was tested")
		return
	}
	dir := t.TempDir()
	unit, err := os.ReadFile("../../docs/systemd/zeroms-gateway.service")
	if err != nil {
		t.Fatal(err)
	}
	for _, extra := range []string{"", "port-443.conf", "lan.conf"} {
		path := filepath.Join(dir, "zeroms-gateway.service")
		text := bytes.ReplaceAll(unit, []byte("=/usr/local/bin/zeroms-gateway run"), []byte("=/bin/true run"))
		if extra != "" {
			more, err := os.ReadFile("../../docs/systemd/" + extra)
			if err != nil {
				t.Fatal(err)
			}
			text = append(text, more...)
		}
		if err := os.WriteFile(path, text, 0o644); err != nil {
			t.Fatal(err)
		}
		if said, err := exec.Command(analyse, "verify", path).CombinedOutput(); err != nil || len(said) > 0 {
			t.Errorf("verify: %v\n%s", err, said)
		}
		said, err := exec.Command(analyse, "security", "--offline=yes", "--no-pager", "--threshold=15", path).CombinedOutput()
		if err != nil {
			t.Errorf("more than 1.5 is exposed with %q: %v\n%s", extra, err, said)
		}
		documented, err := os.ReadFile("../../docs/operations.md")
		if err != nil {
			t.Fatal(err)
		}
		exposure := regexp.MustCompile(`service: ([0-9.]+) `).FindSubmatch(said)
		words := map[string]string{"": "gives it %s (", "port-443.conf": "beside it (%s)", "lan.conf": "there too (%s)"}[extra]
		if exposure == nil || !bytes.Contains(documented, fmt.Appendf(nil, words, exposure[1])) {
			t.Errorf("docs/operations.md has another figure than %s", exposure)
		}
	}
}
