package store

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// Lock is the exclusive ownership of a directory. The kernel drops it when the
// process ends, however it ends.
type Lock struct {
	file *os.File
}

// LockDir takes the lock file name (mode 0600) in the existing directory dir
// without waiting. The error is ErrLocked when somebody else holds it; the
// message then names the process number that the owner wrote into the file. The
// file itself stays for ever: removing it would let two processes own two files
// of the same name.
func LockDir(dir, name string) (*Lock, error) {
	path := filepath.Join(dir, name)
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, wrap("lock", err)
	}
	if err := flock(f); err != nil {
		defer f.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, fmt.Errorf("lock %s%s: %w", path, owner(f), ErrLocked)
		}
		return nil, wrap("lock "+path, err)
	}
	if err := sign(f); err != nil {
		f.Close()
		return nil, wrap("lock "+path, err)
	}
	return &Lock{file: f}, nil
}

// Close releases the lock. A second call does nothing.
func (l *Lock) Close() error {
	if err := l.file.Close(); err != nil && !errors.Is(err, os.ErrClosed) {
		return wrap("unlock", err)
	}
	return nil
}

// flock asks for the exclusive lock at once. Go opens files close-on-exec, so no
// child process inherits the lock.
func flock(f *os.File) error {
	for {
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if !errors.Is(err, syscall.EINTR) {
			return err
		}
	}
}

// sign writes the process number for the message of the next one who asks.
func sign(f *os.File) error {
	if err := f.Chmod(0o600); err != nil {
		return err
	}
	if err := f.Truncate(0); err != nil {
		return err
	}
	_, err := f.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0)
	return err
}

// owner is " (process N)", or nothing when the file does not say.
func owner(f *os.File) string {
	text, err := io.ReadAll(io.LimitReader(f, 16))
	if err != nil {
		return ""
	}
	n, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil || n <= 0 {
		return ""
	}
	return " (process " + strconv.Itoa(n) + ")"
}
