package forward

import (
	"encoding/binary"
	"errors"
	"slices"
	"time"

	"zeroms/protocol/key"
)

// Keys keeps the private keys of channels: at most 200 bytes, which are secret.
type Keys interface {
	// Load returns what Save kept last, nothing if there is none.
	Load() ([]byte, error)
	// Save keeps b durably in place of what was there.
	Save(b []byte) error
}

// ErrKeys: the stored keys of channels can't be read.
var ErrKeys = errors.New("forward: the stored keys of channels are damaged; remove them: clients open new channels once they have read the gateway's new descriptor")

const (
	keysVersion = 1
	keySize     = 8 + 8 + 32
	mostKeys    = 4
)

// relayKey is a private key of channels with its time.
type relayKey struct {
	made     time.Time
	replaced time.Time // zero: it is the current one
	private  key.RelayPrivate
}

// ring is the keys of channels, the current one first. Its stored form is
// version 1 | count 1 | count x {made 8 | replaced 8 | seed 32}, times in unix
// seconds, 0 for one that is not replaced.
type ring []relayKey

// encode is the stored form.
func (r ring) encode() []byte {
	b := []byte{keysVersion, byte(len(r))}
	for _, k := range r {
		b = binary.BigEndian.AppendUint64(b, uint64(k.made.Unix()))
		var replaced uint64
		if !k.replaced.IsZero() {
			replaced = uint64(k.replaced.Unix())
		}
		b = binary.BigEndian.AppendUint64(b, replaced)
		b = append(b, k.private.Bytes()...)
	}
	return b
}

// parseRing reads the stored form. Error: ErrKeys.
func parseRing(b []byte) (r ring, err error) {
	if len(b) < 2 || b[0] != keysVersion || b[1] == 0 || b[1] > mostKeys || len(b) != 2+int(b[1])*keySize {
		return nil, ErrKeys
	}
	for i, b := 0, b[2:]; len(b) > 0; i, b = i+1, b[keySize:] {
		made, replaced := binary.BigEndian.Uint64(b), binary.BigEndian.Uint64(b[8:])
		if made > maxTime || replaced > maxTime || (replaced == 0) != (i == 0) {
			return nil, ErrKeys
		}
		k := relayKey{made: time.Unix(int64(made), 0)}
		if replaced > 0 {
			k.replaced = time.Unix(int64(replaced), 0)
		}
		if k.private, err = key.RelayPrivateFrom(b[16:keySize]); err != nil {
			return nil, ErrKeys
		}
		r = append(r, k)
	}
	return r, nil
}

// maxTime is the last second of year 9999.
const maxTime = 253402300799

// turned is the ring as it should be now, and whether that is another one. A clock
// that went back far makes a new key as well: nobody would know when the one there
// is to go.
func (r ring) turned(now time.Time, t *Timing) (ring, bool) {
	out := slices.DeleteFunc(slices.Clone(r), func(k relayKey) bool {
		return !k.replaced.IsZero() && !now.Before(k.replaced.Add(t.Kept))
	})
	if age := now.Sub(first(out).made); len(out) == 0 || age >= t.Rotate || age < -t.Rotate {
		if len(out) > 0 {
			out[0].replaced = now.Truncate(time.Second)
		}
		out = append(ring{{made: now.Truncate(time.Second), private: key.NewRelayPrivate()}}, out...)
		out = slices.Delete(out, min(len(out), mostKeys), len(out)) // wipes them
	}
	return out, len(out) != len(r) || first(out).made != first(r).made
}

func first(r ring) relayKey {
	if len(r) == 0 {
		return relayKey{}
	}
	return r[0]
}

// next is when the ring has to be turned at the latest.
func (r ring) next(t *Timing) time.Time {
	at := first(r).made.Add(t.Rotate)
	for _, k := range r {
		if end := k.replaced.Add(t.Kept); !k.replaced.IsZero() && end.Before(at) {
			at = end
		}
	}
	return at
}
