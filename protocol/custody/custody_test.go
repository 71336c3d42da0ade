package custody

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"zeroms/protocol/key"
	"zeroms/protocol/wire"
)

// testNode is the gateway of all tests.
func testNode() key.NodePrivate { return key.PrivateFromSeed[key.Node](fill32(0x11)) }

func fill32(b byte) (out [32]byte) {
	for i := range out {
		out[i] = b
	}
	return out
}

func testReceipt(k uint32) *Receipt {
	r := &Receipt{
		Node: testNode().Public(), DropHash: fill32(0x22), EnvelopeHash: sha256.Sum256([]byte{byte(k)}),
		Time: 1_800_000_000_000, Kept: 1_800_000_000_000 + 30*86_400_000,
	}
	if k > 0 {
		r.K, r.Start, r.Head = k, fill32(0x33), fill32(byte(k))
		if r.Head == [32]byte{} {
			r.Head[0] = 1
		}
	}
	return r
}

func testHead(index uint64) *Head {
	return &Head{Account: fill32(0x44), Position: wire.At(1_800_000_000, index), R: fill32(0x55)}
}

// testLeaves are n leaves: receipts, and a head as the last one.
func testLeaves(n int) (leaves [][]byte) {
	for i := range n - 1 {
		leaves = append(leaves, testReceipt(uint32(i)).Append(nil))
	}
	return append(leaves, testHead(uint64(n)).Append(nil))
}

// naiveRoot is the definition of RFC 6962 section 2.1.
func naiveRoot(leaves [][]byte) [32]byte {
	if len(leaves) == 1 {
		return sha256.Sum256(append([]byte{0}, leaves[0]...))
	}
	k := 1
	for 2*k < len(leaves) {
		k *= 2
	}
	l, r := naiveRoot(leaves[:k]), naiveRoot(leaves[k:])
	return sha256.Sum256(slices.Concat([]byte{1}, l[:], r[:]))
}

func pick(indexes ...uint32) (items []wire.CommitItem) {
	for _, i := range indexes {
		items = append(items, wire.CommitItem{ID: uint64(i) + 100, Index: i})
	}
	return items
}

var testTime = time.UnixMilli(1_800_000_000_123)

func TestEverySubsetIsProven(t *testing.T) {
	for n := 1; n <= 11; n++ {
		leaves := testLeaves(n)
		tree := Build(leaves, testTime, testNode())
		if got := tree.levels[len(tree.levels)-1][0]; got != naiveRoot(leaves) {
			t.Fatalf("%d leaves: the root is not RFC 6962's", n)
		}
		for set := 1; set < 1<<n; set++ {
			var items []wire.CommitItem
			for i := range uint32(n) {
				if set>>i&1 == 1 {
					items = append(items, pick(i)...)
				}
			}
			c := tree.Commit(items)
			if err := Verify(c, testNode().Public()); err != nil {
				t.Fatalf("%d leaves, items %b: %v", n, set, err)
			}
			for i, item := range c.Items {
				if !bytes.Equal(item.Leaf, leaves[items[i].Index]) || item.ID != items[i].ID {
					t.Fatalf("%d leaves, items %b: item %d is another one", n, set, i)
				}
			}
		}
	}
}

func TestLargeTreesHaveShortPaths(t *testing.T) {
	leaves := testLeaves(40_000)
	tree := Build(leaves, testTime, testNode())
	var items []wire.CommitItem
	for i := range uint32(256) {
		items = append(items, pick(12_345+i)...)
	}
	c := tree.Commit(append(items, pick(39_999)...))
	if err := Verify(c, testNode().Public()); err != nil {
		t.Fatal(err)
	}
	if n := len(c.Path); n > 40 {
		t.Errorf("a path of %d hashes for neighbours", n)
	}
	if n := len(wire.AppendFrame(nil, 0, c)); n > wire.MaxFrame {
		t.Errorf("a frame of %d bytes", n)
	}
}

func TestBuildOfNothing(t *testing.T) {
	if Build(nil, testTime, testNode()) != nil {
		t.Error("a tree without leaves")
	}
}

// commitOf makes a fresh commit to spoil: leaves 1, 3 and 6 of 7.
func commitOf() *wire.Commit { return Build(testLeaves(7), testTime, testNode()).Commit(pick(1, 3, 6)) }

func TestVerifyRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		spoil func(c *wire.Commit)
		want  error
	}{
		"no items":          {func(c *wire.Commit) { c.Items = nil }, wire.ErrValue},
		"too many items":    {func(c *wire.Commit) { c.Items = make([]wire.CommitItem, wire.MaxElements+1) }, wire.ErrValue},
		"too long a path":   {func(c *wire.Commit) { c.Path = make([][32]byte, wire.MaxElements+1) }, wire.ErrValue},
		"equal indexes":     {func(c *wire.Commit) { c.Items[1].Index = 1 }, wire.ErrValue},
		"falling indexes":   {func(c *wire.Commit) { c.Items[0], c.Items[1] = c.Items[1], c.Items[0] }, wire.ErrValue},
		"index outside":     {func(c *wire.Commit) { c.Items[2].Index = 7 }, wire.ErrValue},
		"no leaves":         {func(c *wire.Commit) { c.Leaves = 0 }, wire.ErrValue},
		"short path":        {func(c *wire.Commit) { c.Path = c.Path[1:] }, wire.ErrTruncated},
		"long path":         {func(c *wire.Commit) { c.Path = append(c.Path, [32]byte{}) }, wire.ErrTrailing},
		"another index":     {func(c *wire.Commit) { c.Items[0].Index = 0 }, wire.ErrSignature},
		"more leaves":       {func(c *wire.Commit) { c.Leaves = 8 }, wire.ErrTruncated},
		"fewer leaves":      {func(c *wire.Commit) { c.Leaves, c.Items = 5, c.Items[:2] }, wire.ErrSignature},
		"many leaves":       {func(c *wire.Commit) { c.Leaves = 1<<32 - 1 }, wire.ErrTruncated},
		"another time":      {func(c *wire.Commit) { c.Time++ }, wire.ErrSignature},
		"another path":      {func(c *wire.Commit) { c.Path[1][5]++ }, wire.ErrSignature},
		"no signature":      {func(c *wire.Commit) { c.Sig = nil }, wire.ErrSignature},
		"another signature": {func(c *wire.Commit) { c.Sig = bytes.Clone(c.Sig); c.Sig[3]++ }, wire.ErrSignature},
		"changed leaf":      {func(c *wire.Commit) { c.Items[2].Leaf = testHead(99).Append(nil) }, wire.ErrSignature},
		"swapped leaves":    {func(c *wire.Commit) { a, b := &c.Items[0], &c.Items[1]; a.Leaf, b.Leaf = b.Leaf, a.Leaf }, wire.ErrSignature},
		"short leaf":        {func(c *wire.Commit) { c.Items[0].Leaf = c.Items[0].Leaf[:180] }, wire.ErrTruncated},
		"empty leaf":        {func(c *wire.Commit) { c.Items[0].Leaf = nil }, wire.ErrTruncated},
		"kind of leaf":      {func(c *wire.Commit) { c.Items[0].Leaf = []byte{3, 1, 2} }, wire.ErrWrongKind},
		"inner node":        {func(c *wire.Commit) { c.Items[0].Leaf = append([]byte{1}, make([]byte, 64)...) }, wire.ErrTruncated},
	} {
		commit := commitOf()
		if err := Verify(commit, testNode().Public()); err != nil {
			t.Fatal(err)
		}
		c.spoil(commit)
		if err := Verify(commit, testNode().Public()); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
	other := key.PrivateFromSeed[key.Node](fill32(0x12))
	if err := Verify(commitOf(), other.Public()); !errors.Is(err, wire.ErrWrongNode) {
		t.Errorf("another gateway's receipts: %v", err)
	}
	heads := Build(testLeaves(1), testTime, testNode()).Commit(pick(0))
	if err := Verify(heads, other.Public()); !errors.Is(err, wire.ErrSignature) {
		t.Errorf("another gateway's head: %v", err)
	}
}

