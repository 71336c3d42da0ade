package chat

import (
	"context"
	"crypto/sha256"
	"path/filepath"
	"testing"
	"time"

	"zeroms/client/history"
	"zeroms/client/profile"
	"zeroms/protocol/key"
	"zeroms/protocol/message"
	"zeroms/protocol/wire"
)

// benchRows makes rows like those of one person who talks to another one.
type benchRows struct {
	now time.Time
	n   uint64
}

func (r *benchRows) hash(kind byte) []byte {
	h := sha256.Sum256(append([]byte{kind}, wire.Uint64(r.n)...))
	return h[:]
}

func (r *benchRows) message(size int) profile.Row {
	return profile.Row{
		Table: profile.TableMessage, Key: r.hash('k')[:16], Alias: r.hash('a'), Conv: 1, Height: uint32(r.n), Flags: 1, Data: make([]byte, size),
	}
}

func fixed(t profile.Table, size int) profile.Row {
	return profile.Row{Table: t, Key: profile.Number(1), Data: make([]byte, size)}
}

func (r *benchRows) item(size int) profile.Row {
	return profile.Row{Table: profile.TableOutbox, Key: profile.Number(r.n), Data: make([]byte, size)}
}

// received is what a message that comes in writes.
func (r *benchRows) received() *profile.Batch {
	r.n++
	return &profile.Batch{Now: r.now, Put: []profile.Row{
		fixed(profile.TableHome, 526), fixed(profile.TableLog, 1000), fixed(profile.TableConversation, 198),
		fixed(profile.TableSession, 553), r.message(359), profile.SeenRow([16]byte(r.hash('s')), 1),
	}}
}

// sent is what a message that is written writes.
func (r *benchRows) sent() *profile.Batch {
	r.n++
	return &profile.Batch{Now: r.now, Put: []profile.Row{
		fixed(profile.TableConversation, 197), fixed(profile.TableSession, 629), r.message(396), r.item(1199),
	}}
}

// custody is what the receipts of the last 16 messages write.
func (r *benchRows) custody() *profile.Batch {
	b := &profile.Batch{Now: r.now}
	for range 16 {
		b.Put = append(b.Put, r.message(750), r.item(66))
		r.n--
	}
	r.n += 16
	return b
}

// acked is what the acknowledgement of the last 16 messages writes.
func (r *benchRows) acked() *profile.Batch {
	b := &profile.Batch{Now: r.now}
	for range 16 {
		b.Put = append(b.Put, r.message(760))
		b.Erase = append(b.Erase, profile.Ref{Table: profile.TableOutbox, Key: profile.Number(r.n)})
		r.n--
	}
	r.n += 16
	return b
}

// benchDB is a profile with some messages.
func benchDB(b *testing.B, before int) (*DB, *benchRows) {
	db, err := Create(context.Background(), filepath.Join(b.TempDir(), "profile"), NoPassphrase())
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := db.Close(); err != nil {
			b.Error(err)
		}
	})
	rows := &benchRows{now: time.Unix(1_800_000_000, 0)}
	all := &profile.Batch{Now: rows.now}
	for range before {
		all.Put = append(all.Put, rows.received().Put...)
	}
	if err := db.Commit(context.Background(), all); err != nil {
		b.Fatal(err)
	}
	return db, rows
}

func benchCommit(b *testing.B, db *DB, batch *profile.Batch) {
	if err := db.Commit(context.Background(), batch); err != nil {
		b.Fatal(err)
	}
}

const benchBefore = 5000

func BenchmarkReceived(b *testing.B) {
	db, rows := benchDB(b, benchBefore)
	for b.Loop() {
		benchCommit(b, db, rows.received())
	}
}

// BenchmarkReceived256 takes 256 messages in one commit; its figure is for all.
func BenchmarkReceived256(b *testing.B) {
	db, rows := benchDB(b, benchBefore)
	for b.Loop() {
		batch := rows.received()
		for range 255 {
			batch.Put = append(batch.Put, rows.received().Put[4:]...)
		}
		benchCommit(b, db, batch)
	}
}

func BenchmarkSent(b *testing.B) {
	db, rows := benchDB(b, benchBefore)
	for b.Loop() {
		benchCommit(b, db, rows.sent())
	}
}

// BenchmarkSent16 writes 16 messages, each in a commit of its own, then their
// receipts in one and their acknowledgement in one.
func BenchmarkSent16(b *testing.B) {
	db, rows := benchDB(b, benchBefore)
	for b.Loop() {
		for range 16 {
			benchCommit(b, db, rows.sent())
		}
		benchCommit(b, db, rows.custody())
		benchCommit(b, db, rows.acked())
	}
}

// benchTalks is the profile of a person with 100,000 messages in 500 conversations that
// went on side by side; a third of them end with a read mark.
func benchTalks(b *testing.B) (db *DB) {
	db, err := create(context.Background(), filepath.Join(b.TempDir(), "profile"), NoPassphrase(), cheap())
	if err != nil {
		b.Fatal(err)
	}
	const talks, lines = 500, 200
	dsk, user := key.NewPrivate[key.Device](), key.NewSeed().Identity().Public()
	body, err := message.EncodeBody(&message.Text{Text: "a line as people write them, of some sixty letters or more"})
	if err != nil {
		b.Fatal(err)
	}
	now := time.Unix(1_800_000_000, 0)
	for height := range uint32(lines) {
		batch := &profile.Batch{Now: now}
		for talk := range uint64(talks) {
			h := message.Header{Seq: height + 1, Kind: message.KindText, ListN: 1, Time: uint64(talk)}
			if height == lines-1 && talk%3 == 0 {
				h.Kind = message.KindRead
			}
			signed, err := message.Sign(h, dsk, user, key.IdentityPublic{byte(talk), byte(talk >> 8), 1})
			if err != nil {
				b.Fatal(err)
			}
			m := profile.NewMessage(signed, profile.Content{User: user, Body: body})
			m.Contact, m.Height, m.At = talk+1, height+1, now
			batch.Put = append(batch.Put, m.Row())
		}
		benchCommit(b, db, batch)
	}
	if err := db.Close(); err != nil {
		b.Fatal(err)
	}
	return db
}

// BenchmarkLatest reads the newest line of each of 500 conversations out of a store that
// was just opened.
func BenchmarkLatest(b *testing.B) {
	dir := benchTalks(b).dir
	for b.Loop() {
		b.StopTimer()
		db, err := Open(context.Background(), dir, NoPassphrase())
		if err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
		for talk := range uint64(500) {
			if m, err := history.Last(context.Background(), db, talk+1); err != nil || m == nil || m.Height < 199 {
				b.Fatal(m, err)
			}
		}
		b.StopTimer()
		if err := db.Close(); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
	}
}

// BenchmarkCount counts the messages of a conversation that has 100,000.
func BenchmarkCount(b *testing.B) {
	db, rows := benchDB(b, 100_000)
	for b.Loop() {
		if n, err := db.Count(context.Background(), 1, uint32(rows.n)); err != nil || n[1] == 0 {
			b.Fatal(n, err)
		}
	}
}
