// Package people holds the view models of the pages about people: the user's card,
// adding somebody, requests of strangers, and one contact.
//
// A model is made, given its View, and belongs to the screen's goroutine; Load reads
// the profile and Close ends it. What others chose as a name or wrote is made safe
// before it stands in a model. The text of a card is a secret that is meant to be
// handed over: it is in a model to be drawn and copied and goes nowhere else.
package people

import (
	"context"

	"zeroms/client"
	"zeroms/ui/model"
)

// View is what a model tells the page that draws it.
type View struct {
	// Changed tells that there is something to draw anew.
	Changed func()
	// Fail shows why an action failed.
	Fail func(error)
}

// base is what all models of this package have.
type base struct {
	deps   model.Deps
	view   View
	closed bool
	stop   func()
	reads  reads
}

// listen has hear called with the events until close.
func (b *base) listen(hear func([]client.Event)) { b.stop = b.deps.Feed.Listen(hear) }

// close ends the model: answers that come later change nothing.
func (b *base) close() {
	b.closed = true
	if b.stop != nil {
		b.stop()
		b.stop = nil
	}
}

// changed has the page drawn anew.
func (b *base) changed() {
	if !b.closed {
		b.view.Changed()
	}
}

// act does something with the profile and then, if that went well, then; else the
// failure is shown.
func (b *base) act(work func(ctx context.Context) error, then func()) {
	b.deps.Async.Do(func(ctx context.Context) func() {
		err := work(ctx)
		return func() { b.ended(err, then) }
	})
}

// slow is act for what takes its time.
func (b *base) slow(work func(ctx context.Context) error, then func()) {
	b.deps.Async.Slow(func(ctx context.Context) func() {
		err := work(ctx)
		return func() { b.ended(err, then) }
	})
}

func (b *base) ended(err error, then func()) {
	switch {
	case b.closed:
	case err != nil:
		b.view.Fail(err)
		b.view.Changed() // a switch or field goes back to what is so
	case then != nil:
		then()
	}
}

// reads are readings of the profile: one at a time, and one more if it was asked for
// meanwhile, however often.
type reads struct{ busy, again bool }

// read reads with work, off the screen's goroutine; what that returns takes the
// result over.
func (b *base) read(work func(ctx context.Context) (take func(), err error)) {
	if b.reads.busy {
		b.reads.again = true
		return
	}
	b.reads.busy = true
	b.deps.Async.Do(func(ctx context.Context) func() {
		take, err := work(ctx)
		return func() {
			again := b.reads.again
			b.reads = reads{}
			b.ended(err, func() {
				take()
				b.view.Changed()
			})
			if again && !b.closed {
				b.read(work)
			}
		}
	})
}
