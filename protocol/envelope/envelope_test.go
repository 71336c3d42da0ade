package envelope

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strings"
	"testing"

	"zeroms/protocol/key"
	"zeroms/protocol/wire"
)

// record makes a record of so many bytes of message and body; without a body
// it is header-only.
func record(message, body int) Record {
	r := Record{Message: bytes.Repeat([]byte{'m'}, message), Body: bytes.Repeat([]byte{'b'}, body)}
	if body > 0 {
		copy(r.Salt[:], "salt of 16 bytes")
	}
	return r
}

// saltAlone is a record that nobody may make: its salt has no body.
func saltAlone() Record { return Record{Message: []byte{'m'}, Salt: [16]byte{15: 1}} }

// slot makes the n-th of a test's slots.
func slot(n int) Slot {
	s := Slot{I: uint32(n) * 7, HeaderKey: key.Hash("test-hk", []byte{byte(n)}), MessageKey: key.Hash("test-mk", []byte{byte(n)})}
	tag := key.Hash("test-tag", []byte{byte(n)})
	copy(s.Tag[:], tag[:])
	header := key.Hash("test-header", []byte{byte(n)})
	copy(s.Header[:], header[:])
	return s
}

func slots(n int) (out []Slot) {
	for k := range n {
		out = append(out, slot(k))
	}
	return out
}

// openAt opens an envelope with one slot's keys, at the place its tag stands.
func openAt(e *Envelope, s Slot) ([]Record, error) {
	for n, tag := range e.Tags() {
		if tag != s.Tag {
			continue
		}
		header, err := e.OpenHeader(n, s.I, s.HeaderKey)
		if err != nil {
			return nil, err
		}
		if header != s.Header {
			return nil, errors.New("another header")
		}
		return e.OpenBody(n, s.MessageKey)
	}
	return nil, errors.New("no such tag")
}

func equalRecords(a, b []Record) bool {
	if len(a) != len(b) {
		return false
	}
	for k := range a {
		if !bytes.Equal(a[k].Message, b[k].Message) || a[k].Salt != b[k].Salt || !bytes.Equal(a[k].Body, b[k].Body) {
			return false
		}
	}
	return true
}

func TestRoomOfEveryClass(t *testing.T) {
	for _, c := range []struct{ size, devices, room, slots int }{
		{Size1, 1, 750, 2}, {Size1, 2, 750, 2}, {Size1, 3, 526, 4}, {Size1, 4, 526, 4}, {Size1, 5, 0, 0},
		{Size4, 1, 2254, 16}, {Size4, 16, 2254, 16}, {Size4, 17, 0, 0},
		{Size16, 1, 14542, 16}, {Size64, 8, 63694, 16}, {2048, 1, 0, 0}, {0, 1, 0, 0},
	} {
		if got := Room(c.size, c.devices); got != c.room {
			t.Errorf("Room(%d, %d) = %d, want %d", c.size, c.devices, got, c.room)
		}
		if c.room == 0 {
			continue
		}
		full := record(100, c.room-100-recordHead)
		env, err := Pack([]Record{full}, slots(1), c.devices)
		if err != nil || len(env) != c.size {
			t.Fatalf("a full class %d: %d bytes, %v", c.size, len(env), err)
		}
		e, err := Parse(env)
		if err != nil || len(e.Tags()) != c.slots || e.Size() != c.size {
			t.Fatalf("class %d with %d devices: %v", c.size, c.devices, err)
		}
		got, err := openAt(e, slot(0))
		if err != nil || !equalRecords(got, []Record{full}) {
			t.Fatalf("class %d: %v", c.size, err)
		}
		full.Body = append(full.Body, 0)
		env, err = Pack([]Record{full}, slots(1), c.devices)
		if c.size == Size64 {
			if !errors.Is(err, wire.ErrTooLarge) {
				t.Errorf("one byte more than 64 KiB hold: %v", err)
			}
		} else if err != nil || len(env) <= c.size {
			t.Errorf("one byte more than %d holds: %d bytes, %v", c.size, len(env), err)
		}
	}
	if InitRoom != 1591 || SlotSize != 112 {
		t.Errorf("InitRoom = %d, SlotSize = %d", InitRoom, SlotSize)
	}
}

