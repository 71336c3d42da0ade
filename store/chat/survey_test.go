package chat

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"zeroms/client/profile"
	"zeroms/client/publish"
	"zeroms/protocol/key"
	"zeroms/store"
)

// person fills a profile with rows that a client wrote: an owner, two contacts
// and their conversations, five messages of the first.
func person(t *testing.T, db *DB) {
	t.Helper()
	self, err := profile.NewSelf("Alice", today())
	if err != nil {
		t.Fatal(err)
	}
	b := profile.Batch{Put: []profile.Row{self.Row(), profile.NewCard(today()).Row()}}
	for id := range uint64(2) {
		c := profile.NewContact(key.NewPrivate[key.Identity]().Public(), today())
		c.ID, c.State = id+1, profile.Accepted
		b.Put = append(b.Put, c.Row(), c.ConversationRow(nil))
	}
	for i := range 5 {
		b.Put = append(b.Put, profile.Row{Table: profile.TableMessage, Key: key16(i), Conv: 1, Height: uint32(i + 1), Data: []byte("text")})
	}
	b.Put = append(b.Put, profile.Row{Table: profile.TableSession, Key: key16(0), Data: []byte("ratchet")})
	commit(t, db, b)
}

func survey(t *testing.T, db *DB, f func(*Survey)) {
	t.Helper()
	if err := db.Survey(t.Context(), func(s *Survey) error { f(s); return nil }); err != nil {
		t.Fatal(err)
	}
}

// TestSurveyReadsTheRest: a row that does not verify stops Load, and not a survey.
func TestSurveyReadsTheRest(t *testing.T) {
	db := mustCreate(t, newDir(t), NoPassphrase())
	person(t, db)
	alter(t, db, "UPDATE record SET data = zeroblob(length(data)) WHERE tbl = 4 AND conv = 2")
	alter(t, db, "UPDATE message SET data = zeroblob(length(data)) WHERE height = 3")
	_, err := db.Load(t.Context())
	d := new(Damage)
	if !errors.As(err, &d) || !errors.Is(err, ErrDamaged) || d.Table != profile.TableContact || d.Conv != 2 || d.Row == 0 {
		t.Fatalf("loading: %v", err)
	}
	if !strings.Contains(err.Error(), "table 4 (contacts), row") || !strings.Contains(err.Error(), "contact 2") {
		t.Errorf("the error does not name the row: %v", err)
	}
	survey(t, db, func(s *Survey) {
		rows, err := s.Load(t.Context())
		if err != nil || len(rows) != 5 {
			t.Errorf("%d rows: %v", len(rows), err)
		}
		for _, r := range rows {
			if r.Table.Ephemeral() || r.Table == profile.TableSeen {
				t.Errorf("a row of table %d", r.Table)
			}
		}
		if _, err := s.Load(t.Context()); err != nil || len(s.Damaged()) != 1 {
			t.Errorf("read twice, %d damages: %v", len(s.Damaged()), err)
		}
		page, err := s.Page(t.Context(), 1, 100, 2)
		if err != nil || len(page) != 2 || page[0].Height != 5 {
			t.Errorf("%d messages: %v", len(page), err)
		}
		// A page of nothing but damage is not the end of the conversation.
		page, err = s.Page(t.Context(), 1, 4, 1)
		if err != nil || len(page) != 1 || page[0].Height != 2 {
			t.Errorf("behind the damage: %d messages, %v", len(page), err)
		}
		if page, err = s.Page(t.Context(), 1, 1, 9); err != nil || len(page) != 0 {
			t.Errorf("below the first: %d messages, %v", len(page), err)
		}
		if len(s.Damaged()) != 2 {
			t.Errorf("%d damages", len(s.Damaged()))
		}
	})
}

// TestSurveyIsOneState: what is committed meanwhile is not seen, and nobody waits.
func TestSurveyIsOneState(t *testing.T) {
	db := mustCreate(t, newDir(t), NoPassphrase())
	person(t, db)
	survey(t, db, func(s *Survey) {
		if page, err := s.Page(t.Context(), 1, 100, 100); err != nil || len(page) != 5 {
			t.Fatalf("%d messages: %v", len(page), err)
		}
		commit(t, db, profile.Batch{Put: []profile.Row{{Table: profile.TableMessage, Key: key16(9), Conv: 1, Height: 9, Data: []byte("new")}}})
		if page, err := s.Page(t.Context(), 1, 100, 100); err != nil || len(page) != 5 {
			t.Errorf("%d messages after a commit: %v", len(page), err)
		}
	})
	stop := errors.New("enough")
	wantErr(t, db.Survey(t.Context(), func(*Survey) error { return stop }), stop)
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	wantErr(t, db.Survey(gone, func(*Survey) error { return nil }), context.Canceled)
}

