package desk

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"zeroms/client"
	"zeroms/client/backup"
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
	rejoins  chan opening // of what is open already
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
		openings: make(chan opening), rejoins: make(chan opening), stopped: make(chan error, 1), ended: make(chan struct{}),
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
		case o := <-d.rejoins:
			o.done <- opened{err: client.ErrStopped}
		case o := <-d.openings:
			if err := d.runProfile(ctx, o); err != nil {
				return err
			}
		}
	}
}

// runProfile runs engines on a profile to its end: a further one when it was given a
// device of its own. Error: why the profile was not closed cleanly when ctx ended.
func (d *Desk) runProfile(ctx context.Context, o opening) (err error) {
	db := o.at.DB
	defer func() {
		if closed := db.Close(); ctx.Err() != nil {
			err = errors.Join(err, closed)
		}
	}()
	for {
		next, err := d.runEngine(ctx, o)
		if next == nil {
			return err
		}
		if _, err := backup.Rejoin(next.ctx, db, time.Now()); err != nil {
			next.done <- opened{err: err}
			return nil
		}
		o.ctx, o.done = next.ctx, next.done
		o.at.Locked = next.at.Locked
	}
}

// runEngine runs an engine to its end. next is who wants the profile to have a device of
// its own, nil if that is not why it ended. Error: why it did not end cleanly when ctx did.
func (d *Desk) runEngine(ctx context.Context, o opening) (next *opening, err error) {
	handed := false
	way := d.access("")
	t := owner.Tenure{Owner: ownerName, Lasting: true, Locked: o.at.Locked}
	err = way.ServeOpen(ctx, o.at.DB, t, func(ctx context.Context, p *owner.Profile) error {
		if err := o.ctx.Err(); err != nil {
			return err
		}
		handed = true
		o.done <- opened{profile: d.profile(p)}
		next, err = d.runOpen(ctx, p)
		return err
	})
	switch {
	case !handed:
		o.done <- opened{err: err}
		return nil, nil
	case ctx.Err() != nil:
		if next != nil {
			next.done <- opened{err: client.ErrStopped}
		}
		if owner.Interrupted(ctx, err) {
			return nil, nil
		}
		return nil, err
	case next != nil && err == nil:
		return next, nil
	case next != nil:
		next.done <- opened{err: err}
		return nil, nil
	case err == nil:
		err = client.ErrStopped
	}
	d.cfg.Log.Error("the profile is not open any more", "error", err)
	select {
	case d.stopped <- err:
	default: // the one before was not looked at, and is as good
	}
	return nil, nil
}

// runOpen does what there is to do while a profile is open, until ctx ends, the engine
// does, or somebody wants the profile to have a device of its own.
func (d *Desk) runOpen(ctx context.Context, p *owner.Profile) (next *opening, err error) {
	here, leave := context.WithCancel(ctx)
	var beside sync.WaitGroup
	beside.Go(func() { d.runInside(here, p) })
	beside.Go(func() {
		select {
		case <-here.Done():
		case o := <-d.rejoins:
			o.at.Locked = p.Locked.Load()
			next = &o
			leave()
		}
	})
	err = p.Await(here)
	leave()
	beside.Wait()
	return next, err
}

// hold hands an open profile to Run and waits until it can be used.
func (d *Desk) hold(ctx context.Context, at owner.Place) (*model.Profile, error) {
	done := make(chan opened, 1)
	select {
	case d.openings <- opening{ctx: ctx, at: at, done: done}:
		return d.await(ctx, done)
	case <-ctx.Done():
		return nil, errors.Join(ctx.Err(), at.Close())
	case <-d.ended:
		return nil, errors.Join(client.ErrStopped, at.Close())
	}
}

// Rejoin gives the open profile a device of its own, as zms rejoin does, and opens it
// anew: what there was of it before is not to be used any more. If it fails nothing has
// changed, and the profile is closed. Errors: client.ErrStopped if none is open, those of
// backup.Rejoin and of the store.
func (d *Desk) Rejoin(ctx context.Context) (*model.Profile, error) {
	done := make(chan opened, 1)
	select {
	case d.rejoins <- opening{ctx: ctx, done: done}:
		return d.await(ctx, done)
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-d.ended:
		return nil, client.ErrStopped
	}
}

// await waits for an open profile.
func (d *Desk) await(ctx context.Context, done <-chan opened) (*model.Profile, error) {
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
