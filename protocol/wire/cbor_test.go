package wire

import (
	"bytes"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"testing"
	"time"

	"zeroms/protocol/key"
)

// TestAppendixA decodes RFC 8949 appendix A into any. Taken are exactly the
// items in deterministic encoding without tags, floats, null, undefined and
// simple values other than false and true.
func TestAppendixA(t *testing.T) {
	b, err := os.ReadFile(filepath.Join("..", "..", "..", "shared", "vectors", "cbor_rfc8949_appendix_a.json"))
	if os.IsNotExist(err) {
		t.Skip("no ../shared/vectors/cbor_rfc8949_appendix_a.json beside the checkout: it holds vectors that others published")
	}
	var file []struct {
		Hex       string
		Roundtrip bool
	}
	if err != nil || json.Unmarshal(b, &file) != nil {
		t.Fatalf("can't read the vectors: %v", err)
	}
	taken := 0
	for _, v := range file {
		item := unhex(t, v.Hex)
		want := v.Roundtrip && item[0]>>5 != 6 && (item[0]>>5 != 7 || item[0] == 0xf4 || item[0] == 0xf5)
		var got any
		err := Unmarshal(item, &got, MaxFrame)
		if (err == nil) != want {
			t.Errorf("%s: %v", v.Hex, err)
		}
		if err == nil {
			taken++
			if again := Marshal(got); !bytes.Equal(again, item) {
				t.Errorf("%s is encoded again as %x", v.Hex, again)
			}
			continue
		}
		fails(t, v.Hex, err, ErrMalformed, ErrNotCanonical)
	}
	if len(file) != 82 || taken != 36 {
		t.Errorf("%d vectors, %d of them taken", len(file), taken)
	}
}

// everything holds one field of each Go type that could hold more than the protocol has.
type everything struct {
	Any   any     `cbor:"1,keyasint"`
	Float float64 `cbor:"2,keyasint"`
	Small float32 `cbor:"3,keyasint"`
	Ptr   *uint8  `cbor:"4,keyasint"`
	Bool  bool    `cbor:"5,keyasint"`
	Int   int64   `cbor:"6,keyasint"`
	Bytes []byte  `cbor:"7,keyasint"`
	Text  string  `cbor:"8,keyasint"`
	List  []uint8 `cbor:"9,keyasint"`
	Array [2]byte `cbor:"10,keyasint"`
	Map   map[uint8]any
}

// TestNothingSlipsThrough: whatever Go type waits for it, an item that the
// protocol does not have is refused.
func TestNothingSlipsThrough(t *testing.T) {
	foreign := map[string]string{
		"null": "f6", "undefined": "f7", "simple 0": "e0", "simple 16": "f0", "simple 24": "f818", "simple 32": "f820", "simple 255": "f8ff",
		"float 0": "f90000", "float 1": "f93c00", "float NaN": "f97e00", "float infinity": "f97c00",
		"float32 1": "fa3f800000", "float32 100000": "fa47c35000", "float64 1": "fb3ff0000000000000", "float64 1.1": "fb3ff199999999999a",
		"tag date": "c100", "tag bignum": "c24101", "tag self-described": "d9d9f701", "tag embedded": "d8184100",
		"break": "ff", "reserved 28": "1c", "reserved 29": "3d", "reserved 30": "5e", "indefinite bytes": "5f4100ff", "indefinite list": "9f00ff",
	}
	targets := map[string]func() any{
		"any": func() any { return new(any) }, "float64": func() any { return new(float64) }, "float32": func() any { return new(float32) },
		"*uint8": func() any { return new(*uint8) }, "bool": func() any { return new(bool) }, "uint8": func() any { return new(uint8) },
		"uint64": func() any { return new(uint64) }, "int64": func() any { return new(int64) }, "[]byte": func() any { return new([]byte) },
		"string": func() any { return new(string) }, "[2]byte": func() any { return new([2]byte) }, "[]uint64": func() any { return new([]uint64) },
		"[]any": func() any { return new([]any) }, "map": func() any { return new(map[uint8]any) }, "struct": func() any { return new(everything) },
		"object": func() any { return new(Object) }, "time": func() any { return new(time.Time) }, "key": func() any { return new(key.NodePublic) },
	}
	for what, item := range foreign {
		for target, fresh := range targets {
			fails(t, what+" into "+target, Unmarshal(unhex(t, item), fresh(), MaxFrame), ErrMalformed)
			list := append([]byte{0x81}, unhex(t, item)...)
			fails(t, what+" in a list into "+target, Unmarshal(list, fresh(), MaxFrame), ErrMalformed)
			value := append([]byte{0xa1, 0x01}, unhex(t, item)...)
			fails(t, what+" as a value into "+target, Unmarshal(value, fresh(), MaxFrame), ErrMalformed)
		}
	}
}

