package envelope

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
	"testing/cryptotest"

	"zeroms/protocol/key"
)

var update = flag.Bool("update", false, "write the vectors and the worked example anew")

const (
	vectorFile = "testdata/envelope.json"
	document   = "../../docs/protocol/envelope.md"
	begin      = "<!-- worked example, written by the tests -->\n```text\n"
	end        = "```\n<!-- end -->\n"
)

// vector is named values in the order of the document.
type vector struct {
	names  []string
	values map[string]string
}

func (v *vector) add(name string, value []byte) {
	v.names = append(v.names, name)
	v.values[name] = hex.EncodeToString(value)
}

// example is the values as the document shows them: those of up to 128 bytes,
// of larger ones the SHA-256.
func (v *vector) example() string {
	var out strings.Builder
	for _, name := range v.names {
		value := v.values[name]
		if len(value) > 256 {
			b, _ := hex.DecodeString(value)
			h := sha256.Sum256(b)
			name, value = fmt.Sprintf("SHA-256(%s)", name), hex.EncodeToString(h[:])
		}
		fmt.Fprintf(&out, "%s = %s\n", name, value)
	}
	return out.String()
}

// makeVector packs an ordinary and an init envelope with fixed randomness.
func makeVector(t *testing.T) *vector {
	cryptotest.SetGlobalRandom(t, 5)
	v := &vector{values: map[string]string{}}
	records := []Record{
		{Message: []byte("signed message header"), Salt: [16]byte{1, 2, 3}, Body: []byte("hello")},
		{Message: []byte("ack"), Salt: [16]byte{4, 5, 6}, Body: []byte{0xa0}},
	}
	one := slot(1)
	env, err := Pack(records, []Slot{one}, 1)
	if err != nil {
		t.Fatal(err)
	}
	v.add("slot.tag", one.Tag[:])
	v.add("slot.i", []byte{0, 0, 0, byte(one.I)})
	v.add("slot.hk", one.HeaderKey[:])
	v.add("slot.mk", one.MessageKey[:])
	v.add("slot.header", one.Header[:])
	v.add("records", appendRecords(nil, records))
	v.add("header-only", appendRecords(nil, []Record{{Message: records[0].Message}}))
	e, _ := Parse(env)
	place := 0
	if e.Tags()[1] == one.Tag {
		place = 1
	}
	v.add("place", []byte{byte(place)})
	v.addKeys(t, "", e.slot(place), e.commit)
	v.add("envelope", env)

	in := &Init{Hint: [8]byte{8, 7, 6, 5, 4, 3, 2, 1}, Enc: [1120]byte{1119: 0xee}, Sealed: [1216]byte{1215: 0x5e}}
	initial, err := PackInit(in, records[:1], one)
	if err != nil {
		t.Fatal(err)
	}
	_, e, _ = ParseInit(initial)
	v.add("init.hint", in.Hint[:])
	v.add("init.enc", in.Enc[:])
	v.add("init.sealed", in.Sealed[:])
	v.addKeys(t, "init.", e.slot(0), e.commit)
	v.add("init.envelope", initial)
	return v
}

// addKeys adds the content key and everything made from it, as a receiver
// comes to it.
func (v *vector) addKeys(t *testing.T, prefix string, whole, commit []byte) {
	mk := slot(1).MessageKey
	head := whole[:TagSize+HeaderSize+overhead]
	wrap := key.KDF32(key.LabelWrap, mk[:])
	cek, ok := open(wrap, 0, whole[len(head):], key.Join(head, commit))
	if !ok {
		t.Fatal("the slot does not open")
	}
	body := key.KDF32(key.LabelBody, cek)
	v.add(prefix+"cek", cek)
	v.add(prefix+"commit", commit)
	v.add(prefix+"wrap-key", wrap[:])
	v.add(prefix+"body-key", body[:])
	v.add(prefix+"slot", whole)
}

func TestVectors(t *testing.T) {
	v := makeVector(t)
	encoded, err := json.MarshalIndent(v.values, "", "\t")
	if err != nil {
		t.Fatal(err)
	}
	encoded = append(encoded, '\n')
	if *update {
		if err := os.WriteFile(vectorFile, encoded, 0o644); err != nil {
			t.Fatal(err)
		}
		writeExample(t, v)
	}
	stored, err := os.ReadFile(vectorFile)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(stored, encoded) {
		t.Errorf("%s differs from what the code makes", vectorFile)
	}
	doc, err := os.ReadFile(document)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(doc), begin+v.example()+end) {
		t.Errorf("the worked example of %s is not that of the vectors", document)
	}
}

// TestVectorsOpen opens the stored envelopes with the stored keys alone.
func TestVectorsOpen(t *testing.T) {
	stored, err := os.ReadFile(vectorFile)
	if err != nil {
		t.Fatal(err)
	}
	var values map[string]string
	if err := json.Unmarshal(stored, &values); err != nil {
		t.Fatal(err)
	}
	get := func(name string) []byte {
		b, err := hex.DecodeString(values[name])
		if err != nil || len(b) == 0 {
			t.Fatalf("%s: %v", name, err)
		}
		return b
	}
	s := Slot{Tag: [8]byte(get("slot.tag")), I: uint32(get("slot.i")[3]), HeaderKey: [32]byte(get("slot.hk")),
		MessageKey: [32]byte(get("slot.mk")), Header: [40]byte(get("slot.header"))}
	e, err := Parse(get("envelope"))
	if err != nil {
		t.Fatal(err)
	}
	records, err := openAt(e, s)
	if err != nil || !bytes.Equal(appendRecords(nil, records), get("records")) {
		t.Errorf("envelope: %v", err)
	}
	only, err := parseRecords(get("header-only"))
	if err != nil || len(only) != 1 || !only[0].HeaderOnly() || !bytes.Equal(only[0].Message, records[0].Message) {
		t.Errorf("header-only: %v", err)
	}
	_, e, err = ParseInit(get("init.envelope"))
	if err != nil {
		t.Fatal(err)
	}
	if records, err = openAt(e, s); err != nil || string(records[0].Body) != "hello" {
		t.Errorf("init envelope: %v", err)
	}
}

func writeExample(t *testing.T, v *vector) {
	doc, err := os.ReadFile(document)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := strings.Cut(string(doc), begin)
	_, after, ok2 := strings.Cut(rest, end)
	if !ok || !ok2 {
		t.Fatalf("%s has no place for the worked example", document)
	}
	if err := os.WriteFile(document, []byte(before+begin+v.example()+end+after), 0o644); err != nil {
		t.Fatal(err)
	}
}
