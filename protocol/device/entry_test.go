package device

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"zeroms/protocol/key"
	"zeroms/protocol/wire"
)

var update = flag.Bool("update", false, "write the test vectors anew")

var at = time.UnixMilli(1_760_000_000_123)

// identity makes the identity key number i.
func identity(i byte) key.IdentityPrivate {
	return key.PrivateFromSeed[key.Identity]([32]byte{0: i, 31: 1})
}

// signer makes the device key number i.
func signer(i byte) key.DevicePrivate {
	return key.PrivateFromSeed[key.Device]([32]byte{0: i, 31: 2})
}

func idOf(i byte) key.DeviceID { return key.DeviceIDOf(signer(i).Public()) }

// chain is a list whose owner is identity 1.
type chain struct {
	t    testing.TB
	ik   key.IdentityPrivate
	list *List
}

func newChain(t testing.TB) *chain {
	c := &chain{t: t, ik: identity(1), list: NewList(identity(1).Public())}
	c.accept(First(c.ik, signer(1), at))
	return c
}

func (c *chain) accept(e *Entry) {
	c.t.Helper()
	if out, err := c.list.Accept(e); err != nil || !out.Changed || out.Fork != nil {
		c.t.Fatalf("Accept: %+v, %v", out, err)
	}
}

// add makes and accepts the entry that adds device i.
func (c *chain) add(i byte, role Role) *Entry {
	c.t.Helper()
	e := c.next(Change{Join: c.join(i, role)})
	c.accept(e)
	return e
}

func (c *chain) join(i byte, role Role) *Join {
	last := c.list.Newest()
	return &Join{DSK: signer(i).Public(), Role: role, Sig: SignJoin(signer(i), c.ik.Public(), last.N+1, last.Hash())}
}

func (c *chain) next(change Change) *Entry {
	c.t.Helper()
	e, err := c.list.Next(c.ik, change, at)
	if err != nil {
		c.t.Fatalf("Next: %v", err)
	}
	return e
}

// branch is another holder of the same chain as it stands now.
func (c *chain) branch() *chain { return &chain{t: c.t, ik: c.ik, list: c.list.Clone()} }

func TestParsedEntryIsTheEntryMade(t *testing.T) {
	c := newChain(t)
	made := []*Entry{c.list.Newest(), c.add(2, Linked), c.add(3, Full)}
	last := c.next(Change{Revoke: []key.DeviceID{idOf(2)}, Join: c.join(4, Linked), Next: bytes.Repeat([]byte{7}, 32)})
	for _, e := range append(made, last) {
		got, err := ParseEntry(e.Encode())
		if err != nil {
			t.Fatalf("entry %d: %v", e.N, err)
		}
		if got.Hash() != e.Hash() || got.Ref() != e.Ref() || !bytes.Equal(got.Encode(), e.Encode()) || !slices.Equal(got.Devices, e.Devices) || !slices.Equal(got.Revoked, e.Revoked) {
			t.Errorf("entry %d came back as another one", e.N)
		}
	}
	if want := []Revocation{{ID: idOf(2), At: 4}}; !slices.Equal(last.Revoked, want) {
		t.Errorf("revoked %v, want %v", last.Revoked, want)
	}
	if _, there := last.Device(idOf(2)); there || len(last.Devices) != 3 {
		t.Errorf("the revoked device stands in %v", last.Devices)
	}
}

func TestLargestEntryFits(t *testing.T) {
	b := body{User: identity(1).Public(), N: 1<<32 - 1, Prev: [32]byte{1}, Time: 1<<64 - 1, Next: make([]byte, 32)}
	for i := range byte(MaxDevices) {
		added := uint32(1<<32 - MaxDevices + uint32(i))
		b.Devices = append(b.Devices, Device{DSK: signer(i).Public(), ID: idOf(i), Role: Full, Added: added})
	}
	for i := range byte(MaxRevocations) {
		b.Revoked = append(b.Revoked, Revocation{ID: idOf(100 + i), At: 1<<32 - 1})
	}
	last := signer(MaxDevices - 1)
	e := seal(identity(1), b, []join{{ID: key.DeviceIDOf(last.Public()), Sig: SignJoin(last, b.User, b.N, b.Prev)}})
	if _, err := ParseEntry(e.Encode()); err != nil {
		t.Fatalf("%d bytes: %v", len(e.Encode()), err)
	}
	if n := len(e.Encode()); n != 841 {
		t.Errorf("the largest entry has %d bytes, the document says 841", n)
	}
}

