// Package dht measures the gateway network: the lookup, table and store code of
// gateway/dht itself, in simulated networks on a virtual clock (sim), among foes
// (foe), and in one process with the true clock. Figures are held against bounds.
package dht

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"zeroms/cmd/zeroms-lab/dht/sim"
)

// usageError is a command line that can't be understood.
type usageError struct{ error }

// Usage marks it for the program.
func (usageError) Usage() {}

func usage(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

// options are the flags.
type options struct {
	Scenario
	suite, json, filled bool
	algorithm           string
	latency, jitter     time.Duration
	loss                float64
	warm                bool
	out, said           io.Writer
}

// New is the command "dht".
func New() *cobra.Command {
	o := options{}
	command := &cobra.Command{
		Use:   "dht",
		Short: "Measure the gateway network, among foes and on a virtual clock",
		Long: `Run the code by which gateways find each other and hold records, in a network on
a virtual clock: records are stored, gateways leave, and the records are looked
up again. Up to 10,000 gateways join one after another; more have their tables
filled as that would have left them (--filled does so for fewer too). Links are
as between real gateways; puzzles and stamps cost nothing, to foes neither.

Without --suite this is one row. With it, it is all rows of docs/performance.md for
that number of gateways; of 1,000 also what a hundred gateways in one process do.
A row that is as hostile as one with a bound, or less, is held against it: the
command fails if a bound is missed and names it. It also fails if foes did nothing,
as such a row shows nothing. The same seed gives the same row.

With --sybils each record has a network of its own, whose tables are filled, and
is looked up 100 times. --colluders, --stale and --leave make it worse; then there
is no bound. Sybils collude: they go with no other --adversary.

In JSON lookups_per_s and bytes_per_node are null but in the row of the hundred
gateways in one process, where all other figures are; keys is how many lookups
there were, there how many records.

Adversaries (--adversary, of whom --colluders is the share):
` + catalogue(),
		Args: func(c *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usage("%s takes no argument %q; see %s --help", c.Name(), args[0], c.CommandPath())
			}
			return nil
		},
		RunE: func(c *cobra.Command, _ []string) error {
			o.out, o.said = c.OutOrStdout(), c.OutOrStdout()
			if o.json {
				o.said = c.ErrOrStderr()
			}
			if err := o.check(c.Flags().Changed); err != nil {
				return err
			}
			return o.run(c.Context())
		},
	}
	o.flags(command)
	return command
}

func catalogue() string {
	var b strings.Builder
	for _, a := range adversaries {
		fmt.Fprintf(&b, "\n  %-14s %s", a.name, a.about)
	}
	return b.String()
}

func (o *options) flags(c *cobra.Command) {
	m, f := sim.Default(), c.Flags()
	f.IntVar(&o.Nodes, "nodes", 1000, "how many gateways there are")
	f.StringVar(&o.algorithm, "algorithm", ours, "zeroms, or classic: Kademlia with k = 8, alpha = 3 and one path")
	f.Float64Var(&o.Colluders, "colluders", 0, "share of gateways that are foes")
	f.StringVar(&o.Adversary, "adversary", colluding, "what kind of foes they are")
	f.Float64Var(&o.Stale, "stale", 0, "share of contacts whose gateways left unnoticed before the run")
	f.Float64Var(&o.Leave, "leave", 0, "share of honest gateways that leave between store and lookup")
	f.IntVar(&o.Sybils, "sybils", 0, "gateways whose places were mined beside that of the record")
	f.DurationVar(&o.latency, "latency", m.Latency, "time of a message in one direction")
	f.DurationVar(&o.jitter, "jitter", m.Jitter, "by how much it differs to either side")
	f.Float64Var(&o.loss, "loss", 0, "share of packets that are lost and sent again")
	f.IntVar(&o.Keys, "keys", 3000, "lookups, each of a record of its own; with --sybils 100 of each record")
	f.Uint64Var(&o.Seed, "seed", 1, "what everything that is drawn depends on")
	f.BoolVar(&o.Liveness, "liveness", false, "gateways leave within half an hour, and checks go on for an hour before the lookups")
	f.BoolVar(&o.warm, "warm", false, "all connections are open already, as the bounds of times have it; else each has to be opened, and is closed if unused for as long as real ones are")
	f.BoolVar(&o.filled, "filled", false, "fill tables instead of letting gateways join")
	f.BoolVar(&o.suite, "suite", false, "all rows that have a bound")
	f.BoolVar(&o.json, "json", false, "one JSON object a row; what else there is to say goes to standard error")
}

