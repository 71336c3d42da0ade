package desk

import (
	"cmp"
	"context"
	"errors"
	"os"
	"path/filepath"
	"time"

	"zeroms/client"
	"zeroms/client/backup"
	"zeroms/client/profile"
	"zeroms/cmd/zms/owner"
	"zeroms/cmd/zms/rescue"
	"zeroms/protocol/key"
	"zeroms/protocol/link"
	"zeroms/store/chat"
	"zeroms/ui/model"
)

// errNoFile: what was chosen as an archive is a folder, or a device.
var errNoFile = errors.New("it is no file")

// holderWait is how long a process that has the profile and does not answer is waited for
// before that is said. Whoever asks for the State goes on to ask.
const holderWait = 3 * time.Second

// errAsked ends the opening of a profile that has a passphrase.
var errAsked = errors.New("the profile has a passphrase")

// State tells whether there is a profile, and whether it has a passphrase. Errors:
// HeldError, and why the profile can't be opened.
func (d *Desk) State(ctx context.Context) (model.DoorState, error) {
	if !chat.Exists(d.cfg.Dir) {
		return model.DoorEmpty, d.readable()
	}
	way := d.access("")
	way.Patience = holderWait
	way.Passphrase = func(context.Context, string) (string, error) { return "", errAsked }
	at, err := way.Own(ctx)
	switch {
	case errors.Is(err, errAsked):
		return model.DoorLocked, nil
	case err != nil:
		return model.DoorEmpty, d.explained(ctx, err)
	}
	rows, err := at.DB.Load(ctx)
	if err = errors.Join(err, at.Close()); err != nil {
		return model.DoorEmpty, err
	}
	if len(rows) == 0 { // an attempt to make one was interrupted
		return model.DoorEmpty, nil
	}
	return model.DoorReady, nil
}

// readable refuses a directory that can't be looked into: a profile may be there.
func (d *Desk) readable() error {
	_, err := os.ReadDir(d.cfg.Dir)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	return err
}

// Create makes a profile with a new identity and opens it. What an attempt that was
// interrupted left is completed. Errors: client.ErrExists, ErrName, HeldError, those of
// the store.
func (d *Desk) Create(ctx context.Context, name, passphrase string) (*model.Profile, error) {
	if err := checkName(name); err != nil {
		return nil, err
	}
	at, err := d.vacant(ctx, passphrase)
	if err != nil {
		return nil, err
	}
	if err := d.begin(ctx, at.DB, name); err != nil {
		return nil, errors.Join(err, d.discard(at))
	}
	return d.hold(ctx, at)
}

// discard closes and removes a profile in which there is no identity, so that nobody is
// asked for the passphrase of nothing.
func (d *Desk) discard(at owner.Place) error {
	err := at.Close()
	for _, name := range []string{"profile.key", "profile.db", "profile.db-wal", "profile.db-shm"} {
		if gone := os.Remove(filepath.Join(d.cfg.Dir, name)); !errors.Is(gone, os.ErrNotExist) {
			err = errors.Join(err, gone)
		}
	}
	return err
}

func (d *Desk) begin(ctx context.Context, db *chat.DB, name string) error {
	now := time.Now()
	if err := client.Create(ctx, db, name, now); err != nil {
		return err
	}
	if rows := d.told(); len(rows) > 0 {
		return db.Commit(ctx, &profile.Batch{Now: now, Put: rows})
	}
	return nil
}

// told is what a new profile keeps of how the app was started.
func (d *Desk) told() []profile.Row {
	if d.via == nil {
		return nil
	}
	return d.via.Rows()
}

