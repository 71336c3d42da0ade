package mailbox

import (
	"context"
	"slices"
	"time"

	"zeroms/gateway/mailbox/ledger"
	"zeroms/protocol/key"
	"zeroms/protocol/wire"
)

// Session is one logged-in link of one device.
type Session struct {
	// static
	m       *Mailbox
	account *account
	login   key.LoginPublic
	cursor  key.CursorID
	port    Port

	// guarded by Mailbox.mu
	window  ledger.Window
	headAt  uint64      // index of the newest head sent
	judged  ledger.Pace // checks of acknowledgements at once
	stating bool        // a StateGet is on its way
	ended   *wire.Error // why the session is over
}

// Attach begins the session of a device whose login package gateway has
// verified. A device has one link: an older one is closed. A Commit with the
// durable head follows on the port. Errors: wire.ErrLogin for an unknown key,
// ErrUnavailable, ErrDraining.
func (m *Mailbox) Attach(login key.LoginPublic, p Port) (*Session, *wire.Welcome, error) {
	tag, err := m.cfg.Store.Login(context.Background(), login)
	if err != nil {
		return nil, nil, m.unavailable("read a login key", err)
	}
	if tag == nil {
		return nil, nil, wire.ErrLogin
	}
	a, err := m.account(*tag)
	if err != nil {
		return nil, nil, err
	}
	if a == nil {
		return nil, nil, wire.ErrLogin
	}
	if _, err := m.refresh(a, time.Now()); err != nil {
		return nil, nil, err
	}
	m.judgeOne(a, login) // what an earlier link acknowledged is behind us
	s, welcome, old, err := m.attach(a, login, p)
	for _, port := range old {
		port.Close(wire.ErrLinkClosed.Because("the device has a newer link"))
	}
	return s, welcome, err
}

func (m *Mailbox) attach(a *account, login key.LoginPublic, p Port) (*Session, *wire.Welcome, []Port, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	l := a.logins.Of(login)
	switch {
	case m.phase == draining:
		return nil, nil, nil, wire.ErrDraining
	case m.phase == starting || a.gone:
		return nil, nil, nil, wire.ErrUnavailable
	case a.closed:
		return nil, nil, nil, wire.ErrClosed
	case l == nil:
		return nil, nil, nil, wire.ErrLogin
	case len(m.pending.answers) > maxWaiting:
		return nil, nil, nil, wire.ErrBusy
	}
	delete(m.claims, l)
	old := m.endSession(a.session(login), wire.ErrLinkClosed)
	s := &Session{
		m: m, account: a, login: login, cursor: l.Cursor, port: p,
		window: ledger.Window{At: l.Acked.Index()}, headAt: a.log.Durable.Index(),
	}
	a.sessions = append(a.sessions, s)
	m.touch(a)
	m.queue(answer{port: p, head: a})
	return s, &wire.Welcome{
		Tag: a.tag, Cursor: l.Acked.Position, R: l.Acked.R, Sig: l.Sig,
		Used: a.log.Waiting(), Quota: a.quota,
	}, old, nil
}

// session is the link of a login key; nil: it has none. mu is held.
func (a *account) session(k key.LoginPublic) *Session {
	for _, s := range a.sessions {
		if s.login == k {
			return s
		}
	}
	return nil
}

// endSession ends a session, which may be nil; mu is held. Its port is returned
// to be closed without mu.
func (m *Mailbox) endSession(s *Session, reason *wire.Error) []Port {
	if s == nil || s.ended != nil {
		return nil
	}
	s.ended = reason
	s.account.sessions = slices.DeleteFunc(s.account.sessions, func(o *Session) bool { return o == s })
	s.account.trim()
	return []Port{s.port}
}

// Detach ends the session when its link has ended. It may be called again.
func (s *Session) Detach() {
	s.m.mu.Lock()
	defer s.m.mu.Unlock()
	s.m.endSession(s, wire.ErrLinkClosed)
}

// usable is nil while the session may change something; mu is held.
func (s *Session) usable() error {
	switch {
	case s.ended != nil:
		return s.ended
	case s.account.gone:
		return wire.ErrUnavailable
	}
	return s.m.writable()
}

// HeadGet asks for the signed durable head. Answer: an item of a Commit, or Failure.
func (s *Session) HeadGet(id uint64) {
	s.m.mu.Lock()
	err := s.usable()
	if err == nil {
		s.m.queue(answer{port: s.port, id: id, head: s.account})
	}
	s.m.mu.Unlock()
	fail(s.port, id, err)
}

