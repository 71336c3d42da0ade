package inside

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"zeroms/protocol/card"
	database "zeroms/store/mailbox"
	"zeroms/ui/model"
)

// Errors of the gateway inside. They are joined by why.
var (
	// ErrStopped: it does not run.
	ErrStopped = errors.New("the gateway inside of the app does not run; start it first")
	// ErrInUse: another process runs it.
	ErrInUse = errors.New("another program runs this gateway already; end it, and start it here again")
	// ErrListen: no port is to be had.
	ErrListen = errors.New("no port can be opened on this computer")
	// ErrData: what is kept of it can't be read or written.
	ErrData = errors.New("the directory of the gateway inside of the app can't be used")
	// ErrNetwork: the profile's gateways are of another network than it.
	ErrNetwork = errors.New("your gateways belong to another network than the one inside of the app")
)

const (
	// lookInterval is how often it is looked whether the computer is elsewhere, and who
	// is served.
	lookInterval = 5 * time.Second
	// inviteLife is how long an invitation holds.
	inviteLife = 30 * 24 * time.Hour
)

// Wish is how the gateway shall run.
type Wish struct {
	// Open serves local networks, and not just this computer.
	Open bool
	// Others are the gateways that the user has: it will be of their network, and knows
	// that by them. None: the public network.
	Others []card.Address
}

// Gateway is the gateway inside of the app. Its Run has to run for it to start; its
// methods may be called from any goroutine.
type Gateway struct {
	// static
	dir    string
	log    *slog.Logger
	orders chan order
	ended  chan struct{} // closed with Run

	mu    sync.Mutex
	state model.InsideState // guarded by mu
	db    *database.DB      // guarded by mu: while it runs
	moved chan struct{}     // guarded by mu: closed when Address changes
}

// order has it run or stop.
type order struct {
	ctx  context.Context
	wish *Wish // nil: stop
	done chan error
}

// New makes a Gateway of a directory, which it makes when it starts first.
func New(dir string, log *slog.Logger) *Gateway {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return &Gateway{dir: dir, log: log, orders: make(chan order), ended: make(chan struct{}), moved: make(chan struct{})}
}

// State is how it is doing.
func (g *Gateway) State() model.InsideState {
	g.mu.Lock()
	defer g.mu.Unlock()
	s := g.state
	s.Reach = slices.Clone(s.Reach)
	return s
}

// Moved is closed when the address of State is another one than now.
func (g *Gateway) Moved() <-chan struct{} {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.moved
}

// Start has it run as wished and returns when it serves. What runs otherwise is started
// anew, at the same port. Errors: ErrInUse, ErrListen, ErrData, ErrNetwork, ErrStopped
// if Run is over, ctx's.
func (g *Gateway) Start(ctx context.Context, w Wish) (model.InsideState, error) {
	err := g.order(ctx, &w)
	return g.State(), err
}

// Stop ends it, and waits until it has answered who had asked something.
func (g *Gateway) Stop(ctx context.Context) error { return g.order(ctx, nil) }

