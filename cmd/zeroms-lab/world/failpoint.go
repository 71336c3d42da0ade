package world

import (
	"context"
	"errors"
	"sync"

	"zeroms/client/profile"
	"zeroms/gateway/mailbox"
	"zeroms/store/chat"
	gatewaystore "zeroms/store/mailbox"
)

// ErrBroken is what a broken disk returns.
var ErrBroken = errors.New("world: the disk is broken")

// Failpoint decides what happens to the commits of one disk. The zero value
// lets all pass.
type Failpoint struct {
	mu     sync.Mutex
	broken bool
	before int // commits until one fails without effect; 0: never
	after  int // commits until one fails although it is durable; 0: never
}

// Break lets nothing reach the disk until the process starts again.
func (f *Failpoint) Break() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.broken = true
}

// FailBefore breaks the disk just before the n-th commit from now.
func (f *Failpoint) FailBefore(n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.before, f.after = n, 0
}

// FailAfter breaks the disk just after the n-th commit from now became durable,
// before anybody is told.
func (f *Failpoint) FailAfter(n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.before, f.after = 0, n
}

// Broken reports whether nothing reaches the disk any more.
func (f *Failpoint) Broken() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.broken
}

func (f *Failpoint) mend() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.broken, f.before, f.after = false, 0, 0
}

// commit runs one commit under the failpoint's rules.
func (f *Failpoint) commit(do func() error) error {
	f.mu.Lock()
	broken, last := f.broken, false
	if f.before > 0 {
		f.before--
		broken = broken || f.before == 0
	}
	if f.after > 0 {
		f.after--
		last = f.after == 0
	}
	f.broken = f.broken || broken || last
	f.mu.Unlock()
	if broken {
		return ErrBroken
	}
	if err := do(); err != nil {
		return err
	}
	if last {
		return ErrBroken
	}
	return nil
}

// failingStore is a client's disk.
type failingStore struct {
	*chat.DB
	point *Failpoint
}

// Commit commits unless the disk is broken.
func (s failingStore) Commit(ctx context.Context, b *profile.Batch) error {
	return s.point.commit(func() error { return s.DB.Commit(ctx, b) })
}

// failingMailbox is a gateway's disk.
type failingMailbox struct {
	*gatewaystore.DB
	point *Failpoint
}

// Commit commits unless the disk is broken.
func (s failingMailbox) Commit(ctx context.Context, b *mailbox.Batch) error {
	return s.point.commit(func() error { return s.DB.Commit(ctx, b) })
}
