package kept

import (
	"context"
	"errors"
	"maps"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"zeroms/client"
	"zeroms/client/profile"
	"zeroms/protocol/key"
	"zeroms/protocol/link"
	"zeroms/protocol/message"
	"zeroms/protocol/wire"
	"zeroms/store/chat"
)

var phone, laptop = key.DeviceID{1}, key.DeviceID{2}

// TestMarksAreASet compares marks with a plain set, in any order of adding.
func TestMarksAreASet(t *testing.T) {
	for range 200 {
		m := &Marks{Devices: map[key.DeviceID][]message.Range{}}
		want := map[uint32]bool{}
		for range 60 {
			seq := 1 + rand.Uint32N(80)
			m.Add(phone, seq)
			want[seq] = true
		}
		m.Fill(func(d key.DeviceID, hole message.Range) bool {
			if d != phone || hole.From > hole.To || m.Has(phone, hole.From) || m.Has(phone, hole.To) {
				t.Fatalf("%v is no hole in %v", hole, m.Devices)
			}
			if hole.From%3 != 0 {
				return false
			}
			for seq := hole.From; seq <= hole.To; seq++ {
				want[seq] = true
			}
			return true
		})
		for seq := range uint32(90) {
			if m.Has(phone, seq) != want[seq] || m.Has(laptop, seq) {
				t.Fatalf("%d: %v of %v", seq, m.Has(phone, seq), m.Devices)
			}
		}
		ranges := m.Devices[phone]
		for i := 1; i < len(ranges); i++ {
			if ranges[i-1].To+1 >= ranges[i].From {
				t.Fatalf("%v touch", ranges)
			}
		}
	}
	m := &Marks{Devices: map[key.DeviceID][]message.Range{}}
	m.Add(phone, 1<<32-1)
	m.Add(phone, 1<<32-2)
	m.Add(phone, 1)
	if len(m.Devices[phone]) != 2 || !m.Has(phone, 1<<32-1) {
		t.Errorf("%v", m.Devices)
	}
}

func open(t *testing.T, dir string) (*chat.DB, *Store) {
	t.Helper()
	db, err := chat.Open(t.Context(), dir, chat.NoPassphrase())
	if err != nil {
		t.Fatal(err)
	}
	s := New(db)
	if _, err := s.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	select {
	case <-s.Loaded():
	default:
		t.Error("it is not loaded")
	}
	return db, s
}