func TestEverySlotOpensAllRecords(t *testing.T) {
	records := []Record{record(300, 20), record(1, 0), record(50, 7), record(2, 1)}
	for devices := 1; devices <= MaxSlots; devices++ {
		env, err := Pack(records, slots(devices), 0)
		if err != nil {
			t.Fatal(err)
		}
		if devices > 4 && len(env) == Size1 {
			t.Errorf("%d devices in 1 KiB", devices)
		}
		e, err := Parse(env)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range slots(devices) {
			got, err := openAt(e, s)
			if err != nil || !equalRecords(got, records) {
				t.Fatalf("%d devices: %v", devices, err)
			}
		}
		if _, err := openAt(e, slot(devices)); err == nil {
			t.Errorf("a slot opened that nobody packed")
		}
	}
}

func TestPlacesAndFillersAreRandom(t *testing.T) {
	places := map[int]int{}
	seen := map[[TagSize]byte]bool{}
	for range 64 {
		env, err := Pack([]Record{record(10, 10)}, slots(1), 4)
		if err != nil {
			t.Fatal(err)
		}
		e, _ := Parse(env)
		for n, tag := range e.Tags() {
			if tag == slot(0).Tag {
				places[n]++
			} else if seen[tag] || tag == ([TagSize]byte{}) {
				t.Fatal("an unused slot is not random")
			} else {
				seen[tag] = true
			}
		}
	}
	for n := range 4 {
		if places[n] == 0 {
			t.Errorf("in 64 envelopes the slot never stood at place %d", n)
		}
	}
}

func TestPackRefuses(t *testing.T) {
	one := []Record{record(1, 1)}
	for name, c := range map[string]struct {
		records []Record
		slots   []Slot
		devices int
	}{
		"no record":          {nil, slots(1), 1},
		"five records":       {[]Record{one[0], one[0], one[0], one[0], one[0]}, slots(1), 1},
		"an empty message":   {[]Record{record(0, 5)}, slots(1), 1},
		"a message too long": {[]Record{record(MaxMessage+1, 0)}, slots(1), 1},
		"a salt alone":       {[]Record{one[0], saltAlone()}, slots(1), 1},
		"no slot":            {one, nil, 1},
		"seventeen slots":    {one, slots(17), 1},
		"seventeen devices":  {one, slots(1), 17},
	} {
		if _, err := Pack(c.records, c.slots, c.devices); !errors.Is(err, wire.ErrValue) {
			t.Errorf("%s: %v", name, err)
		}
		if len(c.slots) == 1 && c.devices == 1 {
			if _, err := PackInit(new(Init), c.records, c.slots[0]); !errors.Is(err, wire.ErrValue) {
				t.Errorf("%s in an init: %v", name, err)
			}
		}
	}
}

func TestFits(t *testing.T) {
	main := record(200, 100) // 322
	for _, c := range []struct {
		extra   Record
		devices int
		want    bool
	}{
		{record(200, 206), 2, true}, {record(200, 207), 2, false}, // 750
		{record(100, 82), 4, true}, {record(100, 83), 4, false}, // 526
		{record(200, 1710), 5, true}, {record(200, 1711), 5, false}, // 2254
		{record(0, 1), 2, false},
	} {
		if got := Fits([]Record{main}, c.extra, c.devices); got != c.want {
			t.Errorf("Fits(%d, %d devices) = %v", c.extra.Size(), c.devices, got)
		}
	}
	four := []Record{main, record(1, 1), record(1, 1), record(1, 1)}
	if Fits(four, record(1, 1), 2) || Fits(nil, main, 2) || FitsInit(four, record(1, 1)) {
		t.Error("a fifth record, or one without a main record, fits")
	}
	if !FitsInit([]Record{main}, record(1000, 247)) || FitsInit([]Record{main}, record(1000, 248)) {
		t.Error("FitsInit does not end at 1591 bytes")
	}
}

