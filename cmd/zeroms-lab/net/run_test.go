package netlab

import (
	"bytes"
	"context"
	"encoding/json"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// built is a zeroms-gateway of this tree.
func built(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "zeroms-gateway")
	cmd := exec.CommandContext(t.Context(), "go", "build", "-tags=sqlite_fts5,ci", "-o", path, "zeroms/cmd/zeroms-gateway")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	return path
}

// TestRealGateways builds the program and does everything that needs it.
func TestRealGateways(t *testing.T) {
	path := built(t)
	t.Run("Run", func(t *testing.T) { shortRun(t, path) })
	t.Run("ComesBack", func(t *testing.T) { comesBack(t, path) })
	t.Run("DoesNotStart", func(t *testing.T) { doesNotStart(t, path) })
}

// shortRun plays a short run on loopback.
func shortRun(t *testing.T, path string) {
	var report, told bytes.Buffer
	c := Config{
		Gateways: 3, Users: 4, Lasts: 16 * time.Second, Seed: 2, Pause: 200 * time.Millisecond, Program: path, Dir: t.TempDir(),
		Out: &report, Told: &told, JSON: true,
	}
	if err := Run(t.Context(), c); err != nil {
		t.Fatalf("%v\n%s%s", err, told.String(), report.String())
	}
	head, _, _ := strings.Cut(report.String(), "\n")
	var r row
	if err := json.Unmarshal([]byte(head), &r); err != nil {
		t.Fatal(err)
	}
	if *r.Letters < 100 || *r.Lost+*r.Doubled+*r.Disordered+*r.Strange+*r.Failed != 0 {
		t.Errorf("%s", head)
	}
	if !strings.Contains(report.String(), `"row":"fault"`) {
		t.Errorf("nothing happened:\n%s", told.String())
	}
	if left, err := os.ReadDir(c.Dir); err != nil || len(left) > 0 {
		t.Errorf("files are left: %v, %v", left, err)
	}
}

// comesBack: a gateway keeps its address over its processes, whatever ended them.
func comesBack(t *testing.T, path string) {
	ctx := t.Context()
	p, err := newProgram(ctx, path)
	if err != nil {
		t.Fatal(err)
	}
	if !p.knows("--listen") || p.knows("--no-such-flag") {
		t.Errorf("its flags are not understood:\n%s", p.flags)
	}
	g := newGateway(0, t.TempDir(), p, nil)
	t.Cleanup(g.clear)
	if err := g.start(ctx, nil); err != nil {
		t.Fatal(err)
	}
	for _, s := range []syscall.Signal{syscall.SIGKILL, syscall.SIGTERM} {
		if err := g.end(ctx, s); err != nil {
			t.Fatal(err)
		}
		if g.health() == nil {
			t.Error("it is well after its end")
		}
		if err := g.end(ctx, s); err == nil {
			t.Error("it was ended twice")
		}
		if err := g.start(ctx, nil); err != nil {
			t.Fatal(err)
		}
	}
	answers := func() bool {
		c, err := net.DialTimeout("tcp", g.listen, time.Second)
		if err != nil {
			return false
		}
		c.Close()
		return true
	}
	if err := g.pause(true); err != nil {
		t.Fatal(err)
	}
	if err := g.pause(false); err != nil {
		t.Fatal(err)
	}
	if !answers() || g.health() != nil {
		t.Error("it does not answer after a pause")
	}
}

// doesNotStart: a gateway that does not start says why.
func doesNotStart(t *testing.T, path string) {
	p, err := newProgram(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	g := newGateway(3, t.TempDir(), p, nil)
	g.listen = "nowhere"
	if err := g.start(t.Context(), nil); err == nil || !strings.Contains(err.Error(), "--listen is HOST:PORT") {
		t.Errorf("got %v", err)
	}
	if _, err := newProgram(t.Context(), filepath.Join(t.TempDir(), "none")); err == nil {
		t.Error("a program that is not there was taken")
	}
}

func TestCommandLine(t *testing.T) {
	for name, args := range map[string][]string{
		"no gateways": {"--gateways", "0"}, "one person": {"--users", "1"}, "no time": {"--minutes", "0"},
		"an argument": {"now"}, "no program": {"--gateway", "/nonexistent/gateway"}, "partitions": {"--partitions", "none", "--gateway", os.Args[0]},
	} {
		c := New()
		c.SetArgs(args)
		c.SilenceErrors, c.SilenceUsage = true, true
		c.SetOut(&bytes.Buffer{})
		c.SetErr(&bytes.Buffer{})
		err := c.ExecuteContext(context.Background())
		if err == nil {
			t.Errorf("%s was taken", name)
		}
	}
}
