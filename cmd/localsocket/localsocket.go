// Package localsocket opens and reaches sockets in the file system by which programs of
// one user talk to each other. A socket's path has at most 107 bytes on Linux; here the
// path of its directory may have any length.
package localsocket

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
)

// longest is how long a path is used as it is, in bytes.
const longest = 100

// Listen opens the socket name in dir, mode 0600. One that a process left behind is
// replaced, so the caller holds a lock by which it is the only one. Closing it leaves the
// file; Remove takes that away. Errors: those of the file system.
func Listen(dir, name string) (listener *net.UnixListener, err error) {
	if err := Remove(dir, name); err != nil {
		return nil, fmt.Errorf("the old socket can't be removed: %w", err)
	}
	err = within(dir, name, func(path string) error {
		if listener, err = net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"}); err != nil {
			return err
		}
		listener.SetUnlinkOnClose(false)
		if err := os.Chmod(path, 0o600); err != nil {
			return errors.Join(err, listener.Close(), Remove(dir, name))
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("the socket can't be made: %w", err)
	}
	return listener, nil
}

// Remove takes the socket's file away, if it is there.
func Remove(dir, name string) error {
	if err := os.Remove(filepath.Join(dir, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// Dial connects to the socket name in dir. Errors: fs.ErrNotExist and
// syscall.ECONNREFUSED if nobody is there, ctx's.
func Dial(ctx context.Context, dir, name string) (conn net.Conn, err error) {
	err = within(dir, name, func(path string) error {
		conn, err = new(net.Dialer).DialContext(ctx, "unix", path)
		return err
	})
	return conn, err
}

// within calls f with a path of name in dir that is short enough for a socket.
func within(dir, name string, f func(path string) error) error {
	path := filepath.Join(dir, name)
	if len(path) <= longest {
		return f(path)
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return f(filepath.Join(fmt.Sprintf("/proc/self/fd/%d", d.Fd()), name))
}
