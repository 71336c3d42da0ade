package gateway

import (
	"context"

	"zeroms/gateway/mailbox"
	"zeroms/gateway/overlay"
	"zeroms/protocol/wire"
)

// guests answers what comes out of channels: requests of people whose names and
// addresses this gateway does not learn. It is overlay's Guest.
type guests struct {
	gw *Gateway
}

// Handle answers one request.
func (g guests) Handle(ctx context.Context, f wire.Frame, done func(wire.Payload)) {
	p, err := g.handle(ctx, f, done)
	switch {
	case err != nil:
		done(overlay.Failure(err))
	case p != nil:
		done(p)
	}
}

// handle returns the answer, or neither answer nor error if it comes later.
func (g guests) handle(_ context.Context, f wire.Frame, done func(wire.Payload)) (wire.Payload, error) {
	switch f.Type {
	case wire.TypeSubmit:
		var s wire.Submit
		if err := f.Decode(&s); err != nil {
			return nil, err
		}
		g.gw.counters.submits.Add(1)
		g.gw.box.Submit(&visitor{g.gw, done}, mailbox.Submission{ID: f.ID, Submit: &s})
		return nil, nil
	case wire.TypeProfileGet:
		var get wire.ProfileGet
		if err := f.Decode(&get); err != nil {
			return nil, err
		}
		if err := get.Name.Check(); err != nil {
			return nil, wire.ErrPublicKey
		}
		g.gw.counters.profiles.Add(1)
		return g.gw.box.Profile(get.Name)
	case wire.TypeRecordGet:
		var get wire.RecordGet
		if err := f.Decode(&get); err != nil {
			return nil, err
		}
		g.gw.cfg.Overlay.Find(&get, done)
		return nil, nil
	}
	return nil, wire.ErrUnexpected
}

// visitor is the outbound side of one submission out of a channel: each has its own,
// and so a commit of its own.
type visitor struct {
	gw   *Gateway
	done func(wire.Payload)
}

// Answer implements mailbox.Port.
func (v *visitor) Answer(_ uint64, p wire.Payload) {
	v.gw.counters.refuse(p)
	v.done(p)
}

// Wake implements mailbox.Port: nothing is pushed here.
func (*visitor) Wake() {}

// Close implements mailbox.Port: there is no link to end.
func (*visitor) Close(*wire.Error) {}
