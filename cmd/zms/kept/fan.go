package kept

import (
	"context"
	"crypto/sha256"
	"slices"
	"strings"
	"time"

	"zeroms/client/profile"
	"zeroms/protocol/key"
	"zeroms/protocol/wire"
)

// fanPrefix begins the names under which the marks of fans stand among those of
// bots, which have no slash.
const fanPrefix = "fan/"

// FanMarks is the name under which what a fan has done is kept, as of a bot.
func FanMarks(fan string) string { return fanPrefix + fan }

// Lease is a message that a fan gave to a worker and that is not done.
type Lease struct {
	_       struct{} `cbor:",toarray"`
	ID      [32]byte
	Contact uint64
	Worker  string // empty: it waits for another one
	Until   uint64 // unix ms
	Tries   uint32 // how often it was handed over
}

// End is when the worker's time is over.
func (l Lease) End() time.Time { return wire.Time(l.Until) }

type leasesRecord struct {
	Version uint8   `cbor:"1,keyasint"`
	Name    string  `cbor:"2,keyasint"`
	Leases  []Lease `cbor:"3,keyasint"`
}

func fanKey(name string) []byte {
	sum := sha256.Sum256(append([]byte("fan\x00"), name...))
	return sum[:16]
}

func leasesRow(name string, leases []Lease) profile.Row {
	return profile.Row{Table: TableFan, Key: fanKey(name), Data: wire.Marshal(&leasesRecord{version, name, leases})}
}

// fanRow reads a row of TableFan.
func (s *Store) fanRow(r profile.Row) error {
	var f leasesRecord
	if err := wire.Unmarshal(r.Data, &f, maxMarks); err != nil {
		return err
	}
	if f.Version != version {
		return wire.ErrVersion.Because("this profile was written by a newer version of ZeroMS")
	}
	s.leases[f.Name] = f.Leases
	return nil
}

// Fans are the names of all fans there were and that were not removed, in order.
func (s *Store) Fans() (names []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for name := range s.bots {
		if fan, ok := strings.CutPrefix(name, fanPrefix); ok {
			names = append(names, fan)
		}
	}
	slices.Sort(names)
	return names
}

// Leases are a copy of what a fan gave out.
func (s *Store) Leases(fan string) []Lease {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.leases[fan])
}

// SetLeases keeps what a fan gave out, durably.
func (s *Store) SetLeases(ctx context.Context, fan string, leases []Lease) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.Commit(ctx, &profile.Batch{Put: []profile.Row{leasesRow(fan, leases)}}); err != nil {
		return err
	}
	s.leases[fan] = leases
	return nil
}

// RemoveFan forgets what a fan gave out and has done.
func (s *Store) RemoveFan(ctx context.Context, fan string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	marks := FanMarks(fan)
	b := &profile.Batch{Erase: []profile.Ref{{Table: TableBot, Key: botKey(marks, 0)}}}
	if s.leases[fan] != nil {
		b.Erase = append(b.Erase, profile.Ref{Table: TableFan, Key: fanKey(fan)})
	}
	if bot := s.bots[marks]; bot != nil {
		for contact := range bot.contacts {
			b.Erase = append(b.Erase, profile.Ref{Table: TableBot, Key: botKey(marks, contact)})
		}
	}
	if err := s.Commit(ctx, b); err != nil {
		return err
	}
	delete(s.bots, marks)
	delete(s.leases, fan)
	return nil
}

// Has reports whether a bot, or a fan by FanMarks, is done with a message.
func (s *Store) Has(name string, contact uint64, d key.DeviceID, seq uint32) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	b := s.bots[name]
	return b != nil && b.contacts[contact] != nil && b.contacts[contact].Has(d, seq)
}
