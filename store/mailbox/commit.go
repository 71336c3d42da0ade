package mailbox

import (
	"context"
	"errors"

	"zeroms/gateway/mailbox"
	"zeroms/protocol/custody"
	"zeroms/protocol/key"
	"zeroms/protocol/wire"
	"zeroms/store"
)

// Commit makes a batch durable in one transaction.
func (d *DB) Commit(ctx context.Context, b *mailbox.Batch) error {
	d.commit.Lock()
	defer d.commit.Unlock()
	if len(d.known) > maxKnown {
		clear(d.known)
	}
	err := d.db.Write(ctx, func(tx *store.Tx) error {
		w := writer{tx: tx, now: wire.Millis(b.Now), ids: d.known}
		for i := range b.Accounts {
			for j := range b.Accounts[i].Rows {
				w.payload += len(b.Accounts[i].Rows[j].Payload)
			}
		}
		return w.batch(b)
	})
	if err != nil {
		clear(d.known) // what was noted was perhaps not written
	}
	return err
}

// maxKnown bounds the accounts whose row numbers are remembered between commits.
const maxKnown = 1 << 16

// knownAccount is where an account stands in the database. It is checked against
// the tag when it is used.
type knownAccount struct {
	id    int64
	floor uint64 // index of the newest floor written by Commit
}

// writer writes one batch.
type writer struct {
	tx      *store.Tx
	now     uint64
	ids     map[key.AccountTag]knownAccount
	payload int      // bytes of the batch that are not in a segment yet
	seg     *segment // nil while no row was written
}

// batch writes accounts first, which the others name, and what closing ends last.
func (w *writer) batch(b *mailbox.Batch) error {
	for i := range b.Accounts {
		if err := w.account(&b.Accounts[i]); err != nil {
			return err
		}
	}
	if err := w.flush(); err != nil {
		return err
	}
	for i := range b.Drops {
		if err := w.drop(&b.Drops[i]); err != nil {
			return err
		}
	}
	for i := range b.Profiles {
		if err := w.profile(&b.Profiles[i]); err != nil {
			return err
		}
	}
	for _, use := range b.Invites {
		if _, err := w.tx.Exec(`UPDATE invites SET uses = uses - ? WHERE hash = ?`, use.Uses, use.Hash); err != nil {
			return err
		}
	}
	for i := range b.Accounts {
		if b.Accounts[i].Closed {
			if err := w.close(w.ids[b.Accounts[i].Tag].id); err != nil {
				return err
			}
		}
	}
	return nil
}

// place updates or makes the account's row and returns its id.
func (w *writer) place(c *mailbox.AccountChange) (int64, error) {
	floor := c.Floor.Position.Index()
	if k, ok := w.ids[c.Tag]; ok && floor == k.floor {
		res, err := w.tx.Exec(`UPDATE accounts SET head = ? WHERE id = ? AND tag = ?`, appendMark(nil, c.Head), k.id, c.Tag)
		if err != nil || res.RowsAffected == 1 {
			return k.id, err
		}
	}
	k := knownAccount{floor: floor}
	err := w.tx.QueryRow(`INSERT INTO accounts (tag, key, head, floor, floor_index) VALUES (?1, ?2, ?3, ?4, ?5)
		ON CONFLICT (tag) DO UPDATE SET head = ?3,
			floor = iif(?5 > floor_index, ?4, floor), floor_index = max(?5, floor_index)
		RETURNING id`,
		c.Tag, c.Key, appendMark(nil, c.Head), appendMark(nil, c.Floor), floor).Scan(&k.id)
	if err == nil {
		w.ids[c.Tag] = k
	}
	return k.id, err
}

func (w *writer) account(c *mailbox.AccountChange) error {
	id, err := w.place(c)
	if err != nil {
		return err
	}
	for i := range c.Logins {
		if err := w.login(id, &c.Logins[i]); err != nil {
			return err
		}
	}
	for _, index := range c.Displaced {
		if err := w.displace(id, index); err != nil {
			return err
		}
	}
	if len(c.Rows) == 0 {
		return nil
	}
	b := newBlock(id, c.Before, c.Rows)
	for i := range c.Rows {
		if err := w.room(len(c.Rows[i].Payload), &b); err != nil {
			return err
		}
		b.add(w.seg, &c.Rows[i])
		w.payload -= len(c.Rows[i].Payload)
	}
	return w.block(b)
}

