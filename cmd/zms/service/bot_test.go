package service

import (
	"testing"
	"time"

	"zeroms/client"
	"zeroms/cmd/zms/control"
)

func TestFloor(t *testing.T) {
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	days := func(ages ...int) (out []client.Message) { // heights 10, 20, ...; ages in days
		for i, age := range ages {
			out = append(out, client.Message{Height: uint32(10 * (i + 1)), Received: start.AddDate(0, 0, -age)})
		}
		return out
	}
	for _, c := range []struct {
		name string
		all  []client.Message
		left []int // indexes
		want uint32
	}{
		{"all new", days(5, 3, 1), nil, 10},
		{"all of one time, long ago", days(900, 900, 900), nil, 10},
		{"old ones below", days(300, 200, 101, 99, 0), nil, 40},
		{"an old one left", days(300, 200, 101, 99, 0), []int{1}, 20},
		{"a new one left", days(300, 200, 101, 99, 0), []int{4}, 40},
		{"one that came late among old ones", days(300, 200, 0, 150, 0), nil, 30},
		{"a clock that was wrong", days(300, -5000, 3, 2), nil, 20},
	} {
		var left []client.Message
		for _, i := range c.left {
			left = append(left, c.all[i])
		}
		if got := floorOf(c.all, left); got != c.want {
			t.Errorf("%s: %d, want %d", c.name, got, c.want)
		}
	}
}

func TestBotNames(t *testing.T) {
	for _, name := range []string{"bot", "echo-2", "a.b_c", "0"} {
		if !control.ValidName(name) {
			t.Errorf("%q is refused", name)
		}
	}
	for _, name := range []string{"", "Echo", "a b", "a/b", "ü", "a\n", "012345678901234567890123456789012"} {
		if control.ValidName(name) {
			t.Errorf("%q is taken", name)
		}
	}
}
