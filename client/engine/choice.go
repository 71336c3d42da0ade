package engine

import (
	"zeroms/client/choice"
	"zeroms/client/home"
	"zeroms/client/view"
	"zeroms/protocol/key"
)

// measured adds to a home what was seen of it.
func (e *Engine) measured(g *view.Gateway) {
	hash := key.GatewayHashOf(g.Node)
	g.Held, g.Taken = e.dispatch.Held()[hash], e.dispatch.Took(hash)
	e.choice.Describe(g)
}

// OtherGateways asks a home for gateways of the network that could be homes too. done
// is called in the loop. Errors: ErrNoGateway, and those of choice.Choice.Ask.
func (e *Engine) OtherGateways(node key.NodePublic, done func([]choice.Offer, error)) {
	if _, anywhere := e.account.Network(); !anywhere {
		done(nil, ErrNoGateway)
		return
	}
	e.choice.Ask(node, done)
}

// RankGateways puts offers in the order in which they would be good homes.
func (e *Engine) RankGateways(offers []choice.Offer) []choice.Offer { return e.choice.Rank(offers) }

// SetDirect changes whether gateways that are no homes may be connected to. What waits
// for a way is tried at once.
func (e *Engine) SetDirect(d home.Direct) {
	e.After(func() { e.pool.SetDirect(d) })
	e.hurry()
	e.dispatch.WakeAll()
}
