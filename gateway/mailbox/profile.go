package mailbox

import (
	"context"
	"time"

	"zeroms/gateway/mailbox/objects"
	"zeroms/protocol/key"
	"zeroms/protocol/wire"
)

// Profile returns a durable profile blob; it needs no login. Errors:
// wire.ErrNoProfile, ErrUnavailable.
func (m *Mailbox) Profile(name key.ProfilePublic) (*wire.Profile, error) {
	p, err := m.cfg.Store.Profile(context.Background(), name)
	if err != nil {
		return nil, m.unavailable("read a profile", err)
	}
	if p == nil || len(p.Blob) == 0 {
		return nil, wire.ErrNoProfile
	}
	return &wire.Profile{Blob: p.Blob}, nil
}

// ProfilePut stores a profile blob under a name that its key claims, or deletes
// it: the name takes only later claims then. Answer: OK once durable, or Failure (ErrStaleClaim, ErrLimit, ErrValue, ErrClock,
// ErrPublicKey, ErrSignature).
func (s *Session) ProfilePut(id uint64, r *wire.ProfilePut) { fail(s.port, id, s.profilePut(id, r)) }

func (s *Session) profilePut(id uint64, r *wire.ProfilePut) error {
	if err := objects.Profile(r, s.account.key, time.Now()); err != nil {
		return err
	}
	if _, err := s.m.refresh(s.account, time.Now()); err != nil {
		return err // what is forgotten makes room
	}
	return s.m.exclusive.Do(r.Name, func() error {
		known, err := s.m.claimed(r.Name)
		if err != nil {
			return err
		}
		s.m.mu.Lock()
		defer s.m.unlock()
		return s.putProfile(id, r, known)
	})
}

// claimed is the newest claim of a name, durable or on its way there; nil: none.
func (m *Mailbox) claimed(name key.ProfilePublic) (*Profile, error) {
	m.mu.Lock()
	for _, p := range []*pending{m.pending, m.flying} {
		if known, ok := p.profiles[name]; ok {
			m.mu.Unlock()
			return &known, nil
		}
	}
	m.mu.Unlock()
	known, err := m.cfg.Store.Profile(context.Background(), name)
	return known, m.unavailable("read a profile", err)
}

// putProfile stores or moves a profile; mu is held.
func (s *Session) putProfile(id uint64, r *wire.ProfilePut, known *Profile) error {
	if err := s.usable(); err != nil {
		return err
	}
	m, a := s.m, s.account
	own, live := known != nil && known.Account == a.tag, known != nil && len(known.Blob) > 0
	deletes := len(r.Blob) == 0
	switch {
	case deletes && !own: // nothing to delete
		m.queue(answer{port: s.port, id: id, payload: &wire.OK{}})
		return nil
	case known == nil:
	case own && r.Number < known.Number, (!own || !live && !deletes) && r.Number <= known.Number:
		return wire.ErrStaleClaim
	case live && deletes && a.live.Unnamed >= maxRemoved:
		return wire.ErrLimit.Because("deleted profiles")
	}
	if !deletes && (!own || !live) && a.live.Profiles >= int(m.cfg.Limits.Profiles) {
		return wire.ErrLimit.Because("profiles")
	}
	if known != nil {
		if other := m.accounts[known.Account]; other != nil {
			other.live.Profile(known, -1)
			m.markDirty(other) // the count shares the fate of the commit
		}
	}
	now := Profile{Name: r.Name, Account: a.tag, Number: r.Number, Blob: r.Blob}
	a.live.Profile(&now, 1)
	m.markDirty(a)
	m.pending.profiles[r.Name] = now
	m.pending.bytes += len(r.Blob)
	m.queue(answer{port: s.port, id: id, payload: &wire.OK{}})
	return nil
}
