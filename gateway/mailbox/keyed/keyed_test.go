package keyed

import (
	"errors"
	"testing"
	"testing/synctest"
)

func TestOneAtATimeForEachKey(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var l Locks
		begun, end := make(chan string, 3), make(chan struct{})
		run := func(k any, name string) {
			_ = l.Do(k, func() error { begun <- name; <-end; return nil })
		}
		go run(1, "first")
		synctest.Wait()
		go run(1, "second")
		go run(int64(1), "another type")
		synctest.Wait()
		if len(begun) != 2 || <-begun != "first" || <-begun != "another type" {
			t.Error("a key did not wait, or another one did")
		}
		if !l.Held(1) || l.Held(2) {
			t.Error("Held")
		}
		close(end)
		synctest.Wait()
		if len(begun) != 1 || l.Held(1) {
			t.Error("the waiting one did not run, or the key stays held")
		}
	})
}

func TestTheKeyIsFreeAfterAPanicAndAnError(t *testing.T) {
	var l Locks
	failed := errors.New("failed")
	if err := l.Do(1, func() error { return failed }); err != failed {
		t.Errorf("%v", err)
	}
	func() {
		defer func() { _ = recover() }()
		_ = l.Do(1, func() error { panic("test") })
	}()
	if err := l.Do(1, func() error { return nil }); err != nil || l.Held(1) {
		t.Errorf("%v", err)
	}
}
