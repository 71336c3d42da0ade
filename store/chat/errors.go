package chat

import (
	"errors"
	"fmt"

	"zeroms/client/profile"
	"zeroms/client/publish"
	"zeroms/store"
)

// Errors of this package; test for them with errors.Is. Besides them come those
// of package store (ErrLocked, ErrFull, ErrBusy, ErrNewer, ErrClosed) and of the
// file system.
var (
	// ErrNoProfile: the directory holds no profile.
	ErrNoProfile = errors.New("there is no profile in this directory; create one or choose another directory")
	// ErrExists: Create found a profile.
	ErrExists = errors.New("there is a profile in this directory already; open it or choose another directory")
	// ErrIncomplete: one of the two files of a profile is missing.
	ErrIncomplete = errors.New("a file of the profile is missing; restore it from a backup, or choose another directory for a new profile")
	// ErrNeedsPassphrase: the profile is locked by a passphrase and none was given.
	ErrNeedsPassphrase = errors.New("the profile is locked; enter its passphrase")
	// ErrWrongPassphrase: the passphrase does not open the profile key. A damaged
	// key file of a locked profile looks the same.
	ErrWrongPassphrase = errors.New("the passphrase does not open the profile; check it and try again, or restore profile.key from a backup if it is surely right")
	// ErrNoPassphrase: a passphrase was given to a profile that has none.
	ErrNoPassphrase = errors.New("the profile has no passphrase; open it without one")
	// ErrEmptyPassphrase: a new passphrase has no characters.
	ErrEmptyPassphrase = errors.New("the passphrase is empty; enter one, or choose to have none")
	// ErrPermissions: other users of the machine may read or change the profile.
	ErrPermissions = errors.New("other users of this machine have access to the profile; run chmod 700 on its directory and chmod 600 on the files in it")
	// ErrOtherKey: profile.key opens another database.
	ErrOtherKey = errors.New("profile.key belongs to another database than profile.db; restore both from the same backup")
	// ErrDamaged: something stored does not verify. Nothing repairs it here.
	ErrDamaged = errors.New("the profile is damaged; restore it from a backup or set this device up again")
	// ErrRow: a batch holds a row without a table, with a key of more than 32 bytes
	// or with data of more than 16 MiB. Nothing of the batch was written.
	ErrRow = errors.New("a row cannot be stored: it needs a table, a key of at most 32 bytes and at most 16 MiB of data; report this as a fault of the program")
)

// tableName is the name of a table for people who read an error.
func tableName(t profile.Table) string {
	switch t {
	case profile.TableSelf:
		return "self"
	case profile.TableCard:
		return "cards"
	case profile.TableHome:
		return "homes"
	case profile.TableContact:
		return "contacts"
	case profile.TableConversation:
		return "conversations"
	case profile.TableSeen:
		return "seen envelopes"
	case profile.TableMessage:
		return "messages"
	case profile.TablePrekey:
		return "prekeys"
	case profile.TableSession:
		return "sessions"
	case profile.TableOutbox:
		return "outbox"
	case profile.TableRepair:
		return "repair"
	case profile.TableEvidence:
		return "evidence"
	case profile.TableLog:
		return "logs of gateways"
	case publish.TableRecord:
		return "address records"
	case publish.TableHeld:
		return "address records at gateways"
	case publish.TableRead:
		return "address records that were read"
	case profile.TableScore:
		return "measurements of gateways"
	}
	return "other"
}

// damaged is ErrDamaged with what did not verify.
func damaged(what string) error { return fmt.Errorf("%s: %w", what, ErrDamaged) }

// Damage is one stored row that does not verify or that no version of the
// program can have written. It wraps ErrDamaged.
type Damage struct {
	// Table is the row's, Row its number there (0 if it has none).
	Table profile.Table
	Row   int64
	// Conv is the number of the conversation or contact that it belongs to, 0 if none.
	Conv uint64
	// Reason is what is wrong with what was sealed; nil: the seal does not verify.
	Reason error
}

// Error names the row, never its content.
func (d *Damage) Error() string { return d.Place() + ": " + ErrDamaged.Error() }

// Unwrap is ErrDamaged.
func (d *Damage) Unwrap() error { return ErrDamaged }

// Place names the row for people.
func (d *Damage) Place() string {
	text := fmt.Sprintf("table %d (%s)", d.Table, tableName(d.Table))
	if d.Row != 0 {
		text += fmt.Sprintf(", row %d", d.Row)
	}
	if d.Conv != 0 {
		text += fmt.Sprintf(", contact %d", d.Conv)
	}
	return text
}

// translate adds ErrDamaged to what SQLite says about a broken file. A profile.db
// beside its profile.key that is no database was one.
func translate(err error) error {
	if errors.Is(err, store.ErrCorrupt) || errors.Is(err, store.ErrForeign) {
		return fmt.Errorf("profile.db: %w (%w)", ErrDamaged, err)
	}
	return err
}
