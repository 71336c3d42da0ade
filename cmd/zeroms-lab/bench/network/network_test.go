package network_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"zeroms/cmd/zeroms-lab/bench/network"
)

// run runs a command line and returns its output.
func run(t *testing.T, args ...string) (string, error) {
	t.Helper()
	var out bytes.Buffer
	c := network.New()
	c.SilenceUsage, c.SilenceErrors = true, true
	c.SetArgs(args)
	c.SetOut(&out)
	c.SetErr(&out)
	err := c.ExecuteContext(t.Context())
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

// small is a load that takes no time.
var small = []string{
	"--json", "--aims=false", "--gateways", "7", "--publishes", "6", "--gets", "12", "--messages", "10", "--texts", "5", "--pairs", "3", "--in-flight", "4",
	"--rounds", "1", "--seconds", "0.2", "--warm", "0", "--users", "10", "--contacts", "6", "--requests", "40", "--cold", "6",
}

// TestGateways measures gateways that are processes.
func TestGateways(t *testing.T) {
	gateway := program(t)
	t.Run("Works", func(t *testing.T) { everyWork(t, gateway) })
	t.Run("Tables", func(t *testing.T) { tables(t, gateway) })
}

// everyWork does every work once.
func everyWork(t *testing.T, gateway string) {
	t.Parallel()
	for works, want := range map[string]string{
		"records,people": "publish get get-fresh people",
		"live,forward":   "forward live live-forwarded live-ratio",
		"memory":         "memory",
		"transport":      "quic-cold quic-warm wss-cold wss-warm",
	} {
		t.Run(works, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			args := append([]string{"--program", gateway, "--dir", dir, "--works", works}, small...)
			profiled := strings.HasPrefix(works, "live")
			if profiled {
				args = append(args, "--cpuprofile", filepath.Join(dir, "cpu"))
			}
			out, err := run(t, args...)
			if err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			var got []string
			for _, r := range rows(t, out) {
				got = append(got, r.Work)
				check(t, &r)
			}
			if s := strings.Join(got, " "); s != want {
				t.Errorf("rows %s, want %s", s, want)
			}
			left, err := filepath.Glob(filepath.Join(dir, "*"))
			if err != nil || len(left) != map[bool]int{true: 3}[profiled] {
				t.Errorf("%v is left, %v", left, err)
			}
		})
	}
}

// rows reads lines of JSON; those of the machine are checked and left out.
func rows(t *testing.T, out string) (all []network.Row) {
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
		var r network.Row
		if err := json.Unmarshal([]byte(line), &r); err != nil {
			t.Fatal(err)
		}
		all = append(all, r)
	}
	if machines != 2 {
		t.Errorf("the machine was measured %d times, want before and after", machines)
	}
	return all
}

// counts are how many of what a work does its rows are of; others are above 0.
var counts = map[string]int{
	"publish": 6, "get": 12, "get-fresh": 12, "forward": 10, "people": 5, "memory": 10, "live-ratio": 1,
	"quic-cold": 6, "wss-cold": 6, "quic-warm": 40, "wss-warm": 40,
}

// details are figures that a row has to have, all above 0.
var details = map[string]string{
	"publish":        "durable_p50_ms met_s stamp16_ms",
	"get-fresh":      "requests_each",
	"forward":        "direct_p50_ms direct_p99_ms",
	"people":         "direct_p50_ms direct_p99_ms relayed",
	"live":           "msg_per_s commit_messages ack_messages",
	"live-forwarded": "msg_per_s both_messages_per_cpu_s entry_messages_per_cpu_s commit_messages ack_messages",
	"live-ratio":     "with_entry",
	"memory":         "contacts start_mb users_mb calm_mb links_out_most links_in collected_mb",
	"quic-cold":      "packets served_cpu_us asking_cpu_us",
	"wss-warm":       "packets served_cpu_us asking_cpu_us",
}

// aims are the rows that have one.
var aims = []string{"publish", "get", "get-fresh", "forward", "people", "live-ratio", "memory"}

