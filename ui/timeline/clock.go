package timeline

import "time"

// Clock is what somebody who shows times needs: what time it is, and to be called later.
type Clock struct {
	Now func() time.Time
	// Every calls f each d until stop is called.
	Every func(d time.Duration, f func()) (stop func())
}

// checked is how often it is looked at least whether a day has passed: timers stand still
// while the computer sleeps, and clocks are set.
const checked = time.Minute

// Daily calls f once a day has passed, at midnight, until stop is called.
func (c Clock) Daily(f func()) (stop func()) {
	day, ended := date(c.Now()), false
	var halt, wait func()
	check := func() {
		halt()
		if now := date(c.Now()); now != day {
			day = now
			f()
		}
		if !ended {
			wait()
		}
	}
	wait = func() {
		now := c.Now().Local()
		y, m, d := now.Date()
		midnight := time.Date(y, m, d+1, 0, 0, 0, 0, time.Local)
		halt = c.Every(max(time.Millisecond, min(checked, midnight.Sub(now))), check)
	}
	wait()
	return func() {
		ended = true
		halt()
	}
}

// day is a day of the calendar.
type day struct {
	year  int
	month time.Month
	day   int
}

func date(t time.Time) (d day) {
	d.year, d.month, d.day = t.Local().Date()
	return d
}
