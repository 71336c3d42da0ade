package address

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/cryptotest"
	"time"

	"golang.org/x/crypto/chacha20poly1305"

	"zeroms/protocol/key"
	"zeroms/protocol/wire"
)

var update = flag.Bool("update", false, "write the test vectors anew")

var made = time.UnixMilli(1_760_000_000_123).UTC()

// owner is the person whose profiles the tests make.
type owner struct {
	ik    key.IdentityPublic
	s     key.AddressSecret
	place key.Place
	dsk   key.DevicePrivate
}

func newOwner() owner {
	s, _ := key.AddressSecretFrom([]byte("address secret 1"))
	return owner{
		ik:    key.PrivateFromSeed[key.Identity]([32]byte{0: 1, 31: 1}).Public(),
		s:     s,
		place: key.Place{Network: key.Network{'l', 'a', 'b', '1'}, Node: node(1)},
		dsk:   key.PrivateFromSeed[key.Device]([32]byte{0: 1, 31: 2}),
	}
}

func (o owner) profile() *Profile {
	door, _ := key.DoorSecretFrom(bytes.Repeat([]byte{5}, 16))
	return &Profile{
		Made: made, List: [][]byte{{1, 2, 3}, bytes.Repeat([]byte{4}, 300)}, Bundles: [][]byte{bytes.Repeat([]byte{6}, 1400)},
		Door: door, Difficulty: 22,
		Leases: []Lease{{Node: node(1), Host: "gw.example", Port: 443}, {Node: node(2), Host: "127.0.0.1", Port: 7000, Plain: true}},
	}
}

func (o owner) seal(t testing.TB, p *Profile) []byte {
	t.Helper()
	blob, err := Seal(p, o.ik, o.s, o.place, o.dsk)
	if err != nil {
		t.Fatalf("Seal: %v", err)
	}
	return blob
}

func (o owner) open(blob []byte) (*Profile, error) { return Open(blob, o.ik, o.s, o.place, made) }

// encrypt makes a blob of any plaintext, as another program of the owner could.
func (o owner) encrypt(t testing.TB, plain []byte) []byte {
	t.Helper()
	name, err := key.ProfileName(o.ik, o.s, o.place)
	if err != nil {
		t.Fatal(err)
	}
	k := key.ProfileCipherKey(o.ik, o.s, name)
	aead, err := chacha20poly1305.NewX(k[:])
	if err != nil {
		t.Fatal(err)
	}
	nonce := make([]byte, aead.NonceSize())
	return aead.Seal(nonce, nonce, plain, name[:])
}

func (o owner) content(p *Profile) content {
	u := p.unsigned()
	return content{
		Made: u.Made, List: u.List, Bundles: u.Bundles, Door: u.Door, Difficulty: u.Difficulty, Leases: u.Leases, Signer: u.Signer,
		Sig: o.dsk.Sign(key.ContextProfile, wire.Marshal(u)),
	}
}

func TestProfileComesBack(t *testing.T) {
	o := newOwner()
	several := o.profile()
	several.Bundles = slices.Repeat(several.Bundles, 4)
	alone := &Profile{Made: made, List: [][]byte{{1}}}
	for name, test := range map[string]struct {
		p    *Profile
		size int
	}{"one device": {o.profile(), SmallProfile}, "several devices": {several, LargeProfile}, "nothing but a list": {alone, SmallProfile}} {
		blob := o.seal(t, test.p)
		if len(blob) != test.size {
			t.Errorf("%s: %d bytes, want %d", name, len(blob), test.size)
		}
		got, err := o.open(blob)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if err := got.Verify(o.dsk.Public()); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if got.Signer != key.DeviceIDOf(o.dsk.Public()) {
			t.Errorf("%s: signer %v", name, got.Signer)
		}
		if !got.Made.Equal(made) || !got.Door.Equal(test.p.Door.Bytes()) || got.Difficulty != test.p.Difficulty || !slices.Equal(got.Leases, test.p.Leases) {
			t.Errorf("%s: came back as another one", name)
		}
		if !sameItems(got.List, test.p.List) || !sameItems(got.Bundles, test.p.Bundles) {
			t.Errorf("%s: the objects came back as others", name)
		}
	}
}

func sameItems(a, b [][]byte) bool { return slices.EqualFunc(a, b, bytes.Equal) }

