package address

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"testing/cryptotest"

	"golang.org/x/crypto/argon2"

	"zeroms/protocol/key"
	"zeroms/protocol/wire"
)

// makeAddressVectors computes testdata/address.json: name -> value, bytes in hex.
func makeAddressVectors(t *testing.T) map[string]string {
	cryptotest.SetGlobalRandom(t, 10)
	p, s := newPerson(), newStation()
	r := p.record(2)
	r.Seq, r.Leases[1] = 2, Lease{Node: node(2), Host: "2001:db8::7", Port: 8443, Lapses: 3}
	record := p.seal(t, r)
	name := key.BlindedPublic(record[1:33])
	cipher := key.RecordCipherKey(p.ik.Public(), p.s, name)
	opened, err := p.open(record)
	if err != nil {
		t.Fatal(err)
	}
	a, g, at := p.ik.Public(), s.node.Public(), key.Place{Network: s.network, Node: s.node.Public()}
	place, second := Position(name, 0, r.Day), Position(name, 1, r.Day)
	stamp, _, ok := Stamp(place, 16, r.Day, 0, 1<<24)
	if !ok {
		t.Fatal("no stamp")
	}
	openName, err := key.RecordName(a, key.AddressSecret{}, p.network, r.Day)
	if err != nil {
		t.Fatal(err)
	}
	d := s.descriptor()
	descriptor, kem := s.seal(t, d), d.KEM
	kemSum, descriptorPlace := sha256.Sum256(kem[:]), d.Place()
	out := map[string]string{
		"what": "the record is of the identity, secret and network for day; the descriptor is of the gateway node-seed with the KEM key of kem-seed",
		"day":  fmt.Sprint(r.Day), "seq": fmt.Sprint(r.Seq), "list-n": fmt.Sprint(r.ListN), "made-minutes": fmt.Sprint(r.Made.Unix() / 60),
		"descriptor-made": fmt.Sprint(wire.Millis(d.Made)), "descriptor-expires": fmt.Sprint(wire.Millis(d.Expires)),
	}
	for name, b := range map[string][]byte{
		"identity-seed": p.ik.Seed(), "identity": a[:], "address-secret": p.s.Bytes(), "network": p.network[:],
		"name": name[:], "name-by-key-alone": openName[:], "cipher-key": cipher[:], "nonce": record[41:65],
		"plaintext": flat(t, opened), "record": record, "position-0": place[:], "position-1": second[:], "stamp-16-bits": stamp,
		"node-seed": s.node.Seed(), "node": g[:], "kem-seed": s.kem.Bytes(), "kem-sha256": kemSum[:],
		"descriptor": descriptor, "descriptor-place": descriptorPlace[:],
	} {
		out[name] = hex.EncodeToString(b)
	}
	for _, bits := range []uint8{4, 6} {
		x, _, ok := Solve(at, bits, 0, 1<<12)
		if !ok {
			t.Fatal("the puzzle is not solved")
		}
		id := key.NodeIDOf(at, x)
		out[fmt.Sprintf("x-%d-bits", bits)], out[fmt.Sprintf("place-%d-bits", bits)] = fmt.Sprint(x), id.String()
		out[fmt.Sprintf("argon2id-%d-bits", bits)] = hex.EncodeToString(argon2.IDKey(id[:], []byte(key.PuzzleSalt), 1, 8192, 1, 32))
	}
	for what, group := range map[string]Group{
		"near-8.8.8.8:443": Public.Near(netip.MustParseAddrPort("8.8.8.8:443")), "far-8.8.8.8:443": Public.Far(netip.MustParseAddrPort("8.8.8.8:443")),
		"near-[2a01:4f8:1:2::3]:443":      Public.Near(netip.MustParseAddrPort("[2a01:4f8:1:2::3]:443")),
		"near-10.0.0.1:443-in-lan":        LAN.Near(netip.MustParseAddrPort("10.0.0.1:443")),
		"near-127.0.0.1:7000-on-loopback": Loopback.Near(netip.MustParseAddrPort("127.0.0.1:7000")),
	} {
		out["group-"+what] = hex.EncodeToString(group[:])
	}
	return out
}

func TestAddressVectors(t *testing.T) {
	path, got := filepath.Join("testdata", "address.json"), makeAddressVectors(t)
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
	var want map[string]string
	if err := json.Unmarshal(b, &want); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v\nwant %+v", got, want)
	}
	// The document shows the zeros of unused slots and the KEM key by their number.
	kem := newStation().kem.Public()
	long := strings.NewReplacer("[735-zeros]", strings.Repeat("00", 735), "[kem]", hex.EncodeToString(kem[:]))
	for _, mark := range []string{"name", "name-by-key-alone", "cipher-key", "position-0", "position-1", "stamp-16-bits", "plaintext", "record", "descriptor", "descriptor-place", "place-4-bits", "argon2id-4-bits"} {
		if example := long.Replace(documentedIn(t, "address.md", mark)); example != want[mark] {
			t.Errorf("the example %s of address.md is not the vector:\n got %s\nwant %s", mark, example, want[mark])
		}
	}
}

// TestDocumentedFigures: sizes, limits and networks of address.md are the code's.
func TestDocumentedFigures(t *testing.T) {
	doc, err := os.ReadFile(filepath.Join("..", "..", "docs", "protocol", "address.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range networks {
		if row := fmt.Sprintf("| `%s` | %v | %d | %d |", n.Network[:], n.Scope, n.PuzzleBits, n.StampBits); !strings.Contains(string(doc), row) {
			t.Errorf("address.md has no row %s", row)
		}
	}
	for _, r := range special {
		if !strings.Contains(string(doc), "`"+r.prefix.String()+"`") && r.prefix.Bits() > 0 {
			t.Errorf("address.md does not name %s", r.prefix)
		}
	}
	for name, f := range map[string]Flags{"takes everybody": TakesAll, "takes the invited": TakesInvited, "takes work": TakesWork, "forwards": Forwards, "serves": Serves} {
		if row := fmt.Sprintf("| %d | %s", f, name); !strings.Contains(string(doc), row) {
			t.Errorf("address.md has no row %q", row)
		}
	}
	if wire.RecordSize != 1024 || plainSize != 879 || recordSealed != 65 || wire.MaxDescriptor != 4096 || MaxAddresses != 8 || MaxLeases != 16 {
		t.Error("a size is not the documented one")
	}
}
