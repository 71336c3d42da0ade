package main

import (
	"context"
	"errors"
	"fmt"

	"zeroms/cmd/zeroms/desk"
	"zeroms/cmd/zeroms/instance"
	"zeroms/ui/model"
)

// place is that of the one window of a profile, which this process has, waits for, or
// need not wait for, as another one opened the link.
type place struct {
	dir     string
	settled chan struct{} // closed when it is known
	own     *instance.Instance
	err     error
}

// runPlace begins to wait for the place, until ctx ends.
func (o options) runPlace(ctx context.Context) *place {
	p := &place{dir: o.profile, settled: make(chan struct{})}
	go func() {
		defer close(p.settled)
		p.own, p.err = instance.Await(ctx, o.profile, o.link)
		switch {
		case errors.Is(p.err, context.Canceled):
			p.err = nil // it was not needed any more
		case p.err != nil && !errors.Is(p.err, instance.ErrText):
			p.err = fmt.Errorf("the window can't be opened: %w", p.err)
		}
	}()
	return p
}

// serve does what other processes ask of the window until ctx ends, once this process has
// the place. It calls leave if another process opened the link meanwhile.
func (p *place) serve(ctx context.Context, leave func(), h instance.Handler) error {
	select {
	case <-ctx.Done():
		return nil
	case <-p.settled:
	}
	if p.own == nil {
		leave()
		return nil // open tells why
	}
	return p.own.Serve(ctx, h)
}

// gate is the door to a profile by way of the window's place.
type gate struct {
	*desk.Desk
	place *place
}

var _ model.Door = (*gate)(nil)

// State is that of the Desk once this process has the place. Error: desk.HeldError before
// that.
func (g *gate) State(ctx context.Context) (model.DoorState, error) {
	select {
	case <-g.place.settled:
		return g.Desk.State(ctx)
	default:
		return model.DoorEmpty, desk.HeldByWindow(g.place.dir, instance.LockName, instance.Holder(g.place.dir))
	}
}
