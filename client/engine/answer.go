package engine

import (
	"errors"
	"math"
	"slices"

	"zeroms/client/delivery"
	"zeroms/client/dispatch"
	"zeroms/client/history"
	"zeroms/client/profile"
	"zeroms/client/repair"
	"zeroms/protocol/key"
	"zeroms/protocol/message"
)

// shelf is the own messages to one contact.
type shelf struct {
	e *Engine
	c *contact
}

// Own looks an own message up.
func (s shelf) Own(device key.DeviceID, seq uint32) (*profile.Message, error) {
	m, err := s.e.history.Of(s.c.Conv.ID(), message.Party{User: s.e.account.Self.User, Device: device}, seq)
	if errors.Is(err, history.ErrNotFound) {
		return nil, nil
	}
	return m, err
}

// Newest is how far a chain of ours goes. Of an earlier device's all that may be
// here was imported: what it wrote last is not known.
func (s shelf) Newest(device key.DeviceID) uint32 {
	for _, h := range s.c.Conv.Heads(key.DeviceID{}, [message.NonceSize]byte{}).Heads {
		if h.Device == device {
			return h.Seq
		}
	}
	if _, ours := s.e.account.Self.List.Device(device); ours && device != s.e.account.Self.Device {
		return math.MaxUint32
	}
	return 0
}

// answerNack sends again what a device of an accepted contact asks for: the
// original messages, newest first as far as the budget goes, GONE for what is
// not kept any more, LATER for the rest (docs/protocol/delivery.md).
func (e *Engine) answerNack(c *contact, l lane, n *message.Nack) {
	if last, ok := e.answered[l]; ok && e.now.Sub(last) < e.timing.Repair.AskMin/2 {
		return // nobody asks that often
	}
	e.answered[l] = e.now
	party := c.Party(l.Device)
	found, err := repair.Look(n.Wants, shelf{e, c})
	if err != nil {
		e.log.Error("messages that a contact asks for can't be read", "error", err)
		return
	}
	devices := len(e.book.Devices(c.ID))
	asked := map[place]*profile.Message{}
	var wanted []delivery.Wanted
	for _, m := range found.Messages {
		if m.Device == e.account.Self.Device && !c.Conv.Entitled(party, m.Seq) {
			continue
		}
		if e.dispatch.OnItsWay(m.ID, l.Device) {
			continue
		}
		asked[place{m.Device, m.Seq}] = m
		wanted = append(wanted, delivery.Wanted{Device: m.Device, Seq: m.Seq, Height: m.Height, Size: repair.SizeOf(m, devices)})
	}
	now, later, after := c.Answers.Plan(wanted, e.now)
	for _, w := range now {
		e.dispatch.SendAgain(c, l, asked[place{w.Device, w.Seq}])
	}
	e.sayGone(c, l, found.Gone)
	if len(later) > 0 {
		c.Record.Postponed += uint64(len(later))
		body := &message.Later{Side: dispatch.Addressed(l.Device)}
		body.Wants, body.After = delivery.Postponed(later, after)
		e.dispatch.Tell(c, l, body, func(error) {})
	}
	c.RecordDirty = true
}

// place is where an own message stands.
type place struct {
	device key.DeviceID
	seq    uint32
}

// sayGone tells a device which messages exist no longer. Of this device's own
// it is noted first that they are not delivered.
func (e *Engine) sayGone(c *contact, l lane, gone []message.Bridge) {
	told := slices.DeleteFunc(slices.Clone(gone), func(b message.Bridge) bool {
		return b.Device == e.account.Self.Device && c.Conv.SaidGone(c.Party(l.Device), b.Range()) != nil
	})
	if len(told) > 0 {
		c.ConvDirty = true
		e.dispatch.Tell(c, l, &message.Gone{Side: dispatch.Addressed(l.Device), Gone: told}, func(error) {})
	}
}
