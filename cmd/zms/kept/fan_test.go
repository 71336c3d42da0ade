package kept

import (
	"context"
	"slices"
	"testing"

	"zeroms/client/profile"
	"zeroms/protocol/key"
	"zeroms/protocol/message"
	"zeroms/protocol/wire"
	"zeroms/store/chat"
)

// TestFansAreThereAgain: with what they gave out and have done, until they are removed; bots are something else.
func TestFansAreThereAgain(t *testing.T) {
	dir := fresh(t)
	db, s := open(t, dir)
	leases := []Lease{{ID: [32]byte{1}, Contact: 3, Worker: "a", Until: 1_790_000_000_000, Tries: 1}, {ID: [32]byte{2}, Contact: 4, Tries: 7}}
	for _, err := range []error{
		s.Begin(t.Context(), "work", nil), // a bot of that name
		s.Begin(t.Context(), FanMarks("work"), map[uint64]*Marks{3: {Devices: map[key.DeviceID][]message.Range{phone: {{From: 1, To: 3}}}}}),
		s.Begin(t.Context(), FanMarks("orders"), nil),
		s.SetLeases(t.Context(), "work", leases),
		s.Change(t.Context(), FanMarks("work"), 4, func(m *Marks) { m.Add(laptop, 9) }),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	check := func() {
		t.Helper()
		if got := s.Fans(); !slices.Equal(got, []string{"orders", "work"}) {
			t.Errorf("the fans are %q", got)
		}
		if got := s.Leases("work"); !slices.Equal(got, leases) || got[0].End().UnixMilli() != 1_790_000_000_000 {
			t.Errorf("given out is %+v", got)
		}
		if len(s.Leases("orders")) != 0 || len(s.Leases("nobody")) != 0 {
			t.Error("others gave out something")
		}
		for _, c := range []struct {
			name    string
			contact uint64
			device  key.DeviceID
			seq     uint32
			want    bool
		}{{"fan/work", 3, phone, 2, true}, {"fan/work", 3, phone, 4, false}, {"fan/work", 4, laptop, 9, true}, {"fan/work", 5, phone, 1, false}, {"work", 3, phone, 2, false}, {"x", 3, phone, 2, false}} {
			if s.Has(c.name, c.contact, c.device, c.seq) != c.want {
				t.Errorf("%+v", c)
			}
		}
	}
	check()
	s.Leases("work")[0].Worker = "b" // a copy
	again := func() {
		t.Helper()
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
		db, s = open(t, dir)
	}
	again()
	check()
	if err := s.RemoveFan(t.Context(), "work"); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if got := s.Fans(); !slices.Equal(got, []string{"orders"}) || len(s.Leases("work")) != 0 || s.Known(FanMarks("work")) || s.Has("fan/work", 3, phone, 2) {
			t.Errorf("after it was removed: %q, %+v", got, s.Leases("work"))
		}
		if !s.Known("work") {
			t.Error("the bot of that name is gone")
		}
		again()
	}
	if err := s.RemoveFan(t.Context(), "orders"); err != nil || len(s.Fans()) != 0 {
		t.Errorf("%q, %v", s.Fans(), err)
	}
	if found, err := db.Check(t.Context()); err != nil || len(found) > 0 {
		t.Errorf("the profile is damaged: %v, %v", found, err)
	}
	if err := db.Close(); err != nil {
		t.Error(err)
	}
}

// TestWrongFans: a row that can't be read, or is of a newer version, stops everything.
func TestWrongFans(t *testing.T) {
	for name, data := range map[string][]byte{
		"newer": wire.Marshal(&leasesRecord{Version: 2, Name: "x"}), "broken": []byte("no"), "trailing": append(wire.Marshal(&leasesRecord{Version: 1, Name: "x"}), 0),
	} {
		dir := fresh(t)
		db, err := chat.Open(t.Context(), dir, chat.NoPassphrase())
		if err != nil {
			t.Fatal(err)
		}
		if err := db.Commit(context.Background(), &profile.Batch{Put: []profile.Row{{Table: TableFan, Key: []byte("x"), Data: data}}}); err != nil {
			t.Fatal(err)
		}
		if _, err := New(db).Load(t.Context()); err == nil {
			t.Errorf("a row that is %s was taken", name)
		}
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	}
}
