package dht

import (
	"context"
	"errors"
	"log/slog"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"zeroms/gateway/dht/query"
	"zeroms/protocol/key"
	"zeroms/protocol/wire"
)

// Transport asks other gateways. It sends nothing before the key of to answered at
// its address. An answer that is a refusal is a *wire.Failure; err says why there
// is none: wire.ErrUnreachable, ErrWrongNode, ErrNetwork, or ErrBusy and
// ErrDraining if it is the own side that can't.
type Transport interface {
	Ask(ctx context.Context, to wire.Contact, request wire.Payload) (wire.Payload, error)
}

// Service runs a Node for many goroutines: Run owns it, all other methods hand
// their work to it.
type Service struct {
	// static
	transport Transport
	log       *slog.Logger
	calls     chan call
	answers   chan answered
	ended     chan struct{} // closed when Run returned

	node    *Node // owned by loop
	flying  int   // owned by loop
	waiting []Ask // owned by loop: over Limits.Asks

	logged  bool      // owned by loop: what the log says of serving
	changed time.Time // owned by loop: when that began to be wrong; zero: it is right

	callers atomic.Int32 // requests of others that wait
	serving atomic.Bool
	self    atomic.Pointer[wire.Contact]
	changes chan struct{}
}

// call is work for the node.
type call func(n *Node, now time.Time)

// answered is what came of an Ask.
type answered struct {
	id     uint64
	answer wire.Payload
	err    error
}

// callQueue is how many calls wait for the node before more are refused.
const callQueue = 1024

// batch is how many calls and answers are taken between two looks at what is due.
const batch = 64

// NewService wraps a node, which nobody else may use from now on. It starts nothing.
func NewService(n *Node, t Transport, log *slog.Logger) *Service {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	s := &Service{
		transport: t, log: log, node: n,
		calls: make(chan call, callQueue), answers: make(chan answered, batch), ended: make(chan struct{}),
		changes: make(chan struct{}, 1),
	}
	s.publish(time.Time{})
	return s
}

// Run runs the node until ctx ends, then waits for the requests on their way. It
// is called once; requests of others fail with wire.ErrDraining afterwards.
func (s *Service) Run(ctx context.Context) error {
	var asks sync.WaitGroup
	defer close(s.ended)
	defer asks.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case f := <-s.calls:
			f(s.node, time.Now())
		case a := <-s.answers:
			s.landed(a)
		case <-timer.C:
		}
		s.drain()
		out, next := s.node.Advance(time.Now())
		s.publish(time.Now()) // what asks depends on it
		for _, ask := range out {
			s.runAsk(ctx, ask, &asks)
		}
		for len(s.waiting) > 0 && s.flying < s.node.config.Limits.Asks {
			first := s.waiting[0]
			if s.waiting = s.waiting[1:]; s.node.flights.Has(first.ID) { // else it was given up
				s.runAsk(ctx, first, &asks)
			}
		}
		if next.IsZero() {
			timer.Stop()
		} else {
			timer.Reset(time.Until(next))
		}
	}
}

// drain takes what else is there, without waiting.
func (s *Service) drain() {
	for range batch {
		select {
		case f := <-s.calls:
			f(s.node, time.Now())
		case a := <-s.answers:
			s.landed(a)
		default:
			return
		}
	}
}

func (s *Service) landed(a answered) {
	s.flying--
	s.node.Answered(time.Now(), a.id, a.answer, a.err)
}

// lasting is for how long something is so before it is written into the log.
const lasting = 10 * time.Second

// publish shows others what they may read without asking the node.
func (s *Service) publish(now time.Time) {
	serving, self := s.node.Serving(), s.node.Self()
	have := s.self.Load()
	if s.serving.Swap(serving) != serving || have == nil || *have != self {
		s.self.Store(&self)
		select {
		case s.changes <- struct{}{}:
		default: // whoever looks sees both
		}
	}
	switch {
	case serving == s.logged:
		s.changed = time.Time{}
	case s.changed.IsZero():
		s.changed = now
	case now.Sub(s.changed) > lasting:
		s.logged = serving
		s.log.Info("part in the gateway network", "serving", serving)
	}
}

// runAsk sends a request in a goroutine of its own, or lets it wait until fewer
// are on their way.
func (s *Service) runAsk(ctx context.Context, ask Ask, asks *sync.WaitGroup) {
	if s.flying >= s.node.config.Limits.Asks {
		s.waiting = append(s.waiting, ask)
		return
	}
	s.flying++
	asks.Add(1)
	timeout := s.node.config.Timing.Request
	go func() {
		defer asks.Done()
		limited, cancel := ctx, context.CancelFunc(func() {})
		if timeout > 0 {
			limited, cancel = context.WithTimeout(ctx, timeout)
		}
		defer cancel()
		answer, err := s.transport.Ask(limited, ask.To, ask.Payload)
		select {
		case s.answers <- answered{ask.ID, answer, err}:
		case <-ctx.Done(): // Run ends
		}
	}()
}

