package mailbox

import (
	"context"
	"time"

	"zeroms/gateway/mailbox/statement"
	"zeroms/protocol/wire"
)

// stating is the key under which states are read, one at a time in the gateway:
// a long log is much to read.
type stating struct{}

// StateGet asks for the signed state of a drop of the account, live or deleted,
// as it is on the disk. Answer: State at once (with Start zeros for a registration
// that there never was), or Failure: ErrUnknownDrop for a drop that is not and was
// not the account's or is forgotten, ErrValue, ErrBusy while the session's last
// request runs, ErrUnavailable.
func (s *Session) StateGet(id uint64, r *wire.StateGet) {
	state, err := s.state(r)
	if err != nil {
		fail(s.port, id, err)
		return
	}
	s.port.Answer(id, state)
}

func (s *Session) state(r *wire.StateGet) (state *wire.State, err error) {
	if r.K == 0 {
		return nil, wire.ErrValue.Because("a door has no state")
	}
	m := s.m
	m.mu.Lock()
	err = s.alive()
	if err == nil && s.stating {
		err = wire.ErrBusy
	}
	if err == nil {
		s.stating = true
	}
	m.mu.Unlock()
	if err != nil {
		return nil, err
	}
	defer func() {
		m.mu.Lock()
		s.stating = false
		m.mu.Unlock()
	}()
	err = m.exclusive.Do(stating{}, func() error {
		facts, err := s.facts(r)
		if err != nil {
			return m.unavailable("read a state", err)
		}
		state = statement.Build(facts, r, m.cfg.Node)
		return nil
	})
	return state, err
}

// facts reads what is to be signed. Rows never change, so those up to the
// standing's head may be read after it.
func (s *Session) facts(r *wire.StateGet) (*statement.Facts, error) {
	m, tag := s.m, s.account.tag
	standing, err := m.cfg.Store.Standing(context.Background(), StandingQuery{Account: tag, Drop: r.Drop, D0: r.D0}, time.Now())
	if err != nil {
		return nil, err
	}
	if standing == nil || !standing.Known {
		return nil, wire.ErrUnknownDrop
	}
	f := &statement.Facts{
		Account: tag, Time: standing.Time, Head: standing.Head.Position, R: standing.Head.R,
		Start: standing.Start, K: standing.K, D: standing.D,
	}
	for _, l := range standing.Logins {
		f.Logins = append(f.Logins, statement.Login{
			Key: l.Key, Cursor: l.Cursor, From: l.From, Upto: l.Acked.Position, R: l.Acked.R, Sig: l.Sig,
		})
	}
	if f.Start == (wire.Position{}) {
		return f, nil
	}
	q := RowQuery{
		Account: tag, Drop: r.Drop, Start: f.Start, From: f.Start.Index() + 1, To: standing.Head.Index(),
	}
	held := q
	held.From, held.Since = max(q.From, standing.Floor.Index()+1), standing.Time
	low, err := m.find(held)
	if err != nil {
		return nil, err
	}
	if f.Low = f.K + 1; low != nil {
		f.Low = low.K
	}
	if q.K = r.K; q.K <= f.K {
		asked, err := m.find(q)
		if err != nil {
			return nil, err
		}
		if asked != nil {
			f.Asked = &asked.Push
		}
	}
	return f, nil
}

// find returns the first row that q asks for, nil if there is none.
func (m *Mailbox) find(q RowQuery) (*Row, error) {
	for q.From <= q.To {
		row, next, err := m.cfg.Store.Find(context.Background(), q)
		if err != nil || row != nil || next == 0 {
			return row, err
		}
		q.From = next
	}
	return nil, nil
}
