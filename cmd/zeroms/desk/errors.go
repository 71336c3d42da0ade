package desk

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
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

// HeldError: another process has the profile.
type HeldError struct {
	// Owner is what it is: "agent" of zms, "app"; empty: it does not say.
	Owner string
	// PID is its process, 0 if that is not known.
	PID int
}

// Error names the process.
func (e *HeldError) Error() string {
	who := "another program"
	if e.Owner != "" {
		who = "zms " + e.Owner
	}
	if e.Owner == ownerName {
		who = "another window of ZeroMS"
	}
	if e.PID != 0 {
		who += fmt.Sprintf(" (process %d)", e.PID)
	}
	return who + " has this profile open; end it and try again"
}

// Unwrap is a Failure of the name control.NameLocked.
func (e *HeldError) Unwrap() error { return control.Fail(control.NameLocked, "%s", e.Error()) }

// args are what a translation of it names: who holds the profile, and the process.
func (e *HeldError) args() []any {
	who := "zms " + e.Owner
	if e.Owner == "" || e.Owner == ownerName {
		who = "ZeroMS"
	}
	if e.PID != 0 {
		who += " (" + strconv.Itoa(e.PID) + ")"
	}
	return []any{"Who", who}
}

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

// explained is why a profile could not be opened, with who has it if somebody has.
func (d *Desk) explained(ctx context.Context, err error) error {
	f := new(control.Failure)
	held := errors.As(err, &f) && f.Name == control.NameLocked || errors.Is(err, store.ErrLocked)
	switch {
	case errors.As(err, &f) && f.Name == control.NameNoProfile:
		return chat.ErrNoProfile
	case !held:
		return err
	}
	if conn, err := control.Dial(ctx, d.cfg.Dir); err == nil {
		defer conn.Close()
		return &HeldError{Owner: conn.Hello.Owner, PID: conn.Hello.PID}
	}
	return &HeldError{PID: lockedBy(d.cfg.Dir)}
}

// lockedBy is the process that says in the lock that it has the profile, 0 if none does.
func lockedBy(dir string) int {
	text, err := os.ReadFile(filepath.Join(dir, "lock"))
	if err != nil || len(text) > 16 {
		return 0
	}
	n, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil || n <= 0 {
		return 0
	}
	return n
}

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