// Ack takes the acknowledgement of everything up to a position. An older one
// than the newest, and the newest again, change nothing. When they come faster
// than claimEvery for a while, only the newest signature is checked, a little
// later: until then it opens the window and is worth nothing else.
// Errors: ErrSignature, also by ending the link later, ErrAckMismatch for a
// position or R that is not the gateway's, ErrUnavailable, or why the session is
// over.
func (s *Session) Ack(ack *wire.Ack) error {
	if len(ack.Sig) != key.SignatureSize {
		return wire.ErrSignature
	}
	s.m.mu.Lock()
	later := !s.judgeNow(time.Now())
	s.m.mu.Unlock()
	if !later && !s.signed(ack) {
		return wire.ErrSignature
	}
	mark, err := s.markAt(ack.Upto.Index())
	if err != nil {
		return err
	}
	s.m.mu.Lock()
	wake, err := s.ack(ack, mark, later)
	s.m.mu.Unlock()
	if wake {
		s.port.Wake()
	}
	return err
}

// markAt finds the row with this index, in memory or in the Store; nil if there
// is none or if it is not above the cursor.
func (s *Session) markAt(index uint64) (*Mark, error) {
	a := s.account
	s.m.mu.Lock()
	l := a.logins.Of(s.login)
	above := l != nil && index > l.Acked.Index()
	var found *Mark
	if above {
		found = s.window.Find(index)
	}
	if row := a.log.Find(index); above && found == nil && row != nil {
		mark := row.Mark()
		found = &mark
	}
	read := above && found == nil && index <= a.log.Durable.Index()
	s.m.mu.Unlock()
	if !read {
		return found, nil
	}
	rows, err := s.m.cfg.Store.Rows(context.Background(), RowRange{Account: a.tag, From: index, MaxRows: 1})
	if err != nil {
		return nil, s.m.unavailable("read a row", err)
	}
	if len(rows) == 1 && rows[0].Position.Index() == index {
		mark := rows[0].Mark()
		found = &mark
	}
	return found, nil
}

// ack moves the cursor, or claims that it is there; mu is held. It reports
// whether the window opened.
func (s *Session) ack(ack *wire.Ack, mark *Mark, later bool) (wake bool, err error) {
	a := s.account
	if err := s.alive(); err != nil {
		return false, err
	}
	l := a.logins.Of(s.login)
	newest := &l.Acked
	if c := s.m.claims[l]; c != nil {
		newest = &c.mark
	}
	if ack.Upto.Index() == newest.Index() && (ack.Upto != newest.Position || ack.R != newest.R) {
		return false, wire.ErrAckMismatch
	}
	if ack.Upto.Index() <= newest.Index() {
		s.window.Pass(ack.Upto.Index())
		return s.window.At < a.log.Head.Index(), nil
	}
	if mark == nil || ack.Upto != mark.Position || ack.R != mark.R {
		return false, wire.ErrAckMismatch
	}
	s.window.Pass(mark.Index())
	if later {
		s.m.claim(s, l, ack, *mark)
	} else {
		delete(s.m.claims, l)
		s.m.move(a, l, *mark, ack.Sig)
	}
	return s.window.At < a.log.Head.Index(), nil
}

// Pull returns the next pushes: at most budget bytes of payload and, together
// with what is not acknowledged, at most the push window; one row that is larger
// than either still comes when nothing else is in the way. nil: nothing now, the
// port is woken when that changes. One goroutine pulls. Errors: ErrUnavailable,
// or why the session is over.
func (s *Session) Pull(budget int) ([]wire.Push, error) {
	a := s.account
	s.m.mu.Lock()
	if err := s.alive(); err != nil {
		s.m.mu.Unlock()
		return nil, err
	}
	room, open := s.window.Room(int(s.m.cfg.Limits.PushWindow), budget)
	if s.window.At >= a.log.Head.Index() || !open {
		s.m.mu.Unlock()
		return nil, nil
	}
	from := s.window.At + 1
	if rows := a.log.From(from); rows != nil {
		pushes := s.window.Hand(rows, a.log.Floor.Index(), room)
		a.trim()
		s.m.mu.Unlock()
		return pushes, nil
	}
	s.m.mu.Unlock()
	rows, err := s.m.cfg.Store.Rows(context.Background(), RowRange{
		Account: a.tag, From: from, MaxRows: ledger.MaxRows, MaxBytes: max(room, 1),
	})
	if err != nil {
		return nil, s.m.unavailable("read rows", err)
	}
	s.m.mu.Lock()
	defer s.m.mu.Unlock()
	if err := s.alive(); err != nil {
		return nil, err
	}
	return s.window.Hand(rows, a.log.Floor.Index(), room), nil // less what was acknowledged meanwhile
}

// alive is nil while the session may read; mu is held.
func (s *Session) alive() error {
	switch {
	case s.ended != nil:
		return s.ended
	case s.account.gone:
		return wire.ErrUnavailable
	}
	return nil
}
