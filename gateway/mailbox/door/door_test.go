package door

import (
	"bytes"
	"crypto/sha256"
	"testing"
	"time"

	"zeroms/protocol/key"
	"zeroms/protocol/wire"
)

func TestInitNamesTheEncapsulation(t *testing.T) {
	a := make([]byte, 4<<10)
	a[0] = 0x81
	first, _ := Init(a)
	a[1129]++ // what is sealed
	if same, ok := Init(a); same != first || !ok {
		t.Error("the sealed part counts")
	}
	for _, at := range []int{9, 1128} {
		a[at]++
		if other, _ := Init(a); other == first {
			t.Errorf("byte %d does not count", at)
		}
	}
	for _, env := range [][]byte{nil, a[:1<<10], append([]byte{1}, a[1:]...), bytes.Repeat([]byte{0x81}, 16<<10)} {
		if _, ok := Init(env); ok {
			t.Errorf("an envelope of %d bytes is taken for an init", len(env))
		}
	}
}

func TestWork(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	day := uint32(now.Unix() / 86400)
	door, env := key.DropID{1}, sha256.Sum256([]byte("env"))
	subject := wire.DoorWork(door, env)
	for _, d := range []uint32{day - 1, day, day + 1} {
		work, _, ok := wire.SearchWork(subject, 10, d, 0, 1<<20)
		if !ok || Work(door, env, work, now) < 10 {
			t.Errorf("work of day %d does not count", d)
		}
	}
	for name, work := range map[string][]byte{
		"old": found(t, subject, day-2), "early": found(t, subject, day+2), "none": nil, "short": make([]byte, 11),
	} {
		if bits := Work(door, env, work, now); bits != 0 {
			t.Errorf("%s: %d bits", name, bits)
		}
	}
}

func found(t *testing.T, subject []byte, day uint32) []byte {
	work, _, ok := wire.SearchWork(subject, 8, day, 0, 1<<20)
	if !ok {
		t.Fatal("no work was found")
	}
	return work
}

// fill puts entries with these bits behind a door, each with another encapsulation.
func fill(w *Waiting, door key.DropID, bits ...uint8) {
	for i, b := range bits {
		w.Note(door, Entry{Index: uint64(i + 1), Encapsulation: [12]byte{1, byte(i)}, Bits: b})
	}
}

func TestACardsDoor(t *testing.T) {
	w, door := NewWaiting(), key.DropID{1}
	same := Ask{Door: door, Encapsulation: [12]byte{7}, Bits: 40}
	for i := range uint64(wire.DoorPerInit) {
		if v := w.Admit(same); v.Refused != 0 {
			t.Fatalf("full after %d", i)
		}
		w.Note(door, Entry{Index: i + 1, Encapsulation: same.Encapsulation})
	}
	other := Ask{Door: door, Encapsulation: [12]byte{8}}
	if w.Admit(same) != (Verdict{Refused: wire.CodeDoorFull}) || w.Admit(other) != (Verdict{}) {
		t.Error("one encapsulation fills its share and no more")
	}
	for i := uint64(wire.DoorPerInit); i < wire.DoorPending; i++ {
		w.Note(door, Entry{Index: i + 1, Encapsulation: [12]byte{1, byte(i)}})
	}
	other.Bits = 40 // work is worth nothing here
	if w.Admit(other) != (Verdict{Refused: wire.CodeDoorFull}) || w.Admit(Ask{Door: key.DropID{2}}) != (Verdict{}) {
		t.Error("the door is full, another is not")
	}
	if other.Floor = 1; w.Admit(other) != (Verdict{}) {
		t.Error("what was acknowledged makes room")
	}
}

func TestAPublicDoor(t *testing.T) {
	door := key.DropID{1}
	full := make([]uint8, wire.DoorPending)
	for i := range full {
		full[i] = 24 + uint8(i)%4
	}
	most := bytes.Repeat([]byte{40}, wire.DoorPending)
	for name, c := range map[string]struct {
		waiting []uint8
		bits    uint8
		want    Verdict
		gone    uint64
	}{
		"empty, too little":     {nil, 19, Verdict{Refused: wire.CodeWork, Bits: 20}, 0},
		"empty, enough":         {nil, 20, Verdict{}, 0},
		"one place":             {full[1:], 20, Verdict{}, 0},
		"full, too little":      {full, 19, Verdict{Refused: wire.CodeWork, Bits: 25}, 0},
		"full, as the least":    {full, 24, Verdict{Refused: wire.CodeDoorFull, Bits: 25}, 0},
		"full, more":            {full, 25, Verdict{}, 29},
		"full of the most":      {most, 40, Verdict{Refused: wire.CodeDoorFull, Bits: 40}, 0},
		"full of little":        {make([]uint8, 32), 20, Verdict{}, 32},
		"full of little, price": {make([]uint8, 32), 3, Verdict{Refused: wire.CodeWork, Bits: 20}, 0},
	} {
		w := NewWaiting()
		fill(w, door, c.waiting...)
		got := w.Admit(Ask{Door: door, Price: 20, Bits: c.bits})
		gone := uint64(0)
		if got.Displaced != nil {
			gone = got.Displaced.Index
		}
		if got.Displaced = nil; got != c.want || gone != c.gone {
			t.Errorf("%s: %+v, displaced %d; want %+v, %d", name, got, gone, c.want, c.gone)
		}
	}
}

func TestDisplacing(t *testing.T) {
	w, door := NewWaiting(), key.DropID{1}
	fill(w, door, bytes.Repeat([]byte{20}, wire.DoorPending)...)
	for i := range 3 * wire.DoorPending { // each needs more than the least
		bits := uint8(21 + i/wire.DoorPending)
		v := w.Admit(Ask{Door: door, Price: 20, Bits: bits})
		if v.Displaced == nil || v.Displaced.Bits != bits-1 {
			t.Fatalf("%d: %+v", i, v)
		}
		w.Displace(door, v.Displaced.Index)
		if again := w.Admit(Ask{Door: door, Price: 20, Bits: 20}); again.Refused != 0 {
			t.Fatalf("%d: no place where one was made: %+v", i, again)
		}
		w.Note(door, Entry{Index: uint64(100 + i), Encapsulation: [12]byte{2, byte(i)}, Bits: bits})
	}
	w.Displace(door, 1) // gone long ago: nothing happens
	if n := w.Bytes(); n < 4*wire.DoorPending*64 {
		t.Errorf("%d bytes", n)
	}
	if v := w.Admit(Ask{Door: door, Price: 20, Bits: 23}); v.Bits != 24 {
		t.Errorf("%+v", v)
	}
}