func TestCheckFindsEveryDamage(t *testing.T) {
	for name, c := range map[string]struct {
		query string
		table profile.Table
		seal  bool // the seal is broken, not what is in it
	}{
		"contact":         {"UPDATE record SET data = zeroblob(100) WHERE tbl = 4 AND conv = 1", profile.TableContact, true},
		"impossible flag": {"UPDATE record SET flags = -1 WHERE tbl = 2", profile.TableCard, true},
		"session":         {"UPDATE ephemeral SET conv = 7", profile.TableSession, true},
		"seen":            {"UPDATE seen SET flags = 7", profile.TableSeen, true},
		"slot":            {"UPDATE slot SET secret = zeroblob(32) WHERE id = (SELECT id FROM record WHERE tbl = 5 LIMIT 1)", profile.TableConversation, true},
	} {
		db := mustCreate(t, newDir(t), NoPassphrase())
		person(t, db)
		commit(t, db, profile.Batch{Put: []profile.Row{{Table: profile.TableSeen, Key: key16(1), Flags: 1}}})
		before, err := db.Check(t.Context())
		if err != nil || len(before) != 6 { // the messages and the session of the sample are no real ones
			t.Fatalf("before: %v, %v", before, err)
		}
		for _, d := range before {
			if d.Reason == nil || d.Table != profile.TableMessage && d.Table != profile.TableSession {
				t.Errorf("before: %s: %v", d.Place(), d.Reason)
			}
		}
		alter(t, db, c.query)
		found, err := db.Check(t.Context())
		hit := false
		for _, d := range found {
			hit = hit || d.Table == c.table && (d.Reason == nil) == c.seal
		}
		if err != nil || !hit {
			t.Errorf("%s: %v, %v", name, found, err)
		}
	}
}

func TestCheckPassphrase(t *testing.T) {
	locked := mustCreate(t, newDir(t), Passphrase("right"))
	if err := locked.CheckPassphrase(Passphrase("right")); err != nil {
		t.Error(err)
	}
	wantErr(t, locked.CheckPassphrase(Passphrase("wrong")), ErrWrongPassphrase)
	wantErr(t, locked.CheckPassphrase(NoPassphrase()), ErrNeedsPassphrase)
	open := mustCreate(t, newDir(t), NoPassphrase())
	wantErr(t, open.CheckPassphrase(Passphrase("any")), ErrNoPassphrase)
	mustClose(t, open)
	wantErr(t, open.CheckPassphrase(NoPassphrase()), store.ErrClosed)
}

// TestSurveyBesideTidy: a survey that ends lets a Tidy go on.
func TestSurveyBesideTidy(t *testing.T) {
	db := mustCreate(t, newDir(t), NoPassphrase())
	person(t, db)
	commit(t, db, profile.Batch{Erase: []profile.Ref{{Table: profile.TableSession, Key: key16(0)}}})
	tidied := make(chan error, 1)
	survey(t, db, func(s *Survey) {
		if _, err := s.Load(t.Context()); err != nil {
			t.Fatal(err)
		}
		go func() { tidied <- db.Tidy(context.Background(), today()) }()
	})
	select {
	case err := <-tidied:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(time.Minute):
		t.Fatal("tidy waits for a survey that ended")
	}
}

// TestDamageNamesEveryTable: whatever the engine keeps has a name in a report.
func TestDamageNamesEveryTable(t *testing.T) {
	seen := map[string]profile.Table{}
	for _, table := range []profile.Table{
		profile.TableSelf, profile.TableCard, profile.TableHome, profile.TableContact, profile.TableConversation, profile.TableSeen,
		profile.TableMessage, profile.TablePrekey, profile.TableSession, profile.TableOutbox, profile.TableRepair, profile.TableEvidence,
		profile.TableLog, publish.TableRecord, publish.TableHeld, publish.TableRead,
	} {
		name := tableName(table)
		if other, twice := seen[name]; twice || name == tableName(255) {
			t.Errorf("table %d is called %q, as is %d", table, name, other)
		}
		seen[name] = table
		if place := (&Damage{Table: table, Row: 3, Conv: 7}).Place(); place != fmt.Sprintf("table %d (%s), row 3, contact 7", table, name) {
			t.Errorf("a damaged row of table %d is %q", table, place)
		}
	}
}
