package dispatch

import (
	"slices"
	"time"

	"zeroms/client/delivery"
	"zeroms/client/home"
	"zeroms/client/profile"
	"zeroms/client/score"
	"zeroms/protocol/key"
)

// wayOf notes how an envelope went to its gateway: how long that kept one waiting, if
// it went through a home, as the links measure only their own gateways; and that a
// gateway saw where the message came from, if it went there directly and is no home.
func (d *Dispatcher) wayOf(i *delivery.Item, p *profile.Parcel, a home.Answered) {
	switch {
	case a.Way == home.Forwarded && a.Receipt != nil && p.Bits == 0 && d.outbox.Parcel(i) == p && !i.Launched().IsZero():
		d.scores.Took(p.Gateway.Hash, score.Custody, d.now().Sub(i.Launched()), d.now())
	case a.Way == home.Directly && d.account.Home(a.Gateway) == nil:
		d.exposed(i)
	}
}

// exposed notes that a gateway that is no home was connected to for a message.
func (d *Dispatcher) exposed(i *delivery.Item) {
	m, err := d.history.Find(i.Message)
	if err != nil {
		d.log.Error("a message that went directly can't be read", "error", err)
		return
	}
	if !slices.Contains(m.Direct, i.Lane.Device) {
		m.Direct = append(m.Direct, i.Lane.Device)
		d.history.Change(m)
	}
}

// holding is how many own messages are in each gateway's custody, as of one turn.
type holding struct {
	at time.Time
	by map[key.GatewayHash]int
}

// Held is how many own messages are in the custody of each gateway.
func (d *Dispatcher) Held() map[key.GatewayHash]int {
	if d.holding.by != nil && d.holding.at.Equal(d.now()) {
		return d.holding.by
	}
	by := map[key.GatewayHash]int{}
	for _, l := range d.outbox.Lanes() {
		for _, i := range d.outbox.Of(l) {
			if i.State != delivery.Custody {
				continue
			}
			m, err := d.history.Find(i.Message)
			if err != nil {
				continue
			}
			for _, t := range m.Targets {
				if t.Device == l.Device {
					by[t.Holder]++
				}
			}
		}
	}
	d.holding = holding{at: d.now(), by: by}
	return by
}

// Took is how many messages a gateway took into custody in this run.
func (d *Dispatcher) Took(g key.GatewayHash) int { return d.took[g] }
