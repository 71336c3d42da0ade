package dispatch

import (
	mathrand "math/rand/v2"
	"time"

	"zeroms/client/delivery"
	"zeroms/client/profile"
	"zeroms/protocol/envelope"
	"zeroms/protocol/wire"
)

// watchHeads notes that an own message goes out, or went out at a time before.
func (d *Dispatcher) watchHeads(c *Contact, l Lane, m *profile.Message, at time.Time) {
	if m.Device != d.account.Self.Device {
		return
	}
	within := time.Duration(0)
	if !m.Shown() {
		within = d.timing.SilentMax
	}
	c.headsOf(l.Device).Sent(m.Seq, within, at)
}

// rewatchHeads tells the watchers after a restart what is not acknowledged.
func (d *Dispatcher) rewatchHeads() {
	for _, l := range d.outbox.Lanes() {
		c := d.contacts[l.Contact]
		for _, i := range d.outbox.Of(l) {
			if m, err := d.history.Find(i.Message); err == nil && i.State == delivery.Custody {
				d.watchHeads(c, l, m, wire.Time(m.Target(l.Device).Submitted))
			}
		}
		if at := d.heardAt(l); !at.IsZero() && c.heads[l.Device] != nil {
			c.heads[l.Device].Heard(at, mathrand.Float64(), d.repair)
			d.armHeads(l, c.heads[l.Device])
		}
	}
}

// withHeads lets our heads ride on an envelope that goes to a device anyway, if it
// has not acknowledged our newest message and they fit.
func (d *Dispatcher) withHeads(c *Contact, l Lane, record envelope.Record) []envelope.Record {
	records := []envelope.Record{record}
	h := c.headsOf(l.Device)
	if !h.Watching() {
		return records
	}
	heads, ok := d.headsRecord(c, l.Device)
	if !ok || !d.book.Fits(c.ID, records, heads) {
		return records
	}
	h.Left(d.now(), false)
	return append(records, heads)
}

// heardAt is when something of a device was opened last; zero: never.
func (d *Dispatcher) heardAt(l Lane) (last time.Time) {
	if known := d.book.Get(l); known != nil {
		for _, s := range known.Set.All() {
			if at, ok := s.Heard(); ok && at.After(last) {
				last = at
			}
		}
	}
	return last
}

// Heard notes that something of a device was opened, and has its lane looked at.
func (d *Dispatcher) Heard(c *Contact, l Lane) {
	d.awake[l] = struct{}{}
	h := c.headsOf(l.Device)
	h.Heard(d.now(), mathrand.Float64(), d.repair)
	d.armHeads(l, h)
	c.Repair.Heard(c.Party(l.Device), d.now())
}

func (d *Dispatcher) armHeads(l Lane, h *delivery.HeadsAlone) {
	if at, ok := h.Deadline(); ok {
		d.alarms.Sooner(alarm{kind: alarmLane, lane: l}, at)
	}
}

// nameHeads tells a device that was heard from, and does not acknowledge our
// newest message, what it is: it may have been lost without a trace.
func (d *Dispatcher) nameHeads(c *Contact, l Lane) {
	h := c.headsOf(l.Device)
	switch {
	case !h.Due(d.now()):
	case d.TellHeads(c, l):
		h.Left(d.now(), true)
	default:
		h.Kept(d.now(), d.repair)
	}
	d.armHeads(l, h)
}