// TestFieldsKeepTheirKinds: an item of another kind than the field's is refused, even if Go could convert it.
func TestFieldsKeepTheirKinds(t *testing.T) {
	for _, c := range []struct {
		item   string
		target any
	}{
		{"6161", new([]byte)}, {"4161", new(string)}, {"8161", new([]byte)}, {"820102", new([2]byte)}, {"6161", new([1]byte)},
		{"4101", new([2]byte)}, {"43010203", new([2]byte)}, {"40", new([2]byte)}, {"20", new(uint64)}, {"190100", new(uint8)},
		{"f5", new(uint8)}, {"01", new(bool)}, {"a0", new([]uint64)}, {"80", new(map[uint8]any)}, {"8240", new(Object)},
		{"834040 40", new(Object)}, {"a0", new(Object)}, {"81a0", new(ProfileGet)}, {"a10150", new(ProfileGet)},
		{"a1613140", new(Profile)}, {"a164426c6f6240", new(Profile)}, {"a1f540", new(Profile)}, {"a12040", new(Profile)}, {"a1414040", new(Profile)},
	} {
		fails(t, c.item+" into "+reflect.TypeOf(c.target).String(),
			Unmarshal(unhex(t, strings.ReplaceAll(c.item, " ", "")), c.target, MaxFrame), ErrMalformed, ErrNotCanonical, ErrTruncated)
	}
}

// TestUnmarshalIntoUsedValue: what the value held before can't fill a missing field.
func TestUnmarshalIntoUsedValue(t *testing.T) {
	f := Failure{Code: 7, Detail: "old"}
	fails(t, "missing detail", Unmarshal(unhex(t, "a10107"), &f, MaxFrame), ErrNotCanonical)
}

func TestUnmarshalErrors(t *testing.T) {
	for what, c := range map[string]struct {
		item string
		want error
	}{
		"nothing": {"", ErrTruncated}, "half a head": {"19", ErrTruncated}, "half a text": {"6261", ErrTruncated},
		"half a map": {"a101", ErrTruncated}, "two items": {"0000", ErrTrailing}, "half an item after": {"0019", ErrTrailing},
		"long head": {"1817", ErrNotCanonical}, "keys out of order": {"a202000100", ErrNotCanonical},
		"short keys before long ones": {"a3 0100 2000 186400", ErrNotCanonical},
		"double key":                  {"a201000100", ErrMalformed}, "double text key": {"a2616100616100", ErrMalformed}, "invalid UTF-8": {"61ff", ErrMalformed},
		"nested beyond": {strings.Repeat("81", MaxNesting) + "8000", ErrMalformed},
	} {
		var v any
		fails(t, what, Unmarshal(unhex(t, strings.ReplaceAll(c.item, " ", "")), &v, MaxFrame), c.want)
	}
	var v any
	if err := Unmarshal(unhex(t, strings.Repeat("81", MaxNesting-1)+"80"), &v, MaxFrame); err != nil {
		t.Errorf("%d levels: %v", MaxNesting, err)
	}
}

func TestUnmarshalMax(t *testing.T) {
	item := Marshal(count(0, 100))
	var b []byte
	if err := Unmarshal(item, &b, len(item)); err != nil {
		t.Errorf("an item of the greatest size: %v", err)
	}
	fails(t, "one byte more", Unmarshal(item, &b, len(item)-1), ErrTooLarge)
	fails(t, "garbage too large", Unmarshal(bytes.Repeat([]byte{0xff}, 10), &b, 9), ErrTooLarge)
}

func TestElements(t *testing.T) {
	list := append([]byte{0x99, 0x10, 0x00}, make([]byte, MaxElements)...)
	var v []uint64
	if err := Unmarshal(list, &v, MaxFrame); err != nil || len(v) != MaxElements {
		t.Errorf("%d elements: %v", len(v), err)
	}
	list = append([]byte{0x99, 0x10, 0x01}, make([]byte, MaxElements+1)...)
	fails(t, "one more", Unmarshal(list, &v, MaxFrame), ErrMalformed)
	var m map[uint16]uint8
	fails(t, "a map of one more", Unmarshal(append([]byte{0xb9, 0x10, 0x01}, make([]byte, 2*MaxElements+2)...), &m, MaxFrame), ErrMalformed)
}

// allocated is how many bytes f allocates: the least of several runs, since
// what else the process allocates meanwhile is counted too.
func allocated(f func()) uint64 {
	least := uint64(math.MaxUint64)
	for range 5 {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		f()
		runtime.ReadMemStats(&after)
		least = min(least, after.TotalAlloc-before.TotalAlloc)
	}
	return least
}

