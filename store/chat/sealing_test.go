package chat

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"zeroms/client/profile"
	"zeroms/store"
)

// without checks that none of the texts stands in any file of the directory.
func without(t *testing.T, dir, when string, texts ...[]byte) {
	t.Helper()
	for name, b := range contents(t, dir) {
		for i, text := range texts {
			if bytes.Contains(b, text) {
				t.Fatalf("%s: %s holds text %d", when, name, i)
			}
		}
	}
}

func TestNothingPersonalInTheFiles(t *testing.T) {
	dir := newDir(t)
	db := mustCreate(t, dir, Passphrase("the passphrase itself"))
	names := []string{"Alice in plain words", "meet me at the fountain", "identity key of a friend", "a session's root key"}
	key := []byte("the row's key of 32 bytes length")
	texts := [][]byte{key, key[:16], []byte("the passphrase itself"), db.keys.hash[:], db.keys.row[:], []byte("Passphrase of another")}
	for _, n := range names {
		texts = append(texts, []byte(n))
	}
	tables := []profile.Table{profile.TableContact, profile.TableMessage, profile.TableSession, profile.TableSeen, profile.TableSelf}
	for day := range 3 {
		for i, table := range tables {
			row := profile.Row{Table: table, Key: key, Conv: 1, Height: 1, Data: []byte(strings.Repeat(names[i%len(names)], 1+day*200))}
			commit(t, db, profile.Batch{Now: today().AddDate(0, 0, day), Put: []profile.Row{row}})
			texts = append(texts, db.daily.key[:])
			without(t, dir, "while open", texts...)
		}
	}
	if err := db.changePassphrase(t.Context(), Passphrase("the passphrase itself"), Passphrase("Passphrase of another"), cheap()); err != nil {
		t.Fatal(err)
	}
	f, err := readKeyFile(dir)
	if err != nil {
		t.Fatal(err)
	}
	opened, err := f.unlock(Passphrase("Passphrase of another"))
	if err != nil {
		t.Fatal(err)
	}
	texts = append(texts, opened[:])
	commit(t, db, profile.Batch{Now: today().AddDate(0, 0, 2), Erase: []profile.Ref{{Table: profile.TableMessage, Key: key}}})
	without(t, dir, "after an erasure", texts...)
	mustClose(t, db)
	without(t, dir, "closed", texts...)
}

func TestErasedAndTidyIsGone(t *testing.T) {
	for _, how := range []string{"erased", "replaced", "reopened", "closed"} {
		t.Run(how, func(t *testing.T) {
			db := mustCreate(t, newDir(t), NoPassphrase())
			row := profile.Row{Table: profile.TableSession, Key: key16(1), Data: bytes.Repeat([]byte("ratchet"), 100)}
			commit(t, db, profile.Batch{}) // the day's key, and an empty WAL
			commit(t, db, profile.Batch{Put: []profile.Row{row}})
			sealed := blob(t, db, "SELECT data FROM ephemeral")
			slot := blob(t, db, "SELECT secret FROM slot WHERE id = (SELECT id FROM ephemeral)")
			b := profile.Batch{Erase: []profile.Ref{{Table: row.Table, Key: row.Key}}}
			if how == "replaced" {
				b = profile.Batch{Put: []profile.Row{{Table: row.Table, Key: row.Key, Data: []byte("stepped")}}}
			}
			commit(t, db, b)
			if files := contents(t, db.dir); !bytes.Contains(append(files[dbName], files[dbName+"-wal"]...), sealed) {
				t.Fatal("the sealed row was not in a file before Tidy")
			}
			if how == "reopened" { // after a crash: Close did not run
				db = mustOpen(t, copyDir(t, db.dir), NoPassphrase())
			}
			if how == "closed" {
				mustClose(t, db)
			} else if err := db.Tidy(t.Context(), today()); err != nil {
				t.Fatal(err)
			}
			without(t, db.dir, how, sealed, slot)
			if st, err := os.Stat(filepath.Join(db.dir, dbName+"-wal")); err == nil && st.Size() != 0 {
				t.Fatalf("a WAL of %d bytes", st.Size())
			}
		})
	}
}

