package engine

import (
	"crypto/rand"
	"time"

	"zeroms/client/profile"
	"zeroms/protocol/envelope"
	"zeroms/protocol/key"
	"zeroms/protocol/message"
)

// wantAck schedules an acknowledgement. Nothing is acknowledged before the
// contact is accepted. It stays owed until a gateway has taken it.
func (e *Engine) wantAck(c *contact) {
	e.oweAck(c, func() time.Time { return c.acks.Want(e.now, e.timing) })
}

// wantSilentAck schedules the acknowledgement of something that the user does
// not see: it rides on what goes anyway, or leaves much later.
func (e *Engine) wantSilentAck(c *contact) {
	wait := e.timing.SilentMin + jitter(e.timing.SilentMax-e.timing.SilentMin)
	e.oweAck(c, func() time.Time { return c.acks.WantLater(e.now, wait) })
}

func (e *Engine) oweAck(c *contact, want func() time.Time) {
	if c.State == profile.Accepted {
		c.ackTurn++
		c.AckOwed, c.convDirty = true, true
		e.armAck(c, want())
	}
}

func (e *Engine) armAck(c *contact, due time.Time) {
	e.alarms.Set(alarm{kind: alarmAck, lane: lane{Contact: c.ID}}, due)
}

// ackTaken notes that a gateway has taken an acknowledgement made at a turn.
func (e *Engine) ackTaken(c *contact, turn uint64) {
	if c.ackTurn == turn && c.AckOwed {
		c.AckOwed, c.convDirty = false, true
	}
}

// ackRecord acknowledges all that was accepted from a contact.
func (e *Engine) ackRecord(c *contact) (envelope.Record, bool) {
	ack, _ := c.conv.Ack(key.DeviceID{}, nonce())
	c.convDirty = true
	if ack == nil {
		return envelope.Record{}, false
	}
	return e.sideRecord(c, ack)
}

// headsRecord tells a device the newest own message.
func (e *Engine) headsRecord(c *contact, to key.DeviceID) (envelope.Record, bool) {
	return e.sideRecord(c, c.conv.Heads(to, nonce()))
}

func nonce() (n [message.NonceSize]byte) {
	_, _ = rand.Read(n[:])
	return n
}

func (e *Engine) sideRecord(c *contact, body message.Body) (envelope.Record, bool) {
	var r envelope.Record
	_, _ = rand.Read(r.Salt[:])
	var err error
	if r.Body, err = message.EncodeBody(body); err == nil {
		var out message.Out
		out, err = c.conv.Side(body.Kind(), r.Body, r.Salt, e.now, e.account.Self.Signer)
		r.Message = out.Signed
	}
	if err != nil {
		e.log.Error("a side message could not be made", "error", err)
	}
	return r, err == nil
}

// ackAlone sends an acknowledgement that waited long enough for an envelope to
// ride on, to every device of the contact.
func (e *Engine) ackAlone(c *contact) {
	if !c.acks.Due(e.now) {
		return
	}
	sent, turn := false, c.ackTurn
	for _, id := range e.devices(c) {
		l := lane{Contact: c.ID, Device: id}
		r := e.route(c, l)
		if r == nil || r.session.Init() != nil {
			continue
		}
		record, ok := e.ackRecord(c)
		if !ok {
			break
		}
		delete(c.answerDue, id)
		sent = e.sendOnce(c, l, r, record, func(err error) {
			if err != nil {
				e.armAck(c, c.acks.Failed(e.now, e.timing))
				return
			}
			c.acks.Taken()
			e.ackTaken(c, turn)
		}) || sent
	}
	if sent {
		c.acks.Sent(e.now, true)
	}
}

// answer answers an init once with our heads, if nothing else was said since.
func (e *Engine) answer(c *contact, l lane) {
	if !c.answerDue[l.Device] {
		return
	}
	r := e.route(c, l)
	if r == nil || r.session.Init() != nil {
		return
	}
	delete(c.answerDue, l.Device)
	if record, ok := e.headsRecord(c, l.Device); ok {
		e.sendOnce(c, l, r, record, func(error) {})
	}
}
