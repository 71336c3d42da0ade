package ui

import (
	"os"
	"path/filepath"
	"syscall"
)

// dontNeed is POSIX_FADV_DONTNEED.
const dontNeed = 4

// chill has the system forget what it keeps in memory of files and of those of
// directories, so that a start reads them from the disk.
func chill(paths ...string) error {
	for _, root := range paths {
		err := filepath.Walk(root, func(path string, info os.FileInfo, err error) error {
			if err != nil || !info.Mode().IsRegular() {
				return err
			}
			f, err := os.Open(path)
			if err != nil {
				return err
			}
			defer f.Close()
			_ = f.Sync() // only what is on the disk can be forgotten
			_, _, _ = syscall.Syscall6(syscall.SYS_FADVISE64, f.Fd(), 0, 0, dontNeed, 0, 0)
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}
