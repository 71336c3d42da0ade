package delivery

import "time"

// RepairTiming holds the intervals and time limits of repair
// (docs/protocol/delivery.md).
type RepairTiming struct {
	// Grace is how long a message may be missing before it is asked for.
	Grace time.Duration
	// AskMin and AskMax bound the pause between two NACKs: it doubles from one
	// to the other while nothing comes.
	AskMin, AskMax time.Duration
	// LaterMax is the longest time for which a LATER is obeyed.
	LaterMax time.Duration
	// AnswerWait is how long after a sign of life from a device an answer to two
	// NACKs may take; Silence is how long without one.
	AnswerWait, Silence time.Duration
	// ResyncPause is the least time between two resyncs of a pair of devices.
	ResyncPause time.Duration
	// HeadsMin and HeadsMax bound the random time after which heads leave alone;
	// both double while nothing is acknowledged, until HeadsRest.
	HeadsMin, HeadsMax, HeadsRest time.Duration
	// Live is how long a device counts as alive after it was heard from.
	Live time.Duration
	// Linger is how long an own message is kept after the last device it is kept
	// for has acknowledged it; KeepMax how long in any case.
	Linger, KeepMax time.Duration
}

const day = 24 * time.Hour

// Default returns the product's intervals.
func (RepairTiming) Default() RepairTiming {
	return RepairTiming{
		Grace:  15 * time.Second,
		AskMin: 10 * time.Second, AskMax: time.Hour,
		LaterMax:   day,
		AnswerWait: 20 * time.Second, Silence: time.Hour,
		ResyncPause: time.Hour,
		HeadsMin:    5 * time.Minute, HeadsMax: 30 * time.Minute, HeadsRest: day,
		Live:   37 * day,
		Linger: 7 * day, KeepMax: 67 * day,
	}
}

// pause is the pause after so many attempts in vain: it doubles from least to
// most, and is zero before the first attempt.
func pause(vain uint32, least, most time.Duration) time.Duration {
	if vain == 0 {
		return 0
	}
	for ; vain > 1 && least < most && least > 0; vain-- {
		least *= 2
	}
	return min(least, most)
}
