package engine

import (
	"slices"

	"zeroms/client/delivery"
	"zeroms/client/home"
	"zeroms/client/profile"
	"zeroms/client/view"
	"zeroms/protocol/key"
	"zeroms/protocol/message"
	"zeroms/protocol/wire"
)

// custody notes a receipt.
func (e *Engine) custody(i *delivery.Item, a home.Answered) {
	m, err := e.history.Find(i.Message)
	if err != nil {
		e.log.Error("a message in custody can't be read", "error", err)
		return
	}
	t := m.Target(i.Lane.Device)
	if t.State == profile.Queued {
		t.State = profile.InCustody
	}
	t.Holder, t.Custody, t.Until = key.GatewayHashOf(a.Gateway), wire.Millis(e.now), a.Receipt.Kept
	e.history.Change(m)
}

// gaveUp notes that a message was refused for good.
func (e *Engine) gaveUp(i *delivery.Item) {
	if m, err := e.history.Find(i.Message); err == nil {
		m.Target(i.Lane.Device).State = profile.Failed
		e.history.Change(m)
	}
}

// theyAcked marks everything delivered that a device says it has.
func (e *Engine) theyAcked(c *contact, from message.Party, ack *message.Ack) {
	news := c.conv.Acked(from, ack)
	c.convDirty = true
	if len(news) == 0 {
		return
	}
	for _, i := range slices.Clone(e.outbox.Of(lane{Contact: c.ID, Device: from.Device})) {
		m, err := e.history.Find(i.Message)
		if err != nil || !c.conv.Delivered(from, m.Seq) {
			continue
		}
		t := m.Target(from.Device)
		t.State, t.Delivered = profile.Delivered, wire.Millis(e.now)
		e.history.Change(m)
		e.finish(i)
	}
}

// theyRead notes up to which own message a contact has read.
func (e *Engine) theyRead(c *contact, from key.DeviceID, b *message.Read) {
	for _, mark := range c.conv.NoteRead(c.party(from), b) {
		if mark.Device == e.account.Self.Device {
			c.ReadAt = e.now
			e.emit(view.ReadUpto{Contact: c.ID, Seq: mark.Upto, At: e.now})
		}
	}
}