// check completes the scenario and refuses what can't be simulated. given says
// whether a flag was.
func (o *options) check(given func(flag string) bool) error {
	for _, s := range []struct {
		name  string
		value float64
	}{{"colluders", o.Colluders}, {"stale", o.Stale}, {"leave", o.Leave}, {"loss", o.loss}} {
		if s.value < 0 || s.value > 0.9 {
			return usage("--%s is a share of 0 to 0.9, not %v", s.name, s.value)
		}
	}
	switch {
	case o.Nodes < 20 || o.Nodes > 200_000:
		return usage("--nodes is 20 to 200000, not %d", o.Nodes)
	case o.Keys < 1 || o.Keys > 100_000:
		return usage("--keys is 1 to 100000, not %d", o.Keys)
	case o.Sybils < 0 || o.Sybils > 1000:
		return usage("--sybils is 0 to 1000, not %d", o.Sybils)
	case o.jitter < 0 || o.latency < o.jitter || o.latency > time.Second:
		return usage("--latency is at most 1s and not below --jitter; %v +- %v is not", o.latency, o.jitter)
	case o.algorithm != ours && o.algorithm != classic:
		return usage("--algorithm is %s or %s, not %q", ours, classic, o.algorithm)
	}
	if err := o.together(given); err != nil {
		return err
	}
	o.Classic = o.algorithm == classic
	o.Joined = !o.filled && o.Nodes <= joinAtMost && o.Sybils == 0
	o.Scenario.Model = sim.Default()
	o.Model.Latency, o.Model.Jitter, o.Model.Loss = o.latency, o.jitter, o.loss
	if o.warm {
		o.Model.Idle = -1
	}
	return nil
}

// ofSuite are the flags that every row of a suite has a value of its own for.
var ofSuite = []string{"adversary", "algorithm", "colluders", "stale", "leave", "sybils", "latency", "jitter", "loss", "liveness", "warm"}

// together refuses flags that do not go with each other.
func (o *options) together(given func(flag string) bool) error {
	if _, err := adversaryOf(o.Adversary); err != nil {
		return usageError{err}
	}
	for _, flag := range ofSuite {
		if o.suite && given(flag) {
			return usage("--suite has rows of its own, --%s is for one row", flag)
		}
	}
	foes := int(math.Round(o.Colluders * float64(o.Nodes)))
	stay := o.Nodes - foes
	stay -= int(o.Leave*float64(stay) + 0.5)
	switch {
	case o.Sybils > 0 && o.Adversary != colluding:
		return usage("--sybils collude; --adversary %s does not go with them", o.Adversary)
	case given("adversary") && foes == 0:
		return usage("--adversary %s needs --colluders, the share of gateways that are such foes", o.Adversary)
	case o.Colluders > 0 && foes == 0:
		return usage("--colluders %v of %d gateways is none", o.Colluders, o.Nodes)
	case stay < 2:
		return usage("--colluders %v and --leave %v leave %d honest gateways of %d; at least 2 are needed", o.Colluders, o.Leave, stay, o.Nodes)
	}
	return nil
}

// joinAtMost is how many gateways join one after another; the tables of more are
// filled.
const joinAtMost = 10_000

// run measures the row or the rows.
func (o *options) run(ctx context.Context) error {
	if o.suite {
		return o.measure(ctx, o.Scenario.suite())
	}
	return o.measure(ctx, []job{scenarioJob(o.Scenario)})
}

// measure prints what jobs find, and fails in the end if a bound was missed.
func (o *options) measure(ctx context.Context, jobs []job) error {
	print := &printer{out: o.out, json: o.json}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	var missed []string
	for i, ended := range runJobs(ctx, jobs) {
		j, done := jobs[i], <-ended
		result, err := done.result, done.err
		if err != nil {
			return fmt.Errorf("%s at %d gateways: %w", j.name, o.Nodes, err)
		}
		if result.row != nil {
			if err := print.row(j.name, *result.row); err != nil {
				return err
			}
		}
		for _, line := range result.lines {
			fmt.Fprintf(o.said, "    %s\n", line)
		}
		for _, miss := range result.missed {
			fmt.Fprintf(o.said, "    MISSED: %s\n", miss)
		}
		missed = append(missed, result.missed...)
	}
	if len(missed) > 0 {
		return errors.New("bounds missed: " + strings.Join(missed, "; "))
	}
	return nil
}
