package client

import (
	"crypto/rand"

	"zeroms/protocol/envelope"
	"zeroms/protocol/key"
	"zeroms/protocol/message"
)

// wantAck schedules an acknowledgement. Nothing is acknowledged before the
// contact is accepted.
func (e *engine) wantAck(c *contact) {
	if c.State != Accepted {
		return
	}
	e.alarms.Set(alarm{kind: alarmAck, lane: lane{Contact: c.ID}}, c.acks.Want(e.now, e.timing))
}

// ackRecord acknowledges all that was accepted from a contact.
func (e *engine) ackRecord(c *contact) (envelope.Record, bool) {
	ack, _ := c.conv.Ack(key.DeviceID{}, nonce())
	c.convDirty = true
	if ack == nil {
		return envelope.Record{}, false
	}
	return e.sideRecord(c, ack)
}

// headsRecord tells a device the newest own message.
func (e *engine) headsRecord(c *contact, to key.DeviceID) (envelope.Record, bool) {
	return e.sideRecord(c, c.conv.Heads(to, nonce()))
}

func nonce() (n [message.NonceSize]byte) {
	_, _ = rand.Read(n[:])
	return n
}

func (e *engine) sideRecord(c *contact, body message.Body) (envelope.Record, bool) {
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

// alone sends what waited for an envelope long enough: an acknowledgement, or
// the answer to an init.
func (e *engine) alone(c *contact, l lane) {
	ackDue, answerDue := c.acks.Due(e.now), c.answerDue[l.Device]
	if !ackDue && !answerDue {
		return
	}
	r := e.route(c, l)
	if r == nil || r.session.Init() != nil {
		return
	}
	delete(c.answerDue, l.Device)
	var record envelope.Record
	ok := false
	if ackDue {
		c.acks.Sent(e.now, true)
		record, ok = e.ackRecord(c)
	}
	if !ok && answerDue {
		record, ok = e.headsRecord(c, l.Device)
	}
	if !ok {
		return
	}
	e.sendOnce(c, l, r, record, func(err error) {
		if err != nil {
			e.wantAck(c)
		}
	})
}