func fresh(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "p")
	db, err := chat.Create(t.Context(), dir, chat.NoPassphrase())
	if err == nil {
		err = errors.Join(client.Create(t.Context(), db, "Alice", time.Now()), db.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// TestEverythingIsThereAgain, and the engine sees nothing of it.
func TestEverythingIsThereAgain(t *testing.T) {
	dir := fresh(t)
	db, s := open(t, dir)
	before, err := s.Load(t.Context())
	if err != nil || s.Proxy() != nil || s.Known("echo") {
		t.Fatalf("a new profile keeps %v, %v", s.Proxy(), err)
	}
	proxy := link.Proxy{Host: "::1", Port: 9050, User: "alice", Password: "secret"}
	done := &Marks{Floor: 7, Devices: map[key.DeviceID][]message.Range{phone: {{From: 1, To: 3}, {From: 9, To: 9}}, laptop: {{From: 2, To: 2}}}}
	for _, err := range []error{
		s.SetProxy(t.Context(), &proxy), s.Begin(t.Context(), "echo", map[uint64]*Marks{3: done}),
		s.Change(t.Context(), "echo", 3, func(m *Marks) { m.Add(phone, 4) }), s.Change(t.Context(), "other", 4, func(m *Marks) { m.Add(phone, 1) }),
		s.Begin(t.Context(), "idle", nil),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	db, s = open(t, dir)
	if p := s.Proxy(); p == nil || *p != proxy {
		t.Errorf("the proxy is %v", p)
	}
	if !s.Known("echo") || !s.Known("idle") || !s.Known("other") || s.Known("nobody") {
		t.Error("bots are forgotten")
	}
	got := s.Marks("echo", 3)
	want := map[key.DeviceID][]message.Range{phone: {{From: 1, To: 4}, {From: 9, To: 9}}, laptop: {{From: 2, To: 2}}}
	if got.Floor != 7 || !maps.EqualFunc(got.Devices, want, func(a, b []message.Range) bool { return slices.Equal(a, b) }) {
		t.Errorf("the marks are %+v", got)
	}
	if m := s.Marks("other", 3); m.Floor != 0 || len(m.Devices) != 0 {
		t.Errorf("another contact has %+v", m)
	}
	if m := s.Marks("other", 4); !m.Has(phone, 1) || m.Has(phone, 2) {
		t.Errorf("another bot has %+v", m)
	}
	after, err := s.Load(t.Context())
	if err != nil || len(after) != len(before) {
		t.Errorf("the engine sees %d rows instead of %d (%v)", len(after), len(before), err)
	}
	if found, err := db.Check(t.Context()); err != nil || len(found) > 0 {
		t.Errorf("the profile is damaged: %v, %v", found, err)
	}
	if err := s.SetProxy(t.Context(), nil); err != nil || s.Proxy() != nil {
		t.Fatalf("the proxy is still %v (%v)", s.Proxy(), err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	db, s = open(t, dir)
	defer db.Close()
	if s.Proxy() != nil {
		t.Errorf("the proxy is %v again", s.Proxy())
	}
}

// TestDirectIsKept: whether gateways of others are connected to, and that what a later version keeps is refused.
func TestDirectIsKept(t *testing.T) {
	dir := fresh(t)
	for _, want := range []client.Direct{client.Always, client.Never, client.Fallback, client.Never} {
		db, s := open(t, dir)
		if err := s.SetDirect(t.Context(), want); err != nil || s.Direct() != want {
			t.Fatal(s.Direct(), err)
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
		db, s = open(t, dir)
		if s.Direct() != want || s.Proxy() != nil {
			t.Errorf("%v is kept, not %v", s.Direct(), want)
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
	}
	for name, data := range map[string][]byte{
		"version": wire.Marshal(directRecord{2, client.Always}), "policy": wire.Marshal(directRecord{1, 3}), "bytes": {0xa0}, "nothing": nil,
	} {
		s := New(nil)
		if err := s.setting(profile.Row{Table: TableSetting, Key: []byte(keyDirect), Data: data}); err == nil || s.Direct() != client.Fallback {
			t.Errorf("%s: taken", name)
		}
	}
}

// TestMarksAreCopies: what somebody does with them changes nothing that is kept.
func TestMarksAreCopies(t *testing.T) {
	db, s := open(t, fresh(t))
	defer db.Close()
	if err := s.Begin(t.Context(), "echo", map[uint64]*Marks{1: {Devices: map[key.DeviceID][]message.Range{phone: {{From: 5, To: 5}}}}}); err != nil {
		t.Fatal(err)
	}
	s.Marks("echo", 1).Add(phone, 6)
	s.Marks("echo", 1).Devices[phone][0].To = 9
	if m := s.Marks("echo", 1); m.Has(phone, 6) {
		t.Errorf("%+v", m)
	}
}

// TestNewerSettingsStopEverything: a program that does not know a setting must
// not go on without it, least of all directly to a gateway.
func TestNewerSettingsStopEverything(t *testing.T) {
	for name, row := range map[string]profile.Row{
		"another setting":  {Table: TableSetting, Key: []byte("tunnel"), Data: []byte{0xa0}},
		"a newer proxy":    {Table: TableSetting, Key: []byte("proxy"), Data: wire.Marshal(&proxyRecord{Version: 2, Host: "h", Port: 1})},
		"a broken proxy":   {Table: TableSetting, Key: []byte("proxy"), Data: []byte{0xa1, 1}},
		"a newer bot":      {Table: TableBot, Key: []byte("x"), Data: wire.Marshal(&marksRecord{Version: 2, Name: "x"})},
		"a broken bot":     {Table: TableBot, Key: []byte("x"), Data: []byte("no")},
		"trailing garbage": {Table: TableSetting, Key: []byte("proxy"), Data: append(wire.Marshal(&proxyRecord{Version: 1, Host: "h", Port: 1}), 0)},
	} {
		dir := fresh(t)
		db, err := chat.Open(t.Context(), dir, chat.NoPassphrase())
		if err != nil {
			t.Fatal(err)
		}
		if err := db.Commit(context.Background(), &profile.Batch{Put: []profile.Row{row}}); err != nil {
			t.Fatal(err)
		}
		s := New(db)
		if _, err := s.Load(t.Context()); err == nil {
			t.Errorf("%s was taken", name)
		}
		select {
		case <-s.Loaded():
			t.Errorf("%s: it counts as loaded", name)
		default:
		}
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	}
}
