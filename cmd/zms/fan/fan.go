// Package fan shares messages out among workers: each message to one of them at a
// time, to another one if the first is silent for too long, until somebody says
// that it is done. It has no clock and keeps nothing; what has to survive the
// process is told by Leases (docs/cli.md, "Fans").
//
//	waiting --Next--> handed to a worker --Done--> gone
//	   ^                    |
//	   +--- silent, Free ---+
//
// A worker has one message at a time, and who has been without one for longest is
// next. At most Window messages are known at once; More tells that there were
// others.
package fan

import (
	"errors"
	"slices"
	"time"
)

// Window is how many messages a Fan knows, those that were handed over included.
const Window = 4096

// ErrTwice is returned by Join for a worker that is there already.
var ErrTwice = errors.New("fan: a worker of this name is there already")

// ID names a message.
type ID [32]byte

// Lease is what has to be kept about a message: who has it and until when, and how
// often it was handed over.
type Lease struct {
	ID      ID
	Contact uint64
	Worker  string // empty: nobody has it
	Until   time.Time
	Tries   uint32
}

// Grant is a message for a worker. Tries counts how often it was handed over, this
// time included; the same number again is the same time again.
type Grant struct {
	Worker  string
	ID      ID
	Contact uint64
	Tries   uint32
}

type item struct {
	Lease
	last string // the worker that did not do it in time, or gave it back
}

type worker struct {
	name     string
	patience time.Duration
	busy     *item // what it has; nil: it waits for something
	silent   bool  // it let something run out and said nothing since
	leaving  bool  // it takes nothing more
}

// Fan is the messages and workers of one name.
type Fan struct {
	items   map[ID]*item
	queue   []*item // that wait, in their order
	left    map[uint64]int
	workers map[string]*worker
	free    []*worker // that wait, the longest first
	again   []Grant   // to workers that came back to what they have
	more    bool
	changed bool // what Leases tells
}

// Reconnect is how long a worker has at least, after another process took over, to
// come back to what it has.
const Reconnect = 5 * time.Second

// New makes a Fan of what was kept. A worker that has something keeps it until its
// time, but no shorter than Reconnect, and no longer than most from now on: clocks
// are changed.
func New(kept []Lease, now time.Time, most time.Duration) *Fan {
	f := &Fan{items: map[ID]*item{}, left: map[uint64]int{}, workers: map[string]*worker{}, more: true}
	for _, l := range kept {
		if f.items[l.ID] != nil {
			continue
		}
		if least := now.Add(Reconnect); l.Until.Before(least) {
			l.Until = least
		}
		if end := now.Add(most); l.Until.After(end) {
			l.Until = end
		}
		it := f.add(l)
		if l.Worker == "" {
			f.queue = append(f.queue, it)
		}
	}
	return f
}

func (f *Fan) add(l Lease) *item {
	it := &item{Lease: l}
	f.items[l.ID] = it
	f.left[l.Contact]++
	return it
}

// Offer tells of a message that is not done. It reports whether it is known now.
func (f *Fan) Offer(id ID, contact uint64) bool {
	if f.items[id] != nil {
		return true
	}
	if len(f.items) >= Window {
		f.more = true
		return false
	}
	f.queue = append(f.queue, f.add(Lease{ID: id, Contact: contact}))
	return true
}

// More reports whether there may be messages that are not known, and SetMore says
// so, or that all there were have been offered.
func (f *Fan) More() bool { return f.more }

// SetMore is told whether there may be messages that were not offered.
func (f *Fan) SetMore(more bool) { f.more = more }

// Wants reports whether it is time to offer what is not known yet.
func (f *Fan) Wants() bool { return f.more && len(f.items) <= Window/2 }

// Join lets a worker take part, which may be silent for so long. What it had before
// and was not given to anybody else is handed to it again. Error: ErrTwice.
func (f *Fan) Join(name string, patience time.Duration, now time.Time) error {
	if f.workers[name] != nil {
		return ErrTwice
	}
	w := &worker{name: name, patience: patience}
	f.workers[name] = w
	for _, it := range f.items {
		if it.Worker != name {
			continue
		}
		w.busy = it
		it.Until = now.Add(patience)
		f.again = append(f.again, Grant{name, it.ID, it.Contact, it.Tries})
		f.changed = true
	}
	if w.busy == nil {
		f.free = append(f.free, w)
	}
	return nil
}

// Leave ends a worker's part. What it has stays its own until its time is over.
func (f *Fan) Leave(name string) {
	w := f.workers[name]
	if w == nil {
		return
	}
	delete(f.workers, name)
	f.free = slices.DeleteFunc(f.free, func(o *worker) bool { return o == w })
	f.again = slices.DeleteFunc(f.again, func(g Grant) bool { return g.Worker == name })
}

