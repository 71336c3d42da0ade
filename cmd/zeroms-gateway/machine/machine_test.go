package machine

import (
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"testing"
)

func TestWhatTheSystemSays(t *testing.T) {
	dir := t.TempDir()
	if took, err := SyncTime(dir); err != nil || took <= 0 {
		t.Errorf("a sync takes %v, %v", took, err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
		t.Errorf("it left %v, %v", left, err)
	}
	if _, err := SyncTime(filepath.Join(dir, "missing")); err == nil {
		t.Error("a sync in a directory that there is not")
	}
	all, err := Addresses()
	if err != nil || !slices.Contains(all, netip.MustParseAddr("127.0.0.1")) {
		t.Errorf("%v, %v", all, err)
	}
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o640); err != nil {
		t.Fatal(err)
	}
	if f, err := Stat(file); err != nil || f.Mode.Perm() != 0o640 || f.Owner != os.Geteuid() && f.Owner != -1 {
		t.Errorf("%+v, %v", f, err)
	}
	if runtime.GOOS != "linux" {
		return
	}
	for _, pid := range []int{0, os.Getpid()} {
		if n, err := OpenFiles(pid); err != nil || n < 16 {
			t.Errorf("%d files of process %d, %v", n, pid, err)
		}
	}
	if n, err := Memory(); err != nil || n < 64<<20 {
		t.Errorf("%d bytes of memory, %v", n, err)
	}
	if _, err := Synchronised(); err != nil {
		t.Error(err)
	}
	d, err := DiskOf(filepath.Join(dir, "not", "yet"))
	if err != nil || d.Total == 0 || d.Free > d.Total || d.Kind == "" {
		t.Errorf("%+v, %v", d, err)
	}
	if d, err := DiskOf("/dev/shm"); err == nil && d.Kind == "tmpfs" && d.Trouble != Volatile {
		t.Errorf("%+v", d)
	}
}
