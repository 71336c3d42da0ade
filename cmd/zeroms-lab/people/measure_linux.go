package people

import (
	"errors"
	"os"
	"slices"
	"syscall"
	"time"
)

// syncs is how often syncTime measures.
const syncs = 101

// syncTime is the median of what fdatasync takes in a directory after 4 KiB were
// written behind the end of a file: the least that a durable commit can cost.
func syncTime(dir string) (took time.Duration, err error) {
	f, err := os.CreateTemp(dir, "fdatasync-")
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, f.Close(), os.Remove(f.Name())) }()
	block := make([]byte, 4096)
	var all []time.Duration
	for range syncs {
		if _, err := f.Write(block); err != nil {
			return 0, err
		}
		began := time.Now()
		if err := syscall.Fdatasync(int(f.Fd())); err != nil {
			return 0, err
		}
		all = append(all, time.Since(began))
	}
	slices.Sort(all)
	return all[len(all)/2], nil
}

// processTime is the CPU time of this process so far: both clients and the
// measurement itself.
func processTime() (time.Duration, error) {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0, err
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano()), nil
}
