// Package recent keeps things that can be read again from a disk in memory: in
// the order of their use, until they are idle or take too much memory in all
// (docs/protocol/mailbox.md, "Memory"). It holds no lock and reads no clock.
package recent

import (
	"container/list"
	"time"
)

// Lately is how long after its use a thing is not forgotten for want of memory:
// somebody may be about to use it again.
const Lately = 2 * time.Second

// Item is a thing in memory.
type Item interface {
	comparable
	// Weight is about how many bytes of memory it takes.
	Weight() int
	// Shed lets go of what is read again when it is needed.
	Shed()
	// Free reports whether it may be forgotten as a whole.
	Free() bool
	// Forget is called when it was.
	Forget()
}

// Set holds the things in memory.
type Set[T Item] struct {
	limit  int
	weight int
	// next is the weight above which things have to go: more than limit if the last
	// look found too little, so that not every use looks again in vain. It comes down
	// with the weight.
	next int
	used *list.List // of *entry[T], the most recently used first
	all  map[T]*list.Element
}

type entry[T Item] struct {
	item   T
	weight int
	used   time.Time
}

// New makes an empty set of at most limit bytes and an eighth, as far as things
// can shed so much. The one that was used last keeps what it has.
func New[T Item](limit int) *Set[T] {
	return &Set[T]{limit: limit, next: limit, used: list.New(), all: make(map[T]*list.Element)}
}

// Use adds a thing or notes its use, and makes room if that takes too much.
func (s *Set[T]) Use(item T, now time.Time) {
	e := s.all[item]
	if e == nil {
		e = s.used.PushFront(&entry[T]{item: item})
		s.all[item] = e
	}
	s.used.MoveToFront(e)
	e.Value.(*entry[T]).used = now
	s.Weigh(item, now)
}

// Weigh notes that the weight of a thing of the set changed, and makes room if
// that takes too much.
func (s *Set[T]) Weigh(item T, now time.Time) {
	e := s.all[item]
	if e == nil {
		return
	}
	s.count(e.Value.(*entry[T]))
	if s.weight > s.next {
		s.shed(now)
	}
	s.next = min(s.next, s.bound())
}

// Remove forgets a thing, without its Forget.
func (s *Set[T]) Remove(item T) {
	if e := s.all[item]; e != nil {
		s.weight -= s.used.Remove(e).(*entry[T]).weight
		delete(s.all, item)
	}
}

// Expire forgets what is free and was not used since.
func (s *Set[T]) Expire(since time.Time) {
	for e := s.used.Back(); e != nil; {
		in := e.Value.(*entry[T])
		e = e.Prev()
		if in.used.After(since) {
			return
		}
		s.forget(in)
	}
}

// Weight is what everything weighs as far as it was noted, in bytes.
func (s *Set[T]) Weight() int { return s.weight }

func (s *Set[T]) count(in *entry[T]) {
	weight := in.item.Weight()
	s.weight += weight - in.weight
	in.weight = weight
}

// forget reports whether a thing could be forgotten.
func (s *Set[T]) forget(in *entry[T]) bool {
	if !in.item.Free() {
		return false
	}
	s.Remove(in.item)
	in.item.Forget()
	return true
}

// shed makes an eighth of the limit free, as far as it can.
func (s *Set[T]) shed(now time.Time) {
	for e := s.used.Back(); e != s.used.Front() && s.weight > s.limit-s.limit/8; {
		in := e.Value.(*entry[T])
		e = e.Prev()
		if now.Sub(in.used) >= Lately && s.forget(in) {
			continue
		}
		in.item.Shed()
		s.count(in)
	}
	s.next = s.bound()
}

// bound is the limit, or an eighth of it above what is there.
func (s *Set[T]) bound() int { return max(s.limit, s.weight+s.limit/8) }
