package service

import (
	"context"
	"errors"
	"net"
	"slices"
	"strings"
	"time"

	"zeroms/client"
	"zeroms/cmd/zms/control"
	"zeroms/cmd/zms/shown"
	"zeroms/protocol/card"
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
	if r.Bare {
		c.Text = c.Bare
	}
	return emitAll([]client.Card{c}, shown.Card, emit)
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
	c, err := only(cards, func(c client.Card) bool { return c.Public && c.Text != "" })
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

func (p *Profile) gatewayList(ctx context.Context, emit control.Emit) error {
	gateways, err := p.Client.Gateways(ctx)
	if err != nil {
		return err
	}
	for _, g := range gateways {
		if err := emit(shown.Gateway(g)); err != nil {
			return err
		}
	}
	return nil
}

func (p *Profile) gatewayAdd(ctx context.Context, r control.Request, emit control.Emit) error {
	a, err := card.ParseAddress(r.Gateway)
	if err != nil {
		return err
	}
	before, err := p.Client.Gateways(ctx)
	if err != nil {
		return err
	}
	known := slices.ContainsFunc(before, func(g client.Gateway) bool { return g.Node == a.Node })
	g, err := p.Client.AddGateway(ctx, a)
	if err != nil {
		return err
	}
	if !r.Up {
		return emit(shown.Gateway(g))
	}
	p.unsettled.Store(true) // the profile and the cards' doors have to get there
	if g, err = p.awaitUp(ctx, g, known, bound(r.Timeout, UpWait)); err != nil {
		return err
	}
	if err := emit(shown.Gateway(g)); err != nil || g.Up {
		return err
	}
	return control.Fail(control.NameNotConnected, "the gateway was added but is not connected: %s It stays added and is tried again; zms gateway remove %s takes it back",
		sentence(shown.Plain(g.Problem)), g.Host)
}

// bound is a timeout or, if it is not given, its default.
func bound(d control.Duration, otherwise time.Duration) time.Duration {
	if d == 0 {
		return otherwise
	}
	return time.Duration(d)
}

// sentence ends a text with a full stop.
func sentence(text string) string {
	if text == "" {
		return "no answer yet."
	}
	if strings.HasSuffix(text, ".") || strings.HasSuffix(text, ")") {
		return text
	}
	return text + "."
}

// awaitUp waits until a gateway is connected, for at most the given time. With
// a new one it waits no longer than there is hope: until the next attempt would
// come too late. What is heard of a known one may still be about the address
// that it had before.
func (p *Profile) awaitUp(ctx context.Context, g client.Gateway, known bool, most time.Duration) (client.Gateway, error) {
	end := time.Now().Add(most)
	err := p.until(ctx, most, func(s client.Status) bool {
		for _, now := range s.Gateways {
			if now.Node == g.Node {
				g = now
				return g.Up && s.Pending == 0 || !known && g.Retry.After(end)
			}
		}
		return true // somebody removed it
	})
	return g, err
}

// home looks one of the own gateways up.
func (p *Profile) home(ctx context.Context, what string) (client.Gateway, error) {
	if what == "" {
		return client.Gateway{}, control.Usage("the gateway is missing; give its host:port, key or address from gateway list")
	}
	gateways, err := p.Client.Gateways(ctx)
	if err != nil {
		return client.Gateway{}, err
	}
	g, err := only(gateways, func(g client.Gateway) bool { return named(g, what) })
	switch {
	case errors.Is(err, errNone):
		return g, control.Fail(control.NameNotHome, "%q is not one of your gateways; see zms gateway list", what)
	case err != nil:
		return g, control.Usage("several of your gateways are called %q; give the key from zms gateway list", what)
	}
	return g, nil
}

func (p *Profile) gatewayRemove(ctx context.Context, r control.Request, emit control.Emit) error {
	g, err := p.home(ctx, r.Gateway)
	if err != nil {
		return err
	}
	if err := p.Client.RemoveGateway(ctx, g.Node); err != nil {
		return err
	}
	p.unsettled.Store(true)
	row := shown.Gateway(g)
	row.Up, row.Removed = false, true
	return emit(row)
}

func (p *Profile) gatewayDrain(ctx context.Context, r control.Request, emit control.Emit) error {
	g, err := p.home(ctx, r.Gateway)
	if err != nil {
		return err
	}
	if g, err = p.Client.DrainGateway(ctx, g.Node); err != nil {
		return err
	}
	p.unsettled.Store(true)
	return emit(shown.Gateway(g))
}

// minKey is how many hex digits of a gateway's key name it.
const minKey = 8

// named reports whether a home gateway is called so: by host, host:port, (the
// beginning of) its key, or its address.
func named(g client.Gateway, what string) bool {
	if a, err := card.ParseAddress(what); err == nil {
		return a.Node == g.Node
	}
	what = strings.ToLower(what)
	host, _, err := net.SplitHostPort(g.Host)
	if err != nil {
		host = g.Host
	}
	return what == g.Host || strings.Trim(what, "[]") == host ||
		len(what) >= minKey && strings.HasPrefix(g.Node.String(), what)
}
