package forward

import (
	"bytes"
	"testing"
	"time"

	"zeroms/protocol/key"
)

func someRing(n int) ring {
	var r ring
	for i := range n {
		k := relayKey{made: time.Unix(int64(1000-i), 0), private: key.NewRelayPrivate()}
		if i > 0 {
			k.replaced = time.Unix(int64(1000-i), 0)
		}
		r = append(r, k)
	}
	return r
}

// TestRing: the stored form reads back, and nothing else does.
func TestRing(t *testing.T) {
	for n := 1; n <= mostKeys; n++ {
		b := someRing(n).encode()
		r, err := parseRing(b)
		if err != nil || !bytes.Equal(r.encode(), b) || len(r) != n {
			t.Fatalf("%d keys: %v", n, err)
		}
		for i := range b {
			if _, err := parseRing(b[:i]); err == nil {
				t.Errorf("%d of %d bytes are read", i, len(b))
			}
		}
		if _, err := parseRing(append(b, 0)); err == nil {
			t.Error("a byte more is read")
		}
	}
	if _, err := parseRing(someRing(mostKeys + 1).encode()); err == nil {
		t.Error("too many keys are read")
	}
}

// TestTurnedRing: a key that goes is not kept behind those that stay.
func TestTurnedRing(t *testing.T) {
	timing := Timing{}.Default()
	now := time.Unix(2_000_000_000, 0)
	full := someRing(mostKeys)
	for i := range full {
		full[i].made = now.Add(-timing.Rotate)
		if i > 0 {
			full[i].replaced = now
		}
	}
	out, changed := full.turned(now, &timing)
	if !changed || len(out) != mostKeys || !out[1].private.Equal(full[0].private.Bytes()) {
		t.Fatalf("%d keys, changed: %v", len(out), changed)
	}
	for _, k := range out[len(out):cap(out)] {
		if !k.private.IsZero() {
			t.Error("a key is still there")
		}
	}
	if out, changed = out.turned(now.Add(timing.Kept), &timing); !changed || len(out) != 2 {
		t.Fatalf("%d keys, changed: %v", len(out), changed)
	}
	for _, k := range out[len(out):cap(out)] {
		if !k.private.IsZero() {
			t.Error("a key is still there")
		}
	}
}

// FuzzRing: what is read is written in the same bytes.
func FuzzRing(f *testing.F) {
	for n := 1; n <= mostKeys; n++ {
		f.Add(someRing(n).encode())
	}
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		if r, err := parseRing(b); err == nil && !bytes.Equal(r.encode(), b) {
			t.Error("it is written in other bytes")
		}
	})
}
