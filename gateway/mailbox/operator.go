package mailbox

import (
	"zeroms/protocol/key"
	"zeroms/protocol/wire"
)

// Waiting is how many answers and how many payload bytes wait for their commit; err
// is why nothing is taken at the moment, nil if it is.
func (m *Mailbox) Waiting() (answers, bytes int, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.pending.answers), m.pending.bytes, m.writable()
}

// Remove closes an account in the operator's name: as its owner would, but no row
// of its log says who did it. Answer: OK once durable, also for one that is closed
// already, or Failure: ErrValue if there is none, ErrUnavailable, ErrBusy, ErrDraining.
func (m *Mailbox) Remove(id uint64, tag key.AccountTag, p Port) {
	a, err := m.account(tag)
	if err == nil && a == nil {
		err = wire.ErrValue.Because("there is no such account")
	}
	if err != nil {
		fail(p, id, err)
		return
	}
	var ended []Port
	m.mu.Lock()
	switch err = m.writable(); {
	case err != nil:
	case a.gone:
		err = wire.ErrBusy // it left memory in between
	default:
		m.markDirty(a)
		ended = m.closeAccount(a, request{id: id, port: p})
	}
	m.unlock()
	for _, port := range ended {
		port.Close(wire.ErrClosed)
	}
	fail(p, id, err)
}

// SetQuota is told what the Store has as an account's quota now, 0: the usual one. It
// binds at once; devices hear of it at their next login.
func (m *Mailbox) SetQuota(tag key.AccountTag, quota uint64) {
	m.exclusive.Do(tag, func() error { // nobody has read the account and not yet put it here
		m.mu.Lock()
		defer m.mu.Unlock()
		if a := m.accounts[tag]; a != nil {
			a.quota = m.quota(quota)
		}
		return nil
	})
}

// quota is the one of an account whose own is that, 0: none.
func (m *Mailbox) quota(own uint64) uint64 {
	if own == 0 {
		return m.cfg.Limits.Quota
	}
	return own
}
