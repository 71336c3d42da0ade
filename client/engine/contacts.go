package engine

import (
	"errors"
	"slices"

	"zeroms/client/dispatch"
	"zeroms/client/profile"
	"zeroms/client/reach"
	"zeroms/client/view"
	"zeroms/protocol/card"
	"zeroms/protocol/key"
	"zeroms/protocol/message"
	"zeroms/protocol/wire"
)

// Errors about contacts.
var (
	ErrNoContact = view.ErrNoContact
	ErrSeveral   = view.ErrSeveral
	ErrOwnCard   = errors.New("client: this is your own card; give it to somebody else")
	ErrNoGateway = errors.New("client: you have no gateway yet; add one first (gateway add ADDRESS)")
	ErrBlocked   = errors.New("client: this contact is blocked; accept them first")
	ErrRequest   = errors.New("client: this is a request; accept it first")
	// ErrRemoved is returned for somebody who can't be reached any more.
	ErrRemoved = errors.New("client: this contact was removed; add them with a card of theirs first")
	// ErrUnreachable is returned for a card whose gateways are all inside a
	// network that none of the user's own gateways is in.
	ErrUnreachable = errors.New("client: the card names no gateway that can be reached from here; ask for a card made with a public gateway")
)

// contact is one person and the state of reaching them in this run.
type contact = dispatch.Contact

// meet makes a contact of somebody new; it is nobody's until admit.
func (e *Engine) meet(user key.IdentityPublic) *contact {
	c := dispatch.NewContact(profile.NewContact(user, e.now))
	c.ID = e.lastID + 1
	c.Record.Contact = c.ID
	c.Network, _ = e.account.Network()
	c.Conv = message.New(e.conversation(user))
	return c
}

// admit gives a new contact its place.
func (e *Engine) admit(c *contact) {
	e.lastID = c.ID
	e.contacts[c.ID], e.byUser[c.User] = c, c
	c.Dirty, c.ConvDirty = true, true
	e.indexContact(c)
}

// conversation tells whose conversation it is.
func (e *Engine) conversation(user key.IdentityPublic) message.Config {
	origin, _ := e.account.Self.List.Origin(e.account.Self.Device)
	return message.Config{
		Self: e.account.Self.User, Peer: user, Device: e.account.Self.Device, List: e.account.Self.List.Ref(), Origin: origin,
	}
}

func describe(c *contact) view.Contact {
	return view.OfContact(&c.Contact, c.Conv.Frozen(), c.Problem)
}

// changed reports a contact whose state changed.
func (e *Engine) changed(c *contact) { e.emit(view.ContactChanged{Contact: describe(c)}) }

// addCardOf makes the owner of a card a contact and greets them: the greeting
// sets up the session and carries our name.
func (e *Engine) addCardOf(k card.Card, alias string) (*contact, error) {
	_, anywhere := e.account.Network()
	switch {
	case k.User == e.account.Self.User:
		return nil, ErrOwnCard
	case k.Expired(e.now):
		return nil, wire.ErrExpired
	case !anywhere:
		return nil, ErrNoGateway
	}
	var gateways []profile.Gateway
	for _, g := range k.Gateways {
		gateways = append(gateways, profile.FromCard(g))
	}
	if gateways = reach.Within(e.account.Scope(), gateways); len(gateways) == 0 && len(k.Gateways) > 0 {
		return nil, ErrUnreachable
	}
	c := e.byUser[k.User]
	switch {
	case c == nil:
		c = e.meet(k.User)
		e.admit(c)
	case c.State == profile.Accepted && c.Shut:
		e.dispatch.Restart(c)
		c.State = profile.Removed // they have to be greeted again
	case c.State == profile.Removed:
		e.again(c)
	}
	if alias != "" {
		c.Alias = alias
	}
	if c.Called == "" {
		c.Called = k.Name
	}
	reach.FromCard(&c.Contact, &k, gateways)
	e.hurry()
	e.dispatch.NewDoor(c)
	return c, e.welcome(c)
}

// welcome makes a contact an accepted one, whatever they were, and greets them.
func (e *Engine) welcome(c *contact) error {
	greet := c.State != profile.Accepted
	c.State, c.Waiting, c.Dirty, c.ConvDirty = profile.Accepted, 0, true, true
	e.registerDrop(c)
	if greet && len(e.book.Devices(c.ID)) > 0 {
		e.dispatch.WantAck(c)
	}
	e.dispatch.Wake(c)
	e.changed(c)
	if !greet {
		return nil
	}
	return e.dispatch.Greet(c)
}

// block ends the intake from a contact. What was said stays.
func (e *Engine) block(c *contact) {
	c.State, c.Dirty, c.Problem = profile.Blocked, true, ""
	e.registerDrop(c)
	e.changed(c)
}

// sortedContacts returns everyone, by number.
func (e *Engine) sortedContacts() []*contact {
	out := make([]*contact, 0, len(e.contacts))
	for _, c := range e.contacts {
		out = append(out, c)
	}
	slices.SortFunc(out, func(a, b *contact) int { return int(a.ID) - int(b.ID) })
	return out
}
