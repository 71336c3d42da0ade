package network

import (
	"context"
	"fmt"
	"os"
	"time"

	"zeroms/cmd/zeroms-lab/bench/load"
	"zeroms/cmd/zeroms-lab/bench/member"
	"zeroms/cmd/zeroms-lab/bench/meter"
)

// forwardWarm is how many submissions each way go ahead and are not counted.
const forwardWarm = 20

// unbounded is more envelopes than any work sends.
const unbounded = 1 << 40

// forward measures what an entry gateway adds to the time from a submission to its
// receipt: one goes directly, one through the entry, in turns, one at a time.
func (c *config) forward(ctx context.Context) error {
	return c.withTown(ctx, 2, func(t *town, w *load.World) error {
		entry, exit := t.houses[0], t.houses[1]
		direct, err := away(w, exit, exit)
		if err != nil {
			return err
		}
		through, err := away(w, entry, exit)
		if err != nil {
			return err
		}
		turns := []*oneway{direct, through}
		for range forwardWarm {
			for _, o := range turns {
				if _, err := o.send(); err != nil {
					return err
				}
			}
		}
		var more []time.Duration
		before, err := cpus(entry, exit)
		if err != nil {
			return err
		}
		for i := range c.messages {
			var took [2]time.Duration
			for j := range turns {
				way := (i + j) % 2 // each goes first every other time
				if took[way], err = turns[way].send(); err != nil {
					return err
				}
				turns[way].took = append(turns[way].took, took[way])
			}
			more = append(more, took[1]-took[0])
		}
		after, err := cpus(entry, exit)
		if err != nil {
			return err
		}
		r := &Row{Work: "forward", Unit: "ms more p50"}
		r.times(through.took)
		d50 := meter.Quantile(direct.took, 0.5)
		r.Figure = *r.P50 - ms(d50)
		r.Details = map[string]float64{
			"direct_p50_ms": ms(d50), "direct_p99_ms": ms(meter.Quantile(direct.took, 0.99)), "pairs_p50_ms": ms(meter.Quantile(more, 0.5)),
			"entry_cpu_s": (after[0] - before[0]).Seconds(), "exit_cpu_s": (after[1] - before[1]).Seconds(),
		}
		r.Note = "submissions of 1 KiB from sending to the receipt, TLS, one at a time, directly and through an entry in turns; p50 and p99 are those through the entry, " +
			"pairs_p50_ms is the median of the differences within a turn"
		return c.out.row(r.atMost(1))
	})
}

// cpus are the CPU times of gateways.
func cpus(houses ...*house) (all []time.Duration, err error) {
	for _, h := range houses {
		d, err := h.cpu()
		if err != nil {
			return nil, err
		}
		all = append(all, d)
	}
	return all, nil
}

// oneway is envelopes to somebody who is away, one at a time.
type oneway struct {
	link *member.Link
	flow *member.Flow
	sent int
	took []time.Duration
}

// away opens an account at a gateway that nobody is logged in to, and a link of its
// correspondent at another gateway, or the same.
func away(w *load.World, from, at *house) (*oneway, error) {
	to, err := at.member(w)
	if err != nil {
		return nil, err
	}
	defer to.Close()
	if err := to.Finish(); err != nil {
		return nil, err
	}
	o := &oneway{}
	if o.link, err = from.member(w); err != nil {
		return nil, err
	}
	f := member.FlowConfig{From: o.link, To: to.Account(), Room: 1, Away: true}
	if from != at {
		if f.Through, err = at.channel(to.Descriptor); err != nil {
			return nil, err
		}
	}
	o.flow = member.NewFlow(f)
	return o, nil
}

// send sends one envelope and waits for its receipt.
func (o *oneway) send() (time.Duration, error) {
	began := time.Now()
	if err := o.flow.SendNow(); err != nil {
		return 0, err
	}
	o.sent++
	for o.flow.Done() < o.sent {
		if err := o.link.Step(); err != nil {
			return 0, err
		}
	}
	return time.Since(began), nil
}

// pairs are accounts at one gateway and their correspondents, who write to them.
type pairs struct {
	flows []load.Flow
	links []*member.Link
	done  int
	wall  time.Duration
	cpu   [2]time.Duration // of entry and exit
}

// pairs connects n of them; the correspondents are at a gateway that need not be
// the same.
func (c *config) pairUp(w *load.World, from, at *house) (*pairs, error) {
	p := &pairs{flows: make([]load.Flow, c.pairs), links: make([]*member.Link, 2*c.pairs)}
	err := w.RunEach(c.pairs, func(i int) error {
		to, err := at.member(w)
		if err != nil {
			return err
		}
		sender, err := from.member(w)
		if err != nil {
			return err
		}
		f := member.FlowConfig{From: sender, To: to.Account(), Room: min(c.inFlight, int(sender.Limits.InFlight))}
		if from != at {
			if f.Through, err = at.channel(to.Descriptor); err != nil {
				return err
			}
		}
		flow := member.NewFlow(f)
		flow.Deliver(to)
		p.flows[i], p.links[2*i], p.links[2*i+1] = flow, sender, to
		return nil
	})
	if err != nil {
		return nil, err
	}
	for _, l := range p.links {
		w.RunReader(l)
	}
	w.RunAcks(p.links)
	for _, f := range p.flows { // the first one sets a channel up
		if err := f.Send(1); err != nil {
			return nil, err
		}
	}
	return p, p.arrive(w)
}

