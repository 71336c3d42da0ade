package screen

import (
	"context"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// system is the one that tells the window something, and what the window waits for.
type system struct {
	*Screen
	tells chan struct{}   // events, and what wakes the window
	waits []time.Duration // how long it waited each time
}

func (s *system) wait(most time.Duration) {
	began := time.Now()
	select {
	case <-s.tells:
	case <-time.After(most):
	}
	s.waits = append(s.waits, time.Since(began))
}

// frames has the driver's frames begin, and returns how often the window rested.
func (s *system) frames(n int, used bool) int {
	before := len(s.waits)
	for range n {
		s.Frame(used)
	}
	return len(s.waits) - before
}

// resting is a window that nobody uses, after frames in which nothing happened.
func resting(t *testing.T, then func(t *testing.T, s *system)) {
	synctest.Test(t, func(t *testing.T) {
		s := &system{tells: make(chan struct{}, 1)}
		s.Screen = New(s.wait, func() { s.tells <- struct{}{} })
		if n := s.frames(calmFrames-1, false); n != 0 {
			t.Fatalf("it rested %d times before it was calm", n)
		}
		if n := s.frames(5, false); n != 5 || slices.Max(s.waits) != restFor || slices.Min(s.waits) != restFor {
			t.Fatalf("of 5 frames %d lasted: %v", n, s.waits)
		}
		then(t, s)
	})
}

// TestRestsWhileNobodyUsesIt: if somebody does, each frame comes at once.
func TestRestsWhileNobodyUsesIt(t *testing.T) {
	resting(t, func(t *testing.T, s *system) {
		if n := s.frames(10*calmFrames, true); n != 0 {
			t.Errorf("it rested %d times", n)
		}
		if n := s.frames(1, false); n != 1 {
			t.Error("it does not rest again")
		}
	})
}

// TestSystemEndsARest: what comes is drawn at once, and so is what comes of it.
func TestSystemEndsARest(t *testing.T) {
	resting(t, func(t *testing.T, s *system) {
		s.tells <- struct{}{}
		if n := s.frames(1, false); n != 1 || s.waits[len(s.waits)-1] != 0 {
			t.Errorf("%d rests, %v", n, s.waits)
		}
		if n := s.frames(calmFrames-1, false); n != 0 {
			t.Errorf("%d of the frames after it lasted", n)
		}
		if n := s.frames(2, false); n != 2 {
			t.Errorf("it does not rest again: %d", n)
		}
	})
}

// TestFunctionEndsARest: nothing that is put waits for the time to be over.
func TestFunctionEndsARest(t *testing.T) {
	resting(t, func(t *testing.T, s *system) {
		var drawn sync.WaitGroup
		drawn.Go(func() { s.frames(1, false) })
		synctest.Wait() // it rests
		done := false
		if !s.Put(func() { done = true }) {
			t.Error("it has not ended")
		}
		drawn.Wait()
		if took := s.waits[len(s.waits)-1]; !done || took != 0 {
			t.Errorf("done: %v, after %v", done, took)
		}
		if n := s.frames(calmFrames-1, false); n != 0 {
			t.Errorf("%d of the frames after it lasted", n)
		}
	})
}

// TestFrameRunsWhatWasPut: what the driver has not begun is there when it draws, in order,
// and the driver does not run it once more.
func TestFrameRunsWhatWasPut(t *testing.T) {
	resting(t, func(t *testing.T, s *system) {
		var order []int
		for i := range 3 {
			s.Put(func() { order = append(order, i) })
		}
		s.Step()
		if n := s.frames(1, false); n != 0 || !slices.Equal(order, []int{0, 1, 2}) {
			t.Errorf("%d rests, %v", n, order)
		}
		s.Step()
		if len(order) != 3 {
			t.Errorf("something was done twice: %v", order)
		}
	})
}

// held is how long a frame of a window lasts that is used.
func (s *system) held() time.Duration {
	began := time.Now()
	s.frames(1, true)
	return time.Since(began)
}

// TestFrameIsHeldForWhatComes: it is drawn as soon as that is there, and not before,
// whatever else is put.
func TestFrameIsHeldForWhatComes(t *testing.T) {
	resting(t, func(t *testing.T, s *system) {
		release, came := s.Hold(), false
		var beside sync.WaitGroup
		beside.Go(func() {
			<-time.After(2 * time.Millisecond)
			s.Put(func() {})
			<-time.After(3 * time.Millisecond)
			s.Put(func() { came = true; release() })
		})
		if took := s.held(); took != 5*time.Millisecond || !came {
			t.Errorf("it took %v, it came: %v", took, came)
		}
		beside.Wait()
		if took := s.held(); took != 0 {
			t.Errorf("the next one took %v", took)
		}
	})
}

// TestFrameIsNotHeldForLong: neither each nor all of them, whatever the system tells.
func TestFrameIsNotHeldForLong(t *testing.T) {
	resting(t, func(t *testing.T, s *system) {
		first := s.Hold()
		s.tells <- struct{}{}
		if took := s.held(); took != holdFor {
			t.Errorf("one frame took %v", took)
		}
		s.Hold()
		first() // is not the one that is awaited any more
		all := time.Duration(0)
		for range 20 {
			all += s.held()
		}
		if all != holdAll {
			t.Errorf("all frames took %v", all)
		}
	})
}

// TestNothingAfterTheEnd: a screen that ends waits for nothing, takes nothing, and runs
// nothing that it has taken.
func TestNothingAfterTheEnd(t *testing.T) {
	resting(t, func(t *testing.T, s *system) {
		s.Hold()
		s.Put(s.End)
		s.Put(func() { t.Error("something is done after the end") })
		if n := s.frames(10*calmFrames, false); n != 0 || !s.Ended() {
			t.Errorf("it rested %d times; ended: %v", n, s.Ended())
		}
		if s.Put(func() {}) || len(s.tells) > 0 {
			t.Error("it takes something, or was woken")
		}
		s.Step()
	})
}

// TestTimersCallAgainAndAgain: each at its time, until it is stopped.
func TestTimersCallAgainAndAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, end := context.WithCancel(t.Context())
		var calls []string
		timers := NewTimers(func(f func()) { f() })
		var run sync.WaitGroup
		run.Go(func() { timers.Run(ctx) })
		stop := timers.Every(20*time.Millisecond, func() { calls = append(calls, "a") })
		timers.Every(30*time.Millisecond, func() { calls = append(calls, "b") })
		<-time.After(45 * time.Millisecond)
		stop()
		<-time.After(20 * time.Millisecond)
		end()
		run.Wait()
		if want := []string{"a", "b", "a", "b"}; !slices.Equal(calls, want) {
			t.Errorf("%v, not %v", calls, want)
		}
	})
}
