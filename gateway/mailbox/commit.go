package mailbox

import (
	"context"
	"time"

	"zeroms/gateway/mailbox/release"
	"zeroms/protocol/custody"
	"zeroms/protocol/key"
	"zeroms/protocol/wire"
)

// pending is what waits for one commit; guarded by Mailbox.mu until it is durable.
type pending struct {
	deadline time.Time // when to commit; zero: nothing waits
	bytes    int       // payload bytes
	accounts []*account
	drops    []*drop
	answers  []answer
	closing  []closing

	enrolling map[key.LoginPublic]key.AccountTag
	profiles  map[key.ProfilePublic]Profile
	invites   map[[32]byte]int // uses by SHA-256(invite)
}

func newPending() *pending {
	return &pending{
		enrolling: make(map[key.LoginPublic]key.AccountTag),
		profiles:  make(map[key.ProfilePublic]Profile),
		invites:   make(map[[32]byte]int),
	}
}

// answer is one request that waits for durability.
type answer struct {
	port Port
	id   uint64
	// exactly one of these: an answer as it is, a receipt leaf, the head of a log
	payload wire.Payload
	leaf    []byte
	head    *account
}

// closing is a link that ends with its commit.
type closing struct {
	port   Port
	reason *wire.Error
}

// markDirty puts an account into the next batch; mu is held.
func (m *Mailbox) markDirty(a *account) {
	if !a.dirty {
		a.dirty = true
		m.pending.accounts = append(m.pending.accounts, a)
	}
}

// markDrop puts a drop into the next batch; mu is held.
func (m *Mailbox) markDrop(d *drop) {
	if !d.dirty {
		d.dirty = true
		m.pending.drops = append(m.pending.drops, d)
	}
}

// queue adds an answer to the next batch and schedules it; mu is held.
func (m *Mailbox) queue(a answer) {
	m.pending.answers = append(m.pending.answers, a)
	wait := m.cfg.Timing.Gather
	if m.pending.bytes >= batchBytes {
		wait = 0
	}
	m.schedule(wait)
}

// schedule asks for a commit within wait; mu is held.
func (m *Mailbox) schedule(wait time.Duration) {
	at := time.Now().Add(wait)
	if !m.pending.deadline.IsZero() && !at.Before(m.pending.deadline) {
		return
	}
	m.pending.deadline = at
	select {
	case m.kick <- struct{}{}:
	default:
	}
}

// loopCommit commits whenever a deadline passes, until ctx ends; then it commits
// what waits and the Mailbox takes nothing more.
func (m *Mailbox) loopCommit(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	wait := m.cfg.Timing.Retry
	var retry time.Time // of Start, while down
	for {
		m.mu.Lock()
		at, isDown := m.pending.deadline, m.phase == down
		m.mu.Unlock()
		if isDown {
			if retry.IsZero() {
				retry = time.Now().Add(wait)
			}
			at = retry
		}
		timer.Stop()
		if !at.IsZero() {
			timer.Reset(time.Until(at))
		}
		select {
		case <-ctx.Done():
			m.judge()
			m.commit(draining)
			return
		case <-m.kick:
			continue
		case <-timer.C:
		}
		if !isDown {
			m.commit(running)
			continue
		}
		retry, wait = time.Time{}, min(2*wait, 32*m.cfg.Timing.Retry)
		if m.start(ctx) == nil {
			wait = m.cfg.Timing.Retry
		}
	}
}

// commit makes what waits durable and answers it; next is the phase that
// requests find from now on. A commit that has begun is never cut short.
func (m *Mailbox) commit(next phase) {
	now := time.Now()
	m.mu.Lock()
	up := m.phase == running
	m.phase = next
	p, batch := m.take(now)
	m.mu.Unlock()
	var err error
	switch {
	case !up:
		err = wire.ErrUnavailable
	case !batch.Empty():
		err = m.unavailable("commit", m.cfg.Store.Commit(context.Background(), batch))
	}
	if err != nil {
		m.abandon(p)
		return
	}
	m.mu.Lock()
	heads := m.settle(p, batch)
	m.mu.Unlock()
	m.release(p.answers, heads, now)
	for _, c := range p.closing {
		c.port.Close(c.reason)
	}
}

