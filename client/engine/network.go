package engine

import (
	"zeroms/client/presence"
	"zeroms/client/profile"
	"zeroms/client/publish"
	"zeroms/client/view"
	"zeroms/protocol/key"
)

// movedTo has what is published looked at in this turn.
func (e *Engine) movedTo() { e.presence.Changed() }

// publish moves on what is published.
func (e *Engine) publish() {
	if next := e.presence.Advance(); !next.IsZero() {
		e.alarms.Set(alarm{kind: alarmPublish}, next)
	}
}

// farewell takes back what a home would go on publishing.
func (e *Engine) farewell(node key.NodePublic) {
	for _, r := range e.presence.Farewell(node) {
		e.After(func() { e.pool.Send(r) })
	}
}

// Seek finds where a contact receives, for the dispatcher.
func (h host) Seek(c *contact, done func(leases []profile.Gateway, err error)) {
	who := presence.Person{User: c.User, Secret: c.Secret, Network: c.Network}
	h.e.presence.Seek(who, len(c.Gateways)+len(c.Leases) > 0, func(f *publish.Found, err error) {
		if err != nil {
			done(nil, err)
			return
		}
		done(presence.Gateways(f), nil)
	})
}

// Lookup finds what a person has published, by the address secret of their card; a
// zero one: by key alone. done is called in the loop. Errors: ErrNoGateway, and those of
// presence.Presence.Lookup.
func (e *Engine) Lookup(user key.IdentityPublic, secret key.AddressSecret, done func(view.Found, error)) {
	if _, anywhere := e.account.Network(); !anywhere {
		done(view.Found{}, ErrNoGateway)
		return
	}
	e.presence.Lookup(user, secret, done)
}

// LookupContact is Lookup of a contact. Errors: Lookup's, ErrNoContact.
func (e *Engine) LookupContact(id view.ContactID, done func(view.Found, error)) {
	c, err := e.contact(id)
	if err != nil {
		done(view.Found{}, err)
		return
	}
	e.Lookup(c.User, c.Secret, done)
}
