package mailbox_test

import (
	"context"
	"crypto/sha256"
	"testing"
	"testing/synctest"
	"time"

	"zeroms/gateway/mailbox"
	"zeroms/protocol/key"
	"zeroms/protocol/wire"
)

// slowRows is a Store whose rows of one account arrive after a hook.
type slowRows struct {
	mailbox.Store
	of    *key.AccountTag
	begun chan struct{}
	until chan struct{}
}

func (s *slowRows) Rows(ctx context.Context, r mailbox.RowRange) ([]mailbox.Row, error) {
	if s.of != nil && r.Account == *s.of && r.Bare {
		s.of = nil
		close(s.begun)
		<-s.until
	}
	return s.Store.Rows(ctx, r)
}

// What a capability was worth when the message came must not count once the drop
// has another one: the first submission of the message may take any time.
func TestACapabilityThatWasReplacedCountsForNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &slowRows{Store: newMemory(), begun: make(chan struct{}), until: make(chan struct{})}
		w := newWorld(t, store, func(c *mailbox.Config) { c.Memory = 1 })
		slow, bob := w.account(), w.account()
		long, drop := slow.drop(), bob.drop()
		w.restart() // the intake of slow has to be read
		bob.attach()
		mallory := w.port()
		mallory.send(drop, message()) // bob's drop and intake are in memory
		tag := slow.tag()
		store.of = &tag
		a, b := message(), message()
		go w.box.Submit(mallory,
			mailbox.Submission{ID: 1, Submit: &wire.Submit{Drop: long.id, MAC: long.cap.Authenticate(long.id, sha256.Sum256(a)), Envelope: a}},
			mailbox.Submission{ID: 2, Submit: &wire.Submit{Drop: drop.id, MAC: drop.cap.Authenticate(drop.id, sha256.Sum256(b)), Envelope: b}})
		<-store.begun
		// Bob takes mallory's capability away, durably, and keeps the drop.
		bob.dropDelete(drop)
		settle()
		renewed := testDrop{drop.id, w.newDrop().cap}
		id := bob.dropPut(renewed)
		settle()
		bob.port.want(id, nil)
		wait(time.Minute)
		close(store.until)
		settle()
		mallory.receipt(1)
		mallory.mu.Lock()
		_, taken := mallory.receipts[2]
		mallory.mu.Unlock()
		if taken {
			t.Error("an envelope was taken, with a receipt, a minute after its capability had ended")
		}
	})
}
