package link

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"zeroms/protocol/wire"
)

// counting is a context that counts who waits for its end.
type counting struct {
	context.Context
	asked, watched atomic.Int64
}

// Value hides what the context is, or nobody would ask it.
func (c *counting) Value(any) any { return nil }

// AfterFunc is what context.AfterFunc asks first.
func (c *counting) AfterFunc(f func()) (stop func() bool) {
	c.asked.Add(1)
	c.watched.Add(1)
	inner := context.AfterFunc(c.Context, func() {
		c.watched.Add(-1)
		f()
	})
	return func() bool {
		stopped := inner()
		if stopped {
			c.watched.Add(-1)
		}
		return stopped
	}
}

// cuts counts how often it is cut.
type cuts struct{ atomic.Int64 }

func (c *cuts) cut() { c.Add(1) }

func TestAWatchStaysWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		inner, cancel := context.WithCancel(t.Context())
		first, other := &counting{Context: inner}, &counting{Context: context.WithoutCancel(t.Context())}
		var w watch
		var c cuts
		for range 10 {
			if err := w.enter(first, &c); err != nil {
				t.Fatal(err)
			}
			w.leave()
		}
		if n := first.asked.Load(); n != 1 {
			t.Errorf("asked %d times", n)
		}
		cancel() // between calls
		synctest.Wait()
		if err := w.enter(first, &c); !errors.Is(err, context.Canceled) || c.Load() != 0 {
			t.Errorf("%v, cut %d times", err, c.Load())
		}
		if err := w.enter(other, &c); err != nil || first.watched.Load() != 0 {
			t.Errorf("%v; the context before is watched by %d", err, first.watched.Load())
		}
		w.leave()
		again, cancel := context.WithCancel(t.Context())
		last := &counting{Context: again}
		if err := w.enter(last, &c); err != nil {
			t.Error(err)
		}
		cancel() // within one
		synctest.Wait()
		if c.Load() != 1 {
			t.Errorf("cut %d times", c.Load())
		}
		w.leave()
		w.end()
		if last.watched.Load() != 0 {
			t.Error("it is watched after the end")
		}
		fresh := &counting{Context: t.Context()}
		if err := w.enter(fresh, &c); err != nil || fresh.watched.Load() != 0 {
			t.Errorf("%v; %d watch it after the end", err, fresh.watched.Load())
		}
	})
}

// The end of a context that is watched no longer must not cut the call of another.
func TestAnEarlierContextEndsLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for range 200 {
			var w watch
			var c cuts
			early, cancel := context.WithCancel(t.Context())
			if err := w.enter(early, &c); err != nil {
				t.Fatal(err)
			}
			w.leave()
			go cancel()
			if err := w.enter(t.Context(), &c); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
			if c.Load() != 0 {
				t.Fatal("the other context cut it")
			}
			w.leave()
			w.end()
		}
	})
}

func TestGate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var g gate
		var closed atomic.Bool
		inside, most := 0, 0
		var all sync.WaitGroup
		for range 20 {
			all.Go(func() {
				for range 50 {
					if err := g.enter(t.Context(), &closed); err != nil {
						t.Error(err)
						return
					}
					inside++
					most = max(most, inside)
					time.Sleep(time.Millisecond) // others come
					inside--
					g.leave()
				}
			})
		}
		all.Wait()
		if most != 1 || g.news != nil {
			t.Errorf("%d were inside; somebody waits: %t", most, g.news != nil)
		}
		if err := g.enter(t.Context(), &closed); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := g.enter(ctx, &closed); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("who waited for too long: %v", err)
		}
		waits := make(chan error)
		go func() { waits <- g.enter(t.Context(), &closed) }()
		synctest.Wait()
		closed.Store(true)
		g.wake()
		if err := <-waits; !errors.Is(err, wire.ErrLinkClosed) {
			t.Errorf("who waited until the end: %v", err)
		}
		g.leave()
		if err := g.enter(t.Context(), &closed); !errors.Is(err, wire.ErrLinkClosed) {
			t.Errorf("after the end: %v", err)
		}
		if err := g.wait(t.Context()); err != nil {
			t.Errorf("who closes: %v", err)
		}
	})
}
