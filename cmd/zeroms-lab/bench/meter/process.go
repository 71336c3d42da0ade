// Package meter reads what a process and a machine take and give: CPU time and
// memory out of /proc, the time of a durable write, and how fast this computer
// is at what messengers do.
package meter

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// tick is the unit of CPU time in /proc/PID/stat: USER_HZ, 100 a second on every
// Linux that Go runs on.
const tick = 10 * time.Millisecond

// CPU is the user and system time of all threads of a process since its start,
// in steps of 10 ms. Error: the process is gone, or this is no Linux.
func CPU(pid int) (time.Duration, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, fmt.Errorf("the CPU time of process %d can't be read: %w", pid, err)
	}
	// The second field, the name, may hold blanks; it ends with the last bracket.
	fields := strings.Fields(string(b[bytes.LastIndexByte(b, ')')+1:]))
	const user, system = 14 - 3, 15 - 3
	if len(fields) <= system {
		return 0, fmt.Errorf("/proc/%d/stat has another form than expected", pid)
	}
	var ticks int64
	for _, f := range []string{fields[user], fields[system]} {
		n, err := strconv.ParseInt(f, 10, 64)
		if err != nil {
			return 0, fmt.Errorf("/proc/%d/stat: %w", pid, err)
		}
		ticks += n
	}
	return time.Duration(ticks) * tick, nil
}

// Ran is the time that the threads of a process ran which it has now, to the
// nanosecond: for what takes less than the steps of CPU, where no thread ends. Error:
// the process is gone, or the system does not tell.
func Ran(pid int) (total time.Duration, err error) {
	all, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", pid))
	if err == nil && len(all) == 0 {
		err = os.ErrNotExist
	}
	for _, path := range all {
		var b []byte
		if b, err = os.ReadFile(path); err != nil {
			break
		}
		ran, _, _ := strings.Cut(string(b), " ")
		var n int64
		if n, err = strconv.ParseInt(ran, 10, 64); err != nil {
			break
		}
		total += time.Duration(n)
	}
	if err != nil {
		return 0, fmt.Errorf("the time that process %d ran can't be read: %w", pid, err)
	}
	return total, nil
}

// Memory of a process, in KiB.
type Memory struct {
	RSS       int // resident
	Pss       int // the same, with pages that processes share divided among them
	Anonymous int // pages of no file: heap, stacks
}

// MemoryOf reads /proc/PID/smaps_rollup.
func MemoryOf(pid int) (m Memory, err error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
	if err != nil {
		return m, fmt.Errorf("the memory of process %d can't be read: %w", pid, err)
	}
	lines := bufio.NewScanner(bytes.NewReader(b))
	for lines.Scan() {
		name, value, _ := strings.Cut(lines.Text(), ":")
		n, _ := strconv.Atoi(strings.TrimSpace(strings.TrimSuffix(value, "kB")))
		switch name {
		case "Rss":
			m.RSS = n
		case "Pss":
			m.Pss = n
		case "Anonymous":
			m.Anonymous = n
		}
	}
	return m, lines.Err()
}

// Fdatasync measures durable writes into a directory: n times 4 KiB are written
// behind each other into one file and synced; the median time of both together.
func Fdatasync(dir string, n int) (time.Duration, error) {
	f, err := os.CreateTemp(dir, "fdatasync")
	if err != nil {
		return 0, fmt.Errorf("durable writes can't be measured: %w", err)
	}
	defer os.Remove(f.Name())
	defer f.Close()
	block := make([]byte, 4<<10)
	took := make([]time.Duration, n)
	for i := range took {
		began := time.Now()
		if _, err := f.Write(block); err != nil {
			return 0, err
		}
		if err := fdatasync(f); err != nil {
			return 0, fmt.Errorf("fdatasync in %s: %w", dir, err)
		}
		took[i] = time.Since(began)
	}
	return Quantile(took, 0.5), nil
}

// Quantile sorts the samples and returns the one with a share q of them below
// it; 0 of none.
func Quantile(samples []time.Duration, q float64) time.Duration {
	if len(samples) == 0 {
		return 0
	}
	slices.Sort(samples)
	return samples[min(int(q*float64(len(samples))), len(samples)-1)]
}

// DiskOf adds up what the files of a directory take on the disk, in bytes.
func DiskOf(dir string) (total int64, err error) {
	err = filepath.Walk(dir, func(_ string, info os.FileInfo, err error) error {
		if err == nil && info.Mode().IsRegular() {
			total += info.Size()
		}
		return err
	})
	return total, err
}
