package engine

import (
	"zeroms/client/home"
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

// parting is a home that is told a last thing: its link ends with the answers.
type parting struct {
	from  home.Target
	waits int // for answers
}

// farewell takes back what a home would go on publishing.
func (e *Engine) farewell(node key.NodePublic) {
	all, hash := e.presence.Farewell(node), key.GatewayHashOf(node)
	if len(all) == 0 {
		return
	}
	p := &parting{from: e.account.Home(node).Target(), waits: len(all)}
	e.partings[hash] = p
	for _, r := range all {
		e.ask(r, func(home.Answered) {
			if p.waits--; p.waits == 0 && e.partings[hash] == p {
				e.part(hash)
			}
		})
	}
}

// part ends the link to a home that is parted from, if there is one.
func (e *Engine) part(hash key.GatewayHash) {
	if p := e.partings[hash]; p != nil {
		delete(e.partings, hash)
		e.After(func() { e.pool.Close(p.from) })
	}
}

// links are the connections to gateways, of which those to be parted from close later.
type links struct {
	*home.Pool
	e *Engine
}

// Close implements account.Links.
func (l links) Close(t home.Target) {
	if l.e.partings[t.Hash()] == nil {
		l.Pool.Close(t)
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
