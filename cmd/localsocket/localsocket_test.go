package localsocket

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestSockets: one program listens and others reach it, however long the path is, and
// what a process left behind is replaced.
func TestSockets(t *testing.T) {
	for what, dir := range map[string]string{"short": t.TempDir(), "long": filepath.Join(t.TempDir(), strings.Repeat("a long name/", 12))} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		if _, err := Dial(t.Context(), dir, "a.sock"); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: nobody ever listened: %v", what, err)
		}
		for range 2 { // the second time the file is there
			l, err := Listen(dir, "a.sock")
			if err != nil {
				t.Fatalf("%s: %v", what, err)
			}
			if st, err := os.Stat(filepath.Join(dir, "a.sock")); err != nil || st.Mode().Perm() != 0o600 {
				t.Errorf("%s: mode %v, %v", what, st.Mode(), err)
			}
			conn, err := Dial(t.Context(), dir, "a.sock")
			if err != nil {
				t.Fatalf("%s: %v", what, err)
			}
			if err := errors.Join(conn.Close(), l.Close()); err != nil {
				t.Error(err)
			}
			if _, err := Dial(t.Context(), dir, "a.sock"); !errors.Is(err, syscall.ECONNREFUSED) {
				t.Errorf("%s: nobody listens any more: %v", what, err)
			}
		}
		for range 2 {
			if err := Remove(dir, "a.sock"); err != nil {
				t.Error(err)
			}
		}
	}
	if _, err := Listen(filepath.Join(t.TempDir(), "missing"), "a.sock"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("in no directory: %v", err)
	}
}
