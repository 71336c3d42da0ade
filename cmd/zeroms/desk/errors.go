package desk

import (
	"errors"
	"fmt"
	"io/fs"
	"syscall"

	"zeroms/client"
	"zeroms/client/backup"
	"zeroms/cmd/zeroms/inside"
	"zeroms/cmd/zms/control"
	"zeroms/cmd/zms/rescue"
	"zeroms/protocol/card"
	"zeroms/protocol/key"
	"zeroms/protocol/link"
	"zeroms/store"
	"zeroms/store/chat"
)

// Errors of a Desk, beside those of the engine and of zms.
var (
	// ErrName: the name of a person is none.
	ErrName = errors.New("a name has at most 64 bytes in one line, and at least one letter that can be seen; choose another one")
	// ErrArchiveFile is joined by why the file of an archive can't be read.
	ErrArchiveFile = errors.New("the file can't be read; choose another one")
	// ErrArchiveKey: an archive has a passphrase, and none was given.
	ErrArchiveKey = errors.New("this backup has a passphrase of its own; enter it")
)

// Explain is Name and Args.
func Explain(err error) (name string, args []any) { return Name(err), Args(err) }

// Args are the names and values that the translation of an error has places for.
func Args(err error) []any {
	held, phrase := new(HeldError), new(key.PhraseError)
	switch {
	case errors.As(err, &held):
		return held.args()
	case errors.As(err, &phrase):
		return []any{"Word", phrase.Word, "Count", phrase.Count}
	}
	return nil
}

// Args are Args, and where the profile is: who has to mend something there by hand needs
// to know.
func (d *Desk) Args(err error) []any { return append(Args(err), "Dir", d.cfg.Dir) }

// checkName refuses what is no name. Error: ErrName.
func checkName(name string) error {
	if card.CheckName(name) != nil {
		return ErrName
	}
	return nil
}

// archiveFile joins ErrArchiveFile and why.
func archiveFile(err error) error {
	if p := new(fs.PathError); errors.As(err, &p) {
		err = p.Err
	}
	return fmt.Errorf("%w (%w)", ErrArchiveFile, err)
}

// names are what control.Explain does not name, or names like another error of the app;
// the first that fits counts.
var names = []struct {
	err  error
	name string
}{
	{store.ErrFull, "disk-full"}, // also where it is why something else failed
	{syscall.ENOSPC, "disk-full"},
	{fs.ErrPermission, "no-access"},
	{ErrName, "name"},
	{ErrArchiveFile, "archive-file"},
	{ErrArchiveKey, "archive-key"},
	{ErrStays, "stays"},
	{fs.ErrExist, "file-exists"},
	{rescue.ErrFile, "file"},
	{rescue.ErrPath, "file"},
	{link.ErrProxyAddress, "proxy-address"},
	{chat.ErrNoProfile, "profile-missing"},
	{chat.ErrIncomplete, "incomplete"},
	{client.ErrNoSelf, "profile-missing"},
	{backup.ErrNoOwner, "profile-missing"},
	{store.ErrClosed, "stopped"},
	{inside.ErrStopped, "inside-stopped"},
	{inside.ErrInUse, "inside-in-use"},
	{inside.ErrListen, "inside-listen"},
	{inside.ErrNetwork, "inside-network"},
	{inside.ErrData, "inside-data"},
}

// Name is the name of an error, under which translations have their sentence:
// "error." and the name. It is empty for one that only its own words describe, and nil.
func Name(err error) string {
	if err == nil {
		return ""
	}
	if p := new(key.PhraseError); errors.As(err, &p) {
		if p.Word > 0 {
			return "word-unknown"
		}
		return "word-count"
	}
	for _, n := range names {
		if errors.Is(err, n.err) {
			return n.name
		}
	}
	switch name := control.Explain(err).Name; name {
	case control.NameFailure, control.NameUsage:
		return ""
	default:
		return name
	}
}
