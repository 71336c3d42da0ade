package places_test

import (
	"errors"
	"testing"

	"zeroms/client"
	"zeroms/ui/model/modeltest"
	"zeroms/ui/model/places"
)

func TestHealth(t *testing.T) {
	w := modeltest.New(t, modeltest.Options{})
	told := 0
	h := places.NewHealth(w.Deps(), func() { told++ })
	if !h.Known || h.None || h.SetBack || told != 1 {
		t.Fatalf("it began with %+v, told %d times", h, told)
	}
	w.Down(0, "busy")
	if told != 1 {
		t.Error("a change was told that is none")
	}
	w.SetBack()
	if !h.SetBack || told != 2 {
		t.Errorf("set back: %t, told %d times", h.SetBack, told)
	}
	w.Fail("Status", errors.New("no"))
	w.Lag()
	if !h.SetBack {
		t.Error("what was known is forgotten")
	}
	h.Close()
	w.Fail("Status", nil)
	w.Tell(client.GatewayRemoved{})
	if told != 2 {
		t.Error("it is told after Close")
	}
}

func TestHealthReadsOnceForMuch(t *testing.T) {
	w := modeltest.New(t, modeltest.Options{Empty: true})
	w.Async.Hold = true
	h := places.NewHealth(w.Deps(), func() {})
	defer h.Close()
	for range 10 {
		w.Lag()
	}
	if h.Known {
		t.Error("it is known before it was read")
	}
	w.Async.Release()
	w.Async.Release()
	if n := w.Calls("Status"); n != 2 || !h.None {
		t.Errorf("it was read %d times, and there is no gateway: %t", n, h.None)
	}
}
