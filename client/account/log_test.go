package account_test

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"slices"
	"testing"

	"zeroms/client/account"
	"zeroms/client/home"
	"zeroms/client/profile"
	"zeroms/protocol/custody"
	"zeroms/protocol/key"
	"zeroms/protocol/wire"
)

func TestEnvelopesAreFoundInTheLog(t *testing.T) {
	b, g := up(t, 50)
	check := func() {
		t.Helper()
		for n := range g.rows {
			row := &g.rows[n]
			node, at, ok := b.account.Find(row.Hash)
			if ok != (row.Kind == wire.RowEnvelope) || ok && (at != row.Position || node != g.node.Public()) {
				t.Fatalf("row %d is found %v at %v", n+1, ok, at)
			}
		}
		if _, _, ok := b.account.Find(sha256.Sum256([]byte("never"))); ok {
			t.Error("what never came was found")
		}
		for _, c := range [][2]uint64{{1, 51}, {2, 2}, {16, 17}, {17, 49}, {51, 51}} {
			x := b.account.Rows(g.node.Public(), c[0], c[1])
			if x == nil || x.R != g.r(int(c[0])-1) || x.Before.Index() != c[0]-1 {
				t.Fatalf("rows %d to %d: %+v", c[0], c[1], x)
			}
			var want []byte
			for _, row := range g.rows[c[0]-1 : c[1]] {
				want = append(want, row.Row()...)
			}
			if !bytes.Equal(x.Rows, want) {
				t.Fatalf("rows %d to %d differ", c[0], c[1])
			}
		}
		for _, c := range [][2]uint64{{0, 3}, {50, 52}, {9, 8}} {
			if c[0] == 0 {
				continue
			}
			if b.account.Rows(g.node.Public(), c[0], c[1]) != nil {
				t.Errorf("there are rows %d to %d", c[0], c[1])
			}
		}
	}
	check()
	b.start()
	check()
	// Rows that come once more change nothing.
	stored := b.copied()
	g.connectWith(wire.Welcome{Tag: g.tag()})
	g.push()
	check()
	for k, r := range b.rows {
		if r.Table == profile.TableLog && !bytes.Equal(r.Data, stored[k].Data) {
			t.Error("a block was written again")
		}
	}
	if b.account.Rows(key.NodePublic{1}, 1, 1) != nil {
		t.Error("rows of no home")
	}
}

func TestOtherRowsInPlaceOfSome(t *testing.T) {
	b, g := up(t, 5)
	copied := g.backup()
	g.take(40)
	g.push()
	gone := g.rows[20].Hash
	g.disconnect()
	g = restored(g, copied, 2000)
	g.connect()
	g.live(2000)
	g.take(20)
	g.push()
	for range 2 {
		if _, _, ok := b.account.Find(gone); ok {
			t.Error("a row is found that the log does not lead to")
		}
		if x := b.account.Rows(g.node.Public(), 1, uint64(len(g.rows))); x == nil || len(x.Rows) != len(g.rows)*wire.RowSize {
			t.Fatalf("rows %+v", x)
		}
		if b.account.Rows(g.node.Public(), 30, 40) != nil {
			t.Error("rows of before are still there")
		}
		b.start()
	}
}

func TestTheLogIsBounded(t *testing.T) {
	b, g := up(t, 1)
	for range 10 {
		g.take(500)
		g.push()
	}
	blocks := 0
	for _, r := range b.rows {
		if r.Table == profile.TableLog {
			blocks++
			if _, err := profile.ParseLogBlock(r); err != nil {
				t.Fatal(err)
			}
		}
	}
	if blocks != 4096/profile.BlockRows {
		t.Errorf("%d blocks are stored", blocks)
	}
	if _, _, ok := b.account.Find(g.rows[10].Hash); ok {
		t.Error("an old row is found")
	}
	if _, _, ok := b.account.Find(g.rows[2000].Hash); !ok {
		t.Error("a newer row is not found")
	}
	b.start()
	if _, _, ok := b.account.Find(g.rows[2000].Hash); !ok {
		t.Error("a newer row is not found after a restart")
	}
	if err := b.account.RemoveHome(g.node.Public()); err != nil {
		t.Fatal(err)
	}
	b.turn()
	for _, r := range b.rows {
		if r.Table == profile.TableLog {
			t.Fatal("rows of a removed home stay")
		}
	}
}

