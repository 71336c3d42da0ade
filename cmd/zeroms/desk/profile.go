package desk

import (
	"context"
	"time"

	"zeroms/client"
	"zeroms/cmd/zms/owner"
	"zeroms/protocol/card"
	"zeroms/protocol/link"
	"zeroms/ui/model"
)

// defaultOffers is how many gateways are looked for unless the search says.
const defaultOffers = 10

// profile is what the screens see of a profile that this process owns.
func (d *Desk) profile(p *owner.Profile) *model.Profile {
	return &model.Profile{
		Talk: talk{p.Client}, People: people{p.Client}, Proof: p.Client, Cards: p.Client, Homes: homes{p.Client, p},
		Nearby: nearby{p}, Self: self{desk: d, p: p, since: time.Now()}, Notes: notes{p.Kept}, Safe: safe{p}, Inside: within{d.inside, p.Client},
	}
}

// talk is model.Talk.
type talk struct{ *client.Client }

// MarkRead implements model.Talk.
func (t talk) MarkRead(ctx context.Context, id client.ContactID, tell bool) error {
	if tell {
		return t.Client.MarkRead(ctx, id)
	}
	return t.MarkSeen(ctx, id)
}

// people is model.People.
type people struct{ *client.Client }

// Add implements model.People.
func (p people) Add(ctx context.Context, k card.Card, alias string) (client.Contact, error) {
	if err := checkName(alias); err != nil {
		return client.Contact{}, err
	}
	return p.Client.Add(ctx, k, alias)
}

// Rename implements model.People.
func (p people) Rename(ctx context.Context, id client.ContactID, alias string) (client.Contact, error) {
	if err := checkName(alias); err != nil {
		return client.Contact{}, err
	}
	return p.Client.Rename(ctx, id, alias)
}

// homes is model.Homes.
type homes struct {
	*client.Client
	p *owner.Profile
}

// FindGateways implements model.Homes. Who connects to none but homes does not measure
// others either.
func (h homes) FindGateways(ctx context.Context, s client.Search) ([]client.Offer, error) {
	if s.Count == 0 {
		s.Count = defaultOffers
	}
	s.Unseen = s.Unseen || h.p.Kept.Direct() == client.Never
	return h.Client.FindGateways(ctx, s)
}

// self is model.Self.
type self struct {
	desk  *Desk
	p     *owner.Profile
	since time.Time
}

// Status implements model.Self.
func (s self) Status(ctx context.Context) (client.Status, error) { return s.p.Client.Status(ctx) }

// SetName implements model.Self.
func (s self) SetName(ctx context.Context, name string) error {
	if err := checkName(name); err != nil {
		return err
	}
	return s.p.Client.SetName(ctx, name)
}

// Direct implements model.Self.
func (s self) Direct() client.Direct { return s.p.Kept.Direct() }

// SetDirect implements model.Self.
func (s self) SetDirect(ctx context.Context, direct client.Direct) error {
	if err := s.p.Kept.SetDirect(ctx, direct); err != nil {
		return err
	}
	return s.p.Client.SetDirect(ctx, direct)
}

// Proxy implements model.Self.
func (s self) Proxy() (url string, fixed bool) {
	p := s.p.Kept.Proxy()
	if instead, ok := s.p.Route.Override(); ok {
		p, fixed = instead, true
	}
	if p == nil {
		return "", fixed
	}
	return p.String(), fixed
}

// SetProxy implements model.Self. Links that exist end: none goes on by the way of
// before. Error: link.ErrProxyAddress.
func (s self) SetProxy(ctx context.Context, url string) error {
	var next *link.Proxy
	if url != "" {
		var err error
		if next, err = link.ParseProxy(url); err != nil {
			return err
		}
	}
	if err := s.p.Kept.SetProxy(ctx, next); err != nil {
		return err
	}
	return s.p.Route.Use(next)
}
