package wire

import "zeroms/protocol/key"

// StateGet asks for the signed state of a drop of the link's own account. Asked
// names a receipt by what nobody can know before the gateway gave it: SHA-256 of
// its 181 bytes and the 64 bytes of the commit's signature (custody.Proof.Name).
// So the answer is later than the receipt, whatever the clocks say; a name made
// of the receipt alone could be guessed and asked for beforehand. Answer: State,
// or Error (ErrUnknownDrop).
type StateGet struct {
	Drop  key.DropID `cbor:"1,keyasint"`
	Asked [32]byte   `cbor:"2,keyasint"` // SHA-256(receipt | commit signature)
	K     uint32     `cbor:"3,keyasint"` // the receipt's k, from 1
	D0    [32]byte   `cbor:"4,keyasint"` // the receipt's D_0: which registration of the drop it is about (the asker does not know its position)
}

// Type is TypeStateGet.
func (*StateGet) Type() Type { return TypeStateGet }

// DropState is the body of the object that a gateway signs with its node key
// under "zms/1/drop-state": what it holds of one registration of a drop, what
// it says of the row that was asked for, and how far each login key has come,
// which is its reason for what it no longer holds (docs/protocol/evidence.md).
// All of it is of one moment at which Head was the newest durable row.
type DropState struct {
	Node     key.NodePublic `cbor:"1,keyasint"`
	Tag      key.AccountTag `cbor:"2,keyasint"`
	DropHash [32]byte       `cbor:"3,keyasint"`  // SHA-256(drop)
	D0       [32]byte       `cbor:"4,keyasint"`  // as asked for
	Start    Position       `cbor:"5,keyasint"`  // of that registration's row, from which D_0 follows; zeros: the gateway knows none, then Low, K, D and what follows of the asked row are zeros
	Low      uint32         `cbor:"6,keyasint"`  // the lowest k whose envelope is still held; K+1: none is
	K        uint32         `cbor:"7,keyasint"`  // number of envelopes taken in this registration
	D        [32]byte       `cbor:"8,keyasint"`  // D_K
	Head     Position       `cbor:"9,keyasint"`  // of the account's durable log
	R        [32]byte       `cbor:"10,keyasint"` // there
	Time     uint64         `cbor:"11,keyasint"`
	Asked    [32]byte       `cbor:"12,keyasint"`
	AskedK   uint32         `cbor:"13,keyasint"`
	AskedD   [32]byte       `cbor:"14,keyasint"` // D at AskedK; zeros: above K, or its row is no longer kept
	AskedRow Position       `cbor:"15,keyasint"` // of its row; zeros likewise
	Cursors  []CursorState  `cbor:"16,keyasint"` // every login key enrolled now, ascending by Login
}

// CursorState is how far one login key has come. Ack is SHA-256 of its newest
// signature under "zms/1/mailbox-ack"; zeros: it made none.
type CursorState struct {
	_      struct{} `cbor:",toarray"`
	Login  key.LoginPublic
	Cursor key.CursorID
	From   Position // of the row that enrolled it
	Upto   Position // zeros: nothing
	R      [32]byte // at Upto
	Ack    [32]byte
}

// State answers a StateGet. The acknowledgements that the object commits to by
// hash travel beside it, in the order of Cursors: 64, or empty where Ack is
// zeros.
type State struct {
	Object Object   `cbor:"1,keyasint"` // a DropState
	Acks   [][]byte `cbor:"2,keyasint"`
}

// Type is TypeState.
func (*State) Type() Type { return TypeState }
