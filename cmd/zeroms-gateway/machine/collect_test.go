package machine_test

import (
	"context"
	"runtime/debug"
	"testing"
	"time"

	"zeroms/cmd/zeroms-gateway/machine"
)

// TestThrift: the percent follows what collections cost, and does not swing when its own
// change halves or doubles their number.
func TestThrift(t *testing.T) {
	var thrift machine.Thrift
	for i, c := range []struct {
		collections uint64
		in          time.Duration
		want        int
	}{
		{0, time.Second, 50},
		{4, time.Second, 50},
		{8, time.Second, 100},
		{4, time.Second, 100}, // half as many, because twice as much may gather
		{1, time.Second, 100},
		{1, 2 * time.Second, 50},
		{1, time.Second, 50},
		{60, 10 * time.Second, 100},
	} {
		if got := thrift.Percent(c.collections, c.in); got != c.want {
			t.Errorf("step %d: %d %%, want %d %%", i, got, c.want)
		}
	}
}

// TestCollectGivesBack: what was set before is set again at the end; an operator's GOGC
// is left alone.
func TestCollectGivesBack(t *testing.T) {
	before := debug.SetGCPercent(80)
	defer debug.SetGCPercent(before)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	t.Setenv("GOGC", "")
	go func() { defer close(ended); machine.LoopCollect(ctx) }()
	cancel()
	<-ended
	t.Setenv("GOGC", "70")
	machine.LoopCollect(t.Context())
	if now := debug.SetGCPercent(80); now != 80 {
		t.Errorf("%d %% at the end, 80 before", now)
	}
}
