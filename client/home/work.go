package home

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"zeroms/protocol/key"
	"zeroms/protocol/wire"
)

// Bounds of work.
const (
	// WorkLimit is how many zero bits are searched for at most, unless a request
	// says otherwise: some seconds of one processor.
	WorkLimit = 26
	// workQueue bounds the requests that wait for their work.
	workQueue = 64
	// workSlice is how many nonces are tried between two looks at whether the
	// work is still wanted: some milliseconds.
	workSlice = 1 << 15
)

// ErrCancelled is the answer to a request whose work was given up.
var ErrCancelled = errors.New("home: the request was given up before it was sent")

// Work is the proof of work that a submission carries (docs/protocol/wire.md,
// "Work").
type Work struct {
	// Subject is what it is about: wire.DoorWork.
	Subject []byte
	// Bits is what is searched for at first. A refusal that asks for more is
	// answered with more, up to Most; 0: WorkLimit.
	Bits, Most uint8
}

func (w *Work) most() uint8 {
	if w.Most == 0 {
		return WorkLimit
	}
	return w.Most
}

// harder is the request once more with the work that a refusal asks for, if
// that is more than was done and not too much.
func (r Request) harder(refusal *wire.Refusal) (Request, bool) {
	s, ok := r.Payload.(*wire.Submit)
	if !ok || r.Work == nil || refusal.Bits <= r.Work.Bits || refusal.Bits > r.Work.most() {
		return r, false
	}
	w, again := *r.Work, *s
	w.Bits, again.Work = refusal.Bits, nil
	r.Work, r.Payload = &w, &again
	return r, true
}

// workFor computes what a submission needs and then sends it.
func (p *Pool) workFor(r Request, s *wire.Submit) {
	j := &job{token: r.Token, subject: r.Work.Subject, bits: r.Work.Bits}
	if j.bits > r.Work.most() {
		j.err = errTooHard
	}
	j.done = func(work []byte, err error) {
		if err != nil {
			if r.Token != 0 {
				p.cfg.Events(Answered{Token: r.Token, Bits: r.Work.Bits, Err: err})
			}
			return
		}
		ready := *s
		ready.Work = work
		r.Payload = &ready
		p.route(r)
	}
	p.work.add(j)
}

var errTooHard = wire.ErrWork.Because("more is asked for than this device gives")

// job is one search.
type job struct {
	// static
	token   uint64 // of the request; 0: none
	subject []byte
	bits    uint8
	done    func(work []byte, err error) // called by the worker

	err error // guarded by bench.mu: why it is not done
}

// bench is where work is computed: one search at a time, in the order of the
// requests, in slices between which it can be given up. Whoever adds a job is
// never called back at once.
type bench struct {
	// static
	wake chan struct{}

	mu    sync.Mutex
	jobs  []*job // guarded by mu: to be done
	doing *job   // guarded by mu
}

func newBench() *bench { return &bench{wake: make(chan struct{}, 1)} }

// add queues a search; it is refused when too many wait.
func (b *bench) add(j *job) {
	b.mu.Lock()
	if len(b.jobs) >= workQueue && j.err == nil {
		j.err = wire.ErrBusy.Because("too many requests wait for their work")
	}
	b.jobs = append(b.jobs, j)
	b.mu.Unlock()
	select {
	case b.wake <- struct{}{}:
	default:
	}
}

// cancel gives up the search for a request.
func (b *bench) cancel(token uint64) {
	b.giveUp(func(j *job) bool { return j.token == token && token != 0 })
}

func (b *bench) giveUp(which func(*job) bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, j := range append(slices.Clone(b.jobs), b.doing) {
		if j != nil && j.err == nil && which(j) {
			j.err = ErrCancelled
		}
	}
}

// next takes the oldest job; nil: there is none.
func (b *bench) next() *job {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.doing = nil
	if len(b.jobs) > 0 {
		b.doing, b.jobs = b.jobs[0], b.jobs[1:]
	}
	return b.doing
}

// failed is why a job is not done; nil: it is. It also takes out of the queue
// what is not to be done: nobody waits for an answer behind a long search.
func (b *bench) failed(j *job) (others []*job, reason error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.jobs = slices.DeleteFunc(b.jobs, func(other *job) bool {
		if other.err != nil {
			others = append(others, other)
		}
		return other.err != nil
	})
	return others, j.err
}

// runWorker computes until ctx ends.
func (b *bench) runWorker(ctx context.Context) {
	for ctx.Err() == nil {
		j := b.next()
		if j == nil {
			select {
			case <-ctx.Done():
			case <-b.wake:
			}
			continue
		}
		if work, err := b.search(ctx, j); ctx.Err() == nil {
			j.done(work, err)
		}
	}
}

// search looks for a job's work until it is found, given up, or ctx ends.
func (b *bench) search(ctx context.Context, j *job) ([]byte, error) {
	for first := uint64(0); ctx.Err() == nil; first += workSlice {
		others, reason := b.failed(j)
		for _, other := range others {
			other.done(nil, other.err)
		}
		if reason != nil {
			return nil, reason
		}
		day := uint32(max(time.Now().Unix(), 0) / (24 * 60 * 60))
		if work, _, ok := wire.SearchWork(j.subject, int(j.bits), day, first, workSlice); ok {
			return work, nil
		}
	}
	return nil, ctx.Err()
}

// toll is the work that opens an account at a home gateway.
type toll struct {
	subject []byte // empty: none is asked for
	bits    uint8
	work    []byte // empty: still to be computed
	made    time.Time
}

// due reports whether the gateway asked for work that is not computed yet.
func (t *toll) due() bool { return len(t.subject) > 0 && len(t.work) == 0 }

// registration is what opens the account at a gateway that asks those without
// an invitation for work of so many bits. Errors: wire.ErrWork while that is
// still to be computed, or if it is too much.
func (q *peer) registration(s *Spec, node key.NodePublic, bits uint8) (*wire.Register, error) {
	if bits == 0 || len(s.Register.Invite) > 0 {
		return s.Register, nil
	}
	if bits > WorkLimit {
		return nil, errTooHard
	}
	var e wire.Enrolment
	if err := wire.Unmarshal(s.Register.Object.Body, &e, wire.MaxObject); err != nil {
		return nil, err
	}
	subject := wire.RegisterWork(node, e.Account)
	t := &q.toll
	if t.due() || !bytes.Equal(t.subject, subject) || t.bits < bits || time.Since(t.made) >= wire.ClockTolerance {
		*t = toll{subject: subject, bits: bits}
		return nil, wire.ErrWork.Because("it is being computed")
	}
	paid := *s.Register
	paid.Work = t.work
	return &paid, nil
}

// pay computes the work that registering takes. It stops early if the gateway is
// to be something else.
func (q *peer) pay(ctx context.Context) error {
	done := make(chan error, 1)
	j := &job{subject: q.toll.subject, bits: q.toll.bits}
	var found []byte
	j.done = func(work []byte, err error) { found = work; done <- err }
	q.pool.work.add(j)
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case err := <-done:
			q.toll.work, q.toll.made = found, time.Now()
			return err
		case <-q.wake:
			if q.redone() {
				q.pool.work.giveUp(func(other *job) bool { return other == j })
				return nil
			}
			q.refuse(q.take(), wire.ErrLinkClosed)
		}
	}
}
