package mailbox

import (
	"context"
	"time"

	"zeroms/gateway/mailbox/door"
	"zeroms/gateway/mailbox/intake"
	"zeroms/gateway/mailbox/ledger"
	"zeroms/gateway/mailbox/logins"
	"zeroms/gateway/mailbox/records"
	"zeroms/protocol/custody"
	"zeroms/protocol/key"
	"zeroms/protocol/wire"
)

// account is the authority over one account; everything in it is guarded by
// Mailbox.mu.
type account struct {
	box *Mailbox
	tag key.AccountTag
	key key.MailboxPublic

	log    ledger.Log
	quota  uint64 // bytes
	closed bool
	gone   bool // forgotten: whoever still holds it must fail

	logins   logins.Set
	drops    map[key.DropID]*drop // nil: none; those in memory
	sessions []*Session
	live     records.Counts
	intake   *intake.Intake // nil until the first submission
	waiting  *door.Waiting  // at its doors; nil like intake

	// what the next batch takes
	dirty    bool
	inFlight bool // the running commit carries a change of it

	refreshed time.Time // when the floor was last read from the Store
}

// drop is a drop or door in memory.
type drop struct {
	Drop
	start [32]byte // D_0; zeros for doors

	dirty    bool
	inFlight bool // like account's
}

// account returns the account with this tag, read from the Store if it is not
// in memory, or nil if there is none.
func (m *Mailbox) account(tag key.AccountTag) (*account, error) {
	m.mu.Lock()
	a := m.accounts[tag]
	if a != nil {
		m.touch(a)
	}
	m.mu.Unlock()
	if a != nil {
		return a, nil
	}
	err := m.exclusive.Do(tag, func() error {
		m.mu.Lock()
		a = m.accounts[tag]
		m.mu.Unlock()
		if a != nil {
			return nil
		}
		now := time.Now()
		stored, err := m.cfg.Store.Account(context.Background(), tag, now)
		if err != nil || stored == nil {
			return err
		}
		m.mu.Lock()
		defer m.mu.Unlock()
		a = m.newAccount(tag, stored, now)
		return nil
	})
	return a, m.unavailable("read an account", err)
}

// newAccount puts an account into memory; mu is held.
func (m *Mailbox) newAccount(tag key.AccountTag, stored *Account, now time.Time) *account {
	a := &account{
		box:       m,
		logins:    logins.Load(stored.Logins, stored.Oldest),
		tag:       tag,
		key:       stored.Key,
		log:       ledger.Log{Head: stored.Head, Durable: stored.Head, Floor: stored.Floor, Oldest: stored.Oldest.Index()},
		quota:     m.quota(stored.Quota),
		closed:    stored.Closed,
		live:      stored.Counts,
		refreshed: now,
	}
	m.accounts[tag] = a
	m.memory.Use(a, now)
	return a
}

// touch notes the use of an account; mu is held. A closed one leaves memory all
// the same, and is forgotten in its time.
func (m *Mailbox) touch(a *account) {
	if !a.closed {
		m.memory.Use(a, time.Now())
	}
}

// forget takes an account out of memory; mu is held. It returns the ports of its
// links, which the caller closes after mu is free.
func (m *Mailbox) forget(a *account) []Port {
	a.gone = true
	delete(m.accounts, a.tag)
	m.memory.Remove(a)
	for id := range a.drops {
		delete(m.drops, id)
	}
	var ports []Port
	for _, s := range a.sessions {
		s.ended = wire.ErrUnavailable
		ports = append(ports, s.port)
	}
	return ports
}

// drop returns the drop or door with this id, also a deleted one, read from the
// Store if it is not in memory; nil if there is none. inMemory is false if it
// had to be read.
func (m *Mailbox) drop(id key.DropID) (d *drop, inMemory bool, err error) {
	m.mu.Lock()
	if d = m.drops[id]; d != nil {
		m.touch(m.accounts[d.Account])
	}
	m.mu.Unlock()
	if d != nil {
		return d, true, nil
	}
	err = m.exclusive.Do(id, func() error {
		d, err = m.loadDrop(id)
		return err
	})
	return d, false, err
}

