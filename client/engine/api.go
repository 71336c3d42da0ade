package engine

import (
	"errors"
	"maps"
	"math"
	"time"
	"unicode/utf8"

	"zeroms/client/account"
	"zeroms/client/delivery"
	"zeroms/client/profile"
	"zeroms/client/view"
	"zeroms/protocol/card"
	"zeroms/protocol/key"
	"zeroms/protocol/message"
	"zeroms/protocol/wire"
)

// ErrTooLong is returned for texts that no message can carry.
var ErrTooLong = errors.New("client: the text is too long; send at most 14,000 bytes at once")

// Send queues a text for a contact. Errors: ErrNoContact, ErrBlocked,
// ErrRequest, ErrTooLong.
func (e *Engine) Send(to view.ContactID, text string) (view.Message, error) {
	switch {
	case !utf8.ValidString(text):
		return view.Message{}, errors.New("client: the text is not valid UTF-8")
	case len(text) > message.MaxText:
		return view.Message{}, ErrTooLong
	case len(text) == 0:
		return view.Message{}, errors.New("client: there is nothing to send: the text is empty")
	}
	c, err := e.writable(to)
	if err != nil {
		return view.Message{}, err
	}
	m, err := e.dispatch.Compose(c, &message.Text{Text: text})
	if err != nil {
		return view.Message{}, err
	}
	return view.Describe(m), nil
}

// contact returns a known contact.
func (e *Engine) contact(id view.ContactID) (*contact, error) {
	if c := e.contacts[id]; c != nil {
		return c, nil
	}
	return nil, ErrNoContact
}

// writable returns a contact that may be written to.
func (e *Engine) writable(id view.ContactID) (*contact, error) {
	c, err := e.contact(id)
	switch {
	case err != nil:
		return nil, err
	case e.account.Stopped():
		return nil, wire.ErrSetBack
	case c.State == profile.Blocked:
		return nil, ErrBlocked
	case c.State == profile.Requested:
		return nil, ErrRequest
	case c.State == profile.Removed:
		return nil, ErrRemoved
	}
	return c, nil
}

// Find looks a contact up by #number, name or user ID text. Errors:
// ErrNoContact, ErrSeveral.
func (e *Engine) Find(who string) (view.Contact, error) {
	return view.Find(append(e.Contacts(false), e.Contacts(true)...), who)
}

// Contacts lists everyone, requests and blocked ones included, by number; or those
// who were removed.
func (e *Engine) Contacts(removed bool) (out []view.Contact) {
	for _, c := range e.sortedContacts() {
		if (c.State == profile.Removed) == removed {
			out = append(out, describe(c))
		}
	}
	return out
}

// Add makes the owner of a card a contact, under a name of the user's choice
// or, if alias is empty, the card's. Errors: ErrOwnCard, ErrNoGateway,
// ErrUnreachable, wire.ErrExpired, wire.ErrWrongKind.
func (e *Engine) Add(k card.Card, alias string) (view.Contact, error) {
	c, err := e.addCardOf(k, alias)
	if err != nil {
		return view.Contact{}, err
	}
	return describe(c), nil
}

// Accept takes a request, or a blocked contact back. Errors: ErrNoContact, ErrRemoved.
func (e *Engine) Accept(id view.ContactID) (view.Contact, error) {
	c, err := e.contact(id)
	if err == nil && (c.State == profile.Removed || c.State == profile.Blocked && c.Theirs.IsZero() && c.Secret.IsZero()) {
		err = ErrRemoved // there is nothing that leads to them
	}
	if err != nil {
		return view.Contact{}, err
	}
	if c.State != profile.Accepted {
		if err := e.welcome(c); err != nil {
			return view.Contact{}, err
		}
	}
	return describe(c), nil
}

// Block ends the intake from a contact or request. Errors: ErrNoContact.
func (e *Engine) Block(id view.ContactID) error {
	c, err := e.contact(id)
	if err == nil && c.State != profile.Blocked {
		e.block(c)
	}
	return err
}

