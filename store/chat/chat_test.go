package chat

import (
	"bytes"
	"cmp"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"zeroms/client/profile"
	"zeroms/store"
)

// cheap is a cost that tests can pay often.
func cheap() cost { return cost{passes: 1, memoryKiB: 8, lanes: 1} }

func today() time.Time { return time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC) }

func newDir(t testing.TB) string { return filepath.Join(t.TempDir(), "profile") }

func mustCreate(t testing.TB, dir string, u Unlock) *DB {
	t.Helper()
	db, err := create(context.Background(), dir, u, cheap())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { mustClose(t, db) })
	return db
}

func mustOpen(t testing.TB, dir string, u Unlock) *DB {
	t.Helper()
	db, err := Open(context.Background(), dir, u)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { mustClose(t, db) })
	return db
}

func mustClose(t testing.TB, db *DB) {
	t.Helper()
	if err := db.Close(); err != nil {
		t.Error(err)
	}
}

func reopen(t testing.TB, db *DB) *DB {
	t.Helper()
	mustClose(t, db)
	return mustOpen(t, db.dir, NoPassphrase())
}

func commit(t testing.TB, db *DB, b profile.Batch) {
	t.Helper()
	if b.Now.IsZero() {
		b.Now = today()
	}
	if err := db.Commit(context.Background(), &b); err != nil {
		t.Fatal(err)
	}
}

func load(t testing.TB, db *DB) []profile.Row {
	t.Helper()
	rows, err := db.Load(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return sorted(rows)
}

func sorted(rows []profile.Row) []profile.Row {
	rows = slices.Clone(rows)
	slices.SortFunc(rows, func(a, b profile.Row) int {
		return cmp.Or(cmp.Compare(a.Table, b.Table), bytes.Compare(a.Key, b.Key))
	})
	return rows
}

func wantRows(t testing.TB, got, want []profile.Row) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%d rows, want %d", len(got), len(want))
	}
	for i := range want {
		g, w := got[i], want[i]
		if g.Table != w.Table || !bytes.Equal(g.Key, w.Key) || g.Conv != w.Conv || g.Height != w.Height || g.Flags != w.Flags || !bytes.Equal(g.Data, w.Data) {
			t.Fatalf("row %d is %+v, want %+v", i, g, w)
		}
	}
}

func wantErr(t testing.TB, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Fatalf("error %v, want %v", err, want)
	}
}

func key16(i int) []byte {
	return binary.BigEndian.AppendUint64([]byte("key-----"), uint64(i))
}