// Lose is Leave of a worker that will not come back: what it has is for another one at
// once. A worker that takes nothing more may still be at work, though nobody hears of
// it: what it has stays its own.
func (f *Fan) Lose(name string) {
	if w := f.workers[name]; w != nil && w.busy != nil && !w.leaving {
		f.back(w.busy)
	}
	f.Leave(name)
}

// Hold tells that a worker is at work. It reports whether the worker is there.
func (f *Fan) Hold(name string, now time.Time) bool {
	w := f.workers[name]
	if w == nil {
		return false
	}
	w.silent = false
	if w.busy != nil {
		w.busy.Until = now.Add(w.patience) // not worth keeping: a worker that comes back has its whole time
	}
	return true
}

// Retire tells that a worker takes nothing more.
func (f *Fan) Retire(name string) {
	if w := f.workers[name]; w != nil {
		w.leaving = true
	}
}

// Free gives back what a worker has: for another one, as this one did not do it.
func (f *Fan) Free(name string) {
	if w := f.workers[name]; w != nil && w.busy != nil {
		w.silent = false
		f.back(w.busy)
	}
}

// back puts a message that somebody had in front of those that wait.
func (f *Fan) back(it *item) {
	it.last = it.Worker
	if w := f.workers[it.Worker]; w != nil && w.busy == it {
		w.busy = nil
		f.free = append(f.free, w)
	}
	it.Worker, it.Until = "", time.Time{}
	f.queue = slices.Insert(f.queue, 0, it)
	f.changed = true
}

// Has is the message that a worker has; false: none.
func (f *Fan) Has(name string) (ID, bool) {
	if w := f.workers[name]; w != nil && w.busy != nil {
		return w.busy.ID, true
	}
	return ID{}, false
}

// Done forgets a message, whoever did it. It reports whether nothing of its contact
// is left, as far as is known.
func (f *Fan) Done(id ID) (last bool) {
	it := f.items[id]
	if it == nil {
		return false
	}
	delete(f.items, id)
	if it.Worker == "" {
		f.queue = slices.DeleteFunc(f.queue, func(o *item) bool { return o == it })
	}
	if w := f.workers[it.Worker]; w != nil && w.busy == it {
		w.busy, w.silent = nil, false
		f.free = append(f.free, w)
	}
	f.changed = f.changed || it.Tries > 0
	if f.left[it.Contact]--; f.left[it.Contact] > 0 {
		return false
	}
	delete(f.left, it.Contact)
	return !f.more
}

// Next takes from workers what they had for too long, and returns what is to be
// handed over now and when to ask again at the latest; zero: not before something
// happens.
func (f *Fan) Next(now time.Time) (grants []Grant, next time.Time) {
	var late []*item
	for _, it := range f.items {
		if it.Worker != "" && !now.Before(it.Until) {
			late = append(late, it)
		}
	}
	slices.SortFunc(late, func(a, b *item) int { return b.Until.Compare(a.Until) }) // the first one comes to the front
	for _, it := range late {
		if w := f.workers[it.Worker]; w != nil {
			w.silent = true
		}
		f.back(it)
	}
	grants, f.again = f.again, nil
	for i := 0; i < len(f.queue) && len(f.free) > 0; {
		it := f.queue[i]
		w := f.taker(it)
		if w == nil {
			i++ // it is for none of those who wait
			continue
		}
		f.queue = slices.Delete(f.queue, i, i+1)
		it.Worker, it.Until = w.name, now.Add(w.patience)
		it.Tries++
		w.busy = it
		f.changed = true
		grants = append(grants, Grant{w.name, it.ID, it.Contact, it.Tries})
	}
	for _, it := range f.items {
		if it.Worker != "" && (next.IsZero() || it.Until.Before(next)) {
			next = it.Until
		}
	}
	return grants, next
}

// taker is who gets a message: who has waited for longest, those last who let
// something run out, and never who had this one before.
func (f *Fan) taker(it *item) *worker {
	best := -1
	for i, w := range f.free {
		if w.leaving || w.name == it.last {
			continue
		}
		if best < 0 || f.free[best].silent && !w.silent {
			best = i
		}
	}
	if best < 0 {
		return nil
	}
	w := f.free[best]
	f.free = slices.Delete(f.free, best, best+1)
	return w
}

// Changed reports whether Leases tells something else than when it was asked last.
func (f *Fan) Changed() bool { return f.changed }

// Leases are what has to be kept, in a fixed order: all messages that were ever
// handed over and are not done.
func (f *Fan) Leases() (out []Lease) {
	for _, it := range f.items {
		if it.Tries > 0 {
			out = append(out, it.Lease)
		}
	}
	slices.SortFunc(out, func(a, b Lease) int { return slices.Compare(a.ID[:], b.ID[:]) })
	f.changed = false
	return out
}

// Counts are how many workers there are, how many messages somebody has, and how
// many wait.
func (f *Fan) Counts() (workers, handed, waiting int) {
	for _, it := range f.items {
		if it.Worker != "" {
			handed++
		}
	}
	return len(f.workers), handed, len(f.items) - handed
}