// vacant opens a profile without an identity, which is made if there is none.
func (d *Desk) vacant(ctx context.Context, passphrase string) (at owner.Place, err error) {
	if chat.Exists(d.cfg.Dir) {
		if at, err = d.access(passphrase).Own(ctx); err != nil {
			return at, d.explained(ctx, err)
		}
		rows, err := at.DB.Load(ctx)
		if err == nil && len(rows) > 0 {
			err = client.ErrExists
		}
		if err != nil {
			return at, errors.Join(err, at.Close())
		}
		return at, nil
	}
	lock := unlock(passphrase)
	at.Locked = passphrase != ""
	if at.DB, err = chat.Create(ctx, d.cfg.Dir, lock); err != nil {
		return at, d.explained(ctx, err)
	}
	return at, nil
}

// unlock is a passphrase for the store; empty: none.
func unlock(passphrase string) chat.Unlock {
	if passphrase == "" {
		return chat.NoPassphrase()
	}
	return chat.Passphrase(passphrase)
}

// Unlock opens the profile. Errors: chat.ErrNoProfile, chat.ErrWrongPassphrase,
// chat.ErrNeedsPassphrase, HeldError, and others of the store.
func (d *Desk) Unlock(ctx context.Context, passphrase string) (*model.Profile, error) {
	at, err := d.access(passphrase).Own(ctx)
	if err != nil {
		return nil, d.explained(ctx, err)
	}
	rows, err := at.DB.Load(ctx)
	switch {
	case err != nil:
		return nil, errors.Join(err, at.Close())
	case len(rows) == 0: // an attempt to make one was interrupted
		return nil, errors.Join(chat.ErrNoProfile, d.discard(at))
	}
	return d.hold(ctx, at)
}

// Restore makes a profile anew from the 24 words and what was saved, the whole of it or
// nothing, and opens it. Errors: key.PhraseError, key.ErrPhraseCheck, ErrName,
// ErrArchiveFile, those of packages backup and rescue, and of Create.
func (d *Desk) Restore(ctx context.Context, r model.Restoration) (*model.Profile, error) {
	if err := checkName(r.Name); err != nil {
		return nil, err
	}
	seed, err := key.ParsePhrase(r.Words)
	if err != nil {
		return nil, err
	}
	content, err := d.saved(ctx, seed, r)
	if err != nil {
		return nil, err
	}
	rows, err := backup.Restore(content, seed, r.Name, time.Now())
	if err != nil {
		return nil, err
	}
	at, err := d.vacant(ctx, r.Passphrase)
	if err != nil {
		return nil, err
	}
	if err := at.DB.Commit(ctx, &profile.Batch{Now: time.Now(), Put: append(rows, d.told()...)}); err != nil {
		return nil, errors.Join(err, d.discard(at))
	}
	return d.hold(ctx, at)
}

// saved is what an archive and a gateway know; nil if neither is asked.
func (d *Desk) saved(ctx context.Context, seed key.Seed, r model.Restoration) (content *backup.Content, err error) {
	if r.Archive != "" {
		if content, err = readArchive(r.Archive, seed, r.ArchiveKey); err != nil {
			return nil, err
		}
	}
	if r.Gateway.Host == "" {
		return content, nil
	}
	var proxy *link.Proxy
	if d.via != nil {
		proxy = d.via.Proxy
	}
	dialer, err := link.NewDialer(link.Config{Proxy: proxy})
	if err != nil {
		return nil, err
	}
	safe, err := rescue.FetchSafe(ctx, dialer, seed, r.Gateway)
	if err != nil || content == nil {
		return safe, err
	}
	return content, content.Join(safe)
}

// readArchive reads an archive that its passphrase opens, or the words.
func readArchive(file string, seed key.Seed, passphrase string) (*backup.Content, error) {
	if at, err := os.Stat(file); err != nil || !at.Mode().IsRegular() { // a pipe would be waited for
		return nil, archiveFile(cmp.Or(err, errNoFile))
	}
	f, err := os.Open(file)
	if err != nil {
		return nil, archiveFile(err)
	}
	defer f.Close()
	content, _, err := backup.Read(f, backup.Keys{Seed: seed, Passphrase: func() (string, error) {
		if passphrase == "" {
			return "", ErrArchiveKey
		}
		return passphrase, nil
	}})
	return content, err
}
