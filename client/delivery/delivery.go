// Package delivery decides when a client sends, repeats, acknowledges, asks for
// what is missing and gives up (docs/protocol/delivery.md and client.md). Its
// machines are plain structs that take the time as an argument: Outbox orders
// what waits for a device and paces repetitions, Acks paces acknowledgements,
// Repair asks for missing messages, Resync and AnswerBudget are the limits of
// what others can make a client do, HeadsAlone shows the loss of a last message,
// Copy knows how long a message is kept, and Alarms holds the deadlines of
// whoever owns them. Nothing here does I/O.
package delivery

import (
	"time"
)

// Timing holds the intervals of delivery.
type Timing struct {
	// AckDelay is how long an acknowledgement waits for an envelope to ride on;
	// AckInterval is the least time between two that travel alone.
	AckDelay, AckInterval time.Duration
	// SilentMin and SilentMax bound the random time after which something that
	// nobody sees is acknowledged alone.
	SilentMin, SilentMax time.Duration
	// AnswerMin and AnswerMax bound the random time after which an init of a
	// contact is answered.
	AnswerMin, AnswerMax time.Duration
	// RetryMin and RetryMax bound the pause before a submission is repeated; it
	// doubles from one to the other.
	RetryMin, RetryMax time.Duration
	// Silent is how long a gateway may take for an answer to a submission before the
	// recipient's next one is tried, if they have several.
	Silent time.Duration
	// OutMin and OutMax bound how long such a gateway is passed over.
	OutMin, OutMax time.Duration
	// FetchMin and FetchMax bound the pause between attempts to fetch a profile.
	FetchMin, FetchMax time.Duration
	// SeekMin and SeekMax bound the pause between lookups of a contact in the network.
	SeekMin, SeekMax time.Duration
	// Tidy is how long erased rows may stay readable on disk.
	Tidy time.Duration
	// Sweep is the interval of looking for what has expired.
	Sweep time.Duration
}

// Default returns the product's intervals (docs/protocol/client.md).
func (Timing) Default() Timing {
	return Timing{
		AckDelay: 200 * time.Millisecond, AckInterval: time.Second,
		SilentMin: 5 * time.Minute, SilentMax: 30 * time.Minute,
		AnswerMin: time.Second, AnswerMax: 20 * time.Second,
		RetryMin: time.Second, RetryMax: 10 * time.Minute,
		Silent: 3 * time.Second, OutMin: 15 * time.Second, OutMax: 10 * time.Minute,
		FetchMin: 2 * time.Second, FetchMax: 30 * time.Minute,
		SeekMin: 5 * time.Second, SeekMax: time.Hour,
		Tidy:  30 * time.Second,
		Sweep: time.Hour,
	}
}

// Backoff is a pause that doubles with each failure.
type Backoff struct {
	// Failures counts the failures in a row.
	Failures uint32
	// Until is when the next attempt may start.
	Until time.Time
}

// Fail notes a failure at now and returns when to try again.
func (b *Backoff) Fail(now time.Time, least, most time.Duration) time.Time {
	wait := most
	if b.Failures < 20 && least<<b.Failures < most {
		wait = least << b.Failures
	}
	b.Failures++
	b.Until = now.Add(wait)
	return b.Until
}

// Reset forgets the failures.
func (b *Backoff) Reset() { *b = Backoff{} }

// Ready reports whether an attempt may start at now.
func (b *Backoff) Ready(now time.Time) bool { return !now.Before(b.Until) }
