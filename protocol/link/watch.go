package link

import (
	"context"
	"sync"
	"sync/atomic"
)

// watch has something done when the context of a call ends while the call is
// under way. It stays with a context from call to call, so that a call with the
// same context as the one before costs next to nothing.
type watch struct {
	active atomic.Uint64 // which of the contexts the call under way has; 0: none is under way

	// owned by the caller, of whom there is one at a time
	done  <-chan struct{} // of the context that is watched; nil: it never ends
	which uint64          // counts the contexts

	mu   sync.Mutex
	stop func() bool // guarded by mu: lets go of the context
	over bool        // guarded by mu: no further one is watched
}

// cutter is what a watch ends.
type cutter interface{ cut() }

// enter begins a call: c is cut if ctx ends before leave. It returns ctx's
// error if it has ended already; then there is no call.
func (w *watch) enter(ctx context.Context, c cutter) error {
	if done := ctx.Done(); done != w.done {
		w.follow(ctx, c)
		w.done = done
	}
	if w.done == nil {
		return nil
	}
	w.active.Store(w.which) // before the look at ctx, or its end might fall between both
	if err := ctx.Err(); err != nil {
		w.leave()
		return err
	}
	return nil
}

// leave ends a call.
func (w *watch) leave() { w.active.Store(0) }

// follow watches another context.
func (w *watch) follow(ctx context.Context, c cutter) {
	w.which++
	which := w.which
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.stop != nil {
		w.stop()
		w.stop = nil
	}
	if w.over || ctx.Done() == nil {
		return
	}
	w.stop = context.AfterFunc(ctx, func() {
		// An earlier context may end while a call with another one is under way.
		if w.active.Load() == which {
			c.cut()
		}
	})
}

// end lets go of the context, which may live longer.
func (w *watch) end() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.over = true
	if w.stop != nil {
		w.stop()
		w.stop = nil
	}
}