// take turns what waits into a batch in flight; mu is held.
func (m *Mailbox) take(now time.Time) (*pending, *Batch) {
	p, b := m.pending, &Batch{Now: now}
	m.pending, m.flying = newPending(), p
	m.steps++
	for _, a := range p.accounts {
		b.Accounts = append(b.Accounts, a.change())
		a.dirty, a.inFlight = false, true
	}
	for _, d := range p.drops {
		b.Drops = append(b.Drops, d.Drop)
		d.dirty, d.inFlight = false, true
	}
	for _, profile := range p.profiles {
		b.Profiles = append(b.Profiles, profile)
	}
	for hash, uses := range p.invites {
		b.Invites = append(b.Invites, InviteUse{Hash: hash, Uses: uses})
	}
	return p, b
}

// change takes out of an account what the next batch holds of it; Mailbox.mu is held.
func (a *account) change() AccountChange {
	u := a.log.Take()
	return AccountChange{
		Tag: a.tag, Key: a.key, Before: u.Before, Head: a.log.Head, Rows: u.Rows, Displaced: u.Displaced,
		Floor: a.log.Floor, Closed: a.closed, Logins: a.logins.Changes(),
	}
}

// abandon answers everything that is not durable with ErrUnavailable and forgets
// the accounts it touched, so that they are read again; links that saw more than
// the disk end. What joined behind the failed batch was built on it and fails too.
func (m *Mailbox) abandon(p *pending) {
	m.mu.Lock()
	if m.phase == running {
		m.phase = down
	}
	behind := m.pending
	m.pending, m.flying = newPending(), newPending()
	m.steps++
	var ports []Port
	for _, a := range append(p.accounts, behind.accounts...) {
		if !a.gone {
			ports = append(ports, m.forget(a)...)
		}
	}
	for _, c := range append(p.closing, behind.closing...) {
		ports = append(ports, c.port)
	}
	m.mu.Unlock()
	for _, w := range append(p.answers, behind.answers...) {
		fail(w.port, w.id, wire.ErrUnavailable)
	}
	for _, port := range ports {
		port.Close(wire.ErrUnavailable)
	}
}

// settle notes what became durable and lists the heads to sign: one for each
// account with new rows and for each that was asked for. mu is held.
func (m *Mailbox) settle(p *pending, b *Batch) []release.Leaf[Port] {
	m.flying = newPending()
	m.steps++
	var heads []release.Leaf[Port]
	index := make(map[*account]int)
	add := func(a *account, to ...release.To[Port]) {
		i, ok := index[a]
		if !ok {
			i = len(heads)
			index[a] = i
			leaf := custody.Head{Account: a.tag, Position: a.log.Durable.Position, R: a.log.Durable.R}
			heads = append(heads, release.Leaf[Port]{Leaf: leaf.Append(nil)})
		}
		heads[i].To = append(heads[i].To, to...)
	}
	for _, d := range p.drops {
		d.inFlight = false
	}
	for i, a := range p.accounts {
		a.inFlight = false
		a.log.Settle(b.Accounts[i].Head)
		a.trim()
		m.memory.Weigh(a, b.Now)
		if len(b.Accounts[i].Rows) == 0 {
			continue
		}
		add(a)
		for _, s := range a.sessions {
			if at := a.log.Durable.Index(); at >= s.headAt+headEvery {
				s.headAt = at
				add(a, release.To[Port]{Port: s.port})
			}
		}
	}
	for _, w := range p.answers {
		if w.head != nil {
			add(w.head, release.To[Port]{Port: w.port, ID: w.id})
		}
	}
	return heads
}

// release answers what is durable.
func (m *Mailbox) release(answers []answer, heads []release.Leaf[Port], now time.Time) {
	var receipts []release.Leaf[Port]
	for _, w := range answers {
		switch {
		case w.payload != nil:
			w.port.Answer(w.id, w.payload)
		case w.leaf != nil:
			receipts = append(receipts, release.Leaf[Port]{Leaf: w.leaf, To: []release.To[Port]{{Port: w.port, ID: w.id}}})
		}
	}
	for _, f := range release.Sign(receipts, heads, now, m.cfg.Node) {
		f.Port.Answer(0, f.Commit)
	}
}
