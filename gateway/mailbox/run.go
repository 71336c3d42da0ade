package mailbox

import (
	"context"
	"sync"
	"time"
)

// Run takes an incarnation from the Store and serves until ctx ends; then it
// commits and answers what waits, and returns nil. Its error is that of the
// Store at the start. A Mailbox runs once.
func (m *Mailbox) Run(ctx context.Context) error {
	if err := m.start(ctx); err != nil {
		return err
	}
	close(m.ready)
	var wg sync.WaitGroup
	wg.Go(func() { m.loopSweep(ctx) })
	wg.Go(func() { m.loopClaims(ctx) })
	m.loopCommit(ctx)
	wg.Wait()
	return nil
}

// start begins a new incarnation, durably, before any position is given.
func (m *Mailbox) start(ctx context.Context) error {
	incarnation, err := m.cfg.Store.Start(ctx, time.Now())
	if err != nil {
		m.log.Error("mailbox: no new incarnation", "err", err)
		return err
	}
	m.mu.Lock()
	m.incarnation = incarnation
	m.phase = running
	m.mu.Unlock()
	m.log.Info("mailbox: running", "incarnation", incarnation)
	return nil
}

// loopSweep does the Store's background work and lets idle accounts go.
func (m *Mailbox) loopSweep(ctx context.Context) {
	tick := time.NewTicker(m.cfg.Timing.Sweep)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		m.mu.Lock()
		m.memory.Expire(time.Now().Add(-m.cfg.Timing.Idle))
		m.mu.Unlock()
		for more := true; more && ctx.Err() == nil; {
			var err error
			more, err = m.cfg.Store.Sweep(ctx, time.Now())
			if err != nil && ctx.Err() == nil {
				m.log.Warn("mailbox: sweeping failed, it is tried again", "err", err)
				more = false
			}
		}
	}
}
