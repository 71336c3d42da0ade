package mailbox

import (
	"container/list"
	"context"
	"crypto/sha256"
	"time"

	"zeroms/gateway/mailbox/intake"
	"zeroms/protocol/custody"
	"zeroms/protocol/key"
	"zeroms/protocol/wire"
)

// account is the authority over one account; everything in it is guarded by
// Mailbox.mu.
type account struct {
	tag  key.AccountTag
	key  key.MailboxPublic
	elem *list.Element // in Mailbox.idle
	used time.Time

	head    Mark   // the newest row
	durable Mark   // the newest row on the disk
	floor   Mark   // the newest row whose payload is owed to nobody
	oldest  uint64 // index of the row before the oldest one kept
	closed  bool
	gone    bool // forgotten: whoever still holds it must fail

	logins   map[key.LoginPublic]*login
	removed  map[key.LoginPublic]uint64 // by removed keys, also those enrolled again: Login.Removed
	drops    map[key.DropID]*drop       // those in memory
	sessions map[*Session]struct{}
	live     counts
	intake   *intake.Intake // nil until the first submission

	// tail holds the newest rows without a gap: all that are not durable, and
	// durable ones that a link still needs.
	tail      []Row
	tailBytes int

	// what the next batch takes
	dirty    bool
	inFlight bool // the running commit carries a change of it
	unsaved  []Row
	before   Mark // head before the first of unsaved
	changed  map[key.LoginPublic]struct{}

	refreshed time.Time // when floor was last read from the Store
}

// counts are what an account has registered.
type counts struct{ drops, doors, deleted, profiles int }

// login is an enrolled login key.
type login struct {
	key    key.LoginPublic
	cursor key.CursorID
	acked  Mark
	sig    []byte
	// enrolled is the Time of the newest object that enrolled it, ms.
	enrolled uint64
	// session is its newest link, nil if there is none.
	session *Session
}