func TestInit(t *testing.T) {
	in := new(Init)
	r := rand.New(rand.NewPCG(1, 2))
	for k := range in.Enc {
		in.Enc[k] = byte(r.Uint32())
	}
	for k := range in.Sealed {
		in.Sealed[k] = byte(r.Uint32())
	}
	var spk key.PrekeyPublic
	in.Hint = Hint(&spk, in.Enc[:])
	full := []Record{record(MaxMessage, InitRoom-MaxMessage-recordHead)}
	env, err := PackInit(in, full, slot(3))
	if err != nil || len(env) != Size4 || !IsInit(env) {
		t.Fatalf("%d bytes, %v", len(env), err)
	}
	got, e, err := ParseInit(env)
	if err != nil || *got != *in || len(e.Tags()) != 1 {
		t.Fatal(err)
	}
	if records, err := openAt(e, slot(3)); err != nil || !equalRecords(records, full) {
		t.Fatal(err)
	}
	full[0].Body = append(full[0].Body, 1)
	if _, err := PackInit(in, full, slot(3)); !errors.Is(err, wire.ErrTooLarge) {
		t.Errorf("1592 bytes: %v", err)
	}
	if _, err := Parse(env); !errors.Is(err, wire.ErrUnexpected) {
		t.Errorf("Parse of an init: %v", err)
	}
	ordinary, _ := Pack([]Record{record(1, 1)}, slots(1), 8)
	if _, _, err := ParseInit(ordinary); !errors.Is(err, wire.ErrUnexpected) || IsInit(ordinary) {
		t.Errorf("ParseInit of an ordinary envelope: %v", err)
	}
	if spk[0]++; Hint(&spk, in.Enc[:]) == in.Hint {
		t.Error("the hint does not depend on the prekey")
	}
}

// TestEveryByteCounts flips each byte of an ordinary and of an init envelope:
// none of the slots gives any record then.
func TestEveryByteCounts(t *testing.T) {
	records := []Record{record(40, 60)}
	ordinary, _ := Pack(records, slots(2), 2)
	initial, _ := PackInit(&Init{Hint: [8]byte{1}}, records, slot(0))
	for _, env := range [][]byte{ordinary, initial} {
		for n := range env {
			changed := bytes.Clone(env)
			changed[n] ^= 1 << (n % 8)
			var e *Envelope
			var err error
			if IsInit(env) {
				_, e, err = ParseInit(changed)
			} else {
				e, err = Parse(changed)
			}
			if err != nil {
				continue
			}
			for k := range e.Tags() {
				for _, s := range slots(2) {
					if _, err := e.OpenBody(k, s.MessageKey); err == nil {
						t.Fatalf("byte %d of %d changed and a slot opens", n, len(env))
					}
				}
			}
		}
	}
}

