package publish

import (
	"errors"
	"time"

	"zeroms/client/profile"
	"zeroms/protocol/address"
	"zeroms/protocol/key"
	"zeroms/protocol/wire"
)

// Person is whose record is looked for, and what finds it.
type Person struct {
	User    key.IdentityPublic
	Secret  key.AddressSecret // of their card; zero: found by key alone
	Network key.Network
}

// Known is the newest that was read of a person; its zero value: nothing.
type Known struct {
	// Made is when that record was made.
	Made time.Time
	// ListN and ListHash name the device list entry that it named.
	ListN    uint32
	ListHash [32]byte
}

// Found is what a record says.
type Found struct {
	Known
	// Leases are where the person receives, with when each ends; those that have
	// ended are left out.
	Leases []Lease
	// Fork tells that the record names another device list entry than the one known
	// by that number.
	Fork bool
}

// Search looks for the record of one person: it says what to ask the network, one
// question after another, and reads the answers.
type Search struct {
	who   Person
	known Known
	ask   []wire.RecordGet
	stale error // the last record that was refused
}

// NewSearch begins a search at now: for today's record, then yesterday's, then
// tomorrow's (clocks differ, and a day's record may not be there yet). With fresh
// the newest of several copies is asked for at once, which takes longer. Errors:
// wire.ErrPublicKey.
func NewSearch(who Person, known Known, fresh bool, now time.Time) (*Search, error) {
	s, today := &Search{who: who, known: known}, address.Day(now)
	for _, d := range []uint32{today, max(today, 1) - 1, today + 1} {
		name, err := key.RecordName(who.User, who.Secret, who.Network, d)
		if err != nil {
			return nil, wire.ErrPublicKey
		}
		s.ask = append(s.ask, wire.RecordGet{Name: name, Day: d, Fresh: fresh})
	}
	return s, nil
}

// Next is what to ask now; ok is false if nothing is left.
func (s *Search) Next() (q wire.RecordGet, ok bool) {
	if len(s.ask) == 0 {
		return q, false
	}
	return s.ask[0], true
}

// Answer takes the answer to Next, at now. A Found ends the search. With neither
// Found nor error the search goes on with Next. Errors end it too:
// wire.ErrNoRecord if there is none, why the last one was refused (wire.ErrOlder
// for one made before the one known, wire.ErrStaleList for one that names an older
// device list, those of address.OpenRecord), or what the answer's error was.
func (s *Search) Answer(record []byte, err error, now time.Time) (*Found, error) {
	if len(s.ask) == 0 {
		return nil, wire.ErrUnexpected
	}
	q := s.ask[0]
	if err != nil && !errors.Is(err, wire.ErrNoRecord) {
		return nil, err
	}
	if err == nil {
		found, refused := s.open(record, q, now)
		if refused == nil {
			s.ask = nil
			return found, nil
		}
		s.stale = refused
		if !q.Fresh { // whoever gave it may hold an old one: the newest of several is asked for
			s.ask[0].Fresh = true
			return nil, nil
		}
	}
	s.ask = s.ask[1:]
	switch {
	case len(s.ask) > 0:
		return nil, nil
	case s.stale != nil:
		return nil, s.stale
	}
	return nil, wire.ErrNoRecord
}

// open reads a record that was asked for.
func (s *Search) open(b []byte, q wire.RecordGet, now time.Time) (*Found, error) {
	r, err := address.OpenRecord(b, s.who.User, s.who.Secret, s.who.Network, now)
	switch {
	case err != nil:
		return nil, err
	case r.Day != q.Day:
		return nil, wire.ErrUnexpected.Because("an address record of another day")
	case r.Made.Before(s.known.Made.Truncate(time.Minute)):
		return nil, wire.ErrOlder.Because("an address record made before the one known")
	case r.ListN < s.known.ListN:
		return nil, wire.ErrStaleList.Because("an address record with an older device list")
	}
	found := &Found{Known: Known{Made: r.Made, ListN: r.ListN, ListHash: r.ListHash}}
	found.Fork = r.ListN == s.known.ListN && s.known.ListN != 0 && r.ListHash != s.known.ListHash
	for _, l := range r.Leases {
		ends := time.Unix((int64(r.Day)+int64(l.Lapses)+1)*86400, 0).UTC()
		if ends.After(now) {
			found.Leases = append(found.Leases, Lease{Lease: l, Ends: ends})
		}
	}
	return found, nil
}

// Memory is the newest record read of each person.
type Memory struct {
	known map[key.IdentityPublic]Known
	put   []profile.Row
	gone  []profile.Ref
}

// NewMemory makes an empty Memory.
func NewMemory() *Memory { return &Memory{known: map[key.IdentityPublic]Known{}} }

// Known is the newest that was read of a person.
func (m *Memory) Known(user key.IdentityPublic) Known { return m.known[user] }

// Note remembers what was found of a person.
func (m *Memory) Note(user key.IdentityPublic, f *Found) {
	if m.known[user] == f.Known {
		return
	}
	m.known[user] = f.Known
	m.put = append(m.put, profile.Row{Table: TableRead, Key: user[:], Data: wire.Marshal(readRow{
		version, uint32(f.Made.Unix() / minute), f.ListN, f.ListHash,
	})})
}

// Forget erases what is remembered of a person who is no contact any more.
func (m *Memory) Forget(user key.IdentityPublic) {
	if _, ok := m.known[user]; ok {
		delete(m.known, user)
		m.gone = append(m.gone, profile.Ref{Table: TableRead, Key: user[:]})
	}
}

// Collect returns the rows that were changed and erased since the last call.
func (m *Memory) Collect() (put []profile.Row, gone []profile.Ref) {
	put, gone = m.put, m.gone
	m.put, m.gone = nil, nil
	return put, gone
}

type readRow struct {
	Version uint8    `cbor:"1,keyasint"`
	Made    uint32   `cbor:"2,keyasint"`
	ListN   uint32   `cbor:"3,keyasint"`
	Hash    [32]byte `cbor:"4,keyasint"`
}

// Restore takes a row of the table of what was read; ok is false for rows of others.
func (m *Memory) Restore(row profile.Row) (ok bool, err error) {
	if row.Table != TableRead {
		return false, nil
	}
	var r readRow
	if err := parse(row.Data, &r, &r.Version); err != nil {
		return true, err
	}
	if len(row.Key) != key.PublicSize {
		return true, wire.ErrValue.Because("the key of a row")
	}
	m.known[key.IdentityPublic(row.Key)] = Known{Made: time.Unix(int64(r.Made)*minute, 0).UTC(), ListN: r.ListN, ListHash: r.Hash}
	return true, nil
}
