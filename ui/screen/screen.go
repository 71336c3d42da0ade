// Package screen has the goroutine that draws the window run functions, and wait.
//
// Fyne's driver looks 60 times a second for what the system tells the window, for
// functions, and whether there is something to draw. Two waits within its frames are made
// here; what is put is run meanwhile, and so is what the system tells:
//
//   - While the window is not used and nothing happens, a frame lasts 100 ms. 60 frames a
//     second would be 1 to 2 % of a core for a window that nobody looks at. What Fyne hands
//     to the goroutine by itself (the tray's menu, the system's colours) comes that much
//     later, which nobody sees.
//   - A frame is held for what comes of an input within a moment. It would be drawn in the
//     next one otherwise, 17 ms later.
//
// Timers put functions again and again. Nothing here knows the driver.
package screen

import (
	"sync"
	"time"
)

const (
	// restFor is how long a frame of a window lasts that is not used.
	restFor = 100 * time.Millisecond
	// calmFrames is how many frames nothing must have happened before. Fyne's own
	// animations, which it does not tell of, are over by then.
	calmFrames = 30
	// holdFor is how long a frame is held, so that it is not later than the next one would
	// be, and holdAll how long all are for one input.
	holdFor = 16 * time.Millisecond
	holdAll = 50 * time.Millisecond
)

// Screen is what is handed to the goroutine that draws, and how that waits. Put, Ended
// and End may be called from any goroutine, everything else belongs to that one.
type Screen struct {
	idle func(most time.Duration)
	wake func()

	mu      sync.Mutex
	put     []func() // guarded by mu
	waiting bool     // idle runs; guarded by mu
	calm    int      // frames since something happened; guarded by mu
	ended   bool     // guarded by mu

	// owned by the goroutine that draws
	until time.Time // frames are held until then
	holds int       // how often that was asked for
}

// New makes a Screen. idle waits until the system tells the window something, has the
// window take it, and returns then, when wake is called from elsewhere, or when the time
// is over. nil: it never waits.
func New(idle func(most time.Duration), wake func()) *Screen {
	return &Screen{idle: idle, wake: wake}
}

// Put adds a function, and has the goroutine wait no longer. It reports false when the
// screen has ended: then nothing is run any more.
func (s *Screen) Put(f func()) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended {
		return false
	}
	s.put = append(s.put, f)
	if s.waiting {
		s.wake() // under mu: as long as it waits, the driver is there to be woken
	}
	return true
}

// Step runs the first function, if there is one.
func (s *Screen) Step() {
	if f := s.first(); f != nil {
		f()
	}
}

func (s *Screen) first() (f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended || len(s.put) == 0 {
		return nil
	}
	f, s.put[0] = s.put[0], nil
	s.put, s.calm = s.put[1:], 0
	return f
}

// End has nothing run any more.
func (s *Screen) End() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ended = true
}

// Ended reports whether End was called.
func (s *Screen) Ended() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ended
}

// Hold has the next frames wait for what comes of an input, until release is called: each
// for 16 ms at most, and for 50 ms in all.
func (s *Screen) Hold() (release func()) {
	s.until = time.Now().Add(holdAll)
	s.holds++
	mine := s.holds
	return func() {
		if s.holds == mine {
			s.until = time.Time{}
		}
	}
}

// Frame is called in each frame, once the driver has taken what the system tells and
// before it draws. It runs what was put, and waits if there is a reason to. used tells
// whether somebody uses the window.
func (s *Screen) Frame(used bool) {
	s.stepAll()
	if s.idle == nil {
		return
	}
	if s.rests(used) {
		s.wait(restFor)
		s.stepAll()
	}
	for due := time.Now().Add(holdFor); !s.Ended(); s.stepAll() {
		most := min(time.Until(due), time.Until(s.until))
		if most <= 0 {
			return
		}
		s.wait(most)
	}
}

// stepAll runs the functions that are there.
func (s *Screen) stepAll() {
	s.mu.Lock()
	n := len(s.put)
	s.mu.Unlock()
	for range n {
		s.Step()
	}
}

// rests tells with each frame that the window is not used, and nothing happened for long.
func (s *Screen) rests(used bool) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calm++
	return !used && !s.ended && s.calm >= calmFrames
}

// wait waits until something happens or the time is over. It does not wait if there are
// functions to run.
func (s *Screen) wait(most time.Duration) {
	began := time.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.waiting = len(s.put) == 0; s.waiting {
		s.mu.Unlock()
		s.idle(most)
		s.mu.Lock()
		s.waiting = false
	}
	if time.Since(began) < most {
		s.calm = 0
	}
}
