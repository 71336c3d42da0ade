package people

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"zeroms/client"
)

// E2E is the work: Messages texts from one person to the other, InFlight of
// them under way at any time. The next is written when one has been shown.
type E2E struct {
	InFlight int // 1 or more
	Messages int // 1 or more
}

// warmUp is how many messages go ahead and are not counted.
const warmUp = 100

// stalled is how long nothing may happen before a work has failed.
const stalled = 30 * time.Second

// EndToEnd is what E2E measured. A time runs from the call of Client.Send to
// the recipient's event, which leaves after the recipient's commit.
type EndToEnd struct {
	Work                E2E
	P50, P90, P99, Most time.Duration
	PerSecond           float64
	// Sync is what fdatasync takes in the same directory, the median of 101 before
	// the work.
	Sync time.Duration
	// CPU is the time of both clients together for each message.
	CPU   time.Duration
	Tally Tally
	// Took is every message's time, in the order of their events.
	Took []time.Duration
}

// Run makes two people and does the work.
func (w E2E) Run(ctx context.Context, c Config) (r *EndToEnd, err error) {
	if w.InFlight < 1 || w.Messages < 1 {
		return nil, errors.New("e2e: at least one message has to be in flight")
	}
	p, err := meet(ctx, c)
	if err != nil {
		return nil, fmt.Errorf("e2e: %w", err)
	}
	defer func() { err = errors.Join(err, p.part()) }()
	if _, err := p.talk(ctx, E2E{w.InFlight, warmUp}, "warm"); err != nil {
		return nil, fmt.Errorf("e2e: %w", err)
	}
	r = &EndToEnd{Work: w}
	if r.Sync, err = syncTime(p.dir); err != nil {
		return nil, err
	}
	before, err := processTime()
	if err != nil {
		return nil, err
	}
	began := time.Now()
	t, err := p.talk(ctx, w, "text")
	if err != nil {
		return nil, fmt.Errorf("e2e: %w", err)
	}
	r.PerSecond = float64(w.Messages) / time.Since(began).Seconds()
	after, err := processTime()
	if err != nil {
		return nil, err
	}
	r.CPU = (after - before) / time.Duration(w.Messages)
	r.Took, r.Tally = t.took, t.book.tally(w.Messages)
	all := sorted(t.took)
	r.P50, r.P90, r.P99, r.Most = quantile(all, 0.5), quantile(all, 0.9), quantile(all, 0.99), all[len(all)-1]
	return r, nil
}

// talk is one run of messages from alice to bob.
type talk struct {
	pair  *pair
	work  E2E
	label string
	turns chan struct{} // one for each message that may leave now

	mu   sync.Mutex
	left map[string]time.Time // guarded by mu: when a text was given to Send

	book *book
	took []time.Duration
}

func (p *pair) talk(ctx context.Context, w E2E, label string) (*talk, error) {
	t := &talk{pair: p, work: w, label: label, turns: make(chan struct{}, w.Messages+w.InFlight), left: map[string]time.Time{}, book: newBook()}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	return t, t.runTalk(ctx, cancel)
}

// runTalk lets InFlight writers write until every message was shown.
func (t *talk) runTalk(ctx context.Context, cancel context.CancelFunc) error {
	for range t.work.InFlight {
		t.turns <- struct{}{}
	}
	var writing sync.WaitGroup
	var failed error
	writing.Go(func() { failed = t.runWriters(ctx, cancel) })
	err := t.runReader(ctx)
	if err != nil {
		cancel()
	}
	writing.Wait()
	return errors.Join(failed, err)
}

// runWriters lets InFlight writers write all messages; each takes a turn for each.
func (t *talk) runWriters(ctx context.Context, cancel context.CancelFunc) error {
	numbers := make(chan int, t.work.Messages)
	for n := range t.work.Messages {
		numbers <- n
	}
	close(numbers)
	drained := make(chan struct{})
	reading, done := context.WithCancel(ctx)
	go t.runDrain(reading, drained)
	var writers sync.WaitGroup
	failed := make([]error, t.work.InFlight)
	for n := range t.work.InFlight {
		writers.Go(func() {
			if failed[n] = t.runWriter(ctx, numbers); failed[n] != nil {
				cancel()
			}
		})
	}
	writers.Wait()
	done()
	<-drained
	return errors.Join(failed...)
}

// runWriter writes a message whenever one may leave.
func (t *talk) runWriter(ctx context.Context, numbers <-chan int) error {
	for n := range numbers {
		select {
		case <-t.turns:
		case <-ctx.Done():
			return nil
		}
		text := fmt.Sprintf("%s %07d: a line of a talk, as long as most of them are", t.label, n)
		t.mu.Lock()
		t.left[text] = time.Now()
		t.mu.Unlock()
		if _, err := t.pair.alice.client.Send(ctx, t.pair.toBob, text); err != nil && ctx.Err() == nil {
			return fmt.Errorf("message %d: %w", n, err)
		}
	}
	return nil
}

// runReader takes what bob is shown until that is everything.
func (t *talk) runReader(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	idle := time.AfterFunc(stalled, cancel)
	defer idle.Stop()
	for len(t.took) < t.work.Messages {
		err := t.pair.bob.await(ctx, fmt.Sprintf("message %d of %d", len(t.took)+1, t.work.Messages), t.shown)
		if err != nil {
			return err
		}
		idle.Reset(stalled)
		t.turns <- struct{}{}
	}
	return nil
}

// shown notes a message of the talk.
func (t *talk) shown(ev client.Event) bool {
	now := time.Now()
	added, ok := ev.(client.MessageAdded)
	if !ok || added.Message.Outgoing {
		return false
	}
	t.mu.Lock()
	left, ours := t.left[added.Message.Text]
	t.mu.Unlock()
	if !ours {
		return false
	}
	first := t.book.seen[added.Message.Text] == 0
	t.book.note(&added.Message)
	if first {
		t.took = append(t.took, now.Sub(left))
	}
	return first
}

// runDrain reads what alice is shown, as an app would.
func (t *talk) runDrain(ctx context.Context, drained chan<- struct{}) {
	defer close(drained)
	for {
		select {
		case _, ok := <-t.pair.alice.events.C:
			if !ok {
				return
			}
		case <-ctx.Done():
			return
		}
	}
}
