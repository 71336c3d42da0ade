package home

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"zeroms/client/score"
	"zeroms/protocol/channel"
	"zeroms/protocol/key"
	"zeroms/protocol/link"
	"zeroms/protocol/wire"
)

// maxCoalesced bounds how many bytes of waiting frames share one link message.
const maxCoalesced = 64 << 10

// maxBatch bounds how many requests are taken from the queue at once.
const maxBatch = 64

// peer is one gateway in use: a home while spec is set, else a guest.
type peer struct {
	// static
	pool *Pool
	hash key.GatewayHash
	wake chan struct{}

	// heard is when the gateway last said something as a home, in Unix ns, and up
	// whether it is connected as one. Others read them.
	heard atomic.Int64
	up    atomic.Bool

	mu    sync.Mutex
	spec  *Spec     // guarded by mu
	queue []Request // guarded by mu: not sent yet
	done  bool      // guarded by mu: no longer takes requests
	redo  bool      // guarded by mu: the role or address changed, connect anew
	again bool      // guarded by mu: the link is to end and come back
	quit  func()    // guarded by mu: ends the attempt to connect; nil: there was none

	// owned by runPeer
	backoff time.Duration
	toll    toll
	live    bool // the last attempt came as far as the login
	told    bool // the gateway itself said why the link ended
	// since is when it was first noticed that the gateway is away or silent; zero: it is
	// neither.
	since time.Time
}

func newPeer(p *Pool, h key.GatewayHash) *peer {
	return &peer{pool: p, hash: h, wake: make(chan struct{}, 1)}
}

func (q *peer) poke() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// become turns the peer into a home (or, with nil, into a guest). It reports
// false if the peer has ended and a new one is needed.
func (q *peer) become(s *Spec) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.done {
		return false
	}
	old := q.spec
	if (old == nil) != (s == nil) || s != nil && !s.Same(old.Target) {
		q.redo = true
	}
	q.spec = s
	if q.redo && q.quit != nil {
		q.quit()
	}
	q.poke()
	return true
}

// restart has the link of a home end as if it had failed.
func (q *peer) restart() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.again = q.spec != nil
	q.poke()
}

// redone reports whether the role or address changed since role was asked.
func (q *peer) redone() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.redo
}

// over reports whether the link is to end.
func (q *peer) over() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.redo || q.again
}

// role returns what a home is to be, nil for a guest, and takes note of it.
func (q *peer) role() *Spec {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.redo, q.again = false, false
	return q.spec
}