func TestHeaderIsBoundToIndexAndCommitment(t *testing.T) {
	env, _ := Pack([]Record{record(1, 1)}, slots(1), 1)
	other, _ := Pack([]Record{record(1, 1)}, slots(1), 1)
	e, _ := Parse(env)
	at := 0
	if e.Tags()[1] == slot(0).Tag {
		at = 1
	}
	if _, err := e.OpenHeader(at, slot(0).I+1, slot(0).HeaderKey); !errors.Is(err, wire.ErrOpen) {
		t.Errorf("another index: %v", err)
	}
	// The slot of another envelope, whose content key is another one.
	moved := bytes.Clone(env)
	o, _ := Parse(other)
	from := 0
	if o.Tags()[1] == slot(0).Tag {
		from = 1
	}
	copy(moved[slotsAt+at*SlotSize:], o.slot(from))
	m, _ := Parse(moved)
	if _, err := m.OpenHeader(at, slot(0).I, slot(0).HeaderKey); !errors.Is(err, wire.ErrOpen) {
		t.Errorf("a header of another envelope: %v", err)
	}
	if _, err := m.OpenBody(at, slot(0).MessageKey); !errors.Is(err, wire.ErrOpen) {
		t.Errorf("a slot of another envelope: %v", err)
	}
	for _, n := range []int{-1, 2} {
		if _, err := e.OpenBody(n, slot(0).MessageKey); !errors.Is(err, wire.ErrOpen) {
			t.Errorf("slot %d: %v", n, err)
		}
		if _, err := e.OpenHeader(n, 0, slot(0).HeaderKey); !errors.Is(err, wire.ErrOpen) {
			t.Errorf("slot %d: %v", n, err)
		}
	}
}

// TestKeyCommitment makes an envelope whose second slot wraps another content
// key than the one committed to: that slot is refused before the body is tried.
func TestKeyCommitment(t *testing.T) {
	cek, commit := contentKey()
	wrong, _ := contentKey()
	env := make([]byte, Size1)
	env[0], env[1] = kindMessage, 2
	copy(env[2:], commit[:])
	a, b := slot(0), slot(1)
	sealSlot(env[slotsAt:][:SlotSize], &a, cek, commit)
	sealSlot(env[slotsAt+SlotSize:][:SlotSize], &b, wrong, commit)
	bodyAt := slotsAt + 2*SlotSize
	sealBody(env, bodyAt, wrong, []Record{record(5, 5)})
	e, err := Parse(env)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := e.OpenBody(1, b.MessageKey); !errors.Is(err, wire.ErrOpen) || !strings.Contains(err.Error(), "commitment") {
		t.Errorf("a content key that nobody committed to: %v", err)
	}
	if _, err := e.OpenBody(0, a.MessageKey); !errors.Is(err, wire.ErrOpen) {
		t.Errorf("a body under another content key: %v", err)
	}
}

func TestParseRefuses(t *testing.T) {
	env, _ := Pack([]Record{record(1, 1)}, slots(1), 1)
	big, _ := Pack([]Record{record(1, 1)}, slots(1), 8)
	for n := range len(env) {
		if _, err := Parse(env[:n]); !errors.Is(err, wire.ErrSizeClass) {
			t.Fatalf("the first %d bytes: %v", n, err)
		}
	}
	if _, err := Parse(append(bytes.Clone(env), 0)); !errors.Is(err, wire.ErrSizeClass) {
		t.Errorf("a byte more: %v", err)
	}
	with := func(env []byte, at int, b byte) []byte {
		out := bytes.Clone(env)
		out[at] = b
		return out
	}
	for _, n := range []byte{0, 1, 3, 5, 16, 255} {
		if _, err := Parse(with(env, 1, n)); !errors.Is(err, wire.ErrValue) {
			t.Errorf("%d slots at 1 KiB: %v", n, err)
		}
	}
	for _, n := range []byte{0, 2, 4, 15, 17} {
		if _, err := Parse(with(big, 1, n)); !errors.Is(err, wire.ErrValue) {
			t.Errorf("%d slots at 4 KiB: %v", n, err)
		}
	}
	for _, kind := range []byte{0, 2, 0x80, 0x82} {
		if _, err := Parse(with(env, 0, kind)); !errors.Is(err, wire.ErrVersion) {
			t.Errorf("kind %d: %v", kind, err)
		}
		if _, _, err := ParseInit(with(big, 0, kind)); !errors.Is(err, wire.ErrVersion) {
			t.Errorf("kind %d: %v", kind, err)
		}
	}
	for _, size := range []int{0, 1, 1024, 4095, 4097, 16384, 65536} {
		short := make([]byte, size)
		if size > 0 {
			short[0] = kindInit
		}
		if _, _, err := ParseInit(short); !errors.Is(err, wire.ErrSizeClass) {
			t.Errorf("an init of %d bytes: %v", size, err)
		}
	}
}

