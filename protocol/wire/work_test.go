package wire

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"math"
	"math/bits"
	"os"
	"testing"
	"time"

	"zeroms/protocol/key"
)

// workSubjects are the things that work is asked for, from fixed inputs.
func workSubjects() map[string][]byte {
	var k sampleKeys
	return map[string][]byte{
		"door":     DoorWork(key.DropID(count(0x80, 16)), sha256.Sum256(count(0, 24))),
		"register": RegisterWork(k.node().Public(), k.account().Public()),
		"stamp":    StampSubject(key.NodeID(count(0x21, 32))),
	}
}

// workVector is one entry of testdata/work.json: the first work of that many bits on that day.
type workVector struct {
	Name    string `json:"name"`
	Subject string `json:"subject"`
	Day     uint32 `json:"day"`
	Bits    int    `json:"bits"`
	Work    string `json:"work"`
	Hash    string `json:"hash"`
}

func makeWorkVectors(t *testing.T) (out []workVector) {
	t.Helper()
	subjects := workSubjects()
	for _, name := range []string{"door", "register", "stamp"} {
		subject := subjects[name]
		for _, c := range []struct {
			day  uint32
			bits int
		}{{0, 0}, {20_717, 8}, {20_717, 16}, {math.MaxUint32, 12}} {
			work, _, ok := SearchWork(subject, c.bits, c.day, 0, 1<<21)
			if !ok {
				t.Fatalf("%s: no work of %d bits", name, c.bits)
			}
			hash := sha256.Sum256(append(bytes.Clone(subject), work...))
			out = append(out, workVector{name, hex.EncodeToString(subject), c.day, c.bits, hex.EncodeToString(work), hex.EncodeToString(hash[:])})
		}
	}
	return out
}

