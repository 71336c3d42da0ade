package dispatch

import (
	mathrand "math/rand/v2"
	"slices"
	"time"

	"zeroms/client/profile"
	"zeroms/protocol/envelope"
	"zeroms/protocol/message"
	"zeroms/protocol/wire"
)

// WantAck schedules an acknowledgement. Nothing is acknowledged before the
// contact is accepted. It stays owed until a gateway has taken it.
func (d *Dispatcher) WantAck(c *Contact) {
	d.oweAck(c, func() time.Time { return c.acks.Want(d.now(), d.timing) })
}

// WantSilentAck schedules the acknowledgement of something that the user does
// not see: it rides on what goes anyway, or leaves much later.
func (d *Dispatcher) WantSilentAck(c *Contact) {
	wait := d.timing.SilentMin + jitter(d.timing.SilentMax-d.timing.SilentMin)
	d.oweAck(c, func() time.Time { return c.acks.WantLater(d.now(), wait) })
}

func (d *Dispatcher) oweAck(c *Contact, want func() time.Time) {
	if c.State == profile.Accepted {
		c.ackTurn++
		c.AckOwed, c.ConvDirty = true, true
		d.armAck(c, want())
	}
}

func (d *Dispatcher) armAck(c *Contact, due time.Time) {
	d.alarms.Set(alarm{kind: alarmAck, lane: Lane{Contact: c.ID}}, due)
}

// ackTaken notes that a gateway has taken an acknowledgement made at a turn.
func (d *Dispatcher) ackTaken(c *Contact, turn uint64) {
	if c.ackTurn == turn && c.AckOwed {
		c.AckOwed, c.ConvDirty = false, true
	}
}

// ackAlone sends an acknowledgement that waited long enough for an envelope to
// ride on, to every device of the contact.
func (d *Dispatcher) ackAlone(c *Contact) {
	if !c.acks.Due(d.now()) {
		return
	}
	sent, turn := false, c.ackTurn
	for _, id := range d.Devices(c) {
		l := Lane{Contact: c.ID, Device: id}
		r := d.route(c, l)
		if r == nil || r.session.Init() != nil {
			continue
		}
		record, ok := d.ackRecord(c)
		if !ok {
			break
		}
		delete(c.answerDue, id)
		records := d.withHeads(c, l, record)
		sent = d.sendOnce(c, l, r, records, func(err error) {
			if err != nil {
				d.armAck(c, c.acks.Failed(d.now(), d.timing))
				return
			}
			c.acks.Taken()
			d.ackTaken(c, turn)
		}) || sent
	}
	if sent {
		c.acks.Sent(d.now(), true)
	}
}

// answerSoon has an accepted contact's init answered after a random pause.
func (d *Dispatcher) answerSoon(c *Contact, l Lane) {
	if c.State == profile.Accepted {
		wait := d.timing.AnswerMin + jitter(d.timing.AnswerMax-d.timing.AnswerMin)
		d.alarms.Sooner(alarm{kind: alarmAnswer, lane: l}, d.now().Add(wait))
	}
}

// answer answers an init once with our heads, if nothing else was said since.
func (d *Dispatcher) answer(c *Contact, l Lane) {
	if !c.answerDue[l.Device] {
		return
	}
	r := d.route(c, l)
	if r == nil || r.session.Init() != nil {
		return
	}
	delete(c.answerDue, l.Device)
	if record, ok := d.headsRecord(c, l.Device); ok {
		d.sendOnce(c, l, r, []envelope.Record{record}, func(error) {})
	}
}

// TheyAcked marks everything delivered that a device says it has.
func (d *Dispatcher) TheyAcked(c *Contact, from message.Party, ack *message.Ack) {
	c.Conv.Acked(from, ack)
	c.Acked, c.ConvDirty = d.now(), true
	for _, i := range slices.Clone(d.outbox.Of(Lane{Contact: c.ID, Device: from.Device})) {
		m, err := d.history.Find(i.Message)
		if err != nil || !c.Conv.Delivered(from, m.Seq) {
			continue
		}
		t := m.Target(from.Device)
		t.State, t.Delivered = profile.Delivered, wire.Millis(d.now())
		c.headsOf(from.Device).Acked(m.Seq)
		d.history.Change(m)
		d.finish(i)
	}
	d.told(c)
}

// jitter is a random part of d.
func jitter(d time.Duration) time.Duration {
	if d <= 0 {
		return 0
	}
	return mathrand.N(d)
}
