// Package client runs a person's client: one loop goroutine owns an Engine
// (package engine) with the whole profile. It steps over up to 256 waiting
// inputs (commands, what gateways say, deadlines), hands the Store one Batch
// with every row that those steps wrote or erased, and only when that is
// durable does it act: answer commands, submit envelopes, acknowledge to
// gateways, emit events. So whatever anybody was told survives a crash, and
// what was not durable was told to nobody. Receipts and heads, for which nobody
// waits, are taken in portions.
//
// Goroutines: Run is the loop; it waits for the Pool's Run. Nothing else.
package client

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"zeroms/client/delivery"
	"zeroms/client/engine"
	"zeroms/client/feed"
	"zeroms/client/home"
	"zeroms/client/score"
	"zeroms/client/tap"
)

// ErrStopped is returned when the client has ended.
var ErrStopped = errors.New("client: the profile is not open any more; start again")

// Config is what a Client needs. Zero timings are the defaults.
type Config struct {
	Store    Store
	Dialer   home.Dialer
	Resolve  home.Resolver // may be nil
	Delivery delivery.Timing
	Repair   delivery.RepairTiming
	Links    home.Timing
	// Direct says whether gateways that are no homes may be connected to. It is asked
	// once the store is loaded; nil: home.Fallback.
	Direct func() home.Direct
	Log    *slog.Logger // nil: discard
}

// queueSize bounds the inputs that wait for the loop. Gateways are held back
// when it is full; commands wait.
const queueSize = 1024

// pushedSize bounds the messages full of mailbox rows (1 MiB each at most) that
// wait for the loop.
const pushedSize = 16

// haste says in which order the loop takes an input.
type haste uint8

const (
	// prompt inputs are stepped over at once: somebody waits for what they do.
	prompt haste = iota
	// ordered inputs are too, but whatever is late goes ahead of them.
	ordered
	// late inputs only note what was said about messages that are on their way
	// already. In a rush they wait up to engine.Patience for others, so that no
	// commit of theirs stands between a message and the disk.
	late
)

// rush is how many prompt inputs within engine.Patience make one: a person who
// writes a message never brings as many about.
const rush = 8

// maxLate bounds the late inputs that wait. It is less than delivery.WindowDrop,
// as receipts make room for further envelopes.
const maxLate = 32

// input is one thing for the loop to do.
type input struct {
	step  func(e *engine.Engine)
	haste haste
}

// Client is one person's engine. Its methods may be called from any goroutine
// once Run was started; they wait for the loop.
type Client struct {
	// static
	cfg     Config
	inbox   chan input
	stopped chan struct{} // closed when the loop is over
	stop    func()        // closes it
	events  *feed.Feed[Event]
	pushed  chan struct{} // holds one token per Pushed that waits for the loop
	links   *tap.Hub      // what they say, for whoever watches
	scores  *score.Table  // what was measured of gateways
	pool    *home.Pool

	// owned by loop
	waiting []input         // the late ones
	prompts [rush]time.Time // when the last prompt ones came, in turn
	count   int             // of prompt ones
	until   time.Time       // when they are taken at the latest
}

