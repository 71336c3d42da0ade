package chat

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"zeroms/store"
)

const (
	keyName  = "profile.key"
	newName  = "profile.key.new" // a key file on its way; what a crash left is removed
	keyMagic = "ZMSPKEY"
	// keyVersion is the version of the key file's format.
	keyVersion = 1

	modeOpen   = 0
	modeLocked = 1

	saltSize      = 16
	headSize      = len(keyMagic) + 2
	costSize      = 4 + 4 + 1
	openSize      = headSize + keySize                    // 41
	lockedAADSize = headSize + costSize + saltSize        // 34
	lockedSize    = lockedAADSize + keySize + sealedExtra // 106
	maxKeyFile    = lockedSize + 1                        // read so far; more is damage
)

// keyFile is the content of profile.key: the profile key itself, or the key
// wrapped under a passphrase.
type keyFile struct {
	open    secret // mode 0, else nil
	cost    cost
	salt    [saltSize]byte
	wrapped [keySize + sealedExtra]byte
}

// encode returns the bytes of the file.
func (f *keyFile) encode() []byte {
	if f.open != nil {
		return append(append([]byte(keyMagic), keyVersion, modeOpen), f.open[:]...)
	}
	return append(f.aad(), f.wrapped[:]...)
}

// aad is everything of a locked key file before the wrapped key.
func (f *keyFile) aad() []byte {
	b := append([]byte(keyMagic), keyVersion, modeLocked)
	b = binary.BigEndian.AppendUint32(b, f.cost.passes)
	b = binary.BigEndian.AppendUint32(b, f.cost.memoryKiB)
	b = append(b, f.cost.lanes)
	return append(b, f.salt[:]...)
}

// parseKeyFile reads the content of profile.key. The cost that it asks for is
// within bounds. Errors: ErrDamaged, store.ErrNewer.
func parseKeyFile(b []byte) (*keyFile, error) {
	if len(b) < headSize || string(b[:len(keyMagic)]) != keyMagic || b[len(keyMagic)] == 0 {
		return nil, damaged(keyName)
	}
	if b[len(keyMagic)] > keyVersion {
		return nil, fmt.Errorf("%s: %w", keyName, store.ErrNewer)
	}
	switch mode := b[headSize-1]; {
	case mode == modeOpen && len(b) == openSize:
		key := [keySize]byte(b[headSize:])
		return &keyFile{open: &key}, nil
	case mode == modeLocked && len(b) == lockedSize:
		c := b[headSize:]
		f := &keyFile{
			cost:    cost{binary.BigEndian.Uint32(c), binary.BigEndian.Uint32(c[4:]), c[8]},
			salt:    [saltSize]byte(c[costSize:]),
			wrapped: [keySize + sealedExtra]byte(b[lockedAADSize:]),
		}
		if f.cost.bounded() {
			return f, nil
		}
	}
	return nil, damaged(keyName)
}

// newKeyFile puts a profile key into the form that u asks for.
func newKeyFile(profile secret, u Unlock, c cost) *keyFile {
	if u.passphrase == nil {
		return &keyFile{open: profile}
	}
	f := &keyFile{cost: c}
	_, _ = rand.Read(f.salt[:]) // never fails
	a := passphraseCipher(*u.passphrase, f.salt[:], c)
	f.wrapped = [keySize + sealedExtra]byte(seal(a, profile[:], f.aad()))
	return f
}

// unlock returns the profile key. With a passphrase it takes as long as the
// file's cost. Errors: ErrNeedsPassphrase, ErrNoPassphrase, ErrWrongPassphrase.
func (f *keyFile) unlock(u Unlock) (secret, error) {
	switch {
	case f.open != nil && u.passphrase != nil:
		return nil, ErrNoPassphrase
	case f.open != nil:
		return f.open, nil
	case u.passphrase == nil || *u.passphrase == "":
		return nil, ErrNeedsPassphrase
	}
	plain, err := unseal(passphraseCipher(*u.passphrase, f.salt[:], f.cost), f.wrapped[:], f.aad())
	if err != nil {
		return nil, ErrWrongPassphrase
	}
	return secret(plain), nil
}

// readKeyFile reads profile.key, which only its owner may have access to. Errors:
// fs.ErrNotExist, ErrPermissions and those of parseKeyFile.
func readKeyFile(dir string) (*keyFile, error) {
	path := filepath.Join(dir, keyName)
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !st.Mode().IsRegular() {
		return nil, damaged(path)
	}
	if st.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("%s has mode %04o: %w", path, st.Mode().Perm(), ErrPermissions)
	}
	b, err := io.ReadAll(io.LimitReader(f, int64(maxKeyFile)))
	if err != nil {
		return nil, err
	}
	defer clear(b)
	return parseKeyFile(b)
}

