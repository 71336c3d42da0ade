package owner

import (
	"context"
	"errors"
	"os"
	"sync"

	"zeroms/client"
	"zeroms/client/home"
	"zeroms/cmd/zms/control"
	"zeroms/cmd/zms/kept"
	"zeroms/cmd/zms/service"
	"zeroms/protocol/link"
	"zeroms/store/chat"
)

// Profile is a profile that this process owns.
type Profile = service.Profile

// Tenure is how this process owns a profile.
type Tenure struct {
	Owner   string // the command
	Lasting bool   // until it is stopped
	Offline bool   // without gateways, and too short to serve others
	Locked  bool   // the profile has a passphrase
	Frames  bool   // what the links say is to be shown from their beginning
}

// Run runs the engine on an open profile, serves it to others, and does work. It
// ends when work and the requests of others are done, and closes the profile.
func (a *Access) Run(ctx context.Context, db *chat.DB, t Tenure, work func(context.Context, *Profile) error) (err error) {
	defer func() { err = errors.Join(err, db.Close()) }()
	return a.ServeOpen(ctx, db, t, work)
}

// ServeOpen is Run that leaves the profile open. It returns when all that it began has ended.
func (a *Access) ServeOpen(ctx context.Context, db *chat.DB, t Tenure, work func(context.Context, *Profile) error) (err error) {
	stored, way := kept.New(db), newRoute(a.Via)
	way.log = a.log()
	cfg := client.Config{Store: stored, Dialer: noDialer{}, Direct: stored.Direct, Log: a.log()}
	if !t.Offline {
		cfg.Dialer, cfg.Resolve = way, way.Resolve
	}
	p := &Profile{
		Client: client.New(cfg), Keys: db, Kept: stored, Route: way, Owner: t.Owner, PID: os.Getpid(), Lasting: t.Lasting,
	}
	p.Locked.Store(t.Locked)
	if t.Frames {
		p.Links = p.Client.WatchLinks()
		defer p.Links.Close()
	}
	running, stop := context.WithCancel(ctx)
	var engine sync.WaitGroup
	var failed error
	engine.Go(func() { failed = p.Client.Run(running) })
	engine.Go(func() { a.runLog(running, p.Client) })
	defer func() {
		stop()
		engine.Wait()
		if failed != nil && (err == nil || errors.Is(err, client.ErrStopped)) {
			err = failed
		}
	}()
	if err := p.Client.Ready(ctx); err != nil {
		return err
	}
	if err := way.Use(stored.Proxy()); err != nil {
		return err
	}
	if t.Offline {
		return work(ctx, p)
	}
	return a.runServing(ctx, p, work)
}

// runServing does work with the socket open.
func (a *Access) runServing(ctx context.Context, p *Profile, work func(context.Context, *Profile) error) error {
	server, err := control.Listen(a.Dir)
	if err != nil {
		return err
	}
	taking, stop := context.WithCancel(ctx)
	var others sync.WaitGroup
	others.Go(func() {
		if err := server.Serve(ctx, taking, p); err != nil {
			a.log().Error("other commands can't use the profile", "error", err)
		}
	})
	err = work(ctx, p)
	stop()
	others.Wait()
	return errors.Join(err, p.Settle(ctx))
}

// noDialer reaches nobody, for requests that need only what is stored.
type noDialer struct{}

var _ home.Dialer = noDialer{}

// Dial waits until nobody wants the connection any more.
func (noDialer) Dial(ctx context.Context, _ link.Endpoint) (link.Conn, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}
