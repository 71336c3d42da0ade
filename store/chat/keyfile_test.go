package chat

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"zeroms/client/profile"
	"zeroms/store"
)

func TestCreateAndOpen(t *testing.T) {
	dir := newDir(t)
	_, err := Open(t.Context(), dir, NoPassphrase())
	wantErr(t, err, ErrNoProfile)
	if Exists(dir) {
		t.Fatal("Exists before Create")
	}
	if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("Open made something: %v", err)
	}
	db := mustCreate(t, dir, NoPassphrase())
	commit(t, db, profile.Batch{Put: everyTable()})
	if !Exists(dir) {
		t.Fatal("no Exists after Create")
	}
	for name := range contents(t, dir) {
		st, err := os.Stat(filepath.Join(dir, name))
		if err != nil || st.Mode() != 0o600 {
			t.Fatalf("%s: %v, %v", name, st.Mode(), err)
		}
	}
	if st, err := os.Stat(dir); err != nil || st.Mode().Perm() != 0o700 {
		t.Fatalf("%v, %v", st.Mode(), err)
	}
	mustClose(t, db)
	_, err = Create(t.Context(), dir, NoPassphrase())
	wantErr(t, err, ErrExists)
	wantRows(t, load(t, mustOpen(t, dir, NoPassphrase())), everyTable())
}

// The cost that people pay is the documented one.
func TestUsualCost(t *testing.T) {
	dir := newDir(t)
	db, err := Create(t.Context(), dir, Passphrase("correct horse"))
	if err != nil {
		t.Fatal(err)
	}
	mustClose(t, db)
	f, err := readKeyFile(dir)
	if err != nil || f.cost != (cost{passes: 3, memoryKiB: 65536, lanes: 1}) {
		t.Fatalf("%+v, %v", f, err)
	}
	mustOpen(t, dir, Passphrase("correct horse"))
}

func TestPassphrase(t *testing.T) {
	dir := newDir(t)
	_, err := create(t.Context(), dir, Passphrase(""), cheap())
	wantErr(t, err, ErrEmptyPassphrase)
	db := mustCreate(t, dir, Passphrase("first"))
	commit(t, db, profile.Batch{Put: everyTable()})
	mustClose(t, db)
	for _, c := range []struct {
		u    Unlock
		want error
	}{
		{NoPassphrase(), ErrNeedsPassphrase}, {Unlock{}, ErrNeedsPassphrase}, {Passphrase(""), ErrNeedsPassphrase},
		{Passphrase("First"), ErrWrongPassphrase}, {Passphrase("first "), ErrWrongPassphrase},
	} {
		_, err := Open(t.Context(), dir, c.u)
		wantErr(t, err, c.want)
		if strings.Contains(strings.ToLower(err.Error()), "first") {
			t.Fatalf("the error carries the passphrase: %v", err)
		}
	}
	wantRows(t, load(t, mustOpen(t, dir, Passphrase("first"))), everyTable())
}

func TestChangePassphrase(t *testing.T) {
	dir := newDir(t)
	db := mustCreate(t, dir, NoPassphrase())
	commit(t, db, profile.Batch{Put: everyTable()})
	old := NoPassphrase()
	for _, next := range []Unlock{Passphrase("one"), Passphrase("two"), NoPassphrase(), NoPassphrase(), Passphrase("three")} {
		before := contents(t, dir)[keyName]
		wantErr(t, db.changePassphrase(t.Context(), Passphrase("wrong"), next, cheap()), map[bool]error{true: ErrNoPassphrase, false: ErrWrongPassphrase}[old.passphrase == nil])
		wantErr(t, db.changePassphrase(t.Context(), old, Passphrase(""), cheap()), ErrEmptyPassphrase)
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		wantErr(t, db.changePassphrase(ended, old, next, cheap()), context.Canceled)
		if !bytes.Equal(before, contents(t, dir)[keyName]) {
			t.Fatal("a refused change was written")
		}
		if err := db.changePassphrase(t.Context(), old, next, cheap()); err != nil {
			t.Fatal(err)
		}
		if _, left := contents(t, dir)[newName]; left {
			t.Fatal("the temporary file is left")
		}
		commit(t, db, profile.Batch{}) // the open profile goes on
		mustClose(t, db)
		if next.passphrase != nil && old.passphrase != nil {
			_, err := Open(t.Context(), dir, old)
			wantErr(t, err, ErrWrongPassphrase)
		}
		db = mustOpen(t, dir, next)
		wantRows(t, load(t, db), everyTable())
		old = next
	}
}

