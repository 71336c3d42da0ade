package session

import (
	"bytes"
	"slices"
	"time"

	"zeroms/protocol/wire"
)

// Limits of the sessions with one device.
const (
	MaxOlder = 5 // sessions beside the newest; they receive

	IdleKept     = 32 * day  // a session that only receives
	Unanswered   = 37 * day  // a session that was never answered
	initPatience = time.Hour // what an init may stay unanswered while the peer is heard elsewhere
	initPause    = day       // between two inits that stay unanswered
)

// Set is the sessions with one device of a peer. Like a Session it never
// changes; its methods return the next one. The zero value is an empty set. It
// prints nothing.
type Set struct {
	opaque
	highest  uint32     // gen, of any session seen with that device, either way
	sessions []*Session // the preferred one first
}

// before orders sessions: the larger gen is preferred, of equal ones the
// smaller th. Both sides come to the same order.
func before(a, b *Session) int {
	if a.gen != b.gen {
		if a.gen > b.gen {
			return -1
		}
		return 1
	}
	return bytes.Compare(a.th[:], b.th[:])
}

// unanswered reports whether the session is an own init without a reply.
func (s *Session) unanswered() bool { return s.initiator && !s.Confirmed() }

// Add takes a session that was initiated, or accepted and then received with.
// Errors, after which the session must be forgotten: ErrUnexpected for an
// accepted session whose first slot did not open; ErrReplayed for a session
// that is there, or a second init of one side with equal gen; ErrClock for a
// gen above max(1 + highest, now + 24 hours); ErrExpired for a session older
// than all that are kept; ErrValue for another device's.
func (t *Set) Add(s *Session, now time.Time) (*Set, error) {
	if !s.initiator && !s.Confirmed() {
		return nil, wire.ErrUnexpected.Because("an accepted session before its first message")
	}
	for _, other := range t.sessions {
		switch {
		case other.peerDevice != s.peerDevice || other.peerIdentity != s.peerIdentity:
			return nil, wire.ErrValue.Because("a session with another device")
		case other.th == s.th:
			return nil, wire.ErrReplayed.Because("this session")
		case other.gen == s.gen && other.initiator == s.initiator:
			return nil, wire.ErrReplayed.Because("a second init with the same gen")
		}
	}
	if s.gen > max(nextAfter(t.highest), unixSeconds(now.Add(wire.ClockTolerance))) {
		return nil, wire.ErrClock.Because("gen of an init")
	}
	next := &Set{highest: max(t.highest, s.gen), sessions: append(slices.Clip(t.sessions), s)}
	slices.SortFunc(next.sessions, before)
	if len(next.sessions) > 1+MaxOlder {
		n := next.victim()
		if next.sessions[n] == s {
			return nil, wire.ErrExpired.Because("an init older than the sessions kept")
		}
		next.sessions = slices.Delete(next.sessions, n, n+1)
	}
	return next, nil
}

// victim is the session to give up when there are too many: an own init that
// nobody answered, the oldest first, for a newer one replaced it; else the
// oldest session. The one that sends and the newest stay.
func (t *Set) victim() int {
	sending := t.Sending()
	for _, spare := range []bool{true, false} {
		for n := len(t.sessions) - 1; n > 0; n-- {
			if s := t.sessions[n]; s != sending && (s.unanswered() || !spare) {
				return n
			}
		}
	}
	return len(t.sessions) - 1
}

// Put replaces a session by its next state. Errors: ErrUnexpected if the set
// does not hold it.
func (t *Set) Put(s *Session) (*Set, error) {
	n := slices.IndexFunc(t.sessions, func(other *Session) bool { return other.th == s.th })
	if n < 0 {
		return nil, wire.ErrUnexpected.Because("a session that was given up")
	}
	next := &Set{highest: t.highest, sessions: slices.Clone(t.sessions)}
	next.sessions[n] = s
	return next, nil
}

// All returns the sessions, the preferred one first.
func (t *Set) All() []*Session { return slices.Clone(t.sessions) }

// Find returns the session named th, nil if the set does not hold it.
func (t *Set) Find(th [32]byte) *Session {
	for _, s := range t.sessions {
		if s.th == th {
			return s
		}
	}
	return nil
}

// Sending returns the session to send on, nil if there is none: the one with
// the largest gen, of equal ones that with the smaller th. Only while the peer
// is heard on an older session an hour after an own init that stays unanswered,
// it is the older one that was heard last.
func (t *Set) Sending() *Session {
	if len(t.sessions) == 0 {
		return nil
	}
	top := t.sessions[0]
	best := top
	if top.unanswered() {
		patience := top.created + uint64(initPatience/time.Millisecond)
		for _, s := range t.sessions[1:] {
			if s.canSend && s.heard >= patience && (best == top || s.heard > best.heard) {
				best = s
			}
		}
	}
	return best
}

// InitDue reports whether a new init should be made, from a newly fetched
// bundle: without a session, after 1000 messages without a step by the peer,
// when the bundle of an unanswered init expired, and once a day while the peer
// answers on an older session only.
func (t *Set) InitDue(now time.Time) bool {
	s := t.Sending()
	if s == nil {
		return true
	}
	if top := t.sessions[0]; s != top {
		return !now.Before(wire.Time(top.created).Add(initPause))
	}
	return s.NeedsInit() || s.init != nil && now.After(wire.Time(s.initUntil))
}

// Prune gives up own inits that nobody answered for 37 days and older sessions
// on which nothing came for 32 days, and drops old keys of messages jumped
// over. It returns the set itself if nothing changed.
func (t *Set) Prune(now time.Time) *Set {
	sending := t.Sending()
	next := &Set{highest: t.highest}
	changed := false
	for _, s := range t.sessions {
		over := now.Sub(wire.Time(max(s.heard, s.created))) >= IdleKept && s != sending
		if s.unanswered() {
			over = now.Sub(s.Created()) >= Unanswered
		}
		fresh := s.Expire(now)
		changed = changed || over || fresh != s
		if !over {
			next.sessions = append(next.sessions, fresh)
		}
	}
	if !changed {
		return t
	}
	return next
}

// HighestGen is the largest gen seen with the device, of either side.
func (t *Set) HighestGen() uint32 { return t.highest }

// NextGen is the gen of the next init: max(1 + highest, unix seconds).
func (t *Set) NextGen(now time.Time) uint32 { return max(nextAfter(t.highest), unixSeconds(now)) }

// nextAfter is gen + 1; the last gen has no next.
func nextAfter(gen uint32) uint32 { return max(gen, gen+1) }

func unixSeconds(t time.Time) uint32 {
	const last = 1<<32 - 1
	return uint32(min(wire.Millis(t)/1000, last))
}