func TestCutAndLongerEntriesAreRefused(t *testing.T) {
	whole := newChain(t).add(2, Linked).Encode()
	for n := range whole {
		if _, err := ParseEntry(whole[:n]); err == nil {
			t.Fatalf("the first %d of %d bytes were accepted", n, len(whole))
		}
	}
	if _, err := ParseEntry(append(slices.Clone(whole), 0)); !errors.Is(err, wire.ErrTrailing) {
		t.Errorf("a byte more: %v", err)
	}
	if _, err := ParseEntry(make([]byte, MaxEntry+1)); !errors.Is(err, wire.ErrTooLarge) {
		t.Errorf("865 bytes: %v", err)
	}
}

func TestEveryBitOfAnEntryIsProtected(t *testing.T) {
	whole := newChain(t).add(2, Linked).Encode()
	for i := range whole {
		changed := slices.Clone(whole)
		changed[i] ^= 1 << (i % 8)
		if _, err := ParseEntry(changed); err == nil {
			t.Fatalf("byte %d may be changed", i)
		}
	}
}

// TestRulesOfAnEntry signs entries that break one rule each.
func TestRulesOfAnEntry(t *testing.T) {
	dev := func(i byte, role Role, added uint32) Device {
		return Device{DSK: signer(i).Public(), ID: idOf(i), Role: role, Added: added}
	}
	prev := [32]byte{9}
	base := func() body {
		return body{User: identity(1).Public(), N: 3, Prev: prev, Time: 5, Devices: []Device{dev(1, Full, 1), dev(2, Linked, 3)}, Revoked: []Revocation{{ID: idOf(7), At: 2}}}
	}
	smallOrder := key.DevicePublic{1}
	var tests = []struct {
		name   string
		change func(*body)
		want   error
	}{
		{"n is 0", func(b *body) { b.N = 0 }, wire.ErrValue},
		{"no predecessor", func(b *body) { b.Prev = [32]byte{} }, wire.ErrValue},
		{"no device", func(b *body) { b.Devices = nil }, wire.ErrValue},
		{"device twice", func(b *body) { b.Devices[1] = dev(1, Full, 3) }, wire.ErrValue},
		{"id of another key", func(b *body) { b.Devices[0].ID = idOf(9) }, wire.ErrValue},
		{"unknown role", func(b *body) { b.Devices[0].Role = 3 }, wire.ErrValue},
		{"added later than n", func(b *body) { b.Devices[1].Added = 4 }, wire.ErrValue},
		{"added by entry 0", func(b *body) { b.Devices[0].Added = 0 }, wire.ErrValue},
		{"two devices added at once", func(b *body) { b.Devices[0].Added = 3 }, wire.ErrValue},
		{"devices out of order", func(b *body) { slices.Reverse(b.Devices) }, wire.ErrValue},
		{"revoked and listed", func(b *body) { b.Revoked[0].ID = idOf(1) }, wire.ErrValue},
		{"revoked twice", func(b *body) { b.Revoked = append(b.Revoked, b.Revoked[0]) }, wire.ErrValue},
		{"revoked in the future", func(b *body) { b.Revoked[0].At = 4 }, wire.ErrValue},
		{"revoked by entry 1", func(b *body) { b.Revoked[0].At = 1 }, wire.ErrValue},
		{"revocations out of order", func(b *body) { b.Revoked = []Revocation{{idOf(8), 3}, {idOf(7), 2}} }, wire.ErrValue},
		{"next identity of 31 bytes", func(b *body) { b.Next = make([]byte, 31) }, wire.ErrValue},
		{"user key of small order", func(b *body) { b.User = key.IdentityPublic{1} }, wire.ErrPublicKey},
		{"device key of small order", func(b *body) {
			b.Devices[0].DSK, b.Devices[0].ID = smallOrder, key.DeviceIDOf(smallOrder)
		}, wire.ErrPublicKey},
		{"first entry with a linked device", func(b *body) {
			b.N, b.Prev, b.Devices, b.Revoked = 1, [32]byte{}, []Device{dev(2, Linked, 1)}, nil
		}, wire.ErrValue},
		{"first entry with a predecessor", func(b *body) { b.N, b.Devices, b.Revoked = 1, []Device{dev(2, Full, 1)}, nil }, wire.ErrValue},
	}
	sign := func(b body) []byte {
		j := join{ID: idOf(2), Sig: SignJoin(signer(2), b.User, b.N, b.Prev)}
		return seal(identity(1), b, []join{j}).Encode()
	}
	if _, err := ParseEntry(sign(base())); err != nil {
		t.Fatalf("the entry that is changed below: %v", err)
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			b := base()
			test.change(&b)
			if _, err := ParseEntry(sign(b)); !errors.Is(err, test.want) {
				t.Errorf("got %v, want %v", err, test.want)
			}
		})
	}
}

