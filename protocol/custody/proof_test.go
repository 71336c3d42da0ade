package custody

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"slices"
	"testing"

	"zeroms/protocol/key"
	"zeroms/protocol/wire"
)

// proofAt is the proof of one leaf out of a commit that also holds others.
func proofAt(t testing.TB, leaves [][]byte, index uint32, beside ...uint32) *Proof {
	t.Helper()
	all := slices.Sorted(slices.Values(append(beside, index)))
	c := Build(leaves, testTime, testNode()).Commit(pick(slices.Compact(all)...))
	for i, item := range c.Items {
		if item.Index == index {
			p, err := ProofOf(c, i)
			if err != nil {
				t.Fatal(err)
			}
			return p
		}
	}
	t.Fatal("the leaf is not in the commit")
	return nil
}

// TestProofsStandAlone takes every item out of every commit of small trees.
func TestProofsStandAlone(t *testing.T) {
	node := testNode().Public()
	for n := 1; n <= 9; n++ {
		leaves := testLeaves(n)
		tree := Build(leaves, testTime, testNode())
		for set := 1; set < 1<<n; set++ {
			var items []wire.CommitItem
			for i := range uint32(n) {
				if set>>i&1 == 1 {
					items = append(items, pick(i)...)
				}
			}
			c := tree.Commit(items)
			for i, item := range c.Items {
				p, err := ProofOf(c, i)
				if err != nil {
					t.Fatal(err)
				}
				if alone := tree.Commit(pick(item.Index)); !slices.Equal(p.Path, alone.Path) {
					t.Fatalf("%d leaves, items %b: the proof of leaf %d is not that of a commit with it alone", n, set, item.Index)
				}
				checkProof(t, p, leaves[item.Index], node)
			}
		}
	}
}

// checkProof checks what a proof says, and that it comes back from its bytes.
func checkProof(t *testing.T, p *Proof, leaf []byte, node key.NodePublic) {
	t.Helper()
	again, err := ParseProof(p.Encode())
	if err != nil || !bytes.Equal(again.Encode(), p.Encode()) {
		t.Fatalf("the proof does not come back from its bytes: %v", err)
	}
	switch leaf[0] {
	case LeafReceipt:
		r, err := again.Receipt(node)
		if err != nil || !bytes.Equal(r.Append(nil), leaf) {
			t.Fatalf("%+v, %v", r, err)
		}
		if named, err := again.Node(); err != nil || named != node {
			t.Fatalf("the receipt names %v, %v", named, err)
		}
		if h, err := again.Head(node); !errors.Is(err, wire.ErrWrongKind) || h != nil {
			t.Fatalf("a receipt as a head: %v", err)
		}
	case LeafHead:
		h, err := again.Head(node)
		if err != nil || !bytes.Equal(h.Append(nil), leaf) {
			t.Fatalf("%+v, %v", h, err)
		}
		if r, err := again.Receipt(node); !errors.Is(err, wire.ErrWrongKind) || r != nil {
			t.Fatalf("a head as a receipt: %v", err)
		}
		if _, err := again.Node(); !errors.Is(err, wire.ErrWrongKind) {
			t.Fatalf("the node of a head: %v", err)
		}
	}
}

func TestProofOfRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		commit *wire.Commit
		item   int
	}{
		"before the first item": {commitOf(), -1},
		"after the last item":   {commitOf(), 3},
		"no items":              {&wire.Commit{Leaves: 7}, 0},
		"index outside":         {&wire.Commit{Leaves: 7, Items: pick(1, 7)}, 0},
		"falling indexes":       {&wire.Commit{Leaves: 7, Items: pick(3, 1)}, 0},
		"equal indexes":         {&wire.Commit{Leaves: 7, Items: pick(3, 3)}, 1},
	} {
		if p, err := ProofOf(c.commit, c.item); !errors.Is(err, wire.ErrValue) || p != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	// Out of a commit that does not hold comes a proof that does not hold.
	for name, spoil := range map[string]func(*wire.Commit){
		"short path":   func(c *wire.Commit) { c.Path = c.Path[1:] },
		"changed path": func(c *wire.Commit) { c.Path[0][0]++ },
		"many leaves":  func(c *wire.Commit) { c.Leaves = 1<<32 - 1 },
		"another time": func(c *wire.Commit) { c.Time++ },
	} {
		c := commitOf()
		spoil(c)
		p, err := ProofOf(c, 0)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := p.Receipt(testNode().Public()); err == nil {
			t.Errorf("%s: the proof holds", name)
		}
	}
}

