package dht

import (
	"os"
	"strconv"
	"strings"
	"time"
)

// tick is the unit of times in /proc: USER_HZ, 100 on every Linux.
const tick = 10 * time.Millisecond

// cpuOfOthers is how much time of the processors everything but this process took
// since the computer started; 0 where /proc does not say.
func cpuOfOthers() time.Duration {
	all, err := os.ReadFile("/proc/stat")
	own, err2 := os.ReadFile("/proc/self/stat")
	if err != nil || err2 != nil {
		return 0
	}
	line, _, _ := strings.Cut(string(all), "\n")
	fields := strings.Fields(line) // cpu user nice system idle iowait irq softirq steal
	if len(fields) < 9 {
		return 0
	}
	busy := ticks(fields[1:4]) + ticks(fields[6:9])
	_, rest, _ := strings.Cut(string(own), ") ")
	if fields = strings.Fields(rest); len(fields) < 13 {
		return 0
	}
	return busy - ticks(fields[11:13]) // utime and stime
}

func ticks(fields []string) (sum time.Duration) {
	for _, f := range fields {
		n, _ := strconv.ParseInt(f, 10, 64)
		sum += time.Duration(n) * tick
	}
	return sum
}
