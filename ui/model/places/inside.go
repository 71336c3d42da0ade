package places

import (
	"context"
	"strings"

	"zeroms/ui/model"
	"zeroms/ui/words"
)

// Inside is the gateway that runs inside the app.
type Inside struct {
	deps    model.Deps
	changed func()
	busy    bool
	closed  bool
	state   model.InsideState
}

// NewInside makes an Inside; changed is called with each change.
func NewInside(d model.Deps, changed func()) *Inside {
	return &Inside{deps: d, changed: changed, state: d.Profile.Inside.State()}
}

// State is how it is doing.
func (i *Inside) State() model.InsideState { return i.state }

// Busy tells that it is being started or stopped.
func (i *Inside) Busy() bool { return i.busy }

// Close ends the view; the gateway goes on.
func (i *Inside) Close() { i.closed = true }

// Look reads the state again.
func (i *Inside) Look() {
	now := i.deps.Profile.Inside.State()
	if !i.busy && (now.Running != i.state.Running || now.Open != i.state.Open || now.Accounts != i.state.Accounts || now.Problem != i.state.Problem) {
		i.state = now
		i.changed()
	}
}

// Start starts it, makes it a home, and has it start with the app from now on; open:
// for the local network too.
func (i *Inside) Start(open bool, then func(error)) {
	i.act(true, open, then, func(ctx context.Context) error {
		state, err := i.deps.Profile.Inside.Start(ctx, open)
		if err != nil {
			return err
		}
		_, err = i.deps.Profile.Homes.AddGateway(ctx, state.Address)
		return err
	})
}

// Stop stops it, and leaves it off.
func (i *Inside) Stop(then func(error)) {
	i.act(false, i.state.Open, then, func(ctx context.Context) error { return i.deps.Profile.Inside.Stop(ctx) })
}

// act starts or stops it. What is kept is changed in order with all other settings.
func (i *Inside) act(on, open bool, then func(error), do func(context.Context) error) {
	i.busy = true
	i.changed()
	i.deps.Async.Slow(func(ctx context.Context) func() {
		err := do(ctx)
		return func() {
			if err != nil {
				i.done(err, then)
				return
			}
			i.deps.Async.Do(func(ctx context.Context) func() {
				s := i.deps.Profile.Notes.Settings()
				s.Inside, s.InsideOpen = on, open
				err := i.deps.Profile.Notes.SetSettings(ctx, s)
				return func() { i.done(err, then) }
			})
		}
	})
}

// done shows what has become of it.
func (i *Inside) done(err error, then func(error)) {
	i.busy, i.state = false, i.deps.Profile.Inside.State()
	if !i.closed {
		i.changed()
	}
	then(err)
}

// Invite is the address with an invitation for one more person, as text.
func (i *Inside) Invite(then func(text string, err error)) {
	i.deps.Async.Slow(func(ctx context.Context) func() {
		a, err := i.deps.Profile.Inside.Invite(ctx)
		text := ""
		if err == nil {
			text, err = a.Text()
		}
		return func() { then(text, err) }
	})
}

// Reach says who can reach a gateway inside the app.
func Reach(w *words.Words, s model.InsideState) string {
	at := strings.Join(s.Reach, ", ")
	switch {
	case !s.Open:
		return w.Say("places.reach.here")
	case s.Public:
		return w.Say("places.reach.all", "At", at)
	case at == "":
		return w.Say("places.reach.lan")
	default:
		return w.Say("places.reach.lan.at", "At", at)
	}
}