// New makes a Client; Run starts it.
func New(cfg Config) *Client {
	if cfg.Delivery == (delivery.Timing{}) {
		cfg.Delivery = delivery.Timing{}.Default()
	}
	if cfg.Repair == (delivery.RepairTiming{}) {
		cfg.Repair = delivery.RepairTiming{}.Default()
	}
	if cfg.Links == (home.Timing{}) {
		cfg.Links = home.Timing{}.Default()
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	c := &Client{
		cfg: cfg, inbox: make(chan input, queueSize), stopped: make(chan struct{}),
		events: feed.New[Event](Lagged{}), pushed: make(chan struct{}, pushedSize), links: tap.New(), scores: score.New(),
	}
	c.stop = sync.OnceFunc(func() { close(c.stopped) })
	c.pool = home.New(home.Config{
		Dialer: cfg.Dialer, Resolve: cfg.Resolve, Timing: cfg.Links, Events: c.linkEvent, Sight: c.links.Sight, Scores: c.scores,
	})
	return c
}

// Run loads the profile, connects to its gateways and serves until ctx ends or
// the store fails. It does not close the store.
func (c *Client) Run(ctx context.Context) error {
	defer c.finish()
	e := engine.New(engine.Config{
		Store: c.cfg.Store, Pool: c.pool, Scores: c.scores, Timing: engine.Timing{Timing: c.cfg.Delivery, Repair: c.cfg.Repair}, Log: c.cfg.Log,
	})
	rows, err := c.cfg.Store.Load(ctx)
	if err != nil {
		return err
	}
	if c.cfg.Direct != nil {
		c.pool.SetDirect(c.cfg.Direct())
	}
	e.Begin(time.Now())
	if err := e.Load(rows); err != nil {
		return err
	}
	links, cancel := context.WithCancel(ctx)
	var ended sync.WaitGroup
	ended.Add(1)
	go func() {
		defer ended.Done()
		_ = c.pool.Run(links)
	}()
	err = c.loop(ctx, e)
	cancel()
	c.stop() // links that have something to say wait for a loop that is over
	ended.Wait()
	if ctx.Err() != nil && errors.Is(err, ctx.Err()) {
		return nil
	}
	return err
}

func (c *Client) finish() {
	c.stop()
	c.events.End()
	c.links.End()
}

// push hands an input to the loop; it gives up when the client stops.
func (c *Client) push(in input) {
	select {
	case c.inbox <- in:
	case <-c.stopped:
	}
}

// hasteOf says how soon an event matters. Rows may overtake receipts and heads,
// which a gateway sends when it likes.
func hasteOf(ev home.Event) haste {
	switch ev := ev.(type) {
	case home.Pushed:
		return prompt
	case home.Head:
		return late
	case home.Answered:
		if ev.Receipt != nil {
			return late
		}
	}
	return ordered
}

// linkEvent hands to the loop what the links report.
func (c *Client) linkEvent(ev home.Event) {
	_, rows := ev.(home.Pushed)
	if rows {
		select {
		case c.pushed <- struct{}{}:
		case <-c.stopped:
			return
		}
	}
	c.push(input{haste: hasteOf(ev), step: func(e *engine.Engine) {
		e.LinkEvent(ev)
		if rows {
			<-c.pushed
		}
	}})
}

// call runs f in the loop and returns what it returned once the turn is durable.
func call[T any](ctx context.Context, c *Client, f func(e *engine.Engine) (T, error)) (T, error) {
	type result struct {
		value T
		err   error
	}
	done := make(chan result, 1)
	in := input{step: func(e *engine.Engine) {
		v, err := f(e)
		e.After(func() { done <- result{v, err} })
	}}
	var none T
	select {
	case c.inbox <- in:
	case <-ctx.Done():
		return none, ctx.Err()
	case <-c.stopped:
		return none, ErrStopped
	}
	select {
	case r := <-done:
		return r.value, r.err
	case <-ctx.Done():
		return none, ctx.Err()
	case <-c.stopped:
		select {
		case r := <-done:
			return r.value, r.err
		default:
			return none, ErrStopped
		}
	}
}

// await runs f in the loop and waits until f has called done, in the loop too.
func await[T any](ctx context.Context, c *Client, f func(e *engine.Engine, done func(T, error))) (T, error) {
	type result struct {
		value T
		err   error
	}
	over := make(chan result, 1)
	err := do(ctx, c, func(e *engine.Engine) error {
		f(e, func(v T, err error) { e.After(func() { over <- result{v, err} }) })
		return nil
	})
	var none T
	if err != nil {
		return none, err
	}
	select {
	case r := <-over:
		return r.value, r.err
	case <-ctx.Done():
		return none, ctx.Err()
	case <-c.stopped:
		return none, ErrStopped
	}
}

// loop is the client's one goroutine; the package comment tells what it does.
func (c *Client) loop(ctx context.Context, e *engine.Engine) error {
	timer := time.NewTimer(0)
	defer timer.Stop()
	e.Begin(time.Now())
	for {
		if err := c.commit(ctx, e.Settle()); err != nil {
			return err
		}
		if at, ok := c.next(e); ok {
			timer.Reset(time.Until(at))
		} else {
			timer.Stop()
		}
		select {
		case <-ctx.Done():
			return c.end(ctx, e)
		case <-timer.C:
			e.Begin(time.Now())
			c.catchUp(e)
		case in := <-c.inbox:
			e.Begin(time.Now())
			c.take(e, in)
			c.more(e)
		}
		e.Ring()
	}
}

// end makes what came too late for a turn durable.
func (c *Client) end(ctx context.Context, e *engine.Engine) error {
	e.Begin(time.Now())
	c.catchUp(e)
	e.CatchUp()
	if err := c.commit(ctx, e.Settle()); err != nil {
		return err
	}
	return ctx.Err()
}

// next is when the loop wants a turn although nothing happens.
func (c *Client) next(e *engine.Engine) (at time.Time, ok bool) {
	at, ok = e.Next()
	if len(c.waiting) > 0 && (!ok || c.until.Before(at)) {
		return c.until, true
	}
	return at, ok
}

// take steps over an input, or has it wait if it is late and there is a rush.
func (c *Client) take(e *engine.Engine, in input) {
	switch in.haste {
	case ordered:
		c.catchUp(e)
	case prompt:
		c.prompts[c.count%rush] = time.Now()
		c.count++
	case late:
		now := time.Now()
		if len(c.waiting) == 0 && now.Sub(c.prompts[c.count%rush]) >= engine.Patience {
			break // nothing that it could stand in the way of
		}
		if len(c.waiting) == 0 {
			c.until = now.Add(engine.Patience)
		}
		if c.waiting = append(c.waiting, in); len(c.waiting) >= maxLate {
			c.catchUp(e)
		}
		return
	}
	in.step(e)
}

// catchUp steps over everything that is late.
func (c *Client) catchUp(e *engine.Engine) {
	for _, in := range c.waiting {
		in.step(e)
	}
	clear(c.waiting)
	c.waiting = c.waiting[:0]
}

// more steps over the inputs that wait already, within one turn's bound.
func (c *Client) more(e *engine.Engine) {
	for range engine.MaxInputs - 1 {
		select {
		case in := <-c.inbox:
			c.take(e, in)
		default:
			return
		}
	}
}

// commit makes a turn durable and then performs its actions.
func (c *Client) commit(ctx context.Context, t *engine.Turn) error {
	if !t.Batch.Empty() {
		if err := c.cfg.Store.Commit(context.WithoutCancel(ctx), t.Batch); err != nil {
			return err
		}
	}
	for _, act := range t.Actions {
		act()
	}
	c.events.Emit(t.Events)
	return nil
}
