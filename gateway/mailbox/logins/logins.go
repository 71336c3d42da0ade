// Package logins is the login keys of one account with their cursors: which are
// enrolled, which were removed, and what of that is to be written
// (docs/protocol/mailbox.md, "Devices"). It holds no lock and reads no clock.
package logins

import (
	"slices"

	"zeroms/gateway/mailbox/ledger"
	"zeroms/gateway/mailbox/records"
	"zeroms/protocol/key"
	"zeroms/protocol/wire"
)

// Login is an enrolled login key.
type Login struct {
	Key    key.LoginPublic
	Cursor key.CursorID
	// Acked is the newest acknowledged row, Sig its signature.
	Acked ledger.Mark
	Sig   []byte
	// Enrolled is the Time of the newest object that enrolled it, ms.
	Enrolled uint64
	// From is the row that enrolled it.
	From wire.Position
}

// Set is the login keys of an account: mostly one, and no map of them, since
// there are many accounts.
type Set struct {
	enrolled []*Login
	removed  map[key.LoginPublic]uint64 // by removed keys, also those enrolled again: records.Login.Removed
	changed  []key.LoginPublic
}

// Load makes a set of what is stored. Cursors below the oldest row kept begin there:
// their devices were away longer than rows are kept.
func Load(stored []records.Login, oldest ledger.Mark) (s Set) {
	for _, l := range stored {
		if l.Removed != 0 {
			s.forbid(l.Key, l.Removed)
		}
		if l.Enrolled == 0 {
			continue
		}
		in := &Login{Key: l.Key, Cursor: l.Cursor, Acked: l.Acked, Sig: l.Sig, Enrolled: l.Enrolled, From: l.From}
		if in.Acked.Index() < oldest.Index() {
			in.Acked, in.Sig = oldest, nil
		}
		s.enrolled = append(s.enrolled, in)
	}
	return s
}

// Of finds a key; nil: it is not enrolled.
func (s *Set) Of(k key.LoginPublic) *Login {
	for _, l := range s.enrolled {
		if l.Key == k {
			return l
		}
	}
	return nil
}

// Len is how many keys are enrolled.
func (s *Set) Len() int { return len(s.enrolled) }

// Known is Len with the removed ones.
func (s *Set) Known() int { return len(s.enrolled) + len(s.removed) }

// Verdict is what Check says of a key.
type Verdict uint8

// The verdicts of Check.
const (
	// Fresh: the key has a cursor now, and a row is due.
	Fresh Verdict = iota
	// Renewed: it was enrolled, by an earlier object.
	Renewed
	// Same: it was enrolled, and nothing changes.
	Same
)

// Check is why a key can't be enrolled, or whether it is already. A new one must
// keep to most devices. Errors: wire.ErrExpired, ErrValue, ErrLimit.
func (s *Set) Check(e *wire.Enrolment, most int) (Verdict, error) {
	if e.Time <= s.removed[e.Login] {
		return Same, wire.ErrExpired.Because("the login key was removed later")
	}
	if l := s.Of(e.Login); l != nil {
		switch {
		case l.Cursor != e.Cursor:
			return Same, wire.ErrValue.Because("the login key has another cursor")
		case e.Time > l.Enrolled:
			return Renewed, nil
		}
		return Same, nil
	}
	if len(s.enrolled) >= most {
		return Same, wire.ErrLimit.Because("devices")
	}
	if slices.ContainsFunc(s.enrolled, func(l *Login) bool { return l.Cursor == e.Cursor }) {
		return Same, wire.ErrValue.Because("the cursor belongs to another login key")
	}
	return Fresh, nil
}

// Renew notes a later object about an enrolled key: else it could be replayed after
// a removal.
func (s *Set) Renew(e *wire.Enrolment) {
	s.Of(e.Login).Enrolled = e.Time
	s.Touch(e.Login)
}

// Add enrols a key that Check found fresh; its cursor begins at a mark.
func (s *Set) Add(e *wire.Enrolment, at ledger.Mark) *Login {
	l := &Login{Key: e.Login, Cursor: e.Cursor, Acked: at, Enrolled: e.Time}
	s.enrolled = append(s.enrolled, l)
	s.Touch(e.Login)
	return l
}

// Remove removes a key; nil: it is not enrolled. most is how many removed ones are
// remembered. Errors: wire.ErrValue, ErrExpired, ErrLimit.
func (s *Set) Remove(e *wire.Enrolment, most int) (*Login, error) {
	l := s.Of(e.Login)
	if l == nil {
		return nil, nil
	}
	before, again := s.removed[e.Login]
	switch {
	case l.Cursor != e.Cursor:
		return nil, wire.ErrValue.Because("the login key has another cursor")
	case again && e.Time <= before:
		return nil, wire.ErrExpired.Because("the login key was removed and enrolled again later")
	case !again && len(s.removed) >= most:
		return nil, wire.ErrLimit.Because("removed devices")
	}
	s.enrolled = slices.DeleteFunc(s.enrolled, func(o *Login) bool { return o == l })
	// Whoever signed the enrolment may have had a clock that is ahead.
	s.forbid(e.Login, max(e.Time, l.Enrolled))
	s.Touch(e.Login)
	return l, nil
}

// Clear ends all keys; what is stored of them goes another way.
func (s *Set) Clear() { s.enrolled = nil }

// Lowest is the lowest cursor; nil: there is none.
func (s *Set) Lowest() (low *ledger.Mark) {
	for _, l := range s.enrolled {
		if low == nil || l.Acked.Index() < low.Index() {
			low = &l.Acked
		}
	}
	return low
}

// Touch notes that a key is to be written.
func (s *Set) Touch(k key.LoginPublic) {
	if !slices.Contains(s.changed, k) {
		s.changed = append(s.changed, k)
	}
}

// Changes is what is to be written, once.
func (s *Set) Changes() (all []records.Login) {
	for _, k := range s.changed {
		out := records.Login{Key: k, Removed: s.removed[k]}
		if l := s.Of(k); l != nil {
			out.Cursor, out.Acked, out.Sig, out.Enrolled, out.From = l.Cursor, l.Acked, l.Sig, l.Enrolled, l.From
		}
		all = append(all, out)
	}
	s.changed = nil
	return all
}

// forbid notes up to when objects about a key count no more.
func (s *Set) forbid(k key.LoginPublic, until uint64) {
	if s.removed == nil {
		s.removed = make(map[key.LoginPublic]uint64)
	}
	s.removed[k] = until
}
