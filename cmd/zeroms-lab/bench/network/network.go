// Package network measures gateways that found each other: processes of their own
// with real sockets on loopback, loaded by users who speak the protocol
// (docs/performance.md, "The network of gateways"). Every work is a row with its
// aim and whether that was met.
package network

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"zeroms/cmd/zeroms-lab/bench/meter"
	"zeroms/cmd/zeroms-lab/bench/process"
)

// usageError is a command line that can't be right.
type usageError struct{ error }

// Usage marks errors of the command line.
func (usageError) Usage() {}

func usage(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

// config is what a run measures, and how much of it.
type config struct {
	works                               []string
	program, dir, profile               string
	noUDP, hold                         bool
	gateways                            int
	publishes, gets                     int
	messages, texts                     int
	pairs, inFlight, rounds             int
	seconds, warm                       float64
	users, contacts, requests, coldOnes int

	out    sink
	missed []string // works whose aim was missed
}

// works are all there are, in their order.
var works = []struct {
	name string
	run  func(c *config, ctx context.Context) error
}{
	{"records", (*config).records},
	{"forward", (*config).forward},
	{"people", (*config).people},
	{"live", (*config).live},
	{"memory", (*config).memory},
	{"transport", (*config).transport},
}

func names() (all []string) {
	for _, w := range works {
		all = append(all, w.name)
	}
	return all
}

// bounds are the numbers of the command line with theirs.
func (c *config) bounds() error {
	for _, b := range []struct {
		flag               string
		value, least, most int
	}{
		{"gateways", c.gateways, 6, 64},
		{"publishes", c.publishes, 1, 10_000},
		{"gets", c.gets, 1, 100_000},
		{"messages", c.messages, 1, 30_000},
		{"texts", c.texts, 1, 10_000},
		{"pairs", c.pairs, 1, 500},
		{"in-flight", c.inFlight, 1, 64},
		{"rounds", c.rounds, 1, 100},
		{"users", c.users, 1, 9_000},
		{"contacts", c.contacts, 1, 1_000},
		{"requests", c.requests, 1, 2_000},
		{"cold", c.coldOnes, 1, 400},
	} {
		if b.value < b.least || b.value > b.most {
			return usage("--%s is %d to %d, not %d", b.flag, b.least, b.most, b.value)
		}
	}
	if c.seconds < 0.1 || c.seconds > 600 || c.warm < 0 || c.warm > 60 {
		return usage("--seconds is 0.1 to 600 and --warm 0 to 60, not %v and %v", c.seconds, c.warm)
	}
	return nil
}

func (c *config) check() error {
	if len(c.works) == 0 {
		return usage("--works names no work; there are %s", strings.Join(names(), ", "))
	}
	for _, w := range c.works {
		if !slices.Contains(names(), w) {
			return usage("there is no work %q; there are %s", w, strings.Join(names(), ", "))
		}
	}
	if c.profile != "" && !process.IsLab(c.program) {
		return usage("--cpuprofile needs a gateway that can write one: go build -tags=sqlite_fts5,ci,lab -o %s ./cmd/zeroms-gateway", c.program)
	}
	if c.dir != "" {
		if info, err := os.Stat(c.dir); err != nil || !info.IsDir() {
			return usage("--dir %s is no directory", c.dir)
		}
	}
	return c.bounds()
}

// workLimit is how long a work may take in all.
const workLimit = 15 * time.Minute

var errWorkLimit = errors.New("the work took more than 15 minutes")

// run does the works that are wanted, in their order.
func (c *config) run(ctx context.Context) error {
	if err := c.check(); err != nil {
		return err
	}
	debug.SetGCPercent(400) // the load's own garbage is not what is measured
	if err := c.machine("before"); err != nil {
		return err
	}
	if err := c.out.begin(); err != nil {
		return err
	}
	for _, w := range works {
		if !slices.Contains(c.works, w.name) {
			continue
		}
		ctx, cancel := context.WithTimeoutCause(ctx, workLimit, errWorkLimit)
		err := w.run(c, ctx)
		cancel()
		if err != nil {
			return fmt.Errorf("%s: %w", w.name, err)
		}
	}
	if err := c.machine("after"); err != nil {
		return err
	}
	return c.verdict()
}

// verdict is errMissed with the works whose aim was missed, if that counts.
func (c *config) verdict() error {
	if c.hold && len(c.missed) > 0 {
		return fmt.Errorf("%w: %s", errMissed, strings.Join(c.missed, ", "))
	}
	return nil
}

// errMissed is returned once everything was measured.
var errMissed = errors.New("the aim was missed")

// row hands a row out, and notes whether its aim was met.
func (c *config) row(r *Row) error {
	if r.Met != nil && !*r.Met {
		c.missed = append(c.missed, r.Work)
	}
	return c.out.row(r)
}

// machine measures this computer.
func (c *config) machine(when string) error {
	m, err := meter.Calibrate()
	if err != nil {
		return err
	}
	return c.out.machine(when, m)
}