func TestAskingForAState(t *testing.T) {
	b, g := up(t, 1)
	var state *wire.State
	var failed error
	done := func(s *wire.State, err error) { state, failed = s, err }
	get := &wire.StateGet{Drop: key.DropID{1}, K: 7}
	ask := func(a home.Answered) {
		t.Helper()
		state, failed = nil, nil
		if err := b.account.AskState(g.node.Public(), get, done); err != nil {
			t.Fatal(err)
		}
		r := b.asks[len(b.asks)-1]
		if r.Payload != wire.Payload(get) || r.To.Hash() != key.GatewayHashOf(g.node.Public()) {
			t.Fatalf("asked %+v", r.Request)
		}
		r.done(a)
	}
	want := &wire.State{Acks: [][]byte{{1}}}
	if ask(home.Answered{Payload: want}); state != want || failed != nil {
		t.Errorf("state %+v, %v", state, failed)
	}
	if ask(home.Answered{Err: wire.ErrUnknownDrop}); state != nil || !errors.Is(failed, wire.ErrUnknownDrop) {
		t.Errorf("state %+v, %v", state, failed)
	}
	if ask(home.Answered{Payload: &wire.OK{}}); state != nil || !errors.Is(failed, wire.ErrUnexpected) {
		t.Errorf("state %+v, %v", state, failed)
	}
	if err := b.account.AskState(key.NodePublic{1}, get, done); !errors.Is(err, account.ErrNoHome) {
		t.Errorf("no home: %v", err)
	}
	g.disconnect()
	if err := b.account.AskState(g.node.Public(), get, done); !errors.Is(err, wire.ErrLinkClosed) {
		t.Errorf("down: %v", err)
	}
}

// The place in the log is stored before it is acknowledged, and not with every row.
func TestThePlaceInTheLogWaitsForItsAcknowledgement(t *testing.T) {
	b, g := up(t, 3)
	stored := func() (tables []profile.Table) {
		put, gone := b.account.Collect()
		if len(gone) > 0 {
			t.Fatalf("%d rows are gone", len(gone))
		}
		for _, r := range put {
			b.keep(r)
			tables = append(tables, r.Table)
		}
		slices.Sort(tables)
		return tables
	}
	before := b.copied()
	g.take(2)
	b.account.Pushed(pushed(g, g.rows[4:]), func(*account.Home, *wire.Push) {})
	if rows := stored(); len(rows) > 0 || len(b.acks) > 0 {
		t.Fatalf("tables %d were stored, %d acknowledgements", rows, len(b.acks))
	}
	b.account.Acknowledge()
	if rows := stored(); !slices.Equal(rows, []profile.Table{profile.TableHome, profile.TableLog}) || len(b.acks) != 1 {
		t.Fatalf("tables %d were stored, %d acknowledgements", rows, len(b.acks))
	}
	// Another change of the home takes it along.
	g.take(1)
	b.account.Pushed(pushed(g, g.rows[6:]), func(*account.Home, *wire.Push) {})
	last := g.rows[len(g.rows)-1].Position
	b.account.HeadSeen(home.Head{
		Gateway: g.node.Public(), Proof: []byte("proof"),
		Head: custody.Head{Account: g.tag(), Position: last, R: g.r(len(g.rows))},
	})
	if rows := stored(); !slices.Equal(rows, []profile.Table{profile.TableHome, profile.TableLog}) {
		t.Fatalf("tables %d were stored", rows)
	}
	// What was not stored comes again.
	b.rows = before
	b.start()
	g.connect()
	seen := 0
	b.account.Pushed(pushed(g, g.rows[g.cursor:]), func(*account.Home, *wire.Push) { seen++ })
	if seen != 3 || g.home().Position != last {
		t.Fatalf("%d rows came again, up to %d", seen, g.home().Position.Index())
	}
}
