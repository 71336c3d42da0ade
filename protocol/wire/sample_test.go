package wire

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"os"
	"reflect"
	"strings"
	"testing"

	"zeroms/protocol/key"
)

var update = flag.Bool("update", false, "write testdata/frames.json anew from the code")

// count is n bytes that count up from the first.
func count(from byte, n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = from + byte(i)
	}
	return b
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// sample is one frame with fixed content.
type sample struct {
	name    string
	family  string
	id      uint64
	payload Payload
	// variable lists the byte strings of the payload whose length the encoding
	// leaves open: paths of map keys and array indexes. A ? says that the field is
	// left out if it is empty.
	variable string
}

// fresh is an empty payload of the sample's type.
func (s sample) fresh() Payload {
	return reflect.New(reflect.TypeOf(s.payload).Elem()).Interface().(Payload)
}

func (s sample) frame() []byte { return AppendFrame(nil, s.id, s.payload) }

// The keys and objects of the samples, from fixed seeds.
func (sampleKeys) node() key.NodePrivate {
	return key.PrivateFromSeed[key.Node]([32]byte(count(1, 32)))
}
func (sampleKeys) account() key.MailboxPrivate {
	return key.PrivateFromSeed[key.Mailbox]([32]byte(count(2, 32)))
}
func (sampleKeys) login() key.LoginPrivate {
	return key.PrivateFromSeed[key.Login]([32]byte(count(3, 32)))
}

type sampleKeys struct{}

func (k sampleKeys) profile() key.ProfilePrivate {
	seed := must(key.SeedFrom(count(4, 32)))
	place := key.Place{Network: key.Network{'t', 'e', 's', 't'}, Node: k.node().Public()}
	return key.ProfileSigner(seed.Identity(), key.AddressSecret{}, place)
}

const sampleTime = 1_790_000_000_000 // ms

func (k sampleKeys) enrolment() Object {
	return Sign(k.account(), key.ContextEnrol, &Enrolment{
		Op: OpEnrol, Account: k.account().Public(), Login: k.login().Public(), Cursor: key.CursorID(count(0x50, 8)), Time: sampleTime,
	})
}

func (k sampleKeys) drop(op uint8) Object {
	return Sign(k.login(), key.ContextMailbox, &DropObject{
		Op: op, Account: key.AccountTagOf(k.account().Public()), Drop: key.DropID(count(0x60, 16)), CapabilityHash: [32]byte(count(0x70, 32)), Time: sampleTime,
	})
}

func (k sampleKeys) refusal() Object {
	return Sign(k.node(), key.ContextRefusal, &Refusal{
		Node: k.node().Public(), DropHash: [32]byte(count(0x10, 32)), EnvelopeHash: [32]byte(count(0x30, 32)), Code: CodeWork, Time: sampleTime, Bits: 24,
	})
}

func (k sampleKeys) ack(upto Position, r [32]byte) []byte {
	tag := key.AccountTagOf(k.account().Public())
	return k.login().Sign(key.ContextMailboxAck, AckTranscript(tag, key.CursorID(count(0x50, 8)), upto, r))
}

// state is a state with two cursors: one that acknowledged and one that did not.
func (k sampleKeys) state() Object {
	r := [32]byte(count(0x20, 32))
	acked := At(1_790_000_000, 255)
	return Sign(k.node(), key.ContextDropState, &DropState{
		Node: k.node().Public(), Tag: key.AccountTagOf(k.account().Public()), DropHash: [32]byte(count(0x10, 32)),
		D0: [32]byte(count(0x70, 32)), Start: At(1_789_000_000, 3), Low: 301, K: 300, D: [32]byte(count(0x44, 32)), Head: At(1_790_000_000, 258), R: r, Time: sampleTime,
		Asked: [32]byte(count(0x30, 32)), AskedK: 299, AskedD: [32]byte(count(0x66, 32)), AskedRow: At(1_790_000_000, 254),
		Cursors: []CursorState{
			{Login: k.login().Public(), Cursor: key.CursorID(count(0x50, 8)), From: At(1_789_000_000, 2), Upto: acked, R: r, Ack: sha256.Sum256(k.ack(acked, r))},
			{Login: key.LoginPublic(count(0xf0, 32)), Cursor: key.CursorID(count(0x58, 8)), From: At(1_790_000_000, 256)},
		},
	})
}

// noState is what a gateway signs that has no memory of a registration: no login key is enrolled either.
func (k sampleKeys) noState() Object {
	return Sign(k.node(), key.ContextDropState, &DropState{
		Node: k.node().Public(), Tag: key.AccountTagOf(k.account().Public()), DropHash: [32]byte(count(0x10, 32)), D0: [32]byte(count(0x71, 32)),
		Head: At(1_790_000_000, 258), R: [32]byte(count(0x20, 32)), Time: sampleTime, Asked: [32]byte(count(0x30, 32)), AskedK: 1,
	})
}

