// Package feed hands events to any number of subscribers without ever waiting
// for one of them.
package feed

import "sync"

// Size bounds the events that wait for one subscriber. When it overflows, all
// of them are dropped and the feed's overflow event takes their place.
const Size = 4096

// Feed is one source of events of type E. Its methods may be called from any
// goroutine.
type Feed[E any] struct {
	// static
	overflow E

	mu    sync.Mutex
	subs  map[*Subscription[E]]struct{} // guarded by mu
	ended bool                          // guarded by mu
}

// Subscription receives events on C, which is closed by Close and at the end
// of the feed.
type Subscription[E any] struct {
	// C delivers the events.
	C      <-chan E
	queue  chan E
	feed   *Feed[E]
	closed bool // guarded by feed.mu
}

// New makes a feed; overflow tells a subscriber that it was too slow.
func New[E any](overflow E) *Feed[E] {
	return &Feed[E]{overflow: overflow, subs: map[*Subscription[E]]struct{}{}}
}

// Subscribe starts receiving events. The caller must keep reading or Close.
func (f *Feed[E]) Subscribe() *Subscription[E] {
	q := make(chan E, Size)
	s := &Subscription[E]{C: q, queue: q, feed: f}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.ended {
		s.close()
		return s
	}
	f.subs[s] = struct{}{}
	return s
}

// Close ends the subscription and closes C.
func (s *Subscription[E]) Close() {
	s.feed.mu.Lock()
	defer s.feed.mu.Unlock()
	delete(s.feed.subs, s)
	s.close()
}

// close closes the queue once; feed.mu is held.
func (s *Subscription[E]) close() {
	if !s.closed {
		s.closed = true
		close(s.queue)
	}
}

// Emit hands events to every subscriber, in order. One goroutine at a time
// emits.
func (f *Feed[E]) Emit(events []E) {
	if len(events) == 0 {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	for s := range f.subs {
		for _, ev := range events {
			s.offer(ev)
		}
	}
}

func (s *Subscription[E]) offer(ev E) {
	select {
	case s.queue <- ev:
		return
	default:
	}
	for {
		select {
		case <-s.queue:
		default:
			s.queue <- s.feed.overflow
			return
		}
	}
}

// End closes every subscription; later ones are closed from the beginning.
func (f *Feed[E]) End() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.ended = true
	for s := range f.subs {
		s.close()
	}
	clear(f.subs)
}