// address is where the next attempt goes: a guest's oldest request says so. It
// reports false if a guest has nothing to do.
func (q *peer) address(spec *Spec) (t Target, ok bool) {
	if spec != nil {
		return spec.Target, true
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.queue) == 0 {
		return t, false
	}
	return q.queue[0].To, true
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

// enqueueHome is enqueue for what is for a home; it reports false for a guest too.
func (q *peer) enqueueHome(r Request) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.done || q.spec == nil {
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

// take removes all requests from the queue.
func (q *peer) take() (all []Request) {
	q.mu.Lock()
	defer q.mu.Unlock()
	all, q.queue = q.queue, nil
	return all
}

// batch removes up to n requests from the queue for a link that is up. For one that is
// to end there is none: what waits may be for another role.
func (q *peer) batch(n int) []Request {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.redo {
		return nil
	}
	n = min(n, len(q.queue))
	out := slices.Clone(q.queue[:n])
	q.queue = slices.Delete(q.queue, 0, n)
	return out
}

// displace takes from a guest's queue what no guest link may carry: what was for a
// home's link, and while guest links are forbidden whatever is not always direct. Its
// way is found anew. Only what needs a login ends with the home.
func (q *peer) displace() {
	free := q.pool.mayVisit(Target{})
	q.mu.Lock()
	var moved []Request
	if q.spec == nil {
		q.queue = slices.DeleteFunc(q.queue, func(r Request) bool {
			stays := r.guest && (free || r.To.Straight())
			if !stays {
				moved = append(moved, r)
			}
			return !stays
		})
	}
	q.mu.Unlock()
	for _, r := range moved {
		foreign := r.guest || r.Payload == nil || channel.Carries(r.Payload.Type())
		if r.back == nil && foreign {
			q.pool.route(r)
		} else {
			q.pool.tell(r, Answered{Err: wire.ErrLinkClosed})
		}
	}
}

// fail answers with err what waits for an address that did not work. What names
// the gateway by another address stays: one wrong lease must not cut off the
// gateway for everybody else.
func (q *peer) fail(at Target, err error) {
	q.mu.Lock()
	var failed []Request
	q.queue = slices.DeleteFunc(q.queue, func(r Request) bool {
		if r.To.Same(at) {
			failed = append(failed, r)
			return true
		}
		return false
	})
	q.mu.Unlock()
	q.refuse(failed, err)
}

func (q *peer) refuse(requests []Request, err error) {
	for _, r := range requests {
		q.pool.tell(r, Answered{Err: unanswered(err)})
	}
}

// runPeer connects, serves and reconnects until ctx ends or, for a guest,
// until nobody needs the gateway any more.
func (q *peer) runPeer(ctx context.Context) {
	for ctx.Err() == nil {
		spec := q.role()
		if spec == nil {
			q.displace()
		}
		target, busy := q.address(spec)
		if !busy {
			if q.pool.forget(q) {
				return
			}
			continue
		}
		began := time.Now()
		err := q.once(ctx, spec, target)
		if ctx.Err() != nil {
			return
		}
		if spec != nil && !q.live && err != nil {
			q.pool.forward.Down(q.hash, false)
		}
		if err != nil && !q.redone() {
			q.blame(err)
		}
		switch {
		case err != nil && spec != nil:
			q.refuse(q.take(), err)
		case err != nil:
			q.fail(target, err)
		}
		now := q.role()
		if spec == nil || now == nil || !now.Same(target) || !bytes.Equal(now.invite(), spec.invite()) {
			// A guest's requests were answered; who asked decides when to repeat.
			q.backoff = 0
			continue
		}
		if err == nil {
			err = wire.ErrLinkClosed.Because("started over")
		}
		if q.toll.due() {
			q.pool.cfg.Events(Disconnected{Gateway: q.hash, Err: err, Retry: time.Now()})
			if err = q.pay(ctx); err == nil {
				continue
			}
		}
		q.pause(ctx, err, time.Since(began))
	}
}

// invite is what the home is to be registered with.
func (s *Spec) invite() []byte {
	if s.Register == nil {
		return nil
	}
	return s.Register.Invite
}

// pause waits before the next attempt to reach a home.
func (q *peer) pause(ctx context.Context, err error, lasted time.Duration) {
	t := q.pool.cfg.Timing
	if lasted >= t.Stable {
		q.backoff = 0
	}
	q.backoff = min(max(2*q.backoff, t.BackoffMin), t.BackoffMax)
	if lookup := new(wire.Error); errors.As(err, &lookup) && wire.Lookup(lookup.Code).Retry == wire.Never {
		q.backoff = t.BackoffMax
	}
	wait := q.backoff/2 + rand.N(q.backoff/2+1)
	q.pool.cfg.Events(Disconnected{Gateway: q.hash, Err: err, Retry: time.Now().Add(wait)})
	timer := time.NewTimer(wait)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
			return
		case <-q.wake:
			if q.redone() {
				return
			}
			q.refuse(q.take(), wire.ErrLinkClosed)
		}
	}
}

// once opens one connection and serves it to its end. A nil error means that
// the end was wanted.
func (q *peer) once(ctx context.Context, spec *Spec, target Target) error {
	began, again := time.Now(), !q.since.IsZero()
	dialing, cancel := context.WithTimeout(ctx, q.pool.cfg.Timing.Dial)
	defer cancel()
	q.live, q.told = false, false
	left, ok := q.departs(spec, target, cancel)
	if !ok {
		return nil
	}
	s, err := q.connect(dialing, spec, target)
	left()
	if s != nil {
		defer s.conn.Close()
	}
	switch {
	case !q.wants(spec, target):
		return nil
	case err != nil:
		return linkError(err)
	case spec != nil:
		q.live, q.since = true, time.Time{}
		q.heard.Store(time.Now().UnixNano())
		q.up.Store(true)
		q.pool.forward.Up(q.hash, s.limits, s.descriptor)
		s.announce(dialing, began)
	}
	if again { // how long an attempt waited for the network to return is no measure
		q.pool.scores.Back(q.hash, time.Now())
	} else {
		q.pool.scores.Took(q.hash, score.Connect, time.Since(began), time.Now())
	}
	cancel()
	if err = s.serve(ctx); err != nil {
		err = linkError(err)
	}
	if spec != nil {
		q.up.Store(false)
		q.pool.forward.Down(q.hash, true)
	}
	s.abandon(err)
	return err
}

