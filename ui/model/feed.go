package model

import (
	"context"

	"zeroms/client"
)

// Feed hands what the engine tells to view models, on the screen's goroutine and in
// order. All its methods but Run belong to that goroutine.
type Feed struct {
	post  func(func())
	heard map[int]func([]client.Event)
	next  int
}

// NewFeed makes a Feed; post runs a function on the screen's goroutine.
func NewFeed(post func(func())) *Feed {
	return &Feed{post: post, heard: map[int]func([]client.Event){}}
}

// Listen has f called with all further events until stop is called. client.Lagged
// among them means that everything must be read again.
func (f *Feed) Listen(hear func([]client.Event)) (stop func()) {
	id := f.next
	f.next++
	f.heard[id] = hear
	return func() { delete(f.heard, id) }
}

// Tell hands events on: Run does, and tests do.
func (f *Feed) Tell(events []client.Event) {
	for id := range f.next {
		if hear := f.heard[id]; hear != nil {
			hear(events)
		}
	}
}

// feedBatch is how many events go to the screen's goroutine at once.
const feedBatch = 256

// Run takes events from s until ctx or the engine ends; it returns
// client.ErrStopped in the latter case. It waits until the screen has taken what
// it was handed, so that a slow one gets greater batches and not a longer queue.
func (f *Feed) Run(ctx context.Context, s *client.Subscription) error {
	defer s.Close()
	for {
		var batch []client.Event
		select {
		case <-ctx.Done():
			return nil
		case e, open := <-s.C:
			if !open {
				return client.ErrStopped
			}
			batch = append(batch, e)
		}
	more:
		for len(batch) < feedBatch {
			select {
			case e, open := <-s.C:
				if !open {
					break more
				}
				batch = append(batch, e)
			default:
				break more
			}
		}
		taken := make(chan struct{})
		f.post(func() {
			defer close(taken)
			f.Tell(batch)
		})
		select {
		case <-ctx.Done():
			return nil
		case <-taken:
		}
	}
}
