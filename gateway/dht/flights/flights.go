// Package flights keeps the requests that have no answer yet.
package flights

import "slices"

// Flight is a request to somebody; Owner is who waits for the answer. Times are
// Unix nanoseconds.
type Flight[P, O any] struct {
	ID            uint64
	Sent, Expires int64
	Peer          P
	Owner         O
	landed        bool
}

// List is requests by id, which is also by time. The zero value is ready.
type List[P, O any] struct {
	flights []Flight[P, O]
	last    uint64
}

// Len is how many entries the list has, landed ones among them.
func (l *List[P, O]) Len() int { return len(l.flights) }

// Add takes a request and returns its id, which no other has. It must not expire
// before one that was added earlier.
func (l *List[P, O]) Add(f Flight[P, O]) uint64 {
	l.last++
	f.ID, f.landed = l.last, false
	l.flights = append(l.flights, f)
	return f.ID
}

// find is where a request stands; false: it is not there, or landed before.
func (l *List[P, O]) find(id uint64) (i int, ok bool) {
	i, ok = slices.BinarySearchFunc(l.flights, id, func(have Flight[P, O], id uint64) int {
		switch {
		case have.ID < id:
			return -1
		case have.ID > id:
			return 1
		}
		return 0
	})
	return i, ok && !l.flights[i].landed
}

// Has reports whether a request still waits for its answer.
func (l *List[P, O]) Has(id uint64) bool {
	_, ok := l.find(id)
	return ok
}

// Land takes a request out; false: it is not there, or landed before.
func (l *List[P, O]) Land(id uint64) (f Flight[P, O], ok bool) {
	i, ok := l.find(id)
	if !ok {
		return f, false
	}
	f = l.flights[i]
	l.flights[i] = Flight[P, O]{ID: id, landed: true} // lets go of who waited
	l.trim()
	return f, true
}

// trim forgets those that landed, from the front.
func (l *List[P, O]) trim() {
	i := 0
	for i < len(l.flights) && l.flights[i].landed {
		i++
	}
	switch {
	case i == len(l.flights):
		l.flights = l.flights[:0]
		if cap(l.flights) > 64 {
			l.flights = nil
		}
	case i > 16 || i > len(l.flights)/2:
		l.flights = slices.Delete(l.flights, 0, i)
	}
}

// Expired takes one request out whose time is over; false: there is none.
func (l *List[P, O]) Expired(now int64) (f Flight[P, O], ok bool) {
	at, ok := l.Due()
	if !ok || at > now {
		return f, false
	}
	for i := range l.flights {
		if !l.flights[i].landed {
			return l.Land(l.flights[i].ID)
		}
	}
	return f, false
}

// Due is when the first of them expires; false: there is none.
func (l *List[P, O]) Due() (at int64, ok bool) {
	for i := range l.flights {
		if !l.flights[i].landed {
			return l.flights[i].Expires, true
		}
	}
	return 0, false
}