// TestWorkVectors holds all kinds of work to testdata/work.json.
func TestWorkVectors(t *testing.T) {
	got := append(must(json.MarshalIndent(makeWorkVectors(t), "", "  ")), '\n')
	if *update {
		if err := os.WriteFile("testdata/work.json", got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	file, err := os.ReadFile("testdata/work.json")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(file, got) {
		t.Errorf("testdata/work.json differs from what this code makes:\n%s", got)
	}
	var vectors []workVector
	if err := json.Unmarshal(file, &vectors); err != nil || len(vectors) != 12 {
		t.Fatalf("%d vectors, %v", len(vectors), err)
	}
	for _, v := range vectors {
		work, hash := unhex(t, v.Work), unhex(t, v.Hash)
		if len(work) != WorkSize || binary.BigEndian.Uint32(work) != v.Day {
			t.Errorf("%s: %x is not work of day %d", v.Name, work, v.Day)
		}
		first := bits.LeadingZeros64(binary.BigEndian.Uint64(hash))
		n, err := WorkBits(unhex(t, v.Subject), work, time.Unix(int64(v.Day)*86_400, 0))
		if err != nil || n < v.Bits || n != first {
			t.Errorf("%s of day %d has %d bits, its hash %d, %d were asked for: %v", v.Name, v.Day, n, first, v.Bits, err)
		}
	}
}

// TestWorkIsForOneThing: what was done for one subject is nothing for another one.
func TestWorkIsForOneThing(t *testing.T) {
	const wanted = 16
	now := Time(sampleTime)
	subjects := workSubjects()
	subject := subjects["door"]
	work, nonce, ok := SearchWork(subject, wanted, WorkDay(now), 7, 1<<21)
	if !ok || binary.BigEndian.Uint64(work[4:]) != nonce || nonce < 7 {
		t.Fatalf("work %x with nonce %d, %t", work, nonce, ok)
	}
	if n, err := WorkBits(subject, work, now); err != nil || n < wanted {
		t.Errorf("%d bits, %v", n, err)
	}
	other := bytes.Clone(subject)
	other[len(other)-1]++
	for what, s := range map[string][]byte{
		"another envelope": other, "a registration": subjects["register"], "a record": subjects["stamp"], "nothing": nil,
		"another door": DoorWork(key.DropID(count(0x81, 16)), sha256.Sum256(count(0, 24))),
	} {
		if n, err := WorkBits(s, work, now); err != nil || n >= wanted {
			t.Errorf("for %s: %d bits, %v", what, n, err)
		}
	}
	for i := range work {
		changed := bytes.Clone(work)
		changed[i] ^= 1
		if n, err := WorkBits(subject, changed, now); err == nil && n >= wanted {
			t.Errorf("with byte %d changed it still has %d bits", i, n)
		}
	}
}

// TestWorkDays: work counts on its day, the day before and the day after, to the second.
func TestWorkDays(t *testing.T) {
	const day = 20_717
	subject := workSubjects()["door"]
	work, _, ok := SearchWork(subject, 1, day, 0, 1<<10)
	if !ok {
		t.Fatal("no work")
	}
	midnight := time.Unix(day*86_400, 0)
	for _, c := range []struct {
		at   time.Duration
		good bool
	}{
		{-24*time.Hour - time.Millisecond, false}, {-24 * time.Hour, true}, {0, true}, {12 * time.Hour, true},
		{24*time.Hour - time.Millisecond, true}, {48*time.Hour - time.Millisecond, true}, {48 * time.Hour, false},
		{-1000 * time.Hour, false}, {1000 * time.Hour, false},
	} {
		for _, zone := range []*time.Location{time.UTC, time.FixedZone("east", 14*3600), time.FixedZone("west", -12*3600)} {
			n, err := WorkBits(subject, work, midnight.Add(c.at).In(zone))
			if c.good && (err != nil || n < 1) {
				t.Errorf("%v after its midnight: %d bits, %v", c.at, n, err)
			} else if !c.good {
				fails(t, "work of another day", err, ErrExpired)
			}
		}
	}
	first, _, _ := SearchWork(subject, 0, 0, 0, 1)
	for _, now := range []time.Time{time.Unix(0, 0), time.Unix(-5, 0), time.Unix(2*86_400-1, 0)} {
		if _, err := WorkBits(subject, first, now); err != nil {
			t.Errorf("work of day 0 at %v: %v", now, err)
		}
	}
	_, err := WorkBits(subject, make([]byte, WorkSize), midnight)
	fails(t, "work of 1970", err, ErrExpired)
	if got := WorkDay(midnight.Add(-time.Millisecond)); got != day-1 {
		t.Errorf("a millisecond before midnight is day %d", got)
	}
}

func TestWorkSizes(t *testing.T) {
	for n := range 3 * WorkSize {
		if n == WorkSize {
			continue
		}
		_, err := WorkBits(nil, make([]byte, n), time.Unix(0, 0))
		fails(t, "length", err, ErrValue)
	}
}

// TestSearchWorkInSlices: slices find the same work as one search, and say where to go on.
func TestSearchWorkInSlices(t *testing.T) {
	subject := workSubjects()["register"]
	whole, nonce, ok := SearchWork(subject, 10, 5, 0, 1<<20)
	if !ok {
		t.Fatal("no work")
	}
	next, slices := uint64(0), 0
	for {
		work, at, ok := SearchWork(subject, 10, 5, next, 100)
		slices++
		if !ok && (work != nil || at != next+100) {
			t.Fatalf("a slice from %d ends at %d with %x", next, at, work)
		}
		next = at
		if ok {
			if !bytes.Equal(work, whole) || at != nonce {
				t.Errorf("%x with nonce %d, not %x with %d", work, at, whole, nonce)
			}
			break
		}
	}
	if want := int(nonce/100) + 1; slices != want {
		t.Errorf("%d slices, not %d", slices, want)
	}
	if _, at, ok := SearchWork(subject, 1, 5, 9, 0); ok || at != 9 {
		t.Errorf("no tries found something, or went on to %d", at)
	}
	if _, _, ok := SearchWork(subject, 0, 5, math.MaxUint64, 1); !ok {
		t.Error("the last nonce is not tried")
	}
}

func TestLeadingZeros(t *testing.T) {
	for n := range 257 {
		var h [32]byte
		if n < 256 {
			h[n/8] = 0xff >> (n % 8)
		}
		if got := leadingZeros(h); got != n {
			t.Errorf("%x has %d zero bits, not %d", h, got, n)
		}
	}
}

func BenchmarkSearchWork(b *testing.B) {
	subject := workSubjects()["door"]
	for b.Loop() {
		SearchWork(subject, MaxWorkBits, 1, 0, 1000)
	}
}
