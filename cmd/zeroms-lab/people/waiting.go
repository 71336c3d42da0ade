package people

import (
	"context"
	"errors"
	"fmt"
	"time"

	"zeroms/client"
)

// Waiting is the work: somebody comes back to so many texts of one person.
type Waiting struct {
	Messages int // 1 or more
}

// fillers is how many messages are under way while they pile up.
const fillers = 64

// fillPace is the least rate at which messages pile up, per second.
const fillPace = 50

// custodyPoll is how often it is looked whether all messages are in custody.
const custodyPoll = 20 * time.Millisecond

// Return is what Waiting measured.
type Return struct {
	Work Waiting
	// Open is what opening the database took, with nothing that needs a network.
	Open time.Duration
	// First and Took run from the start of the client, which then loads its
	// profile and connects, to the events of the first and the last message.
	First, Took time.Duration
	// Filled is what sending took, to the last receipt.
	Filled time.Duration
	// Sync is what fdatasync takes in the same directory, the median of 101.
	Sync time.Duration
	// CPU is the time of the one client for each message.
	CPU   time.Duration
	Tally Tally
}

// Run makes two people, sends one of them away, and lets them come back when the
// other one's messages wait and that one is gone.
func (w Waiting) Run(ctx context.Context, c Config) (r *Return, err error) {
	if w.Messages < 1 {
		return nil, errors.New("waiting: at least one message has to wait")
	}
	p, err := meet(ctx, c)
	if err != nil {
		return nil, fmt.Errorf("waiting: %w", err)
	}
	defer func() { err = errors.Join(err, p.part()) }()
	r = &Return{Work: w}
	if r.Filled, err = p.fill(ctx, w.Messages); err != nil {
		return nil, fmt.Errorf("waiting: %w", err)
	}
	if r.Sync, err = syncTime(p.dir); err != nil {
		return nil, err
	}
	if err := p.comeBack(ctx, r); err != nil {
		return nil, fmt.Errorf("waiting: %w", err)
	}
	return r, nil
}

// fill sends bob away and has alice write to him until all is in custody.
func (p *pair) fill(ctx context.Context, n int) (time.Duration, error) {
	if err := p.bob.leave(); err != nil {
		return 0, err
	}
	ctx, cancel := context.WithTimeout(ctx, stalled+time.Duration(n)*time.Second/fillPace)
	defer cancel()
	t := &talk{pair: p, work: E2E{fillers, n}, label: "waiting", turns: make(chan struct{}, n), left: map[string]time.Time{}}
	for range n {
		t.turns <- struct{}{}
	}
	began := time.Now()
	if err := t.runWriters(ctx, cancel); err != nil {
		return 0, err
	}
	ticker := time.NewTicker(custodyPoll)
	defer ticker.Stop()
	for {
		s, err := p.alice.client.Status(ctx)
		if err != nil {
			return 0, err
		}
		if s.Failed > 0 {
			return 0, fmt.Errorf("%d messages failed", s.Failed)
		}
		if s.Waiting == 0 && s.Custody >= n {
			return time.Since(began), p.alice.leave()
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return 0, fmt.Errorf("%d of %d messages are in custody: %w", s.Custody, n, context.Cause(ctx))
		}
	}
}

// comeBack lets bob come back and waits until he was shown everything.
func (p *pair) comeBack(ctx context.Context, r *Return) error {
	ctx, cancel := context.WithTimeout(ctx, 2*stalled)
	defer cancel()
	began := time.Now()
	if err := p.bob.open(ctx); err != nil {
		return err
	}
	r.Open = time.Since(began)
	before, err := processTime()
	if err != nil {
		return err
	}
	began = time.Now()
	p.bob.serve(ctx)
	shown := newBook()
	err = p.bob.await(ctx, "the messages that waited", func(ev client.Event) bool {
		added, ok := ev.(client.MessageAdded)
		if !ok || added.Message.Outgoing {
			return false
		}
		if r.First == 0 {
			r.First = time.Since(began)
		}
		shown.note(&added.Message)
		return len(shown.seen) == r.Work.Messages
	})
	if err != nil {
		return fmt.Errorf("%d of %d were shown: %w", len(shown.seen), r.Work.Messages, err)
	}
	r.Took = time.Since(began)
	after, err := processTime()
	if err != nil {
		return err
	}
	r.CPU = (after - before) / time.Duration(r.Work.Messages)
	r.Tally = shown.tally(r.Work.Messages)
	return nil
}
