// Package owner finds the process that owns a profile and asks it: another one
// over its socket, or this one, which then opens the profile and runs the engine
// for as long as a request needs. What can be asked stands in package control.
//
// One Access serves any number of requests at once: while this process owns the
// profile for one of them (Follow does as long as it lasts), the others go to it
// over the profile's socket like those of other processes.
package owner

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"os"
	"sync/atomic"
	"time"

	"zeroms/cmd/zms/control"
	"zeroms/store"
	"zeroms/store/chat"
)

// How long a request waits for a profile that another process holds without
// serving it, and how often it looks.
const (
	ownerWait = 10 * time.Second
	ownerLook = 50 * time.Millisecond
)

// Access is the way to the owner of a profile.
type Access struct {
	// Dir is the profile's directory, a whole path.
	Dir string
	// Name is what this process calls itself when it owns the profile; empty: the
	// name of the request that made it the owner.
	Name string
	// Passphrase is asked if this process has to open a profile that has one. It
	// is asked each time, so it should remember.
	Passphrase func(ctx context.Context, prompt string) (string, error)
	// Via is how links are made if this process owns the profile; nil: as the
	// profile says. An owner that makes them otherwise is not asked to make any.
	Via *Via
	// Log is the engine's; nil: none.
	Log *slog.Logger
	// Patience is how long a process that holds the profile and does not answer is waited
	// for; 0: 10 s.
	Patience time.Duration

	served atomic.Bool
}

// Served reports whether the last request went to another process.
func (a *Access) Served() bool { return a.served.Load() }

func (a *Access) log() *slog.Logger {
	if a.Log == nil {
		return slog.New(slog.DiscardHandler)
	}
	return a.Log
}

// Place is where a profile was reached: at the process that serves it, or opened
// by this one. One of Conn and DB is set.
type Place struct {
	Conn   *control.Conn
	DB     *chat.DB
	Locked bool // it has a passphrase
}

// Close ends the connection or gives the profile free.
func (p Place) Close() error {
	if p.Conn != nil {
		return p.Conn.Close()
	}
	return p.DB.Close()
}

// Reach finds the profile's owner: the process that serves it, or else this one.
// Errors: a Failure of the names NameLocked and NameNoProfile, those of the
// passphrase, of the store and of ctx.
func (a *Access) Reach(ctx context.Context) (Place, error) {
	look := time.NewTicker(ownerLook)
	defer look.Stop()
	patience := cmp.Or(a.Patience, ownerWait)
	for end := time.Now().Add(patience); ; {
		conn, err := a.dial(ctx, patience)
		a.served.Store(err == nil)
		if err == nil {
			return Place{Conn: conn, Locked: conn.Hello.Locked}, nil
		}
		if !errors.Is(err, control.ErrNobody) {
			return Place{}, err
		}
		at, err := a.Open(ctx)
		if !errors.Is(err, store.ErrLocked) {
			return at, err
		}
		if time.Now().After(end) {
			return Place{}, control.Fail(control.NameLocked,
				"another process holds the profile in %s and does not serve it; stop it, or try again when it is done", a.Dir)
		}
		select {
		case <-ctx.Done():
			return Place{}, ctx.Err()
		case <-look.C:
		}
	}
}

// dial connects to the process that serves the profile, which has to say hello in time.
func (a *Access) dial(ctx context.Context, patience time.Duration) (*control.Conn, error) {
	soon, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	conn, err := control.Dial(soon, a.Dir)
	if err != nil && soon.Err() != nil && ctx.Err() == nil {
		err = control.Fail(control.NameLocked, "the process that holds the profile does not answer; stop it and run the command again")
	}
	return conn, err
}

