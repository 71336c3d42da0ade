package people

import (
	"slices"
	"time"

	"zeroms/client"
)

// Tally is what came of the messages of a work; all are zero in a good one.
type Tally struct {
	Lost       int // never came
	Doubled    int // came more than once
	Disordered int // were shown before one that was sent earlier
}

// book notes the messages that a person is shown, in the order of their events.
type book struct {
	seen map[string]int
	last uint32
	bad  Tally
}

func newBook() *book { return &book{seen: map[string]int{}} }

// note takes a message that was shown.
func (b *book) note(m *client.Message) {
	b.seen[m.Text]++
	if b.seen[m.Text] > 1 {
		b.bad.Doubled++
		return
	}
	if m.Seq <= b.last || m.Late {
		b.bad.Disordered++
	}
	b.last = max(b.last, m.Seq)
}

// tally compares with how many texts were sent.
func (b *book) tally(sent int) Tally {
	t := b.bad
	t.Lost = sent - len(b.seen)
	return t
}

// quantile is the least value that the share q (0 to 1) of all does not exceed.
func quantile(sorted []time.Duration, q float64) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[min(int(q*float64(len(sorted))), len(sorted)-1)]
}

func sorted(all []time.Duration) []time.Duration {
	out := slices.Clone(all)
	slices.Sort(out)
	return out
}
