package machine

import (
	"context"
	"os"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

// Percents of garbage that may gather beside what is in use, as GOGC means them.
const (
	calmGarbage = 50  // memory counts
	busyGarbage = 100 // processor time counts: Go's own default
)

// A gateway is busy from so many collections a second on, and calm again below so
// many. With twice the garbage allowed there are half as many, so that the two are
// further apart than that.
const (
	busyRate = 5.0
	calmRate = 1.0
)

// Thrift decides how much garbage may gather before it is collected: little while
// that costs next to nothing, which saves a quarter of a calm gateway's memory, and as
// much as in any Go program while there is work. The zero value is calm.
type Thrift struct{ busy bool }

// Percent is how much may gather, in percent of what is in use, after a time with so
// many collections.
func (t *Thrift) Percent(collections uint64, in time.Duration) int {
	rate := float64(collections) / in.Seconds()
	t.busy = rate >= busyRate || t.busy && rate >= calmRate
	if t.busy {
		return busyGarbage
	}
	return calmGarbage
}

// lookTick is between two looks at the collections.
const lookTick = time.Second

// LoopCollect holds the garbage collector to Thrift until ctx ends, unless the
// operator has set GOGC.
func LoopCollect(ctx context.Context) {
	if os.Getenv("GOGC") != "" {
		return
	}
	var thrift Thrift
	before := debug.SetGCPercent(calmGarbage)
	defer debug.SetGCPercent(before)
	tick := time.NewTicker(lookTick)
	defer tick.Stop()
	for set, last := calmGarbage, collections(); ; {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		now := collections()
		if p := thrift.Percent(now-last, lookTick); p != set {
			debug.SetGCPercent(p)
			set = p
		}
		last = now
	}
}

// collections is how many there were since the start.
func collections() uint64 {
	s := []metrics.Sample{{Name: "/gc/cycles/total:gc-cycles"}}
	metrics.Read(s)
	return s[0].Value.Uint64()
}
