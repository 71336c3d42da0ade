package dispatch

import (
	"slices"
	"time"

	"zeroms/client/account"
	"zeroms/client/delivery"
	"zeroms/client/profile"
	"zeroms/client/reach"
	"zeroms/client/score"
	"zeroms/protocol/key"
)

// A contact may receive at several gateways. What one of them does not take in
// time goes to the next, sealed anew: the recipient recognises what comes twice.

// outage is what is remembered of a gateway that did not take an envelope, for this
// run: contacts that have another one are written to there until the pause is over.
type outage struct{ delivery.Backoff }

// out reports whether a gateway failed lately.
func (d *Dispatcher) out(g key.GatewayHash) bool {
	o := d.outages[g]
	return o != nil && !o.Ready(d.now())
}

// missed notes that a gateway did not take an envelope. It is blamed for that unless no
// home is connected: then it is this side that is cut off.
func (d *Dispatcher) missed(g key.GatewayHash) {
	d.fails(g, func(h *account.Home) bool { return h.Up })
}

// slept notes that a gateway did not answer to an envelope that left then. It is blamed
// only if a home did something since: else that may be what hangs.
func (d *Dispatcher) slept(g key.GatewayHash, launched time.Time) {
	d.fails(g, func(h *account.Home) bool {
		return h.Up && d.scores.Answered(key.GatewayHashOf(h.Address.Node)).After(launched)
	})
}

// fails passes a gateway over for a while; it is blamed if there is a home that says so.
// All that was under way there when it failed is one failure.
func (d *Dispatcher) fails(g key.GatewayHash, witness func(*account.Home) bool) {
	o := d.outages[g]
	if o == nil {
		o = &outage{}
		d.outages[g] = o
	}
	if !o.Ready(d.now()) {
		return
	}
	o.Fail(d.now(), d.timing.OutMin, d.timing.OutMax)
	if slices.ContainsFunc(d.account.Homes(), witness) {
		d.scores.Trouble(g, score.Unreachable, d.now())
	}
}

// turn is which of the contact's leases is used now: the one whose turn it is, or if
// its gateway failed lately the next one whose has not. One that keeps senders waiting
// clearly less takes its place, and any one that answers that of one that does not.
func (d *Dispatcher) turn(c *Contact) int {
	var open []key.GatewayHash
	var at []int
	for n := range c.Leases {
		if g := c.Leases[(c.leaseTurn+n)%len(c.Leases)]; !d.out(g.Hash) {
			open, at = append(open, g.Hash), append(at, c.leaseTurn+n)
		}
	}
	if len(open) == 0 {
		return c.leaseTurn
	}
	now := d.now()
	best := d.scores.Order(open, score.Custody, now)[0]
	if failing := d.scores.Failing(open[0], now) && !d.scores.Failing(best, now); !failing && !clearlyLess(d.scores.Cost(best, score.Custody, now), d.scores.Cost(open[0], score.Custody, now)) {
		return at[0]
	}
	c.leaseTurn = at[slices.Index(open, best)]
	return c.leaseTurn
}

// clearlyLess reports whether it is worth while to turn to another gateway: it keeps
// one waiting for less than half as long, and not only by what chance makes of it.
func clearlyLess(cost, than time.Duration) bool { return 2*cost+50*time.Millisecond < than }

// toDrop leads to the contact's drop at the gateway that is used now.
func (d *Dispatcher) toDrop(c *Contact) *reach.Route { return reach.ToDrop(&c.Contact, d.turn(c)) }

// elsewhere reports whether another gateway of the contact than that of a parcel
// may take it.
func (d *Dispatcher) elsewhere(c *Contact, p *profile.Parcel) bool {
	r := d.toDrop(c)
	return r != nil && r.Gateway.Hash != p.Gateway.Hash && !d.out(r.Gateway.Hash)
}

// hasten has an item go to the next gateway at once, until each was tried: then its
// pauses grow as they do where there is one, and on to an hour, as each try uses up a
// place of the chain.
func (d *Dispatcher) hasten(c *Contact, i *delivery.Item) {
	switch {
	case int(i.Retry.Failures) < len(c.Leases):
		i.Retry.Until = d.now()
	case i.Retry.Until.Sub(d.now()) >= d.timing.RetryMax:
		i.Retry.Until = d.now().Add(d.timing.SeekMax)
	}
}

// listen has a lane looked at when the answer to a submission is overdue, if there
// is another gateway to turn to.
func (d *Dispatcher) listen(c *Contact, l Lane) {
	if len(c.Leases) > 1 {
		d.alarms.Sooner(alarm{kind: alarmSilence, lane: l}, d.now().Add(d.timing.Silent))
	}
}

// silent turns to another gateway with what is under way for too long.
func (d *Dispatcher) silent(c *Contact, l Lane) {
	var next time.Time
	for _, i := range d.outbox.Flying(l) {
		due, p := i.Launched().Add(d.timing.Silent), d.outbox.Parcel(i)
		switch {
		case due.After(d.now()):
			if next.IsZero() || due.Before(next) {
				next = due
			}
		case p != nil && !i.Door:
			d.slept(p.Gateway.Hash, i.Launched())
			if d.elsewhere(c, p) {
				i.Retry.Fail(d.now(), d.timing.RetryMin, d.timing.RetryMax)
				d.hasten(c, i)
				d.reroute(c, i)
			}
		}
	}
	if !next.IsZero() {
		d.alarms.Sooner(alarm{kind: alarmSilence, lane: l}, next)
	}
}
