package netlab

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"
)

// built is a zeroms-gateway of this tree.
func built(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "zeroms-gateway")
	// go run keeps what it links in the build cache: it is linked once for the tests of all packages.
	cmd := exec.CommandContext(t.Context(), "go", "run", "-tags=sqlite_fts5,ci", "-exec=cp", "zeroms/cmd/zeroms-gateway", path)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("go run: %v\n%s", err, out)
	}
	return path
}

// TestRealGateways builds the program and does everything that needs it.
func TestRealGateways(t *testing.T) {
	path := built(t)
	t.Run("Run", func(t *testing.T) { shortRun(t, path) })
	t.Run("ComesBack", func(t *testing.T) { comesBack(t, path) })
	t.Run("NoNetwork", func(t *testing.T) { noNetwork(t, path) })
	t.Run("DoesNotStart", func(t *testing.T) { doesNotStart(t, path) })
}

// What tells this program, once it is in namespaces, to play a run there: the path of
// zeroms-gateway, and the directory.
const (
	playEnv    = "ZEROMS_NET_PLAY"
	playDirEnv = "ZEROMS_NET_DIR"
)

// played is a short run in which everything goes wrong once.
func played(path, dir string, isolated bool, out, told io.Writer) Config {
	c := Config{
		Gateways: 3, Users: 4, Lasts: 17 * time.Second, Seed: 2, Pause: 200 * time.Millisecond, Program: path, Dir: dir,
		Out: out, Told: told, JSON: true, Isolated: isolated,
	}
	at := 2 * time.Second
	for n, k := range deckOf(c) {
		f := fault{at: at, lasts: 2 * time.Second, kind: k, gateways: []int{n % c.Gateways}, person: 1}
		if k == moves {
			f.lasts, f.gateways = 0, nil
		}
		at += f.lasts + time.Second
		c.script = append(c.script, f)
	}
	return c
}

// shortRun plays it: as root in namespaces, where this program runs once more, and
// on loopback elsewhere.
func shortRun(t *testing.T, path string) {
	var report, told bytes.Buffer
	dir := t.TempDir()
	isolated := os.Geteuid() == 0 && runtime.GOOS == "linux"
	c := played(path, dir, isolated, &report, &told)
	var err error
	if isolated {
		t.Setenv(playEnv, path)
		t.Setenv(playDirEnv, dir)
		if err = canIsolate(); err == nil {
			err = isolate(t.Context(), files{&report, &told})
		}
	} else {
		err = Run(t.Context(), c)
	}
	if err != nil {
		t.Fatalf("%v\n%s%s", err, told.String(), report.String())
	}
	head, _, _ := strings.Cut(report.String(), "\n")
	var r row
	if err := json.Unmarshal([]byte(head), &r); err != nil {
		t.Fatal(err)
	}
	if *r.Letters < 100 || *r.Lost+*r.Doubled+*r.Disordered+*r.Strange+*r.Failed != 0 || *r.Namespaces != isolated || *r.Moved != 1 || *r.Announced != 1 {
		t.Errorf("%s", head)
	}
	want := []kind{killed, drains, cutOff, moves}
	if isolated {
		want = append(want, halves)
	}
	for _, k := range want {
		if !strings.Contains(report.String(), fmt.Sprintf(`"row":"fault","kind":%q`, k)) {
			t.Errorf("no %s happened:\n%s", k, told.String())
		}
	}
	for what, times := range map[string]int{"Each knows 2 others": 2, "runs again": 2, "cards that name no gateway": 1} {
		if strings.Count(told.String(), what) != times {
			t.Errorf("not %d times told that %s:\n%s", times, what, told.String())
		}
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("files are left: %v, %v", left, err)
	}
}

// noNetwork: gateways that nobody told of each other are found out.
func noNetwork(t *testing.T, path string) {
	n := &network{config: Config{Told: io.Discard}, ledger: newLedger()}
	for number := range 2 {
		g := newGateway(number, t.TempDir(), path, nil)
		t.Cleanup(g.clear)
		if err := g.start(t.Context(), nil); err != nil {
			t.Fatal(err)
		}
		n.gateways = append(n.gateways, g)
	}
	ctx, cancel := context.WithTimeoutCause(t.Context(), time.Second, errors.New("one second is enough"))
	defer cancel()
	err := n.meet(ctx)
	if err == nil || !strings.Contains(err.Error(), "no network: gateway 0: it knows 0 of the 1 other gateways: one second is enough") {
		t.Errorf("got %v", err)
	}
}

// comesBack: a gateway keeps its address over its processes, whatever ended them.
func comesBack(t *testing.T, path string) {
	ctx := t.Context()
	g := newGateway(0, t.TempDir(), path, nil)
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
	g := newGateway(3, t.TempDir(), path, nil)
	g.listen = "nowhere"
	if err := g.start(t.Context(), nil); err == nil || !strings.Contains(err.Error(), "--listen is HOST:PORT") {
		t.Errorf("got %v", err)
	}
	if err := newGateway(3, t.TempDir(), filepath.Join(t.TempDir(), "none"), nil).start(t.Context(), nil); err == nil {
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
