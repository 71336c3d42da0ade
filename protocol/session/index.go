package session

// Hit is where an Index found a tag.
type Hit[ID comparable] struct {
	ID ID
	Place
}

// Index finds the session and place of a tag over many sessions: the tags that
// each of them looks out for, and those of messages that were jumped over. The
// zero value is ready. It keeps the newest state it saw of each session, to
// learn what changed.
type Index[ID comparable] struct {
	hits  map[Tag]Hit[ID]
	extra map[Tag][]Hit[ID] // of tags that happen to be equal
	known map[ID]*Session
}

// Find returns where the tag stands: mostly nowhere, or at one place. Equal
// tags of two sessions are possible; only the right one's header opens.
func (x *Index[ID]) Find(tag Tag) []Hit[ID] {
	h, ok := x.hits[tag]
	if !ok {
		return nil
	}
	return append([]Hit[ID]{h}, x.extra[tag]...)
}

// Update makes the index look for the tags of this state of the session in
// place of those of the state it knew. Its cost is that of what changed.
func (x *Index[ID]) Update(id ID, s *Session) {
	if x.known == nil {
		x.hits, x.extra, x.known = map[Tag]Hit[ID]{}, map[Tag][]Hit[ID]{}, map[ID]*Session{}
	}
	old := x.known[id]
	if old == s {
		return
	}
	if old != nil && old.th != s.th {
		x.Remove(id)
		old = nil
	}
	x.known[id] = s
	// What went goes first: a message that was jumped over leaves the look-out
	// and comes back among the skipped ones with the same tag and place.
	old.eachTagNotIn(s, func(t Tag, at Place) { x.drop(t, Hit[ID]{id, at}) })
	s.eachTagNotIn(old, func(t Tag, at Place) { x.add(t, Hit[ID]{id, at}) })
}

// Remove makes the index forget a session.
func (x *Index[ID]) Remove(id ID) {
	old := x.known[id]
	old.eachTagNotIn(nil, func(t Tag, at Place) { x.drop(t, Hit[ID]{id, at}) })
	delete(x.known, id)
}

func (x *Index[ID]) add(t Tag, h Hit[ID]) {
	if _, taken := x.hits[t]; taken {
		x.extra[t] = append(x.extra[t], h)
		return
	}
	x.hits[t] = h
}

func (x *Index[ID]) drop(t Tag, h Hit[ID]) {
	all := x.Find(t)
	delete(x.hits, t)
	delete(x.extra, t)
	for _, other := range all {
		if other != h {
			x.add(t, other)
		}
	}
}

// eachTagNotIn calls f for every tag of the session that the other state, which
// may be nil, does not hold in the same role. A nil session has no tags.
func (s *Session) eachTagNotIn(other *Session, f func(Tag, Place)) {
	if s == nil {
		return
	}
	if s.recvNo > 0 {
		s.recv.eachNotIn(s.recvNo, other, f)
	}
	s.recvNext.eachNotIn(s.recvNo+1, other, f)
	if other != nil && sameGroups(s.skipped, other.skipped) {
		return
	}
	held := map[*skippedGroup]bool{}
	if other != nil {
		for _, g := range other.skipped {
			held[g] = true
		}
	}
	for _, g := range s.skipped {
		if held[g] {
			continue
		}
		for _, k := range g.keys {
			f(k.tag, Place{Chain: g.chain, I: k.i})
		}
	}
}

// sameGroups reports whether two states share their list of skipped groups.
func sameGroups(a, b []*skippedGroup) bool {
	return len(a) == len(b) && (len(a) == 0 || &a[0] == &b[0])
}

// eachNotIn calls f for the tags of the window that the other state does not
// look out for.
func (w window) eachNotIn(chain uint32, other *Session, f func(Tag, Place)) {
	for k, t := range w.tags {
		at := Place{Chain: chain, I: w.from + uint32(k)}
		if other == nil || !other.looksOut(at) {
			f(t, at)
		}
	}
}

// looksOut reports whether a place is in the look-out of the current or the
// next receiving chain.
func (s *Session) looksOut(at Place) bool {
	switch at.Chain {
	case s.recvNo + 1:
		return s.recvNext.holds(at.I)
	case s.recvNo:
		return s.recvNo > 0 && s.recv.holds(at.I)
	}
	return false
}
