package custody

import (
	"crypto/sha256"

	"zeroms/protocol/key"
	"zeroms/protocol/wire"
)

// MaxProof bounds an encoded Proof, in bytes: a leaf of 181, a path of 32
// hashes, a signature.
const MaxProof = 1600

// maxDepth is the depth of the largest tree: 2^32-1 leaves.
const maxDepth = 32

// Proof is one leaf of a commit tree with what proves it by itself: it can be
// kept and shown to anybody (docs/protocol/evidence.md).
type Proof struct {
	Leaf   []byte     `cbor:"1,keyasint"` // a receipt or a head
	Index  uint32     `cbor:"2,keyasint"` // of the leaf in the tree
	Leaves uint32     `cbor:"3,keyasint"`
	Time   uint64     `cbor:"4,keyasint"` // ms
	Sig    []byte     `cbor:"5,keyasint"` // 64, by the node key
	Path   [][32]byte `cbor:"6,keyasint"` // from the root down, as a commit with this item alone
}

// ProofOf takes one item out of a commit that passed Verify; of another one it
// makes a proof that does not hold. Error: wire.ErrValue for an item that is not
// there, and for items that do not ascend within the tree.
func ProofOf(c *wire.Commit, item int) (*Proof, error) {
	if item < 0 || item >= len(c.Items) || c.Items[len(c.Items)-1].Index >= c.Leaves {
		return nil, wire.ErrValue
	}
	for i := range c.Items[1:] {
		if c.Items[i].Index >= c.Items[i+1].Index {
			return nil, wire.ErrValue
		}
	}
	it := c.Items[item]
	p := &Proof{Leaf: it.Leaf, Index: it.Index, Leaves: c.Leaves, Time: c.Time, Sig: c.Sig}
	s := single{prover: prover{path: c.Path}, index: it.Index}
	s.walk(0, c.Leaves, c.Items)
	p.Path = s.path
	return p, nil
}

// single collects the hashes beside the way to one leaf, in the order of a
// commit that holds that leaf alone.
type single struct {
	prover prover
	index  uint32
	path   [][32]byte
}

// walk goes over the leaves lo to hi-1 of a commit that was verified and returns
// their hash.
func (s *single) walk(lo, hi uint32, items []wire.CommitItem) [32]byte {
	if s.index < lo || s.index >= hi {
		h, _ := s.prover.root(lo, hi, items)
		return h
	}
	if hi-lo == 1 {
		return leafHash(items[0].Leaf)
	}
	mid, left := divide(lo, hi, items)
	if s.index < mid {
		l := s.walk(lo, mid, items[:left])
		r, _ := s.prover.root(mid, hi, items[left:])
		s.path = append(s.path, r)
		return nodeHash(l, r)
	}
	l, _ := s.prover.root(lo, mid, items[:left])
	s.path = append(s.path, l)
	return nodeHash(l, s.walk(mid, hi, items[left:]))
}

// Encode is the proof as it travels and is kept, at most MaxProof bytes.
func (p *Proof) Encode() []byte { return wire.Marshal(p) }

// ParseProof reads a proof; it proves nothing yet. Errors: those of
// wire.Unmarshal; wire.ErrValue for a path longer than any tree's, a leaf longer
// than any leaf, or a signature of another size.
func ParseProof(b []byte) (*Proof, error) {
	p := new(Proof)
	if err := wire.Unmarshal(b, p, MaxProof); err != nil {
		return nil, err
	}
	if err := p.check(); err != nil {
		return nil, err
	}
	return p, nil
}

// check bounds what a proof holds.
func (p *Proof) check() error {
	if len(p.Path) > maxDepth || len(p.Sig) != key.SignatureSize || len(p.Leaf) > ReceiptSize {
		return wire.ErrValue.Because("proof")
	}
	return nil
}

// commit is the proof as a commit with one item.
func (p *Proof) commit() *wire.Commit {
	return &wire.Commit{
		Leaves: p.Leaves, Time: p.Time, Sig: p.Sig, Path: p.Path,
		Items: []wire.CommitItem{{Index: p.Index, Leaf: p.Leaf}},
	}
}

// Receipt is the receipt that the proof is about, once everything holds. node is
// the gateway that must have signed it. Errors: Verify's, and ParseReceipt's for
// a proof of something else.
func (p *Proof) Receipt(node key.NodePublic) (*Receipt, error) {
	r, err := ParseReceipt(p.Leaf)
	if err != nil {
		return nil, err
	}
	if err := Verify(p.commit(), node); err != nil {
		return nil, err
	}
	return r, nil
}

// Head is the head that the proof is about, once everything holds. Errors:
// Verify's, and ParseHead's for a proof of something else.
func (p *Proof) Head(node key.NodePublic) (*Head, error) {
	h, err := ParseHead(p.Leaf)
	if err != nil {
		return nil, err
	}
	if err := Verify(p.commit(), node); err != nil {
		return nil, err
	}
	return h, nil
}

// Node is the gateway that a proof of a receipt names; it proves nothing yet.
// Errors: ParseReceipt's.
func (p *Proof) Node() (key.NodePublic, error) {
	r, err := ParseReceipt(p.Leaf)
	if err != nil {
		return key.NodePublic{}, err
	}
	return r.Node, nil
}

// Name names the receipt in a StateGet: SHA-256(leaf | signature of the
// commit). Nobody can know it before the gateway gave the receipt, so a state
// that repeats it is later than the receipt, whatever the clocks say.
func (p *Proof) Name() [32]byte { return sha256.Sum256(key.Join(p.Leaf, p.Sig)) }
