package client

import (
	"time"

	"zeroms/client/account"
	"zeroms/client/home"
	"zeroms/protocol/card"
	"zeroms/protocol/key"
	"zeroms/protocol/wire"
)

// registerPause is the pause before a registration that failed is repeated.
const registerPause = 20 * time.Second

// host is the engine as its account sees it.
type host struct{ e *engine }

// Now is the time of the turn.
func (h host) Now() time.Time { return h.e.now }

// Ask sends a request after the turn; its answer comes back into the loop.
func (h host) Ask(r home.Request, done func(home.Answered)) { h.e.ask(r, done) }

// After does something with the links after the turn.
func (h host) After(do func(*home.Pool)) { h.e.after(func() { do(h.e.pool) }) }

// Changed reports a home whose state changed.
func (h host) Changed(g *account.Home) { h.e.emit(GatewayChanged{h.e.gateway(g)}) }

// RetrySoon has registrations repeated in a while.
func (h host) RetrySoon() {
	h.e.alarms.Sooner(alarm{kind: alarmRegister}, h.e.now.Add(registerPause))
}

// ask sends a request after the turn; its answer comes back into the loop.
func (e *engine) ask(r home.Request, done func(home.Answered)) {
	e.lastToken++
	r.Token = e.lastToken
	e.waiting[r.Token] = done
	e.after(func() { e.pool.Send(r) })
}

// linkEvent routes what the Pool reports.
func (e *engine) linkEvent(ev home.Event) {
	switch ev := ev.(type) {
	case home.Connected:
		if e.account.Connected(ev) != nil {
			e.registerDrops()
			e.outbox.Hurry()
			e.wakeAll()
		}
	case home.Disconnected:
		e.account.Disconnected(ev)
	case home.Pushed:
		e.account.Pushed(ev, e.receive)
	case home.Answered:
		if done := e.waiting[ev.Token]; done != nil {
			delete(e.waiting, ev.Token)
			done(ev)
		}
	case home.Head:
		e.account.HeadSeen(ev)
	}
}

// registerDrops makes every contact's drop what it should be at every home.
func (e *engine) registerDrops() {
	for _, c := range e.contacts {
		e.registerDrop(c)
	}
}

// registerDrop makes the contact's drop what it should be at every home.
func (e *engine) registerDrop(c *contact) {
	e.account.RegisterDrop(&c.Contact, func() {
		c.dirty = true
		e.wake(c)
	})
}

// addGateway makes a gateway a home, or gives a home a new address.
func (e *engine) addGateway(a card.Address) (Gateway, error) {
	h, err := e.account.AddHome(a)
	if err != nil {
		return Gateway{}, err
	}
	e.indexDrops()
	return e.gateway(h), nil
}

// removeGateway ends a home. Contacts learn the remaining addresses in-band.
func (e *engine) removeGateway(node key.NodePublic) error {
	if err := e.account.RemoveHome(node); err != nil {
		return err
	}
	for _, c := range e.contacts {
		if c.Registered[node] {
			delete(c.Registered, node)
			c.dirty = true
		}
	}
	e.indexDrops()
	e.wakeAll()
	e.emit(GatewayRemoved{node})
	return nil
}

// gateway describes a home.
func (e *engine) gateway(h *account.Home) Gateway {
	g := h.Describe()
	for _, c := range e.contacts {
		if c.Registered[h.Address.Node] {
			g.Drops++
		}
	}
	return g
}

// gateways describes every home, in the order of their addition.
func (e *engine) gateways() (out []Gateway) {
	for _, h := range e.account.Homes() {
		out = append(out, e.gateway(h))
	}
	return out
}

// describeCard shows a card with the gateways of now.
func (e *engine) describeCard(k *account.Card) (Card, error) {
	text, err := e.account.CardText(k)
	return Card{ID: k.ID, Created: k.Created, Revoked: k.Revoked, Text: text}, err
}

// shownCard is a card to hand out, for which there has to be a gateway.
func (e *engine) shownCard(k *account.Card) (Card, error) {
	if _, ok := e.account.Network(); !ok {
		return Card{}, ErrNoGateway
	}
	return e.describeCard(k)
}

// at is where a row of a home lay.
func at(h *account.Home, row *wire.Push) account.Place {
	return account.Place{Node: h.Address.Node, Drop: row.Drop}
}
