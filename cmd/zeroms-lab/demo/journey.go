package demo

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strconv"
	"time"
)

// journey is the way of one message, from the records of both sides: written,
// submitted, custody and delivered are the sender's, received the recipient's.
// All clocks are this machine's.
type journey struct {
	n        int
	from, to string
	text     string
	online   bool   // both sides were online and all gateways up
	holder   string // name of the gateway that took custody
	size     int    // bytes of the envelope on the wire

	written, submitted, custody, received, delivered time.Time
}

// after is a hop's time from the writing on, in ms; "-" if it was not recorded.
func (j journey) after(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return strconv.FormatInt(t.Sub(j.written).Milliseconds(), 10)
}

// String is the line of the story.
func (j journey) String() string {
	custody := fmt.Sprintf("+%s ms in custody of %s", j.after(j.custody), j.holder)
	if j.custody.IsZero() {
		custody = fmt.Sprintf("delivered before the receipt of %s came", j.holder)
	}
	return fmt.Sprintf("#%-2d %s -> %s, %d bytes on the wire: written, +%s ms submitted, %s, +%s ms received by %s, +%s ms delivered",
		j.n, j.from, j.to, j.size, j.after(j.submitted), custody, j.after(j.received), j.to, j.after(j.delivered))
}

// table prints all journeys, and the summary of those with everybody online.
func table(w io.Writer, all []journey) {
	const format = "%3v  %-6s %-6s %7v  %-7s %9v %8v %9v %10v  %s\n"
	fmt.Fprint(w, "\nAll ways, in ms after writing. A gateway hands a message to a recipient who is connected while it is\n"+
		"still being written to disk, so received can come before custody. * everybody was online, all gateways were up.\n")
	fmt.Fprintf(w, format, "#", "from", "to", "bytes", "custody", "submitted", "custody", "received", "delivered", "text")
	for _, j := range all {
		mark := ""
		if j.online {
			mark = "*"
		}
		fmt.Fprintf(w, format, fmt.Sprintf("%d%s", j.n, mark), j.from, j.to, j.size, j.holder,
			j.after(j.submitted), j.after(j.custody), j.after(j.received), j.after(j.delivered), excerpt(j.text))
	}
	custody := spread(all, func(j journey) time.Time { return j.custody })
	received := spread(all, func(j journey) time.Time { return j.received })
	fmt.Fprintf(w, "* written to custody: %s\n* written to received: %s\n", custody, received)
}

// spread sums up a hop of the journeys with everybody online.
func spread(all []journey, hop func(journey) time.Time) string {
	var took []time.Duration
	for _, j := range all {
		if t := hop(j); j.online && !t.IsZero() {
			took = append(took, t.Sub(j.written))
		}
	}
	if len(took) == 0 {
		return "no messages"
	}
	slices.SortFunc(took, cmp.Compare)
	return fmt.Sprintf("p50 %d ms, max %d ms of %d messages",
		median(took).Milliseconds(), took[len(took)-1].Milliseconds(), len(took))
}

// median is the lower one of sorted durations.
func median(sorted []time.Duration) time.Duration { return sorted[(len(sorted)-1)/2] }
