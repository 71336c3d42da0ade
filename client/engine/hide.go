package engine

import (
	"zeroms/client/account"
	"zeroms/client/profile"
	"zeroms/client/view"
	"zeroms/protocol/key"
	"zeroms/protocol/message"
)

// Who shall not find the user any more: contacts are removed, and the address
// secret by which removed people still find the user is renewed.

// Remove makes somebody a contact no more: nothing is left that reaches them, and
// they write again only by a card, like strangers. The history stays; with names
// what they were called goes too. Errors: ErrNoContact.
func (e *Engine) Remove(id view.ContactID, names bool) (view.Contact, error) {
	c, err := e.contact(id)
	if err != nil {
		return view.Contact{}, err
	}
	e.dispatch.Leave(c)
	c.Contact.Remove(names)
	if names {
		c.Record.Erased, c.Record.Lost = nil, nil
	}
	e.alarms.Cancel(alarm{kind: alarmRepair, contact: c.ID})
	e.presence.Forget(c.User)
	e.registerDrop(c)
	e.changed(c)
	e.overlap()
	e.drain()
	return describe(c), nil
}

// RemoveMessages erases messages of a removed contact with everything about them, but
// for the header of the newest own one, which the next one names if they meet again.
// Errors: ErrNoContact, history.ErrNotFound.
func (e *Engine) RemoveMessages(id view.ContactID, ids []message.ID) error {
	c, err := e.contact(id)
	if err != nil || c.State != profile.Removed {
		return ErrNoContact
	}
	for _, id := range ids {
		m, err := e.history.Find(id)
		switch {
		case err != nil:
			return err
		case m.Contact != c.ID:
			return ErrNoContact
		case m.Outgoing && m.Seq == (shelf{e, c}).Newest(m.Device):
			m.Erase()
			e.history.Change(m)
		default:
			e.gone = append(e.gone, profile.Ref{Table: profile.TableMessage, Key: profile.MessageKey(m.ID)})
		}
	}
	return nil
}

// RenewAddress replaces the address secret: contacts learn the new one, and whoever
// else knows the old one finds nothing by it once they have. It returns what stops
// working. Errors: ErrNoGateway, account.ErrOverlap, wire.ErrSetBack.
func (e *Engine) RenewAddress() (view.Address, error) {
	if _, ok := e.account.Network(); !ok {
		return view.Address{}, ErrNoGateway
	}
	stopping := e.account.Stopping()
	k, err := e.account.Renew()
	if err != nil {
		return view.Address{}, err
	}
	e.movedTo()
	e.dispatch.WakeAll()
	e.emit(view.AddressChanged{Renewal: e.renewal()})
	e.overlap()
	out, err := e.Address()
	if err == nil {
		out.Stopping, err = e.account.DescribeAll(stopping)
	}
	if err == nil {
		out.Card, err = e.account.Describe(k)
	}
	return out, err
}

// Address tells which cards stop working with the end of the overlap, or, if there
// is none, with a renewal of the address.
func (e *Engine) Address() (out view.Address, err error) {
	out = view.Address{Renewal: e.renewal(), Public: e.account.PublicCard() != nil}
	for _, c := range e.contacts {
		if c.State == profile.Accepted && e.dispatch.Knows(c) {
			out.Contacts++
		}
	}
	out.Stopping, err = e.account.DescribeAll(e.account.Stopping())
	return out, err
}

// renewal tells of an overlap; its zero value: there is none.
func (e *Engine) renewal() (r view.Renewal) {
	if r.Ends = e.account.Ends(); !r.Ends.IsZero() {
		r.Since, r.Untold = e.account.Self.Renewed, e.dispatch.Untold()
	}
	return r
}

// overlap ends the time in which the address before still works, once every contact
// knows the present one or it has lasted long enough, and looks again in time.
func (e *Engine) overlap() {
	r := e.renewal()
	switch {
	case r.Ends.IsZero():
		return
	case r.Untold > 0 && e.now.Before(r.Ends):
		e.alarms.Sooner(alarm{kind: alarmDrain}, r.Ends)
		return
	}
	e.account.EndOverlap()
	e.movedTo()
	e.emit(view.AddressChanged{})
}

// stranger is somebody who writes first, by a card: new, or removed before.
func (e *Engine) stranger(user key.IdentityPublic, k *account.Card) *contact {
	c := e.byUser[user]
	if c == nil {
		c = e.meet(user)
	}
	c.State, c.Via = profile.Requested, k.ID
	return c
}

// again prepares a removed contact for being one once more. What they write to is
// new, unless the old drop still stands somewhere.
func (e *Engine) again(c *contact) {
	if len(c.Registered) == 0 {
		c.Mine = key.NewDropSecret()
		e.indexDrops()
	}
	c.Added, c.Dirty = e.now, true
	c.Network, _ = e.account.Network()
}
