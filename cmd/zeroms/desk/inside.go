package desk

import (
	"context"
	"path/filepath"

	"zeroms/client"
	"zeroms/cmd/zeroms/inside"
	"zeroms/cmd/zms/owner"
	"zeroms/protocol/card"
	"zeroms/protocol/key"
	"zeroms/ui/model"
)

// insideDir is the directory of the gateway inside, as zeroms-gateway --data names it.
func insideDir(dir string) string { return filepath.Join(dir, "gateway") }

// within is model.Inside.
type within struct {
	*inside.Gateway
	client *client.Client
}

// Start implements model.Inside.
func (w within) Start(ctx context.Context, open bool) (model.InsideState, error) {
	wish, err := wishOf(ctx, w.client)
	if err != nil {
		return w.State(), err
	}
	wish.Open = open
	return w.Gateway.Start(ctx, wish)
}

// wishOf is the network that the gateway inside has to be part of to be a home beside
// the others, and by whom it gets to know it.
func wishOf(ctx context.Context, c *client.Client) (wish inside.Wish, err error) {
	gateways, err := c.Gateways(ctx)
	if err != nil {
		return wish, err
	}
	for _, g := range gateways {
		if a, err := card.ParseAddress(g.Address); err == nil {
			wish.Others = append(wish.Others, a)
		}
	}
	return wish, nil
}

// runInside starts the gateway inside if it starts with the app, and follows it to other
// addresses: if it is a home, contacts have to hear where it is now.
func (d *Desk) runInside(ctx context.Context, p *owner.Profile) {
	if s := p.Kept.Desk(); s.Inside {
		if _, err := (within{d.inside, p.Client}).Start(ctx, s.InsideOpen); err != nil && ctx.Err() == nil {
			d.cfg.Log.Warn("the gateway inside of the app does not run", "error", err)
		}
	}
	for {
		moved := d.inside.Moved()
		if now := d.inside.State(); now.Running {
			if err := d.follow(ctx, p.Client, now.Address); err != nil && ctx.Err() == nil {
				d.cfg.Log.Warn("the new address of the gateway inside of the app was not noted", "error", err)
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-moved:
		}
	}
}

// follow notes where a home is now. The invitation in the address is for who is no
// member yet.
func (d *Desk) follow(ctx context.Context, c *client.Client, at card.Address) error {
	gateways, err := c.Gateways(ctx)
	if err != nil {
		return err
	}
	for _, g := range gateways {
		before, err := card.ParseAddress(g.Address)
		if err != nil || before.Node != at.Node || before.Endpoint() == at.Endpoint() {
			continue
		}
		if g.Current {
			at.Invite = key.Invite{}
		}
		_, err = c.AddGateway(ctx, at)
		return err
	}
	return nil
}
