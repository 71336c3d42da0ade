package homes

import (
	"context"
	"errors"

	"zeroms/client"
	"zeroms/client/account"
	"zeroms/client/choice"
	"zeroms/cmd/zms/control"
	"zeroms/cmd/zms/shown"
	"zeroms/protocol/wire"
)

// DefaultCount is how many gateways are looked for unless the request says.
const DefaultCount = 10

// find looks for gateways of the network that could be homes, and with r.Homes makes
// the best of them homes until there are so many.
func (h Homes) find(ctx context.Context, r control.Request, emit control.Emit) error {
	switch {
	case r.N < 0 || r.N > choice.MaxCount:
		return control.Usage("1 to %d gateways can be looked for at once", choice.MaxCount)
	case r.Homes < 0 || r.Homes > account.MaxHomes:
		return control.Usage("you can have 1 to %d gateways", account.MaxHomes)
	}
	if err := h.connected(ctx); err != nil {
		return err
	}
	s := client.Search{Count: r.N, Invited: r.Invited, Unseen: h.Kept.Direct() == client.Never}
	if s.Count == 0 {
		s.Count = DefaultCount
	}
	offers, err := h.Client.FindGateways(ctx, s)
	switch {
	case errors.Is(err, wire.ErrNotServing):
		return control.Fail(wire.Lookup(wire.CodeNotServing).Name, "your gateway is no part of a network, so it knows no other ones; add one by its address (zms gateway add)")
	case errors.Is(err, client.ErrNoOffer) && r.Homes > 0: // there may be enough already
	case err != nil:
		return err
	}
	for _, o := range offers {
		if err := emit(shown.Offer(o)); err != nil {
			return err
		}
	}
	if r.Homes == 0 {
		return nil
	}
	return h.use(ctx, r.Homes, offers, emit)
}

// connected waits until it is known of every gateway whether it is connected.
func (h Homes) connected(ctx context.Context) error {
	return h.Until(ctx, UpWait, func(s client.Status) bool {
		for _, g := range s.Gateways {
			if !g.Up && g.Retry.IsZero() {
				return false
			}
		}
		return true
	})
}

// use makes offers homes and tells what was done.
func (h Homes) use(ctx context.Context, wanted int, offers []client.Offer, emit control.Emit) error {
	used, err := h.Client.UseGateways(ctx, wanted, offers)
	if len(used.Added)+len(used.Drained) > 0 {
		h.Changed()
	}
	row := &control.Homes{Type: control.TypeHomes, Wanted: wanted, Have: used.Have, Added: []control.Gateway{}}
	for _, g := range used.Added {
		row.Added = append(row.Added, *shown.Gateway(g))
	}
	for _, g := range used.Drained {
		row.Drained = append(row.Drained, *shown.Gateway(g))
	}
	for _, o := range used.Refused {
		row.Refused = append(row.Refused, *shown.Offer(o))
	}
	if failed := emit(row); failed != nil || err != nil {
		return errors.Join(err, failed)
	}
	if used.Have < wanted {
		return control.Fail(control.NameNoOffer, "%d of your gateways are connected and not %d: no other one was found that takes you; try again in a while", used.Have, wanted)
	}
	return nil
}

// policies are the settings of direct links by their names.
var policies = map[string]client.Direct{
	control.DirectFallback: client.Fallback, control.DirectAlways: client.Always, control.DirectNever: client.Never,
}

// direct shows or changes whether gateways of others may be connected to.
func (h Homes) direct(ctx context.Context, r control.Request, emit control.Emit) error {
	if r.Cmd == control.CmdDirectSet {
		d, ok := policies[r.Direct]
		if !ok {
			return control.Usage("gateways of others are connected to as a fallback, always or never, not %q", r.Direct)
		}
		if err := h.Kept.SetDirect(ctx, d); err != nil {
			return err
		}
		if err := h.Client.SetDirect(ctx, d); err != nil {
			return err
		}
	}
	row := &control.Direct{Type: control.TypeDirect}
	for name, d := range policies {
		if d == h.Kept.Direct() {
			row.Direct = name
		}
	}
	return emit(row)
}
