package netlab

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"zeroms/client"
)

// letterID names a message: the n-th, from 1 on, from one person to another.
type letterID struct{ from, to, n int }

// text is how the message begins.
func (id letterID) text() string { return fmt.Sprintf("letter %d>%d #%d", id.from, id.to, id.n) }

// parseLetter reads a message.
func parseLetter(text string) (id letterID, ok bool) {
	head, _, _ := strings.Cut(text, " lorem")
	n, err := fmt.Sscanf(head, "letter %d>%d #%d", &id.from, &id.to, &id.n)
	return id, err == nil && n == 3 && id.text() == strings.TrimSpace(head)
}

// letter is what became of a message; a time is zero if it has not come to that.
type letter struct {
	id                      letterID
	sent, custody, received time.Time
	late                    bool // it was shown after one that was written later
}

// ledger notes what becomes of all messages, from any goroutine.
type ledger struct {
	mu      sync.Mutex
	letters map[letterID]*letter // guarded by mu
	count   map[[2]int]int       // guarded by mu: from, to -> letters written
	missing int                  // guarded by mu: letters that were not received
	doubled int                  // guarded by mu: shown again
	strange int                  // guarded by mu: shown to somebody else, or never written
	lags    int                  // guarded by mu: times that events were lost to us
	moved   chan struct{}        // guarded by mu: closed and replaced when missing changes
}

func newLedger() *ledger {
	return &ledger{letters: map[letterID]*letter{}, count: map[[2]int]int{}, moved: make(chan struct{})}
}

// written begins a letter.
func (l *ledger) written(from, to int) letterID {
	l.mu.Lock()
	defer l.mu.Unlock()
	pair := [2]int{from, to}
	l.count[pair]++
	id := letterID{from, to, l.count[pair]}
	l.letters[id] = &letter{id: id, sent: time.Now()}
	l.missing++
	return id
}

// notSent takes a letter back that Send refused.
func (l *ledger) notSent(id letterID) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.letters, id)
	l.count[[2]int{id.from, id.to}]--
	l.less()
}

// less counts one letter as missing no more; mu is held.
func (l *ledger) less() {
	l.missing--
	close(l.moved)
	l.moved = make(chan struct{})
}

// received notes that a letter was shown to its recipient.
func (l *ledger) received(by int, m *client.Message, now time.Time) {
	id, ok := parseLetter(m.Text)
	if !ok {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	known := l.letters[id]
	switch {
	case known == nil || id.to != by:
		l.strange++
	case !known.received.IsZero():
		l.doubled++
	default:
		known.received, known.late = now, m.Late
		l.less()
	}
}

// changed notes that a gateway has taken custody of a letter.
func (l *ledger) changed(m *client.Message, now time.Time) {
	id, ok := parseLetter(m.Text)
	if !ok || m.State < client.InCustody || m.State > client.Read {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if known := l.letters[id]; known != nil && known.custody.IsZero() {
		known.custody = now
	}
}

// lagged notes that events were lost because nobody read them in time.
func (l *ledger) lagged() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lags++
}

// await waits until every letter was received. Error: ctx's, with how many are missing.
func (l *ledger) await(ctx context.Context) error {
	for {
		l.mu.Lock()
		missing, moved := l.missing, l.moved
		l.mu.Unlock()
		if missing == 0 {
			return nil
		}
		select {
		case <-moved:
		case <-ctx.Done():
			return fmt.Errorf("%d letters are missing: %w", missing, context.Cause(ctx))
		}
	}
}

// writtenTo is how many letters one person wrote to another.
func (l *ledger) writtenTo(from, to int) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.count[[2]int{from, to}]
}
