// Package rescue does the work with files and gateways that saving and restoring
// a profile takes: it writes archives so that they appear whole, reads the seed of
// a profile that may be damaged, fetches the safe from a gateway, and counts what
// came back. What a backup is stands in package backup.
package rescue

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"zeroms/client/backup"
	"zeroms/client/profile"
	"zeroms/protocol/key"
	"zeroms/store/chat"
)

// Errors of archives as files.
var (
	// ErrFile is joined by why the file of an archive can't be made.
	ErrFile = errors.New("the archive can't be written there; choose another name or folder")
	// ErrPath: the name of the file is not whole.
	ErrPath = errors.New("the file of the archive is missing; give its whole path")
)

// Surveyor reads a profile beside everything else; *chat.DB is one.
type Surveyor interface {
	Survey(ctx context.Context, f func(*chat.Survey) error) error
}

// Seed is the seed of the profile's owner. Errors: backup.ErrNoOwner, those of s.
func Seed(ctx context.Context, s Surveyor) (seed key.Seed, err error) {
	err = s.Survey(ctx, func(v *chat.Survey) (err error) {
		seed, err = seedOf(ctx, v)
		return err
	})
	return seed, err
}

func seedOf(ctx context.Context, v *chat.Survey) (key.Seed, error) {
	rows, err := v.Load(ctx)
	if err != nil {
		return key.Seed{}, err
	}
	for _, r := range rows {
		if r.Table == profile.TableSelf {
			self, err := profile.ParseSelf(r)
			if err != nil {
				return key.Seed{}, err
			}
			return self.Seed, nil
		}
	}
	return key.Seed{}, backup.ErrNoOwner
}

// WriteArchive writes an archive of a profile into a file that must not exist,
// locked by the passphrase or, if that is nil, by the 24 words. It appears under
// its name when it is whole and on the disk, with mode 0600. Errors: ErrPath,
// ErrFile, those of backup.Export.
func WriteArchive(ctx context.Context, s Surveyor, name string, passphrase *string) (counts backup.Counts, err error) {
	if !filepath.IsAbs(name) {
		return counts, ErrPath
	}
	if _, err := os.Lstat(name); !errors.Is(err, fs.ErrNotExist) {
		if err == nil {
			err = fs.ErrExist
		}
		return counts, noFile(err)
	}
	err = writeFile(name, func(w io.Writer) error {
		return s.Survey(ctx, func(v *chat.Survey) error {
			seed, err := seedOf(ctx, v)
			if err != nil {
				return err
			}
			lock := backup.WithWords(seed)
			if passphrase != nil {
				lock = backup.WithPassphrase(*passphrase)
			}
			counts, err = backup.Export(ctx, v, w, lock, time.Now())
			counts.Skipped += len(v.Damaged())
			return err
		})
	})
	return counts, err
}

// writeFile makes a file of mode 0600 that holds what write wrote, or nothing.
func writeFile(name string, write func(io.Writer) error) (err error) {
	f, err := os.CreateTemp(filepath.Dir(name), filepath.Base(name)+".*.part")
	if err != nil {
		return noFile(err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(f.Name()))
		}
	}()
	if err := errors.Join(write(f), f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), name); err != nil {
		return noFile(err)
	}
	dir, err := os.Open(filepath.Dir(name))
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

// noFile joins ErrFile and why, without the name of a file that nobody named.
func noFile(err error) error {
	if p := new(fs.PathError); errors.As(err, &p) {
		err = p.Err
	}
	return fmt.Errorf("%w (%w)", ErrFile, err)
}

// Tally is what the rows of a restored profile hold.
type Tally struct {
	User     key.IdentityPublic
	Device   key.DeviceID
	Contacts int
	Gateways int
	Messages int // lines of conversations
	Dropped  int // own ones of them that never left
}

// Count tallies rows. Errors: a row that can't be read.
func Count(rows []profile.Row) (t Tally, err error) {
	for _, row := range rows {
		switch row.Table {
		case profile.TableSelf:
			self, err := profile.ParseSelf(row)
			if err != nil {
				return t, err
			}
			t.User, t.Device = self.User, self.Device
		case profile.TableContact:
			t.Contacts++
		case profile.TableHome:
			t.Gateways++
		case profile.TableMessage:
			m, err := profile.ParseMessage(row)
			if err != nil {
				return t, err
			}
			t.message(m)
		}
	}
	return t, nil
}

func (t *Tally) message(m *profile.Message) {
	if !m.Shown() {
		return
	}
	t.Messages++
	if slowest := m.Slowest(); m.Outgoing && slowest != nil && slowest.State == profile.Failed {
		t.Dropped++
	}
}
