package custody

import (
	"crypto/sha256"
	"math/bits"
	"time"

	"zeroms/protocol/key"
	"zeroms/protocol/wire"
)

// Tree is one commit of a gateway: its leaves and the one signature over all.
type Tree struct {
	leaves [][]byte
	// levels[0] are the leaf hashes; each further level joins pairs and lifts an
	// odd last hash unchanged, which is the tree of RFC 6962 section 2.1.
	levels [][][32]byte
	time   uint64
	sig    []byte
}

// Build hashes and signs a commit of at least one leaf; of none it is nil. The
// leaves must not be changed afterwards.
func Build(leaves [][]byte, now time.Time, node key.NodePrivate) *Tree {
	if len(leaves) == 0 {
		return nil
	}
	level := make([][32]byte, len(leaves))
	for i, leaf := range leaves {
		level[i] = leafHash(leaf)
	}
	t := &Tree{leaves: leaves, levels: [][][32]byte{level}, time: wire.Millis(now)}
	for len(level) > 1 {
		next := make([][32]byte, (len(level)+1)/2)
		for i := range len(level) / 2 {
			next[i] = nodeHash(level[2*i], level[2*i+1])
		}
		if len(level)%2 == 1 {
			next[len(next)-1] = level[len(level)-1]
		}
		t.levels = append(t.levels, next)
		level = next
	}
	t.sig = node.Sign(key.ContextCommit, signedRoot(level[0], uint32(len(leaves)), t.time))
	return t
}

// Commit is the frame that proves the items, whose indexes must ascend strictly
// and lie in the tree; their leaves are filled in.
func (t *Tree) Commit(items []wire.CommitItem) *wire.Commit {
	for i := range items {
		items[i].Leaf = t.leaves[items[i].Index]
	}
	c := &wire.Commit{Leaves: uint32(len(t.leaves)), Time: t.time, Sig: t.sig, Items: items}
	c.Path = t.path(nil, 0, uint32(len(t.leaves)), items)
	return c
}

// path appends what the items of the leaves lo..hi-1 lack, in the order in which
// prover.root consumes it.
func (t *Tree) path(dst [][32]byte, lo, hi uint32, items []wire.CommitItem) [][32]byte {
	switch {
	case len(items) == 0:
		height := bits.Len32(hi - lo - 1)
		return append(dst, t.levels[height][lo>>height])
	case hi-lo == 1:
		return dst
	}
	mid, left := divide(lo, hi, items)
	dst = t.path(dst, lo, mid, items[:left])
	return t.path(dst, mid, hi, items[left:])
}

// divide splits a range at the largest power of two below its size and counts
// the items of the left part.
func divide(lo, hi uint32, items []wire.CommitItem) (mid uint32, left int) {
	mid = lo + 1<<(bits.Len32(hi-lo-1)-1)
	for left < len(items) && items[left].Index < mid {
		left++
	}
	return mid, left
}

// Verify proves every item of c against the one signature of the gateway node:
// each leaf is a receipt of this node or a head. Errors: wire.ErrValue for
// indexes that do not ascend within the tree or no items at all, the leaf
// parsers', wire.ErrWrongNode for another gateway's receipt, wire.ErrTruncated
// or ErrTrailing for a path of the wrong length, wire.ErrSignature.
func Verify(c *wire.Commit, node key.NodePublic) error {
	if len(c.Items) == 0 || len(c.Items) > wire.MaxElements || len(c.Path) > wire.MaxElements {
		return wire.ErrValue
	}
	next := uint64(0)
	for _, item := range c.Items {
		if uint64(item.Index) < next || item.Index >= c.Leaves {
			return wire.ErrValue
		}
		next = uint64(item.Index) + 1
		if err := checkOwn(item.Leaf, node); err != nil {
			return err
		}
	}
	p := prover{path: c.Path}
	root, ok := p.root(0, c.Leaves, c.Items)
	switch {
	case !ok:
		return wire.ErrTruncated
	case len(p.path) > 0:
		return wire.ErrTrailing
	case !node.Verify(key.ContextCommit, signedRoot(root, c.Leaves, c.Time), c.Sig):
		return wire.ErrSignature
	}
	return nil
}

// checkOwn parses a leaf; a receipt must name the signing node.
func checkOwn(leaf []byte, node key.NodePublic) error {
	if len(leaf) > 0 && leaf[0] == LeafHead {
		_, err := ParseHead(leaf)
		return err
	}
	r, err := ParseReceipt(leaf)
	if err != nil {
		return err
	}
	if r.Node != node {
		return wire.ErrWrongNode
	}
	return nil
}

// prover holds the part of the path that is not consumed yet.
type prover struct{ path [][32]byte }

// root computes the hash of the leaves lo..hi-1: a range without items is the
// next hash of the path, a single item its leaf hash. Its depth is at most 32.
func (p *prover) root(lo, hi uint32, items []wire.CommitItem) (hash [32]byte, ok bool) {
	switch {
	case len(items) == 0:
		if len(p.path) == 0 {
			return hash, false
		}
		hash, p.path = p.path[0], p.path[1:]
		return hash, true
	case hi-lo == 1:
		return leafHash(items[0].Leaf), true
	}
	mid, n := divide(lo, hi, items)
	left, ok := p.root(lo, mid, items[:n])
	if !ok {
		return hash, false
	}
	right, ok := p.root(mid, hi, items[n:])
	return nodeHash(left, right), ok
}

// leafHash is SHA-256(0x00 | leaf).
func leafHash(leaf []byte) (out [32]byte) {
	h := sha256.New()
	h.Write([]byte{0})
	h.Write(leaf)
	h.Sum(out[:0])
	return out
}

// nodeHash is SHA-256(0x01 | left | right).
func nodeHash(left, right [32]byte) [32]byte {
	var b [65]byte
	b[0] = 1
	copy(b[1:], left[:])
	copy(b[33:], right[:])
	return sha256.Sum256(b[:])
}

// signedRoot is what a commit signs: root 32 | leaves 4 | time 8.
func signedRoot(root [32]byte, leaves uint32, ms uint64) []byte {
	return key.Join(root[:], wire.Uint32(leaves), wire.Uint64(ms))
}
