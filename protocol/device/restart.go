package device

import (
	"math"
	"slices"
	"time"

	"zeroms/protocol/key"
	"zeroms/protocol/wire"
)

// unknownPrev stands for a predecessor that was lost with everything else.
func unknownPrev() (prev [32]byte) {
	for i := range prev {
		prev[i] = 0xff
	}
	return prev
}

// Restart makes the entry by which a person goes on with the new full device
// dsk after they lost others: it removes those of revoke that are listed, and
// adds dsk. l may know nothing. What it knows may be old, for it comes from a
// backup, and an entry with a number that others know already would fork the
// chain; so the number is the seconds since 1970, or one more than the newest
// known number if that is greater. Others follow it like one that comes after
// entries that they miss. Errors: wire.ErrValue (another key, no number left),
// wire.ErrLimit, wire.ErrPublicKey.
func (l *List) Restart(ik key.IdentityPrivate, dsk key.DevicePrivate, revoke []key.DeviceID, now time.Time) (*Entry, error) {
	if ik.Public() != l.user {
		return nil, wire.ErrValue.Because("the chain cannot be continued with this key")
	}
	b := body{User: l.user, N: uint32(min(max(now.Unix(), 2), math.MaxUint32-1)), Prev: unknownPrev(), Time: wire.Millis(now)}
	if last := l.newest; last != nil {
		if last.N >= math.MaxUint32-1 {
			return nil, wire.ErrValue.Because("the chain cannot be continued")
		}
		b.N, b.Prev, b.Next = max(b.N, last.N+1), last.hash, last.Next
		listed := slices.DeleteFunc(slices.Clone(revoke), func(id key.DeviceID) bool { _, ok := last.Device(id); return !ok })
		if err := l.remove(&b, listed); err != nil {
			return nil, err
		}
	}
	pub := dsk.Public()
	id := key.DeviceIDOf(pub)
	if _, known := l.Device(id); known || l.isRevoked(id) {
		return nil, wire.ErrValue.Because("this device cannot be added")
	}
	if len(b.Devices) >= MaxDevices {
		return nil, wire.ErrLimit.Because("8 devices")
	}
	b.Devices = append(b.Devices, Device{DSK: pub, ID: id, Role: Full, Added: b.N})
	return seal(ik, b, []join{{ID: id, Sig: SignJoin(dsk, l.user, b.N, b.Prev)}}), nil
}
