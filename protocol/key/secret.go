package key

import (
	"crypto/rand"
	"crypto/subtle"
	"errors"
	"fmt"
	"log/slog"
)

const redacted = "[secret]"

var errMarshalSecret = errors.New("key: a secret is never marshalled; store its Bytes sealed")

// opaque makes the type that embeds it unprintable and incomparable.
type opaque struct{ _ [0]func() }

// String hides the value.
func (opaque) String() string { return redacted }

// GoString hides the value.
func (opaque) GoString() string { return redacted }

// Format hides the value from every verb of fmt.
func (opaque) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(redacted)) }

// LogValue hides the value from slog.
func (opaque) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText refuses.
func (opaque) MarshalText() ([]byte, error) { return nil, errMarshalSecret }

// MarshalJSON refuses.
func (opaque) MarshalJSON() ([]byte, error) { return nil, errMarshalSecret }

// MarshalCBOR refuses.
func (opaque) MarshalCBOR() ([]byte, error) { return nil, errMarshalSecret }

// hidden keeps a value two pointers away. fmt can't ask a secret in somebody's
// unexported field for its Format method: it walks into the value, follows at
// most one pointer and prints the second as an address. The value never changes
// once it is hidden; none is the type's zero.
type hidden[T any] struct{ at **T }

func hide[T any](v T) hidden[T] {
	p := &v
	return hidden[T]{&p}
}

// show is the value itself, for reading only. It panics if there is none: using
// a private key that was never set is a programming error.
func (h hidden[T]) show() *T { return *h.at }

// secret32 is 32 secret bytes.
type secret32 struct {
	opaque
	b hidden[[32]byte]
}

func secret32Of(b [32]byte) secret32 {
	if b == ([32]byte{}) {
		return secret32{} // zeros have one form, so equal secrets are deeply equal
	}
	return secret32{b: hide(b)}
}

func random32() secret32 {
	var b [32]byte
	random(b[:])
	return secret32Of(b)
}

func parse32(b []byte) (secret32, error) {
	if len(b) != 32 {
		return secret32{}, ErrSecretSize
	}
	return secret32Of([32]byte(b)), nil
}

// raw is the 32 bytes themselves, for reading only.
func (s secret32) raw() []byte {
	if s.IsZero() {
		return make([]byte, 32)
	}
	return s.b.show()[:]
}

// Bytes returns a copy of the raw 32 bytes, for derivations and sealed storage.
func (s secret32) Bytes() []byte { return append([]byte(nil), s.raw()...) }

// IsZero reports whether all 32 bytes are zero (unset).
func (s secret32) IsZero() bool { return s.b.at == nil }

// Equal compares in constant time.
func (s secret32) Equal(b []byte) bool { return subtle.ConstantTimeCompare(s.raw(), b) == 1 }

// secret16 is 16 secret bytes.
type secret16 struct {
	opaque
	b hidden[[16]byte]
}

func secret16Of(b [16]byte) secret16 {
	if b == ([16]byte{}) {
		return secret16{} // zeros have one form, so equal secrets are deeply equal
	}
	return secret16{b: hide(b)}
}

func random16() secret16 {
	var b [16]byte
	random(b[:])
	return secret16Of(b)
}

func parse16(b []byte) (secret16, error) {
	if len(b) != 16 {
		return secret16{}, ErrSecretSize
	}
	return secret16Of([16]byte(b)), nil
}

// raw is the 16 bytes themselves, for reading only.
func (s secret16) raw() []byte {
	if s.IsZero() {
		return make([]byte, 16)
	}
	return s.b.show()[:]
}

// Bytes returns a copy of the raw 16 bytes, for derivations and sealed storage.
func (s secret16) Bytes() []byte { return append([]byte(nil), s.raw()...) }

// IsZero reports whether all 16 bytes are zero (unset).
func (s secret16) IsZero() bool { return s.b.at == nil }

// Equal compares in constant time.
func (s secret16) Equal(b []byte) bool { return subtle.ConstantTimeCompare(s.raw(), b) == 1 }

// ErrSecretSize is returned when stored secret bytes have the wrong length.
var ErrSecretSize = errors.New("key: a stored secret has the wrong size")

// Seed is a person's 32-byte root secret, written down as 24 words.
type Seed struct{ secret32 }

// DeviceSecret is a device's own 32-byte root secret; it never leaves the device.
type DeviceSecret struct{ secret32 }

// DropSecret (W) is the 32-byte secret from which both sides derive the drop
// that one of them reads at every one of its gateways.
type DropSecret struct{ secret32 }

// Capability is the 32-byte secret that authenticates submissions to one drop
// or door at one gateway.
type Capability struct{ secret32 }

// AddressSecret (S) is the 16-byte secret of a card without which nobody finds
// or reads a person's record and profile. All zeros: found by key alone.
type AddressSecret struct{ secret16 }

// DoorSecret is the 16-byte secret of one card that opens the front door and
// is mixed into the handshake.
type DoorSecret struct{ secret16 }

// Invite is a 16-byte invitation to register at a gateway.
type Invite struct{ secret16 }

// NewSeed makes a random seed.
func NewSeed() Seed { return Seed{random32()} }

// NewDeviceSecret makes a random device secret.
func NewDeviceSecret() DeviceSecret { return DeviceSecret{random32()} }

// NewDropSecret makes a random drop secret.
func NewDropSecret() DropSecret { return DropSecret{random32()} }

// NewAddressSecret makes a random address secret.
func NewAddressSecret() AddressSecret { return AddressSecret{random16()} }

// NewDoorSecret makes a random door secret.
func NewDoorSecret() DoorSecret { return DoorSecret{random16()} }

// NewInvite makes a random invitation.
func NewInvite() Invite { return Invite{random16()} }

// SeedFrom restores a seed from its 32 bytes.
func SeedFrom(b []byte) (Seed, error) {
	s, err := parse32(b)
	return Seed{s}, err
}

// DeviceSecretFrom restores a device secret from its 32 bytes.
func DeviceSecretFrom(b []byte) (DeviceSecret, error) {
	s, err := parse32(b)
	return DeviceSecret{s}, err
}

// DropSecretFrom restores a drop secret from its 32 bytes.
func DropSecretFrom(b []byte) (DropSecret, error) {
	s, err := parse32(b)
	return DropSecret{s}, err
}

// CapabilityFrom restores a capability from its 32 bytes.
func CapabilityFrom(b []byte) (Capability, error) {
	s, err := parse32(b)
	return Capability{s}, err
}

// AddressSecretFrom restores an address secret from its 16 bytes.
func AddressSecretFrom(b []byte) (AddressSecret, error) {
	s, err := parse16(b)
	return AddressSecret{s}, err
}

// DoorSecretFrom restores a door secret from its 16 bytes.
func DoorSecretFrom(b []byte) (DoorSecret, error) {
	s, err := parse16(b)
	return DoorSecret{s}, err
}

// InviteFrom restores an invitation from its 16 bytes.
func InviteFrom(b []byte) (Invite, error) {
	s, err := parse16(b)
	return Invite{s}, err
}

// random fills b; crypto/rand never fails (it ends the process instead).
func random(b []byte) { _, _ = rand.Read(b) }
