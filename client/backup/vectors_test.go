package backup

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"testing"
	"testing/cryptotest"

	"zeroms/protocol/key"
)

var update = flag.Bool("update", false, "write testdata/backup.json anew from the code")

// vectors is a backup of each kind, and what opens them.
type vectors struct {
	Seed       string `json:"seed"`
	Passphrase string `json:"passphrase"`
	Network    string `json:"network"`
	Node       string `json:"node"`
	Words      string `json:"archive-words"`
	Locked     string `json:"archive-passphrase"`
	Safe       string `json:"safe"`
	Messages   int    `json:"messages"`
}

// TestVectors: what was published once stays readable, and the same input makes
// the same bytes.
func TestVectors(t *testing.T) {
	cryptotest.SetGlobalRandom(t, 1)
	w := newWorld(t)
	words, _ := export(t, w.store, WithWords(w.alice.Seed))
	locked, _ := export(t, w.store, cheap("correct horse"))
	place := labPlace(1)
	safe := must(NewSafe(w.members(t), at(60))).Seal(w.alice.Seed, place)
	made := vectors{
		Seed: hex.EncodeToString(w.alice.Seed.Bytes()), Passphrase: "correct horse", Network: hex.EncodeToString(place.Network[:]),
		Node: place.Node.String(), Words: hex.EncodeToString(words), Locked: hex.EncodeToString(locked), Safe: hex.EncodeToString(safe), Messages: w.texts,
	}
	file := filepath.Join("testdata", "backup.json")
	if *update {
		b := must(json.MarshalIndent(made, "", "  "))
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, append(b, '\n'), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	var stored vectors
	if err := json.Unmarshal(must(os.ReadFile(file)), &stored); err != nil {
		t.Fatal(err)
	}
	if stored != made {
		t.Error("the code makes other bytes than those in testdata/backup.json")
	}
	seed := must(key.SeedFrom(must(hex.DecodeString(stored.Seed))))
	for name, c := range map[string]struct {
		hex  string
		keys Keys
	}{
		"words":      {stored.Words, Keys{Seed: seed}},
		"passphrase": {stored.Locked, Keys{Passphrase: typed(stored.Passphrase)}},
	} {
		got, counts, err := Read(bytes.NewReader(must(hex.DecodeString(c.hex))), c.keys)
		if err != nil || counts.Messages != stored.Messages || got.Owner.User != seed.Identity().Public() {
			t.Errorf("%s: %+v, %v", name, counts, err)
		}
	}
	got, err := OpenSafe(must(hex.DecodeString(stored.Safe)), seed, place, at(60))
	if err != nil || len(got.Contacts) != 3 {
		t.Errorf("the safe: %v", err)
	}
}