// The proofs of work of the samples: the first nonces from 0 on that bring 12 bits.
func (k sampleKeys) work(subject []byte) []byte {
	work, _, ok := SearchWork(subject, 12, sampleTime/86_400_000, 0, 1<<20)
	if !ok {
		panic("no work of 12 bits among a million nonces")
	}
	return work
}

func samples() []sample {
	var k sampleKeys
	position := At(1_790_000_000, 258)
	door := key.DropID(count(0x80, 16))
	profile := k.profile()
	account, tag := k.account().Public(), key.AccountTagOf(k.account().Public())
	r := [32]byte(count(0x20, 32))
	limits := Limits{MaxFrame, MaxMessage, 256, 1 << 20, 30 * 86400, 256 << 20, 4096, 64, 8, 16, 22}
	return append([]sample{
		{"client-hello", "hello", 0, &ClientHello{1, 1, key.Network{'t', 'e', 's', 't'}, [32]byte(count(0xa0, 32)), count(0xc0, 16), nil}, "5"},
		{"client-hello-gateway", "hello", 0, &ClientHello{1, 1, key.Network{'t', 'e', 's', 't'}, [32]byte(count(0xa0, 32)), count(0xc0, 32), k.contact().AppendTo(nil)}, "5 6?"},
		{"server-hello", "hello", 0, &ServerHello{1, key.Network{'t', 'e', 's', 't'}, [32]byte(count(0xb0, 32)), k.node().Public(), sampleTime, limits, nil}, ""},
		{"server-hello-descriptor", "hello", 0, &ServerHello{1, key.Network{'t', 'e', 's', 't'}, [32]byte(count(0xb0, 32)), k.node().Public(), sampleTime, limits, k.descriptor()}, "7?"},
		{"register", "login", 1, &Register{k.enrolment(), count(0xd0, 16), nil}, "1/0 1/1 2 3"},
		{"register-open", "login", 23, &Register{k.enrolment(), nil, nil}, "1/0 1/1 2 3"},
		{"register-work", "login", 2, &Register{k.enrolment(), nil, k.work(RegisterWork(k.node().Public(), account))}, "1/0 1/1 2 3"},
		{"login", "login", 24, &Login{k.login().Public(), k.login().Sign(key.ContextLogin, []byte("transcript"))}, "2"},
		{"welcome", "login", 255, &Welcome{tag, position, r, 70_000, 256 << 20, k.ack(position, r)}, "6"},
		{"welcome-new", "login", 25, &Welcome{Tag: tag, Quota: 256 << 20}, "6"},
		{"enrolment", "login", 256, &EnrolmentChange{k.enrolment()}, "1/0 1/1"},
		{"drop-put", "mailbox", 65_535, &DropPut{k.drop(OpDropPut), [32]byte(count(0x90, 32))}, "1/0 1/1"},
		{"door-put", "mailbox", 65_536, &DoorPut{
			k.drop(OpDoorPut), [32]byte(count(0x91, 32)), profile.Public(), [32]byte(count(0x92, 32)), sampleTime,
			profile.Sign(key.ContextDoorClaim, DoorClaim(door, account, sampleTime)), MinDoorBits,
		}, "1/0 1/1 6"},
		{"drop-delete", "mailbox", 1<<32 - 1, &DropDelete{k.drop(OpDropDelete)}, "1/0 1/1"},
		{"submit", "submit", 1 << 32, &Submit{key.DropID(count(0x60, 16)), [16]byte(count(0xe0, 16)), count(0, 24), nil}, "3 4"},
		{"submit-work", "submit", 26, &Submit{door, [16]byte(count(0xe0, 16)), count(0, 24), k.work(DoorWork(door, sha256.Sum256(count(0, 24))))}, "3 4"},
		{"commit", "submit", 0, &Commit{
			9, sampleTime, k.node().Sign(key.ContextCommit, []byte("root")), [][32]byte{r, [32]byte(count(0x40, 32))},
			[]CommitItem{{ID: 1 << 32, Index: 0, Leaf: count(0, 30)}, {ID: 0, Index: 8, Leaf: count(2, 25)}},
		}, "3 5/0/2 5/1/2"},
		{"commit-empty", "submit", 0, &Commit{}, "3"},
		{"refused", "submit", 7, &Refused{k.refusal()}, "1/0 1/1"},
		{"push", "push", 0, &Push{position, RowEnvelope, key.DropID(count(0x60, 16)), 300, [32]byte(count(0x33, 32)), [32]byte(count(0x44, 32)), sampleTime, count(9, 40)}, "8"},
		{"push-gone", "push", 0, &Push{Position: position, Kind: RowStart, Time: sampleTime}, "8"},
		{"ack", "push", 0, &Ack{position, r, k.ack(position, r)}, "3"},
		{"head-get", "push", 10, &HeadGet{}, ""},
		{"state-get", "state", 14, &StateGet{key.DropID(count(0x60, 16)), [32]byte(count(0x30, 32)), 299, [32]byte(count(0x70, 32))}, ""},
		{"state", "state", 14, &State{k.state(), [][]byte{k.ack(At(1_790_000_000, 255), r), nil}}, "1/0 1/1 2/0 2/1"},
		{"state-unknown", "state", 15, &State{k.noState(), nil}, "1/0 1/1"},
		{"profile-put", "profile", 11, &ProfilePut{profile.Public(), sampleTime, profile.Sign(key.ContextProfileClaim, ProfileClaim(account, sampleTime)), count(0, 48)}, "3 4"},
		{"profile-get", "profile", 12, &ProfileGet{profile.Public()}, ""},
		{"profile", "profile", 12, &Profile{count(0, 48)}, "1"},
		{"ok", "answer", 1<<64 - 1, &OK{}, ""},
		{"error", "answer", 13, &Failure{CodeQuota, "drop 60"}, ""},
	}, networkSamples()...)
}

