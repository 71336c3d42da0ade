package address

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"golang.org/x/crypto/chacha20poly1305"

	"zeroms/protocol/key"
	"zeroms/protocol/wire"
)

// lives is a person whose records the tests make, and today.
type lives struct {
	ik      key.IdentityPrivate
	s       key.AddressSecret
	network key.Network
	now     time.Time
}

func newPerson() lives {
	s, _ := key.AddressSecretFrom([]byte("address secret 1"))
	return lives{key.PrivateFromSeed[key.Identity]([32]byte{0: 1, 31: 1}), s, key.Network{'l', 'a', 'b', '1'}, made}
}

func (p lives) record(leases int) *Record {
	r := &Record{Made: p.now.Truncate(time.Minute), Day: Day(p.now), Seq: 1, ListN: 3, ListHash: [32]byte{1, 2, 3}}
	for i := range leases {
		r.Leases = append(r.Leases, Lease{Node: node(byte(i + 1)), Host: fmt.Sprintf("192.0.2.%d", i+1), Port: 443, Lapses: 30})
	}
	return r
}

func (p lives) seal(t testing.TB, r *Record) []byte {
	t.Helper()
	b, err := SealRecord(r, p.ik, p.s, p.network)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func (p lives) open(b []byte) (*Record, error) {
	return OpenRecord(b, p.ik.Public(), p.s, p.network, p.now)
}

// sealed is a record of any plaintext and header, signed by its owner.
func (p lives) sealed(t testing.TB, day, seq uint32, plain []byte) []byte {
	t.Helper()
	signer := key.RecordSigner(p.ik, p.s, p.network, day)
	name := signer.Public()
	b := append([]byte{1}, name[:]...)
	b = binary.BigEndian.AppendUint32(b, day)
	b = binary.BigEndian.AppendUint32(b, seq)
	b = append(b, bytes.Repeat([]byte{7}, 24)...)
	k := key.RecordCipherKey(p.ik.Public(), p.s, name)
	aead, err := chacha20poly1305.NewX(k[:])
	if err != nil {
		t.Fatal(err)
	}
	b = aead.Seal(b, b[41:65], plain, b[:65])
	return append(b, signer.Sign(key.ContextAddress, b)...)
}

// flat is a record's plaintext with its leases in their order.
func flat(t testing.TB, r *Record) []byte {
	t.Helper()
	b := binary.BigEndian.AppendUint32(nil, uint32(r.Made.Unix()/60))
	b = binary.BigEndian.AppendUint32(b, r.ListN)
	b = append(b, r.ListHash[:]...)
	for _, l := range r.Leases {
		slot, err := l.Encode52()
		if err != nil {
			t.Fatal(err)
		}
		b = append(b, slot[:]...)
	}
	return append(b, make([]byte, 879-len(b))...)
}

func sorted(r *Record) *Record {
	slices.SortFunc(r.Leases, func(a, b Lease) int { return bytes.Compare([]byte(a.Host), []byte(b.Host)) })
	return r
}

func same(a, b *Record) bool {
	return a.Made.Equal(b.Made) && a.Day == b.Day && a.Seq == b.Seq && a.ListN == b.ListN && a.ListHash == b.ListHash && slices.Equal(a.Leases, b.Leases)
}

func TestRecordsComeBack(t *testing.T) {
	for _, s := range [][]byte{[]byte("address secret 1"), make([]byte, 16)} {
		p := newPerson()
		p.s, _ = key.AddressSecretFrom(s)
		for _, n := range []int{0, 1, 2, 15, 16} {
			for _, day := range []int{-1, 0, 1} {
				want := p.record(n)
				want.Day += uint32(day)
				want.Seq = 7
				if n > 2 {
					want.Leases[0] = Lease{Node: node(1), Host: "2001:db8::7", Port: 8443, Lapses: 255}
					want.Leases[1] = Lease{Node: node(2), Host: "127.0.0.1", Port: 7000, Plain: true}
				}
				b := p.seal(t, want)
				if len(b) != 1024 {
					t.Fatalf("%d bytes", len(b))
				}
				got, err := p.open(b)
				if err != nil {
					t.Fatalf("%d leases, day %+d: %v", n, day, err)
				}
				if !same(sorted(got), sorted(want)) {
					t.Errorf("%+v came back as %+v", want, got)
				}
				h, err := ParseRecord(b)
				if err != nil || h.Day != want.Day || h.Seq != 7 || h.Current(p.now) != nil {
					t.Errorf("header %+v, %v", h, err)
				}
				if name, _ := key.RecordName(p.ik.Public(), p.s, p.network, want.Day); h.Name != name {
					t.Error("the record's name is not the one that its readers derive")
				}
			}
		}
	}
}

// TestLeasesAreShuffled: the order says nothing about which home is preferred.
func TestLeasesAreShuffled(t *testing.T) {
	p := newPerson()
	first := map[string]int{}
	const rounds = 800
	for range rounds {
		r, err := p.open(p.seal(t, p.record(4)))
		if err != nil {
			t.Fatal(err)
		}
		first[r.Leases[0].Host]++
	}
	for host, n := range first {
		if n < rounds/4-90 || n > rounds/4+90 { // seven standard deviations
			t.Errorf("%s stands first %d times of %d", host, n, rounds)
		}
	}
	if len(first) != 4 {
		t.Errorf("%d leases ever stand first", len(first))
	}
}

func TestForeignRecordsDoNotOpen(t *testing.T) {
	p := newPerson()
	b := p.seal(t, p.record(1))
	other := key.PrivateFromSeed[key.Identity]([32]byte{0: 2, 31: 1}).Public()
	for what, open := range map[string]func() (*Record, error){
		"another person":  func() (*Record, error) { return OpenRecord(b, other, p.s, p.network, p.now) },
		"no secret":       func() (*Record, error) { return OpenRecord(b, p.ik.Public(), key.AddressSecret{}, p.network, p.now) },
		"another secret":  func() (*Record, error) { return OpenRecord(b, p.ik.Public(), key.NewAddressSecret(), p.network, p.now) },
		"another network": func() (*Record, error) { return OpenRecord(b, p.ik.Public(), p.s, key.Network{1}, p.now) },
	} {
		if _, err := open(); !errors.Is(err, wire.ErrOpen) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if _, err := OpenRecord(b, key.IdentityPublic{}, p.s, p.network, p.now); !errors.Is(err, wire.ErrPublicKey) {
		t.Errorf("no person: %v", err)
	}
}

func TestRecordsOfAnotherTime(t *testing.T) {
	p := newPerson()
	b := p.seal(t, p.record(1))
	noon := time.Unix(int64(Day(p.now))*86400, 0)
	for _, test := range []struct {
		now  time.Time
		want error
	}{
		{noon.Add(-24 * time.Hour), wire.ErrClock}, // of today, made tomorrow
		{noon.Add(-24*time.Hour - time.Second), wire.ErrClock},
		{noon.Add(48*time.Hour - time.Second), nil},
		{noon.Add(48 * time.Hour), wire.ErrClock},
		{time.Unix(-5, 0), wire.ErrClock},
	} {
		if _, err := OpenRecord(b, p.ik.Public(), p.s, p.network, test.now); !errors.Is(err, test.want) {
			t.Errorf("at %v: %v, want %v", test.now, err, test.want)
		}
	}
	early := p.record(1)
	early.Made = p.now.Add(25 * time.Hour)
	if _, err := p.open(p.seal(t, early)); !errors.Is(err, wire.ErrClock) {
		t.Errorf("made tomorrow: %v", err)
	}
	early.Made = p.now.Add(23 * time.Hour)
	if _, err := p.open(p.seal(t, early)); err != nil {
		t.Errorf("a clock that is 23 h ahead: %v", err)
	}
}

func TestRecordsCutLongerOrChanged(t *testing.T) {
	p := newPerson()
	b := p.seal(t, p.record(2))
	for n := range b {
		if _, err := ParseRecord(b[:n]); !errors.Is(err, wire.ErrTruncated) {
			t.Fatalf("%d bytes: %v", n, err)
		}
		if _, err := p.open(b[:n]); !errors.Is(err, wire.ErrTruncated) {
			t.Fatalf("%d bytes: %v", n, err)
		}
	}
	if _, err := ParseRecord(append(slices.Clone(b), 0)); !errors.Is(err, wire.ErrTrailing) {
		t.Errorf("a byte more: %v", err)
	}
	for i := range b {
		changed := slices.Clone(b)
		changed[i] ^= 1 << (i % 8)
		if _, err := ParseRecord(changed); err == nil {
			t.Fatalf("byte %d may be changed", i)
		}
		if _, err := p.open(changed); err == nil {
			t.Fatalf("byte %d may be changed", i)
		}
	}
	for what, change := range map[string]struct {
		do   func([]byte)
		want error
	}{
		"version 0":       {func(b []byte) { b[0] = 0 }, wire.ErrVersion},
		"version 2":       {func(b []byte) { b[0] = 2 }, wire.ErrVersion},
		"a key of zeros":  {func(b []byte) { clear(b[1:33]) }, wire.ErrPublicKey},
		"a neutral key":   {func(b []byte) { clear(b[1:33]); b[1] = 1 }, wire.ErrPublicKey},
		"number 0":        {func(b []byte) { clear(b[37:41]) }, wire.ErrValue},
		"another day":     {func(b []byte) { b[36]++ }, wire.ErrSignature},
		"a higher number": {func(b []byte) { b[37]++ }, wire.ErrSignature},
	} {
		changed := slices.Clone(b)
		change.do(changed)
		if _, err := ParseRecord(changed); !errors.Is(err, change.want) {
			t.Errorf("%s: %v, want %v", what, err, change.want)
		}
	}
}

// TestRecordContentIsStrict: what even the owner can't put into a record.
func TestRecordContentIsStrict(t *testing.T) {
	p := newPerson()
	day := Day(p.now)
	good := flat(t, p.record(2))
	if _, err := p.open(p.sealed(t, day, 1, good)); err != nil {
		t.Fatal(err)
	}
	slot := func(i int) int { return 40 + 52*i }
	for what, test := range map[string]struct {
		change func([]byte)
		want   error
	}{
		"zeros that are none":          {func(b []byte) { b[878] = 1 }, wire.ErrValue},
		"the first of the zeros":       {func(b []byte) { b[872] = 1 }, wire.ErrValue},
		"an unused slot that is none":  {func(b []byte) { b[slot(2)] = 1 }, wire.ErrValue},
		"an unused slot before a used": {func(b []byte) { copy(b[slot(3):], b[slot(1):slot(2)]) }, wire.ErrValue},
		"an unused slot with address":  {func(b []byte) { b[slot(15)+40] = 1 }, wire.ErrValue},
		"a lease twice":                {func(b []byte) { copy(b[slot(2):], b[slot(1):slot(2)]) }, wire.ErrValue},
		"unknown flags":                {func(b []byte) { b[slot(0)+51] |= 4 }, wire.ErrValue},
		"flags without use":            {func(b []byte) { b[slot(0)+51] = 2 }, wire.ErrValue},
		"port 0":                       {func(b []byte) { clear(b[slot(1)+48 : slot(1)+50]) }, wire.ErrValue},
		"a multicast address":          {func(b []byte) { b[slot(1)+44] = 224 }, wire.ErrValue},
		"without TLS on the Internet":  {func(b []byte) { b[slot(1)+51] = 3 }, wire.ErrValue},
		"a gateway without key":        {func(b []byte) { clear(b[slot(1) : slot(1)+32]) }, wire.ErrPublicKey},
	} {
		b := slices.Clone(good)
		test.change(b)
		if _, err := p.open(p.sealed(t, day, 1, b)); !errors.Is(err, test.want) {
			t.Errorf("%s: %v, want %v", what, err, test.want)
		}
	}
	if _, err := p.open(p.sealed(t, day, 0, good)); !errors.Is(err, wire.ErrValue) {
		t.Errorf("number 0: %v", err)
	}
	for n := range good {
		if _, err := parseRecord(good[:n]); !errors.Is(err, wire.ErrTruncated) {
			t.Fatalf("%d bytes of content: %v", n, err)
		}
	}
	if _, err := parseRecord(append(slices.Clone(good), 0)); !errors.Is(err, wire.ErrTrailing) {
		t.Errorf("content that is longer: %v", err)
	}
}

func TestWhatIsNotSealed(t *testing.T) {
	p := newPerson()
	for what, test := range map[string]struct {
		change func(*Record)
		want   error
	}{
		"17 leases":          {func(r *Record) { r.Leases = p.record(17).Leases }, wire.ErrValue},
		"a lease twice":      {func(r *Record) { r.Leases[1] = r.Leases[0] }, wire.ErrValue},
		"a name as host":     {func(r *Record) { r.Leases[1].Host = "gw.example" }, ErrNotPackable},
		"port 0":             {func(r *Record) { r.Leases[1].Port = 0 }, wire.ErrValue},
		"a gateway's key":    {func(r *Record) { r.Leases[1].Node = key.NodePublic{} }, wire.ErrPublicKey},
		"number 0":           {func(r *Record) { r.Seq = 0 }, wire.ErrValue},
		"made before 1970":   {func(r *Record) { r.Made = time.Unix(-1, 0) }, wire.ErrValue},
		"made in 8000 years": {func(r *Record) { r.Made = time.Unix(1<<38, 0) }, wire.ErrValue},
	} {
		r := p.record(2)
		test.change(r)
		if _, err := SealRecord(r, p.ik, p.s, p.network); !errors.Is(err, test.want) {
			t.Errorf("%s: %v, want %v", what, err, test.want)
		}
	}
}

// FuzzRecord opens anything that the owner could have sealed.
func FuzzRecord(f *testing.F) {
	p := newPerson()
	f.Add(flat(f, p.record(0)))
	f.Add(flat(f, p.record(3)))
	f.Add(flat(f, p.record(16)))
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := parseRecord(b)
		if err == nil && !bytes.Equal(flat(t, r), b) {
			t.Fatal("what parses does not encode to the same bytes")
		}
		if err != nil {
			return
		}
		got, err := p.open(p.sealed(t, Day(p.now), 1, b))
		if errors.Is(err, wire.ErrClock) && r.Made.After(p.now) {
			return
		}
		if err != nil || !same(got, &Record{r.Made, Day(p.now), 1, r.ListN, r.ListHash, r.Leases}) {
			t.Errorf("%+v was opened as %+v, %v", r, got, err)
		}
	})
}

// FuzzHeader parses bytes as a record from anybody.
func FuzzHeader(f *testing.F) {
	p := newPerson()
	good := p.seal(f, p.record(2))
	f.Add(good)
	f.Add(good[:1000])
	f.Add(make([]byte, 1024))
	f.Fuzz(func(t *testing.T, b []byte) {
		h, err := ParseRecord(b)
		if err != nil {
			return
		}
		if !h.Name.Verify(key.ContextAddress, b[:960], b[960:]) || len(b) != 1024 || h.Seq == 0 {
			t.Error("a record that nobody signed")
		}
	})
}