// Open opens the profile here, with a passphrase only if it has one.
func (a *Access) Open(ctx context.Context) (Place, error) {
	db, err := chat.Open(ctx, a.Dir, chat.NoPassphrase())
	locked := errors.Is(err, chat.ErrNeedsPassphrase)
	if locked {
		var text string
		if text, err = a.Passphrase(ctx, "Passphrase of the profile in "+a.Dir); err != nil {
			return Place{}, err
		}
		db, err = chat.Open(ctx, a.Dir, chat.Passphrase(text))
	}
	if errors.Is(err, chat.ErrNoProfile) {
		err = control.Fail(control.NameNoProfile, "there is no profile in %s; make one with zms init, or name another directory with --profile", a.Dir)
	}
	return Place{DB: db, Locked: locked}, err
}

// Own opens the profile and keeps it for this process alone: it waits for one
// that ends by itself and gives up if somebody stays.
func (a *Access) Own(ctx context.Context) (Place, error) {
	look := time.NewTicker(ownerLook)
	defer look.Stop()
	for {
		at, err := a.Reach(ctx)
		if err != nil || at.DB != nil {
			return at, err
		}
		hello := at.Conn.Hello
		if err := at.Close(); err != nil {
			return Place{}, err
		}
		if hello.Lasting {
			return Place{}, control.Fail(control.NameLocked, "zms %s (process %d) holds the profile already; use it, or stop it first and run the command again", hello.Owner, hello.PID)
		}
		select {
		case <-ctx.Done():
			return Place{}, ctx.Err()
		case <-look.C:
		}
	}
}

// Ask makes one request of the profile's owner, whoever that is. If the owner
// ends before it says anything, the next one is asked; but a message might then
// have been sent already, so send fails with NameStopped.
func (a *Access) Ask(ctx context.Context, r control.Request, emit control.Emit) error {
	for {
		silent := true
		err := a.once(ctx, r, func(row control.Row) error {
			silent = false
			return emit(row)
		})
		if stopped(err) && silent && r.Cmd != control.CmdSend && ctx.Err() == nil {
			continue
		}
		return err
	}
}

// Follow listens from owner to owner until ctx ends, which is no error: when the
// process that it is attached to ends, this one owns the profile itself. A Lagged
// row tells then that something may be missing.
func (a *Access) Follow(ctx context.Context, r control.Request, emit control.Emit) error {
	for {
		err := a.once(ctx, r, emit)
		if Interrupted(ctx, err) {
			return nil
		}
		if !stopped(err) {
			return err
		}
		if err := emit(&control.Lagged{Type: control.TypeLagged}); err != nil {
			return err
		}
	}
}

// once asks one owner.
func (a *Access) once(ctx context.Context, r control.Request, emit control.Emit) error {
	at, err := a.Reach(ctx)
	switch {
	case err != nil:
		return err
	case at.Conn != nil:
		defer at.Close()
		a.log().Info("another process holds the profile and does what is asked; its own log tells of links", "command", at.Conn.Hello.Owner, "process", at.Conn.Hello.PID)
		if err := a.agrees(at.Conn.Hello, r); err != nil {
			return err
		}
		return at.Conn.Do(ctx, r, emit)
	}
	t := Tenure{Owner: r.Cmd, Offline: r.Offline(), Lasting: r.Endless(), Frames: r.Cmd == control.CmdFrames, Locked: at.Locked}
	if a.Name != "" {
		t.Owner = a.Name
	}
	return a.Run(ctx, at.DB, t, func(ctx context.Context, p *Profile) error { return p.Serve(ctx, r, emit) })
}

// agrees refuses an owner that makes links in another way than it should.
func (a *Access) agrees(h control.Hello, r control.Request) error {
	if a.Via == nil || r.Offline() || h.PID == os.Getpid() || h.Proxy == a.Via.text() {
		return nil
	}
	return control.Fail(control.NameLocked, "zms %s (process %d) holds the profile and makes its connections %s, not %s; stop it, or set the proxy that it uses with zms proxy set",
		h.Owner, h.PID, words(h.Proxy), words(a.Via.text()))
}

func stopped(err error) bool {
	f := new(control.Failure)
	return errors.As(err, &f) && f.Name == control.NameStopped
}

// Interrupted reports whether something ended because its ctx did.
func Interrupted(ctx context.Context, err error) bool {
	return ctx.Err() != nil && (err == nil || errors.Is(err, context.Canceled))
}