// Verify marks a contact as verified, or takes that back. Errors: ErrNoContact.
func (e *Engine) Verify(id view.ContactID, verified bool) error {
	c, err := e.contact(id)
	if err != nil {
		return err
	}
	c.Verified, c.Dirty = verified, true
	e.changed(c)
	return nil
}

// Identities are this user's and a contact's keys, which both compare. Errors: ErrNoContact.
func (e *Engine) Identities(id view.ContactID) (self, peer key.IdentityPublic, err error) {
	c, err := e.contact(id)
	if err != nil {
		return self, peer, err
	}
	return e.account.Self.User, c.User, nil
}

// Rename gives a contact another name here; empty: the one they call themselves.
// Errors: ErrNoContact.
func (e *Engine) Rename(id view.ContactID, alias string) (view.Contact, error) {
	c, err := e.contact(id)
	if err != nil {
		return view.Contact{}, err
	}
	if c.Alias != alias {
		c.Alias, c.Dirty = alias, true
		e.changed(c)
	}
	return describe(c), nil
}

// SetName changes what the user is called, and tells all contacts. Who is accepted
// later learns it then. Errors: wire.ErrSetBack.
func (e *Engine) SetName(name string) error {
	switch {
	case e.account.Stopped():
		return wire.ErrSetBack
	case e.account.Self.Name == name:
		return nil
	}
	e.account.SetName(name)
	e.dispatch.TellName()
	return nil
}

// Cards lists the cards given out, oldest first.
func (e *Engine) Cards() (out []view.Card, err error) {
	out, err = e.account.DescribeAll(e.account.Cards())
	for i := range out {
		out[i].Given = e.given(out[i].ID)
	}
	return out, err
}

// Card returns the newest card that works. Errors: ErrNoGateway.
func (e *Engine) Card() (view.Card, error) {
	return e.shownCard(e.account.NewestCard())
}

// NewCard makes a further card, which can be revoked without touching others.
// Errors: ErrNoGateway.
func (e *Engine) NewCard() (view.Card, error) {
	if _, ok := e.account.Network(); !ok {
		return view.Card{}, ErrNoGateway
	}
	return e.shownCard(e.account.AddCard())
}

// PublicCard makes the one card that may be shown to everybody, or changes the
// work that its door takes: so many zero bits, 0 for the least. With byKey the user
// is found by their ID alone; a card that is not like that is revoked. Errors:
// ErrNoGateway, wire.ErrValue.
func (e *Engine) PublicCard(bits uint8, byKey bool) (view.Card, error) {
	if _, ok := e.account.Network(); !ok {
		return view.Card{}, ErrNoGateway
	}
	e.movedTo()
	k, err := e.account.MakePublic(bits, byKey)
	if err != nil {
		return view.Card{}, err
	}
	return e.shownCard(k)
}

// RevokeCard closes a card's door: nobody can use it to write first any more.
func (e *Engine) RevokeCard(id key.CardID) error {
	e.movedTo()
	return e.account.RevokeCard(id)
}

// AddGateway makes a gateway a home, or gives a home a new address.
func (e *Engine) AddGateway(a card.Address) (view.Gateway, error) {
	e.part(key.GatewayHashOf(a.Node))
	h, err := e.account.AddHome(a)
	if err != nil {
		return view.Gateway{}, err
	}
	e.indexDrops()
	e.movedTo()
	return e.gateway(h), nil
}

// RemoveGateway ends a home. Contacts learn the remaining addresses in-band.
func (e *Engine) RemoveGateway(node key.NodePublic) error {
	e.farewell(node)
	if err := e.account.RemoveHome(node); err != nil {
		return err
	}
	for _, c := range e.contacts {
		if c.Registered[node] {
			delete(c.Registered, node)
			c.Dirty = true
		}
	}
	e.indexDrops()
	e.movedTo()
	e.dispatch.WakeAll()
	e.emit(view.GatewayRemoved{Node: node})
	return nil
}