func TestLeavesAreExact(t *testing.T) {
	parse := map[string]func([]byte) ([]byte, error){
		"receipt": func(b []byte) ([]byte, error) {
			r, err := ParseReceipt(b)
			if err != nil {
				return nil, err
			}
			return r.Append(nil), nil
		},
		"head": func(b []byte) ([]byte, error) {
			h, err := ParseHead(b)
			if err != nil {
				return nil, err
			}
			return h.Append(nil), nil
		},
	}
	for _, c := range []struct {
		kind string
		leaf []byte
		size int
	}{
		{"receipt", testReceipt(7).Append(nil), ReceiptSize}, {"receipt", testReceipt(0).Append(nil), ReceiptSize},
		{"head", testHead(7).Append(nil), HeadSize},
	} {
		if len(c.leaf) != c.size {
			t.Errorf("%s: %d bytes, want %d", c.kind, len(c.leaf), c.size)
		}
		again, err := parse[c.kind](c.leaf)
		if err != nil || !bytes.Equal(again, c.leaf) {
			t.Errorf("%s: does not encode back: %v", c.kind, err)
		}
		for n := range c.leaf {
			if _, err := parse[c.kind](c.leaf[:n]); !errors.Is(err, wire.ErrTruncated) {
				t.Errorf("%s: the first %d bytes: %v", c.kind, n, err)
			}
		}
		if _, err := parse[c.kind](append(bytes.Clone(c.leaf), 0)); !errors.Is(err, wire.ErrTrailing) {
			t.Errorf("%s: trailing byte: %v", c.kind, err)
		}
		for kind, p := range parse {
			if _, err := p(c.leaf); kind != c.kind && !errors.Is(err, wire.ErrWrongKind) {
				t.Errorf("%s as %s: %v", c.kind, kind, err)
			}
		}
	}
}

