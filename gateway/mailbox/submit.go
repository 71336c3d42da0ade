package mailbox

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"math"
	"time"

	"zeroms/gateway/mailbox/door"
	"zeroms/gateway/mailbox/intake"
	"zeroms/protocol/custody"
	"zeroms/protocol/key"
	"zeroms/protocol/wire"
)

// Submission is a Submit with the id of its request.
type Submission struct {
	ID     uint64
	Submit *wire.Submit
}

// Submit puts envelopes into drops or doors, in their order; it needs no login.
// Each is answered by itself: with an item of a Commit once the envelope is
// durable, Refused for a full quota, a full door or too little work, or Failure:
// ErrSizeClass, ErrUnknownDrop (also for a wrong capability and a deleted drop,
// after the same work), ErrUnavailable, ErrBusy, ErrDraining. The envelopes must
// not be changed afterwards.
func (m *Mailbox) Submit(p Port, list ...Submission) {
	all := make([]submission, len(list))
	for i, s := range list {
		all[i] = submission{Submit: s.Submit, id: s.ID, port: p, hash: sha256.Sum256(s.Submit.Envelope)}
	}
	m.look(all)
	for len(all) > 0 {
		all = all[m.placeMany(all):]
		if len(all) > 0 {
			m.answer(&all[0], m.submit(&all[0]))
			all = all[1:]
		}
	}
}

// answer answers a submission that was not placed.
func (m *Mailbox) answer(s *submission, err error) {
	var refusal *refusal
	if errors.As(err, &refusal) {
		object := custody.Refuse(wire.Refusal{
			DropHash: sha256.Sum256(s.Drop[:]), EnvelopeHash: s.hash,
			Code: refusal.code, Time: wire.Millis(time.Now()), Bits: refusal.bits,
		}, m.cfg.Node)
		s.port.Answer(s.id, &wire.Refused{Object: object})
		return
	}
	fail(s.port, s.id, err)
}

// submission is a Submit on its way.
type submission struct {
	*wire.Submit
	id   uint64
	port Port
	hash [32]byte

	// what look found
	drop      *drop // nil: not in memory
	account   *account
	authentic bool
}

// look finds what is in memory and checks the capabilities, outside of the lock.
func (m *Mailbox) look(all []submission) {
	capabilities := make([]key.Capability, len(all))
	m.mu.Lock()
	for i := range all {
		if d := m.drops[all[i].Drop]; d != nil && d.Deleted == 0 {
			all[i].drop, all[i].account, capabilities[i] = d, m.accounts[d.Account], d.Capability
		}
	}
	m.mu.Unlock()
	for i := range all {
		all[i].authentic = all[i].drop != nil && all[i].proves(capabilities[i])
	}
}

// placeMany places submissions up to the first one that needs more than what is
// in memory, or is refused; it returns how many.
func (m *Mailbox) placeMany(all []submission) int {
	m.mu.Lock()
	defer m.unlock()
	for i := range all {
		s := &all[i]
		if !s.authentic || s.account == nil || !intake.Sized(s.Envelope) || m.place(s, s.drop, s.account) != nil {
			return i
		}
		m.touch(s.account)
	}
	return len(all)
}

// refusal is the error that becomes a signed refusal.
type refusal struct {
	code wire.Code
	bits uint8 // the work that is accepted now
}

func (r *refusal) Error() string { return wire.Lookup(r.code).Name }

// repeated is the error that says which row holds the envelope already.
type repeated struct{ index uint64 }

func (*repeated) Error() string { return "repeated submission" }

// Errors of place: what was read from the Store is needed again, since it went
// stale or was let go of.
var (
	errNoIntake = errors.New("mailbox: the intake must be read again")
	errNoDrop   = errors.New("mailbox: the drop must be read again")
)

// placeTries is how often a submission is tried before the gateway has too
// little room for what it needs.
const placeTries = 16

func (m *Mailbox) submit(s *submission) error {
	if !intake.Sized(s.Envelope) {
		return wire.ErrSizeClass
	}
	for try := range placeTries {
		d, a, err := m.admit(s, try == 0)
		if err != nil {
			return err
		}
		m.mu.Lock()
		err = m.place(s, d, a)
		m.unlock()
		if err == errNoIntake {
			err = m.loadIntake(a, func() error { return m.place(s, d, a) })
		}
		var again *repeated
		var full *refusal
		switch {
		case errors.As(err, &again):
			if stale, err := m.repeat(s, a, again.index); !stale || err != nil {
				return err
			}
		case errors.As(err, &full):
			// What expired may make room.
			if fresh, failed := m.refresh(a, time.Now()); !fresh || failed != nil {
				return err
			}
		case err != errNoDrop && err != errNoIntake: // what left memory in between is read once more
			return err
		}
	}
	return wire.ErrBusy
}

// place appends the envelope to the log and queues its receipt; mu is held.
func (m *Mailbox) place(s *submission, d *drop, a *account) error {
	if err := m.writable(); err != nil {
		return err
	}
	now := time.Now()
	switch {
	case a.gone || m.drops[s.Drop] != d:
		return errNoDrop
	case d.Deleted != 0 || a.closed:
		return wire.ErrUnknownDrop
	case a.intake != nil && now.Sub(a.intake.Made) > intakeFresh && !a.log.Displacing():
		a.intake = nil // what left the window is dropped by reading it again
	}
	if a.intake == nil {
		return errNoIntake
	}
	if index, known := a.intake.Seen(s.Drop, s.hash); known {
		return &repeated{index}
	}
	row := Row{
		Push: wire.Push{
			Kind: wire.RowEnvelope, Drop: s.Drop, Hash: s.hash, Time: wire.Millis(now), Payload: s.Envelope,
		},
		Kept: m.kept(now),
	}
	if a.log.Waiting()+uint64(len(s.Envelope)) > a.quota || m.long(a) {
		return &refusal{code: wire.CodeQuota}
	}
	if d.Door {
		if err := s.knock(&row, d, a, now); err != nil {
			return err
		}
	} else {
		if d.K == math.MaxUint32-1 { // a state names K+1
			return wire.ErrLimit.Because("the drop's counter is used up")
		}
		d.K++
		d.Head = custody.NextDropHead(d.Head, d.K, s.hash)
		row.K, row.D, row.Origin = d.K, d.Head, d.Start
		m.markDrop(d)
	}
	placed := m.append(a, row)
	note(a.intake, a.waiting, placed, a.log.Floor.Index())
	m.queue(answer{port: s.port, id: s.id, leaf: m.receipt(&placed.Push, placed.Kept, d.start)})
	return nil
}

