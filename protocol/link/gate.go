package link

import (
	"context"
	"sync"
	"sync/atomic"

	"zeroms/protocol/wire"
)

// gate lets one in at a time. It costs nothing while nobody waits for it.
type gate struct {
	mu    sync.Mutex
	taken bool          // guarded by mu: one is in
	news  chan struct{} // guarded by mu: closed when it is worth another look; nil: nobody waits
}

// enter waits until nobody is in. Errors: ctx's, or wire.ErrLinkClosed once closed
// is true; who sets that calls wake.
func (g *gate) enter(ctx context.Context, closed *atomic.Bool) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	for {
		news := g.try()
		if closed.Load() {
			if news == nil {
				g.leave()
			}
			return wire.ErrLinkClosed
		}
		if news == nil {
			return nil
		}
		select {
		case <-news:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// wait is enter for who closes.
func (g *gate) wait(ctx context.Context) error {
	return g.enter(ctx, new(atomic.Bool))
}

// try enters; if one is in already, news is closed when something has changed.
func (g *gate) try() (news chan struct{}) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.taken {
		g.taken = true
		return nil
	}
	if g.news == nil {
		g.news = make(chan struct{})
	}
	return g.news
}

// leave lets the next one in.
func (g *gate) leave() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.taken = false
	g.tell()
}

// wake lets those who wait look again.
func (g *gate) wake() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.tell()
}

// tell wakes who waits; mu is held.
func (g *gate) tell() {
	if g.news != nil {
		close(g.news)
		g.news = nil
	}
}
