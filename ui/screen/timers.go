package screen

import (
	"context"
	"slices"
	"sync"
	"time"
)

// Timers calls functions on the goroutine that draws, again and again. Its methods may be
// called from any goroutine.
type Timers struct {
	post    func(func())  // runs a function there
	changed chan struct{} // holds one

	mu  sync.Mutex
	all []*timer // guarded by mu, and all in them
}

type timer struct {
	every time.Duration
	next  time.Time
	call  func()
	gone  bool
}

// NewTimers makes Timers; post runs a function on the goroutine that draws.
func NewTimers(post func(func())) *Timers {
	return &Timers{post: post, changed: make(chan struct{}, 1)}
}

// Every calls f each d, at first after d, until stop is called.
func (t *Timers) Every(d time.Duration, f func()) (stop func()) {
	one := &timer{every: d, next: time.Now().Add(d), call: f}
	t.mu.Lock()
	t.all = append(t.all, one)
	t.mu.Unlock()
	select {
	case t.changed <- struct{}{}:
	default:
	}
	return func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		one.gone = true
		t.all = slices.DeleteFunc(t.all, func(o *timer) bool { return o == one })
	}
}

// due takes what has to be called now; next is when something has to be called again.
func (t *Timers) due(now time.Time) (calls []*timer, next time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, one := range t.all {
		if !one.next.After(now) {
			calls = append(calls, one)
			one.next = now.Add(one.every)
		}
		if next.IsZero() || one.next.Before(next) {
			next = one.next
		}
	}
	return calls, next
}

func (t *Timers) lives(one *timer) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return !one.gone
}

// idle is how long the loop sleeps when there is nothing to call.
const idle = time.Hour

// Run calls what is due until ctx ends.
func (t *Timers) Run(ctx context.Context) {
	wait := time.NewTimer(idle)
	defer wait.Stop()
	for {
		now := time.Now()
		calls, next := t.due(now)
		if len(calls) > 0 {
			t.post(func() {
				for _, one := range calls {
					if t.lives(one) {
						one.call()
					}
				}
			})
		}
		sleep := idle
		if !next.IsZero() {
			sleep = max(time.Until(next), time.Millisecond)
		}
		wait.Reset(sleep)
		select {
		case <-ctx.Done():
			return
		case <-t.changed:
		case <-wait.C:
		}
	}
}
