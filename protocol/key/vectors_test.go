package key

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"testing"
)

var update = flag.Bool("update", false, "write testdata/key.json anew from the code")

// published decodes a file of the folder of published vectors beside the
// checkout, and skips the test where there is none.
func published(t *testing.T, name string, v any) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("..", "..", "..", "shared", "vectors", name))
	if os.IsNotExist(err) {
		t.Skipf("no ../shared/vectors/%s beside the checkout: it holds vectors that others published", name)
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, v); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
}

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

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

// fixture is the fixed input of the project's own vectors.
type fixture struct {
	seed    Seed
	device  DeviceSecret
	drop    DropSecret
	address AddressSecret
	door    DoorSecret
	node    NodePrivate
	other   IdentityPrivate
	at      Place
}

func newFixture() fixture {
	f := fixture{
		seed:    must(SeedFrom(count(0x00, 32))),
		device:  must(DeviceSecretFrom(count(0x20, 32))),
		drop:    must(DropSecretFrom(count(0x40, 32))),
		address: must(AddressSecretFrom(count(0x60, 16))),
		door:    must(DoorSecretFrom(count(0x70, 16))),
		node:    PrivateFromSeed[Node]([32]byte(count(0x80, 32))),
		other:   PrivateFromSeed[Identity]([32]byte(count(0xa0, 32))),
	}
	f.at = Place{Network: Network{'t', 'e', 's', 't'}, Node: f.node.Public()}
	return f
}

// own computes the project's own vectors: name -> value, bytes in hex.
func own(t *testing.T) map[string]string {
	f := newFixture()
	g, ik := f.at.Node, f.seed.Identity()
	a := ik.Public()
	profile := must(ProfileName(a, f.address, f.at))
	drop, dropCapability := f.drop.Drop(g)
	envelope := sha256.Sum256([]byte("envelope"))
	doorKey := f.door.DoorKey(g)
	prekey := must(PrekeyPrivateFrom(count(0xc0, 32))).Public()
	dh, peer := must(DHPrivateFrom(count(0xd0, 32))), must(DHPrivateFrom(count(0xe0, 32)))
	shared := must(dh.Shared(peer.Public()))
	tag := AccountTagOf(f.seed.Mailbox(g).Public())
	mac := dropCapability.Authenticate(drop, envelope)
	safety := SafetyHash(a, f.other.Public())
	capabilityHash := dropCapability.Hash()
	factor := profileFactor(a, f.address, f.at)
	cipher := ProfileCipherKey(a, f.address, profile)
	door := DoorOf(profile, doorKey)
	gateway := GatewayHashOf(g)
	id := DeviceIDOf(f.device.Signer().Public())
	cursor := f.device.Cursor(g)
	card := f.door.CardID()
	prekeyHash := sha256.Sum256(prekey[:])
	backup, safe := f.seed.backup(), SafeCipherKey(f.seed, f.at)
	archive, stretched := ArchiveKey(f.seed, count(0x40, 32)), ArchivePassphraseKey([32]byte(count(0x60, 32)), count(0x40, 32))
	const recordDay = 20_000
	record := must(RecordName(a, f.address, f.at.Network, recordDay))
	recordFactor, recordKey := recordFactor(a, f.address, f.at.Network, recordDay), RecordCipherKey(a, f.address, record)
	relay := must(RelayPrivateFrom(count(0xc1, 32))).Public()
	relayHash := sha256.Sum256(relay[:])
	values := map[string][]byte{
		"seed": f.seed.Bytes(), "device-secret": f.device.Bytes(), "drop-secret": f.drop.Bytes(),
		"address-secret": f.address.Bytes(), "door-secret": f.door.Bytes(), "network": f.at.Network[:],
		"node-seed": f.node.Seed(), "node-key": g[:], "gateway-hash": gateway[:],
		"identity-seed": ik.Seed(), "identity-key": a[:], "other-identity-key": bytesOf(f.other.Public()),
		"safety-hash": safety[:],
		"mailbox-key": bytesOf(f.seed.Mailbox(g).Public()), "account-tag": tag[:],
		"device-key": bytesOf(f.device.Signer().Public()), "device-id": id[:],
		"login-key": bytesOf(f.device.Login(g).Public()), "cursor-id": cursor[:],
		"drop": drop[:], "drop-capability": dropCapability.Bytes(), "drop-capability-hash": capabilityHash[:],
		"envelope-hash": envelope[:], "drop-mac": mac[:],
		"door-key": doorKey[:], "door": door[:], "door-capability": f.door.Capability(g).Bytes(), "card-id": card[:],
		"profile-factor": factor[:], "profile-name": profile[:], "profile-cipher-key": cipher[:],
		"record-factor": recordFactor[:], "record-name": bytesOf(record), "record-cipher-key": recordKey[:],
		"record-name-next-day": bytesOf(must(RecordName(a, f.address, f.at.Network, recordDay+1))),
		"record-name-open":     bytesOf(must(RecordName(a, AddressSecret{}, f.at.Network, recordDay))),
		"signature-record":     RecordSigner(ik, f.address, f.at.Network, recordDay).Sign(ContextAddress, []byte("record")),
		"node-id":              bytesOf(NodeIDOf(f.at, 0x0102030405060708)),
		"relay-seed":           count(0xc1, 32), "relay-key-sha256": bytesOf(relayHash),
		"profile-name-open":     bytesOf(must(ProfileName(a, AddressSecret{}, f.at))),
		"signature-device-list": ik.Sign(ContextDeviceList, []byte("list")),
		"signature-claim":       ProfileSigner(ik, f.address, f.at).Sign(ContextProfileClaim, []byte("claim")),
		"hash-account":          bytesOf(Hash(PrefixAccount, []byte("ac"), []byte("count"))),
		"dh-secret":             dh.Bytes(), "dh-peer-secret": peer.Bytes(), "dh-key": bytesOf(dh.Public()), "dh-shared": shared[:],
		"backup-key": backup[:], "safe-name": bytesOf(SafeSigner(f.seed, f.at).Public()), "safe-cipher-key": safe[:],
		"archive-key": archive[:], "archive-passphrase-key": stretched[:],
		"signature-safe-claim": SafeSigner(f.seed, f.at).Sign(ContextProfileClaim, []byte("claim")),
		"prekey-seed":          count(0xc0, 32), "prekey-key-sha256": prekeyHash[:],
	}
	out := map[string]string{
		"user-id":       UserIDText(a),
		"phrase-en":     f.seed.Phrase(English),
		"phrase-zh":     f.seed.Phrase(Chinese),
		"safety-number": SafetyNumber(a, f.other.Public()),
	}
	for name, b := range values {
		out[name] = hex.EncodeToString(b)
	}
	for _, c := range constants(t, "Label") {
		out["kdf-"+c.value] = hex.EncodeToString(KDF(Label(c.value), count(0, 32), []byte("context"), count(0x20, 32), 48))
	}
	return out
}

