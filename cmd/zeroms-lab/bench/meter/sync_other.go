//go:build !linux

package meter

import (
	"errors"
	"os"
	"time"
)

func fdatasync(f *os.File) error { return f.Sync() }

func ownCPU() (time.Duration, error) {
	return 0, errors.New("meter: CPU time is measured on Linux only")
}
