package publish

import (
	"errors"
	"testing"
	"time"

	"zeroms/protocol/address"
	"zeroms/protocol/key"
	"zeroms/protocol/wire"
)

// author publishes records that a reader looks for.
type author struct {
	t   *testing.T
	ik  key.IdentityPrivate
	s   key.AddressSecret
	now time.Time
}

func newAuthor(t *testing.T) author {
	return author{t, key.PrivateFromSeed[key.Identity]([32]byte{1, 31: 1}), key.NewAddressSecret(), time.Unix(20_370*86400+12*3600, 0)}
}

func (a author) person() Person { return Person{a.ik.Public(), a.s, network} }

// record is one of a day, so many days from today, changed by whoever likes to.
func (a author) record(off int, change func(*address.Record)) []byte {
	a.t.Helper()
	r := &address.Record{Made: a.now, Day: address.Day(a.now) + uint32(off), Seq: 1, ListN: 3, ListHash: [32]byte{3}}
	l := lease(1).Lease
	l.Lapses = 30
	r.Leases = []address.Lease{l}
	if change != nil {
		change(r)
	}
	b, err := address.SealRecord(r, a.ik, a.s, network)
	if err != nil {
		a.t.Fatal(err)
	}
	return b
}

func (a author) search(known Known, fresh bool) *Search {
	a.t.Helper()
	s, err := NewSearch(a.person(), known, fresh, a.now)
	if err != nil {
		a.t.Fatal(err)
	}
	return s
}

// asked is the next question: how many days from today, and whether for the newest copy.
func (a author) asked(s *Search) (off int, fresh, ok bool) {
	a.t.Helper()
	q, ok := s.Next()
	if !ok {
		return 0, false, false
	}
	name, err := key.RecordName(a.ik.Public(), a.s, network, q.Day)
	if err != nil || name != key.BlindedPublic(q.Name) {
		a.t.Errorf("the question for day %d has another name: %v", q.Day, err)
	}
	return int(q.Day) - int(address.Day(a.now)), q.Fresh, true
}

func TestTodayYesterdayTomorrow(t *testing.T) {
	for _, open := range []bool{false, true} {
		a := newAuthor(t)
		if open {
			a.s = key.AddressSecret{}
		}
		s := a.search(Known{}, false)
		for _, want := range []int{0, -1, 1} {
			if off, fresh, ok := a.asked(s); !ok || off != want || fresh {
				t.Fatalf("asked for day %+d, fresh %v, %v; want %+d", off, fresh, ok, want)
			}
			found, err := s.Answer(nil, wire.ErrNoRecord, a.now)
			if last := want == 1; found != nil || errors.Is(err, wire.ErrNoRecord) != last {
				t.Fatalf("day %+d: %v, %v", want, found, err)
			}
		}
		if _, _, ok := a.asked(s); ok {
			t.Error("a fourth question")
		}
		if _, err := s.Answer(nil, nil, a.now); !errors.Is(err, wire.ErrUnexpected) {
			t.Errorf("an answer without a question: %v", err)
		}
	}
}

func TestWhatIsFound(t *testing.T) {
	a := newAuthor(t)
	today := address.Day(a.now)
	s := a.search(Known{}, true)
	if _, fresh, _ := a.asked(s); !fresh {
		t.Error("the newest is not asked for")
	}
	found, err := s.Answer(a.record(0, func(r *address.Record) {
		more := lease(2).Lease
		r.Leases[0].Lapses, more.Lapses = 0, 255
		r.Leases = append(r.Leases, more)
	}), nil, a.now)
	if err != nil || found == nil {
		t.Fatal(err)
	}
	if !found.Made.Equal(a.now.Truncate(time.Minute)) || found.ListN != 3 || found.ListHash != [32]byte{3} || found.Fork || len(found.Leases) != 2 {
		t.Errorf("found %+v", found)
	}
	for _, l := range found.Leases {
		want := map[key.NodePublic]uint32{node(1): today + 1, node(2): today + 256}[l.Node]
		if !l.Ends.Equal(time.Unix(int64(want)*86400, 0)) {
			t.Errorf("the lease at %s ends %v", l.Host, l.Ends)
		}
	}
	if _, _, ok := a.asked(s); ok {
		t.Error("a question after the answer")
	}
	// Yesterday's record, whose lease ended with the day.
	s = a.search(Known{}, false)
	if found, err := s.Answer(nil, wire.ErrNoRecord, a.now); found != nil || err != nil {
		t.Fatal(err)
	}
	found, err = s.Answer(a.record(-1, func(r *address.Record) { r.Leases[0].Lapses = 0 }), nil, a.now)
	if err != nil || found == nil || len(found.Leases) != 0 {
		t.Errorf("found %+v, %v", found, err)
	}
}

