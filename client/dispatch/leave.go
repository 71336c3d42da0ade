package dispatch

import (
	"slices"

	"zeroms/client/delivery"
	"zeroms/client/profile"
	"zeroms/protocol/key"
	"zeroms/protocol/wire"
)

// Leave gives up everything that is under way with a contact who is removed: the
// sessions, what waits in the outbox and what was asked or wanted. Messages that no
// gateway has taken are marked as failed. The conversation stays, so that no number
// of its chain is used twice.
func (d *Dispatcher) Leave(c *Contact) {
	for _, i := range d.itemsOf(c) {
		if m, err := d.history.Find(i.Message); err != nil {
			d.log.Error("a queued message can't be read", "error", err)
		} else if t := m.Target(i.Lane.Device); t.State == profile.Queued {
			t.State = profile.Failed
			d.history.Change(m)
		}
		d.finish(i)
	}
	d.forgetSessions(c)
	done := c.Record
	done.Budget, done.Renewals = nil, nil
	fresh := NewContact(c.Contact)
	_ = fresh.RestoreRepair(&done) // only a budget or a renewal can be malformed
	fresh.Conv, fresh.Dirty, fresh.ConvDirty, fresh.RecordDirty = c.Conv, true, true, true
	*c = *fresh
}

// Restart begins anew with a contact whose drop is gone, by a card of theirs that the
// user has read since: as towards a stranger. What waits for their devices waits for
// the session by the card's door.
func (d *Dispatcher) Restart(c *Contact) {
	var orphans []*profile.Message
	for _, i := range d.itemsOf(c) {
		if m, err := d.history.Find(i.Message); err != nil {
			d.log.Error("a queued message can't be read", "error", err)
		} else if t := m.Target(i.Lane.Device); t.State != profile.Delivered && !slices.Contains(orphans, m) {
			orphans = append(orphans, m)
		}
		d.finish(i)
	}
	d.forgetSessions(c)
	c.Theirs, c.Leases, c.Shut = key.DropSecret{}, nil, false
	c.Announced, c.Telling, c.Told, c.Dirty = [32]byte{}, 0, [32]byte{}, true
	for _, m := range orphans {
		m.Targets = nil
		d.history.Hold(m)
		d.queue(m, key.DeviceID{})
		d.history.Change(m)
	}
}

// itemsOf are the items for all devices of a contact, in the order of their making.
func (d *Dispatcher) itemsOf(c *Contact) (out []*delivery.Item) {
	for _, l := range d.outbox.Lanes() {
		if l.Contact == c.ID {
			out = append(out, d.outbox.Of(l)...)
		}
	}
	slices.SortFunc(out, func(a, b *delivery.Item) int { return int(a.ID) - int(b.ID) })
	return out
}

// forgetSessions gives up the sessions with all devices of a contact.
func (d *Dispatcher) forgetSessions(c *Contact) {
	for _, id := range d.book.Devices(c.ID) {
		d.book.Forget(Lane{Contact: c.ID, Device: id})
		delete(c.bundles, id)
		delete(c.heads, id)
		delete(c.resyncs, id)
	}
}

// shut notes whether a gateway says that the contact's drop is there no more.
func (d *Dispatcher) shut(c *Contact, reason *wire.Error, door bool) {
	is := !door && reason != nil && reason.Code == wire.CodeUnknownDrop
	if c.Shut != is && (is || reason == nil) {
		c.Shut, c.Dirty = is, true
	}
}

// Untold counts the contacts who know an address secret of the user and have not
// acknowledged the present one. Who has not answered yet was told none.
func (d *Dispatcher) Untold() (n int) {
	for _, c := range d.contacts {
		if c.State == profile.Accepted && d.Knows(c) && c.Told != d.announcement(c) {
			n++
		}
	}
	return n
}

// Knows reports whether a contact was told an address secret of the user, or can be.
func (d *Dispatcher) Knows(c *Contact) bool { return !c.Theirs.IsZero() || c.Announced != [32]byte{} }