// check looks whether a row has the figures of its work. Times are nothing that a
// test can demand.
func check(t *testing.T, r *network.Row) {
	t.Helper()
	if want, known := counts[r.Work]; known && r.Count != want || r.Count <= 0 {
		t.Errorf("%s: count %d, want %d", r.Work, r.Count, want)
	}
	for name := range strings.FieldsSeq(details[r.Work]) {
		if r.Details[name] <= 0 {
			t.Errorf("%s: %s is %v", r.Work, name, r.Details[name])
		}
	}
	if aimed := slices.Contains(aims, r.Work); aimed != (r.Aim != "") || aimed != (r.Met != nil) {
		t.Errorf("%s: aim %q, met %v", r.Work, r.Aim, r.Met)
	}
	single := !strings.HasPrefix(r.Work, "live") && r.Work != "memory"
	if single != (r.P50 != nil) || single != (r.P99 != nil) || single && (*r.P50 <= 0 || *r.P99 < *r.P50) {
		t.Errorf("%s: p50 %v, p99 %v", r.Work, r.P50, r.P99)
	}
	switch differs := r.Work == "forward" || r.Work == "people"; { // one is no longer than the other for sure
	case r.Unit == "", r.Figure <= 0 && !differs, strings.HasSuffix(r.Work, "cold") && r.Figure < 4000, strings.HasSuffix(r.Work, "warm") && (r.Figure < 200 || r.Figure > 4000):
		t.Errorf("%s: %v %s", r.Work, r.Figure, r.Unit)
	}
}

func tables(t *testing.T, gateway string) {
	t.Parallel()
	for _, form := range []string{"--markdown", "--json=false"} {
		args := append([]string{"--program", gateway, "--dir", t.TempDir(), "--works", "forward", form}, small[1:]...)
		out, err := run(t, args...)
		if err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		var lines []string
		for line := range strings.Lines(out) {
			if strings.Contains(line, "forward ") && !strings.HasPrefix(line, "#") || strings.HasPrefix(line, "| forward") {
				lines = append(lines, strings.TrimSpace(line))
			}
		}
		if len(lines) != 1 || !strings.Contains(lines[0], "<= 1 ms more p50") || form == "--markdown" && strings.Count(lines[0], "|") != 9 {
			t.Errorf("%s: %q\n%s", form, lines, out)
		}
	}
}

func TestCommandLines(t *testing.T) {
	gateway := filepath.Join(t.TempDir(), "zeroms-gateway") // no program, but it is there
	if err := os.WriteFile(gateway, []byte("#!/bin/sh\nexit 7\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct{ args, want string }{
		{"all", `no argument "all"`},
		{"--program /nowhere/zeroms-gateway", "zeroms-gateway is not at /nowhere/zeroms-gateway; build it with make build"},
		{"--works live,swim", `no work "swim"; there are records, forward, people, live, memory, transport`},
		{"--works=", "--works names no work"},
		{"--gateways 5", "--gateways is 6 to 64, not 5"},
		{"--requests 3000", "--requests is 1 to 2000, not 3000"},
		{"--seconds 0", "--seconds is 0.1 to 600 and --warm 0 to 60, not 0 and 1"},
		{"--json --markdown", "--json and --markdown are two forms"},
		{"--cpuprofile x", "--cpuprofile needs a gateway that can write one: go build -tags=sqlite_fts5,ci,lab"},
		{"--dir /nowhere", "--dir /nowhere is no directory"},
	} {
		args := strings.Fields(test.args)
		if !strings.Contains(test.args, "--program") {
			args = append(args, "--program", gateway)
		}
		_, err := run(t, args...)
		var wrong interface{ Usage() }
		if err == nil || !strings.Contains(err.Error(), test.want) || !errors.As(err, &wrong) {
			t.Errorf("%s: %v (of use: %t), want %q", test.args, err, wrong != nil, test.want)
		}
	}
	if _, err := run(t, "--program", gateway, "--works", "forward"); err == nil || !strings.Contains(err.Error(), "ended before it was ready") {
		t.Errorf("a gateway that ends at once: %v", err)
	}
}
