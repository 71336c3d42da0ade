// Package statement puts together what a gateway signs of the state of a drop
// (docs/protocol/mailbox.md, "The signed state"): what it still holds, and whose
// acknowledgements justify what it no longer holds. It decides nothing and reads
// nothing.
package statement

import (
	"bytes"
	"crypto/sha256"
	"slices"

	"zeroms/protocol/custody"
	"zeroms/protocol/key"
	"zeroms/protocol/wire"
)

// Login is an enrolled login key.
type Login struct {
	Key    key.LoginPublic
	Cursor key.CursorID
	// From is the position of the row that enrolled it.
	From wire.Position
	// Upto and R are the newest acknowledgement, Sig its signature; nil: none.
	Upto wire.Position
	R    [32]byte
	Sig  []byte
}

// Facts is what is durable at one moment.
type Facts struct {
	Account key.AccountTag
	Time    uint64 // ms
	// Head is the newest row of the log, R the rolling head there.
	Head wire.Position
	R    [32]byte
	// Start, K and D are the registration's position, counter and D_K; Low is the
	// lowest k whose envelope is held, K+1 if none is.
	Start  wire.Position
	K, Low uint32
	D      [32]byte
	// Asked is the row that the request is about; nil: above K, or no longer kept.
	Asked *wire.Push
	// Logins are the enrolled ones.
	Logins []Login
}

// Build makes the signed answer to a request.
func Build(f *Facts, ask *wire.StateGet, node key.NodePrivate) *wire.State {
	body := wire.DropState{
		Tag: f.Account, DropHash: sha256.Sum256(ask.Drop[:]), D0: ask.D0,
		Start: f.Start, Low: f.Low, K: f.K, D: f.D, Head: f.Head, R: f.R, Time: f.Time,
		Asked: ask.Asked, AskedK: ask.K,
	}
	if f.Asked != nil {
		body.AskedD, body.AskedRow = f.Asked.D, f.Asked.Position
	}
	out := &wire.State{}
	slices.SortFunc(f.Logins, func(a, b Login) int { return bytes.Compare(a.Key[:], b.Key[:]) })
	for _, l := range f.Logins {
		cursor := wire.CursorState{Login: l.Key, Cursor: l.Cursor, From: l.From}
		if len(l.Sig) > 0 {
			cursor.Upto, cursor.R, cursor.Ack = l.Upto, l.R, sha256.Sum256(l.Sig)
		}
		body.Cursors = append(body.Cursors, cursor)
		out.Acks = append(out.Acks, l.Sig)
	}
	out.Object = custody.SignState(body, node)
	return out
}