// do hands work to the node. Errors: wire.ErrBusy if too much waits, ErrDraining
// after Run, ctx's.
func (s *Service) do(ctx context.Context, f call) error {
	select {
	case <-s.ended:
		return wire.ErrDraining
	case <-ctx.Done():
		return ctx.Err()
	default:
	}
	select {
	case s.calls <- f:
		return nil
	default:
		return wire.ErrBusy
	}
}

// ask hands work to the node and waits for the value that it gives to done.
func ask[T any](ctx context.Context, s *Service, f func(n *Node, now time.Time, done func(T))) (value T, err error) {
	result := make(chan T, 2)
	if err := s.do(ctx, func(n *Node, now time.Time) {
		f(n, now, func(v T) { result <- v })
	}); err != nil {
		return value, err
	}
	select {
	case value = <-result:
		return value, nil
	case <-ctx.Done():
		return value, ctx.Err()
	case <-s.ended:
		return value, wire.ErrDraining
	}
}

// Serve answers a request of another gateway, as Node.Serve does.
func (s *Service) Serve(ctx context.Context, from Caller, request wire.Payload) wire.Payload {
	defer s.callers.Add(-1)
	if s.callers.Add(1) > callQueue/4 { // the rest is for this gateway's own work
		return &wire.Failure{Code: wire.CodeBusy}
	}
	answer, err := ask(ctx, s, func(n *Node, now time.Time, done func(wire.Payload)) {
		done(n.Serve(now, from, request))
	})
	if err != nil {
		return &wire.Failure{Code: query.CodeOf(err)}
	}
	return answer
}

// Get looks for a record. Errors: those of Got, ctx's, wire.ErrDraining.
func (s *Service) Get(ctx context.Context, q Get) (Got, error) {
	got, err := ask(ctx, s, func(n *Node, now time.Time, done func(Got)) { n.Get(now, q, done) })
	if err == nil {
		err = got.Err
	}
	return got, err
}

// Put stores records and returns when enough gateways hold them; the rest goes on.
// Errors: those of Stored, ctx's, wire.ErrDraining.
func (s *Service) Put(ctx context.Context, p Put) (Stored, error) {
	stored, err := ask(ctx, s, func(n *Node, now time.Time, done func(Stored)) { n.Put(now, p, done) })
	if err == nil {
		err = stored.Err
	}
	return stored, err
}

// Find searches for the gateways nearest to a place.
func (s *Service) Find(ctx context.Context, target key.NodeID) (Found, error) {
	return ask(ctx, s, func(n *Node, now time.Time, done func(Found)) { n.Find(now, target, done) })
}

// Join begins with contacts that were known before.
func (s *Service) Join(ctx context.Context, contacts []wire.Contact) error {
	return s.do(ctx, func(n *Node, now time.Time) { n.Join(now, contacts) })
}

// SetAddr gives the node another address, as Node.SetAddr does.
func (s *Service) SetAddr(ctx context.Context, addr netip.AddrPort, transports uint8) error {
	return s.do(ctx, func(n *Node, now time.Time) { n.SetAddr(now, addr, transports) })
}

// Nearest is the contacts of the table nearest to a place.
func (s *Service) Nearest(ctx context.Context, target key.NodeID, count int) ([]wire.Contact, error) {
	return ask(ctx, s, func(n *Node, now time.Time, done func([]wire.Contact)) {
		done(n.Nearest(now, target, count))
	})
}

// Sample is some contacts heard from lately, drawn at random.
func (s *Service) Sample(ctx context.Context, count int) ([]wire.Contact, error) {
	return ask(ctx, s, func(n *Node, now time.Time, done func([]wire.Contact)) { done(n.Sample(now, count)) })
}

// Contacts are those of the table that answer, the longest known first; after Run too.
func (s *Service) Contacts(ctx context.Context) ([]wire.Contact, error) {
	return s.list(ctx, (*Node).Contacts)
}

// Met is whom to begin with after a restart, as Node.Met has them; after Run too, for
// whoever saves them then.
func (s *Service) Met(ctx context.Context) ([]wire.Contact, error) { return s.list(ctx, (*Node).Met) }

// list is contacts of the node, also of one that does not run any more. Error: ctx's,
// wire.ErrBusy.
func (s *Service) list(ctx context.Context, of func(*Node) []wire.Contact) ([]wire.Contact, error) {
	list, err := ask(ctx, s, func(n *Node, _ time.Time, done func([]wire.Contact)) { done(of(n)) })
	if errors.Is(err, wire.ErrDraining) { // nobody owns it any more, and nothing changes it
		return of(s.node), nil
	}
	return list, err
}

// Stats is the node's state in numbers.
func (s *Service) Stats(ctx context.Context) (Stats, error) {
	return ask(ctx, s, func(n *Node, now time.Time, done func(Stats)) { done(n.Stats(now)) })
}

// Serving reports whether the node answers others. It does not wait.
func (s *Service) Serving() bool { return s.serving.Load() }

// Changes has a value after Serving or Self changed: what hellos say has to follow
// within 300 ms, as the neighbours are told then.
func (s *Service) Changes() <-chan struct{} { return s.changes }

// Self is the node's contact. It does not wait.
func (s *Service) Self() wire.Contact { return *s.self.Load() }