// departs notes an attempt to connect, which cancel ends when it is not wanted any
// more; it reports false if it is not now. left is called when it is over.
func (q *peer) departs(spec *Spec, target Target, cancel func()) (left func(), ok bool) {
	left = func() {}
	if spec == nil {
		if left, ok = q.pool.visit(target, cancel); !ok {
			return nil, false
		}
	}
	q.mu.Lock()
	q.quit = cancel
	ok = !q.redo
	q.mu.Unlock()
	if !ok {
		left()
	}
	return left, ok
}

// wants reports whether a link is still to be: as the home or guest that it was
// opened for.
func (q *peer) wants(spec *Spec, target Target) bool {
	return !q.redone() && (spec != nil || q.pool.mayVisit(target))
}

// connect opens a link as far as the hello, and the login to a home. The session has a
// link to be closed also if there is an error.
func (q *peer) connect(ctx context.Context, spec *Spec, target Target) (*session, error) {
	to := target.Endpoint
	to.Foreign = spec == nil
	conn, err := q.pool.cfg.Dialer.Dial(ctx, to)
	if err != nil {
		return nil, err
	}
	s := &session{peer: q, target: target, conn: q.sight(conn, target.Endpoint, spec != nil), pending: map[uint64]pending{}}
	if err := s.hello(ctx); err != nil {
		return s, err
	}
	q.pool.cfg.Events(Greeted{Gateway: s.node, Clock: s.clock})
	if spec == nil {
		return s, nil
	}
	return s, s.login(ctx, spec)
}

// blame notes what the end of a link, or that none came up, says of the gateway. What
// it says itself of why the link ended is a refusal at worst, whatever the code: that is
// its judgement of this side.
func (q *peer) blame(err error) {
	var e *wire.Error
	now, what := time.Now(), score.Unreachable
	switch {
	case !errors.As(err, &e):
	case e == errSilent:
		what = score.Silent
	case e.Code == wire.CodeBusy, e.Code == wire.CodeLimit, e.Code == wire.CodeUnavailable, e.Code == wire.CodeDraining:
		what = score.Refused
	case slices.Contains(liesOfLinks, e.Code) && q.told:
		what = score.Refused
	case slices.Contains(liesOfLinks, e.Code):
		what = score.Lied
	case e.Code != wire.CodeLinkClosed && e.Code != wire.CodeWrongNode:
		return // the login, the version, the clock: no fault of the gateway
	}
	if what == score.Unreachable || what == score.Silent {
		if q.since.IsZero() {
			q.since = now
		}
		if !q.pool.witnessed(q, q.since) {
			return
		}
	}
	q.pool.scores.Trouble(q.hash, what, now)
}

// witnessed reports whether a gateway was away or silent since then, rather than this
// computer cut off. For a home another one has to have said something after that, for
// other gateways it is enough that a home is connected. Who has no homes can't tell.
func (p *Pool) witnessed(q *peer, since time.Time) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	homes, home := 0, q.isHome()
	for _, o := range p.peers {
		if !o.isHome() {
			continue
		}
		homes++
		if o != q && (home && o.heard.Load() >= since.UnixNano() || !home && o.up.Load()) {
			return true
		}
	}
	return homes == 0
}

func (q *peer) isHome() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.spec != nil
}

// liesOfLinks are what no honest gateway brings about.
var liesOfLinks = []wire.Code{
	wire.CodeMalformed, wire.CodeTruncated, wire.CodeTrailing, wire.CodeNotCanonical, wire.CodeSignature,
	wire.CodePublicKey, wire.CodeUnexpected, wire.CodeValue, wire.CodeWrongKind,
}

// linkError keeps errors of the table and turns all others into ErrLinkClosed
// with their text.
func linkError(err error) error {
	var e *wire.Error
	switch {
	case errors.As(err, &e):
		return e
	}
	return wire.ErrLinkClosed.Because(err.Error())
}

// unanswered is what a request is told that got no answer because its link
// ended or never came to be. Whatever the other side or the login did wrong says
// nothing about the request, which has to be repeated; only an address that
// leads to another gateway, network or version is wrong for it too.
func unanswered(err error) error {
	var e *wire.Error
	if !errors.As(err, &e) {
		return wire.ErrLinkClosed
	}
	row := wire.Lookup(e.Code)
	if row.Retry != wire.Never || e.Code == wire.CodeWrongNode || e.Code == wire.CodeNetwork || e.Code == wire.CodeVersion {
		return e
	}
	return wire.ErrLinkClosed.Because(row.Name)
}

var _ Dialer = (*link.Dialer)(nil)
