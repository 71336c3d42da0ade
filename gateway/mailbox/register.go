package mailbox

import (
	"context"
	"crypto/sha256"
	"fmt"
	"slices"
	"time"

	"zeroms/gateway/mailbox/door"
	"zeroms/gateway/mailbox/intake"
	"zeroms/gateway/mailbox/logins"
	"zeroms/gateway/mailbox/objects"
	"zeroms/protocol/key"
	"zeroms/protocol/wire"
)

// Register opens an account with its first login key, or enrols a login key of
// an existing account. Answer: OK once durable, or Failure (ErrInvite, ErrWork,
// ErrLimit, ErrClosed, ErrClock, ErrExpired, ErrSignature, ErrValue and decoding
// errors).
func (m *Mailbox) Register(id uint64, r *wire.Register, p Port) {
	fail(p, id, m.register(id, r, p))
}

func (m *Mailbox) register(id uint64, r *wire.Register, p Port) error {
	if len(r.Invite) != 0 && len(r.Invite) != 16 {
		return wire.ErrInvite
	}
	e, err := objects.Enrolment(r.Object, nil, time.Now())
	if err != nil {
		return err
	}
	if e.Op != wire.OpEnrol {
		return wire.ErrValue
	}
	tag := key.AccountTagOf(e.Account)
	a, err := m.account(tag)
	if err != nil {
		return err
	}
	req := request{object: r.Object, id: id, port: p}
	switch {
	case a != nil:
		return m.enrol(a, e, req)
	case m.cfg.Registration == Open:
		return m.open(tag, e, req)
	case m.cfg.Registration == ByWork && len(r.Invite) == 0:
		if err := m.worked(r.Work, e.Account); err != nil {
			return err
		}
		return m.open(tag, e, req)
	case len(r.Invite) == 0:
		return wire.ErrInvite
	}
	hash := sha256.Sum256(r.Invite)
	req.invite = &hash
	return m.exclusive.Do(hash, func() error {
		if err := m.invited(hash); err != nil {
			return err
		}
		return m.open(tag, e, req)
	})
}

// worked is nil for enough work of these days. It names gateway and account, so
// it opens this one account only, and once: the account exists from then on, and
// when it is closed and forgotten the day has passed.
func (m *Mailbox) worked(work []byte, account key.MailboxPublic) error {
	bits, err := wire.WorkBits(wire.RegisterWork(m.node, account), work, time.Now())
	if err != nil || bits < int(m.cfg.RegisterBits) {
		return wire.ErrWork.Because(fmt.Sprintf("%d bits", m.cfg.RegisterBits))
	}
	return nil
}

// invited is nil if an invite has a use left that no account on its way to the
// disk takes; exclusive(hash) is held. A commit that begins or ends while the
// Store is asked moves uses from one count to the other, so it is asked again;
// while one runs they may stand in both, and then nobody is turned away for good.
func (m *Mailbox) invited(hash [32]byte) error {
	for {
		m.mu.Lock()
		steps, flying := m.steps, m.flying.invites[hash]
		taken := m.pending.invites[hash] + flying
		m.mu.Unlock()
		left, err := m.cfg.Store.InviteUses(context.Background(), hash, time.Now())
		if err != nil {
			return m.unavailable("read an invite", err)
		}
		m.mu.Lock()
		same := m.steps == steps
		m.mu.Unlock()
		switch {
		case left > taken:
			return nil
		case left <= 0 || same && flying == 0:
			return wire.ErrInvite
		case same:
			return wire.ErrBusy
		}
	}
}

// request is a signed object that becomes a row, and whom to answer.
type request struct {
	object wire.Object
	id     uint64
	port   Port
	invite *[32]byte // SHA-256 of the invite that a new account uses
}

// enrolUnique runs enrol while nobody else enrols the same login key, after
// checking that no other account has it. What is on its way to the disk is looked
// at first: what is not there any more by the time the Store is asked, it has.
func (m *Mailbox) enrolUnique(tag key.AccountTag, login key.LoginPublic, enrol func() error) error {
	return m.exclusive.Do(login, func() error {
		m.mu.Lock()
		other, claimed := m.pending.enrolling[login]
		if !claimed {
			other, claimed = m.flying.enrolling[login]
		}
		m.mu.Unlock()
		owner, err := m.cfg.Store.Login(context.Background(), login)
		if err != nil {
			return m.unavailable("read a login key", err)
		}
		m.mu.Lock()
		defer m.unlock()
		if claimed && other != tag || owner != nil && *owner != tag {
			return wire.ErrValue.Because("the login key belongs to another account")
		}
		if err := m.writable(); err != nil {
			return err
		}
		return enrol()
	})
}

// open makes a new account with its first login key. If the same key had one that
// was forgotten, its log goes on: no two heads of a tag may look like a log that
// was set back. The account is looked for
// once more while nobody else can make it.
func (m *Mailbox) open(tag key.AccountTag, e *wire.Enrolment, r request) error {
	return m.exclusive.Do(tag, func() error {
		now := time.Now()
		stored, err := m.cfg.Store.Account(context.Background(), tag, now)
		if err != nil {
			return m.unavailable("read an account", err)
		}
		ended, err := m.cfg.Store.Ended(context.Background(), tag)
		if err != nil {
			return m.unavailable("read an account", err)
		}
		return m.enrolUnique(tag, e.Login, func() error {
			a := m.accounts[tag]
			switch {
			case a == nil && stored != nil:
				a = m.newAccount(tag, stored, now)
			case a == nil:
				a = m.newAccount(tag, &Account{Key: e.Account, Head: ended, Floor: ended, Oldest: ended}, now)
				a.intake, a.waiting = intake.New(now), door.NewWaiting()
				if r.invite != nil {
					m.pending.invites[*r.invite]++
				}
			}
			return m.addLogin(a, e, r)
		})
	})
}