func TestOldRecordsAreRefused(t *testing.T) {
	a := newAuthor(t)
	known := Known{Made: a.now.Truncate(time.Minute).UTC(), ListN: 3, ListHash: [32]byte{3}}
	other := newAuthor(t)
	other.ik = key.PrivateFromSeed[key.Identity]([32]byte{2, 31: 1})
	for what, test := range map[string]struct {
		record []byte
		want   error
	}{
		"made earlier":      {a.record(0, func(r *address.Record) { r.Made = r.Made.Add(-time.Minute) }), wire.ErrOlder},
		"an older list":     {a.record(0, func(r *address.Record) { r.ListN-- }), wire.ErrStaleList},
		"another day":       {a.record(-1, nil), wire.ErrUnexpected},
		"somebody else":     {other.record(0, nil), wire.ErrOpen},
		"damaged":           {make([]byte, 1024), wire.ErrVersion},
		"another size":      {make([]byte, 1000), wire.ErrTruncated},
		"made in two days":  {a.record(0, func(r *address.Record) { r.Made = r.Made.Add(48 * time.Hour) }), wire.ErrClock},
		"nothing":           {nil, wire.ErrTruncated},
		"of the last month": {a.record(-30, nil), wire.ErrClock},
	} {
		s := a.search(known, false)
		found, err := s.Answer(test.record, nil, a.now)
		if found != nil || err != nil {
			t.Errorf("%s: %v, %v", what, found, err)
			continue
		}
		if off, fresh, _ := a.asked(s); off != 0 || !fresh {
			t.Errorf("%s: the newest copy is not asked for", what)
		}
		for _, off := range []int{0, -1, 1} {
			if got, _, ok := a.asked(s); !ok || got != off {
				t.Fatalf("%s: asked for day %+d, %v", what, got, ok)
			}
			answer, no := test.record, error(nil)
			if off != 0 {
				answer, no = nil, wire.ErrNoRecord
			}
			found, err = s.Answer(answer, no, a.now)
		}
		if found != nil || !errors.Is(err, test.want) {
			t.Errorf("%s: %v, %v, want %v", what, found, err, test.want)
		}
	}
	// The newest copy is the right one.
	s := a.search(known, false)
	if _, err := s.Answer(a.record(0, func(r *address.Record) { r.ListN-- }), nil, a.now); err != nil {
		t.Fatal(err)
	}
	if found, err := s.Answer(a.record(0, nil), nil, a.now); err != nil || found == nil || found.Known != known {
		t.Errorf("the one known once more: %+v, %v", found, err)
	}
}

func TestForksAreSeen(t *testing.T) {
	a := newAuthor(t)
	for _, test := range []struct {
		known Known
		fork  bool
	}{
		{Known{}, false}, {Known{ListN: 3, ListHash: [32]byte{3}}, false}, {Known{ListN: 2, ListHash: [32]byte{9}}, false},
		{Known{ListN: 3, ListHash: [32]byte{9}}, true},
	} {
		found, err := a.search(test.known, false).Answer(a.record(0, nil), nil, a.now)
		if err != nil || found.Fork != test.fork {
			t.Errorf("%+v: %+v, %v", test.known, found, err)
		}
	}
}

func TestASearchThatFails(t *testing.T) {
	a := newAuthor(t)
	s := a.search(Known{}, false)
	if found, err := s.Answer(nil, wire.ErrUnreachable, a.now); found != nil || !errors.Is(err, wire.ErrUnreachable) {
		t.Errorf("%v, %v", found, err)
	}
	if off, _, ok := a.asked(s); !ok || off != 0 {
		t.Error("the question can't be asked again")
	}
	if _, err := NewSearch(Person{Network: network}, Known{}, false, a.now); !errors.Is(err, wire.ErrPublicKey) {
		t.Errorf("a search for nobody: %v", err)
	}
	if s, err := NewSearch(a.person(), Known{}, false, time.Unix(5, 0)); err != nil || len(s.ask) != 3 {
		t.Errorf("on the first day: %v", err)
	}
}

func TestMemory(t *testing.T) {
	a := newAuthor(t)
	user := a.ik.Public()
	found, err := a.search(Known{}, false).Answer(a.record(0, nil), nil, a.now)
	if err != nil {
		t.Fatal(err)
	}
	m := NewMemory()
	m.Note(user, found)
	put, gone := m.Collect()
	if len(put) != 1 || len(gone) != 0 {
		t.Fatalf("%d rows, %d erased", len(put), len(gone))
	}
	m.Note(user, found)
	if put, _ := m.Collect(); len(put) != 0 {
		t.Error("the same is written twice")
	}
	again := NewMemory()
	if ok, err := again.Restore(put[0]); !ok || err != nil {
		t.Fatal(err)
	}
	if again.Known(user) != m.Known(user) || again.Known(user) != found.Known || again.Known(key.IdentityPublic{1}) != (Known{}) {
		t.Errorf("remembered %+v, found %+v", again.Known(user), found.Known)
	}
	again.Forget(user)
	again.Forget(user)
	if put, gone := again.Collect(); len(put) != 0 || len(gone) != 1 || again.Known(user) != (Known{}) {
		t.Errorf("forgotten: %d rows, %d erased", len(put), len(gone))
	}
}
