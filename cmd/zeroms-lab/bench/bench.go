// Package bench measures a gateway that runs as a process of its own: how many
// envelopes it carries a second and for a second of CPU time, how long they
// take, what a connection costs, and whether everything arrived that it gave a
// receipt for; and the same of other servers (docs/performance.md).
package bench

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"zeroms/cmd/zeroms-lab/bench/member"
	"zeroms/cmd/zeroms-lab/bench/meter"
	"zeroms/cmd/zeroms-lab/bench/process"
	"zeroms/protocol/card"
)

// usageError is a command line that can't be right.
type usageError struct{ error }

// Usage marks errors of the command line.
func (usageError) Usage() {}

func usage(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

// Config is what a run measures, and how much of it.
type Config struct {
	// Works are the names of the works; TLS are the kinds of links.
	Works []string
	TLS   []bool
	// Program is the zeroms-gateway program; "" is the one beside this program.
	Program string
	// Address and PID are of a gateway that runs already.
	Address string
	PID     int
	// Dir is where directories of servers are made; "" is the system's.
	Dir string
	// Warm and Time are how long live and paced run before and while measuring.
	Warm, Time time.Duration
	// Pairs and InFlight are live's and paced's pairs of accounts, and how many
	// envelopes of a pair are on their way; Rate is paced's envelopes a second.
	Pairs, InFlight, Rate int
	// Messages are queue's envelopes, Accounts those that are away, QueueRoom how
	// many of a sender are without a receipt.
	Messages, Accounts, QueueRoom int
	// Connections are idle's.
	Connections int
	// Crowd and Contacts are the accounts of work accounts, and the drops of each.
	Crowd, Contacts int
	// Texts are e2e's, WaitingTexts waiting's.
	Texts, WaitingTexts int
	// AckRows and AckDelay are when devices acknowledge.
	AckRows  int
	AckDelay time.Duration
	// CPUProfile is the beginning of the names of CPU profiles, "" for none.
	CPUProfile string
	// Peers are the other servers to measure.
	Peers []string

	out      sink
	running  *target
	patience time.Duration // with what is still on its way
}

// names of the works, in their order; the first five are those of peers too.
var names = []string{"live", "paced", "queue", "drain", "idle", "accounts", "e2e", "waiting"}

// wants reports whether a work was asked for.
func (c *Config) wants(work string) bool { return slices.Contains(c.Works, work) }

// bound is a number of the command line with its bounds.
type bound struct {
	flag        string
	value       int
	least, most int
}

func (c *Config) bounds() []bound {
	return []bound{
		{"pairs", c.Pairs, 1, 500},
		{"in-flight", c.InFlight, 1, 1024},
		{"rate", c.Rate, 1, 100_000},
		{"messages", c.Messages, 1, 10_000_000},
		{"away", c.Accounts, 1, 500},
		{"queue-in-flight", c.QueueRoom, 1, 1024},
		{"connections", c.Connections, 1, 9_000},
		{"accounts", c.Crowd, 1, 1_000_000},
		{"contacts", c.Contacts, 1, 1_000},
		{"texts", c.Texts, 1, 1_000_000},
		{"waiting-texts", c.WaitingTexts, 1, 1_000_000},
		{"ack-rows", c.AckRows, 1, 512},
		{"ack-delay in ms", int(c.AckDelay / time.Millisecond), 0, 10_000},
	}
}

// check finds what can't be right.
func (c *Config) check() error {
	if len(c.Works) == 0 {
		return usage("--works names no work; there are %s", strings.Join(names, ", "))
	}
	for _, w := range c.Works {
		if !slices.Contains(names, w) {
			return usage("there is no work %q; there are %s", w, strings.Join(names, ", "))
		}
	}
	for _, b := range c.bounds() {
		if b.value < b.least || b.value > b.most {
			return usage("--%s is %d to %d, not %d", b.flag, b.least, b.most, b.value)
		}
	}
	if (c.Address == "") != (c.PID == 0) {
		return usage("--gateway ADDRESS and --pid N belong together: the figures are those of that process")
	}
	if c.Address != "" && (c.wants("accounts") || c.CPUProfile != "") {
		return usage("the work accounts and --cpuprofile need a gateway that this program starts, not one that runs already")
	}
	if c.CPUProfile != "" && !process.IsLab(c.Program) {
		return usage("--cpuprofile needs a gateway that can write one: go build -tags=sqlite_fts5,ci,lab -o %s ./cmd/zeroms-gateway", c.Program)
	}
	if c.Dir != "" {
		if info, err := os.Stat(c.Dir); err != nil || !info.IsDir() {
			return usage("--dir %s is no directory", c.Dir)
		}
	}
	return nil
}

// run measures gateways.
func (c *Config) run(ctx context.Context) error {
	if err := errors.Join(c.check(), c.attach()); err != nil {
		return err
	}
	if err := c.opening(); err != nil {
		return err
	}
	for _, secure := range c.TLS {
		z := &zeroms{config: c}
		if err := c.works(ctx, z, secure); err != nil {
			return err
		}
		for _, extra := range []struct {
			name string
			run  func() error
		}{
			{"accounts", func() error {
				if secure != c.TLS[0] { // links have no part in it: once is enough
					return nil
				}
				return c.crowd(ctx, z, secure)
			}},
			{"e2e", func() error { return c.endToEnd(ctx, z, secure) }},
			{"waiting", func() error { return c.waiting(ctx, z, secure) }},
		} {
			if !c.wants(extra.name) {
				continue
			}
			if err := extra.run(); err != nil {
				return err
			}
		}
	}
	return c.machine("after")
}

// works runs those that every server can be measured with.
func (c *Config) works(ctx context.Context, s system, secure bool) error {
	type work struct {
		wanted bool
		run    func(context.Context, system, bool) error
	}
	for _, w := range []work{
		{c.wants("live"), c.live},
		{c.wants("paced"), c.paced},
		{c.wants("queue") || c.wants("drain"), c.queue},
		{c.wants("idle"), c.idle},
	} {
		if !w.wanted {
			continue
		}
		if err := w.run(ctx, s, secure); err != nil && !errors.Is(err, errNoQueue) {
			return err
		}
	}
	return nil
}

// opening writes what stands before the results.
func (c *Config) opening() error {
	debug.SetGCPercent(400) // the load's own garbage is not what is measured
	if err := c.machine("before"); err != nil {
		return err
	}
	return c.out.begin()
}

// machine measures this computer.
func (c *Config) machine(when string) error {
	m, err := meter.Calibrate()
	if err != nil {
		return err
	}
	return c.out.machine(when, m)
}

// attach finds the gateway that runs already.
func (c *Config) attach() error {
	if c.Address == "" {
		return nil
	}
	a, err := card.ParseAddress(c.Address)
	if err != nil {
		return usage("--gateway is the address that the gateway prints (ZMSG:...): %w", err)
	}
	c.running = &target{gateway: &member.Gateway{Address: a}, pid: c.PID}
	if !c.running.gateway.Loopback() {
		return usage("the gateway must run on this computer: CPU time and memory are read from /proc")
	}
	if _, err := meter.CPU(c.PID); err != nil {
		return usage("--pid %d is no process: %w", c.PID, err)
	}
	c.TLS = []bool{!a.Plain}
	return nil
}

// report completes a result and writes it.
func (c *Config) report(t *target, r *Result) error {
	r.Fdatasync = ms(t.sync)
	m, err := meter.MemoryOf(t.pid)
	if err != nil {
		return errors.Join(err, t.failed())
	}
	r.RSSKiB, r.PssKiB, r.AnonymousKiB = m.RSS, m.Pss, m.Anonymous
	if err := c.out.row(r); err != nil || r.Lost == 0 {
		return err
	}
	return fmt.Errorf("%s: %w: %d", r.Work, errLost, r.Lost)
}

// errLost is why a run fails whose figures are all there.
var errLost = errors.New("messages that the server had taken did not arrive")

// syncs is how many durable writes are measured.
const syncs = 200

// measureDisk measures durable writes where the server's files are, or would be.
func (c *Config) measureDisk(t *target) (err error) {
	dir := t.dir
	if dir == "" {
		dir = c.Dir
	}
	if dir == "" {
		dir = os.TempDir()
	}
	t.sync, err = meter.Fdatasync(dir, syncs)
	return err
}