// The bytes of a replaced key file are overwritten, unless a backup shares them.
func TestReplacedKeyFileIsOverwritten(t *testing.T) {
	for _, backup := range []bool{false, true} {
		dir := newDir(t)
		db := mustCreate(t, dir, NoPassphrase())
		old, err := os.Open(filepath.Join(dir, keyName))
		if err != nil {
			t.Fatal(err)
		}
		defer old.Close()
		if backup {
			if err := os.Link(filepath.Join(dir, keyName), filepath.Join(t.TempDir(), "backup")); err != nil {
				t.Fatal(err)
			}
		}
		if err := db.changePassphrase(t.Context(), NoPassphrase(), Passphrase("x"), cheap()); err != nil {
			t.Fatal(err)
		}
		b := make([]byte, openSize)
		if _, err := old.ReadAt(b, 0); err != nil {
			t.Fatal(err)
		}
		if zeros := bytes.Equal(b, make([]byte, openSize)); zeros == backup {
			t.Fatalf("with a backup %v: the old bytes are zeros: %v", backup, zeros)
		}
	}
}

// A crash while the key file is replaced leaves the old one, and a file that Open removes.
func TestCrashWhileKeyFileIsWritten(t *testing.T) {
	dir := newDir(t)
	db := mustCreate(t, dir, Passphrase("old"))
	mustClose(t, db)
	if err := os.WriteFile(filepath.Join(dir, newName), []byte("half of a ke"), 0o600); err != nil {
		t.Fatal(err)
	}
	db = mustOpen(t, dir, Passphrase("old"))
	if _, left := contents(t, dir)[newName]; left {
		t.Fatal("Open left the file of the interrupted change")
	}
	if err := db.changePassphrase(t.Context(), Passphrase("old"), Passphrase("new"), cheap()); err != nil {
		t.Fatal(err)
	}
}

// Create after a crash of Create: at each of its steps the directory is either
// taken over or, once profile.key is there, a whole profile.
func TestInterruptedCreate(t *testing.T) {
	whole := newDir(t)
	mustClose(t, mustCreate(t, whole, NoPassphrase()))
	for name, prepare := range map[string]func(dir string){
		"empty directory": func(dir string) {
			os.Chmod(dir, 0o755)
		},
		"lock":          func(dir string) { os.WriteFile(filepath.Join(dir, lockName), nil, 0o600) },
		"empty file":    func(dir string) { os.WriteFile(filepath.Join(dir, dbName), nil, 0o600) },
		"database":      func(dir string) { os.WriteFile(filepath.Join(dir, dbName), contents(t, whole)[dbName], 0o600) },
		"half key file": func(dir string) { os.WriteFile(filepath.Join(dir, newName), []byte("ZM"), 0o600) },
	} {
		t.Run(name, func(t *testing.T) {
			dir := newDir(t)
			if err := os.Mkdir(dir, 0o700); err != nil {
				t.Fatal(err)
			}
			prepare(dir)
			if Exists(dir) {
				t.Fatal("Exists without a key")
			}
			db := mustCreate(t, dir, NoPassphrase())
			commit(t, db, profile.Batch{Put: everyTable()})
			wantRows(t, load(t, reopen(t, db)), everyTable())
			if st, err := os.Stat(dir); err != nil || st.Mode().Perm() != 0o700 {
				t.Fatalf("%v, %v", st.Mode(), err)
			}
		})
	}
}

func TestMissingFile(t *testing.T) {
	dir := newDir(t)
	db := mustCreate(t, dir, NoPassphrase())
	commit(t, db, profile.Batch{Put: everyTable()})
	mustClose(t, db)
	for _, name := range []string{keyName, dbName} {
		copied := copyDir(t, dir)
		if err := os.Remove(filepath.Join(copied, name)); err != nil {
			t.Fatal(err)
		}
		_, err := Open(t.Context(), copied, NoPassphrase())
		wantErr(t, err, ErrIncomplete)
		if !strings.Contains(err.Error(), name) {
			t.Fatalf("the error does not name %s: %v", name, err)
		}
		// A new profile never takes the place of the one to be restored.
		_, err = Create(t.Context(), copied, NoPassphrase())
		wantErr(t, err, map[string]error{keyName: ErrIncomplete, dbName: ErrExists}[name])
		if b, err := os.ReadFile(filepath.Join(dir, name)); err != nil || os.WriteFile(filepath.Join(copied, name), b, 0o600) != nil {
			t.Fatal(err)
		}
		wantRows(t, load(t, mustOpen(t, copied, NoPassphrase())), everyTable())
	}
}

func TestPermissions(t *testing.T) {
	dir := newDir(t)
	mustClose(t, mustCreate(t, dir, NoPassphrase()))
	for _, c := range []struct {
		name      string
		bad, good fs.FileMode
	}{{keyName, 0o640, 0o600}, {keyName, 0o604, 0o600}, {keyName, 0o620, 0o400}, {".", 0o750, 0o700}, {".", 0o702, 0o700}} {
		path := filepath.Join(dir, c.name)
		if err := os.Chmod(path, c.bad); err != nil {
			t.Fatal(err)
		}
		_, err := Open(t.Context(), dir, NoPassphrase())
		wantErr(t, err, ErrPermissions)
		if err := os.Chmod(path, c.good); err != nil {
			t.Fatal(err)
		}
		mustClose(t, mustOpen(t, dir, NoPassphrase()))
	}
	other := t.TempDir()
	if err := errors.Join(os.WriteFile(filepath.Join(other, "file"), nil, 0o600), os.Chmod(other, 0o755)); err != nil {
		t.Fatal(err)
	}
	_, err := Create(t.Context(), other, NoPassphrase())
	wantErr(t, err, ErrPermissions)
}

