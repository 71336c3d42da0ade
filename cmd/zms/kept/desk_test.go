package kept

import (
	"errors"
	"maps"
	"strings"
	"testing"
	"time"

	"zeroms/client/backup"
	"zeroms/client/profile"
	"zeroms/protocol/wire"
	"zeroms/store/chat"
)

// again closes a profile and opens it anew.
func again(t *testing.T, dir string, db *chat.DB) (*chat.DB, *Store) {
	t.Helper()
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	return open(t, dir)
}

func TestChatsAreKept(t *testing.T) {
	dir := fresh(t)
	db, s := open(t, dir)
	if len(s.Chats()) != 0 {
		t.Fatalf("a new profile keeps %v", s.Chats())
	}
	engines, err := s.Load(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	want := map[uint64]Chat{
		1: {Pinned: true}, 2: {Muted: true}, 3: {Draft: "half a sentence 我"}, 4: {Pinned: true, Muted: true, Draft: strings.Repeat("x", MaxDraft)}, 5: {Draft: "gone soon"},
	}
	for id, c := range want {
		if err := s.SetChat(t.Context(), id, c); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.SetChat(t.Context(), 5, Chat{}); err != nil {
		t.Fatal(err)
	}
	delete(want, 5)
	if !maps.Equal(s.Chats(), want) {
		t.Errorf("%v", s.Chats())
	}
	db, s = again(t, dir, db)
	defer func() { _ = db.Close() }()
	if !maps.Equal(s.Chats(), want) {
		t.Errorf("after a start: %v", s.Chats())
	}
	for name, bad := range map[error]Chat{wire.ErrTooLarge: {Draft: strings.Repeat("x", MaxDraft+1)}, wire.ErrValue: {Draft: "\xff"}} {
		if err := s.SetChat(t.Context(), 3, bad); !errors.Is(err, name) {
			t.Errorf("%v instead of %v", err, name)
		}
	}
	s.Chats()[3] = Chat{}
	if s.Chats()[3] != want[3] {
		t.Errorf("what a caller does, or what was refused, changes what is kept: %+v", s.Chats()[3])
	}
	if rows, err := s.Load(t.Context()); err != nil || len(rows) != len(engines) {
		t.Errorf("the engine sees %d rows, not %d: %v", len(rows), len(engines), err)
	}
}

func TestDeskIsKept(t *testing.T) {
	dir := fresh(t)
	db, s := open(t, dir)
	if s.Desk() != (Desk{}) {
		t.Fatalf("a new profile keeps %+v", s.Desk())
	}
	for _, want := range []Desk{
		{Notify: 1}, {CtrlEnter: true}, {Tray: true}, {Quiet: true}, {WordsSaved: true}, {Inside: true}, {InsideOpen: true}, {LockAfter: 65535}, {},
		{Notify: 3, CtrlEnter: true, Tray: true, Quiet: true, WordsSaved: true, Inside: true, InsideOpen: true, LockAfter: 5},
	} {
		if err := s.SetDesk(t.Context(), want); err != nil || s.Desk() != want {
			t.Fatal(s.Desk(), err)
		}
		if db, s = again(t, dir, db); s.Desk() != want {
			t.Errorf("%+v is kept, not %+v", s.Desk(), want)
		}
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
}

// put writes rows behind a Store's back and opens the profile again.
func put(t *testing.T, dir string, rows ...profile.Row) (*chat.DB, *Store) {
	t.Helper()
	db, _ := open(t, dir)
	if err := db.Commit(t.Context(), &profile.Batch{Put: rows}); err != nil {
		t.Fatal(err)
	}
	return again(t, dir, db)
}

// data is what a profile holds in a row.
func data(t *testing.T, db *chat.DB, table profile.Table, key string) []byte {
	t.Helper()
	rows, err := db.Load(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range rows {
		if r.Table == table && string(r.Key) == key {
			return r.Data
		}
	}
	return nil
}

// TestNewerRowsOfTheAppStayAsTheyAre: the app starts without them, as privately as it
// can, and neither forgets nor replaces them.
func TestNewerRowsOfTheAppStayAsTheyAre(t *testing.T) {
	newChat := wire.Marshal(struct {
		Version uint8  `cbor:"1,keyasint"`
		Colour  string `cbor:"9,keyasint"`
	}{2, "red"})
	newDesk := wire.Marshal(&deskRecord{Version: 200, Notify: 3})
	seven := string(profile.Number(7))
	db, s := put(t, fresh(t),
		profile.Row{Table: TableChat, Key: []byte(seven), Data: newChat},
		profile.Row{Table: TableDesk, Key: []byte(keyDesk), Data: newDesk})
	defer func() { _ = db.Close() }()
	if len(s.Chats()) != 0 || s.Desk() != Guarded() || !s.Desk().Quiet || s.Desk().Notify != notifyBare {
		t.Errorf("%v, %+v", s.Chats(), s.Desk())
	}
	for _, c := range []Chat{{Draft: "mine"}, {}} {
		if err := s.SetChat(t.Context(), 7, c); !errors.Is(err, wire.ErrVersion) {
			t.Errorf("%+v: %v", c, err)
		}
	}
	if err := s.SetDesk(t.Context(), Desk{}); !errors.Is(err, wire.ErrVersion) || s.Desk() != Guarded() {
		t.Errorf("%v, %+v", err, s.Desk())
	}
	if err := s.SetChat(t.Context(), 8, Chat{Pinned: true}); err != nil {
		t.Errorf("another conversation: %v", err)
	}
	if string(data(t, db, TableChat, seven)) != string(newChat) || string(data(t, db, TableDesk, keyDesk)) != string(newDesk) {
		t.Error("what a newer version wrote is changed")
	}
}

// TestBrokenRowsOfTheAppAreAbsent: nobody can read them, so they may be replaced.
func TestBrokenRowsOfTheAppAreAbsent(t *testing.T) {
	dir := fresh(t)
	seven := profile.Number(7)
	for name, broken := range map[string][]byte{
		"nothing": nil, "another field": {0xa2, 1, 1, 9, 0}, "version 0": {0xa1, 1, 0}, "trailing": append(wire.Marshal(&chatRecord{Version: 1, Pinned: true}), 0),
		"not canonical": {0xa2, 1, 1, 2, 0xf4},
	} {
		db, s := put(t, dir,
			profile.Row{Table: TableChat, Key: seven, Data: broken}, profile.Row{Table: TableChat, Key: []byte("odd"), Data: broken},
			profile.Row{Table: TableDesk, Key: []byte(keyDesk), Data: broken}, profile.Row{Table: TableDesk, Key: []byte("other"), Data: wire.Marshal(&deskRecord{Version: 1, Tray: true})})
		if len(s.Chats()) != 0 || s.Desk() != (Desk{}) {
			t.Errorf("%s: %v, %+v", name, s.Chats(), s.Desk())
		}
		if err := errors.Join(s.SetChat(t.Context(), 7, Chat{Muted: true}), s.SetDesk(t.Context(), Desk{Tray: true})); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		db, s = again(t, dir, db)
		if !s.Chats()[7].Muted || !s.Desk().Tray {
			t.Errorf("%s: not replaced: %v, %+v", name, s.Chats(), s.Desk())
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// TestWhatIsNotWrittenIsNotKept: after an error everything is as before.
func TestWhatIsNotWrittenIsNotKept(t *testing.T) {
	db, s := open(t, fresh(t))
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if err := s.SetChat(t.Context(), 1, Chat{Pinned: true}); err == nil || len(s.Chats()) != 0 {
		t.Errorf("%v, %v", err, s.Chats())
	}
	if err := s.SetDesk(t.Context(), Desk{Tray: true}); err == nil || s.Desk() != (Desk{}) {
		t.Errorf("%v, %+v", err, s.Desk())
	}
}

// TestADeviceThatBeginsAnewKeepsThem: its contacts keep their numbers.
func TestADeviceThatBeginsAnewKeepsThem(t *testing.T) {
	dir := fresh(t)
	db, s := open(t, dir)
	if err := errors.Join(s.SetChat(t.Context(), 1, Chat{Draft: "half"}), s.SetDesk(t.Context(), Desk{Quiet: true})); err != nil {
		t.Fatal(err)
	}
	if _, err := backup.Rejoin(t.Context(), db, time.Now()); err != nil {
		t.Fatal(err)
	}
	db, s = again(t, dir, db)
	defer func() { _ = db.Close() }()
	if s.Chats()[1].Draft != "half" || !s.Desk().Quiet {
		t.Errorf("%v, %+v", s.Chats(), s.Desk())
	}
}