// TestProofsOfOthers: what another gateway signed proves nothing of this one.
func TestProofsOfOthers(t *testing.T) {
	other := key.PrivateFromSeed[key.Node](fill32(0x12)).Public()
	leaves := testLeaves(3)
	if _, err := proofAt(t, leaves, 1).Receipt(other); !errors.Is(err, wire.ErrWrongNode) {
		t.Errorf("a receipt: %v", err)
	}
	if _, err := proofAt(t, leaves, 2).Head(other); !errors.Is(err, wire.ErrSignature) {
		t.Errorf("a head: %v", err)
	}
}

// TestNamesOfReceipts: one receipt has another name in each commit, and each
// receipt of a commit its own.
func TestNamesOfReceipts(t *testing.T) {
	leaves := testLeaves(4)
	first := proofAt(t, leaves, 1)
	if first.Name() != proofAt(t, leaves, 1, 2, 3).Name() {
		t.Error("the name depends on what came beside the receipt")
	}
	if first.Name() != sha256.Sum256(slices.Concat(first.Leaf, first.Sig)) {
		t.Error("the name is not SHA-256(leaf | signature)")
	}
	later := Build(leaves, testTime.Add(1e6), testNode()).Commit(pick(1))
	again, err := ProofOf(later, 0)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(again.Leaf, first.Leaf) || again.Name() == first.Name() {
		t.Error("a repeated submission gets the same leaf and another name")
	}
	if first.Name() == proofAt(t, leaves, 2).Name() {
		t.Error("two receipts share a name")
	}
}

// TestTheLargestProof is that of a tree of 2^32-1 leaves.
func TestTheLargestProof(t *testing.T) {
	p := &Proof{
		Leaf: testReceipt(1).Append(nil), Index: 1<<32 - 2, Leaves: 1<<32 - 1, Time: 1<<64 - 1,
		Sig: make([]byte, key.SignatureSize), Path: make([][32]byte, maxDepth),
	}
	b := p.Encode()
	if len(b) != 1365 { // docs/protocol/custody.md, "Proof"
		t.Fatalf("%d bytes", len(b))
	}
	if _, err := ParseProof(b); err != nil {
		t.Fatal(err)
	}
	for name, spoil := range map[string]func(*Proof){
		"a deeper tree":    func(p *Proof) { p.Path = make([][32]byte, maxDepth+1) },
		"short signature":  func(p *Proof) { p.Sig = p.Sig[1:] },
		"long signature":   func(p *Proof) { p.Sig = make([]byte, key.SignatureSize+1) },
		"longer than any":  func(p *Proof) { p.Leaf = append(bytes.Clone(p.Leaf), 0) },
		"nothing is there": func(p *Proof) { *p = Proof{} },
	} {
		wrong := *p
		spoil(&wrong)
		if _, err := ParseProof(wrong.Encode()); !errors.Is(err, wire.ErrValue) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := ParseProof(make([]byte, MaxProof+1)); !errors.Is(err, wire.ErrTooLarge) {
		t.Errorf("too large: %v", err)
	}
}

func TestProofsAreExact(t *testing.T) {
	node := testNode().Public()
	for _, index := range []uint32{0, 1, 4} { // a door's receipt, a receipt, a head
		p := proofAt(t, testLeaves(5), index)
		b := p.Encode()
		for n := range b {
			if _, err := ParseProof(b[:n]); err == nil {
				t.Fatalf("the first %d bytes are a proof", n)
			}
		}
		if _, err := ParseProof(append(bytes.Clone(b), 0)); !errors.Is(err, wire.ErrTrailing) {
			t.Errorf("trailing byte: %v", err)
		}
		for n := range b {
			for _, bit := range []byte{0x01, 0x80} {
				c := bytes.Clone(b)
				c[n] ^= bit
				changed, err := ParseProof(c)
				if err != nil {
					continue
				}
				if _, err := changed.Receipt(node); err == nil {
					t.Fatalf("byte %d changed: the receipt holds", n)
				}
				if _, err := changed.Head(node); err == nil {
					t.Fatalf("byte %d changed: the head holds", n)
				}
			}
		}
	}
}

// FuzzParseProof: what parses encodes back, and what holds was signed.
func FuzzParseProof(f *testing.F) {
	leaves := testLeaves(7)
	for _, index := range []uint32{0, 3, 6} {
		f.Add(proofAt(f, leaves, index).Encode())
	}
	node := testNode().Public()
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := ParseProof(b)
		if err != nil {
			return
		}
		if !bytes.Equal(p.Encode(), b) {
			t.Fatal("a proof does not encode back to its bytes")
		}
		_, receipt := p.Receipt(node)
		_, head := p.Head(node)
		if receipt != nil && head != nil {
			return
		}
		if !slices.ContainsFunc(leaves, func(leaf []byte) bool { return bytes.Equal(leaf, p.Leaf) }) {
			t.Fatalf("leaf %x was never signed", p.Leaf)
		}
	})
}