func TestJoinsAreExactlyTheAddedDevice(t *testing.T) {
	c := newChain(t)
	last := c.list.Newest()
	user, hash := c.ik.Public(), last.Hash()
	good := join{ID: idOf(2), Sig: SignJoin(signer(2), user, 2, hash)}
	withJoins := func(joins ...join) []byte {
		b := body{User: user, N: 2, Prev: hash, Devices: append(slices.Clone(last.Devices), Device{DSK: signer(2).Public(), ID: idOf(2), Role: Linked, Added: 2})}
		return seal(c.ik, b, joins).Encode()
	}
	var tests = []struct {
		name  string
		entry []byte
		want  error
	}{
		{"none", withJoins(), wire.ErrSignature},
		{"twice", withJoins(good, good), wire.ErrSignature},
		{"of another device", withJoins(join{ID: idOf(3), Sig: SignJoin(signer(3), user, 2, hash)}), wire.ErrSignature},
		{"by another key", withJoins(join{ID: idOf(2), Sig: SignJoin(signer(3), user, 2, hash)}), wire.ErrSignature},
		{"for another n", withJoins(join{ID: idOf(2), Sig: SignJoin(signer(2), user, 3, hash)}), wire.ErrSignature},
		{"for another predecessor", withJoins(join{ID: idOf(2), Sig: SignJoin(signer(2), user, 2, [32]byte{1})}), wire.ErrSignature},
		{"for another user", withJoins(join{ID: idOf(2), Sig: SignJoin(signer(2), identity(2).Public(), 2, hash)}), wire.ErrSignature},
		{"signature under another context", withJoins(join{ID: idOf(2), Sig: signer(2).Sign(key.ContextBundle, joinTranscript(user, 2, hash, signer(2).Public()))}), wire.ErrSignature},
		{"where nothing is added", seal(c.ik, body{User: user, N: 2, Prev: hash, Devices: last.Devices}, []join{good}).Encode(), wire.ErrValue},
	}
	for _, test := range tests {
		if _, err := ParseEntry(test.entry); !errors.Is(err, test.want) {
			t.Errorf("%s: got %v, want %v", test.name, err, test.want)
		}
	}
	if _, err := ParseEntry(withJoins(good)); err != nil {
		t.Errorf("the right join: %v", err)
	}
}