func sampleOf(t testing.TB, name string) sample {
	t.Helper()
	for _, s := range samples() {
		if s.name == name {
			return s
		}
	}
	t.Fatalf("there is no sample %q", name)
	return sample{}
}

// vector is one entry of testdata/frames.json.
type vector struct {
	Name string `json:"name"`
	Type Type   `json:"type"`
	ID   uint64 `json:"id"`
	Hex  string `json:"hex"`
}

func vectors(t testing.TB) []vector {
	t.Helper()
	b, err := os.ReadFile("testdata/frames.json")
	if err != nil {
		t.Fatal(err)
	}
	var out []vector
	if err := json.Unmarshal(b, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

// TestVectors holds every frame type to testdata/frames.json byte for byte, both ways.
func TestVectors(t *testing.T) {
	all := samples()
	if *update {
		var out []vector
		for _, s := range all {
			out = append(out, vector{s.name, s.payload.Type(), s.id, hex.EncodeToString(s.frame())})
		}
		if err := os.WriteFile("testdata/frames.json", append(must(json.MarshalIndent(out, "", "  ")), '\n'), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	file := vectors(t)
	if len(file) != len(all) {
		t.Fatalf("testdata/frames.json holds %d frames, the test makes %d", len(file), len(all))
	}
	for i, v := range file {
		s := all[i]
		if v.Name != s.name || v.Type != s.payload.Type() || v.ID != s.id {
			t.Errorf("vector %d is %s (type %d, id %d), the test makes %s (type %d, id %d)", i, v.Name, v.Type, v.ID, s.name, s.payload.Type(), s.id)
			continue
		}
		if got := hex.EncodeToString(s.frame()); got != v.Hex {
			t.Errorf("%s is %s, testdata/frames.json says %s", s.name, got, v.Hex)
		}
		f, rest, err := NextFrame(unhex(t, v.Hex))
		if err != nil || len(rest) != 0 || f.Type != v.Type || f.ID != v.ID {
			t.Errorf("%s: frame %d with id %d, %d bytes left, %v", s.name, f.Type, f.ID, len(rest), err)
			continue
		}
		p := s.fresh()
		if err := f.Decode(p); err != nil {
			t.Errorf("%s: %v", s.name, err)
		}
		if again := AppendFrame(nil, f.ID, p); !bytes.Equal(again, unhex(t, v.Hex)) {
			t.Errorf("%s is encoded again as %x", s.name, again)
		}
		if !reflect.DeepEqual(normal(p), normal(s.payload)) {
			t.Errorf("%s was decoded as %+v, not %+v", s.name, p, s.payload)
		}
	}
}

// normal makes empty and nil byte strings and lists the same, as the encoding does.
func normal(p Payload) any {
	nilEmpty(reflect.ValueOf(p).Elem())
	return p
}

func nilEmpty(v reflect.Value) {
	switch {
	case v.Kind() == reflect.Struct:
		for i := range v.NumField() {
			nilEmpty(v.Field(i))
		}
	case v.Kind() == reflect.Slice && v.Len() == 0 && v.CanSet():
		v.SetZero()
	case v.Kind() == reflect.Slice:
		for i := range v.Len() {
			nilEmpty(v.Index(i))
		}
	}
}

// TestSamplesAreComplete: every frame type has a vector, and stands in the right family.
func TestSamplesAreComplete(t *testing.T) {
	sampled := map[Type]bool{}
	for _, s := range samples() {
		sampled[s.payload.Type()] = true
		b, err := os.ReadFile(s.family + ".go")
		declared := "type " + reflect.TypeOf(s.payload).Elem().Name() + " struct"
		if err != nil || !strings.Contains(string(b), declared) {
			t.Errorf("%s is not declared in %s.go: %v", s.name, s.family, err)
		}
	}
	for name, value := range codeConstants(t, "frame.go", "Type") {
		if !sampled[Type(value)] {
			t.Errorf("%s (%d) has no vector", name, value)
		}
	}
}

// fails checks that err is one of the table's errors given.
func fails(t testing.TB, what string, err error, want ...error) {
	t.Helper()
	for _, w := range want {
		if errors.Is(err, w) {
			return
		}
	}
	t.Errorf("%s: got %v, want %v", what, err, want)
}