// enrol adds a login key to an existing account.
func (m *Mailbox) enrol(a *account, e *wire.Enrolment, r request) error {
	return m.enrolUnique(a.tag, e.Login, func() error { return m.addLogin(a, e, r) })
}

// addLogin enrols a login key; its cursor begins before its enrolment's row, so
// that the device finds itself in the log. mu is held.
func (m *Mailbox) addLogin(a *account, e *wire.Enrolment, r request) error {
	switch {
	case a.gone:
		return wire.ErrUnavailable
	case a.closed:
		return wire.ErrClosed
	}
	verdict, err := a.logins.Check(e, int(m.cfg.Limits.Devices))
	switch {
	case err != nil:
		return err
	case verdict == logins.Fresh && m.long(a):
		return wire.ErrLimit.Because("rows")
	case verdict == logins.Fresh:
		m.pending.enrolling[e.Login] = a.tag
		l := a.logins.Add(e, a.log.Head)
		l.From = m.objectRow(a, key.DropID{}, nil, r.object).Position
	case verdict == logins.Renewed:
		a.logins.Renew(e)
		m.markDirty(a)
	}
	m.queue(answer{port: r.port, id: r.id, payload: &wire.OK{}})
	return nil
}

// objectRow appends a signed object to the log; d is the drop's state after it,
// nil for doors and enrolments. mu is held.
func (m *Mailbox) objectRow(a *account, id key.DropID, d *drop, o wire.Object) *Row {
	now := time.Now()
	payload := o.Encode()
	row := Row{
		Push: wire.Push{
			Kind: wire.RowObject, Drop: id, Hash: sha256.Sum256(payload),
			Time: wire.Millis(now), Payload: payload,
		},
		Kept: m.kept(now),
	}
	if d != nil {
		row.K, row.D = d.K, d.Drop.Head
	}
	return m.append(a, row)
}

// kept is until when an envelope taken now is kept, in ms.
func (m *Mailbox) kept(now time.Time) uint64 {
	return wire.Millis(now) + m.cfg.Limits.Retention*1000
}

// Enrol enrols or removes a login key, or closes the account, as the object by
// the account's key says. Answer: OK once durable, or Failure.
func (s *Session) Enrol(id uint64, r *wire.EnrolmentChange) {
	fail(s.port, id, s.enrol(id, r))
}

func (s *Session) enrol(id uint64, r *wire.EnrolmentChange) error {
	e, err := objects.Enrolment(r.Object, &s.account.key, time.Now())
	if err != nil {
		return err
	}
	req := request{object: r.Object, id: id, port: s.port}
	if e.Op == wire.OpEnrol {
		return s.m.enrol(s.account, e, req)
	}
	s.m.mu.Lock()
	if err := s.usable(); err != nil {
		s.m.mu.Unlock()
		return err
	}
	var ended []Port
	var reason *wire.Error
	if e.Op == wire.OpClose {
		ended, reason = s.m.closeAccount(s.account, req), wire.ErrClosed
	} else {
		ended, err = s.m.removeLogin(s.account, e, req)
		reason = wire.ErrLogin
	}
	if i := slices.Index(ended, s.port); i >= 0 {
		// Our own link still gets its answer.
		ended = slices.Delete(ended, i, i+1)
		s.m.pending.closing = append(s.m.pending.closing, closing{s.port, reason})
	}
	s.m.unlock()
	for _, p := range ended {
		p.Close(reason)
	}
	return err
}

// removeLogin ends a login key with its cursor and link at once; mu is held. The
// ports are to be closed.
func (m *Mailbox) removeLogin(a *account, e *wire.Enrolment, r request) ([]Port, error) {
	l, err := a.logins.Remove(e, maxRemoved)
	if err != nil {
		return nil, err
	}
	if l == nil { // unknown or removed before
		m.queue(answer{port: r.port, id: r.id, payload: &wire.OK{}})
		return nil, nil
	}
	delete(m.claims, l)
	ports := m.endSession(a.session(l.Key), wire.ErrLogin)
	m.objectRow(a, key.DropID{}, nil, r.object)
	a.raiseFloor()
	m.queue(answer{port: r.port, id: r.id, payload: &wire.OK{}})
	return ports, nil
}

// closeAccount ends an account for good; mu is held. The ports are to be closed. No
// object: the operator ends it.
func (m *Mailbox) closeAccount(a *account, r request) (ports []Port) {
	if len(r.object.Body) > 0 {
		m.objectRow(a, key.DropID{}, nil, r.object)
	}
	for _, s := range slices.Clone(a.sessions) {
		ports = append(ports, m.endSession(s, wire.ErrClosed)...)
	}
	a.closed = true
	a.logins.Clear()
	a.log.Floor = a.log.Head
	m.queue(answer{port: r.port, id: r.id, payload: &wire.OK{}})
	return ports
}