func TestEntryOfAnotherSignerOrContextIsRefused(t *testing.T) {
	e := First(identity(1), signer(1), at)
	var s signed
	if err := wire.Unmarshal(e.Encode(), &s, MaxEntry); err != nil {
		t.Fatal(err)
	}
	for name, sig := range map[string][]byte{
		"another identity": identity(2).Sign(key.ContextDeviceList, s.Body),
		"another context":  identity(1).Sign(key.ContextDeviceJoin, s.Body),
		"no signature":     {},
	} {
		forged := wire.Marshal(signed{Body: s.Body, Sig: sig, Joins: s.Joins})
		if _, err := ParseEntry(forged); !errors.Is(err, wire.ErrSignature) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestNextRefusesWhatAnEntryMayNotHold(t *testing.T) {
	c := newChain(t)
	c.add(2, Linked)
	stale := c.join(3, Linked)
	c.add(4, Linked)
	c.accept(c.next(Change{Revoke: []key.DeviceID{idOf(4)}, Next: make([]byte, 32)}))
	var tests = []struct {
		name   string
		ik     key.IdentityPrivate
		change Change
		want   error
	}{
		{"another identity", identity(2), Change{}, wire.ErrValue},
		{"revoking a stranger", c.ik, Change{Revoke: []key.DeviceID{idOf(9)}}, wire.ErrValue},
		{"revoking twice", c.ik, Change{Revoke: []key.DeviceID{idOf(2), idOf(2)}}, wire.ErrValue},
		{"revoking all", c.ik, Change{Revoke: []key.DeviceID{idOf(1), idOf(2)}}, wire.ErrValue},
		{"a join for an older entry", c.ik, Change{Join: stale}, wire.ErrSignature},
		{"a revoked device", c.ik, Change{Join: c.join(4, Linked)}, wire.ErrValue},
		{"a listed device", c.ik, Change{Join: c.join(2, Linked)}, wire.ErrValue},
		{"a role that does not exist", c.ik, Change{Join: c.join(5, 9)}, wire.ErrValue},
		{"a second succession", c.ik, Change{Next: bytes.Repeat([]byte{1}, 32)}, wire.ErrValue},
		{"a short succession", c.ik, Change{Next: []byte{1}}, wire.ErrValue},
	}
	for _, test := range tests {
		if _, err := c.list.Next(test.ik, test.change, at); !errors.Is(err, test.want) {
			t.Errorf("%s: got %v, want %v", test.name, err, test.want)
		}
	}
	for i := byte(10); len(c.list.Devices()) < MaxDevices; i++ {
		c.add(i, Linked)
	}
	if _, err := c.list.Next(c.ik, Change{Join: c.join(30, Linked)}, at); !errors.Is(err, wire.ErrLimit) {
		t.Errorf("a ninth device: %v", err)
	}
	if _, err := NewList(c.ik.Public()).Next(c.ik, Change{}, at); !errors.Is(err, wire.ErrValue) {
		t.Errorf("a chain without entries: %v", err)
	}
}

// vectors are the entries of testdata/entries.json.
type vectors struct {
	IdentitySeed string   `json:"identity_seed"`
	DeviceSeeds  []string `json:"device_seeds"`
	TimeMS       int64    `json:"time_ms"`
	Entries      []struct {
		What  string `json:"what"`
		Entry string `json:"entry"`
		Hash  string `json:"hash"`
	} `json:"entries"`
}

func makeVectors(t *testing.T) vectors {
	c := newChain(t)
	v := vectors{IdentitySeed: hex.EncodeToString(c.ik.Seed()), TimeMS: at.UnixMilli()}
	for i := byte(1); i <= 3; i++ {
		v.DeviceSeeds = append(v.DeviceSeeds, hex.EncodeToString(signer(i).Seed()))
	}
	put := func(what string, e *Entry) {
		h := e.Hash()
		v.Entries = append(v.Entries, struct {
			What  string `json:"what"`
			Entry string `json:"entry"`
			Hash  string `json:"hash"`
		}{what, hex.EncodeToString(e.Encode()), hex.EncodeToString(h[:])})
	}
	put("first entry", c.list.Newest())
	put("a linked device joins", c.add(2, Linked))
	replace := c.next(Change{Revoke: []key.DeviceID{idOf(2)}, Join: c.join(3, Linked), Next: bytes.Repeat([]byte{0xab}, 32)})
	c.accept(replace)
	put("it is replaced, and the next identity is set", replace)
	return v
}

func TestVectors(t *testing.T) {
	path := filepath.Join("testdata", "entries.json")
	made, err := json.MarshalIndent(makeVectors(t), "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	made = append(made, '\n')
	if *update {
		if err := os.WriteFile(path, made, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(made, want) {
		t.Errorf("the entries differ from %s", path)
	}
	var v vectors
	if err := json.Unmarshal(want, &v); err != nil {
		t.Fatal(err)
	}
	list := NewList(identity(1).Public())
	for _, row := range v.Entries {
		b, _ := hex.DecodeString(row.Entry)
		e, err := ParseEntry(b)
		if err != nil {
			t.Fatalf("%s: %v", row.What, err)
		}
		if out, err := list.Accept(e); err != nil || !out.Changed {
			t.Errorf("%s: %+v, %v", row.What, out, err)
		}
	}
	compareDocument(t, v.Entries[0].Entry)
}

// compareDocument finds the worked example in the document.
func compareDocument(t *testing.T, want string) {
	doc, err := os.ReadFile(filepath.Join("..", "..", "docs", "protocol", "device.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, example, _ := strings.Cut(string(doc), "<!-- vector: entries[0] -->\n```\n")
	example, _, _ = strings.Cut(example, "```")
	var got strings.Builder
	for _, line := range strings.Split(example, "\n") {
		data, _, _ := strings.Cut(line, ";")
		got.WriteString(strings.ReplaceAll(data, " ", ""))
	}
	if got.String() != want {
		t.Errorf("the example of device.md is not the vector:\n got %s\nwant %s", got.String(), want)
	}
}

func FuzzEntry(f *testing.F) {
	c := newChain(f)
	f.Add(c.list.Newest().Encode())
	f.Add(c.add(2, Linked).Encode())
	f.Add(c.next(Change{Revoke: []key.DeviceID{idOf(2)}}).Encode())
	f.Fuzz(func(t *testing.T, b []byte) {
		e, s, err := decode(b)
		if err != nil {
			return
		}
		again := wire.Marshal(*s)
		if !bytes.Equal(again, b) || !bytes.Equal(e.Encode(), b) || len(b) > MaxEntry {
			t.Error("what parses does not encode to the same bytes")
		}
		v := body{User: e.User, N: e.N, Prev: e.Prev, Time: e.Time, Devices: e.Devices, Revoked: e.Revoked, Next: e.Next}
		if !bytes.Equal(wire.Marshal(v), s.Body) {
			t.Error("the fields are not those that were signed")
		}
		if parsed, err := ParseEntry(b); err == nil && parsed.Hash() != e.Hash() {
			t.Error("two hashes of one entry")
		}
	})
}
