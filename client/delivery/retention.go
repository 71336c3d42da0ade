package delivery

import "time"

// Verdict says what becomes of an own message for one device.
type Verdict uint8

// The verdicts.
const (
	// Keep: the message may still be asked for, or is under way.
	Keep Verdict = 1
	// Resend: the gateway gave it up; it is sent again.
	Resend Verdict = 2
	// NotDelivered: it is given up and shown as not delivered to the device.
	NotDelivered Verdict = 3
	// Forget: the device needs it no longer.
	Forget Verdict = 4
)

// String is the verdict's name.
func (v Verdict) String() string {
	names := [...]string{"", "keep", "resend", "not-delivered", "forget"}
	if int(v) < len(names) {
		return names[v]
	}
	return ""
}

// Copy is one own chained message for one device.
type Copy struct {
	// Written is when the message was written.
	Written time.Time
	// Listed tells whether the person's device list still names the device.
	Listed bool
	// Heard is when something of the device was opened last; zero: never.
	Heard time.Time
	// Custody is until when a gateway holds it; zero: none does.
	Custody time.Time
	// Acked is when the device acknowledged it; zero: it did not.
	Acked time.Time
}

// Verdict decides at now, and tells when it may change by itself; zero: never.
func (c Copy) Verdict(now time.Time, t RepairTiming) (v Verdict, next time.Time) {
	most := c.Written.Add(t.KeepMax)
	if !c.Listed {
		return Forget, time.Time{}
	}
	if !c.Acked.IsZero() {
		if end := earlier(c.Acked.Add(t.Linger), most); now.Before(end) {
			return Keep, end
		}
		return Forget, time.Time{}
	}
	alive := later(c.Written, c.Heard).Add(t.Live)
	end := earlier(later(alive.Add(t.Linger), c.Custody), most)
	switch {
	case !now.Before(end):
		return NotDelivered, time.Time{}
	case c.Custody.IsZero():
		return Keep, end
	case now.Before(c.Custody):
		return Keep, earlier(end, c.Custody)
	case now.Before(alive):
		return Resend, end
	}
	return Keep, end
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}