// loadDrop is drop for holders of exclusive(id).
func (m *Mailbox) loadDrop(id key.DropID) (*drop, error) {
	m.mu.Lock()
	d := m.drops[id]
	m.mu.Unlock()
	if d != nil {
		return d, nil
	}
	stored, err := m.cfg.Store.Drop(context.Background(), id)
	if err != nil || stored == nil {
		return nil, m.unavailable("read a drop", err)
	}
	for range placeTries {
		a, err := m.account(stored.Account)
		if err != nil {
			return nil, err
		}
		if a == nil {
			return nil, wire.ErrUnavailable
		}
		m.mu.Lock()
		if !a.gone {
			defer m.mu.Unlock()
			return m.addDrop(a, *stored), nil
		}
		m.mu.Unlock() // it left memory in between
	}
	return nil, wire.ErrBusy
}

// addDrop puts a drop of a into memory; mu is held.
func (m *Mailbox) addDrop(a *account, stored Drop) *drop {
	d := &drop{Drop: stored}
	if !d.Door {
		d.start = custody.DropStart(d.ID, d.Account, d.Start)
	}
	m.drops[d.ID] = d
	if a.drops == nil {
		a.drops = make(map[key.DropID]*drop)
	}
	a.drops[d.ID] = d
	return d
}

// append adds a row to the log of a; mu is held. Position, R, Total and Size are
// filled in.
func (m *Mailbox) append(a *account, row Row) *Row {
	m.pending.bytes += len(row.Payload)
	m.markDirty(a)
	for _, s := range a.sessions {
		m.wake = append(m.wake, s.port)
	}
	return a.log.Append(m.incarnation, row)
}

// long reports whether the log of a has no room for another row; mu is held.
// Rows stay for weeks, whatever is acknowledged.
func (m *Mailbox) long(a *account) bool { return a.log.Len() >= m.cfg.Rows }

// raiseFloor lets go of what every enrolled cursor passed; mu is held. Without
// a cursor only time does that.
func (a *account) raiseFloor() {
	if low := a.logins.Lowest(); low != nil {
		a.log.Raise(*low)
	}
}

// refresh reads what expired since the account was loaded, at most once a
// Timing.Sweep. It reports whether it read.
func (m *Mailbox) refresh(a *account, now time.Time) (bool, error) {
	m.mu.Lock()
	due, steps := now.Sub(a.refreshed) >= m.cfg.Timing.Sweep, m.steps
	if due {
		a.refreshed = now
	}
	m.mu.Unlock()
	if !due {
		return false, nil
	}
	stored, err := m.cfg.Store.Account(context.Background(), a.tag, now)
	if err != nil || stored == nil {
		return false, m.unavailable("read an account", err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	a.log.Raise(stored.Floor)
	a.log.Oldest = max(a.log.Oldest, stored.Oldest.Index())
	if m.steps == steps && !a.dirty && !a.inFlight {
		a.live = stored.Counts // what was deleted long ago is forgotten
	}
	return true, nil
}

// trim lets go of rows that are durable and that no link waits for; mu is held.
func (a *account) trim() {
	needed := a.log.Durable.Index()
	for _, s := range a.sessions {
		needed = min(needed, s.window.At)
	}
	a.log.Trim(needed, tailBytes)
}

// unavailable turns an error of the Store into one for the wire; the cause goes
// to the log.
func (m *Mailbox) unavailable(doing string, err error) error {
	if err == nil {
		return nil
	}
	if e, ok := err.(*wire.Error); ok {
		return e
	}
	m.log.Error("mailbox: the store failed", "doing", doing, "err", err)
	return wire.ErrUnavailable
}
