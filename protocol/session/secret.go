package session

import (
	"fmt"
	"log/slog"
)

const redacted = "[session secret]"

// opaque makes the type that embeds it unprintable.
type opaque struct{}

// String hides the value.
func (opaque) String() string { return redacted }

// GoString hides the value.
func (opaque) GoString() string { return redacted }

// Format hides the value from every verb of fmt.
func (opaque) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(redacted)) }

// LogValue hides the value from slog.
func (opaque) LogValue() slog.Value { return slog.StringValue(redacted) }

// SendSlot is what the engine seals one message with: an envelope.Slot by
// conversion, envelope.Slot(slot). It prints nothing.
type SendSlot struct {
	Tag        Tag
	I          uint32
	HeaderKey  [32]byte
	MessageKey [32]byte
	Header     [HeaderSize]byte
}

// String hides the keys.
func (SendSlot) String() string { return redacted }

// GoString hides the keys.
func (SendSlot) GoString() string { return redacted }

// Format hides the keys from every verb of fmt.
func (SendSlot) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(redacted)) }

// LogValue hides the keys from slog.
func (SendSlot) LogValue() slog.Value { return slog.StringValue(redacted) }