// writeKeyFile replaces profile.key: after a crash there is the old or the new
// one. When it returns nil, the new one is on the disk.
func writeKeyFile(dir string, f *keyFile) error {
	if err := removeNewKeyFile(dir); err != nil {
		return err
	}
	b := f.encode()
	defer clear(b)
	if err := writeDurably(filepath.Join(dir, newName), b); err != nil {
		return errors.Join(err, removeNewKeyFile(dir))
	}
	// The old file stays open, so that its bytes can be overwritten once no name
	// leads to them.
	old, err := os.OpenFile(filepath.Join(dir, keyName), os.O_WRONLY, 0)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return errors.Join(err, removeNewKeyFile(dir))
	}
	if old != nil {
		defer old.Close()
	}
	if err := os.Rename(filepath.Join(dir, newName), filepath.Join(dir, keyName)); err != nil {
		return errors.Join(err, removeNewKeyFile(dir))
	}
	if err := syncDir(dir); err != nil {
		return err
	}
	if old != nil {
		overwrite(old)
	}
	return nil
}

// overwrite makes the content of a deleted key file unreadable where the file
// system writes in place. It is an attempt: the change of the key file is done
// and does not fail with it. A file that has another name left is somebody's
// backup and stays.
func overwrite(f *os.File) {
	st, err := f.Stat()
	if err != nil || st.Size() > int64(maxKeyFile) {
		return
	}
	if sys, ok := st.Sys().(*syscall.Stat_t); !ok || sys.Nlink != 0 {
		return
	}
	if _, err := f.WriteAt(make([]byte, st.Size()), 0); err == nil {
		_ = f.Sync()
	}
}

// removeNewKeyFile removes a key file that never got its name.
func removeNewKeyFile(dir string) error {
	err := os.Remove(filepath.Join(dir, newName))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// writeDurably makes a file of mode 0600 that did not exist.
func writeDurably(path string, b []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	if _, err := f.Write(b); err != nil {
		return errors.Join(err, f.Close())
	}
	if err := f.Sync(); err != nil {
		return errors.Join(err, f.Close())
	}
	return f.Close()
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// CheckPassphrase reports by its error whether u opens the profile key: for what
// shall not be shown to whoever finds an open profile. Errors: those of Open
// about the key file.
func (db *DB) CheckPassphrase(u Unlock) error {
	db.keyMu.Lock()
	defer db.keyMu.Unlock()
	if db.closed {
		return store.ErrClosed
	}
	f, err := readKeyFile(db.dir)
	if err != nil {
		return fmt.Errorf("check the passphrase: %w", err)
	}
	if _, err := f.unlock(u); err != nil {
		return fmt.Errorf("check the passphrase: %w", err)
	}
	return nil
}

// ChangePassphrase opens the profile key with old and stores it for next, which
// may be NoPassphrase. The profile key stays, so nothing else is written; after a
// crash the old or the new form is there. A copy of profile.key made before still
// opens with old. It may run beside every other method. Errors: those of Open
// about the key file, ErrEmptyPassphrase, and those of the file system.
func (db *DB) ChangePassphrase(ctx context.Context, old, next Unlock) error {
	return db.changePassphrase(ctx, old, next, usual())
}

func (db *DB) changePassphrase(ctx context.Context, old, next Unlock, c cost) error {
	if err := next.checkNew(); err != nil {
		return fmt.Errorf("change the passphrase: %w", err)
	}
	db.keyMu.Lock()
	defer db.keyMu.Unlock()
	err := func() error {
		if db.closed {
			return store.ErrClosed // another process may own the directory by now
		}
		f, err := readKeyFile(db.dir)
		if err != nil {
			return err
		}
		profile, err := f.unlock(old)
		if err != nil {
			return err
		}
		check := deriveKeys(profile).check
		if subtle.ConstantTimeCompare(check[:], db.keys.check[:]) != 1 {
			return ErrOtherKey
		}
		f = newKeyFile(profile, next, c)
		if err := ctx.Err(); err != nil {
			return err
		}
		return writeKeyFile(db.dir, f)
	}()
	if err != nil {
		return fmt.Errorf("change the passphrase: %w", err)
	}
	return nil
}