// displace lets the payload of an earlier row go. What was counted as dead before
// is not counted again.
func (w *writer) displace(account int64, index uint64) error {
	var swept uint64
	if err := w.tx.QueryRow(`SELECT swept FROM accounts WHERE id = ?`, account).Scan(&swept); err != nil {
		return err
	}
	blocks, err := blocksOf(&w.tx.View, `SELECT id, before, packed FROM blocks
		WHERE account = ? AND first <= ? ORDER BY first DESC LIMIT 1`, account, index)
	if err != nil || len(blocks) == 0 {
		return err
	}
	b := blocks[0]
	rows, err := parseBlock(b.packed, b.before, true)
	if err != nil {
		return err
	}
	dead, packed := 0, append([]byte(nil), b.packed[:blockHead]...)
	for i := range rows {
		row := &rows[i]
		if row.Position.Index() == index && row.place != displaced {
			if row.place == inSegment && index > swept {
				dead = int(row.Size)
			}
			row.place, row.offset = displaced, 0
		}
		packed = row.append(packed)
	}
	if _, err := w.tx.Exec(`UPDATE segments SET live = max(0, live - ?) WHERE id = ?`, dead, b.id>>blockBits); err != nil {
		return err
	}
	_, err = w.tx.Exec(`UPDATE blocks SET packed = ? WHERE id = ?`, packed, b.id)
	return err
}

// room makes sure that there is a segment with room for a payload. A block ends
// with its segment.
func (w *writer) room(size int, b **block) error {
	if w.seg != nil && (len(w.seg.data)+size <= segmentLimit || len(w.seg.data) == 0) && w.seg.blocks < 1<<blockBits-1 {
		return nil
	}
	if w.seg != nil {
		if old := *b; len(old.packed) > blockHead {
			if err := w.block(old); err != nil {
				return err
			}
			*b = &block{account: old.account, before: old.end, end: old.end, packed: old.packed[:blockHead:blockHead]}
		}
		if err := w.flush(); err != nil {
			return err
		}
	}
	w.seg = &segment{data: make([]byte, 0, min(w.payload, max(segmentLimit, size)))}
	return w.tx.QueryRow(`INSERT INTO segments (size, live, kept) VALUES (0, 0, 0) RETURNING id`).Scan(&w.seg.id)
}

