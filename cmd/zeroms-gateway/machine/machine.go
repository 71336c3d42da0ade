// Package machine asks the operating system what a gateway's operator has to know:
// its limits, disk, clock and network addresses. It judges nothing. What a system
// does not tell is ErrUnknown.
package machine

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// ErrUnknown: this system has no such thing, or it can't be asked.
var ErrUnknown = errors.New("this system does not say")

// Disk is where a directory lies.
type Disk struct {
	Free, Total uint64 // bytes; Free is what this user may still use
	// Kind names the file system, Trouble says why a database must not, or should
	// not, be there.
	Kind    string
	Trouble Trouble
}

// Trouble is what is wrong with a kind of file system.
type Trouble uint8

// What a file system may lack.
const (
	None     Trouble = iota
	Remote           // locks and syncs of network file systems can't be relied on
	Volatile         // in memory: a restart empties it
	Layered          // a container's own layer, which goes with the container
)

// File is a file's or directory's mode and owner.
type File struct {
	Mode  os.FileMode
	Owner int // user id; -1: unknown
}

// syncRounds is how often SyncTime writes.
const syncRounds = 15

// SyncTime measures how long a write of 4 KiB takes until it is on the disk of a
// directory: the median of several, in a file that it makes and removes.
func SyncTime(dir string) (time.Duration, error) {
	f, err := os.CreateTemp(dir, ".sync-*")
	if err != nil {
		return 0, err
	}
	defer os.Remove(f.Name())
	defer f.Close()
	page := make([]byte, 4<<10)
	var took []time.Duration
	for i := range syncRounds {
		page[0] = byte(i)
		begin := time.Now()
		if _, err := f.WriteAt(page, int64(i)*int64(len(page))); err != nil {
			return 0, err
		}
		if err := syncData(f); err != nil {
			return 0, err
		}
		took = append(took, time.Since(begin))
	}
	slices.Sort(took)
	return took[len(took)/2], nil
}

// Addresses are those of this computer's network interfaces.
func Addresses() (all []netip.Addr, err error) {
	found, err := net.InterfaceAddrs()
	if err != nil {
		return nil, err
	}
	for _, a := range found {
		if prefix, err := netip.ParsePrefix(a.String()); err == nil {
			all = append(all, prefix.Addr().Unmap().WithZone(""))
		}
	}
	return all, nil
}

// Stat is a file's mode and owner.
func Stat(path string) (File, error) {
	info, err := os.Stat(path)
	if err != nil {
		return File{}, err
	}
	return File{Mode: info.Mode(), Owner: ownerOf(info)}, nil
}

// existing is the nearest directory that there is: for one that is still to be made.
func existing(dir string) (string, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(dir); err == nil {
			return dir, nil
		}
		above := filepath.Dir(dir)
		if above == dir {
			return "", fmt.Errorf("%s: %w", dir, os.ErrNotExist)
		}
		dir = above
	}
}
