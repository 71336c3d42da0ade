package logins

import (
	"testing"

	"zeroms/gateway/mailbox/ledger"
	"zeroms/gateway/mailbox/records"
	"zeroms/protocol/key"
	"zeroms/protocol/wire"
)

func about(n byte, at uint64) *wire.Enrolment {
	return &wire.Enrolment{Login: key.LoginPublic{n}, Cursor: key.CursorID{n}, Time: at}
}

func mark(index uint64) ledger.Mark { return ledger.Mark{Position: wire.At(1, index)} }

func want(t *testing.T, s *Set, e *wire.Enrolment, verdict Verdict, failure *wire.Error) {
	t.Helper()
	got, err := s.Check(e, 2)
	if failure == nil && (err != nil || got != verdict) || failure != nil && !failure.Is(err) {
		t.Errorf("key %d at %d: %d, %v", e.Login[0], e.Time, got, err)
	}
}

func TestAKeyComesBackOnlyByALaterWord(t *testing.T) {
	var s Set
	want(t, &s, about(1, 10), Fresh, nil)
	s.Add(about(1, 10), mark(3))
	want(t, &s, about(1, 10), Same, nil)
	want(t, &s, about(1, 9), Same, nil)
	want(t, &s, about(1, 11), Renewed, nil)
	s.Renew(about(1, 20))
	if l, err := s.Remove(about(1, 15), 8); err != nil || l == nil || s.Len() != 0 {
		t.Fatalf("%+v, %v", l, err)
	}
	want(t, &s, about(1, 20), Same, wire.ErrExpired) // the clock that enrolled it was ahead of the one that removed it
	want(t, &s, about(1, 21), Fresh, nil)
	s.Add(about(1, 21), mark(5))
	if _, err := s.Remove(about(1, 20), 8); !wire.ErrExpired.Is(err) {
		t.Errorf("an earlier removal: %v", err)
	}
	if l, err := s.Remove(about(2, 99), 8); l != nil || err != nil {
		t.Errorf("an unknown key: %+v, %v", l, err)
	}
}

func TestKeysAreLimitedAndCursorsBelongToOne(t *testing.T) {
	var s Set
	s.Add(about(1, 1), mark(7))
	other := about(2, 1)
	other.Cursor = key.CursorID{1}
	want(t, &s, other, Same, wire.ErrValue)
	again := about(1, 2)
	again.Cursor = key.CursorID{9}
	want(t, &s, again, Same, wire.ErrValue)
	if _, err := s.Remove(again, 8); !wire.ErrValue.Is(err) {
		t.Errorf("removed by another cursor: %v", err)
	}
	s.Add(about(2, 1), mark(4))
	want(t, &s, about(3, 1), Same, wire.ErrLimit)
	if low := s.Lowest(); low.Index() != 4 {
		t.Errorf("the lowest cursor is at %d", low.Index())
	}
	if _, err := s.Remove(about(2, 2), 0); !wire.ErrLimit.Is(err) {
		t.Errorf("more removed keys than are remembered: %v", err)
	}
}

func TestWhatChangedIsWrittenOnce(t *testing.T) {
	s := Load([]records.Login{
		{Key: key.LoginPublic{1}, Cursor: key.CursorID{1}, Acked: mark(2), Sig: []byte{1}, Enrolled: 5},
		{Key: key.LoginPublic{2}, Removed: 6},
	}, mark(4))
	if l := s.Of(key.LoginPublic{1}); l == nil || l.Acked != mark(4) || l.Sig != nil || s.Known() != 2 || s.Len() != 1 {
		t.Fatalf("%+v", l)
	}
	if all := s.Changes(); len(all) != 0 {
		t.Errorf("%d changes of what was just read", len(all))
	}
	s.Add(about(3, 7), mark(9))
	s.Touch(key.LoginPublic{3})
	if _, err := s.Remove(about(1, 8), 8); err != nil {
		t.Fatal(err)
	}
	all := s.Changes()
	if len(all) != 2 || all[0].Key != (key.LoginPublic{3}) || all[0].Acked != mark(9) || all[0].Enrolled != 7 ||
		all[1].Key != (key.LoginPublic{1}) || all[1].Enrolled != 0 || all[1].Removed != 8 {
		t.Errorf("%+v", all)
	}
	if all := s.Changes(); len(all) != 0 {
		t.Errorf("%d changes a second time", len(all))
	}
}
