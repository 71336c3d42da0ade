package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"zeroms/cmd/zeroms-lab/bench/member"
	"zeroms/cmd/zeroms-lab/bench/meter"
)

// builders is how many connections are opened at once, ackTick how often devices
// look whether an acknowledgement is due.
const (
	builders = 8
	ackTick  = 5 * time.Millisecond
)

// flow is messages from one sender to one recipient (member.Flow, peer.Flow).
type flow interface {
	// Send lets up to most messages in all go out, as far as there is room; SendNow
	// one more, in any case; Stop nothing further.
	Send(most int) error
	SendNow() error
	Stop()
	// Sample begins to keep the times of what is sent.
	Sample()
	Counts() meter.Counts
	Done() int
}

// stepper is a connection that is read step by step.
type stepper interface {
	io.Closer
	Step() error
}

// world is the load of one work on one server. Its context ends with the first
// failure, which closes all connections.
type world struct {
	ctx    context.Context
	cancel context.CancelCauseFunc

	pacing  atomic.Bool
	running sync.WaitGroup
	mu      sync.Mutex
	conns   []io.Closer           // guarded by mu
	commits map[[16]byte]struct{} // guarded by mu: beginnings of their signatures
}

func newWorld(ctx context.Context) *world {
	w := &world{commits: make(map[[16]byte]struct{})}
	w.ctx, w.cancel = context.WithCancelCause(ctx)
	context.AfterFunc(w.ctx, w.closeAll)
	return w
}

// errDone is why a world ends that has done its work.
var errDone = errors.New("done")

// close ends all connections and waits for their readers.
func (w *world) close() {
	w.cancel(errDone)
	w.closeAll()
	w.running.Wait()
}

func (w *world) closeAll() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, c := range w.conns {
		c.Close()
	}
}

// fail ends the world, unless its end is why something failed.
func (w *world) fail(err error) {
	if err != nil {
		w.cancel(err)
	}
}

// failure is what ended the world.
func (w *world) failure() error {
	if cause := context.Cause(w.ctx); cause != nil && !errors.Is(cause, errDone) {
		return cause
	}
	return nil
}

// own closes a connection when the world ends.
func (w *world) own(c io.Closer) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.ctx.Err() != nil {
		c.Close()
		return context.Cause(w.ctx)
	}
	w.conns = append(w.conns, c)
	return nil
}

// seen counts commits by their signatures.
func (w *world) seen(sig []byte) {
	if len(sig) < 16 {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.commits[[16]byte(sig)] = struct{}{}
}

func (w *world) committed() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.commits)
}

// acks counts the acknowledgements that devices sent.
func (w *world) acks() (n int) {
	w.mu.Lock()
	conns := w.conns
	w.mu.Unlock()
	for _, c := range conns {
		if l, ok := c.(*member.Link); ok {
			n += l.Acked()
		}
	}
	return n
}

// runEach calls do for 0..n-1, several at once, until one fails.
func (w *world) runEach(n int, do func(i int) error) error {
	var all sync.WaitGroup
	numbers := make(chan int)
	for range min(builders, n) {
		all.Go(func() {
			for i := range numbers {
				w.fail(do(i))
			}
		})
	}
	for i := range n {
		if w.ctx.Err() != nil {
			break
		}
		numbers <- i
	}
	close(numbers)
	all.Wait()
	return context.Cause(w.ctx)
}

// runReader reads a connection until it or the world ends.
func (w *world) runReader(c stepper) {
	w.running.Go(func() {
		for {
			if err := c.Step(); err != nil {
				if w.ctx.Err() == nil {
					w.fail(fmt.Errorf("a connection failed: %w", err))
				}
				return
			}
		}
	})
}

// runUntil reads a connection until all is there, then calls last.
func (w *world) runUntil(c stepper, all func() bool, last func() error) {
	w.running.Go(func() {
		for !all() {
			if err := c.Step(); err != nil {
				w.fail(fmt.Errorf("a connection failed: %w", err))
				return
			}
		}
		if err := last(); err != nil {
			w.fail(fmt.Errorf("a connection failed: %w", err))
		}
	})
}

// runAcks lets links acknowledge what waited for long enough.
func (w *world) runAcks(links []*member.Link) {
	w.running.Go(func() {
		tick := time.NewTicker(ackTick)
		defer tick.Stop()
		for {
			select {
			case now := <-tick.C:
				for _, l := range links {
					if err := l.Due(now); err != nil && w.ctx.Err() == nil {
						w.fail(fmt.Errorf("an acknowledgement failed: %w", err))
					}
				}
			case <-w.ctx.Done():
				return
			}
		}
	})
}

// errLate is why until gave up.
var errLate = errors.New("it took too long")

// until waits until a condition holds, looking every step; it fails with the
// world, or after the limit.
func (w *world) until(limit time.Duration, step time.Duration, holds func() bool) error {
	deadline := time.Now().Add(limit)
	tick := time.NewTicker(step)
	defer tick.Stop()
	for !holds() {
		if time.Now().After(deadline) {
			return errLate
		}
		select {
		case <-tick.C:
		case <-w.ctx.Done():
			return context.Cause(w.ctx)
		}
	}
	return nil
}

// pause waits.
func (w *world) pause(d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-w.ctx.Done():
		return context.Cause(w.ctx)
	}
}