func TestReceiptValues(t *testing.T) {
	for name, spoil := range map[string]func(r *Receipt){
		"k without D_0":       func(r *Receipt) { r.Start = [32]byte{} },
		"k without D_k":       func(r *Receipt) { r.Head = [32]byte{} },
		"heads without k":     func(r *Receipt) { r.K = 0 },
		"D_k alone":           func(r *Receipt) { r.K, r.Start = 0, [32]byte{} },
		"ends before it came": func(r *Receipt) { r.Kept = r.Time - 1 },
	} {
		r := testReceipt(3)
		spoil(r)
		if _, err := ParseReceipt(r.Append(nil)); !errors.Is(err, wire.ErrValue) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if testReceipt(1).IsDoor() || !testReceipt(0).IsDoor() {
		t.Error("IsDoor")
	}
	drop := key.DropID{9}
	r := testReceipt(3)
	r.DropHash = sha256.Sum256(drop[:])
	if !r.For(drop, r.EnvelopeHash) || r.For(key.DropID{8}, r.EnvelopeHash) || r.For(drop, fill32(1)) {
		t.Error("For")
	}
}

func TestDropChain(t *testing.T) {
	drop, tag, position := key.DropID{9}, key.AccountTag{7}, wire.At(5, 6)
	start := DropStart(drop, tag, position)
	for name, other := range map[string][32]byte{
		"drop":     DropStart(key.DropID{8}, tag, position),
		"account":  DropStart(drop, key.AccountTag{8}, position),
		"position": DropStart(drop, tag, wire.At(5, 7)),
	} {
		if other == start {
			t.Errorf("D_0 does not depend on the %s", name)
		}
	}
	head := NextDropHead(start, 1, fill32(1))
	if head == NextDropHead(start, 2, fill32(1)) || head == NextDropHead(start, 1, fill32(2)) || head == NextDropHead(head, 1, fill32(1)) {
		t.Error("D_k does not depend on all of D_(k-1), k and the envelope")
	}
}

func TestRefusals(t *testing.T) {
	node := testNode()
	body := wire.Refusal{DropHash: fill32(1), EnvelopeHash: fill32(2), Code: wire.CodeQuota, Time: 3}
	o := Refuse(body, node)
	got, err := VerifyRefusal(o, node.Public())
	body.Node = node.Public()
	if err != nil || *got != body {
		t.Fatalf("%+v, %v", got, err)
	}
	for _, r := range []wire.Refusal{
		{Code: wire.CodeDoorFull}, {Code: wire.CodeDoorFull, Bits: 21}, {Code: wire.CodeWork, Bits: wire.MinDoorBits}, {Code: wire.CodeWork, Bits: wire.MaxWorkBits},
	} {
		got, err := VerifyRefusal(Refuse(r, node), node.Public())
		if err != nil || got.Code != r.Code || got.Bits != r.Bits {
			t.Errorf("%+v, %v", got, err)
		}
	}
	other := key.PrivateFromSeed[key.Node](fill32(0x12))
	for name, c := range map[string]struct {
		o    wire.Object
		want error
	}{
		"another signer": {Refuse(body, other), wire.ErrSignature},
		"another node": {wire.Sign(node, key.ContextRefusal, wire.Refusal{
			Node: other.Public(), Code: wire.CodeQuota,
		}), wire.ErrWrongNode},
		"another code":    {Refuse(wire.Refusal{Code: wire.CodeBusy}, node), wire.ErrValue},
		"bits of a quota": {Refuse(wire.Refusal{Code: wire.CodeQuota, Bits: 1}, node), wire.ErrValue},
		"no work":         {Refuse(wire.Refusal{Code: wire.CodeWork}, node), wire.ErrValue},
		"too much work":   {Refuse(wire.Refusal{Code: wire.CodeWork, Bits: wire.MaxWorkBits + 1}, node), wire.ErrValue},
		"endless work":    {Refuse(wire.Refusal{Code: wire.CodeDoorFull, Bits: 255}, node), wire.ErrValue},
		"another context": {wire.Sign(node, key.ContextCommit, body), wire.ErrSignature},
		"large body":      {wire.Object{Body: make([]byte, MaxRefusal+1), Sig: make([]byte, 64)}, wire.ErrTooLarge},
		"not a refusal":   {wire.Sign(node, key.ContextRefusal, wire.OK{}), wire.ErrNotCanonical},
	} {
		if _, err := VerifyRefusal(c.o, node.Public()); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
}

func FuzzParseReceipt(f *testing.F) {
	f.Add(testReceipt(3).Append(nil))
	f.Add(testReceipt(0).Append(nil))
	f.Add(testHead(3).Append(nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		if r, err := ParseReceipt(b); err == nil && !bytes.Equal(r.Append(nil), b) {
			t.Fatal("a receipt does not encode back to its bytes")
		}
	})
}

func FuzzParseHead(f *testing.F) {
	f.Add(testHead(3).Append(nil))
	f.Add(testReceipt(3).Append(nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		if h, err := ParseHead(b); err == nil && !bytes.Equal(h.Append(nil), b) {
			t.Fatal("a head does not encode back to its bytes")
		}
	})
}

// FuzzVerify lets frames of any bytes be verified: whatever passes proves leaves
// of the one tree that was signed.
func FuzzVerify(f *testing.F) {
	signed := testLeaves(7)
	f.Add(wire.Marshal(commitOf()))
	f.Add(wire.Marshal(Build(signed, testTime, testNode()).Commit(pick(0, 1, 2, 3, 4, 5, 6))))
	f.Add(wire.Marshal(&wire.Commit{Leaves: 1<<32 - 1, Items: pick(1, 9, 1<<32-2)}))
	f.Fuzz(func(t *testing.T, b []byte) {
		var c wire.Commit
		if wire.Unmarshal(b, &c, wire.MaxFrame) != nil || Verify(&c, testNode().Public()) != nil {
			return
		}
		for _, item := range c.Items {
			if !bytes.Equal(item.Leaf, signed[item.Index]) {
				t.Fatalf("leaf %d was never signed", item.Index)
			}
		}
	})
}

func BenchmarkTree(b *testing.B) {
	for _, n := range []int{16, 256, 4096} {
		leaves := testLeaves(n)
		var items []wire.CommitItem
		for i := range uint32(min(n, 256)) {
			items = append(items, pick(i)...)
		}
		b.Run(fmt.Sprintf("build+commit/leaves=%d", n), func(b *testing.B) {
			for b.Loop() {
				Build(leaves, testTime, testNode()).Commit(items)
			}
		})
		c := Build(leaves, testTime, testNode()).Commit(items)
		b.Run(fmt.Sprintf("verify/leaves=%d", n), func(b *testing.B) {
			for b.Loop() {
				if err := Verify(c, testNode().Public()); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
