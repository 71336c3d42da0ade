package dispatch

import (
	"zeroms/client/profile"
	"zeroms/client/reach"
	"zeroms/client/sessions"
	"zeroms/protocol/session"
)

// Resync has a new session made with a device that does not answer although it
// is asked for messages: a ratchet is lost, on one side or the other.
func (d *Dispatcher) Resync(c *Contact, l Lane) {
	c.resyncOf(l.Device).Want()
	c.RecordDirty = true
	d.awake[l] = struct{}{}
}

// renew makes the new session that resync wants, when its limits allow, and
// sends its init with our heads at once.
func (d *Dispatcher) renew(c *Contact, l Lane) {
	r := c.resyncOf(l.Device)
	if !r.Wanted() {
		return
	}
	if !r.Due(d.now(), d.repair) {
		if at, ok := r.Deadline(d.now(), d.repair); ok {
			d.alarms.Sooner(alarm{kind: alarmLane, lane: l}, at)
		}
		return
	}
	if !d.initiate(c, l, true) {
		return // it goes on when the device's profile came
	}
	r.Made(d.now())
	c.Record.Resyncs++
	c.RecordDirty = true
	d.host.Renewed(c, l.Device)
	d.log.Info("a new session was made because messages did not come", "contact", c.ID)
}

// unheralded reports whether a lane's own init is in no gateway's custody yet and
// nothing is queued that would bring it.
func (d *Dispatcher) unheralded(l Lane) bool {
	known := d.book.Get(l)
	if known == nil || known.Sent || known.At == nil || len(d.outbox.Of(l)) > 0 {
		return false
	}
	s := known.Set.Sending()
	return s != nil && s.Init() != nil
}

// knockAgain brings such an init, with our heads.
func (d *Dispatcher) knockAgain(c *Contact, l Lane) {
	if !d.unheralded(l) {
		return
	}
	known := d.book.Get(l)
	s := known.Set.Sending()
	to := reach.DropAt(&c.Contact, *known.At)
	if known.Door {
		to = reach.DoorAt(&c.Contact, *known.At)
	}
	if to != nil {
		d.knock(c, l, on(to, s))
	}
}

// meetAgain has sessions made with all listed devices of contacts that there is
// none with, as after a restoration.
func (d *Dispatcher) meetAgain() {
	for _, c := range d.contacts {
		if c.State != profile.Accepted || c.List == nil {
			continue
		}
		for _, listed := range c.List.Devices() {
			l := Lane{Contact: c.ID, Device: listed.ID}
			if known := d.book.Get(l); known == nil || len(known.Set.All()) == 0 {
				d.book.Know(l)
				d.Resync(c, l)
			}
		}
	}
}

// InitCame follows an init that came: an accepted contact gets one answer, what
// was asked for in vain is asked for again, and a resync that is not the session
// to send on is answered by an init of our own, which then is. Who comes by the door
// of a card does not know our drop, or has forgotten it.
func (d *Dispatcher) InitCame(c *Contact, o *sessions.Opened) {
	if o.Block.Flags&session.FlagDoor != 0 && c.Announced != [32]byte{} {
		c.Announced, c.Telling, c.Told, c.Dirty = [32]byte{}, 0, [32]byte{}, true
	}
	d.answerSoon(c, o.Lane)
	d.host.Renewed(c, o.Lane.Device)
	if o.Block.Flags&session.FlagResync == 0 {
		return
	}
	if s := d.book.Get(o.Lane).Set.Sending(); s != nil && s.ID() != o.Session() {
		d.Resync(c, o.Lane)
	}
}