func (g *Gateway) order(ctx context.Context, w *Wish) error {
	o := order{ctx: ctx, wish: w, done: make(chan error, 1)}
	select {
	case g.orders <- o:
	case <-ctx.Done():
		return ctx.Err()
	case <-g.ended:
		return ErrStopped
	}
	select {
	case err := <-o.done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Invite is its address with an invitation for one person. Errors: ErrStopped, the
// database's.
func (g *Gateway) Invite(ctx context.Context) (a card.Address, err error) {
	g.mu.Lock()
	db := g.db
	a = g.state.Address
	g.mu.Unlock()
	if db == nil {
		return a, ErrStopped
	}
	a.Invite, err = db.MakeInvite(ctx, 1, time.Now().Add(inviteLife))
	return a, err
}

// Run runs it as it is wished until ctx ends, and then ends it cleanly.
func (g *Gateway) Run(ctx context.Context) (err error) {
	defer close(g.ended)
	look := time.NewTicker(lookInterval)
	defer look.Stop()
	var now *serving
	defer func() { err = g.end(now) }()
	for {
		var ended <-chan error
		if now != nil {
			ended = now.ended
		}
		select {
		case <-ctx.Done():
			return nil
		case o := <-g.orders:
			now = g.runOrder(ctx, now, o)
		case err := <-ended:
			now.ended <- err // for end
			if failed := g.end(now); err == nil {
				err = failed
			}
			g.log.Error("the gateway inside of the app ended", "error", err)
			now = nil
			g.set(nil, nil, err)
		case <-look.C:
			now = g.runLook(ctx, now)
		}
	}
}

// runOrder does what was ordered and returns what runs after it.
func (g *Gateway) runOrder(ctx context.Context, now *serving, o order) *serving {
	if o.wish == nil {
		err := g.end(now)
		g.set(nil, nil, nil)
		o.done <- err
		return nil
	}
	if now != nil && now.wish.Open == o.wish.Open {
		o.done <- nil
		return now
	}
	opening, cancel := context.WithCancel(o.ctx)
	defer cancel()
	defer context.AfterFunc(ctx, cancel)()
	next, err := g.runAnew(opening, now, *o.wish)
	o.done <- err
	return next
}

// runAnew ends what runs and starts it as wished.
func (g *Gateway) runAnew(ctx context.Context, now *serving, w Wish) (*serving, error) {
	err := g.end(now)
	var next *serving
	var invited card.Address
	if err == nil {
		next, err = runServing(ctx, g.dir, g.log, w)
	}
	if err == nil {
		invited = next.address
		if invited.Invite, err = next.db.MakeInvite(ctx, 1, time.Now().Add(inviteLife)); err != nil {
			err = errors.Join(fmt.Errorf("%w: %w", ErrData, err), g.end(next))
			next = nil
		}
	}
	g.set(next, &invited, err)
	return next, err
}

// runLook follows the computer into another network, and counts who is served.
func (g *Gateway) runLook(ctx context.Context, now *serving) *serving {
	if now == nil {
		return nil
	}
	if now.wish.Open && home(places()) != now.host {
		g.log.Info("this computer has another address; the gateway inside of the app is started anew")
		next, err := g.runAnew(ctx, now, now.wish)
		if err != nil {
			g.log.Error("the gateway inside of the app could not be started anew", "error", err)
		}
		return next
	}
	accounts := count(ctx, now.db)
	reach, public := reachOf(now)
	g.mu.Lock()
	defer g.mu.Unlock()
	g.state.Accounts, g.state.Reach, g.state.Public = accounts, reach, public
	return now
}

// count is how many people are served.
func count(ctx context.Context, db *database.DB) int {
	s, err := db.Stats(ctx)
	if err != nil {
		return 0
	}
	return s.Accounts
}

// end ends a run; nil: there is none.
func (g *Gateway) end(s *serving) error {
	if s == nil {
		return nil
	}
	g.mu.Lock()
	g.db = nil
	g.mu.Unlock()
	return s.close()
}

// set notes what runs, or why nothing does.
func (g *Gateway) set(now *serving, at *card.Address, why error) {
	var s model.InsideState
	if why != nil && !errors.Is(why, context.Canceled) {
		s.Problem = why.Error()
	}
	if now != nil {
		s.Running, s.Open, s.Address = true, now.wish.Open, *at
		s.Reach, s.Public = reachOf(now)
		s.Accounts = count(context.Background(), now.db)
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if s.Address.Node != g.state.Address.Node || s.Address.Host != g.state.Address.Host || s.Address.Port != g.state.Address.Port {
		close(g.moved)
		g.moved = make(chan struct{})
	}
	g.state, g.db = s, nil
	if now != nil {
		g.db = now.db
	}
}
