package mailbox

import (
	"context"
	"time"

	"zeroms/protocol/custody"
	"zeroms/protocol/key"
	"zeroms/protocol/wire"
)

// frameItems bounds the items of one Commit frame: 256 receipts and their path
// stay below wire.MaxFrame, since the receipts of a port stand side by side.
const frameItems = 256

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
	case !batch.empty():
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
		a.unsaved = nil
		clear(a.changed)
	}
	for _, d := range p.drops {
		b.Drops = append(b.Drops, d.Drop)
		d.dirty = false
	}
	for _, profile := range p.profiles {
		b.Profiles = append(b.Profiles, profile)
	}
	for hash, uses := range p.invites {
		b.Invites = append(b.Invites, InviteUse{hash, uses})
	}
	return p, b
}

// empty reports whether the batch has nothing for the disk.
func (b *Batch) empty() bool {
	return len(b.Accounts)+len(b.Drops)+len(b.Profiles)+len(b.Invites) == 0
}

// change is what the next batch holds of an account; Mailbox.mu is held. Only
// payloads of envelopes that all cursors passed skip the disk: the
// acknowledgements are in this batch or an earlier one.
func (a *account) change() AccountChange {
	c := AccountChange{
		Tag: a.tag, Key: a.key, Before: a.before, Head: a.head,
		Rows: a.unsaved, Floor: a.floor, Closed: a.closed,
	}
	if len(c.Rows) == 0 {
		c.Before = a.head
	}
	for i := range c.Rows {
		row := &c.Rows[i]
		if row.Position.Index() > a.floor.Position.Index() {
			break
		}
		if row.Kind == wire.RowEnvelope || row.Kind == wire.RowDoor {
			row.Payload = nil
		}
	}
	for k := range a.changed {
		if l := a.logins[k]; l != nil {
			c.Logins = append(c.Logins, Login{
				Key: k, Cursor: l.cursor, Acked: l.acked, Sig: l.sig, Enrolled: l.enrolled, Removed: a.removed[k],
			})
		} else {
			c.Logins = append(c.Logins, Login{Key: k, Removed: a.removed[k]})
		}
	}
	return c
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

// headFor is a signed head and who gets it.
type headFor struct {
	leaf []byte
	to   []answer // id 0: unasked
}

// settle notes what became durable and lists the heads to sign: one for each
// account with new rows and for each that was asked for. mu is held.
func (m *Mailbox) settle(p *pending, b *Batch) []headFor {
	m.flying = newPending()
	m.steps++
	var heads []headFor
	index := make(map[*account]int)
	add := func(a *account, to ...answer) {
		i, ok := index[a]
		if !ok {
			i = len(heads)
			index[a] = i
			leaf := custody.Head{Account: a.tag, Position: a.durable.Position, R: a.durable.R}
			heads = append(heads, headFor{leaf: leaf.Append(nil)})
		}
		heads[i].to = append(heads[i].to, to...)
	}
	for i, a := range p.accounts {
		a.inFlight = false
		a.durable = b.Accounts[i].Head
		a.trim()
		if len(b.Accounts[i].Rows) == 0 {
			continue
		}
		add(a)
		for s := range a.sessions {
			if at := a.durable.Position.Index(); at >= s.headAt+headEvery {
				s.headAt = at
				add(a, answer{port: s.port})
			}
		}
	}
	for _, w := range p.answers {
		if w.head != nil {
			add(w.head, w)
		}
	}
	return heads
}

// release signs one tree over the receipts and heads, and answers. Receipts
// stand in the tree port by port, so that each port's proof is short.
func (m *Mailbox) release(answers []answer, heads []headFor, now time.Time) {
	var leaves [][]byte
	var order []Port
	items := make(map[Port][]wire.CommitItem)
	receipts := make(map[Port][]answer)
	note := func(p Port) {
		if _, known := items[p]; !known {
			items[p] = nil
			order = append(order, p)
		}
	}
	for _, w := range answers {
		switch {
		case w.payload != nil:
			w.port.Answer(w.id, w.payload)
		case w.leaf != nil:
			note(w.port)
			receipts[w.port] = append(receipts[w.port], w)
		}
	}
	for _, p := range order {
		for _, w := range receipts[p] {
			items[p] = append(items[p], wire.CommitItem{ID: w.id, Index: uint32(len(leaves))})
			leaves = append(leaves, w.leaf)
		}
	}
	for _, h := range heads {
		first := uint32(len(leaves))
		leaves = append(leaves, h.leaf)
		for _, w := range h.to {
			note(w.port)
			at := first
			if mine := items[w.port]; len(mine) > 0 && mine[len(mine)-1].Index >= at {
				at = uint32(len(leaves)) // asked twice on one port: the same leaf again
				leaves = append(leaves, h.leaf)
			}
			items[w.port] = append(items[w.port], wire.CommitItem{ID: w.id, Index: at})
		}
	}
	if len(order) == 0 {
		return
	}
	tree := custody.Build(leaves, now, m.cfg.Node)
	for _, p := range order {
		for part := items[p]; len(part) > 0; {
			n := min(len(part), frameItems)
			p.Answer(0, tree.Commit(part[:n]))
			part = part[n:]
		}
	}
}
