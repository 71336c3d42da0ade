// Package join is whom a gateway can enter its network by, and when it tries
// (docs/protocol/dht.md, "Joining"): the contacts that it was given to begin with,
// and those that it met and that fell silent. A gateway whose line was down for an
// hour, or two parts of a network whose link was, find each other by these; nobody
// who once answered is forgotten as long as nobody better is known. A State sends
// nothing and knows no clock. Times are Unix nanoseconds.
package join

import (
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"zeroms/gateway/dht/contact"
	"zeroms/protocol/key"
)

// Most is how many contacts to begin with are remembered, and how many lost ones.
const Most = 64

// Limits of the time between two attempts to enter the network, and between two
// requests to one lost contact. Each is drawn within a quarter of what is said.
const (
	First    = 5 * time.Second
	Last     = 2 * time.Minute
	LostMost = 10 * time.Minute
)

// Never is a time that does not come.
const Never = int64(math.MaxInt64)

// State is what a gateway remembers for it. Make it with New.
type State struct {
	rand  *rand.Rand
	begin []*contact.Peer // the best first
	lost  []lost          // the last first

	pause      time.Duration // before the next attempt; 0: none was made since Begin
	tried, due int64         // the last attempt and the next
	asked      int64         // the last request to a lost one; 0: none
}

// lost is a contact that answered once and does not any more.
type lost struct {
	peer  *contact.Peer
	pause time.Duration
	due   int64
}

// New is the state of a gateway that knows nobody.
func New(r *rand.Rand) State { return State{rand: r, due: Never} }

// Begin takes contacts to begin with, the best first; they come before those of
// earlier calls. The next attempt is due at once.
func (s *State) Begin(now int64, peers []*contact.Peer) {
	all := append([]*contact.Peer(nil), peers[:min(len(peers), Most)]...)
	for _, p := range s.begin {
		if len(all) < Most && !has(all, p) {
			all = append(all, p)
		}
	}
	if s.begin, s.pause = all, 0; len(all) > 0 {
		s.due = now
	}
}

// has reports whether a contact is among others, its address included.
func has(peers []*contact.Peer, p *contact.Peer) bool {
	return slices.ContainsFunc(peers, func(q *contact.Peer) bool { return q == p || q.Contact == p.Contact })
}

// Given reports whether there are contacts to begin with.
func (s *State) Given() bool { return len(s.begin) > 0 }

// Peers is everybody to enter the network by: the lost ones, then those to begin with.
func (s *State) Peers() []*contact.Peer {
	all := s.Lost()
	for _, p := range s.begin {
		if !has(all, p) {
			all = append(all, p)
		}
	}
	return all
}

// Due is when the next attempt is.
func (s *State) Due() int64 { return s.due }

// Fresh reports whether there was no attempt since Begin.
func (s *State) Fresh() bool { return s.pause == 0 }

// Tried notes an attempt; the next one follows, later each time.
func (s *State) Tried(now int64) {
	s.pause = min(max(2*s.pause, First), Last)
	s.tried, s.due = now, now+s.about(s.pause)
}

// Entered notes that others answer: there are no more attempts.
func (s *State) Entered() { s.due = Never }

// Cut notes that nobody answers any more: the next attempt follows soon, unless one
// is due already. After a while without any, the pauses begin anew.
func (s *State) Cut(now int64) {
	if s.due != Never || len(s.begin)+len(s.lost) == 0 {
		return
	}
	if s.pause = max(s.pause, First); now-s.tried > int64(Last) {
		s.pause = First
	}
	s.due = now + s.about(s.pause)
}

// about is a time around d, so that not all gateways try at once.
func (s *State) about(d time.Duration) int64 { return int64(d)*3/4 + s.rand.Int64N(int64(d)/2+1) }

// Lose remembers a contact that answers no more; it is asked again after a pause at
// first. Of too many the one that was lost first is forgotten.
func (s *State) Lose(now int64, p *contact.Peer, pause time.Duration) {
	s.Forget(p.Node)
	s.lost = slices.Insert(s.lost, 0, lost{p, pause, now + s.about(pause)})
	s.lost = s.lost[:min(len(s.lost), Most)]
}

// Wrong notes that something else is at a contact's address.
func (s *State) Wrong(p *contact.Peer) {
	s.lost = slices.DeleteFunc(s.lost, func(l lost) bool { return l.peer.Contact == p.Contact })
}

// Forget lets go of a gateway that was lost: it is known again, or breaks the rules.
func (s *State) Forget(node key.NodePublic) {
	s.lost = slices.DeleteFunc(s.lost, func(l lost) bool { return l.peer.Node == node })
}

// Lost is the contacts that answer no more, the last lost first.
func (s *State) Lost() (peers []*contact.Peer) {
	for i := range s.lost {
		peers = append(peers, s.lost[i].peer)
	}
	return peers
}

// AskDue is when a lost contact is asked again: two are at least pace apart.
func (s *State) AskDue(pace time.Duration) int64 {
	at := Never
	for i := range s.lost {
		at = min(at, s.lost[i].due)
	}
	if at == Never || s.asked == 0 {
		return at
	}
	return max(at, s.asked+int64(pace))
}

// Ask is the lost contact to ask now: the one that waits for longest.
func (s *State) Ask(now int64) *contact.Peer {
	if len(s.lost) == 0 {
		return nil
	}
	next := &s.lost[0]
	for i := range s.lost {
		if s.lost[i].due < next.due {
			next = &s.lost[i]
		}
	}
	next.pause = min(2*next.pause, LostMost)
	next.due, s.asked = now+s.about(next.pause), now
	return next.peer
}