// arriveWait is how long what is on its way may take.
const arriveWait = 20 * time.Second

// arrive waits for everything that was sent.
func (p *pairs) arrive(w *load.World) error {
	all, err := w.Arrive(p.flows, arriveWait)
	if err == nil && all.Done < all.Sent {
		err = fmt.Errorf("%d of %d envelopes came, %d have a receipt: %w", all.Delivered, all.Sent, all.Custody, load.ErrLate)
	}
	return err
}

// measure lets the pairs write for a while and adds what that took.
func (p *pairs) measure(w *load.World, c *config, entry, exit *house, profile bool) error {
	for _, f := range p.flows {
		w.Fail(f.Send(unbounded))
	}
	if err := w.Pause(time.Duration(c.warm * float64(time.Second))); err != nil {
		return err
	}
	if profile {
		for _, h := range []*house{entry, exit} {
			h.process.ToggleProfile()
			defer h.process.ToggleProfile()
		}
	}
	before, err := cpus(entry, exit)
	if err != nil {
		return err
	}
	done, began := load.Done(p.flows), time.Now()
	if err := w.Pause(time.Duration(c.seconds * float64(time.Second))); err != nil {
		return err
	}
	after, err := cpus(entry, exit)
	if err != nil {
		return err
	}
	p.done += load.Done(p.flows) - done
	p.wall += time.Since(began)
	for i := range p.cpu {
		p.cpu[i] += after[i] - before[i]
	}
	for _, f := range p.flows {
		f.Stop()
	}
	return p.arrive(w)
}

// each is messages for a CPU second.
func (p *pairs) each(cpu time.Duration) float64 {
	return float64(p.done) / max(cpu, 10*time.Millisecond).Seconds()
}

// live measures how many envelopes a gateway carries for a second of its CPU time
// if they come directly, and if they come through an entry, in turns.
func (c *config) live(ctx context.Context) error {
	return c.withTown(ctx, 2, func(t *town, w *load.World) error {
		entry, exit := t.houses[0], t.houses[1]
		direct, err := c.pairUp(w, exit, exit)
		if err != nil {
			return err
		}
		through, err := c.pairUp(w, entry, exit)
		if err != nil {
			return err
		}
		for i := range c.rounds {
			if err := direct.measure(w, c, entry, exit, false); err != nil {
				return err
			}
			if err := through.measure(w, c, entry, exit, c.profile != "" && i == 0); err != nil {
				return err
			}
		}
		if err := c.keepProfiles(w, entry, exit); err != nil {
			return err
		}
		rows := []*Row{{
			Work: "live", Figure: direct.each(direct.cpu[1]), Unit: "messages/CPU s", Count: direct.done,
			Details: map[string]float64{"msg_per_s": float64(direct.done) / direct.wall.Seconds(), "cpu_s": direct.cpu[1].Seconds()},
			Note:    "submissions over the senders' own links to the gateway, TLS",
		}, {
			Work: "live-forwarded", Figure: through.each(through.cpu[1]), Unit: "messages/CPU s", Count: through.done,
			Details: map[string]float64{
				"msg_per_s": float64(through.done) / through.wall.Seconds(), "cpu_s": through.cpu[1].Seconds(), "entry_cpu_s": through.cpu[0].Seconds(),
				"entry_messages_per_cpu_s": through.each(through.cpu[0]), "both_messages_per_cpu_s": through.each(through.cpu[0] + through.cpu[1]),
			},
			Note: "through an entry gateway; the CPU time is that of the exit, entry_cpu_s that of the entry",
		}}
		ratio := &Row{Work: "live-ratio", Figure: rows[1].Figure / rows[0].Figure, Unit: "of direct", Count: c.rounds,
			Details: map[string]float64{"with_entry": rows[1].Details["both_messages_per_cpu_s"] / rows[0].Figure}}
		for _, r := range append(rows, ratio.atLeast(0.5)) {
			if err := c.out.row(r); err != nil {
				return err
			}
		}
		return nil
	})
}

// profileWait is how long a profile may take to be written.
const profileWait = 5 * time.Second

// keepProfiles gives the CPU profiles of both gateways the names of their parts.
func (c *config) keepProfiles(w *load.World, entry, exit *house) error {
	if c.profile == "" {
		return nil
	}
	for h, part := range map[*house]string{entry: "entry", exit: "exit"} {
		err := w.Until(profileWait, 10*time.Millisecond, func() bool {
			_, err := os.Stat(h.profile)
			return err == nil
		})
		if err != nil {
			return fmt.Errorf("the gateway did not write its CPU profile to %s: %w", h.profile, err)
		}
		if err := os.Rename(h.profile, c.profile+"."+part); err != nil {
			return err
		}
	}
	return nil
}
