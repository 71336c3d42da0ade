package service

import (
	"context"
	"encoding/hex"
	"errors"
	"strings"

	"zeroms/client"
	"zeroms/client/tap"
	"zeroms/cmd/zms/control"
	"zeroms/cmd/zms/homes"
	"zeroms/protocol/card"
	"zeroms/protocol/link"
)

// frames emits what the links say, until ctx ends.
func (p *Profile) frames(ctx context.Context, r control.Request, emit control.Emit) error {
	w := p.Links
	if w == nil || !p.watched.CompareAndSwap(false, true) { // the first look is at everything since the start
		w = p.Client.WatchLinks()
		defer w.Close()
	}
	if err := emit(&control.Ready{Type: control.TypeReady}); err != nil { // without the user ID: this may be passed on
		return err
	}
	for {
		f, lost, err := w.Next(ctx)
		switch {
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, tap.ErrEnded):
			return client.ErrStopped
		case err != nil:
			return err
		case lost > 0:
			err = emit(&control.Lost{Type: control.TypeLost, Count: lost})
		case leads(f.Endpoint, r.Gateway):
			err = emit(frameRow(f, r.Raw))
		}
		if err != nil {
			return err
		}
	}
}

// leads reports whether a link leads to the gateway that is called so: by host,
// host:port, (the beginning of) its key, or its address. No name means all.
func leads(e link.Endpoint, what string) bool {
	if what == "" {
		return true
	}
	if a, err := card.ParseAddress(what); err == nil {
		return link.Pinned(a.Node, e.Node)
	}
	what = strings.ToLower(what)
	return what == strings.ToLower(e.Addr()) || what == strings.ToLower(e.Host) ||
		len(what) >= homes.MinKey && strings.HasPrefix(hex.EncodeToString(e.Node), what)
}

func frameRow(f *tap.Frame, raw bool) *control.Frame {
	row := &control.Frame{
		Type: control.TypeFrame, Time: control.Stamp(f.Time), Direction: control.FrameIn, Gateway: f.Endpoint.Addr(), Home: f.Home,
		Name: f.Type, ID: f.ID, Size: f.Size, Fields: control.FrameFields{},
	}
	if f.Out {
		row.Direction = control.FrameOut
	}
	for _, shown := range f.Fields {
		row.Fields = append(row.Fields, control.FrameField(shown))
	}
	if raw {
		row.Raw = f.Raw
	}
	if f.Problem != nil {
		row.Problem = f.Problem.Error()
	}
	return row
}
