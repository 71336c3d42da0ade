// Package keyed runs functions one at a time for each key: how reading from a
// store and changing what was read stay one step without a lock that everybody
// waits for.
package keyed

import "sync"

// Locks are locks by key; the zero value is ready. Its methods are safe for
// concurrent use.
type Locks struct {
	mu   sync.Mutex
	busy map[any]chan struct{}
}

// Do runs fn while no other Do of the same key runs, and returns its error. Keys
// are equal as in a map, so their types keep them apart.
func (l *Locks) Do(k any, fn func() error) error {
	done := make(chan struct{})
	for {
		l.mu.Lock()
		other := l.busy[k]
		if other == nil {
			break
		}
		l.mu.Unlock()
		<-other
	}
	if l.busy == nil {
		l.busy = make(map[any]chan struct{})
	}
	l.busy[k] = done
	l.mu.Unlock()
	defer func() {
		l.mu.Lock()
		delete(l.busy, k)
		l.mu.Unlock()
		close(done)
	}()
	return fn()
}

// Held reports whether a Do of this key runs.
func (l *Locks) Held(k any) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.busy[k] != nil
}
