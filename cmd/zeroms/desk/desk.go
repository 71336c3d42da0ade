package desk

import (
	"context"
	"errors"
	"log/slog"
	"sync"

	"zeroms/client"
	"zeroms/cmd/zeroms/inside"
	"zeroms/cmd/zms/owner"
	"zeroms/ui/model"
)

// ownerName is what the app calls itself as the owner of a profile.
const ownerName = "app"

// Config is where the profile is, and how the app was started.
type Config struct {
	// Dir is the profile's directory, a whole path.
	Dir string
	// Proxy is what links go through whatever the profile says: the URL of a proxy, or
	// "direct"; empty: as the profile says.
	Proxy string
	// Version is the program's, for diagnostics.
	Version string
	// Log is the engine's; nil: none.
	Log *slog.Logger
}

// Desk is the model.Door of one directory. Its Run has to run for anything to open.
type Desk struct {
	// static
	cfg      Config
	via      *owner.Via
	inside   *inside.Gateway
	openings chan opening
	stopped  chan error
	ended    chan struct{} // closed with Run
}

var _ model.Door = (*Desk)(nil)

// opening is a profile that is handed to Run.
type opening struct {
	ctx  context.Context // of who opens it
	at   owner.Place
	done chan<- opened // has room
}

type opened struct {
	profile *model.Profile
	err     error
}

// New makes a Desk and opens nothing. Error: link.ErrProxyAddress.
func New(cfg Config) (*Desk, error) {
	via, err := owner.ParseVia(cfg.Proxy)
	if err != nil {
		return nil, err
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	return &Desk{
		cfg: cfg, via: via, inside: inside.New(insideDir(cfg.Dir), cfg.Log),
		openings: make(chan opening), stopped: make(chan error, 1), ended: make(chan struct{}),
	}, nil
}

// Stopped tells why the engine of the open profile ended by itself: the disk is full,
// for example. The profile is closed then, and can be opened anew.
func (d *Desk) Stopped() <-chan error { return d.stopped }

// Dir is the profile's directory.
func (d *Desk) Dir() string { return d.cfg.Dir }

// Run runs what is opened until ctx ends, and then closes it: the gateway inside last,
// so that the engine can say goodbye to it. Error: why it could not be closed cleanly.
func (d *Desk) Run(ctx context.Context) (err error) {
	defer close(d.ended)
	serving, stop := context.WithCancel(context.WithoutCancel(ctx))
	served := make(chan error, 1)
	go func() { served <- d.inside.Run(serving) }()
	defer func() {
		stop()
		err = errors.Join(err, <-served)
	}()
	for {
		select {
		case <-ctx.Done():
			return nil
		case o := <-d.openings:
			if err := d.runProfile(ctx, o); err != nil {
				return err
			}
		}
	}
}

// runProfile runs an engine to its end. Error: why the profile was not closed cleanly
// when ctx ended.
func (d *Desk) runProfile(ctx context.Context, o opening) error {
	handed := false
	way := d.access("")
	t := owner.Tenure{Owner: ownerName, Lasting: true, Locked: o.at.Locked}
	err := way.Run(ctx, o.at.DB, t, func(ctx context.Context, p *owner.Profile) error {
		if err := o.ctx.Err(); err != nil {
			return err
		}
		handed = true
		o.done <- opened{profile: d.profile(p)}
		return d.runOpen(ctx, p)
	})
	switch {
	case !handed:
		o.done <- opened{err: err}
		return nil
	case ctx.Err() != nil:
		if owner.Interrupted(ctx, err) {
			return nil
		}
		return err
	case err == nil:
		err = client.ErrStopped
	}
	d.cfg.Log.Error("the profile is not open any more", "error", err)
	select {
	case d.stopped <- err:
	default: // the one before was not looked at, and is as good
	}
	return nil
}

// runOpen does what there is to do while a profile is open.
func (d *Desk) runOpen(ctx context.Context, p *owner.Profile) error {
	var beside sync.WaitGroup
	defer beside.Wait()
	here, leave := context.WithCancel(ctx)
	defer leave()
	beside.Go(func() { d.runInside(here, p) })
	return p.Await(ctx)
}

// hold hands an open profile to Run and waits until it can be used.
func (d *Desk) hold(ctx context.Context, at owner.Place) (*model.Profile, error) {
	done := make(chan opened, 1)
	select {
	case d.openings <- opening{ctx: ctx, at: at, done: done}:
	case <-ctx.Done():
		return nil, errors.Join(ctx.Err(), at.Close())
	case <-d.ended:
		return nil, errors.Join(client.ErrStopped, at.Close())
	}
	select {
	case o := <-done:
		return o.profile, o.err
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-d.ended: // it may have said why first
		select {
		case o := <-done:
			return o.profile, o.err
		default:
			return nil, client.ErrStopped
		}
	}
}

// access is the way to the profile with a passphrase.
func (d *Desk) access(passphrase string) *owner.Access {
	return &owner.Access{
		Dir: d.cfg.Dir, Name: ownerName, Via: d.via, Log: d.cfg.Log,
		Passphrase: func(context.Context, string) (string, error) { return passphrase, nil },
	}
}
