package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"sync"
	"time"

	"zeroms/client"
	"zeroms/client/home"
	"zeroms/cmd/zms/control"
	"zeroms/protocol/link"
	"zeroms/store"
	"zeroms/store/chat"
)

// dir is the profile's directory.
func (a *app) dir() (string, error) {
	dir := a.profile
	if dir == "" {
		dir = a.getenv("ZMS_PROFILE")
	}
	if data := a.getenv("XDG_DATA_HOME"); dir == "" && filepath.IsAbs(data) {
		dir = filepath.Join(data, "zeroms")
	}
	if home := a.getenv("HOME"); dir == "" && home != "" {
		dir = filepath.Join(home, ".local", "share", "zeroms")
	}
	if dir == "" {
		return "", control.Fail(control.NameUsage, "there is no home directory; name the profile's directory with --profile DIR")
	}
	return filepath.Abs(dir)
}

// How long a command waits for a profile that another one holds without
// serving it, and how often it looks.
const (
	ownerWait = 10 * time.Second
	ownerLook = 50 * time.Millisecond
)

// place is where a profile can be reached: at the process that serves it, or
// opened by this one. One of conn and db is set.
type place struct {
	conn   *control.Conn
	db     *chat.DB
	locked bool // it has a passphrase
}

// Close ends the connection or gives the profile free.
func (p place) Close() error {
	if p.conn != nil {
		return p.conn.Close()
	}
	return p.db.Close()
}

// reach finds the profile's owner: the process that serves it, or else this one.
func (a *app) reach(ctx context.Context) (place, error) {
	dir, err := a.dir()
	if err != nil {
		return place{}, err
	}
	look := time.NewTicker(ownerLook)
	defer look.Stop()
	for end := time.Now().Add(ownerWait); ; {
		conn, err := control.Dial(ctx, dir)
		a.served = err == nil
		if err == nil {
			return place{conn: conn, locked: conn.Hello.Locked}, nil
		}
		if !errors.Is(err, control.ErrNobody) {
			return place{}, err
		}
		at, err := a.open(ctx, dir)
		if !errors.Is(err, store.ErrLocked) {
			return at, err
		}
		if time.Now().After(end) {
			return place{}, control.Fail(control.NameLocked,
				"another process holds the profile in %s and does not serve it; stop it, or try again when it is done", dir)
		}
		select {
		case <-ctx.Done():
			return place{}, ctx.Err()
		case <-look.C:
		}
	}
}

// open opens the profile, with a passphrase only if it has one.
func (a *app) open(ctx context.Context, dir string) (place, error) {
	db, err := chat.Open(ctx, dir, chat.NoPassphrase())
	locked := errors.Is(err, chat.ErrNeedsPassphrase)
	if locked {
		var text string
		if text, err = a.askPassphrase(ctx, "Passphrase of the profile in "+dir); err != nil {
			return place{}, err
		}
		db, err = chat.Open(ctx, dir, chat.Passphrase(text))
	}
	if errors.Is(err, chat.ErrNoProfile) {
		err = control.Fail(control.NameNoProfile, "there is no profile in %s; make one with zms init, or name another directory with --profile", dir)
	}
	return place{db: db, locked: locked}, err
}

// ask makes one request of the profile's owner, whoever that is. If the owner
// ends before it says anything, the next one is asked.
func (a *app) ask(ctx context.Context, r control.Request, emit control.Emit) error {
	for {
		silent := true
		err := a.askOnce(ctx, r, func(row control.Row) error {
			silent = false
			return emit(row)
		})
		if f := new(control.Failure); errors.As(err, &f) && f.Name == control.NameStopped && silent && r.Cmd != control.CmdSend && ctx.Err() == nil {
			continue
		}
		return err
	}
}

func (a *app) askOnce(ctx context.Context, r control.Request, emit control.Emit) error {
	at, err := a.reach(ctx)
	switch {
	case err != nil:
		return err
	case at.conn != nil:
		defer at.Close()
		return at.conn.Do(ctx, r, emit)
	}
	t := tenure{owner: r.Cmd, offline: r.Offline(), lasting: r.Cmd == control.CmdListen, locked: at.locked}
	return a.runOwner(ctx, at.db, t, func(ctx context.Context, p *control.Profile) error {
		return p.Serve(ctx, r, emit)
	})
}

// tenure is how this process owns a profile.
type tenure struct {
	owner   string // the command
	lasting bool   // until it is stopped
	offline bool   // without gateways, and too short to serve others
	locked  bool   // the profile has a passphrase
}

// runOwner runs the engine on an open profile, serves it to others, and does work.
// It ends when work and the requests of others are done.
func (a *app) runOwner(ctx context.Context, db *chat.DB, t tenure, work func(context.Context, *control.Profile) error) (err error) {
	defer func() { err = errors.Join(err, db.Close()) }()
	cfg, err := a.engine(db, t)
	if err != nil {
		return err
	}
	p := &control.Profile{Client: client.New(cfg), Keys: db, Owner: t.owner, PID: os.Getpid(), Lasting: t.lasting}
	p.Locked.Store(t.locked)
	running, stop := context.WithCancel(ctx)
	var engine sync.WaitGroup
	var failed error
	engine.Go(func() { failed = p.Client.Run(running) })
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
	if t.offline {
		return work(ctx, p)
	}
	return a.runServing(ctx, p, work)
}

// runServing does work with the socket open.
func (a *app) runServing(ctx context.Context, p *control.Profile, work func(context.Context, *control.Profile) error) error {
	dir, err := a.dir()
	if err != nil {
		return err
	}
	server, err := control.Listen(dir)
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

// engine configures the engine.
func (a *app) engine(db *chat.DB, t tenure) (client.Config, error) {
	cfg := client.Config{Store: db, Dialer: noDialer{}, Log: a.log()}
	if t.offline {
		return cfg, nil
	}
	dialer, err := link.NewDialer(link.Config{})
	if err != nil {
		return cfg, fmt.Errorf("connections can't be made: %w", err)
	}
	cfg.Dialer = dialer
	cfg.Resolve = func(ctx context.Context, host string) ([]netip.Addr, error) {
		return net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	}
	return cfg, nil
}

// noDialer reaches nobody, for commands that need only what is stored.
type noDialer struct{}

var _ home.Dialer = noDialer{}

// Dial waits until nobody wants the connection any more.
func (noDialer) Dial(ctx context.Context, _ link.Endpoint) (link.Conn, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}
