package mailbox

import (
	"context"
	"slices"
	"time"

	"zeroms/protocol/key"
	"zeroms/protocol/wire"
)

// profileSizes are the exact sizes of profile blobs, in bytes.
var profileSizes = []int{4 << 10, wire.MaxProfile}

// Profile returns a durable profile blob; it needs no login. Errors:
// wire.ErrNoProfile, ErrUnavailable.
func (m *Mailbox) Profile(name key.ProfilePublic) (*wire.Profile, error) {
	p, err := m.cfg.Store.Profile(context.Background(), name)
	if err != nil {
		return nil, m.unavailable("read a profile", err)
	}
	if p == nil {
		return nil, wire.ErrNoProfile
	}
	return &wire.Profile{Blob: p.Blob}, nil
}

// ProfilePut stores a profile blob under a name that its key claims. Answer: OK
// once durable, or Failure (ErrStaleClaim, ErrLimit, ErrValue, ErrClock,
// ErrPublicKey, ErrSignature).
func (s *Session) ProfilePut(id uint64, r *wire.ProfilePut) { fail(s.port, id, s.profilePut(id, r)) }

func (s *Session) profilePut(id uint64, r *wire.ProfilePut) error {
	switch {
	case !slices.Contains(profileSizes, len(r.Blob)):
		return wire.ErrValue.Because("a profile has exactly 4 or 16 KiB")
	case r.Name.Check() != nil:
		return wire.ErrPublicKey
	case !r.Name.Verify(key.ContextProfileClaim, wire.ProfileClaim(s.account.key, r.Number), r.Claim):
		return wire.ErrSignature
	}
	if err := checkNumber(r.Number, time.Now()); err != nil {
		return err
	}
	return s.m.exclusive(r.Name, func() error {
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
	own := known != nil && known.Account == a.tag
	switch {
	case known == nil:
	case own && r.Number < known.Number, !own && r.Number <= known.Number:
		return wire.ErrStaleClaim
	}
	if !own {
		if a.live.profiles >= int(m.cfg.Limits.Profiles) {
			return wire.ErrLimit.Because("profiles")
		}
		a.live.profiles++
		m.markDirty(a) // the count shares the fate of the commit
		if known != nil {
			if other := m.accounts[known.Account]; other != nil {
				other.live.profiles--
				m.markDirty(other)
			}
		}
	}
	m.pending.profiles[r.Name] = Profile{Name: r.Name, Account: a.tag, Number: r.Number, Blob: r.Blob}
	m.queue(answer{port: s.port, id: id, payload: &wire.OK{}})
	return nil
}