// TestClaimsAllocateNothing: lengths that are only claimed, and nesting without end, cost no memory.
func TestClaimsAllocateNothing(t *testing.T) {
	const much = 32 << 10
	lengths := []string{"9affffffff", "9bffffffffffffffff", "9b7fffffffffffffff", "baffffffff", "bb0000000100000000",
		"5affffffff", "5b7fffffffffffffff", "5bffffffffffffffff", "7affffffff", "7b7fffffffffffffff", "5a00ffffff", "7a00ffffff", "9a00001000"}
	attacks := map[string][]byte{
		"nested lists": bytes.Repeat([]byte{0x81}, MaxFrame), "nested maps": bytes.Repeat([]byte{0xa1, 0x00}, MaxFrame/2),
		"nested tags": bytes.Repeat([]byte{0xc1}, MaxFrame), "endless lists": bytes.Repeat([]byte{0x9f}, MaxFrame),
	}
	for _, claim := range lengths {
		attacks["claim "+claim] = unhex(t, claim)
		attacks["payload claim "+claim] = append([]byte{0x83, 0x14, 0x00}, unhex(t, claim)...)
		attacks["field claim "+claim] = append([]byte{0x83, 0x14, 0x00, 0xa3, 0x01}, unhex(t, claim)...)
		attacks["list claim "+claim] = append([]byte{0x83, 0x15, 0x00, 0xa5, 0x01, 0x00, 0x02, 0x00, 0x03, 0x40, 0x04}, unhex(t, claim)...)
	}
	for what, b := range attacks {
		var err error
		if n := allocated(func() { _, _, err = NextFrame(b) }); n > much {
			t.Errorf("%s: NextFrame allocated %d bytes", what, n)
		}
		fails(t, what, err, ErrMalformed, ErrTruncated)
		for _, v := range []any{new(any), new(Object), new(Submit), new(Commit), new([]byte), new(string), new([]CommitItem)} {
			if n := allocated(func() { err = Unmarshal(b, v, MaxFrame) }); n > much {
				t.Errorf("%s into %T: Unmarshal allocated %d bytes", what, v, n)
			}
			fails(t, what, err, ErrMalformed, ErrTruncated)
		}
	}
}

// TestTooLargeAllocatesNothing: a frame or message above its limit is refused before anything is copied.
func TestTooLargeAllocatesNothing(t *testing.T) {
	large := AppendFrame(nil, 1, &Profile{Blob: make([]byte, 4*MaxFrame)})
	message := make([]byte, MaxMessage+1)
	var err error
	if n := allocated(func() { _, _, err = NextFrame(large) }); n > 4096 {
		t.Errorf("NextFrame allocated %d bytes", n)
	}
	fails(t, "frame", err, ErrTooLarge)
	if n := allocated(func() { _, err = Frames(message) }); n > 4096 {
		t.Errorf("Frames allocated %d bytes", n)
	}
	fails(t, "message", err, ErrTooLarge)
	if n := allocated(func() { err = Unmarshal(large, new(any), MaxFrame) }); n > 4096 {
		t.Errorf("Unmarshal allocated %d bytes", n)
	}
	fails(t, "item", err, ErrTooLarge)
}

// TestMarshalPanics: what CBOR can't carry is a programming error, a secret above all.
func TestMarshalPanics(t *testing.T) {
	for what, v := range map[string]any{
		"channel": make(chan int), "secret": key.NewSeed(), "secret in a struct": struct{ K key.Invite }{key.NewInvite()},
		"private key": key.NewPrivate[key.Node](),
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s was encoded", what)
				}
			}()
			Marshal(v)
		}()
	}
}

func TestTimes(t *testing.T) {
	at := time.Date(2026, 9, 21, 13, 46, 40, 123_456_789, time.FixedZone("", 7200))
	if ms := Millis(at); Time(ms) != at.Truncate(time.Millisecond).UTC() {
		t.Errorf("%d ms are %v", ms, Time(ms))
	}
	if Millis(time.Time{}) != 0 || Millis(time.UnixMilli(-1)) != 0 || Time(0) != time.Unix(0, 0).UTC() {
		t.Error("moments before 1970 are not 0")
	}
	last := time.Date(9999, 12, 31, 23, 59, 59, 999_000_000, time.UTC)
	for _, ms := range []uint64{Millis(last), Millis(last) + 1, math.MaxInt64, math.MaxUint64} {
		if Time(ms) != last {
			t.Errorf("%d ms are %v", ms, Time(ms))
		}
	}
}
