package client

import (
	"bytes"
	"cmp"
	"context"
	"slices"

	"zeroms/client/profile"
	"zeroms/protocol/key"
	"zeroms/protocol/message"
	"zeroms/protocol/session"
	"zeroms/protocol/wire"
)

// collect turns everything the turn changed into one batch.
func (e *engine) collect() *Batch {
	b := &Batch{Now: e.now}
	for _, k := range e.cards {
		if k.dirty {
			b.Put = append(b.Put, k.Row())
			k.dirty = false
		}
	}
	for _, h := range e.homes {
		if h.dirty {
			b.Put = append(b.Put, h.Row())
			h.dirty = false
		}
	}
	for _, c := range e.contacts {
		if c.dirty {
			b.Put = append(b.Put, c.Row())
			c.dirty = false
		}
		if c.convDirty {
			b.Put = append(b.Put, c.ConversationRow(c.conv.Snapshot()))
			c.convDirty = false
		}
	}
	b.Put = append(b.Put, e.book.Stale()...)
	b.Put = append(b.Put, e.messageRows()...)
	b.Put = append(b.Put, newest(e.put)...)
	b.Erase = e.gone
	e.put, e.gone = nil, nil
	return b
}

// newest keeps the last of the rows that replace each other.
func newest(rows []Row) []Row {
	at := map[string]int{}
	out := make([]Row, 0, len(rows))
	for _, r := range rows {
		k := string(append([]byte{byte(r.Table)}, r.Key...))
		if n, again := at[k]; again {
			out[n] = r
			continue
		}
		at[k] = len(out)
		out = append(out, r)
	}
	return out
}

// rewrites reports whether a batch replaces or erases secrets of the moment,
// which then have to become unreadable on disk.
func rewrites(b *Batch) bool {
	return len(b.Erase) > 0 || slices.ContainsFunc(b.Put, func(r Row) bool { return r.Table.Ephemeral() })
}

// messageRows stores new and changed messages and reports them.
func (e *engine) messageRows() (rows []Row) {
	isNew := map[*profile.Message]bool{}
	for _, m := range e.fresh {
		isNew[m] = true
		e.emit(MessageAdded{e.described(m)})
	}
	ordered := make([]*profile.Message, 0, len(e.changed))
	for _, m := range e.changed {
		ordered = append(ordered, m)
	}
	slices.SortFunc(ordered, func(a, b *profile.Message) int {
		return cmp.Or(cmp.Compare(a.Contact, b.Contact), cmp.Compare(a.Height, b.Height), bytes.Compare(a.ID[:], b.ID[:]))
	})
	for _, m := range ordered {
		rows = append(rows, m.Row())
		if !isNew[m] && m.Shown() {
			e.emit(MessageChanged{e.described(m)})
		}
	}
	e.fresh = nil
	clear(e.changed)
	return rows
}

// described is a message as others see it, read or not.
func (e *engine) described(m *profile.Message) Message {
	c := e.contacts[m.Contact]
	return describe(m).readBy(c.conv.ReadUpto(e.ownParty()), c.ReadAt)
}

// ownParty is this device.
func (e *engine) ownParty() message.Party {
	return message.Party{User: e.self.User, Device: e.self.Device}
}

// restore rebuilds the state from rows in any order.
func (e *engine) restore(ctx context.Context, rows []Row) error {
	slices.SortStableFunc(rows, func(a, b Row) int { return cmp.Compare(a.Table, b.Table) })
	for _, r := range rows {
		if err := e.restoreRow(r); err != nil {
			return err
		}
		if e.self == nil {
			return ErrNoSelf
		}
	}
	if e.self == nil {
		return ErrNoSelf
	}
	for _, c := range e.contacts {
		if c.conv == nil {
			return wire.ErrValue.Because("a contact without conversation")
		}
	}
	slices.SortFunc(e.order, func(a, b key.NodePublic) int {
		return cmp.Or(e.homes[a].Added.Compare(e.homes[b].Added), bytes.Compare(a[:], b[:]))
	})
	slices.SortFunc(e.prekeys, func(a, b *session.Prekey) int { return a.RenewAt().Compare(b.RenewAt()) })
	return e.restoreOutbox(ctx)
}

// restoreRow takes one row; rows come in the order of their tables.
func (e *engine) restoreRow(r Row) error {
	var err error
	switch r.Table {
	case profile.TableSelf:
		e.self, err = profile.ParseSelf(r)
	case profile.TableCard:
		var k *profile.Card
		if k, err = profile.ParseCard(r); err == nil {
			e.cards[k.ID] = &ownCard{Card: k}
		}
	case profile.TableHome:
		var h *profile.Home
		if h, err = profile.ParseHome(r); err == nil {
			e.homes[h.Address.Node] = newHome(h, e.now)
			e.order = append(e.order, h.Address.Node)
		}
	case profile.TableContact:
		var c profile.Contact
		if c, err = profile.ParseContact(r); err == nil {
			e.contacts[c.ID] = newContact(c)
			e.byUser[c.User] = e.contacts[c.ID]
			e.lastID = max(e.lastID, c.ID)
		}
	case profile.TableConversation:
		err = e.restoreConversation(r)
	case profile.TableSeen:
		if len(r.Key) == 16 {
			e.seen[[16]byte(r.Key)] = r.Flags
		}
	case profile.TablePrekey:
		var p *session.Prekey
		if p, err = session.DecodePrekey(r.Data); err == nil {
			e.prekeys = append(e.prekeys, p)
		}
	case profile.TableSession:
		err = e.restoreSessions(r)
	case profile.TableOutbox:
		err = e.restoreItem(r)
	}
	return err
}

func (e *engine) restoreConversation(r Row) error {
	c := e.contacts[r.Conv]
	if c == nil {
		return wire.ErrValue.Because("a conversation without its contact")
	}
	snapshot, err := c.ParseConversation(r)
	if err != nil {
		return err
	}
	c.conv, err = message.Restore(e.conversation(c.User), snapshot)
	return err
}

func (e *engine) restoreSessions(r Row) error {
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

func (e *engine) restoreItem(r Row) error {
	i, p, err := profile.ParseItem(r)
	if err != nil {
		return err
	}
	if e.contacts[i.Lane.Contact] == nil {
		return wire.ErrValue.Because("an outbox row without its contact")
	}
	e.outbox.Add(i)
	if p != nil {
		e.parcels[i.ID] = p
	}
	e.lastItem = max(e.lastItem, i.ID)
	return nil
}

// restoreOutbox reads the messages that the outbox still has to deliver.
func (e *engine) restoreOutbox(ctx context.Context) error {
	for _, l := range e.outbox.Lanes() {
		for _, i := range e.outbox.Of(l) {
			row, ok, err := e.client.cfg.Store.Message(ctx, i.Message[:16])
			if err != nil {
				return err
			}
			if !ok {
				return wire.ErrValue.Because("an outbox row without its message")
			}
			m, err := profile.ParseMessage(row)
			if err != nil {
				return err
			}
			e.recent[short(m.ID)] = m
		}
	}
	return nil
}
