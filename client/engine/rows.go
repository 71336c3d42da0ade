package engine

import (
	"cmp"
	"slices"

	"zeroms/client/dispatch"
	"zeroms/client/profile"
	"zeroms/client/view"
	"zeroms/protocol/message"
	"zeroms/protocol/wire"
)

// collect turns everything the turn changed into one batch.
func (e *Engine) collect() *profile.Batch {
	b := &profile.Batch{Now: e.now}
	put, gone := e.account.Collect()
	b.Put = append(b.Put, put...)
	for _, c := range e.contacts {
		b.Put = append(b.Put, c.Stale()...)
	}
	b.Put = append(b.Put, e.book.Stale()...)
	b.Put = append(b.Put, e.messageRows()...)
	told, forgotten := e.presence.Collect()
	b.Put, gone = append(b.Put, told...), append(gone, forgotten...)
	seen, unused := e.choice.Collect()
	b.Put, gone = append(b.Put, seen...), append(gone, unused...)
	items, done := e.dispatch.Collect()
	b.Put = append(append(b.Put, items...), e.put...)
	b.Erase = append(append(append(gone, done...), e.book.Gone()...), e.gone...)
	e.put, e.gone = nil, nil
	return b
}

// rewrites reports whether a batch replaces or erases secrets of the moment,
// which then have to become unreadable on disk.
func rewrites(b *profile.Batch) bool {
	return len(b.Erase) > 0 || slices.ContainsFunc(b.Put, func(r profile.Row) bool { return r.Table.Ephemeral() })
}

// messageRows stores new and changed messages and reports them.
func (e *Engine) messageRows() (rows []profile.Row) {
	added, changed := e.history.Collect()
	for _, m := range added {
		rows = append(rows, m.Row())
		if m.Shown() {
			e.emit(view.MessageAdded{Message: e.described(m)})
		}
	}
	for _, m := range changed {
		rows = append(rows, m.Row())
		if m.Shown() {
			e.emit(view.MessageChanged{Message: e.described(m)})
		}
	}
	return rows
}

// described is a message as others see it, read or not.
func (e *Engine) described(m *profile.Message) view.Message {
	c := e.contacts[m.Contact]
	return view.Describe(m).ReadBy(c.Conv.ReadUpto(e.ownParty()), c.ReadAt)
}

// ownParty is this device.
func (e *Engine) ownParty() message.Party {
	return message.Party{User: e.account.Self.User, Device: e.account.Self.Device}
}

// restore rebuilds the state from rows in any order.
func (e *Engine) restore(rows []profile.Row) error {
	slices.SortStableFunc(rows, func(a, b profile.Row) int { return cmp.Compare(a.Table, b.Table) })
	for _, r := range rows {
		if err := e.restoreRow(r); err != nil {
			return err
		}
		if e.account.Self == nil {
			return ErrNoSelf
		}
	}
	if e.account.Self == nil {
		return ErrNoSelf
	}
	for _, c := range e.contacts {
		if c.Conv == nil {
			return wire.ErrValue.Because("a contact without conversation")
		}
	}
	return nil
}

// restoreRow takes one row; rows come in the order of their tables.
func (e *Engine) restoreRow(r profile.Row) error {
	if own, err := e.account.Restore(r); own {
		return err
	}
	if own, err := e.presence.Restore(r); own {
		return err
	}
	if own, err := e.choice.Restore(r); own {
		return err
	}
	var err error
	switch r.Table {
	case profile.TableContact:
		var c profile.Contact
		if c, err = profile.ParseContact(r); err == nil {
			e.contacts[c.ID] = dispatch.NewContact(c)
			e.byUser[c.User] = e.contacts[c.ID]
			e.lastID = max(e.lastID, c.ID)
		}
	case profile.TableConversation:
		err = e.restoreConversation(r)
	case profile.TableSeen:
		if len(r.Key) == 16 {
			e.seen[[16]byte(r.Key)] = r.Flags
		}
	case profile.TableSession:
		err = e.restoreSessions(r)
	case profile.TableOutbox:
		err = e.dispatch.Restore(r)
	case profile.TableRepair:
		err = e.restoreRepair(r)
	case profile.TableEvidence:
		var x *profile.Evidence
		if x, err = profile.ParseEvidence(r); err == nil {
			e.evidence[x.ID] = x
		}
	}
	return err
}

func (e *Engine) restoreConversation(r profile.Row) error {
	c := e.contacts[r.Conv]
	if c == nil {
		return wire.ErrValue.Because("a conversation without its contact")
	}
	snapshot, err := c.ParseConversation(r)
	if err != nil {
		return err
	}
	c.Conv, err = message.Restore(e.conversation(c.User), snapshot)
	return err
}

func (e *Engine) restoreSessions(r profile.Row) error {
	l, s, err := profile.ParseSessions(r)
	if err != nil {
		return err
	}
	if e.contacts[l.Contact] == nil {
		return wire.ErrValue.Because("sessions without their contact")
	}
	e.book.Restore(l, s)
	return nil
}
