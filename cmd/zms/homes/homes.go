// Package homes does what is asked for about a profile's gateways: those that it has,
// those that it could have, and how messages come to those of others.
package homes

import (
	"cmp"
	"context"
	"net"
	"slices"
	"strings"
	"time"

	"zeroms/client"
	"zeroms/cmd/zms/control"
	"zeroms/cmd/zms/kept"
	"zeroms/cmd/zms/shown"
	"zeroms/protocol/card"
)

// UpWait is how long it is waited for gateways to connect.
const UpWait = 15 * time.Second

// Homes serves requests in the process that owns a profile.
type Homes struct {
	// Client is the engine; it runs.
	Client *client.Client
	// Kept is what is kept beside the engine's rows.
	Kept *kept.Store
	// Until waits until the profile is as wanted, or for the given time.
	Until func(ctx context.Context, most time.Duration, wanted func(client.Status) bool) error
	// Changed is told that gateways have to hear of something.
	Changed func()
}

// Serve does one request. Its errors are explained by package control.
func (h Homes) Serve(ctx context.Context, r control.Request, emit control.Emit) error {
	switch r.Cmd {
	case control.CmdGatewayAdd:
		return h.add(ctx, r, emit)
	case control.CmdGatewayRemove:
		return h.remove(ctx, r, emit)
	case control.CmdGatewayDrain:
		return h.drain(ctx, r, emit)
	case control.CmdGatewayFind:
		return h.find(ctx, r, emit)
	case control.CmdDirectSet, control.CmdDirectShow:
		return h.direct(ctx, r, emit)
	}
	return h.list(ctx, emit)
}

func (h Homes) list(ctx context.Context, emit control.Emit) error {
	gateways, err := h.Client.Gateways(ctx)
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

func (h Homes) add(ctx context.Context, r control.Request, emit control.Emit) error {
	a, err := card.ParseAddress(r.Gateway)
	if err != nil {
		return err
	}
	before, err := h.Client.Gateways(ctx)
	if err != nil {
		return err
	}
	known := slices.ContainsFunc(before, func(g client.Gateway) bool { return g.Node == a.Node })
	g, err := h.Client.AddGateway(ctx, a)
	if err != nil {
		return err
	}
	if !r.Up {
		return emit(shown.Gateway(g))
	}
	h.Changed() // the profile and the cards' doors have to get there
	if g, err = h.awaitUp(ctx, g, known, cmp.Or(time.Duration(r.Timeout), UpWait)); err != nil {
		return err
	}
	if err := emit(shown.Gateway(g)); err != nil || g.Up {
		return err
	}
	return control.Fail(control.NameNotConnected, "the gateway was added but is not connected: %s It stays added and is tried again; zms gateway remove %s takes it back",
		shown.Sentence(shown.Plain(g.Problem)), g.Host)
}

// awaitUp waits until a gateway is connected, for at most the given time. With
// a new one it waits no longer than there is hope: until the next attempt would
// come too late. What is heard of a known one may still be about the address
// that it had before.
func (h Homes) awaitUp(ctx context.Context, g client.Gateway, known bool, most time.Duration) (client.Gateway, error) {
	end := time.Now().Add(most)
	err := h.Until(ctx, most, func(s client.Status) bool {
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

// Named looks one of the own gateways up by its host, host:port, key or address.
// Errors: Failures of the names NameUsage and NameNotHome.
func (h Homes) Named(ctx context.Context, what string) (hit client.Gateway, err error) {
	if what == "" {
		return hit, control.Usage("the gateway is missing; give its host:port, key or address from gateway list")
	}
	gateways, err := h.Client.Gateways(ctx)
	if err != nil {
		return hit, err
	}
	found := slices.DeleteFunc(gateways, func(g client.Gateway) bool { return !named(g, what) })
	switch len(found) {
	case 0:
		return hit, control.Fail(control.NameNotHome, "%q is not one of your gateways; see zms gateway list", what)
	case 1:
		return found[0], nil
	}
	return hit, control.Usage("several of your gateways are called %q; give the key from zms gateway list", what)
}

func (h Homes) remove(ctx context.Context, r control.Request, emit control.Emit) error {
	g, err := h.Named(ctx, r.Gateway)
	if err != nil {
		return err
	}
	if !r.Yes {
		if err := h.spare(ctx, g); err != nil {
			return err
		}
	}
	if err := h.Client.RemoveGateway(ctx, g.Node); err != nil {
		return err
	}
	h.Changed()
	row := shown.Gateway(g)
	row.Up, row.Removed = false, true
	return emit(row)
}

// spare refuses to give up the only gateway where the user receives. Error: a Failure
// of the name NameLast.
func (h Homes) spare(ctx context.Context, g client.Gateway) error {
	gateways, err := h.Client.Gateways(ctx)
	if err != nil {
		return err
	}
	if slices.ContainsFunc(gateways, func(o client.Gateway) bool { return o.Node != g.Node && o.Draining.IsZero() }) {
		return nil
	}
	return control.Fail(control.NameLast, "%s is the only gateway where you receive: without one nobody can write to you, and no answer and no acknowledgement reaches you until you add another one.", g.Host)
}

func (h Homes) drain(ctx context.Context, r control.Request, emit control.Emit) error {
	g, err := h.Named(ctx, r.Gateway)
	if err != nil {
		return err
	}
	if g, err = h.Client.DrainGateway(ctx, g.Node); err != nil {
		return err
	}
	h.Changed()
	return emit(shown.Gateway(g))
}

// MinKey is how many hex digits of a gateway's key name it.
const MinKey = 8

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
		len(what) >= MinKey && strings.HasPrefix(g.Node.String(), what)
}
