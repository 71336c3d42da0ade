package intake

import (
	"testing"
	"time"

	"zeroms/protocol/key"
	"zeroms/protocol/wire"
)

func TestSized(t *testing.T) {
	for _, c := range []struct {
		size  int
		first byte
		sized bool
	}{
		{1 << 10, 0x01, true}, {4 << 10, 0x01, true}, {16 << 10, 0x01, true}, {64 << 10, 0x01, true},
		{4 << 10, 0x81, true}, {1 << 10, 0x81, false}, {64 << 10, 0x81, false},
		{4 << 10, 0x02, false}, {0, 0, false}, {1<<10 + 1, 0x01, false},
	} {
		env := make([]byte, c.size)
		if c.size > 0 {
			env[0] = c.first
		}
		if Sized(env) != c.sized {
			t.Errorf("%d bytes, first %#x: sized %t", c.size, c.first, Sized(env))
		}
	}
}

func push(kind uint8, index uint64, hash byte) *wire.Push {
	return &wire.Push{Kind: kind, Position: wire.At(1, index), Drop: key.DropID{1}, Hash: [32]byte{hash}}
}

func TestSeen(t *testing.T) {
	in := New(time.Time{})
	in.Note(push(wire.RowEnvelope, 5, 1))
	in.Note(push(wire.RowDoor, 7, 3))
	in.Note(push(wire.RowObject, 6, 2))
	if index, ok := in.Seen(key.DropID{1}, [32]byte{1}); !ok || index != 5 {
		t.Errorf("index %d, %t", index, ok)
	}
	if index, ok := in.Seen(key.DropID{1}, [32]byte{3}); !ok || index != 7 {
		t.Errorf("at a door: index %d, %t", index, ok)
	}
	for _, c := range []struct {
		drop key.DropID
		hash byte
	}{{key.DropID{2}, 1}, {key.DropID{1}, 2}} {
		if _, ok := in.Seen(c.drop, [32]byte{c.hash}); ok {
			t.Errorf("%v was seen", c)
		}
	}
	full := in.Bytes()
	in.Forget(key.DropID{1}, [32]byte{1})
	if full < 2*16 || in.Bytes() != full {
		t.Errorf("%d bytes for two, %d after one is forgotten", full, in.Bytes())
	}
	if _, ok := in.Seen(key.DropID{1}, [32]byte{1}); ok {
		t.Error("it was forgotten")
	}
}