func bytesOf[T ~[32]byte](b T) []byte { return append([]byte(nil), b[:]...) }

func ownFile(t *testing.T) map[string]string {
	t.Helper()
	b, err := os.ReadFile("testdata/key.json")
	if err != nil {
		t.Fatal(err)
	}
	var out map[string]string
	if err := json.Unmarshal(b, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

// TestVectors holds every derivation to testdata/key.json byte for byte.
func TestVectors(t *testing.T) {
	values := own(t)
	if *update {
		b := append(must(json.MarshalIndent(values, "", "  ")), '\n')
		if err := os.WriteFile("testdata/key.json", b, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	file := ownFile(t)
	for name, want := range file {
		if values[name] != want {
			t.Errorf("%s is %q, testdata/key.json says %q", name, values[name], want)
		}
	}
	for name := range values {
		if _, ok := file[name]; !ok {
			t.Errorf("%s is missing in testdata/key.json", name)
		}
	}
}

// TestMAC is RFC 4231 test case 2, in two parts.
func TestMAC(t *testing.T) {
	got := MAC([]byte("Jefe"), []byte("what do ya want "), []byte("for nothing?"))
	want := unhex(t, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843")
	if !bytes.Equal(got[:], want) {
		t.Fatalf("MAC is %x", got)
	}
}

// TestJoin also holds Join to a slice of its own.
func TestJoin(t *testing.T) {
	a := append(make([]byte, 0, 64), 1, 2)
	joined := Join(a, nil, []byte{3})
	joined[0] = 9
	if a[0] != 1 || !bytes.Equal(joined, []byte{9, 2, 3}) {
		t.Fatalf("joined %x, first part %x", joined, a)
	}
}

// TestHashParts: how the input is cut into parts changes nothing.
func TestHashParts(t *testing.T) {
	whole := Hash(PrefixCard, []byte("abcdef"))
	if Hash(PrefixCard, []byte("ab"), nil, []byte("cdef")) != whole {
		t.Error("parts are not simply joined")
	}
	if want := sha256.Sum256([]byte("zms/1/card\x00abcdef")); whole != want {
		t.Error("Hash is not SHA-256(prefix | 0x00 | x)")
	}
	if short := Hash16(PrefixCard, []byte("abcdef")); !bytes.Equal(short[:], whole[:16]) {
		t.Error("Hash16 is not the first 16 bytes of Hash")
	}
}