func TestOnlyHoldersOfTheCardReadAProfile(t *testing.T) {
	o := newOwner()
	blob := o.seal(t, o.profile())
	elsewhere, otherNet := o.place, o.place
	elsewhere.Node = node(9)
	otherNet.Network = key.Network{1}
	for name, open := range map[string]func() (*Profile, error){
		"another person":  func() (*Profile, error) { return Open(blob, identity2(), o.s, o.place, made) },
		"another secret":  func() (*Profile, error) { return Open(blob, o.ik, key.NewAddressSecret(), o.place, made) },
		"no secret":       func() (*Profile, error) { return Open(blob, o.ik, key.AddressSecret{}, o.place, made) },
		"another gateway": func() (*Profile, error) { return Open(blob, o.ik, o.s, elsewhere, made) },
		"another network": func() (*Profile, error) { return Open(blob, o.ik, o.s, otherNet, made) },
	} {
		if p, err := open(); !errors.Is(err, wire.ErrOpen) || p != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := Open(blob, key.IdentityPublic{1}, o.s, o.place, made); !errors.Is(err, wire.ErrPublicKey) {
		t.Errorf("an invalid identity key: %v", err)
	}
	for i := 0; i < len(blob); i += 61 {
		changed := slices.Clone(blob)
		changed[i] ^= 0x10
		if _, err := o.open(changed); !errors.Is(err, wire.ErrOpen) {
			t.Fatalf("byte %d may be changed: %v", i, err)
		}
	}
}

func identity2() key.IdentityPublic {
	return key.PrivateFromSeed[key.Identity]([32]byte{0: 2, 31: 1}).Public()
}

func TestProfileSizes(t *testing.T) {
	o := newOwner()
	blob := o.seal(t, o.profile())
	for n := range len(blob) {
		if _, err := o.open(blob[:n]); !errors.Is(err, wire.ErrSizeClass) {
			t.Fatalf("%d bytes: %v", n, err)
		}
	}
	if _, err := o.open(append(slices.Clone(blob), 0)); !errors.Is(err, wire.ErrSizeClass) {
		t.Errorf("a byte more: %v", err)
	}
	full := o.profile()
	full.Bundles = slices.Repeat([][]byte{make([]byte, MaxBundleSize)}, MaxBundles)
	full.List = slices.Repeat([][]byte{make([]byte, MaxEntrySize)}, MaxEntries)
	if _, err := Seal(full, o.ik, o.s, o.place, o.dsk); !errors.Is(err, wire.ErrTooLarge) {
		t.Errorf("more than 16 KiB: %v", err)
	}
}

func TestPaddingIsZerosAndTheContentStrict(t *testing.T) {
	o := newOwner()
	p := o.profile()
	p.Signer = key.DeviceIDOf(o.dsk.Public())
	b := wire.Marshal(o.content(p))
	plain := func(change func(plain []byte)) []byte {
		out := make([]byte, SmallProfile-overhead+lengthSize)
		binary.BigEndian.PutUint32(out, uint32(len(b)))
		copy(out[lengthSize:], b)
		change(out)
		return o.encrypt(t, out)
	}
	length := func(n int) func([]byte) { return func(out []byte) { binary.BigEndian.PutUint32(out, uint32(n)) } }
	var tests = []struct {
		name   string
		change func([]byte)
		want   error
	}{
		{"unchanged", func([]byte) {}, nil},
		{"padding", func(out []byte) { out[len(out)-1] = 1 }, wire.ErrTrailing},
		{"a byte shorter", length(len(b) - 1), wire.ErrTrailing},
		{"a byte longer", length(len(b) + 1), wire.ErrTrailing},
		{"longer than the blob", length(SmallProfile), wire.ErrTruncated},
		{"length overflow", length(1<<32 - 1), wire.ErrTruncated},
		{"empty", func(out []byte) { clear(out) }, wire.ErrTruncated},
	}
	for _, test := range tests {
		if _, err := o.open(plain(test.change)); !errors.Is(err, test.want) {
			t.Errorf("%s: got %v, want %v", test.name, err, test.want)
		}
	}
	for n := range b {
		cut := plain(func(out []byte) { length(n)(out); clear(out[lengthSize+n:]) })
		if _, err := o.open(cut); err == nil {
			t.Fatalf("the first %d of %d bytes of content were accepted", n, len(b))
		}
	}
}

func TestProfileLimits(t *testing.T) {
	o := newOwner()
	var tests = []struct {
		name   string
		change func(*content)
		want   error
	}{
		{"no entry", func(c *content) { c.List = nil }, wire.ErrValue},
		{"six entries", func(c *content) { c.List = slices.Repeat([][]byte{{1}}, 6) }, wire.ErrValue},
		{"an empty entry", func(c *content) { c.List[0] = nil }, wire.ErrValue},
		{"a large entry", func(c *content) { c.List[0] = make([]byte, MaxEntrySize+1) }, wire.ErrValue},
		{"nine bundles", func(c *content) { c.Bundles = slices.Repeat([][]byte{{1}}, 9) }, wire.ErrValue},
		{"a large bundle", func(c *content) { c.Bundles[0] = make([]byte, MaxBundleSize+1) }, wire.ErrValue},
		{"a door of 15 bytes", func(c *content) { c.Door = c.Door[:15] }, wire.ErrValue},
		{"a door of zeros", func(c *content) { c.Door = make([]byte, 16) }, wire.ErrValue},
		{"a door without work", func(c *content) { c.Difficulty = 0 }, wire.ErrValue},
		{"a door with little work", func(c *content) { c.Difficulty = 19 }, wire.ErrValue},
		{"a door with impossible work", func(c *content) { c.Difficulty = 65 }, wire.ErrValue},
		{"work without a door", func(c *content) { c.Door = nil }, wire.ErrValue},
		{"17 leases", func(c *content) { c.Leases = slices.Repeat(c.Leases[:1], 17) }, wire.ErrValue},
		{"a bad lease", func(c *content) { c.Leases[0].Port = 0 }, wire.ErrValue},
		{"a bad gateway key", func(c *content) { c.Leases[0].Node = key.NodePublic{} }, wire.ErrPublicKey},
		{"a short signature", func(c *content) { c.Sig = c.Sig[:63] }, wire.ErrMalformed},
		{"made tomorrow", func(c *content) { c.Made += uint64(25 * time.Hour / time.Millisecond) }, wire.ErrClock},
		{"made in year 10000", func(c *content) { c.Made = 1 << 60 }, wire.ErrValue},
	}
	for _, test := range tests {
		c := o.content(o.profile())
		test.change(&c)
		plain, err := pad(wire.Marshal(c))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := o.open(o.encrypt(t, plain)); !errors.Is(err, test.want) {
			t.Errorf("%s: got %v, want %v", test.name, err, test.want)
		}
	}
	soon := o.profile()
	soon.Made = made.Add(23 * time.Hour)
	if _, err := o.open(o.seal(t, soon)); err != nil {
		t.Errorf("a clock that is 23 h ahead: %v", err)
	}
	wrong := o.profile()
	wrong.List = nil
	if _, err := Seal(wrong, o.ik, o.s, o.place, o.dsk); !errors.Is(err, wire.ErrValue) {
		t.Errorf("sealing a profile without a list: %v", err)
	}
}

func TestTheListedDeviceSigned(t *testing.T) {
	o := newOwner()
	other := key.PrivateFromSeed[key.Device]([32]byte{0: 2, 31: 2})
	p, err := o.open(o.seal(t, o.profile()))
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Verify(other.Public()); !errors.Is(err, wire.ErrSignature) {
		t.Errorf("another device: %v", err)
	}
	for name, change := range map[string]func(*Profile){
		"made":       func(p *Profile) { p.Made = p.Made.Add(time.Millisecond) },
		"list":       func(p *Profile) { p.List = p.List[1:] },
		"bundles":    func(p *Profile) { p.Bundles = nil },
		"door":       func(p *Profile) { p.Door = key.NewDoorSecret() },
		"difficulty": func(p *Profile) { p.Difficulty++ },
		"leases":     func(p *Profile) { p.Leases[0].Port++ },
		"signer":     func(p *Profile) { p.Signer[0]++ },
	} {
		p, err := o.open(o.seal(t, o.profile()))
		if err != nil {
			t.Fatal(err)
		}
		change(p)
		if err := p.Verify(o.dsk.Public()); !errors.Is(err, wire.ErrSignature) {
			t.Errorf("%s may be changed: %v", name, err)
		}
	}
	forged := o.content(o.profile())
	forged.Signer = key.DeviceIDOf(o.dsk.Public())
	u := unsigned{Made: forged.Made, List: forged.List, Bundles: forged.Bundles, Door: forged.Door, Difficulty: forged.Difficulty, Leases: forged.Leases, Signer: forged.Signer}
	forged.Sig = o.dsk.Sign(key.ContextBundle, wire.Marshal(u))
	plain, _ := pad(wire.Marshal(forged))
	if p, err = o.open(o.encrypt(t, plain)); err != nil {
		t.Fatal(err)
	}
	if err := p.Verify(o.dsk.Public()); !errors.Is(err, wire.ErrSignature) {
		t.Errorf("a signature of another kind of object: %v", err)
	}
}

// vectors are the values of testdata/profile.json.
type vectors struct {
	What       string `json:"what"`
	Identity   string `json:"identity"`
	Secret     string `json:"address_secret"`
	Network    string `json:"network"`
	Node       string `json:"node"`
	DeviceSeed string `json:"device_seed"`
	Name       string `json:"name"`
	Key        string `json:"key"`
	Nonce      string `json:"nonce"`
	Content    string `json:"content"`
	BlobSHA256 string `json:"blob_sha256"`
	Lease52    string `json:"lease_52"`
}

func makeVectors(t *testing.T) vectors {
	cryptotest.SetGlobalRandom(t, 9)
	o := newOwner()
	p := o.profile()
	p.List, p.Bundles, p.Leases = [][]byte{[]byte("entry")}, [][]byte{[]byte("bundle")}, p.Leases[:1]
	p.Signer = key.DeviceIDOf(o.dsk.Public())
	blob := o.seal(t, p)
	name, err := key.ProfileName(o.ik, o.s, o.place)
	if err != nil {
		t.Fatal(err)
	}
	k, sum := key.ProfileCipherKey(o.ik, o.s, name), sha256.Sum256(blob)
	packed, err := Lease{Node: node(1), Host: "192.0.2.7", Port: 443, Lapses: 30}.Encode52()
	if err != nil {
		t.Fatal(err)
	}
	return vectors{
		What:     "content holds the opaque objects 'entry' and 'bundle'; the lease is 192.0.2.7:443 of the same gateway, lapsing after 30 days",
		Identity: hex.EncodeToString(o.ik[:]), Secret: hex.EncodeToString(o.s.Bytes()), Network: hex.EncodeToString(o.place.Network[:]),
		Node: hex.EncodeToString(o.place.Node[:]), DeviceSeed: hex.EncodeToString(o.dsk.Seed()), Name: hex.EncodeToString(name[:]),
		Key: hex.EncodeToString(k[:]), Nonce: hex.EncodeToString(blob[:24]), Content: hex.EncodeToString(wire.Marshal(o.content(p))),
		BlobSHA256: hex.EncodeToString(sum[:]), Lease52: hex.EncodeToString(packed[:]),
	}
}

func TestVectors(t *testing.T) {
	path := filepath.Join("testdata", "profile.json")
	got := makeVectors(t)
	if *update {
		b, err := json.MarshalIndent(got, "", "  ")
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, append(b, '\n'), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var want vectors
	if err := json.Unmarshal(b, &want); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v\nwant %+v", got, want)
	}
	for mark, value := range map[string]string{"content": want.Content, "lease_52": want.Lease52} {
		if example := documented(t, mark); example != value {
			t.Errorf("the example %s of profile.md is not the vector:\n got %s\nwant %s", mark, example, value)
		}
	}
}

// documented is a worked example of the document without its comments.
func documented(t *testing.T, mark string) string { return documentedIn(t, "profile.md", mark) }

func documentedIn(t *testing.T, name, mark string) string {
	doc, err := os.ReadFile(filepath.Join("..", "..", "docs", "protocol", name))
	if err != nil {
		t.Fatal(err)
	}
	_, example, _ := strings.Cut(string(doc), "<!-- vector: "+mark+" -->\n```\n")
	example, _, _ = strings.Cut(example, "```")
	var b strings.Builder
	for _, line := range strings.Split(example, "\n") {
		data, _, _ := strings.Cut(line, ";")
		b.WriteString(strings.ReplaceAll(data, " ", ""))
	}
	return b.String()
}

// FuzzProfile parses contents: a blob that does not decrypt goes no further.
func FuzzProfile(f *testing.F) {
	o := newOwner()
	p := o.profile()
	f.Add(wire.Marshal(o.content(p)))
	p.Door, p.Difficulty, p.Leases = key.DoorSecret{}, 0, nil
	f.Add(wire.Marshal(o.content(p)))
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := parse(b)
		if err != nil {
			return
		}
		u := p.unsigned()
		c := content{Made: u.Made, List: u.List, Bundles: u.Bundles, Door: u.Door, Difficulty: u.Difficulty, Leases: u.Leases, Signer: u.Signer, Sig: p.sig}
		if !bytes.Equal(wire.Marshal(c), b) {
			t.Error("what parses does not encode to the same bytes")
		}
		if p.Verify(o.dsk.Public()) == nil && p.Signer != key.DeviceIDOf(o.dsk.Public()) {
			t.Error("the signer is not the device that verifies")
		}
	})
}

// FuzzBlob opens anything of the right size.
func FuzzBlob(f *testing.F) {
	o := newOwner()
	f.Add(o.seal(f, o.profile())[:200])
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		plain := make([]byte, SmallProfile-overhead+lengthSize)
		copy(plain, b)
		p, err := o.open(o.encrypt(t, plain))
		if err == nil && len(p.List) == 0 {
			t.Error("a profile without a list")
		}
		blob := make([]byte, SmallProfile)
		copy(blob, b)
		if _, err := o.open(blob); err == nil {
			t.Error("random bytes are a profile")
		}
	})
}
