package lan

import (
	"cmp"
	"math/rand/v2"
	"net/netip"
	"slices"
	"time"

	"zeroms/protocol/address"
	"zeroms/protocol/key"
	"zeroms/protocol/wire"
)

// When questions and announcements go out (RFC 6762 sections 5.2, 6 and 8.3).
const (
	askFirst   = time.Second // between the first two questions; then three times as long each
	askMost    = time.Hour
	answerGap  = time.Second            // between two announcements
	moreGap    = 450 * time.Millisecond // before an answer, if more known answers follow
	leastDelay = 20 * time.Millisecond  // before anything that others may send as well
	mostDelay  = 120 * time.Millisecond
	starting   = 2 // announcements that nobody asked for
)

// Bounds of what comes in.
const (
	packetsAtOnce   = 64 // and packetsASecond after that; the others are not read
	packetsASecond  = 32
	foundAtOnce     = 32 // handed on; and one a second after that
	maxFound        = 256
	perAddress      = 4  // gateways of one address in a local network
	perLoopback     = 64 // and on this computer
	foundAgainAfter = 10 * time.Minute
)

// bucket lets so many pass at once, and one each interval after that.
type bucket struct {
	size  int
	every time.Duration
	full  time.Time // when it will be full
}

func (b *bucket) take(now time.Time) bool {
	if b.full.Before(now) {
		b.full = now
	}
	if b.full.Sub(now) > time.Duration(b.size-1)*b.every {
		return false
	}
	b.full = b.full.Add(b.every)
	return true
}

// sighting is a gateway that was handed on, and when.
type sighting struct {
	member
	at time.Time
}

// state decides what to send and what to hand on. It has no clock and no socket.
type state struct {
	network  key.Network
	scope    address.Scope
	me       wire.Contact
	announce bool // me
	browse   bool
	all      bool // gateways of all networks are looked for
	rand     *rand.Rand

	ask      time.Time // when; zero: never
	gap      time.Duration
	answer   time.Time // when; zero: nobody asked
	answered time.Time
	unasked  int // announcements to make without being asked

	packets, handed bucket
	found           map[key.NodePublic]sighting
}

func newState(cfg Config, r *rand.Rand) *state {
	return &state{
		network: cfg.Network, scope: cfg.Scope, me: cfg.Self, announce: cfg.Announce,
		browse: cfg.Found != nil || cfg.Any != nil, all: cfg.Any != nil, rand: r,
		packets: bucket{size: packetsAtOnce, every: time.Second / packetsASecond}, handed: bucket{size: foundAtOnce, every: time.Second},
		found: map[key.NodePublic]sighting{},
	}
}

func (s *state) delay() time.Duration {
	return leastDelay + time.Duration(s.rand.Int64N(int64(mostDelay-leastDelay)))
}

// start begins anew: with the first network, and when another one appeared.
func (s *state) start(now time.Time) {
	if s.browse {
		s.ask, s.gap = now.Add(s.delay()), askFirst
	}
	if s.announce {
		s.unasked = starting
		s.answerAt(now.Add(s.delay()))
	}
}

// answerAt makes an announcement due, not earlier than allowed and not later than
// one that is due already.
func (s *state) answerAt(at time.Time) {
	if least := s.answered.Add(answerGap); at.Before(least) {
		at = least
	}
	if s.answer.IsZero() || at.Before(s.answer) {
		s.answer = at
	}
}

// next is when something is due; zero: never.
func (s *state) next() time.Time {
	switch {
	case s.answer.IsZero():
		return s.ask
	case s.ask.IsZero() || s.answer.Before(s.ask):
		return s.answer
	}
	return s.ask
}

// advance returns what is to be sent now: a question to every network, an
// announcement to the one of the own address.
func (s *state) advance(now time.Time) (ask, tell []byte) {
	if !s.ask.IsZero() && !now.Before(s.ask) {
		ask = question(s.known(now))
		s.ask, s.gap = now.Add(s.gap), min(3*s.gap, askMost)
	}
	if !s.answer.IsZero() && !now.Before(s.answer) {
		tell = announcement(s.network, s.me, false)
		s.answer, s.answered = time.Time{}, now
		if s.unasked = max(s.unasked-1, 0); s.unasked > 0 {
			s.answerAt(now.Add(answerGap))
		}
	}
	return ask, tell
}

// known are the gateways found that need not answer a question, the newest first.
func (s *state) known(now time.Time) (out []known) {
	for node, f := range s.found {
		if age := now.Sub(f.at); age < foundAgainAfter {
			out = append(out, known{node, otherTTL*time.Second - age})
		}
	}
	slices.SortFunc(out, func(a, b known) int {
		return cmp.Or(cmp.Compare(b.left, a.left), slices.Compare(a.node[:], b.node[:]))
	})
	return out
}

// packet takes a packet and returns the gateways to hand on.
func (s *state) packet(now time.Time, b []byte, source netip.Addr) (found []member) {
	if !s.packets.take(now) {
		return nil
	}
	var me *wire.Contact
	if s.announce {
		me = &s.me
	}
	heard := listen(b, me)
	if heard.asks {
		wait := s.delay()
		if heard.more {
			wait = moreGap
		}
		s.answerAt(now.Add(wait))
	}
	if !s.browse {
		return nil
	}
	for _, m := range heard.members {
		if s.wanted(m) && from(m.contact, source) && s.isNew(now, m) {
			found = append(found, m)
		}
	}
	return found
}

// wanted reports whether a gateway is another one, of a network and a scope that are
// looked for.
func (s *state) wanted(m member) bool {
	return m.contact.Node != s.me.Node && (s.all || m.network == s.network) && address.ScopeOf(m.contact.Addr.Addr()) == s.scope
}

// isNew reports whether a gateway is to be handed on, and remembers it then.
func (s *state) isNew(now time.Time, m member) bool {
	c := m.contact
	former, ok := s.found[c.Node]
	if ok && former.member == m && now.Before(former.at.Add(foundAgainAfter)) {
		return false
	}
	most := perAddress
	if s.scope == address.Loopback {
		most = perLoopback
	}
	for node, f := range s.found {
		switch {
		case !now.Before(f.at.Add(foundAgainAfter)):
			delete(s.found, node)
		case node != c.Node && f.contact.Addr.Addr() == c.Addr.Addr():
			most--
		}
	}
	if most <= 0 || !s.handed.take(now) {
		return false
	}
	if len(s.found) >= maxFound {
		s.forgetOldest()
	}
	s.found[c.Node] = sighting{m, now}
	return true
}

func (s *state) forgetOldest() {
	var oldest key.NodePublic
	first := true
	for node, f := range s.found {
		if at := s.found[oldest].at; first || f.at.Before(at) || f.at.Equal(at) && slices.Compare(node[:], oldest[:]) < 0 {
			oldest, first = node, false
		}
	}
	delete(s.found, oldest)
}
