package dispatch

import (
	"slices"

	"zeroms/client/delivery"
	"zeroms/client/profile"
	"zeroms/protocol/key"
	"zeroms/protocol/message"
	"zeroms/protocol/wire"
)

// Retain gives own messages up for devices that did not take them in time, and
// sends again what a gateway no longer holds (docs/protocol/delivery.md).
func (d *Dispatcher) Retain() {
	for _, l := range d.outbox.Lanes() {
		c := d.contacts[l.Contact]
		for _, i := range slices.Clone(d.outbox.Of(l)) {
			m, err := d.history.Find(i.Message)
			if err != nil {
				d.log.Error("a queued message can't be read", "error", err)
				continue
			}
			switch v, _ := d.copyOf(c, l, i, m).Verdict(d.now(), d.repair); v {
			case delivery.Resend:
				d.again(i)
			case delivery.NotDelivered:
				if m.Target(l.Device).Custody == 0 {
					continue // it never left: that is what is shown, and it still will
				}
				m.Target(l.Device).State = profile.NotDelivered
				c.Record.Undelivered++
				c.RecordDirty = true
				d.history.Change(m)
				d.finish(i)
			}
		}
	}
}

// copyOf is an own message on its way to one device.
func (d *Dispatcher) copyOf(c *Contact, l Lane, i *delivery.Item, m *profile.Message) delivery.Copy {
	out := delivery.Copy{Written: m.At, Listed: true}
	if l.Device != (key.DeviceID{}) {
		out.Listed, out.Heard = c.List != nil && c.List.Live(l.Device), d.heardAt(l)
	}
	if i.State == delivery.Custody {
		out.Custody = i.Until
	}
	if t := m.Target(l.Device); t.State == profile.Delivered {
		out.Acked = wire.Time(t.Delivered)
	}
	return out
}

// LogLost follows the loss of a gateway's log: what lay there is sent again.
func (d *Dispatcher) LogLost(node key.NodePublic) {
	holder := key.GatewayHashOf(node)
	for _, l := range d.outbox.Lanes() {
		for _, i := range d.outbox.Of(l) {
			m, err := d.history.Find(i.Message)
			if err == nil && i.State == delivery.Custody && m.Target(l.Device).Holder == holder {
				d.again(i)
			}
		}
	}
}

// OnItsWay reports whether a message is queued for a device and was neither
// taken by a gateway nor given up.
func (d *Dispatcher) OnItsWay(id message.ID, device key.DeviceID) bool {
	i := d.outbox.Find(id, device)
	return i != nil && i.State != delivery.Custody && i.State != delivery.Failed
}

// SendAgain queues a message for a device that asked for it, with the receipt
// of the gateway that lost it.
func (d *Dispatcher) SendAgain(c *Contact, l Lane, m *profile.Message) {
	c.Record.Answered++
	t := m.Target(l.Device)
	before := t.State
	i := d.outbox.Find(m.ID, l.Device)
	if i == nil {
		d.history.Hold(m)
		i = d.queue(m, l.Device)
	} else {
		d.again(i)
	}
	if len(t.Receipt) > 0 && wire.Time(t.Until).After(d.now()) {
		c.receipts[i.ID] = t.Receipt
	}
	if t.State = profile.Queued; before == profile.Delivered {
		t.State = before // its acknowledgement was true; the device lost it since, or asked before it came
	}
	d.history.Change(m)
	d.awake[l] = struct{}{}
}

// Withdraw gives up the copies of a message that no gateway has taken yet.
func (d *Dispatcher) Withdraw(m *profile.Message) {
	for _, t := range slices.Clone(m.Targets) {
		if i := d.outbox.Find(m.ID, t.Device); i != nil && t.Custody == 0 {
			d.finish(i)
		}
	}
}
