package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// TestMain lets the test program be the relay that peers are measured with.
func TestMain(m *testing.M) {
	if len(os.Args) == 3 && os.Args[1] == "bench" && os.Args[2] == "relay" {
		if err := root(os.Stdout, os.Args[1:]...).ExecuteContext(context.Background()); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// root is the command line with only "bench" in it.
func root(out io.Writer, args ...string) *cobra.Command {
	c := &cobra.Command{Use: "zeroms-lab", SilenceUsage: true, SilenceErrors: true}
	c.AddCommand(New())
	c.SetArgs(args)
	c.SetOut(out)
	c.SetErr(out)
	return c
}

// run runs a command line and returns its output.
func run(t *testing.T, args ...string) (string, error) {
	t.Helper()
	var out bytes.Buffer
	err := root(&out, append([]string{"bench"}, args...)...).ExecuteContext(t.Context())
	return out.String(), err
}

// program builds the gateway as the tag lab makes it.
func program(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "zeroms-gateway")
	// go run keeps what it links in the build cache: it is linked once for the tests of all packages.
	cmd := exec.CommandContext(t.Context(), "go", "run", "-tags=sqlite_fts5,ci,lab", "-exec=cp", "zeroms/cmd/zeroms-gateway", path)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("go run: %v\n%s", err, out)
	}
	return path
}

// results reads lines of JSON; those of the machine are checked and left out.
func results(t *testing.T, out string) (rows []Result) {
	t.Helper()
	machines := 0
	for line := range strings.Lines(out) {
		var m struct {
			Work  string
			Speed float64
		}
		if err := json.Unmarshal([]byte(line), &m); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		if m.Work == "machine" {
			if m.Speed <= 0 {
				t.Errorf("a machine without speed: %s", line)
			}
			machines++
			continue
		}
		for _, field := range []string{"work", "tls", "msg_per_s", "msg_per_cpu_s", "p50_ms", "p99_ms", "kib_per_conn", "fdatasync_ms", "lost"} {
			if !strings.Contains(line, `"`+field+`":`) {
				t.Errorf("a row without %s: %s", field, line)
			}
		}
		var r Result
		if err := json.Unmarshal([]byte(line), &r); err != nil {
			t.Fatal(err)
		}
		rows = append(rows, r)
	}
	if machines != 2 {
		t.Errorf("the machine was measured %d times, want before and after", machines)
	}
	return rows
}

// small is a load that takes no time.
var small = []string{"--json", "--seconds", "0.3", "--warm", "0", "--pairs", "3", "--in-flight", "4", "--rate", "200", "--messages", "600", "--away", "3", "--connections", "30"}

// TestGateways measures gateways that are processes.
func TestGateways(t *testing.T) {
	gateway := program(t)
	t.Run("EveryWork", func(t *testing.T) { everyWork(t, gateway) })
	t.Run("Profiles", func(t *testing.T) { profiles(t, gateway) })
	t.Run("RunningAlready", func(t *testing.T) { runningAlready(t, gateway) })
}

func everyWork(t *testing.T, gateway string) {
	args := append([]string{"gateway", "--program", gateway, "--dir", t.TempDir(), "--tls", "no", "--accounts", "50", "--contacts", "3", "--texts", "40", "--waiting-texts", "60",
		"--ack-rows", "16"}, small...)
	out, err := run(t, args...)
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	rows := results(t, out)
	var got []string
	for _, r := range rows {
		got = append(got, r.Work+"/"+tlsWord(r.TLS))
		checkRow(t, &r)
	}
	const want = "live/plain paced/plain queue/plain drain/plain idle/plain accounts/plain e2e-1/plain e2e-16/plain waiting/plain"
	if s := strings.Join(got, " "); s != want {
		t.Errorf("works %s, want %s", s, want)
	}
}

