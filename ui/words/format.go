package words

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// Clock is the time of day.
func (w *Words) Clock(t time.Time) string { return t.Local().Format("15:04") }

// Day is a day in full: "Today", "Yesterday", "20 November", "20 November 2025".
func (w *Words) Day(t, now time.Time) string {
	t, now = t.Local(), now.Local()
	switch days(t, now) {
	case 0:
		return w.Say("base.today")
	case 1:
		return w.Say("base.yesterday")
	}
	if t.Year() == now.Year() {
		return w.date(t)
	}
	return w.fullDate(t)
}

// When is short, for a list: the clock today, the weekday within a week, else the date.
func (w *Words) When(t, now time.Time) string {
	t, now = t.Local(), now.Local()
	ago := days(t, now)
	switch {
	case ago == 0:
		return w.Clock(t)
	case ago > 0 && ago < 7:
		return pick(w.Say("base.weekdays"), int(t.Weekday()))
	case t.Year() == now.Year():
		return w.Say("base.shortDate", "Day", t.Day(), "Month", pick(w.Say("base.shortMonths"), int(t.Month())-1))
	}
	return w.Say("base.shortFullDate", "Day", t.Day(), "Month", pick(w.Say("base.shortMonths"), int(t.Month())-1), "Year", t.Year())
}

// Moment is a date and a time, to the second.
func (w *Words) Moment(t time.Time) string {
	t = t.Local()
	return w.Say("base.moment", "Date", w.fullDate(t), "Time", t.Format("15:04:05"))
}

func (w *Words) date(t time.Time) string {
	return w.Say("base.date", "Day", t.Day(), "Month", pick(w.Say("base.months"), int(t.Month())-1))
}

func (w *Words) fullDate(t time.Time) string {
	return w.Say("base.fullDate", "Day", t.Day(), "Month", pick(w.Say("base.months"), int(t.Month())-1), "Year", t.Year())
}

// pick is one of the words of a list.
func pick(list string, at int) string {
	words := strings.Split(list, "|")
	if at < 0 || at >= len(words) {
		return strconv.Itoa(at + 1)
	}
	return words[at]
}

// days is how many midnights lie between two times of one zone.
func days(t, now time.Time) int {
	day := func(t time.Time) time.Time { return time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, time.UTC) }
	return int(day(now).Sub(day(t)) / (24 * time.Hour))
}

// Took is a duration to two digits: "0.8 ms", "1.2 s", "3 min", "30 days".
func (w *Words) Took(d time.Duration) string {
	d = max(0, d)
	switch ms := float64(d) / float64(time.Millisecond); {
	case digits(ms) < 1000:
		return w.Say("base.milliseconds", "N", number(ms))
	case digits(ms/1000) < 60:
		return w.Say("base.seconds", "N", number(ms/1000))
	case math.Round(d.Minutes()) < 60:
		return w.Count("base.minutes", int(math.Round(d.Minutes())))
	case math.Round(d.Hours()) < 48:
		return w.Count("base.hours", int(math.Round(d.Hours())))
	}
	return w.Count("base.days", int(math.Round(d.Hours()/24)))
}

// digits rounds to two digits, or to a whole number above a hundred.
func digits(x float64) float64 {
	if x >= 100 || x == 0 {
		return math.Round(x)
	}
	unit := math.Pow(10, math.Floor(math.Log10(x))-1)
	return math.Round(x/unit) * unit
}

// number writes two digits: 0.04, 0.8, 1.2, 18, 410.
func number(x float64) string {
	x = digits(x)
	switch {
	case x == 0:
		return "0.0"
	case x >= 9.95:
		return strconv.FormatFloat(x, 'f', 0, 64)
	case x >= 0.1:
		return strconv.FormatFloat(x, 'f', 1, 64)
	case x >= 0.01:
		return strconv.FormatFloat(x, 'f', 2, 64)
	}
	return "0.0"
}

// Bytes is a size: "212 MB", of units of 1024.
func (w *Words) Bytes(n uint64) string {
	if n < 1024 {
		return w.Count("base.bytes", int(n))
	}
	size, unit := float64(n)/1024, 0
	for ; size >= 999.5 && unit < 4; unit++ {
		size /= 1024
	}
	text := strconv.FormatFloat(size, 'f', 0, 64)
	if size < 9.95 && math.Abs(size-math.Round(size)) >= 0.05 {
		text = strconv.FormatFloat(size, 'f', 1, 64)
	}
	return fmt.Sprintf("%s %cB", text, "KMGTP"[unit])
}

// Number is a whole number with its separators: "4,812".
func (w *Words) Number(n int) string {
	text := strconv.Itoa(n)
	start := 0
	if n < 0 {
		start = 1
	}
	for at := len(text) - 3; at > start; at -= 3 {
		text = text[:at] + "," + text[at:]
	}
	return text
}
