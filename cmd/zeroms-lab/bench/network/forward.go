package network

import (
	"context"
	"errors"
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
		return c.row(r.atMost(1))
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
	// commits gave receipts, acks were sent by devices
	commits, acks int
}

// pairs connects n of them; the correspondents are at a gateway that need not be
// the same.
func (c *config) pairUp(w *load.World, from, at *house) (*pairs, error) {
	p := &pairs{flows: make([]load.Flow, c.pairs), links: make([]*member.Link, 2*c.pairs)}
	err := w.Each(c.pairs, func(i int) error {
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
		w.Read(l)
	}
	w.Acknowledge(p.links)
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
// With names for them it keeps the CPU profiles of both gateways.
func (p *pairs) measure(w *load.World, c *config, entry, exit *house, names [2]string) error {
	for _, f := range p.flows {
		w.Fail(f.Send(unbounded))
	}
	if err := w.Pause(time.Duration(c.warm * float64(time.Second))); err != nil {
		return err
	}
	c.toggleProfiles(entry, exit, names)
	before, err := cpus(entry, exit)
	if err != nil {
		return err
	}
	done, commits, acks, began := load.Done(p.flows), w.Committed(), w.Acks(), time.Now()
	if err := w.Pause(time.Duration(c.seconds * float64(time.Second))); err != nil {
		return err
	}
	// Where the computer has other things to do a short while may see no message done,
	// and that is no rate.
	some := func() bool { return load.Done(p.flows) > done }
	if err := w.Until(arriveWait, 10*time.Millisecond, some); err != nil {
		return fmt.Errorf("no envelope got through: %w", err)
	}
	after, err := cpus(entry, exit)
	if err != nil {
		return err
	}
	p.done += load.Done(p.flows) - done
	p.commits += w.Committed() - commits
	p.acks += w.Acks() - acks
	p.wall += time.Since(began)
	for i := range p.cpu {
		p.cpu[i] += after[i] - before[i]
	}
	c.toggleProfiles(entry, exit, names)
	for _, f := range p.flows {
		f.Stop()
	}
	return errors.Join(p.arrive(w), c.keepProfiles(w, entry, exit, names))
}

// each is messages for a CPU second.
func (p *pairs) each(cpu time.Duration) float64 {
	return float64(p.done) / max(cpu, 10*time.Millisecond).Seconds()
}

// details are what a gateway did for them.
func (p *pairs) details() map[string]float64 {
	return map[string]float64{
		"msg_per_s": float64(p.done) / p.wall.Seconds(), "cpu_s": p.cpu[1].Seconds(),
		"commit_messages": float64(p.done) / float64(max(p.commits, 1)), "ack_messages": float64(p.done) / float64(max(p.acks, 1)),
	}
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
			var names [2][2]string
			if c.profile != "" && i == 0 {
				names = [2][2]string{{"", "direct"}, {"entry", "exit"}}
			}
			if err := direct.measure(w, c, entry, exit, names[0]); err != nil {
				return err
			}
			if err := through.measure(w, c, entry, exit, names[1]); err != nil {
				return err
			}
		}
		plain := &Row{
			Work: "live", Figure: direct.each(direct.cpu[1]), Unit: "messages/CPU s", Count: direct.done, Details: direct.details(),
			Note: "submissions over the senders' own links to the gateway, TLS",
		}
		sealed := &Row{
			Work: "live-forwarded", Figure: through.each(through.cpu[1]), Unit: "messages/CPU s", Count: through.done, Details: through.details(),
			Note: "through an entry gateway; the CPU time is that of the exit, entry_cpu_s that of the entry; commit_messages and ack_messages are for one commit and one acknowledgement",
		}
		both := through.each(through.cpu[0] + through.cpu[1])
		sealed.Details["entry_cpu_s"] = through.cpu[0].Seconds()
		sealed.Details["entry_messages_per_cpu_s"] = through.each(through.cpu[0])
		sealed.Details["both_messages_per_cpu_s"] = both
		ratio := &Row{Work: "live-ratio", Figure: sealed.Figure / plain.Figure, Unit: "of direct", Count: c.rounds,
			Details: map[string]float64{"with_entry": both / plain.Figure}}
		for _, r := range []*Row{plain, sealed, ratio.atLeast(0.5)} {
			if err := c.row(r); err != nil {
				return err
			}
		}
		return nil
	})
}

// profileWait is how long a profile may take to be written.
const profileWait = 5 * time.Second

// toggleProfiles begins or ends the CPU profiles that have names.
func (c *config) toggleProfiles(entry, exit *house, names [2]string) {
	for i, h := range []*house{entry, exit} {
		if names[i] != "" {
			h.process.ToggleProfile()
		}
	}
}

// keepProfiles gives the CPU profiles their names.
func (c *config) keepProfiles(w *load.World, entry, exit *house, names [2]string) error {
	for i, h := range []*house{entry, exit} {
		if names[i] == "" {
			continue
		}
		err := w.Until(profileWait, 10*time.Millisecond, func() bool {
			_, err := os.Stat(h.profile)
			return err == nil
		})
		if err != nil {
			return fmt.Errorf("the gateway did not write its CPU profile to %s: %w", h.profile, err)
		}
		if err := os.Rename(h.profile, c.profile+"."+names[i]); err != nil {
			return err
		}
	}
	return nil
}
