package client

import (
	"context"
	"errors"
	"slices"
	"time"

	"zeroms/client/account"
	"zeroms/client/choice"
	"zeroms/client/engine"
	"zeroms/client/home"
	"zeroms/protocol/address"
	"zeroms/protocol/key"
)

// What gateways are looked for by, and what is found: see package choice.
type (
	// Search is what gateways are looked for.
	Search = choice.Search
	// Offer is a gateway of the network that could be a home.
	Offer = choice.Offer
	// Direct says whether gateways that are no homes may be connected to.
	Direct = home.Direct
)

// The settings of Direct.
const (
	Fallback = home.Fallback // if no home can bring messages there
	Always   = home.Always   // without asking a home
	Never    = home.Never
)

// ErrNoOffer is returned if the homes know no gateway that would do.
var ErrNoOffer = choice.ErrNone

// SetDirect changes whether gateways that are no homes may be connected to. Never holds
// at once: what waited for such a connection takes another way, and one that is open
// ends when what was sent over it has its answer.
func (c *Client) SetDirect(ctx context.Context, d Direct) error {
	return do(ctx, c, func(e *engine.Engine) error {
		e.SetDirect(d)
		return nil
	})
}

// desk is the client as a search sees it.
type desk struct{ *Client }

// Up are the homes that are connected.
func (d desk) Up(ctx context.Context) (up []key.NodePublic, err error) {
	all, err := d.Gateways(ctx)
	if err == nil && len(all) == 0 {
		err = ErrNoGateway
	}
	for _, g := range all {
		if g.Up {
			up = append(up, g.Node)
		}
	}
	return up, err
}

// Ask asks a home for other gateways.
func (d desk) Ask(ctx context.Context, node key.NodePublic) ([]Offer, error) {
	return await(ctx, d.Client, func(e *engine.Engine, done func([]Offer, error)) { e.OtherGateways(node, done) })
}

// Probe measures a gateway.
func (d desk) Probe(ctx context.Context, t home.Target) (*home.Probed, error) {
	return d.pool.Probe(ctx, t)
}

// Rank puts offers in order.
func (d desk) Rank(ctx context.Context, offers []Offer) ([]Offer, error) {
	return ask(ctx, d.Client, func(e *engine.Engine) []Offer { return e.RankGateways(offers) })
}

// FindGateways asks the homes for other gateways of the network, measures them and
// returns the best, best first. It waits for all that. Errors: ErrNoGateway,
// ErrNoOffer, wire.ErrLinkClosed if no home is connected, wire.ErrNotServing if none is
// part of a network.
func (c *Client) FindGateways(ctx context.Context, s Search) ([]Offer, error) {
	return choice.Find(ctx, desk{c}, s)
}

// settling is how long a new home may take to connect, working one that takes work for
// an account, and looking how often that is looked at.
const (
	settling = 20 * time.Second
	working  = 3 * time.Minute
	looking  = 50 * time.Millisecond
)

// Used is what UseGateways did.
type Used struct {
	// Added are the new homes.
	Added []Gateway
	// Drained are homes that could not be reached, which others take the place of.
	Drained []Gateway
	// Refused are offers that were tried and did not become homes, with their Problem.
	Refused []Offer
	// Have is how many homes are connected now.
	Have int
}

// UseGateways makes the best of the offers homes, until n homes are connected. Once
// there are so many, homes that could not be reached are drained. Errors: ErrTooMany if
// there is no room beside them.
func (c *Client) UseGateways(ctx context.Context, n int, offers []Offer) (used Used, err error) {
	lost, err := c.tally(ctx, &used)
	if err != nil {
		return used, err
	}
	for _, o := range offers {
		if used.Have >= n {
			break
		}
		if o.Problem != nil || !o.Open() {
			continue
		}
		g, err := c.settle(ctx, o)
		switch {
		case err != nil && (errors.Is(err, account.ErrTooMany) || ctx.Err() != nil):
			return used, err
		case err != nil:
			o.Problem = err
			used.Refused = append(used.Refused, o)
		default:
			used.Added = append(used.Added, g)
			used.Have++
		}
	}
	if used.Have < n || len(used.Added) == 0 {
		return used, nil
	}
	for _, node := range lost {
		all, err := c.Gateways(ctx)
		if err != nil {
			return used, err
		}
		if slices.ContainsFunc(all, func(g Gateway) bool { return g.Node == node && g.Up }) {
			continue // it is back
		}
		g, err := c.DrainGateway(ctx, node)
		if err != nil {
			return used, err
		}
		used.Drained = append(used.Drained, g)
	}
	return used, nil
}

// tally counts the homes that receive and are connected, and returns those that can't be
// reached.
func (c *Client) tally(ctx context.Context, used *Used) (lost []key.NodePublic, err error) {
	all, err := c.Gateways(ctx)
	for _, g := range all {
		switch {
		case !g.Draining.IsZero():
		case g.Up:
			used.Have++
		default:
			lost = append(lost, g.Node)
		}
	}
	return lost, err
}

// settle makes an offer a home, and takes that back if it does not connect.
func (c *Client) settle(ctx context.Context, o Offer) (g Gateway, err error) {
	if g, err = c.AddGateway(ctx, o.Address); err != nil {
		return g, err
	}
	look := time.NewTicker(looking)
	defer look.Stop()
	most := settling
	if o.Flags&address.TakesAll == 0 {
		most = working
	}
	for end := time.Now().Add(most); ; {
		all, err := c.Gateways(ctx)
		if err != nil {
			return g, err
		}
		for _, now := range all {
			if now.Node == g.Node {
				g = now
			}
		}
		switch {
		case g.Up:
			return g, nil
		case time.Now().After(end), g.Retry.After(end):
			return g, errors.Join(errors.New(g.Problem), c.RemoveGateway(ctx, g.Node))
		}
		select {
		case <-ctx.Done():
			return g, ctx.Err()
		case <-look.C:
		}
	}
}
