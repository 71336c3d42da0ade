package feed

import "testing"

func TestEverySubscriberGetsEveryEventInOrder(t *testing.T) {
	f := New(-1)
	a, b := f.Subscribe(), f.Subscribe()
	f.Emit([]int{1, 2})
	f.Emit([]int{3})
	for _, s := range []*Subscription[int]{a, b} {
		for want := 1; want <= 3; want++ {
			if got := <-s.C; got != want {
				t.Fatalf("event %d came in place of %d", got, want)
			}
		}
	}
}

func TestSlowSubscriberIsToldThatItMissedEvents(t *testing.T) {
	f := New(-1)
	slow, fast := f.Subscribe(), f.Subscribe()
	for n := range Size {
		f.Emit([]int{n})
		<-fast.C
	}
	f.Emit([]int{Size})
	if got := <-fast.C; got != Size {
		t.Fatalf("the fast one got %d", got)
	}
	if got := <-slow.C; got != -1 {
		t.Fatalf("the slow one got %d instead of the overflow event", got)
	}
	f.Emit([]int{7})
	if got := <-slow.C; got != 7 {
		t.Fatalf("after the overflow %d came", got)
	}
}

func TestClosedSubscriptionsEnd(t *testing.T) {
	f := New(-1)
	s := f.Subscribe()
	s.Close()
	s.Close()
	f.Emit([]int{1})
	if _, open := <-s.C; open {
		t.Fatal("an event after Close")
	}
	last := f.Subscribe()
	f.End()
	if _, open := <-last.C; open {
		t.Fatal("an event after the end of the feed")
	}
	if _, open := <-f.Subscribe().C; open {
		t.Fatal("a subscription after the end of the feed is open")
	}
}