func (w *writer) block(b *block) error {
	_, err := w.tx.Exec(`INSERT INTO blocks (id, account, first, last, made, kept, before, packed) VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
		w.seg.blockKey(), b.account, b.before.Position.Index()+1, b.end.Position.Index(), b.made, b.kept,
		appendMark(nil, b.before), b.packed)
	w.seg.blocks++
	return err
}

// flush writes the segment that was collected.
func (w *writer) flush() error {
	if w.seg == nil {
		return nil
	}
	s := w.seg
	w.seg = nil
	_, err := w.tx.Exec(`UPDATE segments SET size = ?1, live = ?1, kept = ?2 WHERE id = ?3`, len(s.data), s.kept, s.id)
	if err != nil || len(s.data) == 0 {
		return err
	}
	_, err = w.tx.Exec(`INSERT INTO payloads (segment, data) VALUES (?, ?)`, s.id, s.data)
	return err
}

func (w *writer) login(account int64, l *mailbox.Login) error {
	_, err := w.tx.Exec(`INSERT INTO logins (login, account, cursor, origin, acked, sig, enrolled, removed) VALUES (?, ?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (login) DO UPDATE SET account = excluded.account, cursor = excluded.cursor, origin = excluded.origin,
			acked = excluded.acked, sig = excluded.sig, enrolled = excluded.enrolled, removed = excluded.removed`,
		l.Key, account, l.Cursor, l.From, appendMark(nil, l.Acked), l.Sig, l.Enrolled, l.Removed)
	return err
}

func (w *writer) drop(d *mailbox.Drop) error {
	id, err := w.id(d.Account)
	if err != nil {
		return err
	}
	if d.K > 0 && d.Deleted == 0 {
		// An envelope came: only the chain grows.
		res, err := w.tx.Exec(`UPDATE drops SET k = ?1, head = ?2 WHERE id = ?3 AND start = ?4 AND account = ?5 AND deleted = 0`,
			d.K, d.Head, d.ID, d.Start, id)
		if err != nil || res.RowsAffected == 1 {
			return err
		}
	}
	if err := w.remember(d); err != nil {
		return err
	}
	deleted := d.Deleted
	if deleted > 0 {
		if deleted, err = w.end(deleted); err != nil {
			return err
		}
	}
	_, err = w.tx.Exec(`INSERT INTO drops (id, account, capability, start, k, head, door, number, bits, deleted)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (id) DO UPDATE SET account = excluded.account, capability = excluded.capability,
			start = excluded.start, k = excluded.k, head = excluded.head, door = excluded.door,
			number = excluded.number, bits = excluded.bits, deleted = excluded.deleted`,
		d.ID, id, d.Capability.Bytes(), d.Start, d.K, d.Head, d.Door, d.Number, d.Bits, deleted)
	return err
}

// end is the time at which something ends that receipts may be about: never before
// the newest time that was believed, and so signed, or a gateway whose clock was
// set back would forget what it still has to know.
func (w *writer) end(at uint64) (end uint64, err error) {
	err = w.tx.QueryRow(`SELECT max(newest, ?) FROM meta`, at).Scan(&end)
	return end, err
}

// remember keeps the registration whose place d takes: receipts may still be
// about it.
func (w *writer) remember(d *mailbox.Drop) error {
	var account int64
	var tag key.AccountTag
	var start wire.Position
	var k uint32
	var head []byte
	var deleted uint64
	err := w.tx.QueryRow(`SELECT account, tag, start, k, drops.head, deleted FROM drops JOIN accounts ON accounts.id = drops.account
		WHERE drops.id = ? AND door = 0 AND start <> ?`, d.ID, d.Start).Scan(&account, &tag, &start, &k, &head, &deleted)
	if errors.Is(err, store.ErrNoRows) {
		return nil
	}
	if err != nil {
		return err
	}
	if deleted == 0 {
		if deleted, err = w.end(w.now); err != nil { // a door's claim took it
			return err
		}
	}
	_, err = w.tx.Exec(`INSERT INTO registrations (id, d0, account, start, k, head, deleted) VALUES (?, ?, ?, ?, ?, ?, ?)`,
		d.ID, custody.DropStart(d.ID, tag, start), account, start, k, head, deleted)
	return err
}

func (w *writer) profile(p *mailbox.Profile) error {
	id, err := w.id(p.Account)
	if err != nil {
		return err
	}
	blob, deleted := p.Blob, uint64(0)
	if len(blob) == 0 {
		blob, deleted = []byte{}, w.now
	}
	_, err = w.tx.Exec(`INSERT INTO profiles (name, account, number, deleted, content) VALUES (?, ?, ?, ?, ?)
		ON CONFLICT (name) DO UPDATE SET account = excluded.account, number = excluded.number, deleted = excluded.deleted,
			content = excluded.content`,
		p.Name, id, p.Number, deleted, blob)
	return err
}

// id finds the row of an account.
func (w *writer) id(tag key.AccountTag) (id int64, err error) {
	if k, ok := w.ids[tag]; ok {
		return k.id, nil
	}
	err = w.tx.QueryRow(`SELECT id FROM accounts WHERE tag = ?`, tag).Scan(&id)
	return id, err
}

// close ends an account: no logins, no intake, no profiles, and nothing of it is
// published. The rows stay for their time, as the gateway's defence.
func (w *writer) close(id int64) error {
	end, err := w.end(w.now)
	if err != nil {
		return err
	}
	for _, statement := range []string{
		`UPDATE accounts SET closed = ?2 WHERE id = ?1 AND closed = 0`,
		`UPDATE drops SET deleted = ?2 WHERE account = ?1 AND deleted = 0`,
	} {
		if _, err := w.tx.Exec(statement, id, end); err != nil {
			return err
		}
	}
	for _, statement := range []string{
		`DELETE FROM logins WHERE account = ?`,
		`DELETE FROM profiles WHERE account = ?`,
		`DELETE FROM publications WHERE deposit IN (SELECT id FROM deposits WHERE account = ?)`,
		`DELETE FROM deposits WHERE account = ?`,
	} {
		if _, err := w.tx.Exec(statement, id); err != nil {
			return err
		}
	}
	return nil
}
