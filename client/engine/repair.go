package engine

import (
	"bytes"
	"cmp"
	"slices"

	"zeroms/client/delivery"
	"zeroms/client/dispatch"
	"zeroms/client/inspect"
	"zeroms/client/profile"
	"zeroms/client/view"
	"zeroms/protocol/key"
	"zeroms/protocol/message"
)

// lookForGaps compares what is missing in a conversation with what was missing
// before, and has it asked for in time.
func (e *Engine) lookForGaps(c *contact) {
	change := c.Repair.Look(c.Conv.Gaps(), e.now, e.timing.Repair)
	for _, m := range change.Filled {
		if m.Asked > 0 || e.now.Sub(m.Since) >= e.timing.Repair.Grace {
			c.Record.Filled += count(m.Range)
			c.RecordDirty = true
			e.emitGap(c, m, view.GapFilled)
		}
		c.CancelResync(m.From.Device)
	}
	e.armRepair(c)
}

func count(r message.Range) uint64 { return uint64(r.To-r.From) + 1 }

// armRepair has the conversation's next request made in time.
func (e *Engine) armRepair(c *contact) {
	if at, ok := c.Repair.Deadline(e.timing.Repair); ok {
		e.alarms.Set(alarm{kind: alarmRepair, contact: c.ID}, at)
	} else {
		e.alarms.Cancel(alarm{kind: alarmRepair, contact: c.ID})
	}
}

// Renewed has asked for again what a device was asked for in vain: there is a
// new session with it.
func (h host) Renewed(c *contact, device key.DeviceID) {
	c.Repair.Renewed(c.Party(device), h.e.now, h.e.timing.Repair)
	h.e.armRepair(c)
}

// askForMissing makes the requests whose time has come.
func (e *Engine) askForMissing(c *contact) {
	if c.State != profile.Accepted || e.account.Stopped() {
		return
	}
	if !e.dispatch.MayWrite() {
		e.alarms.Set(alarm{kind: alarmRepair, contact: c.ID}, e.now.Add(e.timing.Repair.AskMin))
		return
	}
	for _, a := range c.Repair.Due(e.now, e.timing.Repair, func(user key.IdentityPublic) []key.DeviceID {
		if user == c.User {
			return e.dispatch.Devices(c)
		}
		return nil
	}) {
		e.nack(c, a)
	}
	for _, p := range c.Repair.Unanswered(e.now, e.timing.Repair) {
		e.dispatch.Resync(c, lane{Contact: c.ID, Device: p.Device})
	}
	e.armRepair(c)
}

// nack asks a device for messages.
func (e *Engine) nack(c *contact, a delivery.Ask) {
	l := lane{Contact: c.ID, Device: a.To.Device}
	heads := c.Conv.Heads(l.Device, [message.NonceSize]byte{}).Heads
	body := &message.Nack{Side: dispatch.Addressed(l.Device), Wants: a.Wants, Heads: heads, Reason: a.Reason}
	sent := e.dispatch.Tell(c, l, body, func(err error) {
		if err != nil {
			c.Repair.Missed(a.ID)
		} else {
			c.Repair.Taken(a.ID, e.now)
		}
		e.armRepair(c)
	})
	if !sent {
		c.Repair.Missed(a.ID)
		return
	}
	c.RecordDirty = true
	if c.Record.Asked++; a.Reason != message.ReasonMissing {
		return
	}
	for _, m := range c.Repair.States() {
		if m.LastAsked.Equal(e.now) {
			if m.Asked == 1 {
				c.Record.Found += count(m.Range)
			}
			e.emitGap(c, m, view.GapAsking)
		}
	}
}

// theyNamed takes the newest messages that a device says there are, and reports
// whether some of them are missing here that were not known to be.
func (e *Engine) theyNamed(c *contact, from message.Party, base uint32, heads []message.Head) (news bool) {
	c.ConvDirty = true
	if news = c.Conv.NoteHeads(from, base, &message.Heads{Heads: heads}); news {
		e.lookForGaps(c)
	}
	return news
}

