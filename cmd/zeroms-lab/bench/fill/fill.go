// Package fill puts accounts into a gateway's database without the gateway: what
// opening them over the protocol takes, signatures, proofs of work and a write
// to the disk each, is not what a measurement of many accounts is about. It
// writes through the store's own interface, batch by batch, the rows that the
// gateway would have written; only the drops' objects are signed by nobody.
package fill

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"time"

	"zeroms/cmd/zeroms-lab/bench/member"
	"zeroms/gateway/mailbox"
	"zeroms/gateway/mailbox/ledger"
	"zeroms/protocol/custody"
	"zeroms/protocol/key"
	"zeroms/protocol/wire"
	database "zeroms/store/mailbox"
)

// batched is how many drops one batch holds. Many, and sorted by their ids, find
// their places in the database's index faster.
const batched = 100_000

// Accounts opens n accounts with so many drops each in the database at path,
// which no gateway has open. Each has one device, which has acknowledged
// everything; the first drop is the one that Account names.
func Accounts(ctx context.Context, path string, node key.NodePublic, n, drops int) (out []*member.Account, err error) {
	db, err := database.Open(ctx, path)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	now := time.Now()
	incarnation, err := db.Start(ctx, now)
	if err != nil {
		return nil, err
	}
	m := maker{node: node, now: now, incarnation: incarnation, drops: drops}
	for len(out) < n {
		m.batch = mailbox.Batch{Now: now}
		for len(out) < n && len(m.batch.Drops) < batched {
			out = append(out, m.account())
		}
		slices.SortFunc(m.batch.Drops, func(a, b mailbox.Drop) int { return bytes.Compare(a.ID[:], b.ID[:]) })
		if err := db.Commit(ctx, &m.batch); err != nil {
			return nil, fmt.Errorf("%d accounts were written: %w", len(out), err)
		}
	}
	return out, nil
}

// maker makes the rows of one batch.
type maker struct {
	node        key.NodePublic
	now         time.Time
	incarnation uint32
	drops       int
	batch       mailbox.Batch
}

func (m *maker) account() *member.Account {
	a := member.NewAccount(m.node)
	time := wire.Millis(m.now)
	var log ledger.Log
	enrolled := m.append(&log, wire.Push{}, a.Enrolment(m.now))
	for i := range m.drops {
		drop, secret := a.Drop, a.Capability
		if i > 0 {
			_, _ = rand.Read(drop[:]) // nobody writes there: it needs no secret
		}
		d0 := custody.DropStart(drop, a.Tag, log.Next(m.incarnation))
		start := m.append(&log, wire.Push{Drop: drop, D: d0}, m.object(a, drop))
		if i == 0 {
			a.Start = start
		}
		m.batch.Drops = append(m.batch.Drops, mailbox.Drop{ID: drop, Account: a.Tag, Capability: secret, Start: start, Head: d0})
	}
	head := log.Head
	a.At, a.R = head.Position, head.R
	log.Raise(head)
	u := log.Take()
	m.batch.Accounts = append(m.batch.Accounts, mailbox.AccountChange{
		Tag: a.Tag, Key: a.MK.Public(), Before: u.Before, Head: head, Rows: u.Rows, Floor: head,
		Logins: []mailbox.Login{{
			Key: a.LK.Public(), Cursor: a.Cursor, Acked: head, Enrolled: time, From: enrolled,
			Sig: a.LK.Sign(key.ContextMailboxAck, wire.AckTranscript(a.Tag, a.Cursor, head.Position, head.R)),
		}},
	})
	return a
}

// object is the registration of a drop, with a signature of random bytes.
func (m *maker) object(a *member.Account, drop key.DropID) wire.Object {
	o := wire.Object{
		Body: wire.Marshal(wire.DropObject{
			Op: wire.OpDropPut, Account: a.Tag, Drop: drop, CapabilityHash: a.Capability.Hash(), Time: wire.Millis(m.now),
		}),
		Sig: make([]byte, key.SignatureSize),
	}
	_, _ = rand.Read(o.Sig)
	return o
}

// append adds the row of an object and returns where it stands.
func (m *maker) append(log *ledger.Log, row wire.Push, o wire.Object) wire.Position {
	row.Kind, row.Time, row.Payload = wire.RowObject, wire.Millis(m.now), o.Encode()
	row.Hash = sha256.Sum256(row.Payload)
	return log.Append(m.incarnation, ledger.Row{Push: row, Kept: wire.Millis(m.now.Add(wire.MaxRetention))}).Position
}
