//go:build !linux

package machine

import "os"

// OpenFiles is how many files, and so connections, a process may have open.
func OpenFiles(int) (uint64, error) { return 0, ErrUnknown }

// Memory is how much this computer has, in bytes.
func Memory() (uint64, error) { return 0, ErrUnknown }

// Synchronised reports whether the clock follows a time server.
func Synchronised() (bool, error) { return false, ErrUnknown }

// DiskOf is where a directory, or the nearest one above it that there is, lies.
func DiskOf(dir string) (Disk, error) {
	if _, err := existing(dir); err != nil {
		return Disk{}, err
	}
	return Disk{}, ErrUnknown
}

func syncData(f *os.File) error { return f.Sync() }

func ownerOf(os.FileInfo) int { return -1 }
