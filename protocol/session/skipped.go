package session

import (
	"slices"
	"sort"
	"time"

	"zeroms/protocol/wire"
)

// Limits of the keys kept for messages that were jumped over.
const (
	MaxSkip    = 1000 // by one jump or one pn; the newest stay
	MaxSkipped = 2000 // in a session; the newest stay

	// SkippedKept is how long they are kept.
	SkippedKept = 32 * day
)

// skippedKey opens one message that was jumped over.
type skippedKey struct {
	i   uint32
	tag Tag
	mk  [32]byte
}

// skippedGroup are the keys of one jump. Its chain's header key HK is gone by
// the time the next chain begins; what opens the headers of these messages
// stays with them. A group never changes; it is replaced.
type skippedGroup struct {
	chain     uint32
	headerKey [32]byte
	at        uint64 // ms, when the jump was made
	keys      []skippedKey
}

// find returns where the group holds index i of a chain, or -1.
func (g *skippedGroup) find(at Place) int {
	if g.chain != at.Chain {
		return -1
	}
	n := sort.Search(len(g.keys), func(k int) bool { return g.keys[k].i >= at.I })
	if n < len(g.keys) && g.keys[n].i == at.I {
		return n
	}
	return -1
}

// skipped finds the group and the key of a place that was jumped over.
func (s *Session) findSkipped(at Place) (group, n int) {
	for g, one := range s.skipped {
		if n := one.find(at); n >= 0 {
			return g, n
		}
	}
	return -1, -1
}

// takeSkipped removes and returns the message key of a place.
func (s *Session) takeSkipped(at Place) (mk [32]byte, err error) {
	g, n := s.findSkipped(at)
	if g < 0 {
		return mk, wire.ErrReplayed.Because("no key for this place")
	}
	old := s.skipped[g]
	mk = old.keys[n].mk
	if len(old.keys) == 1 {
		s.skipped = slices.Concat(s.skipped[:g], s.skipped[g+1:])
		return mk, nil
	}
	rest := *old
	rest.keys = slices.Concat(old.keys[:n], old.keys[n+1:])
	s.skipped = slices.Clone(s.skipped)
	s.skipped[g] = &rest
	return mk, nil
}

// skipTo moves the current receiving chain to index to and keeps the keys of
// the newest 1000 messages between, at most 2000 in all.
func (s *Session) skipTo(to uint32, now time.Time) {
	if to <= s.recv.from {
		return
	}
	first := s.recv.from
	if to-first > MaxSkip {
		first = to - MaxSkip
	}
	for range first - s.recv.from {
		s.recvCK = nextChainKey(s.recvCK)
	}
	g := &skippedGroup{chain: s.recvNo, headerKey: s.recv.headerKey, at: wire.Millis(now), keys: make([]skippedKey, to-first)}
	tags := s.recv.tagger.tags(first, len(g.keys))
	for k := range g.keys {
		g.keys[k] = skippedKey{i: first + uint32(k), tag: tags[k], mk: messageKey(s.recvCK)}
		s.recvCK = nextChainKey(s.recvCK)
	}
	s.recv = s.recv.slide(to)
	s.skipped = trim(append(slices.Clip(s.skipped), g))
}

// trim drops the oldest keys beyond 2000.
func trim(groups []*skippedGroup) []*skippedGroup {
	over := -MaxSkipped
	for _, g := range groups {
		over += len(g.keys)
	}
	for over > 0 && over >= len(groups[0].keys) {
		over -= len(groups[0].keys)
		groups = groups[1:]
	}
	if over > 0 {
		rest := *groups[0]
		rest.keys = rest.keys[over:]
		groups = slices.Clone(groups)
		groups[0] = &rest
	}
	return groups
}

// dropOld drops the keys that were kept for 32 days, and an own post-quantum
// key that timed out.
func (s *Session) dropOld(now time.Time) {
	if s.pq.own != nil && s.pq.own.timedOut(now) {
		s.pq.own = nil
	}
	stays := func(g *skippedGroup) bool { return now.Before(wire.Time(g.at).Add(SkippedKept)) }
	if slices.IndexFunc(s.skipped, func(g *skippedGroup) bool { return !stays(g) }) < 0 {
		return
	}
	var kept []*skippedGroup
	for _, g := range s.skipped {
		if stays(g) {
			kept = append(kept, g)
		}
	}
	s.skipped = kept
}
