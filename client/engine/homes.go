package engine

import (
	"time"

	"zeroms/client/account"
	"zeroms/client/home"
	"zeroms/client/view"
	"zeroms/protocol/key"
	"zeroms/protocol/wire"
)

// registerPause is the pause before a registration that failed is repeated.
const registerPause = 20 * time.Second

// host is the engine as its account and its dispatcher see it.
type host struct{ e *Engine }

// Now is the time of the turn.
func (h host) Now() time.Time { return h.e.now }

// Ask sends a request after the turn; its answer comes back into the loop.
func (h host) Ask(r home.Request, done func(home.Answered)) { h.e.ask(r, done) }

// After does something with the links after the turn.
func (h host) After(do func(account.Links)) { h.e.After(func() { do(links{h.e.pool, h.e}) }) }

// Changed reports a home whose state changed.
func (h host) Changed(g *account.Home) { h.e.emit(view.GatewayChanged{Gateway: h.e.gateway(g)}) }

// ContactChanged reports a contact whose state changed.
func (h host) ContactChanged(c *contact) { h.e.changed(c) }

// Told follows a contact who knows where else to write.
func (h host) Told(*contact) {
	h.e.drain()
	h.e.overlap()
}

// RetrySoon has registrations repeated in a while.
func (h host) RetrySoon() {
	h.e.alarms.Sooner(alarm{kind: alarmRegister}, h.e.now.Add(registerPause))
}

// Report takes what the account can't deal with alone.
func (h host) Report(n account.Notice) {
	switch n := n.(type) {
	case account.SetBack:
		h.e.log.Error(wire.ErrSetBack.Error())
	case account.LogLost:
		h.e.logLost(n.Node)
	case account.Fault:
		h.e.keepFault(n)
	}
}

// logLost follows the loss of a home's log: what lay there for others who share
// the gateway is sent again, and our drops are registered anew.
func (e *Engine) logLost(node key.NodePublic) {
	e.dispatch.LogLost(node)
	for _, c := range e.contacts {
		if c.Registered[node] {
			delete(c.Registered, node)
			c.Dirty = true
		}
	}
	e.registerDrops()
}

// ask sends a request after the turn; its answer comes back into the loop.
func (e *Engine) ask(r home.Request, done func(home.Answered)) {
	e.lastToken++
	r.Token = e.lastToken
	e.waiting[r.Token] = done
	e.After(func() { e.pool.Send(r) })
}

// LinkEvent takes what the Pool reports.
func (e *Engine) LinkEvent(ev home.Event) {
	switch ev := ev.(type) {
	case home.Connected:
		if e.account.Connected(ev) != nil {
			e.presence.Connected(ev.Gateway)
			e.choice.Connected(ev)
			e.registerDrops()
			e.hurry()
			e.dispatch.WakeAll()
		}
	case home.Greeted:
		e.account.Greeted(ev)
	case home.Disconnected:
		e.account.Disconnected(ev)
		e.presence.Disconnected()
	case home.Pushed:
		e.account.Pushed(ev, e.receive)
		for i := range ev.Rows {
			e.unacked += len(ev.Rows[i].Payload)
		}
		e.alarms.Sooner(alarm{kind: alarmRows}, e.now.Add(Patience))
		e.concludeAll()
	case home.Answered:
		if done := e.waiting[ev.Token]; done != nil {
			delete(e.waiting, ev.Token)
			done(ev)
		}
	case home.Head:
		e.account.HeadSeen(ev)
	}
}

// hurry ends every pause: the network is back.
func (e *Engine) hurry() {
	e.dispatch.Hurry()
	for _, c := range e.contacts {
		c.Repair.Hurry(e.now)
		e.armRepair(c)
	}
}

// drain ends homes that are drained, and looks again in time.
func (e *Engine) drain() {
	over, next := e.account.Drained(e.dispatch.AllTold())
	for _, node := range over {
		if err := e.RemoveGateway(node); err != nil {
			e.log.Error("a drained gateway could not be left", "error", err)
		}
	}
	if !next.IsZero() {
		e.alarms.Sooner(alarm{kind: alarmDrain}, next)
	}
}

// registerDrops makes every contact's drop what it should be at every home.
func (e *Engine) registerDrops() {
	for _, c := range e.contacts {
		e.registerDrop(c)
	}
}

// registerDrop makes the contact's drop what it should be at every home.
func (e *Engine) registerDrop(c *contact) {
	e.account.RegisterDrop(&c.Contact, func() {
		c.Dirty = true
		e.dispatch.Wake(c)
	})
}

// at is where a row of a home lay.
func at(h *account.Home, row *wire.Push) account.Place {
	return account.Place{Node: h.Address.Node, Drop: row.Drop}
}