// checkRow looks whether a row has the figures of its work.
func checkRow(t *testing.T, r *Result) {
	t.Helper()
	has := func(name string, x *float64, want bool) {
		if (x != nil) != want {
			t.Errorf("%s: %s is %v", r.Work, name, x)
		}
	}
	carries := r.Work != "idle" && r.Work != "accounts"
	has("msg_per_s", r.MsgPerS, carries)
	has("fdatasync_ms", r.Fdatasync, true)
	has("kib_per_conn", r.KiBPerConn, r.Work == "idle")
	has("p50_ms", r.P50, r.Work == "live" || r.Work == "paced" || strings.HasPrefix(r.Work, "e2e"))
	has("p99_ms", r.P99, r.P50 != nil)
	switch {
	case r.Lost != 0 || r.RSSKiB <= 0 || r.AnonymousKiB <= 0 || carries && r.Messages <= 0:
		t.Errorf("%+v", r)
	case (r.Work == "queue" || r.Work == "drain") && r.Messages != 600,
		r.Work == "paced" && (r.Messages < 30 || r.Messages > 90),
		(r.Work == "live" || r.Work == "queue") && r.Commits <= 0,
		r.Work == "drain" && r.Acks <= 0,
		r.Work == "accounts" && (r.Accounts != 50 || r.Drops != 150 || *r.DiskKiBPerAccount <= 0 || *r.StartS <= 0 || *r.LoginS < *r.StartS):
		t.Errorf("%s: %+v", r.Work, r)
	}
}

func profiles(t *testing.T, gateway string) {
	dir := t.TempDir()
	file := filepath.Join(dir, "cpu")
	args := append([]string{"gateway", "--program", gateway, "--dir", dir, "--tls", "no", "--works", "live,queue,drain", "--cpuprofile", file}, small...)
	if out, err := run(t, args...); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, work := range []string{"live", "queue", "drain"} {
		b, err := os.ReadFile(file + ".plain." + work)
		if err != nil || !bytes.HasPrefix(b, []byte{0x1f, 0x8b}) { // gzip
			t.Errorf("the profile of %s: %d bytes, %v", work, len(b), err)
		}
	}
	left, err := os.ReadDir(dir)
	if err != nil || len(left) != 3 {
		t.Errorf("%v is left, %v", left, err)
	}
}

// runningAlready measures a gateway that somebody else started.
func runningAlready(t *testing.T, gateway string) {
	c := Config{Program: gateway}
	dir := t.TempDir()
	g, err := c.startGateway(t.Context(), filepath.Join(dir, "gateway"), true)
	if err != nil {
		t.Fatal(err)
	}
	defer g.process.Stop()
	address, err := g.gateway.Address.Text()
	if err != nil {
		t.Fatal(err)
	}
	args := append([]string{"gateway", "--gateway", address, "--pid", strconv.Itoa(g.pid), "--dir", dir, "--works", "live,queue,drain,idle"}, small...)
	out, err := run(t, args...)
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	rows := results(t, out)
	for _, r := range rows {
		if !r.TLS {
			t.Errorf("%s without TLS", r.Work)
		}
		checkRow(t, &r)
	}
	if len(rows) != 4 {
		t.Errorf("%d rows, want 4", len(rows))
	}
	if err := g.failed(); err != nil {
		t.Errorf("the gateway that was there before: %v", err)
	}
}

func TestRelay(t *testing.T) {
	out, err := run(t, append([]string{"peers", "--peers", "relay"}, small...)...)
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	rows := results(t, out)
	var works []string
	for _, r := range rows {
		works = append(works, r.Server+" "+r.Work)
		if r.Lost != 0 || r.Work != "idle" && r.Messages == 0 {
			t.Errorf("%+v", r)
		}
	}
	if got := strings.Join(works, ", "); got != "relay live, relay paced, relay idle" {
		t.Errorf("rows of %s", got)
	}
}

