package bench

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"zeroms/cmd/zeroms-lab/bench/load"
	"zeroms/cmd/zeroms-lab/bench/meter"
)

// Limits of waiting.
const (
	arriveWait = 20 * time.Second // for what is still on its way (Config.patience)
	queueWait  = 5 * time.Minute  // for a whole queue or drain
	settleWait = 2 * time.Second  // for memory to be given back
	poll       = 2 * time.Millisecond
)

// unbounded is more messages than any work sends.
const unbounded = 1 << 40

// measure lets flows that are under way run warm and measures them for a while.
func (c *Config) measure(t *target, w *load.World, r *Result, flows []load.Flow) error {
	if err := w.Pause(c.Warm); err != nil {
		return err
	}
	for _, f := range flows {
		f.Sample()
	}
	before, commits, acks := load.Done(flows), w.Committed(), w.Acks()
	s, err := t.begin(r.Work)
	if err != nil {
		return err
	}
	if err := w.Pause(c.Time); err != nil {
		return err
	}
	wall, cpu, err := s.end()
	if err != nil {
		return err
	}
	r.carried(load.Done(flows)-before, wall, cpu)
	r.Commits, r.Acks = w.Committed()-commits, w.Acks()-acks
	return nil
}

// live lets pairs write with a fixed number of messages in flight: one is done
// when its receipt has come and its recipient has it.
func (c *Config) live(ctx context.Context, s system, secure bool) error {
	return c.withServer(ctx, s, "live", secure, func(t *target, w *load.World) error {
		began := time.Now()
		flows, err := s.pairs(w, t, c.Pairs, c.InFlight)
		if err != nil {
			return err
		}
		for _, f := range flows {
			w.Fail(f.Send(unbounded))
		}
		r := newResult(s, "live", secure)
		if err := c.measure(t, w, r, flows); err != nil {
			return err
		}
		for _, f := range flows {
			f.Stop()
		}
		all, err := w.Arrive(flows, c.patience)
		if err != nil {
			return err
		}
		r.times(all)
		if t.gateway != nil && throttled(all.Sent/len(flows), time.Since(began)) {
			r.Note = "the gateway's limit of frames a second of a member was reached: more pairs would be carried faster"
		}
		return c.report(t, r)
	})
}

// paced sends a fixed number of messages a second, spread evenly over the pairs,
// whatever the server does.
func (c *Config) paced(ctx context.Context, s system, secure bool) error {
	return c.withServer(ctx, s, "paced", secure, func(t *target, w *load.World) error {
		flows, err := s.pairs(w, t, c.Pairs, 1<<30)
		if err != nil {
			return err
		}
		r := newResult(s, "paced", secure)
		var late atomic.Int64
		w.Pace(flows, c.Rate, &late)
		if err := c.measure(t, w, r, flows); err != nil {
			return err
		}
		r.Late = ms(time.Duration(late.Load()))
		w.StopPace()
		all, err := w.Arrive(flows, c.patience)
		if err != nil {
			return err
		}
		r.times(all)
		return c.report(t, r)
	})
}

// queue sends to accounts that are away and then lets them come: drain needs
// what queue left.
func (c *Config) queue(ctx context.Context, s system, secure bool) error {
	return c.withServer(ctx, s, "queue", secure, func(t *target, w *load.World) error {
		flows, err := s.absent(w, t, c.Accounts, c.QueueRoom)
		if err != nil {
			return err
		}
		each := max(c.Messages/len(flows), 1)
		r := newResult(s, "queue", secure)
		span, err := t.begin("queue")
		if err != nil {
			return err
		}
		commits := w.Committed()
		for _, f := range flows {
			f.Sample()
			w.Fail(f.Send(each))
		}
		if err := w.Until(queueWait, poll, func() bool { return load.Done(flows) == each*len(flows) }); err != nil {
			return fmt.Errorf("the server took %d of %d messages: %w", load.Done(flows), each*len(flows), err)
		}
		wall, cpu, err := span.end()
		if err != nil {
			return err
		}
		r.carried(each*len(flows), wall, cpu)
		r.Commits = w.Committed() - commits
		all := load.Totals(flows)
		all.Delivered = all.Custody // nobody was there
		r.times(all)
		if c.wants("queue") {
			if err := c.report(t, r); err != nil {
				return err
			}
		}
		if c.wants("drain") {
			return c.drain(s, t, w, flows, secure)
		}
		return nil
	})
}

// drain lets the recipients of queue connect and take everything; it ends when
// the last of it is acknowledged.
func (c *Config) drain(s system, t *target, w *load.World, flows []load.Flow, secure bool) error {
	each := flows[0].Counts().Sent
	var finished atomic.Int64
	r := newResult(s, "drain", secure)
	acks := w.Acks()
	span, err := t.begin("drain")
	if err != nil {
		return err
	}
	err = w.Each(len(flows), func(i int) error {
		return s.come(w, t, i, each, func() { finished.Add(1) })
	})
	if err != nil {
		return err
	}
	late := w.Until(queueWait, poll, func() bool { return int(finished.Load()) == len(flows) })
	wall, cpu, err := span.end()
	all := load.Totals(flows)
	r.carried(all.Delivered, wall, cpu)
	r.Lost, r.Acks = all.Custody-all.Delivered, w.Acks()-acks
	if late != nil {
		err = errors.Join(err, fmt.Errorf("%d of %d messages came: %w", all.Delivered, all.Custody, late))
	}
	return errors.Join(err, c.report(t, r))
}

// idleTime is how long idle connections are watched.
const idleTime = 5 * time.Second

// idle measures what connections cost that do nothing.
func (c *Config) idle(ctx context.Context, s system, secure bool) error {
	return c.withServer(ctx, s, "idle", secure, func(t *target, w *load.World) error {
		before, _, err := c.settled(t, w)
		if err != nil {
			return err
		}
		if err := s.idle(w, t, c.Connections); err != nil {
			return err
		}
		raw, err := meter.MemoryOf(t.pid)
		if err != nil {
			return err
		}
		after, collected, err := c.settled(t, w)
		if err != nil {
			return err
		}
		r := newResult(s, "idle", secure)
		span, err := t.begin("idle")
		if err != nil {
			return err
		}
		if err := w.Pause(min(c.Time, idleTime)); err != nil {
			return err
		}
		wall, cpu, err := span.end()
		if err != nil {
			return err
		}
		n := float64(c.Connections)
		r.Seconds, r.CPUSeconds, r.Connections = wall.Seconds(), cpu.Seconds(), c.Connections
		r.KiBPerConn = some(float64(after.Anonymous-before.Anonymous) / n)
		r.RawKiBPerConn = some(float64(raw.RSS-before.RSS) / n)
		r.Note = fmt.Sprintf("%d connections, anonymous memory %s (resident before that %.1f KiB each), %.3f CPU seconds a second while idle",
			c.Connections, collectedWord(collected), *r.RawKiBPerConn, cpu.Seconds()/wall.Seconds())
		return c.report(t, r)
	})
}

func collectedWord(collected bool) string {
	if collected {
		return "after a garbage collection"
	}
	return "as it is"
}

// settled is the memory of a server once it has collected its garbage, if it can
// be told to, and had a moment.
func (c *Config) settled(t *target, w *load.World) (m meter.Memory, collected bool, err error) {
	collected = t.collect()
	if err := w.Pause(min(settleWait, c.Time)); err != nil {
		return m, collected, err
	}
	m, err = meter.MemoryOf(t.pid)
	return m, collected, err
}
