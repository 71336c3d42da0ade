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
		init  bool
	}{
		{1 << 10, 0x01, true, false}, {4 << 10, 0x01, true, false}, {16 << 10, 0x01, true, false}, {64 << 10, 0x01, true, false},
		{4 << 10, 0x81, true, true}, {1 << 10, 0x81, false, false}, {64 << 10, 0x81, false, false},
		{4 << 10, 0x02, false, false}, {0, 0, false, false}, {1<<10 + 1, 0x01, false, false},
	} {
		env := make([]byte, c.size)
		if c.size > 0 {
			env[0] = c.first
		}
		_, init := Init(env)
		if Sized(env) != c.sized || init != c.init {
			t.Errorf("%d bytes, first %#x: sized %t, init %t", c.size, c.first, Sized(env), init)
		}
	}
}

func TestInitNamesTheEncapsulation(t *testing.T) {
	a := make([]byte, 4<<10)
	a[0] = 0x81
	first, _ := Init(a)
	a[1129]++ // what is sealed
	if same, _ := Init(a); same != first {
		t.Error("the sealed part counts")
	}
	for _, at := range []int{9, 1128} {
		a[at]++
		if other, _ := Init(a); other == first {
			t.Errorf("byte %d does not count", at)
		}
	}
}

func push(kind uint8, index uint64, hash byte) *wire.Push {
	return &wire.Push{Kind: kind, Position: wire.At(1, index), Drop: key.DropID{1}, Hash: [32]byte{hash}}
}

func TestSeen(t *testing.T) {
	in := New(time.Time{})
	in.Note(push(wire.RowEnvelope, 5, 1), [12]byte{}, 9)
	in.Note(push(wire.RowObject, 6, 2), [12]byte{}, 0)
	if index, ok := in.Seen(key.DropID{1}, [32]byte{1}); !ok || index != 5 {
		t.Errorf("index %d, %t", index, ok)
	}
	for _, c := range []struct {
		drop key.DropID
		hash byte
	}{{key.DropID{2}, 1}, {key.DropID{1}, 2}} {
		if _, ok := in.Seen(c.drop, [32]byte{c.hash}); ok {
			t.Errorf("%v was seen", c)
		}
	}
	in.Forget(key.DropID{1}, [32]byte{1})
	if _, ok := in.Seen(key.DropID{1}, [32]byte{1}); ok {
		t.Error("it was forgotten")
	}
}

func TestDoorsFillUp(t *testing.T) {
	in, door := New(time.Time{}), key.DropID{1}
	for i := range uint64(wire.DoorPerInit) {
		if in.Full(door, [12]byte{1}, 0) {
			t.Fatalf("full after %d", i)
		}
		in.Note(push(wire.RowDoor, i+1, byte(i)), [12]byte{1}, 0)
	}
	if !in.Full(door, [12]byte{1}, 0) || in.Full(door, [12]byte{2}, 0) {
		t.Error("one encapsulation fills its share and no more")
	}
	for i := uint64(wire.DoorPerInit); i < wire.DoorPending; i++ {
		in.Note(push(wire.RowDoor, i+1, byte(i)), [12]byte{byte(i)}, 0)
	}
	if !in.Full(door, [12]byte{2}, 0) || in.Full(key.DropID{2}, [12]byte{2}, 0) {
		t.Error("the door is full, another is not")
	}
	if in.Full(door, [12]byte{2}, 1) {
		t.Error("what was acknowledged makes room")
	}
	in.CloseDoor(door)
	if in.Full(door, [12]byte{1}, 0) {
		t.Error("a closed door is empty")
	}
}
