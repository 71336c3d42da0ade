package tap

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"zeroms/client/home"
	"zeroms/protocol/link"
	"zeroms/protocol/wire"
)

// What waits for a Watcher at most; more is lost.
const (
	maxFrames = 4096
	maxBytes  = 4 << 20
)

// ErrEnded is returned when the links have ended and everything was shown.
var ErrEnded = errors.New("tap: the links have ended")

// Hub hands the messages of links to Watchers.
type Hub struct {
	watchers atomic.Pointer[[]*Watcher] // nil: nobody watches
	ended    chan struct{}              // closed by End

	mu sync.Mutex // held while watchers changes
}

// New makes a Hub.
func New() *Hub { return &Hub{ended: make(chan struct{})} }

// End tells the Watchers that nothing more comes. It is called once.
func (h *Hub) End() { close(h.ended) }

// Sight is home.Config.Sight: it never waits for a Watcher.
func (h *Hub) Sight(s home.Sighting) {
	all := h.watchers.Load()
	if all == nil {
		return
	}
	like := frame{at: time.Now(), endpoint: s.Endpoint, home: s.Home, out: s.Out}
	for message := s.Message; len(message) > 0; {
		f, rest, err := wire.NextFrame(message)
		f.Raw = bytes.Clone(f.Raw)
		one := like
		one.frame, one.size, one.wrong = f, len(message)-len(rest), err
		for _, w := range *all {
			w.add(one)
		}
		message = rest
	}
}

// Watch starts watching. The Watcher must be closed.
func (h *Hub) Watch() *Watcher {
	w := &Watcher{hub: h, ready: make(chan struct{}, 1)}
	_, _ = rand.Read(w.key[:])
	h.change(func(all []*Watcher) []*Watcher { return append(all, w) })
	return w
}

func (h *Hub) change(f func([]*Watcher) []*Watcher) {
	h.mu.Lock()
	defer h.mu.Unlock()
	var all []*Watcher
	if old := h.watchers.Load(); old != nil {
		all = slices.Clone(*old)
	}
	if all = f(all); len(all) == 0 {
		h.watchers.Store(nil)
		return
	}
	h.watchers.Store(&all)
}

// frame is one that waits for a Watcher, or the count of those that were lost
// in its place.
type frame struct {
	lost     int
	at       time.Time
	endpoint link.Endpoint
	home     bool
	out      bool
	frame    wire.Frame
	size     int
	wrong    error // what waits is no frame
}

// Watcher gets frames one by one.
type Watcher struct {
	hub   *Hub
	key   [32]byte // of the marks
	ready chan struct{}

	mu    sync.Mutex
	queue []frame // guarded by mu
	bytes int     // guarded by mu: in queue
	lost  int     // guarded by mu: since the last one in queue
}

// add queues a frame if there is room.
func (w *Watcher) add(f frame) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.queue) >= maxFrames || w.bytes+f.size > maxBytes {
		w.lost++
	} else {
		if w.lost > 0 {
			w.queue = append(w.queue, frame{lost: w.lost})
			w.lost = 0
		}
		w.queue = append(w.queue, f)
		w.bytes += f.size
	}
	select {
	case w.ready <- struct{}{}:
	default:
	}
}

// take takes the oldest frame.
func (w *Watcher) take() (f frame, ok bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case len(w.queue) > 0:
		f, ok = w.queue[0], true
		w.queue[0] = frame{}
		if w.queue = w.queue[1:]; len(w.queue) == 0 {
			w.queue = nil
		}
		w.bytes -= f.size
	case w.lost > 0:
		f, ok = frame{lost: w.lost}, true
		w.lost = 0
	}
	return f, ok
}

// Next waits for the next frame. If some were lost in front of it, it says how
// many and gives no frame. Errors: ErrEnded, or ctx's.
func (w *Watcher) Next(ctx context.Context) (f *Frame, lost int, err error) {
	for {
		var last bool // nothing comes after what waits now
		select {
		case <-w.hub.ended:
			last = true
		default:
		}
		if f, ok := w.take(); ok {
			if f.lost > 0 {
				return nil, f.lost, nil
			}
			return w.show(&f), 0, nil
		}
		if last {
			return nil, 0, ErrEnded
		}
		select {
		case <-w.ready:
		case <-w.hub.ended:
		case <-ctx.Done():
			return nil, 0, ctx.Err()
		}
	}
}

// Close ends the watching.
func (w *Watcher) Close() {
	w.hub.change(func(all []*Watcher) []*Watcher {
		return slices.DeleteFunc(all, func(o *Watcher) bool { return o == w })
	})
}
