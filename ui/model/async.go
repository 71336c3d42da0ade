package model

import (
	"context"
	"sync"
)

// Async runs work away from the screen's goroutine. Both methods are called on that
// goroutine, and what work returns is run there (nil: nothing).
type Async interface {
	// Do runs work after all that was given to Do before: for what the profile answers
	// at once.
	Do(work func(ctx context.Context) (then func()))
	// Slow runs work beside everything else: for what waits for the network or a disk.
	Slow(work func(ctx context.Context) (then func()))
}

// Runner is the Async of the app.
type Runner struct {
	post  func(func())
	queue chan func(context.Context) func()
	slow  chan func(context.Context) func()
}

// Bounds of a Runner: what waits in order, and how much runs at once beside it.
const (
	runnerQueue = 4096
	runnerSlow  = 8
)

// NewRunner makes a Runner; post runs a function on the screen's goroutine.
func NewRunner(post func(func())) *Runner {
	return &Runner{post: post, queue: make(chan func(context.Context) func(), runnerQueue), slow: make(chan func(context.Context) func(), runnerQueue)}
}

// Do is Async's.
func (r *Runner) Do(work func(ctx context.Context) (then func())) { r.queue <- work }

// Slow is Async's.
func (r *Runner) Slow(work func(ctx context.Context) (then func())) { r.slow <- work }

// Run does the work until ctx ends.
func (r *Runner) Run(ctx context.Context) error {
	var all sync.WaitGroup
	all.Go(func() { r.loop(ctx, r.queue) })
	for range runnerSlow {
		all.Go(func() { r.loop(ctx, r.slow) })
	}
	all.Wait()
	return nil
}

func (r *Runner) loop(ctx context.Context, from <-chan func(context.Context) func()) {
	for {
		select {
		case <-ctx.Done():
			return
		case work := <-from:
			if then := work(ctx); then != nil {
				r.post(then)
			}
		}
	}
}
