// Package client is the engine of a ZeroMS client: a person's identity, cards,
// contacts, conversations, sessions and gateways, and the way of a message
// from Send to the recipient's history and back.
//
// One loop goroutine owns all of it. It steps over up to 256 waiting
// inputs (commands, what gateways say, deadlines), hands the Store one Batch
// with every row that those steps wrote or erased, and only when that is
// durable does it act: answer commands, submit envelopes, acknowledge to
// gateways, emit events. So whatever anybody was told survives a crash, and
// what was not durable was told to nobody.
//
//	Send: api.go -> message.Append -> sessions.Seal (send.go)
//	      -> Batch -> home.Pool -> gateway; receipt and ack come back (history.go)
//	receive: home.Pool -> rows of the mailbox (homes.go) -> sessions.Open ->
//	      message.Accept (receive.go) -> Batch -> ack to the gateway -> Event
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
	"zeroms/client/feed"
	"zeroms/client/home"
)

// Errors of the engine.
var (
	ErrStopped = errors.New("client: the profile is not open any more; start again")
	ErrNoSelf  = errors.New("client: this profile holds no identity; run init first")
)

// Config is what a Client needs. Zero timings are the defaults.
type Config struct {
	Store    Store
	Dialer   home.Dialer
	Resolve  home.Resolver // may be nil
	Delivery delivery.Timing
	Links    home.Timing
	Log      *slog.Logger // nil: discard
}

// queueSize bounds the inputs that wait for the loop. Gateways are held back
// when it is full; commands wait.
const queueSize = 1024

// pushedSize bounds the messages full of mailbox rows (1 MiB each at most) that
// wait for the loop.
const pushedSize = 16

// turnSize is how many inputs share one commit at most.
const turnSize = 256

// input is one thing for the loop to do.
type input func(e *engine)

// Client is one person's engine. Its methods may be called from any goroutine
// once Run was started; they wait for the loop.
type Client struct {
	// static
	cfg     Config
	inbox   chan input
	stopped chan struct{} // closed when Run returns
	events  *feed.Feed[Event]
	pushed  chan struct{} // holds one token per Pushed that waits for the loop
}

// New makes a Client; Run starts it.
func New(cfg Config) *Client {
	if cfg.Delivery == (delivery.Timing{}) {
		cfg.Delivery = delivery.Timing{}.Default()
	}
	if cfg.Links == (home.Timing{}) {
		cfg.Links = home.Timing{}.Default()
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	return &Client{
		cfg: cfg, inbox: make(chan input, queueSize), stopped: make(chan struct{}),
		events: feed.New[Event](Lagged{}), pushed: make(chan struct{}, pushedSize),
	}
}

// Run loads the profile, connects to its gateways and serves until ctx ends or
// the store fails. It does not close the store.
func (c *Client) Run(ctx context.Context) error {
	defer c.finish()
	e, err := load(ctx, c)
	if err != nil {
		return err
	}
	links, cancel := context.WithCancel(ctx)
	var pool sync.WaitGroup
	pool.Add(1)
	go func() {
		defer pool.Done()
		_ = e.pool.Run(links)
	}()
	err = e.loop(ctx)
	cancel()
	pool.Wait()
	if ctx.Err() != nil && errors.Is(err, ctx.Err()) {
		return nil
	}
	return err
}

func (c *Client) finish() {
	close(c.stopped)
	c.events.End()
}

// push hands an input to the loop; it gives up when the client stops.
func (c *Client) push(in input) {
	select {
	case c.inbox <- in:
	case <-c.stopped:
	}
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
	c.push(func(e *engine) {
		e.linkEvent(ev)
		if rows {
			<-c.pushed
		}
	})
}

// call runs f in the loop and returns what it returned once the turn is durable.
func call[T any](ctx context.Context, c *Client, f func(e *engine) (T, error)) (T, error) {
	type result struct {
		value T
		err   error
	}
	done := make(chan result, 1)
	in := func(e *engine) {
		v, err := f(e)
		e.after(func() { done <- result{v, err} })
	}
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

// loop is the engine's one goroutine; the package comment tells what it does.
func (e *engine) loop(ctx context.Context) error {
	timer := time.NewTimer(0)
	defer timer.Stop()
	e.begin()
	for {
		e.progress()
		if err := e.commit(ctx); err != nil {
			return err
		}
		if at, ok := e.alarms.Next(); ok {
			timer.Reset(time.Until(at))
		} else {
			timer.Stop()
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-timer.C:
			e.begin()
		case in := <-e.client.inbox:
			e.begin()
			in(e)
			e.more()
		}
		for _, k := range e.alarms.Due(e.now) {
			e.ring(k)
		}
	}
}

// more steps over the inputs that wait already, within one turn's bound.
func (e *engine) more() {
	for range turnSize - 1 {
		select {
		case in := <-e.client.inbox:
			in(e)
		default:
			return
		}
	}
}

// begin opens a turn.
func (e *engine) begin() { e.now = time.Now() }

// commit makes the turn durable and then performs its actions.
func (e *engine) commit(ctx context.Context) error {
	batch := e.collect()
	if !batch.Empty() {
		if err := e.client.cfg.Store.Commit(context.WithoutCancel(ctx), batch); err != nil {
			return err
		}
		if rewrites(batch) {
			e.alarms.Sooner(alarm{kind: alarmTidy}, e.now.Add(e.timing.Tidy))
		}
	}
	actions, events := e.actions, e.events
	e.actions, e.events = nil, nil
	for _, act := range actions {
		act()
	}
	e.client.events.Emit(events)
	return nil
}

// after adds an action to the turn: it runs once the turn is durable and must
// not block.
func (e *engine) after(act func()) { e.actions = append(e.actions, act) }

// emit adds an event to the turn.
func (e *engine) emit(ev Event) { e.events = append(e.events, ev) }
