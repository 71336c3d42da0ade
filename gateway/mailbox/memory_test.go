package mailbox_test

import (
	"bytes"
	"context"
	"sync"
	"time"

	"zeroms/gateway/mailbox"
	"zeroms/protocol/key"
	"zeroms/protocol/wire"
)

// memory is a Store without a disk that can be told to fail and to wait.
type memory struct {
	mu          sync.Mutex
	incarnation uint32
	accounts    map[key.AccountTag]*memoryAccount
	drops       map[key.DropID]mailbox.Drop
	profiles    map[key.ProfilePublic]mailbox.Profile
	invites     map[[32]byte]int

	failBefore, failAfter, failStart bool
	gate                             chan struct{} // Commit waits for it when set
	batches                          []*mailbox.Batch
	reads                            map[string]int
}

type memoryAccount struct {
	mailbox.Account
	rows []mailbox.Row
}

func newMemory() *memory {
	return &memory{
		accounts: map[key.AccountTag]*memoryAccount{}, drops: map[key.DropID]mailbox.Drop{},
		profiles: map[key.ProfilePublic]mailbox.Profile{}, invites: map[[32]byte]int{}, reads: map[string]int{},
	}
}

func (s *memory) set(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f()
}

func (s *memory) Start(_ context.Context, now time.Time) (uint32, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.failStart {
		return 0, errDisk
	}
	s.incarnation = max(s.incarnation+1, uint32(now.Unix()))
	return s.incarnation, nil
}

func (s *memory) Account(_ context.Context, tag key.AccountTag, now time.Time) (*mailbox.Account, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.reads["account"]++
	a := s.accounts[tag]
	if a == nil {
		return nil, nil
	}
	out := a.Account
	out.Logins = append([]mailbox.Login(nil), a.Logins...)
	for i := range a.rows {
		if a.rows[i].Position.Index() > out.Floor.Position.Index() && a.rows[i].Kept <= wire.Millis(now) {
			out.Floor = a.rows[i].Mark()
		}
	}
	for _, d := range s.drops {
		switch {
		case d.Account != tag:
		case d.Deleted != 0:
			out.Deleted++
		case d.Door:
			out.Doors++
		default:
			out.Drops++
		}
	}
	for _, p := range s.profiles {
		if p.Account == tag {
			out.Profiles++
		}
	}
	return &out, nil
}

func (s *memory) Login(_ context.Context, login key.LoginPublic) (*key.AccountTag, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for tag, a := range s.accounts {
		for _, l := range a.Logins {
			if l.Key == login && l.Enrolled != 0 {
				return &tag, nil
			}
		}
	}
	return nil, nil
}

func (s *memory) Drop(_ context.Context, id key.DropID) (*mailbox.Drop, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.reads["drop"]++
	d, ok := s.drops[id]
	if !ok {
		return nil, nil
	}
	return &d, nil
}

func (s *memory) Rows(_ context.Context, r mailbox.RowRange) (out []mailbox.Row, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.reads["rows"]++
	a := s.accounts[r.Account]
	if a == nil {
		return nil, nil
	}
	size := 0
	for _, row := range a.rows {
		if row.Position.Index() < r.From || row.Time < r.Since {
			continue
		}
		if size += int(row.Size); len(out) > 0 && (len(out) >= r.MaxRows || r.MaxBytes > 0 && size > r.MaxBytes) {
			break
		}
		if r.Bare {
			row.R, row.Payload = [32]byte{}, nil
		}
		out = append(out, row)
	}
	return out, nil
}

func (s *memory) Profile(_ context.Context, name key.ProfilePublic) (*mailbox.Profile, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p, ok := s.profiles[name]
	if !ok {
		return nil, nil
	}
	return &p, nil
}

func (s *memory) InviteUses(_ context.Context, hash [32]byte, _ time.Time) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.invites[hash], nil
}

func (s *memory) Sweep(context.Context, time.Time) (bool, error) { return false, nil }

func (s *memory) Commit(ctx context.Context, b *mailbox.Batch) error {
	s.mu.Lock()
	gate := s.gate
	s.mu.Unlock()
	if gate != nil {
		<-gate
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.failBefore || ctx.Err() != nil {
		return errDisk
	}
	s.batches = append(s.batches, b)
	for i := range b.Accounts {
		s.account(&b.Accounts[i])
	}
	for _, d := range b.Drops {
		s.drops[d.ID] = d
	}
	for _, p := range b.Profiles {
		p.Blob = bytes.Clone(p.Blob)
		s.profiles[p.Name] = p
	}
	for _, use := range b.Invites {
		s.invites[use.Hash] -= use.Uses
	}
	for _, c := range b.Accounts {
		if c.Closed {
			s.close(c.Tag, b.Now)
		}
	}
	if s.failAfter {
		return errDisk
	}
	return nil
}

func (s *memory) account(c *mailbox.AccountChange) {
	a := s.accounts[c.Tag]
	if a == nil {
		a = &memoryAccount{}
		a.Key = c.Key
		s.accounts[c.Tag] = a
	}
	a.Head = c.Head
	if c.Floor.Position.Index() > a.Floor.Position.Index() {
		a.Floor = c.Floor
	}
	a.rows = append(a.rows, c.Rows...)
	for _, l := range c.Logins {
		kept := a.Logins[:0]
		for _, old := range a.Logins {
			if old.Key != l.Key {
				kept = append(kept, old)
			}
		}
		a.Logins = append(kept, l)
	}
}

func (s *memory) close(tag key.AccountTag, now time.Time) {
	a := s.accounts[tag]
	a.Closed, a.Logins = true, nil
	for id, d := range s.drops {
		if d.Account == tag && d.Deleted == 0 {
			d.Deleted = wire.Millis(now)
			s.drops[id] = d
		}
	}
	for name, p := range s.profiles {
		if p.Account == tag {
			delete(s.profiles, name)
		}
	}
}
