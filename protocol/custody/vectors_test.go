package custody

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode"

	"zeroms/protocol/key"
	"zeroms/protocol/wire"
)

var update = flag.Bool("update", false, "write testdata/custody.json anew")

// vectors computes every value of testdata/custody.json from fixed inputs, by name.
func vectors() map[string]string {
	node := testNode()
	var drop key.DropID
	for i := range drop {
		drop[i] = byte(i)
	}
	tag := key.AccountTag(fill32(0x44))
	position := wire.At(1_800_000_000, 3)
	start := DropStart(drop, tag, position)
	d1 := NextDropHead(start, 1, fill32(0x66))
	d2 := NextDropHead(d1, 2, fill32(0x77))
	refusal := Refuse(wire.Refusal{DropHash: fill32(0x22), EnvelopeHash: fill32(0x66), Code: wire.CodeQuota, Time: 1_800_000_000_000}, node)
	tree := Build(testLeaves(5), testTime, node)
	commit := tree.Commit(pick(1, 4))
	public := node.Public()
	v := map[string][]byte{
		"node-seed":    node.Seed(),
		"node-key":     public[:],
		"drop":         drop[:],
		"account-tag":  tag[:],
		"position":     position[:],
		"drop-start":   start[:],
		"drop-head-1":  d1[:],
		"drop-head-2":  d2[:],
		"receipt":      testReceipt(1).Append(nil),
		"door-receipt": testReceipt(0).Append(nil),
		"head":         testHead(5).Append(nil),
		"root":         tree.levels[len(tree.levels)-1][0][:],
		"commit":       wire.Marshal(commit),
		"commit-sig":   commit.Sig,
		"path-0":       commit.Path[0][:],
		"path-1":       commit.Path[1][:],
		"leaf-hash-1":  tree.levels[0][1][:],
		"leaf-hash-4":  tree.levels[0][4][:],
		"refusal":      refusal.Encode(),
	}
	out := make(map[string]string, len(v))
	for name, b := range v {
		out[name] = hex.EncodeToString(b)
	}
	return out
}

func TestVectors(t *testing.T) {
	path := filepath.Join("testdata", "custody.json")
	got := vectors()
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
	if !maps.Equal(got, want) {
		for name := range want {
			if got[name] != want[name] {
				t.Errorf("%s is %s, want %s", name, got[name], want[name])
			}
		}
		t.Errorf("%d values, want %d", len(got), len(want))
	}
	raw, err := hex.DecodeString(want["commit"])
	if err != nil {
		t.Fatal(err)
	}
	var c wire.Commit
	if err := wire.Unmarshal(raw, &c, wire.MaxFrame); err != nil {
		t.Fatal(err)
	}
	if err := Verify(&c, testNode().Public()); err != nil {
		t.Error(err)
	}
}

// TestDocumentExample compares the worked example of the document with the vectors.
func TestDocumentExample(t *testing.T) {
	b, err := os.ReadFile(filepath.Join("..", "..", "docs", "protocol", "custody.md"))
	if errors.Is(err, fs.ErrNotExist) {
		t.Fatal("docs/protocol/custody.md is missing")
	}
	if err != nil {
		t.Fatal(err)
	}
	_, example, found := strings.Cut(string(b), "## Worked example")
	if !found {
		t.Fatal("the document has no worked example")
	}
	squeezed := strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) {
			return -1
		}
		return r
	}, example)
	all := vectors()
	for _, name := range slices.Sorted(maps.Keys(all)) {
		if !strings.Contains(squeezed, all[name]) {
			t.Errorf("the worked example does not show %s: %s", name, all[name])
		}
	}
}
