package dht

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
)

// command runs the command line and returns what it printed.
func command(t *testing.T, args ...string) (out, said string, err error) {
	t.Helper()
	c := New()
	c.SilenceErrors, c.SilenceUsage = true, true
	var o, e bytes.Buffer
	c.SetOut(&o)
	c.SetErr(&e)
	c.SetArgs(args)
	err = c.ExecuteContext(t.Context())
	return o.String(), e.String(), err
}

// TestCommand: one JSON object a row on standard output, the rest beside it; columns
// for people.
func TestCommand(t *testing.T) {
	args := []string{"--nodes", "100", "--keys", "50", "--colluders", "0.2", "--stale", "0.3", "--leave", "0.3", "--seed", "5"}
	out, said, err := command(t, append(args, "--json")...)
	if err != nil {
		t.Fatal(err, said)
	}
	var row map[string]any
	if err := json.Unmarshal([]byte(out), &row); err != nil || strings.Count(out, "\n") != 1 {
		t.Fatalf("not one object: %v\n%s", err, out)
	}
	if row["nodes"] != 100.0 || row["keys"] != 50.0 || row["get_success"] != 1.0 || row["lookups_per_s"] != nil || len(row) != 16 {
		t.Errorf("the row is %s", out)
	}
	if !strings.Contains(said, "0 of 50 gets failed") {
		t.Errorf("beside it: %s", said)
	}
	again, _, _ := command(t, append(args, "--json")...)
	if again != out {
		t.Errorf("the same command gave another row:\n%s%s", out, again)
	}
	out, _, err = command(t, args...)
	if err != nil || !strings.Contains(out, "20 % colluding, 30 % stale, 30 % leaving") || !strings.Contains(out, "gets failed") {
		t.Errorf("%v\n%s", err, out)
	}
}

// TestAllAtOnce: a row may have every kind of trouble, and says what there was.
func TestAllAtOnce(t *testing.T) {
	args := []string{"--nodes", "100", "--keys", "20", "--colluders", "0.2", "--stale", "0.3", "--leave", "0.3", "--sybils", "45", "--loss", "0.01", "--latency", "50ms", "--jitter", "20ms"}
	out, said, err := command(t, append(args, "--json")...)
	var row Row
	if err != nil || json.Unmarshal([]byte(out), &row) != nil || row.GetSuccess == nil {
		t.Fatalf("%v\n%s%s", err, out, said)
	}
	if row.Colluders != 0.2 || row.Stale != 0.3 || row.Leave != 0.3 || row.Sybils != 45 || row.Keys != 20 {
		t.Errorf("the row is %s", out)
	}
	if !strings.Contains(said, "records: 1, each in a network of its own; lookups: 20;") || !strings.Contains(said, "this row has no bound") {
		t.Errorf("beside it: %s", said)
	}
}

// TestWrongCommands: what can't be simulated is refused, as a wrong command line.
func TestWrongCommands(t *testing.T) {
	for _, args := range [][]string{
		{"--nodes", "5"}, {"--colluders", "1"}, {"--adversary", "nobody"}, {"--algorithm", "chord"},
		{"--latency", "1ms", "--jitter", "2ms"}, {"--keys", "0"}, {"--sybils", "-1"}, {"surplus"},
		{"--adversary", "lying"}, {"--adversary", "lying", "--sybils", "5"},
		{"--adversary", "lying", "--sybils", "5", "--colluders", "0.2"}, {"--colluders", "0.0001"},
		{"--suite", "--colluders", "0.2"}, {"--suite", "--algorithm", "classic"},
		{"--nodes", "20", "--colluders", "0.9", "--leave", "0.9"},
	} {
		_, _, err := command(t, args...)
		if _, wrong := err.(interface{ Usage() }); !wrong {
			t.Errorf("%v: %v", args, err)
		}
	}
}

// TestMissedBoundsFail: all rows are printed, and the command fails with the bounds
// that were missed; a row that can't be measured ends it at once.
func TestMissedBoundsFail(t *testing.T) {
	row := func(nodes int, missed ...string) job {
		return job{name: "row", run: func(context.Context) (result, error) {
			return result{row: &Row{Nodes: nodes}, missed: missed}, nil
		}}
	}
	var out, said bytes.Buffer
	o := options{json: true, out: &out, said: &said}
	err := o.measure(t.Context(), []job{row(1), row(2, "too slow", "too dear"), row(3, "too few")})
	if err == nil || !strings.Contains(err.Error(), "too slow; too dear; too few") {
		t.Errorf("the error is %v", err)
	}
	if n := strings.Count(out.String(), "\n"); n != 3 || !strings.Contains(said.String(), "MISSED: too dear") {
		t.Errorf("%d rows, and beside them %s", n, said.String())
	}
	broken := job{name: "broken", run: func(context.Context) (result, error) { return result{}, errors.New("no network") }}
	if err := o.measure(t.Context(), []job{broken, row(1)}); err == nil || !strings.Contains(err.Error(), "broken") {
		t.Errorf("the error is %v", err)
	}
}