// DrainGateway has contacts sent to the other homes, and ends this one once all
// of them know. Errors: account.ErrNoHome, account.ErrLast.
func (e *Engine) DrainGateway(node key.NodePublic) (view.Gateway, error) {
	h, err := e.account.Drain(node)
	if err != nil {
		return view.Gateway{}, err
	}
	e.dispatch.WakeAll()
	e.movedTo()
	e.drain()
	return e.gateway(h), nil
}

// Gateways lists the home gateways in the order of their addition.
func (e *Engine) Gateways() (out []view.Gateway) {
	for _, h := range e.account.Homes() {
		out = append(out, e.gateway(h))
	}
	return out
}

// Status sums the profile up.
func (e *Engine) Status() view.Status {
	s := view.Status{
		User: e.account.Self.User, Name: e.account.Self.Name, Device: e.account.Self.Device,
		Requests: e.requests(), Waiting: e.dispatch.Count(delivery.Waiting) + e.dispatch.Count(delivery.Sending),
		Pending: len(e.waiting), Custody: e.dispatch.Count(delivery.Custody), Failed: e.dispatch.Count(delivery.Failed), Ignored: e.ignored,
	}
	for _, c := range e.contacts {
		if c.State != profile.Removed && c.State != profile.Requested {
			s.Contacts++
		}
	}
	s.Gateways, s.Repairs, s.SetBack, s.Renewal = e.Gateways(), e.repairs(), e.account.Stopped(), e.renewal()
	s.Held = maps.Clone(e.dispatch.Held())
	if lacks, sure := e.account.Clock(); sure && lacks.Abs() > wire.ClockTolerance {
		s.Clock = lacks
	}
	return s
}

// MarkRead tells a contact, with a read mark, that everything of theirs shown
// so far was read, and clears the count of unread messages. Errors: ErrNoContact.
func (e *Engine) MarkRead(id view.ContactID) error {
	if err := e.MarkSeen(id); err != nil {
		return err
	}
	c := e.contacts[id]
	if c.State != profile.Accepted {
		return nil
	}
	for _, id := range e.book.Devices(c.ID) {
		if c.Conv.MarkRead(c.Party(id), math.MaxUint32) {
			c.ConvDirty = true
		}
	}
	marks := c.Conv.ReadMarks()
	if marks == nil {
		return nil
	}
	_, err := e.dispatch.Compose(c, marks)
	return err
}

// MarkSeen clears the count of unread messages and tells nobody. Errors: ErrNoContact.
func (e *Engine) MarkSeen(id view.ContactID) error {
	c, err := e.contact(id)
	if err == nil && c.Unread > 0 {
		c.Unread, c.ConvDirty = 0, true
		e.changed(c)
	}
	return err
}

// ReadUpto is up to which own message a contact has read, and when that was
// last news. Errors: ErrNoContact.
func (e *Engine) ReadUpto(id view.ContactID) (seq uint32, at time.Time, err error) {
	c, err := e.contact(id)
	if err != nil {
		return 0, at, err
	}
	return c.Conv.ReadUpto(e.ownParty()), c.ReadAt, nil
}

// gateway describes a home.
func (e *Engine) gateway(h *account.Home) view.Gateway {
	g := h.Describe()
	g.Faults = e.faults(h.Address.Node)
	g.Published = e.presence.At(h.Address.Node)
	e.measured(&g)
	for _, c := range e.contacts {
		if c.Registered[h.Address.Node] {
			g.Drops++
		}
	}
	return g
}

// shownCard is a card to hand out, for which there has to be a gateway.
func (e *Engine) shownCard(k *account.Card) (view.Card, error) {
	if _, ok := e.account.Network(); !ok {
		return view.Card{}, ErrNoGateway
	}
	shown, err := e.account.Describe(k)
	shown.Given = e.given(k.ID)
	return shown, err
}

// given counts who came by a card.
func (e *Engine) given(id key.CardID) (n int) {
	for _, c := range e.contacts {
		if c.Via == id {
			n++
		}
	}
	return n
}