// theyLost takes note that messages exist no longer.
func (e *Engine) theyLost(c *contact, by key.DeviceID, b *message.Gone) error {
	var failed error
	for _, bridge := range b.Gone {
		if bridge.Device != by && c.List.Live(bridge.Device) {
			continue // only its writer can give a message up, while there is one
		}
		from := c.Party(bridge.Device)
		gone, moved, err := c.Conv.Gone(from, bridge.Range(), bridge.ID, e.history.Archive(c.Conv.ID()))
		if err != nil {
			failed = err
			continue
		}
		e.move(moved)
		var lost []message.Gap
		for _, r := range gone {
			lost = append(lost, message.Gap{From: from, Range: r})
			c.Record.Gone += count(r)
			c.Record.Lose(profile.Lost{Device: bridge.Device, From: r.From, To: r.To, At: uint64(e.now.UnixMilli())})
			e.emitGap(c, delivery.Missing{From: from, Range: r, Since: e.now, Gone: true}, view.GapGone)
		}
		c.Repair.Lost(lost, e.now)
		c.ConvDirty, c.RecordDirty = true, true
	}
	e.lookForGaps(c)
	e.dispatch.WantSilentAck(c)
	return failed
}

// theyPostpone waits as long as a device asks for.
func (e *Engine) theyPostpone(c *contact, from message.Party, b *message.Later) {
	c.Repair.Later(from, b, e.now, e.timing.Repair)
	for _, m := range c.Repair.States() {
		if named := func(w message.Want) bool {
			return w.Device == m.From.Device && w.From <= m.Range.To && m.Range.From <= w.To
		}; !m.Later.IsZero() && slices.ContainsFunc(b.Wants, named) {
			e.emitGap(c, m, view.GapLater)
		}
	}
	e.armRepair(c)
}

// emitGap reports a gap.
func (e *Engine) emitGap(c *contact, m delivery.Missing, s view.GapState) {
	g := e.gap(c, m)
	if s != view.GapGone { // of which there may be proof
		g.State, g.Gateway = s, key.NodePublic{}
	}
	if s == view.GapFilled {
		g.Filled = e.now
	}
	e.emit(view.GapChanged{Gap: g})
}

// gap describes what is missing or lost.
func (e *Engine) gap(c *contact, m delivery.Missing) view.Gap {
	g := inspect.Gap(c.ID, m)
	if next, err := e.history.Of(c.Conv.ID(), m.From, m.Range.To+1); err == nil {
		g.Height = next.Height
	}
	if x := e.proof(c, m); m.Gone && x != nil {
		g.State, g.Gateway = view.GapProven, x.Node
	}
	return g
}

// Gaps lists what is missing or lost of a contact's messages. What may still
// come by itself is left out. Errors: ErrNoContact.
func (e *Engine) Gaps(id view.ContactID) (out []view.Gap, err error) {
	c, err := e.contact(id)
	if err != nil {
		return nil, err
	}
	for _, m := range c.Repair.States() {
		if m.Gone || m.Asked > 0 || e.now.Sub(m.Since) >= e.timing.Repair.Grace {
			out = append(out, e.gap(c, m))
		}
	}
	return out, nil
}

// proof is what first convicted a gateway of losing one of the messages, nil if
// nothing did.
func (e *Engine) proof(c *contact, m delivery.Missing) (first *profile.Evidence) {
	for _, x := range e.evidence {
		if x.Contact == c.ID && x.Device == m.From.Device && m.Range.From <= x.Seq && x.Seq <= m.Range.To &&
			(first == nil || cmp.Or(cmp.Compare(x.At, first.At), bytes.Compare(x.ID[:], first.ID[:])) < 0) {
			first = x
		}
	}
	return first
}

// repairs sums up what repair has done in all conversations.
func (e *Engine) repairs() (r view.Repairs) {
	for _, c := range e.contacts {
		for _, m := range c.Repair.States() {
			if !m.Gone && c.State != profile.Removed && (m.Asked > 0 || e.now.Sub(m.Since) >= e.timing.Repair.Grace) {
				r.Missing += int(count(m.Range))
			}
		}
		r.Add(&c.Record)
	}
	return r
}

// restoreRepair takes what was done before this run.
func (e *Engine) restoreRepair(r profile.Row) error {
	record, err := profile.ParseRepair(r)
	if err != nil {
		return err
	}
	c, err := e.contact(record.Contact)
	if err != nil {
		return err
	}
	return c.RestoreRepair(record)
}
