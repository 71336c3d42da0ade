package machine

import (
	"bufio"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
)

// OpenFiles is how many files, and so connections, a process may have open; pid 0:
// this one, of which Go has raised the soft limit to the hard one.
func OpenFiles(pid int) (uint64, error) {
	if pid == 0 {
		var limit syscall.Rlimit
		if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
			return 0, err
		}
		return limit.Cur, nil
	}
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/limits", pid))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(text)) {
		rest, found := strings.CutPrefix(line, "Max open files")
		if fields := strings.Fields(rest); found && len(fields) > 0 {
			return strconv.ParseUint(fields[0], 10, 64)
		}
	}
	return 0, ErrUnknown
}

// Memory is how much this computer has, in bytes.
func Memory() (uint64, error) {
	f, err := os.Open("/proc/meminfo")
	if err != nil {
		return 0, err
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if rest, found := strings.CutPrefix(lines.Text(), "MemTotal:"); found {
			kib, err := strconv.ParseUint(strings.TrimSuffix(strings.TrimSpace(rest), " kB"), 10, 64)
			return kib << 10, err
		}
	}
	return 0, ErrUnknown
}

// What adjtimex answers (linux/timex.h).
const (
	timeError  = 5
	staUnsynch = 0x0040
)

// Synchronised reports whether the kernel's clock follows a time server.
func Synchronised() (bool, error) {
	var t syscall.Timex // Modes 0: it changes nothing
	state, err := syscall.Adjtimex(&t)
	if err != nil {
		return false, err
	}
	return state != timeError && t.Status&staUnsynch == 0, nil
}

// kinds are the file systems that are named, by their magic numbers (statfs(2)).
var kinds = map[uint32]struct {
	name    string
	trouble Trouble
}{
	0xef53: {"ext4", None}, 0x58465342: {"xfs", None}, 0x9123683e: {"btrfs", None}, 0x2fc12fc1: {"zfs", None},
	0xf2f52010: {"f2fs", None}, 0xca451a4e: {"bcachefs", None},
	0x6969: {"nfs", Remote}, 0xff534d42: {"cifs", Remote}, 0xfe534d42: {"smb", Remote}, 0x517b: {"smb", Remote},
	0x01021997: {"9p", Remote}, 0x65735546: {"fuse", Remote}, 0x00c36400: {"ceph", Remote}, 0x5346414f: {"afs", Remote},
	0x01021994: {"tmpfs", Volatile}, 0x858458f6: {"ramfs", Volatile},
	0x794c7630: {"overlay", Layered},
}

// DiskOf is where a directory, or the nearest one above it that there is, lies.
func DiskOf(dir string) (Disk, error) {
	dir, err := existing(dir)
	if err != nil {
		return Disk{}, err
	}
	var s syscall.Statfs_t
	if err := syscall.Statfs(dir, &s); err != nil {
		return Disk{}, err
	}
	size := uint64(s.Bsize)
	d := Disk{Free: s.Bavail * size, Total: s.Blocks * size, Kind: fmt.Sprintf("file system %#x", uint32(s.Type))}
	if kind, known := kinds[uint32(s.Type)]; known {
		d.Kind, d.Trouble = kind.name, kind.trouble
	}
	return d, nil
}

func syncData(f *os.File) error { return syscall.Fdatasync(int(f.Fd())) }

func ownerOf(info os.FileInfo) int {
	if s, ok := info.Sys().(*syscall.Stat_t); ok {
		return int(s.Uid)
	}
	return -1
}
