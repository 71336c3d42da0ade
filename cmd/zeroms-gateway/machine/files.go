package machine

import (
	"os"
	"path/filepath"
)

// Temporary ends the name of a file that is being written.
const Temporary = ".new"

// WriteFile replaces a file as a whole, readable by its owner only, and returns when
// it is on the disk: a crash leaves the old one or the new one.
func WriteFile(path string, content []byte) error {
	f, err := os.OpenFile(path+Temporary, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	if err == nil {
		err = f.Sync()
	}
	if closed := f.Close(); err == nil {
		err = closed
	}
	if err == nil {
		err = os.Rename(path+Temporary, path)
	}
	if err != nil {
		return err
	}
	return SyncDir(filepath.Dir(path))
}

// SyncDir returns when the names in a directory are on the disk.
func SyncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}