// alter changes the database behind the profile's back.
func alter(t testing.TB, db *DB, query string, args ...any) {
	t.Helper()
	err := db.sql.Write(context.Background(), func(tx *store.Tx) error {
		_, err := tx.Exec(query, args...)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func blob(t testing.TB, db *DB, query string, args ...any) (b []byte) {
	t.Helper()
	err := db.sql.Read(context.Background(), func(v *store.View) error { return v.QueryRow(query, args...).Scan(&b) })
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// contents is every file of a directory by name.
func contents(t testing.TB, dir string) map[string][]byte {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	files := make(map[string][]byte)
	for _, e := range entries {
		b, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		files[e.Name()] = b
	}
	return files
}

func copyDir(t testing.TB, dir string) string {
	t.Helper()
	copied := filepath.Join(t.TempDir(), "copy")
	if err := os.Mkdir(copied, 0o700); err != nil {
		t.Fatal(err)
	}
	for name, b := range contents(t, dir) {
		if strings.HasSuffix(name, "-shm") {
			continue // shared memory is not what a crash leaves to rely on
		}
		if err := os.WriteFile(filepath.Join(copied, name), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return copied
}

func everyTable() []profile.Row {
	return []profile.Row{
		{Table: profile.TableSelf, Key: nil, Data: []byte("self")},
		{Table: profile.TableCard, Key: []byte{1}, Data: []byte("card")},
		{Table: profile.TableHome, Key: key16(1), Data: []byte("home")},
		{Table: profile.TableContact, Key: bytes.Repeat([]byte{7}, 32), Conv: 1<<64 - 1, Data: []byte("contact")},
		{Table: profile.TableConversation, Key: key16(1), Conv: 3, Height: 1<<32 - 1, Flags: 1<<32 - 1, Data: []byte("conversation")},
		{Table: profile.TableSeen, Key: key16(1), Conv: 5, Height: 6, Flags: 7, Data: []byte{0x12, 0x34}},
		{Table: profile.TablePrekey, Key: key16(1), Data: []byte("prekey")},
		{Table: profile.TableSession, Key: key16(1), Conv: 3, Flags: 9, Data: bytes.Repeat([]byte("session"), 3000)},
		{Table: profile.TableOutbox, Key: key16(1), Data: []byte{}},
		{Table: 200, Key: key16(1), Data: []byte("a table of a later version")},
	}
}

func TestRowsOfEveryTableReturn(t *testing.T) {
	db := mustCreate(t, newDir(t), NoPassphrase())
	want := everyTable()
	message := profile.Row{Table: profile.TableMessage, Key: key16(1), Conv: 3, Height: 8, Flags: 2, Data: []byte("hello")}
	commit(t, db, profile.Batch{Put: append(slices.Clone(want), message)})
	for range 3 {
		wantRows(t, load(t, db), want)
		m, ok, err := db.Message(t.Context(), key16(1))
		if err != nil || !ok {
			t.Fatal(ok, err)
		}
		wantRows(t, []profile.Row{m}, []profile.Row{message})
		db = reopen(t, db)
	}
	for _, absent := range [][]byte{nil, key16(2), make([]byte, 33)} {
		if _, ok, err := db.Message(t.Context(), absent); ok || err != nil {
			t.Fatal(ok, err)
		}
	}
}

func TestPutReplacesAndEraseRemoves(t *testing.T) {
	db := mustCreate(t, newDir(t), NoPassphrase())
	tables := []profile.Table{profile.TableContact, profile.TableSeen, profile.TableSession, profile.TableMessage}
	row := func(table profile.Table, i int, data string) profile.Row {
		return profile.Row{Table: table, Key: key16(i), Conv: 1, Height: uint32(i), Data: []byte(data)}
	}
	var b profile.Batch
	for _, table := range tables {
		for i := range 3 {
			b.Put = append(b.Put, row(table, i, "old"))
		}
		b.Put = append(b.Put, row(table, 1, "newer")) // within one batch the last counts
	}
	commit(t, db, b)
	db = reopen(t, db)
	b = profile.Batch{}
	for _, table := range tables {
		b.Put = append(b.Put, row(table, 0, "a new and longer text"), row(table, 3, "put and erased at once"))
		b.Erase = append(b.Erase, profile.Ref{Table: table, Key: key16(2)}, profile.Ref{Table: table, Key: key16(3)},
			profile.Ref{Table: table, Key: key16(99)})
	}
	commit(t, db, b)
	for range 2 {
		var want []profile.Row
		for _, table := range tables {
			want = append(want, row(table, 0, "a new and longer text"), row(table, 1, "newer"))
		}
		got := load(t, db)
		page, err := db.Page(t.Context(), 1, 100, 10)
		if err != nil {
			t.Fatal(err)
		}
		wantRows(t, sorted(append(got, page...)), sorted(want))
		db = reopen(t, db)
	}
}

func TestSameKeyInTwoTables(t *testing.T) {
	db := mustCreate(t, newDir(t), NoPassphrase())
	want := []profile.Row{
		{Table: profile.TableCard, Key: key16(1), Data: []byte("a")}, {Table: profile.TableHome, Key: key16(1), Data: []byte("b")},
		{Table: profile.TablePrekey, Key: key16(1), Data: []byte("c")}, {Table: profile.TableSession, Key: key16(1), Data: []byte("d")},
	}
	commit(t, db, profile.Batch{Put: want})
	wantRows(t, load(t, db), want)
	if bytes.Equal(blob(t, db, "SELECT hash FROM record WHERE tbl = 2"), blob(t, db, "SELECT hash FROM record WHERE tbl = 3")) {
		t.Fatal("one key has one hash in two tables")
	}
}

func TestBatchThatCannotBeStored(t *testing.T) {
	db := mustCreate(t, newDir(t), NoPassphrase())
	good := profile.Row{Table: profile.TableContact, Key: key16(1)}
	for _, bad := range []profile.Batch{
		{Put: []profile.Row{good, {Key: key16(1)}}},
		{Put: []profile.Row{good, {Table: profile.TableContact, Key: make([]byte, 33)}}},
		{Put: []profile.Row{good, {Table: profile.TableContact, Data: make([]byte, maxDataBytes+1)}}},
		{Put: []profile.Row{good}, Erase: []profile.Ref{{Key: key16(1)}}},
		{Put: []profile.Row{good}, Erase: []profile.Ref{{Table: profile.TableSeen, Key: make([]byte, 33)}}},
	} {
		wantErr(t, db.Commit(t.Context(), &bad), ErrRow)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	wantErr(t, db.Commit(ended, &profile.Batch{Now: today(), Put: []profile.Row{good}}), context.Canceled)
	if rows := load(t, db); len(rows) != 0 {
		t.Fatalf("%d rows of refused batches", len(rows))
	}
	commit(t, db, profile.Batch{Put: []profile.Row{good}})
	wantRows(t, load(t, db), []profile.Row{good})
}

// A crash leaves profile.db and its WAL as they are on the disk at that moment.
func TestCommittedSurvivesACrash(t *testing.T) {
	db := mustCreate(t, newDir(t), NoPassphrase())
	var want []profile.Row
	for i := range 30 {
		r := profile.Row{Table: profile.TableSession, Key: key16(i), Data: bytes.Repeat([]byte{byte(i)}, 700)}
		m := profile.Row{Table: profile.TableMessage, Key: key16(i), Conv: 1, Height: uint32(i), Data: []byte("text")}
		commit(t, db, profile.Batch{Now: today().Add(time.Duration(i/20) * 24 * time.Hour), Put: []profile.Row{r, m}})
		want = append(want, r)
		if i%7 != 0 {
			continue
		}
		other := mustOpen(t, copyDir(t, db.dir), NoPassphrase())
		wantRows(t, load(t, other), want)
		if page, err := other.Page(t.Context(), 1, 100, 100); err != nil || len(page) != i+1 {
			t.Fatalf("%d messages after %d commits, %v", len(page), i+1, err)
		}
	}
}

// A WAL that was cut anywhere gives the state of some earlier commit.
func TestTornWAL(t *testing.T) {
	db := mustCreate(t, newDir(t), NoPassphrase())
	commit(t, db, profile.Batch{}) // the day's key
	for i := range 5 {
		commit(t, db, profile.Batch{Put: []profile.Row{
			{Table: profile.TableSession, Key: key16(0), Data: []byte{byte(i)}}, {Table: profile.TableContact, Key: key16(i), Data: []byte{byte(i)}}}})
	}
	whole := contents(t, db.dir)[dbName+"-wal"]
	for size := 0; size <= len(whole); size += len(whole)/23 + 1 {
		dir := copyDir(t, db.dir)
		if err := os.Truncate(filepath.Join(dir, dbName+"-wal"), int64(size)); err != nil {
			t.Fatal(err)
		}
		other := mustOpen(t, dir, NoPassphrase())
		rows := load(t, other)
		if len(rows) == 0 {
			continue
		}
		session := rows[len(rows)-1]
		if session.Table != profile.TableSession || int(session.Data[0]) != len(rows)-2 {
			t.Fatalf("the session of commit %d and %d contacts", session.Data[0], len(rows)-1)
		}
	}
}

func TestPages(t *testing.T) {
	db := mustCreate(t, newDir(t), NoPassphrase())
	const total = 10_000
	// Heights 0, 1, 2, 2, 2, 3, 4, 5, 5, 5, ...: every third is shared by three.
	height := func(i int) uint32 { return uint32(i/5*3 + min(i%5, 2)) }
	for from := 0; from < total; from += 1000 {
		var b profile.Batch
		for i := from; i < from+1000; i++ {
			b.Put = append(b.Put,
				profile.Row{Table: profile.TableMessage, Key: key16(i), Conv: 1, Height: height(i), Data: fmt.Appendf(nil, "text %d", i)},
				profile.Row{Table: profile.TableMessage, Key: key16(total + i), Conv: 2, Height: height(i), Data: []byte("other")})
		}
		commit(t, db, b)
	}
	for _, n := range []int{1, 2, 3, 7, 100, total + 1} {
		before, count := uint32(1<<32-1), 0
		for before > 0 {
			page, err := db.Page(t.Context(), 1, before, n)
			if err != nil {
				t.Fatal(err)
			}
			if len(page) == 0 {
				break
			}
			if len(page) > n+2 {
				t.Fatalf("a page of %d rows for %d", len(page), n)
			}
			for i, r := range page {
				if r.Conv != 1 || r.Height >= before || i > 0 && r.Height > page[i-1].Height {
					t.Fatalf("row %d of conversation %d at height %d after %d", i, r.Conv, r.Height, before)
				}
				if want := fmt.Sprintf("text %d", binary.BigEndian.Uint64(r.Key[8:])); string(r.Data) != want {
					t.Fatalf("%q, want %q", r.Data, want)
				}
			}
			count += len(page)
			before = page[len(page)-1].Height
		}
		if count != total {
			t.Fatalf("pages of %d: %d messages, want %d", n, count, total)
		}
	}
	for _, none := range []struct {
		conv   uint64
		before uint32
		n      int
	}{{3, 100, 10}, {1, 0, 10}, {1, 100, 0}, {1, 100, -1}} {
		if page, err := db.Page(t.Context(), none.conv, none.before, none.n); err != nil || len(page) != 0 {
			t.Fatalf("%+v: %d rows, %v", none, len(page), err)
		}
	}
}

func TestPageBesideCommit(t *testing.T) {
	db := mustCreate(t, newDir(t), NoPassphrase())
	// Each batch moves all 20 messages of the conversation to one height.
	put := func(height uint32) profile.Batch {
		b := profile.Batch{Now: today().Add(time.Duration(height/10) * 24 * time.Hour)}
		for i := range 20 {
			b.Put = append(b.Put, profile.Row{Table: profile.TableMessage, Key: key16(i), Conv: 1, Height: height, Data: []byte{byte(height)}})
		}
		return b
	}
	commit(t, db, put(1))
	done := make(chan error)
	go func() {
		defer close(done)
		for h := uint32(2); h < 60; h++ {
			b := put(h)
			if err := db.Commit(context.Background(), &b); err != nil {
				done <- err
				return
			}
		}
	}()
	for {
		select {
		case err := <-done:
			if err != nil {
				t.Fatal(err)
			}
			return
		default:
		}
		page, err := db.Page(t.Context(), 1, 1000, 3)
		if err != nil {
			t.Fatal(err)
		}
		if len(page) != 20 || page[0].Height != page[19].Height {
			t.Fatalf("a torn page of %d rows", len(page))
		}
	}
}

func TestSchemaStays(t *testing.T) {
	if err := store.CheckMigrations(t.Context(), sqlConfig(t.TempDir()), os.DirFS("testdata/schemas")); err != nil {
		t.Fatal(err)
	}
}

func TestSlotLookupUsesItsIndex(t *testing.T) {
	db := mustCreate(t, newDir(t), NoPassphrase())
	for query, index := range map[string]string{
		"SELECT id FROM slot WHERE used = 0 LIMIT 1":                                                                           "slot_free",
		"SELECT id FROM message r WHERE r.conv = 1 AND r.height < 5 ORDER BY r.height DESC, r.id DESC LIMIT 5":                 "message_place",
		"SELECT id FROM message r WHERE r.conv = 1 AND r.height = 5 AND r.id < 7 ORDER BY r.id DESC":                           "message_place",
		"SELECT r.id FROM message r LEFT JOIN slot s ON s.id = r.id WHERE r.tbl = 7 AND r.hash = x'00'":                        "sqlite_autoindex_message_1",
		"SELECT id FROM message WHERE alias = x'00'":                                                                           "message_alias",
		"SELECT r.data, s.secret FROM message r LEFT JOIN slot s ON s.id = r.id WHERE r.conv = 1 ORDER BY r.height DESC, r.id": "message_place",
	} {
		var plan strings.Builder
		err := db.sql.Read(t.Context(), func(v *store.View) error {
			rows, err := v.Query("EXPLAIN QUERY PLAN " + query)
			if err != nil {
				return err
			}
			for rows.Next() {
				var id, parent, unused int
				var detail string
				if err := rows.Scan(&id, &parent, &unused, &detail); err != nil {
					return err
				}
				plan.WriteString(detail + "; ")
			}
			return rows.Err()
		})
		if err != nil || !strings.Contains(plan.String(), index) {
			t.Errorf("%s: %s, %v", query, plan.String(), err)
		}
	}
}

func TestSecondProcess(t *testing.T) {
	dir := newDir(t)
	db := mustCreate(t, dir, NoPassphrase())
	_, err := Open(t.Context(), dir, NoPassphrase())
	wantErr(t, err, store.ErrLocked)
	_, err = Create(t.Context(), dir, NoPassphrase())
	wantErr(t, err, store.ErrLocked)
	child := openElsewhere(t, dir)
	if !strings.Contains(child, store.ErrLocked.Error()) {
		t.Fatalf("the other process says %q", child)
	}
	mustClose(t, db)
	if child := openElsewhere(t, dir); child != "opened" {
		t.Fatalf("the other process says %q", child)
	}
	wantErr(t, db.Commit(t.Context(), &profile.Batch{Now: today()}), store.ErrClosed)
	_, err = db.Load(t.Context())
	wantErr(t, err, store.ErrClosed)
	wantErr(t, db.ChangePassphrase(t.Context(), NoPassphrase(), NoPassphrase()), store.ErrClosed)
	mustOpen(t, dir, NoPassphrase())
}

// openElsewhere opens the profile in another process and returns what that says.
func openElsewhere(t *testing.T, dir string) string {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "CHAT_TEST_OPEN="+dir)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return string(out)
}

// TestMain runs the test binary as the second process of a test when asked to.
func TestMain(m *testing.M) {
	dir := os.Getenv("CHAT_TEST_OPEN")
	if dir == "" {
		os.Exit(m.Run())
	}
	db, err := Open(context.Background(), dir, NoPassphrase())
	if err == nil {
		err = db.Close()
	}
	if err != nil {
		fmt.Print(err)
	} else {
		fmt.Print("opened")
	}
}

func TestUnlockHidesThePassphrase(t *testing.T) {
	const word = "correct horse"
	u := Passphrase(word)
	type holder struct{ u Unlock }
	var log bytes.Buffer
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "u", u, "holder", holder{u})
	all := log.String()
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		all += fmt.Sprintf(verb, u) + fmt.Sprintf(verb, &u) + fmt.Sprintf(verb, holder{u}) + fmt.Sprintf(verb, &holder{u})
	}
	for _, form := range []string{word, fmt.Sprintf("%x", word)} {
		if strings.Contains(all, form) {
			t.Fatal("a passphrase was printed")
		}
	}
	if _, err := json.Marshal(u); err == nil {
		t.Fatal("a passphrase was marshalled")
	}
	if reflect.TypeOf(u).Comparable() {
		t.Fatal("two Unlocks can be compared with ==")
	}
}

// printing a DB shows no key.
func TestDBHidesItsKeys(t *testing.T) {
	db := mustCreate(t, newDir(t), NoPassphrase())
	commit(t, db, profile.Batch{})
	profile := contents(t, db.dir)[keyName][headSize:]
	var all string
	for _, verb := range []string{"%v", "%+v", "%#v", "%x"} {
		all += fmt.Sprintf(verb, db) + fmt.Sprintf(verb, db.keys) + fmt.Sprintf(verb, db.daily)
	}
	for _, key := range [][]byte{profile, db.keys.hash[:], db.keys.row[:], db.daily.key[:]} {
		for _, form := range []string{fmt.Sprintf("%x", key), strings.Trim(fmt.Sprint(key), "[]"), fmt.Sprintf("%#v", key)[7:60]} {
			if strings.Contains(all, form) {
				t.Fatal("a key was printed")
			}
		}
	}
}

func TestMessagesAreCountedByTheirFlags(t *testing.T) {
	db := mustCreate(t, newDir(t), NoPassphrase())
	var b profile.Batch
	for i := range 12 {
		b.Put = append(b.Put, profile.Row{
			Table: profile.TableMessage, Key: key16(i), Conv: uint64(1 + i/10), Height: uint32(i), Flags: uint32(i % 3), Data: []byte{1},
		})
	}
	commit(t, db, b)
	for _, c := range []struct {
		conv   uint64
		before uint32
		want   map[uint32]int
	}{
		{1, 1<<32 - 1, map[uint32]int{0: 4, 1: 3, 2: 3}}, {1, 9, map[uint32]int{0: 3, 1: 3, 2: 3}}, {1, 1, map[uint32]int{0: 1}},
		{1, 0, nil}, {2, 1<<32 - 1, map[uint32]int{1: 1, 2: 1}}, {3, 1<<32 - 1, nil},
	} {
		if got, err := db.Count(t.Context(), c.conv, c.before); err != nil || !maps.Equal(got, c.want) {
			t.Errorf("%d below %d: %v instead of %v, %v", c.conv, c.before, got, c.want, err)
		}
	}
	commit(t, db, profile.Batch{Erase: []profile.Ref{{Table: profile.TableMessage, Key: key16(0)}}})
	if got, err := db.Count(t.Context(), 1, 2); err != nil || !maps.Equal(got, map[uint32]int{1: 1}) {
		t.Errorf("after an erasure %v, %v", got, err)
	}
	alter(t, db, "UPDATE message SET flags = -1 WHERE conv = 2")
	if _, err := db.Count(t.Context(), 2, 100); !errors.Is(err, ErrDamaged) {
		t.Errorf("flags that nothing has: %v", err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := db.Count(ended, 1, 100); !errors.Is(err, context.Canceled) {
		t.Errorf("too late: %v", err)
	}
}
