package home

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"time"

	"zeroms/protocol/key"
	"zeroms/protocol/link"
	"zeroms/protocol/wire"
)

// maxCoalesced bounds how many bytes of waiting frames share one link message.
const maxCoalesced = 64 << 10

// peer is one gateway in use: a home while spec is set, else a guest.
type peer struct {
	// static
	pool   *Pool
	target Target
	wake   chan struct{}

	mu    sync.Mutex
	spec  *Spec     // guarded by mu
	queue []Request // guarded by mu: not sent yet
	done  bool      // guarded by mu: no longer takes requests
	redo  bool      // guarded by mu: the role changed, connect anew

	// owned by runPeer
	backoff time.Duration
}

func newPeer(p *Pool, t Target) *peer {
	return &peer{pool: p, target: t, wake: make(chan struct{}, 1)}
}

func (q *peer) poke() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// become turns the peer into a home (or, with nil, into a guest).
func (q *peer) become(s *Spec) {
	q.mu.Lock()
	q.redo = (q.spec == nil) != (s == nil)
	q.spec = s
	q.mu.Unlock()
	q.poke()
}

func (q *peer) role() (s *Spec, redo bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.spec, q.redo
}

// enqueue reports false if the peer has ended and a new one is needed.
func (q *peer) enqueue(r Request) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.done {
		return false
	}
	q.queue = append(q.queue, r)
	q.poke()
	return true
}

func (q *peer) finish() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.spec != nil || len(q.queue) > 0 {
		return false
	}
	q.done = true
	return true
}

func (q *peer) waiting() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.queue)
}

// take removes up to n requests from the queue.
func (q *peer) take(n int) []Request {
	q.mu.Lock()
	defer q.mu.Unlock()
	n = min(n, len(q.queue))
	out := append([]Request(nil), q.queue[:n]...)
	q.queue = append(q.queue[:0], q.queue[n:]...)
	return out
}

// fail answers everything in the queue with err.
func (q *peer) fail(node key.NodePublic, err error) {
	for _, r := range q.take(q.waiting()) {
		q.answer(r.Token, Answered{Gateway: node, Err: err})
	}
}

func (q *peer) answer(token uint64, a Answered) {
	if token != 0 {
		a.Token = token
		q.pool.cfg.Events(a)
	}
}

// runPeer connects, serves and reconnects until ctx ends or, for a guest,
// until nobody needs the gateway any more.
func (q *peer) runPeer(ctx context.Context) {
	for ctx.Err() == nil {
		spec, _ := q.role()
		if spec == nil && q.waiting() == 0 && q.pool.forget(q) {
			return
		}
		began := time.Now()
		err := q.once(ctx, spec)
		if ctx.Err() != nil {
			return
		}
		if err != nil {
			q.fail(key.NodePublic{}, err)
		}
		if q.changed() || err == nil {
			q.backoff = 0
			continue
		}
		q.pause(ctx, err, time.Since(began))
	}
}

// changed reports and clears that the role changed.
func (q *peer) changed() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	redo := q.redo
	q.redo = false
	return redo
}

// pause waits before the next attempt to reach a home.
func (q *peer) pause(ctx context.Context, err error, lasted time.Duration) {
	spec, _ := q.role()
	if spec == nil {
		return // a guest's requests were answered; who asked decides when to repeat
	}
	t := q.pool.cfg.Timing
	if lasted >= t.Stable {
		q.backoff = 0
	}
	q.backoff = min(max(2*q.backoff, t.BackoffMin), t.BackoffMax)
	if lookup := new(wire.Error); errors.As(err, &lookup) && wire.Lookup(lookup.Code).Retry == wire.Never {
		q.backoff = t.BackoffMax
	}
	wait := q.backoff/2 + rand.N(q.backoff/2+1)
	q.pool.cfg.Events(Disconnected{Gateway: q.target.Hash(), Err: err, Retry: time.Now().Add(wait)})
	timer := time.NewTimer(wait)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
			return
		case <-q.wake:
			if _, redo := q.role(); redo {
				return
			}
			q.fail(key.NodePublic{}, wire.ErrLinkClosed)
		}
	}
}

// once opens one connection and serves it to its end. A nil error means that
// the end was wanted.
func (q *peer) once(ctx context.Context, spec *Spec) error {
	began := time.Now()
	dialing, cancel := context.WithTimeout(ctx, q.pool.cfg.Timing.Dial)
	defer cancel()
	conn, err := q.pool.cfg.Dialer.Dial(dialing, q.target.Endpoint)
	if err != nil {
		return linkError(err)
	}
	defer conn.Close()
	s := &session{peer: q, conn: conn, pending: map[uint64]pending{}}
	if err := s.hello(dialing); err != nil {
		return linkError(err)
	}
	if spec != nil {
		if err := s.login(dialing, spec); err != nil {
			return linkError(err)
		}
		s.announce(dialing, began)
	}
	cancel()
	err = s.serve(ctx)
	s.abandon(linkError(err))
	return err
}

// linkError keeps errors of the table and turns all others into ErrLinkClosed
// with their text.
func linkError(err error) error {
	var e *wire.Error
	switch {
	case err == nil:
		return wire.ErrLinkClosed
	case errors.As(err, &e):
		return e
	}
	return wire.ErrLinkClosed.Because(err.Error())
}

var _ Dialer = (*link.Dialer)(nil)
