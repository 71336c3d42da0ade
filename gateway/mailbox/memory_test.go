package mailbox_test

import (
	"bytes"
	"context"
	"sync"
	"time"

	"zeroms/gateway/mailbox"
	"zeroms/protocol/custody"
	"zeroms/protocol/key"
	"zeroms/protocol/wire"
)

// memory is a Store without a disk that can be told to fail and to wait.
type memory struct {
	mu          sync.Mutex
	incarnation uint32
	accounts    map[key.AccountTag]*memoryAccount
	drops       map[key.DropID]mailbox.Drop
	former      map[key.DropID][]mailbox.Drop // earlier registrations
	profiles    map[key.ProfilePublic]mailbox.Profile
	invites     map[[32]byte]int
	ended       map[key.AccountTag]mailbox.Mark // of forgotten accounts

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
		former: map[key.DropID][]mailbox.Drop{}, ended: map[key.AccountTag]mailbox.Mark{},
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
		switch {
		case p.Account != tag:
		case len(p.Blob) > 0:
			out.Profiles++
		default:
			out.Unnamed++
		}
	}
	return &out, nil
}

func (s *memory) Ended(_ context.Context, tag key.AccountTag) (mailbox.Mark, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ended[tag], nil
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

func (s *memory) Standing(ctx context.Context, q mailbox.StandingQuery, now time.Time) (*mailbox.Standing, error) {
	a, err := s.Account(ctx, q.Account, now)
	if a == nil || err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	out := &mailbox.Standing{Time: wire.Millis(now), Head: a.Head, Floor: a.Floor}
	for _, l := range a.Logins {
		if l.Enrolled != 0 {
			out.Logins = append(out.Logins, l)
		}
	}
	for _, d := range append([]mailbox.Drop{s.drops[q.Drop]}, s.former[q.Drop]...) {
		if d.Account != q.Account || d.Door {
			continue
		}
		out.Known = true
		if custody.DropStart(d.ID, d.Account, d.Start) == q.D0 {
			out.Start, out.K, out.D = d.Start, d.K, d.Head
		}
	}
	return out, nil
}

func (s *memory) Find(_ context.Context, q mailbox.RowQuery) (*mailbox.Row, uint64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for looked, row := range s.accounts[q.Account].rows {
		index := row.Position.Index()
		if looked > 0 && looked%3 == 0 && index > q.From { // a small part at a time
			return nil, index, nil
		}
		if row.Kind == wire.RowEnvelope && row.Drop == q.Drop && row.Origin == [12]byte(q.Start) &&
			index >= q.From && index <= q.To && (q.K == 0 || row.K == q.K) && row.Kept > q.Since {
			row.Payload = nil
			return &row, 0, nil
		}
	}
	return nil, 0, nil
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
		if old, ok := s.drops[d.ID]; ok && !old.Door && old.Start != d.Start {
			s.former[d.ID] = append(s.former[d.ID], old)
		}
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
	for i := range a.rows {
		for _, index := range c.Displaced {
			if row := &a.rows[i]; row.Position.Index() == index {
				row.Payload, row.Displaced = nil, true
			}
		}
	}
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