func TestParseRecordsRefuses(t *testing.T) {
	valid := appendRecords(nil, []Record{record(3, 2), record(4, 0)})
	for n := 1; n < len(valid); n++ {
		if n == record(3, 2).Size() {
			continue // one whole record is a body as well
		}
		if _, err := parseRecords(valid[:n]); err == nil && n != record(3, 2).Size()+1 {
			t.Errorf("the first %d of %d bytes are a body", n, len(valid))
		}
	}
	for name, c := range map[string]struct {
		body []byte
		want error
	}{
		"nothing":                     {nil, wire.ErrMalformed},
		"zeros":                       {make([]byte, 100), wire.ErrMalformed},
		"a message too long":          {append([]byte{4, 1}, make([]byte, 2000)...), wire.ErrMalformed},
		"a body length of 4 GiB":      {append(append([]byte{0, 1, 'm'}, make([]byte, 16)...), 255, 255, 255, 255, 1), wire.ErrTruncated},
		"bytes after a zero length":   {append(bytes.Clone(valid), 0, 0, 0, 1), wire.ErrNotCanonical},
		"one byte after the last":     {append(bytes.Clone(valid), 1), wire.ErrNotCanonical},
		"a fifth record":              {appendRecords(nil, []Record{record(1, 0), record(1, 0), record(1, 0), record(1, 0), record(1, 0)}), wire.ErrNotCanonical},
		"a message beyond the room":   {[]byte{0, 9, 'm'}, wire.ErrTruncated},
		"a body beyond the room":      {append(append([]byte{0, 1, 'm'}, make([]byte, 16)...), 0, 0, 0, 2, 1), wire.ErrTruncated},
		"a salt without a body":       {appendRecords(nil, []Record{saltAlone()}), wire.ErrMalformed},
		"no room for the body length": {append([]byte{0, 1, 'm'}, make([]byte, 18)...), wire.ErrTruncated},
	} {
		if _, err := parseRecords(c.body); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if got, err := parseRecords(append(valid, 0)); err != nil || len(got) != 2 {
		t.Errorf("one zero after the last record: %v", err)
	}
}

func TestHeaderOnly(t *testing.T) {
	want := []Record{record(300, 0), record(1, 1), {Message: []byte{7}, Body: []byte{0}}}
	env, err := Pack(want, slots(1), 1)
	if err != nil {
		t.Fatal(err)
	}
	e, _ := Parse(env)
	got, err := openAt(e, slot(0))
	if err != nil || !equalRecords(got, want) {
		t.Fatalf("%d records, %v", len(got), err)
	}
	for i, only := range []bool{true, false, false} { // zeros as salt and body are a body like any other
		if got[i].HeaderOnly() != only {
			t.Errorf("record %d: header-only %v", i, !only)
		}
	}
	if encoded := appendRecords(nil, want[:1]); !bytes.Equal(encoded[302:], make([]byte, 16+4)) {
		t.Errorf("a message without its body ends with %x", encoded[302:])
	}
}

func TestNothingPrints(t *testing.T) {
	s, r := slot(1), record(5, 5)
	var log bytes.Buffer
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "slot", s, "record", r)
	text := fmt.Sprintf("%v %+v %#v %s %x %v %+v %#v %s", s, s, s, s, s, r, r, r, r) + fmt.Sprint(&s, []Slot{s}, &r) + log.String()
	for _, secret := range []string{fmt.Sprintf("%x", s.MessageKey[:4]), fmt.Sprint(s.MessageKey[0], s.MessageKey[1]), "mmm", "6d6d", "109 109"} {
		if strings.Contains(text, secret) {
			t.Errorf("printed: %s", text)
		}
	}
}