func TestTables(t *testing.T) {
	r := &Result{Server: "zeroms", Work: "live", MsgPerS: some(234567.8), P50: some(0.456), Lost: 3, Messages: 10, RSSKiB: 2048, Note: "a word"}
	var out bytes.Buffer
	table := tableSink{&out, true}
	if err := errors.Join(table.begin(), table.row(r)); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	if len(lines) != 3 || lines[2] != "| zeroms | live | no | 234,568 | . | 0.46 | . | . | . | . | . | 3 | 10 | 0.00 | 2 |" {
		t.Errorf("%q", lines)
	}
	for _, line := range lines {
		if strings.Count(line, "|") != len(columns)+1 {
			t.Errorf("%q has not %d columns", line, len(columns))
		}
	}
	out.Reset()
	table.markdown = false
	if err := errors.Join(table.begin(), table.row(r)); err != nil {
		t.Fatal(err)
	}
	lines = strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
	if len(lines) != 3 || len(lines[0]) != len(lines[1]) || lines[2] != "# live: a word" {
		t.Errorf("%q", lines)
	}
}

func TestCommandLines(t *testing.T) {
	gateway := filepath.Join(t.TempDir(), "zeroms-gateway") // no program, but it is there
	if err := os.WriteFile(gateway, []byte("#!/bin/sh\nexit 7\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		args, want string
	}{
		{"nothing", `no command "nothing"`},
		{"gateway live", `no argument "live"`},
		{"gateway --program /nowhere/zeroms-gateway", "zeroms-gateway is not at /nowhere/zeroms-gateway; build it with make build"},
		{"gateway --works live,swim", `no work "swim"; there are live, paced, queue, drain, idle, accounts, e2e, waiting`},
		{"gateway --works=", "--works names no work"},
		{"gateway --tls maybe", `--tls is yes, no or both, not "maybe"`},
		{"gateway --seconds 0", "--seconds is 0.1 to 600 and --warm 0 to 60, not 0 and 2"},
		{"gateway --pairs 501", "--pairs is 1 to 500, not 501"},
		{"gateway --connections 10000", "--connections is 1 to 9000, not 10000"},
		{"gateway --json --markdown", "--json and --markdown are two forms"},
		{"gateway --pid 5", "--gateway ADDRESS and --pid N belong together"},
		{"gateway --gateway ZMSG:x --pid 5 --works live", "--gateway is the address that the gateway prints"},
		{"gateway --gateway ZMSG:x --pid 5 --works accounts", "need a gateway that this program starts"},
		{"gateway --cpuprofile x", "--cpuprofile needs a gateway that can write one: go build -tags=sqlite_fts5,ci,lab"},
		{"gateway --dir /nowhere", "--dir /nowhere is no directory"},
		{"peers --peers carrier-pigeon", `no peer "carrier-pigeon"`},
		{"peers --peers relay --works e2e", `peers can't be measured with "e2e"`},
	} {
		args := strings.Fields(test.args)
		if args[0] == "gateway" && !strings.Contains(test.args, "--program") {
			args = append(args, "--program", gateway)
		}
		_, err := run(t, args...)
		var wrong interface{ Usage() }
		if err == nil || !strings.Contains(err.Error(), test.want) || !errors.As(err, &wrong) {
			t.Errorf("%s: %v (of use: %t), want %q", test.args, err, wrong != nil, test.want)
		}
	}
	if _, err := run(t, "gateway", "--program", gateway, "--works", "live"); err == nil || !strings.Contains(err.Error(), "ended before it was ready") {
		t.Errorf("a gateway that ends at once: %v", err)
	}
}

func TestMissingMosquitto(t *testing.T) {
	if _, err := findMosquitto("mosquitto-that-is-not-there"); err == nil || !strings.Contains(err.Error(), "apt-get install mosquitto") {
		t.Errorf("%v", err)
	}
	if _, err := exec.LookPath("go"); err != nil {
		t.Fatal(err)
	}
	if path, err := findMosquitto("mosquitto-that-is-not-there", "go"); err != nil || filepath.Base(path) != "go" {
		t.Errorf("%s, %v", path, err)
	}
}
