package fill_test

import (
	"path/filepath"
	"testing"
	"time"

	"zeroms/cmd/zeroms-lab/bench/fill"
	"zeroms/gateway/mailbox"
	"zeroms/protocol/custody"
	"zeroms/protocol/key"
	"zeroms/protocol/wire"
	database "zeroms/store/mailbox"
)

// TestAccountsAreAsAGatewayWouldHaveThem reads back what was written.
func TestAccountsAreAsAGatewayWouldHaveThem(t *testing.T) {
	path := filepath.Join(t.TempDir(), "mailbox.db")
	const accounts, drops = 7, 3
	all, err := fill.Accounts(t.Context(), path, key.NewPrivate[key.Node]().Public(), accounts, drops)
	if err != nil || len(all) != accounts {
		t.Fatalf("%d accounts, %v", len(all), err)
	}
	db, err := database.Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for _, a := range all {
		stored, err := db.Account(t.Context(), a.Tag, time.Now())
		if err != nil || stored == nil {
			t.Fatalf("%v, %v", stored, err)
		}
		if stored.Drops != drops || len(stored.Logins) != 1 || stored.Head.Position != a.At || stored.Head.R != a.R || stored.Floor != stored.Head {
			t.Errorf("%+v, want %d drops and one device that acknowledged all of %+v", stored, drops, a.At)
		}
		l := stored.Logins[0]
		x := wire.AckTranscript(a.Tag, a.Cursor, a.At, a.R)
		if l.Key != a.LK.Public() || l.Cursor != a.Cursor || l.Acked != stored.Head || !l.Key.Verify(key.ContextMailboxAck, x, l.Sig) {
			t.Errorf("the device is %+v", l)
		}
		rows, err := db.Rows(t.Context(), mailbox.RowRange{Account: a.Tag, From: 1, MaxRows: 100, MaxBytes: 1 << 20})
		if err != nil || len(rows) != 2+drops {
			t.Fatalf("%d rows, %v; want a start, an enrolment and %d drops", len(rows), err, drops)
		}
		checkRows(t, rows, a.R)
		d, err := db.Drop(t.Context(), a.Drop)
		if err != nil || d == nil {
			t.Fatalf("%v, %v", d, err)
		}
		if d0 := custody.DropStart(a.Drop, a.Tag, a.Start); d.Account != a.Tag || d.Start != a.Start || d.Head != d0 || !d.Capability.Equal(a.Capability.Bytes()) {
			t.Errorf("the drop is %+v", d)
		}
	}
}

// checkRows follows the rows of a log from its beginning to its head.
func checkRows(t *testing.T, rows []mailbox.Row, head [32]byte) {
	t.Helper()
	var r [32]byte
	for i := range rows {
		p := &rows[i].Push
		if p.Position.Index() != uint64(i+1) {
			t.Errorf("row %d has index %d", i+1, p.Position.Index())
		}
		r = wire.NextHead(r, p.Row())
	}
	if r != head {
		t.Errorf("the rows end at %x, want %x", r, head)
	}
}

func TestDatabaseThatCannotBe(t *testing.T) {
	if _, err := fill.Accounts(t.Context(), filepath.Join(t.TempDir(), "nowhere", "mailbox.db"), key.NodePublic{}, 1, 1); err == nil {
		t.Error("accounts were written nowhere")
	}
}
