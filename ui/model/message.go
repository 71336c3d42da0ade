package model

import (
	"bytes"
	"cmp"
	"time"

	"zeroms/client"
	"zeroms/ui/words"
)

// Tick is how far an own message has come, as it is drawn.
type Tick uint8

// The ticks.
const (
	TickNone        Tick = iota // not an own message, or one without content
	TickWaiting                 // for a gateway to take it
	TickCustody                 // a gateway has it
	TickDelivered               // every device of the recipient has it
	TickRead                    // the recipient has read it
	TickFailed                  // refused for good
	TickUndelivered             // some device did not take it in time
)

// TickOf is the tick of a message.
func TickOf(m client.Message) Tick {
	if !m.Outgoing {
		return TickNone
	}
	switch m.State {
	case client.Queued:
		return TickWaiting
	case client.InCustody:
		return TickCustody
	case client.Delivered:
		return TickDelivered
	case client.Read:
		return TickRead
	case client.Failed:
		return TickFailed
	case client.NotDelivered:
		return TickUndelivered
	}
	return TickNone
}

// oldest is by how much a sender's clock is believed to have been before the arrival:
// gateways keep nothing for longer.
const oldest = 40 * 24 * time.Hour

// Moment is when a message was written, as it is shown: by its sender's clock unless
// that can't be right, and then when the gateway took it, or when it came.
func Moment(m client.Message) time.Time {
	switch came := m.Received; {
	case came.IsZero() || m.Outgoing || !m.Written.After(came) && came.Sub(m.Written) <= oldest:
		return m.Written
	case !m.Gateway.IsZero() && m.Gateway.Before(came):
		return m.Gateway
	default:
		return came
	}
}

// dayOf is the day of a moment, counted, as calendars here have it.
func dayOf(t time.Time) int64 {
	y, m, d := t.Local().Date()
	return time.Date(y, m, d, 0, 0, 0, 0, time.UTC).Unix() / 86400
}

// SameDay reports whether a moment is of today.
func SameDay(t, now time.Time) bool { return dayOf(t) == dayOf(now) }

// special is what stands for a message without a text to show; empty: it has one.
func special(w *words.Words, m client.Message) string {
	switch {
	case m.Erased:
		return w.Say("talk.erased")
	case m.Unknown:
		return w.Say("talk.unknown")
	case Preview(m.Text) == "":
		return w.Say("talk.blank")
	}
	return ""
}

// compareMessages compares two messages in display order.
func compareMessages(a, b *client.Message) int {
	return cmp.Or(cmp.Compare(a.Height, b.Height), bytes.Compare(a.ID[:], b.ID[:]))
}
