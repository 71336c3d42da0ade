package wire

import "zeroms/protocol/key"

// Submit puts an envelope into a drop or door: MAC is the capability's
// Authenticate. Work is empty, but at a public door, where it is WorkSize
// bytes. It needs no login. Answer: an item of a Commit once the
// envelope is durable, Refused, or Error. A repeated submission gets the same
// receipt again.
type Submit struct {
	Drop     key.DropID `cbor:"1,keyasint"`
	MAC      [16]byte   `cbor:"2,keyasint"`
	Envelope []byte     `cbor:"3,keyasint"`
	Work     []byte     `cbor:"4,keyasint"`
}

// Type is TypeSubmit.
func (*Submit) Type() Type { return TypeSubmit }

// CommitItem is one leaf of a commit that concerns this link: the answer to
// the Submit or HeadGet with the request id, or 0 for an unasked head.
type CommitItem struct {
	_     struct{} `cbor:",toarray"`
	ID    uint64
	Index uint32 // of the leaf in the tree, ascending over the items
	Leaf  []byte
}

// Commit carries leaves of one commit tree and what proves them (package
// custody; docs/protocol/custody.md). The frame's own id is 0.
type Commit struct {
	Leaves uint32       `cbor:"1,keyasint"` // number of leaves of the tree
	Time   uint64       `cbor:"2,keyasint"` // ms
	Sig    []byte       `cbor:"3,keyasint"` // by the node key over root 32 | leaves 4 | time 8
	Path   [][32]byte   `cbor:"4,keyasint"` // the hashes that the items' leaves lack, in the order of the proof
	Items  []CommitItem `cbor:"5,keyasint"`
}

// Type is TypeCommit.
func (*Commit) Type() Type { return TypeCommit }

// Refusal is the body of a signed refusal: by the node key under
// "zms/1/refusal".
type Refusal struct {
	Node         key.NodePublic `cbor:"1,keyasint"`
	DropHash     [32]byte       `cbor:"2,keyasint"` // SHA-256(drop)
	EnvelopeHash [32]byte       `cbor:"3,keyasint"`
	Code         Code           `cbor:"4,keyasint"` // CodeQuota, CodeDoorFull or CodeWork
	Time         uint64         `cbor:"5,keyasint"` // ms
	Bits         uint8          `cbor:"6,keyasint"` // the work that a public door takes now; else 0
}

// Refused answers a Submit that would exceed a quota or brings too little work.
type Refused struct {
	Object Object `cbor:"1,keyasint"` // a Refusal
}

// Type is TypeRefused.
func (*Refused) Type() Type { return TypeRefused }