// Tidy costs nothing while nothing was erased.
func TestTidyOnlyAfterAnErasure(t *testing.T) {
	db := mustCreate(t, newDir(t), NoPassphrase())
	commit(t, db, profile.Batch{})
	wal := func() int64 {
		st, err := os.Stat(filepath.Join(db.dir, dbName+"-wal"))
		if err != nil {
			t.Fatal(err)
		}
		return st.Size()
	}
	row := profile.Row{Table: profile.TableMessage, Key: key16(1), Data: []byte("x")}
	for _, c := range []struct {
		b     profile.Batch
		keeps bool
	}{
		{profile.Batch{Put: []profile.Row{row}}, true},
		{profile.Batch{Erase: []profile.Ref{{Table: row.Table, Key: key16(1)}}}, false},
		{profile.Batch{Put: []profile.Row{row}}, false}, // a used slot
		{profile.Batch{Put: []profile.Row{row}}, false}, // replaces
		{profile.Batch{Put: []profile.Row{{Table: row.Table, Key: key16(2)}}}, true},
	} {
		commit(t, db, c.b)
		if err := db.Tidy(t.Context(), today()); err != nil {
			t.Fatal(err)
		}
		if keeps := wal() > 0; keeps != c.keeps && !(keeps == false && c.keeps) {
			t.Fatalf("%+v: the WAL is kept: %v", c.b, keeps)
		}
	}
}

