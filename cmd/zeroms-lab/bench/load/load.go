// Package load is what a measurement sends and receives: connections that are read,
// flows of messages between them, and the end of all of it with the first failure.
package load

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

// Flow is messages from one sender to one recipient (member.Flow, peer.Flow).
type Flow interface {
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

// Stepper is a connection that is read step by step.
type Stepper interface {
	io.Closer
	Step() error
}

// World is the load of one work on one server. Its context ends with the first
// failure, which closes all connections.
type World struct {
	// Context ends with the first failure, and by Close.
	Context context.Context
	cancel  context.CancelCauseFunc

	pacing  atomic.Bool
	running sync.WaitGroup
	mu      sync.Mutex
	conns   []io.Closer           // guarded by mu
	commits map[[16]byte]struct{} // guarded by mu: beginnings of their signatures
}

// New makes a World without any load.
func New(ctx context.Context) *World {
	w := &World{commits: make(map[[16]byte]struct{})}
	w.Context, w.cancel = context.WithCancelCause(ctx)
	context.AfterFunc(w.Context, w.closeAll)
	return w
}

// errDone is why a world ends that has done its work.
var errDone = errors.New("done")

// Close ends all connections and waits for their readers.
func (w *World) Close() {
	w.cancel(errDone)
	w.closeAll()
	w.running.Wait()
}

func (w *World) closeAll() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, c := range w.conns {
		c.Close()
	}
}

// Fail ends the world, unless its end is why something failed.
func (w *World) Fail(err error) {
	if err != nil {
		w.cancel(err)
	}
}

// Failure is what ended the world.
func (w *World) Failure() error {
	if cause := context.Cause(w.Context); cause != nil && !errors.Is(cause, errDone) {
		return cause
	}
	return nil
}

// Own closes a connection when the world ends.
func (w *World) Own(c io.Closer) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.Context.Err() != nil {
		c.Close()
		return context.Cause(w.Context)
	}
	w.conns = append(w.conns, c)
	return nil
}

// Seen counts commits by their signatures.
func (w *World) Seen(sig []byte) {
	if len(sig) < 16 {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.commits[[16]byte(sig)] = struct{}{}
}

// Committed is how many commits were seen.
func (w *World) Committed() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.commits)
}

// Acks counts the acknowledgements that devices sent.
func (w *World) Acks() (n int) {
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

// Each calls do for 0..n-1, several at once, until one fails.
func (w *World) Each(n int, do func(i int) error) error { return w.runEach(n, do) }

func (w *World) runEach(n int, do func(i int) error) error {
	var all sync.WaitGroup
	numbers := make(chan int)
	for range min(builders, n) {
		all.Go(func() {
			for i := range numbers {
				w.Fail(do(i))
			}
		})
	}
	for i := range n {
		if w.Context.Err() != nil {
			break
		}
		numbers <- i
	}
	close(numbers)
	all.Wait()
	return context.Cause(w.Context)
}

// Read reads a connection until it or the world ends.
func (w *World) Read(c Stepper) { w.runReader(c) }

func (w *World) runReader(c Stepper) {
	w.running.Go(func() {
		for {
			if err := c.Step(); err != nil {
				if w.Context.Err() == nil {
					w.Fail(fmt.Errorf("a connection failed: %w", err))
				}
				return
			}
		}
	})
}

// Host has something serve until the world ends.
func (w *World) Host(serve func(context.Context) error) { w.runServer(serve) }

func (w *World) runServer(serve func(context.Context) error) {
	w.running.Go(func() {
		if err := serve(w.Context); err != nil && w.Context.Err() == nil {
			w.Fail(fmt.Errorf("a server of the load failed: %w", err))
		}
	})
}

// ReadUntil reads a connection until all is there, then calls last.
func (w *World) ReadUntil(c Stepper, all func() bool, last func() error) {
	w.runUntil(c, all, last)
}

func (w *World) runUntil(c Stepper, all func() bool, last func() error) {
	w.running.Go(func() {
		for !all() {
			if err := c.Step(); err != nil {
				w.Fail(fmt.Errorf("a connection failed: %w", err))
				return
			}
		}
		if err := last(); err != nil {
			w.Fail(fmt.Errorf("a connection failed: %w", err))
		}
	})
}

// Acknowledge lets links acknowledge what waited for long enough.
func (w *World) Acknowledge(links []*member.Link) { w.runAcks(links) }

func (w *World) runAcks(links []*member.Link) {
	w.running.Go(func() {
		tick := time.NewTicker(ackTick)
		defer tick.Stop()
		for {
			select {
			case now := <-tick.C:
				for _, l := range links {
					if err := l.Due(now); err != nil && w.Context.Err() == nil {
						w.Fail(fmt.Errorf("an acknowledgement failed: %w", err))
					}
				}
			case <-w.Context.Done():
				return
			}
		}
	})
}

// ErrLate is why until gave up.
var ErrLate = errors.New("it took too long")

// Until waits until a condition holds, looking every step; it fails with the
// world, or after the limit.
func (w *World) Until(limit time.Duration, step time.Duration, holds func() bool) error {
	deadline := time.Now().Add(limit)
	tick := time.NewTicker(step)
	defer tick.Stop()
	for !holds() {
		if time.Now().After(deadline) {
			return ErrLate
		}
		select {
		case <-tick.C:
		case <-w.Context.Done():
			return context.Cause(w.Context)
		}
	}
	return nil
}

// Pause waits.
func (w *World) Pause(d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-w.Context.Done():
		return context.Cause(w.Context)
	}
}

// Done counts what is done.
func Done(flows []Flow) (n int) {
	for _, f := range flows {
		n += f.Done()
	}
	return n
}

// Totals adds the counts of flows.
func Totals(flows []Flow) (t meter.Counts) {
	for _, f := range flows {
		t.Add(f.Counts())
	}
	return t
}

// Arrive waits for everything that was sent; what the server took and does not
// Arrive is lost.
func (w *World) Arrive(flows []Flow, limit time.Duration) (meter.Counts, error) {
	err := w.Until(limit, 10*time.Millisecond, func() bool {
		for _, f := range flows {
			if c := f.Counts(); c.Done < c.Sent {
				return false
			}
		}
		return true
	})
	if errors.Is(err, ErrLate) {
		err = nil
	}
	return Totals(flows), err
}

// Pace sends one message after the other, by the clock; late is the furthest
// that it was behind.
func (w *World) Pace(flows []Flow, rate int, late *atomic.Int64) { w.runPace(flows, rate, late) }

func (w *World) runPace(flows []Flow, rate int, late *atomic.Int64) {
	w.pacing.Store(true)
	w.running.Go(func() {
		began := time.Now()
		for i := 0; w.pacing.Load() && w.Context.Err() == nil; i++ {
			due := began.Add(time.Duration(i) * time.Second / time.Duration(rate))
			if wait := time.Until(due); wait > 0 && w.Pause(wait) != nil {
				return
			}
			late.Store(max(late.Load(), int64(time.Since(due))))
			w.Fail(flows[i%len(flows)].SendNow())
		}
	})
}

// StopPace lets RunPace send nothing more.
func (w *World) StopPace() { w.pacing.Store(false) }