// drop is a drop or door in memory.
type drop struct {
	Drop
	start [32]byte // D_0; zeros for doors
	dirty bool
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
	err := m.exclusive(tag, func() error {
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
		tag: tag, key: stored.Key,
		head: stored.Head, durable: stored.Head, floor: stored.Floor, oldest: stored.Oldest.Position.Index(), closed: stored.Closed,
		logins:    make(map[key.LoginPublic]*login),
		removed:   make(map[key.LoginPublic]uint64),
		drops:     make(map[key.DropID]*drop),
		sessions:  make(map[*Session]struct{}),
		changed:   make(map[key.LoginPublic]struct{}),
		live:      counts{stored.Drops, stored.Doors, stored.Deleted, stored.Profiles},
		refreshed: now,
	}
	for _, l := range stored.Logins {
		if l.Removed != 0 {
			a.removed[l.Key] = l.Removed
		}
		if l.Enrolled == 0 {
			continue
		}
		in := &login{key: l.Key, cursor: l.Cursor, acked: l.Acked, sig: l.Sig, enrolled: l.Enrolled}
		if in.acked.Position.Index() < stored.Oldest.Position.Index() {
			in.acked, in.sig = stored.Oldest, nil // away longer than rows are kept
		}
		a.logins[l.Key] = in
	}
	a.elem = m.idle.PushFront(a)
	a.used = now
	m.accounts[tag] = a
	return a
}

// touch notes the use of an account; mu is held.
func (m *Mailbox) touch(a *account) {
	a.used = time.Now()
	m.idle.MoveToFront(a.elem)
}

// forget takes an account out of memory; mu is held. It returns the ports of its
// links, which the caller closes after mu is free.
func (m *Mailbox) forget(a *account) []Port {
	a.gone = true
	delete(m.accounts, a.tag)
	m.idle.Remove(a.elem)
	for id := range a.drops {
		delete(m.drops, id)
	}
	var ports []Port
	for s := range a.sessions {
		s.ended = wire.ErrUnavailable
		ports = append(ports, s.port)
	}
	return ports
}

// evict forgets accounts that nobody used for Timing.Idle, and intakes that
// were built long ago.
func (m *Mailbox) evict(now time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for e := m.idle.Back(); e != nil; {
		a := e.Value.(*account)
		e = e.Prev()
		if now.Sub(a.used) < m.cfg.Timing.Idle {
			return
		}
		if !a.dirty && !a.inFlight && len(a.sessions) == 0 && m.busy[a.tag] == nil {
			m.forget(a)
		}
	}
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
	err = m.exclusive(id, func() error {
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
	a, err := m.account(stored.Account)
	if err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if a == nil || a.gone {
		return nil, wire.ErrUnavailable
	}
	return m.addDrop(a, *stored), nil
}

// addDrop puts a drop of a into memory; mu is held.
func (m *Mailbox) addDrop(a *account, stored Drop) *drop {
	d := &drop{Drop: stored}
	if !d.Door {
		d.start = custody.DropStart(d.ID, d.Account, d.Start)
	}
	m.drops[d.ID] = d
	a.drops[d.ID] = d
	return d
}

// append adds a row to the log of a, after the start row of the incarnation if
// there is none yet; mu is held. Position, Hash, R, Total and Size are filled
// in, and the times if they are not given.
func (m *Mailbox) append(a *account, row Row) *Row {
	if a.head.Position.Incarnation() != m.incarnation {
		last := key.Join(wire.Uint64(a.head.Position.Index()), a.head.R[:])
		m.appendRow(a, Row{Push: wire.Push{
			Kind: wire.RowStart, Hash: sha256.Sum256(last), Time: row.Time, Payload: last,
		}, Kept: row.Kept})
	}
	return m.appendRow(a, row)
}

// nextPosition is where append puts the row that it is given; mu is held.
func (m *Mailbox) nextPosition(a *account) wire.Position {
	index := a.head.Position.Index() + 1
	if a.head.Position.Incarnation() != m.incarnation {
		index++
	}
	return wire.At(m.incarnation, index)
}

func (m *Mailbox) appendRow(a *account, row Row) *Row {
	if len(a.unsaved) == 0 {
		a.before = a.head
	}
	row.Position = wire.At(m.incarnation, a.head.Position.Index()+1)
	row.Size = uint32(len(row.Payload))
	row.Total = a.head.Total + uint64(row.Size)
	row.R = wire.NextHead(a.head.R, row.Row())
	a.head = row.Mark()
	a.unsaved = append(a.unsaved, row)
	a.tail = append(a.tail, row)
	a.tailBytes += len(row.Payload)
	m.pending.bytes += len(row.Payload)
	m.markDirty(a)
	for s := range a.sessions {
		m.wake = append(m.wake, s.port)
	}
	return &a.tail[len(a.tail)-1]
}

// waiting is how many payload bytes count against the quota.
func (a *account) waiting() uint64 { return a.head.Total - min(a.floor.Total, a.head.Total) }

// long reports whether the log of a has no room for another row; mu is held.
// Rows stay for weeks, whatever is acknowledged.
func (m *Mailbox) long(a *account) bool { return a.head.Position.Index()-a.oldest >= m.cfg.Rows }

// raiseFloor lets go of what every enrolled cursor passed; mu is held. Without
// a cursor only time does that.
func (a *account) raiseFloor() {
	var low *Mark
	for _, l := range a.logins {
		if low == nil || l.acked.Position.Index() < low.Position.Index() {
			low = &l.acked
		}
	}
	if low != nil && low.Position.Index() > a.floor.Position.Index() {
		a.floor = *low
	}
}

// refresh reads what expired since the account was loaded, at most once a
// Timing.Sweep. It reports whether it read.
func (m *Mailbox) refresh(a *account, now time.Time) (bool, error) {
	m.mu.Lock()
	due := now.Sub(a.refreshed) >= m.cfg.Timing.Sweep
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
	if stored.Floor.Position.Index() > a.floor.Position.Index() {
		a.floor = stored.Floor
	}
	a.oldest = max(a.oldest, stored.Oldest.Position.Index())
	return true, nil
}

// trim lets go of tail rows that are durable and that no link waits for; mu is held.
func (a *account) trim() {
	needed := a.durable.Position.Index()
	for s := range a.sessions {
		needed = min(needed, s.at)
	}
	n := 0
	for n < len(a.tail) {
		row := &a.tail[n]
		index := row.Position.Index()
		if index > a.durable.Position.Index() || index > needed && a.tailBytes <= tailBytes {
			break
		}
		a.tailBytes -= len(row.Payload)
		*row = Row{}
		n++
	}
	a.tail = a.tail[n:]
	if len(a.tail) == 0 {
		a.tail = nil
	}
}

// inTail finds a row of the tail by its index; mu is held.
func (a *account) inTail(index uint64) *Row {
	if len(a.tail) == 0 {
		return nil
	}
	first := a.tail[0].Position.Index()
	if index < first || index-first >= uint64(len(a.tail)) {
		return nil
	}
	return &a.tail[index-first]
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
