package memlink

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"time"

	"zeroms/protocol/wire"
)

// errEnd tells Recv that the other side closed and everything was read.
var errEnd = errors.New("memlink: the other side closed the link")

// item is a message under way, or the end of the link if it has none.
type item struct {
	message []byte
	at      time.Time // not delivered before
}

// pipe is one direction of a link.
type pipe struct {
	// static
	pair *pair

	mu       sync.Mutex
	random   *rand.Rand    // guarded by mu: the direction's own, so that another link changes nothing here
	queue    []item        // guarded by mu: in order of at
	bytes    int           // guarded by mu: in queue
	last     time.Time     // guarded by mu: at of the newest item
	broken   bool          // guarded by mu: reset
	finished bool          // guarded by mu: the writer closed
	deserted bool          // guarded by mu: the reader closed
	changed  chan struct{} // guarded by mu: closed and replaced at every change
}

func newPipe(p *pair, random *rand.Rand) *pipe {
	return &pipe{pair: p, random: random, changed: make(chan struct{})}
}

// fate draws what happens to one message.
func (p *pipe) fate() (delay time.Duration, reset bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.pair.network.config.draw(p.random)
}

// notify wakes who waits; the caller holds mu.
func (p *pipe) notify() {
	close(p.changed)
	p.changed = make(chan struct{})
}

// push appends a message, waiting while Window bytes are under way.
func (p *pipe) push(ctx context.Context, closed <-chan struct{}, it item) error {
	for {
		p.mu.Lock()
		if p.broken || p.finished || p.deserted {
			p.mu.Unlock()
			return wire.ErrLinkClosed
		}
		if len(p.queue) == 0 || p.bytes+len(it.message) <= Window {
			p.append(it)
			p.mu.Unlock()
			return nil
		}
		changed := p.changed
		p.mu.Unlock()
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		case <-closed:
			return wire.ErrLinkClosed
		}
	}
}

// append keeps the order in spite of jitter; the caller holds mu.
func (p *pipe) append(it item) {
	if it.at.Before(p.last) {
		it.at = p.last
	}
	p.last = it.at
	p.queue = append(p.queue, it)
	p.bytes += len(it.message)
	p.notify()
}

// pop waits for the next message to arrive. Errors: errEnd, wire.ErrLinkClosed,
// ctx's.
func (p *pipe) pop(ctx context.Context, closed <-chan struct{}) ([]byte, error) {
	for {
		message, changed, wait, err := p.next()
		if message != nil || err != nil {
			return message, err
		}
		if err := pause(ctx, closed, changed, wait); err != nil {
			return nil, err
		}
	}
}

// next takes the first item if it has arrived; else it says what to wait for: a
// change, the end of a partition, or a moment.
func (p *pipe) next() (message []byte, changed []<-chan struct{}, wait time.Duration, err error) {
	healed := p.pair.network.barrier(p.pair.names)
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.broken:
		return nil, nil, 0, wire.ErrLinkClosed
	case healed != nil:
		return nil, []<-chan struct{}{p.changed, healed}, 0, nil
	case len(p.queue) == 0:
		return nil, []<-chan struct{}{p.changed, nil}, 0, nil
	}
	first := p.queue[0]
	if wait := time.Until(first.at); wait > 0 {
		return nil, []<-chan struct{}{p.changed, nil}, wait, nil
	}
	if first.message == nil {
		return nil, nil, 0, errEnd
	}
	p.queue[0] = item{}
	p.queue = p.queue[1:]
	p.bytes -= len(first.message)
	p.notify()
	return first.message, nil, 0, nil
}

// pause waits for one of two events, for a moment if wait is not 0, for closed
// or for the end of ctx; only the last two are errors.
func pause(ctx context.Context, closed <-chan struct{}, events []<-chan struct{}, wait time.Duration) error {
	var moment <-chan time.Time
	if wait > 0 {
		timer := time.NewTimer(wait)
		defer timer.Stop()
		moment = timer.C
	}
	select {
	case <-events[0]:
	case <-events[1]:
	case <-moment:
	case <-closed:
		return wire.ErrLinkClosed
	case <-ctx.Done():
		return ctx.Err()
	}
	return nil
}

// finish puts the end of the link behind the messages under way.
func (p *pipe) finish(at time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.broken && !p.finished {
		p.finished = true
		p.append(item{at: at})
	}
}

// abandon drops what nobody will read.
func (p *pipe) abandon() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.deserted = true
	p.queue, p.bytes = nil, 0
	p.notify()
}

// reset drops what is under way and fails both ends.
func (p *pipe) reset() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.broken = true
	p.queue, p.bytes = nil, 0
	p.notify()
}
