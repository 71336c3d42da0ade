package client

import (
	"context"
	"errors"
	"slices"
	"time"

	"zeroms/client/delivery"
	"zeroms/client/home"
	"zeroms/client/profile"
	"zeroms/protocol/key"
	"zeroms/protocol/message"
	"zeroms/protocol/wire"
)

var errNoMessage = errors.New("client: the message is not in the history")

// message finds a message by its id: among those in use, else in the store.
func (e *engine) message(id message.ID) (*profile.Message, error) { return e.lookup(short(id)) }

func (e *engine) lookup(hash [16]byte) (*profile.Message, error) {
	if m := e.changed[hash]; m != nil {
		return m, nil
	}
	if m := e.recent[hash]; m != nil {
		return m, nil
	}
	row, ok, err := e.client.cfg.Store.Message(context.Background(), hash[:])
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, errNoMessage
	}
	return profile.ParseMessage(row)
}

// archive is what a conversation asks for messages that it no longer holds.
type archive struct {
	e    *engine
	conv message.ConvID
}

// Height is the stored height of a message.
func (a archive) Height(hash message.Short) (uint32, bool) {
	m, err := a.e.lookup(hash)
	if err != nil {
		return 0, false
	}
	return m.Height, true
}

// At is the stored message of a device with this seq.
func (a archive) At(p message.Party, seq uint32) (message.ID, bool) {
	row, ok, err := a.e.client.cfg.Store.Message(context.Background(), profile.Place(a.conv, p, seq))
	if err != nil || !ok {
		return message.ID{}, false
	}
	m, err := profile.ParseMessage(row)
	if err != nil || m.Conv != a.conv || m.Device != p.Device || m.Seq != seq {
		return message.ID{}, false
	}
	return m.ID, true
}

// markNew has a message stored and reported as new at the end of the turn.
func (e *engine) markNew(m *profile.Message) {
	e.markChanged(m)
	if m.Shown() {
		e.fresh = append(e.fresh, m)
	}
}

// markChanged has a message stored and reported as changed.
func (e *engine) markChanged(m *profile.Message) { e.changed[short(m.ID)] = m }

// moved gives a message a new place after one before it came in.
func (e *engine) moved(to message.Move) {
	m, err := e.message(to.ID)
	if err != nil {
		e.log.Error("a message to be moved can't be read", "error", err)
		return
	}
	if m.Height != to.Height {
		m.Height = to.Height
		e.markChanged(m)
	}
}

// custody notes a receipt.
func (e *engine) custody(i *delivery.Item, a home.Answered) {
	m, err := e.message(i.Message)
	if err != nil {
		e.log.Error("a message in custody can't be read", "error", err)
		return
	}
	t := m.Target(i.Lane.Device)
	if t.State == Queued {
		t.State = InCustody
	}
	t.Holder, t.Custody, t.Until = key.GatewayHashOf(a.Gateway), wire.Millis(e.now), a.Receipt.Kept
	e.markChanged(m)
}

// gaveUp notes that a message was refused for good.
func (e *engine) gaveUp(i *delivery.Item) {
	if m, err := e.message(i.Message); err == nil {
		m.Target(i.Lane.Device).State = Failed
		e.markChanged(m)
	}
}

// theyAcked marks everything delivered that a device says it has.
func (e *engine) theyAcked(c *contact, from message.Party, ack *message.Ack) {
	news := c.conv.Acked(from, ack)
	c.convDirty = true
	if len(news) == 0 {
		return
	}
	for _, i := range slices.Clone(e.outbox.Of(lane{Contact: c.ID, Device: from.Device})) {
		m, err := e.message(i.Message)
		if err != nil || !c.conv.Delivered(from, m.Seq) {
			continue
		}
		t := m.Target(from.Device)
		t.State, t.Delivered = Delivered, wire.Millis(e.now)
		e.markChanged(m)
		e.finish(i)
	}
}

// theyRead notes up to which own message a contact has read.
func (e *engine) theyRead(c *contact, from key.DeviceID, b *message.Read) {
	for _, mark := range c.conv.NoteRead(c.party(from), b) {
		if mark.Device == e.self.Device {
			c.ReadAt = e.now
			e.emit(ReadUpto{Contact: c.ID, Seq: mark.Upto, At: e.now})
		}
	}
}

// describe is a message as others see it. An own one is read if its recipient
// said so.
func describe(m *profile.Message) Message {
	out := Message{
		ID: m.ID, Contact: m.Contact, Outgoing: m.Outgoing, Kind: m.Kind, Height: m.Height, Seq: m.Seq,
		Device: m.Device, Written: m.Written, Received: m.At, Gateway: m.Gateway, Late: m.Late,
	}
	body, err := message.ParseBody(m.Kind, m.Body)
	switch b := body.(type) {
	case *message.Text:
		out.Text, out.ReplyTo = b.Text, b.ReplyTo
	case *message.Unknown:
		out.Unknown = true
	}
	out.Unknown = out.Unknown || err != nil
	if !m.Outgoing {
		return out
	}
	out.State = Queued
	if t := m.Slowest(); t != nil {
		out.State, out.Holder, out.Size = t.State, t.Holder, int(t.Size)
		out.Submitted, out.Custody, out.Until, out.DeliveredAt = at(t.Submitted), at(t.Custody), at(t.Until), at(t.Delivered)
	}
	return out
}

// at is a time of a target; zero if it did not come yet.
func at(ms uint64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return wire.Time(ms)
}
