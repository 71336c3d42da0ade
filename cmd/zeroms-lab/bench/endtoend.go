package bench

import (
	"context"
	"fmt"
	"os"
	"runtime/debug"
	"time"

	"zeroms/cmd/zeroms-lab/bench/load"
	"zeroms/cmd/zeroms-lab/people"
)

// endToEnd lets two real clients talk, one text in flight and then 16: how long
// a text takes from Send to the event at its recipient, which comes after its
// commit.
func (c *Config) endToEnd(ctx context.Context, s system, secure bool) error {
	for _, flight := range []int{1, 16} {
		name := fmt.Sprintf("e2e-%d", flight)
		err := c.withServer(ctx, s, name, secure, func(t *target, w *load.World) error {
			return c.inDir(t, func(p people.Config) error {
				span, err := t.begin(name)
				if err != nil {
					return err
				}
				e, err := people.E2E{InFlight: flight, Messages: c.Texts}.Run(w.Context, p)
				if err != nil {
					return err
				}
				wall, cpu, err := span.end()
				if err != nil {
					return err
				}
				r := newResult(s, name, secure)
				r.Messages, r.Seconds, r.CPUSeconds = c.Texts, wall.Seconds(), cpu.Seconds()
				r.MsgPerS, r.P50, r.P99, r.Lost = some(e.PerSecond), ms(e.P50), ms(e.P99), e.Tally.Lost
				r.ClientCPU = ms(e.CPU)
				r.Note = fmt.Sprintf("two clients took %.3f ms of CPU a text; limit of p50: 2 x fdatasync + 0.7 = %.2f ms, of p99: 10 x p50 = %.1f ms",
					*r.ClientCPU, 2**ms(e.Sync)+0.7, 10**r.P50)
				return c.people(t, r, e.Tally, e.Sync)
			})
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// waiting lets somebody come back to many texts.
func (c *Config) waiting(ctx context.Context, s system, secure bool) error {
	return c.withServer(ctx, s, "waiting", secure, func(t *target, w *load.World) error {
		return c.inDir(t, func(p people.Config) error {
			span, err := t.begin("waiting")
			if err != nil {
				return err
			}
			e, err := people.Waiting{Messages: c.WaitingTexts}.Run(w.Context, p)
			if err != nil {
				return err
			}
			_, cpu, err := span.end()
			if err != nil {
				return err
			}
			r := newResult(s, "waiting", secure)
			r.Messages, r.Seconds, r.CPUSeconds, r.Lost = c.WaitingTexts, e.Took.Seconds(), cpu.Seconds(), e.Tally.Lost
			r.MsgPerS = some(float64(c.WaitingTexts) / e.Took.Seconds())
			r.ClientCPU = ms(e.CPU)
			r.Note = fmt.Sprintf("%d texts were there %.2f s after the start, the first after %.2f s; sending them took %.1f s; the client took %.3f ms of CPU a text",
				c.WaitingTexts, e.Took.Seconds(), e.First.Seconds(), e.Filled.Seconds(), *r.ClientCPU)
			return c.people(t, r, e.Tally, e.Sync)
		})
	})
}

// inDir makes a directory for two clients, which collect their garbage as any
// program does.
func (c *Config) inDir(t *target, do func(people.Config) error) error {
	defer debug.SetGCPercent(debug.SetGCPercent(100))
	dir, err := os.MkdirTemp(c.Dir, "zeroms-bench-people-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	return do(people.Config{Gateway: t.gateway.Address, Dir: dir})
}

// people reports what clients measured, or fails if they saw texts twice or in
// another order.
func (c *Config) people(t *target, r *Result, tally people.Tally, sync time.Duration) error {
	t.sync = sync
	if err := c.report(t, r); err != nil {
		return err
	}
	if tally.Doubled+tally.Disordered > 0 {
		return fmt.Errorf("%d texts came twice, %d in another order", tally.Doubled, tally.Disordered)
	}
	return nil
}