// SQLite leaves copies of moved rows in the free parts of its pages, so that
// secure_delete alone erases most rows and not all. What opens an erased row,
// its slot, must be gone always.
func TestErasedSlotsAreGoneAfterManyChanges(t *testing.T) {
	db := mustCreate(t, newDir(t), NoPassphrase())
	random := rand.New(rand.NewPCG(1, 2))
	live := map[int]bool{}
	var dead [][]byte
	slots := func() [][]byte {
		var out [][]byte
		err := db.sql.Read(context.Background(), func(v *store.View) error {
			rows, err := v.Query("SELECT secret FROM slot WHERE used = 1")
			if err != nil {
				return err
			}
			for rows.Next() {
				var b []byte
				if err := rows.Scan(&b); err != nil {
					return err
				}
				out = append(out, b)
			}
			return rows.Err()
		})
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	tables := []profile.Table{profile.TableSession, profile.TableMessage, profile.TableContact}
	for turn := range 60 {
		before := slots()
		b := profile.Batch{Now: today().Add(time.Duration(turn/20) * 24 * time.Hour)}
		for range 60 {
			i := random.IntN(900)
			table := tables[i%len(tables)]
			if live[i] && random.IntN(3) == 0 {
				b.Erase = append(b.Erase, profile.Ref{Table: table, Key: key16(i)})
				continue
			}
			b.Put = append(b.Put, profile.Row{Table: table, Key: key16(i), Conv: 1, Height: uint32(i), Data: make([]byte, random.IntN(900))})
		}
		for _, r := range b.Put {
			live[int(r.Key[15])|int(r.Key[14])<<8] = true
		}
		for _, r := range b.Erase {
			live[int(r.Key[15])|int(r.Key[14])<<8] = false
		}
		commit(t, db, b)
		after := slots()
		for _, s := range before {
			if !slices.ContainsFunc(after, func(x []byte) bool { return bytes.Equal(x, s) }) {
				dead = append(dead, s)
			}
		}
	}
	if err := db.Tidy(t.Context(), today()); err != nil {
		t.Fatal(err)
	}
	if len(dead) < 1000 {
		t.Fatalf("only %d slots were erased", len(dead))
	}
	without(t, db.dir, "tidy", dead...)
	if !bytes.Contains(contents(t, db.dir)[dbName], slots()[0]) {
		t.Fatal("the search finds no live slot either")
	}
}

func TestNewDayNewKey(t *testing.T) {
	db := mustCreate(t, newDir(t), NoPassphrase())
	session := profile.Row{Table: profile.TableSession, Key: key16(1), Data: []byte("yesterday's ratchet")}
	prekey := profile.Row{Table: profile.TablePrekey, Key: key16(2), Data: []byte("prekey")}
	contact := profile.Row{Table: profile.TableContact, Key: key16(3), Data: []byte("contact")}
	commit(t, db, profile.Batch{Put: []profile.Row{session, prekey, contact}})
	yesterday, wrapped := *db.daily, blob(t, db, "SELECT wrapped FROM day")
	sealed := blob(t, db, "SELECT data FROM ephemeral WHERE tbl = 9")
	kept := blob(t, db, "SELECT data FROM record")
	copied := copyDir(t, db.dir) // what a thief took yesterday

	commit(t, db, profile.Batch{Now: today().Add(11 * time.Hour)}) // 23:00, the same day
	if !bytes.Equal(wrapped, blob(t, db, "SELECT wrapped FROM day")) {
		t.Fatal("a new key within the day")
	}
	commit(t, db, profile.Batch{Now: today().Add(12 * time.Hour)}) // midnight; the batch is empty
	// Without a Tidy: the change of the day did it.
	without(t, db.dir, "after midnight", sealed, wrapped, yesterday.key[:])
	if !bytes.Equal(kept, blob(t, db, "SELECT data FROM record")) {
		t.Fatal("a permanent row was sealed again")
	}
	for range 2 {
		wantRows(t, load(t, db), []profile.Row{contact, prekey, session})
		db = reopen(t, db)
	}
	list := ephemeralRows(t, db)
	if len(list) != 2 {
		t.Fatalf("%d ephemeral rows", len(list))
	}
	for _, s := range list {
		if _, err := s.open(yesterday.slots); !errors.Is(err, ErrDamaged) {
			t.Fatal("yesterday's key opens a row of today")
		}
		if _, err := s.open(db.daily.slots); err != nil {
			t.Fatal(err)
		}
	}
	// The old copy stays what it was, and its day's key is not today's.
	old := mustOpen(t, copied, NoPassphrase())
	wantRows(t, load(t, old), []profile.Row{contact, prekey, session})
	if *old.daily.key != *yesterday.key || *old.daily.key == *db.daily.key {
		t.Fatal("the keys of the days are mixed up")
	}
}

func ephemeralRows(t *testing.T, db *DB) (list []stored) {
	t.Helper()
	err := db.sql.Read(t.Context(), func(v *store.View) (err error) {
		list, err = readStored(v, classEphemeral, "")
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// The clock may jump back, and a batch without a time is of no day.
func TestDayFollowsTheClock(t *testing.T) {
	db := mustCreate(t, newDir(t), NoPassphrase())
	row := profile.Row{Table: profile.TableSession, Key: key16(1), Data: []byte("x")}
	last := db.daily.key
	for i, c := range []struct {
		now     time.Time
		changes bool
	}{
		{time.Time{}, false}, {today(), true}, {time.Time{}, false}, {today().AddDate(100, 0, 0), true}, {today(), true},
		{today().In(time.FixedZone("east", 13*3600)), false}, {time.Unix(-86400*3, 0), true},
	} {
		if err := db.Commit(t.Context(), &profile.Batch{Now: c.now, Put: []profile.Row{row}}); err != nil {
			t.Fatal(err)
		}
		if changed := *db.daily.key != *last; changed != c.changes {
			t.Fatalf("step %d: a new key: %v", i, changed)
		}
		last = db.daily.key
		db = reopen(t, db)
		wantRows(t, load(t, db), []profile.Row{row})
	}
}

// A change of the day that fails keeps the day's key in memory and on the disk.
func TestFailedChangeOfTheDay(t *testing.T) {
	db := mustCreate(t, newDir(t), NoPassphrase())
	rows := []profile.Row{{Table: profile.TableSession, Key: key16(1), Data: []byte("a")}, {Table: profile.TableSession, Key: key16(2), Data: []byte("b")}}
	commit(t, db, profile.Batch{Put: rows})
	good := blob(t, db, "SELECT data FROM ephemeral WHERE id = 2")
	alter(t, db, "UPDATE ephemeral SET data = zeroblob(100) WHERE id = 2")
	tomorrow := today().AddDate(0, 0, 1)
	wantErr(t, db.Commit(t.Context(), &profile.Batch{Now: tomorrow}), ErrDamaged)
	alter(t, db, "UPDATE ephemeral SET data = ? WHERE id = 2", good)
	wantRows(t, load(t, db), rows)
	commit(t, db, profile.Batch{Now: tomorrow})
	wantRows(t, load(t, db), rows)
	wantRows(t, load(t, reopen(t, db)), rows)
}

func TestMovedOrChangedRowsAreRefused(t *testing.T) {
	for name, query := range map[string]string{
		"payloads swapped":       "UPDATE record SET data = (SELECT data FROM record o WHERE o.tbl = record.tbl AND o.id <> record.id), id = id",
		"payload of another row": `UPDATE record SET data = (SELECT data FROM record WHERE id = 2) WHERE id = 1`,
		"slots swapped":          "UPDATE slot SET secret = (SELECT secret FROM slot o WHERE o.id = 3 - slot.id) WHERE id <= 2",
		"row and slot moved":     "UPDATE record SET hash = x'00112233445566778899aabbccddeeff' WHERE id = 1",
		"other table":            "UPDATE record SET tbl = 5 WHERE id = 1",
		"table of another class": "UPDATE record SET tbl = 9 WHERE id = 1",
		"no table":               "UPDATE record SET tbl = 0 WHERE id = 1",
		"conversation":           "UPDATE record SET conv = conv + 1 WHERE id = 1",
		"height":                 "UPDATE record SET height = height + 1 WHERE id = 1",
		"flags":                  "UPDATE record SET flags = flags + 1 WHERE id = 1",
		"height out of range":    "UPDATE record SET height = -1 WHERE id = 1",
		"flags out of range":     "UPDATE record SET flags = 1 << 40 WHERE id = 1",
		"last byte":              "UPDATE record SET data = CAST(substr(data, 1, length(data) - 1) || x'00' AS BLOB) WHERE id = 1",
		"first byte":             "UPDATE record SET data = CAST(x'00' || substr(data, 2) AS BLOB) WHERE id = 1",
		"longer":                 "UPDATE record SET data = CAST(data || x'00' AS BLOB) WHERE id = 1",
		"empty":                  "UPDATE record SET data = x'' WHERE id = 1",
		"short":                  "UPDATE record SET data = substr(data, 1, 39) WHERE id = 1",
		"slot erased":            "UPDATE slot SET secret = zeroblob(32) WHERE id = 1",
		"slot deleted":           "DELETE FROM slot WHERE id = 1",
		"ephemeral":              "UPDATE ephemeral SET flags = 1",
		"ephemeral as permanent": "UPDATE record SET data = (SELECT data FROM ephemeral), id = (SELECT id FROM ephemeral) WHERE id = 1",
		"seen":                   "UPDATE seen SET flags = 1",
		"seen swapped":           "UPDATE seen SET data = (SELECT data FROM seen o WHERE o.hash <> seen.hash)",
	} {
		t.Run(name, func(t *testing.T) {
			db := mustCreate(t, newDir(t), NoPassphrase())
			const said = "what was said"
			commit(t, db, profile.Batch{Put: []profile.Row{
				{Table: profile.TableContact, Key: key16(1), Data: []byte(said + "A")}, {Table: profile.TableContact, Key: key16(2), Data: []byte(said + "B")},
				{Table: profile.TableSession, Key: key16(1), Data: []byte(said + "C")},
				{Table: profile.TableSeen, Key: key16(1), Data: []byte("1")}, {Table: profile.TableSeen, Key: key16(2), Data: []byte("2")},
			}})
			alter(t, db, query)
			rows, err := db.Load(t.Context())
			wantErr(t, err, ErrDamaged)
			if len(rows) != 0 {
				t.Fatal("rows come with an error")
			}
			if strings.Contains(err.Error(), said) {
				t.Fatalf("the error carries data: %v", err)
			}
		})
	}
}

func TestDamagedMessages(t *testing.T) {
	db := mustCreate(t, newDir(t), NoPassphrase())
	for i := range 3 {
		commit(t, db, profile.Batch{Put: []profile.Row{{Table: profile.TableMessage, Key: key16(i), Conv: 1, Height: uint32(i), Data: []byte("x")}}})
	}
	alter(t, db, "UPDATE message SET conv = 2 WHERE height = 1")
	_, err := db.Page(t.Context(), 2, 100, 10)
	wantErr(t, err, ErrDamaged)
	if !strings.Contains(err.Error(), "table 7 (messages)") {
		t.Fatalf("the error does not name the table: %v", err)
	}
	_, _, err = db.Message(t.Context(), key16(1))
	wantErr(t, err, ErrDamaged)
	if page, err := db.Page(t.Context(), 1, 100, 10); err != nil || len(page) != 2 {
		t.Fatal(len(page), err)
	}
}

func TestDamagedSingles(t *testing.T) {
	for name, c := range map[string]struct {
		query string
		want  error
	}{
		"check deleted": {"DELETE FROM meta", ErrDamaged}, "check changed": {"UPDATE meta SET value = zeroblob(16)", ErrOtherKey},
		"no day": {"DELETE FROM day", ErrDamaged}, "other day": {"UPDATE day SET day = zeroblob(8)", ErrDamaged},
		"other daily key": {"UPDATE day SET wrapped = zeroblob(72)", ErrDamaged},
	} {
		t.Run(name, func(t *testing.T) {
			db := mustCreate(t, newDir(t), NoPassphrase())
			commit(t, db, profile.Batch{})
			alter(t, db, c.query)
			mustClose(t, db)
			_, err := Open(t.Context(), db.dir, NoPassphrase())
			wantErr(t, err, c.want)
			_, err = Open(t.Context(), db.dir, NoPassphrase()) // the lock was given free
			wantErr(t, err, c.want)
		})
	}
}

func TestBrokenDatabaseFile(t *testing.T) {
	whole := newDir(t)
	db := mustCreate(t, whole, NoPassphrase())
	var b profile.Batch
	for i := range 200 {
		b.Put = append(b.Put, profile.Row{Table: profile.TableContact, Key: key16(i), Data: make([]byte, 500)})
	}
	commit(t, db, b)
	mustClose(t, db)
	good := contents(t, whole)[dbName]
	half := bytes.Clone(good)
	for i := len(half) / 2; i < len(half); i++ {
		half[i] = 0xa5
	}
	for name, file := range map[string][]byte{
		"truncated": good[:len(good)/2], "one page": good[:4096], "torn in a page": good[:len(good)/2+100], "empty": {},
		"garbage": bytes.Repeat([]byte{0xa5}, len(good)), "half garbage": half, "text": []byte("hello"),
	} {
		t.Run(name, func(t *testing.T) {
			dir := copyDir(t, whole)
			path := filepath.Join(dir, dbName)
			if err := os.WriteFile(path, file, 0o600); err != nil {
				t.Fatal(err)
			}
			db, err := Open(t.Context(), dir, NoPassphrase())
			if err == nil {
				_, err = db.Load(t.Context())
				_ = db.Close()
			}
			wantErr(t, err, ErrDamaged)
		})
	}
}

func FuzzPayload(f *testing.F) {
	f.Add(encodePayload(nil, nil))
	f.Add(encodePayload(key16(1), []byte("data")))
	f.Add(encodePayload(make([]byte, maxKeyBytes), nil))
	f.Add([]byte{33, 1})
	f.Fuzz(func(t *testing.T, b []byte) {
		key, data, ok := decodePayload(b)
		if !ok {
			return
		}
		if len(key) > maxKeyBytes || !bytes.Equal(encodePayload(key, data), b) {
			t.Fatal("what decodes does not encode to the same bytes")
		}
	})
}

func TestPayloadForm(t *testing.T) {
	for _, bad := range [][]byte{nil, {1}, {2, 0}, append([]byte{33}, make([]byte, 40)...), {255}} {
		if _, _, ok := decodePayload(bad); ok {
			t.Errorf("%x decodes", bad)
		}
	}
	whole := encodePayload(key16(1), nil)
	for n := range whole {
		if _, _, ok := decodePayload(whole[:n]); ok {
			t.Errorf("the first %d bytes decode", n)
		}
	}
}

// Nothing opens but what was sealed, whatever the bytes.
func FuzzSealedRow(f *testing.F) {
	k := deriveKeys(secret(bytes.Repeat([]byte{1}, keySize)))
	s := stored{table: profile.TableContact, hash: k.hashOf(profile.TableContact, key16(1)), slot: make([]byte, slotSize)}
	nonce := make([]byte, nonceSize, 100) // fixed: every process of a fuzz run makes the same row
	good := slotCipher(k.slots, s.slot).Seal(nonce, nonce, encodePayload(key16(1), []byte("data")), s.aad())
	f.Add(good, s.slot, int64(0))
	f.Add([]byte{}, []byte{}, int64(1))
	f.Fuzz(func(t *testing.T, data, slot []byte, conv int64) {
		s := s
		if !s.place(s.hash[:], conv, 0, 0) {
			t.Fatal("the place was refused")
		}
		s.data, s.slot = data, slot
		_, err := s.open(k.slots)
		if same := bytes.Equal(data, good) && bytes.Equal(slot, make([]byte, slotSize)) && conv == 0; same != (err == nil) {
			t.Fatalf("same %v, error %v", same, err)
		}
	})
}

// BenchmarkCommit is one durable batch as the engine writes them: a session, a
// message and a conversation, then 17 more messages.
func BenchmarkCommit(b *testing.B) {
	for _, n := range []int{1, 20} {
		b.Run(fmt.Sprintf("rows=%d", n), func(b *testing.B) {
			db := mustCreate(b, newDir(b), NoPassphrase())
			next := 0
			for b.Loop() {
				batch := profile.Batch{Now: today()}
				for i := range n {
					next++
					r := profile.Row{Table: profile.TableMessage, Key: key16(next), Conv: 1, Height: uint32(next), Data: make([]byte, 300)}
					switch {
					case n > 1 && i == 0:
						r = profile.Row{Table: profile.TableSession, Key: key16(next % 50), Data: make([]byte, 1500)}
					case n > 1 && i == 1:
						r = profile.Row{Table: profile.TableConversation, Key: key16(next % 50), Data: make([]byte, 400)}
					}
					batch.Put = append(batch.Put, r)
				}
				if err := db.Commit(b.Context(), &batch); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkLoad reads 10,000 records and sessions, or 300,000 seen envelopes.
func BenchmarkLoad(b *testing.B) {
	for _, c := range []struct {
		table profile.Table
		rows  int
		size  int
	}{{profile.TableContact, 10_000, 400}, {profile.TableSession, 10_000, 1500}, {profile.TableSeen, 300_000, 2}} {
		b.Run(fmt.Sprintf("table=%s/rows=%d", tableName(c.table), c.rows), func(b *testing.B) {
			db := mustCreate(b, newDir(b), NoPassphrase())
			for from := 0; from < c.rows; from += 10_000 {
				batch := profile.Batch{Now: today()}
				for i := range 10_000 {
					batch.Put = append(batch.Put, profile.Row{Table: c.table, Key: key16(from + i), Data: make([]byte, c.size)})
				}
				if err := db.Commit(b.Context(), &batch); err != nil {
					b.Fatal(err)
				}
			}
			for b.Loop() {
				if rows, err := db.Load(b.Context()); err != nil || len(rows) != c.rows {
					b.Fatal(len(rows), err)
				}
			}
		})
	}
}

// BenchmarkPage reads 100 of 10,000 messages.
func BenchmarkPage(b *testing.B) {
	db := mustCreate(b, newDir(b), NoPassphrase())
	batch := profile.Batch{Now: today()}
	for i := range 10_000 {
		batch.Put = append(batch.Put, profile.Row{Table: profile.TableMessage, Key: key16(i), Conv: 1, Height: uint32(i), Data: make([]byte, 300)})
	}
	if err := db.Commit(b.Context(), &batch); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if rows, err := db.Page(b.Context(), 1, 5000, 100); err != nil || len(rows) != 100 {
			b.Fatal(len(rows), err)
		}
	}
}