func TestKeyOfAnotherProfile(t *testing.T) {
	a, b := newDir(t), newDir(t)
	db := mustCreate(t, a, NoPassphrase())
	mustClose(t, mustCreate(t, b, NoPassphrase()))
	own := contents(t, a)[keyName]
	if err := os.WriteFile(filepath.Join(a, keyName), contents(t, b)[keyName], 0o600); err != nil {
		t.Fatal(err)
	}
	wantErr(t, db.changePassphrase(t.Context(), NoPassphrase(), Passphrase("x"), cheap()), ErrOtherKey)
	mustClose(t, db)
	_, err := Open(t.Context(), a, NoPassphrase())
	wantErr(t, err, ErrOtherKey)
	if err := os.WriteFile(filepath.Join(a, keyName), own, 0o600); err != nil {
		t.Fatal(err)
	}
	mustOpen(t, a, NoPassphrase())
}

func keyFileExamples() [][]byte {
	profile := secret(bytes.Repeat([]byte{5}, keySize))
	return [][]byte{
		newKeyFile(profile, NoPassphrase(), cheap()).encode(),
		newKeyFile(profile, Passphrase("x"), cheap()).encode(),
	}
}

func TestKeyFileForm(t *testing.T) {
	for i, b := range keyFileExamples() {
		if want := []int{41, 106}[i]; len(b) != want {
			t.Fatalf("%d bytes, want %d", len(b), want)
		}
		for n := range b {
			if _, err := parseKeyFile(b[:n]); !errors.Is(err, ErrDamaged) {
				t.Fatalf("the first %d bytes: %v", n, err)
			}
		}
		_, err := parseKeyFile(append(bytes.Clone(b), 0))
		wantErr(t, err, ErrDamaged)
		newer := bytes.Clone(b)
		newer[len(keyMagic)]++
		_, err = parseKeyFile(newer)
		wantErr(t, err, store.ErrNewer)
	}
}

// A changed byte of a locked key file is refused before or by the unwrapping.
func TestKeyFileEveryByteCounts(t *testing.T) {
	b := keyFileExamples()[1]
	for i := range b {
		bad := bytes.Clone(b)
		bad[i] ^= 1
		f, err := parseKeyFile(bad)
		if err != nil {
			continue
		}
		if _, err := f.unlock(Passphrase("x")); !errors.Is(err, ErrWrongPassphrase) {
			t.Fatalf("byte %d changed: %v", i, err)
		}
	}
}

func TestHostileCost(t *testing.T) {
	for _, c := range []cost{
		{0, 65536, 1}, {9, 65536, 1}, {math.MaxUint32, 8, 1}, {1, 0, 1}, {1, 7, 1}, {1, 31, 4}, {1, 512<<10 + 1, 1}, {1, 100 << 20, 1},
		{1, math.MaxUint32, 1}, {1, 65536, 0}, {1, 65536, 5}, {1, 65536, 255},
	} {
		f := &keyFile{cost: c}
		if _, err := parseKeyFile(f.encode()); !errors.Is(err, ErrDamaged) {
			t.Errorf("%+v is accepted: %v", c, err)
		}
	}
	if !usual().bounded() {
		t.Error("the usual cost is out of bounds")
	}
}

func TestKeyFileThatIsNone(t *testing.T) {
	dir := newDir(t)
	mustClose(t, mustCreate(t, dir, NoPassphrase()))
	path := filepath.Join(dir, keyName)
	for _, b := range [][]byte{{}, []byte("hello"), bytes.Repeat([]byte{0xff}, 106), bytes.Repeat([]byte("x"), 1<<20)} {
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := Open(t.Context(), dir, NoPassphrase())
		wantErr(t, err, ErrDamaged)
	}
	if err := errors.Join(os.Remove(path), os.Mkdir(path, 0o700)); err != nil {
		t.Fatal(err)
	}
	_, err := Open(t.Context(), dir, NoPassphrase())
	wantErr(t, err, ErrDamaged)
}

func FuzzKeyFile(f *testing.F) {
	for _, b := range keyFileExamples() {
		f.Add(b)
	}
	f.Add((&keyFile{cost: cost{8, 512 << 10, 4}}).encode())
	f.Fuzz(func(t *testing.T, b []byte) {
		k, err := parseKeyFile(b)
		if err != nil {
			return
		}
		if k.open == nil && !k.cost.bounded() {
			t.Fatalf("cost %+v", k.cost)
		}
		if !bytes.Equal(k.encode(), b) {
			t.Fatal("what parses does not encode to the same bytes")
		}
	})
}
