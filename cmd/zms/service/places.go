package service

import (
	"context"
	"errors"
	"strings"
	"time"

	"zeroms/client"
	"zeroms/client/view"
	"zeroms/cmd/zms/control"
	"zeroms/cmd/zms/shown"
	"zeroms/protocol/key"
	"zeroms/protocol/wire"
)

// Identity tells whose profile it is.
func (p *Profile) Identity(ctx context.Context) (*control.Identity, error) {
	s, err := p.Client.Status(ctx)
	if err != nil {
		return nil, err
	}
	return &control.Identity{Type: control.TypeProfile, User: key.UserIDText(s.User), Name: s.Name, Locked: p.Locked.Load()}, nil
}

func (p *Profile) status(ctx context.Context, emit control.Emit) error {
	if err := p.sync(ctx); err != nil {
		return err
	}
	s, err := p.Client.Status(ctx)
	if err != nil {
		return err
	}
	row := &control.Status{
		Type: control.TypeStatus, User: key.UserIDText(s.User), Name: s.Name, Device: s.Device.String(),
		Contacts: s.Contacts, Requests: s.Requests, Waiting: s.Waiting, Custody: s.Custody, Failed: s.Failed,
		ClockOff: int64(s.Clock / time.Second), Repairs: shown.Repairs(s.Repairs), Ignored: s.Ignored, SetBack: s.SetBack,
		Locked: p.Locked.Load(), Proxy: proxyText(p.Route.Proxy()), Gateways: []control.Gateway{}, Owner: p.Owner, PID: p.PID,
	}
	if !s.Renewal.Ends.IsZero() {
		row.Renewal = shown.Overlap(s.Renewal)
	}
	row.Held = shown.Held(s)
	for _, g := range s.Gateways {
		row.Gateways = append(row.Gateways, *shown.Gateway(g))
	}
	return emit(row)
}

func (p *Profile) card(ctx context.Context, r control.Request, emit control.Emit) error {
	switch {
	case r.List:
		cards, err := p.Client.Cards(ctx)
		if err != nil {
			return err
		}
		return emitAll(cards, shown.Card, emit)
	case r.Revoke != "":
		return p.revoke(ctx, r.Revoke, emit)
	}
	get := p.Client.Card
	if r.Public {
		get = func(ctx context.Context) (client.Card, error) { return p.publicCard(ctx, r.Bits, r.ByKey) }
		p.unsettled.Store(true)
	}
	if r.New {
		get = p.Client.NewCard
		p.unsettled.Store(true)
	}
	c, err := get(ctx)
	if err != nil {
		return err
	}
	if !r.Bare && !c.ByKey {
		return emitAll([]client.Card{c}, shown.Card, emit)
	}
	if r.Bare {
		c.Text = c.Bare
	}
	row, err := shown.Card(c)
	if err == nil {
		row.Problem, err = p.unfound(ctx)
	}
	if err != nil {
		return err
	}
	return emit(row)
}

// published reports whether a card is the one for everybody.
func published(c client.Card) bool { return c.Public && !c.Revoked }

// unfound says why nobody finds the user in the network at the moment, empty if they
// can be found.
func (p *Profile) unfound(ctx context.Context) (problem string, err error) {
	err = p.until(ctx, SyncWait, func(s client.Status) bool {
		problem = "you have no gateway"
		open := 0
		for _, g := range s.Gateways {
			switch at := g.Published; {
			case at != (view.Published{}) && at.Days >= 0:
				problem = ""
				return true
			case strings.Contains(at.Problem, "["+wire.Lookup(wire.CodeNotServing).Name):
				problem = g.Host + " is no part of a network"
			case at.Problem != "":
				problem = g.Host + ": " + shown.Plain(at.Problem)
			case !g.Up && !g.Retry.IsZero():
				problem = g.Host + " is not connected: " + shown.Plain(g.Problem)
			default:
				problem = g.Host + " has not taken your address yet"
				open++
			}
		}
		return open == 0
	})
	return problem, err
}

func emitAll[T any, R control.Row](values []T, row func(T) (R, error), emit control.Emit) error {
	for _, v := range values {
		r, err := row(v)
		if err != nil {
			return err
		}
		if err := emit(r); err != nil {
			return err
		}
	}
	return nil
}

// publicCard is the card for everybody, made if there is none. Bits changes the
// work that its door takes; 0 leaves it as it is. With byKey it is one whose owner
// is found by the user ID alone.
func (p *Profile) publicCard(ctx context.Context, bits uint8, byKey bool) (client.Card, error) {
	if bits != 0 {
		if bits < wire.MinDoorBits || bits > wire.MaxWorkBits {
			return client.Card{}, control.Usage("the work is %d to %d bits", wire.MinDoorBits, wire.MaxWorkBits)
		}
		return p.Client.PublicCard(ctx, bits, byKey)
	}
	cards, err := p.Client.Cards(ctx)
	if err != nil {
		return client.Card{}, err
	}
	c, err := only(cards, func(c client.Card) bool { return published(c) && c.Text != "" })
	if err == nil && (c.ByKey || !byKey) {
		return c, nil
	}
	return p.Client.PublicCard(ctx, bits, byKey)
}

// revoke closes the door of a card named by its id or the beginning of it.
func (p *Profile) revoke(ctx context.Context, id string, emit control.Emit) error {
	cards, err := p.Client.Cards(ctx)
	if err != nil {
		return err
	}
	c, err := only(cards, func(c client.Card) bool { return strings.HasPrefix(c.ID.String(), strings.ToLower(id)) })
	switch {
	case errors.Is(err, errNone):
		return control.Fail(control.NameNoCard, "no card has the id %q; see zms card show --list", id)
	case err != nil:
		return control.Usage("several cards begin with %q; give more of the id", id)
	}
	if err := p.Client.RevokeCard(ctx, c.ID); err != nil {
		return err
	}
	p.unsettled.Store(true)
	c.Revoked, c.Text = true, ""
	return emitAll([]client.Card{c}, shown.Card, emit)
}

// Errors of only.
var (
	errNone    = errors.New("control: nothing fits")
	errSeveral = errors.New("control: several fit")
)

// only returns the one value that fits.
func only[T any](values []T, fits func(T) bool) (hit T, err error) {
	err = errNone
	for _, v := range values {
		if fits(v) {
			if err == nil {
				return hit, errSeveral
			}
			hit, err = v, nil
		}
	}
	return hit, err
}

// bound is a timeout or, if it is not given, its default.
func bound(d control.Duration, otherwise time.Duration) time.Duration {
	if d == 0 {
		return otherwise
	}
	return time.Duration(d)
}