// knock asks for a place at a door and fills in the row; Mailbox.mu is held.
func (s *submission) knock(row *Row, d *drop, a *account, now time.Time) error {
	encapsulation, ok := door.Init(s.Envelope)
	if !ok {
		return wire.ErrSizeClass.Because("a front door takes init envelopes only")
	}
	row.Kind, row.Origin = wire.RowDoor, encapsulation
	if d.Bits > 0 {
		row.Bits = door.Work(s.Drop, s.hash, s.Work, now)
	}
	verdict := a.waiting.Admit(door.Ask{
		Door: s.Drop, Encapsulation: encapsulation, Price: d.Bits, Bits: row.Bits, Floor: a.log.Floor.Index(),
	})
	if verdict.Refused != 0 {
		return &refusal{verdict.Refused, verdict.Bits}
	}
	if gone := verdict.Displaced; gone != nil {
		a.log.Displace(gone.Index)
		a.waiting.Displace(s.Drop, gone.Index)
		a.intake.Forget(s.Drop, gone.Envelope)
	}
	return nil
}

// receipt is the receipt leaf of an envelope's row; start is D_0.
func (m *Mailbox) receipt(row *wire.Push, kept uint64, start [32]byte) []byte {
	r := custody.Receipt{
		Node: m.node, DropHash: sha256.Sum256(row.Drop[:]), Start: start, K: row.K,
		EnvelopeHash: row.Hash, Head: row.D, Time: row.Time, Kept: kept,
	}
	return r.Append(make([]byte, 0, custody.ReceiptSize))
}

// repeat answers a repeated submission with the receipt of its row, which may
// still be on its way to the disk. stale: the row is another one or so old that
// the envelope counts as new.
func (m *Mailbox) repeat(s *submission, a *account, index uint64) (stale bool, err error) {
	m.mu.Lock()
	var row *Row
	if r := a.log.Find(index); r != nil {
		found := *r
		row = &found
	}
	m.mu.Unlock()
	if row == nil {
		rows, err := m.cfg.Store.Rows(context.Background(), RowRange{Account: a.tag, From: index, MaxRows: 1, Bare: true})
		if err != nil {
			return false, m.unavailable("read a row", err)
		}
		if len(rows) == 1 && rows[0].Position.Index() == index {
			row = &rows[0]
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.writable(); err != nil {
		return false, err
	}
	if a.gone {
		return true, nil // it left memory in between
	}
	if a.intake != nil {
		if now, known := a.intake.Seen(s.Drop, s.hash); !known || now != index {
			return true, nil // displaced meanwhile
		}
	}
	if row == nil || row.Drop != s.Drop || row.Hash != s.hash || row.Displaced ||
		wire.Time(row.Time).Before(time.Now().Add(-wire.DedupeWindow)) {
		if a.intake != nil {
			a.intake.Forget(s.Drop, s.hash)
		}
		return true, nil
	}
	var start [32]byte
	if row.Kind == wire.RowEnvelope {
		start = custody.DropStart(row.Drop, a.tag, row.Origin)
	}
	m.queue(answer{port: s.port, id: s.id, leaf: m.receipt(&row.Push, row.Kept, start)})
	return false, nil
}

// admit finds the drop and checks the capability; looked: look has, right before.
// Whatever is wrong, one drop is read from the Store, one MAC computed and
// ErrUnknownDrop returned, so nobody learns which drops exist.
func (m *Mailbox) admit(s *submission, looked bool) (*drop, *account, error) {
	if !looked {
		one := []submission{{Submit: s.Submit, hash: s.hash}}
		m.look(one)
		s.drop, s.authentic = one[0].drop, one[0].authentic
	}
	if !s.authentic {
		stored, err := m.cfg.Store.Drop(context.Background(), s.Drop)
		if err != nil {
			return nil, nil, m.unavailable("read a drop", err)
		}
		if s.drop != nil {
			return nil, nil, wire.ErrUnknownDrop
		}
		if stored == nil {
			stored = &Drop{Deleted: 1}
		}
		if proven := s.proves(stored.Capability); !proven || stored.Deleted != 0 {
			return nil, nil, wire.ErrUnknownDrop
		}
	}
	d, _, err := m.drop(s.Drop)
	if err != nil {
		return nil, nil, err
	}
	if d == nil || d != s.drop && !s.proves(d.Capability) { // look was about another one
		return nil, nil, wire.ErrUnknownDrop
	}
	a, err := m.account(d.Account)
	if err == nil && a == nil {
		err = wire.ErrUnknownDrop
	}
	return d, a, err
}

// proves checks the MAC in constant time.
func (s *submission) proves(c key.Capability) bool {
	mac := c.Authenticate(s.Drop, s.hash)
	return subtle.ConstantTimeCompare(mac[:], s.MAC[:]) == 1
}
