package chat

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
)

// Unlock is what opens the profile key: a passphrase, or nothing when the key
// lies open in its file (mode 0600). The zero value is NoPassphrase. It cannot be
// printed, logged, marshalled or compared with ==.
type Unlock struct {
	_ [0]func()
	// Behind a pointer: inside somebody's unexported field fmt prints the address.
	passphrase *string
}

var _ json.Marshaler = Unlock{}

var errMarshalUnlock = errors.New("chat: a passphrase is never marshalled")

// Passphrase opens or locks a profile with a passphrase. It is used byte by byte
// as it is; a front end that knows of several spellings of a character brings
// them into one form.
func Passphrase(text string) Unlock { return Unlock{passphrase: &text} }

// NoPassphrase opens a profile whose key lies open in its file.
func NoPassphrase() Unlock { return Unlock{} }

// checkNew refuses an empty passphrase for a profile to be locked.
func (u Unlock) checkNew() error {
	if u.passphrase != nil && *u.passphrase == "" {
		return ErrEmptyPassphrase
	}
	return nil
}

const redacted = "[unlock]"

// String hides the value.
func (Unlock) String() string { return redacted }

// GoString hides the value.
func (Unlock) GoString() string { return redacted }

// Format hides the value from every verb of fmt.
func (Unlock) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(redacted)) }

// LogValue hides the value from slog.
func (Unlock) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText refuses.
func (Unlock) MarshalText() ([]byte, error) { return nil, errMarshalUnlock }

// MarshalJSON refuses.
func (Unlock) MarshalJSON() ([]byte, error) { return nil, errMarshalUnlock }
